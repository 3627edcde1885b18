//! Order along an axis: largest and smallest places, stable sorting, running sums.

use crate::elem::Elem;
use crate::error::{KernelError, need, product};
use std::cmp::Ordering;

/// From small to large, all NaN equal and last.
fn compare<E: Elem>(a: &E, b: &E) -> Ordering {
    a.partial_cmp(b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn rows(len: usize, n: usize) -> Result<(), KernelError> {
    need(
        if len == 0 {
            n == 0
        } else {
            n.is_multiple_of(len)
        },
        "the slice is not whole rows",
    )
}

/// Places along the middle axis of `x [outer, d, inner]` where `better(new, best)` last held.
fn arg<E: Elem>(
    [outer, d, inner]: [usize; 3],
    x: &[E],
    at: &mut [i64],
    better: impl Fn(E, E) -> bool,
) -> Result<(), KernelError> {
    need(
        product(&[outer, d, inner])? == x.len(),
        "x is not [outer, d, inner]",
    )?;
    need(
        outer * inner == at.len(),
        "the places are not [outer, inner]",
    )?;
    need(
        d > 0 || at.is_empty(),
        "an empty axis has no largest or smallest",
    )?;
    for o in 0..outer {
        for i in 0..inner {
            let value = |k: usize| x[(o * d + k) * inner + i];
            let mut best = 0;
            for k in 1..d {
                let (v, b) = (value(k), value(best));
                if better(v, b) || (v.is_nan() && !b.is_nan()) {
                    best = k;
                }
            }
            at[o * inner + i] = best as i64;
        }
    }
    Ok(())
}

/// Place of the largest along the middle axis of `x [outer, d, inner]`: the first of equals, the first NaN before all.
pub fn argmax<E: Elem>(dims: [usize; 3], x: &[E], at: &mut [i64]) -> Result<(), KernelError> {
    arg(dims, x, at, |v, b| v > b)
}

/// Place of the smallest along the middle axis of `x [outer, d, inner]`: the first of equals, the first NaN before all.
pub fn argmin<E: Elem>(dims: [usize; 3], x: &[E], at: &mut [i64]) -> Result<(), KernelError> {
    arg(dims, x, at, |v, b| v < b)
}

/// Sorts each row of `len` in place, NaN last (also when `descending`).
pub fn sort<E: Elem>(len: usize, descending: bool, x: &mut [E]) -> Result<(), KernelError> {
    rows(len, x.len())?;
    for row in x.chunks_exact_mut(len.max(1)) {
        row.sort_by(|a, b| directed(a, b, descending));
    }
    Ok(())
}

/// The places that sort each row of `len`, equals in their first order, NaN last.
pub fn argsort<E: Elem>(
    len: usize,
    descending: bool,
    x: &[E],
    at: &mut [i64],
) -> Result<(), KernelError> {
    rows(len, x.len())?;
    need(x.len() == at.len(), "places and elements differ in number")?;
    for (row, at) in x
        .chunks_exact(len.max(1))
        .zip(at.chunks_exact_mut(len.max(1)))
    {
        for (i, slot) in at.iter_mut().enumerate() {
            *slot = i as i64;
        }
        at.sort_by(|&a, &b| directed(&row[a as usize], &row[b as usize], descending));
    }
    Ok(())
}

fn directed<E: Elem>(a: &E, b: &E, descending: bool) -> Ordering {
    if descending && !a.is_nan() && !b.is_nan() {
        compare(b, a)
    } else {
        compare(a, b)
    }
}

/// Running sums along the middle axis of `x [outer, d, inner]`, from the front or (`reverse`) from the back; summed in f64.
pub fn cumsum<E: Elem>(
    [outer, d, inner]: [usize; 3],
    reverse: bool,
    x: &[E],
    y: &mut [E],
) -> Result<(), KernelError> {
    need(
        product(&[outer, d, inner])? == x.len(),
        "x is not [outer, d, inner]",
    )?;
    need(
        x.len() == y.len(),
        "running sums and elements differ in number",
    )?;
    for o in 0..outer {
        for i in 0..inner {
            let mut sum = 0.0;
            for k in 0..d {
                let k = if reverse { d - 1 - k } else { k };
                let at = (o * d + k) * inner + i;
                sum += x[at].wide();
                y[at] = E::of(sum);
            }
        }
    }
    Ok(())
}
