//! Values that are cheaper to compute again than to keep: no group writes them, each that needs one computes it itself.
//!
//! Such a value takes a few simple operations on one or two tensors of its own size that are in memory anyway, and otherwise on
//! numbers and on tensors with few values (a mean a channel). What its write and reads cost is weighed against the reads and
//! operations that each reader would add.

use crate::flat::{Flat, Id, index};
use crate::fuse::{FusedKernel, Kernel};
use crate::place::bytes;
use nas_ir::{Binary, DType, Op, Unary};
use petgraph::graph::NodeIndex;

/// Operations of a recipe, at most.
const STEPS: usize = 5;
/// Tensors of the value's size that a recipe reads, at most: each lives as long as its readers.
const LARGE: usize = 2;
/// What has so many times fewer elements is small.
const FEW: usize = 16;
/// What things cost, in tenths of reading a tensor of the value's size: a write (the lines are fetched first), an operation.
const WRITE: usize = 20;
const READ: usize = 10;

/// What an operation costs beside a read of so many bytes: caches give values about as fast as they are computed.
fn step(bytes: usize) -> usize {
    if bytes < 8 << 20 { 13 } else { 3 }
}

struct Again<'a> {
    flat: &'a Flat,
    /// The group that computes a value, and where a value is in memory.
    owner: Vec<Option<usize>>,
    kept: Vec<bool>,
    /// Groups that read a value from memory, and whether others do.
    readers: Vec<Vec<usize>>,
    loose: Vec<bool>,
}

/// How a value is computed from memory.
#[derive(Default)]
struct Recipe {
    /// Its operations, the value's own included, and the numbers they take.
    nodes: Vec<Id>,
    reads: Vec<Id>,
    /// Tensors of the value's own shape among what it reads.
    large: Vec<Id>,
    steps: usize,
}

/// Takes values out of memory that their readers can compute as cheaply.
pub(crate) fn recompute(flat: &Flat, kernels: &mut Vec<Kernel>) {
    let n = flat.len();
    let mut again = Again {
        flat,
        owner: vec![None; n],
        kept: flat.nodes.iter().map(|n| n.op == Op::Leaf).collect(),
        readers: vec![vec![]; n],
        loose: vec![false; n],
    };
    for o in &flat.outputs {
        again.loose[*o as usize] = true;
    }
    for (k, kernel) in kernels.iter().enumerate() {
        for r in kernel.results() {
            again.kept[r.index()] = true;
        }
        match kernel {
            Kernel::Single(s) => {
                for i in &flat.inputs[s.index()] {
                    again.loose[*i as usize] = true;
                }
            }
            Kernel::Fused(f) => {
                for m in &f.nodes {
                    again.owner[m.index()] = Some(k);
                }
                for i in &f.inputs {
                    again.readers[i.index()].push(k);
                }
            }
        }
    }
    for v in 0..n as Id {
        let at = v as usize;
        let (Some(owner), true, false) = (again.owner[at], again.kept[at], again.loose[at]) else {
            continue;
        };
        let written = matches!(&kernels[owner], Kernel::Fused(f) if f.outputs.contains(&index(v)));
        let alike = again.readers[at].iter().all(|k| match &kernels[*k] {
            Kernel::Fused(f) => f.shape == flat.shape(v) && again.typed(f) == Some(flat.dtype(v)),
            Kernel::Single(_) => false,
        });
        let mut recipe = Recipe::default();
        if !written || !alike || !again.follow(v, v, &mut recipe) || recipe.large.is_empty() {
            continue;
        }
        let step = step(bytes(&flat.nodes[at]));
        let keeps = WRITE + READ * again.readers[at].len();
        let again_costs = again.readers[at].iter().map(|k| match &kernels[*k] {
            Kernel::Fused(f) => {
                let has = |n: &NodeIndex| f.inputs.contains(n) || f.nodes.contains(n);
                let new = recipe.large.iter().filter(|r| !has(&index(**r)));
                READ * new.count() + step * recipe.steps
            }
            Kernel::Single(_) => 0,
        });
        if again_costs.sum::<usize>() > keeps {
            continue;
        }
        again.kept[at] = false;
        if let Kernel::Fused(f) = &mut kernels[owner] {
            f.outputs.retain(|o| *o != index(v));
        }
        for k in std::mem::take(&mut again.readers[at]) {
            if let Kernel::Fused(f) = &mut kernels[k] {
                taken_in(f, v, &recipe);
            }
            for r in &recipe.reads {
                if !again.readers[*r as usize].contains(&k) {
                    again.readers[*r as usize].push(k);
                }
            }
        }
    }
    // A group that nobody reads any more.
    kernels.retain(|k| k.results().next().is_some());
}

