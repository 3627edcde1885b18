//! Whether a gradient gets from a loss to the weights that it is to change.

use crate::ctx::{Ctx, fault};
use crate::weights::WeightsValue;
use crate::{Fault, Result};
use nas_grammar::ast::{Expr, ExprKind};
use nas_ir::tensor::LeafKind;
use nas_ir::{Shape, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

/// Stand-ins of more cases than this are not followed.
const CASES: usize = 64;

impl Ctx {
    /// Notes whose a parameter's stand-in is; buffers are nobody's to change.
    pub fn owned(&self, made: &Tensor, store: Option<u64>, trained: bool) {
        if self.checking()
            && self.turn.is_some()
            && let Some(store) = store
            && let Ok(mut all) = self.shared.leaves.lock()
        {
            all.insert(made.0.id, if trained { store } else { u64::MAX });
        }
    }

    /// Notes what a stand-in follows from, inside a trainer's turn, so that a gradient's way can be followed through it.
    pub fn follows<'a>(&self, made: &Tensor, from: impl IntoIterator<Item = &'a Tensor>) {
        let stands = matches!(
            made.0.leaf.as_ref().map(|l| &l.kind),
            Some(LeafKind::Abstract(_) | LeafKind::Weight(_))
        );
        if !stands || !self.checking() || self.turn.is_none() {
            return;
        }
        let from: Vec<Tensor> = from.into_iter().take(CASES + 1).cloned().collect();
        if from.len() <= CASES
            && let Ok(mut all) = self.shared.follows.lock()
        {
            all.insert(made.0.id, from);
        }
    }
}

/// The weights at the ends of a loss's paths.
#[derive(Debug, Clone, Default)]
struct Ends {
    /// Stores of weights that a gradient gets to.
    reached: HashSet<u64>,
    /// Stores that the loss follows from, but only behind a `stop`.
    stopped: HashSet<u64>,
    /// A stand-in of which it is not known what it follows from.
    unsure: bool,
    /// Inputs that it follows from, and whether only behind a `stop`.
    inputs: Vec<(usize, bool)>,
}

/// What a tensor follows from, without the way there.
#[derive(Debug, Clone)]
pub struct Ways {
    ends: Ends,
    /// The store of the net that gave it.
    own: Option<u64>,
}

/// What `out` follows from: of `inputs`, and of weights, those of the net's own store among them.
pub fn ways(ctx: &Ctx, out: &Tensor, inputs: &[Tensor], own: Option<u64>) -> Ways {
    Ways {
        ends: ends(ctx, out, inputs),
        own,
    }
}

/// A stand-in for a tensor that was made before, of other inputs and by a net whose own store is another one.
pub fn along(ctx: &Ctx, like: &Tensor, ways: &Ways, inputs: &[Tensor], own: Option<u64>) -> Tensor {
    let made = Tensor::symbol("again", like.0.shape.clone(), like.dtype());
    let leaf = |store: Option<u64>| {
        let t = Tensor::weight("of", Shape::new(), like.dtype());
        ctx.owned(&t, store, true);
        t
    };
    let Ways { ends, own: old } = ways;
    let now = |s: &u64| match (own, old) {
        (Some(own), Some(old)) if old == s => own,
        _ => *s,
    };
    let mut from: Vec<Tensor> = vec![];
    for (i, stopped) in &ends.inputs {
        from.extend(inputs.get(*i).map(|t| match stopped {
            true => t.stop(),
            false => t.clone(),
        }));
    }
    from.extend(ends.reached.iter().map(|s| leaf(Some(now(s)))));
    from.extend(ends.stopped.iter().map(|s| leaf(Some(now(s))).stop()));
    if ends.unsure {
        from.push(leaf(None));
    }
    ctx.follows(&made, &from);
    made
}

