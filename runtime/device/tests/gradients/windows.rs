//! Convolutions and poolings, on random strides, dilations, paddings and groups.

use crate::{Case, Draw, dims, flat};
use burn::tensor::{IndexingUpdateOp, Tensor as Burn, module, ops};
use nas_ir::Tensor;
use nas_ir::op::Window;

fn extent(x: usize, k: usize, stride: usize, dilation: usize, pad: usize) -> Option<usize> {
    let room = (x + 2 * pad).checked_sub(dilation * (k - 1) + 1)?;
    Some(room / stride + 1)
}

fn window(k: usize, stride: usize, dilation: usize, pad: usize) -> Window {
    Window {
        size: [k as i64; 2],
        stride: [stride as i64; 2],
        dilation: [dilation as i64; 2],
        pad: [pad as i64; 4],
    }
}

pub fn all(d: &mut Draw) -> Vec<Case> {
    let mut all = vec![];
    while all.is_empty() {
        all = convolutions(d);
    }
    let mut pools = vec![];
    while pools.is_empty() {
        pools = poolings(d);
    }
    all.extend(pools);
    all
}

fn convolutions(d: &mut Draw) -> Vec<Case> {
    let (n, h, g) = (d.from(1, 3), d.from(3, 8), d.from(1, 3));
    let (c, o, k) = (g * d.from(1, 2), g * d.from(1, 2), d.from(1, 3));
    let (s, e, p) = (d.from(1, 2), d.from(1, 2), d.below(k / 2 + 1));
    let Some(q) = extent(h, k, s, e, p) else {
        return vec![];
    };
    let (xs, ws, ys) = ([n, c, h, h], [o, c / g, k, k], [n, o, q, q]);
    let win = window(k, s, e, p);
    let mut t = |shape: &[usize]| d.tensor(shape, -1.0, 1.0);
    let about = format!("n {n} c {c} o {o} h {h} k {k} stride {s} dilation {e} pad {p} groups {g}");
    let name = |op: &str| format!("{op} {about}");
    let groups = g as i64;
    let conv = Case {
        name: name("Conv"),
        xs: vec![t(&xs), t(&ws)],
        ours: Box::new(move |x| x[0].conv(&x[1], win, groups).unwrap()),
        burns: Box::new(move |x| {
            let options = ops::ConvOptions::new([s; 2], [p; 2], [e; 2], g);
            flat(module::conv2d(
                x[0].clone().reshape(xs),
                x[1].clone().reshape(ws),
                None,
                options,
            ))
        }),
    };
    // What the stride leaves over at the end is put back by the padding of the output.
    let left = (h + 2 * p - (e * (k - 1) + 1)) % s;
    let input = Case {
        name: name("ConvGradInput"),
        xs: vec![t(&ys), t(&ws)],
        ours: Box::new(move |x| x[0].conv_grad_input(&x[1], win, groups, &dims(&xs))),
        burns: Box::new(move |x| {
            let options = ops::ConvTransposeOptions::new([s; 2], [p; 2], [left; 2], [e; 2], g);
            let (gy, w) = (x[0].clone().reshape(ys), x[1].clone().reshape(ws));
            flat(module::conv_transpose2d(gy, w, None, options))
        }),
    };
    // As a sum over taps of products of shifted inputs with the gradient.
    let weight = Case {
        name: name("ConvGradWeight"),
        xs: vec![t(&xs), t(&ys)],
        ours: Box::new(move |x| x[0].conv_grad_weight(&x[1], win, groups, &dims(&ws))),
        burns: Box::new(move |x| {
            let long = (q - 1) * s + e * (k - 1) + 1;
            let wide = x[0]
                .clone()
                .reshape(xs)
                .pad((p, p + long, p, p + long), 0.0);
            let gy = x[1].clone().reshape(ys);
            let mut taps: Vec<Burn<4>> = vec![];
            for i in 0..k * k {
                let (a, b) = (i / k * e, i % k * e);
                let places = |from: usize| -> Burn<1, burn::tensor::Int> {
                    let v: Vec<i64> = (0..q).map(|j| (from + j * s) as i64).collect();
                    Burn::from_data(burn::tensor::TensorData::new(v, [q]), &crate::device())
                };
                let part = wide.clone().select(2, places(a)).select(3, places(b));
                let mut rows: Vec<Burn<4>> = vec![];
                for j in 0..g {
                    let of = |x: Burn<4>, m: usize| {
                        let x = x.slice([0..n, j * m..(j + 1) * m, 0..q, 0..q]);
                        x.swap_dims(0, 1).reshape([m, n * q * q])
                    };
                    let products =
                        of(gy.clone(), o / g).matmul(of(part.clone(), c / g).transpose());
                    rows.push(products.reshape([o / g, c / g, 1, 1]));
                }
                taps.push(Burn::cat(rows, 0));
            }
            flat(Burn::cat(taps, 3))
        }),
    };
    vec![conv, input, weight]
}

