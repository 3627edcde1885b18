//! Convolution, padding and pooling. Kernels, strides, groups and paddings may be open: then only shapes are made.

use super::{counted, done, tensor};
use crate::Result;
use crate::access;
use crate::builtins::tally::{count, item_of};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use nas_diagnostics::Span;
use nas_ir::op::{PadMode, Window};
use nas_ir::shape::Show;
use nas_ir::{Dim, Shape, ShapeError, Tensor};

pub(super) fn conv(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let w = tensor!(ctx, args, "w");
    let stride = number_of!(ctx, args, "stride", 1);
    let groups = number_of!(ctx, args, "groups", 1);
    let dilation = number_of!(ctx, args, "dilation", 1);
    let y = match (stride.known(), groups.known(), dilation.known()) {
        (Some(stride), Some(groups), Some(dilation)) => {
            let window = Window {
                size: [1, 1],
                stride: [stride, stride],
                dilation: [dilation, dilation],
                pad: [0; 4],
            };
            x.conv(&w, window, groups)
        }
        _ => open_conv(&x, &w, &stride, &groups, &dilation),
    };
    let y = y.map_err(|e| ctx.shape_fault(e, span))?;
    ctx.follows(&y, [&x, &w]);
    if counted(ctx) {
        let cost =
            (|| nas_ir::shape::count(y.shape())?.mul(&nas_ir::shape::count(&w.shape()[1..])?))();
        let amount = cost.map_err(|e| ctx.shape_fault(e.into(), span))?;
        let item = item_of(&[&x, &w], "conv");
        count(ctx, item, amount, y.shape(), span)?;
    }
    Ok(Value::tensor(y))
}

/// The shape rule of a convolution whose steps or groups depend on a choice.
fn open_conv(
    x: &Tensor,
    w: &Tensor,
    stride: &Dim,
    groups: &Dim,
    dilation: &Dim,
) -> std::result::Result<Tensor, ShapeError> {
    if x.rank() != 4 {
        return Err(ShapeError::ranks("a convolution", 4, x.shape()));
    }
    if w.rank() != 4 {
        return Err(ShapeError::ranks("a convolution's weight", 4, w.shape()));
    }
    for (d, what) in [
        (stride, "stride"),
        (groups, "groups"),
        (dilation, "dilation"),
    ] {
        d.positive().map_err(|at| {
            ShapeError::new(format!("the {what} of a convolution is 1 or more")).witness(at)
        })?;
    }
    w.shape()[0].div(groups)?;
    let wanted = w.shape()[1].mul(groups)?;
    x.shape()[1].same(&wanted).map_err(|at| {
        ShapeError::new(format!(
            "the weight reads {wanted} channels, the input has {}",
            x.shape()[1]
        ))
        .fact(format!("input   {}", Show(x.shape())))
        .fact(format!("weight  {}", Show(w.shape())))
        .witness(at)
    })?;
    let mut shape: Shape = x.shape().into();
    shape[1] = w.shape()[0].clone();
    for k in 2..4 {
        let zero = Dim::Const(0);
        shape[k] = Tensor::windowed(&x.shape()[k], &w.shape()[k], stride, dilation, &zero)?;
        fits(&shape[k], x, w.shape())?;
    }
    Ok(Tensor::symbol("conv", shape, x.dtype()))
}

fn fits(extent: &Dim, x: &Tensor, window: &[Dim]) -> std::result::Result<(), ShapeError> {
    extent.positive().map_err(|at| {
        ShapeError::new("the window is larger than the padded input")
            .fact(format!("input   {}", Show(x.shape())))
            .fact(format!("window  {}", Show(window)))
            .witness(at)
    })
}

/// Padding of both spatial axes: by a mode (`same`, `valid`, `circular`) for a kernel, or by a number of pixels.
pub(super) fn pad2d(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let padding = args.need("padding")?;
    let k = number_of!(ctx, args, "k", 1);
    let dilation = number_of!(ctx, args, "dilation", 1);
    let padding = ctx.settle(padding);
    if let Value::Open(_) = padding {
        return ctx.cases(padding, span, &mut |ctx, p| {
            pad_by(ctx, &x, &p, &k, &dilation, span)
        });
    }
    pad_by(ctx, &x, &padding, &k, &dilation, span)
}

