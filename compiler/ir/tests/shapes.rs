//! The shape rules of tensors: what they accept, and what they say to the rest.

use nas_ir::dim::Table;
use nas_ir::op::{HostFn, PadMode, Window};
use nas_ir::{Binary, DType, Dim, HostTensor, ReduceKind, ShapeError, Tensor, Unary};

fn dims(shape: &[i64]) -> Vec<Dim> {
    shape.iter().map(|s| Dim::from(*s)).collect()
}

fn t(shape: &[i64]) -> Tensor {
    Tensor::symbol("t", dims(shape).into(), DType::F32)
}

fn index(shape: &[i64]) -> Tensor {
    Tensor::symbol("i", dims(shape).into(), DType::I32)
}

fn window(size: i64, stride: i64, pad: i64) -> Window {
    Window {
        size: [size; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 4],
    }
}

#[track_caller]
fn good(made: Result<Tensor, ShapeError>, shape: &[usize]) -> Tensor {
    let made = made.unwrap();
    assert_eq!(made.sizes().unwrap(), shape);
    made
}

#[track_caller]
fn bad(made: Result<Tensor, ShapeError>, code: &str, says: &str) {
    let e = made.unwrap_err();
    assert_eq!(e.code, code, "{e:?}");
    let text = format!("{} {}", e.message, e.facts.join(" "));
    assert!(text.contains(says), "{text}");
}

#[test]
fn broadcasting() {
    let add = |a: &[i64], b: &[i64]| t(a).binary(Binary::Add, &t(b));
    good(add(&[2, 3], &[3]), &[2, 3]);
    good(add(&[2, 1], &[1, 3]), &[2, 3]);
    good(add(&[], &[2]), &[2]);
    bad(add(&[2, 3], &[2]), "E0401", "left   [2, 3]");
    good(Tensor::select(&t(&[2, 1]), &t(&[3]), &t(&[])), &[2, 3]);
    bad(
        Tensor::select(&t(&[2]), &t(&[3]), &t(&[])),
        "E0401",
        "2 against 3",
    );
    good(t(&[3, 1]).expand(&dims(&[2, 3, 4])), &[2, 3, 4]);
    bad(t(&[2, 3]).expand(&dims(&[3])), "E0401", "smaller");
}

#[test]
fn element_types() {
    let (f, i) = (t(&[2]), index(&[2]));
    assert_eq!(f.binary(Binary::Add, &i).unwrap().dtype(), DType::F32);
    assert_eq!(i.binary(Binary::Add, &i).unwrap().dtype(), DType::I32);
    assert_eq!(i.binary(Binary::Div, &i).unwrap().dtype(), DType::F32);
    assert_eq!(i.binary(Binary::Lt, &i).unwrap().dtype(), DType::F32);
    // A number does not widen what it meets.
    let wide = Tensor::constant(0.5, DType::F64);
    assert_eq!(f.binary(Binary::Mul, &wide).unwrap().dtype(), DType::F32);
    assert_eq!(wide.binary(Binary::Mul, &f).unwrap().dtype(), DType::F32);
    assert_eq!(i.binary(Binary::Mul, &wide).unwrap().dtype(), DType::F64);
    let d = Tensor::value(HostTensor::f64(vec![2], vec![1.0, 2.0]));
    assert_eq!(f.binary(Binary::Mul, &d).unwrap().dtype(), DType::F64);
    assert_eq!(i.reduce(ReduceKind::Sum, &[0], false).dtype(), DType::F32);
}

