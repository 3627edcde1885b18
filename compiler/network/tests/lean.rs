//! Cleaning keeps values: on random graphs, and rule by rule.

mod common;

use common::{Draw, dims, number, run_graph, weigh};
use nas_ir::graph::linearise;
use nas_ir::op::{PadMode, Window};
use nas_ir::{Binary, DType, Dim, Graph, Op, ReduceKind, Tensor, Unary};
use nas_network::{Kernel, Ready, bytes, differentiate, fuse, lean, prepare};
use petgraph::graph::NodeIndex;
use proptest::prelude::*;

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs()))
}

/// Checks the values, and gives the cleaned graph.
fn same(outputs: &[Tensor]) -> Graph {
    let (graph, bound) = linearise(outputs).unwrap();
    let full = differentiate(&graph).unwrap().graph;
    let thin = lean(&full);
    let ready = prepare(&graph).unwrap();
    let before = run_graph(&full, &bound);
    for (name, graph) in [("lean", &thin), ("prepare", &ready.graph)] {
        let after = run_graph(graph, &bound);
        for (a, b) in before.iter().zip(&after) {
            assert_eq!(a.shape, b.shape);
            for (x, y) in a.to_f64().iter().zip(b.to_f64()) {
                let text = || format!("{name}: {x} became {y}\n{}{}", full.print(), graph.print());
                assert!(close(*x, y), "{}", text());
            }
        }
    }
    covers(&ready.graph, &ready.kernels);
    apart(&ready);
    thin
}

/// Every value a kernel reads was left in memory before, and is left there once.
fn covers(graph: &Graph, kernels: &[Kernel]) {
    let number = |op: &Op| matches!(op, Op::Const(_) | Op::Scalar);
    let mut stored: Vec<bool> = graph
        .nodes
        .node_weights()
        .map(|n| n.op == Op::Leaf)
        .collect();
    for kernel in kernels {
        match kernel {
            Kernel::Single(n) => {
                for i in graph.inputs(*n) {
                    assert!(stored[i.index()], "{i:?} for {n:?}\n{}", graph.print());
                }
            }
            Kernel::Fused(f) => {
                f.inputs.iter().for_each(|i| assert!(stored[i.index()]));
                for n in &f.nodes {
                    let node = &graph.nodes[*n];
                    if number(&node.op) {
                        continue;
                    }
                    assert_eq!(node.shape, f.shape);
                    for i in graph.inputs(*n) {
                        assert!(f.nodes.contains(&i) || f.inputs.contains(&i));
                    }
                }
            }
        }
        // Computed more than once where that is cheap, written once.
        for r in kernel.results() {
            assert!(!std::mem::replace(&mut stored[r.index()], true));
        }
    }
    for o in &graph.outputs {
        assert!(stored[o.index()], "{}", graph.print());
    }
}

/// Two values that are live at once have two buffers, large enough, and the peak is what lives.
fn apart(ready: &Ready) {
    let (graph, plan) = (&ready.graph, &ready.placement);
    let mut holder: Vec<Option<usize>> = vec![None; plan.buffers.len()];
    let mut peak = 0;
    for (k, kernel) in ready.kernels.iter().enumerate() {
        for r in kernel.results() {
            let node = &graph.nodes[r];
            let root = std::iter::successors(Some(r), |n| {
                let reshape = graph.nodes[*n].op == Op::Reshape;
                reshape.then(|| graph.inputs(*n)[0])
            });
            let root = root.last().unwrap();
            if graph.nodes[root].op == Op::Leaf {
                continue;
            }
            let b = plan.buffer[r.index()].unwrap() as usize;
            assert!(plan.buffers[b] >= bytes(node));
            let before = holder[b].replace(root.index());
            assert!(
                before.is_none_or(|n| n == root.index()),
                "{}",
                graph.print()
            );
        }
        let live = holder.iter().flatten();
        peak = peak.max(live.map(|n| bytes(&graph.nodes[NodeIndex::new(*n)])).sum());
        for n in &plan.free_after[k] {
            assert_eq!(
                holder[plan.buffer[n.index()].unwrap() as usize].take(),
                Some(n.index())
            );
            // Nobody reads it any more.
            for later in &ready.kernels[k + 1..] {
                let reads: Vec<NodeIndex> = match later {
                    Kernel::Single(s) => graph.inputs(*s),
                    Kernel::Fused(f) => f.inputs.clone(),
                };
                assert!(!reads.contains(n));
            }
        }
    }
    assert_eq!(peak, plan.peak);
}

