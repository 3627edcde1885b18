//! The gradient of a depth-wise convolution to its weight: one pass over the planes, all taps of a kernel's row at once.

use super::weight::{Sums, tree};
use crate::elem::{Elem, Scratch};
use crate::simd::Vector;
use crate::team::Places;

/// Columns that are summed apart, so that additions need not wait for each other.
const APART: usize = 2;

impl<E: Elem> Sums<E> {
    /// Output channel `part`, of a convolution whose groups have one channel on either side.
    ///
    /// # Safety
    /// As for `run`.
    #[inline(always)]
    pub(super) unsafe fn channel<V: Vector<E>>(&self, part: usize, gw: Places<E>) {
        let l = V::LANES;
        let (kh, kw) = (self.rows.taps, self.columns.taps);
        let mut sums = Scratch::<E>::new(kh * kw * l);
        sums.fill(E::zero());
        for block in 0..self.blocks {
            let gy = self.gy.base.add(block * self.gy.block_step);
            let gy = gy.add(part * self.gy.channel_step);
            let x = self.x.base.add(block * self.x.block_step);
            let x = x.add(part * self.x.channel_step);
            for oy in 0..self.rows.output {
                let g = gy.add(oy * self.gy.row_step);
                for ky in 0..kh {
                    let (top, bottom, iy) = self.rows.range(ky, (oy, oy + 1));
                    if top >= bottom {
                        continue;
                    }
                    let row = x.add(iy * self.x.row_step);
                    let at = sums.as_mut_ptr().add(ky * kw * l);
                    match kw {
                        1 => self.taps::<V, 1>(g, row, 0, at),
                        3 => self.taps::<V, 3>(g, row, 0, at),
                        5 => self.taps::<V, 5>(g, row, 0, at),
                        7 => self.taps::<V, 7>(g, row, 0, at),
                        _ => {
                            for kx in 0..kw {
                                self.taps::<V, 1>(g, row, kx, at.add(kx * l));
                            }
                        }
                    }
                }
            }
        }
        for t in 0..kh * kw {
            *gw.at(part * kh * kw + t) = tree(&sums[t * l..][..l]);
        }
    }

    /// Adds to `sums` what one row of the gradient and one of the input give for the taps `first .. first + K`.
    #[inline(always)]
    unsafe fn taps<V: Vector<E>, const K: usize>(
        &self,
        g: *const E,
        x: *const E,
        first: usize,
        sums: *mut E,
    ) {
        let l = V::LANES;
        let mut ends = [(0, 0, 0); K];
        let (mut left, mut right) = (0, self.columns.output);
        for (k, end) in ends.iter_mut().enumerate() {
            *end = self.columns.range(first + k, (0, self.columns.output));
            (left, right) = (left.max(end.0), right.min(end.1));
        }
        let right = right.max(left);
        let step = self.columns.stride * l;
        // Where tap k reads for output column o; only ever followed inside the input.
        let place = |k: usize, o: usize| {
            let (lo, _, start) = ends[k];
            x.wrapping_add(start * l)
                .wrapping_add((o * step).wrapping_sub(lo * step))
        };
        let mut acc = [[V::splat(E::zero()); K]; APART];
        let both = (right - left) / APART * APART;
        let mut at: [*const E; K] = std::array::from_fn(|k| place(k, left));
        for o in (left..left + both).step_by(APART) {
            for (i, acc) in acc.iter_mut().enumerate() {
                let gv = V::load(g.add((o + i) * l));
                for k in 0..K {
                    acc[k] = gv.fma(V::load(at[k].add(i * step)), acc[k]);
                }
            }
            for p in &mut at {
                *p = p.wrapping_add(APART * step);
            }
        }
        // The last column, and those at the borders that some taps alone meet.
        for k in 0..K {
            let (lo, hi, _) = ends[k];
            let inner = (left + both).max(left);
            let outer = (lo..hi.min(left)).chain(inner.max(lo)..hi);
            for o in outer {
                let gv = V::load(g.add(o * l));
                acc[0][k] = gv.fma(V::load(place(k, o)), acc[0][k]);
            }
            let mut sum = acc[0][k];
            for other in &acc[1..] {
                sum = sum.add(other[k]);
            }
            let to = sums.add(k * l);
            sum.add(V::load(to)).store(to);
        }
    }
}
