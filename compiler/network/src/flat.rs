//! The graph as flat lists, which the passes read and write, and the operations they add to it.

use nas_ir::graph::Binding;
use nas_ir::op::PadMode;
use nas_ir::{Binary, DType, Dim, Graph, GraphNode, Op, ReduceKind, Unary};
use petgraph::graph::NodeIndex;
use smallvec::SmallVec;
use std::sync::Arc;

pub(crate) type Id = u32;
pub(crate) type Inputs = SmallVec<[Id; 3]>;

/// Node i of `nodes` has the inputs `inputs[i]`, all smaller than i.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    pub nodes: Vec<GraphNode>,
    pub inputs: Vec<Inputs>,
    pub bindings: Vec<(Id, Binding)>,
    pub outputs: Vec<Id>,
}

/// Right-aligned broadcast; extents that differ are taken as they are on the left, which the constructors rule out.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let lead = long.len() - short.len();
    long.iter()
        .enumerate()
        .map(|(i, d)| match i.checked_sub(lead).map(|k| short[k]) {
            Some(s) if *d == 1 => s,
            _ => *d,
        })
        .collect()
}

impl Flat {
    pub fn with_capacity(n: usize) -> Self {
        Flat {
            nodes: Vec::with_capacity(n),
            inputs: Vec::with_capacity(n),
            ..Flat::default()
        }
    }

    pub fn read(graph: &Graph) -> Self {
        let n = graph.nodes.node_count();
        let mut flat = Flat::with_capacity(n);
        flat.nodes = graph.nodes.node_weights().cloned().collect();
        let mut degree = vec![0usize; n];
        for e in graph.nodes.raw_edges() {
            degree[e.target().index()] += 1;
        }
        flat.inputs = degree.iter().map(|d| SmallVec::from_elem(0, *d)).collect();
        for e in graph.nodes.raw_edges() {
            if let Some(slot) = flat.inputs[e.target().index()].get_mut(e.weight as usize) {
                *slot = e.source().index() as Id;
            }
        }
        flat.bindings = graph
            .bindings
            .iter()
            .map(|(n, b)| (n.index() as Id, b.clone()))
            .collect();
        flat.outputs = graph.outputs.iter().map(|n| n.index() as Id).collect();
        flat
    }

