//! Fused programs and reductions against plain loops in f64, and the accuracy of the vector functions.

#![allow(clippy::type_complexity)]

use nasc_kernels::*;
use proptest::prelude::*;

const LEVELS: [Level; 3] = [Level::Base, Level::Avx2, Level::Avx512];

fn values<E: Elem>(n: usize, seed: u64) -> Vec<E> {
    let mut s = seed.wrapping_mul(2654435761).wrapping_add(777);
    (0..n)
        .map(|_| {
            s = s
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            E::of((s >> 40) as f64 / (1u64 << 24) as f64 - 0.5)
        })
        .collect()
}

fn one(op: Op, args: &[Input<'_, f32>], n: usize) -> Vec<f32> {
    let all: Vec<u16> = (0..args.len() as u16).collect();
    let dst = args.len() as u16;
    let p = Program::new(args.len(), &[Instr::new(op, &all, dst)], &[dst]).unwrap();
    let mut y = vec![0f32; n];
    run_fused(&p, &[n], args, &mut [&mut y]).unwrap();
    y
}

fn tensor<'a, E>(data: &'a [E], strides: &'a [isize]) -> Input<'a, E> {
    Input::Tensor { data, strides }
}

/// Distance in units of the last place of `want`.
fn ulps(got: f32, want: f64) -> f64 {
    let w = want as f32;
    if got.is_nan() && want.is_nan() || got == w {
        return 0.0;
    }
    let step = (f32::from_bits(w.abs().to_bits() + 1) as f64 - w.abs() as f64).max(1e-45);
    (got as f64 - want).abs() / step
}

#[test]
fn vector_functions_are_accurate() {
    let mut x: Vec<f32> = Vec::new();
    x.extend((-40_000..40_000).flat_map(|i| [i as f32 * 0.003, i as f32 * 1e-5]));
    x.extend((0..2000).flat_map(|i| [i * 1_073_741, i * 977].map(f32::from_bits)));
    let functions: [(Op, fn(f64) -> f64, f64); 5] = [
        (Op::Exp, f64::exp, 2.0),
        (Op::Log, f64::ln, 2.0),
        (Op::Tanh, f64::tanh, 2.5),
        (Op::Erf, libm::erf, 5.0),
        (Op::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 3.5),
    ];
    for at in LEVELS {
        for (op, f, most) in functions {
            let y = with_level(at, || one(op, &[tensor(&x, &[1])], x.len()));
            let mut worst = (0.0, 0.0);
            for (&x, &y) in x.iter().zip(&y) {
                // 1 / (1 + e^-x) may run out of range where the result is below the smallest normal number.
                if op == Op::Sigmoid && x < -87.0 {
                    continue;
                }
                let u = ulps(y, f(x as f64));
                if u > worst.0 || u.is_nan() {
                    worst = (u, x);
                }
            }
            assert!(
                worst.0 <= most,
                "{op:?} at {at:?}: {} ulps at {:e}",
                worst.0,
                worst.1
            );
        }
    }
}

#[test]
fn special_values_are_those_of_the_library() {
    let x = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        0.0,
        -0.0,
        -1.0,
        1000.0,
        -1000.0,
        f32::MAX,
    ];
    let same = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
    let functions: [(Op, fn(f32) -> f32); 9] = [
        (Op::Exp, f32::exp),
        (Op::Log, f32::ln),
        (Op::Tanh, f32::tanh),
        (Op::Erf, |x| libm::erf(x as f64) as f32),
        (Op::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
        (Op::Sqrt, f32::sqrt),
        (Op::Recip, f32::recip),
        (Op::Round, f32::round_ties_even),
        (Op::Floor, f32::floor),
    ];
    for at in LEVELS {
        for (op, f) in functions {
            let y = with_level(at, || one(op, &[tensor(&x, &[1])], x.len()));
            for (&x, &y) in x.iter().zip(&y) {
                let want = f(x);
                // 1.0 may come out one step off, no other value may.
                assert!(
                    same(y, want) || (y - want).abs() <= want.abs() * 1.2e-7 * 2.0,
                    "{op:?}({x}) = {y}, not {want}"
                );
            }
        }
    }
    assert!(one(Op::Relu, &[tensor(&x, &[1])], 9)[0].is_nan());
    assert!(one(Op::Sign, &[tensor(&x, &[1])], 9)[0].is_nan());
    for op in [Op::Max, Op::Min] {
        assert!(one(op, &[tensor(&x, &[1]), Input::Scalar(1.0)], 9)[0].is_nan());
        assert!(one(op, &[Input::Scalar(1.0), tensor(&x, &[1])], 9)[0].is_nan());
    }
}

/// What each operation means.
fn meaning(op: Op, a: f64, b: f64, c: f64) -> f64 {
    let truth = |t: bool| if t { 1.0 } else { 0.0 };
    match op {
        Op::Copy => a,
        Op::Neg => -a,
        Op::Exp => a.exp(),
        Op::Log => a.ln(),
        Op::Sqrt => a.sqrt(),
        Op::Abs => a.abs(),
        Op::Sign => truth(a > 0.0) - truth(a < 0.0),
        Op::Sin => a.sin(),
        Op::Cos => a.cos(),
        Op::Tanh => a.tanh(),
        Op::Erf => libm::erf(a),
        Op::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        Op::Floor => a.floor(),
        Op::Ceil => a.ceil(),
        Op::Round => a.round_ties_even(),
        Op::Recip => 1.0 / a,
        Op::Relu => a.max(0.0),
        Op::Gt0 => truth(a > 0.0),
        Op::Not => truth(a == 0.0),
        Op::IsNan => truth(a.is_nan()),
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        Op::Pow => a.powf(b),
        Op::Max => a.max(b),
        Op::Min => a.min(b),
        Op::Lt => truth(a < b),
        Op::Le => truth(a <= b),
        Op::Gt => truth(a > b),
        Op::Ge => truth(a >= b),
        Op::Eq => truth(a == b),
        Op::Ne => truth(a != b),
        Op::And => truth(a != 0.0 && b != 0.0),
        Op::Or => truth(a != 0.0 || b != 0.0),
        Op::Select => {
            if a != 0.0 {
                b
            } else {
                c
            }
        }
        Op::MulAdd => a * b + c,
    }
}

const ALL: [Op; 37] = [
    Op::Copy,
    Op::Neg,
    Op::Exp,
    Op::Log,
    Op::Sqrt,
    Op::Abs,
    Op::Sign,
    Op::Sin,
    Op::Cos,
    Op::Tanh,
    Op::Erf,
    Op::Sigmoid,
    Op::Floor,
    Op::Ceil,
    Op::Round,
    Op::Recip,
    Op::Relu,
    Op::Gt0,
    Op::Not,
    Op::IsNan,
    Op::Add,
    Op::Sub,
    Op::Mul,
    Op::Div,
    Op::Pow,
    Op::Max,
    Op::Min,
    Op::Lt,
    Op::Le,
    Op::Gt,
    Op::Ge,
    Op::Eq,
    Op::Ne,
    Op::And,
    Op::Or,
    Op::Select,
    Op::MulAdd,
];

#[test]
fn every_operation_with_every_kind_of_argument() {
    let n = 37;
    let (a, b, c) = (
        values::<f64>(n, 1),
        values::<f64>(n, 2),
        values::<f64>(n, 3),
    );
    let data = [&a, &b, &c];
    for op in ALL {
        for kinds in 0..1 << op.arity() {
            let inputs: Vec<Input<'_, f64>> = (0..op.arity())
                .map(|i| {
                    if kinds >> i & 1 == 1 {
                        Input::Scalar(0.75)
                    } else {
                        tensor(data[i], &[1])
                    }
                })
                .collect();
            let dst = op.arity() as u16;
            let all: Vec<u16> = (0..dst).collect();
            let p = Program::new(op.arity(), &[Instr::new(op, &all, dst)], &[dst]).unwrap();
            for at in LEVELS {
                let mut y = vec![0f64; n];
                with_level(at, || run_fused(&p, &[n], &inputs, &mut [&mut y])).unwrap();
                for i in 0..n {
                    let v = |k: usize| {
                        if kinds >> k & 1 == 1 {
                            0.75
                        } else {
                            data[k][i]
                        }
                    };
                    let want = meaning(op, v(0), v(1), v(2));
                    let ok = (y[i] - want).abs() <= 1e-14 * (1.0 + want.abs())
                        || (y[i].is_nan() && want.is_nan());
                    assert!(ok, "{op:?} {kinds} at {i}: {}, not {want}", y[i]);
                }
            }
        }
    }
}

/// A space, inputs that are broadcast along some axes, and a program over them.
#[derive(Debug, Clone)]
struct Case {
    shape: Vec<usize>,
    present: Vec<Vec<bool>>,
    code: Vec<(usize, [usize; 3])>,
    reduced: Vec<bool>,
}

prop_compose! {
    fn case()(
        shape in prop_oneof![
            prop::collection::vec(1usize..7, 0..5),
            Just(vec![2, 2, 260]), Just(vec![2, 3, 8, 8]), Just(vec![2100]), Just(vec![5, 700]), Just(vec![40, 10]),
        ],
        inputs in 1usize..4,
    )(
        present in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.7), shape.len()), inputs),
        code in prop::collection::vec((0usize..6, [0usize..100, 0usize..100, 0usize..100]), 1..8),
        reduced in prop::collection::vec(any::<bool>(), shape.len()),
        shape in Just(shape),
    ) -> Case {
        Case { shape, present, code, reduced }
    }
}

