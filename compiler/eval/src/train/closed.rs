//! Calls of trainers, searches and proxies: functions that close over their draws, so that results can be kept.

use super::compute::{number, settle};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::host::Event;
use crate::key::Key;
use crate::net::{NetBase, NetWeights};
use crate::value::{Kept, Known, Value};
use crate::{Fault, Result, access, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, FnDecl};
use std::sync::Arc;

/// A trainer or a search: closes over its draws.
pub fn call_closed(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    seed: Option<Value>,
    span: Span,
) -> Result<Value> {
    let seed = match seed {
        Some(s) if !s.is_unknown() => Some(access::whole(ctx, &s, span)?),
        _ => None,
    };
    // A function of its arguments: where it is called has no say in its draws.
    let key = match seed {
        Some(s) => Key::seed(s as u64),
        // A check draws nothing.
        None if ctx.alike.is_some() => ctx.origin,
        None => ctx
            .origin
            .named("closed")
            .named(&ctx.arguments_print(decl, env)),
    };
    crate::ledger::closed(ctx, decl, env, key, seed);
    let stage_key = ctx.stage_key(decl, env, &key);
    if let Some(k) = &stage_key
        && let Some(bytes) = ctx.host.cached(k)
        && let Some(v) = crate::keep::decode(ctx, &bytes)
    {
        ctx.host.event(Event::StageEnd {
            stage: ctx.stage.clone(),
            cached: true,
        });
        stored(ctx, decl, env, k);
        // Known before anything reads it: slots that are first used later do not count.
        crate::show::fingerprint(&v);
        if let Value::Invalid(reason) = &v {
            invalid(ctx, reason, span);
        }
        return Ok(v);
    }
    let origin = ctx.origin;
    if seed.is_some() {
        ctx.origin = key;
    }
    let saved = (
        ctx.turn.take(),
        ctx.net.take(),
        ctx.clock.take(),
        ctx.train.take(),
    );
    let top = std::mem::replace(&mut ctx.top, false);
    let checkpoint = std::mem::replace(&mut ctx.checkpoint, stage_key.clone());
    let points = std::mem::take(&mut ctx.points);
    let held = ctx.alive.len();
    let before = ctx.fallbacks;
    let history = std::mem::take(&mut ctx.history);
    let announced = !ctx.checking() && !ctx.stage.is_empty();
    if announced {
        ctx.host.event(Event::StageStart {
            stage: ctx.stage.clone(),
            steps: None,
        });
    }
    let out = ctx.under(key, |ctx| {
        let v = stmt::block(ctx, body, env)?;
        let v = freeze(&v);
        settle(ctx, v, span)
    });
    (ctx.turn, ctx.net, ctx.clock, ctx.train) = saved;
    ctx.top = top;
    ctx.checkpoint = checkpoint;
    ctx.origin = origin;
    ctx.alive.truncate(held);
    let points = std::mem::replace(&mut ctx.points, points);
    let history = std::mem::replace(&mut ctx.history, history);
    let out = match out {
        // What a training that diverged gives is no value; everything else goes on.
        Err(Fault(d)) if d.code == "E0703" && announced => Value::invalid(d.message.clone()),
        Err(fault) => return Err(fault),
        Ok(v) => match announced.then(|| unsound(&v)).flatten() {
            Some(reason) => Value::invalid(reason),
            None => v,
        },
    };
    // What loops recorded goes with the result; weights carry their own.
    let out = match (&out, history.is_empty()) {
        (Value::Invalid(_), _) => out,
        (Value::Weights(w), false) => {
            if let Ok(mut h) = w.history.lock() {
                h.extend(history);
            }
            out
        }
        (Value::Record(_) | Value::List(_), _) if ctx.checking() => Value::Kept(Arc::new(Kept {
            value: out,
            history: Value::Unknown(Known::List),
        })),
        (_, false) => Value::Kept(Arc::new(Kept {
            value: out,
            history: Value::list(history),
        })),
        _ => out,
    };
    if announced {
        crate::show::fingerprint(&out);
        if let Value::Invalid(reason) = &out {
            invalid(ctx, reason, span);
        }
    }
    if announced {
        if ctx.fallbacks > before {
            let what = "draws that fell back on their `else`".to_string();
            ctx.host.event(Event::Fallback {
                stage: ctx.stage.clone(),
                what,
                count: ctx.fallbacks - before,
            });
        }
        ctx.host.event(Event::StageEnd {
            stage: ctx.stage.clone(),
            cached: false,
        });
    }
    if stage_key.is_some() {
        filled(ctx, &out, span)?;
    }
    if let Some(k) = stage_key
        && let Some(bytes) = crate::keep::encode(ctx, &out)
    {
        ctx.host.keep(&k, &bytes).map_err(Fault::from)?;
        stored(ctx, decl, env, &k);
        points.iter().for_each(|p| ctx.host.forget(p));
    }
    Ok(out)
}

/// Tells where the result of a stage is kept, and what it was made of.
fn stored(ctx: &Ctx, decl: &FnDecl, env: &Env, key: &str) {
    if ctx.stage.is_empty() {
        return;
    }
    let mut about = vec![("by".into(), decl.name.text.to_string())];
    for p in decl.params.iter().flatten() {
        if let Some(Found::Value(v)) = env.find(&p.name.text) {
            about.push((p.name.text.clone(), crate::show::brief(&v)));
        }
    }
    ctx.host.event(Event::Stored {
        stage: ctx.stage.clone(),
        key: key.to_string(),
        about,
    });
}

