//! Arithmetic and comparison of numbers, sizes and tensors, with units.

mod literal;
mod scalar;

pub use literal::literal;
pub use scalar::{of_big, scalars, tabled};

use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::value::{Element, Known, Unit, Value};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::{Binary, DType, Dim, Tensor, Unary};
use num_traits::ToPrimitive;
use scalar::dims;
use std::sync::Arc;

pub fn join_units(a: Unit, b: Unit, op: &str, span: Span) -> Result<Unit> {
    // What two conventions differ by is a count of what only one of them has.
    if let (Unit::MacsBy(_), Unit::MacsBy(_), "subtracted") = (a, b, op)
        && a != b
    {
        return Ok(Unit::Macs);
    }
    a.with(b).ok_or_else(|| {
        let d = fault(
            "E0305",
            format!("{} and {} cannot be {op}", a.described(), b.described()),
        );
        match (a, b) {
            (Unit::MacsBy(_), Unit::MacsBy(_)) => d
                .at(span, "these are counted by different conventions")
                .help("count both by one convention"),
            _ => d.at(span, "these have different units"),
        }
        .into()
    })
}

/// A number as `f64`, where it is one.
pub fn as_f64(v: &Value) -> Option<f64> {
    match v.plain() {
        Value::Int(i, _) => Some(*i as f64),
        Value::Float(f, _) => Some(*f),
        Value::Bool(b) => Some(*b as i64 as f64),
        Value::Big(b) => b.to_f64(),
        _ => None,
    }
}

pub fn unit_of(v: &Value) -> Unit {
    match v.plain() {
        Value::Int(_, u) | Value::Float(_, u) => *u,
        Value::Terms(t) => t.unit,
        Value::Measure(m) => m.terms.unit,
        _ => Unit::One,
    }
}

/// A size, where the value is one.
pub fn as_dim(v: &Value) -> Option<Dim> {
    match v.plain() {
        Value::Int(i, _) => Some(Dim::Const(*i)),
        Value::Dim(d) => Some(d.clone()),
        // Options that are numbers and have names of their own.
        Value::Open(t) => {
            let mut whole = true;
            let table = t.map(|v| match v.plain() {
                Value::Int(i, _) => *i,
                _ => {
                    whole = false;
                    0
                }
            });
            whole.then(|| Dim::table(table))
        }
        Value::Terms(t) => {
            let mut tables = t.tables.iter().map(|t| Dim::table(t.clone()));
            tables.try_fold(Dim::Const(0), |sum, d| sum.add(&d).ok())
        }
        Value::Float(f, _) if f.fract() == 0.0 && f.abs() < 9e15 => Some(Dim::Const(*f as i64)),
        _ => None,
    }
}

pub fn of_dim(d: Dim) -> Value {
    match d.known() {
        Some(v) => Value::int(v),
        None => Value::Dim(d),
    }
}

/// A number as a 0-d tensor of the given type. Small whole numbers and their halves are part of the graph's structure, others are bound at run time.
pub fn number_tensor(v: f64, dtype: DType) -> Tensor {
    let structural = v == 0.0 || v == 1.0 || v == -1.0 || v == 2.0 || v == 0.5 || v == 3.0;
    if structural {
        Tensor::constant(v, dtype)
    } else {
        Tensor::scalar(v, dtype)
    }
}

/// A tensor, a number, or a truth value as a tensor. Sizes that are unknown while checking stand for some number.
pub fn as_tensor(v: &Value) -> Option<Tensor> {
    match v.plain() {
        Value::Tensor(t, _) => Some(t.clone()),
        Value::Int(..) | Value::Float(..) | Value::Bool(_) => {
            as_f64(v).map(|f| number_tensor(f, DType::F32))
        }
        Value::Dim(_) => Some(Tensor::weight("size", Default::default(), DType::F32)),
        Value::List(items) => {
            let parts: Option<Vec<Tensor>> = items.iter().map(as_tensor).collect();
            let parts = parts?;
            let nums: Option<Vec<f64>> = items.iter().map(as_f64).collect();
            if let Some(nums) = nums {
                let whole = items.iter().all(|v| matches!(v.plain(), Value::Int(..)));
                let t = if whole {
                    nas_ir::HostTensor::i32(
                        vec![nums.len()],
                        nums.iter().map(|x| *x as i32).collect(),
                    )
                } else {
                    nas_ir::HostTensor::f32(
                        vec![nums.len()],
                        nums.iter().map(|x| *x as f32).collect(),
                    )
                };
                return Some(Tensor::value(t));
            }
            stack(&parts).ok()
        }
        _ => None,
    }
}