/// A tensor grown by random operations, and its inputs.
fn grow(seed: u64, steps: usize) -> (Tensor, Vec<Tensor>) {
    let mut d = Draw(seed);
    let leaves = vec![
        d.tensor(&[2, 3, 4, 4], -1.0, 1.0),
        d.tensor(&[3, 1, 1], -1.0, 1.0),
    ];
    let mut pool = leaves.clone();
    let whole = dims(&[2, 3, 4, 4]);
    pool.push(Tensor::filled(0.0, &whole, DType::F64));
    pool.push(number(1.0));
    for _ in 0..steps {
        let x = pool[d.below(pool.len())].clone();
        let y = pool[d.below(pool.len())].clone();
        let axis = if x.rank() > 0 { d.below(x.rank()) } else { 0 };
        let size = x.sizes().unwrap().get(axis).copied().unwrap_or(0);
        let one = [
            Binary::Add,
            Binary::Sub,
            Binary::Mul,
            Binary::Max,
            Binary::Lt,
        ][d.below(5)];
        let curve = [Unary::Neg, Unary::Tanh, Unary::Relu, Unary::Abs, Unary::Cos][d.below(5)];
        let window = Window {
            size: [2, 2],
            stride: [1, 1],
            dilation: [1, 1],
            pad: [0; 4],
        };
        let made = match d.below(18) {
            0..=3 => x.binary(one, &y).ok(),
            4..=6 => Some(x.unary(curve)),
            7 => x
                .binary(one, &number([0.0, 1.0, -1.0, 2.0][d.below(4)]))
                .ok(),
            8 => x.expand(&whole).ok(),
            9 if x.rank() > 0 => {
                let kind = [ReduceKind::Sum, ReduceKind::Max][d.below(2)];
                Some(x.reduce(kind, &[axis], d.below(2) == 0))
            }
            10 if x.rank() > 1 => {
                let mut order: Vec<usize> = (0..x.rank()).collect();
                order.swap(axis, d.below(x.rank()));
                x.permute(&order).ok()
            }
            11 => {
                let n = x.sizes().unwrap().iter().product::<usize>();
                x.reshape(&dims(&[1, n])).ok()
            }
            12 if size > 1 => x.slice(axis, Dim::from(1usize), Dim::from(size), 1).ok(),
            13 if x.rank() > 0 => x.pad(axis, d.below(2) as i64, 1, PadMode::Zero).ok(),
            14 if x.rank() > 0 => Tensor::concat(&[x.clone(), x.clone()], axis).ok(),
            15 if x.rank() == 4 => x.avg_pool(window, d.below(2) == 0).ok(),
            16 => Tensor::select(&x, &y, &number(0.0)).ok(),
            17 if x.rank() > 0 => Some(x.cumsum(axis, false)),
            _ => None,
        };
        if let Some(t) = made
            && t.sizes().unwrap().iter().product::<usize>() < 1000
        {
            pool.push(t);
        }
    }
    let mut sum = number(0.0);
    for t in pool.iter().rev().take(3) {
        sum = sum.binary(Binary::Add, &weigh(t, &mut d)).unwrap();
    }
    (sum, leaves)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_graphs_keep_their_values(seed in any::<u64>(), steps in 1usize..25) {
        let (y, xs) = grow(seed, steps);
        let mut outputs = y.grad(&xs).unwrap();
        outputs.push(y);
        same(&outputs);
    }
}

