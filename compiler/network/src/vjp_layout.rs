//! Gradients of the operations that move elements without arithmetic, and of ordering and running sums.

use crate::vjp::At;
use nas_ir::op::PadMode;
use nas_ir::{DType, Dim, Op};

pub(crate) fn layout(at: &mut At, op: &Op) -> Result<(), String> {
    let (x, g) = (at.inputs[0], at.g);
    let shape = at.net.shape(x).to_vec();
    let dtype = at.net.dtype(g);
    let part = match op {
        Op::Cast(_) | Op::Mark(_) | Op::Expand => g,
        Op::Surrogate => {
            at.give(1, g);
            return Ok(());
        }
        Op::Reshape => at.net.reshape(g, &shape),
        Op::Permute(order) => {
            let mut back = vec![0; order.len()];
            for (i, o) in order.iter().enumerate() {
                back[*o] = i;
            }
            at.net.permute(g, back)
        }
        Op::Slice {
            axis,
            start,
            end,
            step,
        } => {
            let op = Op::Unslice {
                axis: *axis,
                start: start.clone(),
                end: end.clone(),
                step: *step,
                size: Dim::from(shape[*axis]),
            };
            at.net.add(op, shape, dtype, &[g])
        }
        Op::Unslice {
            axis,
            start,
            end,
            step,
            ..
        } => {
            let op = Op::Slice {
                axis: *axis,
                start: start.clone(),
                end: end.clone(),
                step: *step,
            };
            at.net.add(op, shape, dtype, &[g])
        }
        Op::Pad {
            axis,
            before,
            after,
            mode,
        } => {
            let n = shape[*axis];
            if *before < 0 || *after < 0 {
                return Err("a padding is negative".into());
            }
            if *mode == PadMode::Zero {
                let start = *before as usize;
                at.net.slice(g, *axis, start, start + n, 1)
            } else {
                let from = at.net.pad_index(n, *before, *after, *mode);
                let op = Op::ScatterAdd {
                    axis: *axis,
                    size: Dim::from(n),
                };
                at.net.add(op, shape, dtype, &[g, from])
            }
        }
        Op::Concat { axis } => {
            let mut start = 0;
            for k in 0..at.inputs.len() {
                let end = start + at.net.shape(at.inputs[k])[*axis];
                if at.wants(k) {
                    let part = at.net.slice(g, *axis, start, end, 1);
                    at.give(k, part);
                }
                start = end;
            }
            return Ok(());
        }
        Op::Sort => {
            let order = at.net.add(Op::ArgSort, shape, DType::I32, &[x]);
            at.net.alike(Op::PutAlong, &[g, order])
        }
        Op::CumSum { axis, reverse } => {
            let op = Op::CumSum {
                axis: *axis,
                reverse: !reverse,
            };
            at.net.alike(op, &[g])
        }
        _ => {
            let Some(index) = at.inputs.get(1).copied() else {
                return Err(format!("`{}` lacks its index", op.name()));
            };
            let last = || Dim::from(shape.last().copied().unwrap_or(1));
            let back = match op {
                Op::Gather { axis } => Op::ScatterAdd {
                    axis: *axis,
                    size: Dim::from(shape[*axis]),
                },
                Op::ScatterAdd { axis, .. } => Op::Gather { axis: *axis },
                Op::Pick => Op::Unpick { size: last() },
                Op::Unpick { .. } => Op::Pick,
                Op::TakeAlong => Op::PutAlong,
                Op::PutAlong => Op::TakeAlong,
                other => return Err(format!("`{}` has no gradient", other.name())),
            };
            at.net.add(back, shape, dtype, &[g, index])
        }
    };
    at.give(0, part);
    Ok(())
}
