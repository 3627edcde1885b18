//! A fused program whose values are reduced over some axes, in an order that the shapes alone fix.

use super::engine::{Engine, Node};
use super::ops::{Src, max, min};
use super::space::{AXES, Row, Space, Strides};
use super::{Input, Program, Shared, nodes};
use crate::elem::{Elem, Scratch};
use crate::error::{KernelError, need, product};
use crate::simd::{Level, level};
use crate::team::{Places, ranges, share};

/// How values are reduced. Max and min of nothing are minus and plus infinity; NaN wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The sum; pieces of up to 512 in 32 lanes, the pieces in `f64`.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

impl Reduce {
    fn start(self) -> f64 {
        match self {
            Reduce::Sum => 0.0,
            Reduce::Max => f64::NEG_INFINITY,
            Reduce::Min => f64::INFINITY,
        }
    }
}

const LANES: usize = 32;
/// Elements summed in lanes before the total goes on in f64.
const PIECE: usize = 512;

#[inline(always)]
fn lanes<E: Elem>(v: &[E], start: E, f: impl Fn(E, E) -> E) -> E {
    let mut acc = [start; LANES];
    let mut pieces = v.chunks_exact(LANES);
    for piece in &mut pieces {
        for i in 0..LANES {
            acc[i] = f(acc[i], piece[i]);
        }
    }
    for (a, &x) in acc.iter_mut().zip(pieces.remainder()) {
        *a = f(*a, x);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            acc[i] = f(acc[i], acc[i + half]);
        }
        half /= 2;
    }
    acc[0]
}

/// Reduces `rows` rows of `len` at `p` into one total each, or adds each row to the totals place by place (`kept`).
#[inline(always)]
unsafe fn fold<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    let v = std::slice::from_raw_parts(p, len);
    if kept {
        let to = std::slice::from_raw_parts_mut(to, len);
        match kind {
            Reduce::Sum => to.iter_mut().zip(v).for_each(|(t, x)| *t += x.wide()),
            Reduce::Max => to
                .iter_mut()
                .zip(v)
                .for_each(|(t, x)| *t = max(*t, x.wide())),
            Reduce::Min => to
                .iter_mut()
                .zip(v)
                .for_each(|(t, x)| *t = min(*t, x.wide())),
        }
    } else {
        match kind {
            Reduce::Sum => {
                for piece in v.chunks(PIECE) {
                    *to += lanes(piece, E::zero(), |a, b| a + b).wide();
                }
            }
            Reduce::Max => *to = max(*to, lanes(v, E::neg_infinity(), max).wide()),
            Reduce::Min => *to = min(*to, lanes(v, E::infinity(), min).wide()),
        }
    }
}

type FoldFn<E> = unsafe fn(Reduce, *const E, usize, *mut f64, bool);

unsafe fn fold_base<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fold_avx2<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn fold_avx512<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut f64, kept: bool) {
    fold(kind, p, len, to, kept)
}

fn fold_fn<E: Elem>() -> FoldFn<E> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => fold_avx512::<E>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => fold_avx2::<E>,
        _ => fold_base::<E>,
    }
}

