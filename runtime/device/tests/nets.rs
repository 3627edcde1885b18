//! Whole nets with their gradients: both executors against the plain evaluator, Burn's own autodiff and differences.

use burn::tensor::{
    Device as BurnDevice, Tensor as BurnTensor, TensorData, activation, module, ops,
};
use nas_ir::graph::linearise;
use nas_ir::op::Window;
use nas_ir::{Binary, Bindings, DType, Dim, HostTensor, ReduceKind, Tensor, Unary};
use nas_network::reference::{Sources, evaluate};
use nas_network::{Ready, prepare};
use nasc_device::{Device, Executor, Kernels, NoSlots, Program, RunFault, Slots, Value};

/// Numbers in -1..1 that look random.
fn numbers(seed: u64, n: usize) -> Vec<f64> {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            s ^= s << 13;
            s ^= s >> 7;
            s ^= s << 17;
            (s >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

fn tensor(seed: u64, shape: &[usize], dtype: DType) -> HostTensor {
    let v = numbers(seed, shape.iter().product());
    match dtype {
        DType::F64 => HostTensor::f64(shape.to_vec(), v),
        _ => HostTensor::f32(shape.to_vec(), v.into_iter().map(|x| x as f32).collect()),
    }
}

fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|s| Dim::from(*s)).collect()
}

fn square(stride: i64, pad: i64) -> Window {
    Window {
        size: [3, 3],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 4],
    }
}

/// Batch normalisation without scale.
fn norm(x: &Tensor) -> Tensor {
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
    d.binary(Binary::Div, &s).unwrap()
}

/// Mean of -log softmax at the labels.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Tensor {
    let top = logits.reduce(ReduceKind::Max, &[1], true).stop();
    let z = logits.binary(Binary::Sub, &top).unwrap();
    let sum = z.unary(Unary::Exp).reduce(ReduceKind::Sum, &[1], true);
    let p = z.binary(Binary::Sub, &sum.unary(Unary::Log)).unwrap();
    let n = logits.shape()[0].known().unwrap_or(1) as f64;
    let picked = p.pick(labels).unwrap().reduce(ReduceKind::Sum, &[0], false);
    picked
        .binary(Binary::Mul, &Tensor::constant(-1.0 / n, logits.dtype()))
        .unwrap()
}

/// Two convolutions, pooling, a linear layer; the loss and its gradients for the three weights.
fn small(dtype: DType, weights: &[HostTensor; 3]) -> Vec<Tensor> {
    let w: Vec<Tensor> = weights.iter().cloned().map(Tensor::value).collect();
    let x = Tensor::value(tensor(1, &[3, 2, 8, 8], dtype));
    let labels = Tensor::value(HostTensor::i32(vec![3], vec![0, 3, 1]));
    let h = norm(&x.conv(&w[0], square(1, 1), 1).unwrap()).unary(Unary::Relu);
    let h = h.avg_pool(square(1, 1), false).unwrap();
    let h = h.conv(&w[1], square(2, 1), 2).unwrap().unary(Unary::Tanh);
    let h = h.max_pool(square(1, 1)).unwrap();
    let h = h.reduce(ReduceKind::Sum, &[2, 3], false);
    let logits = Tensor::contract(&[h, w[2].clone()], &["nc".into(), "oc".into()], "no").unwrap();
    let loss = cross_entropy(&logits, &labels);
    let mut all = vec![loss.clone()];
    all.extend(loss.grad(&w).unwrap());
    all
}

fn weights(dtype: DType) -> [HostTensor; 3] {
    [
        tensor(2, &[4, 2, 3, 3], dtype),
        tensor(3, &[6, 2, 3, 3], dtype),
        tensor(4, &[5, 6], dtype),
    ]
}

fn executors() -> [Executor; 2] {
    let cpu = Executor::new(Device::Cpu).unwrap();
    [
        cpu.clone().with_kernels(Kernels::Burn),
        cpu.with_kernels(Kernels::Own),
    ]
}

fn made(outputs: &[Tensor]) -> (Ready, Bindings) {
    let (graph, bindings) = linearise(outputs).unwrap();
    (prepare(&graph).unwrap(), bindings)
}

