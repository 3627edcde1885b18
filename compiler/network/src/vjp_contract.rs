//! Gradients of contractions, convolutions and pooling.

use crate::flat::{Flat, Id};
use crate::vjp::At;
use nas_ir::{DType, Dim, Op};
use std::sync::Arc;

/// The gradient of each input is a contraction of the result's gradient with the other inputs, to the letters of that input.
pub(crate) fn contract(at: &mut At, specs: &[Arc<str>], output: &str) -> Result<(), String> {
    if specs.len() != at.inputs.len() {
        return Err("a contraction names as many inputs as it has".into());
    }
    for k in 0..specs.len() {
        if !at.wants(k) {
            continue;
        }
        let mut parts = vec![at.g];
        let mut named: Vec<Arc<str>> = vec![output.into()];
        for (j, spec) in specs.iter().enumerate() {
            if j != k {
                parts.push(at.inputs[j]);
                named.push(spec.clone());
            }
        }
        let shape = at.net.shape(at.inputs[k]).to_vec();
        // Letters that nothing else has were summed over by this input alone: they come back by broadcasting. A letter that
        // stands twice reads a diagonal: its second place is a fresh letter, held equal to the first by an identity matrix.
        let mut want = String::new();
        let mut seen: Vec<char> = vec![];
        let mut twice: Vec<(char, char, usize)> = vec![];
        let mut kept = vec![];
        for (letter, extent) in specs[k].chars().zip(&shape) {
            let elsewhere = named.iter().any(|s| s.contains(letter));
            if seen.contains(&letter) {
                let fresh = fresh(specs, &twice);
                twice.push((letter, fresh, *extent));
            } else if elsewhere {
                want.push(letter);
            }
            seen.push(letter);
            kept.push(if elsewhere { *extent } else { 1 });
        }
        let mut part = if parts.len() == 1 && want == output {
            at.g
        } else {
            at.net.contract(&parts, named, want.clone())
        };
        if twice.is_empty() {
            part = at.net.reshape(part, &kept);
            part = at.net.expand(part, &shape);
        } else {
            part = diagonal(at.net, part, &specs[k], want, &twice, &shape);
        }
        at.give(k, part);
    }
    Ok(())
}

fn fresh(specs: &[Arc<str>], taken: &[(char, char, usize)]) -> char {
    ('A'..='Z')
        .chain('\u{3b1}'..='\u{3c9}')
        .find(|c| specs.iter().all(|s| !s.contains(*c)) && taken.iter().all(|t| t.1 != *c))
        .unwrap_or('\u{2200}')
}

/// Spreads a gradient over letters `have` to the axes of `spec`, zero off the diagonals of its repeated letters.
fn diagonal(
    net: &mut Flat,
    part: Id,
    spec: &str,
    have: String,
    twice: &[(char, char, usize)],
    shape: &[usize],
) -> Id {
    let dtype = net.dtype(part);
    // One place a letter in the order of the input, the extents that are missing broadcast.
    let mut letters = String::new();
    let (mut thin, mut full) = (vec![], vec![]);
    for (letter, extent) in spec.chars().zip(shape) {
        if !letters.contains(letter) {
            letters.push(letter);
            thin.push(if have.contains(letter) { *extent } else { 1 });
            full.push(*extent);
        }
    }
    let mut part = net.reshape(part, &thin);
    part = net.expand(part, &full);
    for (letter, fresh, extent) in twice {
        let iota = net.add(Op::Iota, vec![*extent], DType::I32, &[]);
        let classes = Dim::from(*extent);
        let eye = net.add(Op::OneHot { classes }, vec![*extent; 2], dtype, &[iota]);
        let mut wide = letters.clone();
        wide.push(*fresh);
        let pair: Arc<str> = format!("{letter}{fresh}").into();
        part = net.contract(&[part, eye], vec![letters.into(), pair], wide.clone());
        letters = wide;
    }
    // The order of the input's own axes: the second place of a letter is its fresh one.
    let mut used = vec![false; letters.chars().count()];
    let mut turn = twice.iter();
    let mut order = vec![];
    for letter in spec.chars() {
        let first = letters.chars().position(|c| c == letter);
        let place = match first {
            Some(p) if !used[p] => Some(p),
            _ => turn
                .next()
                .and_then(|t| letters.chars().position(|c| c == t.1)),
        };
        if let Some(p) = place {
            used[p] = true;
            order.push(p);
        }
    }
    net.permute(part, order)
}

/// Convolution, its two gradients, and pooling are closed under each other.
pub(crate) fn windowed(at: &mut At, op: &Op) -> Result<(), String> {
    let (x, g) = (at.inputs[0], at.g);
    let dtype = at.net.dtype(g);
    let second = at.inputs.get(1).copied();
    let shapes: Vec<Vec<usize>> = at
        .inputs
        .iter()
        .map(|i| at.net.shape(*i).to_vec())
        .collect();
    let other = || second.ok_or_else(|| format!("`{}` lacks an input", op.name()));
    let one = match op {
        Op::AvgPool { window, count_pad } => {
            let op = Op::AvgPoolGrad {
                window: *window,
                count_pad: *count_pad,
            };
            Some((0, op, vec![g]))
        }
        Op::AvgPoolGrad { window, count_pad } => {
            let op = Op::AvgPool {
                window: *window,
                count_pad: *count_pad,
            };
            Some((0, op, vec![g]))
        }
        Op::MaxPool { window } => Some((0, Op::MaxPoolGrad { window: *window }, vec![x, g])),
        Op::MaxPoolGrad { window } => Some((1, Op::MaxPoolPick { window: *window }, vec![x, g])),
        Op::MaxPoolPick { window } => Some((1, Op::MaxPoolGrad { window: *window }, vec![x, g])),
        _ => None,
    };
    if let Some((k, op, inputs)) = one {
        let Some(shape) = shapes.get(k) else {
            return Err(format!("`{}` lacks an input", op.name()));
        };
        let part = at.net.add(op, shape.clone(), dtype, &inputs);
        at.give(k, part);
        return Ok(());
    }
    let second = other()?;
    let (first_op, second_op) = match op {
        Op::Conv { window, groups } => {
            let (window, groups) = (*window, *groups);
            (
                (Op::ConvGradInput { window, groups }, [g, second]),
                (Op::ConvGradWeight { window, groups }, [x, g]),
            )
        }
        // (gy, w) → x: g is a gradient of x's shape.
        Op::ConvGradInput { window, groups } => {
            let (window, groups) = (*window, *groups);
            (
                (Op::Conv { window, groups }, [g, second]),
                (Op::ConvGradWeight { window, groups }, [g, x]),
            )
        }
        // (x, gy) → w: g is a gradient of the weight's shape.
        Op::ConvGradWeight { window, groups } => {
            let (window, groups) = (*window, *groups);
            (
                (Op::ConvGradInput { window, groups }, [second, g]),
                (Op::Conv { window, groups }, [x, g]),
            )
        }
        other => return Err(format!("`{}` has no gradient", other.name())),
    };
    for (k, (op, inputs)) in [first_op, second_op].into_iter().enumerate() {
        if at.wants(k) {
            let part = at.net.add(op, shapes[k].clone(), dtype, &inputs);
            at.give(k, part);
        }
    }
    Ok(())
}
