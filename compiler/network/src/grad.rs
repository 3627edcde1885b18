//! Differentiation: every gradient node becomes ordinary operations, by one backward sweep for each value and set of inputs.

use crate::flat::{Flat, Id, Inputs, index};
use crate::vjp;
use nas_ir::graph::Binding;
use nas_ir::{Binary, DType, Graph, Op};
use petgraph::graph::NodeIndex;
use std::fmt;

/// A gradient that cannot be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct NoGradient {
    /// The gradient node, in the graph that was given.
    pub node: NodeIndex,
    pub reason: String,
}

impl fmt::Display for NoGradient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no gradient for node {}: {}",
            self.node.index(),
            self.reason
        )
    }
}

impl std::error::Error for NoGradient {}

/// A gradient that is zero because its value does not depend on its input by any operation that has a gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreached {
    /// The gradient node, in the graph that was given.
    pub grad: NodeIndex,
    /// The input's node, in the graph that was given.
    pub input: NodeIndex,
    /// What the input is bound to, where it is a leaf.
    pub binding: Option<Binding>,
}

/// A graph without gradient nodes, and the inputs whose gradients are zeros for want of a path.
#[derive(Debug, Clone)]
pub struct Derived {
    pub graph: Graph,
    pub unreached: Vec<Unreached>,
}

/// Expands every `Grad` node. Node order is topological, so an inner gradient is expanded before the outer one reads it.
pub fn differentiate(graph: &Graph) -> Result<Derived, NoGradient> {
    let (flat, unreached) = derive(&Flat::read(graph))?;
    Ok(Derived {
        graph: flat.write(),
        unreached,
    })
}

/// The gradients of one value for its inputs; `None` where it does not reach.
struct Sweep {
    inputs: Inputs,
    found: Vec<Option<Id>>,
}

pub(crate) fn derive(old: &Flat) -> Result<(Flat, Vec<Unreached>), NoGradient> {
    let mut new = Flat::with_capacity(old.len() * 3);
    let mut map: Vec<Id> = Vec::with_capacity(old.len());
    let mut sweeps: Vec<Sweep> = vec![];
    let mut unreached = vec![];
    for (n, node) in old.nodes.iter().enumerate() {
        let inputs: Inputs = old.inputs[n].iter().map(|i| map[*i as usize]).collect();
        let Op::Grad { wrt } = node.op else {
            map.push(new.push(node.clone(), &inputs));
            continue;
        };
        let fail = |reason: &str| NoGradient {
            node: index(n as Id),
            reason: reason.into(),
        };
        let (Some(y), Some(x)) = (inputs.first().copied(), inputs.get(1 + wrt).copied()) else {
            return Err(fail("its value or its input is missing"));
        };
        if !new.shape(y).is_empty() {
            return Err(fail("only a single number has one"));
        }
        if new.dtype(y) == DType::I32 {
            return Err(fail("a whole number has none"));
        }
        let known = sweeps.iter().rposition(|s| s.inputs == inputs);
        let at = match known {
            Some(at) => at,
            None => {
                let found = sweep(&mut new, y, &inputs[1..]).map_err(|r| fail(&r))?;
                sweeps.push(Sweep { inputs, found });
                sweeps.len() - 1
            }
        };
        let id = match sweeps[at].found[wrt] {
            Some(g) => g,
            None => {
                let source = old.inputs[n][1 + wrt];
                unreached.push(Unreached {
                    grad: index(n as Id),
                    input: index(source),
                    binding: old
                        .bindings
                        .iter()
                        .find(|b| b.0 == source)
                        .map(|b| b.1.clone()),
                });
                let (shape, dtype) = (new.shape(x).to_vec(), new.dtype(x));
                new.zeros(&shape, dtype)
            }
        };
        map.push(id);
    }
    new.bindings = old
        .bindings
        .iter()
        .map(|(n, b)| (map[*n as usize], b.clone()))
        .collect();
    new.outputs = old.outputs.iter().map(|n| map[*n as usize]).collect();
    Ok((new, unreached))
}

/// Walks back from `y` in falling node order, so sums of contributions always come in the same order.
fn sweep(net: &mut Flat, y: Id, xs: &[Id]) -> Result<Vec<Option<Id>>, String> {
    let len = y as usize + 1;
    // Which nodes an input reaches by operations that have gradients.
    let mut reach = vec![false; len];
    let mut first = len;
    for x in xs {
        let x = *x as usize;
        if x < len && net.dtype(x as Id) != DType::I32 {
            reach[x] = true;
            first = first.min(x);
        }
    }
    for n in first..len {
        if !reach[n] {
            let (op, inputs) = (&net.nodes[n].op, &net.inputs[n]);
            reach[n] = net.nodes[n].dtype != DType::I32
                && inputs
                    .iter()
                    .enumerate()
                    .any(|(k, i)| reach[*i as usize] && vjp::passes(op, k));
        }
    }
    let mut adjoint: Vec<Option<Id>> = vec![None; len];
    if reach[y as usize] {
        adjoint[y as usize] = Some(net.constant(1.0, net.dtype(y)));
    }
    let mut given: Vec<(Id, Id)> = vec![];
    for n in (first..len).rev() {
        let Some(g) = adjoint[n] else { continue };
        given.clear();
        vjp::pull(net, n as Id, g, &reach, &mut given)?;
        for (to, part) in &given {
            let slot = *to as usize;
            adjoint[slot] = Some(match adjoint[slot] {
                None => *part,
                Some(sum) => net.binary(Binary::Add, sum, *part),
            });
        }
    }
    Ok(xs
        .iter()
        .map(|x| adjoint.get(*x as usize).copied().flatten())
        .collect())
}
