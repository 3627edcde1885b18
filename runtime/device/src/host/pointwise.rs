//! Point-wise operations, casts and reductions.

use super::num::{Num, View};
use crate::shape::{Axes, Walk, around, broadcast_strides, strides};
use nas_ir::{Binary, ReduceKind, Unary};

pub(super) fn unary<T: Num>(u: Unary, x: &[T], out: &mut [T]) {
    let f = T::unary(u);
    for (o, v) in out.iter_mut().zip(x) {
        *o = f(*v);
    }
}

pub(super) fn binary<T: Num>(
    b: Binary,
    (x, xs): (&[T], &[usize]),
    (y, ys): (&[T], &[usize]),
    shape: &[usize],
    out: &mut [T],
) {
    let f = T::binary(b);
    let steps = (broadcast_strides(xs, shape), broadcast_strides(ys, shape));
    Walk::new(shape, [&steps.0, &steps.1]).rows(|o, [i, j], [di, dj], n| {
        for k in 0..n {
            out[o + k] = f(x[i + k * di], y[j + k * dj]);
        }
    });
}

pub(super) fn select<T: Num>(args: [(&[T], &[usize]); 3], shape: &[usize], out: &mut [T]) {
    let steps = args.map(|a| broadcast_strides(a.1, shape));
    let walk = Walk::new(shape, [&steps[0], &steps[1], &steps[2]]);
    walk.rows(|o, [c, t, e], [dc, dt, de], n| {
        for k in 0..n {
            let yes = args[0].0[c + k * dc] != T::default();
            out[o + k] = if yes {
                args[1].0[t + k * dt]
            } else {
                args[2].0[e + k * de]
            };
        }
    });
}

pub(super) fn cast<T: Num>(x: View<'_>, out: &mut [T]) {
    fn each<S: Num, T: Num>(x: &[S], out: &mut [T]) {
        for (o, v) in out.iter_mut().zip(x) {
            *o = T::of(v.wide());
        }
    }
    match x {
        View::F32(v) => each(v, out),
        View::F64(v) => each(v, out),
        View::I32(v) => each(v, out),
    }
}

/// Reduces over `axes` into `out`. Sums are kept in f64, extremes pass on what is not a number.
pub(super) fn reduce<T: Num>(
    kind: ReduceKind,
    axes: &[usize],
    x: &[T],
    shape: &[usize],
    out: &mut [T],
) {
    let own = strides(shape);
    let (mut outer, mut outer_steps) = (Axes::new(), Axes::new());
    let (mut inner, mut inner_steps) = (Axes::new(), Axes::new());
    for (i, &extent) in shape.iter().enumerate() {
        if axes.contains(&i) {
            inner.push(extent);
            inner_steps.push(own[i]);
        } else {
            outer.push(extent);
            outer_steps.push(own[i]);
        }
    }
    let inside = Walk::new(&inner, [&inner_steps]);
    let one = |o: &mut T, base: usize| {
        *o = match kind {
            ReduceKind::Sum => {
                let mut sum = 0.0;
                inside.rows(|_, [s], [d], n| {
                    for k in 0..n {
                        sum += x[base + s + k * d].wide();
                    }
                });
                T::of(sum)
            }
            ReduceKind::Max | ReduceKind::Min => {
                let largest = kind == ReduceKind::Max;
                let mut best = if largest { T::smallest() } else { T::largest() };
                inside.rows(|_, [s], [d], n| {
                    for k in 0..n {
                        let v = x[base + s + k * d];
                        let beats = if largest { v > best } else { v < best };
                        if beats || v.nan() {
                            best = v;
                        }
                    }
                });
                best
            }
        };
    };
    Walk::new(&outer, [&outer_steps]).rows(|o, [i], [d], n| {
        for k in 0..n {
            one(&mut out[o + k], i + k * d);
        }
    });
}

/// The first largest (or smallest) along `axis`; what is not a number wins.
pub(super) fn arg_reduce<T: Num>(
    largest: bool,
    axis: usize,
    x: &[T],
    shape: &[usize],
    out: &mut [i32],
) {
    let (outer, extent, inner) = around(shape, axis);
    for a in 0..outer {
        for b in 0..inner {
            let at = |k: usize| x[(a * extent + k) * inner + b];
            let mut best = 0;
            for k in 1..extent {
                let (v, w) = (at(k), at(best));
                if !w.nan() && (v.nan() || if largest { v > w } else { v < w }) {
                    best = k;
                }
            }
            out[a * inner + b] = best as i32;
        }
    }
}
