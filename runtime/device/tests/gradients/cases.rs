//! Operations on elements, axes and indices.

use crate::{Case, Draw, dims, fixed, flat, whole};
use burn::tensor::{Bool, Int, Tensor as Burn, TensorData, activation};
use nas_ir::op::PadMode;
use nas_ir::{Binary, DType, Dim, HostTensor, ReduceKind, Tensor, Unary};

fn case(
    name: &str,
    xs: Vec<HostTensor>,
    ours: impl Fn(&[Tensor]) -> Tensor + 'static,
    burns: impl Fn(&[Burn<1>]) -> Burn<1> + 'static,
) -> Case {
    Case {
        name: name.into(),
        xs,
        ours: Box::new(ours),
        burns: Box::new(burns),
    }
}

/// Index numbers for Burn.
fn places<const D: usize>(v: &[usize], shape: [usize; D]) -> Burn<D, Int> {
    let v: Vec<i64> = v.iter().map(|i| *i as i64).collect();
    Burn::from_data(TensorData::new(v, shape), &crate::device())
}

/// 1 where a row's index is, [rows, classes].
fn marked(v: &[usize], classes: usize) -> Vec<f64> {
    let row = |i: &usize| (0..classes).map(|c| f64::from(c == *i)).collect::<Vec<_>>();
    v.iter().flat_map(row).collect()
}

pub fn all(d: &mut Draw) -> Vec<Case> {
    let mut all = points(d);
    all.extend(axes(d));
    all.extend(indices(d));
    all
}

fn points(d: &mut Draw) -> Vec<Case> {
    let mut all = vec![];
    type F = fn(Burn<1>) -> Burn<1>;
    let list: [(Unary, f64, F); 11] = [
        (Unary::Neg, -2.0, |x| x.neg()),
        (Unary::Exp, -2.0, |x| x.exp()),
        (Unary::Log, 0.2, |x| x.log()),
        (Unary::Sqrt, 0.2, |x| x.sqrt()),
        (Unary::Abs, -2.0, |x| x.abs()),
        (Unary::Sin, -2.0, |x| x.sin()),
        (Unary::Cos, -2.0, |x| x.cos()),
        (Unary::Tanh, -2.0, |x| x.tanh()),
        (Unary::Erf, -2.0, |x| x.erf()),
        (Unary::Sigmoid, -2.0, activation::sigmoid),
        (Unary::Relu, -2.0, activation::relu),
    ];
    let (n, m) = (d.from(1, 4), d.from(1, 5));
    for (u, low, f) in list {
        let x = d.tensor(&[n, m], low, 2.0);
        all.push(case(
            &format!("{u:?}"),
            vec![x],
            move |x| x[0].unary(u),
            move |x| f(x[0].clone()),
        ));
    }
    type G = fn(Burn<2>, Burn<2>) -> Burn<2>;
    let list: [(Binary, G); 7] = [
        (Binary::Add, |x, y| x + y),
        (Binary::Sub, |x, y| x - y),
        (Binary::Mul, |x, y| x * y),
        (Binary::Div, |x, y| x / y),
        (Binary::Pow, |x, y| x.powf(y)),
        (Binary::Max, |x, y| x.max_pair(y)),
        (Binary::Min, |x, y| x.min_pair(y)),
    ];
    for (b, f) in list {
        // The second is spread over rows.
        let (x, y) = (d.tensor(&[n, m], 0.3, 1.7), d.tensor(&[1, m], 0.31, 1.69));
        let burns = move |x: &[Burn<1>]| {
            let y = x[1].clone().reshape([1, m]).expand([n, m]);
            flat(f(x[0].clone().reshape([n, m]), y))
        };
        let ours = move |x: &[Tensor]| x[0].binary(b, &x[1]).unwrap();
        all.push(case(&format!("{b:?}"), vec![x, y], ours, burns));
    }
    let (x, y) = (d.tensor(&[n * m], -1.0, 1.0), d.tensor(&[n * m], -1.0, 1.0));
    let c: Vec<f64> = d.index(n * m, 2).into_iter().map(|i| i as f64).collect();
    let (c2, xs) = (c.clone(), vec![x.clone(), y.clone()]);
    let ours = move |x: &[Tensor]| {
        let c = Tensor::value(HostTensor::f64(vec![n * m], c.clone()));
        Tensor::select(&c, &x[0], &x[1]).unwrap()
    };
    all.push(case("Select", xs, ours, move |x| {
        let c = fixed(c2.clone());
        let mask: Burn<1, Bool> = c.clone().greater(c.zeros_like());
        x[1].clone().mask_where(mask, x[0].clone())
    }));
    let one = vec![x.clone()];
    let to_and_fro = |x: &[Tensor]| x[0].cast(DType::F32).cast(DType::F64);
    // Numbers that single precision holds.
    let short = HostTensor::f64(
        x.shape.clone(),
        x.to_f64()
            .iter()
            .map(|v| (v * 64.0).round() / 64.0)
            .collect(),
    );
    all.push(case("Cast", vec![short], to_and_fro, |x| x[0].clone()));
    let twice = |x: &[Tensor]| x[0].stop().binary(Binary::Mul, &x[0]).unwrap();
    all.push(case("Stop", one.clone(), twice, |x| {
        x[0].clone().detach() * x[0].clone()
    }));
    let other = |x: &[Tensor]| x[0].surrogate(&x[1]).unwrap();
    all.push(case("Surrogate", vec![x, y], other, |x| {
        (x[0].clone() - x[1].clone()).detach() + x[1].clone()
    }));
    all
}

