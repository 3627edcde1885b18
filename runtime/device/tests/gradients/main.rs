//! Every operation that has a gradient, on random shapes: our gradient against Burn's own autodiff and central differences.

mod cases;
mod windows;

use burn::tensor::{Device as BurnDevice, Tensor as BurnTensor, TensorData};
use nas_ir::graph::linearise;
use nas_ir::{Binary, Dim, HostTensor, Op, ReduceKind, Tensor, Unary};
use nas_network::prepare;
use nasc_device::{Device, Executor, Kernels, NoSlots};
use std::collections::BTreeSet;

type Flat = BurnTensor<1>;

/// One operation on inputs whose gradients are wanted, written twice.
pub struct Case {
    pub name: String,
    pub xs: Vec<HostTensor>,
    pub ours: Box<dyn Fn(&[Tensor]) -> Tensor>,
    /// From the inputs as flat lists to the result as one.
    pub burns: Box<dyn Fn(&[Flat]) -> Flat>,
}

/// Numbers and shapes from a seed.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
    pub fn from(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
    /// Values in a range, no two closer than differences can tell apart.
    pub fn tensor(&mut self, shape: &[usize], low: f64, high: f64) -> HostTensor {
        let n: usize = shape.iter().product();
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        let step = (high - low) / n as f64;
        let v = order
            .iter()
            .map(|k| low + (*k as f64 + 0.25 + self.below(100) as f64 / 200.0) * step)
            .collect();
        HostTensor::f64(shape.to_vec(), v)
    }
    pub fn index(&mut self, n: usize, below: usize) -> Vec<usize> {
        (0..n).map(|_| self.below(below)).collect()
    }
}

pub fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|d| Dim::from(*d)).collect()
}

pub fn whole(shape: &[usize], v: &[usize]) -> Tensor {
    let v = v.iter().map(|i| *i as i32).collect();
    Tensor::value(HostTensor::i32(shape.to_vec(), v))
}

fn device() -> BurnDevice {
    BurnDevice::flex().autodiff()
}

/// Numbers of Burn that want no gradient.
pub fn fixed(v: Vec<f64>) -> Flat {
    let n = v.len();
    BurnTensor::from_data(
        TensorData::new(v, [n]),
        (&device(), burn::tensor::DType::F64),
    )
}

pub fn flat<const D: usize>(x: BurnTensor<D>) -> Flat {
    let n: usize = x.dims().iter().product();
    x.reshape([n])
}

fn weights(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| 0.5 + (i * 37 % 101) as f64 / 101.0)
        .collect()
}

/// The sum of all entries, each times a weight of its own.
fn weighed(y: &Tensor) -> Tensor {
    let shape = y.sizes().unwrap();
    let w = HostTensor::f64(shape.clone(), weights(shape.iter().product()));
    let all: Vec<usize> = (0..shape.len()).collect();
    let y = y.binary(Binary::Mul, &Tensor::value(w)).unwrap();
    if all.is_empty() {
        y
    } else {
        y.reduce(ReduceKind::Sum, &all, false)
    }
}

fn run(e: &Executor, outputs: &[Tensor]) -> Vec<Vec<f64>> {
    let (graph, bindings) = linearise(outputs).unwrap();
    let program = e.compile(&prepare(&graph).unwrap());
    let out = e.run(&program, &bindings, &NoSlots).unwrap();
    out.iter()
        .map(|v| e.download(v).unwrap().to_f64())
        .collect()
}

fn near(got: &[f64], want: &[f64], tolerance: f64, about: &str) {
    assert_eq!(got.len(), want.len(), "{about}");
    let size = want.iter().fold(1.0f64, |m, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= tolerance * size,
            "{about} at {i}: {g} for {w}"
        );
    }
}

fn check(case: &Case, own: &Executor, burn: &Executor) {
    // A cast goes through single precision; it and the marks that steer gradients are no matter of differences.
    let loose = if case.name == "Cast" { 1e4 } else { 1.0 };
    let steered = ["Cast", "Stop", "Surrogate"].contains(&&*case.name);
    let xs: Vec<Tensor> = case.xs.iter().cloned().map(Tensor::value).collect();
    let y = (case.ours)(&xs);
    let mut outputs = vec![y.clone()];
    outputs.extend(weighed(&y).grad(&xs).unwrap());
    let got = run(own, &outputs);
    for (a, b) in run(burn, &outputs).iter().zip(&got) {
        near(a, b, 1e-11, &format!("{}: the two executors", case.name));
    }
    // Burn's own autodiff.
    let leaves: Vec<Flat> = case
        .xs
        .iter()
        .map(|x| fixed(x.to_f64()).require_grad())
        .collect();
    let z = (case.burns)(&leaves);
    let values = z.clone().into_data().try_into_vec::<f64>().unwrap();
    near(&got[0], &values, 1e-11, &format!("{}: forward", case.name));
    let grads = (z * fixed(weights(values.len()))).sum().backward();
    for (k, leaf) in leaves.iter().enumerate() {
        let want = match leaf.grad(&grads) {
            Some(g) => g.into_data().try_into_vec::<f64>().unwrap(),
            None => vec![0.0; case.xs[k].len()],
        };
        near(
            &got[1 + k],
            &want,
            1e-10 * loose,
            &format!("{}: gradient {k} by Burn", case.name),
        );
    }
    // Differences, at a few places of each input.
    let loss = |moved: &[HostTensor]| -> f64 {
        let xs: Vec<Tensor> = moved.iter().cloned().map(Tensor::value).collect();
        run(own, &[weighed(&(case.ours)(&xs))])[0][0]
    };
    if steered {
        return;
    }
    const STEP: f64 = 1e-6;
    for (k, x) in case.xs.iter().enumerate() {
        for at in (0..x.len()).step_by(x.len().div_ceil(3).max(1)) {
            let mut side = [0.0; 2];
            for (s, by) in side.iter_mut().zip([STEP, -STEP]) {
                let mut moved = case.xs.clone();
                let mut v = x.to_f64();
                v[at] += by;
                moved[k] = HostTensor::f64(x.shape.clone(), v);
                *s = loss(&moved);
            }
            let slope = (side[0] - side[1]) / (2.0 * STEP);
            let about = format!("{}: gradient {k} by differences", case.name);
            near(&[got[1 + k][at]], &[slope], 2e-6, &about);
        }
    }
}

