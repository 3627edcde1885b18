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
use crate::value::{Clock, Value};
use nas_grammar::ast::{FnDecl, Role};
use nas_ir::Tensor;
use print::{Names, Tree};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// Results kept at once; beyond, all are let go.
pub const KEPT: usize = 10_000;
/// Values are looked into so deep; longer lists count by where they are.
const DEPTH: usize = 8;
const ITEMS: usize = 32;
/// The same where tensors are told by shape: what is recorded of a net's blocks.
const SHAPES: usize = 512;
/// Fewer steps than these are gone through in the time that a key takes.
const STEPS: u64 = 60;
/// The same of a key in numbers.
const PARTS: u64 = 12;
/// So often, before a declaration is taken for a small one.
const TRIES: u32 = 3;

/// What calls gave, and the names that pieces of tree mention.
#[derive(Default)]
pub struct Memo {
    results: HashMap<String, Done>,
    /// Blocks inside nets.
    pub blocks: crate::net::Blocks,
    /// How often a declaration took fewer steps than its key is worth, by place.
    small: HashMap<usize, (u32, u32)>,
    names: HashMap<print::At, (Tree, Names)>,
    /// Nets and blocks that read the clock, by a number.
    timed: HashSet<u64>,
    /// Shapes of the slots that a policy gives to a space.
    pub slots: HashMap<String, HashMap<Arc<str>, Vec<i64>>>,
}

struct Done {
    value: Value,
    tally: Tally,
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

/// How long a declaration takes beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// No name is worth making.
    Tiny,
    /// One in numbers is.
    Small,
    Large,
}

impl Size {
    fn of(steps: u64) -> Size {
        match steps {
            0..PARTS => Size::Tiny,
            PARTS..STEPS => Size::Small,
            _ => Size::Large,
        }
    }
}

impl Memo {
    /// Notes how long a call of a declaration took, and says it.
    pub fn took(&mut self, decl: &Arc<FnDecl>, steps: u64) -> Size {
        let size = Size::of(steps);
        let (tiny, small) = self.small.entry(Arc::as_ptr(decl) as usize).or_default();
        *tiny += u32::from(size == Size::Tiny);
        *small += u32::from(size != Size::Large);
        size
    }

    /// How long it took so far, three times at least.
    pub fn size(&self, decl: &Arc<FnDecl>) -> Size {
        let at = Arc::as_ptr(decl) as usize;
        match self.small.get(&at) {
            Some((tiny, _)) if *tiny >= TRIES => Size::Tiny,
            Some((_, small)) if *small >= TRIES => Size::Small,
            _ => Size::Large,
        }
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
    if ctx.alike.as_ref()?.lock().ok()?.size(decl) != Size::Large {
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
    done.tally.add(ctx);
    Some(done.value.clone())
}

/// The clock, where what goes by this number may read it: what did once is named by it from then on.
pub fn clock(ctx: &Ctx, what: u64) -> Option<Clock> {
    let read = |m: &Arc<Mutex<Memo>>| m.lock().is_ok_and(|m| m.timed.contains(&what));
    ctx.clock.filter(|_| ctx.alike.as_ref().is_none_or(read))
}

/// Whether what was gone through read a clock that its name does not tell; from then on it does.
pub fn untold(ctx: &Ctx, what: u64, named: Option<Clock>, tally: &Tally) -> bool {
    let untold = tally.moments > 0 && named.is_none() && ctx.clock.is_some();
    if let (true, Some(Ok(mut memo))) = (untold, ctx.alike.as_ref().map(|m| m.lock())) {
        memo.timed.insert(what);
    }
    untold
}

/// What is counted on the way: how it stood when a call began, or what the call added to it.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    pub draws: u64,
    pub told: u64,
    pub moments: u64,
    pub steps: u64,
}

impl Tally {
    pub fn of(ctx: &Ctx) -> Tally {
        Tally {
            draws: ctx.draws,
            told: ctx.told,
            moments: ctx.moments,
            steps: ctx.steps,
        }
    }

    /// What was added since then.
    pub fn since(&self, ctx: &Ctx) -> Tally {
        Tally {
            draws: ctx.draws.saturating_sub(self.draws),
            told: ctx.told.saturating_sub(self.told),
            moments: ctx.moments.saturating_sub(self.moments),
            steps: ctx.steps.saturating_sub(self.steps),
        }
    }

    pub fn add(&self, ctx: &mut Ctx) {
        ctx.draws += self.draws;
        ctx.told += self.told;
        ctx.moments += self.moments;
        ctx.steps += self.steps;
    }
}

pub fn keep(ctx: &Ctx, key: Key, decl: &Arc<FnDecl>, value: &Value, before: &Tally) {
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
    let tally = before.since(ctx);
    if memo.took(decl, tally.steps) != Size::Large {
        return;
    }
    if memo.results.len() >= KEPT {
        memo.results.clear();
    }
    let done = Done {
        value: value.clone(),
        tally,
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
