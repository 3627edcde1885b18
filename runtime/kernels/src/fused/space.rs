//! The iteration space of a fused program: axes joined where every input allows it.

use crate::elem::Elem;
use crate::error::{KernelError, need};

/// Most axes after joining.
pub(crate) const AXES: usize = 8;

/// One stride per axis.
pub(crate) type Strides = [usize; AXES];

/// A row-major space of 1 to `AXES` axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Space {
    pub rank: usize,
    pub dims: [usize; AXES],
}

impl Space {
    /// Elements in all.
    pub(crate) fn total(&self) -> usize {
        self.dims[..self.rank].iter().product()
    }

    /// The last axis.
    pub(crate) fn inner(&self) -> usize {
        self.dims[self.rank - 1]
    }

    /// Strides of a contiguous tensor of this space.
    pub(crate) fn contiguous(&self) -> Strides {
        self.contiguous_over(&[true; AXES])
    }

    /// Strides of a contiguous tensor that has only the axes of a mask.
    pub(crate) fn contiguous_over(&self, mask: &[bool]) -> Strides {
        let mut strides = [0; AXES];
        let mut step = 1;
        for i in (0..self.rank).rev() {
            if mask[i] {
                strides[i] = if self.dims[i] == 1 { 0 } else { step };
                step *= self.dims[i];
            }
        }
        strides
    }

    /// The place of a row (of all axes but the last) that starts at or holds the flat place.
    pub(crate) fn row(&self, flat: usize) -> Row {
        let mut rest = flat / self.inner();
        let mut index = [0; AXES];
        for i in (0..self.rank - 1).rev() {
            index[i] = rest % self.dims[i];
            rest /= self.dims[i];
        }
        Row { index }
    }

    /// The axes before `k`, and one for all the others together.
    pub(crate) fn joined(&self, k: usize) -> Space {
        let mut space = Space {
            rank: k + 1,
            dims: [1; AXES],
        };
        space.dims[..k].copy_from_slice(&self.dims[..k]);
        space.dims[k] = self.dims[k..self.rank].iter().product();
        space
    }

    /// The axes from `k` on.
    pub(crate) fn part(&self, k: usize) -> Space {
        let mut space = Space {
            rank: self.rank - k,
            dims: [1; AXES],
        };
        space.dims[..self.rank - k].copy_from_slice(&self.dims[k..self.rank]);
        space
    }

    /// Drops axes of length 1 and joins neighbours that are of one kind (`mask`, empty for all alike) and lie together in
    /// every input. Checks strides and lengths; gives the kind of each axis left and the strides of each input.
    #[allow(clippy::type_complexity)]
    pub(crate) fn coalesce<E: Elem>(
        shape: &[usize],
        inputs: &[Option<(&[E], &[isize])>],
        mask: &[bool],
    ) -> Result<(Space, Vec<bool>, Vec<Strides>), KernelError> {
        need(
            mask.is_empty() || mask.len() == shape.len(),
            "the mask of reduced axes has another rank than the space",
        )?;
        let empty = shape.contains(&0);
        for (data, strides) in inputs.iter().flatten() {
            need(
                strides.len() == shape.len(),
                "the strides of an input have another rank than the space",
            )?;
            let last = shape.iter().zip(*strides).try_fold(0usize, |at, (&d, &s)| {
                let s = usize::try_from(s).ok()?;
                at.checked_add(s.checked_mul(d.saturating_sub(1))?)
            });
            let last = last.ok_or(KernelError("a stride is negative or too large"))?;
            need(
                empty || last < data.len(),
                "an input of a fused program reaches beyond its slice",
            )?;
        }
        let stride = |i: usize, axis: usize| inputs[i].map_or(0, |(_, s)| s[axis] as usize);
        let kind = |axis: usize| mask.get(axis).copied().unwrap_or(false);
        // Axes from the last to the first: (length, kind, axis that gives the strides).
        let mut axes: Vec<(usize, bool, usize)> = Vec::with_capacity(shape.len());
        for axis in (0..shape.len()).rev() {
            let d = shape[axis];
            if d == 1 {
                continue;
            }
            match axes.last_mut() {
                Some((len, k, inner))
                    if *k == kind(axis)
                        && (0..inputs.len())
                            .all(|i| stride(i, axis) == stride(i, *inner) * *len) =>
                {
                    *len *= d;
                }
                _ => axes.push((d, kind(axis), axis)),
            }
        }
        need(
            axes.len() <= AXES,
            "a fused program's space has more than 8 axes that do not join",
        )?;
        axes.reverse();
        let mut space = Space {
            rank: axes.len().max(1),
            dims: [1; AXES],
        };
        let mut kinds = vec![false; axes.len().max(1)];
        if axes.is_empty() {
            kinds[0] = mask.first().copied().unwrap_or(false);
        }
        let mut all = vec![[0; AXES]; inputs.len()];
        for (i, &(d, k, axis)) in axes.iter().enumerate() {
            space.dims[i] = d;
            kinds[i] = k;
            for (j, strides) in all.iter_mut().enumerate() {
                strides[i] = stride(j, axis);
            }
        }
        Ok((space, kinds, all))
    }
}

/// A place of all axes but the last.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    index: Strides,
}

impl Row {
    /// Where the row starts with these strides.
    #[inline]
    pub(crate) fn offset(&self, space: &Space, strides: &Strides) -> usize {
        (0..space.rank - 1)
            .map(|i| self.index[i] * strides[i])
            .sum()
    }

    /// Goes to the next row.
    #[inline]
    pub(crate) fn step(&mut self, space: &Space) {
        for i in (0..space.rank - 1).rev() {
            self.index[i] += 1;
            if self.index[i] < space.dims[i] {
                return;
            }
            self.index[i] = 0;
        }
    }
}
