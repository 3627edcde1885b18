//! Reductions, softmax and the index of the largest, along named axes.

use super::{lifted, wrong};
use crate::builtins::spread::{self, Asked};
use crate::builtins::{list, tally};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Element, Value};
use crate::{Result, number};
use nas_diagnostics::Span;
use nas_ir::{Binary, DType, Dim, ReduceKind, Tensor, Unary};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum What {
    Sum,
    Mean,
    Var,
    Norm,
    LogSumExp,
}

pub(super) fn keep_flag(args: &mut Args) -> bool {
    matches!(args.take_named("keep"), Some(Value::Bool(true)))
}

/// Axes as written behind `over:`; all of them where nothing is written.
pub fn axes(ctx: &mut Ctx, over: Option<Value>, t: &Tensor, span: Span) -> Result<Vec<usize>> {
    let all: Vec<usize> = (0..t.rank()).collect();
    let Some(v) = over else { return Ok(all) };
    let mut out = vec![];
    let mut push = |ctx: &mut Ctx, v: &Value| -> Result<()> {
        match v.plain() {
            Value::Label(l) if &**l == "all" => out.extend(0..t.rank()),
            // No shape around names it: axes of images, of tokens and of vectors have usual names.
            Value::Label(l) => match crate::distill::usual_axis(t.rank(), l) {
                Some(i) => out.push(i),
                None => {
                    return Err(fault("E0403", format!("no axis is called `{l}` here"))
                        .at(span, "here")
                        .note(format!("shape  {}", nas_ir::shape::Show(t.shape())))
                        .help("axes have the names of the parameter's shape, else those of [n, c, h, w], [n, t, d] and [n, c]; numbers count from 0, -1 is the last")
                        .into());
                }
            },
            Value::Int(i, _) => out.push(t.axis(*i).map_err(|e| ctx.shape_fault(e, span))?),
            Value::Range(r) => {
                let low = r.low.unwrap_or(0).max(0) as usize;
                let high = r.high.map_or(t.rank(), |h| {
                    if h < 0 {
                        (t.rank() as i64 + h).max(0) as usize
                    } else {
                        h as usize
                    }
                });
                out.extend(low..high.min(t.rank()));
            }
            other => {
                return Err(fault(
                    "E0301",
                    format!(
                        "an axis is a name or a number, and this is {}",
                        other.kind()
                    ),
                )
                .at(span, "here")
                .into());
            }
        }
        Ok(())
    };
    match v.plain() {
        Value::List(l) => {
            for x in l.iter() {
                match x.plain() {
                    Value::List(inner) => {
                        for y in inner.iter() {
                            push(ctx, y)?;
                        }
                    }
                    _ => push(ctx, x)?,
                }
            }
        }
        _ => push(ctx, &v)?,
    }
    out.sort_unstable();
    let named = out.len();
    out.dedup();
    if out.len() < named {
        return Err(fault("E0403", "an axis is named twice")
            .at(span, "here")
            .help("each axis goes away once")
            .into());
    }
    Ok(out)
}

pub(super) fn reduce(ctx: &mut Ctx, args: &mut Args, what: What) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let over = args.take_named("over");
    let keep = keep_flag(args);
    let empty = args.take_named("empty");
    reduce_value(ctx, v, over, keep, empty, what, span)
}

fn reduce_value(
    ctx: &mut Ctx,
    v: Value,
    over: Option<Value>,
    keep: bool,
    empty: Option<Value>,
    what: What,
    span: Span,
) -> Result<Value> {
    let v = ctx.settle(v);
    if let Some(v) = lifted(ctx, &v, span, &mut |ctx, v| {
        reduce_value(ctx, v, over.clone(), keep, empty.clone(), what, span)
    })? {
        return Ok(v);
    }
    let t = match v.plain() {
        Value::Tensor(t, _) => t.clone(),
        Value::Terms(t) if what == What::Mean => {
            return spread::of_terms(ctx, t, Asked::Mean, span);
        }
        Value::Int(..) | Value::Float(..) | Value::Dim(_) | Value::Terms(_)
            if matches!(what, What::Sum | What::Mean) =>
        {
            return Ok(v);
        }
        Value::List(_) | Value::Range(_) => {
            let items = crate::access::items(ctx, &v, span)?;
            if items.is_empty()
                && let Some(e) = empty
            {
                return Ok(e);
            }
            match what {
                What::Sum => return list::sum_list(ctx, &items, span),
                What::Mean => return list::mean_list(ctx, &items, span),
                _ => match number::as_tensor(&v) {
                    Some(t) if t.dtype() != DType::I32 => t,
                    Some(t) => t.cast(DType::F32),
                    None => return Err(wrong(&v, span)),
                },
            }
        }
        Value::Record(r) => {
            let items: Vec<Value> = r.values().cloned().collect();
            return reduce_value(ctx, Value::list(items), over, keep, empty, what, span);
        }
        Value::Weights(_) => return Err(wrong(&v, span)),
        _ => return Err(wrong(&v, span)),
    };
    let axes = axes(ctx, over, &t, span)?;
    let r = reduced(&t, &axes, keep, what).map_err(|e| ctx.shape_fault(e, span))?;
    // The mean of a whole image is a global pooling.
    if what == What::Mean && t.rank() == 4 && axes == [2, 3] {
        tally::elements(ctx, "global_pool_in", &t, span)?;
        tally::elements(ctx, "global_pool_out", &r, span)?;
    }
    Ok(Value::tensor(r))
}

