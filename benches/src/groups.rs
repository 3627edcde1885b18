//! What of a graph runs as one pass, in words: a line a kernel, its operations with the numbers of what they take.

use nas_network::{Kernel, Ready};
use petgraph::graph::NodeIndex;

/// A line a kernel, in the order they run.
pub fn told(ready: &Ready) -> Vec<String> {
    let graph = &ready.graph;
    let one = |n: NodeIndex| {
        let inputs: Vec<String> = graph
            .inputs(n)
            .iter()
            .map(|i| format!("%{}", i.index()))
            .collect();
        format!(
            "%{} = {} {} {:?}",
            n.index(),
            graph.nodes[n].op.name(),
            inputs.join(" "),
            graph.nodes[n].shape
        )
    };
    let list = |of: &[NodeIndex]| {
        of.iter()
            .map(|n| format!("%{}", n.index()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    ready
        .kernels
        .iter()
        .map(|k| match k {
            Kernel::Single(n) => one(*n),
            Kernel::Fused(f) => {
                let nodes: Vec<String> = f.nodes.iter().map(|n| one(*n)).collect();
                let ends = f.reduce.iter().flat_map(|r| &r.nodes);
                let reduce: Vec<String> = ends.map(|n| one(*n)).collect();
                format!(
                    "over {:?} reads {} keeps {} reduces {}: {}",
                    f.shape,
                    list(&f.inputs),
                    list(&f.outputs),
                    reduce.join("; "),
                    nodes.join("; ")
                )
            }
        })
        .collect()
}
