//! Running a net: its blocks' bodies at their places, with edits, records and costs on the way.

use super::feasible::{guarded, settled};
use super::memo;
use super::{
    CallRecord, CostEntry, EditValue, Frame, NetBase, NetContext, NetValue, NetWeights, PatternArg,
    Recorder,
};
use crate::alike::Tally;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Func, FuncKind, Picked, Value};
use crate::{Result, stmt};
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, ExprKind, FnDecl, TypeKind};
use nas_ir::DType;
use std::sync::Arc;

/// Runs a net on its inputs.
pub fn call_net(ctx: &mut Ctx, n: &Arc<NetValue>, args: Args) -> Result<Value> {
    run(ctx, n, args, None, false).map(|r| r.0)
}

/// Runs a net, recording its calls or its costs as asked.
pub fn run(
    ctx: &mut Ctx,
    n: &Arc<NetValue>,
    args: Args,
    record: Option<Recorder>,
    costs: bool,
) -> Result<(Value, Option<Recorder>, Vec<CostEntry>)> {
    let span = args.span;
    let space = n.space_context(ctx)?;
    let body = n.body(ctx)?;
    let mut context = NetContext::new(n.clone());
    context.record = record;
    context.costs = costs.then(Vec::new);
    let train = n.train.unwrap_or(match &n.weights {
        NetWeights::Fresh(_) => true,
        NetWeights::Stored(w) => w.live,
        // Costs are counted on the inference graph.
        NetWeights::Abstract => !costs,
    });
    if ctx.net.is_none() && !costs {
        let input = args.positional.first().and_then(|a| a.0.as_ref());
        crate::ledger::pass(ctx, n, input, train);
        // What is not computed yet reads these weights, though nothing else may hold them any more.
        if let (NetWeights::Stored(w), None, false) = (&n.weights, &ctx.turn, ctx.checking())
            && !ctx.alive.iter().any(|a| a.id == w.id)
        {
            ctx.alive.push(w.clone());
        }
    }
    if let (NetWeights::Stored(w), true) = (&n.weights, ctx.turn.is_some()) {
        w.passes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    let known = match costs {
        true => None,
        false => memo::key(ctx, n, &args, context.record.is_some(), train),
    };
    if let Some(c) = known.as_ref().and_then(|k| memo::find(ctx, k)) {
        c.tally.add(ctx);
        return Ok((c.output, c.record, vec![]));
    }
    let before = Tally::of(ctx);
    let saved_net = ctx.net.replace(Box::new(context));
    let saved_space = std::mem::replace(&mut ctx.space, space);
    let saved_train = ctx.train.replace(train);
    let saved_top = std::mem::replace(&mut ctx.top, false);
    let open = matches!(n.base, NetBase::AllMembers { .. });
    let saved_assumed = if open {
        None
    } else {
        Some((
            std::mem::take(&mut ctx.assumed),
            std::mem::take(&mut ctx.among),
        ))
    };
    let args = Args {
        positional: args
            .positional
            .into_iter()
            .map(|(v, s)| (v.map(|v| cast_input(v, n.dtype)), s))
            .collect(),
        ..args
    };
    let out = ctx.deeper(span, |ctx| match body {
        Some((decl, env, module)) => ctx.in_module(module, |ctx| {
            let env = call::bind(ctx, "this net", &decl.params, args, &env)?;
            let mut body = |ctx: &mut Ctx| {
                let out = stmt::block(ctx, &decl.body, &env)?;
                if let (Some(ty), Value::Tensor(t, _)) = (&decl.result, out.plain())
                    && let TypeKind::Tensor { shape, .. } = &ty.kind
                {
                    call::bind_shape(ctx, t, shape, &env, span, ty.span)?;
                }
                Ok(out)
            };
            match open {
                true => guarded(ctx, decl.span, &mut body),
                false => body(ctx),
            }
        }),
        None => match &n.base {
            NetBase::Block(b) => call::call(ctx, b.clone(), args),
            _ => Err(fault("E0307", "this space has no net")
                .at(span, "run here")
                .into()),
        },
    });
    let done = std::mem::replace(&mut ctx.net, saved_net);
    ctx.space = saved_space;
    ctx.train = saved_train;
    ctx.top = saved_top;
    if let Some(a) = saved_assumed {
        (ctx.assumed, ctx.among) = a;
    }
    let (record, costs) = done
        .map(|d| (d.record, d.costs.unwrap_or_default()))
        .unwrap_or_default();
    let out = out?;
    if let Some(key) = known {
        let tally = before.since(ctx);
        memo::keep(ctx, key, &out, record.as_ref(), tally);
    }
    Ok((out, record, costs))
}

fn cast_input(v: Value, dtype: DType) -> Value {
    match v.plain() {
        Value::Tensor(t, e) if dtype == DType::F64 && t.dtype() == DType::F32 => {
            Value::Tensor(t.cast(dtype), *e)
        }
        _ => v,
    }
}

/// A chosen option is called: its place carries the choice.
pub fn chosen(ctx: &mut Ctx, p: &Arc<Picked>, args: Args) -> Result<Value> {
    if crate::space::mixture::is_mixed(p) {
        return call::call(ctx, p.value.clone(), args);
    }
    if let Some(out) = crate::weights::chosen(ctx, p, &args)? {
        return Ok(out);
    }
    if let Some(n) = &mut ctx.net {
        let name = n.numbered(&p.site);
        n.frames.push(Frame {
            name,
            option: Some(p.label.clone()),
            ..Frame::default()
        });
    }
    let out = call::call(ctx, p.value.clone(), args);
    if let Some(n) = &mut ctx.net {
        n.frames.pop();
    }
    out
}

/// Runs a block's body at its place in the net; outside a net, as a net of its own with fresh weights.
pub fn call_block(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Value> {
    if ctx.net.is_none() {
        let key = ctx.next_key();
        let n = Arc::new(NetValue::new(
            NetBase::Block(Value::None),
            NetWeights::Fresh(key),
        ));
        ctx.net = Some(Box::new(NetContext::new(n)));
        let saved = ctx.train.get_or_insert(true).to_owned();
        let out = call_block(ctx, decl, body, env, span);
        ctx.net = None;
        ctx.train = if saved { None } else { Some(saved) };
        return out;
    }
    let kind = decl.name.text.clone();
    let inputs = decl.params.last().map(Vec::as_slice).unwrap_or_default();
    let input = inputs.first().and_then(|p| match env.find(&p.name.text) {
        Some(crate::env::Found::Value(v)) => Some(v),
        _ => None,
    });
    let Some(n) = &mut ctx.net else {
        return Ok(Value::None);
    };
    // Edits of this kind take the block's place, unless this call is the edited block itself.
    let in_edit = n.top().edited && n.top().kind == kind;
    let edit = if in_edit {
        None
    } else {
        n.net.edits.iter().rev().find_map(|e| {
            let aimed = e.kind == kind && e.param.is_none();
            let bound = aimed.then(|| e.fits(&n.frames, decl, env)).flatten()?;
            Some((e.clone(), bound))
        })
    };
    let number = {
        let met = n.met.entry(kind.clone()).or_insert(0);
        let i = *met;
        if !in_edit {
            *met += 1;
        }
        i
    };
    let mut overrides = IndexMap::new();
    if in_edit {
        overrides = std::mem::take(&mut n.top().overrides);
        n.frames.pop();
    }
    // The edited block stands where the old one stood: its weights keep their address.
    let name = if in_edit {
        Arc::default()
    } else {
        n.numbered(&kind)
    };
    if let Some((e, bound)) = edit {
        let this = Value::Func(Arc::new(Func {
            kind: FuncKind::Decl {
                decl: decl.clone(),
                module: ctx.module,
                env: env.clone(),
                global: None,
                lists: decl.params.len().saturating_sub(1),
            },
            bound: vec![],
            span,
        }));
        let handle = CallRecord {
            kind: kind.clone(),
            path: name.clone(),
            block: Some(this.clone()),
            statics: Some(env.clone()),
            ..CallRecord::default()
        };
        let replacement = match &e.value {
            EditValue::Ready(v) => v.clone(),
            EditValue::Later { value, env, module } => {
                let mut inner = env.clone();
                for p in &e.pattern {
                    if let PatternArg::Bind(n) = &p.1
                        && let Some(crate::env::Found::Value(v)) = bound.find(n)
                    {
                        inner = inner.bind(n.clone(), v);
                    }
                }
                if let Some((b, i)) = &e.binder {
                    inner = inner.bind(b.clone(), Value::Call(Arc::new(handle)));
                    if let Some(i) = i {
                        inner = inner.bind(i.clone(), Value::int(number as i64));
                    }
                }
                ctx.in_module(*module, |ctx| {
                    ctx.under(e.key.named(&name), |ctx| ctx.eval(value, &inner))
                })?
            }
        };
        let args: Vec<(Value, Span)> = inputs
            .iter()
            .filter_map(|p| match env.find(&p.name.text) {
                Some(crate::env::Found::Value(v)) => Some((v, span)),
                _ => None,
            })
            .collect();
        let mut fresh = e.binder.is_none();
        // `r => r.body`: a function of the old block gives the new one.
        let replacement = match replacement.plain() {
            Value::Func(f) if matches!(f.kind, FuncKind::Lambda { .. }) && e.binder.is_none() => {
                fresh = false;
                let handle = CallRecord {
                    kind: kind.clone(),
                    path: name.clone(),
                    block: Some(this),
                    statics: Some(env.clone()),
                    ..CallRecord::default()
                };
                call::call(
                    ctx,
                    replacement.clone(),
                    Args::one(Value::Call(Arc::new(handle)), span),
                )?
            }
            _ => replacement,
        };
        if let Some(n) = &mut ctx.net {
            n.frames.push(Frame {
                name,
                edit: fresh.then_some(e.key),
                ..Frame::default()
            });
        }
        let out = call::call(ctx, replacement, Args::of(args, span));
        if let Some(n) = &mut ctx.net {
            n.frames.pop();
        }
        return out;
    }
    n.frames.push(Frame {
        name,
        kind: kind.clone(),
        overrides,
        ..Frame::default()
    });
    let open = n.open();
    let before = match in_edit {
        true => None,
        false => super::blocks::begin(ctx, decl, env),
    };
    if let Some(v) = before.as_ref().and_then(|b| super::blocks::again(ctx, b)) {
        if let Some(n) = &mut ctx.net {
            n.frames.pop();
        }
        return Ok(v);
    }
    let mut of_body = |ctx: &mut Ctx| {
        let mut env = env.clone();
        for p in inputs {
            if let Some(crate::env::Found::Value(v)) = env.find(&p.name.text) {
                env = env.bind(p.name.text.clone(), settled(ctx, v));
            }
        }
        stmt::block(ctx, body, &env)
    };
    let made = match open {
        true => guarded(ctx, span, &mut of_body),
        false => stmt::block(ctx, body, env),
    };
    let out = made.and_then(|v| match (&body.value, &input) {
        // `at train { … }` as a body: an arm that gives a function is given the input.
        (Some(e), Some(x))
            if matches!(e.kind, ExprKind::Modes { .. }) && matches!(v, Value::Func(_)) =>
        {
            call::apply(ctx, v, x.clone(), span)
        }
        _ => Ok(v),
    });
    if let (Some(before), Ok(v)) = (before, &out) {
        super::blocks::keep(ctx, before, decl, v);
    }
    let Some(n) = &mut ctx.net else { return out };
    let path = n.path();
    if let (Some(turn), Ok(Value::Tensor(t, _)), false) = (
        &mut ctx.turn,
        out.as_ref().map(Value::plain),
        n.costs.is_some(),
    ) && ctx.purpose == crate::ctx::Purpose::Run
    {
        turn.layers.push((path.clone(), t.clone()));
    }
    let frame = n.frames.pop().unwrap_or_default();
    if in_edit {
        // Gives back the frame that marked the edit.
        n.frames.push(Frame::default());
    }
    let out = out?;
    if let Some(r) = &mut n.record {
        r.calls.push(Arc::new(CallRecord {
            kind,
            path,
            input,
            output: Some(out.clone()),
            states: frame.states.keys().cloned().collect(),
            params: frame.params,
            taps: frame.taps,
            statics: Some(env.clone()),
            ..CallRecord::default()
        }));
    }
    Ok(out)
}

/// A block of a net with some of its parameters or states replaced, called.
pub fn call_handle(ctx: &mut Ctx, c: &Arc<CallRecord>, args: Args) -> Result<Value> {
    let Some(block) = c.block.clone() else {
        return Err(fault("E0307", "this call has already happened")
            .at(args.span, "called here")
            .into());
    };
    if let Some(n) = &mut ctx.net {
        n.frames.push(Frame {
            kind: c.kind.clone(),
            edited: true,
            overrides: c.overrides.clone(),
            ..Frame::default()
        });
    }
    let out = call::call(ctx, block, args);
    if let Some(n) = &mut ctx.net {
        n.frames.pop();
    }
    out
}

/// `tap name = value`: seen by a trace. A tap in a pipe collects its turns in a list.
pub fn tap(ctx: &mut Ctx, name: &Arc<str>, value: &Value, many: bool) {
    let Some(n) = &mut ctx.net else { return };
    if let Some(f) = n.frames.iter_mut().rev().find(|f| !f.kind.is_empty()) {
        f.taps.insert(name.clone(), value.clone());
    }
    if let Some(r) = &mut n.record {
        if many {
            let old = r
                .taps
                .entry(name.clone())
                .or_insert_with(|| Value::list(vec![]));
            if let Value::List(l) = old {
                let mut l = l.to_vec();
                l.push(value.clone());
                *old = Value::list(l);
            }
        } else {
            r.taps.insert(name.clone(), value.clone());
        }
    }
}
