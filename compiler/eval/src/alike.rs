//! What a check found of a call is found again where the same function is called with arguments that a check cannot tell apart.
//!
//! Seeds, arms and members differ in values that are known at run time only: shapes, types and structure are what a check sees. Calls
//! inside a trainer's turn are left out, since gradients are followed through the very tensors there.

mod print;

pub use print::{Print, net, slots};

use crate::ctx::Ctx;
use crate::env::Env;
use crate::net::NetWeights;
use crate::program::ModuleId;
use crate::value::Value;
use nas_grammar::ast::{FnDecl, Role};
use nas_ir::Tensor;
use print::{Names, Tree};
use std::collections::HashMap;
use std::sync::Arc;

/// Results kept at once; beyond, all are let go.
pub const KEPT: usize = 10_000;
/// Values are looked into so deep; longer lists count by where they are.
const DEPTH: usize = 8;
const ITEMS: usize = 32;
/// The same where tensors are told by shape: what is recorded of a net's blocks.
const SHAPES: usize = 512;
/// Fewer steps than these are gone through in the time that a key takes.
const STEPS: u64 = 60;
/// So often, before a declaration is taken for a small one.
const TRIES: u32 = 3;

/// What calls gave, and the names that pieces of tree mention.
#[derive(Default)]
pub struct Memo {
    results: HashMap<String, Done>,
    /// Blocks inside nets.
    pub blocks: HashMap<String, crate::net::Gone>,
    /// How often a declaration took fewer steps than its key is worth, by place.
    small: HashMap<usize, u32>,
    names: HashMap<print::At, (Tree, Names)>,
    /// Shapes of the slots that a policy gives to a space.
    pub slots: HashMap<String, HashMap<Arc<str>, Vec<i64>>>,
}

struct Done {
    value: Value,
    draws: u64,
    told: u64,
    steps: u64,
    /// What the key names by its place stays there.
    _held: Vec<Value>,
}

/// What names a call, and the stores of weights that it was given.
pub struct Key {
    text: String,
    stores: Vec<u64>,
    /// Only plain values go in, and may come out.
    inert: bool,
    /// Values that the text names by their place.
    held: Vec<Value>,
}

impl Memo {
    /// Notes how long a declaration took; whether what it gave is worth keeping.
    pub fn worth(&mut self, decl: &Arc<FnDecl>, steps: u64) -> bool {
        let worth = steps >= STEPS;
        if !worth {
            *self.small.entry(Arc::as_ptr(decl) as usize).or_default() += 1;
        }
        worth
    }

    pub fn small(&self, decl: &Arc<FnDecl>) -> bool {
        let at = Arc::as_ptr(decl) as usize;
        self.small.get(&at).is_some_and(|n| *n >= TRIES)
    }
}

/// The key of a call in a check; none where its result hangs on more than its arguments.
pub fn key(ctx: &Ctx, decl: &Arc<FnDecl>, module: ModuleId, bound: &Env) -> Option<Key> {
    let kind = matches!(
        decl.role,
        Role::Fn | Role::Trainer | Role::Search | Role::Proxy | Role::Metric
    );
    if !kind || ctx.alike.is_none() || ctx.terms.is_some() {
        return None;
    }
    // Inside nets, turns and spaces only what works on plain values is its arguments' alone.
    let inert = !outside(ctx);
    if inert && decl.role != Role::Fn {
        return None;
    }
    if ctx.alike.as_ref()?.lock().ok()?.small(decl) {
        return None;
    }
    let mut print = Print::new(ctx, inert);
    print.state(module);
    print.scope(Tree::Decl(decl.clone()), bound, DEPTH)?;
    Some(Key {
        text: print.text,
        stores: print.stores,
        inert,
        held: print.held,
    })
}

/// Neither in a net, a turn or a draw, nor where choices are made or assumed.
pub fn outside(ctx: &Ctx) -> bool {
    ctx.turn.is_none()
        && ctx.net.is_none()
        && ctx.space.is_none()
        && ctx.assumed.is_empty()
        && ctx.among.is_empty()
        && ctx.place.is_empty()
        && ctx.proving.is_empty()
        && ctx.binding.is_none()
}

