//! Clean-up rules of reductions and of the operations that move elements.

use crate::flat::{Id, Inputs};
use crate::lean::Lean;
use crate::sums;
use nas_ir::op::PadMode;
use nas_ir::{Binary, DType, Dim, Op, ReduceKind, Unary};
use std::sync::Arc;

/// An existing or simpler node with the value of the operation; none where there is nothing to do.
pub(crate) fn rules(
    lean: &mut Lean,
    op: &Op,
    shape: &[usize],
    dtype: DType,
    inputs: &[Id],
) -> Option<Id> {
    let x = *inputs.first()?;
    let number = lean.uniform(x);
    match op {
        Op::Expand if lean.shape(x) == shape => Some(x),
        Op::Expand => expand(lean, x, shape, dtype),
        Op::Reshape if lean.shape(x) == shape => Some(x),
        Op::Reshape => {
            if let Some(c) = number {
                return Some(lean.fill(c, shape, dtype));
            }
            match lean.look(x)? {
                (Op::Reshape, [from]) => {
                    let from = *from;
                    Some(lean.reshape(from, shape))
                }
                _ => None,
            }
        }
        Op::Permute(order) => permute(lean, order, x, shape, dtype),
        Op::Reduce { kind, axes, keep } => reduce(lean, *kind, axes, *keep, x, shape, dtype),
        Op::Slice { .. } => slice(lean, op, x, shape, dtype),
        Op::Unslice { .. } if lean.shape(x) == shape => Some(x),
        Op::Pad {
            before: 0,
            after: 0,
            ..
        } => Some(x),
        Op::Pad { mode, .. }
            if number == Some(0.0) || (number.is_some() && *mode != PadMode::Zero) =>
        {
            Some(lean.fill(number?, shape, dtype))
        }
        Op::Unslice { .. }
        | Op::ScatterAdd { .. }
        | Op::Unpick { .. }
        | Op::PutAlong
        | Op::CumSum { .. }
        | Op::AvgPoolGrad { .. }
            if number == Some(0.0) =>
        {
            Some(lean.fill(0.0, shape, dtype))
        }
        Op::Gather { .. } | Op::Pick | Op::TakeAlong | Op::Sort => {
            let c = number?;
            Some(lean.fill(c, shape, dtype))
        }
        Op::MaxPoolGrad { .. } | Op::MaxPoolPick { .. } => {
            let zero = inputs.get(1).is_some_and(|g| lean.uniform(*g) == Some(0.0));
            zero.then(|| lean.fill(0.0, shape, dtype))
        }
        Op::Concat { axis } => concat(lean, *axis, inputs, shape, dtype),
        Op::Contract {
            inputs: specs,
            output,
        } => contract(lean, specs, output, inputs, shape, dtype),
        _ => None,
    }
}

fn expand(lean: &mut Lean, x: Id, shape: &[usize], dtype: DType) -> Option<Id> {
    let own = lean.shape(x);
    let lead = shape.len().saturating_sub(own.len());
    if shape[lead..] == *own && shape[..lead].iter().all(|d| *d == 1) && !own.is_empty() {
        return Some(lean.reshape(x, shape));
    }
    let from = match lean.look(x)? {
        (Op::Expand, [from]) => *from,
        (Op::Reshape, [from]) => {
            let inner = lean.shape(*from);
            let lead = own.len().checked_sub(inner.len())?;
            if own[lead..] != *inner || own[..lead].iter().any(|d| *d != 1) {
                return None;
            }
            *from
        }
        _ => return None,
    };
    Some(lean.make(Op::Expand, shape, dtype, &[from]))
}

fn permute(lean: &mut Lean, order: &[usize], x: Id, shape: &[usize], dtype: DType) -> Option<Id> {
    if let Some(c) = lean.uniform(x) {
        return Some(lean.fill(c, shape, dtype));
    }
    if let Some((Op::Permute(first), [from])) = lean.look(x) {
        let from = *from;
        let merged: Vec<usize> = order.iter().map(|o| first[*o]).collect();
        return Some(lean.make(Op::Permute(merged), shape, dtype, &[from]));
    }
    // Only axes of extent 1 move: the elements stay in order.
    let own = lean.shape(x);
    let mut moved = order.iter().filter(|o| own[**o] != 1);
    let mut last = None;
    if moved.all(|o| last.replace(*o).is_none_or(|l| l < *o)) {
        return Some(lean.reshape(x, shape));
    }
    None
}

