//! Windowed averages and maxima over planes, and their gradients.

use crate::conv::extent;
use crate::elem::{Elem, Scratch};
use crate::error::{KernelError, need, product};
use crate::simd::{Vector, Work, dispatch, level};

/// The geometry of a pooling: `planes` (n times c) planes of h x w give planes of out_h x out_w.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// Images times channels.
    pub planes: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Height of the window.
    pub kh: usize,
    /// Width of the window.
    pub kw: usize,
    /// Padding above, on the left, below, on the right.
    pub pad: [usize; 4],
    /// Steps down and right.
    pub stride: [usize; 2],
    /// Distance of the window's taps, down and right.
    pub dilation: [usize; 2],
}

impl Pool2d {
    /// Height of the output.
    pub fn out_h(&self) -> usize {
        extent(
            self.h + self.pad[0] + self.pad[2],
            self.kh,
            self.stride[0],
            self.dilation[0],
        )
    }

    /// Width of the output.
    pub fn out_w(&self) -> usize {
        extent(
            self.w + self.pad[1] + self.pad[3],
            self.kw,
            self.stride[1],
            self.dilation[1],
        )
    }

    fn check(&self, x: usize, y: usize) -> Result<(), KernelError> {
        need(self.kh > 0 && self.kw > 0, "the window is empty")?;
        need(
            self.stride.iter().chain(&self.dilation).all(|&s| s > 0),
            "stride and dilation start at 1",
        )?;
        need(
            product(&[self.planes, self.h, self.w])? == x,
            "x is not [n, c, h, w]",
        )?;
        need(
            product(&[self.planes, self.out_h(), self.out_w()])? == y,
            "y is not [n, c, out_h, out_w]",
        )
    }

    /// For one axis: how many taps of each window meet the input.
    fn counts(&self, axis: usize) -> Vec<usize> {
        let (input, out, k) = match axis {
            0 => (self.h, self.out_h(), self.kh),
            _ => (self.w, self.out_w(), self.kw),
        };
        (0..out)
            .map(|o| {
                (0..k)
                    .filter(|t| {
                        let at = o * self.stride[axis] + t * self.dilation[axis];
                        at >= self.pad[axis] && at - self.pad[axis] < input
                    })
                    .count()
            })
            .collect()
    }

    /// 1 / the size of each window.
    fn scales<E: Elem>(&self, count_include_pad: bool) -> Vec<E> {
        let (down, across) = (self.counts(0), self.counts(1));
        let mut all = Vec::with_capacity(down.len() * across.len());
        for a in &down {
            for b in &across {
                let count = if count_include_pad {
                    self.kh * self.kw
                } else {
                    (a * b).max(1)
                };
                all.push(E::of(1.0 / count as f64));
            }
        }
        all
    }
}

struct Average<'a, E> {
    d: &'a Pool2d,
    scales: Vec<E>,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Elem> Work<E> for Average<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let Average { d, scales, x, y } = self;
        let (oh, ow) = (d.out_h(), d.out_w());
        let width = d.w + d.pad[1] + d.pad[3];
        // Sums down the window, with the padding's columns as zeros on both sides.
        let mut line = Scratch::<E>::new(width);
        line.fill(E::zero());
        for plane in 0..d.planes {
            let x = &x[plane * d.h * d.w..][..d.h * d.w];
            let y = &mut y[plane * oh * ow..][..oh * ow];
            for oy in 0..oh {
                let sums = &mut line[d.pad[1]..][..d.w];
                let mut first = true;
                for ky in 0..d.kh {
                    let at = oy * d.stride[0] + ky * d.dilation[0];
                    if at < d.pad[0] || at - d.pad[0] >= d.h {
                        continue;
                    }
                    let row = &x[(at - d.pad[0]) * d.w..][..d.w];
                    if first {
                        sums.copy_from_slice(row);
                    } else {
                        sums.iter_mut().zip(row).for_each(|(s, &v)| *s = *s + v);
                    }
                    first = false;
                }
                if first {
                    sums.fill(E::zero());
                }
                let out = &mut y[oy * ow..][..ow];
                let scale = &scales[oy * ow..][..ow];
                if (d.kw, d.stride[1], d.dilation[1]) == (3, 1, 1) {
                    let (a, b, c) = (&line[..ow], &line[1..][..ow], &line[2..][..ow]);
                    for i in 0..ow {
                        out[i] = (a[i] + b[i] + c[i]) * scale[i];
                    }
                } else {
                    for i in 0..ow {
                        let mut sum = E::zero();
                        for kx in 0..d.kw {
                            sum = sum + line[i * d.stride[1] + kx * d.dilation[1]];
                        }
                        out[i] = sum * scale[i];
                    }
                }
            }
        }
    }
}

/// The mean of each window, over all its places or only those inside the input (`count_include_pad` false).
pub fn avg_pool2d<E: Elem>(
    d: &Pool2d,
    count_include_pad: bool,
    x: &[E],
    y: &mut [E],
) -> Result<(), KernelError> {
    d.check(x.len(), y.len())?;
    let scales = d.scales(count_include_pad);
    dispatch(level(), Average { d, scales, x, y });
    Ok(())
}

struct AverageGrad<'a, E> {
    d: &'a Pool2d,
    scales: Vec<E>,
    gy: &'a [E],
    gx: &'a mut [E],
}

