//! Contractions as matrix products: axes that lie together are one, others are copied together first.

use super::fused::Seen;
use crate::shape::{Axes, count, strides};
use nasc_kernels as k;
use std::sync::Arc;

type Part<'a, E> = (&'a [E], &'a [usize]);

/// The axes of an operand, by letter.
struct Named {
    letters: Vec<char>,
    extents: Vec<usize>,
    strides: Axes,
}

impl Named {
    fn new(spec: &str, shape: &[usize]) -> Named {
        Named {
            letters: spec.chars().collect(),
            extents: shape.to_vec(),
            strides: strides(shape),
        }
    }

    fn at(&self, l: char) -> Option<usize> {
        self.letters.iter().position(|m| *m == l)
    }

    fn size(&self, group: &[char]) -> usize {
        let extent = |l: &char| self.at(*l).map_or(1, |i| self.extents[i]);
        group.iter().map(extent).product()
    }

    /// The one stride with which the letters, in this order, are walked; none where they do not lie together.
    fn joined(&self, group: &[char]) -> Option<usize> {
        let mut step = None;
        let mut reach = 0;
        for l in group.iter().rev() {
            let i = self.at(*l)?;
            if self.extents[i] == 1 {
                continue;
            }
            match step {
                None => step = Some(self.strides[i]),
                Some(_) if self.strides[i] == reach => {}
                Some(_) => return None,
            }
            reach = self.strides[i] * self.extents[i];
        }
        Some(step.unwrap_or(0))
    }

    /// As matrices [rows][columns], where the axes allow; how they follow each other is another matter.
    fn matrices(&self, rows: &[char], columns: &[char]) -> Option<k::Mat> {
        Some(k::Mat {
            rows: self.size(rows),
            cols: self.size(columns),
            row_stride: self.joined(rows)?,
            col_stride: self.joined(columns)?,
            batch_stride: 0,
            offset: 0,
        })
    }

    /// Where the matrices of a batch start.
    fn starts(&self, batch: &[char]) -> Vec<usize> {
        let axes = batch.iter().filter_map(|l| self.at(*l));
        axes.fold(vec![0], |starts, i| {
            let (extent, stride) = (self.extents[i], self.strides[i]);
            let along = |at: usize| (0..extent).map(move |k| at + k * stride);
            starts.into_iter().flat_map(along).collect()
        })
    }

    /// A copy with its axes in this order.
    fn ordered<E: Seen>(&self, order: &[char], x: &[E]) -> Result<Vec<E>, k::KernelError> {
        let axes: Vec<usize> = order.iter().filter_map(|l| self.at(*l)).collect();
        let mut y = vec![E::default(); x.len()];
        k::permute(&self.extents, &axes, x, &mut y)?;
        Ok(y)
    }
}

/// How the matrices of a batch follow each other.
enum Batch {
    /// At every so many elements.
    Every(usize),
    /// At these places.
    At(Vec<usize>),
}

impl Batch {
    fn of(named: &Named, batch: &[char]) -> Batch {
        match named.joined(batch) {
            Some(stride) => Batch::Every(stride),
            None => Batch::At(named.starts(batch)),
        }
    }

    fn starts(&mut self, n: usize) -> Vec<usize> {
        match self {
            Batch::Every(stride) => (0..n).map(|i| i * *stride).collect(),
            Batch::At(places) => std::mem::take(places),
        }
    }
}

