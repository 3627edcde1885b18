//! Functions of numbers and of tensors point by point, and reductions; each works on both.

mod reduce;

pub use reduce::axes;

use super::list;
use super::spread::Asked;
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{BuiltinFn, Known, Value};
use crate::{Fault, Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::{Binary, DType, ReduceKind, Unary};
use reduce::{What, arg, keep_flag, reduce, soft, sort};

pub const MATH: &[(&str, BuiltinFn)] = &[
    ("exp", |c, a| point(c, a, Unary::Exp, f64::exp)),
    ("log", |c, a| point(c, a, Unary::Log, f64::ln)),
    ("sqrt", |c, a| point(c, a, Unary::Sqrt, f64::sqrt)),
    ("abs", |c, a| point(c, a, Unary::Abs, f64::abs)),
    ("sign", |c, a| {
        point(c, a, Unary::Sign, |v| {
            if v > 0.0 {
                1.0
            } else if v < 0.0 {
                -1.0
            } else {
                0.0
            }
        })
    }),
    ("sin", |c, a| point(c, a, Unary::Sin, f64::sin)),
    ("cos", |c, a| point(c, a, Unary::Cos, f64::cos)),
    ("tanh", |c, a| point(c, a, Unary::Tanh, f64::tanh)),
    ("erf", |c, a| point(c, a, Unary::Erf, erf)),
    ("sigmoid", |c, a| {
        point(c, a, Unary::Sigmoid, |v| 1.0 / (1.0 + (-v).exp()))
    }),
    ("rectify", |c, a| point(c, a, Unary::Relu, |v| v.max(0.0))),
    ("round", |c, a| {
        whole(c, a, Unary::Round, f64::round_ties_even)
    }),
    ("floor", |c, a| whole(c, a, Unary::Floor, f64::floor)),
    ("ceil", |c, a| whole(c, a, Unary::Ceil, f64::ceil)),
    ("max", |c, a| extreme(c, a, true)),
    ("min", |c, a| extreme(c, a, false)),
    ("clamp", clamp),
    ("lerp", lerp),
    ("sum", |c, a| reduce(c, a, What::Sum)),
    ("mean", |c, a| reduce(c, a, What::Mean)),
    ("var", |c, a| reduce(c, a, What::Var)),
    ("norm", |c, a| reduce(c, a, What::Norm)),
    ("logsumexp", |c, a| reduce(c, a, What::LogSumExp)),
    ("softmax", |c, a| soft(c, a, false)),
    ("log_softmax", |c, a| soft(c, a, true)),
    ("argmax", |c, a| arg(c, a, true)),
    ("argmin", |c, a| arg(c, a, false)),
    ("sort", sort),
];

/// Abramowitz and Stegun would be too coarse: the series and the continued fraction by range.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    // Maclaurin series; 80 terms are plenty below 6 in f64 for our use on scalars.
    let (mut term, mut sum) = (x, x);
    for n in 1..120 {
        term *= -x * x / n as f64;
        sum += term / (2 * n + 1) as f64;
    }
    (sum * 2.0 / std::f64::consts::PI.sqrt()).clamp(-1.0, 1.0)
}

/// Cases of an open value, and stand-ins while checking.
fn lifted(
    ctx: &mut Ctx,
    v: &Value,
    span: Span,
    f: &mut dyn FnMut(&mut Ctx, Value) -> Result<Value>,
) -> Result<Option<Value>> {
    let v = ctx.settle(v.clone());
    match v.plain() {
        Value::Open(_) => ctx.cases(v, span, f).map(Some),
        Value::Unknown(_) => Ok(Some(Value::Unknown(Known::Nothing))),
        Value::Invalid(_) => Ok(Some(v)),
        _ => Ok(None),
    }
}

fn point(ctx: &mut Ctx, args: &mut Args, u: Unary, f: fn(f64) -> f64) -> Result<Value> {
    let v = args.need("x")?;
    point_value(ctx, v, args.span, u, f)
}