/// The name of an operation's cases; none where no gradient passes. A new operation does not compile before it is here.
fn named(op: &Op) -> Option<String> {
    use Op::*;
    match op {
        Leaf | Const(_) | Scalar | Random(_) | Iota | OneHot { .. } => None,
        ArgReduce { .. } | ArgSort | Host(_) => None,
        // Expanded before anything runs.
        Grad { .. } => None,
        op @ Unary(u) => match u {
            self::Unary::Sign | self::Unary::Round | self::Unary::Floor => None,
            self::Unary::Ceil | self::Unary::Not => None,
            self::Unary::Neg | self::Unary::Exp | self::Unary::Log | self::Unary::Sqrt => {
                Some(op.name())
            }
            self::Unary::Abs | self::Unary::Sin | self::Unary::Cos | self::Unary::Tanh => {
                Some(op.name())
            }
            self::Unary::Erf | self::Unary::Sigmoid | self::Unary::Relu => Some(op.name()),
        },
        op @ Binary(b) => match b {
            self::Binary::Lt | self::Binary::Le | self::Binary::Gt | self::Binary::Ge => None,
            self::Binary::Eq | self::Binary::Ne | self::Binary::And | self::Binary::Or => None,
            self::Binary::Add | self::Binary::Sub | self::Binary::Mul | self::Binary::Div => {
                Some(op.name())
            }
            self::Binary::Pow | self::Binary::Max | self::Binary::Min => Some(op.name()),
        },
        op @ (Select | Cast(_) | Reduce { .. } | Reshape | Permute(_) | Expand) => Some(op.name()),
        op @ (Slice { .. } | Unslice { .. } | Pad { .. } | Concat { .. }) => Some(op.name()),
        op @ (Gather { .. } | ScatterAdd { .. } | Pick | Unpick { .. }) => Some(op.name()),
        op @ (TakeAlong | PutAlong | Sort | CumSum { .. } | Contract { .. }) => Some(op.name()),
        op @ (Conv { .. } | ConvGradInput { .. } | ConvGradWeight { .. }) => Some(op.name()),
        op @ (AvgPool { .. } | AvgPoolGrad { .. } | MaxPool { .. }) => Some(op.name()),
        op @ (MaxPoolGrad { .. } | MaxPoolPick { .. }) => Some(op.name()),
        op @ (Stop | Surrogate | Mark(_)) => Some(op.name()),
    }
}

/// How many names `named` gives: what the table below has to reach.
const NAMES: usize = 11 + 7 + 8 + 4 + 4 + 5 + 3 + 3 + 2 + 3;

#[test]
fn every_gradient_agrees_with_burns_autodiff_and_with_differences() {
    let own = Executor::new(Device::Cpu).unwrap();
    let burn = own.clone().with_kernels(Kernels::Burn);
    let mut met: BTreeSet<String> = BTreeSet::new();
    for seed in 0..6 {
        let mut d = Draw(seed * 977 + 5);
        let mut all = cases::all(&mut d);
        all.extend(windows::all(&mut d));
        for case in &all {
            check(case, &own, &burn);
            let xs: Vec<Tensor> = case.xs.iter().cloned().map(Tensor::value).collect();
            let (graph, _) = linearise(&[(case.ours)(&xs)]).unwrap();
            met.extend(graph.nodes.node_weights().filter_map(|n| named(&n.op)));
            // Marks are left out of graphs, and the draw of extents may leave out a window that does not fit.
            met.extend(named(&Op::Mark("".into())));
        }
    }
    let reduced = ["reduce.sum", "reduce.max", "reduce.min"];
    assert!(reduced.iter().all(|r| met.contains(*r)), "{met:?}");
    assert_eq!(met.len(), NAMES, "an operation has no case: {met:?}");
}