fn poolings(d: &mut Draw) -> Vec<Case> {
    let (n, c, h, k) = (d.from(1, 2), d.from(1, 3), d.from(3, 8), d.from(1, 3));
    let (s, p) = (d.from(1, 2), d.below(k / 2 + 1));
    let Some(q) = extent(h, k, s, 1, p) else {
        return vec![];
    };
    let (xs, ys, win) = ([n, c, h, h], [n, c, q, q], window(k, s, 1, p));
    let about = format!("n {n} c {c} h {h} k {k} stride {s} pad {p}");
    let mut all = vec![];
    for count in [true, false] {
        let average = move |x: Burn<4>| {
            let options = ops::AvgPoolOptions::new([k; 2])
                .with_stride([s; 2])
                .with_padding([p; 2]);
            module::avg_pool2d(x, options.with_count_include_pad(count))
        };
        all.push(Case {
            name: format!("AvgPool {about} {count}"),
            xs: vec![d.tensor(&xs, -1.0, 1.0)],
            ours: Box::new(move |x| x[0].avg_pool(win, count).unwrap()),
            burns: Box::new(move |x| flat(average(x[0].clone().reshape(xs)))),
        });
        // The adjoint of a linear map: column by column, on one plane.
        all.push(Case {
            name: format!("AvgPoolGrad {about} {count}"),
            xs: vec![d.tensor(&[1, 1, q, q], -1.0, 1.0)],
            ours: Box::new(move |x| x[0].avg_pool_grad(win, count, &dims(&[1, 1, h, h]))),
            burns: Box::new(move |x| {
                let unit: Vec<f64> = (0..h * h * h * h)
                    .map(|i| f64::from(i / (h * h) == i % (h * h)))
                    .collect();
                let map = average(crate::fixed(unit).reshape([h * h, 1, h, h]));
                flat(
                    map.reshape([h * h, q * q])
                        .matmul(x[0].clone().reshape([q * q, 1])),
                )
            }),
        });
    }
    let options = move || {
        ops::MaxPoolOptions::new([k; 2])
            .with_stride([s; 2])
            .with_padding([p; 2])
    };
    all.push(Case {
        name: format!("MaxPool {about}"),
        xs: vec![d.tensor(&xs, -1.0, 1.0)],
        ours: Box::new(move |x| x[0].max_pool(win).unwrap()),
        burns: Box::new(move |x| flat(module::max_pool2d(x[0].clone().reshape(xs), options()))),
    });
    // Both are linear in the second input; the first only says where.
    let fixed = d.tensor(&xs, -1.0, 1.0);
    let (a, b) = (fixed.clone(), fixed.clone());
    let places = move |x: &[f64]| {
        let x = crate::fixed(x.to_vec()).reshape(xs);
        let (_, at) = module::max_pool2d_with_indices(x, options());
        at.reshape([n, c, q * q])
    };
    let (v, w) = (fixed.to_f64(), fixed.to_f64());
    all.push(Case {
        name: format!("MaxPoolPick {about}"),
        xs: vec![d.tensor(&xs, -1.0, 1.0)],
        ours: Box::new(move |x| Tensor::value(a.clone()).max_pool_pick(&x[0], win).unwrap()),
        burns: Box::new(move |x| flat(x[0].clone().reshape([n, c, h * h]).gather(2, places(&v)))),
    });
    all.push(Case {
        name: format!("MaxPoolGrad {about}"),
        xs: vec![d.tensor(&ys, -1.0, 1.0)],
        ours: Box::new(move |x| Tensor::value(b.clone()).max_pool_grad(&x[0], win)),
        burns: Box::new(move |x| {
            let zeros = crate::fixed(vec![0.0; n * c * h * h]).reshape([n, c, h * h]);
            let gy = x[0].clone().reshape([n, c, q * q]);
            flat(zeros.scatter(2, places(&w), gy, IndexingUpdateOp::Add))
        }),
    });
    all
}
