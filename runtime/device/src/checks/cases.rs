//! One case for each operation, with shapes and values drawn from a seed.

use nas_ir::op::{PadMode, Window};
use nas_ir::{Binary, DType, Dim, HostFn, HostTensor, Op, ReduceKind, Unary};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(super) struct Case {
    pub op: Op,
    pub inputs: Vec<HostTensor>,
    pub shape: Vec<usize>,
    /// Gives whole numbers.
    pub whole: bool,
    /// How much looser than usual it may be.
    pub loose: f64,
}

struct Draw(ChaCha8Rng);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }
    fn from(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
    /// Quarters in -4..4: ties and zeros happen.
    fn coarse(&mut self) -> f64 {
        (self.below(33) as f64 - 16.0) / 4.0
    }
    fn fine(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0
    }
    fn shape(&mut self, low: usize, high: usize) -> Vec<usize> {
        let rank = self.from(low, high);
        (0..rank).map(|_| self.from(1, 5)).collect()
    }
    fn tensor(&mut self, shape: &[usize]) -> HostTensor {
        let n: usize = shape.iter().product();
        HostTensor::f64(shape.to_vec(), (0..n).map(|_| self.fine()).collect())
    }
    fn ties(&mut self, shape: &[usize]) -> HostTensor {
        let n: usize = shape.iter().product();
        HostTensor::f64(shape.to_vec(), (0..n).map(|_| self.coarse()).collect())
    }
    /// With infinities and NaN among the values.
    fn wild(&mut self, shape: &[usize]) -> HostTensor {
        let n: usize = shape.iter().product();
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
        let v = (0..n)
            .map(|_| match self.below(12) {
                k @ 0..=4 => odd[k],
                _ => self.coarse(),
            })
            .collect();
        HostTensor::f64(shape.to_vec(), v)
    }
    fn index(&mut self, shape: &[usize], below: usize) -> HostTensor {
        let n: usize = shape.iter().product();
        HostTensor::i32(
            shape.to_vec(),
            (0..n).map(|_| self.below(below) as i32).collect(),
        )
    }
    /// The shape with some axes 1 and some leading ones gone.
    fn part(&mut self, shape: &[usize]) -> Vec<usize> {
        let skip = self.below(shape.len() + 1);
        let keep: Vec<usize> = shape[skip..].to_vec();
        keep.into_iter()
            .map(|s| if self.below(3) == 0 { 1 } else { s })
            .collect()
    }
    fn window(&mut self, size: [i64; 2]) -> Window {
        let mut n = |low: usize, high: usize| self.from(low, high) as i64;
        let even = n(0, 1) == 0;
        let (a, b) = (n(0, size[0] as usize / 2), n(0, size[1] as usize / 2));
        let (c, d) = (n(0, size[0] as usize / 2), n(0, size[1] as usize / 2));
        Window {
            size,
            stride: [n(1, 3), n(1, 2)],
            dilation: [1, 1],
            pad: if even { [a, b, a, b] } else { [a, b, c, d] },
        }
    }
}

fn reaches(extent: usize, k: i64, w: &Window, axis: usize) -> Option<usize> {
    let span = (k - 1) * w.dilation[axis] + 1;
    let room = extent as i64 + w.pad[axis] + w.pad[axis + 2] - span;
    (room >= 0).then(|| (room / w.stride[axis] + 1) as usize)
}

fn case(op: Op, inputs: Vec<HostTensor>, shape: &[usize]) -> Case {
    Case {
        op,
        inputs,
        shape: shape.to_vec(),
        whole: false,
        loose: 1.0,
    }
}

pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut d = Draw(ChaCha8Rng::seed_from_u64(seed));
    let mut all = pointwise(&mut d);
    all.extend(reductions(&mut d));
    all.extend(layouts(&mut d));
    all.extend(indexed(&mut d));
    all.extend(contractions(&mut d));
    all.extend(windows(&mut d));
    all
}

