//! Every operation's gradient, and its gradient's gradient, against central differences.

mod common;

use common::{Draw, check, check_twice, dims, number, run, weigh};
use nas_ir::op::{PadMode, Window};
use nas_ir::{Binary, Dim, ReduceKind, Tensor, Unary};

fn window(size: i64, stride: i64, dilation: i64, pad: [i64; 4]) -> Window {
    Window {
        size: [size, size],
        stride: [stride, stride],
        dilation: [dilation, dilation],
        pad,
    }
}

#[test]
fn unary() {
    let mut d = Draw(1);
    for (u, low) in [
        (Unary::Neg, -1.0),
        (Unary::Exp, -1.0),
        (Unary::Log, 0.3),
        (Unary::Sqrt, 0.3),
        (Unary::Abs, 0.1),
        (Unary::Sin, -1.0),
        (Unary::Cos, -1.0),
        (Unary::Tanh, -1.0),
        (Unary::Erf, -1.0),
        (Unary::Sigmoid, -1.0),
        (Unary::Relu, 0.2),
        (Unary::Relu, -1.0),
    ] {
        let x = d.tensor(&[2, 3], low, 1.3);
        check_twice(&format!("{u:?}"), &x.unary(u), &[x], &mut d);
    }
}

#[test]
fn binary_with_broadcasting() {
    let mut d = Draw(2);
    let shapes: [(&[usize], &[usize]); 5] = [
        (&[2, 3], &[2, 3]),
        (&[2, 3], &[3]),
        (&[2, 1], &[1, 3]),
        (&[], &[2, 2]),
        (&[2, 1, 2], &[3, 1]),
    ];
    for b in [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
        Binary::Max,
        Binary::Min,
    ] {
        for (l, r) in shapes {
            let (x, y) = (d.tensor(l, 0.4, 1.6), d.tensor(r, 0.4, 1.6));
            let out = x.binary(b, &y).unwrap();
            check_twice(&format!("{b:?} {l:?} {r:?}"), &out, &[x, y], &mut d);
        }
    }
    for c in [0.0, 1.0, 2.0, 3.0, 0.5, -1.5] {
        let x = d.tensor(&[4], 0.4, 1.6);
        let y = x.binary(Binary::Pow, &number(c)).unwrap();
        check_twice(&format!("pow {c}"), &y, &[x], &mut d);
    }
}

#[test]
fn select_reduce_expand() {
    let mut d = Draw(3);
    let (c, x, y) = (
        d.tensor(&[2, 3], -1.0, 1.0),
        d.tensor(&[3], -1.0, 1.0),
        d.tensor(&[2, 1], -1.0, 1.0),
    );
    let mask = c.binary(Binary::Gt, &number(0.0)).unwrap();
    let s = Tensor::select(&mask, &x, &y).unwrap();
    let cube = s.binary(Binary::Mul, &s).unwrap();
    check_twice("select", &cube, &[x, y], &mut d);
    for kind in [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min] {
        for axes in [&[0usize][..], &[1], &[0, 2], &[0, 1, 2]] {
            for keep in [false, true] {
                let x = d.tensor(&[2, 3, 2], -1.0, 1.0);
                let y = x.reduce(kind, axes, keep);
                let y = y.binary(Binary::Mul, &y).unwrap();
                check_twice(&format!("{kind:?} {axes:?} {keep}"), &y, &[x], &mut d);
            }
        }
    }
    let x = d.tensor(&[3, 1], -1.0, 1.0);
    let y = x.expand(&dims(&[2, 3, 4])).unwrap().unary(Unary::Exp);
    check_twice("expand", &y, &[x], &mut d);
}

