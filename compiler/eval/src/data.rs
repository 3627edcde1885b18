//! Data as the language sees it: a source, the samples taken from it, and how they come in batches.

use crate::key::Key;
use crate::value::Value;
use nas_diagnostics::Diagnostic;
use nas_ir::HostTensor;
use std::fmt::Debug;
use std::sync::Arc;

mod batches;
mod map;
mod method;

pub use batches::{BatchRef, Batches, batch, batches};
pub use method::method;

/// Labelled samples, by index.
pub trait DataSource: Send + Sync + Debug {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Of one sample: [c, h, w].
    fn shape(&self) -> Vec<usize>;
    fn classes(&self) -> usize;
    /// x: [n, c, h, w] in f32, y: [n] in i32.
    fn fetch(&self, indices: &[u32]) -> std::result::Result<(HostTensor, HostTensor), Diagnostic>;
    /// What the samples are, for keys of results.
    fn digest(&self) -> String;
    fn test(&self) -> Option<Arc<dyn DataSource>>;
}

#[derive(Debug, Clone)]
pub struct Batching {
    pub size: usize,
    pub epochs: Option<i64>,
    pub steps: Option<i64>,
    pub count: Option<i64>,
    pub key: Key,
    pub shuffle: bool,
}

#[derive(Debug, Clone)]
pub struct DataValue {
    pub source: Arc<dyn DataSource>,
    /// Which samples, in which order; all of them where `None`.
    pub indices: Option<Arc<Vec<u32>>>,
    /// Functions that draw: applied to each batch anew.
    pub maps: Vec<Value>,
    pub batching: Option<Batching>,
    pub test: Option<Arc<DataValue>>,
}

impl DataValue {
    pub fn new(source: Arc<dyn DataSource>) -> DataValue {
        let test = source.test().map(|t| Arc::new(DataValue::new(t)));
        DataValue {
            source,
            indices: None,
            maps: vec![],
            batching: None,
            test,
        }
    }

    pub fn len(&self) -> usize {
        self.indices.as_ref().map_or(self.source.len(), |i| i.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn parts(&self) -> Vec<&'static str> {
        let mut p = vec!["train", "classes", "length", "shape", "x", "y"];
        if self.test.is_some() {
            p.push("test");
        }
        p
    }

    fn index(&self, i: usize) -> u32 {
        self.indices.as_ref().map_or(i as u32, |ix| ix[i])
    }

    fn part(&self, from: usize, to: usize) -> DataValue {
        let indices = (from..to).map(|i| self.index(i)).collect();
        DataValue {
            indices: Some(Arc::new(indices)),
            test: None,
            ..self.clone()
        }
    }

    /// What the samples are: the source and which of them.
    pub fn digest(&self) -> String {
        let mut h = blake3::Hasher::new();
        h.update(self.source.digest().as_bytes());
        if let Some(ix) = &self.indices {
            for i in ix.iter() {
                h.update(&i.to_le_bytes());
            }
        }
        h.finalize().to_hex().to_string()
    }

    fn steps(&self, b: &Batching) -> (i64, i64, i64) {
        let n = self.len();
        let whole = (n / b.size).max(1) as i64;
        match (b.epochs, b.steps) {
            (Some(e), _) => (whole.saturating_mul(e), whole, e),
            (None, Some(s)) => (s, whole, s.saturating_add(whole - 1) / whole),
            (None, None) => {
                let all = n.div_ceil(b.size) as i64;
                let k = b.count.map_or(all, |c| c.min(all));
                (k, all.max(1), 1)
            }
        }
    }
}

pub fn field(d: &Arc<DataValue>, key: &str) -> Option<Value> {
    match key {
        "train" => Some(Value::Data(d.clone())),
        "test" => d.test.as_ref().map(|t| Value::Data(t.clone())),
        "classes" => Some(Value::int(d.source.classes() as i64)),
        "length" => Some(Value::int(d.len() as i64)),
        "shape" => Some(Value::list(
            d.source
                .shape()
                .into_iter()
                .map(|v| Value::int(v as i64))
                .collect(),
        )),
        _ => None,
    }
}
