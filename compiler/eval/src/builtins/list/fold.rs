//! Lists brought to one value: sums, means, extremes, truth, joined lists. Works for numbers, sizes, tensors, costs and weights alike.

use super::{each, elements, plain_numbers};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Element, Fields, Value};
use crate::{Result, number, train};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::{Binary, DType, Dim, ReduceKind, Tensor};

/// Lists with more single-number tensors than this are stacked and reduced, not added one by one.
const CHAIN: usize = 8;

/// `a op b`, element by element where both are lists or records.
fn combine(ctx: &mut Ctx, op: BinaryOp, a: Value, b: Value, span: Span) -> Result<Value> {
    match (a.plain(), b.plain()) {
        (Value::List(x), Value::List(y)) => {
            if x.len() != y.len() {
                return Err(
                    fault("E0301", "lists of different lengths are not combined")
                        .at(span, "here")
                        .note(format!("their lengths are {} and {}", x.len(), y.len()))
                        .into(),
                );
            }
            let mut out = Vec::with_capacity(x.len());
            for (a, b) in x.iter().zip(y.iter()) {
                out.push(combine(ctx, op, a.clone(), b.clone(), span)?);
            }
            Ok(Value::list(out))
        }
        (Value::Record(x), Value::Record(y)) => {
            let mut out = Fields::new();
            for (k, a) in x.iter() {
                let Some(b) = y.get(k) else {
                    return Err(
                        fault("E0301", format!("one record has `{k}`, another has not"))
                            .at(span, "these are combined here")
                            .into(),
                    );
                };
                out.insert(k.clone(), combine(ctx, op, a.clone(), b.clone(), span)?);
            }
            Ok(Value::record(out))
        }
        (Value::List(x), _) => {
            let mut out = Vec::with_capacity(x.len());
            for a in x.iter() {
                out.push(combine(ctx, op, a.clone(), b.clone(), span)?);
            }
            Ok(Value::list(out))
        }
        (Value::Record(x), _) => {
            let mut out = Fields::new();
            for (k, a) in x.iter() {
                out.insert(k.clone(), combine(ctx, op, a.clone(), b.clone(), span)?);
            }
            Ok(Value::record(out))
        }
        _ => number::binary(ctx, op, a, b, span),
    }
}

/// An invalid element makes the whole invalid; one known at run time only makes it unknown.
fn spoiled(items: &[Value]) -> Option<Value> {
    if let Some(v) = items
        .iter()
        .find(|v| matches!(v.plain(), Value::Invalid(_)))
    {
        return Some(v.clone());
    }
    items.iter().any(Value::is_unknown).then(Value::unknown)
}

/// Many tensors of one known shape as one, along a new first axis.
fn stacked(items: &[Value]) -> Option<Tensor> {
    if items.len() <= CHAIN {
        return None;
    }
    let mut parts = Vec::with_capacity(items.len());
    for v in items {
        match v.plain() {
            Value::Tensor(t, _) => parts.push(t.clone()),
            _ => return None,
        }
    }
    let first = parts.first()?;
    let alike = parts
        .iter()
        .all(|t| t.shape() == first.shape() && t.dtype() == first.dtype());
    if alike && first.dtype() != DType::I32 {
        number::stack(&parts).ok()
    } else {
        None
    }
}

/// The sum; of lists or records, element by element. Nothing sums to 0.
pub fn sum_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    if let Some(v) = spoiled(items) {
        return Ok(v);
    }
    if let Some(t) = stacked(items) {
        return Ok(Value::tensor(t.reduce(ReduceKind::Sum, &[0], false)));
    }
    if let Some(t) = crate::space::sum_terms(ctx, items) {
        return Ok(t);
    }
    let mut sum: Option<Value> = None;
    for v in items {
        let v = match v.plain() {
            Value::Bool(b) => Value::int(*b as i64),
            _ => v.clone(),
        };
        sum = Some(match sum {
            None => v,
            Some(s) => combine(ctx, BinaryOp::Add, s, v, span)?,
        });
    }
    Ok(sum.unwrap_or(Value::int(0)))
}