#[test]
fn layout() {
    let mut d = Draw(4);
    let x = d.tensor(&[2, 3, 5], -1.0, 1.0);
    let cases = [
        ("reshape", x.reshape(&dims(&[6, 5])).unwrap()),
        ("permute", x.permute(&[2, 0, 1]).unwrap()),
        (
            "slice",
            x.slice(2, Dim::from(1i64), Dim::from(5i64), 1).unwrap(),
        ),
        (
            "slice by 2",
            x.slice(2, Dim::from(0i64), Dim::from(4i64), 2).unwrap(),
        ),
        (
            "unslice",
            x.unslice(1, Dim::from(1i64), Dim::from(6i64), 2, Dim::from(7i64)),
        ),
        ("pad", x.pad(2, 2, 1, PadMode::Zero).unwrap()),
        ("edge", x.pad(2, 2, 1, PadMode::Edge).unwrap()),
        ("mirror", x.pad(2, 3, 2, PadMode::Mirror).unwrap()),
        ("circular", x.pad(2, 2, 1, PadMode::Circular).unwrap()),
        ("sort", x.sort()),
        ("cumsum", x.cumsum(1, false)),
        ("cumsum back", x.cumsum(2, true)),
        ("cast", x.cast(nas_ir::DType::F32).cast(nas_ir::DType::F64)),
        ("mark", x.mark("a.b".into())),
    ];
    for (name, y) in cases {
        let y = y.binary(Binary::Mul, &y).unwrap();
        check_twice(name, &y, std::slice::from_ref(&x), &mut d);
    }
    let (a, b) = (d.tensor(&[2, 1], -1.0, 1.0), d.tensor(&[2, 3], -1.0, 1.0));
    let y = Tensor::concat(&[a.clone(), b.clone(), a.clone()], 1).unwrap();
    let y = y.binary(Binary::Mul, &y).unwrap();
    check_twice("concat", &y, &[a, b], &mut d);
}

#[test]
fn indices() {
    let mut d = Draw(5);
    let x = d.tensor(&[3, 4], -1.0, 1.0);
    let (rows, along) = (d.indices(&[5], 3), d.indices(&[3, 4], 4));
    let (one, wide) = (d.indices(&[3], 4), d.indices(&[3, 4], 6));
    let cases = [
        ("gather", x.gather(0, &rows).unwrap()),
        (
            "scatter",
            x.scatter_add(1, &d.indices(&[4], 3), Dim::from(3i64)),
        ),
        ("pick", x.pick(&one).unwrap()),
        ("unpick", x.unpick(&wide, Dim::from(6i64))),
        ("take", x.take_along(&along)),
        ("put", x.put_along(&along)),
    ];
    for (name, y) in cases {
        let y = y.binary(Binary::Mul, &y).unwrap();
        check_twice(name, &y, std::slice::from_ref(&x), &mut d);
    }
}

#[test]
fn contractions() {
    let mut d = Draw(6);
    for (l, r, o, a, b) in [
        ("nc", "oc", "no", &[2usize, 3][..], &[4usize, 3][..]),
        ("bij", "bjk", "bik", &[2, 2, 3], &[2, 3, 2]),
        ("ij", "jk", "i", &[2, 3], &[3, 2]),
        ("ijx", "jk", "ki", &[2, 3, 2], &[3, 2]),
        ("i", "j", "ij", &[3], &[2]),
        ("ij", "ij", "", &[2, 3], &[2, 3]),
        ("iji", "jk", "ik", &[2, 3, 2], &[3, 2]),
        ("xx", "k", "k", &[3, 3], &[2]),
    ] {
        let (x, y) = (d.tensor(a, -1.0, 1.0), d.tensor(b, -1.0, 1.0));
        let out = Tensor::contract(&[x.clone(), y.clone()], &[l.into(), r.into()], o).unwrap();
        check_twice(&format!("{l},{r}->{o}"), &out, &[x, y], &mut d);
    }
    for (l, o, a) in [
        ("ij", "ji", &[2usize, 3][..]),
        ("ijk", "k", &[2, 3, 2]),
        ("ii", "", &[3, 3]),
        ("iij", "ji", &[2, 2, 3]),
        ("iii", "i", &[2, 2, 2]),
    ] {
        let x = d.tensor(a, -1.0, 1.0);
        let out = Tensor::contract(std::slice::from_ref(&x), &[l.into()], o).unwrap();
        let out = out.binary(Binary::Mul, &out).unwrap();
        check_twice(&format!("{l}->{o}"), &out, &[x], &mut d);
    }
}

