//! Convolution with vectors across the images of a batch: full vectors and skipped borders for every side, stride and dilation.

use super::Conv2d;
use super::tile::{Tile, block, pack};
use crate::elem::{Elem, Scratch};
use crate::simd::{Level, Vector, Work, dispatch};
use crate::team::{Places, parts};

/// Along one axis, for each output place: the taps that meet the input, as (input place, tap).
pub(crate) type Meets = Vec<Vec<(usize, usize)>>;

/// Neighbouring outputs (`step` apart) that meet the same taps, each `in_step` further on.
pub(crate) struct Run {
    first: usize,
    count: usize,
    taps: Vec<(usize, usize)>,
}

/// One axis of a convolution or of its gradient.
pub(crate) struct Axis {
    pub input: usize,
    pub output: usize,
    meets: Meets,
    runs: Vec<Run>,
    in_step: usize,
    out_step: usize,
}

impl Axis {
    /// The axis of the convolution itself.
    pub(crate) fn forward(
        input: usize,
        output: usize,
        k: usize,
        stride: usize,
        dilation: usize,
        pad: usize,
    ) -> Axis {
        let meets = (0..output)
            .map(|p| {
                (0..k)
                    .filter_map(|t| {
                        let q = (p * stride + t * dilation).checked_sub(pad)?;
                        (q < input).then_some((q, t))
                    })
                    .collect()
            })
            .collect();
        Axis::new(input, output, meets, stride, 1)
    }

    /// The axis of the gradient to the input: from `output` places of the gradient to `input` places.
    pub(crate) fn backward(
        input: usize,
        output: usize,
        k: usize,
        stride: usize,
        dilation: usize,
        pad: usize,
    ) -> Axis {
        let meets = (0..input)
            .map(|p| {
                (0..k)
                    .filter_map(|t| {
                        let q = (p + pad).checked_sub(t * dilation)?;
                        (q.is_multiple_of(stride) && q / stride < output).then_some((q / stride, t))
                    })
                    .collect()
            })
            .collect();
        Axis::new(output, input, meets, 1, stride)
    }

    /// For each output place, the (input place, tap) pairs.
    pub(crate) fn meets(&self) -> &Meets {
        &self.meets
    }

    fn new(input: usize, output: usize, meets: Meets, in_step: usize, out_step: usize) -> Axis {
        let mut runs: Vec<Run> = Vec::new();
        for phase in 0..out_step {
            let mut open = false;
            for p in (phase..output).step_by(out_step) {
                let same = open
                    && runs.last().is_some_and(|r| {
                        let here = r.taps.iter().map(|&(q, t)| (q + r.count * in_step, t));
                        r.taps.len() == meets[p].len() && here.eq(meets[p].iter().copied())
                    });
                match runs.last_mut() {
                    Some(r) if same => r.count += 1,
                    _ => runs.push(Run {
                        first: p,
                        count: 1,
                        taps: meets[p].clone(),
                    }),
                }
                open = true;
            }
        }
        Axis {
            input,
            output,
            meets,
            runs,
            in_step,
            out_step,
        }
    }
}

/// Copies `lanes` images (of `images` left) of `planes` planes into `[plane][pixel][lane]`, planes `step` elements apart.
///
/// # Safety
/// `src` holds `images * planes * pixels` elements, `dst` `planes * step`, and `step >= pixels * LANES`.
#[inline(always)]
pub(crate) unsafe fn spread<E: Elem, V: Vector<E>>(
    src: *const E,
    images: usize,
    planes: usize,
    pixels: usize,
    dst: *mut E,
    step: usize,
) {
    let l = V::LANES;
    let image = planes * pixels;
    for c in 0..planes {
        let s = src.add(c * pixels);
        let t = dst.add(c * step);
        let whole = if images >= l { pixels / l * l } else { 0 };
        for p in (0..whole).step_by(l) {
            V::transpose(s.add(p), image, t.add(p * l), l);
        }
        for p in whole..pixels {
            for i in 0..l {
                *t.add(p * l + i) = if i < images {
                    *s.add(i * image + p)
                } else {
                    E::zero()
                };
            }
        }
    }
}

