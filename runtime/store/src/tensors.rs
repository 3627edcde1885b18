//! Sets of named tensors as safetensors bytes, with a JSON text beside them.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

/// Where the metadata stands in the file's own metadata map.
const METADATA: &str = "nasc";
const MAX_HEADER: u64 = 16 << 20;
const MAX_TENSORS: usize = 100_000;

/// The values of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// 32-bit numbers.
    F32(Vec<f32>),
    /// 64-bit numbers.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
}

impl TensorData {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            TensorData::F32(v) => v.len(),
            TensorData::F64(v) => v.len(),
            TensorData::I64(v) => v.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn bytes(&self) -> (Dtype, Vec<u8>) {
        match self {
            TensorData::F32(v) => (Dtype::F32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            TensorData::F64(v) => (Dtype::F64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            TensorData::I64(v) => (Dtype::I64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    }

    fn read(dtype: Dtype, bytes: &[u8]) -> Option<TensorData> {
        Some(match dtype {
            Dtype::F32 => TensorData::F32(words(bytes, f32::from_le_bytes)),
            Dtype::F64 => TensorData::F64(words(bytes, f64::from_le_bytes)),
            Dtype::I64 => TensorData::I64(words(bytes, i64::from_le_bytes)),
            _ => return None,
        })
    }
}

fn words<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|word| read(*word))
        .collect()
}

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Unique in its set.
    pub name: String,
    /// Extents of the axes; empty for a single number.
    pub shape: Vec<usize>,
    /// As many values as the product of the extents.
    pub data: TensorData,
}

/// Tensors in an order of their own, and a JSON text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorSet {
    /// The tensors; decoding gives them in the order of encoding.
    pub tensors: Vec<NamedTensor>,
    /// Whatever the caller wants to keep beside them, as JSON text.
    pub metadata: String,
}

impl TensorSet {
    /// The set as safetensors bytes: the same set always gives the same bytes, bit patterns of NaN included.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        let mut names = std::collections::HashSet::new();
        let mut stored = Vec::new();
        for tensor in &self.tensors {
            let count = tensor
                .shape
                .iter()
                .try_fold(1usize, |n, d| n.checked_mul(*d));
            if count != Some(tensor.data.len()) {
                return Err(format!(
                    "tensor `{}` has {} values for the shape {:?}",
                    tensor.name,
                    tensor.data.len(),
                    tensor.shape
                ));
            }
            if !names.insert(tensor.name.as_str()) {
                return Err(format!("two tensors are called `{}`", tensor.name));
            }
            stored.push(tensor.data.bytes());
        }
        // Safetensors sorts by type and name; the order given is kept in the metadata.
        let order: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
        let note = serde_json::json!({ "order": order, "metadata": self.metadata }).to_string();
        let views: Result<Vec<(&str, TensorView<'_>)>, String> = self
            .tensors
            .iter()
            .zip(&stored)
            .map(|(t, (dtype, bytes))| {
                TensorView::new(*dtype, t.shape.clone(), bytes)
                    .map(|v| (t.name.as_str(), v))
                    .map_err(|e| e.to_string())
            })
            .collect();
        safetensors::serialize(views?, Some(HashMap::from([(METADATA.to_string(), note)])))
            .map_err(|e| e.to_string())
    }

    /// Reads safetensors bytes, of this program or another; sizes are checked before anything is allocated.
    pub fn decode(bytes: &[u8]) -> Result<TensorSet, String> {
        let head = bytes
            .first_chunk::<8>()
            .ok_or("the bytes end before their header")?;
        let size = u64::from_le_bytes(*head);
        if size > MAX_HEADER || size > (bytes.len() - 8) as u64 {
            return Err(format!(
                "the header declares {size} bytes, and there are {} in all",
                bytes.len()
            ));
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        if file.len() > MAX_TENSORS {
            return Err(format!(
                "{} tensors are more than {MAX_TENSORS}",
                file.len()
            ));
        }
        let note = header.metadata().as_ref().and_then(|m| m.get(METADATA));
        let note: serde_json::Value = note
            .and_then(|n| serde_json::from_str(n).ok())
            .unwrap_or_default();
        let place: HashMap<&str, usize> = note["order"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|n| n.as_str())
            .enumerate()
            .map(|(i, n)| (n, i))
            .collect();
        let mut tensors = Vec::new();
        for (name, view) in file.iter() {
            let data = TensorData::read(view.dtype(), view.data()).ok_or_else(|| {
                format!(
                    "tensor `{name}` is of type {:?}; F32, F64 and I64 are read",
                    view.dtype()
                )
            })?;
            tensors.push(NamedTensor {
                name: name.to_string(),
                shape: view.shape().to_vec(),
                data,
            });
        }
        tensors.sort_by(|a, b| {
            let rank = |t: &NamedTensor| place.get(t.name.as_str()).copied().unwrap_or(usize::MAX);
            rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
        });
        Ok(TensorSet {
            tensors,
            metadata: note["metadata"].as_str().unwrap_or_default().to_string(),
        })
    }

    /// A tensor by name.
    pub fn get(&self, name: &str) -> Option<&NamedTensor> {
        self.tensors.iter().find(|t| t.name == name)
    }
}
