//! Shapes, slices, padding and joining of Burn.

use super::pointwise::expanded;
use super::{B, Machine, OnDevice, burn_shape};
use crate::host::padded_source;
use crate::program::Step;
use burn::backend::{DispatchTensor, ops::*};
use burn::tensor::Slice;
use nas_ir::op::PadMode;
use nas_ir::{DType, Dim, HostTensor, Op};

/// A whole axis, or start..end by step of one of them.
pub(super) fn slices(
    rank: usize,
    axis: usize,
    start: usize,
    end: usize,
    step: usize,
) -> Vec<Slice> {
    let mut all = vec![Slice::full(); rank];
    all[axis] = Slice::new(start as isize, Some(end as isize), step as isize);
    all
}

fn known(d: &Dim) -> Option<usize> {
    d.known().and_then(|v| usize::try_from(v).ok())
}

impl Machine {
    pub(super) fn layout(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let rank = step.shape.len();
        if let Op::Concat { axis } = &step.op {
            let parts = inputs.into_iter().map(|t| t.tensor).collect();
            return Some(match step.dtype {
                DType::I32 => B::int_cat(parts, *axis),
                _ => B::float_cat(parts, *axis),
            });
        }
        let x = inputs.into_iter().next()?;
        let whole = x.dtype == DType::I32;
        Some(match &step.op {
            Op::Reshape if whole => B::int_reshape(x.tensor, burn_shape(&step.shape)),
            Op::Reshape => B::float_reshape(x.tensor, burn_shape(&step.shape)),
            Op::Permute(order) if rank > 0 => match whole {
                true => B::int_permute(x.tensor, order),
                false => B::float_permute(x.tensor, order),
            },
            Op::Permute(_) => x.tensor,
            Op::Expand => expanded(x, &step.shape),
            Op::Slice {
                axis,
                start,
                end,
                step: by,
            } => {
                let at = slices(
                    rank,
                    *axis,
                    known(start)?,
                    known(end)?,
                    (*by).max(1) as usize,
                );
                match whole {
                    true => B::int_slice(x.tensor, &at),
                    false => B::float_slice(x.tensor, &at),
                }
            }
            Op::Unslice {
                axis,
                start,
                end,
                step: by,
                ..
            } => {
                let at = slices(
                    rank,
                    *axis,
                    known(start)?,
                    known(end)?,
                    (*by).max(1) as usize,
                );
                let zeros = self.full(&step.shape, 0.0, step.dtype);
                B::float_slice_assign(zeros, &at, x.tensor)
            }
            Op::Pad {
                axis, before, mode, ..
            } => {
                let (before, n) = (usize::try_from(*before).ok()?, x.shape[*axis]);
                if *mode == PadMode::Zero {
                    let zeros = self.full(&step.shape, 0.0, step.dtype);
                    let at = slices(rank, *axis, before, before + n, 1);
                    B::float_slice_assign(zeros, &at, x.tensor)
                } else {
                    let index: Option<Vec<i32>> = (0..step.shape[*axis])
                        .map(|k| padded_source(*mode, n, k as i64 - before as i64))
                        .map(|s| s.map(|v| v as i32))
                        .collect();
                    let index = index?;
                    let index = self.upload(&HostTensor::i32(vec![index.len()], index));
                    B::float_select(x.tensor, *axis, index.tensor)
                }
            }
            _ => return None,
        })
    }
}
