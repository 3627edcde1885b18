//! The whole way from a graph with gradients to what an executor runs.

use crate::again::recompute;
use crate::flat::{Flat, Id, index};
use crate::fuse::{Kernel, group};
use crate::grad::{NoGradient, Unreached, derive};
use crate::lean::clean;
use crate::place::{Placement, lay};
use nas_ir::{Graph, Op};
use petgraph::graph::NodeIndex;

/// A graph without gradient nodes, in kernels, with the memory it takes.
#[derive(Debug, Clone)]
pub struct Ready {
    pub graph: Graph,
    pub kernels: Vec<Kernel>,
    pub placement: Placement,
    /// Gradients that are zeros for want of a path; `grad` and `input` are nodes of the graph that was given.
    pub unreached: Vec<Unreached>,
}

/// Cleans, differentiates, cleans again, fuses and places. Cleaning first keeps the graph that is differentiated small, and a
/// padding that went into a window never meets the gradient.
pub fn prepare(graph: &Graph) -> Result<Ready, NoGradient> {
    let given = Flat::read(graph);
    let (mut flat, map) = clean(&given);
    let mut unreached = vec![];
    if flat.nodes.iter().any(|n| matches!(n.op, Op::Grad { .. })) {
        let back = |node: NodeIndex| map.iter().position(|m| *m as usize == node.index());
        let (derived, found) = derive(&flat).map_err(|e| NoGradient {
            node: back(e.node).map_or(e.node, NodeIndex::new),
            reason: e.reason,
        })?;
        unreached = in_terms_of(&given, &map, &found, flat.len());
        flat = clean(&derived).0;
    }
    let mut kernels = group(&flat);
    recompute(&flat, &mut kernels);
    let placement = lay(&flat, &kernels);
    Ok(Ready {
        graph: flat.write(),
        kernels,
        placement,
        unreached,
    })
}

/// What was not reached, as nodes of the graph that was given (equal gradients had become one).
fn in_terms_of(given: &Flat, map: &[Id], found: &[Unreached], len: usize) -> Vec<Unreached> {
    let mut zero = vec![None; len];
    for u in found {
        zero[u.grad.index()] = Some(&u.binding);
    }
    let mut list = vec![];
    for (n, node) in given.nodes.iter().enumerate() {
        if let Op::Grad { wrt } = node.op
            && let Some(Some(binding)) = zero.get(map[n] as usize)
            && let Some(input) = given.inputs[n].get(1 + wrt)
        {
            list.push(Unreached {
                grad: NodeIndex::new(n),
                input: index(*input),
                binding: (*binding).clone(),
            });
        }
    }
    list
}
