//! Every operation on the host, as plain loops: what no faster kernel covers, and the reference that the others are tested against.

mod contract;
mod conv;
mod index;
mod layout;
mod linalg;
mod num;
mod pointwise;
mod random;

pub(crate) use layout::padded_source;
pub(crate) use num::View;

use crate::fault::RunFault;
use crate::shape::count;
use conv::{Sizes, Wanted};
use nas_ir::{DType, Distribution, HostData, HostFn, HostTensor, Op};
use num::Num;
use std::sync::Arc;

/// An input: its extents and its values.
#[derive(Clone, Copy)]
pub(crate) struct Arg<'a> {
    pub shape: &'a [usize],
    pub data: View<'a>,
}

impl<'a> Arg<'a> {
    pub(crate) fn of(t: &'a HostTensor) -> Arg<'a> {
        Arg {
            shape: &t.shape,
            data: match &t.data {
                HostData::F32(v) => View::F32(v),
                HostData::F64(v) => View::F64(v),
                HostData::I32(v) => View::I32(v),
            },
        }
    }
}

/// Memory that an operation writes; its length is that of the result.
pub(crate) enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I32(Vec<i32>),
}

impl Buffer {
    pub(crate) fn zeros(dtype: DType, len: usize) -> Buffer {
        match dtype {
            DType::F32 => Buffer::F32(vec![0.0; len]),
            DType::F64 => Buffer::F64(vec![0.0; len]),
            DType::I32 => Buffer::I32(vec![0; len]),
        }
    }

    pub(crate) fn into_data(self) -> HostData {
        match self {
            Buffer::F32(v) => HostData::F32(Arc::new(v)),
            Buffer::F64(v) => HostData::F64(Arc::new(v)),
            Buffer::I32(v) => HostData::I32(Arc::new(v)),
        }
    }
}

/// A tensor with one value throughout.
pub(crate) fn fill(value: f64, out: &mut Buffer) {
    match out {
        Buffer::F32(o) => o.fill(value as f32),
        Buffer::F64(o) => o.fill(value),
        Buffer::I32(o) => o.fill(value as i32),
    }
}

/// Draws of a key.
pub(crate) fn draw(distribution: Distribution, key: [u64; 4], out: &mut Buffer) {
    match out {
        Buffer::F32(o) => random::draw(distribution, key, o),
        Buffer::F64(o) => random::draw(distribution, key, o),
        Buffer::I32(o) => random::draw(distribution, key, o),
    }
}

