//! Executes a fused program tile by tile.

use super::ops::{Op, Src, apply};
use super::prepare::{expand, hoist, place};
use super::space::{Row, Space, Strides};
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

type ApplyFn<E> = unsafe fn(Op, *mut E, usize, [&Src<E>; 3]);

unsafe fn apply_base<E: Elem>(op: Op, dst: *mut E, n: usize, s: [&Src<E>; 3]) {
    apply::<E, E::Base>(op, dst, n, s)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn apply_avx2<E: Elem>(op: Op, dst: *mut E, n: usize, s: [&Src<E>; 3]) {
    apply::<E, E::Avx2>(op, dst, n, s)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn apply_avx512<E: Elem>(op: Op, dst: *mut E, n: usize, s: [&Src<E>; 3]) {
    apply::<E, E::Avx512>(op, dst, n, s)
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

/// What a tile does for one value.
struct Step<'a, E> {
    node: usize,
    does: Does<'a, E>,
}

enum Does<'a, E> {
    /// Memory in the order of the space.
    Read(*const E),
    /// A piece of a row that lies together.
    ReadRow(*const E, &'a Strides),
    /// One value for the row.
    ReadOne(*const E, &'a Strides),
    Gather(*const E, &'a Strides),
    Apply(Op, [usize; 3]),
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

pub(super) const NONE: usize = usize::MAX;
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
                        apply(op, &mut x, 1, s.each_ref());
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
        // Small enough for the first cache with all buffers, large enough that an operation's start does not count.
        let tile = if slots <= 8 { 1024 } else { 512 };
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
    fn tiles(&self, mut f: impl FnMut(&TileAt)) {
        let inner = self.space.inner();
        let rows = self.space.total() / inner.max(1);
        let mut row = self.space.row(0);
        if inner >= LONG_ROW || rows == 1 {
            for r in 0..rows {
                for start in (0..inner).step_by(self.tile) {
                    f(&TileAt {
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
                f(&TileAt {
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
        self.feed(0, into, |_, _, _, _| {});
    }

    /// Runs the program, hands the values of the first `fed` outputs to `sink`, tile by tile: (which output, first flat place,
    /// length, value); the others go into contiguous memory.
    ///
    /// # Safety
    /// As for `new`; each address holds the whole space and overlaps nothing else.
    pub(crate) unsafe fn feed(
        &self,
        fed: usize,
        into: &mut [*mut E],
        mut sink: impl FnMut(usize, usize, usize, Src<E>),
    ) {
        let (fed, written) = self.outputs.split_at(fed);
        // A node given out is computed in place, once.
        let mut direct = vec![NONE; self.nodes.len()];
        for (i, &o) in written.iter().enumerate() {
            if matches!(self.nodes[o], Node::Apply(..)) && direct[o] == NONE {
                direct[o] = i;
            }
        }
        self.run(
            |node, flat| match direct[node] {
                NONE => None,
                i => Some(into[i].add(flat)),
            },
            |at, values| {
                for (i, &o) in written.iter().enumerate() {
                    if direct[o] != i {
                        let dst = into[i].add(at.flat);
                        match values[o] {
                            Src::Many(p) => std::ptr::copy_nonoverlapping(p, dst, at.len),
                            Src::One(x) => std::slice::from_raw_parts_mut(dst, at.len).fill(x),
                        }
                    }
                }
                for (i, &o) in fed.iter().enumerate() {
                    sink(i, at.flat, at.len, values[o]);
                }
            },
        );
    }

    /// # Safety
    /// As for `new`; `direct` gives memory for a whole tile, from its flat place.
    unsafe fn run(
        &self,
        direct: impl Fn(usize, usize) -> Option<*mut E>,
        mut done: impl FnMut(&TileAt, &[Src<E>]),
    ) {
        let inner = self.space.inner();
        let size = self.tile.max(inner.min(LONG_ROW));
        let mut room = Scratch::<E>::new(self.slots * size);
        let room = room.as_mut_ptr();
        let mut values: Vec<Src<E>> = self
            .nodes
            .iter()
            .map(|n| match n {
                Node::Scalar(x) => Src::One(*x),
                _ => Src::One(E::zero()),
            })
            .collect();
        let steps = self.steps(inner >= LONG_ROW || self.space.total() == inner);
        self.tiles(|at| {
            for step in &steps {
                values[step.node] = match step.does {
                    Does::Read(p) => Src::Many(p.add(at.flat)),
                    Does::ReadRow(p, strides) => {
                        Src::Many(p.add(at.row.offset(&self.space, strides) + at.start))
                    }
                    Does::ReadOne(p, strides) => {
                        Src::One(*p.add(at.row.offset(&self.space, strides)))
                    }
                    Does::Gather(p, strides) => {
                        let to = room.add(self.slot[step.node] * size);
                        self.gather(p, strides, at, to);
                        Src::Many(to)
                    }
                    Does::Apply(op, args) => {
                        let to = direct(step.node, at.flat)
                            .unwrap_or_else(|| room.add(self.slot[step.node] * size));
                        let [a, b, c] = args;
                        (self.apply)(op, to, at.len, [&values[a], &values[b], &values[c]]);
                        Src::Many(to)
                    }
                };
            }
            done(at, &values);
        });
    }

    /// What each tile does, in order; `rows` where a tile lies in one row.
    fn steps(&self, rows: bool) -> Vec<Step<'_, E>> {
        let whole = self.space.contiguous();
        let last = self.space.rank - 1;
        let does = |node: usize| match &self.nodes[node] {
            Node::Scalar(_) => None,
            Node::Input(p, strides) => Some(if *strides == whole {
                Does::Read(*p)
            } else if rows && strides[last] < 2 {
                match strides[last] {
                    0 => Does::ReadOne(*p, strides),
                    _ => Does::ReadRow(*p, strides),
                }
            } else {
                Does::Gather(*p, strides)
            }),
            // Arguments that the operation does not take may be any.
            Node::Apply(op, args) => {
                let known = |a: usize| if a < self.nodes.len() { a } else { 0 };
                Some(Does::Apply(*op, args.map(known)))
            }
        };
        self.code
            .iter()
            .filter_map(|&node| {
                let does = does(node)?;
                Some(Step { node, does })
            })
            .collect()
    }

    /// Copies what an input holds at a tile's places to `to`.
    unsafe fn gather(&self, p: *const E, strides: &Strides, at: &TileAt, to: *mut E) {
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
