//! Copies that change layout: permutation, blocks, slices, concatenation, padding of planes.

use crate::error::{KernelError, need, product};
use crate::team::{Places, ranges, share};

/// Side of the squares in which axes are exchanged.
const SIDE: usize = 16;

/// Copies a block of `shape` between two strided places; strides in elements, offsets of the first element.
///
/// Everything else here is made of it. Negative strides of the source reverse an axis; 0 repeats.
pub fn copy_block<T: Copy + Send + Sync>(
    shape: &[usize],
    (src, src_at, src_strides): (&[T], usize, &[isize]),
    (dst, dst_at, dst_strides): (&mut [T], usize, &[isize]),
) -> Result<(), KernelError> {
    need(
        src_strides.len() == shape.len() && dst_strides.len() == shape.len(),
        "the strides of a copy have another rank than its shape",
    )?;
    if shape.contains(&0) {
        return Ok(());
    }
    need(
        reaches(shape, src_at, src_strides, src.len())
            && reaches(shape, dst_at, dst_strides, dst.len()),
        "a copy reaches beyond its slice",
    )?;
    // Axes from the innermost, joined where both sides allow it: (length, source stride, target stride).
    let mut axes: Vec<(usize, isize, isize)> = Vec::with_capacity(shape.len());
    for i in (0..shape.len()).rev() {
        let (d, s, t) = (shape[i], src_strides[i], dst_strides[i]);
        match axes.last_mut() {
            _ if d == 1 => {}
            Some((n, ps, pt)) if s == *ps * *n as isize && t == *pt * *n as isize => *n *= d,
            _ => axes.push((d, s, t)),
        }
    }
    let inner = if axes.is_empty() {
        (1, 1, 1)
    } else {
        axes.remove(0)
    };
    let next = if axes.is_empty() {
        (1, 0, 0)
    } else {
        axes.remove(0)
    };
    let outer: usize = axes.iter().map(|a| a.0).product();
    // In units of some rows of the last two axes.
    let units = next.0.div_ceil(SIDE);
    let (src, dst) = (Places::reading(src), Places::new(dst));
    let some = share(outer * units, inner.0 * next.0.min(SIDE), 1);
    ranges(outer * units, some, &|first, count| {
        for unit in first..first + count {
            let (mut rest, from) = (unit / units, unit % units * SIDE);
            let mut s = src_at as isize + from as isize * next.1;
            let mut t = dst_at as isize + from as isize * next.2;
            for &(n, ps, pt) in &axes {
                let k = (rest % n) as isize;
                (s, t, rest) = (s + k * ps, t + k * pt, rest / n);
            }
            let rows = (SIDE.min(next.0 - from), next.1, next.2);
            // SAFETY: `reaches` has checked the corners of the block on both sides, and so all of it; units write places
            // of their own unless the target repeats, which callers do not ask for.
            unsafe { plane(inner, rows, src.at(0).offset(s), dst.at(0).offset(t)) };
        }
    });
    Ok(())
}

fn reaches(shape: &[usize], at: usize, strides: &[isize], len: usize) -> bool {
    let (mut low, mut high) = (at as i128, at as i128);
    for (&d, &s) in shape.iter().zip(strides) {
        let far = (d as i128 - 1) * s as i128;
        if far < 0 { low += far } else { high += far }
    }
    low >= 0 && high < len as i128
}

/// Two axes: (length, source stride, target stride) each, `a` the inner.
unsafe fn plane<T: Copy + Send + Sync>(
    a: (usize, isize, isize),
    b: (usize, isize, isize),
    src: *const T,
    dst: *mut T,
) {
    if (a.1, a.2) == (1, 1) {
        for j in 0..b.0 as isize {
            std::ptr::copy_nonoverlapping(src.offset(j * b.1), dst.offset(j * b.2), a.0);
        }
        return;
    }
    // In squares, so that lines of both sides are used whole while they are in the cache.
    for j0 in (0..b.0).step_by(SIDE) {
        for i0 in (0..a.0).step_by(SIDE) {
            for j in j0..(j0 + SIDE).min(b.0) {
                let (s, t) = (src.offset(j as isize * b.1), dst.offset(j as isize * b.2));
                for i in i0..(i0 + SIDE).min(a.0) {
                    *t.offset(i as isize * a.2) = *s.offset(i as isize * a.1);
                }
            }
        }
    }
}

fn contiguous(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1isize;
    for i in (0..shape.len()).rev() {
        strides[i] = step;
        step *= shape[i] as isize;
    }
    strides
}

/// `y` = `x` (of `shape`) with its axes in the order `axes`: axis i of `y` is axis `axes[i]` of `x`.
pub fn permute<T: Copy + Send + Sync>(
    shape: &[usize],
    axes: &[usize],
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let mut seen = vec![false; shape.len()];
    for &a in axes {
        need(
            a < shape.len() && !seen[a],
            "the axes are not a permutation",
        )?;
        seen[a] = true;
    }
    need(axes.len() == shape.len(), "the axes are not a permutation")?;
    let total = product(shape)?;
    need(
        x.len() == total && y.len() == total,
        "a permutation's slices do not fit its shape",
    )?;
    let from = contiguous(shape);
    let new: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
    let src: Vec<isize> = axes.iter().map(|&a| from[a]).collect();
    copy_block(&new, (x, 0, &src), (y, 0, &contiguous(&new)))
}

