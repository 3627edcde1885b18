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
    pub reduce: Option<Reduction>,
}

/// Reductions at the end of a group, all over the same axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    pub kind: ReduceKind,
    /// Axes of the group's shape, ascending.
    pub axes: Vec<usize>,
    /// The `Reduce` nodes. Each takes a node of the group or one of its inputs; the shape of its result says whether the axes
    /// stay as 1.
    pub nodes: Vec<NodeIndex>,
}

impl Kernel {
    /// The values it leaves in memory.
    pub fn results(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        let (list, ends) = match self {
            Kernel::Fused(f) => (
                &f.outputs[..],
                f.reduce.as_ref().map_or(&[][..], |r| &r.nodes),
            ),
            Kernel::Single(n) => (&[][..], std::slice::from_ref(n)),
        };
        list.iter().chain(ends).copied()
    }
}

/// The kernels that the outputs of a graph need.
pub fn fuse(graph: &Graph) -> Vec<Kernel> {
    group(&Flat::read(graph))
}

/// Reductions in one pass, at most.
const TOGETHER: usize = 8;

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

    /// A `Reduce` of floats, and what it reduces.
    fn reduction(&self, n: Id) -> Option<(ReduceKind, &[usize], Id)> {
        match (
            &self.flat.nodes[n as usize].op,
            &self.flat.inputs[n as usize][..],
        ) {
            (Op::Reduce { kind, axes, .. }, [x])
                if self.flat.dtype(n) != DType::I32
                    && self.flat.dtype(*x) == self.flat.dtype(n) =>
            {
                Some((*kind, axes, *x))
            }
            _ => None,
        }
    }

    /// A reduction and the others that can run in its pass: all their users are placed as well, so none needs another, they
    /// go over the same axes of the same space, and they read a value in common.
    fn together(&mut self, n: Id) -> Vec<Id> {
        let mut all = vec![n];
        let Some((kind, axes, x)) = self.reduction(n) else {
            return all;
        };
        let near = |x: Id| -> Inputs {
            let whole = |i: &Id| self.flat.shape(*i) == self.flat.shape(x);
            let inputs = self.flat.inputs[x as usize].iter().copied();
            let inputs = inputs.filter(|i| self.element_wise(x) && whole(i));
            std::iter::once(x).chain(inputs).collect()
        };
        let mut reads = near(x);
        let mut others: Vec<(Id, Id)> = self
            .ready
            .iter()
            .filter_map(|r| {
                let (k, a, y) = self.reduction(*r)?;
                let same = k == kind && a == axes && self.flat.shape(y) == self.flat.shape(x);
                (same && self.flat.dtype(y) == self.flat.dtype(x)).then_some((*r, y))
            })
            .collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        for (r, y) in others {
            let more = near(y);
            if all.len() < TOGETHER && more.iter().any(|i| reads.contains(i)) {
                all.push(r);
                reads.extend(more);
            }
        }
        self.ready.retain(|r| !all.contains(r));
        all
    }

    fn place(&mut self, n: Id) {
        let number = self.kernels.len() as u32;
        let mut members: Vec<Id> = vec![];
        let mut reduces: Vec<Id> = vec![];
        if self.reduction(n).is_some() {
            reduces = self.together(n);
            let mut freed: Vec<Id> = vec![];
            for r in &reduces {
                freed.extend(self.placed(*r));
            }
            for x in freed {
                match self.element_wise(x) {
                    true => members.push(x),
                    false => self.queue(x),
                }
            }
            if members.is_empty() && reduces.len() == 1 {
                self.kernels.push(Kernel::Single(index(n)));
                return;
            }
        } else if self.element_wise(n) {
            members.push(n);
        } else {
            for i in self.flat.inputs[n as usize].clone() {
                self.loose[i as usize] = true;
            }
            for i in self.placed(n) {
                self.queue(i);
            }
            self.kernels.push(Kernel::Single(index(n)));
            return;
        }
        let ends: Inputs = reduces
            .iter()
            .flat_map(|r| self.flat.inputs[*r as usize].iter().copied())
            .collect();
        let like = members.first().or(ends.first()).copied().unwrap_or(n);
        let shape = self.flat.shape(like).to_vec();
        let dtype = self.flat.dtype(like);
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
        let taken = members.iter().flat_map(|m| &self.flat.inputs[*m as usize]);
        for i in taken.chain(&ends) {
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
        for m in &members {
            let outside = self.users[*m as usize]
                .iter()
                .any(|u| self.owner[*u as usize] != number && !reduces.contains(u));
            if outside || self.output[*m as usize] {
                outputs.push(index(*m));
            }
        }
        let mut nodes = numbers;
        nodes.extend(members.iter().map(|m| index(*m)));
        nodes.sort_unstable();
        let reduce = self.reduction(n).map(|(kind, axes, _)| Reduction {
            kind,
            axes: axes.to_vec(),
            nodes: reduces.iter().map(|r| index(*r)).collect(),
        });
        self.kernels.push(Kernel::Fused(FusedKernel {
            shape,
            nodes,
            inputs,
            outputs,
            reduce,
        }));
    }
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
