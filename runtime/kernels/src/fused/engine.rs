//! Executes a fused program tile by tile.

use super::ops::{Op, Src, apply};
use super::space::{AXES, Row, Space, Strides};
use crate::elem::{Elem, Scratch};
use crate::simd::{Level, level};

/// A value of the program.
#[derive(Clone, Copy)]
pub(crate) enum Node<E> {
    /// Elements in memory, with strides over the space.
    Input(*const E, Strides),
    /// The same value everywhere.
    Scalar(E),
    /// What an operation gives from other values.
    Apply(Op, [usize; 3]),
}

type ApplyFn<E> = unsafe fn(Op, *mut E, usize, &[Src<E>; 3]);

unsafe fn apply_base<E: Elem>(op: Op, dst: *mut E, n: usize, s: &[Src<E>; 3]) {
    apply::<E, E::Base>(op, dst, n, *s)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn apply_avx2<E: Elem>(op: Op, dst: *mut E, n: usize, s: &[Src<E>; 3]) {
    apply::<E, E::Avx2>(op, dst, n, *s)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn apply_avx512<E: Elem>(op: Op, dst: *mut E, n: usize, s: &[Src<E>; 3]) {
    apply::<E, E::Avx512>(op, dst, n, *s)
}

fn apply_fn<E: Elem>() -> ApplyFn<E> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => apply_avx512::<E>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => apply_avx2::<E>,
        _ => apply_base::<E>,
    }
}

/// One tile: `rows` whole rows from `row`, or a piece of one row from its place `start`.
#[derive(Clone, Copy)]
struct TileAt {
    row: Row,
    rows: usize,
    start: usize,
    len: usize,
    /// The flat place of its first element.
    flat: usize,
}

/// A program made ready to run over a space.
pub(crate) struct Engine<E: Elem> {
    nodes: Vec<Node<E>>,
    space: Space,
    outputs: Vec<usize>,
    /// The nodes to compute, in order.
    code: Vec<usize>,
    /// Per node: its buffer, `NONE` where it needs none.
    slot: Vec<usize>,
    slots: usize,
    tile: usize,
    apply: ApplyFn<E>,
    /// Memory of values computed over a part of the axes.
    _hoisted: Vec<Scratch<E>>,
}

const NONE: usize = usize::MAX;
/// Rows at least this long are cut in pieces of their own; shorter rows are gathered, several to a tile.
const LONG_ROW: usize = 192;

impl<E: Elem> Engine<E> {
    /// Plans the run.
    ///
    /// # Safety
    /// Every input's pointer is valid for all places of the space as long as the engine lives.
    pub(crate) unsafe fn new(mut nodes: Vec<Node<E>>, mut space: Space, outputs: &[usize]) -> Self {
        let apply = apply_fn::<E>();
        let all = (1u32 << space.rank) - 1;
        let mut varies = vec![0u32; nodes.len()];
        for i in 0..nodes.len() {
            varies[i] = match nodes[i] {
                Node::Input(p, strides) => {
                    let m = (0..space.rank)
                        .filter(|&a| strides[a] != 0 && space.dims[a] > 1)
                        .fold(0, |m, a| m | 1 << a);
                    if m == 0 {
                        nodes[i] = Node::Scalar(*p);
                    }
                    m
                }
                Node::Scalar(_) => 0,
                Node::Apply(op, args) => {
                    let m = args[..op.arity()].iter().fold(0, |m, &a| m | varies[a]);
                    if m == 0 {
                        // All arguments are scalars: compute once.
                        let mut x = E::zero();
                        let s = args.map(|a| match nodes.get(a) {
                            Some(Node::Scalar(x)) => Src::One(*x),
                            _ => Src::One(E::zero()),
                        });
                        apply(op, &mut x, 1, &s);
                        nodes[i] = Node::Scalar(x);
                    }
                    m
                }
            };
        }
        let mut hoisted = hoist(&mut nodes, &space, &varies, all, outputs);
        let (code, ..) = place(&nodes, outputs);
        expand(&mut nodes, &code, &mut space, &mut hoisted);
        let (code, slot, slots) = place(&nodes, outputs);
        let tile = match slots {
            0..=3 => 2048,
            4..=8 => 1024,
            _ => 512,
        };
        Engine {
            nodes,
            space,
            outputs: outputs.to_vec(),
            code,
            slot,
            slots,
            tile,
            apply,
            _hoisted: hoisted,
        }
    }

    /// Calls `f` for each tile in row-major order.
    fn tiles(&self, mut f: impl FnMut(TileAt)) {
        let inner = self.space.inner();
        let rows = self.space.total() / inner.max(1);
        let mut row = self.space.row(0);
        if inner >= LONG_ROW || rows == 1 {
            for r in 0..rows {
                for start in (0..inner).step_by(self.tile) {
                    f(TileAt {
                        row,
                        rows: 1,
                        start,
                        len: self.tile.min(inner - start),
                        flat: r * inner + start,
                    });
                }
                row.step(&self.space);
            }
        } else {
            let many = (self.tile / inner).max(1);
            for r in (0..rows).step_by(many) {
                let rows = many.min(rows - r);
                f(TileAt {
                    row,
                    rows,
                    start: 0,
                    len: rows * inner,
                    flat: r * inner,
                });
                (0..rows).for_each(|_| row.step(&self.space));
            }
        }
    }