/// Joins tensors of one shape along a new first axis.
pub fn stack(parts: &[Tensor]) -> std::result::Result<Tensor, nas_ir::ShapeError> {
    let mut rows = vec![];
    for p in parts {
        let mut shape = vec![Dim::Const(1)];
        shape.extend(p.shape().iter().cloned());
        rows.push(p.reshape(&shape)?);
    }
    Tensor::concat(&rows, 0)
}

/// Lists of lists of numbers: a tensor as written.
fn nested_numbers(items: &[Value]) -> bool {
    let number = |v: &Value| matches!(v.plain(), Value::Int(..) | Value::Float(..));
    !items.is_empty()
        && items.iter().all(|v| match v.plain() {
            Value::List(l) => nested_numbers(l) || !l.is_empty() && l.iter().all(number),
            _ => false,
        })
}

fn tensor_op(op: BinaryOp) -> Option<Binary> {
    Some(match op {
        BinaryOp::Add => Binary::Add,
        BinaryOp::Sub => Binary::Sub,
        BinaryOp::Mul => Binary::Mul,
        BinaryOp::Div => Binary::Div,
        BinaryOp::Pow => Binary::Pow,
        BinaryOp::Eq => Binary::Eq,
        BinaryOp::Ne => Binary::Ne,
        BinaryOp::Lt => Binary::Lt,
        BinaryOp::Le => Binary::Le,
        BinaryOp::Gt => Binary::Gt,
        BinaryOp::Ge => Binary::Ge,
        BinaryOp::And => Binary::And,
        BinaryOp::Or => Binary::Or,
        BinaryOp::Rem | BinaryOp::Concat => return None,
    })
}

pub fn compares(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
    )
}

pub fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Concat => "++",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}

/// What is joined again and again doubles: more elements or bytes than these are refused, before they are made.
const LONGEST_LIST: usize = 10_000_000;
const LONGEST_TEXT: usize = 1 << 26;

fn long(a: usize, b: usize, most: usize, what: &str, of: &str, span: Span) -> Result<()> {
    let n = a.saturating_add(b);
    if n <= most {
        return Ok(());
    }
    let text = format!("{what} of {n} {of}");
    Err(fault("E0606", text).at(span, "too long").into())
}

