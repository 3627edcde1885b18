//! Blocks of one net, or of several, that a check cannot tell apart are gone through once: what they give and what they cost is found again.

use super::{CostEntry, NetBase, NetWeights};
use crate::alike::{self, Print};
use crate::ctx::Ctx;
use crate::env::Env;
use crate::space::SpaceValue;
use crate::train::{Ways, along, ways};
use crate::value::Value;
use nas_grammar::ast::FnDecl;
use nas_ir::{Dim, Tensor};
use std::fmt::Write;
use std::sync::Arc;

/// What a block gave.
#[derive(Debug)]
pub struct Gone {
    output: Value,
    draws: u64,
    told: u64,
    steps: u64,
    /// The place that costs and parameters are told from.
    path: Arc<str>,
    costs: Vec<CostEntry>,
    /// Parameters below that place, each with 1 for the choices that it was counted under.
    counted: Vec<(Arc<str>, Dim)>,
    /// Inside a turn: what the output follows from.
    ways: Option<Ways>,
    /// What the key names by its place stays there.
    _held: (Vec<Value>, Option<Arc<SpaceValue>>),
}

/// How things stood before a block was gone through.
pub(super) struct Before {
    key: String,
    path: Arc<str>,
    draws: u64,
    told: u64,
    choices: u64,
    steps: u64,
    costs: usize,
    /// No parameter below this place has been counted yet.
    fresh: bool,
    /// The tensors that it can see.
    inputs: Vec<Tensor>,
    held: Vec<Value>,
}

/// The key of a block's call, with its place on top of the frames; none where more than shapes hangs on it.
pub(super) fn begin(ctx: &Ctx, decl: &Arc<FnDecl>, env: &Env) -> Option<Before> {
    let n = ctx.net.as_ref()?;
    let plain = ctx.alike.is_some()
        && ctx.checking()
        && ctx.terms.is_none()
        && n.record.is_none()
        // Which of its kind a block is, and where it stands, may count.
        && n.net.edits.iter().all(|e| e.binder.is_none() && e.within.is_none())
        && !n.net.asks()
        && !matches!(&n.net.base, NetBase::Member { arch, .. } if arch.mixture.is_some())
        && n.frames
            .iter()
            .all(|f| f.slot.is_none() && f.edit.is_none() && !f.edited && f.overrides.is_empty());
    if !plain {
        return None;
    }
    if ctx.alike.as_ref()?.lock().ok()?.small(decl) {
        return None;
    }
    let mut print = Print::of_shapes(ctx);
    print.state(ctx.module);
    let counts = n.costs.is_some();
    // Inside a turn gradients are followed to the weights.
    let turn = ctx.turn.is_some();
    let weights = match &n.net.weights {
        NetWeights::Fresh(_) => Some(u64::MAX),
        _ => n.net.store().filter(|_| turn),
    };
    let _ = write!(
        print.text,
        " {counts} {turn} {weights:?} {:?} {:?} {:?} {:?}",
        n.net.dtype, ctx.assumed, ctx.among, ctx.proving
    );
    print.edits(&n.net.edits)?;
    if let Some(s) = &ctx.space {
        let _ = write!(print.text, " {}", s.space.base_id());
    }
    print.block(decl, env)?;
    let path = n.path();
    let inside = format!("{path}/");
    Some(Before {
        key: print.text,
        draws: ctx.draws,
        told: ctx.told,
        choices: n.choices,
        steps: ctx.steps,
        costs: n.costs.as_ref().map_or(0, Vec::len),
        inputs: print.tensors,
        held: print.held,
        fresh: !counts || !n.counted.keys().any(|k| k.starts_with(&inside)),
        path,
    })
}

/// What a block like it gave, entered at the place at hand.
pub(super) fn again(ctx: &mut Ctx, before: &Before) -> Option<Value> {
    if !before.fresh {
        return None;
    }
    let memo = ctx.alike.clone()?;
    let memo = memo.lock().ok()?;
    let gone = memo.blocks.get(&before.key)?;
    let output = match (&gone.ways, gone.output.plain()) {
        (Some(w), Value::Tensor(t, e)) => Value::Tensor(along(ctx, t, w, &before.inputs), *e),
        _ => gone.output.clone(),
    };
    ctx.draws += gone.draws;
    ctx.told += gone.told;
    ctx.steps += gone.steps;
    let n = ctx.net.as_mut()?;
    let moved = |p: &str| -> Arc<str> {
        let rest = p.strip_prefix(&*gone.path).unwrap_or(p);
        format!("{}{rest}", before.path).into()
    };
    if let Some(costs) = &mut n.costs {
        costs.extend(gone.costs.iter().map(|c| CostEntry {
            path: moved(&c.path),
            ..c.clone()
        }));
        let counted = gone.counted.iter().map(|(k, d)| (moved(k), d.clone()));
        n.counted.extend(counted);
    }
    Some(output)
}

/// Keeps what a block gave.
pub(super) fn keep(ctx: &Ctx, before: Before, decl: &Arc<FnDecl>, output: &Value) -> Option<()> {
    let n = ctx.net.as_ref()?;
    let steps = ctx.steps.saturating_sub(before.steps);
    if !ctx.alike.as_ref()?.lock().ok()?.worth(decl, steps) {
        return None;
    }
    // A choice that is met in it is another one at each place.
    if n.choices != before.choices || !before.fresh {
        return None;
    }
    let ways = match (ctx.turn.is_some(), output.plain()) {
        (false, _) => None,
        (true, Value::Tensor(t, _)) if !t.0.fixed && t.0.order == 0 => {
            Some(ways(ctx, t, &before.inputs))
        }
        _ => return None,
    };
    let inside = format!("{}/", before.path);
    let counted = n.counted.iter().filter(|(k, _)| k.starts_with(&inside));
    let counted = match n.costs.is_some() {
        true => counted.map(|(k, d)| (k.clone(), d.clone())).collect(),
        false => vec![],
    };
    let gone = Gone {
        output: alike::bare(output),
        draws: ctx.draws.saturating_sub(before.draws),
        told: ctx.told.saturating_sub(before.told),
        steps,
        costs: n
            .costs
            .as_ref()
            .map_or(vec![], |c| c[before.costs.min(c.len())..].to_vec()),
        counted,
        ways,
        path: before.path,
        _held: (before.held, ctx.space.as_ref().map(|s| s.space.clone())),
    };
    let mut memo = ctx.alike.as_ref()?.lock().ok()?;
    if memo.blocks.len() >= alike::KEPT {
        memo.blocks.clear();
    }
    memo.blocks.insert(before.key, gone);
    Some(())
}
