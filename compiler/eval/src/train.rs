//! Trainers, searches and proxies: loops whose turns change weights and states, and where tensors are computed.

mod assign;
mod closed;
mod compute;
mod events;
mod minimise;
mod points;
mod turns;
mod unsound;

pub use assign::{assign, state, weights};
pub use closed::{call_closed, call_proxy, freeze};
pub use compute::{force, number, numbers, settle_all, stand_in};
pub use events::{keep, on_change, record};
pub use minimise::minimise;
pub use turns::{batch_loop, interrupted, plain_loop};

use crate::value::Value;
use crate::weights::WeightsValue;
use nas_ir::Tensor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What a turn of a loop changes when it ends.
#[derive(Default)]
pub struct TurnContext {
    /// New tensors of slots.
    pub slots: Vec<(Arc<WeightsValue>, Arc<str>, Tensor, bool)>,
    pub cells: Vec<(Arc<Mutex<Value>>, Value)>,
    pub losses: Vec<Tensor>,
    /// Results of blocks in the order they ended, to tell the first that is not finite.
    pub layers: Vec<(Arc<str>, Tensor)>,
    pub kept: Vec<(Arc<Mutex<Value>>, Option<Value>)>,
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
}
