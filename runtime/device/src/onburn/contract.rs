//! Contractions over named axes as permute, reshape and matrix product.

use super::{B, OnDevice, burn_shape};
use burn::backend::{DispatchTensor, ops::*};
use std::sync::Arc;

/// Whether no input names an axis twice, and there are one or two.
pub(super) fn covers(inputs: &[Arc<str>]) -> bool {
    let once = |s: &Arc<str>| {
        let mut seen: Vec<char> = s.chars().collect();
        seen.sort_unstable();
        seen.windows(2).all(|w| w[0] != w[1])
    };
    (1..=2).contains(&inputs.len()) && inputs.iter().all(once)
}

/// A tensor with a letter an axis.
struct Named {
    tensor: DispatchTensor,
    letters: Vec<char>,
    shape: Vec<usize>,
}

impl Named {
    fn new(t: OnDevice, letters: &str) -> Named {
        Named {
            tensor: t.tensor,
            letters: letters.chars().collect(),
            shape: t.shape,
        }
    }

    /// Sums the axes that are not wanted.
    fn keep(mut self, wanted: impl Fn(char) -> bool) -> Named {
        for i in (0..self.letters.len()).rev() {
            if wanted(self.letters[i]) {
                continue;
            }
            self.tensor = if self.letters.len() == 1 {
                B::float_sum(self.tensor)
            } else {
                B::float_sum_dim(self.tensor, i)
            };
            self.letters.remove(i);
            self.shape.remove(i);
            self.tensor = B::float_reshape(self.tensor, burn_shape(&self.shape));
        }
        self
    }

    fn extent(&self, letter: char) -> usize {
        self.letters
            .iter()
            .position(|l| *l == letter)
            .map_or(1, |i| self.shape[i])
    }

    fn ordered(self, order: &[char]) -> DispatchTensor {
        if self.letters == order {
            return self.tensor;
        }
        let axes: Vec<usize> = order
            .iter()
            .filter_map(|l| self.letters.iter().position(|m| m == l))
            .collect();
        B::float_permute(self.tensor, &axes)
    }
}

pub(super) fn contract(
    inputs: &[Arc<str>],
    output: &str,
    parts: Vec<OnDevice>,
) -> Option<DispatchTensor> {
    let out: Vec<char> = output.chars().collect();
    let mut parts = parts.into_iter();
    let a = Named::new(parts.next()?, inputs.first()?);
    let Some(b) = parts.next() else {
        return Some(a.keep(|l| out.contains(&l)).ordered(&out));
    };
    let b = Named::new(b, inputs.get(1)?);
    let (in_a, in_b) = (a.letters.clone(), b.letters.clone());
    let a = a.keep(|l| out.contains(&l) || in_b.contains(&l));
    let b = b.keep(|l| out.contains(&l) || in_a.contains(&l));

    let both = |l: &char| a.letters.contains(l) && b.letters.contains(l);
    let letters = |from: &[char], f: &dyn Fn(&char) -> bool| -> Vec<char> {
        from.iter().copied().filter(|l| f(l)).collect()
    };
    let batch = letters(&out, &|l| both(l));
    let summed = letters(&a.letters, &|l| both(l) && !out.contains(l));
    let rows = letters(&out, &|l| a.letters.contains(l) && !both(l));
    let columns = letters(&out, &|l| b.letters.contains(l) && !both(l));

    let size =
        |named: &Named, of: &[char]| -> usize { of.iter().map(|l| named.extent(*l)).product() };
    let (n, m, k, p) = (
        size(&a, &batch),
        size(&a, &rows),
        size(&a, &summed),
        size(&b, &columns),
    );
    let mut made: Vec<char> = batch.clone();
    made.extend(&rows);
    made.extend(&columns);
    let shape: Vec<usize> = made
        .iter()
        .map(|l| {
            if a.letters.contains(l) {
                a.extent(*l)
            } else {
                b.extent(*l)
            }
        })
        .collect();

    let left = [batch.as_slice(), &rows, &summed].concat();
    let right = [batch.as_slice(), &summed, &columns].concat();
    let left = B::float_reshape(a.ordered(&left), burn_shape(&[n, m, k]));
    let right = B::float_reshape(b.ordered(&right), burn_shape(&[n, k, p]));
    let product = B::float_matmul(left, right);
    let named = Named {
        tensor: B::float_reshape(product, burn_shape(&shape)),
        letters: made,
        shape,
    };
    Some(named.ordered(&out))
}