#[test]
fn reductions_and_layout() {
    let x = t(&[2, 3, 4]);
    good(Ok(x.reduce(ReduceKind::Max, &[2, 0], false)), &[3]);
    good(Ok(x.reduce(ReduceKind::Max, &[2, 0], true)), &[1, 3, 1]);
    good(Ok(x.arg_reduce(true, 1)), &[2, 4]);
    assert_eq!(x.axis(-1).unwrap(), 2);
    assert_eq!(x.axis(3).unwrap_err().code, "E0403");
    assert_eq!(x.axis(-4).unwrap_err().code, "E0403");
    good(x.reshape(&dims(&[6, 4])), &[6, 4]);
    bad(x.reshape(&dims(&[5, 4])), "E0401", "24 elements");
    good(x.permute(&[2, 0, 1]), &[4, 2, 3]);
    bad(x.permute(&[0, 0, 1]), "E0403", "order of axes");
    bad(x.permute(&[0, 1]), "E0403", "takes 2 axes");
    let slice = |start: i64, end: i64, step| x.slice(2, start.into(), end.into(), step);
    good(slice(1, 4, 1), &[2, 3, 3]);
    good(slice(0, 4, 3), &[2, 3, 2]);
    bad(slice(1, 5, 1), "E0401", "1..5 does not lie in an axis of 4");
    bad(slice(3, 1, 1), "E0401", "3..1");
    bad(slice(0, 4, 0), "E0401", "steps of 1 or more");
    bad(
        x.slice(3, 0i64.into(), 1i64.into(), 1),
        "E0403",
        "no axis 3",
    );
}

#[test]
fn padding_and_joining() {
    let x = t(&[2, 3]);
    good(x.pad(1, 2, 1, PadMode::Zero), &[2, 6]);
    good(x.pad(1, 2, 2, PadMode::Mirror), &[2, 7]);
    good(x.pad(1, 3, 3, PadMode::Circular), &[2, 9]);
    good(x.pad(1, 9, 0, PadMode::Edge), &[2, 12]);
    bad(x.pad(1, 3, 0, PadMode::Mirror), "E0401", "an axis of 3");
    bad(x.pad(1, 0, 4, PadMode::Circular), "E0401", "0 and 4");
    bad(x.pad(1, -1, 0, PadMode::Zero), "E0401", "-1 and 0");
    bad(t(&[0]).pad(0, 1, 0, PadMode::Edge), "E0401", "an axis of 0");
    good(Tensor::concat(&[x.clone(), t(&[2, 5])], 1), &[2, 8]);
    bad(Tensor::concat(&[], 0), "E0401", "nothing");
    bad(
        Tensor::concat(&[x.clone(), t(&[3, 5])], 1),
        "E0401",
        "axis 0 differs",
    );
    bad(
        Tensor::concat(&[x.clone(), t(&[2])], 1),
        "E0401",
        "same axes",
    );
    bad(Tensor::concat(&[x.clone(), x], 2), "E0403", "3 axes");
}

#[test]
fn indices() {
    let x = t(&[4, 5]);
    good(x.gather(0, &index(&[7])), &[7, 5]);
    bad(x.gather(0, &t(&[7])), "E0401", "whole numbers");
    bad(x.gather(0, &index(&[7, 1])), "E0401", "whole numbers");
    good(x.pick(&index(&[4])), &[4]);
    bad(x.pick(&index(&[5])), "E0401", "4 rows, 5 indices");
    bad(x.pick(&t(&[4])), "E0401", "one index a row");
    bad(t(&[]).pick(&index(&[1])), "E0401", "one index a row");
    good(
        Ok(index(&[4]).one_hot(Dim::from(3i64), DType::F32)),
        &[4, 3],
    );
    good(Ok(x.scatter_add(0, &index(&[4]), Dim::from(9i64))), &[9, 5]);
}

#[test]
fn contractions() {
    let two = |a: &str, b: &str, o: &str, x: &[i64], y: &[i64]| {
        Tensor::contract(&[t(x), t(y)], &[a.into(), b.into()], o)
    };
    good(two("nc", "oc", "no", &[2, 3], &[4, 3]), &[2, 4]);
    good(two("ij", "ij", "", &[2, 3], &[2, 3]), &[]);
    bad(
        two("nc", "oc", "no", &[2, 3], &[4, 5]),
        "E0401",
        "extent 3 on one side and 5",
    );
    bad(two("nc", "oc", "nx", &[2, 3], &[4, 3]), "E0401", "`x`");
    bad(two("nc", "oc", "nn", &[2, 3], &[4, 3]), "E0401", "twice");
    bad(two("ncx", "oc", "no", &[2, 3], &[4, 3]), "E0403", "`ncx`");
    bad(
        Tensor::contract(&[t(&[2])], &[], ""),
        "E0401",
        "0 inputs are named",
    );
}

