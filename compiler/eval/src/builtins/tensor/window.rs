//! Convolution, padding and pooling.

use super::{count, counted, done, int, tensor};
use crate::Result;
use crate::access;
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use nas_diagnostics::Span;
use nas_ir::op::{PadMode, Window};
use nas_ir::{Dim, Shape, ShapeError, Tensor};

pub(super) fn conv(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let w = tensor!(ctx, args, "w");
    let stride = int(ctx, args, "stride", 1)?;
    let groups = int_or_dim(ctx, args, "groups")?;
    let dilation = int(ctx, args, "dilation", 1)?;
    let Some(groups) = groups else {
        // Groups that depend on a choice (depth-wise): the shape follows from the weight, the groups divide the channels.
        return open_groups(ctx, &x, &w, stride, dilation, span);
    };
    let window = Window {
        size: [1, 1],
        stride: [stride, stride],
        dilation: [dilation, dilation],
        pad: [0; 4],
    };
    let y = x
        .conv(&w, window, groups)
        .map_err(|e| ctx.shape_fault(e, span))?;
    if counted(ctx) {
        conv_cost(ctx, &y, &w, span)?;
    }
    Ok(Value::tensor(y))
}

fn conv_cost(ctx: &mut Ctx, y: &Tensor, w: &Tensor, span: Span) -> Result<()> {
    let per_output =
        nas_ir::shape::count(&w.shape()[1..]).map_err(|e| ctx.shape_fault(e.into(), span))?;
    let outs = nas_ir::shape::count(y.shape()).map_err(|e| ctx.shape_fault(e.into(), span))?;
    let amount = outs
        .mul(&per_output)
        .map_err(|e| ctx.shape_fault(e.into(), span))?;
    count(ctx, "contraction", amount, y.shape(), span)
}

fn int_or_dim(ctx: &mut Ctx, args: &mut Args, name: &str) -> Result<Option<i64>> {
    match args.next(name) {
        None => Ok(Some(1)),
        Some(v) => {
            let v = ctx.settle(v);
            match v.plain() {
                Value::Dim(_) | Value::Open(_) => Ok(None),
                _ => access::whole(ctx, &v, args.span).map(Some),
            }
        }
    }
}

fn open_groups(
    ctx: &mut Ctx,
    x: &Tensor,
    w: &Tensor,
    stride: i64,
    dilation: i64,
    span: Span,
) -> Result<Value> {
    let window = Window {
        size: [1, 1],
        stride: [stride, stride],
        dilation: [dilation, dilation],
        pad: [0; 4],
    };
    // One channel of each group decides the spatial extents.
    let part = x
        .slice(1, Dim::Const(0), Dim::Const(1), 1)
        .map_err(|e| ctx.shape_fault(e, span))?;
    let kernel: Shape = [
        Dim::Const(1),
        Dim::Const(1),
        w.shape()[2].clone(),
        w.shape()[3].clone(),
    ]
    .into_iter()
    .collect();
    let y = part
        .conv(&Tensor::symbol("kernel", kernel, x.dtype()), window, 1)
        .map_err(|e| ctx.shape_fault(e, span))?;
    let mut shape: Shape = y.shape().into();
    shape[1] = w.shape()[0].clone();
    let y = Tensor::symbol("conv", shape, x.dtype());
    if counted(ctx) {
        conv_cost(ctx, &y, w, span)?;
    }
    Ok(Value::tensor(y))
}

/// Padding of both spatial axes: by a mode (`same`, `valid`, `circular`) for a kernel, or by a number of pixels.
pub(super) fn pad2d(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let padding = args.need("padding")?;
    let k = int(ctx, args, "k", 1)?;
    let dilation = int(ctx, args, "dilation", 1)?;
    let reach = (k - 1) * dilation;
    let (before, after, mode) = match padding.plain() {
        Value::Int(p, _) => (*p, *p, PadMode::Zero),
        v => match &*access::key_text(v) {
            "valid" => (0, 0, PadMode::Zero),
            "same" => (reach / 2, reach - reach / 2, PadMode::Zero),
            "circular" => (reach / 2, reach - reach / 2, PadMode::Circular),
            "edge" => (reach / 2, reach - reach / 2, PadMode::Edge),
            "mirror" => (reach / 2, reach - reach / 2, PadMode::Mirror),
            other => {
                return Err(fault("E0301", format!("there is no padding `{other}`"))
                    .at(span, "here")
                    .help("`same`, `valid`, `circular`, `edge`, `mirror`, or a number of pixels")
                    .into());
            }
        },
    };
    if x.rank() != 4 {
        return Err(ctx.shape_fault(ShapeError::ranks("padding", 4, x.shape()), span));
    }
    let r = x
        .pad(2, before, after, mode)
        .and_then(|y| y.pad(3, before, after, mode));
    done(ctx, r, span)
}

pub(super) fn pool(ctx: &mut Ctx, args: &mut Args, average: bool) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let k = int(ctx, args, "k", 2)?;
    let stride = int(ctx, args, "stride", 1)?;
    let pad = int(ctx, args, "pad", 0)?;
    let count_pad = matches!(args.next("count_padding"), Some(Value::Bool(true)));
    let window = Window {
        size: [k, k],
        stride: [stride, stride],
        dilation: [1, 1],
        pad: [pad; 4],
    };
    let r = if average {
        x.avg_pool(window, count_pad)
    } else {
        x.max_pool(window)
    };
    done(ctx, r, span)
}
