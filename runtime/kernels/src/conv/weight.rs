//! The gradient of a convolution to its weight: for each tap, a small matrix of channel products summed in vector lanes.

use super::Conv2d;
use super::lanes::{plane_step, spread};
use crate::elem::{Elem, Scratch};
use crate::simd::{Level, Vector, Work, dispatch};

/// Where channels of vectors lie: `base + block * block_step + channel * channel_step + row * row_step`, then vector after
/// vector.
#[derive(Clone, Copy)]
struct Planes<E> {
    base: *const E,
    block_step: usize,
    channel_step: usize,
    row_step: usize,
}

/// One axis: places of the output, and how a tap shifts them into the input.
#[derive(Clone, Copy)]
struct Shift {
    input: usize,
    output: usize,
    taps: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
}

impl Shift {
    /// The output places `lo..hi` whose tap `k` meets the input, and the input place of `lo`.
    fn range(&self, k: usize, within: (usize, usize)) -> (usize, usize, usize) {
        let at = k * self.dilation;
        let lo = self
            .pad
            .saturating_sub(at)
            .div_ceil(self.stride)
            .max(within.0);
        let hi = if self.input + self.pad > at {
            ((self.input + self.pad - at - 1) / self.stride + 1).min(within.1)
        } else {
            0
        };
        let start = (lo * self.stride + at).saturating_sub(self.pad);
        (lo, hi.max(lo), start)
    }
}

struct Sums<E> {
    x: Planes<E>,
    gy: Planes<E>,
    blocks: usize,
    groups: usize,
    from: usize,
    to: usize,
    rows: Shift,
    columns: Shift,
}

impl<E: Elem> Sums<E> {
    /// # Safety
    /// `x` and `gy` hold all blocks, channels and vectors that the fields span; `gw` holds `[groups * to, from, taps]`.
    #[inline(always)]
    unsafe fn run<V: Vector<E>>(&self, gw: &mut [E]) {
        if self.from == 1 && self.to == 1 {
            self.tiles::<V, 1, 1>(gw);
        } else if V::WIDE_FILE {
            self.tiles::<V, 4, 4>(gw);
        } else {
            self.tiles::<V, 2, 4>(gw);
        }
    }

