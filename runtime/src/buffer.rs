//! Tensors where the device keeps them.

use nas_eval::host::Buffer;
use nas_ir::HostTensor;
use nasc_device::{Executor, Value};
use std::any::Any;
use std::fmt;

/// A tensor of the executor that made it.
pub struct Held {
    pub value: Value,
    pub executor: Executor,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {:?}", self.value.shape())
    }
}

impl Buffer for Held {
    fn download(&self) -> HostTensor {
        match &self.value {
            Value::Host(t) => t.clone(),
            // A device that fails here failed before: what it computed is not a number.
            other => self.executor.download(other).unwrap_or_else(|_| {
                let n = other.shape().iter().product();
                HostTensor::f32(other.shape().to_vec(), vec![f32::NAN; n])
            }),
        }
    }

    fn download_shape(&self) -> Vec<usize> {
        self.value.shape().to_vec()
    }

    fn bytes(&self) -> usize {
        self.value.shape().iter().product::<usize>() * 4
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
