//! Writing tensors as a graph: order, sharing, bindings, and the fingerprint that leaves values out.

use nas_ir::graph::{Binding, collect, linearise};
use nas_ir::{Binary, DType, Dim, Distribution, HostTensor, Op, Tensor, Unary};

fn slot(store: u64, address: &str) -> Tensor {
    let shape = vec![Dim::from(2i64)].into();
    Tensor::slot(store, address.into(), shape, DType::F32)
}

fn net(store: u64, rate: f64, key: u64) -> Vec<Tensor> {
    let x = Tensor::value(HostTensor::f32(vec![2], vec![rate as f32, 1.0]));
    let noise = Tensor::random(Distribution::Normal, x.shape(), [key; 4], DType::F32);
    let y = slot(store, "w").binary(Binary::Mul, &x).unwrap();
    let y = y.binary(Binary::Add, &noise.mark("a.b".into())).unwrap();
    let rate = Tensor::scalar(rate, DType::F32);
    let z = slot(store, "w").binary(Binary::Sub, &rate).unwrap();
    vec![y, z]
}

#[test]
fn slots_are_shared_and_everything_is_bound() {
    let (graph, bound) = linearise(&net(5, 0.1, 9)).unwrap();
    assert_eq!(bound.stores, [5]);
    assert_eq!(
        (bound.values.len(), bound.scalars.len(), bound.keys.len()),
        (1, 1, 1)
    );
    let slots = graph
        .bindings
        .iter()
        .filter(|b| matches!(b.1, Binding::Slot { .. }));
    assert_eq!(slots.count(), 1);
    assert!(
        graph
            .nodes
            .node_weights()
            .all(|n| !matches!(n.op, Op::Mark(_)))
    );
    for n in graph.nodes.node_indices() {
        assert!(graph.inputs(n).iter().all(|i| i < &n));
    }
    assert_eq!(
        graph.print(),
        "%0 = leaf  [2]\n%1 = leaf  [2]\n%2 = mul %0 %1 [2]\n%3 = random.normal  [2]\n\
         %4 = add %2 %3 [2]\n%5 = scalar  []\n%6 = sub %0 %5 [2]\nreturn %4 %6\n"
    );
}

#[test]
fn the_fingerprint_leaves_values_out() {
    let (a, bound) = collect(&net(5, 0.1, 9)).unwrap();
    assert_eq!(a, collect(&net(6, 0.2, 8)).unwrap().0);
    let swapped: Vec<Tensor> = net(5, 0.1, 9).into_iter().rev().collect();
    assert_ne!(a, collect(&swapped).unwrap().0);
    let mut longer = net(5, 0.1, 9);
    longer[0] = longer[0].unary(Unary::Exp);
    assert_ne!(a, collect(&longer).unwrap().0);
    let (_, same) = linearise(&net(5, 0.1, 9)).unwrap();
    assert_eq!(bound.scalars, same.scalars);
    assert_eq!(bound.keys, same.keys);
    assert_eq!(bound.values, same.values);
}

#[test]
fn two_stores_are_not_one() {
    let sum = |a: u64, b: u64| vec![slot(a, "w").binary(Binary::Add, &slot(b, "w")).unwrap()];
    let (same, _) = collect(&sum(1, 1)).unwrap();
    let (other, bound) = collect(&sum(1, 2)).unwrap();
    assert_ne!(same, other);
    assert_eq!(bound.stores, [1, 2]);
    assert_eq!(linearise(&sum(1, 1)).unwrap().0.nodes.node_count(), 2);
    assert_eq!(linearise(&sum(1, 2)).unwrap().0.nodes.node_count(), 3);
}

#[test]
fn what_has_a_value_is_bound_to_it() {
    let y = slot(1, "w").unary(Unary::Exp);
    y.0.value
        .set(HostTensor::f32(vec![2], vec![1.0, 2.0]))
        .unwrap();
    let (graph, bound) = linearise(&[y.unary(Unary::Neg)]).unwrap();
    assert_eq!(
        graph.print(),
        "%0 = leaf  [2]\n%1 = neg %0 [2]\nreturn %1\n"
    );
    assert_eq!(bound.values.len(), 1);
}

#[test]
fn a_stand_in_cannot_run() {
    let x = Tensor::symbol("x", vec![Dim::from(2i64)].into(), DType::F32);
    assert!(linearise(&[x.unary(Unary::Exp)]).is_err());
    assert!(collect(&[x]).is_err());
    let open = Tensor::slot(1, "w".into(), vec![Dim::var("n")].into(), DType::F32);
    assert!(linearise(&[open]).is_err());
}

#[test]
fn long_chains_do_not_exhaust_the_stack() {
    let mut y = slot(1, "w");
    for _ in 0..20_000 {
        y = y.unary(Unary::Sin);
    }
    assert_eq!(
        linearise(std::slice::from_ref(&y))
            .unwrap()
            .0
            .nodes
            .node_count(),
        20_001
    );
    assert!(collect(&[y]).is_ok());
}
