//! Convolution as a matrix product over unfolded windows, for batches too small to fill vectors.

use super::Conv2d;
use super::lanes::{Axis, axes};
use crate::elem::{Elem, Scratch};
use crate::matmul::product_into;

/// Calls `f(row of the unfolded matrix, output pixel, input pixel of the plane)` for every tap that meets the input.
fn windows(d: &Conv2d, rows: &Axis, columns: &Axis, mut f: impl FnMut(usize, usize, usize)) {
    for (oy, down) in rows.meets().iter().enumerate() {
        for (ox, across) in columns.meets().iter().enumerate() {
            for &(iy, ky) in down {
                for &(ix, kx) in across {
                    f(ky * d.kw + kx, oy * columns.output + ox, iy * d.w + ix);
                }
            }
        }
    }
}

/// Sizes of one group's product: output channels, pixels, unfolded rows.
fn sizes(d: &Conv2d) -> (usize, usize, usize) {
    (
        d.o / d.groups,
        d.out_h() * d.out_w(),
        d.c / d.groups * d.kh * d.kw,
    )
}

fn fold_in<E: Elem>(d: &Conv2d, rows: &Axis, columns: &Axis, x: &[E], unfolded: &mut [E]) {
    let (_, px, _) = sizes(d);
    unfolded.fill(E::zero());
    for c in 0..d.c / d.groups {
        let plane = &x[c * d.h * d.w..][..d.h * d.w];
        let matrix = &mut unfolded[c * d.kh * d.kw * px..][..d.kh * d.kw * px];
        windows(d, rows, columns, |k, q, p| matrix[k * px + q] = plane[p]);
    }
}

pub(crate) fn forward<E: Elem>(d: &Conv2d, x: &[E], weight: &[E], y: &mut [E]) {
    let (to, px, k) = sizes(d);
    let from_plane = d.c / d.groups * d.h * d.w;
    let (rows, columns) = axes(d);
    let mut unfolded = Scratch::new(k * px);
    for ng in 0..d.n * d.groups {
        let g = ng % d.groups;
        fold_in(d, &rows, &columns, &x[ng * from_plane..], &mut unfolded);
        let w = &weight[g * to * k..][..to * k];
        let out = &mut y[ng * to * px..][..to * px];
        product_into(
            to,
            px,
            k,
            w,
            (k, 1),
            &unfolded,
            (px, 1),
            out,
            (px, 1),
            false,
        );
    }
}

pub(crate) fn grad_input<E: Elem>(d: &Conv2d, gy: &[E], weight: &[E], gx: &mut [E]) {
    let (to, px, k) = sizes(d);
    let from_plane = d.c / d.groups * d.h * d.w;
    let (rows, columns) = axes(d);
    let mut unfolded = Scratch::new(k * px);
    gx.fill(E::zero());
    for ng in 0..d.n * d.groups {
        let g = ng % d.groups;
        let w = &weight[g * to * k..][..to * k];
        let from = &gy[ng * to * px..][..to * px];
        product_into(
            k,
            px,
            to,
            w,
            (1, k),
            from,
            (px, 1),
            &mut unfolded,
            (px, 1),
            false,
        );
        for c in 0..d.c / d.groups {
            let plane = &mut gx[ng * from_plane + c * d.h * d.w..][..d.h * d.w];
            let matrix = &unfolded[c * d.kh * d.kw * px..][..d.kh * d.kw * px];
            windows(d, &rows, &columns, |k, q, p| {
                plane[p] = plane[p] + matrix[k * px + q]
            });
        }
    }
}

pub(crate) fn grad_weight<E: Elem>(d: &Conv2d, x: &[E], gy: &[E], gw: &mut [E]) {
    let (to, px, k) = sizes(d);
    let from_plane = d.c / d.groups * d.h * d.w;
    let (rows, columns) = axes(d);
    let mut unfolded = Scratch::new(k * px);
    for ng in 0..d.n * d.groups {
        let g = ng % d.groups;
        fold_in(d, &rows, &columns, &x[ng * from_plane..], &mut unfolded);
        let from = &gy[ng * to * px..][..to * px];
        let out = &mut gw[g * to * k..][..to * k];
        product_into(
            to,
            k,
            px,
            from,
            (px, 1),
            &unfolded,
            (1, px),
            out,
            (k, 1),
            ng >= d.groups,
        );
    }
}
