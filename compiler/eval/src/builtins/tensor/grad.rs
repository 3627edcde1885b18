//! Gradients and what steers them, functions of the host, and tallies for costs.

use super::{done, tensor};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Result, access, number};
use nas_ir::HostFn;

pub(super) fn stop(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("x")?;
    let v = ctx.settle(v);
    match v.plain() {
        Value::Tensor(t, e) => Ok(Value::Tensor(t.stop(), *e)),
        _ => Ok(v),
    }
}

pub(super) fn surrogate(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = tensor!(ctx, args, "value");
    let via = tensor!(ctx, args, "via");
    let r = v.surrogate(&via);
    done(ctx, r, span)
}

/// The gradient of a number for one thing or a list of things.
pub(super) fn grad(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let y = args.need("y")?;
    let xs = args.need("xs")?;
    if y.is_unknown() || xs.is_unknown() {
        return Ok(Value::unknown());
    }
    let Some(y) = number::as_tensor(&y) else {
        return Err(fault(
            "E0301",
            format!(
                "a gradient is taken of a number that follows from tensors, and this is {}",
                y.kind()
            ),
        )
        .at(span, "here")
        .into());
    };
    let one = !matches!(xs.plain(), Value::List(_));
    let items = if one {
        vec![xs.clone()]
    } else {
        access::items(ctx, &xs, span)?
    };
    let mut ts = vec![];
    for v in &items {
        match v.plain() {
            Value::Tensor(t, _) => ts.push(t.clone()),
            Value::Float(..) | Value::Int(..) => {
                return Err(fault("E0301", "a plain number has no gradient")
                    .at(span, "here")
                    .help("name it with `at`: `grad(f(a), a) at a = [1.0]`")
                    .into());
            }
            other => {
                return Err(fault(
                    "E0301",
                    format!(
                        "a gradient is taken for tensors, and this is {}",
                        other.kind()
                    ),
                )
                .at(span, "here")
                .into());
            }
        }
    }
    // A single number in a tensor of one element counts as one.
    let y = if y.rank() > 0 && y.sizes().is_some_and(|s| s.iter().product::<usize>() == 1) {
        y.reshape(&[]).map_err(|e| ctx.shape_fault(e, span))?
    } else {
        y
    };
    let gs = y.grad(&ts).map_err(|e| ctx.shape_fault(e, span))?;
    if let Some(g) = gs.first() {
        crate::ledger::gradient(ctx, g.0.order);
    }
    let mut out: Vec<Value> = gs.into_iter().map(Value::tensor).collect();
    Ok(if one { out.remove(0) } else { Value::list(out) })
}

pub(super) fn host(ctx: &mut Ctx, args: &mut Args, f: HostFn) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let r = x.host(f);
    done(ctx, r, span)
}