    pub fn write(self) -> Graph {
        let mut graph = Graph::new();
        let edges = self.inputs.iter().map(|i| i.len()).sum();
        graph.nodes = petgraph::graph::DiGraph::with_capacity(self.nodes.len(), edges);
        for (node, inputs) in self.nodes.into_iter().zip(&self.inputs) {
            let n = graph.nodes.add_node(node);
            for (k, i) in inputs.iter().enumerate() {
                graph.nodes.add_edge(index(*i), n, k as u32);
            }
        }
        graph.bindings = self
            .bindings
            .into_iter()
            .map(|(n, b)| (index(n), b))
            .collect();
        graph.outputs = self.outputs.into_iter().map(index).collect();
        graph
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn shape(&self, n: Id) -> &[usize] {
        &self.nodes[n as usize].shape
    }

    pub fn dtype(&self, n: Id) -> DType {
        self.nodes[n as usize].dtype
    }

    pub fn push(&mut self, node: GraphNode, inputs: &[Id]) -> Id {
        self.nodes.push(node);
        self.inputs.push(inputs.into());
        (self.nodes.len() - 1) as Id
    }

    pub fn add(&mut self, op: Op, shape: Vec<usize>, dtype: DType, inputs: &[Id]) -> Id {
        self.push(GraphNode { op, shape, dtype }, inputs)
    }

    /// An operation that keeps the shape and type of its first input.
    pub fn alike(&mut self, op: Op, inputs: &[Id]) -> Id {
        let like = &self.nodes[inputs[0] as usize];
        let (shape, dtype) = (like.shape.clone(), like.dtype);
        self.add(op, shape, dtype, inputs)
    }

    pub fn constant(&mut self, value: f64, dtype: DType) -> Id {
        self.add(Op::Const(value.to_bits()), vec![], dtype, &[])
    }

    pub fn zeros(&mut self, shape: &[usize], dtype: DType) -> Id {
        let c = self.constant(0.0, dtype);
        self.expand(c, shape)
    }

    pub fn unary(&mut self, u: Unary, x: Id) -> Id {
        self.alike(Op::Unary(u), &[x])
    }

    pub fn binary(&mut self, b: Binary, l: Id, r: Id) -> Id {
        let shape = broadcast(self.shape(l), self.shape(r));
        let dtype = self.dtype(l);
        self.add(Op::Binary(b), shape, dtype, &[l, r])
    }

    pub fn mul(&mut self, l: Id, r: Id) -> Id {
        self.binary(Binary::Mul, l, r)
    }

    pub fn div(&mut self, l: Id, r: Id) -> Id {
        self.binary(Binary::Div, l, r)
    }

    /// Times a number.
    pub fn scale(&mut self, x: Id, by: f64) -> Id {
        let c = self.constant(by, self.dtype(x));
        self.mul(x, c)
    }

    pub fn neg(&mut self, x: Id) -> Id {
        self.unary(Unary::Neg, x)
    }

    pub fn select(&mut self, c: Id, then: Id, otherwise: Id) -> Id {
        let inner = broadcast(self.shape(then), self.shape(otherwise));
        let shape = broadcast(self.shape(c), &inner);
        let dtype = self.dtype(then);
        self.add(Op::Select, shape, dtype, &[c, then, otherwise])
    }

    pub fn cast(&mut self, x: Id, dtype: DType) -> Id {
        if self.dtype(x) == dtype {
            return x;
        }
        let shape = self.shape(x).to_vec();
        self.add(Op::Cast(dtype), shape, dtype, &[x])
    }

    pub fn reshape(&mut self, x: Id, shape: &[usize]) -> Id {
        if self.shape(x) == shape {
            return x;
        }
        let dtype = self.dtype(x);
        self.add(Op::Reshape, shape.to_vec(), dtype, &[x])
    }

    pub fn permute(&mut self, x: Id, order: Vec<usize>) -> Id {
        let shape = order.iter().map(|i| self.shape(x)[*i]).collect();
        let dtype = self.dtype(x);
        self.add(Op::Permute(order), shape, dtype, &[x])
    }

    pub fn expand(&mut self, x: Id, shape: &[usize]) -> Id {
        if self.shape(x) == shape {
            return x;
        }
        let dtype = self.dtype(x);
        self.add(Op::Expand, shape.to_vec(), dtype, &[x])
    }

    pub fn sum(&mut self, x: Id, axes: Vec<usize>, keep: bool) -> Id {
        self.reduce(ReduceKind::Sum, x, axes, keep)
    }

    pub fn reduce(&mut self, kind: ReduceKind, x: Id, axes: Vec<usize>, keep: bool) -> Id {
        if axes.is_empty() {
            return x;
        }
        let mut shape = vec![];
        for (i, d) in self.shape(x).iter().enumerate() {
            if !axes.contains(&i) {
                shape.push(*d);
            } else if keep {
                shape.push(1);
            }
        }
        let dtype = self.dtype(x);
        self.add(Op::Reduce { kind, axes, keep }, shape, dtype, &[x])
    }

    /// Sums what a broadcast from `shape` has spread: the adjoint of that broadcast.
    pub fn unbroadcast(&mut self, g: Id, shape: &[usize]) -> Id {
        if self.shape(g) == shape {
            return g;
        }
        let full = self.shape(g);
        let lead = full.len().saturating_sub(shape.len());
        let axes: Vec<usize> = (0..full.len())
            .filter(|i| *i < lead || (shape[i - lead] == 1 && full[*i] != 1))
            .collect();
        let s = self.sum(g, axes, lead == 0);
        self.reshape(s, shape)
    }

    pub fn slice(&mut self, x: Id, axis: usize, start: usize, end: usize, step: i64) -> Id {
        if start == 0 && end == self.shape(x)[axis] && step == 1 {
            return x;
        }
        let mut shape = self.shape(x).to_vec();
        shape[axis] = (end - start).div_ceil(step.max(1) as usize);
        let dtype = self.dtype(x);
        let op = Op::Slice {
            axis,
            start: Dim::from(start),
            end: Dim::from(end),
            step,
        };
        self.add(op, shape, dtype, &[x])
    }

    pub fn concat(&mut self, parts: &[Id], axis: usize) -> Id {
        let mut shape = self.shape(parts[0]).to_vec();
        shape[axis] = parts.iter().map(|p| self.shape(*p)[axis]).sum();
        let dtype = self.dtype(parts[0]);
        self.add(Op::Concat { axis }, shape, dtype, parts)
    }

    pub fn contract(&mut self, parts: &[Id], specs: Vec<Arc<str>>, output: String) -> Id {
        let extent = |letter: char| {
            parts.iter().zip(&specs).find_map(|(p, s)| {
                let k = s.chars().position(|c| c == letter)?;
                self.shape(*p).get(k).copied()
            })
        };
        let shape = output.chars().filter_map(extent).collect();
        let dtype = self.dtype(parts[0]);
        let op = Op::Contract {
            inputs: specs,
            output: output.into(),
        };
        self.add(op, shape, dtype, parts)
    }

    /// The list of source positions that a padding of an axis of `n` reads, as I32.
    pub fn pad_index(&mut self, n: usize, before: i64, after: i64, mode: PadMode) -> Id {
        let total = (n as i64 + before + after).max(0) as usize;
        let last = n as f64 - 1.0;
        if mode == PadMode::Circular {
            let iota = self.add(Op::Iota, vec![n], DType::I32, &[]);
            let head = self.slice(iota, 0, n.saturating_sub(before.max(0) as usize), n, 1);
            let tail = self.slice(iota, 0, 0, (after.max(0) as usize).min(n), 1);
            return self.concat(&[head, iota, tail], 0);
        }
        let iota = self.add(Op::Iota, vec![total], DType::I32, &[]);
        let first = self.constant(before as f64, DType::I32);
        let end = self.constant(last, DType::I32);
        let at = self.binary(Binary::Sub, iota, first);
        if mode == PadMode::Mirror {
            let folded = self.magnitude(at);
            let from_end = self.binary(Binary::Sub, end, folded);
            let back = self.magnitude(from_end);
            return self.binary(Binary::Sub, end, back);
        }
        let zero = self.constant(0.0, DType::I32);
        let low = self.binary(Binary::Max, at, zero);
        self.binary(Binary::Min, low, end)
    }

    fn magnitude(&mut self, x: Id) -> Id {
        let zero = self.constant(0.0, self.dtype(x));
        let other = self.binary(Binary::Sub, zero, x);
        self.binary(Binary::Max, x, other)
    }
}

pub(crate) fn index(n: Id) -> NodeIndex {
    NodeIndex::new(n as usize)
}
