//! What evaluation asks of the outside: computing graphs, reading data, keeping results, telling how far it is.

use crate::data::DataSource;
use nas_diagnostics::Diagnostic;
use nas_ir::{HostTensor, Tensor};
use std::fmt::Debug;
use std::sync::Arc;

/// A tensor where the device keeps it.
pub trait Buffer: Send + Sync + Debug {
    fn download(&self) -> HostTensor;
    fn download_shape(&self) -> Vec<usize>;
    fn bytes(&self) -> usize;
    fn as_any(&self) -> &dyn std::any::Any;
}

pub type Stored = Arc<dyn Buffer>;

/// Reads the current tensor of a slot: (store, address).
pub type Slots<'a> = dyn Fn(u64, &str) -> Option<Stored> + 'a;

/// What is read: `data.cifar10("path")`.
#[derive(Debug, Clone)]
pub struct DataRequest {
    /// `cifar10`, `cifar100`, `idx`, `images`, `generated`.
    pub format: Arc<str>,
    pub path: Arc<str>,
    /// Of generated data: length, classes, side, seed.
    pub numbers: Vec<i64>,
}

/// A table as text.
#[derive(Debug, Clone, Default)]
pub struct RawTable {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub digest: String,
}

/// Named tensors of a file, in its order, and its digest.
#[derive(Debug, Clone)]
pub struct RawWeights {
    pub tensors: Vec<(String, HostTensor)>,
    pub digest: String,
}

/// Something that happened, for the journal and the progress line.
#[derive(Debug, Clone)]
pub enum Event {
    StageStart {
        stage: Arc<str>,
        steps: Option<i64>,
    },
    Step {
        stage: Arc<str>,
        step: i64,
        steps: i64,
        loss: Option<f64>,
    },
    StageEnd {
        stage: Arc<str>,
        cached: bool,
    },
    Fallback {
        stage: Arc<str>,
        what: String,
        count: u64,
    },
    Kept {
        stage: Arc<str>,
        step: i64,
    },
    /// A training goes on from a kept point.
    Resumed {
        stage: Arc<str>,
        step: i64,
    },
    /// A stage ended as invalid; the others go on.
    Invalid {
        stage: Arc<str>,
        reason: Arc<str>,
    },
    /// Results cannot be kept; the run goes on without.
    NotKept {
        what: String,
    },
    /// The result of a stage is kept under a key; what it was made of, for people.
    Stored {
        stage: Arc<str>,
        key: String,
        about: Vec<(Arc<str>, String)>,
    },
    /// Something kept was damaged and is made again.
    Damaged {
        what: String,
    },
}

pub trait Host: Send + Sync {
    /// Computes the outputs; they come back in order.
    fn compute(&self, outputs: &[Tensor], slots: &Slots) -> Result<Vec<Stored>, Diagnostic>;
    /// Small graphs of values that are at hand, by plain loops: what a check tries of a rule. `None`: not by this host.
    fn tried(&self, _outputs: &[Tensor]) -> Option<Vec<HostTensor>> {
        None
    }
    fn upload(&self, value: HostTensor) -> Stored;
    /// Opens a data set; when `header_only`, its samples may not be read yet.
    fn data(
        &self,
        request: &DataRequest,
        header_only: bool,
    ) -> Result<Arc<dyn DataSource>, Diagnostic>;
    fn table(&self, path: &str) -> Result<RawTable, Diagnostic>;
    /// Trained tensors of another program, by the names they have there.
    fn weights(&self, path: &str) -> Result<RawWeights, Diagnostic>;
    fn event(&self, event: Event);
    /// Whether the run was asked to stop.
    fn interrupted(&self) -> bool;
    /// Results of earlier runs, by key.
    fn cached(&self, key: &str) -> Option<Vec<u8>>;
    fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), Diagnostic>;
    /// The last kept point of a training that was cut off: (step, bytes).
    fn checkpoint(&self, key: &str) -> Option<(u64, Vec<u8>)>;
    fn keep_checkpoint(&self, key: &str, step: u64, bytes: &[u8]) -> Result<(), Diagnostic>;
    /// The points of a loop whose training has ended are not needed any more.
    fn forget(&self, _key: &str) {}
    /// Whether anything is kept at all.
    fn keeps(&self) -> bool {
        false
    }
    /// Worker threads for independent parts.
    fn jobs(&self) -> usize;
    /// Runs independent parts; on how many threads is the host's matter.
    fn parallel(&self, count: usize, work: &(dyn Fn(usize) + Sync));
}
