//! Looking into a net: its input, its blocks, a trace of one run.

use super::{CallRecord, NetBase, NetValue, Recorder, extent, run};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Fault, Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, TypeKind};
use nas_ir::{Dim, Shape, Tensor};
use std::sync::Arc;

/// The shape of one input: without the batch.
pub fn input_shape(ctx: &mut Ctx, n: &Arc<NetValue>, span: Span) -> Result<Vec<Dim>> {
    let Some((decl, env, module)) = n.body(ctx)? else {
        return Err(fault("E0302", "a block's input has no fixed size")
            .at(span, "here")
            .help("give it: `on: [3, 224, 224]`")
            .into());
    };
    let Some(ty) = decl.params.first().and_then(|p| p.ty.as_ref()) else {
        return Ok(vec![]);
    };
    let TypeKind::Tensor { shape, .. } = &ty.kind else {
        return Ok(vec![]);
    };
    ctx.in_module(module, |ctx| {
        let mut out = vec![];
        for s in shape.iter().skip(1) {
            if let ast::IndexArg::At(e) = s {
                let v = ctx.eval(e, &env).map_err(|_| {
                    Fault::from(
                        fault("E0302", "this net's input has no fixed size")
                            .at(e.span, "not a number")
                            .help("give it: `on: [3, 224, 224]`"),
                    )
                })?;
                out.push(extent(ctx, &v, e.span)?);
            }
        }
        Ok(out)
    })
}

/// A stand-in for a batch of inputs.
pub fn stand_in_input(
    ctx: &mut Ctx,
    n: &Arc<NetValue>,
    batch: Dim,
    on: Option<Vec<Dim>>,
    span: Span,
) -> Result<Value> {
    let mut shape: Shape = Shape::new();
    shape.push(batch);
    match on {
        Some(dims) => shape.extend(dims),
        None => shape.extend(input_shape(ctx, n, span)?),
    }
    Ok(Value::tensor(Tensor::symbol("input", shape, n.dtype)))
}

/// Its blocks of some kinds, in order.
pub fn blocks(ctx: &mut Ctx, n: &Arc<NetValue>, kinds: &[Value], span: Span) -> Result<Value> {
    let x = stand_in_input(ctx, n, Dim::Const(1), None, span)?;
    let (_, r, _) = run(ctx, n, Args::one(x, span), Some(Recorder::default()), false)?;
    let calls = r.map(|r| r.calls).unwrap_or_default();
    Ok(Value::list(select(&calls, kinds)))
}

fn select(calls: &[Arc<CallRecord>], kinds: &[Value]) -> Vec<Value> {
    calls
        .iter()
        .filter(|c| kinds.iter().any(|k| access::named(k, &c.kind)))
        .map(|c| Value::Call(c.clone()))
        .collect()
}

/// Runs a net and keeps what is inside.
pub fn trace(ctx: &mut Ctx, n: &Arc<NetValue>, args: Args) -> Result<Value> {
    let input = args.positional.first().and_then(|a| a.0.clone());
    let (out, r, _) = run(ctx, n, args, Some(Recorder::default()), false)?;
    let r = r.unwrap_or_default();
    Ok(Value::Call(Arc::new(CallRecord {
        kind: "net".into(),
        input,
        output: Some(out),
        taps: r.taps,
        all: Arc::new(r.calls),
        ..CallRecord::default()
    })))
}

pub fn net_method(ctx: &mut Ctx, n: &Arc<NetValue>, name: &str, args: Args) -> Result<Value> {
    match name {
        "all" => {
            let kinds: Vec<Value> = args.positional.into_iter().filter_map(|a| a.0).collect();
            blocks(ctx, n, &kinds, args.span)
        }
        _ => trace(ctx, n, args),
    }
}

pub fn call_method(_ctx: &mut Ctx, c: &Arc<CallRecord>, name: &str, args: Args) -> Result<Value> {
    match name {
        "all" => {
            let kinds: Vec<Value> = args.positional.into_iter().filter_map(|a| a.0).collect();
            // A tap's name gives its values.
            Ok(Value::list(select(&c.all, &kinds)))
        }
        other => Err(fault("E0202", format!("a trace has no `{other}`"))
            .at(args.span, "here")
            .into()),
    }
}

pub fn net_field(ctx: &mut Ctx, n: &Arc<NetValue>, key: &str, span: Span) -> Result<Option<Value>> {
    Ok(match key {
        "input" => Some(Value::list(
            input_shape(ctx, n, span)?
                .into_iter()
                .map(number::of_dim)
                .collect(),
        )),
        "arch" => match &n.base {
            NetBase::Member { arch, .. } => Some(match &arch.mixture {
                Some(m) => m.written.clone(),
                None => Value::Arch(arch.clone()),
            }),
            _ => Some(Value::unknown()),
        },
        _ => None,
    })
}

pub fn call_field(
    _ctx: &mut Ctx,
    c: &Arc<CallRecord>,
    key: &str,
    _span: Span,
) -> Result<Option<Value>> {
    Ok(match key {
        "in" => c.input.clone(),
        "out" => c.output.clone(),
        "kind" => Some(Value::text(c.kind.clone())),
        "path" => Some(Value::text(c.path.clone())),
        _ => c
            .params
            .get(key)
            .or_else(|| c.taps.get(key))
            .cloned()
            .or_else(|| {
                c.statics.as_ref().and_then(|e| match e.find(key) {
                    Some(crate::env::Found::Value(v)) => Some(v),
                    _ => None,
                })
            }),
    })
}