/// A group computes a value that it has read until now.
fn taken_in(f: &mut FusedKernel, v: Id, recipe: &Recipe) {
    f.inputs.retain(|i| *i != index(v));
    f.nodes.extend(recipe.nodes.iter().map(|n| index(*n)));
    f.nodes.sort_unstable();
    f.nodes.dedup();
    for r in &recipe.reads {
        if !f.inputs.contains(&index(*r)) && !f.nodes.contains(&index(*r)) {
            f.inputs.push(index(*r));
        }
    }
}

impl Again<'_> {
    fn typed(&self, f: &FusedKernel) -> Option<DType> {
        let ends = f.reduce.iter().flat_map(|r| &r.nodes);
        let mut all = ends.chain(&f.nodes).map(|n| n.index() as Id);
        let computed = all.find(|n| !self.number(*n));
        computed.map(|n| self.flat.dtype(n))
    }

    fn number(&self, n: Id) -> bool {
        matches!(self.flat.nodes[n as usize].op, Op::Const(_) | Op::Scalar)
    }

    /// Whether a tensor has few values beside another.
    fn few(&self, n: Id, of: Id) -> bool {
        let size = |n| self.flat.shape(n).iter().product::<usize>();
        size(n) * FEW <= size(of)
    }

    /// Whether a simple operation: one that takes no longer than reading its result.
    fn simple(&self, n: Id) -> bool {
        match &self.flat.nodes[n as usize].op {
            Op::Unary(Unary::Neg | Unary::Abs | Unary::Relu) | Op::Select => true,
            Op::Binary(
                Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Max
                | Binary::Min
                | Binary::Lt
                | Binary::Le
                | Binary::Gt
                | Binary::Ge,
            ) => true,
            Op::Binary(Binary::Div) => {
                let by = self.flat.inputs[n as usize].get(1);
                by.is_some_and(|d| self.number(*d))
            }
            _ => false,
        }
    }

    /// Adds what `n` takes to the recipe of `v`; not where it takes too much.
    fn follow(&self, v: Id, n: Id, recipe: &mut Recipe) -> bool {
        if recipe.nodes.contains(&n) || recipe.reads.contains(&n) {
            return true;
        }
        if self.number(n) {
            recipe.nodes.push(n);
            return true;
        }
        let whole = self.flat.shape(n) == self.flat.shape(v);
        if n != v && self.kept[n as usize] {
            recipe.reads.push(n);
            if whole {
                recipe.large.push(n);
            }
            let fine = if whole {
                recipe.large.len() <= LARGE
            } else {
                self.few(n, v)
            };
            return fine && self.flat.dtype(n) == self.flat.dtype(v);
        }
        let inputs = &self.flat.inputs[n as usize];
        if self.flat.nodes[n as usize].op == Op::Expand && whole {
            // Small values are read as if they were large; only what lies in memory, or a number.
            let fine = inputs
                .iter()
                .all(|i| self.number(*i) || self.kept[*i as usize]);
            recipe.nodes.push(n);
            return fine && inputs.iter().all(|i| self.follow(v, *i, recipe));
        }
        recipe.steps += 1;
        if !whole || recipe.steps > STEPS || !self.simple(n) || self.owner[n as usize].is_none() {
            return false;
        }
        recipe.nodes.push(n);
        inputs.iter().all(|i| self.follow(v, *i, recipe))
    }
}
