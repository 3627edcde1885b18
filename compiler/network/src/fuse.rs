//! Groups of element-wise operations that run as one pass over memory.
//!
//! The graph is scheduled from its end: a node is placed when all its users are, the highest number first, so kernels keep
//! close to the graph's own order and a value that only the backward half needs is computed there. When an element-wise node
//! is placed it opens a group, which takes in every input that is element-wise, has the same shape and element type, and has
//! no users left to place. No value is computed twice, and no kernel reads what a later one writes.

use crate::flat::{Flat, Id, Inputs, index};
use nas_ir::{DType, Graph, Op, ReduceKind};
use petgraph::graph::NodeIndex;
use std::collections::BinaryHeap;

/// What runs at once, in executable order. Leaves are not among the kernels: they are bound before. A `Const` or `Scalar` is
/// one only where a single operation reads it, or it is an output.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    Fused(FusedKernel),
    Single(NodeIndex),
}

/// Element-wise operations over one iteration shape and one float element type. Every node computes at every index of
/// `shape`; an input (and the operand of an `Expand`) is read right-aligned, at 0 where its extent is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct FusedKernel {
    /// The iteration shape.
    pub shape: Vec<usize>,
    /// In topological order: `Unary`, `Binary`, `Select`, `Cast` to the group's type, `Expand`; and each `Const` and `Scalar`
    /// they read (0-d, an immediate; several groups may name the same one). The reduction is not among them.
    pub nodes: Vec<NodeIndex>,
    /// Values from memory: of float type (the group's, or another under a `Cast`), of a shape that broadcasts to `shape`.
    pub inputs: Vec<NodeIndex>,
    /// The nodes of the group whose values are read outside of it, each of shape `shape`; empty where only the reduction is.
    pub outputs: Vec<NodeIndex>,
    /// (kind, axes of `shape` ascending, the `Reduce` node): it reads the value of a node of the group that nothing else
    /// reads. Which node: the input of the `Reduce`. The shape of the result says whether the axes stay as 1.
    pub reduce: Option<(ReduceKind, Vec<usize>, NodeIndex)>,
}

impl Kernel {
    /// The values it leaves in memory.
    pub fn results(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        let (list, one) = match self {
            Kernel::Fused(f) => (&f.outputs[..], f.reduce.as_ref().map(|r| r.2)),
            Kernel::Single(n) => (&[][..], Some(*n)),
        };
        list.iter().copied().chain(one)
    }
}

/// The kernels that the outputs of a graph need.
pub fn fuse(graph: &Graph) -> Vec<Kernel> {
    group(&Flat::read(graph))
}

struct Groups<'a> {
    flat: &'a Flat,
    users: Vec<Vec<Id>>,
    /// Users that are not placed yet.
    pending: Vec<u32>,
    output: Vec<bool>,
    ready: BinaryHeap<Id>,
    /// The group a node is in, by the number of its kernel; `u32::MAX` for none.
    owner: Vec<u32>,
    kernels: Vec<Kernel>,
    /// Numbers that single operations read.
    loose: Vec<bool>,
}

fn is_number(op: &Op) -> bool {
    matches!(op, Op::Const(_) | Op::Scalar)
}