fn reduce(
    lean: &mut Lean,
    kind: ReduceKind,
    axes: &[usize],
    keep: bool,
    x: Id,
    shape: &[usize],
    dtype: DType,
) -> Option<Id> {
    let full = lean.shape(x).to_vec();
    let size: usize = axes.iter().map(|a| full[*a]).product();
    if let Some(c) = lean.uniform(x)
        && size > 0
    {
        let v = if kind == ReduceKind::Sum {
            c * size as f64
        } else {
            c
        };
        return Some(lean.fill(v, shape, dtype));
    }
    let real: Vec<usize> = axes.iter().copied().filter(|a| full[*a] != 1).collect();
    if real.is_empty() {
        return Some(lean.reshape(x, shape));
    }
    let mut kept = full.clone();
    axes.iter().for_each(|a| kept[*a] = 1);
    if let (ReduceKind::Sum, Some((Op::Unary(Unary::Neg), [from]))) = (kind, lean.look(x)) {
        let op = Op::Reduce {
            kind,
            axes: axes.to_vec(),
            keep,
        };
        let y = lean.make(op, shape, dtype, &[*from]);
        return Some(lean.make(Op::Unary(Unary::Neg), shape, dtype, &[y]));
    }
    // A reduction over what a broadcast has spread counts it instead.
    if let Some((Op::Expand, [from])) = lean.look(x)
        && size > 0
    {
        let from = *from;
        let mut thin = vec![1; full.len() - lean.shape(from).len()];
        thin.extend_from_slice(lean.shape(from));
        if real.iter().any(|a| thin[*a] == 1) {
            let times: usize = real
                .iter()
                .filter(|a| thin[**a] == 1)
                .map(|a| full[*a])
                .product();
            let mut small = thin.clone();
            axes.iter().for_each(|a| small[*a] = 1);
            let wide = lean.reshape(from, &thin);
            let op = Op::Reduce {
                kind,
                axes: axes.to_vec(),
                keep: true,
            };
            let mut y = lean.make(op, &small, dtype, &[wide]);
            if kind == ReduceKind::Sum {
                let c = lean.fill(times as f64, &[], dtype);
                y = lean.make(Op::Binary(Binary::Mul), &small, dtype, &[y, c]);
            }
            let y = lean.expand(y, &kept);
            return Some(lean.reshape(y, shape));
        }
    }
    if real.len() < axes.len() {
        let mut inner = vec![];
        for (i, d) in full.iter().enumerate() {
            match (real.contains(&i), keep) {
                (true, true) => inner.push(1),
                (true, false) => {}
                (false, _) => inner.push(*d),
            }
        }
        let op = Op::Reduce {
            kind,
            axes: real,
            keep,
        };
        let y = lean.make(op, &inner, dtype, &[x]);
        return Some(lean.reshape(y, shape));
    }
    // Where nothing is differentiated any more: gradients are taken of what was written.
    if kind == ReduceKind::Sum && lean.plain && size > 0 {
        let y = sums::sum(lean, x, axes, dtype)?;
        return Some(lean.reshape(y, shape));
    }
    None
}

/// (axis, start, end) of a slice or its adjoint by steps of 1.
fn range(op: &Op) -> Option<(usize, usize, usize)> {
    match op {
        Op::Slice {
            axis,
            start,
            end,
            step: 1,
        }
        | Op::Unslice {
            axis,
            start,
            end,
            step: 1,
            ..
        } => Some((
            *axis,
            usize::try_from(start.known()?).ok()?,
            usize::try_from(end.known()?).ok()?,
        )),
        _ => None,
    }
}

fn cut(lean: &mut Lean, x: Id, axis: usize, start: usize, end: usize) -> Id {
    let mut shape = lean.shape(x).to_vec();
    shape[axis] = end - start;
    let dtype = lean.new.dtype(x);
    let op = Op::Slice {
        axis,
        start: Dim::from(start),
        end: Dim::from(end),
        step: 1,
    };
    lean.make(op, &shape, dtype, &[x])
}

fn slice(lean: &mut Lean, op: &Op, x: Id, shape: &[usize], dtype: DType) -> Option<Id> {
    if let Some(c) = lean.uniform(x) {
        return Some(lean.fill(c, shape, dtype));
    }
    let (axis, start, end) = range(op)?;
    if lean.shape(x) == shape {
        return Some(x);
    }
    let (inner, inputs) = lean.look(x)?;
    if let Some((a, s, e)) = range(inner)
        && a == axis
    {
        let from = *inputs.first()?;
        return match inner {
            Op::Slice { .. } => Some(cut(lean, from, axis, s + start, s + end)),
            _ if (s, e) == (start, end) => Some(from),
            _ => None,
        };
    }
    if *inner == (Op::Concat { axis }) {
        let mut at = 0;
        for part in inputs {
            let next = at + lean.shape(*part)[axis];
            if at <= start && end <= next {
                let part = *part;
                return Some(cut(lean, part, axis, start - at, end - at));
            }
            at = next;
        }
    }
    None
}

/// Joins of more parts stay joins of joins: what doubles with each step would never be gone through.
const PARTS: usize = 1024;