fn pointwise(d: &mut Draw) -> Vec<Case> {
    use Binary::*;
    use Unary::*;
    let mut all = vec![];
    for u in [
        Neg, Exp, Log, Sqrt, Abs, Sign, Sin, Cos, Tanh, Erf, Sigmoid, Round, Floor, Ceil, Relu, Not,
    ] {
        let s = d.shape(0, 4);
        let x = match d.below(2) {
            0 => d.wild(&s),
            _ => d.tensor(&s),
        };
        all.push(case(Op::Unary(u), vec![x], &s));
    }
    for b in [
        Add, Sub, Mul, Div, Pow, Max, Min, Lt, Le, Gt, Ge, Eq, Ne, And, Or,
    ] {
        let s = d.shape(0, 4);
        let (mut p, mut q) = (d.part(&s), s.clone());
        if d.below(2) == 0 {
            std::mem::swap(&mut p, &mut q);
        }
        let (x, y) = if b == Pow {
            (d.ties(&p), d.ties(&q))
        } else {
            (d.wild(&p), d.wild(&q))
        };
        all.push(case(Op::Binary(b), vec![x, y], &s));
    }
    for b in [Add, Sub, Mul, Max, Min] {
        let s = d.shape(1, 3);
        let (x, y) = (d.index(&s, 9), d.index(&s, 9));
        let mut c = case(Op::Binary(b), vec![x, y], &s);
        c.whole = true;
        all.push(c);
    }
    let s = d.shape(1, 4);
    let (a, b) = (d.part(&s), d.part(&s));
    let parts = vec![d.ties(&s), d.tensor(&a), d.tensor(&b)];
    all.push(case(Op::Select, parts, &s));
    all.push(case(Op::Cast(DType::I32), vec![d.ties(&s)], &s));
    all.push(case(Op::Cast(DType::F64), vec![d.index(&s, 40)], &s));
    for op in [Op::Stop, Op::Mark("a".into())] {
        all.push(case(op, vec![d.tensor(&s)], &s));
    }
    all.push(case(Op::Surrogate, vec![d.tensor(&s), d.tensor(&s)], &s));
    all
}

fn reductions(d: &mut Draw) -> Vec<Case> {
    let mut all = vec![];
    for kind in [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min] {
        let s = d.shape(1, 4);
        let axes: Vec<usize> = (0..s.len()).filter(|_| d.below(2) == 0).collect();
        let axes = if axes.is_empty() { vec![0] } else { axes };
        let keep = d.below(2) == 0;
        let shape: Vec<usize> = s
            .iter()
            .enumerate()
            .filter(|(i, _)| keep || !axes.contains(i))
            .map(|(i, n)| if axes.contains(&i) { 1 } else { *n })
            .collect();
        let x = match kind {
            ReduceKind::Sum => d.tensor(&s),
            _ => d.wild(&s),
        };
        all.push(case(Op::Reduce { kind, axes, keep }, vec![x], &shape));
    }
    for largest in [true, false] {
        let s = d.shape(1, 4);
        let axis = d.below(s.len());
        let mut shape = s.clone();
        shape.remove(axis);
        let x = d.ties(&s);
        all.push(case(Op::ArgReduce { largest, axis }, vec![x], &shape));
    }
    let s = d.shape(1, 4);
    let axis = d.below(s.len());
    let reverse = d.below(2) == 0;
    all.push(case(Op::CumSum { axis, reverse }, vec![d.tensor(&s)], &s));
    all.push(case(Op::Sort, vec![d.wild(&s)], &s));
    all.push(case(Op::ArgSort, vec![d.ties(&s)], &s));
    let m = d.from(1, 6);
    for f in [HostFn::LogDet, HostFn::EigSym] {
        let x = d.tensor(&[m, m]);
        let shape = if f == HostFn::LogDet { vec![] } else { vec![m] };
        all.push(case(Op::Host(f), vec![x], &shape));
    }
    all
}

