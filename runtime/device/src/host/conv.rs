//! Convolution and pooling as plain loops over windows.

use super::num::Num;
use nas_ir::op::Window;

/// Where a window's taps fall in one axis.
#[derive(Clone, Copy)]
struct Taps {
    stride: i64,
    dilation: i64,
    pad: i64,
    extent: i64,
}

impl Taps {
    fn of(window: &Window, axis: usize, extent: usize) -> Taps {
        Taps {
            stride: window.stride[axis],
            dilation: window.dilation[axis],
            pad: window.pad[axis],
            extent: extent as i64,
        }
    }

    /// The input position of tap `k` of output `o`, where it is not padding.
    fn at(&self, o: usize, k: usize) -> Option<usize> {
        let i = o as i64 * self.stride - self.pad + k as i64 * self.dilation;
        (0..self.extent).contains(&i).then_some(i as usize)
    }
}

/// Which of the three is written.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    Output,
    Input,
    Weight,
}

/// The sizes of a convolution: x [n, c, h, w], weight [o, c/g, k, l], y [n, o, p, q].
pub(super) struct Sizes<'a> {
    pub x: &'a [usize],
    pub weight: &'a [usize],
    pub y: &'a [usize],
}

/// Visits every product of the convolution; sums go to `out` in f64 and are rounded once.
pub(super) fn conv<T: Num>(
    window: &Window,
    groups: usize,
    sizes: &Sizes<'_>,
    wanted: Wanted,
    (a, b): (&[T], &[T]),
    out: &mut [T],
) {
    let (x, w, y) = (sizes.x, sizes.weight, sizes.y);
    let (rows, columns) = (Taps::of(window, 0, x[2]), Taps::of(window, 1, x[3]));
    let mut sums = vec![0.0f64; out.len()];
    let per_group = w[0] / groups.max(1);
    for n in 0..y[0] {
        for o in 0..y[1] {
            let first = o / per_group.max(1) * w[1];
            for c in 0..w[1] {
                for k in 0..w[2] {
                    for l in 0..w[3] {
                        let wi = ((o * w[1] + c) * w[2] + k) * w[3] + l;
                        for p in 0..y[2] {
                            let Some(i) = rows.at(p, k) else { continue };
                            let xrow = ((n * x[1] + first + c) * x[2] + i) * x[3];
                            let yrow = ((n * y[1] + o) * y[2] + p) * y[3];
                            for q in 0..y[3] {
                                let Some(j) = columns.at(q, l) else { continue };
                                let (xi, yi) = (xrow + j, yrow + q);
                                match wanted {
                                    Wanted::Output => sums[yi] += a[xi].wide() * b[wi].wide(),
                                    Wanted::Input => sums[xi] += a[yi].wide() * b[wi].wide(),
                                    Wanted::Weight => sums[wi] += a[xi].wide() * b[yi].wide(),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    for (o, s) in out.iter_mut().zip(sums) {
        *o = T::of(s);
    }
}

/// Calls `f(output position, the window's input positions)` for each window of `x` [n, c, h, w].
fn windows(window: &Window, x: &[usize], y: &[usize], mut f: impl FnMut(usize, &[usize])) {
    let (rows, columns) = (Taps::of(window, 0, x[2]), Taps::of(window, 1, x[3]));
    let mut inside = vec![];
    for plane in 0..x[0] * x[1] {
        for p in 0..y[2] {
            for q in 0..y[3] {
                inside.clear();
                for k in 0..window.size[0] as usize {
                    let Some(i) = rows.at(p, k) else { continue };
                    for l in 0..window.size[1] as usize {
                        if let Some(j) = columns.at(q, l) {
                            inside.push((plane * x[2] + i) * x[3] + j);
                        }
                    }
                }
                f((plane * y[2] + p) * y[3] + q, &inside);
            }
        }
    }
}

/// What an average divides by; a window that lies in the padding altogether gives 0.
fn divisor(window: &Window, count_pad: bool, inside: usize) -> f64 {
    if count_pad {
        (window.size[0] * window.size[1]) as f64
    } else {
        inside.max(1) as f64
    }
}

pub(super) fn avg_pool<T: Num>(
    window: &Window,
    count_pad: bool,
    (x, xs): (&[T], &[usize]),
    y: &[usize],
    out: &mut [T],
) {
    windows(window, xs, y, |o, inside| {
        let sum: f64 = inside.iter().map(|i| x[*i].wide()).sum();
        out[o] = T::of(sum / divisor(window, count_pad, inside.len()));
    });
}

/// `shape` is the input's.
pub(super) fn avg_pool_grad<T: Num>(
    window: &Window,
    count_pad: bool,
    (gy, y): (&[T], &[usize]),
    shape: &[usize],
    out: &mut [T],
) {
    let mut sums = vec![0.0f64; out.len()];
    windows(window, shape, y, |o, inside| {
        let share = gy[o].wide() / divisor(window, count_pad, inside.len());
        inside.iter().for_each(|i| sums[*i] += share);
    });
    for (o, s) in out.iter_mut().zip(sums) {
        *o = T::of(s);
    }
}

/// The position of the first largest of a window; what is not a number wins.
fn first_largest<T: Num>(x: &[T], inside: &[usize]) -> Option<usize> {
    let mut best = *inside.first()?;
    for i in &inside[1..] {
        let (v, w) = (x[*i], x[best]);
        if !w.nan() && (v > w || v.nan()) {
            best = *i;
        }
    }
    Some(best)
}

/// `v` read where `x` is largest in each window (`v` = `x` for max pooling itself).
pub(super) fn max_pool<T: Num>(
    window: &Window,
    (x, xs): (&[T], &[usize]),
    v: &[T],
    empty: T,
    y: &[usize],
    out: &mut [T],
) {
    windows(window, xs, y, |o, inside| {
        out[o] = first_largest(x, inside).map_or(empty, |i| v[i]);
    });
}

pub(super) fn max_pool_grad<T: Num>(
    window: &Window,
    (x, xs): (&[T], &[usize]),
    (gy, y): (&[T], &[usize]),
    out: &mut [T],
) {
    out.fill(T::default());
    windows(window, xs, y, |o, inside| {
        if let Some(i) = first_largest(x, inside) {
            out[i] = out[i].plus(gy[o]);
        }
    });
}