/// Runs a program at every place of `shape`, reduces its first values over the axes of `reduced` (true = reduced away), and
/// keeps the others as they are: one pass over memory for all.
///
/// Each of `outputs` is contiguous over the axes that stay, in their order; each of `kept`, for the program's outputs after
/// those, of the whole shape. Same inputs, same bits: whatever the thread.
pub fn run_fused_reduce<E: Elem>(
    program: &Program,
    shape: &[usize],
    inputs: &[Input<'_, E>],
    reduced: &[bool],
    kind: Reduce,
    outputs: &mut [&mut [E]],
    kept: &mut [&mut [E]],
) -> Result<(), KernelError> {
    let whole = product(shape)?;
    need(
        reduced.len() == shape.len(),
        "the mask of reduced axes has another rank than the space",
    )?;
    let left: usize = shape
        .iter()
        .zip(reduced)
        .filter(|(_, r)| !**r)
        .map(|(d, _)| d)
        .product();
    need(
        outputs.len() + kept.len() == program.outputs.len(),
        "a fused program got another number of outputs",
    )?;
    need(
        outputs.iter().all(|o| o.len() == left),
        "an output of a reduction has another size than the axes that stay",
    )?;
    need(
        kept.iter().all(|o| o.len() == whole),
        "an output of a fused program has another size than its space",
    )?;
    let (space, kinds, nodes) = nodes(program, shape, inputs, reduced)?;
    if space.total() == 0 {
        for o in outputs.iter_mut().flat_map(|o| o.iter_mut()) {
            *o = E::of(kind.start());
        }
        return Ok(());
    }
    let into: Vec<Places<E>> = outputs.iter_mut().map(|o| Places::new(o)).collect();
    let whole: Vec<Places<E>> = kept.iter_mut().map(|o| Places::new(o)).collect();
    let count = into.len();
    let nodes = Shared(nodes);
    let rows = space.dims[0];
    let each = space.total() / rows;
    let some = share(rows, each * program.work(), 1);
    // A part writes places of its own, from its first row on.
    let from = |first: usize| -> Vec<*mut E> { whole.iter().map(|p| p.at(first * each)).collect() };
    if !kinds[0] {
        // Each part has outputs of its own.
        let kept = left / rows;
        ranges(rows, some, &|first, len| {
            let mut totals = Scratch::<f64>::new(len * kept * count);
            // SAFETY: parts write outputs of their own, of which there are `kept` for each place of the first axis.
            unsafe {
                let (nodes, part) = nodes.part(&space, first, len);
                let kinds = if part.rank < space.rank {
                    &kinds[1..]
                } else {
                    &kinds[..]
                };
                let to = Totals {
                    kind,
                    all: &mut totals,
                    count,
                };
                reduce(nodes, part, program, kinds, to, &mut from(first));
                for (o, totals) in into.iter().zip(totals.chunks_exact((len * kept).max(1))) {
                    let o = o.slice(first * kept, len * kept);
                    o.iter_mut().zip(totals).for_each(|(o, &t)| *o = E::of(t));
                }
            }
        });
        return Ok(());
    }
    // Each part has totals of its own, put together in order; few enough parts that this is little work.
    let some = some.max((8 * left).div_ceil(each));
    let cut = rows.div_ceil(some);
    let all = left * count;
    let mut totals = Scratch::<f64>::new(cut * all);
    let places = Places::new(&mut totals);
    ranges(rows, some, &|first, len| {
        // SAFETY: parts have totals of their own.
        unsafe {
            let totals = places.slice(first / some * all, all);
            let (nodes, part) = nodes.part(&space, first, len);
            let kinds = if part.rank < space.rank {
                &kinds[1..]
            } else {
                &kinds[..]
            };
            let to = Totals {
                kind,
                all: totals,
                count,
            };
            reduce(nodes, part, program, kinds, to, &mut from(first));
        }
    });
    let (sum, others) = totals.split_at_mut(all);
    for part in others.chunks_exact(all.max(1)) {
        for (s, &t) in sum.iter_mut().zip(part) {
            *s = match kind {
                Reduce::Sum => *s + t,
                Reduce::Max => max(*s, t),
                Reduce::Min => min(*s, t),
            };
        }
    }
    for (output, totals) in outputs.iter_mut().zip(sum.chunks_exact(left.max(1))) {
        for (o, &t) in output.iter_mut().zip(totals) {
            *o = E::of(t);
        }
    }
    Ok(())
}

/// Where values are reduced to: the totals of `count` outputs after one another.
struct Totals<'a> {
    kind: Reduce,
    all: &'a mut [f64],
    count: usize,
}

/// Reduces all of a space, and writes what is kept to `kept`.
///
/// # Safety
/// Every input reaches all of the space, and so does every address of `kept`, which overlap nothing else.
unsafe fn reduce<E: Elem>(
    nodes: Vec<Node<E>>,
    space: Space,
    program: &Program,
    kinds: &[bool],
    to: Totals<'_>,
    kept: &mut [*mut E],
) {
    let kind = to.kind;
    to.all.fill(kind.start());
    let left = to.all.len() / to.count.max(1);
    let first = space.dims[0];
    let rest = space.total() / first;
    if kinds[0] && space.rank > 1 && space.inner() < 512 && rest <= 16 * 1024 && first >= 4 {
        // Over the first axis place by place, which keeps vectors full whatever the rows' length; then the rest.
        let sums = over_first::<E>(nodes, space, program, kind, to.count, kept);
        let part = space.part(1);
        for (i, sums) in sums.chunks_exact(rest).enumerate() {
            let to = &mut to.all[i * left..][..left];
            let rows = Rows::new(kind, &part, &kinds[1..]);
            rows.fold(sums, &mut rows.first(), to);
        }
    } else {
        let mut fill: Vec<E> = Vec::new();
        let rows = Rows::new(kind, &space, kinds);
        let mut at = vec![rows.first(); to.count];
        Engine::new(nodes, space, &program.outputs).feed(to.count, kept, |i, _, len, value| {
            let v = slice(value, len, &mut fill);
            let to = &mut to.all[i * left..][..left];
            rows.fold(v, &mut at[i], to);
        });
    }
}

