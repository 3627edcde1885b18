//! Reads and writes by index, sorting, running sums. An index outside its axis is a fault.

use super::num::Num;
use crate::fault::RunFault;
use crate::shape::around;

fn inside(index: i32, extent: usize) -> Result<usize, RunFault> {
    usize::try_from(index)
        .ok()
        .filter(|i| *i < extent)
        .ok_or(RunFault::Index {
            index: index as i64,
            extent,
        })
}

/// Rows of `axis`.
pub(super) fn gather<T: Num>(
    axis: usize,
    x: &[T],
    from: &[usize],
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    let (outer, extent, inner) = around(from, axis);
    for (k, i) in index.iter().enumerate() {
        let i = inside(*i, extent)?;
        for a in 0..outer {
            let (o, s) = ((a * index.len() + k) * inner, (a * extent + i) * inner);
            out[o..o + inner].copy_from_slice(&x[s..s + inner]);
        }
    }
    Ok(())
}

/// The adjoint of `gather`: adds rows of `g` into `out`, in the order of the indices.
pub(super) fn scatter_add<T: Num>(
    axis: usize,
    g: &[T],
    shape: &[usize],
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    let (outer, extent, inner) = around(shape, axis);
    out.fill(T::default());
    for (k, i) in index.iter().enumerate() {
        let i = inside(*i, extent)?;
        for a in 0..outer {
            let (s, o) = ((a * index.len() + k) * inner, (a * extent + i) * inner);
            for b in 0..inner {
                out[o + b] = out[o + b].plus(g[s + b]);
            }
        }
    }
    Ok(())
}

/// One entry a row of `size`.
pub(super) fn pick<T: Num>(
    x: &[T],
    size: usize,
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    for (r, (o, i)) in out.iter_mut().zip(index).enumerate() {
        *o = x[r * size + inside(*i, size)?];
    }
    Ok(())
}

/// The adjoint of `pick`.
pub(super) fn unpick<T: Num>(
    g: impl Fn(usize) -> T,
    size: usize,
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    out.fill(T::default());
    for (r, i) in index.iter().enumerate() {
        out[r * size + inside(*i, size)?] = g(r);
    }
    Ok(())
}

/// Reads rows of `size` by indices of the same shape.
pub(super) fn take_along<T: Num>(
    x: &[T],
    size: usize,
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    for (k, (o, i)) in out.iter_mut().zip(index).enumerate() {
        *o = x[k / size * size + inside(*i, size)?];
    }
    Ok(())
}

/// The adjoint of `take_along`.
pub(super) fn put_along<T: Num>(
    g: &[T],
    size: usize,
    index: &[i32],
    out: &mut [T],
) -> Result<(), RunFault> {
    out.fill(T::default());
    for (k, (v, i)) in g.iter().zip(index).enumerate() {
        let at = k / size * size + inside(*i, size)?;
        out[at] = out[at].plus(*v);
    }
    Ok(())
}

/// Ascending and stable; what is not a number comes last.
fn before<T: Num>(a: T, b: T) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.nan().cmp(&b.nan()))
}

pub(super) fn sort<T: Num>(x: &[T], size: usize, out: &mut [T]) {
    out.copy_from_slice(x);
    for row in out.chunks_exact_mut(size.max(1)) {
        row.sort_by(|a, b| before(*a, *b));
    }
}

pub(super) fn arg_sort<T: Num>(x: &[T], size: usize, out: &mut [i32]) {
    let size = size.max(1);
    for (row, o) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        for (i, v) in o.iter_mut().enumerate() {
            *v = i as i32;
        }
        o.sort_by(|a, b| before(row[*a as usize], row[*b as usize]));
    }
}

pub(super) fn cumsum<T: Num>(axis: usize, reverse: bool, x: &[T], shape: &[usize], out: &mut [T]) {
    let (outer, extent, inner) = around(shape, axis);
    for a in 0..outer {
        for b in 0..inner {
            let mut sum = T::default();
            for k in 0..extent {
                let k = if reverse { extent - 1 - k } else { k };
                let at = (a * extent + k) * inner + b;
                sum = sum.plus(x[at]);
                out[at] = sum;
            }
        }
    }
}