#[test]
fn windows() {
    let x = t(&[2, 4, 8, 8]);
    good(x.conv(&t(&[6, 4, 3, 3]), window(0, 1, 1), 1), &[2, 6, 8, 8]);
    good(x.conv(&t(&[6, 2, 3, 3]), window(0, 2, 0), 2), &[2, 6, 3, 3]);
    bad(
        x.conv(&t(&[6, 3, 3, 3]), window(0, 1, 1), 1),
        "E0401",
        "reads 3 channels",
    );
    bad(
        x.conv(&t(&[6, 4, 9, 9]), window(0, 1, 0), 1),
        "E0401",
        "larger than",
    );
    bad(x.conv(&t(&[5, 2, 3, 3]), window(0, 1, 0), 2), "E0402", "5");
    bad(
        x.conv(&t(&[6, 4, 3, 3]), window(0, 0, 0), 1),
        "E0401",
        "steps of 1",
    );
    bad(
        x.conv(&t(&[6, 4, 3, 3]), window(0, 1, -1), 1),
        "E0401",
        "negative",
    );
    bad(
        x.conv(&t(&[6, 4, 3, 3]), window(0, 1, 0), 0),
        "E0401",
        "0 groups",
    );
    bad(
        x.conv(&t(&[6, 4, 3]), window(0, 1, 0), 1),
        "E0403",
        "weight",
    );
    bad(
        t(&[4, 8, 8]).conv(&t(&[6, 4, 3, 3]), window(0, 1, 0), 1),
        "E0403",
        "4 axes",
    );
    good(x.max_pool(window(2, 2, 0)), &[2, 4, 4, 4]);
    good(x.avg_pool(window(3, 2, 1), true), &[2, 4, 4, 4]);
    bad(x.avg_pool(window(9, 1, 0), true), "E0401", "larger");
    bad(x.max_pool(window(0, 1, 0)), "E0401", "1 row");
    bad(t(&[8, 8]).max_pool(window(2, 2, 0)), "E0403", "pooling");
}

#[test]
fn gradients_and_hosts() {
    let x = t(&[3]);
    assert_eq!(x.grad(std::slice::from_ref(&x)).unwrap_err().code, "E0403");
    let y = x.reduce(ReduceKind::Sum, &[0], false);
    let g = y.grad(&[x.clone(), y.clone()]).unwrap();
    assert_eq!(
        (g[0].sizes().unwrap(), g[1].sizes().unwrap()),
        (vec![3], vec![])
    );
    good(t(&[3, 3]).host(HostFn::EigSym), &[3]);
    bad(t(&[3, 2]).host(HostFn::LogDet), "E0401", "square");
    bad(x.host(HostFn::LogDet), "E0403", "square");
    good(x.surrogate(&x.unary(Unary::Sin)), &[3]);
    bad(x.surrogate(&y), "E0401", "surrogate");
}

#[test]
fn a_choice_that_breaks_a_rule_is_named() {
    let width = Dim::table(Table {
        sites: vec![(4, 2)],
        values: vec![16, 32],
    });
    let x = Tensor::symbol("x", vec![Dim::var("n"), width].into(), DType::F32);
    let w = Tensor::symbol("w", dims(&[10, 16]).into(), DType::F32);
    let e = Tensor::contract(&[x.clone(), w], &["nc".into(), "oc".into()], "no").unwrap_err();
    assert_eq!(e.witness, [(4, 1)]);
    let y = x.reshape(&[x.shape()[1].clone(), Dim::var("n")]).unwrap();
    assert_eq!(y.sizes(), None);
}
