//! A network graph: the lazy tensors that some outputs need, in order, each structure once, with what has to be bound to run it.

use crate::dim::Dim;
use crate::host::HostTensor;
use crate::op::{DType, Op};
use crate::shape::Show;
use crate::tensor::{LeafKind, Tensor};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;
use std::sync::Arc;

/// One operation. Its inputs are the incoming edges, in the order of their weights.
#[derive(Debug, Clone)]
pub struct GraphNode {
    pub op: Op,
    pub shape: Vec<usize>,
    pub dtype: DType,
}

/// What a leaf of the graph is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Binding {
    /// A slot of a store (position in `Bindings::stores` order of first use, address).
    Slot { store: usize, address: Arc<str> },
    /// The i-th value given.
    Value(usize),
    /// The i-th number given.
    Scalar(usize),
    /// The i-th key given.
    Key(usize),
}

/// An acyclic graph; node order is a topological order.
#[derive(Debug, Clone)]
pub struct Graph {
    pub nodes: DiGraph<GraphNode, u32>,
    /// Leaves, scalars and draws.
    pub bindings: Vec<(NodeIndex, Binding)>,
    pub outputs: Vec<NodeIndex>,
}

/// What a run binds, in the order the graph numbers it.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// Numbers of the stores, by position.
    pub stores: Vec<u64>,
    pub values: Vec<HostTensor>,
    pub scalars: Vec<f64>,
    pub keys: Vec<[u64; 4]>,
}

/// A shape that still depends on a choice or an unknown extent cannot run.
#[derive(Debug, Clone)]
pub struct NotConcrete {
    pub shape: String,
}

impl Graph {
    /// The inputs of a node, in order.
    pub fn inputs(&self, node: NodeIndex) -> Vec<NodeIndex> {
        let mut edges: Vec<(u32, NodeIndex)> = self
            .nodes
            .edges_directed(node, Direction::Incoming)
            .map(|e| (*e.weight(), petgraph::visit::EdgeRef::source(&e)))
            .collect();
        edges.sort_unstable();
        edges.into_iter().map(|e| e.1).collect()
    }

    pub fn add(&mut self, node: GraphNode, inputs: &[NodeIndex]) -> NodeIndex {
        let n = self.nodes.add_node(node);
        for (i, from) in inputs.iter().enumerate() {
            self.nodes.add_edge(*from, n, i as u32);
        }
        n
    }

    pub fn new() -> Self {
        Graph {
            nodes: DiGraph::new(),
            bindings: vec![],
            outputs: vec![],
        }
    }

    /// One line a node, for `--emit network` and snapshots.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for n in self.nodes.node_indices() {
            let node = &self.nodes[n];
            let dims: Vec<Dim> = node.shape.iter().map(|s| Dim::from(*s)).collect();
            let inputs: Vec<String> = self
                .inputs(n)
                .iter()
                .map(|i| format!("%{}", i.index()))
                .collect();
            out += &format!(
                "%{} = {} {} {}\n",
                n.index(),
                node.op.name(),
                inputs.join(" "),
                Show(&dims)
            );
        }
        let outs: Vec<String> = self
            .outputs
            .iter()
            .map(|i| format!("%{}", i.index()))
            .collect();
        out + &format!("return {}\n", outs.join(" "))
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

/// What the outputs need, walked once without building a graph: the fingerprint under which a compiled program is kept
/// (equal for graphs that differ only in scalars, keys, values and which stores are read) and the bindings, in the order of
/// [`linearise`].
pub fn collect(outputs: &[Tensor]) -> Result<(u128, Bindings), NotConcrete> {
    let mut bound = Bindings::default();
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut slots: HashMap<(u64, Arc<str>), u32> = HashMap::new();
    let mut h = blake3::Hasher::new();
    let mut next_index = 0u32;
    let mut stack: Vec<(&Tensor, usize)> = vec![];
    for output in outputs {
        stack.push((output, 0));
        while let Some((t, next)) = stack.pop() {
            if seen.contains_key(&t.0.id) {
                continue;
            }
            let computed = t.0.value.get();
            if computed.is_none() && next < t.0.inputs.len() {
                stack.push((t, next + 1));
                stack.push((&t.0.inputs[next], 0));
                continue;
            }
            let mut record = [0u64; 3];
            record[0] = t.0.own;
            let mut index = next_index;
            if let Some(value) = computed {
                record[1] = 1;
                bound.values.push(value.clone());
            } else {
                match &t.0.op {
                    Op::Leaf => match t.0.leaf.as_ref().map(|l| (&l.kind, &l.value)) {
                        Some((LeafKind::Slot { store, address }, _)) => {
                            let position = bound
                                .stores
                                .iter()
                                .position(|s| s == store)
                                .unwrap_or_else(|| {
                                    bound.stores.push(*store);
                                    bound.stores.len() - 1
                                });
                            record[1] = 2 + position as u64;
                            index = *slots.entry((*store, address.clone())).or_insert(next_index);
                        }
                        Some((_, Some(value))) => bound.values.push(value.clone()),
                        _ => {
                            return Err(NotConcrete {
                                shape: format!("{} (a stand-in without values)", Show(t.shape())),
                            });
                        }
                    },
                    Op::Scalar => bound.scalars.push(t.0.scalar),
                    Op::Random(_) => bound.keys.push(t.0.key),
                    _ => {}
                }
            }
            record[2] = index as u64;
            for r in record {
                h.update(&r.to_le_bytes());
            }
            if computed.is_none() {
                for i in &t.0.inputs {
                    h.update(&seen[&i.0.id].to_le_bytes());
                }
            }
            next_index += 1;
            seen.insert(t.0.id, index);
        }
        h.update(&seen[&output.0.id].to_le_bytes());
        h.update(b"out");
    }
    let mut low = [0u8; 16];
    low.copy_from_slice(&h.finalize().as_bytes()[..16]);
    Ok((u128::from_le_bytes(low), bound))
}