/// E0323: none of the weights that are to change has a gradient.
pub(super) fn check(
    ctx: &Ctx,
    loss: &Tensor,
    ws: &[Arc<WeightsValue>],
    (at, over): (&Expr, &Expr),
) -> Result<()> {
    let ends = ends(ctx, loss, &[]);
    if ends.unsure || ws.iter().any(|w| ends.reached.contains(&w.id)) {
        return Ok(());
    }
    // Where it is not known which weights are meant, only that there are none at all is certain.
    let known = !ws.is_empty() && ws.iter().all(|w| w.live);
    if !known && !ends.reached.is_empty() {
        return Ok(());
    }
    let names = names(over);
    let them = match names.is_empty() {
        true => "these weights".to_string(),
        false => names.join(", "),
    };
    let stopped = ws.iter().any(|w| ends.stopped.contains(&w.id));
    let message = match ends.reached.is_empty() {
        true => "this loss reaches no weight".to_string(),
        false => format!("this loss gives no gradient to {them}"),
    };
    let why = match (stopped, ends.reached.is_empty()) {
        (true, _) => format!("it follows from {them} only through a `stop`"),
        (false, true) => "no path from a weight to this that is not stopped".into(),
        (false, false) => "it follows from other weights".into(),
    };
    let help = match (stopped, ends.reached.is_empty()) {
        (true, false) => {
            "the side that is stopped stays as it is: minimise over the weights of the other side, or take the `stop` away"
        }
        (false, false) => "minimise over the weights that the loss follows from",
        _ => {
            "take the `stop` away, or let the loss follow from a run of the net with these weights"
        }
    };
    let d = fault("E0323", message)
        .at(at.span, why)
        .at(over.span, "these should change")
        .help(help);
    Err(Fault::from(d))
}

/// The ends of a tensor's paths; where a path gets to one of `inputs`, it ends there.
fn ends(ctx: &Ctx, loss: &Tensor, inputs: &[Tensor]) -> Ends {
    let mut out = Ends::default();
    let (Ok(leaves), Ok(follows)) = (ctx.shared.leaves.lock(), ctx.shared.follows.lock()) else {
        out.unsure = true;
        return out;
    };
    // A tensor is met first on open paths, so that what is behind a `stop` as well counts as open.
    let mut seen: HashSet<u64> = HashSet::new();
    let mut open = vec![loss];
    let mut closed: Vec<&Tensor> = vec![];
    while let Some((t, stopped)) = open
        .pop()
        .map(|t| (t, false))
        .or_else(|| closed.pop().map(|t| (t, true)))
    {
        if !seen.insert(t.0.id) {
            continue;
        }
        if let Some(i) = inputs.iter().position(|i| i.0.id == t.0.id) {
            out.inputs.push((i, stopped));
            continue;
        }
        let store = match t.0.leaf.as_ref().map(|l| &l.kind) {
            Some(LeafKind::Slot { store, .. }) => Some(*store),
            Some(LeafKind::Abstract(_) | LeafKind::Weight(_)) if follows.contains_key(&t.0.id) => {
                let from = follows.get(&t.0.id).into_iter().flatten();
                match stopped {
                    true => closed.extend(from),
                    false => open.extend(from),
                }
                None
            }
            Some(LeafKind::Abstract(name) | LeafKind::Weight(name)) => {
                let store = leaves.get(&t.0.id).copied();
                let data = matches!(&**name, "images" | "labels" | "size" | "extent");
                out.unsure |= store.is_none() && !data && !stopped;
                store
            }
            _ => None,
        };
        // Buffers are nobody's to change.
        if let Some(s) = store.filter(|s| *s != u64::MAX) {
            match stopped {
                true => out.stopped.insert(s),
                false => out.reached.insert(s),
            };
        }
        let inputs = t.0.inputs.iter();
        match t.0.op {
            _ if stopped => closed.extend(inputs),
            nas_ir::Op::Stop => closed.extend(inputs),
            nas_ir::Op::Surrogate => {
                open.extend(t.0.inputs.get(1));
                closed.extend(t.0.inputs.first());
            }
            _ => open.extend(inputs),
        }
    }
    out
}

/// How weights are written: `w`, `(a, b)`.
fn names(over: &Expr) -> Vec<String> {
    match &over.kind {
        ExprKind::Name(n) => vec![format!("`{}`", n.text)],
        ExprKind::Tuple(items) => items.iter().flat_map(names).collect(),
        _ => vec![],
    }
}
