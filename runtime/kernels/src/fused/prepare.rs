//! Makes a fused program ready: what varies little is computed once, short rows become long ones, values get buffers.

use super::engine::{Engine, NONE, Node};
use super::space::{AXES, Space, Strides};
use crate::elem::{Elem, Scratch};

/// Computes values that vary over a small part of the space only once there, and makes them inputs.
pub(super) unsafe fn hoist<E: Elem>(
    nodes: &mut [Node<E>],
    space: &Space,
    varies: &[u32],
    all: u32,
    outputs: &[usize],
) -> Vec<Scratch<E>> {
    let size = |mask: u32| -> usize {
        (0..space.rank)
            .filter(|a| mask >> a & 1 == 1)
            .map(|a| space.dims[a])
            .product()
    };
    let small = |mask: u32| mask != 0 && mask != all && size(mask) * 4 <= space.total();
    let wanted = |nodes: &[Node<E>], i: usize| {
        matches!(nodes[i], Node::Apply(..))
            && small(varies[i])
            && (outputs.contains(&i)
                || (i + 1..nodes.len()).any(|j| {
                    matches!(nodes[j], Node::Apply(op, args)
                        if args[..op.arity()].contains(&i) && varies[j] != varies[i])
                }))
    };
    let mut kept = Vec::new();
    let mut masks: Vec<u32> = (0..nodes.len())
        .filter(|&i| wanted(nodes, i))
        .map(|i| varies[i])
        .collect();
    // Parts of fewer axes first, so that larger parts find them done.
    masks.sort_by_key(|m| (m.count_ones(), *m));
    masks.dedup();
    for mask in masks {
        let picked: Vec<usize> = (0..nodes.len())
            .filter(|&i| varies[i] == mask && wanted(nodes, i))
            .collect();
        let axes: Vec<usize> = (0..space.rank).filter(|a| mask >> a & 1 == 1).collect();
        let mut part = Space {
            rank: axes.len(),
            dims: [1; AXES],
        };
        for (i, &a) in axes.iter().enumerate() {
            part.dims[i] = space.dims[a];
        }
        let inside: Vec<Node<E>> = nodes
            .iter()
            .enumerate()
            .map(|(i, n)| match n {
                // What varies beyond this part is not needed for it.
                _ if varies[i] & !mask != 0 => Node::Scalar(E::zero()),
                Node::Input(p, strides) => {
                    let mut s = [0; AXES];
                    for (k, &a) in axes.iter().enumerate() {
                        s[k] = strides[a];
                    }
                    Node::Input(*p, s)
                }
                other => *other,
            })
            .collect();
        let engine = Engine::new(inside, part, &picked);
        let total = part.total();
        let mut memory = Scratch::<E>::new(picked.len() * total);
        let base: *mut E = memory.as_mut_ptr();
        let mut into: Vec<*mut E> = (0..picked.len()).map(|i| base.add(i * total)).collect();
        engine.write(&mut into);
        let dense = part.contiguous();
        let mut strides = [0; AXES];
        for (k, &a) in axes.iter().enumerate() {
            strides[a] = dense[k];
        }
        for (&i, &p) in picked.iter().zip(&into) {
            nodes[i] = Node::Input(p, strides);
        }
        kept.push(memory);
    }
    kept
}

/// Lays inputs that repeat over the first axes out in full for the others, where that is little work and makes short rows
/// into long ones: a value per channel, say, is written out for one image and then read like any tensor.
pub(super) unsafe fn expand<E: Elem>(
    nodes: &mut [Node<E>],
    code: &[usize],
    space: &mut Space,
    kept: &mut Vec<Scratch<E>>,
) {
    const LARGEST: usize = 16 * 1024;
    const SHORT: usize = 1024;
    if space.rank < 2 || space.inner() >= SHORT {
        return;
    }
    let whole = space.contiguous();
    let rank = space.rank;
    let split = (1..rank - 1).find(|&k| {
        let period: usize = space.dims[k..rank].iter().product();
        period <= LARGEST
            && space.total() / period >= 4
            && code.iter().all(|&i| match &nodes[i] {
                Node::Input(_, s) => s[k..rank] == whole[k..rank] || s[..k].iter().all(|&s| s == 0),
                _ => true,
            })
    });
    let Some(k) = split else {
        return;
    };
    let part = space.part(k);
    let step = part.total();
    for &i in code {
        if let Node::Input(p, s) = nodes[i] {
            let mut joined = [0; AXES];
            joined[..k].copy_from_slice(&s[..k]);
            joined[k] = 1;
            let mut from = p;
            if s[k..rank] != whole[k..rank] {
                let mut strides = [0; AXES];
                strides[..rank - k].copy_from_slice(&s[k..rank]);
                let mut memory = Scratch::<E>::new(step);
                spread(p, &strides, &part, memory.as_mut_ptr());
                from = memory.as_ptr();
                kept.push(memory);
            }
            nodes[i] = Node::Input(from, joined);
        }
    }
    *space = space.joined(k);
}

/// Writes an input out over a whole space.
unsafe fn spread<E: Elem>(p: *const E, strides: &Strides, space: &Space, to: *mut E) {
    let inner = space.inner();
    let step = strides[space.rank - 1];
    let mut row = space.row(0);
    for out in std::slice::from_raw_parts_mut(to, space.total()).chunks_exact_mut(inner) {
        let p = p.add(row.offset(space, strides));
        match step {
            0 => out.fill(*p),
            1 => out.copy_from_slice(std::slice::from_raw_parts(p, inner)),
            _ => (0..inner).for_each(|i| out[i] = *p.add(i * step)),
        }
        row.step(space);
    }
}

/// The nodes that the outputs need, in order, and a buffer for each that is free again after its last use.
pub(super) fn place<E: Elem>(
    nodes: &[Node<E>],
    outputs: &[usize],
) -> (Vec<usize>, Vec<usize>, usize) {
    let mut last = vec![NONE; nodes.len()];
    let mut needed = vec![false; nodes.len()];
    for &o in outputs {
        needed[o] = true;
        last[o] = nodes.len();
    }
    for i in (0..nodes.len()).rev() {
        if let (true, Node::Apply(op, args)) = (needed[i], &nodes[i]) {
            for &a in &args[..op.arity()] {
                needed[a] = true;
                if last[a] == NONE {
                    last[a] = i;
                }
            }
        }
    }
    let code: Vec<usize> = (0..nodes.len())
        .filter(|&i| needed[i] && !matches!(nodes[i], Node::Scalar(_)))
        .collect();
    let mut slot = vec![NONE; nodes.len()];
    let mut free = Vec::new();
    let mut slots = 0;
    for &i in &code {
        slot[i] = free.pop().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
        if let Node::Apply(op, args) = &nodes[i] {
            let args = &args[..op.arity()];
            for (k, &a) in args.iter().enumerate() {
                if last[a] == i && slot[a] != NONE && !args[..k].contains(&a) {
                    free.push(slot[a]);
                }
            }
        }
    }
    (code, slot, slots)
}
