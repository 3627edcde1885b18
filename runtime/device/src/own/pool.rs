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
    /// Large results of the last runs, and for how many: a training's weights come back as the inputs of the next step and are free
    /// after it.
    lent: Vec<(HostData, u8)>,
}

/// Results below this are not worth following: fresh memory is cheap for them.
const LARGE: usize = 1 << 16;

fn bytes_of(data: &HostData) -> usize {
    match data {
        HostData::F32(v) => 4 * v.len(),
        HostData::F64(v) => 8 * v.len(),
        HostData::I32(v) => 4 * v.len(),
    }
}

impl Pool {
    /// Bytes of the memory that waits here.
    pub(super) fn bytes(&self) -> usize {
        let of = |size: usize, len: &usize, all: usize| size * len * all;
        let f32 = self.f32.iter().map(|(len, v)| of(4, len, v.len()));
        let f64 = self.f64.iter().map(|(len, v)| of(8, len, v.len()));
        let i32 = self.i32.iter().map(|(len, v)| of(4, len, v.len()));
        let free: usize = f32.chain(f64).chain(i32).sum();
        free + self.lent.iter().map(|l| bytes_of(&l.0)).sum::<usize>()
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
    /// A run begins: results that nobody reads any more are free. What is still read after two runs is left to its readers.
    pub(super) fn reclaim(&mut self) {
        for (data, runs) in std::mem::take(&mut self.lent) {
            let read = match &data {
                HostData::F32(v) => Arc::strong_count(v) > 1,
                HostData::F64(v) => Arc::strong_count(v) > 1,
                HostData::I32(v) => Arc::strong_count(v) > 1,
            };
            match (read, runs) {
                (true, 0) => self.lent.push((data, 1)),
                _ => self.give(data),
            }
        }
    }

    /// Follows a result for the next runs.
    pub(super) fn lend(&mut self, data: &HostData) {
        if bytes_of(data) >= LARGE {
            self.lent.push((data.clone(), 0));
        }
    }
}