fn layouts(d: &mut Draw) -> Vec<Case> {
    let s = d.shape(1, 4);
    let n: usize = s.iter().product();
    let mut order: Vec<usize> = (0..s.len()).collect();
    order.rotate_left(d.below(s.len()));
    order.reverse();
    let turned: Vec<usize> = order.iter().map(|i| s[*i]).collect();
    let p = d.part(&s);
    let mut all = vec![
        case(Op::Reshape, vec![d.tensor(&s)], &[n]),
        case(Op::Permute(order.clone()), vec![d.tensor(&s)], &turned),
        case(Op::Expand, vec![d.tensor(&p)], &s),
        case(Op::Iota, vec![], &[n]),
    ];
    let mut whole = case(Op::Permute(order), vec![d.index(&s, 50)], &turned);
    whole.whole = true;
    all.push(whole);
    let axis = d.below(s.len());
    let start = d.below(s[axis]);
    let end = d.from(start + 1, s[axis]);
    let step = d.from(1, 2);
    let mut part = s.clone();
    part[axis] = (end - start).div_ceil(step);
    let (from, to, by) = (Dim::from(start), Dim::from(end), step as i64);
    all.push(case(
        Op::Slice {
            axis,
            start: from.clone(),
            end: to.clone(),
            step: by,
        },
        vec![d.tensor(&s)],
        &part,
    ));
    let op = Op::Unslice {
        axis,
        start: from,
        end: to,
        step: by,
        size: Dim::from(s[axis]),
    };
    all.push(case(op, vec![d.tensor(&part)], &s));
    for mode in [
        PadMode::Zero,
        PadMode::Edge,
        PadMode::Mirror,
        PadMode::Circular,
    ] {
        let (before, after) = (d.below(3), d.below(3));
        let mut shape = s.clone();
        shape[axis] += before + after;
        let op = Op::Pad {
            axis,
            before: before as i64,
            after: after as i64,
            mode,
        };
        all.push(case(op, vec![d.tensor(&s)], &shape));
    }
    let mut other = s.clone();
    other[axis] = d.from(1, 4);
    let mut joined = s.clone();
    joined[axis] = 2 * s[axis] + other[axis];
    let parts = vec![d.tensor(&s), d.tensor(&other), d.tensor(&s)];
    all.push(case(Op::Concat { axis }, parts, &joined));
    all
}

fn indexed(d: &mut Draw) -> Vec<Case> {
    let s = d.shape(1, 4);
    let axis = d.below(s.len());
    let m = d.from(1, 6);
    let mut rows = s.clone();
    rows[axis] = m;
    let c = s[s.len() - 1];
    let lead = s[..s.len() - 1].to_vec();
    let size = |n: usize| Dim::from(n);
    let mut all = vec![
        case(
            Op::Gather { axis },
            vec![d.tensor(&s), d.index(&[m], s[axis])],
            &rows,
        ),
        case(
            Op::ScatterAdd {
                axis,
                size: size(s[axis]),
            },
            vec![d.tensor(&rows), d.index(&[m], s[axis])],
            &s,
        ),
        case(Op::Pick, vec![d.tensor(&s), d.index(&lead, c)], &lead),
        case(
            Op::Unpick { size: size(c) },
            vec![d.tensor(&lead), d.index(&lead, c)],
            &s,
        ),
        case(Op::OneHot { classes: size(c) }, vec![d.index(&lead, c)], &s),
        case(Op::TakeAlong, vec![d.tensor(&s), d.index(&s, c)], &s),
        case(Op::PutAlong, vec![d.tensor(&s), d.index(&s, c)], &s),
    ];
    let mut whole = case(
        Op::Gather { axis },
        vec![d.index(&s, 77), d.index(&[m], s[axis])],
        &rows,
    );
    whole.whole = true;
    all.push(whole);
    all
}

