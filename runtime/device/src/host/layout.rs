//! Copies: permuting, broadcasting, slicing, padding, joining.

use super::num::Num;
use crate::shape::{Axes, Walk, around, broadcast_strides, strides};
use nas_ir::op::PadMode;

pub(super) fn permute<T: Num>(
    order: &[usize],
    x: &[T],
    from: &[usize],
    shape: &[usize],
    out: &mut [T],
) {
    let own = strides(from);
    let steps: Axes = order.iter().map(|i| own[*i]).collect();
    copy(x, &steps, shape, out);
}

pub(super) fn expand<T: Num>(x: &[T], from: &[usize], shape: &[usize], out: &mut [T]) {
    copy(x, &broadcast_strides(from, shape), shape, out);
}

fn copy<T: Num>(x: &[T], steps: &[usize], shape: &[usize], out: &mut [T]) {
    Walk::new(shape, [steps]).rows(|o, [i], [d], n| match d {
        0 => out[o..o + n].fill(x[i]),
        1 => out[o..o + n].copy_from_slice(&x[i..i + n]),
        _ => (0..n).for_each(|k| out[o + k] = x[i + k * d]),
    });
}

/// Fills `out` along `axis`: its entry k is `x`'s entry `source(k)`, or 0 where there is none.
pub(super) fn along<T: Num>(
    axis: usize,
    x: &[T],
    from: &[usize],
    shape: &[usize],
    out: &mut [T],
    source: impl Fn(usize) -> Option<usize>,
) {
    let (outer, extent, inner) = around(shape, axis);
    let old = from[axis];
    for k in 0..extent {
        let s = source(k).filter(|s| *s < old);
        for a in 0..outer {
            let o = (a * extent + k) * inner;
            match s {
                Some(s) => {
                    let i = (a * old + s) * inner;
                    out[o..o + inner].copy_from_slice(&x[i..i + inner]);
                }
                None => out[o..o + inner].fill(T::default()),
            }
        }
    }
}

/// The entry of an axis of extent `n` that padding reads at position `k` (may lie outside).
pub(crate) fn padded_source(mode: PadMode, n: usize, k: i64) -> Option<usize> {
    let n = n as i64;
    if n == 0 {
        return None;
    }
    let at = match mode {
        _ if (0..n).contains(&k) => k,
        PadMode::Zero => return None,
        PadMode::Edge => k.clamp(0, n - 1),
        PadMode::Circular => k.rem_euclid(n),
        PadMode::Mirror if n == 1 => 0,
        PadMode::Mirror => {
            let m = k.rem_euclid(2 * (n - 1));
            if m < n { m } else { 2 * (n - 1) - m }
        }
    };
    Some(at as usize)
}

/// Joins arrays of the same other extents along `axis`.
pub(super) fn concat<T: Num>(
    axis: usize,
    parts: &[(&[T], &[usize])],
    shape: &[usize],
    out: &mut [T],
) {
    let (outer, extent, inner) = around(shape, axis);
    let mut start = 0;
    for (x, from) in parts {
        let row = from[axis] * inner;
        for a in 0..outer {
            let o = (a * extent + start) * inner;
            out[o..o + row].copy_from_slice(&x[a * row..(a + 1) * row]);
        }
        start += from[axis];
    }
}
