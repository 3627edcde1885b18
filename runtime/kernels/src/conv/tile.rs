//! The register tile of the direct convolutions: some output channels times some vectors of pixels.

use crate::elem::{Elem, Scratch};
use crate::simd::Vector;

/// Addresses of one tile: vectors of the input at `x`, packed weights at `w`, vectors of the output at `out`.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a, E> {
    pub x: *const E,
    /// Distance of the tile's vectors in the input, and of the input's channels.
    pub x_step: usize,
    pub x_channel: usize,
    pub channels: usize,
    /// Per tap: offset into a channel of the input, and into a channel's weights.
    pub taps: &'a [(usize, usize)],
    pub w: *const E,
    /// Distance of the channels in the packed weights.
    pub w_channel: usize,
    pub out: *mut E,
    /// Distance of the tile's vectors in the output, and of the output's channels.
    pub out_step: usize,
    pub out_channel: usize,
    /// How many of the output channels are real.
    pub out_channels: usize,
}

impl<E: Elem> Tile<'_, E> {
    /// Computes `T` vectors of `OB` output channels.
    ///
    /// # Safety
    /// Every address that the fields span lies in its buffer.
    #[inline(always)]
    pub(crate) unsafe fn compute<V: Vector<E>, const OB: usize, const T: usize>(&self) {
        let mut acc = [[V::splat(E::zero()); T]; OB];
        let mut xc = self.x;
        let mut wc = self.w;
        for _ in 0..self.channels {
            for &(xo, wo) in self.taps {
                let xp = xc.add(xo);
                let wp = wc.add(wo);
                let mut xs = [V::splat(E::zero()); T];
                for t in 0..T {
                    xs[t] = V::load(xp.add(t * self.x_step));
                }
                for o in 0..OB {
                    let wv = V::splat(*wp.add(o));
                    for t in 0..T {
                        acc[o][t] = wv.fma(xs[t], acc[o][t]);
                    }
                }
            }
            xc = xc.wrapping_add(self.x_channel);
            wc = wc.wrapping_add(self.w_channel);
        }
        for o in 0..OB {
            if o < self.out_channels {
                for t in 0..T {
                    acc[o][t].store(self.out.add(o * self.out_channel + t * self.out_step));
                }
            }
        }
    }

    /// Computes `count` vectors, in tiles as large as the registers hold.
    ///
    /// # Safety
    /// As for `compute`.
    #[inline(always)]
    pub(crate) unsafe fn row<V: Vector<E>>(mut self, block: usize, count: usize) {
        let mut left = count;
        macro_rules! steps {
            ($ob:expr, $($t:expr),*) => {{
                $(while left >= $t {
                    self.compute::<V, $ob, $t>();
                    self.x = self.x.wrapping_add($t * self.x_step);
                    self.out = self.out.wrapping_add($t * self.out_step);
                    left -= $t;
                })*
            }};
        }
        if block == 8 {
            steps!(8, 3, 2, 1);
        } else if block == 4 {
            if V::WIDE_FILE {
                steps!(4, 6, 3, 2, 1);
            } else {
                steps!(4, 3, 2, 1);
            }
        } else {
            steps!(1, 8, 4, 2, 1);
        }
    }
}

/// Output channels in one tile.
pub(crate) fn block<E: Elem, V: Vector<E>>(per_group: usize) -> usize {
    match per_group {
        1 => 1,
        2..=4 => 4,
        _ if V::WIDE_FILE => 8,
        _ => 4,
    }
}

/// Weights packed as `[group][block][input channel][tap][output channel of the block]`, zero where a block is not full.
pub(crate) fn pack<E: Elem>(
    groups: usize,
    (o, c, taps): (usize, usize, usize),
    block: usize,
    at: impl Fn(usize, usize, usize, usize) -> E,
) -> Scratch<E> {
    let blocks = o.div_ceil(block);
    let mut packed = Scratch::new(groups * blocks * c * taps * block);
    let mut slots = packed.iter_mut();
    for g in 0..groups {
        for b in 0..blocks {
            for i in 0..c {
                for t in 0..taps {
                    for j in 0..block {
                        if let Some(slot) = slots.next() {
                            let q = b * block + j;
                            *slot = if q < o { at(g, q, i, t) } else { E::zero() };
                        }
                    }
                }
            }
        }
    }
    packed
}