#[test]
fn convolutions() {
    let mut d = Draw(7);
    for (groups, stride, dilation, pad, size) in [
        (1, 1, 1, [0, 0, 0, 0], [4usize, 4usize]),
        (1, 2, 1, [1, 1, 1, 1], [5, 4]),
        (2, 1, 2, [1, 0, 2, 1], [4, 5]),
        (2, 2, 1, [0, 1, 1, 0], [4, 4]),
    ] {
        let w = window(1, stride, dilation, pad);
        let x = d.tensor(&[2, 2, size[0], size[1]], -1.0, 1.0);
        let k = d.tensor(&[4, 2 / groups as usize, 2, 2], -1.0, 1.0);
        let y = x.conv(&k, w, groups).unwrap();
        let name = format!("conv {groups} {stride} {dilation} {pad:?}");
        check_twice(&name, &y, &[x.clone(), k.clone()], &mut d);
        let gy = d.tensor(&y.sizes().unwrap(), -1.0, 1.0);
        let gx = gy.conv_grad_input(&k, w, groups, x.shape());
        check(
            &format!("{name}, input"),
            &weigh(&gx, &mut d),
            &[gy.clone(), k.clone()],
        );
        let gk = x.conv_grad_weight(&gy, w, groups, k.shape());
        check(&format!("{name}, weight"), &weigh(&gk, &mut d), &[x, gy]);
    }
}

#[test]
fn pooling() {
    let mut d = Draw(8);
    for w in [
        window(2, 2, 1, [0; 4]),
        window(3, 2, 1, [1; 4]),
        window(2, 1, 2, [1, 0, 0, 1]),
    ] {
        let x = d.tensor(&[1, 2, 5, 4], -1.0, 1.0);
        for count in [false, true] {
            let y = x.avg_pool(w, count).unwrap();
            let y = y.binary(Binary::Mul, &y).unwrap();
            check_twice("avg_pool", &y, std::slice::from_ref(&x), &mut d);
        }
        let y = x.max_pool(w).unwrap();
        let gy = d.tensor(&y.sizes().unwrap(), -1.0, 1.0);
        let y = y.binary(Binary::Mul, &y).unwrap();
        check_twice("max_pool", &y, std::slice::from_ref(&x), &mut d);
        let g = x.max_pool_grad(&gy, w);
        check("max_pool_grad", &weigh(&g, &mut d), &[gy]);
        let v = d.tensor(&[1, 2, 5, 4], -1.0, 1.0);
        let p = x.max_pool_pick(&v, w).unwrap();
        check("max_pool_pick", &weigh(&p, &mut d), &[v]);
    }
}

#[test]
fn stop_and_surrogate() {
    let mut d = Draw(9);
    let x = d.tensor(&[3], -1.0, 1.0);
    let square = x.binary(Binary::Mul, &x).unwrap();
    let held = square.stop().binary(Binary::Mul, &x).unwrap();
    let sum = held.reduce(ReduceKind::Sum, &[0], false);
    let grads = run(&[
        sum.grad(std::slice::from_ref(&x)).unwrap()[0].clone(),
        square,
    ]);
    assert_eq!(grads[0].to_f64(), grads[1].to_f64());

    // The value of rounding, the gradient of the identity times 3.
    let three = x.binary(Binary::Mul, &number(3.0)).unwrap();
    let y = x.unary(Unary::Round).surrogate(&three).unwrap();
    let sum = y.reduce(ReduceKind::Sum, &[0], false);
    let out = run(&[sum.grad(&[x]).unwrap()[0].clone()]);
    assert_eq!(out[0].to_f64(), vec![3.0; 3]);
}

#[test]
fn edges_where_the_derivative_is_not_defined() {
    let x = Tensor::value(nas_ir::HostTensor::f64(vec![3], vec![0.0, 4.0, 0.0]));
    for (u, want) in [
        (Unary::Relu, [0.0, 1.0, 0.0]),
        (Unary::Abs, [0.0, 1.0, 0.0]),
        (Unary::Sqrt, [0.0, 0.25, 0.0]),
    ] {
        let y = x.unary(u).reduce(ReduceKind::Sum, &[0], false);
        let g = y.grad(std::slice::from_ref(&x)).unwrap();
        let second = g[0]
            .reduce(ReduceKind::Sum, &[0], false)
            .grad(std::slice::from_ref(&x))
            .unwrap();
        let out = run(&[g[0].clone(), second[0].clone()]);
        assert_eq!(out[0].to_f64(), want, "{u:?}");
        assert!(out[1].all_finite(), "{u:?} twice");
    }
    // A tie of a reduction is shared.
    let least = x.reduce(ReduceKind::Min, &[0], false);
    let out = run(&least.grad(std::slice::from_ref(&x)).unwrap());
    assert_eq!(out[0].to_f64(), [0.5, 0.0, 0.5]);
}