fn ops(graph: &Graph) -> Vec<String> {
    graph.nodes.node_weights().map(|n| n.op.name()).collect()
}

#[test]
fn numbers_and_signs_go() {
    let mut d = Draw(21);
    let x = d.tensor(&[2, 3], -1.0, 1.0);
    let y = x.binary(Binary::Mul, &number(1.0)).unwrap();
    let y = y
        .binary(
            Binary::Add,
            &Tensor::filled(0.0, &dims(&[2, 3]), DType::F64),
        )
        .unwrap();
    let y = y
        .unary(Unary::Neg)
        .unary(Unary::Neg)
        .permute(&[1, 0])
        .unwrap();
    let y = y.permute(&[1, 0]).unwrap().reshape(&dims(&[6])).unwrap();
    let y = y.reshape(&dims(&[2, 3])).unwrap();
    assert_eq!(ops(&same(&[y.unary(Unary::Exp)])), ["leaf", "exp"]);
    // A chain of numbers is one number.
    let c = number(2.0)
        .binary(Binary::Mul, &number(3.0))
        .unwrap()
        .unary(Unary::Sqrt);
    let y = x.binary(Binary::Mul, &c).unwrap();
    assert_eq!(ops(&same(&[y])), ["leaf", "const", "mul"]);
}

#[test]
fn broadcasts_are_read_as_they_were() {
    let mut d = Draw(22);
    let (x, b) = (d.tensor(&[2, 3], -1.0, 1.0), d.tensor(&[3], -1.0, 1.0));
    let wide = b.expand(&dims(&[2, 3])).unwrap();
    let y = x.binary(Binary::Add, &wide.unary(Unary::Exp)).unwrap();
    assert_eq!(ops(&same(&[y])), ["leaf", "leaf", "exp", "add"]);
    let sum = wide.reduce(ReduceKind::Sum, &[0], false);
    let graph = same(&[sum]);
    assert!(
        !ops(&graph).contains(&"reduce.sum".to_string()),
        "{}",
        graph.print()
    );
}

#[test]
fn padding_goes_into_windows() {
    let mut d = Draw(23);
    let (x, k) = (
        d.tensor(&[1, 2, 4, 4], -1.0, 1.0),
        d.tensor(&[2, 2, 3, 3], -1.0, 1.0),
    );
    let window = Window {
        size: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [0; 4],
    };
    let padded = x
        .pad(2, 1, 2, PadMode::Zero)
        .unwrap()
        .pad(3, 1, 0, PadMode::Zero)
        .unwrap();
    let y = padded.conv(&k, window, 1).unwrap();
    assert_eq!(
        ops(&same(std::slice::from_ref(&y))),
        ["leaf", "leaf", "conv"]
    );
    let pooled = padded.avg_pool(window, false).unwrap();
    assert_eq!(
        ops(&same(std::slice::from_ref(&pooled))),
        ["leaf", "avgpool"]
    );
    let loss = weigh(&y, &mut d)
        .binary(Binary::Add, &weigh(&pooled, &mut d))
        .unwrap();
    let grads = loss.grad(&[x, k]).unwrap();
    same(&grads);
    let (graph, _) = linearise(&grads).unwrap();
    let ready = prepare(&graph).unwrap();
    assert!(
        !ops(&ready.graph).iter().any(|o| o == "slice" || o == "pad"),
        "{}",
        ready.graph.print()
    );
}

#[test]
fn parts_come_together() {
    let mut d = Draw(24);
    let x = d.tensor(&[2, 6], -1.0, 1.0);
    let part = |i: usize| {
        x.slice(1, Dim::from(2 * i), Dim::from(2 * i + 2), 1)
            .unwrap()
    };
    let joined = Tensor::concat(&[part(0), part(1), part(2)], 1).unwrap();
    assert_eq!(ops(&same(&[joined])), ["leaf"]);
    // The gradient of a split is a join.
    let y = part(0)
        .unary(Unary::Exp)
        .binary(Binary::Mul, &part(1))
        .unwrap();
    let y = weigh(
        &y.binary(Binary::Add, &part(2).unary(Unary::Sin)).unwrap(),
        &mut d,
    );
    let graph = same(&y.grad(std::slice::from_ref(&x)).unwrap());
    assert!(
        !ops(&graph).contains(&"unslice".to_string()),
        "{}",
        graph.print()
    );
}

