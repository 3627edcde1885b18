//! Reads and writes by index of Burn.

use super::pointwise::raised;
use super::{B, Machine, OnDevice, burn_shape, float_type};
use crate::program::Step;
use burn::backend::{DispatchTensor, ops::*};
use burn::tensor::{IndexingUpdateOp, IntDType};
use nas_ir::{DType, Op};

impl Machine {
    pub(super) fn indexed(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let mut inputs = inputs.into_iter();
        let x = inputs.next()?;
        let last = step.shape.len().saturating_sub(1);
        let zeros = || self.full(&step.shape, 0.0, step.dtype);
        Some(match &step.op {
            Op::Gather { axis } => {
                let index = inputs.next()?.tensor;
                match x.dtype {
                    DType::I32 => B::int_select(x.tensor, *axis, index),
                    _ => B::float_select(x.tensor, *axis, index),
                }
            }
            Op::ScatterAdd { axis, .. } => {
                let index = inputs.next()?.tensor;
                B::float_select_assign(zeros(), *axis, index, x.tensor, IndexingUpdateOp::Add)
            }
            Op::Pick => {
                let axis = x.shape.len() - 1;
                let index = single(inputs.next()?);
                let picked = match x.dtype {
                    DType::I32 => B::int_gather(axis, x.tensor, index),
                    _ => B::float_gather(axis, x.tensor, index),
                };
                match x.dtype {
                    DType::I32 => B::int_reshape(picked, burn_shape(&step.shape)),
                    _ => B::float_reshape(picked, burn_shape(&step.shape)),
                }
            }
            Op::Unpick { .. } => {
                let index = single(inputs.next()?);
                let mut shape = x.shape.clone();
                shape.push(1);
                let g = B::float_reshape(x.tensor, burn_shape(&shape));
                B::float_scatter(last, zeros(), index, g, IndexingUpdateOp::Add)
            }
            Op::OneHot { .. } => {
                let classes = step.shape[last];
                let counting = OnDevice {
                    tensor: B::int_arange(0..classes as i64, &self.device, IntDType::I32),
                    shape: vec![classes],
                    dtype: DType::I32,
                };
                let counting = B::int_expand(raised(counting, last + 1), burn_shape(&step.shape));
                let index = B::int_expand(single(x), burn_shape(&step.shape));
                let hit = B::int_equal(index, counting, self.bools);
                B::bool_into_float(hit, float_type(step.dtype))
            }
            Op::TakeAlong => {
                let index = inputs.next()?.tensor;
                match x.dtype {
                    DType::I32 => B::int_gather(last, x.tensor, index),
                    _ => B::float_gather(last, x.tensor, index),
                }
            }
            Op::PutAlong => {
                let index = inputs.next()?.tensor;
                B::float_scatter(last, zeros(), index, x.tensor, IndexingUpdateOp::Add)
            }
            _ => return None,
        })
    }
}

/// Indices with one more axis of 1 at the end.
fn single(index: OnDevice) -> DispatchTensor {
    let mut shape = index.shape.clone();
    shape.push(1);
    B::int_reshape(index.tensor, burn_shape(&shape))
}