/// The way back of `spread`.
///
/// # Safety
/// As for `spread`, with source and target exchanged.
#[inline(always)]
pub(crate) unsafe fn collect<E: Elem, V: Vector<E>>(
    src: *const E,
    step: usize,
    dst: *mut E,
    images: usize,
    planes: usize,
    pixels: usize,
) {
    let l = V::LANES;
    let image = planes * pixels;
    for c in 0..planes {
        let s = src.add(c * step);
        let t = dst.add(c * pixels);
        let whole = if images >= l { pixels / l * l } else { 0 };
        for p in (0..whole).step_by(l) {
            V::transpose(s.add(p * l), l, t.add(p), image);
        }
        for p in whole..pixels {
            for i in 0..images.min(l) {
                *t.add(i * image + p) = *s.add(p * l + i);
            }
        }
    }
}

/// Distance of planes in spread form: one cache line more than needed, so that channels do not share cache sets.
pub(crate) fn plane_step(pixels: usize, lanes: usize) -> usize {
    (pixels + 1) * lanes
}

/// What all parts of a convolution share.
struct Ready<E: Elem> {
    lanes: usize,
    /// Output channels in a tile.
    size: usize,
    weight: Scratch<E>,
    taps: Vec<(usize, usize)>,
    /// All runs of output pixels: (first, how many, their taps).
    runs: Vec<(usize, usize, std::ops::Range<usize>)>,
}

/// Sizes of a convolution or of its gradient: channels per group on both sides, the kernel, the axes.
struct Sizes {
    groups: usize,
    from: usize,
    to: usize,
    kernel: (usize, usize),
    rows: Axis,
    columns: Axis,
}

struct Prepare<'a, F> {
    sizes: &'a Sizes,
    weight: F,
}

impl<E: Elem, F: Fn(usize, usize, usize, usize) -> E> Work<E> for Prepare<'_, F> {
    type Out = Ready<E>;

    #[inline(always)]
    fn run<V: Vector<E>>(self) -> Ready<E> {
        let d = self.sizes;
        let (kh, kw) = d.kernel;
        let l = V::LANES;
        let size = block::<E, V>(d.to);
        let mut taps = Vec::new();
        let mut runs = Vec::new();
        for (row, met) in d.rows.meets.iter().enumerate() {
            for run in &d.columns.runs {
                let from = taps.len();
                for &(iy, ky) in met {
                    for &(ix, kx) in &run.taps {
                        taps.push(((iy * d.columns.input + ix) * l, (ky * kw + kx) * size));
                    }
                }
                let pixel = row * d.columns.output + run.first;
                runs.push((pixel, run.count, from..taps.len()));
            }
        }
        Ready {
            lanes: l,
            size,
            weight: pack(d.groups, (d.to, d.from, kh * kw), size, self.weight),
            taps,
            runs,
        }
    }
}