#[test]
fn an_inner_input_stays_apart() {
    let x = Tensor::value(nas_ir::HostTensor::f64(vec![2], vec![1.0, 2.0]));
    let tap = x.unary(Unary::Sin);
    let twin = x.unary(Unary::Sin);
    let y = tap
        .binary(Binary::Mul, &twin)
        .unwrap()
        .reduce(ReduceKind::Sum, &[0], false);
    same(&y.grad(&[tap, x]).unwrap());
}

#[test]
fn a_chain_is_one_kernel_with_its_sum() {
    let mut d = Draw(25);
    let x = d.tensor(&[4, 5], -1.0, 1.0);
    let y = x
        .unary(Unary::Exp)
        .binary(Binary::Max, &number(2.0))
        .unwrap();
    let y = y.reduce(ReduceKind::Sum, &[1], false);
    let (graph, _) = linearise(&[y]).unwrap();
    let kernels = fuse(&graph);
    let [Kernel::Fused(f)] = &kernels[..] else {
        panic!("{kernels:?}");
    };
    assert_eq!((f.nodes.len(), f.inputs.len(), f.outputs.len()), (3, 1, 0));
    assert!(f.reduce.is_some());
    let ready = prepare(&graph).unwrap();
    assert_eq!(ready.placement.peak, 4 * 8);
    assert_eq!(ready.placement.bound, 20 * 8);
}

#[test]
fn memory_is_reused_along_a_chain() {
    let mut d = Draw(26);
    let mut y = d.tensor(&[8, 8], -1.0, 1.0);
    for _ in 0..10 {
        y = y.cumsum(0, false).cumsum(1, true);
    }
    let (graph, _) = linearise(&[y]).unwrap();
    let ready = prepare(&graph).unwrap();
    assert_eq!(ready.placement.peak, 2 * 64 * 8);
    assert_eq!(ready.placement.reserved(), 2 * 64 * 8);
}

#[test]
fn what_is_as_cheap_to_compute_as_to_read_is_not_kept() {
    let mut d = Draw(5);
    let x = d.tensor(&[3, 200], -1.0, 1.0);
    let bin = |b, l: &Tensor, r: &Tensor| l.binary(b, r).unwrap();
    let inner = bin(Binary::Mul, &x, &number(0.7));
    let gate = bin(Binary::Add, &inner.unary(Unary::Erf), &number(1.0));
    let y = bin(Binary::Mul, &bin(Binary::Mul, &x, &number(0.5)), &gate);
    // Something that no group takes in stands between the forward half and its gradient.
    let z = y.cumsum(1, false);
    let loss = weigh(&bin(Binary::Mul, &z, &z), &mut d);
    let grads = loss.grad(std::slice::from_ref(&x)).unwrap();
    same(&grads);
    let (graph, _) = linearise(&grads).unwrap();
    let ready = prepare(&graph).unwrap();
    let scaled = |n: &NodeIndex| {
        let op = &ready.graph.nodes[*n].op;
        let constant = |i: &NodeIndex| matches!(ready.graph.nodes[*i].op, Op::Const(_));
        *op == Op::Binary(Binary::Mul) && ready.graph.inputs(*n).iter().any(constant)
    };
    let computed = |k: &Kernel| match k {
        Kernel::Fused(f) => f.nodes.iter().filter(|n| scaled(n)).count(),
        Kernel::Single(_) => 0,
    };
    assert!(ready.kernels.iter().map(computed).sum::<usize>() > 3);
    let kept = ready.kernels.iter().flat_map(|k| k.results());
    let kept: Vec<NodeIndex> = kept.filter(scaled).collect();
    // What an operation reads that no group takes in has to be in memory.
    let read = |n: &NodeIndex| {
        let single =
            |k: &Kernel| matches!(k, Kernel::Single(s) if ready.graph.inputs(*s).contains(n));
        ready.graph.outputs.contains(n) || ready.kernels.iter().any(single)
    };
    assert!(kept.iter().all(read), "{kept:?}\n{}", ready.graph.print());
}