/// False where the contraction is no matrix product: one input, an axis named twice, an axis that only one side sums, or
/// products too small to be worth it.
pub(super) fn contract<E: Seen>(
    inputs: &[Arc<str>],
    output: &str,
    parts: &[Option<Part<'_, E>>; 2],
    out: &mut [E],
) -> Result<bool, k::KernelError> {
    let (Some((a, a_shape)), Some((b, b_shape)), [left, right]) = (parts[0], parts[1], inputs)
    else {
        return Ok(false);
    };
    let (x, y) = (Named::new(left, a_shape), Named::new(right, b_shape));
    let wanted: Vec<char> = output.chars().collect();
    let twice = |l: &[char]| (1..l.len()).any(|i| l[..i].contains(&l[i]));
    let alone = |one: &Named, other: &Named| {
        let lost = |l: &char| other.at(*l).is_none() && !wanted.contains(l);
        one.letters.iter().any(lost)
    };
    if twice(&x.letters) || twice(&y.letters) || alone(&x, &y) || alone(&y, &x) {
        return Ok(false);
    }
    let pick = |from: &[char], in_x: bool, in_y: bool| -> Vec<char> {
        let fits = |l: &&char| x.at(**l).is_some() == in_x && y.at(**l).is_some() == in_y;
        from.iter().filter(fits).copied().collect()
    };
    let batch = pick(&wanted, true, true);
    let rows = pick(&wanted, true, false);
    let columns = pick(&wanted, false, true);
    let summed: Vec<char> = x
        .letters
        .iter()
        .filter(|l| y.at(**l).is_some() && !wanted.contains(l))
        .copied()
        .collect();
    let (n, m, s, p) = (
        x.size(&batch),
        x.size(&rows),
        x.size(&summed),
        y.size(&columns),
    );
    if n > 1 && m * s * p < 32 {
        return Ok(false);
    }
    let row_major = k::Mat::row_major;
    let (ax, bx);
    let (a, mut am, mut a_at) = match x.matrices(&rows, &summed) {
        Some(mat) => (a, mat, Batch::of(&x, &batch)),
        None => {
            ax = x.ordered(&[batch.as_slice(), &rows, &summed].concat(), a)?;
            (ax.as_slice(), row_major(m, s), Batch::Every(m * s))
        }
    };
    let (b, mut bm, mut b_at) = match y.matrices(&summed, &columns) {
        Some(mat) => (b, mat, Batch::of(&y, &batch)),
        None => {
            bx = y.ordered(&[batch.as_slice(), &summed, &columns].concat(), b)?;
            (bx.as_slice(), row_major(s, p), Batch::Every(s * p))
        }
    };
    let extent = |l: &char| match x.at(*l) {
        Some(i) => x.extents[i],
        None => y.at(*l).map_or(1, |i| y.extents[i]),
    };
    let shape: Vec<usize> = wanted.iter().map(extent).collect();
    let target = Named::new(output, &shape);
    let mut product = |out: &mut [E], mut cm: k::Mat, mut c_at: Batch| {
        if let (Batch::Every(x), Batch::Every(y), Batch::Every(z)) = (&a_at, &b_at, &c_at) {
            (am.batch_stride, bm.batch_stride, cm.batch_stride) = (*x, *y, *z);
            return k::batched_gemm(n, (a, am), (b, bm), (out, cm), false);
        }
        let (a_at, b_at, c_at) = (a_at.starts(n), b_at.starts(n), c_at.starts(n));
        let at: Vec<[usize; 3]> = (0..n).map(|i| [a_at[i], b_at[i], c_at[i]]).collect();
        k::scattered_gemm(&at, (a, am), (b, bm), (out, cm))
    };
    // Axes of extent 1 have stride 0 here, which an output must not have where it repeats: sizes of 1 never step.
    if let Some(cm) = target.matrices(&rows, &columns) {
        product(out, cm, Batch::of(&target, &batch))?;
    } else {
        let order = [batch.as_slice(), &rows, &columns].concat();
        let made: Vec<usize> = order.iter().map(extent).collect();
        let mut temp = vec![E::default(); count(&made)];
        product(&mut temp, row_major(m, p), Batch::Every(m * p))?;
        let back: Vec<usize> = wanted
            .iter()
            .filter_map(|l| order.iter().position(|o| o == l))
            .collect();
        k::permute(&made, &back, &temp, out)?;
    }
    Ok(true)
}
