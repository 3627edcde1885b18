//! Arithmetic on shapes: strides, broadcasting, walking several arrays at once.

use smallvec::SmallVec;

/// One number an axis.
pub(crate) type Axes = SmallVec<[usize; 6]>;

/// The number of elements.
pub(crate) fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Axes {
    let mut out: Axes = SmallVec::from_elem(1, shape.len());
    for i in (0..shape.len().saturating_sub(1)).rev() {
        out[i] = out[i + 1] * shape[i + 1];
    }
    out
}

/// Strides with which an array of shape `from` is read as `to` (right-aligned, 0 along an axis that is repeated).
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Axes {
    let own = strides(from);
    let lead = to.len().saturating_sub(from.len());
    (0..to.len())
        .map(|i| match i.checked_sub(lead) {
            Some(k) if from[k] != 1 || to[i] == 1 => own[k],
            _ => 0,
        })
        .collect()
}

/// (outer, axis, inner) extents of an array around one axis.
pub(crate) fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (
        count(&shape[..axis]),
        shape[axis],
        count(&shape[axis + 1..]),
    )
}

/// A loop over an array with other arrays read along: axes that can be joined are one.
pub(crate) struct Walk<const N: usize> {
    shape: Axes,
    steps: [Axes; N],
}

impl<const N: usize> Walk<N> {
    /// `steps` holds each array's strides over `shape`.
    pub(crate) fn new(shape: &[usize], steps: [&[usize]; N]) -> Self {
        let mut joined: Axes = Axes::new();
        let mut kept: [Axes; N] = std::array::from_fn(|_| Axes::new());
        for i in 0..shape.len() {
            if shape[i] == 1 {
                continue;
            }
            let last = joined.len();
            let fits = last > 0 && (0..N).all(|k| kept[k][last - 1] == steps[k][i] * shape[i]);
            if fits {
                joined[last - 1] *= shape[i];
                for k in 0..N {
                    kept[k][last - 1] = steps[k][i];
                }
            } else {
                joined.push(shape[i]);
                for k in 0..N {
                    kept[k].push(steps[k][i]);
                }
            }
        }
        if joined.is_empty() {
            joined.push(1);
            kept.iter_mut().for_each(|s| s.push(0));
        }
        Walk {
            shape: joined,
            steps: kept,
        }
    }

    /// Calls `f(start in the output, starts in the arrays, their steps, length)` for each innermost row, in order.
    pub(crate) fn rows(&self, mut f: impl FnMut(usize, [usize; N], [usize; N], usize)) {
        let rank = self.shape.len();
        let inner = self.shape[rank - 1];
        let step: [usize; N] = std::array::from_fn(|k| self.steps[k][rank - 1]);
        if self.shape.contains(&0) {
            return;
        }
        let mut at: Axes = SmallVec::from_elem(0, rank);
        let mut start = [0usize; N];
        let mut out = 0;
        loop {
            f(out, start, step, inner);
            out += inner;
            let mut axis = rank - 1;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                at[axis] += 1;
                for (s, steps) in start.iter_mut().zip(&self.steps) {
                    *s += steps[axis];
                }
                if at[axis] < self.shape[axis] {
                    break;
                }
                for (s, steps) in start.iter_mut().zip(&self.steps) {
                    *s -= steps[axis] * self.shape[axis];
                }
                at[axis] = 0;
            }
        }
    }
}