/// What a call of this key gave before; draws that it made count as made.
pub fn find(ctx: &mut Ctx, key: &Key) -> Option<Value> {
    let memo = ctx.alike.clone()?;
    let memo = memo.lock().ok()?;
    let done = memo.results.get(&key.text)?;
    ctx.draws += done.draws;
    ctx.told += done.told;
    ctx.steps += done.steps;
    Some(done.value.clone())
}

/// How things stood when a call began.
pub struct Before {
    draws: u64,
    told: u64,
    steps: u64,
}

impl Before {
    pub fn of(ctx: &Ctx) -> Before {
        Before {
            draws: ctx.draws,
            told: ctx.told,
            steps: ctx.steps,
        }
    }
}

pub fn keep(ctx: &Ctx, key: Key, decl: &Arc<FnDecl>, value: &Value, before: &Before) {
    // Weights that are trained later, or that were given, are each their own.
    if live(value, &key.stores, DEPTH) {
        return;
    }
    if key.inert && (before.told != ctx.told || !inert(value, DEPTH)) {
        return;
    }
    let Some(mut memo) = ctx.alike.as_ref().and_then(|m| m.lock().ok()) else {
        return;
    };
    let steps = ctx.steps.saturating_sub(before.steps);
    if !memo.worth(decl, steps) {
        return;
    }
    if memo.results.len() >= KEPT {
        memo.results.clear();
    }
    let done = Done {
        value: value.clone(),
        draws: ctx.draws.saturating_sub(before.draws),
        told: ctx.told.saturating_sub(before.told),
        steps,
        _held: key.held,
    };
    memo.results.insert(key.text, done);
}

fn live(v: &Value, given: &[u64], depth: usize) -> bool {
    match v.plain() {
        _ if depth == 0 => true,
        Value::Weights(w) => w.live || given.contains(&w.id),
        Value::List(l) => l.iter().any(|v| live(v, given, depth - 1)),
        Value::Record(r) => r.values().any(|v| live(v, given, depth - 1)),
        Value::Net(n) => {
            matches!(&n.weights, NetWeights::Stored(w) if w.live || given.contains(&w.id))
        }
        Value::Func(_) => true,
        _ => false,
    }
}

/// A result without the way there: what it was computed from is let go of.
pub fn bare(v: &Value) -> Value {
    match v {
        Value::Tensor(t, element) if t.0.leaf.is_none() && t.0.order == 0 => {
            let (shape, dtype) = (t.0.shape.clone(), t.dtype());
            let made = match t.0.fixed {
                true => Tensor::weight("known", shape, dtype),
                false => Tensor::symbol("known", shape, dtype),
            };
            Value::Tensor(made, *element)
        }
        Value::List(l) => Value::list(l.iter().map(bare).collect()),
        Value::Record(r) => Value::record(r.iter().map(|(k, v)| (k.clone(), bare(v))).collect()),
        other => other.clone(),
    }
}

/// Whether a value is made of numbers, words, and things that nothing changes.
pub fn inert(v: &Value, depth: usize) -> bool {
    match v {
        _ if depth == 0 => false,
        Value::None
        | Value::Bool(_)
        | Value::Int(..)
        | Value::Float(..)
        | Value::Big(_)
        | Value::Text(_)
        | Value::Label(_)
        | Value::Range(_)
        | Value::Unknown(_)
        | Value::Module(_)
        | Value::Space(_)
        | Value::Arch(_)
        | Value::Site(_)
        | Value::Data(_)
        | Value::Table(_) => true,
        Value::Picked(p) => inert(&p.value, depth - 1),
        Value::List(l) => l.iter().all(|v| inert(v, depth - 1)),
        Value::Record(r) => r.values().all(|v| inert(v, depth - 1)),
        _ => false,
    }
}