/// A size as a 0-d tensor; an unknown batch stands for some number while checking.
pub fn size_tensor(d: &Dim, dtype: DType) -> Tensor {
    match d.known() {
        Some(v) => number::number_tensor(v as f64, dtype),
        None => Tensor::weight("extent", Default::default(), dtype),
    }
}

fn reduced(
    t: &Tensor,
    axes: &[usize],
    keep: bool,
    what: What,
) -> std::result::Result<Tensor, nas_ir::ShapeError> {
    let mean = |t: &Tensor, keep: bool| -> std::result::Result<Tensor, nas_ir::ShapeError> {
        let s = t.reduce(ReduceKind::Sum, axes, keep);
        let n = t.extent(axes)?;
        s.binary(Binary::Div, &size_tensor(&n, s.dtype()))
    };
    let t = if t.dtype() == DType::I32 {
        t.cast(DType::F32)
    } else {
        t.clone()
    };
    Ok(match what {
        What::Sum => t.reduce(ReduceKind::Sum, axes, keep),
        What::Mean => mean(&t, keep)?,
        What::Var => {
            let d = t.binary(Binary::Sub, &mean(&t, true)?)?;
            mean(&d.binary(Binary::Mul, &d)?, keep)?
        }
        What::Norm => t
            .binary(Binary::Mul, &t)?
            .reduce(ReduceKind::Sum, axes, keep)
            .unary(Unary::Sqrt),
        What::LogSumExp => {
            let m = t.reduce(ReduceKind::Max, axes, true).stop();
            let s = t
                .binary(Binary::Sub, &m)?
                .unary(Unary::Exp)
                .reduce(ReduceKind::Sum, axes, true)
                .unary(Unary::Log)
                .binary(Binary::Add, &m)?;
            if keep {
                s
            } else {
                s.reduce(ReduceKind::Sum, axes, false)
            }
        }
    })
}

pub(super) fn soft(ctx: &mut Ctx, args: &mut Args, log: bool) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let over = args.take_named("over").or(Some(Value::int(-1)));
    let v = ctx.settle(v);
    if let Some(v) = lifted(ctx, &v, span, &mut |ctx, v| {
        soft(
            ctx,
            &mut Args {
                named: vec![("over".into(), over.clone(), span)],
                ..Args::one(v, span)
            },
            log,
        )
    })? {
        return Ok(v);
    }
    let Some(t) = number::as_tensor(&v) else {
        return Err(wrong(&v, span));
    };
    let axes = axes(ctx, over, &t, span)?;
    tally::elements(ctx, "softmax", &t, span)?;
    let r = (|| {
        let m = t.reduce(ReduceKind::Max, &axes, true).stop();
        let d = t.binary(Binary::Sub, &m)?;
        let e = d.unary(Unary::Exp);
        let s = e.reduce(ReduceKind::Sum, &axes, true);
        if log {
            d.binary(Binary::Sub, &s.unary(Unary::Log))
        } else {
            e.binary(Binary::Div, &s)
        }
    })();
    r.map(Value::tensor).map_err(|e| ctx.shape_fault(e, span))
}

pub(super) fn arg(ctx: &mut Ctx, args: &mut Args, largest: bool) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let over = args.take_named("over").or_else(|| args.next("over"));
    let v = ctx.settle(v);
    if let Some(v) = lifted(ctx, &v, span, &mut |ctx, v| {
        arg(ctx, &mut Args::one(v, span), largest)
    })? {
        return Ok(v);
    }
    match v.plain() {
        Value::Tensor(t, _) => {
            let a = match over {
                Some(o) => axes(ctx, Some(o), t, span)?,
                None if t.rank() == 1 => vec![0],
                None => {
                    let n = nas_ir::shape::count(t.shape())
                        .map_err(|e| ctx.shape_fault(e.into(), span))?;
                    let flat = t.reshape(&[n]).map_err(|e| ctx.shape_fault(e, span))?;
                    return Ok(Value::Tensor(flat.arg_reduce(largest, 0), Element::Index));
                }
            };
            let [axis] = a[..] else {
                return Err(fault("E0403", "an index is taken along one axis")
                    .at(span, "here")
                    .into());
            };
            Ok(Value::Tensor(t.arg_reduce(largest, axis), Element::Index))
        }
        _ => {
            let items = crate::access::items(ctx, &v, span)?;
            if largest {
                list::argmax_list(ctx, &items, span)
            } else {
                list::argmin_list(ctx, &items, span)
            }
        }
    }
}

pub(super) fn sort(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    match args
        .positional
        .first()
        .and_then(|a| a.0.as_ref())
        .map(|v| v.plain().clone())
    {
        Some(Value::Tensor(t, e)) => Ok(Value::Tensor(t.sort(), e)),
        _ => list::sort_list(ctx, args),
    }
}