impl Groups<'_> {
    fn element_wise(&self, n: Id) -> bool {
        let node = &self.flat.nodes[n as usize];
        let inputs = &self.flat.inputs[n as usize];
        let float = |i: &Id| self.flat.dtype(*i) != DType::I32;
        let alike = |i: &Id| self.flat.dtype(*i) == node.dtype;
        match &node.op {
            _ if node.dtype == DType::I32 => false,
            Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Expand => inputs.iter().all(alike),
            Op::Cast(_) => inputs.iter().all(float),
            _ => false,
        }
    }

    /// Marks a node as placed; its inputs that have no users left become ready.
    fn placed(&mut self, n: Id) -> Inputs {
        let mut freed = Inputs::new();
        for i in &self.flat.inputs[n as usize] {
            let p = &mut self.pending[*i as usize];
            *p -= 1;
            if *p == 0 {
                freed.push(*i);
            }
        }
        freed
    }

    /// Queues a node that no group has taken.
    fn queue(&mut self, n: Id) {
        let op = &self.flat.nodes[n as usize].op;
        if !is_number(op) && *op != Op::Leaf {
            self.ready.push(n);
        }
    }

    fn place(&mut self, n: Id) {
        let number = self.kernels.len() as u32;
        let node = &self.flat.nodes[n as usize];
        let inputs = &self.flat.inputs[n as usize];
        let mut members: Vec<Id> = vec![];
        let mut reduce = None;
        if let Op::Reduce { kind, axes, .. } = &node.op
            && let [x] = inputs[..]
            && self.users[x as usize].len() == 1
            && !self.output[x as usize]
            && self.flat.dtype(x) == node.dtype
            && self.element_wise(x)
        {
            reduce = Some((*kind, axes.clone(), index(n)));
            self.placed(n);
            members.push(x);
        } else if self.element_wise(n) {
            members.push(n);
        } else {
            for i in inputs.clone() {
                self.loose[i as usize] = true;
            }
            for i in self.placed(n) {
                self.queue(i);
            }
            self.kernels.push(Kernel::Single(index(n)));
            return;
        }
        let shape = self.flat.shape(members[0]).to_vec();
        let dtype = self.flat.dtype(members[0]);
        let mut next = 0;
        while next < members.len() {
            let m = members[next];
            next += 1;
            self.owner[m as usize] = number;
            for i in self.placed(m) {
                let same = self.flat.shape(i) == shape && self.flat.dtype(i) == dtype;
                if same && self.element_wise(i) {
                    members.push(i);
                } else {
                    self.queue(i);
                }
            }
        }
        members.sort_unstable();
        let (mut inputs, mut numbers, mut outputs) = (vec![], vec![], vec![]);
        for m in &members {
            for i in &self.flat.inputs[*m as usize] {
                let op = &self.flat.nodes[*i as usize].op;
                if self.owner[*i as usize] == number {
                    continue;
                }
                let list = if is_number(op) {
                    &mut numbers
                } else {
                    &mut inputs
                };
                if !list.contains(&index(*i)) {
                    list.push(index(*i));
                }
            }
            let outside = self.users[*m as usize]
                .iter()
                .any(|u| self.owner[*u as usize] != number && !is_end(&reduce, *u));
            if outside || self.output[*m as usize] {
                outputs.push(index(*m));
            }
        }
        let mut nodes = numbers;
        nodes.extend(members.iter().map(|m| index(*m)));
        nodes.sort_unstable();
        self.kernels.push(Kernel::Fused(FusedKernel {
            shape,
            nodes,
            inputs,
            outputs,
            reduce,
        }));
    }
}

fn is_end(reduce: &Option<(ReduceKind, Vec<usize>, NodeIndex)>, n: Id) -> bool {
    reduce.as_ref().is_some_and(|r| r.2 == index(n))
}

pub(crate) fn group(flat: &Flat) -> Vec<Kernel> {
    let n = flat.len();
    let mut output = vec![false; n];
    for o in &flat.outputs {
        output[*o as usize] = true;
    }
    let mut live = output.clone();
    let mut users: Vec<Vec<Id>> = vec![vec![]; n];
    let mut pending = vec![0u32; n];
    for u in (0..n).rev() {
        if live[u] {
            for i in &flat.inputs[u] {
                live[*i as usize] = true;
                users[*i as usize].push(u as Id);
                pending[*i as usize] += 1;
            }
        }
    }
    let mut groups = Groups {
        flat,
        users,
        pending,
        loose: output.clone(),
        output,
        ready: BinaryHeap::new(),
        owner: vec![u32::MAX; n],
        kernels: vec![],
    };
    for (u, live) in live.iter().enumerate() {
        if *live && groups.pending[u] == 0 {
            groups.queue(u as Id);
        }
    }
    while let Some(next) = groups.ready.pop() {
        groups.place(next);
    }
    for u in (0..n).rev() {
        if live[u] && groups.loose[u] && is_number(&flat.nodes[u].op) {
            groups.kernels.push(Kernel::Single(index(u as Id)));
        }
    }
    groups.kernels.reverse();
    groups.kernels
}
