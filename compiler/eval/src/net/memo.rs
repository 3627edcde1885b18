//! What the check of a net gives is kept: trainers, proxies and searches run one net on one input many times.

use super::{NetBase, NetValue, NetWeights, Recorder};
use crate::call::Args;
use crate::ctx::Ctx;
use crate::value::Value;

/// Results kept at once; beyond, all are let go.
const KEPT: usize = 4_000;

/// What a run gave, and how many draws it made on the way.
#[derive(Debug, Clone)]
pub struct Checked {
    pub output: Value,
    pub record: Option<Recorder>,
    pub draws: u64,
}

/// The name under which a check of a net with every choice open is kept. Inside a turn gradients are followed through the very input;
/// elsewhere inputs of one shape are alike.
pub(super) fn key(
    ctx: &Ctx,
    n: &NetValue,
    args: &Args,
    recorded: bool,
    train: bool,
) -> Option<String> {
    let NetBase::AllMembers { space } = &n.base else {
        return None;
    };
    let plain = ctx.checking()
        && ctx.net.is_none()
        && ctx.terms.is_none()
        && ctx.assumed.is_empty()
        && ctx.among.is_empty()
        && n.edits.is_empty()
        && n.policy.as_ref().is_none_or(Value::is_unknown)
        && matches!(n.weights, NetWeights::Abstract)
        && args.named.is_empty();
    if !plain {
        return None;
    }
    // Whose weights they are counts for gradients alone.
    let reads = n.reads.filter(|_| ctx.turn.is_some());
    let mut key = format!("{} {reads:?} {recorded} {train} {:?}", space.id, n.dtype);
    for (v, _) in &args.positional {
        let Some(Value::Tensor(t, element)) = v.as_ref().map(Value::plain) else {
            return None;
        };
        match ctx.turn.is_some() {
            true => key += &format!(" {}", t.0.id),
            false => key += &format!(" {:?} {:?} {element:?} {}", t.shape(), t.dtype(), t.0.fixed),
        }
    }
    Some(key)
}

pub(super) fn find(ctx: &Ctx, key: &str) -> Option<Checked> {
    ctx.shared.checked.lock().ok()?.get(key).cloned()
}

pub(super) fn keep(ctx: &Ctx, key: String, checked: Checked) {
    if let Ok(mut all) = ctx.shared.checked.lock() {
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(key, checked);
    }
}
