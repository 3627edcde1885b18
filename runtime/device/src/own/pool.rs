//! Memory that runs of a program hand on to each other, by element type and length.

use crate::host::Buffer;
use nas_ir::{DType, HostData};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    f32: HashMap<usize, Vec<Vec<f32>>>,
    f64: HashMap<usize, Vec<Vec<f64>>>,
    i32: HashMap<usize, Vec<Vec<i32>>>,
}

impl Pool {
    /// Bytes of the memory that waits here.
    pub(super) fn bytes(&self) -> usize {
        let of = |size: usize, len: &usize, all: usize| size * len * all;
        let f32 = self.f32.iter().map(|(len, v)| of(4, len, v.len()));
        let f64 = self.f64.iter().map(|(len, v)| of(8, len, v.len()));
        let i32 = self.i32.iter().map(|(len, v)| of(4, len, v.len()));
        f32.chain(f64).chain(i32).sum()
    }

    /// Memory of this length, with whatever its last user left in it.
    pub(super) fn take(&mut self, dtype: DType, len: usize) -> Buffer {
        let kept = match dtype {
            DType::F32 => self.f32.get_mut(&len).and_then(Vec::pop).map(Buffer::F32),
            DType::F64 => self.f64.get_mut(&len).and_then(Vec::pop).map(Buffer::F64),
            DType::I32 => self.i32.get_mut(&len).and_then(Vec::pop).map(Buffer::I32),
        };
        kept.unwrap_or_else(|| Buffer::zeros(dtype, len))
    }

    /// Takes memory back, unless something else still reads it.
    pub(super) fn give(&mut self, data: HostData) {
        match data {
            HostData::F32(v) => {
                if let Ok(v) = Arc::try_unwrap(v) {
                    self.f32.entry(v.len()).or_default().push(v);
                }
            }
            HostData::F64(v) => {
                if let Ok(v) = Arc::try_unwrap(v) {
                    self.f64.entry(v.len()).or_default().push(v);
                }
            }
            HostData::I32(v) => {
                if let Ok(v) = Arc::try_unwrap(v) {
                    self.i32.entry(v.len()).or_default().push(v);
                }
            }
        }
    }
}
