//! The gradient of a convolution to its weight: for each tap, a small matrix of channel products summed in vector lanes.

use super::Conv2d;
use super::lanes::{plane_step, spread};
use crate::elem::{Elem, Scratch};
use crate::simd::{Level, Vector, Work, dispatch};
use crate::team::{Places, parts};

/// Where channels of vectors lie: `base + block * block_step + channel * channel_step + row * row_step`, then vector after
/// vector.
#[derive(Clone, Copy)]
pub(super) struct Planes<E> {
    pub(super) base: *const E,
    pub(super) block_step: usize,
    pub(super) channel_step: usize,
    pub(super) row_step: usize,
}

/// One axis: places of the output, and how a tap shifts them into the input.
#[derive(Clone, Copy)]
pub(super) struct Shift {
    input: usize,
    pub(super) output: usize,
    pub(super) taps: usize,
    pub(super) stride: usize,
    dilation: usize,
    pad: usize,
}

impl Shift {
    /// The output places `lo..hi` whose tap `k` meets the input, and the input place of `lo`.
    pub(super) fn range(&self, k: usize, within: (usize, usize)) -> (usize, usize, usize) {
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

pub(super) struct Sums<E> {
    pub(super) x: Planes<E>,
    pub(super) gy: Planes<E>,
    pub(super) blocks: usize,
    groups: usize,
    from: usize,
    to: usize,
    pub(super) rows: Shift,
    pub(super) columns: Shift,
}

impl<E: Elem> Sums<E> {
    /// # Safety
    /// `x` and `gy` hold all blocks, channels and vectors that the fields span; `gw` holds `[groups * to, from, taps]`.
    #[inline(always)]
    unsafe fn run<V: Vector<E>>(&self, part: usize, gw: Places<E>) {
        if self.from == 1 && self.to == 1 {
            self.channel::<V>(part, gw);
        } else if V::WIDE_FILE {
            self.tiles::<V, 4, 4>(part, gw);
        } else {
            self.tiles::<V, 2, 4>(part, gw);
        }
    }

    /// Output channels that one part of the work computes.
    fn rows_a_part<V: Vector<E>>(&self) -> usize {
        match (self.from, self.to) {
            (1, 1) => 1,
            _ if V::WIDE_FILE => 4,
            _ => 2,
        }
    }

    #[inline(always)]
    unsafe fn tiles<V: Vector<E>, const A: usize, const B: usize>(
        &self,
        part: usize,
        gw: Places<E>,
    ) {
        let l = V::LANES;
        let (kh, kw) = (self.rows.taps, self.columns.taps);
        // So many times B input channels at once that their sums stay in the first cache: the output's gradient is read once for them.
        let one = kh * kw * A * B * l;
        let some = (24 * 1024 / (one * size_of::<E>())).clamp(1, self.from.div_ceil(B));
        let mut acc = Scratch::<E>::new(some * one);
        // Rows at a time: both operands of all taps should stay in the first cache (32 KiB).
        let row_bytes = (A * self.columns.output + B * self.columns.input * self.rows.stride)
            * l
            * size_of::<E>();
        let chunk = (24 * 1024 / row_bytes.max(1))
            .saturating_sub(1)
            .clamp(2, self.rows.output.max(2));
        let each = self.to.div_ceil(A);
        let (g, a) = (part / each, part % each * A);
        // Channels beyond the last are computed from the last and thrown away.
        let mut a_at = [0; A];
        for (i, at) in a_at.iter_mut().enumerate() {
            *at = (g * self.to + (a + i).min(self.to - 1)) * self.gy.channel_step;
        }
        for first in (0..self.from).step_by(some * B) {
            acc.fill(E::zero());
            let channels = || (first..self.from).step_by(B).take(some).enumerate();
            for block in 0..self.blocks {
                let gy = self.gy.base.add(block * self.gy.block_step);
                let x = self.x.base.add(block * self.x.block_step);
                for top in (0..self.rows.output).step_by(chunk) {
                    let rows = (top, (top + chunk).min(self.rows.output));
                    for (k, b) in channels() {
                        let mut b_at = [0; B];
                        for (i, at) in b_at.iter_mut().enumerate() {
                            *at =
                                (g * self.from + (b + i).min(self.from - 1)) * self.x.channel_step;
                        }
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let at = k * one + (ky * kw + kx) * A * B * l;
                                let sums = acc.as_mut_ptr().add(at);
                                self.tap::<V, A, B>(gy, &a_at, x, &b_at, (ky, kx), rows, sums);
                            }
                        }
                    }
                }
            }
            for (k, b) in channels() {
                for t in 0..kh * kw {
                    for i in 0..A.min(self.to - a) {
                        for j in 0..B.min(self.from - b) {
                            let lanes = &acc[k * one + ((t * A + i) * B + j) * l..][..l];
                            let q = (g * self.to + a + i) * self.from + b + j;
                            *gw.at(q * kh * kw + t) = tree(lanes);
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
pub(super) fn tree<E: Elem>(lanes: &[E]) -> E {
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

// SAFETY: all parts only read what the addresses name.
unsafe impl<E: Elem> Sync for Sums<E> {}

/// One part of the sums.
struct Part<'a, E> {
    sums: &'a Sums<E>,
    part: usize,
    gw: Places<E>,
}

impl<E: Elem> Work<E> for Part<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        // SAFETY: whoever made `sums` has promised that it names memory it may read; parts write rows of their own.
        unsafe { self.sums.run::<V>(self.part, self.gw) }
    }
}

/// How a level cuts the work: lanes of a vector, parts in all.
struct Cut<'a, E>(&'a Sums<E>);

impl<E: Elem> Work<E> for Cut<'_, E> {
    type Out = usize;

    #[inline(always)]
    fn run<V: Vector<E>>(self) -> usize {
        self.0.groups * self.0.to.div_ceil(self.0.rows_a_part::<V>())
    }
}

/// Lanes of a vector at a level.
struct Lanes;

impl<E: Elem> Work<E> for Lanes {
    type Out = usize;

    #[inline(always)]
    fn run<V: Vector<E>>(self) -> usize {
        V::LANES
    }
}

/// Puts one block of images into spread form.
struct Spread<'a, E> {
    src: &'a [E],
    left: usize,
    planes: usize,
    pixels: usize,
    dst: *mut E,
}

impl<E: Elem> Work<E> for Spread<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let step = plane_step(self.pixels, V::LANES);
        // SAFETY: the slice holds the images that are left (as many as lanes at most), `dst` all planes in spread form.
        unsafe {
            spread::<E, V>(
                self.src.as_ptr(),
                self.left,
                self.planes,
                self.pixels,
                self.dst,
                step,
            )
        }
    }
}

