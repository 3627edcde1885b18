//! Blocks of one net, or of several, that a check cannot tell apart are gone through once: what they give and what they cost is found again.

use super::{CostEntry, NetBase, NetWeights};
use crate::alike::{self, Print, Size, Tally};
use crate::ctx::Ctx;
use crate::env::Env;
use crate::space::SpaceValue;
use crate::train::{Ways, along, ways};
use crate::value::{Clock, Value};
use nas_grammar::ast::FnDecl;
use nas_ir::{Dim, Tensor};
use parts::Parts;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::Bound;
use std::sync::Arc;

mod parts;

/// Blocks that were gone through, by name.
#[derive(Debug, Default)]
pub struct Blocks {
    by_parts: HashMap<Parts, Gone>,
    by_text: HashMap<String, Gone>,
}

/// The name of a block's call: in numbers where its settings are plain.
#[derive(Debug)]
enum Name {
    Parts(Parts),
    Text(String),
}

impl Blocks {
    fn get(&self, name: &Name) -> Option<&Gone> {
        match name {
            Name::Parts(p) => self.by_parts.get(p),
            Name::Text(t) => self.by_text.get(t),
        }
    }

    fn insert(&mut self, name: Name, gone: Gone) {
        if self.by_parts.len() + self.by_text.len() >= alike::KEPT {
            *self = Blocks::default();
        }
        match name {
            Name::Parts(p) => self.by_parts.insert(p, gone),
            Name::Text(t) => self.by_text.insert(t, gone),
        };
    }
}

/// What a block gave.
#[derive(Debug)]
pub struct Gone {
    output: Value,
    tally: Tally,
    /// The place that costs and parameters are told from.
    path: Arc<str>,
    costs: Vec<CostEntry>,
    /// Parameters below that place, each with 1 for the choices that it was counted under.
    counted: Vec<(Arc<str>, Dim)>,
    /// Inside a turn: what the output follows from.
    ways: Option<Ways>,
    /// What the key names by its place stays there.
    _held: (Vec<Value>, Option<Arc<SpaceValue>>, Arc<FnDecl>),
}

/// How things stood before a block was gone through.
pub(super) struct Before {
    name: Name,
    path: Arc<str>,
    clock: Option<Clock>,
    tally: Tally,
    choices: u64,
    costs: usize,
    /// No parameter below this place has been counted yet.
    fresh: bool,
    /// The store of the net's own weights.
    own: Option<u64>,
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
    let size = ctx.alike.as_ref()?.lock().ok()?.size(decl);
    if size == Size::Tiny {
        return None;
    }
    let clock = alike::clock(ctx, Arc::as_ptr(decl) as usize as u64);
    let (name, inputs, held) = match parts::parts(ctx, decl, env, clock) {
        Some((p, inputs)) => (Name::Parts(p), inputs, vec![]),
        None if size == Size::Small => return None,
        None => text(ctx, decl, env, clock)?,
    };
    let path = n.path();
    Some(Before {
        name,
        clock,
        tally: Tally::of(ctx),
        choices: n.choices,
        costs: n.costs.as_ref().map_or(0, Vec::len),
        own: n.net.store(),
        inputs,
        held,
        fresh: n.costs.is_none() || below(&n.counted, &path).next().is_none(),
        path,
    })
}

/// The name as a text, the tensors that the block can see, and what the name mentions by its place.
fn text(
    ctx: &Ctx,
    decl: &Arc<FnDecl>,
    env: &Env,
    clock: Option<Clock>,
) -> Option<(Name, Vec<Tensor>, Vec<Value>)> {
    let n = ctx.net.as_ref()?;
    let mut print = Print::of_shapes(ctx);
    let _ = write!(print.text, "{} {:?}", ctx.module, ctx.train);
    let _ = write!(
        print.text,
        " {} {} {} {clock:?}",
        ctx.generic, ctx.measures, ctx.privy
    );
    let counts = n.costs.is_some();
    // Inside a turn gradients are followed to the weights.
    let turn = ctx.turn.is_some();
    let fresh = matches!(n.net.weights, NetWeights::Fresh(_));
    let stored = turn && n.net.store().is_some();
    let _ = write!(
        print.text,
        " {counts} {turn} {fresh} {stored} {:?} {:?} {:?} {:?}",
        n.net.dtype, ctx.assumed, ctx.among, ctx.proving
    );
    print.edits(&n.net.edits)?;
    if let Some(s) = &ctx.space {
        let _ = write!(print.text, " {}", s.space.base_id());
    }
    print.block(decl, env)?;
    Some((Name::Text(print.text), print.tensors, print.held))
}

/// What was counted below a place.
fn below<'a>(
    counted: &'a BTreeMap<Arc<str>, Dim>,
    path: &str,
) -> impl Iterator<Item = (&'a Arc<str>, &'a Dim)> {
    let inside = format!("{path}/");
    let from = (Bound::Included(&*inside), Bound::Unbounded);
    let after = counted.range::<str, _>(from);
    after.take_while(move |(k, _)| k.starts_with(&inside))
}

/// What a block like it gave, entered at the place at hand.
pub(super) fn again(ctx: &mut Ctx, before: &Before) -> Option<Value> {
    if !before.fresh {
        return None;
    }
    let memo = ctx.alike.clone()?;
    let memo = memo.lock().ok()?;
    let gone = memo.blocks.get(&before.name)?;
    let output = match (&gone.ways, gone.output.plain()) {
        (Some(w), Value::Tensor(t, e)) => {
            Value::Tensor(along(ctx, t, w, &before.inputs, before.own), *e)
        }
        _ => gone.output.clone(),
    };
    gone.tally.add(ctx);
    let n = ctx.net.as_mut()?;
    let moved = |p: &Arc<str>| -> Arc<str> {
        if *p == gone.path {
            return before.path.clone();
        }
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
    let tally = before.tally.since(ctx);
    let size = ctx.alike.as_ref()?.lock().ok()?.took(decl, tally.steps);
    if alike::untold(ctx, Arc::as_ptr(decl) as usize as u64, before.clock, &tally) {
        return None;
    }
    let worth = match &before.name {
        Name::Parts(_) => size != Size::Tiny,
        Name::Text(_) => size == Size::Large,
    };
    if !worth {
        return None;
    }
    // A choice that is met in it is another one at each place.
    if n.choices != before.choices || !before.fresh {
        return None;
    }
    let ways = match (ctx.turn.is_some(), output.plain()) {
        (false, _) => None,
        (true, Value::Tensor(t, _)) if !t.0.fixed && t.0.order == 0 => {
            Some(ways(ctx, t, &before.inputs, before.own))
        }
        _ => return None,
    };
    let counted = match n.costs.is_some() {
        true => below(&n.counted, &before.path)
            .map(|(k, d)| (k.clone(), d.clone()))
            .collect(),
        false => vec![],
    };
    let gone = Gone {
        output: alike::bare(output),
        tally,
        costs: n
            .costs
            .as_ref()
            .map_or(vec![], |c| c[before.costs.min(c.len())..].to_vec()),
        counted,
        ways,
        path: before.path,
        _held: (
            before.held,
            ctx.space.as_ref().map(|s| s.space.clone()),
            decl.clone(),
        ),
    };
    let mut memo = ctx.alike.as_ref()?.lock().ok()?;
    memo.blocks.insert(before.name, gone);
    Some(())
}