/// Writes the tensors as one graph, inputs before users. A tensor that already has a value is bound, not computed again.
/// A slot and a constant become one node each, wherever they are read; marks go.
pub fn linearise(outputs: &[Tensor]) -> Result<(Graph, Bindings), NotConcrete> {
    let mut graph = Graph::new();
    let mut bound = Bindings::default();
    let mut seen: HashMap<u64, NodeIndex> = HashMap::new();
    let mut slots: HashMap<(u64, Arc<str>), NodeIndex> = HashMap::new();
    let mut consts: HashMap<(u64, DType), NodeIndex> = HashMap::new();
    // An explicit stack: chains are long.
    for output in outputs {
        let mut stack: Vec<(&Tensor, usize)> = vec![(output, 0)];
        while let Some((t, next)) = stack.pop() {
            if seen.contains_key(&t.0.id) {
                continue;
            }
            let computed = t.0.value.get();
            if computed.is_none() && next < t.0.inputs.len() {
                stack.push((t, next + 1));
                stack.push((&t.0.inputs[next], 0));
                continue;
            }
            let Some(shape) = t.sizes() else {
                return Err(NotConcrete {
                    shape: Show(t.shape()).to_string(),
                });
            };
            let node = GraphNode {
                op: t.0.op.clone(),
                shape,
                dtype: t.dtype(),
            };
            let index = if let Some(value) = computed {
                let n = graph.add(
                    GraphNode {
                        op: Op::Leaf,
                        ..node
                    },
                    &[],
                );
                graph.bindings.push((n, Binding::Value(bound.values.len())));
                bound.values.push(value.clone());
                n
            } else {
                match &t.0.op {
                    Op::Leaf => match t.0.leaf.as_ref().map(|l| (&l.kind, &l.value)) {
                        Some((LeafKind::Slot { store, address }, _)) => match slots
                            .get(&(*store, address.clone()))
                        {
                            Some(n) => *n,
                            None => {
                                let position =
                                    bound.stores.iter().position(|s| s == store).unwrap_or_else(
                                        || {
                                            bound.stores.push(*store);
                                            bound.stores.len() - 1
                                        },
                                    );
                                let n = graph.add(node, &[]);
                                graph.bindings.push((
                                    n,
                                    Binding::Slot {
                                        store: position,
                                        address: address.clone(),
                                    },
                                ));
                                slots.insert((*store, address.clone()), n);
                                n
                            }
                        },
                        Some((_, Some(value))) => {
                            let n = graph.add(node, &[]);
                            graph.bindings.push((n, Binding::Value(bound.values.len())));
                            bound.values.push(value.clone());
                            n
                        }
                        _ => {
                            return Err(NotConcrete {
                                shape: format!("{} (a stand-in without values)", Show(t.shape())),
                            });
                        }
                    },
                    Op::Const(bits) => match consts.get(&(*bits, t.dtype())) {
                        Some(n) => *n,
                        None => {
                            let n = graph.add(node, &[]);
                            consts.insert((*bits, t.dtype()), n);
                            n
                        }
                    },
                    Op::Scalar => {
                        let n = graph.add(node, &[]);
                        graph
                            .bindings
                            .push((n, Binding::Scalar(bound.scalars.len())));
                        bound.scalars.push(t.0.scalar);
                        n
                    }
                    Op::Random(_) => {
                        let n = graph.add(node, &[]);
                        graph.bindings.push((n, Binding::Key(bound.keys.len())));
                        bound.keys.push(t.0.key);
                        n
                    }
                    Op::Mark(_) => seen[&t.0.inputs[0].0.id],
                    _ => {
                        let inputs: Vec<NodeIndex> =
                            t.0.inputs.iter().map(|i| seen[&i.0.id]).collect();
                        graph.add(node, &inputs)
                    }
                }
            };
            seen.insert(t.0.id, index);
        }
    }
    graph.outputs = outputs.iter().map(|o| seen[&o.0.id]).collect();
    Ok((graph, bound))
}
