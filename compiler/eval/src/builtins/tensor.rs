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

/// A whole number that may depend on choices, or the call's result where it is a stand-in.
macro_rules! number_of {
    ($ctx:expr, $args:expr, $name:expr, $default:expr) => {
        match super::dim_of($ctx, $args, $name, $default)? {
            Some(d) => d,
            None => return Ok(Value::unknown()),
        }
    };
}

mod contract;
mod grad;
mod layout;
mod window;

use crate::builtins::tally::{counted, tally};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{BuiltinFn, Value};
use crate::{Result, access, number};
use contract::{contract, rearrange};
use grad::{grad, host, stop, surrogate};
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

/// The next argument as a size; none where it is a stand-in.
fn dim_of(ctx: &mut Ctx, args: &mut Args, name: &str, default: i64) -> Result<Option<Dim>> {
    match args.next(name) {
        Some(v) => {
            let v = ctx.settle(v);
            match v.plain() {
                Value::Unknown(_) => Ok(None),
                _ => crate::net::extent(ctx, &v, args.span).map(Some),
            }
        }
        None => Ok(Some(Dim::Const(default))),
    }
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
