//! Convolution and pooling of Burn, with its own backward forms.

use super::{B, Machine, OnDevice, burn_shape};
use crate::program::Step;
use burn::backend::{DispatchTensor, ops::*};
use burn::tensor::{IntDType, Slice};
use nas_ir::op::Window;
use nas_ir::{DType, HostTensor, Op};

fn pair(p: [i64; 2]) -> [usize; 2] {
    p.map(|v| v.max(0) as usize)
}

fn options(window: &Window, groups: i64) -> ConvOptions<2> {
    let p = window.pad.map(|v| v.max(0) as usize);
    ConvOptions::new_with_padding(
        pair(window.stride).map(|s| s.max(1)),
        [(p[0], p[2]), (p[1], p[3])],
        pair(window.dilation).map(|s| s.max(1)),
        groups.max(1) as usize,
    )
}

/// The padding as Burn's pooling takes it, where top = bottom and left = right.
fn even(window: &Window) -> Option<[usize; 2]> {
    let p = window.pad;
    (p[0] == p[2] && p[1] == p[3]).then(|| pair([p[0], p[1]]))
}

impl Machine {
    /// A tensor of a shape whose values nobody reads: one number, seen as many.
    fn shaped(&self, shape: &[usize], dtype: DType) -> DispatchTensor {
        let one = self.full(&vec![1; shape.len()], 0.0, dtype);
        B::float_expand(one, burn_shape(shape))
    }

    pub(super) fn convolve(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let mut inputs = inputs.into_iter().map(|t| t.tensor);
        let (a, b) = (inputs.next()?, inputs.next()?);
        let shape = &step.shape;
        Some(match &step.op {
            Op::Conv { window, groups } => B::conv2d(a, b, None, options(window, *groups)),
            Op::ConvGradInput { window, groups } => {
                let x = self.shaped(shape, step.dtype);
                B::conv2d_x_backward(x, b, a, options(window, *groups))
            }
            Op::ConvGradWeight { window, groups } => {
                let w = self.shaped(shape, step.dtype);
                B::conv2d_weight_backward(a, w, b, options(window, *groups))
            }
            _ => return None,
        })
    }

    pub(super) fn pool(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        let mut inputs = inputs.into_iter();
        let x = inputs.next()?;
        match &step.op {
            Op::AvgPool { window, count_pad } => {
                let (k, s) = (pair(window.size), pair(window.stride));
                if let Some(p) = even(window) {
                    return Some(B::avg_pool2d(x.tensor, k, s, p, *count_pad, false));
                }
                let padded = self.padded(x, window, 0.0);
                let y = B::avg_pool2d(padded.tensor, k, s, [0, 0], true, false);
                Some(match count_pad {
                    true => y,
                    false => B::float_mul(y, self.shares(window, &padded.inner, step)),
                })
            }
            Op::AvgPoolGrad { window, count_pad } => {
                let (k, s) = (pair(window.size), pair(window.stride));
                if let Some(p) = even(window) {
                    let like = self.shaped(&step.shape, step.dtype);
                    let c = *count_pad;
                    return Some(B::avg_pool2d_backward(like, x.tensor, k, s, p, c, false));
                }
                let mut gy = x.tensor;
                if !count_pad {
                    gy = B::float_mul(
                        gy,
                        self.shares_of(window, &step.shape, &x.shape, step.dtype),
                    );
                }
                let outer = outer(window, &step.shape);
                let like = self.shaped(&outer, step.dtype);
                let g = B::avg_pool2d_backward(like, gy, k, s, [0, 0], true, false);
                Some(cropped(g, window, &step.shape))
            }
            Op::MaxPool { window } => {
                let (x, p) = self.for_max(x, window);
                let (k, s, d) = (
                    pair(window.size),
                    pair(window.stride),
                    pair(window.dilation),
                );
                Some(B::max_pool2d(x.tensor, k, s, p, d, false))
            }
            Op::MaxPoolGrad { window } => {
                let gy = inputs.next()?.tensor;
                let (x, p) = self.for_max(x, window);
                let (k, s, d) = (
                    pair(window.size),
                    pair(window.stride),
                    pair(window.dilation),
                );
                let at =
                    B::max_pool2d_with_indices(x.tensor.clone(), k, s, p, d, false, IntDType::I32);
                let back = B::max_pool2d_with_indices_backward(
                    x.tensor, k, s, p, d, false, gy, at.indices,
                );
                Some(match even(window) {
                    Some(_) => back.x_grad,
                    None => cropped(back.x_grad, window, &step.shape),
                })
            }
            Op::MaxPoolPick { window } => {
                let v = inputs.next()?;
                let (x, p) = self.for_max(x, window);
                let v = match even(window) {
                    Some(_) => v,
                    None => self.padded(v, window, 0.0).plain(),
                };
                let (k, s, d) = (
                    pair(window.size),
                    pair(window.stride),
                    pair(window.dilation),
                );
                let at = B::max_pool2d_with_indices(x.tensor, k, s, p, d, false, IntDType::I32);
                let (planes, y) = ([v.shape[0], v.shape[1]], &step.shape);
                let flat = |a: usize| [planes[0], planes[1], a];
                let v2 = B::float_reshape(v.tensor, burn_shape(&flat(v.shape[2] * v.shape[3])));
                let i2 = B::int_reshape(at.indices, burn_shape(&flat(y[2] * y[3])));
                Some(B::float_reshape(B::float_gather(2, v2, i2), burn_shape(y)))
            }
            _ => None,
        }
    }

