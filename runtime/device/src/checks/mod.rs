//! Every operation, each executor against the plain loops in f64, on random shapes.

mod cases;

use crate::host;
use crate::{Device, Executor, Kernels, NoSlots};
use cases::{Case, cases};
use nas_ir::graph::Binding;
use nas_ir::{Bindings, DType, Graph, GraphNode, HostData, HostTensor, Op};

/// A graph of one operation on bound values.
fn graph(case: &Case, dtype: DType) -> (Graph, Bindings) {
    let mut g = Graph::new();
    let mut bindings = Bindings::default();
    let mut inputs = vec![];
    for t in &case.inputs {
        let t = typed(t, dtype);
        let node = GraphNode {
            op: Op::Leaf,
            shape: t.shape.clone(),
            dtype: crate::value::dtype_of(&t),
        };
        let n = g.add(node, &[]);
        g.bindings.push((n, Binding::Value(bindings.values.len())));
        bindings.values.push(t);
        inputs.push(n);
    }
    let node = GraphNode {
        op: case.op.clone(),
        shape: case.shape.clone(),
        dtype: out_type(case, dtype),
    };
    let n = g.add(node, &inputs);
    g.outputs = vec![n];
    (g, bindings)
}

fn out_type(case: &Case, dtype: DType) -> DType {
    match case.op {
        Op::ArgReduce { .. } | Op::ArgSort | Op::Iota => DType::I32,
        Op::Host(_) => DType::F64,
        Op::Cast(d) => d,
        _ if case.whole => DType::I32,
        _ => dtype,
    }
}

/// The case's floats in the wanted type.
fn typed(t: &HostTensor, dtype: DType) -> HostTensor {
    match (&t.data, dtype) {
        (HostData::F64(v), DType::F32) => {
            HostTensor::f32(t.shape.clone(), v.iter().map(|x| *x as f32).collect())
        }
        _ => t.clone(),
    }
}

fn oracle(case: &Case, bindings: &Bindings, dtype: DType) -> HostTensor {
    // From the same rounded inputs, in f64.
    let inputs: Vec<HostTensor> = bindings
        .values
        .iter()
        .map(|t| match &t.data {
            HostData::F32(_) => HostTensor::f64(t.shape.clone(), t.to_f64()),
            _ => t.clone(),
        })
        .collect();
    let args: Vec<host::Arg<'_>> = inputs.iter().map(host::Arg::of).collect();
    let out = match out_type(case, dtype) {
        DType::I32 => DType::I32,
        _ => DType::F64,
    };
    match host::eval(&case.op, &args, &case.shape, out) {
        Ok(t) => t,
        Err(f) => panic!("{:?}: {f}", case.op),
    }
}

fn close(a: f64, b: f64, tolerance: f64, size: f64) -> bool {
    if a.is_nan() || b.is_nan() {
        return a.is_nan() && b.is_nan();
    }
    a == b || (a - b).abs() <= tolerance * (size + b.abs())
}

fn compare(kernels: Kernels, dtype: DType) {
    let executor = Executor::new(Device::Cpu).unwrap().with_kernels(kernels);
    let mut wrong = vec![];
    for seed in 0..40 {
        for case in cases(seed) {
            let (g, bindings) = graph(&case, dtype);
            let program = executor.compile_graph(&g);
            let want = oracle(&case, &bindings, dtype);
            let about = format!(
                "{:?} {:?} -> {:?}",
                case.op,
                case.inputs
                    .iter()
                    .map(|t| t.shape.clone())
                    .collect::<Vec<_>>(),
                case.shape
            );
            let got = match executor.run(&program, &bindings, &NoSlots) {
                Ok(v) => executor.download(&v[0]).unwrap(),
                Err(f) => {
                    wrong.push(format!("{about}: {f}"));
                    continue;
                }
            };
            let again = executor.run(&program, &bindings, &NoSlots).unwrap();
            let again = executor.download(&again[0]).unwrap();
            assert_eq!(bits(&again), bits(&got), "{about}: not the same bits twice");
            let tolerance = if dtype == DType::F64 { 1e-11 } else { 2e-5 };
            let size = want
                .to_f64()
                .iter()
                .filter(|v| v.is_finite())
                .fold(1.0f64, |a, v| a.max(v.abs()));
            for (i, (a, b)) in got.to_f64().iter().zip(want.to_f64()).enumerate() {
                if !close(*a, b, tolerance * case.loose, size) {
                    wrong.push(format!("{about}: at {i}: {a} for {b}"));
                    break;
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup_by_key(|w| w.split(' ').next().map(str::to_string));
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn bits(t: &HostTensor) -> Vec<u64> {
    t.to_f64().iter().map(|v| v.to_bits()).collect()
}

#[test]
fn burn_in_single_precision() {
    compare(Kernels::Burn, DType::F32);
}

#[test]
fn burn_in_double_precision() {
    compare(Kernels::Burn, DType::F64);
}

#[test]
fn own_in_single_precision() {
    compare(Kernels::Own, DType::F32);
}

#[test]
fn own_in_double_precision() {
    compare(Kernels::Own, DType::F64);
}
