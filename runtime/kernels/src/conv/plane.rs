//! Pointwise (1x1, stride 1) convolution with vectors along the pixels of a plane: no copy of any kind.

use super::Conv2d;
use super::tile::{Tile, block, pack};
use crate::elem::{Elem, Scratch};
use crate::matmul::product_into;
use crate::simd::{Level, Vector, Work, dispatch, level};
use crate::team::{Places, parts, ranges, share};

/// The level to use for planes of `pixels`, if one vector fits.
pub(crate) fn fits<E: Elem>(pixels: usize) -> Option<Level> {
    let wide = 64 / size_of::<E>();
    [
        (Level::Avx512, wide),
        (Level::Avx2, wide / 2),
        (Level::Base, wide / 4),
    ]
    .into_iter()
    .find(|&(l, lanes)| l <= level() && lanes <= pixels)
    .map(|(l, _)| l)
}

/// Whether planes of `pixels` are whole numbers of vectors.
pub(crate) fn whole<E: Elem>(at: Level, pixels: usize) -> bool {
    let lanes = match at {
        Level::Avx512 => 64,
        Level::Avx2 => 32,
        Level::Base => 16,
    } / size_of::<E>();
    pixels.is_multiple_of(lanes)
}

struct Pointwise<'a, E, F> {
    n: usize,
    groups: usize,
    from: usize,
    to: usize,
    pixels: usize,
    x: &'a [E],
    weight: F,
    y: &'a mut [E],
}

impl<E: Elem, F: Fn(usize, usize, usize, usize) -> E> Work<E> for Pointwise<'_, E, F> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let Pointwise {
            n,
            groups,
            from,
            to,
            pixels,
            x,
            y,
            ..
        } = self;
        let size = block::<E, V>(to);
        let w: Scratch<E> = pack(groups, (to, from, 1), size, self.weight);
        let blocks = to.div_ceil(size);
        let whole = pixels / V::LANES;
        for image in 0..n {
            for g in 0..groups {
                for b in 0..blocks {
                    // SAFETY: one image of `x` has groups * from planes, one of `y` groups * to planes of `pixels`
                    // elements; whole * LANES <= pixels, and the tail starts at pixels - LANES >= 0 (see `fits`).
                    unsafe {
                        let tile = Tile {
                            x: x.as_ptr().add((image * groups + g) * from * pixels),
                            x_step: V::LANES,
                            x_channel: pixels,
                            channels: from,
                            taps: &[(0, 0)],
                            w: w.as_ptr().add((g * blocks + b) * from * size),
                            w_channel: size,
                            out: y
                                .as_mut_ptr()
                                .add(((image * groups + g) * to + b * size) * pixels),
                            out_step: V::LANES,
                            out_channel: pixels,
                            out_channels: (to - b * size).min(size),
                        };
                        tile.row::<V>(size, whole);
                        if whole * V::LANES < pixels {
                            let tail = Tile {
                                x: tile.x.add(pixels - V::LANES),
                                out: tile.out.add(pixels - V::LANES),
                                ..tile
                            };
                            tail.row::<V>(size, 1);
                        }
                    }
                }
            }
        }
    }
}

/// All images, in parts.
fn images<E: Elem>(
    at: Level,
    (n, groups, from, to): (usize, usize, usize, usize),
    pixels: usize,
    x: &[E],
    weight: impl Fn(usize, usize, usize, usize) -> E + Sync,
    y: &mut [E],
) {
    let y = Places::new(y);
    let (x_image, y_image) = (groups * from * pixels, groups * to * pixels);
    // A vector does 16 multiplications at once.
    let some = share(n, y_image * from / 16, 1);
    ranges(n, some, &|first, n| {
        let work = Pointwise {
            n,
            groups,
            from,
            to,
            pixels,
            x: &x[first * x_image..][..n * x_image],
            weight: &weight,
            // SAFETY: each part has images of its own; `check` has proved that `y` holds all.
            y: unsafe { y.slice(first * y_image, n * y_image) },
        };
        dispatch(at, work);
    });
}

pub(crate) fn forward<E: Elem>(at: Level, d: &Conv2d, x: &[E], weight: &[E], y: &mut [E]) {
    let (from, to) = (d.c / d.groups, d.o / d.groups);
    let weight = |g, q, i, _| weight[(g * to + q) * from + i];
    images(at, (d.n, d.groups, from, to), d.h * d.w, x, weight, y);
}

pub(crate) fn grad_input<E: Elem>(at: Level, d: &Conv2d, gy: &[E], weight: &[E], gx: &mut [E]) {
    let (from, to) = (d.c / d.groups, d.o / d.groups);
    let weight = |g, q, i, _| weight[(g * to + i) * from + q];
    images(at, (d.n, d.groups, to, from), d.h * d.w, gy, weight, gx);
}

/// Whether a weight has so many entries that its gradient is best a matrix product an image.
pub(crate) fn many(to: usize, from: usize) -> bool {
    to.min(from) >= 16 && to * from >= 1 << 10
}

/// The gradient to the weight as products over the pixels, image after image; images in parts whose sums are added in order.
pub(crate) fn grad_weight<E: Elem>(d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let (to, from, pixels) = (d.o, d.c, d.h * d.w);
    let size = to * from;
    let some = share(d.n, size * pixels / 16, 1).max(d.n.div_ceil(16));
    let count = d.n.div_ceil(some);
    let mut sums = Scratch::<E>::new(count * size);
    let places = Places::new(&mut sums);
    parts(count, &|part| {
        // SAFETY: each part has sums of its own.
        let sum = unsafe { places.slice(part * size, size) };
        for image in part * some..((part + 1) * some).min(d.n) {
            let gy = &gy[image * to * pixels..][..to * pixels];
            let x = &x[image * from * pixels..][..from * pixels];
            let add = image > part * some;
            // The longer side goes down the columns, of which the inner kernel computes more at once.
            let (strides, back) = ((pixels, 1), (1, pixels));
            match to >= from {
                true => product_into(to, from, pixels, gy, strides, x, back, sum, (1, to), add),
                false => product_into(from, to, pixels, x, strides, gy, back, sum, (1, from), add),
            }
        }
    });
    let at = |o: usize, c: usize| if to >= from { c * to + o } else { o * from + c };
    for o in 0..to {
        for c in 0..from {
            let all = (0..count).map(|part| sums[part * size + at(o, c)]);
            gw[o * from + c] = all.reduce(|a, b| a + b).unwrap_or_else(E::zero);
        }
    }
}
