//! How long one step of a small cell net takes; run with `--ignored --nocapture`.

use nas_ir::graph::linearise;
use nas_ir::op::Window;
use nas_ir::{Binary, DType, HostTensor, ReduceKind, Tensor, Unary};
use nasc_device::{Device, Executor, Kernels, NoSlots};
use std::time::Instant;

const C: usize = 8;

struct Net {
    weights: Vec<Tensor>,
}

impl Net {
    fn weight(&mut self, shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let v = (0..n)
            .map(|i| ((i * 37 % 101) as f32 - 50.0) / 300.0)
            .collect();
        let t = Tensor::value(HostTensor::f32(shape.to_vec(), v));
        self.weights.push(t.clone());
        t
    }

    fn norm(&mut self, x: &Tensor, channels: usize) -> Tensor {
        let axes = [0, 2, 3];
        let count: i64 = axes.iter().filter_map(|i| x.shape()[*i].known()).product();
        let each = Tensor::constant(1.0 / count as f64, x.dtype());
        let mean = x
            .reduce(ReduceKind::Sum, &axes, true)
            .binary(Binary::Mul, &each)
            .unwrap();
        let d = x.binary(Binary::Sub, &mean).unwrap();
        let v = d.binary(Binary::Mul, &d).unwrap();
        let v = v
            .reduce(ReduceKind::Sum, &axes, true)
            .binary(Binary::Mul, &each)
            .unwrap();
        let e = Tensor::constant(1e-5, x.dtype());
        let s = v.binary(Binary::Add, &e).unwrap().unary(Unary::Sqrt);
        let y = d.binary(Binary::Div, &s).unwrap();
        let (g, b) = (
            self.weight(&[1, channels, 1, 1]),
            self.weight(&[1, channels, 1, 1]),
        );
        y.binary(Binary::Mul, &g)
            .unwrap()
            .binary(Binary::Add, &b)
            .unwrap()
    }

    fn conv(&mut self, x: &Tensor, from: usize, to: usize, k: usize, stride: i64) -> Tensor {
        let w = self.weight(&[to, from, k, k]);
        let window = window(k as i64, stride);
        let y = x.unary(Unary::Relu).conv(&w, window, 1).unwrap();
        self.norm(&y, to)
    }
}