impl<E: Elem> Work<E> for AverageGrad<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let AverageGrad { d, scales, gy, gx } = self;
        let (oh, ow) = (d.out_h(), d.out_w());
        let width = d.w + d.pad[1] + d.pad[3];
        let narrow = (d.kw, d.stride[1], d.dilation[1]) == (3, 1, 1);
        // One row's gradient spread along the row; for the narrow case the scaled row between two zeros on each side.
        let mut line = Scratch::<E>::new(width);
        let mut scaled = Scratch::<E>::new(ow + 4);
        scaled.fill(E::zero());
        for plane in 0..d.planes {
            let gy = &gy[plane * oh * ow..][..oh * ow];
            let gx = &mut gx[plane * d.h * d.w..][..d.h * d.w];
            gx.fill(E::zero());
            for oy in 0..oh {
                let (g, scale) = (&gy[oy * ow..][..ow], &scales[oy * ow..][..ow]);
                let inside = &mut scaled[2..][..ow];
                for i in 0..ow {
                    inside[i] = g[i] * scale[i];
                }
                if narrow {
                    let (a, b, c) = (
                        &scaled[..width],
                        &scaled[1..][..width],
                        &scaled[2..][..width],
                    );
                    let line = &mut line[..width];
                    for i in 0..width {
                        line[i] = a[i] + b[i] + c[i];
                    }
                } else {
                    line.fill(E::zero());
                    for i in 0..ow {
                        for kx in 0..d.kw {
                            let at = i * d.stride[1] + kx * d.dilation[1];
                            line[at] = line[at] + scaled[2 + i];
                        }
                    }
                }
                for ky in 0..d.kh {
                    let at = oy * d.stride[0] + ky * d.dilation[0];
                    if at < d.pad[0] || at - d.pad[0] >= d.h {
                        continue;
                    }
                    let row = &mut gx[(at - d.pad[0]) * d.w..][..d.w];
                    let add = &line[d.pad[1]..][..d.w];
                    row.iter_mut().zip(add).for_each(|(r, &v)| *r = *r + v);
                }
            }
        }
    }
}

/// The gradient of `avg_pool2d` to its input; overwrites `gx`.
pub fn avg_pool2d_grad<E: Elem>(
    d: &Pool2d,
    count_include_pad: bool,
    gy: &[E],
    gx: &mut [E],
) -> Result<(), KernelError> {
    d.check(gx.len(), gy.len())?;
    let scales = d.scales(count_include_pad);
    dispatch(level(), AverageGrad { d, scales, gy, gx });
    Ok(())
}

/// The largest of each window and its place `iy * w + ix` in the plane (the first of equals; NaN is larger than all).
///
/// Padding never wins; a window that lies in the padding alone gives minus infinity and place -1.
pub fn max_pool2d<E: Elem>(
    d: &Pool2d,
    x: &[E],
    y: &mut [E],
    at: &mut [i32],
) -> Result<(), KernelError> {
    d.check(x.len(), y.len())?;
    need(at.len() == y.len(), "places and maxima differ in number")?;
    need(d.h * d.w <= i32::MAX as usize, "a plane is too large")?;
    let (oh, ow) = (d.out_h(), d.out_w());
    let mut slots = y.iter_mut().zip(at);
    for plane in 0..d.planes {
        let x = &x[plane * d.h * d.w..][..d.h * d.w];
        for oy in 0..oh {
            for (ox, (y, at)) in (0..ow).zip(&mut slots) {
                let (mut best, mut place) = (E::neg_infinity(), -1);
                for ky in 0..d.kh {
                    let iy = (oy * d.stride[0] + ky * d.dilation[0]).wrapping_sub(d.pad[0]);
                    if iy >= d.h {
                        continue;
                    }
                    for kx in 0..d.kw {
                        let ix = (ox * d.stride[1] + kx * d.dilation[1]).wrapping_sub(d.pad[1]);
                        if ix >= d.w {
                            continue;
                        }
                        let v = x[iy * d.w + ix];
                        if v > best || place < 0 || (v.is_nan() && !best.is_nan()) {
                            (best, place) = (v, (iy * d.w + ix) as i32);
                        }
                    }
                }
                (*y, *at) = (best, place);
            }
        }
    }
    Ok(())
}

/// The gradient of `max_pool2d`: each `gy` goes to its window's place, places of -1 to none; overwrites `gx`.
pub fn max_pool2d_grad<E: Elem>(
    d: &Pool2d,
    gy: &[E],
    at: &[i32],
    gx: &mut [E],
) -> Result<(), KernelError> {
    d.check(gx.len(), gy.len())?;
    need(
        at.len() == gy.len(),
        "places and gradients differ in number",
    )?;
    gx.fill(E::zero());
    let (px, out) = (d.h * d.w, d.out_h() * d.out_w());
    for plane in 0..d.planes {
        let gx = &mut gx[plane * px..][..px];
        for i in plane * out..(plane + 1) * out {
            if at[i] >= 0 {
                let slot = gx
                    .get_mut(at[i] as usize)
                    .ok_or(KernelError("a place of a maximum lies outside its plane"))?;
                *slot = *slot + gy[i];
            }
        }
    }
    Ok(())
}

/// The elements of `t` (of the input's shape) at the places of the maxima, 0 for places of -1; the adjoint of `max_pool2d_grad`.
pub fn max_pool2d_gather<E: Elem>(
    d: &Pool2d,
    t: &[E],
    at: &[i32],
    y: &mut [E],
) -> Result<(), KernelError> {
    d.check(t.len(), y.len())?;
    need(at.len() == y.len(), "places and outputs differ in number")?;
    let (px, out) = (d.h * d.w, d.out_h() * d.out_w());
    for plane in 0..d.planes {
        let t = &t[plane * px..][..px];
        for i in plane * out..(plane + 1) * out {
            y[i] = match at[i] {
                p if p < 0 => E::zero(),
                p => *t
                    .get(p as usize)
                    .ok_or(KernelError("a place of a maximum lies outside its plane"))?,
            };
        }
    }
    Ok(())
}
