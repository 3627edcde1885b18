//! What the check of a net gives is kept: trainers, proxies and searches run one net on one input many times.

use super::{NetBase, NetValue, NetWeights, Recorder};
use crate::alike::{self, Tally};
use crate::call::Args;
use crate::ctx::Ctx;
use crate::train::{Ways, along, ways};
use crate::value::{Clock, Value};
use nas_ir::Tensor;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Results kept at once; beyond, all are let go.
const KEPT: usize = 4_000;

/// What a run gave, and how many draws it made on the way.
#[derive(Debug, Clone)]
pub struct Checked {
    pub output: Value,
    pub record: Option<Recorder>,
    pub tally: Tally,
    /// Inside a turn: what each tensor of the output follows from.
    ways: Option<Vec<Ways>>,
    /// What the key names by its place stays there.
    _held: Vec<Value>,
}

/// The name under which a check of a net is kept.
pub struct Key {
    pub text: String,
    pub held: Vec<Value>,
    inputs: Vec<Tensor>,
    /// Inside a turn: the store that its parameters are of.
    own: Option<u64>,
    /// The number that it goes by without the clock, and the clock.
    what: u64,
    clock: Option<Clock>,
    /// The very inputs count.
    same: bool,
}

/// Inputs of one shape are alike for a net with every choice open; and for others, where they stand for any. Inside a turn gradients are
/// followed: what is found again follows from the inputs at hand as what was kept did from its own.
pub(super) fn key(
    ctx: &Ctx,
    n: &Arc<NetValue>,
    args: &Args,
    recorded: bool,
    train: bool,
) -> Option<Key> {
    let open = matches!(n.base, NetBase::AllMembers { .. });
    let plain = ctx.checking()
        && ctx.net.is_none()
        && ctx.terms.is_none()
        && ctx.assumed.is_empty()
        && ctx.among.is_empty()
        && args.named.is_empty();
    if !plain {
        return None;
    }
    let turn = ctx.turn.is_some();
    // Whose weights they are counts for gradients alone.
    let own = n.store().filter(|_| turn);
    let bare = n.edits.is_empty() && !matches!(n.weights, NetWeights::Fresh(_));
    // A net with all choices open has little to tell; of others a call that is looked at by itself keeps its own.
    let mut held: Vec<Value> = vec![];
    let mut text = match &n.base {
        NetBase::AllMembers { space } if bare => {
            format!("{} {} {:?}", space.id, own.is_some(), n.dtype)
        }
        _ => {
            let mixed = match &n.base {
                NetBase::Member { arch, .. } => arch.mixture.is_some(),
                _ => false,
            };
            let plain = ctx.alike.is_some()
                && ctx.space.is_none()
                && ctx.binding.is_none()
                && ctx.place.is_empty()
                && ctx.proving.is_empty()
                && !mixed
                && !(turn && recorded)
                && !n.asks();
            if !plain {
                return None;
            }
            let mut text;
            (text, held) = alike::net(ctx, n)?;
            let _ = write!(text, " {} {} {}", ctx.generic, ctx.measures, ctx.privy);
            text
        }
    };
    let _ = write!(text, " {recorded} {train}");
    let what = hash(&text);
    let clock = alike::clock(ctx, what);
    let _ = write!(text, " {clock:?}");
    let same = turn && recorded;
    let mut inputs: Vec<Tensor> = vec![];
    for (v, _) in &args.positional {
        let Some(Value::Tensor(t, element)) = v.as_ref().map(Value::plain) else {
            return None;
        };
        let _ = match (same || !open && !turn && !t.0.inputs.is_empty(), turn) {
            (true, _) => write!(text, " {}", t.0.id),
            (false, false) => write!(
                text,
                " {:?} {:?} {element:?} {}",
                t.shape(),
                t.dtype(),
                t.0.fixed
            ),
            (false, true) => {
                let before = inputs.iter().position(|i| i.0.id == t.0.id);
                write!(
                    text,
                    " {:?} {:?} {element:?} {} {} {before:?}",
                    t.shape(),
                    t.dtype(),
                    t.0.fixed,
                    t.0.order
                )
            }
        };
        inputs.push(t.clone());
    }
    Some(Key {
        text,
        held,
        inputs,
        own,
        what,
        clock,
        same,
    })
}

/// The name under which the costs of a net are kept.
pub fn costs_key(ctx: &Ctx, n: &Arc<NetValue>, args: &Args) -> Option<Key> {
    if ctx.turn.is_some() {
        return None;
    }
    key(ctx, n, args, false, false)
}

pub(super) fn find(ctx: &Ctx, key: &Key) -> Option<Checked> {
    let mut found = ctx.shared.checked.lock().ok()?.get(&key.text).cloned()?;
    if let Some(ways) = &found.ways {
        let made = |(t, w): (&Tensor, &Ways)| along(ctx, t, w, &key.inputs, key.own);
        found.output = match found.output.plain() {
            Value::Tensor(t, element) => Value::Tensor(made((t, ways.first()?)), *element),
            Value::List(l) => Value::list(
                l.iter()
                    .zip(ways)
                    .filter_map(|(v, w)| match v.plain() {
                        Value::Tensor(t, element) => Some(Value::Tensor(made((t, w)), *element)),
                        _ => None,
                    })
                    .collect(),
            ),
            _ => return None,
        };
    }
    Some(found)
}

pub(super) fn keep(
    ctx: &Ctx,
    key: Key,
    output: &Value,
    record: Option<&Recorder>,
    tally: Tally,
) -> Option<()> {
    if alike::untold(ctx, key.what, key.clock, &tally) {
        return None;
    }
    let ways = match ctx.turn.is_some() && !key.same {
        false => None,
        true => Some(
            tensors(output)?
                .iter()
                .map(|t| ways(ctx, t, &key.inputs, key.own))
                .collect(),
        ),
    };
    let checked = Checked {
        output: match record {
            None => alike::bare(output),
            Some(_) => output.clone(),
        },
        record: record.cloned(),
        tally,
        ways,
        _held: key.held,
    };
    let mut all = ctx.shared.checked.lock().ok()?;
    if all.len() >= KEPT {
        all.clear();
    }
    all.insert(key.text, checked);
    Some(())
}

fn hash(text: &str) -> u64 {
    let mut state = DefaultHasher::new();
    text.hash(&mut state);
    state.finish()
}

/// The tensors of an output that stand-ins can take the place of.
fn tensors(output: &Value) -> Option<Vec<Tensor>> {
    let one = |v: &Value| match v.plain() {
        Value::Tensor(t, _) if !t.0.fixed && t.0.order == 0 => Some(t.clone()),
        _ => None,
    };
    match output.plain() {
        Value::List(l) => l.iter().map(one).collect(),
        v => Some(vec![one(v)?]),
    }
}