/// Any binary operator but `and` and `or`, which need not evaluate both sides.
pub fn binary(ctx: &mut Ctx, op: BinaryOp, a: Value, b: Value, span: Span) -> Result<Value> {
    let (a, b) = (ctx.settle(a), ctx.settle(b));
    if matches!(a.plain(), Value::Open(_)) {
        return ctx.cases(a, span, &mut |ctx, a| binary(ctx, op, a, b.clone(), span));
    }
    if matches!(b.plain(), Value::Open(_)) {
        return ctx.cases(b, span, &mut |ctx, b| binary(ctx, op, a.clone(), b, span));
    }
    for v in [&a, &b] {
        match v.plain() {
            Value::Invalid(_) => return Ok(v.clone()),
            Value::Sealed(s) => return Err(crate::seal::refuse(s, span)),
            _ => {}
        }
    }
    if let (Value::Term(_), _) | (_, Value::Term(_)) = (a.plain(), b.plain()) {
        return crate::term::binary(ctx, op, &a, &b, span);
    }
    let unknown = a.is_unknown() || b.is_unknown();
    // `macs <= 5M`: which macs?
    for v in [&a, &b] {
        if let Value::Module(m) = v.plain() {
            return Err(crate::call::several(ctx, *m, span));
        }
    }
    match (a.plain(), b.plain()) {
        // A number or list of numbers with nested lists of them: tensors as written.
        (Value::List(x), Value::Int(..) | Value::Float(..))
        | (Value::Int(..) | Value::Float(..), Value::List(x))
            if !compares(op) && nested_numbers(x) =>
        {
            return tensors(ctx, op, &a, &b, span);
        }
        // A tensor with something unknown keeps its shape only where the other is a number.
        (Value::Tensor(t, _), Value::Unknown(Known::Number))
        | (Value::Unknown(Known::Number), Value::Tensor(t, _)) => {
            let e = if compares(op) {
                Element::Bool
            } else {
                Element::Float
            };
            let value = Tensor::symbol("value", t.shape().into(), t.dtype());
            ctx.follows(&value, [t]);
            return Ok(Value::Tensor(value, e));
        }
        _ if unknown => return Ok(Value::Unknown(Known::Nothing)),
        (Value::Tensor(..), _) | (_, Value::Tensor(..)) => return tensors(ctx, op, &a, &b, span),
        (Value::List(x), Value::List(y)) if op == BinaryOp::Concat => {
            long(x.len(), y.len(), LONGEST_LIST, "a list", "elements", span)?;
            return Ok(Value::List(Arc::new(
                x.iter().chain(y.iter()).cloned().collect(),
            )));
        }
        (Value::Record(x), Value::Record(y)) if op == BinaryOp::Concat => {
            let mut out = (**x).clone();
            out.extend(y.iter().map(|(k, v)| (k.clone(), v.clone())));
            return Ok(Value::record(out));
        }
        (Value::Text(x), Value::Text(y)) if op == BinaryOp::Concat || op == BinaryOp::Add => {
            long(x.len(), y.len(), LONGEST_TEXT, "a text", "bytes", span)?;
            return Ok(Value::text(format!("{x}{y}")));
        }
        (Value::Weights(_), _) | (_, Value::Weights(_)) => {
            return crate::weights::arithmetic(ctx, op, &a, &b, span);
        }
        _ => {}
    }
    if matches!(op, BinaryOp::Eq | BinaryOp::Ne)
        && let Some(eq) = equal(&a, &b)
    {
        if let (Some(_), Some(_)) = (as_f64(&a), as_f64(&b)) {
            join_units(unit_of(&a), unit_of(&b), "compared", span)?;
        }
        return Ok(Value::Bool(eq == (op == BinaryOp::Eq)));
    }
    let cost = |v: &Value| matches!(v.plain(), Value::Terms(_) | Value::Measure(_));
    if cost(&a) || cost(&b) {
        return crate::space::terms_binary(ctx, op, &a, &b, span);
    }
    if let (Value::Dim(_), Some(_)) | (_, Some(Value::Dim(_))) = (a.plain(), Some(b.plain()))
        && let (Some(x), Some(y)) = (as_dim(&a), as_dim(&b))
    {
        return dims(ctx, op, x, y, span);
    }
    // A fraction of a size that is open: a number in each case.
    if let (Value::Dim(d), Value::Float(..)) | (Value::Float(..), Value::Dim(d)) =
        (a.plain(), b.plain())
    {
        if d.as_table().is_none() {
            return Ok(Value::Unknown(match compares(op) {
                true => Known::Nothing,
                false => Known::Number,
            }));
        }
        let (a, b) = (
            crate::space::open_of(ctx, &a, span)?,
            crate::space::open_of(ctx, &b, span)?,
        );
        return binary(ctx, op, a, b, span);
    }
    scalars(op, &a, &b, span)
}

