//! Two-dimensional convolution with explicit zero padding, strides, dilation and groups, and its two gradients.
//!
//! Three ways, chosen by shape: vectors along the pixels of a plane (1x1 with stride 1), vectors across the images of a
//! batch (everything else with enough images), and unfolding with a matrix product (few images).

mod depthwise;
pub(crate) mod lanes;
mod plane;
mod tile;
mod unfold;
mod weight;

use crate::elem::Elem;
use crate::error::{KernelError, need, product};
use crate::simd::{Level, level};

/// The geometry of a convolution: `x [n, c, h, w]` with `weight [o, c / groups, kh, kw]` gives `y [n, o, out_h, out_w]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Images.
    pub n: usize,
    /// Input channels.
    pub c: usize,
    /// Height of the input.
    pub h: usize,
    /// Width of the input.
    pub w: usize,
    /// Output channels.
    pub o: usize,
    /// Height of the kernel.
    pub kh: usize,
    /// Width of the kernel.
    pub kw: usize,
    /// Zero rows above.
    pub pad_top: usize,
    /// Zero columns on the left.
    pub pad_left: usize,
    /// Zero rows below.
    pub pad_bottom: usize,
    /// Zero columns on the right.
    pub pad_right: usize,
    /// Steps down and right.
    pub stride: [usize; 2],
    /// Distance of the kernel's taps, down and right.
    pub dilation: [usize; 2],
    /// Groups of channels; divides `c` and `o`.
    pub groups: usize,
}

impl Conv2d {
    /// A convolution with stride 1, dilation 1, one group and no padding.
    pub fn new(x: [usize; 4], o: usize, kernel: [usize; 2]) -> Self {
        Conv2d {
            n: x[0],
            c: x[1],
            h: x[2],
            w: x[3],
            o,
            kh: kernel[0],
            kw: kernel[1],
            pad_top: 0,
            pad_left: 0,
            pad_bottom: 0,
            pad_right: 0,
            stride: [1, 1],
            dilation: [1, 1],
            groups: 1,
        }
    }

    /// The same with `p` zeros on all four sides.
    pub fn padded(mut self, p: usize) -> Self {
        (self.pad_top, self.pad_left, self.pad_bottom, self.pad_right) = (p, p, p, p);
        self
    }

    /// The same with this stride both ways.
    pub fn strided(mut self, s: usize) -> Self {
        self.stride = [s, s];
        self
    }

    /// Height of the output (0 where the kernel does not fit).
    pub fn out_h(&self) -> usize {
        extent(
            self.h + self.pad_top + self.pad_bottom,
            self.kh,
            self.stride[0],
            self.dilation[0],
        )
    }

    /// Width of the output (0 where the kernel does not fit).
    pub fn out_w(&self) -> usize {
        extent(
            self.w + self.pad_left + self.pad_right,
            self.kw,
            self.stride[1],
            self.dilation[1],
        )
    }

    /// Multiply-accumulates of the convolution, padding counted.
    pub fn macs(&self) -> usize {
        self.n
            * self.o
            * self.out_h()
            * self.out_w()
            * (self.c / self.groups.max(1))
            * self.kh
            * self.kw
    }

    fn check(&self, x: usize, w: usize, y: usize) -> Result<(), KernelError> {
        need(self.groups > 0, "a convolution needs at least one group")?;
        need(
            self.c.is_multiple_of(self.groups) && self.o.is_multiple_of(self.groups),
            "the groups do not divide the channels",
        )?;
        need(self.kh > 0 && self.kw > 0, "the kernel is empty")?;
        need(
            self.stride.iter().chain(&self.dilation).all(|&s| s > 0),
            "stride and dilation start at 1",
        )?;
        let rows = product(&[self.n, self.c, self.h, self.w])?;
        need(rows == x, "x is not [n, c, h, w]")?;
        let weights = product(&[self.o, self.c / self.groups, self.kh, self.kw])?;
        need(weights == w, "the weight is not [o, c / groups, kh, kw]")?;
        let out = product(&[self.n, self.o, self.out_h(), self.out_w()])?;
        need(out == y, "y is not [n, o, out_h, out_w]")
    }