    /// The input of max pooling and its padding: uneven padding is written out as -inf.
    fn for_max(&self, x: OnDevice, window: &Window) -> (OnDevice, [usize; 2]) {
        match even(window) {
            Some(p) => (x, p),
            None => (self.padded(x, window, f64::NEG_INFINITY).plain(), [0, 0]),
        }
    }

    fn padded(&self, x: OnDevice, window: &Window, with: f64) -> Padded {
        let shape = outer(window, &x.shape);
        let empty = self.full(&shape, with, x.dtype);
        let tensor = B::float_slice_assign(empty, &inside(window, &x.shape), x.tensor);
        Padded {
            tensor,
            inner: x.shape,
            shape,
            dtype: x.dtype,
        }
    }

    fn shares(&self, window: &Window, x: &[usize], step: &Step) -> DispatchTensor {
        self.shares_of(window, x, &step.shape, step.dtype)
    }

    /// For each window, its size over the entries that are not padding: [1, 1, p, q].
    fn shares_of(&self, window: &Window, x: &[usize], y: &[usize], dtype: DType) -> DispatchTensor {
        let inside = |axis: usize, o: usize| -> f64 {
            let start = o as i64 * window.stride[axis] - window.pad[axis];
            let end = (start + window.size[axis]).min(x[2 + axis] as i64);
            (end - start.max(0)).max(0) as f64
        };
        let whole = (window.size[0] * window.size[1]) as f64;
        let mut shares = Vec::with_capacity(y[2] * y[3]);
        for p in 0..y[2] {
            for q in 0..y[3] {
                shares.push(whole / (inside(0, p) * inside(1, q)).max(1.0));
            }
        }
        let shape = vec![1, 1, y[2], y[3]];
        let shares = match dtype {
            DType::F64 => HostTensor::f64(shape, shares),
            _ => HostTensor::f32(shape, shares.into_iter().map(|v| v as f32).collect()),
        };
        self.upload(&shares).tensor
    }
}

/// A tensor inside a larger one.
struct Padded {
    tensor: DispatchTensor,
    inner: Vec<usize>,
    shape: Vec<usize>,
    dtype: DType,
}

impl Padded {
    fn plain(self) -> OnDevice {
        OnDevice {
            tensor: self.tensor,
            shape: self.shape,
            dtype: self.dtype,
        }
    }
}

/// The shape with its padding.
fn outer(window: &Window, x: &[usize]) -> Vec<usize> {
    let p = window.pad.map(|v| v.max(0) as usize);
    vec![x[0], x[1], x[2] + p[0] + p[2], x[3] + p[1] + p[3]]
}

/// Where `x` lies within its padding.
fn inside(window: &Window, x: &[usize]) -> Vec<Slice> {
    let p = window.pad.map(|v| v.max(0) as isize);
    vec![
        Slice::full(),
        Slice::full(),
        Slice::new(p[0], Some(p[0] + x[2] as isize), 1),
        Slice::new(p[1], Some(p[1] + x[3] as isize), 1),
    ]
}

fn cropped(t: DispatchTensor, window: &Window, x: &[usize]) -> DispatchTensor {
    B::float_slice(t, &inside(window, x))
}