/// Joins tensors along an axis: each part is its slice and its length along the axis; `outer` and `inner` are the
/// products of the axes before and after it.
pub fn concat<T: Copy + Send + Sync>(
    outer: usize,
    inner: usize,
    parts: &[(&[T], usize)],
    y: &mut [T],
) -> Result<(), KernelError> {
    let all: usize = parts.iter().map(|p| p.1).sum();
    need(
        product(&[outer, all, inner])? == y.len(),
        "a concatenation's target does not fit",
    )?;
    let mut at = 0;
    for &(x, d) in parts {
        need(
            x.len() == outer * d * inner,
            "a part of a concatenation does not fit",
        )?;
        let row = d * inner;
        if row > 0 {
            for (o, x) in x.chunks_exact(row).enumerate() {
                y[o * all * inner + at..][..row].copy_from_slice(x);
            }
        }
        at += row;
    }
    Ok(())
}

/// `y[i] = x[start + i * step]` along each axis: `start`, `step` and `len` per axis of `shape`.
pub fn slice_copy<T: Copy + Send + Sync>(
    shape: &[usize],
    start: &[usize],
    step: &[usize],
    len: &[usize],
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let rank = shape.len();
    need(
        start.len() == rank && step.len() == rank && len.len() == rank,
        "a slice has another rank than its tensor",
    )?;
    need(
        product(shape)? == x.len() && product(len)? == y.len(),
        "a slice's tensors do not fit their shapes",
    )?;
    if y.is_empty() {
        return Ok(());
    }
    let from = contiguous(shape);
    let mut at = 0;
    for i in 0..rank {
        let far = (len[i] - 1)
            .checked_mul(step[i])
            .and_then(|f| f.checked_add(start[i]));
        need(
            far.is_some_and(|f| f < shape[i]),
            "a slice reaches beyond its axis",
        )?;
        at += start[i] * from[i] as usize;
    }
    let src: Vec<isize> = from
        .iter()
        .zip(step)
        .map(|(f, &s)| f * s as isize)
        .collect();
    copy_block(len, (x, at, &src), (y, 0, &contiguous(len)))
}

/// What padding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PadMode {
    /// Zeros.
    Zero,
    /// The nearest element of the border.
    Edge,
    /// The plane mirrored at its border, the border itself not repeated.
    Mirror,
    /// The plane repeated.
    Circular,
}

impl PadMode {
    /// The place along an axis of `n` that position `p` (counted from the first element, may lie outside) shows.
    fn source(self, p: isize, n: usize) -> Option<usize> {
        let m = n as isize;
        if (0..m).contains(&p) {
            return Some(p as usize);
        }
        match self {
            PadMode::Zero => None,
            PadMode::Edge => Some(p.clamp(0, m - 1) as usize),
            PadMode::Circular => Some(p.rem_euclid(m) as usize),
            PadMode::Mirror if m == 1 => Some(0),
            PadMode::Mirror => {
                let q = p.rem_euclid(2 * (m - 1));
                Some(if q < m { q } else { 2 * (m - 1) - q } as usize)
            }
        }
    }
}

/// Pads `planes` planes of h x w with [top, left, bottom, right] elements.
pub fn pad2d<T: Copy + Default + Send + Sync>(
    mode: PadMode,
    planes: usize,
    [h, w]: [usize; 2],
    [top, left, bottom, right]: [usize; 4],
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let (oh, ow) = (h + top + bottom, w + left + right);
    need(
        product(&[planes, h, w])? == x.len() && product(&[planes, oh, ow])? == y.len(),
        "padded planes do not fit their sizes",
    )?;
    need(
        mode == PadMode::Zero || (h > 0 && w > 0) || y.is_empty(),
        "an empty plane can only be padded with zeros",
    )?;
    let rows: Vec<Option<usize>> = (0..oh)
        .map(|i| mode.source(i as isize - top as isize, h))
        .collect();
    let columns: Vec<Option<usize>> = (0..ow)
        .map(|i| mode.source(i as isize - left as isize, w))
        .collect();
    for plane in 0..planes {
        for (row, from) in rows.iter().enumerate() {
            let out = &mut y[(plane * oh + row) * ow..][..ow];
            let Some(from) = from else {
                out.fill(T::default());
                continue;
            };
            let line = &x[(plane * h + from) * w..][..w];
            out[left..left + w].copy_from_slice(line);
            for i in (0..left).chain(left + w..ow) {
                out[i] = columns[i].map_or(T::default(), |c| line[c]);
            }
        }
    }
    Ok(())
}

/// The adjoint of `pad2d` with zeros: cuts the inner h x w out of each padded plane.
pub fn pad2d_zero_grad<T: Copy + Send + Sync>(
    planes: usize,
    [h, w]: [usize; 2],
    [top, left, bottom, right]: [usize; 4],
    gy: &[T],
    gx: &mut [T],
) -> Result<(), KernelError> {
    let (oh, ow) = (h + top + bottom, w + left + right);
    need(
        product(&[planes, h, w])? == gx.len() && product(&[planes, oh, ow])? == gy.len(),
        "padded planes do not fit their sizes",
    )?;
    slice_copy(
        &[planes, oh, ow],
        &[0, top, left],
        &[1; 3],
        &[planes, h, w],
        gy,
        gx,
    )
}