/// The parts of a join along an axis; a lone value is its own part.
fn parts(lean: &Lean, axis: usize, x: Id) -> Inputs {
    match lean.look(x) {
        Some((Op::Concat { axis: a }, inputs)) if *a == axis => inputs.into(),
        _ => [x].into_iter().collect(),
    }
}

fn concat(
    lean: &mut Lean,
    axis: usize,
    inputs: &[Id],
    shape: &[usize],
    dtype: DType,
) -> Option<Id> {
    if let [x] = inputs {
        return Some(*x);
    }
    // Neighbouring cuts of one value become one cut.
    let mut list = Inputs::new();
    let mut flat: Inputs = inputs.iter().flat_map(|i| parts(lean, axis, *i)).collect();
    if flat.len() > PARTS.max(inputs.len()) {
        flat = inputs.into();
    }
    for x in flat {
        if let Some(before) = list.last().copied()
            && let (Some((a, [s])), Some((b, [t]))) = (lean.look(before), lean.look(x))
            && s == t
            && let (Op::Slice { .. }, Op::Slice { .. }) = (a, b)
            && let (Some((i, start, mid)), Some((j, next, end))) = (range(a), range(b))
            && i == axis
            && j == axis
            && mid == next
        {
            let s = *s;
            list.pop();
            list.push(cut(lean, s, axis, start, end));
        } else {
            list.push(x);
        }
    }
    if let [x] = list[..] {
        return Some(x);
    }
    (list[..] != *inputs).then(|| lean.keep(Op::Concat { axis }, shape, dtype, &list))
}

/// The sum of two values that were put beside each other into zeros is their join.
pub(crate) fn join(lean: &mut Lean, l: Id, r: Id, shape: &[usize], dtype: DType) -> Option<Id> {
    let ((a, [x]), (b, [y])) = (lean.look(l)?, lean.look(r)?) else {
        return None;
    };
    let (Op::Unslice { .. }, Op::Unslice { size, .. }) = (a, b) else {
        return None;
    };
    let size = size.clone();
    let ((axis, s, e), (other, t, f)) = (range(a)?, range(b)?);
    if axis != other || lean.shape(l) != shape || lean.shape(r) != shape {
        return None;
    }
    let (first, second, start, end) = if e == t {
        (*x, *y, s, f)
    } else if f == s {
        (*y, *x, t, e)
    } else {
        return None;
    };
    let mut inner = shape.to_vec();
    inner[axis] = end - start;
    let joined = lean.make(Op::Concat { axis }, &inner, dtype, &[first, second]);
    let op = Op::Unslice {
        axis,
        start: Dim::from(start),
        end: Dim::from(end),
        step: 1,
        size,
    };
    Some(lean.make(op, shape, dtype, &[joined]))
}

fn contract(
    lean: &mut Lean,
    specs: &[Arc<str>],
    output: &str,
    inputs: &[Id],
    shape: &[usize],
    dtype: DType,
) -> Option<Id> {
    // A permuted input is read as it was, its letters permuted.
    for (k, x) in inputs.iter().enumerate() {
        if let Some((Op::Permute(order), [from])) = lean.look(*x) {
            let letters: Vec<char> = specs.get(k)?.chars().collect();
            let mut spec = vec![' '; letters.len()];
            for (i, o) in order.iter().enumerate() {
                *spec.get_mut(*o)? = *letters.get(i)?;
            }
            let mut specs = specs.to_vec();
            specs[k] = spec.into_iter().collect::<String>().into();
            let mut inputs: Inputs = inputs.into();
            inputs[k] = *from;
            let op = Op::Contract {
                inputs: specs,
                output: output.into(),
            };
            return Some(lean.make(op, shape, dtype, &inputs));
        }
    }
    // One input: a sum over the letters that go, then an order of those that stay.
    let ([x], [spec]) = (inputs, specs) else {
        return None;
    };
    let letters: Vec<char> = spec.chars().collect();
    if (1..letters.len()).any(|i| letters[..i].contains(&letters[i])) {
        return None;
    }
    let (mut axes, mut left, mut inner) = (vec![], vec![], vec![]);
    for (i, letter) in letters.iter().enumerate() {
        if output.contains(*letter) {
            left.push(*letter);
            inner.push(lean.shape(*x)[i]);
        } else {
            axes.push(i);
        }
    }
    let order: Vec<usize> = output
        .chars()
        .filter_map(|c| left.iter().position(|l| *l == c))
        .collect();
    if order.len() != left.len() {
        return None;
    }
    let mut y = *x;
    if !axes.is_empty() {
        let op = Op::Reduce {
            kind: ReduceKind::Sum,
            axes,
            keep: false,
        };
        y = lean.make(op, &inner, dtype, &[y]);
    }
    Some(lean.make(Op::Permute(order), shape, dtype, &[y]))
}