    #[inline(always)]
    unsafe fn tiles<V: Vector<E>, const A: usize, const B: usize>(&self, gw: &mut [E]) {
        let l = V::LANES;
        let (kh, kw) = (self.rows.taps, self.columns.taps);
        let mut acc = Scratch::<E>::new(kh * kw * A * B * l);
        // Rows at a time: both operands of all taps should stay in the first cache (32 KiB).
        let row_bytes = (A * self.columns.output + B * self.columns.input * self.rows.stride)
            * l
            * size_of::<E>();
        let chunk = (24 * 1024 / row_bytes.max(1))
            .saturating_sub(1)
            .clamp(2, self.rows.output.max(2));
        for g in 0..self.groups {
            for a in (0..self.to).step_by(A) {
                for b in (0..self.from).step_by(B) {
                    acc.fill(E::zero());
                    // Channels beyond the last are computed from the last and thrown away.
                    let mut a_at = [0; A];
                    for (i, at) in a_at.iter_mut().enumerate() {
                        *at = (g * self.to + (a + i).min(self.to - 1)) * self.gy.channel_step;
                    }
                    let mut b_at = [0; B];
                    for (i, at) in b_at.iter_mut().enumerate() {
                        *at = (g * self.from + (b + i).min(self.from - 1)) * self.x.channel_step;
                    }
                    for block in 0..self.blocks {
                        let gy = self.gy.base.add(block * self.gy.block_step);
                        let x = self.x.base.add(block * self.x.block_step);
                        for top in (0..self.rows.output).step_by(chunk) {
                            let rows = (top, (top + chunk).min(self.rows.output));
                            for ky in 0..kh {
                                for kx in 0..kw {
                                    let sums = acc.as_mut_ptr().add((ky * kw + kx) * A * B * l);
                                    self.tap::<V, A, B>(gy, &a_at, x, &b_at, (ky, kx), rows, sums);
                                }
                            }
                        }
                    }
                    for t in 0..kh * kw {
                        for i in 0..A.min(self.to - a) {
                            for j in 0..B.min(self.from - b) {
                                let lanes = &acc[((t * A + i) * B + j) * l..][..l];
                                let q = (g * self.to + a + i) * self.from + b + j;
                                gw[q * kh * kw + t] = tree(lanes);
                            }
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tap<V: Vector<E>, const A: usize, const B: usize>(
        &self,
        gy: *const E,
        a_at: &[usize; A],
        x: *const E,
        b_at: &[usize; B],
        (ky, kx): (usize, usize),
        rows: (usize, usize),
        sums: *mut E,
    ) {
        let l = V::LANES;
        let (top, bottom, mut iy) = self.rows.range(ky, rows);
        let (left, right, ix) = self.columns.range(kx, (0, self.columns.output));
        if top >= bottom || left >= right {
            return;
        }
        // From zero, and added to the sums at the end: short sums of short sums round less.
        let mut acc = [[V::splat(E::zero()); B]; A];
        let step = self.columns.stride * l;
        for oy in top..bottom {
            let mut gp = gy.add(oy * self.gy.row_step + left * l);
            let mut xp = x.add(iy * self.x.row_step + ix * l);
            for _ in left..right {
                let mut xs = [V::splat(E::zero()); B];
                for j in 0..B {
                    xs[j] = V::load(xp.add(b_at[j]));
                }
                for i in 0..A {
                    let gv = V::load(gp.add(a_at[i]));
                    for j in 0..B {
                        acc[i][j] = gv.fma(xs[j], acc[i][j]);
                    }
                }
                gp = gp.wrapping_add(l);
                xp = xp.wrapping_add(step);
            }
            iy += self.rows.stride;
        }
        for i in 0..A {
            for j in 0..B {
                let at = sums.add((i * B + j) * l);
                acc[i][j].add(V::load(at)).store(at);
            }
        }
    }
}

/// The sum of a power of two of lanes, halves on halves.
#[inline(always)]
fn tree<E: Elem>(lanes: &[E]) -> E {
    let mut left = [E::zero(); 16];
    left[..lanes.len()].copy_from_slice(lanes);
    let mut half = lanes.len() / 2;
    while half > 0 {
        for i in 0..half {
            left[i] = left[i] + left[i + half];
        }
        half /= 2;
    }
    left[0]
}

struct GradWeight<'a, E> {
    d: &'a Conv2d,
    x: &'a [E],
    gy: &'a [E],
    gw: &'a mut [E],
    plane: bool,
}

impl<E: Elem> Work<E> for GradWeight<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let GradWeight {
            d,
            x,
            gy,
            gw,
            plane,
        } = self;
        let l = V::LANES;
        let (in_px, out_px) = (d.h * d.w, d.out_h() * d.out_w());
        if plane {
            let line = Shift {
                input: in_px / l,
                output: in_px / l,
                taps: 1,
                stride: 1,
                dilation: 1,
                pad: 0,
            };
            let planes = |base: *const E, channels: usize| Planes {
                base,
                block_step: 0,
                channel_step: in_px,
                row_step: channels * in_px,
            };
            let sums = Sums {
                x: planes(x.as_ptr(), d.c),
                gy: planes(gy.as_ptr(), d.o),
                blocks: 1,
                groups: d.groups,
                from: d.c / d.groups,
                to: d.o / d.groups,
                rows: Shift {
                    input: d.n,
                    output: d.n,
                    ..line
                },
                columns: line,
            };
            // SAFETY: each image is one row of whole vectors (see `plane::whole`).
            unsafe { sums.run::<V>(gw) };
            return;
        }
        let blocks = d.n.div_ceil(l);
        let (x_step, y_step) = (plane_step(in_px, l), plane_step(out_px, l));
        let mut xs = Scratch::<E>::new(blocks * d.c * x_step);
        let mut ys = Scratch::<E>::new(blocks * d.o * y_step);
        // SAFETY: the scratch holds all blocks in spread form, images beyond the last as zeros; `check` has proved the
        // lengths of `x`, `gy` and `gw`, and `Shift::range` keeps taps inside the input.
        unsafe {
            for b in 0..blocks {
                let left = d.n - b * l;
                let xb = x.as_ptr().add(b * l * d.c * in_px);
                let to = xs.as_mut_ptr().add(b * d.c * x_step);
                spread::<E, V>(xb, left, d.c, in_px, to, x_step);
                let yb = gy.as_ptr().add(b * l * d.o * out_px);
                let to = ys.as_mut_ptr().add(b * d.o * y_step);
                spread::<E, V>(yb, left, d.o, out_px, to, y_step);
            }
            let sums = Sums {
                x: Planes {
                    base: xs.as_ptr(),
                    block_step: d.c * x_step,
                    channel_step: x_step,
                    row_step: d.w * l,
                },
                gy: Planes {
                    base: ys.as_ptr(),
                    block_step: d.o * y_step,
                    channel_step: y_step,
                    row_step: d.out_w() * l,
                },
                blocks,
                groups: d.groups,
                from: d.c / d.groups,
                to: d.o / d.groups,
                rows: Shift {
                    input: d.h,
                    output: d.out_h(),
                    taps: d.kh,
                    stride: d.stride[0],
                    dilation: d.dilation[0],
                    pad: d.pad_top,
                },
                columns: Shift {
                    input: d.w,
                    output: d.out_w(),
                    taps: d.kw,
                    stride: d.stride[1],
                    dilation: d.dilation[1],
                    pad: d.pad_left,
                },
            };
            sums.run::<V>(gw);
        }
    }
}

/// Across the images of the batch; any convolution.
pub(crate) fn grad_weight<E: Elem>(at: Level, d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let plane = false;
    dispatch(
        at,
        GradWeight {
            d,
            x,
            gy,
            gw,
            plane,
        },
    )
}

/// Along the pixels; pointwise convolutions on planes of whole vectors.
pub(crate) fn grad_weight_plane<E: Elem>(at: Level, d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let plane = true;
    dispatch(
        at,
        GradWeight {
            d,
            x,
            gy,
            gw,
            plane,
        },
    )
}