fn sum_all<E: Elem>(at: Level, sums: &Sums<E>, gw: &mut [E]) {
    let gw = Places::new(gw);
    let count = dispatch(at, Cut(sums));
    parts(count, &|part| dispatch(at, Part { sums, part, gw }));
}

/// Across the images of the batch; any convolution.
pub(crate) fn grad_weight<E: Elem>(at: Level, d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let l = dispatch::<E, _>(at, Lanes);
    let (in_px, out_px) = (d.h * d.w, d.out_h() * d.out_w());
    let blocks = d.n.div_ceil(l);
    let (x_step, y_step) = (plane_step(in_px, l), plane_step(out_px, l));
    let mut xs = Scratch::<E>::new(blocks * d.c * x_step);
    let mut ys = Scratch::<E>::new(blocks * d.o * y_step);
    let (to_x, to_y) = (Places::new(&mut xs), Places::new(&mut ys));
    parts(2 * blocks, &|i| {
        let b = i / 2;
        let (src, planes, pixels, dst) = match i % 2 {
            0 => (x, d.c, in_px, to_x.at(b * d.c * x_step)),
            _ => (gy, d.o, out_px, to_y.at(b * d.o * y_step)),
        };
        let left = d.n - b * l;
        let src = &src[b * l * planes * pixels..][..left.min(l) * planes * pixels];
        dispatch(
            at,
            Spread {
                src,
                left,
                planes,
                pixels,
                dst,
            },
        );
    });
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
    // The scratch holds all blocks in spread form, images beyond the last as zeros; `check` has proved the length of `gw`,
    // and `Shift::range` keeps taps inside the input.
    sum_all(at, &sums, gw);
}

/// Along the pixels; pointwise convolutions on planes of whole vectors.
pub(crate) fn grad_weight_plane<E: Elem>(at: Level, d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let l = dispatch::<E, _>(at, Lanes);
    let px = d.h * d.w;
    let line = Shift {
        input: px / l,
        output: px / l,
        taps: 1,
        stride: 1,
        dilation: 1,
        pad: 0,
    };
    let planes = |base: *const E, channels: usize| Planes {
        base,
        block_step: 0,
        channel_step: px,
        row_step: channels * px,
    };
    // Each image is one row of whole vectors (see `plane::whole`).
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
    sum_all(at, &sums, gw);
}
