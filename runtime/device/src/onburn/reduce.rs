//! Reductions and running sums of Burn.

use super::{B, Machine, OnDevice, burn_shape};
use crate::program::Step;
use burn::backend::{DispatchTensor, ops::*};
use burn::tensor::IntDType;
use nas_ir::{Op, ReduceKind};

impl Machine {
    pub(super) fn reduce(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let x = inputs.into_iter().next()?;
        Some(match &step.op {
            Op::Reduce { kind, axes, .. } => {
                let reduced = along(*kind, axes, x);
                B::float_reshape(reduced, burn_shape(&step.shape))
            }
            Op::ArgReduce { largest, axis } => {
                let at = match largest {
                    true => B::float_argmax(x.tensor, *axis, IntDType::I32),
                    false => B::float_argmin(x.tensor, *axis, IntDType::I32),
                };
                B::int_reshape(at, burn_shape(&step.shape))
            }
            Op::CumSum { axis, reverse } => {
                if *reverse {
                    let turned = B::float_flip(x.tensor, &[*axis]);
                    B::float_flip(B::float_cumsum(turned, *axis), &[*axis])
                } else {
                    B::float_cumsum(x.tensor, *axis)
                }
            }
            _ => return None,
        })
    }
}

/// The elements of each result, in some shape. Neighbouring axes are joined, so that most reductions are one call.
fn along(kind: ReduceKind, axes: &[usize], x: OnDevice) -> DispatchTensor {
    let mut shape: Vec<usize> = vec![];
    let mut gone: Vec<bool> = vec![];
    for (i, extent) in x.shape.iter().enumerate() {
        let goes = axes.contains(&i);
        match (shape.last_mut(), gone.last()) {
            (Some(last), Some(g)) if *g == goes => *last *= extent,
            _ => {
                shape.push(*extent);
                gone.push(goes);
            }
        }
    }
    let mut t = B::float_reshape(x.tensor, burn_shape(&shape));
    if gone == [true] && kind == ReduceKind::Sum {
        return B::float_sum(t);
    }
    for (i, goes) in gone.iter().enumerate().rev() {
        if *goes {
            t = match kind {
                ReduceKind::Sum => B::float_sum_dim(t, i),
                ReduceKind::Max => B::float_max_dim(t, i),
                ReduceKind::Min => B::float_min_dim(t, i),
            };
        }
    }
    t
}