/// A tile's value as elements.
unsafe fn slice<E: Elem>(value: Src<E>, len: usize, fill: &mut Vec<E>) -> &[E] {
    match value {
        Src::Many(p) => std::slice::from_raw_parts(p, len),
        Src::One(x) => {
            fill.clear();
            fill.resize(len, x);
            fill
        }
    }
}

/// Reduces values that come in the order of a space into the totals of the axes that stay.
struct Rows<'a, E> {
    kind: Reduce,
    one: FoldFn<E>,
    space: &'a Space,
    /// Strides of the totals.
    to: Strides,
    kept: bool,
}

/// Where the next values belong: their row, and the place in it.
#[derive(Clone, Copy)]
struct Place(Row, usize);

impl<'a, E: Elem> Rows<'a, E> {
    fn new(kind: Reduce, space: &'a Space, reduced: &[bool]) -> Self {
        let mut keep = [false; AXES];
        for (k, r) in keep.iter_mut().zip(reduced) {
            *k = !r;
        }
        Rows {
            kind,
            one: fold_fn::<E>(),
            space,
            to: space.contiguous_over(&keep),
            kept: keep[space.rank - 1] && space.inner() > 1,
        }
    }

    fn first(&self) -> Place {
        Place(self.space.row(0), 0)
    }

    /// # Safety
    /// `totals` holds all axes that stay.
    unsafe fn fold(&self, mut v: &[E], at: &mut Place, totals: &mut [f64]) {
        let (inner, last) = (self.space.inner(), self.space.rank - 1);
        while !v.is_empty() {
            let len = v.len().min(inner - at.1);
            let place = at.0.offset(self.space, &self.to) + at.1 * self.to[last];
            let to = totals.as_mut_ptr().add(place);
            (self.one)(self.kind, v.as_ptr(), len, to, self.kept);
            v = &v[len..];
            at.1 += len;
            if at.1 == inner {
                at.1 = 0;
                at.0.step(self.space);
            }
        }
    }
}

/// Reduces the first axis only: for each output, the other axes' places.
unsafe fn over_first<E: Elem>(
    nodes: Vec<Node<E>>,
    space: Space,
    program: &Program,
    kind: Reduce,
    count: usize,
    kept: &mut [*mut E],
) -> Scratch<f64> {
    // Sums of so many in E before they go on in f64.
    const RUN: usize = 16;
    let rest = space.total() / space.dims[0];
    let mut sums = Scratch::<f64>::new(count * rest);
    sums.fill(kind.start());
    let mut short = Scratch::<E>::new(count * rest);
    let start = E::of(kind.start());
    short.fill(start);
    let (fold, merge) = (fold_fn::<E>(), merge_fn::<E>());
    let mut fill = Vec::new();
    Engine::new(nodes, space, &program.outputs).feed(count, kept, |i, flat, len, value| {
        let mut v = slice(value, len, &mut fill);
        let mut flat = flat;
        while !v.is_empty() {
            let (turn, at) = (flat / rest, flat % rest);
            let len = v.len().min(rest - at);
            merge(kind, v.as_ptr(), len, short.as_mut_ptr().add(i * rest + at));
            if turn % RUN == RUN - 1 || turn == space.dims[0] - 1 {
                let part = &mut short[i * rest + at..][..len];
                fold(
                    kind,
                    part.as_ptr(),
                    len,
                    sums.as_mut_ptr().add(i * rest + at),
                    true,
                );
                part.fill(start);
            }
            v = &v[len..];
            flat += len;
        }
    });
    sums
}

/// Adds (or the like) `len` elements to others, place by place.
#[inline(always)]
unsafe fn merge<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut E) {
    let v = std::slice::from_raw_parts(p, len);
    let to = std::slice::from_raw_parts_mut(to, len);
    match kind {
        Reduce::Sum => to.iter_mut().zip(v).for_each(|(t, &x)| *t = *t + x),
        Reduce::Max => to.iter_mut().zip(v).for_each(|(t, &x)| *t = max(*t, x)),
        Reduce::Min => to.iter_mut().zip(v).for_each(|(t, &x)| *t = min(*t, x)),
    }
}

type MergeFn<E> = unsafe fn(Reduce, *const E, usize, *mut E);

unsafe fn merge_base<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut E) {
    merge(kind, p, len, to)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn merge_avx2<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut E) {
    merge(kind, p, len, to)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn merge_avx512<E: Elem>(kind: Reduce, p: *const E, len: usize, to: *mut E) {
    merge(kind, p, len, to)
}

fn merge_fn<E: Elem>() -> MergeFn<E> {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => merge_avx512::<E>,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => merge_avx2::<E>,
        _ => merge_base::<E>,
    }
}