/// The sums over memory that a graph takes, and its kernels that reduce.
fn sums(outputs: &[Tensor]) -> (usize, usize) {
    same(outputs);
    let (graph, _) = linearise(outputs).unwrap();
    let ready = prepare(&graph).unwrap();
    let large = |n: NodeIndex| ready.graph.nodes[ready.graph.inputs(n)[0]].shape.len() == 4;
    let reduce = |n: &NodeIndex| matches!(ready.graph.nodes[*n].op, Op::Reduce { .. });
    let mut found = (0, 0);
    for kernel in &ready.kernels {
        let ends = kernel.results().filter(|n| reduce(n) && large(*n)).count();
        found = (found.0 + ends, found.1 + usize::from(ends > 0));
    }
    found
}

#[test]
fn sums_follow_from_other_sums() {
    let mut d = Draw(11);
    let bin = |b, l: &Tensor, r: &Tensor| l.binary(b, r).unwrap();
    let x = d.tensor(&[4, 3, 5, 5], -1.0, 1.0);
    let (scale, shift) = (
        d.tensor(&[1, 3, 1, 1], 0.5, 2.0),
        d.tensor(&[1, 3, 1, 1], -1.0, 1.0),
    );
    let total = |x: &Tensor| x.reduce(ReduceKind::Sum, &[0, 2, 3], true);
    // A scale goes outside, and the sum is the one that is there.
    let scaled = bin(Binary::Div, &bin(Binary::Mul, &x, &scale), &shift);
    assert_eq!(sums(&[total(&x), total(&scaled)]), (1, 1));
    let moved = bin(Binary::Sub, &scaled, &shift);
    assert_eq!(sums(&[total(&x), total(&moved)]), (1, 1));
    // What is summed over a part of the axes is another sum.
    let rows = scaled.reduce(ReduceKind::Sum, &[2, 3], false);
    assert_eq!(sums(&[total(&x), rows]).0, 2);
    // Two large values that may cancel are summed as they stand.
    let y = d.tensor(&[4, 3, 5, 5], -1.0, 1.0);
    let apart = bin(Binary::Sub, &x, &y);
    assert_eq!(sums(&[total(&x), total(&y), total(&apart)]).0, 3);
}

#[test]
fn a_norm_and_its_gradient_sum_four_times() {
    let mut d = Draw(12);
    let bin = |b, l: &Tensor, r: &Tensor| l.binary(b, r).unwrap();
    let x = d.tensor(&[4, 3, 5, 5], -1.0, 1.0);
    let scale = d.tensor(&[1, 3, 1, 1], 0.5, 2.0);
    let shift = d.tensor(&[1, 3, 1, 1], -1.0, 1.0);
    let mean = |x: &Tensor| {
        let sum = x.reduce(ReduceKind::Sum, &[0, 2, 3], true);
        bin(Binary::Div, &sum, &number(100.0))
    };
    let apart = bin(Binary::Sub, &x, &mean(&x));
    let var = mean(&bin(Binary::Mul, &apart, &apart));
    let dev = bin(Binary::Add, &var, &number(1e-5)).unary(Unary::Sqrt);
    let y = bin(Binary::Mul, &bin(Binary::Div, &apart, &dev), &scale);
    let y = bin(Binary::Add, &y, &shift).unary(Unary::Relu);
    // Something that no group takes in, before the loss.
    let loss = weigh(&y.cumsum(3, false), &mut d);
    let (all, kernels) = sums(&loss.grad(&[x, scale, shift]).unwrap());
    // Mean and variance, then both of the gradient in one pass.
    assert_eq!((all, kernels), (4, 3));
}
