//! Tensors as plain memory: what enters and leaves a graph.

use std::sync::Arc;

/// Values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum HostData {
    F32(Arc<Vec<f32>>),
    F64(Arc<Vec<f64>>),
    I32(Arc<Vec<i32>>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    pub shape: Vec<usize>,
    pub data: HostData,
}

impl HostTensor {
    pub fn f32(shape: Vec<usize>, data: Vec<f32>) -> Self {
        HostTensor {
            shape,
            data: HostData::F32(Arc::new(data)),
        }
    }

    pub fn f64(shape: Vec<usize>, data: Vec<f64>) -> Self {
        HostTensor {
            shape,
            data: HostData::F64(Arc::new(data)),
        }
    }

    pub fn i32(shape: Vec<usize>, data: Vec<i32>) -> Self {
        HostTensor {
            shape,
            data: HostData::I32(Arc::new(data)),
        }
    }

    pub fn len(&self) -> usize {
        match &self.data {
            HostData::F32(d) => d.len(),
            HostData::F64(d) => d.len(),
            HostData::I32(d) => d.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            HostData::F32(d) => d.iter().map(|v| *v as f64).collect(),
            HostData::F64(d) => d.to_vec(),
            HostData::I32(d) => d.iter().map(|v| *v as f64).collect(),
        }
    }

    pub fn bytes(&self) -> usize {
        self.len()
            * if matches!(self.data, HostData::F64(_)) {
                8
            } else {
                4
            }
    }

    pub fn all_finite(&self) -> bool {
        match &self.data {
            HostData::F32(d) => d.iter().all(|v| v.is_finite()),
            HostData::F64(d) => d.iter().all(|v| v.is_finite()),
            HostData::I32(_) => true,
        }
    }
}
