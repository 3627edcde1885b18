//! Reductions and the operations that move elements.

use super::{Value, each};
use nas_ir::op::PadMode;
use nas_ir::{Dim, Op, ReduceKind};

fn whole(d: &Dim) -> Result<usize, String> {
    d.known()
        .and_then(|v| usize::try_from(v).ok())
        .ok_or_else(|| format!("the size {d} is not known"))
}

/// The source position of a padded axis, none where zeros go. `Mirror` does not repeat the edge.
pub fn pad_source(i: usize, before: i64, n: usize, mode: PadMode) -> Option<usize> {
    let (at, n) = (i as i64 - before, n as i64);
    if (0..n).contains(&at) {
        return Some(at as usize);
    }
    let from = match mode {
        PadMode::Zero => return None,
        PadMode::Edge => at.clamp(0, n - 1),
        PadMode::Mirror => {
            let at = at.abs();
            n - 1 - (n - 1 - at).abs()
        }
        PadMode::Circular => at.rem_euclid(n),
    };
    usize::try_from(from).ok().filter(|f| (*f as i64) < n)
}

pub fn layout(op: &Op, inputs: &[&Value], shape: &[usize]) -> Result<Value, String> {
    let Some(x) = inputs.first().copied() else {
        return Err(format!("`{}` has no input", op.name()));
    };
    let second = || {
        let i = inputs.get(1).copied();
        i.ok_or_else(|| format!("`{}` lacks an input", op.name()))
    };
    let with = |at: &[usize], axis: usize, i: usize| {
        let mut at = at.to_vec();
        at[axis] = i;
        at
    };
    let rank = x.shape.len();
    let last = rank.saturating_sub(1);
    let mut out = Value::filled(shape, 0.0);
    match op {
        Op::Reduce { kind, axes, keep } => {
            out.data.fill(match kind {
                ReduceKind::Sum => 0.0,
                ReduceKind::Max => f64::NEG_INFINITY,
                ReduceKind::Min => f64::INFINITY,
            });
            each(&x.shape, |at| {
                let mut to = vec![];
                for (k, i) in at.iter().enumerate() {
                    match (axes.contains(&k), *keep) {
                        (true, true) => to.push(0),
                        (true, false) => {}
                        (false, _) => to.push(*i),
                    }
                }
                let (v, o) = (x.at(at), out.offset(&to));
                let slot = &mut out.data[o];
                *slot = match kind {
                    ReduceKind::Sum => *slot + v,
                    _ if v.is_nan() || slot.is_nan() => f64::NAN,
                    ReduceKind::Max => slot.max(v),
                    ReduceKind::Min => slot.min(v),
                };
            });
        }
        Op::ArgReduce { largest, axis } => {
            let mut best: Vec<Option<f64>> = vec![None; out.data.len()];
            each(&x.shape, |at| {
                let mut to = at.to_vec();
                to.remove(*axis);
                let (v, o) = (x.at(at), out.offset(&to));
                if best[o].is_none_or(|b| if *largest { v > b } else { v < b }) {
                    best[o] = Some(v);
                    out.data[o] = at[*axis] as f64;
                }
            });
        }
        Op::Reshape => out.data.clone_from(&x.data),
        Op::Permute(order) => each(&x.shape, |at| {
            let to: Vec<usize> = order.iter().map(|o| at[*o]).collect();
            out.put(&to, x.at(at));
        }),
        Op::Expand => out = Value::build(shape, |at| x.wide(at)),
        Op::Slice {
            axis, start, step, ..
        } => {
            let start = whole(start)?;
            out = Value::build(shape, |at| {
                x.at(&with(at, *axis, start + at[*axis] * *step as usize))
            });
        }
        Op::Unslice {
            axis, start, step, ..
        } => {
            let start = whole(start)?;
            each(&x.shape, |at| {
                out.put(
                    &with(at, *axis, start + at[*axis] * *step as usize),
                    x.at(at),
                );
            });
        }
        Op::Pad {
            axis, before, mode, ..
        } => {
            let n = x.shape[*axis];
            out = Value::build(shape, |at| {
                pad_source(at[*axis], *before, n, *mode).map_or(0.0, |i| x.at(&with(at, *axis, i)))
            });
        }
        Op::Concat { axis } => {
            let mut start = 0;
            for part in inputs {
                each(&part.shape, |at| {
                    out.put(&with(at, *axis, start + at[*axis]), part.at(at));
                });
                start += part.shape[*axis];
            }
        }
        Op::Gather { axis } => {
            let index = second()?;
            out = Value::build(shape, |at| {
                x.at(&with(at, *axis, index.data[at[*axis]] as usize))
            });
        }
        Op::ScatterAdd { axis, .. } => {
            let index = second()?;
            each(&x.shape, |at| {
                out.put(&with(at, *axis, index.data[at[*axis]] as usize), x.at(at));
            });
        }
        Op::Pick => {
            let index = second()?;
            out = Value::build(shape, |at| {
                let mut from = at.to_vec();
                from.push(index.at(at) as usize);
                x.at(&from)
            });
        }
        Op::Unpick { .. } => {
            let index = second()?;
            each(&x.shape, |at| {
                let mut to = at.to_vec();
                to.push(index.at(at) as usize);
                out.put(&to, x.at(at));
            });
        }
        Op::OneHot { .. } => {
            let size = shape.last().copied().unwrap_or(0) as f64;
            each(&x.shape, |at| {
                let c = x.at(at);
                if c >= 0.0 && c < size {
                    let mut to = at.to_vec();
                    to.push(c as usize);
                    out.put(&to, 1.0);
                }
            });
        }
        Op::Sort | Op::ArgSort => {
            let n = x.shape.last().copied().unwrap_or(1).max(1);
            for (row, to) in x.data.chunks(n).zip(out.data.chunks_mut(n)) {
                let mut order: Vec<usize> = (0..row.len()).collect();
                order.sort_by(|a, b| row[*a].total_cmp(&row[*b]));
                for (t, o) in to.iter_mut().zip(order) {
                    *t = if *op == Op::Sort { row[o] } else { o as f64 };
                }
            }
        }
        Op::TakeAlong => {
            let index = second()?;
            out = Value::build(shape, |at| x.at(&with(at, last, index.at(at) as usize)));
        }
        Op::PutAlong => {
            let index = second()?;
            each(&x.shape, |at| {
                out.put(&with(at, last, index.at(at) as usize), x.at(at));
            });
        }
        Op::CumSum { axis, reverse } => each(&x.shape, |at| {
            let range = if *reverse {
                0..at[*axis] + 1
            } else {
                at[*axis]..x.shape[*axis]
            };
            for i in range {
                out.put(&with(at, *axis, i), x.at(at));
            }
        }),
        other => return Err(format!("`{}` is not a layout", other.name())),
    }
    Ok(out)
}