fn run(e: &Executor, p: &Program, b: &Bindings) -> Vec<HostTensor> {
    let out = e.run(p, b, &NoSlots).unwrap();
    out.iter().map(|v| e.download(v).unwrap()).collect()
}

fn assert_close(a: &HostTensor, b: &HostTensor, tolerance: f64, about: &str) {
    let (a, b) = (a.to_f64(), b.to_f64());
    let size = b.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    assert_eq!(a.len(), b.len(), "{about}");
    for (x, y) in a.iter().zip(&b) {
        assert!((x - y).abs() <= tolerance * size, "{about}: {x} for {y}");
    }
}

#[test]
fn both_executors_agree_with_the_plain_evaluator() {
    for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 3e-5)] {
        let (ready, bindings) = made(&small(dtype, &weights(dtype)));
        let sources = Sources {
            bindings: &bindings,
            slot: &|_, _| None,
            random: &|_, _, _| vec![],
        };
        let want = evaluate(&ready.graph, &sources).unwrap();
        for e in executors() {
            let program = e.compile(&ready);
            let got = run(&e, &program, &bindings);
            for (g, w) in got.iter().zip(&want) {
                assert_close(g, w, tolerance, &format!("{:?} {dtype:?}", e.kernels()));
            }
            assert_eq!(run(&e, &program, &bindings), got, "the same bits again");
        }
    }
}

#[test]
fn gradients_agree_with_differences() {
    let given = weights(DType::F64);
    let e = &executors()[1];
    let (ready, bindings) = made(&small(DType::F64, &given));
    let got = run(e, &e.compile(&ready), &bindings);
    for which in 0..3 {
        for at in [0, 3, 7] {
            let mut loss = [0.0; 2];
            for (l, h) in loss.iter_mut().zip([1e-6, -1e-6]) {
                let mut moved = given.clone();
                let mut v = moved[which].to_f64();
                v[at] += h;
                moved[which] = HostTensor::f64(moved[which].shape.clone(), v);
                let (ready, bindings) = made(&small(DType::F64, &moved)[..1]);
                *l = run(e, &e.compile(&ready), &bindings)[0].to_f64()[0];
            }
            let slope = (loss[0] - loss[1]) / 2e-6;
            let g = got[1 + which].to_f64()[at];
            assert!(
                (g - slope).abs() < 1e-6,
                "weight {which} at {at}: {g} for {slope}"
            );
        }
    }
}

#[test]
fn gradients_agree_with_burns_autodiff() {
    let given = weights(DType::F64);
    let device = BurnDevice::flex().autodiff();
    let options = (&device, burn::tensor::DType::F64);
    let leaf = |t: &HostTensor| TensorData::new(t.to_f64(), t.shape.clone());
    let w0 = BurnTensor::<4>::from_data(leaf(&given[0]), options).require_grad();
    let w1 = BurnTensor::<4>::from_data(leaf(&given[1]), options).require_grad();
    let w2 = BurnTensor::<2>::from_data(leaf(&given[2]), options).require_grad();
    let x = BurnTensor::<4>::from_data(leaf(&tensor(1, &[3, 2, 8, 8], DType::F64)), options);
    let conv =
        |x, w, s, g| module::conv2d(x, w, None, ops::ConvOptions::new([s; 2], [1; 2], [1; 2], g));
    let h = conv(x, w0.clone(), 1, 1);
    let over = |t: BurnTensor<4>| t.mean_dim(0).mean_dim(2).mean_dim(3);
    let d = h.clone() - over(h);
    let h = activation::relu(d.clone() / (over(d.clone() * d) + 1e-5).sqrt());
    let h = module::avg_pool2d(
        h,
        ops::AvgPoolOptions::new([3; 2])
            .with_stride([1; 2])
            .with_padding([1; 2])
            .with_count_include_pad(false),
    );
    let h = conv(h, w1.clone(), 2, 2).tanh();
    let h = module::max_pool2d(
        h,
        ops::MaxPoolOptions::new([3; 2])
            .with_stride([1; 2])
            .with_padding([1; 2]),
    );
    let h = h.sum_dim(2).sum_dim(3).reshape([3, 6]);
    let p = activation::log_softmax(h.matmul(w2.clone().transpose()), 1);
    let labels = BurnTensor::<2, burn::tensor::Int>::from_data([[0], [3], [1]], &device);
    let grads = p.gather(1, labels).sum().mul_scalar(-1.0 / 3.0).backward();
    let back = |d: TensorData| d.try_into_vec::<f64>().unwrap();
    let want = [
        back(w0.grad(&grads).unwrap().into_data()),
        back(w1.grad(&grads).unwrap().into_data()),
        back(w2.grad(&grads).unwrap().into_data()),
    ];
    let (ready, bindings) = made(&small(DType::F64, &given));
    for e in executors() {
        let got = run(&e, &e.compile(&ready), &bindings);
        for (g, w) in got[1..].iter().zip(&want) {
            let w = HostTensor::f64(g.shape.clone(), w.clone());
            assert_close(g, &w, 1e-11, &format!("{:?}", e.kernels()));
        }
    }
}

