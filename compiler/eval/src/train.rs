//! Trainers, searches and proxies: loops whose turns change weights and states, and where tensors are computed.

mod assign;
mod closed;
mod compute;
mod events;
mod minimise;
mod points;
mod reach;
mod turns;
mod unsound;

pub use assign::{assign, declare, state};
pub use closed::{call_closed, call_proxy, freeze};
pub use compute::{compute_all, force, number, numbers, settle, settle_all, stand_in, unsettled};
pub use events::{keep, on_change, record, restart};
pub use minimise::{minimise, no_optimiser};
pub use reach::{Ways, along, ways};
pub use turns::{batch_loop, interrupted, plain_loop};

use crate::ctx::Ctx;
use crate::host::Stored;
use crate::key::Key;
use crate::value::{Clock, Value};
use crate::weights::WeightsValue;
use nas_ir::Tensor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// What a turn of a loop changes when it ends.
#[derive(Default)]
pub struct TurnContext {
    /// New tensors of slots.
    pub slots: Vec<(Arc<WeightsValue>, Arc<str>, Tensor, bool)>,
    pub cells: Vec<(Arc<Mutex<Value>>, Value)>,
    pub losses: Vec<Tensor>,
    /// Results of blocks in the order they ended, to tell the first that is not finite.
    pub layers: Vec<(Arc<str>, Tensor)>,
    /// Checked only: weights that were minimised over, and where.
    pub minimised: Vec<(u64, nas_diagnostics::Span)>,
    pub kept: Vec<(Arc<Mutex<Value>>, Option<Value>)>,
    /// Tensors of slots that `:=` gives, as they are.
    pub writes: Vec<(Arc<WeightsValue>, Arc<str>, Stored, bool)>,
    /// Inside `on change`: assignments take effect at once.
    pub immediate: bool,
    /// What lives as long as the loop.
    pub of_loop: Arc<LoopState>,
}

/// What persists from turn to turn.
#[derive(Default)]
pub struct LoopState {
    /// Optimiser states, by statement and parameter.
    pub optimisers: Mutex<HashMap<u32, Arc<WeightsValue>>>,
    /// Settings as they were, by statement.
    pub settings: Mutex<HashMap<u32, Value>>,
    pub history: Mutex<Vec<Value>>,
    /// Since when an optimiser runs anew, by statement.
    pub restarts: Mutex<HashMap<u32, Start>>,
    /// Optimisers that the present turn starts anew, by the address of their rule.
    pub pending: Mutex<HashMap<usize, Start>>,
    pub losses: Mutex<Losses>,
    /// The key of draws of the loop.
    pub key: OnceLock<Key>,
    /// Weights that distillations of this loop own.
    pub adapters: Mutex<HashMap<Arc<str>, Arc<WeightsValue>>>,
    /// Checked only: when the phases of its curricula start, after the first.
    pub phases: Mutex<Vec<Start>>,
}

/// A turn of a loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    pub step: i64,
    pub epoch: i64,
}

/// Losses of a loop: means of finished epochs, and the epoch that runs.
#[derive(Debug, Default)]
pub struct Losses {
    pub means: Vec<f64>,
    pub sum: f64,
    pub count: i64,
}

/// `now.losses`: mean losses of the epochs that are over, as far as the clock reaches back.
pub fn losses(ctx: &Ctx, clock: &Clock) -> Value {
    let means = ctx
        .turn
        .as_ref()
        .and_then(|t| t.of_loop.losses.lock().ok().map(|l| l.means.clone()))
        .unwrap_or_default();
    let n = (clock.epoch.max(0) as usize).min(means.len());
    Value::list(
        means[means.len() - n..]
            .iter()
            .map(|l| Value::float(*l))
            .collect(),
    )
}