fn window(k: i64, stride: i64) -> Window {
    Window {
        size: [k; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [k / 2; 4],
    }
}

fn add(a: &Tensor, b: &Tensor) -> Tensor {
    a.binary(Binary::Add, b).unwrap()
}

/// A cell of four nodes: 3x3, 1x1, average pooling and skips on its edges.
fn cell(net: &mut Net, x: &Tensor, c: usize) -> Tensor {
    let a = net.conv(x, c, c, 3, 1);
    let b = add(
        &net.conv(x, c, c, 1, 1),
        &a.avg_pool(window(3, 1), false).unwrap(),
    );
    add(
        &add(&net.conv(&a, c, c, 3, 1), &net.conv(&b, c, c, 1, 1)),
        x,
    )
}

fn step() -> Vec<Tensor> {
    let mut net = Net { weights: vec![] };
    let n = 64;
    let v = (0..n * 3 * 256)
        .map(|i| ((i * 31 % 211) as f32 - 105.0) / 60.0)
        .collect();
    let x = Tensor::value(HostTensor::f32(vec![n, 3, 16, 16], v));
    let labels = (0..n as i32).map(|i| i % 10).collect();
    let labels = Tensor::value(HostTensor::i32(vec![n], labels));
    let w = net.weight(&[C, 3, 3, 3]);
    let mut h = x.conv(&w, window(3, 1), 1).unwrap();
    h = net.norm(&h, C);
    let mut c = C;
    for stage in 0..3 {
        if stage > 0 {
            let a = net.conv(&h, c, 2 * c, 3, 2);
            let a = net.conv(&a, 2 * c, 2 * c, 3, 1);
            let b = h
                .avg_pool(
                    Window {
                        size: [2; 2],
                        pad: [0; 4],
                        ..window(2, 2)
                    },
                    false,
                )
                .unwrap();
            let w = net.weight(&[2 * c, c, 1, 1]);
            h = add(&a, &b.conv(&w, window(1, 1), 1).unwrap());
            c *= 2;
        }
        h = cell(&mut net, &h, c);
    }
    let h = net
        .norm(&h, c)
        .unary(Unary::Relu)
        .reduce(ReduceKind::Sum, &[2, 3], false);
    let w = net.weight(&[10, c]);
    let logits = Tensor::contract(&[h, w], &["nc".into(), "oc".into()], "no").unwrap();
    let top = logits.reduce(ReduceKind::Max, &[1], true).stop();
    let z = logits.binary(Binary::Sub, &top).unwrap();
    let sum = z
        .unary(Unary::Exp)
        .reduce(ReduceKind::Sum, &[1], true)
        .unary(Unary::Log);
    let p = z.binary(Binary::Sub, &sum).unwrap().pick(&labels).unwrap();
    let loss = p
        .reduce(ReduceKind::Sum, &[0], false)
        .binary(Binary::Mul, &Tensor::constant(-1.0 / 64.0, DType::F32))
        .unwrap();
    let mut all = vec![loss.clone()];
    all.extend(loss.grad(&net.weights).unwrap());
    all
}

#[test]
#[ignore = "a measurement"]
fn forward_and_backward_of_a_small_cell_net() {
    let outputs = step();
    let (graph, bindings) = linearise(&outputs).unwrap();
    let at = Instant::now();
    let ready = nas_network::prepare(&graph).unwrap();
    println!("prepare: {:.1} ms", at.elapsed().as_secs_f64() * 1e3);
    let mut single = std::collections::BTreeMap::new();
    for kernel in &ready.kernels {
        let name = match kernel {
            nas_network::Kernel::Fused(_) => "fused".to_string(),
            nas_network::Kernel::Single(n) => ready.graph.nodes[*n].op.name(),
        };
        *single.entry(name).or_insert(0) += 1;
    }
    println!("kernels: {single:?}");
    let cpu = Executor::new(Device::Cpu).unwrap();
    for kernels in [Kernels::Burn, Kernels::Own] {
        let e = cpu.clone().with_kernels(kernels);
        let at = Instant::now();
        let program = e.compile(&ready);
        let compile = at.elapsed().as_secs_f64() * 1e3;
        let mut best = f64::INFINITY;
        let mut loss = 0.0;
        for _ in 0..15 {
            let at = Instant::now();
            let out = e.run(&program, &bindings, &NoSlots).unwrap();
            best = best.min(at.elapsed().as_secs_f64() * 1e3);
            loss = e.download(&out[0]).unwrap().to_f64()[0];
        }
        println!(
            "{kernels:?}: {best:.2} ms a step ({} operations), compile {compile:.2} ms, loss {loss:.6}",
            program.len()
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn a_chain_of_tiny_operations() {
    let v = Tensor::value(HostTensor::f32(vec![4, 4], vec![0.01; 16]));
    let mut x = v.clone();
    for _ in 0..1000 {
        x = Tensor::contract(&[x, v.clone()], &["ij".into(), "jk".into()], "ik").unwrap();
        x = x.unary(Unary::Tanh);
    }
    let (graph, bindings) = linearise(&[x]).unwrap();
    let ready = nas_network::prepare(&graph).unwrap();
    let cpu = Executor::new(Device::Cpu).unwrap();
    for kernels in [Kernels::Burn, Kernels::Own] {
        let e = cpu.clone().with_kernels(kernels);
        let program = e.compile(&ready);
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let at = Instant::now();
            e.run(&program, &bindings, &NoSlots).unwrap();
            best = best.min(at.elapsed().as_secs_f64() * 1e6);
        }
        println!(
            "{kernels:?}: {:.2} us an operation",
            best / program.len() as f64
        );
    }
}
