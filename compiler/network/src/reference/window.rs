//! Convolution and pooling by loops over outputs and window places.

use super::{Value, each};
use nas_ir::Op;
use nas_ir::op::Window;

/// The input row and column that place (k, l) of the window at output (i, j) reads; none in the padding.
fn source(w: &Window, out: [usize; 2], place: [usize; 2], size: [usize; 2]) -> Option<[usize; 2]> {
    let mut at = [0; 2];
    for k in 0..2 {
        let i = out[k] as i64 * w.stride[k] + place[k] as i64 * w.dilation[k] - w.pad[k];
        if i < 0 || i >= size[k] as i64 {
            return None;
        }
        at[k] = i as usize;
    }
    Some(at)
}

/// Calls `f(x index, weight index, y index)` for every product of a convolution.
fn products(
    window: &Window,
    groups: i64,
    x: &[usize],
    weight: &[usize],
    y: &[usize],
    mut f: impl FnMut(&[usize], &[usize], &[usize]),
) {
    let per = weight[0] / (groups.max(1) as usize);
    each(y, |to| {
        each(weight, |w| {
            if w[0] == to[1]
                && let Some([r, c]) = source(window, [to[2], to[3]], [w[2], w[3]], [x[2], x[3]])
            {
                let channel = to[1] / per * weight[1] + w[1];
                f(&[to[0], channel, r, c], w, to);
            }
        });
    });
}

/// The places of a pooling window: the output's index, and those of the input it reads.
fn pools(window: &Window, x: &[usize], y: &[usize], mut f: impl FnMut(&[usize], &[[usize; 4]])) {
    let size = [window.size[0] as usize, window.size[1] as usize];
    each(y, |to| {
        let mut from = vec![];
        each(&size, |p| {
            if let Some([r, c]) = source(window, [to[2], to[3]], [p[0], p[1]], [x[2], x[3]]) {
                from.push([to[0], to[1], r, c]);
            }
        });
        f(to, &from);
    });
}

/// The first largest of the places, in row order.
fn largest(x: &Value, from: &[[usize; 4]]) -> Option<[usize; 4]> {
    let mut best: Option<[usize; 4]> = None;
    for at in from {
        if best.is_none_or(|b| x.at(at) > x.at(&b)) {
            best = Some(*at);
        }
    }
    best
}

pub fn windowed(op: &Op, inputs: &[&Value], shape: &[usize]) -> Result<Value, String> {
    let Some(a) = inputs.first().copied() else {
        return Err(format!("`{}` has no input", op.name()));
    };
    let second = || {
        let i = inputs.get(1).copied();
        i.ok_or_else(|| format!("`{}` lacks an input", op.name()))
    };
    let share = |window: &Window, count_pad: bool, found: usize| {
        let all = (window.size[0] * window.size[1]) as f64;
        if count_pad { all } else { found.max(1) as f64 }
    };
    let mut out = Value::filled(shape, 0.0);
    match op {
        Op::Conv { window, groups } => {
            let w = second()?;
            products(window, *groups, &a.shape, &w.shape, shape, |i, k, o| {
                out.put(o, a.at(i) * w.at(k));
            });
        }
        Op::ConvGradInput { window, groups } => {
            let w = second()?;
            products(window, *groups, shape, &w.shape, &a.shape, |i, k, o| {
                out.put(i, a.at(o) * w.at(k));
            });
        }
        Op::ConvGradWeight { window, groups } => {
            let g = second()?;
            products(window, *groups, &a.shape, shape, &g.shape, |i, k, o| {
                out.put(k, a.at(i) * g.at(o));
            });
        }
        Op::AvgPool { window, count_pad } => pools(window, &a.shape, shape, |to, from| {
            let sum: f64 = from.iter().map(|i| a.at(i)).sum();
            out.put(to, sum / share(window, *count_pad, from.len()));
        }),
        Op::AvgPoolGrad { window, count_pad } => pools(window, shape, &a.shape, |to, from| {
            for i in from {
                out.put(i, a.at(to) / share(window, *count_pad, from.len()));
            }
        }),
        Op::MaxPool { window } => pools(window, &a.shape, shape, |to, from| {
            out.put(to, largest(a, from).map_or(f64::NEG_INFINITY, |i| a.at(&i)));
        }),
        Op::MaxPoolGrad { window } => {
            let g = second()?;
            pools(window, &a.shape, &g.shape, |to, from| {
                if let Some(i) = largest(a, from) {
                    out.put(&i, g.at(to));
                }
            });
        }
        Op::MaxPoolPick { window } => {
            let v = second()?;
            pools(window, &a.shape, shape, |to, from| {
                out.put(to, largest(a, from).map_or(0.0, |i| v.at(&i)));
            });
        }
        other => return Err(format!("`{}` has no window", other.name())),
    }
    Ok(out)
}
