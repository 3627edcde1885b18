//! Windowed averages and maxima over planes, and their gradients.

use crate::conv::extent;
use crate::conv::lanes::{Axis, collect, spread};
use crate::elem::{Elem, Scratch};
use crate::error::{KernelError, need, product};
use crate::simd::{Vector, Work, dispatch, level};
use crate::team::{Places, ranges, share};

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

    /// The two axes: for each place of the output, the places of the input in its window.
    fn axes(&self) -> (Axis, Axis) {
        (
            Axis::forward(
                self.h,
                self.out_h(),
                self.kh,
                self.stride[0],
                self.dilation[0],
                self.pad[0],
            ),
            Axis::forward(
                self.w,
                self.out_w(),
                self.kw,
                self.stride[1],
                self.dilation[1],
                self.pad[1],
            ),
        )
    }

    /// The two axes the other way: for each place of the input, the places of the output whose windows hold it.
    fn axes_back(&self) -> (Axis, Axis) {
        (
            Axis::backward(
                self.h,
                self.out_h(),
                self.kh,
                self.stride[0],
                self.dilation[0],
                self.pad[0],
            ),
            Axis::backward(
                self.w,
                self.out_w(),
                self.kw,
                self.stride[1],
                self.dilation[1],
                self.pad[1],
            ),
        )
    }

    /// Planes of one part of the work; vectors are full where there are enough.
    fn share(&self) -> usize {
        share(self.planes, self.h * self.w * 4, 16)
    }

    /// 1 / the size of each window.
    fn scales<E: Elem>(&self, count_include_pad: bool) -> Vec<E> {
        let (down, across) = self.axes();
        let mut all = Vec::with_capacity(down.output * across.output);
        for a in down.meets() {
            for b in across.meets() {
                let count = if count_include_pad {
                    self.kh * self.kw
                } else {
                    (a.len() * b.len()).max(1)
                };
                all.push(E::of(1.0 / count as f64));
            }
        }
        all
    }
}

/// Sums over windows, each a sum down and then a sum across, with vectors across the planes.
struct Average<'a, E> {
    planes: usize,
    rows: &'a Axis,
    columns: &'a Axis,
    /// Factors of the output, or none.
    after: &'a [E],
    /// Factors of the input, or none.
    before: &'a [E],
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Elem> Work<E> for Average<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let Average {
            planes,
            rows,
            columns,
            after,
            before,
            x,
            y,
        } = self;
        let l = V::LANES;
        let (in_px, out_px) = (rows.input * columns.input, rows.output * columns.output);
        let mut xs = Scratch::<E>::new(in_px * l);
        let mut ys = Scratch::<E>::new(out_px * l);
        let mut down = Scratch::<E>::new(columns.input * l);
        for first in (0..planes).step_by(l) {
            // SAFETY: the scratch holds `l` planes in spread form, `down` one row of them; `check` has proved the lengths
            // of `x` and `y`; an axis names places of its input only; factors are none or one for each place.
            unsafe {
                let zero = V::splat(E::zero());
                let left = planes - first;
                spread::<E, V>(
                    x.as_ptr().add(first * in_px),
                    left,
                    1,
                    in_px,
                    xs.as_mut_ptr(),
                    in_px * l,
                );
                if !before.is_empty() {
                    for (i, &f) in before.iter().enumerate() {
                        let p = xs.as_mut_ptr().add(i * l);
                        V::load(p).fma(V::splat(f), zero).store(p);
                    }
                }
                for (oy, meets) in rows.meets().iter().enumerate() {
                    for ix in 0..columns.input {
                        let mut sum = zero;
                        for &(iy, _) in meets {
                            sum = sum.add(V::load(xs.as_ptr().add((iy * columns.input + ix) * l)));
                        }
                        sum.store(down.as_mut_ptr().add(ix * l));
                    }
                    for (ox, meets) in columns.meets().iter().enumerate() {
                        let mut sum = zero;
                        for &(ix, _) in meets {
                            sum = sum.add(V::load(down.as_ptr().add(ix * l)));
                        }
                        let at = oy * columns.output + ox;
                        if !after.is_empty() {
                            sum = sum.fma(V::splat(*after.as_ptr().add(at)), zero);
                        }
                        sum.store(ys.as_mut_ptr().add(at * l));
                    }
                }
                let dst = y.as_mut_ptr().add(first * out_px);
                collect::<E, V>(ys.as_ptr(), out_px * l, dst, left, 1, out_px);
            }
        }
    }
}

