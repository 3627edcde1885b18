//! A deep residual network with its gradients and an optimiser, prepared as a whole.

mod common;

use common::{dims, number};
use nas_ir::graph::{Graph, linearise};
use nas_ir::op::Window;
use nas_ir::{Binary, DType, Op, ReduceKind, Tensor, Unary};
use nas_network::{Kernel, prepare};
use std::time::Instant;

fn bin(b: Binary, l: &Tensor, r: &Tensor) -> Tensor {
    l.binary(b, r).unwrap()
}

fn mean(x: &Tensor, axes: &[usize]) -> Tensor {
    let n = x.extent(axes).unwrap().known().unwrap() as f64;
    bin(
        Binary::Div,
        &x.reduce(ReduceKind::Sum, axes, true),
        &number(n),
    )
}

/// One step of training: `blocks` residual blocks of two convolutions with batch normalisation, and momentum.
fn step(blocks: usize) -> Graph {
    let window = Window {
        size: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1; 4],
    };
    let mut weights = vec![];
    let mut slot = |shape: &[usize]| {
        let name = format!("w{}", weights.len());
        let t = Tensor::slot(1, name.into(), dims(shape).into(), DType::F32);
        weights.push(t.clone());
        t
    };
    let whole = dims(&[8, 16, 8, 8]);
    let x = Tensor::slot(2, "x".into(), whole.into(), DType::F32);
    let mut y = x;
    for _ in 0..blocks {
        let skip = y.clone();
        for _ in 0..2 {
            y = y.conv(&slot(&[16, 16, 3, 3]), window, 1).unwrap();
            let centred = bin(Binary::Sub, &y, &mean(&y, &[0, 2, 3]));
            let spread = mean(&bin(Binary::Mul, &centred, &centred), &[0, 2, 3]);
            let spread = bin(Binary::Add, &spread, &number(1e-5)).unary(Unary::Sqrt);
            let scaled = bin(
                Binary::Mul,
                &bin(Binary::Div, &centred, &spread),
                &slot(&[16, 1, 1]),
            );
            y = bin(Binary::Add, &scaled, &slot(&[16, 1, 1])).unary(Unary::Relu);
        }
        y = bin(Binary::Add, &y, &skip);
    }
    let loss = mean(&bin(Binary::Mul, &y, &y), &[0, 1, 2, 3]);
    let loss = loss.reshape(&[]).unwrap();
    let grads = loss.grad(&weights).unwrap();
    let rate = Tensor::scalar(0.1, DType::F32);
    let mut outputs = vec![loss];
    for (i, (w, g)) in weights.iter().zip(&grads).enumerate() {
        let shape = w.0.shape.clone();
        let m = Tensor::slot(3, format!("m{i}").into(), shape, DType::F32);
        let decayed = bin(Binary::Add, g, &bin(Binary::Mul, w, &number(5e-4)));
        let m = bin(Binary::Add, &bin(Binary::Mul, &m, &number(0.9)), &decayed);
        outputs.push(bin(Binary::Sub, w, &bin(Binary::Mul, &m, &rate)));
        outputs.push(m);
    }
    linearise(&outputs).unwrap().0
}

#[test]
fn a_training_step_is_prepared_at_once() {
    let graph = step(10);
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let ready = prepare(&graph).unwrap();
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        assert!(ready.unreached.is_empty());
    }
    let ready = prepare(&graph).unwrap();
    let count = |f: fn(&Op) -> bool| {
        ready
            .graph
            .nodes
            .node_weights()
            .filter(|n| f(&n.op))
            .count()
    };
    let fused = ready
        .kernels
        .iter()
        .filter(|k| matches!(k, Kernel::Fused(_)))
        .count();
    println!(
        "{} nodes become {}, in {} kernels ({fused} fused), {} KiB at most, {} reserved, {best:.2} ms",
        graph.nodes.node_count(),
        ready.graph.nodes.node_count(),
        ready.kernels.len(),
        ready.placement.peak / 1024,
        ready.placement.reserved() / 1024,
    );
    assert_eq!(count(|o| matches!(o, Op::Conv { .. })), 20);
    assert_eq!(count(|o| matches!(o, Op::ConvGradInput { .. })), 19);
    assert_eq!(count(|o| matches!(o, Op::ConvGradWeight { .. })), 20);
    assert_eq!(count(|o| matches!(o, Op::Grad { .. })), 0);
    assert!(ready.kernels.len() * 2 < ready.graph.nodes.node_count());
    assert!(ready.placement.peak <= ready.placement.reserved());
    // Loose, for machines that are busy; a few milliseconds is the aim.
    assert!(best < 100.0, "{best} ms");
}

/// The kernels as lines: shapes and operations.
fn listing(graph: &Graph, kernels: &[Kernel]) -> String {
    let mut text = String::new();
    for kernel in kernels {
        text += &match kernel {
            Kernel::Single(n) => format!("{}\n", graph.nodes[*n].op.name()),
            Kernel::Fused(f) => {
                let name = |n: petgraph::graph::NodeIndex| graph.nodes[n].op.name();
                let ops: Vec<String> = f.nodes.iter().map(|n| name(*n)).collect();
                let end = if f.reduce.is_some() { " -> reduce" } else { "" };
                format!("{:?} {}{end}\n", f.shape, ops.join(" "))
            }
        };
    }
    text
}

#[test]
fn a_layer_and_its_update_in_kernels() {
    let slot =
        |name: &str, shape: &[usize]| Tensor::slot(1, name.into(), dims(shape).into(), DType::F32);
    let (x, w, b) = (slot("x", &[8, 3]), slot("w", &[4, 3]), slot("b", &[4]));
    let y = Tensor::contract(&[x, w.clone()], &["nc".into(), "oc".into()], "no").unwrap();
    let y = bin(Binary::Add, &y, &b).unary(Unary::Tanh);
    let loss = bin(Binary::Mul, &y, &y).reduce(ReduceKind::Sum, &[0, 1], false);
    let rate = Tensor::scalar(0.1, DType::F32);
    let grads = loss.grad(&[w.clone(), b.clone()]).unwrap();
    let update = |w, g| bin(Binary::Sub, w, &bin(Binary::Mul, g, &rate));
    let outputs = [loss, update(&w, &grads[0]), update(&b, &grads[1])];
    let ready = prepare(&linearise(&outputs).unwrap().0).unwrap();
    let text = listing(&ready.graph, &ready.kernels);
    assert_eq!(
        text,
        "contract\n[8, 4] add tanh mul -> reduce\n[8, 4] mul const const mul sub mul -> reduce\n\
         contract\n[4, 3] scalar mul sub\n[4] scalar mul sub\n",
        "{}",
        ready.graph.print()
    );
}