fn pad_by(
    ctx: &mut Ctx,
    x: &Tensor,
    padding: &Value,
    k: &Dim,
    dilation: &Dim,
    span: Span,
) -> Result<Value> {
    if x.rank() != 4 {
        return Err(ctx.shape_fault(ShapeError::ranks("padding", 4, x.shape()), span));
    }
    let reach = k
        .sub(&Dim::Const(1))
        .and_then(|r| r.mul(dilation))
        .map_err(|e| ctx.shape_fault(e.into(), span))?;
    let (sum, mode) = match padding.plain() {
        Value::Unknown(_) => return Ok(Value::unknown()),
        Value::Int(..) | Value::Dim(_) => {
            let p = crate::number::as_dim(padding).unwrap_or(Dim::Const(0));
            let twice = p.mul(&Dim::Const(2));
            (
                twice.map_err(|e| ctx.shape_fault(e.into(), span))?,
                PadMode::Zero,
            )
        }
        v => match &*access::key_text(v) {
            "valid" => return Ok(Value::tensor(x.clone())),
            "same" => (reach, PadMode::Zero),
            "circular" => (reach, PadMode::Circular),
            "edge" => (reach, PadMode::Edge),
            "mirror" => (reach, PadMode::Mirror),
            other => {
                return Err(fault("E0301", format!("there is no padding `{other}`"))
                    .at(span, "here")
                    .help("`same`, `valid`, `circular`, `edge`, `mirror`, or a number of pixels")
                    .into());
            }
        },
    };
    let r = match sum.known() {
        Some(sum) => {
            let (before, after) = (sum / 2, sum - sum / 2);
            x.pad(2, before, after, mode)
                .and_then(|y| y.pad(3, before, after, mode))
        }
        None => (|| {
            let mut shape: Shape = x.shape().into();
            for k in 2..4 {
                shape[k] = shape[k].add(&sum)?;
            }
            Ok(Tensor::symbol("padded", shape, x.dtype()))
        })(),
    };
    done(ctx, r, span)
}

pub(super) fn pool(ctx: &mut Ctx, args: &mut Args, average: bool) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let k = number_of!(ctx, args, "k", 2);
    let stride = number_of!(ctx, args, "stride", 1);
    let pad = number_of!(ctx, args, "pad", 0);
    let count_pad = matches!(args.next("count_padding"), Some(Value::Bool(true)));
    let r = match (k.known(), stride.known(), pad.known()) {
        (Some(k), Some(stride), Some(pad)) => {
            let window = Window {
                size: [k, k],
                stride: [stride, stride],
                dilation: [1, 1],
                pad: [pad; 4],
            };
            if average {
                x.avg_pool(window, count_pad)
            } else {
                x.max_pool(window)
            }
        }
        _ => open_pool(&x, &k, &stride, &pad),
    };
    let y = r.map_err(|e| ctx.shape_fault(e, span))?;
    if counted(ctx) && !x.0.fixed {
        let names = match average {
            true => ["avg_pool_in", "avg_pool_out"],
            false => ["max_pool_in", "max_pool_out"],
        };
        for (item, t) in names.into_iter().zip([&x, &y]) {
            let n = nas_ir::shape::count(t.shape()).map_err(|e| ctx.shape_fault(e.into(), span))?;
            count(ctx, item, n, y.shape(), span)?;
        }
    }
    Ok(Value::tensor(y))
}

fn open_pool(
    x: &Tensor,
    k: &Dim,
    stride: &Dim,
    pad: &Dim,
) -> std::result::Result<Tensor, ShapeError> {
    if x.rank() != 4 {
        return Err(ShapeError::ranks("pooling", 4, x.shape()));
    }
    for (d, what) in [(k, "window"), (stride, "stride")] {
        d.positive().map_err(|at| {
            ShapeError::new(format!("the {what} of a pooling is 1 or more")).witness(at)
        })?;
    }
    let mut shape: Shape = x.shape().into();
    let both = pad.mul(&Dim::Const(2))?;
    for i in 2..4 {
        shape[i] = Tensor::windowed(&x.shape()[i], k, stride, &Dim::Const(1), &both)?;
        fits(&shape[i], x, &[k.clone(), k.clone()])?;
    }
    Ok(Tensor::symbol("pooled", shape, x.dtype()))
}