/// Averages all planes; `before` and `after` are factors of the input and the output.
fn average<E: Elem>(
    planes: usize,
    share: usize,
    rows: &Axis,
    columns: &Axis,
    (before, after): (&[E], &[E]),
    x: &[E],
    y: &mut [E],
) {
    let (in_px, out_px) = (rows.input * columns.input, rows.output * columns.output);
    let y = Places::new(y);
    ranges(planes, share, &|first, planes| {
        let work = Average {
            planes,
            rows,
            columns,
            after,
            before,
            x: &x[first * in_px..][..planes * in_px],
            // SAFETY: each part has planes of its own; `check` has proved that `y` holds all.
            y: unsafe { y.slice(first * out_px, planes * out_px) },
        };
        dispatch(level(), work);
    });
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
    let (rows, columns) = d.axes();
    average(d.planes, d.share(), &rows, &columns, (&[], &scales), x, y);
    Ok(())
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
    let (rows, columns) = d.axes_back();
    average(d.planes, d.share(), &rows, &columns, (&scales, &[]), gy, gx);
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
    need(d.h * d.w <= 1 << 24, "a plane is too large")?;
    let (in_px, out_px) = (d.h * d.w, d.out_h() * d.out_w());
    let (y, at) = (Places::new(y), Places::new(at));
    ranges(d.planes, d.share(), &|first, planes| {
        let some = Pool2d { planes, ..*d };
        let work = Largest {
            d: &some,
            x: &x[first * in_px..][..planes * in_px],
            // SAFETY: each part has planes of its own; `check` has proved that `y` and `at` hold all.
            y: unsafe { y.slice(first * out_px, planes * out_px) },
            // SAFETY: as for `y`.
            at: unsafe { at.slice(first * out_px, planes * out_px) },
        };
        dispatch(level(), work);
    });
    Ok(())
}

struct Largest<'a, E> {
    d: &'a Pool2d,
    x: &'a [E],
    y: &'a mut [E],
    at: &'a mut [i32],
}

impl<E: Elem> Work<E> for Largest<'_, E> {
    type Out = ();

    #[inline(always)]
    fn run<V: Vector<E>>(self) {
        let Largest { d, x, y, at } = self;
        let l = V::LANES;
        let (rows, columns) = d.axes();
        let (in_px, out_px) = (d.h * d.w, rows.output * columns.output);
        let mut xs = Scratch::<E>::new(in_px * l);
        let mut ys = Scratch::<E>::new(out_px * l);
        // Places as elements while they are in vectors; whole numbers below 2^24 are exact.
        let mut places = Scratch::<E>::new(out_px * l);
        let mut flat = Scratch::<E>::new(out_px * l);
        let names: Vec<E> = (0..in_px).map(|i| E::of(i as f64)).collect();
        for first in (0..d.planes).step_by(l) {
            let left = d.planes - first;
            // SAFETY: the scratch holds `l` planes in spread form; `check` has proved the lengths of `x` and `y`.
            unsafe {
                spread::<E, V>(
                    x.as_ptr().add(first * in_px),
                    left,
                    1,
                    in_px,
                    xs.as_mut_ptr(),
                    in_px * l,
                )
            };
            for (oy, down) in rows.meets().iter().enumerate() {
                for (ox, across) in columns.meets().iter().enumerate() {
                    let o = (oy * columns.output + ox) * l;
                    // A window's first element is its maximum until a larger one comes, be it minus infinity.
                    let start = down.first().zip(across.first());
                    let start = start.map_or(-E::one(), |(a, b)| E::of((a.0 * d.w + b.0) as f64));
                    // SAFETY: an axis names places of its input only, `o` is a place of the output.
                    unsafe {
                        let mut best = V::splat(E::neg_infinity());
                        let mut place = V::splat(start);
                        for &(iy, _) in down {
                            for &(ix, _) in across {
                                let v = V::load(xs.as_ptr().add((iy * d.w + ix) * l));
                                let here = V::splat(names[iy * d.w + ix]);
                                (best, place) = v.larger(best, here, place);
                            }
                        }
                        best.store(ys.as_mut_ptr().add(o));
                        place.store(places.as_mut_ptr().add(o));
                    }
                }
            }
            let some = left.min(l) * out_px;
            // SAFETY: as above; `flat` holds `l` planes of the output.
            unsafe {
                let dst = y.as_mut_ptr().add(first * out_px);
                collect::<E, V>(ys.as_ptr(), out_px * l, dst, left, 1, out_px);
                collect::<E, V>(
                    places.as_ptr(),
                    out_px * l,
                    flat.as_mut_ptr(),
                    left,
                    1,
                    out_px,
                );
            }
            let at = &mut at[first * out_px..][..some];
            for (a, p) in at.iter_mut().zip(&flat[..some]) {
                *a = p.wide() as i32;
            }
        }
    }
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