/// Computes an operation that needs only its inputs (all but leaves, numbers and draws).
pub(crate) fn eval(
    op: &Op,
    args: &[Arg<'_>],
    shape: &[usize],
    dtype: DType,
) -> Result<HostTensor, RunFault> {
    let mut out = Buffer::zeros(dtype, count(shape));
    eval_into(op, args, shape, &mut out)?;
    Ok(HostTensor {
        shape: shape.to_vec(),
        data: out.into_data(),
    })
}

/// As [`eval`], into memory that is there already.
pub(crate) fn eval_into(
    op: &Op,
    args: &[Arg<'_>],
    shape: &[usize],
    out: &mut Buffer,
) -> Result<(), RunFault> {
    match out {
        Buffer::F32(o) => typed(op, args, shape, o),
        Buffer::F64(o) => typed(op, args, shape, o),
        Buffer::I32(o) => {
            // The two operations that give whole numbers from any type.
            match (op, args.first().map(|a| (a.shape, a.data))) {
                (Op::ArgReduce { largest, axis }, Some((s, data))) => {
                    match data {
                        View::F32(x) => pointwise::arg_reduce(*largest, *axis, x, s, o),
                        View::F64(x) => pointwise::arg_reduce(*largest, *axis, x, s, o),
                        View::I32(x) => pointwise::arg_reduce(*largest, *axis, x, s, o),
                    }
                    Ok(())
                }
                (Op::ArgSort, Some((s, data))) => {
                    let size = s.last().copied().unwrap_or(1);
                    match data {
                        View::F32(x) => index::arg_sort(x, size, o),
                        View::F64(x) => index::arg_sort(x, size, o),
                        View::I32(x) => index::arg_sort(x, size, o),
                    }
                    Ok(())
                }
                _ => typed(op, args, shape, o),
            }
        }
    }
}

fn odd(op: &Op, message: &str) -> RunFault {
    RunFault::Unsupported {
        node: 0,
        message: format!("{}: {message}", op.name()),
    }
}

fn input<'a, T: Num>(
    op: &Op,
    args: &[Arg<'a>],
    i: usize,
) -> Result<(&'a [T], &'a [usize]), RunFault> {
    let arg = args.get(i).ok_or_else(|| odd(op, "an input is missing"))?;
    let data = T::view(arg.data).ok_or_else(|| odd(op, "an input has another element type"))?;
    if data.len() != count(arg.shape) {
        return Err(odd(op, "an input has another length than its shape"));
    }
    Ok((data, arg.shape))
}

fn typed<T: Num>(
    op: &Op,
    args: &[Arg<'_>],
    shape: &[usize],
    out: &mut [T],
) -> Result<(), RunFault> {
    let x = || input::<T>(op, args, 0);
    let y = || input::<T>(op, args, 1);
    let at = |i: usize| input::<i32>(op, args, i).map(|a| a.0);
    let known = |d: &nas_ir::Dim| {
        d.known()
            .and_then(|v| usize::try_from(v).ok())
            .ok_or_else(|| odd(op, "an extent is not known"))
    };
    match op {
        Op::Leaf | Op::Const(_) | Op::Scalar | Op::Random(_) => {
            return Err(odd(op, "a value to be bound"));
        }
        Op::Grad { .. } => return Err(odd(op, "a gradient that was not expanded")),
        Op::Iota => {
            for (i, o) in out.iter_mut().enumerate() {
                *o = T::of(i as f64);
            }
        }
        Op::Unary(u) => pointwise::unary(*u, x()?.0, out),
        Op::Binary(b) => pointwise::binary(*b, x()?, y()?, shape, out),
        Op::Select => pointwise::select([x()?, y()?, input(op, args, 2)?], shape, out),
        Op::Cast(_) => match args.first() {
            Some(a) => pointwise::cast(a.data, out),
            None => return Err(odd(op, "an input is missing")),
        },
        Op::Reduce { kind, axes, .. } => {
            let (v, s) = x()?;
            pointwise::reduce(*kind, axes, v, s, out);
        }
        Op::ArgReduce { .. } | Op::ArgSort => return Err(odd(op, "gives whole numbers")),
        Op::Reshape | Op::Stop | Op::Surrogate | Op::Mark(_) => out.copy_from_slice(x()?.0),
        Op::Permute(order) => {
            let (v, s) = x()?;
            layout::permute(order, v, s, shape, out);
        }
        Op::Expand => {
            let (v, s) = x()?;
            layout::expand(v, s, shape, out);
        }
        Op::Slice {
            axis, start, step, ..
        } => {
            let ((v, s), start, step) = (x()?, known(start)?, (*step).max(1) as usize);
            layout::along(*axis, v, s, shape, out, |k| Some(start + k * step));
        }
        Op::Unslice {
            axis, start, step, ..
        } => {
            let ((v, s), start, step) = (x()?, known(start)?, (*step).max(1) as usize);
            layout::along(*axis, v, s, shape, out, |k| {
                let k = k.checked_sub(start)?;
                (k % step == 0).then_some(k / step)
            });
        }
        Op::Pad {
            axis, before, mode, ..
        } => {
            let (v, s) = x()?;
            let n = s[*axis];
            layout::along(*axis, v, s, shape, out, |k| {
                padded_source(*mode, n, k as i64 - before)
            });
        }
        Op::Concat { axis } => {
            let parts: Result<Vec<_>, _> = (0..args.len()).map(|i| input(op, args, i)).collect();
            layout::concat(*axis, &parts?, shape, out);
        }
        Op::Gather { axis } => {
            let (v, s) = x()?;
            index::gather(*axis, v, s, at(1)?, out)?;
        }
        Op::ScatterAdd { axis, .. } => {
            index::scatter_add(*axis, x()?.0, shape, at(1)?, out)?;
        }
        Op::Pick => {
            let (v, s) = x()?;
            index::pick(v, s.last().copied().unwrap_or(1), at(1)?, out)?;
        }
        Op::Unpick { .. } => {
            let (g, size) = (x()?.0, shape.last().copied().unwrap_or(1));
            index::unpick(|r| g[r], size, at(1)?, out)?;
        }
        Op::OneHot { .. } => {
            let size = shape.last().copied().unwrap_or(1);
            index::unpick(|_| T::ONE, size, at(0)?, out)?;
        }
        Op::Contract { inputs, output } => {
            let parts: Result<Vec<_>, _> = (0..args.len()).map(|i| input(op, args, i)).collect();
            contract::contract(inputs, output, &parts?, out);
        }
        Op::Conv { window, groups } => {
            let ((v, xs), (w, ws)) = (x()?, y()?);
            let sizes = Sizes {
                x: xs,
                weight: ws,
                y: shape,
            };
            conv::conv(
                window,
                *groups as usize,
                &sizes,
                Wanted::Output,
                (v, w),
                out,
            );
        }
        Op::ConvGradInput { window, groups } => {
            let ((gy, ys), (w, ws)) = (x()?, y()?);
            let sizes = Sizes {
                x: shape,
                weight: ws,
                y: ys,
            };
            conv::conv(
                window,
                *groups as usize,
                &sizes,
                Wanted::Input,
                (gy, w),
                out,
            );
        }
        Op::ConvGradWeight { window, groups } => {
            let ((v, xs), (gy, ys)) = (x()?, y()?);
            let sizes = Sizes {
                x: xs,
                weight: shape,
                y: ys,
            };
            conv::conv(
                window,
                *groups as usize,
                &sizes,
                Wanted::Weight,
                (v, gy),
                out,
            );
        }
        Op::AvgPool { window, count_pad } => conv::avg_pool(window, *count_pad, x()?, shape, out),
        Op::AvgPoolGrad { window, count_pad } => {
            conv::avg_pool_grad(window, *count_pad, x()?, shape, out);
        }
        Op::MaxPool { window } => {
            let v = x()?;
            conv::max_pool(window, v, v.0, T::smallest(), shape, out);
        }
        Op::MaxPoolGrad { window } => conv::max_pool_grad(window, x()?, y()?, out),
        Op::MaxPoolPick { window } => {
            conv::max_pool(window, x()?, y()?.0, T::default(), shape, out);
        }
        Op::Sort => index::sort(x()?.0, shape.last().copied().unwrap_or(1), out),
        Op::TakeAlong => {
            index::take_along(x()?.0, shape.last().copied().unwrap_or(1), at(1)?, out)?;
        }
        Op::PutAlong => {
            index::put_along(x()?.0, shape.last().copied().unwrap_or(1), at(1)?, out)?;
        }
        Op::CumSum { axis, reverse } => {
            index::cumsum(*axis, *reverse, x()?.0, shape, out);
        }
        Op::Host(f) => {
            let mut wide = vec![0f64; args.first().map_or(0, |a| count(a.shape))];
            match args.first() {
                Some(a) => pointwise::cast(a.data, &mut wide),
                None => return Err(odd(op, "an input is missing")),
            }
            let m = args[0].shape.first().copied().unwrap_or(1);
            match f {
                HostFn::LogDet => out.fill(T::of(linalg::log_det(&wide, m))),
                HostFn::EigSym => {
                    for (o, v) in out.iter_mut().zip(linalg::eigenvalues(&wide, m)) {
                        *o = T::of(v);
                    }
                }
            }
        }
    }
    Ok(())
}
