//! A graph as a flat list of steps: what both executors run.

use crate::fault::RunFault;
use crate::value::Value;
use nas_ir::graph::Binding;
use nas_ir::{Bindings, DType, Graph, Op};
use petgraph::graph::NodeIndex;
use smallvec::SmallVec;
use std::sync::Arc;

/// The tensors of the stores that a graph reads.
pub trait Slots {
    /// The tensor at `address` of the store at this position of `Bindings::stores`.
    fn get(&self, store: usize, address: &str) -> Option<Value>;
}

/// Stores that hold nothing.
pub struct NoSlots;

impl Slots for NoSlots {
    fn get(&self, _: usize, _: &str) -> Option<Value> {
        None
    }
}

/// Where a step's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// The operation on its inputs.
    Compute,
    Slot {
        store: usize,
        address: Arc<str>,
    },
    Value(usize),
    Scalar(usize),
    Key(usize),
    Const(f64),
    /// A leaf that nothing is bound to.
    Nothing,
}

/// One operation, or one bound value.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The node's number in the graph.
    pub node: usize,
    pub op: Op,
    pub source: Source,
    pub inputs: SmallVec<[u32; 3]>,
    pub shape: Vec<usize>,
    pub dtype: DType,
    /// Steps whose value nobody reads after this one.
    pub dies: SmallVec<[u32; 2]>,
}

/// A graph made ready for an executor; cheap to clone, and usable from several threads at once.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub steps: Vec<Step>,
    /// Positions of the outputs in `steps`.
    pub outputs: Vec<u32>,
    pub own: crate::own::Plan,
}

impl Program {
    /// The number of operations it runs, fused ones counted one by one.
    pub fn len(&self) -> usize {
        self.inner.steps.len()
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.inner.steps.is_empty()
    }
}

/// The steps that the outputs need, in the graph's order, and the outputs' positions among them.
pub(crate) fn flatten(graph: &Graph) -> (Vec<Step>, Vec<u32>) {
    let n = graph.nodes.node_count();
    let inputs: Vec<Vec<NodeIndex>> = graph
        .nodes
        .node_indices()
        .map(|i| graph.inputs(i))
        .collect();
    let order = order(graph, &inputs);
    let mut live = vec![false; n];
    for o in &graph.outputs {
        live[o.index()] = true;
    }
    for node in order.iter().rev() {
        if live[node.index()] {
            for i in &inputs[node.index()] {
                live[i.index()] = true;
            }
        }
    }
    let mut sources = vec![Source::Nothing; n];
    for (node, binding) in &graph.bindings {
        sources[node.index()] = match binding {
            Binding::Slot { store, address } => Source::Slot {
                store: *store,
                address: address.clone(),
            },
            Binding::Value(i) => Source::Value(*i),
            Binding::Scalar(i) => Source::Scalar(*i),
            Binding::Key(i) => Source::Key(*i),
        };
    }
    let mut position = vec![u32::MAX; n];
    let mut steps: Vec<Step> = vec![];
    for node in order {
        let i = node.index();
        if !live[i] {
            continue;
        }
        let g = &graph.nodes[node];
        let source = match &g.op {
            Op::Leaf | Op::Scalar | Op::Random(_) => {
                std::mem::replace(&mut sources[i], Source::Nothing)
            }
            Op::Const(bits) => Source::Const(f64::from_bits(*bits)),
            _ => Source::Compute,
        };
        position[i] = steps.len() as u32;
        steps.push(Step {
            node: i,
            op: g.op.clone(),
            source,
            inputs: inputs[i].iter().map(|j| position[j.index()]).collect(),
            shape: g.shape.clone(),
            dtype: g.dtype,
            dies: SmallVec::new(),
        });
    }
    let outputs: Vec<u32> = graph.outputs.iter().map(|o| position[o.index()]).collect();
    let mut last = vec![u32::MAX; steps.len()];
    for (k, step) in steps.iter().enumerate() {
        for i in &step.inputs {
            last[*i as usize] = k as u32;
        }
    }
    for (i, k) in last.iter().enumerate() {
        if *k != u32::MAX && !outputs.contains(&(i as u32)) {
            steps[*k as usize].dies.push(i as u32);
        }
    }
    (steps, outputs)
}

/// Node order where it is topological, as it should be; else an order that is.
fn order(graph: &Graph, inputs: &[Vec<NodeIndex>]) -> Vec<NodeIndex> {
    let straight = graph
        .nodes
        .node_indices()
        .all(|n| inputs[n.index()].iter().all(|i| i.index() < n.index()));
    if !straight && let Ok(order) = petgraph::algo::toposort(&graph.nodes, None) {
        return order;
    }
    graph.nodes.node_indices().collect()
}

/// A bound tensor, where there is one of the right shape and type.
pub(crate) fn bound(
    step: &Step,
    bindings: &Bindings,
    slots: &dyn Slots,
) -> Result<Value, RunFault> {
    let value = match &step.source {
        Source::Slot { store, address } => {
            slots
                .get(*store, address)
                .ok_or_else(|| RunFault::MissingSlot {
                    store: *store,
                    address: address.to_string(),
                })?
        }
        Source::Value(i) => bindings
            .values
            .get(*i)
            .cloned()
            .map(Value::Host)
            .ok_or_else(|| unbound("value", *i))?,
        _ => {
            return Err(RunFault::Unbound {
                what: format!("the leaf %{}", step.node),
            });
        }
    };
    if value.shape() != step.shape || value.dtype() != step.dtype {
        return Err(RunFault::Mismatch {
            what: match &step.source {
                Source::Slot { address, .. } => format!("`{address}`"),
                _ => format!("the leaf %{}", step.node),
            },
            want: format!("{:?} {:?}", step.dtype, step.shape),
            got: format!("{:?} {:?}", value.dtype(), value.shape()),
        });
    }
    Ok(value)
}

/// The number of a constant or a scalar step.
pub(crate) fn number(step: &Step, bindings: &Bindings) -> Result<f64, RunFault> {
    match step.source {
        Source::Const(v) => Ok(v),
        Source::Scalar(i) => bindings
            .scalars
            .get(i)
            .copied()
            .ok_or_else(|| unbound("number", i)),
        _ => Err(RunFault::Unbound {
            what: format!("the number %{}", step.node),
        }),
    }
}

/// The key of a draw.
pub(crate) fn key(step: &Step, bindings: &Bindings) -> Result<[u64; 4], RunFault> {
    match step.source {
        Source::Key(i) => bindings
            .keys
            .get(i)
            .copied()
            .ok_or_else(|| unbound("key", i)),
        _ => Err(RunFault::Unbound {
            what: format!("the draw %{}", step.node),
        }),
    }
}

fn unbound(what: &str, i: usize) -> RunFault {
    RunFault::Unbound {
        what: format!("{what} {i}"),
    }
}
