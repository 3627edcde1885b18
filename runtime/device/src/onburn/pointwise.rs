//! Point-wise operations of Burn.

use super::{B, Machine, OnDevice, burn_shape, float_type};
use crate::program::Step;
use burn::backend::{DispatchTensor, TensorMetadata, ops::*};
use burn::tensor::{IntDType, Shape};
use nas_ir::{Binary, DType, Op, Unary};

pub(super) fn covers_int_unary(u: Unary) -> bool {
    matches!(u, Unary::Neg | Unary::Abs | Unary::Sign)
}

pub(super) fn covers_int_binary(b: Binary) -> bool {
    matches!(
        b,
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Max | Binary::Min
    )
}

/// The tensor with leading axes of 1 up to `rank`.
pub(super) fn raised(t: OnDevice, rank: usize) -> DispatchTensor {
    if t.tensor.shape().num_dims() == rank.max(1) {
        return t.tensor;
    }
    let mut shape = vec![1; rank.max(1).saturating_sub(t.shape.len())];
    shape.extend(&t.shape);
    let shape: Shape = shape.into_iter().collect();
    match t.dtype {
        DType::I32 => B::int_reshape(t.tensor, shape),
        _ => B::float_reshape(t.tensor, shape),
    }
}

/// The tensor repeated to `shape`.
pub(super) fn expanded(t: OnDevice, shape: &[usize]) -> DispatchTensor {
    let dtype = t.dtype;
    let same = t.shape == shape;
    let t = raised(t, shape.len());
    match dtype {
        _ if same => t,
        DType::I32 => B::int_expand(t, burn_shape(shape)),
        _ => B::float_expand(t, burn_shape(shape)),
    }
}

impl Machine {
    pub(super) fn pointwise(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let rank = step.shape.len();
        let mut inputs = inputs.into_iter();
        let x = inputs.next()?;
        Some(match &step.op {
            Op::Unary(u) if step.dtype == DType::I32 => match u {
                Unary::Neg => B::int_neg(x.tensor),
                Unary::Abs => B::int_abs(x.tensor),
                Unary::Sign => B::int_sign(x.tensor),
                _ => return None,
            },
            Op::Unary(u) => self.float_unary(*u, x),
            Op::Binary(b) if step.dtype == DType::I32 => {
                let y = inputs.next()?;
                match b {
                    Binary::Add => B::int_add(raised(x, rank), raised(y, rank)),
                    Binary::Sub => B::int_sub(raised(x, rank), raised(y, rank)),
                    Binary::Mul => B::int_mul(raised(x, rank), raised(y, rank)),
                    _ => {
                        let (x, y) = (expanded(x, &step.shape), expanded(y, &step.shape));
                        let first = match b {
                            Binary::Max => B::int_greater(x.clone(), y.clone(), self.bools),
                            _ => B::int_lower(x.clone(), y.clone(), self.bools),
                        };
                        B::int_mask_where(y, first, x)
                    }
                }
            }
            Op::Binary(b) => self.float_binary(*b, x, inputs.next()?, step),
            Op::Select => {
                let (then, otherwise) = (inputs.next()?, inputs.next()?);
                let condition = expanded(x, &step.shape);
                let yes = B::float_not_equal_elem(condition, 0f64.into(), self.bools);
                B::float_mask_where(
                    expanded(otherwise, &step.shape),
                    yes,
                    expanded(then, &step.shape),
                )
            }
            Op::Cast(to) => match (x.dtype, to) {
                (a, b) if a == *b => x.tensor,
                (DType::I32, _) => B::int_into_float(x.tensor, float_type(*to)),
                (_, DType::I32) => B::float_into_int(x.tensor, IntDType::I32),
                _ => B::float_cast(x.tensor, float_type(*to)),
            },
            _ => return None,
        })
    }

    fn float_unary(&self, u: Unary, x: OnDevice) -> DispatchTensor {
        let t = x.tensor;
        match u {
            Unary::Neg => B::float_neg(t),
            Unary::Exp => B::float_exp(t),
            Unary::Log => B::float_log(t),
            Unary::Sqrt => B::float_sqrt(t),
            Unary::Abs => B::float_abs(t),
            // Burn gives 0 for what is not a number.
            Unary::Sign => {
                let odd = B::float_is_nan(t.clone(), self.bools);
                B::float_mask_where(B::float_sign(t.clone()), odd, t)
            }
            Unary::Sin => B::float_sin(t),
            Unary::Cos => B::float_cos(t),
            Unary::Tanh => B::float_tanh(t),
            Unary::Erf => B::float_erf(t),
            Unary::Sigmoid => B::sigmoid(t),
            Unary::Round => B::float_round(t),
            Unary::Floor => B::float_floor(t),
            Unary::Ceil => B::float_ceil(t),
            Unary::Relu => B::relu(t),
            Unary::Not => {
                let zero = B::float_equal_elem(t, 0f64.into(), self.bools);
                B::bool_into_float(zero, float_type(x.dtype))
            }
        }
    }

    fn float_binary(&self, b: Binary, x: OnDevice, y: OnDevice, step: &Step) -> DispatchTensor {
        let rank = step.shape.len();
        let number = |t| B::bool_into_float(t, float_type(step.dtype));
        let bools = self.bools;
        match b {
            Binary::Add => return B::float_add(raised(x, rank), raised(y, rank)),
            Binary::Sub => return B::float_sub(raised(x, rank), raised(y, rank)),
            Binary::Mul => return B::float_mul(raised(x, rank), raised(y, rank)),
            Binary::Div => return B::float_div(raised(x, rank), raised(y, rank)),
            Binary::Pow => return B::float_powf(raised(x, rank), raised(y, rank)),
            _ => {}
        }
        let (x, y) = (expanded(x, &step.shape), expanded(y, &step.shape));
        let set = |t| B::float_not_equal_elem(t, 0f64.into(), bools);
        match b {
            // The first where it is larger or not a number; a second that is not a number stays.
            Binary::Max | Binary::Min => {
                let first = match b {
                    Binary::Max => B::float_greater(x.clone(), y.clone(), bools),
                    _ => B::float_lower(x.clone(), y.clone(), bools),
                };
                let odd = B::float_is_nan(x.clone(), bools);
                B::float_mask_where(y, B::bool_or(first, odd), x)
            }
            Binary::Lt => number(B::float_lower(x, y, bools)),
            Binary::Le => number(B::float_lower_equal(x, y, bools)),
            Binary::Gt => number(B::float_greater(x, y, bools)),
            Binary::Ge => number(B::float_greater_equal(x, y, bools)),
            Binary::Eq => number(B::float_equal(x, y, bools)),
            Binary::Ne => number(B::float_not_equal(x, y, bools)),
            Binary::And => number(B::bool_and(set(x), set(y))),
            _ => number(B::bool_or(set(x), set(y))),
        }
    }
}