const SMOOTH: [Op; 6] = [Op::Add, Op::Sub, Op::Mul, Op::Max, Op::Tanh, Op::MulAdd];

impl Case {
    /// The data, strides and program; outputs are the last two values.
    fn build(&self) -> (Vec<Vec<f64>>, Vec<Vec<isize>>, Program, Vec<Vec<f64>>) {
        let total: usize = self.shape.iter().product();
        let mut data = Vec::new();
        let mut strides = Vec::new();
        for (k, present) in self.present.iter().enumerate() {
            let mut s = vec![0isize; self.shape.len()];
            let mut step = 1;
            for i in (0..self.shape.len()).rev() {
                if present[i] {
                    s[i] = step as isize;
                    step *= self.shape[i];
                }
            }
            data.push(values::<f64>(step, k as u64));
            strides.push(s);
        }
        let n = data.len();
        let mut instrs = Vec::new();
        for (i, (op, args)) in self.code.iter().enumerate() {
            let a = args.map(|a| (a % (n + i)) as u16);
            instrs.push(Instr::new(
                SMOOTH[*op],
                &a[..SMOOTH[*op].arity()],
                (n + i) as u16,
            ));
        }
        let last = (n + instrs.len() - 1) as u16;
        let program = Program::new(n, &instrs, &[last, last - 1]).unwrap();
        let mut want = vec![Vec::new(), Vec::new()];
        for place in 0..total {
            let mut index = vec![0; self.shape.len()];
            let mut rest = place;
            for i in (0..self.shape.len()).rev() {
                index[i] = rest % self.shape[i];
                rest /= self.shape[i];
            }
            let mut v: Vec<f64> = (0..n)
                .map(|k| {
                    data[k][index
                        .iter()
                        .zip(&strides[k])
                        .map(|(i, s)| i * *s as usize)
                        .sum::<usize>()]
                })
                .collect();
            for i in &instrs {
                let a = i.args.map(|a| v.get(a as usize).copied().unwrap_or(0.0));
                v.push(meaning(i.op, a[0], a[1], a[2]));
            }
            want[0].push(v[v.len() - 1]);
            want[1].push(v[v.len() - 2]);
        }
        (data, strides, program, want)
    }
}