fn contractions(d: &mut Draw) -> Vec<Case> {
    let specs = [
        ("nc", "oc", "no"),
        ("nc", "no", "oc"),
        ("bij", "bjk", "bik"),
        ("bhid", "bhjd", "bhij"),
        ("ij", "ij", ""),
        ("i", "j", "ij"),
        ("i", "i", "i"),
        ("abc", "cd", "dab"),
        ("ab", "cb", "a"),
        ("ii", "ij", "j"),
        ("", "ij", "ji"),
        ("nhwc", "kc", "nkhw"),
    ];
    let mut all = vec![];
    for (a, b, out) in specs {
        let extents: Vec<usize> = (0..26).map(|_| d.from(1, 5)).collect();
        let shape =
            |s: &str| -> Vec<usize> { s.bytes().map(|c| extents[(c - b'a') as usize]).collect() };
        let op = Op::Contract {
            inputs: vec![a.into(), b.into()],
            output: out.into(),
        };
        let parts = vec![d.tensor(&shape(a)), d.tensor(&shape(b))];
        all.push(case(op, parts, &shape(out)));
    }
    for (a, out) in [("ijk", "ki"), ("ij", ""), ("ii", "i"), ("ii", "")] {
        let extents: Vec<usize> = (0..26).map(|_| d.from(1, 5)).collect();
        let shape =
            |s: &str| -> Vec<usize> { s.bytes().map(|c| extents[(c - b'a') as usize]).collect() };
        let op = Op::Contract {
            inputs: vec![a.into()],
            output: out.into(),
        };
        all.push(case(op, vec![d.tensor(&shape(a))], &shape(out)));
    }
    all
}

fn windows(d: &mut Draw) -> Vec<Case> {
    let mut all = vec![];
    let (n, h, w) = (d.from(1, 3), d.from(1, 9), d.from(1, 9));
    let g = [1, 1, 2, 3][d.below(4)];
    let (ci, co) = (d.from(1, 4), d.from(1, 4));
    let (ci, co) = if d.below(4) == 0 { (1, 1) } else { (ci, co) };
    let (k, l) = (d.from(1, 4), d.from(1, 3));
    let mut window = d.window([k as i64, l as i64]);
    window.dilation = [d.from(1, 2) as i64, d.from(1, 2) as i64];
    let y = (
        reaches(h, k as i64, &window, 0),
        reaches(w, l as i64, &window, 1),
    );
    if let (Some(p), Some(q)) = y {
        let (x, y, weight) = ([n, ci * g, h, w], [n, co * g, p, q], [co * g, ci, k, l]);
        let groups = g as i64;
        all.push(case(
            Op::Conv { window, groups },
            vec![d.tensor(&x), d.tensor(&weight)],
            &y,
        ));
        all.push(case(
            Op::ConvGradInput { window, groups },
            vec![d.tensor(&y), d.tensor(&weight)],
            &x,
        ));
        all.push(case(
            Op::ConvGradWeight { window, groups },
            vec![d.tensor(&x), d.tensor(&y)],
            &weight,
        ));
    }
    let (k, l) = (d.from(1, 4), d.from(1, 3));
    let window = d.window([k as i64, l as i64]);
    let y = (
        reaches(h, k as i64, &window, 0),
        reaches(w, l as i64, &window, 1),
    );
    if let (Some(p), Some(q)) = y {
        let (x, y) = ([n, ci, h, w], [n, ci, p, q]);
        for count_pad in [true, false] {
            all.push(case(
                Op::AvgPool { window, count_pad },
                vec![d.tensor(&x)],
                &y,
            ));
            all.push(case(
                Op::AvgPoolGrad { window, count_pad },
                vec![d.tensor(&y)],
                &x,
            ));
        }
        all.push(case(Op::MaxPool { window }, vec![d.ties(&x)], &y));
        all.push(case(
            Op::MaxPoolGrad { window },
            vec![d.ties(&x), d.tensor(&y)],
            &x,
        ));
        all.push(case(
            Op::MaxPoolPick { window },
            vec![d.ties(&x), d.tensor(&x)],
            &y,
        ));
    }
    all
}