/// As many images as a vector has lanes, or what is left of them.
struct Block<'a, E: Elem> {
    sizes: &'a Sizes,
    ready: &'a Ready<E>,
    left: usize,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Elem> Work<E> for Block<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let Sizes {
            groups,
            from,
            to,
            kernel: (kh, kw),
            ref rows,
            ref columns,
        } = *self.sizes;
        let Ready {
            size,
            weight: w,
            taps,
            runs,
            ..
        } = self.ready;
        let (l, size) = (V::LANES, *size);
        let blocks = to.div_ceil(size);
        let (in_px, out_px) = (rows.input * columns.input, rows.output * columns.output);
        let (in_step, out_step) = (plane_step(in_px, l), plane_step(out_px, l));
        let mut xs = Scratch::<E>::new(groups * from * in_step);
        let mut ys = Scratch::<E>::new(groups * to * out_step);
        // SAFETY: the scratch holds all channels of `l` images in spread form; `check` has proved the lengths of `x`
        // and `y`; every tap of an axis lies inside the input.
        unsafe {
            let (src, dst) = (self.x.as_ptr(), self.y.as_mut_ptr());
            spread::<E, V>(
                src,
                self.left,
                groups * from,
                in_px,
                xs.as_mut_ptr(),
                in_step,
            );
            for gb in 0..groups * blocks {
                let (g, b) = (gb / blocks, gb % blocks);
                for (pixel, count, range) in runs {
                    let tile = Tile {
                        x: xs.as_ptr().add(g * from * in_step),
                        x_step: columns.in_step * l,
                        x_channel: in_step,
                        channels: from,
                        taps: &taps[range.clone()],
                        w: w.as_ptr().add(gb * from * kh * kw * size),
                        w_channel: kh * kw * size,
                        out: ys
                            .as_mut_ptr()
                            .add((g * to + b * size) * out_step + pixel * l),
                        out_step: columns.out_step * l,
                        out_channel: out_step,
                        out_channels: (to - b * size).min(size),
                    };
                    tile.row::<V>(size, *count);
                }
            }
            collect::<E, V>(ys.as_ptr(), out_step, dst, self.left, groups * to, out_px);
        }
    }
}

fn images<E: Elem>(
    at: Level,
    n: usize,
    sizes: &Sizes,
    x: &[E],
    weight: impl Fn(usize, usize, usize, usize) -> E,
    y: &mut [E],
) {
    let ready = dispatch(at, Prepare { sizes, weight });
    let image_in = sizes.groups * sizes.from * sizes.rows.input * sizes.columns.input;
    let image_out = sizes.groups * sizes.to * sizes.rows.output * sizes.columns.output;
    let l = ready.lanes;
    let y = Places::new(y);
    parts(n.div_ceil(l), &|i| {
        let left = n - i * l;
        let some = left.min(l);
        let work = Block {
            sizes,
            ready: &ready,
            left,
            x: &x[i * l * image_in..][..some * image_in],
            // SAFETY: each part has images of its own; `check` has proved that `y` holds all.
            y: unsafe { y.slice(i * l * image_out, some * image_out) },
        };
        dispatch(at, work);
    });
}

/// The two axes of the convolution itself.
pub(crate) fn axes(d: &Conv2d) -> (Axis, Axis) {
    (
        Axis::forward(d.h, d.out_h(), d.kh, d.stride[0], d.dilation[0], d.pad_top),
        Axis::forward(d.w, d.out_w(), d.kw, d.stride[1], d.dilation[1], d.pad_left),
    )
}

pub(crate) fn forward<E: Elem>(at: Level, d: &Conv2d, x: &[E], weight: &[E], y: &mut [E]) {
    let (from, to) = (d.c / d.groups, d.o / d.groups);
    let area = d.kh * d.kw;
    let (rows, columns) = axes(d);
    let sizes = Sizes {
        groups: d.groups,
        from,
        to,
        kernel: (d.kh, d.kw),
        rows,
        columns,
    };
    let weight = |g, q, i, t| weight[((g * to + q) * from + i) * area + t];
    images(at, d.n, &sizes, x, weight, y);
}

pub(crate) fn grad_input<E: Elem>(at: Level, d: &Conv2d, gy: &[E], weight: &[E], gx: &mut [E]) {
    let (from, to) = (d.c / d.groups, d.o / d.groups);
    let area = d.kh * d.kw;
    let sizes = Sizes {
        groups: d.groups,
        from: to,
        to: from,
        kernel: (d.kh, d.kw),
        rows: Axis::backward(d.h, d.out_h(), d.kh, d.stride[0], d.dilation[0], d.pad_top),
        columns: Axis::backward(d.w, d.out_w(), d.kw, d.stride[1], d.dilation[1], d.pad_left),
    };
    let weight = |g, q, i, t| weight[((g * to + i) * from + q) * area + t];
    images(at, d.n, &sizes, gy, weight, gx);
}