/// The mean; of lists or records, element by element; of truth values by tensor, the share that is true in all of them.
pub fn mean_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    if items.is_empty() {
        return Ok(Value::invalid("the mean of nothing"));
    }
    if let Some(v) = spoiled(items) {
        return Ok(v);
    }
    if items
        .iter()
        .all(|v| matches!(v.plain(), Value::Tensor(t, Element::Bool) if t.rank() > 0))
    {
        return share(ctx, items, span);
    }
    let sum = sum_list(ctx, items, span)?;
    combine(
        ctx,
        BinaryOp::Div,
        sum,
        Value::int(items.len() as i64),
        span,
    )
}

/// The share of ones over all elements; parts may differ in size, as a last batch does.
fn share(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    let mut ones = vec![];
    let mut total = Dim::Const(0);
    for v in items {
        let Value::Tensor(t, _) = v.plain() else {
            continue;
        };
        let axes: Vec<usize> = (0..t.rank()).collect();
        let t = if t.dtype() == DType::I32 {
            t.cast(DType::F32)
        } else {
            t.clone()
        };
        ones.push(Value::tensor(t.reduce(ReduceKind::Sum, &axes, false)));
        let size = t.shape().iter().try_fold(Dim::Const(1), |a, d| a.mul(d));
        total = size
            .and_then(|s| total.add(&s))
            .map_err(|e| ctx.shape_fault(e.into(), span))?;
    }
    if total.known() == Some(0) {
        return Ok(Value::invalid("the mean of nothing"));
    }
    let sum = sum_list(ctx, &ones, span)?;
    if total.known().is_none() {
        // Without its size the share is some number.
        return Ok(sum);
    }
    number::binary(ctx, BinaryOp::Div, sum, number::of_dim(total), span)
}

/// The larger or smaller of two.
fn extreme(ctx: &mut Ctx, a: Value, b: Value, largest: bool, span: Span) -> Result<Value> {
    if let (Value::Tensor(..), _) | (_, Value::Tensor(..)) = (a.plain(), b.plain())
        && let (Some(x), Some(y)) = (number::as_tensor(&a), number::as_tensor(&b))
    {
        let op = if largest { Binary::Max } else { Binary::Min };
        return x
            .binary(op, &y)
            .map(Value::tensor)
            .map_err(|e| ctx.shape_fault(e, span));
    }
    let less = number::binary(
        ctx,
        if largest { BinaryOp::Lt } else { BinaryOp::Gt },
        a.clone(),
        b.clone(),
        span,
    )?;
    ctx.cases(less, span, &mut |ctx, less| {
        Ok(match less.plain() {
            Value::Bool(true) => ctx.settle(b.clone()),
            Value::Bool(false) => ctx.settle(a.clone()),
            _ => less,
        })
    })
}

fn extreme_list(ctx: &mut Ctx, items: &[Value], largest: bool, span: Span) -> Result<Value> {
    if let Some(v) = spoiled(items) {
        return Ok(v);
    }
    if let Some(t) = stacked(items) {
        return Ok(Value::tensor(t.reduce(
            if largest {
                ReduceKind::Max
            } else {
                ReduceKind::Min
            },
            &[0],
            false,
        )));
    }
    let Some((first, rest)) = items.split_first() else {
        return Ok(Value::invalid(if largest {
            "the largest of nothing"
        } else {
            "the smallest of nothing"
        }));
    };
    // A single element that is no number is not let through unseen.
    if !matches!(
        first.plain(),
        Value::Tensor(..) | Value::Dim(_) | Value::Open(_) | Value::Text(_)
    ) && number::as_f64(first).is_none()
    {
        return Err(fault(
            "E0301",
            format!("numbers are compared, and this is {}", first.kind()),
        )
        .at(span, "here")
        .into());
    }
    let mut best = first.clone();
    for v in rest {
        best = extreme(ctx, best, v.clone(), largest, span)?;
    }
    Ok(best)
}

/// The largest; of tensors, element by element.
pub fn max_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    extreme_list(ctx, items, true, span)
}

/// The smallest; of tensors, element by element.
pub fn min_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    extreme_list(ctx, items, false, span)
}

