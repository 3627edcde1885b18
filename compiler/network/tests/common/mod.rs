//! Helpers of the tests: random leaves, evaluation, and central differences.
#![allow(dead_code)]

use nas_ir::graph::{Bindings, linearise};
use nas_ir::{Binary, DType, Dim, HostData, HostTensor, ReduceKind, Tensor};
use nas_network::differentiate;
use nas_network::reference::{Sources, evaluate};

pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() as f64 / (1u64 << 31) as f64)
    }

    pub fn tensor(&mut self, shape: &[usize], low: f64, high: f64) -> Tensor {
        let n = shape.iter().product();
        let data = (0..n).map(|_| self.between(low, high)).collect();
        Tensor::value(HostTensor::f64(shape.to_vec(), data))
    }

    pub fn indices(&mut self, shape: &[usize], below: usize) -> Tensor {
        let n = shape.iter().product();
        let data = (0..n).map(|_| self.below(below) as i32).collect();
        Tensor::value(HostTensor::i32(shape.to_vec(), data))
    }
}

pub fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|s| Dim::from(*s)).collect()
}

pub fn number(v: f64) -> Tensor {
    Tensor::constant(v, DType::F64)
}

pub fn run_graph(graph: &nas_ir::Graph, bound: &Bindings) -> Vec<HostTensor> {
    let sources = Sources {
        bindings: bound,
        slot: &|_, _| None,
        random: &|_, key, shape| {
            let mut d = Draw(key[0]);
            (0..shape.iter().product())
                .map(|_| d.between(0.0, 1.0))
                .collect()
        },
    };
    evaluate(graph, &sources).unwrap()
}

pub fn run(outputs: &[Tensor]) -> Vec<HostTensor> {
    let (graph, bound) = linearise(outputs).unwrap();
    run_graph(&differentiate(&graph).unwrap().graph, &bound)
}

/// Every entry times its own weight, summed: a loss whose gradient differs everywhere.
pub fn weigh(y: &Tensor, draw: &mut Draw) -> Tensor {
    let sizes = y.sizes().unwrap();
    let w = draw.tensor(&sizes, 0.5, 1.5);
    let all: Vec<usize> = (0..y.rank()).collect();
    y.binary(Binary::Mul, &w)
        .unwrap()
        .reduce(ReduceKind::Sum, &all, false)
}

/// The gradients of `loss` against central differences, at every entry of `xs`.
pub fn check(name: &str, loss: &Tensor, xs: &[Tensor]) {
    let grads = run(&loss.grad(xs).unwrap());
    let (graph, bound) = linearise(std::slice::from_ref(loss)).unwrap();
    let graph = differentiate(&graph).unwrap().graph;
    let h = 1e-5;
    for (k, x) in xs.iter().enumerate() {
        let value = x.0.leaf.as_ref().unwrap().value.clone().unwrap();
        let Some(at) = bound.values.iter().position(|v| *v == value) else {
            panic!("{name}: input {k} is not read");
        };
        let got = grads[k].to_f64();
        assert_eq!(grads[k].shape, value.shape, "{name}");
        for i in 0..value.len() {
            let mut side = [0.0; 2];
            for (s, by) in [h, -h].into_iter().enumerate() {
                let mut data = value.to_f64();
                data[i] += by;
                let mut moved = bound.clone();
                moved.values[at].data = HostData::F64(data.into());
                side[s] = run_graph(&graph, &moved)[0].to_f64()[0];
            }
            let want = (side[0] - side[1]) / (2.0 * h);
            let close = (got[i] - want).abs() <= 2e-6 * (1.0 + want.abs());
            assert!(close, "{name}: input {k} at {i}: {} is not {want}", got[i]);
        }
    }
}

/// First derivatives, and second ones by the gradient of a weighted sum of the gradients.
pub fn check_twice(name: &str, y: &Tensor, xs: &[Tensor], draw: &mut Draw) {
    let loss = weigh(y, draw);
    check(name, &loss, xs);
    let mut sum = number(0.0);
    for g in loss.grad(xs).unwrap() {
        sum = sum.binary(Binary::Add, &weigh(&g, draw)).unwrap();
    }
    // Where the first derivative is constant the second is zero, and the input may not be read at all.
    let (graph, bound) = linearise(std::slice::from_ref(&sum)).unwrap();
    let _ = graph;
    let read: Vec<Tensor> = xs
        .iter()
        .filter(|x| {
            let v = x.0.leaf.as_ref().unwrap().value.as_ref().unwrap();
            bound.values.contains(v)
        })
        .cloned()
        .collect();
    check(&format!("{name}, twice"), &sum, &read);
}