    /// Whether each output pixel depends on the one input pixel at its own place.
    fn pointwise(&self) -> bool {
        (self.kh, self.kw, self.stride) == (1, 1, [1, 1])
            && self.pad_top + self.pad_left + self.pad_bottom + self.pad_right == 0
    }
}

pub(crate) fn extent(padded: usize, k: usize, stride: usize, dilation: usize) -> usize {
    let span = dilation * (k - 1) + 1;
    if padded < span {
        0
    } else {
        (padded - span) / stride + 1
    }
}

/// Which way a shape goes.
enum Way {
    Plane(Level),
    Images(Level),
    Unfold,
}

/// The widest level whose vectors these many elements fill well, or none.
fn filled<E: Elem>(count: usize, least: usize) -> Option<Level> {
    let best = level();
    let wide = 64 / size_of::<E>();
    let (mut at, mut lanes) = match best {
        Level::Avx512 => (Level::Avx512, wide),
        Level::Avx2 => (Level::Avx2, wide / 2),
        Level::Base => (Level::Base, wide / 4),
    };
    // Two half-wide blocks are as fast as one wide one where a second thread helps.
    if at == Level::Avx512 && count <= lanes {
        (at, lanes) = (Level::Avx2, lanes / 2);
    }
    if at == Level::Avx2 && count * 2 <= lanes {
        (at, lanes) = (Level::Base, lanes / 2);
    }
    (count >= least.min(lanes)).then_some(at)
}

fn way<E: Elem>(d: &Conv2d) -> Way {
    if d.pointwise()
        && let Some(at) = plane::fits::<E>(d.h * d.w)
    {
        return Way::Plane(at);
    }
    match filled::<E>(d.n, 4) {
        Some(at) => Way::Images(at),
        None => Way::Unfold,
    }
}

/// `y = conv(x, weight)`; overwrites `y`.
pub fn conv2d<E: Elem>(d: &Conv2d, x: &[E], weight: &[E], y: &mut [E]) -> Result<(), KernelError> {
    d.check(x.len(), weight.len(), y.len())?;
    if y.is_empty() {
        return Ok(());
    }
    match way::<E>(d) {
        Way::Plane(at) => plane::forward(at, d, x, weight, y),
        Way::Images(at) => lanes::forward(at, d, x, weight, y),
        Way::Unfold => unfold::forward(d, x, weight, y),
    }
    Ok(())
}

/// The gradient to `x` from the gradient `gy` to `y`; overwrites `gx`.
pub fn conv2d_grad_input<E: Elem>(
    d: &Conv2d,
    gy: &[E],
    weight: &[E],
    gx: &mut [E],
) -> Result<(), KernelError> {
    d.check(gx.len(), weight.len(), gy.len())?;
    if gx.is_empty() {
        return Ok(());
    }
    if gy.is_empty() {
        gx.fill(E::zero());
        return Ok(());
    }
    match way::<E>(d) {
        Way::Plane(at) => plane::grad_input(at, d, gy, weight, gx),
        Way::Images(at) => lanes::grad_input(at, d, gy, weight, gx),
        Way::Unfold => unfold::grad_input(d, gy, weight, gx),
    }
    Ok(())
}

/// The gradient to the weight from `x` and the gradient `gy` to `y`; overwrites `gw`.
pub fn conv2d_grad_weight<E: Elem>(
    d: &Conv2d,
    x: &[E],
    gy: &[E],
    gw: &mut [E],
) -> Result<(), KernelError> {
    d.check(x.len(), gw.len(), gy.len())?;
    if gy.is_empty() || x.is_empty() || gw.is_empty() {
        gw.fill(E::zero());
        return Ok(());
    }
    match way::<E>(d) {
        Way::Plane(_) if d.groups == 1 && plane::many(d.o, d.c) => plane::grad_weight(d, x, gy, gw),
        Way::Plane(at) if plane::whole::<E>(at, d.h * d.w) => {
            weight::grad_weight_plane(at, d, x, gy, gw)
        }
        Way::Plane(_) => match filled::<E>(d.n, 4) {
            Some(at) => weight::grad_weight(at, d, x, gy, gw),
            None => unfold::grad_weight(d, x, gy, gw),
        },
        Way::Images(at) => weight::grad_weight(at, d, x, gy, gw),
        Way::Unfold => unfold::grad_weight(d, x, gy, gw),
    }
    Ok(())
}
