//! Shapes, joins, parts, tensors of one number, rows by index.

use super::{done, int, tensor};
use crate::builtins::{list, math};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Element, Value};
use crate::{Result, access, net, number};
use nas_diagnostics::Span;
use nas_ir::{DType, Dim, ShapeError, Tensor};

fn dims_of(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Vec<Dim>> {
    let items = match v.plain() {
        Value::List(l) => l.to_vec(),
        other => vec![other.clone()],
    };
    items
        .iter()
        .map(|v| net::extent(ctx, &ctx.settle(v.clone()), span))
        .collect()
}

/// `expand(cls, n)`: along the first axis; `expand(x, [n, c])`: to a shape.
pub(super) fn expand(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let to = args.need("to")?;
    if to.is_unknown() {
        return Ok(to);
    }
    let shape = match to.plain() {
        Value::List(_) => dims_of(ctx, &to, span)?,
        _ => {
            let mut s = x.shape().to_vec();
            let n = dims_of(ctx, &to, span)?;
            if let (Some(first), Some(n)) = (s.first_mut(), n.into_iter().next()) {
                *first = n;
            }
            s
        }
    };
    let r = x.expand(&shape);
    done(ctx, r, span)
}

pub(super) fn reshape(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let to = args.need("shape")?;
    let shape = dims_of(ctx, &to, span)?;
    let r = x.reshape(&shape);
    done(ctx, r, span)
}

/// All axes from `from` on become one; by default all but the batch.
pub(super) fn flatten(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    if let Value::List(l) = v.plain()
        && l.iter().all(|x| matches!(x.plain(), Value::List(_)))
    {
        return list::concat_lists(ctx, l, span);
    }
    args.positional.insert(0, (Some(v), span));
    let x = tensor!(ctx, args, "x");
    let from = int(ctx, args, "from", 1)?;
    let from = from.clamp(0, x.rank() as i64) as usize;
    let mut shape = x.shape()[..from].to_vec();
    shape.push(
        nas_ir::shape::count(&x.shape()[from..]).map_err(|e| ctx.shape_fault(e.into(), span))?,
    );
    let r = x.reshape(&shape);
    done(ctx, r, span)
}

pub(super) fn concat(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("parts")?;
    let over = args.take_named("over");
    if v.is_unknown() {
        return Ok(v);
    }
    let mut parts = vec![];
    for x in access::items(ctx, &v, span)? {
        if x.is_unknown() {
            return Ok(x);
        }
        match number::as_tensor(&x) {
            Some(t) => parts.push(t),
            None => {
                return Err(fault(
                    "E0301",
                    format!("tensors are joined, and this is {}", x.kind()),
                )
                .at(span, "here")
                .into());
            }
        }
    }
    let axis = match parts.first() {
        Some(t) => math::axes(ctx, over.or(Some(Value::int(0))), t, span)?
            .first()
            .copied()
            .unwrap_or(0),
        None => 0,
    };
    let r = Tensor::concat(&parts, axis);
    // What grows by joins grows with every turn; a size that is written is a matter of the machine.
    let v = done(ctx, r, span)?;
    crate::bulk::held(&v, span)?;
    Ok(v)
}

pub(super) fn split(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let sizes = args.need("sizes")?;
    if let Value::List(l) = v.plain()
        && !matches!(sizes.plain(), Value::List(_))
        && l.iter().all(|x| !matches!(x.plain(), Value::Tensor(..)))
    {
        // A list in two at a position.
        let n = access::whole(ctx, &sizes, span)?.clamp(0, l.len() as i64) as usize;
        return Ok(Value::list(vec![
            Value::list(l[..n].to_vec()),
            Value::list(l[n..].to_vec()),
        ]));
    }
    let over = args.take_named("over");
    args.positional.insert(0, (Some(v), span));
    let x = tensor!(ctx, args, "x");
    let axis = math::axes(ctx, over.or(Some(Value::int(0))), &x, span)?
        .first()
        .copied()
        .unwrap_or(0);
    let mut from = Dim::Const(0);
    let mut out = vec![];
    for d in dims_of(ctx, &sizes, span)? {
        let to = from.add(&d).map_err(|e| ctx.shape_fault(e.into(), span))?;
        let part = x
            .slice(axis, from.clone(), to.clone(), 1)
            .map_err(|e| ctx.shape_fault(e, span))?;
        out.push(Value::tensor(part));
        from = to;
    }
    from.same(&x.shape()[axis]).map_err(|w| {
        ctx.shape_fault(
            ShapeError::new(format!(
                "the parts add up to {from}, the axis has {}",
                x.shape()[axis]
            ))
            .witness(w),
            span,
        )
    })?;
    Ok(Value::list(out))
}

/// A range of an axis, one index of it, or the first elements of a list.
pub(super) fn take(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let what = args.need("what")?;
    let over = args.take_named("over");
    let v = ctx.settle(v);
    if v.is_unknown() {
        return Ok(v);
    }
    let Value::Tensor(t, e) = v.plain() else {
        let range = match what.plain() {
            Value::Int(n, _) => Value::Range(crate::value::Range {
                low: None,
                high: Some(*n),
                step: 1,
            }),
            _ => what,
        };
        return access::index_value(ctx, v, vec![(range, span)], span);
    };
    let axis = math::axes(ctx, Some(over.unwrap_or(Value::int(0))), t, span)?
        .first()
        .copied()
        .unwrap_or(0);
    let mut index = vec![
        (
            Value::Range(crate::value::Range {
                low: None,
                high: None,
                step: 1
            }),
            span
        );
        axis
    ];
    index.push((what, span));
    access::index_value(ctx, Value::Tensor(t.clone(), *e), index, span)
}

pub(super) fn gather(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let over = args.take_named("over");
    let axis = math::axes(ctx, Some(over.unwrap_or(Value::int(0))), &x, span)?
        .first()
        .copied()
        .unwrap_or(0);
    let i = tensor!(ctx, args, "index");
    let r = x.gather(axis, &i.cast(DType::I32));
    done(ctx, r, span)
}

pub(super) fn filled(ctx: &mut Ctx, args: &mut Args, value: Option<f64>) -> Result<Value> {
    let span = args.span;
    let f = match value {
        Some(f) => f,
        None => {
            let v = args.need("value")?;
            crate::train::number(ctx, &v, span)?
        }
    };
    let shape = match args.next("shape") {
        Some(v) => {
            let flat = match v.plain() {
                Value::List(l) => {
                    let mut out = vec![];
                    for x in l.iter() {
                        match x.plain() {
                            Value::List(inner) => out.extend(inner.iter().cloned()),
                            _ => out.push(x.clone()),
                        }
                    }
                    Value::list(out)
                }
                _ => v.clone(),
            };
            if let Value::List(l) = flat.plain()
                && l.iter().any(|x| x.is_unknown())
            {
                return Ok(Value::unknown());
            }
            dims_of(ctx, &flat, span)?
        }
        None => vec![],
    };
    let c = number::number_tensor(f, DType::F32);
    let r = c.expand(&shape);
    done(ctx, r, span)
}

pub(super) fn eye(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let n = args.need("n")?;
    let n = net::extent(ctx, &n, span)?;
    Ok(Value::tensor(
        Tensor::iota(n.clone()).one_hot(n, DType::F32),
    ))
}

pub(super) fn one_hot(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let i = tensor!(ctx, args, "index");
    let n = args.need("classes")?;
    let n = net::extent(ctx, &n, span)?;
    Ok(Value::Tensor(i.one_hot(n, DType::F32), Element::OneHot))
}

/// One entry of the last axis for each row, by an index.
pub(super) fn pick_class(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let i = tensor!(ctx, args, "index");
    let r = x.pick(&i);
    done(ctx, r, span)
}

pub(super) fn cumsum(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    if let Some((Some(v), _)) = args.positional.first()
        && let Value::List(l) = v.plain()
    {
        let l = l.clone();
        return list::cumsum_list(ctx, &l, span);
    }
    let x = tensor!(ctx, args, "x");
    let over = args.take_named("over");
    let axis = math::axes(ctx, Some(over.unwrap_or(Value::int(-1))), &x, span)?
        .first()
        .copied()
        .unwrap_or(0);
    Ok(Value::tensor(x.cumsum(axis, false)))
}