fn point_value(ctx: &mut Ctx, v: Value, span: Span, u: Unary, f: fn(f64) -> f64) -> Result<Value> {
    let v = ctx.settle(v);
    if let Some(v) = lifted(ctx, &v, span, &mut |ctx, v| point_value(ctx, v, span, u, f))? {
        return Ok(v);
    }
    match v.plain() {
        Value::Int(i, _) if u == Unary::Abs && *i < 0 => number::negate(ctx, v, span),
        Value::Int(..) if u == Unary::Abs => Ok(v),
        Value::Int(..) | Value::Float(..) => {
            let r = f(number::as_f64(&v).unwrap_or(0.0));
            Ok(if r.is_nan() {
                Value::invalid("not a number")
            } else {
                Value::Float(r, number::unit_of(&v))
            })
        }
        Value::Dim(d) if d.as_table().is_some() => {
            let v = crate::space::open_of(ctx, &v, span)?;
            point_value(ctx, v, span, u, f)
        }
        Value::Dim(_) => Ok(Value::Unknown(Known::Number)),
        Value::Func(_) => Err(wrong(&v, span)),
        _ => match number::as_tensor(&v) {
            Some(t) => {
                let t = if t.dtype() == DType::I32 {
                    t.cast(DType::F32)
                } else {
                    t
                };
                Ok(Value::tensor(t.unary(u)))
            }
            None => Err(wrong(&v, span)),
        },
    }
}

fn wrong(v: &Value, span: Span) -> Fault {
    fault(
        "E0301",
        format!("a number or a tensor is wanted, and this is {}", v.kind()),
    )
    .at(span, crate::show::brief(v))
    .into()
}

fn whole(ctx: &mut Ctx, args: &mut Args, u: Unary, f: fn(f64) -> f64) -> Result<Value> {
    let v = args.need("x")?;
    let to = args.next("to");
    let span = args.span;
    whole_value(ctx, v, to, span, u, f)
}

fn whole_value(
    ctx: &mut Ctx,
    v: Value,
    to: Option<Value>,
    span: Span,
    u: Unary,
    f: fn(f64) -> f64,
) -> Result<Value> {
    let v = ctx.settle(v);
    if let Some(v) = lifted(ctx, &v, span, &mut |ctx, v| {
        whole_value(ctx, v, to.clone(), span, u, f)
    })? {
        return Ok(v);
    }
    let to = match to.map(|t| ctx.settle(t)) {
        // A step may be open as well.
        Some(t) if matches!(t.plain(), Value::Dim(_) | Value::Open(_)) => {
            let t = crate::space::open_of(ctx, &t, span)?;
            return ctx.cases(t, span, &mut |ctx, t| {
                whole_value(ctx, v.clone(), Some(t), span, u, f)
            });
        }
        Some(t) if t.is_unknown() => return Ok(Value::Unknown(Known::Number)),
        Some(t) if matches!(t.plain(), Value::None) => None,
        Some(t) if number::as_f64(&t).is_some_and(|s| s > 0.0) => Some(t),
        Some(t) => {
            let d = fault("E0301", "a step to round to is a number above 0");
            return Err(d.at(span, crate::show::brief(&t)).into());
        }
        None => None,
    };
    match v.plain() {
        Value::Int(..) | Value::Dim(_) | Value::Big(_) if to.is_none() => Ok(v),
        // A size that is open: rounded in each case. One that stands for any number is some number.
        Value::Dim(d) => {
            if d.as_table().is_none() {
                return Ok(Value::Unknown(Known::Number));
            }
            let v = crate::space::open_of(ctx, &v, span)?;
            whole_value(ctx, v, to, span, u, f)
        }
        Value::Float(x, unit) => {
            if let Some(step) = to.as_ref().and_then(number::as_f64) {
                let r = f(x / step) * step;
                // Multiples of a whole number are whole: they may be sizes.
                let whole = matches!(to.as_ref().map(Value::plain), Some(Value::Int(..)));
                return Ok(match whole && r.abs() < 9e15 {
                    true => Value::Int(r as i64, *unit),
                    false => Value::Float(r, *unit),
                });
            }
            let r = f(*x);
            if !r.is_finite() {
                return Ok(Value::invalid("not finite"));
            }
            Ok(if r.abs() < 9e15 {
                Value::Int(r as i64, *unit)
            } else {
                Value::Float(r, *unit)
            })
        }
        // `to` gives another step, here as for numbers.
        Value::Tensor(..) if to.is_some() => {
            let step = to.clone().unwrap_or(Value::int(1));
            let steps = number::binary(ctx, BinaryOp::Div, v, step.clone(), span)?;
            let steps = whole_value(ctx, steps, None, span, u, f)?;
            number::binary(ctx, BinaryOp::Mul, steps, step, span)
        }
        Value::Int(x, unit) => whole_value(ctx, Value::Float(*x as f64, *unit), to, span, u, f),
        Value::Tensor(t, _) => Ok(Value::tensor(t.unary(u))),
        _ => Err(wrong(&v, span)),
    }
}

