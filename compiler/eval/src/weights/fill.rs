//! Slots that no step has reached yet, made now: each is drawn by its own key, so when it is made does not show.

use super::WeightsValue;
use crate::call::Args;
use crate::ctx::Ctx;
use crate::net::{self, NetBase, NetValue, NetWeights};
use crate::space::{ArchValue, SpaceValue};
use crate::value::Value;
use crate::{Fault, Result};
use nas_diagnostics::Span;
use nas_ir::Dim;
use std::collections::HashSet;
use std::sync::Arc;

/// Makes every slot of a store: over a space, of members that take each option of each choice at least once.
pub fn fill(ctx: &mut Ctx, w: &Arc<WeightsValue>, span: Span) -> Result<()> {
    if w.filled.get().is_some() || ctx.checking() {
        return Ok(());
    }
    let nets = match (&w.space, &w.net) {
        (Some(s), _) => covering(ctx, s, span)?
            .into_iter()
            .map(|arch| NetBase::Member {
                space: s.clone(),
                arch,
            })
            .collect(),
        (None, Some(v)) => vec![net::as_net(ctx, v, span)?.base.clone()],
        _ => vec![],
    };
    let saved = (ctx.turn.take(), ctx.net.take(), ctx.space.take());
    let r = (|| -> Result<()> {
        for base in nets {
            let n = Arc::new(NetValue::new(base, NetWeights::Stored(w.clone())));
            // A block whose input has no fixed size is made as it is first used.
            let Ok(x) = net::stand_in_input(ctx, &n, Dim::Const(1), None, span) else {
                continue;
            };
            net::run(ctx, &n, Args::one(x, span), None, false)?;
        }
        Ok(())
    })();
    (ctx.turn, ctx.net, ctx.space) = saved;
    r?;
    let _ = w.filled.set(());
    Ok(())
}

/// Members that together take every option that some member takes.
fn covering(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<Vec<Arc<ArchValue>>> {
    let a = s.algebra(ctx, span)?;
    let sites = s.sites();
    let mut done: HashSet<(usize, usize)> = HashSet::new();
    let mut out = vec![];
    for (site, info) in sites.iter().enumerate() {
        for option in 0..info.labels.len() {
            if done.contains(&(site, option)) {
                continue;
            }
            let made = a
                .space
                .build(|_, at, allowed, _| -> std::result::Result<usize, Fault> {
                    let fresh = allowed.iter().find(|o| !done.contains(&(at, **o)));
                    Ok(if at == site && allowed.contains(&option) {
                        option
                    } else {
                        fresh.or(allowed.first()).copied().unwrap_or_default()
                    })
                });
            done.insert((site, option));
            let Ok(m) = made else { continue };
            for (i, o) in m.0.iter().enumerate() {
                if let Some(o) = o {
                    done.insert((i, *o));
                }
            }
            out.push(ArchValue::new(s.clone(), m));
        }
    }
    if sites.is_empty()
        && let Some(m) = a.space.enumerate().next()
    {
        out.push(ArchValue::new(s.clone(), m));
    }
    Ok(out)
}

/// The slots' names and whether they are known before anything runs.
pub(super) fn names(
    ctx: &mut Ctx,
    w: &Arc<WeightsValue>,
    span: Span,
) -> Result<Option<Vec<Arc<str>>>> {
    if !ctx.checking() {
        fill(ctx, w, span)?;
        return Ok(w.store.lock().ok().map(|s| s.keys().cloned().collect()));
    }
    if let (Some(s), Some(p)) = (&w.space, &w.policy) {
        let mut all: Vec<Arc<str>> = s.slot_shapes(ctx, p, false, span)?.into_keys().collect();
        all.sort();
        return Ok(Some(all));
    }
    let Some(v) = &w.net else { return Ok(None) };
    let n = net::as_net(ctx, v, span)?;
    let n = Arc::new(NetValue::new(n.base.clone(), NetWeights::Abstract));
    let Ok(x) = net::stand_in_input(ctx, &n, Dim::Const(1), None, span) else {
        return Ok(None);
    };
    let entries = net::run(ctx, &n, Args::one(x, span), None, true)?.2;
    let mut all: Vec<Arc<str>> = entries.into_iter().map(|e| e.path).collect();
    all.iter_mut().for_each(|p| *p = format!("{p}/_").into());
    Ok(Some(all))
}

/// What a value's slots are called in messages: a few of them.
pub(super) fn some(names: &[Arc<str>]) -> String {
    let mut shown: Vec<&str> = names.iter().take(4).map(|n| &**n).collect();
    if names.len() > 4 {
        shown.push("…");
    }
    shown.join(", ")
}

/// Whether a value is weights that a loop trains.
pub(super) fn live(v: &Value) -> Option<Arc<WeightsValue>> {
    match v.plain() {
        Value::Weights(w) => Some(w.clone()),
        _ => None,
    }
}