fn axes(d: &mut Draw) -> Vec<Case> {
    let s = [d.from(1, 3), d.from(2, 5), d.from(1, 4)];
    let x = d.tensor(&s, -1.0, 1.0);
    let one = || vec![x.clone()];
    let back = move |x: &[Burn<1>]| x[0].clone().reshape(s);
    let mut all = vec![];
    type R = fn(Burn<3>) -> Burn<3>;
    let list: [(ReduceKind, R); 3] = [
        (ReduceKind::Sum, |x| x.sum_dim(1)),
        (ReduceKind::Max, |x| x.max_dim(1)),
        (ReduceKind::Min, |x| x.min_dim(1)),
    ];
    for (kind, f) in list {
        let keep = d.below(2) == 0;
        let ours = move |x: &[Tensor]| x[0].reduce(kind, &[1], keep);
        all.push(case(&format!("{kind:?}"), one(), ours, move |x| {
            flat(f(back(x)))
        }));
    }
    let square = |y: Tensor| y.binary(Binary::Mul, &y).unwrap();
    let twice = |y: Burn<1>| y.clone() * y;
    all.push(case(
        "Reshape",
        one(),
        move |x| square(x[0].reshape(&dims(&[s[2] * s[0], s[1]])).unwrap()),
        move |x| twice(x[0].clone()),
    ));
    all.push(case(
        "Permute",
        one(),
        |x| x[0].permute(&[2, 0, 1]).unwrap(),
        move |x| flat(back(x).permute([2, 0, 1])),
    ));
    let thin = d.tensor(&[s[0], 1, s[2]], -1.0, 1.0);
    all.push(case(
        "Expand",
        vec![thin],
        move |x| x[0].expand(&dims(&s)).unwrap().unary(Unary::Exp),
        move |x| flat(x[0].clone().reshape([s[0], 1, s[2]]).expand(s).exp()),
    ));
    let (start, step) = (d.below(2), d.from(1, 2));
    let kept: Vec<usize> = (start..s[1]).step_by(step).collect();
    let (take, count) = (kept.clone(), kept.len());
    all.push(case(
        "Slice",
        one(),
        move |x| {
            x[0].slice(1, Dim::from(start), Dim::from(s[1]), step as i64)
                .unwrap()
        },
        move |x| flat(back(x).select(1, places(&take, [count]))),
    ));
    // Its adjoint: what is put into zeros, by a matrix that says where.
    let put = d.tensor(&[s[0], count], -1.0, 1.0);
    let matrix = marked(&kept, s[1]);
    all.push(case(
        "Unslice",
        vec![put],
        move |x| {
            x[0].unslice(
                1,
                Dim::from(start),
                Dim::from(s[1]),
                step as i64,
                Dim::from(s[1]),
            )
        },
        move |x| {
            let g = x[0].clone().reshape([s[0], count]);
            flat(g.matmul(fixed(matrix.clone()).reshape([count, s[1]])))
        },
    ));
    for mode in [
        PadMode::Zero,
        PadMode::Edge,
        PadMode::Mirror,
        PadMode::Circular,
    ] {
        let n = s[1] as i64;
        let source = move |p: i64| match mode {
            _ if (0..n).contains(&p) => Some(p as usize),
            PadMode::Zero => None,
            PadMode::Edge => Some(p.clamp(0, n - 1) as usize),
            PadMode::Circular => Some(p.rem_euclid(n) as usize),
            PadMode::Mirror if p < 0 => Some(-p as usize),
            PadMode::Mirror => Some((2 * n - 2 - p) as usize),
        };
        let (before, after) = (d.below(2), d.below(2));
        let long = s[1] + before + after;
        let column = |p: usize| {
            marked(
                &[source(p as i64 - before as i64).unwrap_or(usize::MAX)],
                s[1],
            )
        };
        let matrix: Vec<f64> = (0..long).flat_map(column).collect();
        all.push(case(
            &format!("Pad {mode:?}"),
            one(),
            move |x| x[0].pad(1, before as i64, after as i64, mode).unwrap(),
            move |x| {
                let m = fixed(matrix.clone())
                    .reshape([1, long, s[1]])
                    .expand([s[0], long, s[1]]);
                flat(m.matmul(back(x)))
            },
        ));
    }
    let other = d.tensor(&[s[0], 2, s[2]], -1.0, 1.0);
    all.push(case(
        "Concat",
        vec![x.clone(), other],
        |x| Tensor::concat(&[x[0].clone(), x[1].clone(), x[0].clone()], 1).unwrap(),
        move |x| {
            let y = x[1].clone().reshape([s[0], 2, s[2]]);
            flat(Burn::cat(vec![back(x), y, back(x)], 1))
        },
    ));
    all.push(case(
        "Sort",
        one(),
        |x| x[0].sort(),
        move |x| flat(back(x).sort(2)),
    ));
    all.push(case(
        "CumSum",
        one(),
        |x| x[0].cumsum(1, false),
        move |x| flat(back(x).cumsum(1)),
    ));
    all.push(case(
        "CumSum from the end",
        one(),
        |x| x[0].cumsum(1, true),
        move |x| flat(back(x).flip([1]).cumsum(1).flip([1])),
    ));
    let other = d.tensor(&[s[0], s[1], 3], -1.0, 1.0);
    all.push(case(
        "Contract",
        vec![x.clone(), other],
        |x| Tensor::contract(x, &["btd".into(), "bte".into()], "bde").unwrap(),
        move |x| {
            flat(
                back(x)
                    .swap_dims(1, 2)
                    .matmul(x[1].clone().reshape([s[0], s[1], 3])),
            )
        },
    ));
    all
}

