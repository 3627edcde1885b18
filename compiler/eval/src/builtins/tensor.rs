//! Layout, contraction, convolution, pooling, gradients: functions of tensors only.

/// The next argument as a tensor, or the call's result where it is a stand-in.
macro_rules! tensor {
    ($ctx:expr, $args:expr, $name:expr) => {
        match tensor($ctx, $args, $name)? {
            Ok(t) => t,
            Err(v) => return Ok(v),
        }
    };
}

mod contract;
mod grad;
mod layout;
mod window;

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net::CostEntry;
use crate::value::{BuiltinFn, Value};
use crate::{Result, access, number};
use contract::{contract, rearrange};
use grad::{grad, host, stop, surrogate, tally};
use layout::{
    concat, cumsum, expand, eye, filled, flatten, gather, one_hot, pick_class, reshape, split, take,
};
use nas_diagnostics::Span;
use nas_ir::{Dim, HostFn, ShapeError, Tensor};
use window::{conv, pad2d, pool};

pub const TENSOR: &[(&str, BuiltinFn)] = &[
    ("conv", conv),
    ("pad2d", pad2d),
    ("avg_pool", |c, a| pool(c, a, true)),
    ("max_pool", |c, a| pool(c, a, false)),
    ("contract", contract),
    ("rearrange", rearrange),
    ("expand", expand),
    ("reshape", reshape),
    ("flatten", flatten),
    ("concat", concat),
    ("split", split),
    ("take", take),
    ("gather", gather),
    ("zeros", |c, a| filled(c, a, Some(0.0))),
    ("ones", |c, a| filled(c, a, Some(1.0))),
    ("filled", |c, a| filled(c, a, None)),
    ("eye", eye),
    ("one_hot", one_hot),
    ("pick_class", pick_class),
    ("cumsum", cumsum),
    ("stop", stop),
    ("surrogate", surrogate),
    ("grad", grad),
    ("log_det", |c, a| host(c, a, HostFn::LogDet)),
    ("eigenvalues", |c, a| host(c, a, HostFn::EigSym)),
    ("tally", tally),
    ("identity_of", |_, a| a.need("x")),
];

type Made = std::result::Result<Tensor, ShapeError>;

/// The next argument as a tensor; a run-time stand-in ends the call with a stand-in.
fn tensor(
    ctx: &mut Ctx,
    args: &mut Args,
    name: &str,
) -> Result<std::result::Result<Tensor, Value>> {
    let v = args.need(name)?;
    let v = ctx.settle(v);
    if v.is_unknown() || matches!(v.plain(), Value::Invalid(_)) {
        return Ok(Err(v));
    }
    match number::as_tensor(&v) {
        Some(t) => Ok(Ok(t)),
        None => Err(fault(
            "E0301",
            format!("a tensor is wanted as `{name}`, and this is {}", v.kind()),
        )
        .at(args.span, crate::show::brief(&v))
        .into()),
    }
}

fn done(ctx: &mut Ctx, r: Made, span: Span) -> Result<Value> {
    r.map(Value::tensor).map_err(|e| ctx.shape_fault(e, span))
}

fn int(ctx: &mut Ctx, args: &mut Args, name: &str, default: i64) -> Result<i64> {
    match args.next(name) {
        Some(v) => {
            let v = ctx.settle(v);
            access::whole(ctx, &v, args.span)
        }
        None => Ok(default),
    }
}

/// Multiply-accumulates and the like, entered where costs are being counted.
fn count(ctx: &mut Ctx, item: &str, amount: Dim, out: &[Dim], span: Span) -> Result<()> {
    if ctx.net.as_ref().is_none_or(|n| n.costs.is_none()) {
        return Ok(());
    }
    let amount = amount
        .mul(&ctx.indicator())
        .map_err(|e| ctx.shape_fault(e.into(), span))?;
    if let Some(n) = &mut ctx.net {
        let path = n.path();
        let kind = n
            .frames
            .iter()
            .rev()
            .find(|f| !f.kind.is_empty())
            .map(|f| f.kind.clone())
            .unwrap_or_default();
        if let Some(c) = &mut n.costs {
            c.push(CostEntry {
                path,
                kind,
                item: item.into(),
                param: "".into(),
                amount,
                out: out.to_vec(),
            });
        }
    }
    Ok(())
}

fn counted(ctx: &Ctx) -> bool {
    ctx.net.as_ref().is_some_and(|n| n.costs.is_some())
}