/// Notes that a stage ended as invalid: once a stage, whoever asked for it.
fn invalid(ctx: &mut Ctx, reason: &Arc<str>, span: Span) {
    let stage = ctx.stage.clone();
    if stage.is_empty() {
        return;
    }
    if let Ok(mut all) = ctx.shared.invalid.lock() {
        let line = (stage.clone(), reason.clone());
        if all.contains(&line) {
            return;
        }
        all.push(line);
    }
    ctx.host.event(Event::Invalid {
        stage: stage.clone(),
        reason: reason.clone(),
    });
    let d = fault("E0703", format!("`{stage}` ended as invalid: {reason}"))
        .at(span, "this call")
        .help("a smaller learning rate, or `clip_norm`, keeps steps finite; `else` and `valid(…)` meet an invalid value");
    ctx.warnings.push(d);
}

/// Why trained weights are no result: the last update may have gone wrong with a loss that was still finite.
fn unsound(v: &Value) -> Option<String> {
    match v {
        Value::Weights(w) => {
            let slots = w.store.lock().ok()?.clone();
            let bad = slots.iter().find(|(_, s)| {
                let t = s.value.download();
                t.to_f64().iter().any(|x| !x.is_finite())
            });
            bad.map(|(address, _)| {
                format!("its weights are not finite after the last step: first in `{address}`")
            })
        }
        Value::List(l) => l.iter().find_map(unsound),
        Value::Record(r) => r.values().find_map(unsound),
        _ => None,
    }
}

/// A proxy: trains nothing, closes over its draws, and is asked once for a member.
pub fn call_proxy(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    seed: Option<Value>,
    span: Span,
) -> Result<Value> {
    let key = match seed {
        Some(s) if !s.is_unknown() => Key::seed(access::whole(ctx, &s, span)? as u64),
        _ => ctx.origin.named(&decl.name.text),
    };
    // The member, where the proxy reads nothing but one fresh net.
    let mut memo = None;
    if let [params] = &decl.params[..]
        && let Some(first) = params.first()
        && let Some(Found::Value(Value::Net(n))) = env.find(&first.name.text)
        && let (NetBase::Member { space, arch }, NetWeights::Fresh(_), true) =
            (&n.base, &n.weights, n.edits.is_empty())
        && arch.mixture.is_none()
        && ctx.alike.is_none()
    {
        let rest: Vec<String> = params[1..]
            .iter()
            .map(|p| match env.find(&p.name.text) {
                Some(Found::Value(v)) => crate::show::fingerprint(&v),
                _ => String::new(),
            })
            .collect();
        memo = Some(format!(
            "{}|{:?}|{}|{:?}|{:?}",
            decl.name.text, key.0, space.id, arch.arch.0, rest
        ));
    }
    if let Some(m) = &memo
        && let Some(v) = ctx
            .shared
            .scores
            .lock()
            .ok()
            .and_then(|s| s.get(m).cloned())
    {
        return Ok(v);
    }
    let saved = (ctx.turn.take(), ctx.net.take(), ctx.train.take());
    let top = std::mem::replace(&mut ctx.top, false);
    let out = ctx.under(key, |ctx| {
        let v = stmt::block(ctx, body, env)?;
        score(ctx, v, decl, span)
    });
    (ctx.turn, ctx.net, ctx.train) = saved;
    ctx.top = top;
    let out = out?;
    if let Some(m) = memo
        && let Ok(mut s) = ctx.shared.scores.lock()
    {
        s.insert(m, out.clone());
    }
    Ok(out)
}

/// A score is a finite number or invalid.
pub(super) fn score(ctx: &mut Ctx, v: Value, decl: &FnDecl, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Tensor(..) => {
            if ctx.checking() {
                return Ok(Value::unknown());
            }
            let f = number(ctx, &v, span)?;
            Ok(if f.is_finite() {
                Value::float(f)
            } else {
                Value::invalid(format!("`{}` is not finite", decl.name.text))
            })
        }
        _ => settle(ctx, v, span),
    }
}

/// Weights that were trained become values: nothing changes them any more.
pub fn freeze(v: &Value) -> Value {
    match v {
        Value::Weights(w) if w.live => {
            let f = w.copy(false);
            if let (Ok(mut a), Ok(b)) = (f.history.lock(), w.history.lock()) {
                a.clone_from(&b);
            }
            Value::Weights(Arc::new(f))
        }
        Value::Record(r) => Value::record(r.iter().map(|(k, v)| (k.clone(), freeze(v))).collect()),
        Value::List(l) => Value::list(l.iter().map(freeze).collect()),
        other => other.clone(),
    }
}

/// Every slot of weights that are kept is there: what no step reached could not be drawn without its policy.
fn filled(ctx: &mut Ctx, v: &Value, span: Span) -> Result<()> {
    match v.plain() {
        Value::Weights(w) if w.policy.is_some() => crate::weights::fill(ctx, w, span),
        Value::Record(r) => r.values().try_for_each(|v| filled(ctx, v, span)),
        Value::List(l) => l.iter().try_for_each(|v| filled(ctx, v, span)),
        _ => Ok(()),
    }
}