struct One(HostTensor);

impl Slots for One {
    fn get(&self, _: usize, address: &str) -> Option<Value> {
        (address == "a").then(|| Value::from(self.0.clone()))
    }
}

#[test]
fn what_is_missing_or_wrong_is_a_fault() {
    let slot = |name: &str| Tensor::slot(7, name.into(), dims(&[2]).into(), DType::F32);
    for e in executors() {
        let (ready, bindings) = made(&[slot("a").unary(Unary::Exp)]);
        let p = e.compile(&ready);
        let good = One(HostTensor::f32(vec![2], vec![0.0, 0.0]));
        let out = e.run(&p, &bindings, &good).unwrap();
        assert_eq!(e.download(&out[0]).unwrap().to_f64(), [1.0, 1.0]);
        let fault = e.run(&p, &bindings, &NoSlots).unwrap_err();
        assert!(
            matches!(fault, RunFault::MissingSlot { store: 0, .. }),
            "{fault}"
        );
        let long = One(HostTensor::f32(vec![3], vec![0.0; 3]));
        let fault = e.run(&p, &bindings, &long).unwrap_err();
        assert!(matches!(fault, RunFault::Mismatch { .. }), "{fault}");
        let index = Tensor::value(HostTensor::i32(vec![1], vec![5]));
        let (ready, bindings) = made(&[slot("a").gather(0, &index).unwrap()]);
        let fault = e.run(&e.compile(&ready), &bindings, &good).unwrap_err();
        assert!(
            matches!(
                fault,
                RunFault::Index {
                    index: 5,
                    extent: 2
                }
            ),
            "{fault}"
        );
    }
}

#[test]
fn the_first_value_that_is_not_finite_is_named() {
    let x = Tensor::value(HostTensor::f32(vec![3], vec![1.0, 0.0, 2.0]));
    let y = x.unary(Unary::Neg).unary(Unary::Sqrt).unary(Unary::Exp);
    for e in executors() {
        let (ready, bindings) = made(std::slice::from_ref(&y));
        let p = e.compile(&ready);
        let found = e
            .first_non_finite(&p, &bindings, &NoSlots)
            .unwrap()
            .unwrap();
        assert_eq!((found.op.as_str(), found.at), ("sqrt", 0));
        assert!(found.value.is_nan());
        let (ready, bindings) = made(&[x.unary(Unary::Exp)]);
        let p = e.compile(&ready);
        assert_eq!(e.first_non_finite(&p, &bindings, &NoSlots), Ok(None));
    }
}

#[test]
fn a_device_that_is_not_there_is_a_clean_fault() {
    if let Err(fault) = Executor::new(Device::Cuda(0)) {
        assert!(fault.help.contains("`cpu`"), "{fault:?}");
    }
}

#[test]
fn several_threads_at_once_give_the_same_bits() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (ready, bindings) = made(&small(DType::F32, &weights(DType::F32)));
    for e in executors() {
        let program = e.compile(&ready);
        shared(&e);
        shared(&program);
        let want = run(&e, &program, &bindings);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..8 {
                        assert_eq!(run(&e, &program, &bindings), want);
                    }
                });
            }
        });
    }
}