/// `all` where `every`, else `any`. A plain element that decides ends it; open ones are joined case by case.
fn truths(ctx: &mut Ctx, items: &[Value], every: bool, span: Span) -> Result<Value> {
    let mut open: Option<Value> = None;
    let mut late = false;
    let mut bad: Option<Value> = None;
    for v in items {
        let v = ctx.settle(v.clone());
        let plain = match v.plain() {
            Value::Bool(b) => Some(*b),
            Value::Tensor(..) if ctx.checking() => {
                late = true;
                continue;
            }
            Value::Tensor(..) => Some(train::number(ctx, &v, span)? != 0.0),
            Value::Unknown(_) => {
                late = true;
                continue;
            }
            Value::Invalid(_) => {
                bad.get_or_insert(v.clone());
                continue;
            }
            Value::Open(_) => None,
            other => {
                return Err(fault(
                    "E0301",
                    format!("a condition is true or false, and this is {}", other.kind()),
                )
                .at(span, "in this list")
                .into());
            }
        };
        match plain {
            Some(b) if b != every => return Ok(Value::Bool(!every)),
            Some(_) => {}
            None => {
                open = Some(match open.take() {
                    None => v,
                    Some(before) => both(ctx, before, v, every, span)?,
                });
                // Decided in every case.
                if let Some(Value::Bool(b)) = open
                    && b != every
                {
                    return Ok(Value::Bool(b));
                }
            }
        }
    }
    if let Some(v) = bad {
        return Ok(v);
    }
    if late {
        return Ok(Value::unknown());
    }
    Ok(open.unwrap_or(Value::Bool(every)))
}

/// Two conditions joined by `and` (`every`) or `or`.
fn both(ctx: &mut Ctx, a: Value, b: Value, every: bool, span: Span) -> Result<Value> {
    ctx.cases(a, span, &mut |ctx, a| match a.plain() {
        Value::Bool(x) if *x != every => Ok(a),
        Value::Bool(_) => {
            let b = ctx.settle(b.clone());
            ctx.cases(b, span, &mut |_, b| Ok(b))
        }
        _ => Ok(a),
    })
}

pub fn any_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    truths(ctx, items, false, span)
}

pub fn all_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    truths(ctx, items, true, span)
}

fn conditions(ctx: &mut Ctx, args: &mut Args, every: bool) -> Result<Value> {
    let span = args.span;
    // Several arguments are the conditions themselves.
    if args.positional.len() > 1 {
        let items: Vec<Value> = args.positional.iter().filter_map(|a| a.0.clone()).collect();
        return truths(ctx, &items, every, span);
    }
    super::lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        if let Value::Bool(_) = v.plain() {
            return Ok(v);
        }
        if let Value::Tensor(t, _) = v.plain() {
            let axes: Vec<usize> = (0..t.rank()).collect();
            let kind = if every {
                ReduceKind::Min
            } else {
                ReduceKind::Max
            };
            return Ok(Value::Tensor(t.reduce(kind, &axes, false), Element::Bool));
        }
        let items = match elements(ctx, &v, span)? {
            Ok(items) => items,
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        truths(ctx, &items, every, span)
    })
}

pub(super) fn any(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    conditions(ctx, args, false)
}

pub(super) fn all(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    conditions(ctx, args, true)
}

/// Running sums.
pub fn cumsum_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(items.len());
    for v in items {
        let next = match out.last() {
            None => v.clone(),
            Some(s) => combine(ctx, BinaryOp::Add, s.clone(), v.clone(), span)?,
        };
        out.push(next);
    }
    Ok(Value::list(out))
}

/// Lists one after the other.
pub fn concat_lists(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    let mut out = vec![];
    for v in items {
        out.extend(each!(ctx, v, span));
    }
    Ok(Value::list(out))
}

fn arg_extreme(ctx: &mut Ctx, items: &[Value], sign: f64, span: Span) -> Result<Value> {
    let xs = match plain_numbers(ctx, &Value::list(items.to_vec()), span)? {
        Ok(xs) => xs,
        Err(v) => return Ok(v),
    };
    let mut best: Option<usize> = None;
    for (i, x) in xs.iter().enumerate() {
        if best.is_none_or(|b| sign * x > sign * xs[b]) {
            best = Some(i);
        }
    }
    Ok(best.map_or(Value::invalid("the list is empty"), |i| {
        Value::int(i as i64)
    }))
}

/// The position of the largest number; the first of several.
pub fn argmax_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    arg_extreme(ctx, items, 1.0, span)
}

/// The position of the smallest number; the first of several.
pub fn argmin_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    arg_extreme(ctx, items, -1.0, span)
}
