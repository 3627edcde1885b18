//! Where values live: how long each is kept, which buffers they can share, and how many bytes that takes at the most.

use crate::flat::{Flat, index};
use crate::fuse::Kernel;
use nas_ir::{DType, Graph, GraphNode, Op};
use petgraph::graph::NodeIndex;

/// The memory of one run of a graph, known before it runs. A `Reshape` shares the memory of its input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Placement {
    /// By node: its buffer, for values that a kernel leaves in memory; none for bound leaves and inside fused groups.
    pub buffer: Vec<Option<u32>>,
    /// Bytes of each buffer. Values whose lives do not overlap share one.
    pub buffers: Vec<usize>,
    /// By kernel: the nodes whose memory nobody reads after it. Outputs and bound leaves are never freed.
    pub free_after: Vec<Vec<NodeIndex>>,
    /// The largest sum over live values at any kernel (its inputs and results both live), in bytes, without bound leaves.
    pub peak: usize,
    /// The kernel where the peak is.
    pub peak_at: usize,
    /// Bytes of the bound leaves: weights, states, batches.
    pub bound: usize,
}

impl Placement {
    /// Bytes of the buffers: at least `peak`, as buffers are not split.
    pub fn reserved(&self) -> usize {
        self.buffers.iter().sum()
    }
}

/// Bytes of a node's value.
pub fn bytes(node: &GraphNode) -> usize {
    let each = if node.dtype == DType::F64 { 8 } else { 4 };
    node.shape.iter().product::<usize>() * each
}

/// Plans the memory of the kernels of a graph.
pub fn place(graph: &Graph, kernels: &[Kernel]) -> Placement {
    lay(&Flat::read(graph), kernels)
}

pub(crate) fn lay(flat: &Flat, kernels: &[Kernel]) -> Placement {
    const NEVER: usize = usize::MAX;
    let n = flat.len();
    // The node that owns the memory a node's value is in.
    let mut root: Vec<u32> = (0..n as u32).collect();
    let mut bound = 0;
    for (i, node) in flat.nodes.iter().enumerate() {
        match (&node.op, flat.inputs[i].first()) {
            (Op::Reshape, Some(x)) => root[i] = root[*x as usize],
            (Op::Leaf, _) => bound += bytes(node),
            _ => {}
        }
    }
    let own = |i: NodeIndex| root.get(i.index()).map_or(0, |r| *r as usize);
    let is_leaf = |r: usize| flat.nodes[r].op == Op::Leaf;
    let mut last = vec![0usize; n];
    for (k, kernel) in kernels.iter().enumerate() {
        for r in kernel.results() {
            last[own(r)] = last[own(r)].max(k);
        }
        match kernel {
            Kernel::Fused(f) => f.inputs.iter().for_each(|i| last[own(*i)] = k),
            Kernel::Single(s) => {
                for i in &flat.inputs[s.index()] {
                    last[own(index(*i))] = k;
                }
            }
        }
    }
    for o in &flat.outputs {
        last[root[*o as usize] as usize] = NEVER;
    }
    let mut free_after: Vec<Vec<NodeIndex>> = vec![vec![]; kernels.len()];
    let mut place = Placement {
        buffer: vec![None; n],
        bound,
        ..Placement::default()
    };
    let mut free: Vec<u32> = vec![];
    let mut live = 0usize;
    for (k, kernel) in kernels.iter().enumerate() {
        for r in kernel.results() {
            let o = own(r);
            if is_leaf(o) {
                continue;
            }
            if place.buffer[o].is_none() {
                let size = bytes(&flat.nodes[o]);
                place.buffer[o] = Some(take(&mut place.buffers, &mut free, size));
                live += size;
                if last[o] != NEVER {
                    free_after[last[o]].push(index(o as u32));
                }
            }
            place.buffer[r.index()] = place.buffer[o];
        }
        if live > place.peak {
            place.peak = live;
            place.peak_at = k;
        }
        for o in &free_after[k] {
            live -= bytes(&flat.nodes[o.index()]);
            free.extend(place.buffer[o.index()]);
        }
    }
    place.free_after = free_after;
    place
}

/// The smallest free buffer that holds `size` without wasting more than half of it, else a new one.
fn take(buffers: &mut Vec<usize>, free: &mut Vec<u32>, size: usize) -> u32 {
    let fits = |b: &u32| {
        let have = buffers[*b as usize];
        have >= size && have / 2 <= size
    };
    let best = (0..free.len())
        .filter(|i| fits(&free[*i]))
        .min_by_key(|i| (buffers[free[*i] as usize], free[*i]));
    match best {
        Some(i) => free.swap_remove(i),
        None => {
            buffers.push(size);
            (buffers.len() - 1) as u32
        }
    }
}
