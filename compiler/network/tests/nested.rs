//! Gradients through whole blocks, gradients of gradients, inner values as inputs, and inputs that are not reached.

mod common;

use common::{Draw, check, check_twice, number, run, weigh};
use nas_ir::graph::{Binding, linearise};
use nas_ir::op::Window;
use nas_ir::{Binary, DType, HostTensor, Op, ReduceKind, Tensor, Unary};
use nas_network::differentiate;

fn mean(x: &Tensor, axes: &[usize]) -> Tensor {
    let n = x.extent(axes).unwrap().known().unwrap() as f64;
    let s = x.reduce(ReduceKind::Sum, axes, true);
    s.binary(Binary::Div, &number(n)).unwrap()
}

/// Convolution, batch normalisation, relu-like curve, pooling, contraction, logarithm of a softmax.
fn block(x: &Tensor, k: &Tensor, w: &Tensor) -> Tensor {
    let window = |size, stride, pad| Window {
        size: [size; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 4],
    };
    let y = x.conv(k, window(2, 1, 1), 1).unwrap();
    let centred = y.binary(Binary::Sub, &mean(&y, &[0, 2, 3])).unwrap();
    let square = centred.binary(Binary::Mul, &centred).unwrap();
    let spread = mean(&square, &[0, 2, 3]);
    let spread = spread.binary(Binary::Add, &number(1e-2)).unwrap();
    let y = centred
        .binary(Binary::Div, &spread.unary(Unary::Sqrt))
        .unwrap();
    let y = y.unary(Unary::Tanh).max_pool(window(2, 2, 0)).unwrap();
    let y = y.reduce(ReduceKind::Sum, &[2, 3], false);
    let y = Tensor::contract(&[y, w.clone()], &["nc".into(), "oc".into()], "no").unwrap();
    let top = y.reduce(ReduceKind::Max, &[1], true).stop();
    let low = y.binary(Binary::Sub, &top).unwrap();
    let total = low.unary(Unary::Exp).reduce(ReduceKind::Sum, &[1], true);
    low.binary(Binary::Sub, &total.unary(Unary::Log)).unwrap()
}

#[test]
fn a_block_twice() {
    let mut d = Draw(11);
    let x = d.tensor(&[2, 2, 4, 4], -1.0, 1.0);
    let k = d.tensor(&[3, 2, 2, 2], -0.6, 0.6);
    let w = d.tensor(&[2, 3], -0.6, 0.6);
    check_twice("block", &block(&x, &k, &w), &[x, k, w], &mut d);
}

#[test]
fn a_hessian_vector_product() {
    // y = sum(A x x) with A symmetric: H v = 2 A v.
    let a = Tensor::value(HostTensor::f64(vec![2, 2], vec![2.0, 1.0, 1.0, 3.0]));
    let x = Tensor::value(HostTensor::f64(vec![2], vec![0.3, -0.7]));
    let v = Tensor::value(HostTensor::f64(vec![2], vec![1.0, 2.0]));
    let ax = Tensor::contract(&[a, x.clone()], &["ij".into(), "j".into()], "i").unwrap();
    let y = Tensor::contract(&[ax, x.clone()], &["i".into(), "i".into()], "").unwrap();
    let g = y.grad(std::slice::from_ref(&x)).unwrap();
    let gv = Tensor::contract(&[g[0].clone(), v], &["i".into(), "i".into()], "").unwrap();
    let h = gv.grad(std::slice::from_ref(&x)).unwrap();
    assert_eq!(run(&h)[0].to_f64(), [8.0, 14.0]);
}

#[test]
fn three_deep() {
    let mut d = Draw(12);
    let x = d.tensor(&[3], 0.3, 1.0);
    let mut y = x.unary(Unary::Sin);
    for _ in 0..2 {
        y = weigh(&y, &mut d).grad(std::slice::from_ref(&x)).unwrap()[0].clone();
    }
    check("third", &weigh(&y, &mut d), &[x]);
}

#[test]
fn an_inner_value_as_input() {
    let x = Tensor::value(HostTensor::f64(vec![2], vec![1.0, 2.0]));
    let tap = x.binary(Binary::Mul, &x).unwrap();
    let y = tap.binary(Binary::Mul, &tap).unwrap();
    let y = y
        .binary(Binary::Add, &x)
        .unwrap()
        .reduce(ReduceKind::Sum, &[0], false);
    // dy/dtap = 2 tap; dy/dx = 4 x^3 + 1, also where both are asked for.
    let g = run(&y.grad(&[tap, x]).unwrap());
    assert_eq!(g[0].to_f64(), [2.0, 8.0]);
    assert_eq!(g[1].to_f64(), [5.0, 33.0]);
}

#[test]
fn what_is_not_reached_is_told() {
    let x = Tensor::value(HostTensor::f64(vec![2], vec![1.0, 2.0]));
    let lone = Tensor::slot(7, "a.lone".into(), common::dims(&[3]).into(), DType::F64);
    let y = x.reduce(ReduceKind::Sum, &[0], false);
    let flat = x.unary(Unary::Round).reduce(ReduceKind::Sum, &[0], false);
    let mut outputs = y.grad(&[lone.clone(), x.clone()]).unwrap();
    outputs.extend(flat.grad(std::slice::from_ref(&x)).unwrap());
    let (graph, _) = linearise(&outputs).unwrap();
    let derived = differentiate(&graph).unwrap();
    assert_eq!(derived.unreached.len(), 2);
    let expected = Binding::Slot {
        store: 0,
        address: "a.lone".into(),
    };
    assert_eq!(derived.unreached[0].binding, Some(expected));
    assert_eq!(derived.unreached[0].grad, graph.outputs[0]);
    let zeros = derived.graph.outputs[0];
    assert_eq!(derived.graph.nodes[zeros].op, Op::Expand);
    assert_eq!(derived.graph.nodes[zeros].shape, [3]);
}

#[test]
fn gradients_of_one_value_share_a_sweep() {
    let mut d = Draw(13);
    let (x, w) = (d.tensor(&[2, 3], -1.0, 1.0), d.tensor(&[4, 3], -1.0, 1.0));
    let y = Tensor::contract(&[x.clone(), w.clone()], &["nc".into(), "oc".into()], "no").unwrap();
    let y = y.unary(Unary::Exp).reduce(ReduceKind::Sum, &[0, 1], false);
    let (graph, _) = linearise(&y.grad(&[x, w]).unwrap()).unwrap();
    let derived = differentiate(&graph).unwrap().graph;
    let exps = derived
        .nodes
        .node_weights()
        .filter(|n| n.op == Op::Unary(Unary::Exp));
    assert_eq!(exps.count(), 1);
    assert_eq!(
        derived.print(),
        "%0 = leaf  [2, 3]\n%1 = leaf  [4, 3]\n%2 = contract %0 %1 [2, 4]\n%3 = exp %2 [2, 4]\n\
         %4 = reduce.sum %3 []\n%5 = const  []\n%6 = reshape %5 [1, 1]\n%7 = expand %6 [2, 4]\n\
         %8 = mul %7 %3 [2, 4]\n%9 = contract %8 %1 [2, 3]\n%10 = contract %8 %0 [4, 3]\n\
         return %9 %10\n"
    );
}

#[test]
fn a_gradient_needs_a_number() {
    let x = Tensor::value(HostTensor::i32(vec![], vec![3]));
    let (graph, _) = linearise(&x.grad(std::slice::from_ref(&x)).unwrap()).unwrap();
    let e = differentiate(&graph).unwrap_err();
    assert!(e.to_string().contains("whole number"), "{e}");
}
