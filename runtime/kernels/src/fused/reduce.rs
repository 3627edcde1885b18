//! A fused program whose values are reduced over some axes, in an order that the shapes alone fix.

use super::engine::{Engine, TileAt};
use super::ops::{Src, max, min};
use super::{Input, Program, nodes};
use crate::elem::{Elem, Scratch};
use crate::error::{KernelError, need, product};
use crate::simd::{Level, level};

/// How values are reduced. Max and min of nothing are minus and plus infinity; NaN wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The sum; pieces of up to 512 in 32 lanes, the pieces in `f64`.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

impl Reduce {
    fn start(self) -> f64 {
        match self {
            Reduce::Sum => 0.0,
            Reduce::Max => f64::NEG_INFINITY,
            Reduce::Min => f64::INFINITY,
        }
    }
}

const LANES: usize = 32;
/// Elements summed in lanes before the total goes on in f64.
const PIECE: usize = 512;

#[inline(always)]
fn lanes<E: Elem>(v: &[E], start: E, f: impl Fn(E, E) -> E) -> E {
    let mut acc = [start; LANES];
    let mut pieces = v.chunks_exact(LANES);
    for piece in &mut pieces {
        for i in 0..LANES {
            acc[i] = f(acc[i], piece[i]);
        }
    }
    for (a, &x) in acc.iter_mut().zip(pieces.remainder()) {
        *a = f(*a, x);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            acc[i] = f(acc[i], acc[i + half]);
        }
        half /= 2;
    }
    acc[0]
}

/// Reduces `rows` rows of `len` at `p` into one total each, or adds each row to the totals place by place (`kept`).
#[inline(always)]
unsafe fn fold<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    let v = std::slice::from_raw_parts(p, len);
    if kept {
        let to = std::slice::from_raw_parts_mut(to, len);
        match kind {
            Reduce::Sum => to.iter_mut().zip(v).for_each(|(t, x)| *t += x.wide()),
            Reduce::Max => to
                .iter_mut()
                .zip(v)
                .for_each(|(t, x)| *t = max(*t, x.wide())),
            Reduce::Min => to
                .iter_mut()
                .zip(v)
                .for_each(|(t, x)| *t = min(*t, x.wide())),
        }
    } else {
        match kind {
            Reduce::Sum => {
                for piece in v.chunks(PIECE) {
                    *to += lanes(piece, E::zero(), |a, b| a + b).wide();
                }
            }
            Reduce::Max => *to = max(*to, lanes(v, E::neg_infinity(), max).wide()),
            Reduce::Min => *to = min(*to, lanes(v, E::infinity(), min).wide()),
        }
    }
}

type FoldFn<E> = unsafe fn(Reduce, *const E, usize, *mut f64, bool);

unsafe fn fold_base<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fold_avx2<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn fold_avx512<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

fn fold_fn<E: Elem>() -> FoldFn<E> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => fold_avx512::<E>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => fold_avx2::<E>,
        _ => fold_base::<E>,
    }
}

/// Runs a program at every place of `shape` and reduces its values over the axes of `reduced` (true = reduced away).
///
/// Each output is contiguous over the axes that stay, in their order. Same inputs, same bits: whatever the thread.
pub fn run_fused_reduce<E: Elem>(
    program: &Program,
    shape: &[usize],
    inputs: &[Input<'_, E>],
    reduced: &[bool],
    kind: Reduce,
    outputs: &mut [&mut [E]],
) -> Result<(), KernelError> {
    product(shape)?;
    need(
        reduced.len() == shape.len(),
        "the mask of reduced axes has another rank than the space",
    )?;
    let left: usize = shape
        .iter()
        .zip(reduced)
        .filter(|(_, r)| !**r)
        .map(|(d, _)| d)
        .product();
    need(
        outputs.len() == program.outputs.len(),
        "a fused program got another number of outputs",
    )?;
    need(
        outputs.iter().all(|o| o.len() == left),
        "an output of a reduction has another size than the axes that stay",
    )?;
    let (space, kinds, nodes) = nodes(program, shape, inputs, reduced)?;
    let mut totals = Scratch::<f64>::new(left * outputs.len());
    totals.fill(kind.start());
    if space.total() > 0 {
        let keep: Vec<bool> = kinds.iter().map(|r| !r).collect();
        let to = space.contiguous_over(&keep);
        let last = space.rank - 1;
        let kept = keep[last] && space.inner() > 1;
        let fold = fold_fn::<E>();
        let mut fill: Vec<E> = Vec::new();
        // SAFETY: `nodes` has checked that every input reaches all of the space; `totals` has one place for each place of
        // the axes that stay and each output, and `to` are its strides.
        unsafe {
            Engine::new(nodes, space, &program.outputs).feed(|i, at: TileAt, value| {
                let p = match value {
                    Src::Many(p) => p,
                    Src::One(x) => {
                        fill.clear();
                        fill.resize(at.len, x);
                        fill.as_ptr()
                    }
                };
                let len = at.len / at.rows;
                for r in 0..at.rows {
                    let place = space.row_offset(at.row + r, &to) + at.start * to[last];
                    let total = totals.as_mut_ptr().add(i * left + place);
                    fold(kind, p.add(r * len), len, total, kept);
                }
            });
        }
    }
    for (output, totals) in outputs.iter_mut().zip(totals.chunks_exact(left.max(1))) {
        for (o, &t) in output.iter_mut().zip(totals) {
            *o = E::of(t);
        }
    }
    Ok(())
}
