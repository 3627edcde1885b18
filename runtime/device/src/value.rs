//! Tensors between runs: on the host, or on a device.

use crate::onburn::OnDevice;
use nas_ir::{DType, HostData, HostTensor};

/// A tensor that a run takes or gives; cloning shares its memory.
#[derive(Debug, Clone)]
pub enum Value {
    /// In ordinary memory.
    Host(HostTensor),
    /// In a device's memory.
    Burn(OnDevice),
}

impl Value {
    /// Extents.
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Host(t) => &t.shape,
            Value::Burn(t) => &t.shape,
        }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match self {
            Value::Host(t) => dtype_of(t),
            Value::Burn(t) => t.dtype,
        }
    }
}

impl From<HostTensor> for Value {
    fn from(t: HostTensor) -> Value {
        Value::Host(t)
    }
}

/// The element type of a host tensor.
pub(crate) fn dtype_of(t: &HostTensor) -> DType {
    match t.data {
        HostData::F32(_) => DType::F32,
        HostData::F64(_) => DType::F64,
        HostData::I32(_) => DType::I32,
    }
}