fn extreme(ctx: &mut Ctx, args: &mut Args, largest: bool) -> Result<Value> {
    let span = args.span;
    let a = args.need("x")?;
    let over = args.take_named("over");
    let keep = keep_flag(args);
    let Some(b) = args.next("y") else {
        return match a.plain() {
            Value::Tensor(t, _) => {
                let axes = axes(ctx, over, t, span)?;
                let kind = if largest {
                    ReduceKind::Max
                } else {
                    ReduceKind::Min
                };
                Ok(Value::tensor(t.reduce(kind, &axes, keep)))
            }
            Value::Unknown(_) | Value::Invalid(_) => Ok(a),
            Value::Terms(t) => {
                let asked = if largest { Asked::Max } else { Asked::Min };
                super::spread::of_terms(ctx, t, asked, span)
            }
            Value::Open(_) => ctx.cases(a, span, &mut |ctx, v| {
                extreme(ctx, &mut Args::one(v, span), largest)
            }),
            _ => {
                let items = crate::access::items(ctx, &a, span)?;
                if largest {
                    list::max_list(ctx, &items, span)
                } else {
                    list::min_list(ctx, &items, span)
                }
            }
        };
    };
    let mut out = pair(ctx, a, b, largest, span)?;
    while let Some(c) = args.next("z") {
        out = pair(ctx, out, c, largest, span)?;
    }
    Ok(out)
}

fn pair(ctx: &mut Ctx, a: Value, b: Value, largest: bool, span: Span) -> Result<Value> {
    if let Some(v) = lifted(ctx, &a, span, &mut |ctx, a| {
        pair(ctx, a, b.clone(), largest, span)
    })? {
        return Ok(v);
    }
    if let Some(v) = lifted(ctx, &b, span, &mut |ctx, b| {
        pair(ctx, a.clone(), b, largest, span)
    })? {
        return Ok(v);
    }
    if let (Value::Tensor(..), _) | (_, Value::Tensor(..)) = (a.plain(), b.plain()) {
        let (Some(x), Some(y)) = (number::as_tensor(&a), number::as_tensor(&b)) else {
            return Err(wrong(&b, span));
        };
        let op = if largest { Binary::Max } else { Binary::Min };
        return x
            .binary(op, &y)
            .map(Value::tensor)
            .map_err(|e| ctx.shape_fault(e, span));
    }
    if let (Value::Dim(_), _) | (_, Value::Dim(_)) = (a.plain(), b.plain()) {
        let (x, y) = (
            crate::space::open_of(ctx, &a, span)?,
            crate::space::open_of(ctx, &b, span)?,
        );
        return pair(ctx, x, y, largest, span);
    }
    let less = number::binary(ctx, BinaryOp::Lt, a.clone(), b.clone(), span)?;
    Ok(match less {
        Value::Bool(l) => {
            if l == largest {
                b
            } else {
                a
            }
        }
        other => other,
    })
}

fn clamp(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (x, low, high) = (args.need("x")?, args.need("low")?, args.need("high")?);
    let y = pair(ctx, x, low, true, span)?;
    pair(ctx, y, high, false, span)
}

fn lerp(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (a, b, t) = (args.need("from")?, args.need("to")?, args.need("share")?);
    let d = number::binary(ctx, BinaryOp::Sub, b, a.clone(), span)?;
    let m = number::binary(ctx, BinaryOp::Mul, d, t, span)?;
    number::binary(ctx, BinaryOp::Add, a, m, span)
}
