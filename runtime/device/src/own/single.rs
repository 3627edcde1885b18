//! Single operations that have a kernel of their own: convolution, pooling, contraction, reduction, permutation.

use super::contract;
use super::fused::{Seen, binary, reduce_kind, unary};
use super::pool::Pool;
use super::refused;
use crate::fault::RunFault;
use crate::host::{Arg, Buffer};
use crate::program::Step;
use crate::shape::broadcast_strides;
use nas_ir::op::Window;
use nas_ir::{DType, Op};
use nasc_kernels as k;

/// Runs the step where there is a kernel for it; false where there is none.
pub(super) fn run(
    step: &Step,
    args: &[Arg<'_>],
    out: &mut Buffer,
    pool: &mut Pool,
) -> Result<bool, RunFault> {
    match out {
        Buffer::F32(o) => typed::<f32>(step, args, o, pool),
        Buffer::F64(o) => typed::<f64>(step, args, o, pool),
        Buffer::I32(_) => return Ok(false),
    }
    .map_err(|e| refused(step, e))
}

fn typed<E: Seen>(
    step: &Step,
    args: &[Arg<'_>],
    out: &mut [E],
    pool: &mut Pool,
) -> Result<bool, k::KernelError> {
    let get = |i: usize| args.get(i).and_then(|a| Some((E::seen(a.data)?, a.shape)));
    let Some((x, xs)) = get(0) else {
        return Ok(false);
    };
    let y = get(1);
    let shape = &step.shape;
    match (&step.op, y) {
        (Op::Conv { window, groups }, Some((w, ws))) => match conv(window, *groups, xs, ws) {
            Some(d) => k::conv2d(&d, x, w, out)?,
            None => return Ok(false),
        },
        (Op::ConvGradInput { window, groups }, Some((w, ws))) => {
            match conv(window, *groups, shape, ws) {
                Some(d) => k::conv2d_grad_input(&d, x, w, out)?,
                None => return Ok(false),
            }
        }
        (Op::ConvGradWeight { window, groups }, Some((gy, _))) => {
            match conv(window, *groups, xs, shape) {
                Some(d) => k::conv2d_grad_weight(&d, x, gy, out)?,
                None => return Ok(false),
            }
        }
        (Op::AvgPool { window, count_pad }, _) => match pool2d(window, xs) {
            Some(d) => k::avg_pool2d(&d, *count_pad, x, out)?,
            None => return Ok(false),
        },
        (Op::AvgPoolGrad { window, count_pad }, _) => match pool2d(window, shape) {
            Some(d) => k::avg_pool2d_grad(&d, *count_pad, x, out)?,
            None => return Ok(false),
        },
        (Op::MaxPool { window }, _) => match pool2d(window, xs) {
            Some(d) => {
                let mut at = Places::take(pool, out.len());
                k::max_pool2d(&d, x, out, at.get())?;
                at.give(pool);
            }
            None => return Ok(false),
        },
        (Op::MaxPoolGrad { window }, Some((gy, _))) => match pool2d(window, xs) {
            Some(d) => {
                let mut at = Places::take(pool, gy.len());
                let mut largest = pool.take(step.dtype, gy.len());
                match E::written(&mut largest) {
                    Some(y) => k::max_pool2d(&d, x, y, at.get())?,
                    None => return Ok(false),
                }
                pool.give(largest.into_data());
                k::max_pool2d_grad(&d, gy, at.get(), out)?;
                at.give(pool);
            }
            None => return Ok(false),
        },
        (Op::MaxPoolPick { window }, Some((v, _))) => match pool2d(window, xs) {
            Some(d) => {
                let mut at = Places::take(pool, out.len());
                k::max_pool2d(&d, x, out, at.get())?;
                k::max_pool2d_gather(&d, v, at.get(), out)?;
                at.give(pool);
            }
            None => return Ok(false),
        },
        (Op::Contract { inputs, output }, _) => {
            return contract::contract(inputs, output, &[get(0), y], out);
        }
        (Op::Reduce { kind, axes, .. }, _) if xs.len() <= 8 => {
            let strides = steps_of(xs, xs);
            let input = k::Input::Tensor {
                data: x,
                strides: &strides,
            };
            let mask: Vec<bool> = (0..xs.len()).map(|i| axes.contains(&i)).collect();
            let one = k::Program::identity();
            k::run_fused_reduce(
                &one,
                xs,
                &[input],
                &mask,
                reduce_kind(*kind),
                &mut [out],
                &mut [],
            )?;
        }
        (Op::Permute(order), _) => k::permute(xs, order, x, out)?,
        (Op::Unary(u), _) => point(unary(*u), shape, &[(x, xs)], out)?,
        (Op::Binary(b), Some(y)) if shape.len() <= 8 => {
            point(binary(*b), shape, &[(x, xs), y], out)?
        }
        (Op::Select, Some(y)) if shape.len() <= 8 => match get(2) {
            Some(z) => point(k::Op::Select, shape, &[(x, xs), y, z], out)?,
            None => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

fn steps_of(from: &[usize], to: &[usize]) -> Vec<isize> {
    broadcast_strides(from, to)
        .iter()
        .map(|s| *s as isize)
        .collect()
}

/// One point-wise operation.
fn point<E: Seen>(
    op: k::Op,
    shape: &[usize],
    args: &[(&[E], &[usize])],
    out: &mut [E],
) -> Result<(), k::KernelError> {
    // A single input lies as the output does.
    let flat = [out.len()];
    let shape = if args.len() == 1 { &flat[..] } else { shape };
    let strides: Vec<Vec<isize>> = args
        .iter()
        .map(|a| {
            if args.len() == 1 {
                vec![1]
            } else {
                steps_of(a.1, shape)
            }
        })
        .collect();
    let inputs: Vec<k::Input<'_, E>> = args
        .iter()
        .zip(&strides)
        .map(|((data, _), strides)| k::Input::Tensor { data, strides })
        .collect();
    let n = args.len() as u16;
    let registers: Vec<u16> = (0..n).collect();
    let program = k::Program::new(args.len(), &[k::Instr::new(op, &registers, n)], &[n])?;
    k::run_fused(&program, shape, &inputs, &mut [out])
}

/// The places of maxima, from the pool.
struct Places(Vec<i32>);

impl Places {
    fn take(pool: &mut Pool, len: usize) -> Places {
        match pool.take(DType::I32, len) {
            Buffer::I32(v) => Places(v),
            _ => Places(vec![0; len]),
        }
    }
    fn get(&mut self) -> &mut [i32] {
        &mut self.0
    }
    fn give(self, pool: &mut Pool) {
        pool.give(Buffer::I32(self.0).into_data());
    }
}

fn natural<const N: usize>(v: [i64; N]) -> Option<[usize; N]> {
    v.iter().all(|x| *x >= 0).then(|| v.map(|x| x as usize))
}

/// None where the padding cuts.
fn conv(window: &Window, groups: i64, x: &[usize], weight: &[usize]) -> Option<k::Conv2d> {
    let [top, left, bottom, right] = natural(window.pad)?;
    let &[n, c, h, w] = x else { return None };
    let &[o, _, kh, kw] = weight else { return None };
    Some(k::Conv2d {
        n,
        c,
        h,
        w,
        o,
        kh,
        kw,
        pad_top: top,
        pad_left: left,
        pad_bottom: bottom,
        pad_right: right,
        stride: natural(window.stride)?,
        dilation: natural(window.dilation)?,
        groups: usize::try_from(groups).ok()?,
    })
}

fn pool2d(window: &Window, x: &[usize]) -> Option<k::Pool2d> {
    let &[n, c, h, w] = x else { return None };
    let [kh, kw] = natural(window.size)?;
    Some(k::Pool2d {
        planes: n * c,
        h,
        w,
        kh,
        kw,
        pad: natural(window.pad)?,
        stride: natural(window.stride)?,
        dilation: natural(window.dilation)?,
    })
}