fn tensors(ctx: &mut Ctx, op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    let (Some(x), Some(y), Some(k)) = (as_tensor(a), as_tensor(b), tensor_op(op)) else {
        return Err(fault(
            "E0301",
            format!(
                "`{}` does not go between {} and {}",
                symbol(op),
                a.kind(),
                b.kind()
            ),
        )
        .at(span, "here")
        .into());
    };
    let element = if compares(op) {
        Element::Bool
    } else {
        Element::Float
    };
    // A square is a product: its gradient has no logarithm.
    if op == BinaryOp::Pow {
        match as_f64(b) {
            Some(2.0) => {
                return x
                    .binary(Binary::Mul, &x)
                    .map(Value::tensor)
                    .map_err(|e| ctx.shape_fault(e, span));
            }
            Some(0.5) => return Ok(Value::tensor(x.unary(Unary::Sqrt))),
            Some(-1.0) => {
                let one = Tensor::constant(1.0, x.dtype());
                return one
                    .binary(Binary::Div, &x)
                    .map(Value::tensor)
                    .map_err(|e| ctx.shape_fault(e, span));
            }
            _ => {}
        }
    }
    x.binary(k, &y)
        .map(|t| Value::Tensor(t, element))
        .map_err(|e| ctx.shape_fault(e, span))
}

/// Equality of values that are not tensors; `None` where it makes no sense.
pub fn equal(a: &Value, b: &Value) -> Option<bool> {
    Some(match (a.plain(), b.plain()) {
        (Value::None, Value::None) => true,
        (Value::None, _) | (_, Value::None) => false,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x, _), Value::Int(y, _)) => x == y,
        (Value::Big(x), Value::Big(y)) => x == y,
        (Value::Text(x), Value::Text(y)) | (Value::Label(x), Value::Label(y)) => x == y,
        (Value::Text(x), Value::Label(y)) | (Value::Label(x), Value::Text(y)) => x == y,
        (Value::List(x), Value::List(y)) => {
            x.len() == y.len()
                && x.iter()
                    .zip(y.iter())
                    .all(|(a, b)| equal(a, b) == Some(true))
        }
        (Value::Record(x), Value::Record(y)) => {
            x.len() == y.len()
                && x.iter()
                    .all(|(k, v)| y.get(k).is_some_and(|w| equal(v, w) == Some(true)))
        }
        (Value::Range(x), Value::Range(y)) => x == y,
        (Value::Interval(x), Value::Interval(y)) => equal(&x.0, &y.0)? && equal(&x.1, &y.1)?,
        (Value::Interval(x), Value::Range(r)) | (Value::Range(r), Value::Interval(x)) => {
            as_f64(&x.0) == r.low.map(|v| v as f64)
                && as_f64(&x.1) == r.high.map(|v| v as f64 - 1.0)
        }
        (Value::Arch(x), Value::Arch(y)) => x.arch == y.arch,
        (Value::Clock(x), Value::Clock(y)) => x == y,
        (Value::Func(x), Value::Func(y)) => Arc::ptr_eq(x, y),
        (Value::Weights(x), Value::Weights(y)) => crate::weights::equal(x, y),
        _ => {
            let (x, y) = (as_f64(a)?, as_f64(b)?);
            x == y
        }
    })
}

pub fn negate(ctx: &mut Ctx, v: Value, span: Span) -> Result<Value> {
    let v = ctx.settle(v);
    Ok(match v.plain() {
        Value::Int(i, u) => match i.checked_neg() {
            Some(i) => Value::Int(i, *u),
            None => of_big(-num_bigint::BigInt::from(*i)),
        },
        Value::Float(f, u) => Value::Float(-f, *u),
        Value::Dim(d) => {
            let d = d.neg().map_err(|e| ctx.shape_fault(e.into(), span))?;
            Value::Dim(d)
        }
        Value::Big(b) => of_big(-(**b).clone()),
        Value::Tensor(t, _) => Value::tensor(t.unary(Unary::Neg)),
        Value::Unknown(_) | Value::Invalid(_) => v.clone(),
        Value::Term(t) => return crate::term::negate(ctx, &t.clone(), span),
        Value::Open(_) => return ctx.cases(v, span, &mut |ctx, v| negate(ctx, v, span)),
        other => {
            return Err(fault("E0301", format!("{} has no negative", other.kind()))
                .at(span, "here")
                .into());
        }
    })
}
