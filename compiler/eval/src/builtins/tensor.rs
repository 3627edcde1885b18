//! Layout, contraction, convolution, pooling, gradients: functions of tensors only.

use super::math;
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net::CostEntry;
use crate::value::{BuiltinFn, Element, Value};
use crate::{Fault, Result, access, net, number};
use nas_diagnostics::Span;
use nas_ir::op::{PadMode, Window};
use nas_ir::{DType, Dim, HostFn, Shape, ShapeError, Tensor};
use std::sync::Arc;

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

macro_rules! tensor {
    ($ctx:expr, $args:expr, $name:expr) => {
        match tensor($ctx, $args, $name)? {
            Ok(t) => t,
            Err(v) => return Ok(v),
        }
    };
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

fn conv(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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
fn pad2d(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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

fn pool(ctx: &mut Ctx, args: &mut Args, average: bool) -> Result<Value> {
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

/// `"n c, o c -> n o"` in letters: words become letters, `...` the axes that are left.
fn contract(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let spec = args.need("spec")?;
    let Value::Text(spec) = spec.plain().clone() else {
        return Err(fault(
            "E0301",
            "`contract` begins with the axes, such as \"n c, o c -> n o\"",
        )
        .at(span, "here")
        .into());
    };
    let mut parts = vec![];
    while let Some(v) = args.next("tensor") {
        if v.is_unknown() {
            return Ok(v);
        }
        match number::as_tensor(&v) {
            Some(t) => parts.push(t),
            None => {
                return Err(fault(
                    "E0301",
                    format!("a tensor is wanted, and this is {}", v.kind()),
                )
                .at(span, "here")
                .into());
            }
        }
    }
    let bad =
        |why: &str| Fault::from(fault("E0403", format!("\"{spec}\" {why}")).at(span, "these axes"));
    let (left, right) = spec.split_once("->").ok_or_else(|| bad("has no `->`"))?;
    let sides: Vec<&str> = left.split(',').collect();
    if sides.len() != parts.len() {
        return Err(bad(&format!(
            "names {} tensors, and {} are given",
            sides.len(),
            parts.len()
        )));
    }
    let mut letters: Vec<String> = vec![];
    let words = |side: &str| -> Vec<String> {
        let side = side.trim();
        if side.contains(' ') || side == "..." {
            side.split_whitespace().map(String::from).collect()
        } else {
            side.chars().map(String::from).collect()
        }
    };
    // `...` stands for the leading axes of the first tensor that has it.
    let mut rest = 0usize;
    for (s, t) in sides.iter().zip(&parts) {
        let w = words(s);
        if w.iter().any(|x| x == "...") {
            let named = w.len() - 1;
            rest = rest.max(t.rank().checked_sub(named).ok_or_else(|| {
                ctx.shape_fault(
                    ShapeError::ranks(&format!("\"{s}\""), named, t.shape()),
                    span,
                )
            })?);
        }
    }
    let mut code = |w: Vec<String>| -> String {
        let mut out = String::new();
        for x in w {
            let names: Vec<String> = if x == "..." {
                (0..rest).map(|i| format!("...{i}")).collect()
            } else {
                vec![x]
            };
            for n in names {
                let i = letters.iter().position(|l| *l == n).unwrap_or_else(|| {
                    letters.push(n);
                    letters.len() - 1
                });
                out.push(char::from_u32('a' as u32 + i as u32).unwrap_or('z'));
            }
        }
        out
    };
    let inputs: Vec<Arc<str>> = sides.iter().map(|s| code(words(s)).into()).collect();
    let output = code(words(right));
    if parts.len() > 2 {
        return chain(ctx, parts, inputs, &output, span);
    }
    let y = Tensor::contract(&parts, &inputs, &output).map_err(|e| ctx.shape_fault(e, span))?;
    contraction_cost(ctx, &parts, &inputs, &y, span)?;
    Ok(Value::tensor(y))
}

fn contraction_cost(
    ctx: &mut Ctx,
    parts: &[Tensor],
    inputs: &[Arc<str>],
    y: &Tensor,
    span: Span,
) -> Result<()> {
    if !counted(ctx) || parts.len() < 2 {
        return Ok(());
    }
    let mut seen: Vec<char> = vec![];
    let mut amount = Dim::Const(1);
    for (t, s) in parts.iter().zip(inputs) {
        for (c, d) in s.chars().zip(t.shape()) {
            if !seen.contains(&c) {
                seen.push(c);
                amount = amount.mul(d).map_err(|e| ctx.shape_fault(e.into(), span))?;
            }
        }
    }
    count(ctx, "contraction", amount, y.shape(), span)
}

/// Three and more: two at a time, from the left, keeping the axes that are still needed.
fn chain(
    ctx: &mut Ctx,
    mut parts: Vec<Tensor>,
    mut inputs: Vec<Arc<str>>,
    output: &str,
    span: Span,
) -> Result<Value> {
    while parts.len() > 2 {
        let (a, b) = (parts.remove(0), parts.remove(0));
        let (s, t) = (inputs.remove(0), inputs.remove(0));
        let later: String = inputs.iter().map(|i| i.to_string()).collect::<String>() + output;
        let mut kept = String::new();
        for c in s.chars().chain(t.chars()) {
            if later.contains(c) && !kept.contains(c) {
                kept.push(c);
            }
        }
        let pair = [a, b];
        let specs = [s, t];
        let y = Tensor::contract(&pair, &specs, &kept).map_err(|e| ctx.shape_fault(e, span))?;
        contraction_cost(ctx, &pair, &specs, &y, span)?;
        parts.insert(0, y);
        inputs.insert(0, kept.into());
    }
    let y = Tensor::contract(&parts, &inputs, output).map_err(|e| ctx.shape_fault(e, span))?;
    contraction_cost(ctx, &parts, &inputs, &y, span)?;
    Ok(Value::tensor(y))
}

/// `"n t (h e) -> n h t e"`, sizes of new names by argument.
fn rearrange(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (a, b) = (args.need("x")?, args.need("spec")?);
    let (x, spec) = if let Value::Text(s) = a.plain() {
        (b.clone(), s.clone())
    } else if let Value::Text(s) = b.plain() {
        (a.clone(), s.clone())
    } else {
        return Err(fault(
            "E0301",
            "`rearrange` takes a tensor and axes such as \"n c h w -> n (h w) c\"",
        )
        .at(span, "here")
        .into());
    };
    if x.is_unknown() {
        return Ok(x);
    }
    let Some(t) = number::as_tensor(&x) else {
        return Err(fault(
            "E0301",
            format!("a tensor is wanted, and this is {}", x.kind()),
        )
        .at(span, "here")
        .into());
    };
    let mut sizes: Vec<(String, Dim)> = vec![];
    for (n, v, at) in std::mem::take(&mut args.named) {
        if let Some(v) = v {
            let v = ctx.settle(v);
            sizes.push((n.to_string(), net::extent(ctx, &v, at)?));
        }
    }
    let r = rearranged(&t, &spec, sizes);
    let v = done(ctx, r, span)?;
    // Several outputs in front: a list of them, as `let (q, k, v) = …` wants.
    Ok(v)
}

fn groups_of(side: &str) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = vec![];
    let mut open = false;
    for token in side
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
    {
        match token {
            "(" => {
                open = true;
                out.push(vec![]);
            }
            ")" => open = false,
            name if open => {
                if let Some(g) = out.last_mut() {
                    g.push(name.to_string());
                }
            }
            name => out.push(vec![name.to_string()]),
        }
    }
    out
}

fn rearranged(t: &Tensor, spec: &str, mut sizes: Vec<(String, Dim)>) -> Made {
    let (left, right) = spec
        .split_once("->")
        .ok_or_else(|| ShapeError::new(format!("\"{spec}\" has no `->`")))?;
    let (from, to) = (groups_of(left), groups_of(right));
    if from.len() != t.rank() {
        return Err(ShapeError::ranks(
            &format!("\"{}\"", left.trim()),
            from.len(),
            t.shape(),
        ));
    }
    let mut names: Vec<String> = vec![];
    let mut full: Vec<Dim> = vec![];
    for (g, d) in from.iter().zip(t.shape()) {
        let unknown: Vec<&String> = g
            .iter()
            .filter(|n| !sizes.iter().any(|s| s.0 == **n))
            .collect();
        let mut known = Dim::Const(1);
        for n in g {
            if let Some((_, s)) = sizes.iter().find(|s| s.0 == *n) {
                known = known.mul(s)?;
            }
        }
        match unknown.as_slice() {
            [] => known.same(d).map_err(|w| {
                ShapeError::new(format!("({}) is {known}, and the axis is {d}", g.join(" ")))
                    .fact(format!("shape  {}", Show(t.shape())))
                    .witness(w)
            })?,
            [one] => {
                let q = d.div(&known).map_err(|e| {
                    let e: ShapeError = e.into();
                    e.fact(format!("axis ({}) of {d}", g.join(" ")))
                })?;
                let name = (*one).clone();
                sizes.push((name, q));
            }
            more => {
                return Err(ShapeError::new(format!(
                    "give the size of one of {}",
                    more.iter()
                        .map(|s| s.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
        for n in g {
            names.push(n.clone());
            full.push(
                sizes
                    .iter()
                    .find(|s| s.0 == *n)
                    .map_or(Dim::Const(1), |s| s.1.clone()),
            );
        }
    }
    let split = t.reshape(&full)?;
    let mut order = vec![];
    let mut merged: Vec<Dim> = vec![];
    for g in &to {
        let mut d = Dim::Const(1);
        for n in g {
            if n == "1" {
                continue;
            }
            let i = names.iter().position(|m| m == n).ok_or_else(|| {
                ShapeError::new(format!("axis `{n}` is not on the left of \"{spec}\""))
            })?;
            order.push(i);
            d = d.mul(&full[i])?;
        }
        merged.push(d);
    }
    split.permute(&order)?.reshape(&merged)
}

use nas_ir::shape::Show;

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
fn expand(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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

fn reshape(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let to = args.need("shape")?;
    let shape = dims_of(ctx, &to, span)?;
    let r = x.reshape(&shape);
    done(ctx, r, span)
}

/// All axes from `from` on become one; by default all but the batch.
fn flatten(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    if let Value::List(l) = v.plain()
        && l.iter().all(|x| matches!(x.plain(), Value::List(_)))
    {
        return super::list::concat_lists(ctx, l, span);
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

fn concat(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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
    done(ctx, r, span)
}

fn split(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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
fn take(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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

fn gather(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let i = tensor!(ctx, args, "index");
    let over = args.take_named("over");
    let axis = math::axes(ctx, Some(over.unwrap_or(Value::int(0))), &x, span)?
        .first()
        .copied()
        .unwrap_or(0);
    let r = x.gather(axis, &i.cast(DType::I32));
    done(ctx, r, span)
}

fn filled(ctx: &mut Ctx, args: &mut Args, value: Option<f64>) -> Result<Value> {
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

fn eye(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let n = args.need("n")?;
    let n = net::extent(ctx, &n, span)?;
    Ok(Value::tensor(
        Tensor::iota(n.clone()).one_hot(n, DType::F32),
    ))
}

fn one_hot(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let i = tensor!(ctx, args, "index");
    let n = args.need("classes")?;
    let n = net::extent(ctx, &n, span)?;
    Ok(Value::Tensor(i.one_hot(n, DType::F32), Element::OneHot))
}

/// One entry of the last axis for each row, by an index.
fn pick_class(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let i = tensor!(ctx, args, "index");
    let r = x.pick(&i);
    done(ctx, r, span)
}

fn cumsum(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    if let Some((Some(v), _)) = args.positional.first()
        && let Value::List(l) = v.plain()
    {
        let l = l.clone();
        return super::list::cumsum_list(ctx, &l, span);
    }
    let x = tensor!(ctx, args, "x");
    let over = args.take_named("over");
    let axis = math::axes(ctx, Some(over.unwrap_or(Value::int(-1))), &x, span)?
        .first()
        .copied()
        .unwrap_or(0);
    Ok(Value::tensor(x.cumsum(axis, false)))
}

fn stop(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("x")?;
    let v = ctx.settle(v);
    match v.plain() {
        Value::Tensor(t, e) => Ok(Value::Tensor(t.stop(), *e)),
        _ => Ok(v),
    }
}

fn surrogate(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = tensor!(ctx, args, "value");
    let via = tensor!(ctx, args, "via");
    let r = v.surrogate(&via);
    done(ctx, r, span)
}

/// The gradient of a number for one thing or a list of things.
fn grad(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
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
    let mut out: Vec<Value> = gs.into_iter().map(Value::tensor).collect();
    Ok(if one { out.remove(0) } else { Value::list(out) })
}

fn host(ctx: &mut Ctx, args: &mut Args, f: HostFn) -> Result<Value> {
    let span = args.span;
    let x = tensor!(ctx, args, "x");
    let r = x.host(f);
    done(ctx, r, span)
}

/// `tally("norm", x)`: the value; where costs are counted, its elements are entered under that name.
fn tally(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (a, b) = (args.need("item")?, args.need("x")?);
    let (name, v) = if let Value::Text(_) = a.plain() {
        (a, b)
    } else {
        (b, a)
    };
    if counted(ctx)
        && let Value::Tensor(t, _) = v.plain()
    {
        let n = nas_ir::shape::count(t.shape()).map_err(|e| ctx.shape_fault(e.into(), span))?;
        let out = t.shape().to_vec();
        count(ctx, &access::key_text(&name), n, &out, span)?;
    }
    Ok(v)
}