    /// Runs the program into contiguous outputs.
    ///
    /// # Safety
    /// As for `new`; each output holds the whole space and overlaps nothing else.
    pub(crate) unsafe fn write(&self, into: &mut [*mut E]) {
        // A node given out is computed in place, once.
        let mut direct = vec![NONE; self.nodes.len()];
        for (i, &o) in self.outputs.iter().enumerate() {
            if matches!(self.nodes[o], Node::Apply(..)) && direct[o] == NONE {
                direct[o] = i;
            }
        }
        self.run(
            |node, at| match direct[node] {
                NONE => None,
                i => Some(into[i].add(at.flat)),
            },
            |at, values| {
                for (i, &o) in self.outputs.iter().enumerate() {
                    if direct[o] != i {
                        let dst = into[i].add(at.flat);
                        match values[o] {
                            Src::Many(p) => std::ptr::copy_nonoverlapping(p, dst, at.len),
                            Src::One(x) => std::slice::from_raw_parts_mut(dst, at.len).fill(x),
                        }
                    }
                }
            },
        );
    }

    /// Runs the program, hands the outputs' values of each tile to `sink`: (which output, first flat place, length, value).
    ///
    /// # Safety
    /// As for `new`.
    pub(crate) unsafe fn feed(&self, mut sink: impl FnMut(usize, usize, usize, Src<E>)) {
        self.run(
            |_, _| None,
            |at, values| {
                for (i, &o) in self.outputs.iter().enumerate() {
                    sink(i, at.flat, at.len, values[o]);
                }
            },
        );
    }

    /// # Safety
    /// As for `new`; `direct` gives memory for a whole tile.
    unsafe fn run(
        &self,
        direct: impl Fn(usize, TileAt) -> Option<*mut E>,
        mut done: impl FnMut(TileAt, &[Src<E>]),
    ) {
        let whole = self.space.contiguous();
        let inner = self.space.inner();
        let last = self.space.rank - 1;
        let mut room = Scratch::<E>::new(self.slots * self.tile.max(inner.min(LONG_ROW)));
        let size = self.tile.max(inner.min(LONG_ROW));
        let room = room.as_mut_ptr();
        let mut values: Vec<Src<E>> = self
            .nodes
            .iter()
            .map(|n| match n {
                Node::Scalar(x) => Src::One(*x),
                _ => Src::One(E::zero()),
            })
            .collect();
        self.tiles(|at| {
            for &node in &self.code {
                match self.nodes[node] {
                    Node::Scalar(_) => {}
                    Node::Input(p, strides) => {
                        values[node] = if strides == whole {
                            Src::Many(p.add(at.flat))
                        } else if at.rows == 1 && strides[last] < 2 {
                            let p = p.add(at.row.offset(&self.space, &strides));
                            match strides[last] {
                                0 => Src::One(*p),
                                _ => Src::Many(p.add(at.start)),
                            }
                        } else {
                            let to = room.add(self.slot[node] * size);
                            self.gather(p, &strides, at, to);
                            Src::Many(to)
                        };
                    }
                    Node::Apply(op, args) => {
                        let to =
                            direct(node, at).unwrap_or_else(|| room.add(self.slot[node] * size));
                        let s = args.map(|a| values.get(a).copied().unwrap_or(Src::One(E::zero())));
                        (self.apply)(op, to, at.len, &s);
                        values[node] = Src::Many(to);
                    }
                }
            }
            done(at, &values);
        });
    }

    /// Copies what an input holds at a tile's places to `to`.
    unsafe fn gather(&self, p: *const E, strides: &Strides, at: TileAt, to: *mut E) {
        let inner = self.space.inner();
        let len = if at.rows == 1 { at.len } else { inner };
        let step = strides[self.space.rank - 1];
        let mut row = at.row;
        for r in 0..at.rows {
            let p = p.add(row.offset(&self.space, strides) + at.start * step);
            row.step(&self.space);
            let to = std::slice::from_raw_parts_mut(to.add(r * len), len);
            match step {
                0 => to.fill(*p),
                1 => to.copy_from_slice(std::slice::from_raw_parts(p, len)),
                _ => {
                    for (i, t) in to.iter_mut().enumerate() {
                        *t = *p.add(i * step);
                    }
                }
            }
        }
    }
}

/// Computes values that vary over a small part of the space only once there, and makes them inputs.
unsafe fn hoist<E: Elem>(
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
unsafe fn expand<E: Elem>(
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
fn place<E: Elem>(nodes: &[Node<E>], outputs: &[usize]) -> (Vec<usize>, Vec<usize>, usize) {
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
