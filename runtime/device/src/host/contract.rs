//! Contractions over named axes, as plain loops.

use super::num::Num;
use crate::shape::{Axes, Walk, strides};
use std::sync::Arc;

/// The strides of a tensor over the given letters; a letter it repeats walks its diagonal, one it lacks stays.
fn over(letters: &[char], spec: &str, shape: &[usize]) -> Axes {
    let own = strides(shape);
    letters
        .iter()
        .map(|l| {
            spec.chars()
                .zip(&own)
                .filter(|(c, _)| c == l)
                .map(|(_, s)| *s)
                .sum()
        })
        .collect()
}

/// `inputs[i]` names the axes of `parts[i]`; letters that `output` lacks are summed, in f64.
pub(super) fn contract<T: Num>(
    inputs: &[Arc<str>],
    output: &str,
    parts: &[(&[T], &[usize])],
    out: &mut [T],
) {
    let mut letters: Vec<char> = output.chars().collect();
    let kept = letters.len();
    for spec in inputs {
        for l in spec.chars() {
            if !letters.contains(&l) {
                letters.push(l);
            }
        }
    }
    let extent = |l: char| {
        inputs
            .iter()
            .zip(parts)
            .find_map(|(spec, p)| spec.chars().position(|c| c == l).map(|i| p.1[i]))
            .unwrap_or(1)
    };
    let extents: Axes = letters.iter().map(|l| extent(*l)).collect();
    let first = over(&letters, &inputs[0], parts[0].1);
    let second = match (inputs.get(1), parts.get(1)) {
        (Some(spec), Some(p)) => Some((p.0, over(&letters, spec, p.1))),
        _ => None,
    };
    let still: Axes = letters.iter().map(|_| 0).collect();
    let (b, b_steps) = match &second {
        Some((b, steps)) => (Some(*b), steps),
        None => (None, &still),
    };
    let a = parts[0].0;
    let inside = Walk::new(&extents[kept..], [&first[kept..], &b_steps[kept..]]);
    let outside = Walk::new(&extents[..kept], [&first[..kept], &b_steps[..kept]]);
    outside.rows(|o, [i, j], [di, dj], n| {
        for k in 0..n {
            let (i, j) = (i + k * di, j + k * dj);
            let mut sum = 0.0;
            inside.rows(|_, [p, q], [dp, dq], m| {
                for t in 0..m {
                    let x = a[i + p + t * dp].wide();
                    sum += match b {
                        Some(b) => x * b[j + q + t * dq].wide(),
                        None => x,
                    };
                }
            });
            out[o + k] = T::of(sum);
        }
    });
}