fn indices(d: &mut Draw) -> Vec<Case> {
    let (n, c, m) = (d.from(2, 4), d.from(2, 5), d.from(1, 6));
    let x = d.tensor(&[n, c], -1.0, 1.0);
    let (rows, one) = (d.index(m, n), d.index(n, c));
    let back = move |x: &[Burn<1>]| x[0].clone().reshape([n, c]);
    let mut all = vec![];
    let (a, b) = (rows.clone(), rows.clone());
    all.push(case(
        "Gather",
        vec![x.clone()],
        move |x| x[0].gather(0, &whole(&[m], &a)).unwrap(),
        move |x| flat(back(x).select(0, places(&b, [m]))),
    ));
    let (a, matrix) = (rows.clone(), marked(&rows, n));
    all.push(case(
        "ScatterAdd",
        vec![d.tensor(&[m, c], -1.0, 1.0)],
        move |x| x[0].scatter_add(0, &whole(&[m], &a), Dim::from(n)),
        move |x| {
            let s = fixed(matrix.clone()).reshape([m, n]).transpose();
            flat(s.matmul(x[0].clone().reshape([m, c])))
        },
    ));
    let (a, b) = (one.clone(), one.clone());
    all.push(case(
        "Pick",
        vec![x.clone()],
        move |x| x[0].pick(&whole(&[n], &a)).unwrap(),
        move |x| flat(back(x).gather(1, places(&b, [n, 1]))),
    ));
    let (a, matrix) = (one.clone(), marked(&one, c));
    all.push(case(
        "Unpick",
        vec![d.tensor(&[n], -1.0, 1.0)],
        move |x| x[0].unpick(&whole(&[n], &a), Dim::from(c)),
        move |x| flat(x[0].clone().reshape([n, 1]) * fixed(matrix.clone()).reshape([n, c])),
    ));
    let along: Vec<usize> = (0..n * c).map(|_| d.below(c)).collect();
    let (a, b) = (along.clone(), along.clone());
    all.push(case(
        "TakeAlong",
        vec![x.clone()],
        move |x| x[0].take_along(&whole(&[n, c], &a)),
        move |x| flat(back(x).gather(1, places(&b, [n, c]))),
    ));
    let (a, matrix) = (along.clone(), marked(&along, c));
    all.push(case(
        "PutAlong",
        vec![x],
        move |x| x[0].put_along(&whole(&[n, c], &a)),
        move |x| {
            let g = x[0].clone().reshape([n, c, 1]);
            flat((g * fixed(matrix.clone()).reshape([n, c, c])).sum_dim(1))
        },
    ));
    all
}