fn run_case<E: Elem>(case: &Case, tolerance: f64) {
    let (data, strides, program, want) = case.build();
    let data: Vec<Vec<E>> = data
        .iter()
        .map(|d| d.iter().map(|&x| E::of(x)).collect())
        .collect();
    let inputs: Vec<Input<'_, E>> = data
        .iter()
        .zip(&strides)
        .map(|(d, s)| tensor(&d[..], &s[..]))
        .collect();
    let total: usize = case.shape.iter().product();
    let (mut a, mut b) = (vec![E::zero(); total], vec![E::zero(); total]);
    run_fused(&program, &case.shape, &inputs, &mut [&mut a, &mut b]).unwrap();
    let near = |got: E, want: f64, scale: f64| {
        assert!(
            (got.wide() - want).abs() <= tolerance * (scale + want.abs()),
            "{got:?}, not {want}"
        );
    };
    for i in 0..total {
        near(a[i], want[0][i], 1.0);
        near(b[i], want[1][i], 1.0);
    }
    let axes = case.shape.iter().zip(&case.reduced);
    let left: usize = axes.filter(|(_, r)| !**r).map(|(d, _)| d).product();
    for kind in [Reduce::Sum, Reduce::Max, Reduce::Min] {
        let mut expected = vec![
            vec![
                match kind {
                    Reduce::Sum => 0.0,
                    Reduce::Max => f64::NEG_INFINITY,
                    Reduce::Min => f64::INFINITY,
                };
                left
            ];
            2
        ];
        for place in 0..total {
            let (mut to, mut step, mut rest) = (0, 1, place);
            for i in (0..case.shape.len()).rev() {
                if !case.reduced[i] {
                    to += rest % case.shape[i] * step;
                    step *= case.shape[i];
                }
                rest /= case.shape[i];
            }
            for o in 0..2 {
                let e = &mut expected[o][to];
                *e = match kind {
                    Reduce::Sum => *e + want[o][place],
                    Reduce::Max => e.max(want[o][place]),
                    Reduce::Min => e.min(want[o][place]),
                };
            }
        }
        let (mut a, mut b) = (vec![E::zero(); left], vec![E::zero(); left]);
        let (mut c, mut kept) = (vec![E::zero(); left], vec![E::zero(); total]);
        let run = |ends: &mut [&mut [E]], kept: &mut [&mut [E]]| {
            let (all, mask) = (&case.shape, &case.reduced);
            run_fused_reduce(&program, all, &inputs, mask, kind, ends, kept).unwrap()
        };
        run(&mut [&mut a, &mut b], &mut []);
        // One reduced, the other kept, in the same pass.
        run(&mut [&mut c], &mut [&mut kept]);
        let most = want.iter().flatten().fold(1.0f64, |m, v| m.max(v.abs()));
        for i in 0..left {
            let most = most * (total / left) as f64;
            near(a[i], expected[0][i], most);
            near(b[i], expected[1][i], most);
            near(c[i], expected[0][i], most);
        }
        (0..total).for_each(|i| near(kept[i], want[1][i], 1.0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_programs(case in case()) {
        for at in LEVELS {
            with_level(at, || {
                run_case::<f64>(&case, 1e-10);
                // Products of products amplify f32 rounding; what is compared here is the paths, not the last bits.
                if case.code.len() < 5 {
                    run_case::<f32>(&case, 1e-3);
                }
            });
        }
    }
}

#[test]
fn sums_are_accurate_and_fixed() {
    let n = 1_000_003;
    let x = vec![0.1f32; n];
    let sum = || {
        let mut y = [0f32];
        run_fused_reduce(
            &Program::identity(),
            &[n],
            &[tensor(&x, &[1])],
            &[true],
            Reduce::Sum,
            &mut [&mut y],
            &mut [],
        )
        .unwrap();
        y[0]
    };
    let first = sum();
    assert!((first as f64 - n as f64 * 0.1f32 as f64).abs() < 0.1);
    std::thread::scope(|s| {
        let others: Vec<_> = (0..3).map(|_| s.spawn(sum)).collect();
        for t in others {
            assert_eq!(t.join().unwrap().to_bits(), first.to_bits());
        }
    });
    let bad = [1.0, f32::NAN, 2.0];
    for kind in [Reduce::Sum, Reduce::Max, Reduce::Min] {
        let mut y = [0f32];
        run_fused_reduce(
            &Program::identity(),
            &[3],
            &[tensor(&bad, &[1])],
            &[true],
            kind,
            &mut [&mut y],
            &mut [],
        )
        .unwrap();
        assert!(y[0].is_nan());
    }
}

#[test]
fn wrong_programs_and_inputs_are_errors() {
    assert!(Program::new(1, &[Instr::new(Op::Add, &[0, 2], 1)], &[1]).is_err());
    assert!(Program::new(1, &[Instr::new(Op::Neg, &[0], 0)], &[0]).is_err());
    assert!(Program::new(1, &[], &[4]).is_err());
    let p = Program::identity();
    let x = [0f32; 4];
    let mut y = [0f32; 6];
    assert!(run_fused(&p, &[6], &[tensor(&x, &[1])], &mut [&mut y]).is_err());
    assert!(run_fused(&p, &[6], &[tensor(&x, &[-1])], &mut [&mut y]).is_err());
    assert!(run_fused(&p, &[6], &[], &mut [&mut y]).is_err());
    assert!(run_fused(&p, &[5], &[tensor(&x, &[0])], &mut [&mut y]).is_err());
    run_fused(&p, &[6], &[tensor(&x[1..2], &[0])], &mut [&mut y]).unwrap();
    run_fused(&p, &[2, 0], &[tensor(&[], &[0, 1])], &mut [&mut [0f32; 0]]).unwrap();
}
