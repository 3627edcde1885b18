//! Moves, gathers, orders and matrix products against plain loops.

use nasc_kernels::*;
use proptest::prelude::*;

fn count(n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| ((i * 7919) % 1009) as f64 / 64.0 - 7.0)
        .collect()
}

fn places(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &d in shape {
        all = all
            .into_iter()
            .flat_map(|p: Vec<usize>| {
                (0..d).map(move |i| {
                    let mut q = p.clone();
                    q.push(i);
                    q
                })
            })
            .collect();
    }
    all
}

fn flat(shape: &[usize], place: &[usize]) -> usize {
    shape.iter().zip(place).fold(0, |a, (d, i)| a * d + i)
}

prop_compose! {
    fn permutation()(shape in prop::collection::vec(1usize..20, 0..5))(
        axes in Just((0..shape.len()).collect::<Vec<_>>()).prop_shuffle(), shape in Just(shape),
    ) -> (Vec<usize>, Vec<usize>) { (shape, axes) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn permutations((shape, axes) in permutation()) {
        prop_assume!(shape.iter().product::<usize>() < 20_000);
        let x = count(shape.iter().product());
        let mut y = vec![f64::NAN; x.len()];
        permute(&shape, &axes, &x, &mut y).unwrap();
        let new: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
        for p in places(&new) {
            let mut q = vec![0; p.len()];
            for (i, &a) in axes.iter().enumerate() {
                q[a] = p[i];
            }
            prop_assert_eq!(y[flat(&new, &p)], x[flat(&shape, &q)]);
        }
    }

    #[test]
    fn slices(ranges in prop::collection::vec((0usize..3, 1usize..3, 1usize..5, 0usize..3), 1..4)) {
        let shape: Vec<usize> = ranges.iter().map(|r| r.0 + (r.2 - 1) * r.1 + 1 + r.3).collect();
        let (start, step, len): (Vec<_>, Vec<_>, Vec<_>) =
            (ranges.iter().map(|r| r.0).collect(), ranges.iter().map(|r| r.1).collect(), ranges.iter().map(|r| r.2).collect());
        let x = count(shape.iter().product());
        let mut y = vec![0.0; len.iter().product()];
        slice_copy(&shape, &start, &step, &len, &x, &mut y).unwrap();
        for p in places(&len) {
            let q: Vec<usize> = p.iter().enumerate().map(|(i, v)| start[i] + v * step[i]).collect();
            prop_assert_eq!(y[flat(&len, &p)], x[flat(&shape, &q)]);
        }
    }

    #[test]
    fn paddings(h in 1usize..5, w in 1usize..5, pad in [0usize..6, 0usize..6, 0usize..6, 0usize..6]) {
        let x = count(2 * h * w);
        let (oh, ow) = (h + pad[0] + pad[2], w + pad[1] + pad[3]);
        for mode in [PadMode::Zero, PadMode::Edge, PadMode::Mirror, PadMode::Circular] {
            let mut y = vec![f64::NAN; 2 * oh * ow];
            pad2d(mode, 2, [h, w], pad, &x, &mut y).unwrap();
            // Walks one step at a time.
            let walk = |p: isize, n: usize| -> Option<usize> {
                let (mut at, mut way) = (0isize, if p < 0 { -1isize } else { 1 });
                for _ in 0..p.abs() {
                    let next = at + way;
                    if next < 0 || next >= n as isize {
                        match mode {
                            PadMode::Zero => return None,
                            PadMode::Edge => continue,
                            PadMode::Circular => at = next.rem_euclid(n as isize),
                            PadMode::Mirror => {
                                way = -way;
                                at = if n == 1 { 0 } else { at + way };
                            }
                        }
                    } else {
                        at = next;
                    }
                }
                Some(at as usize)
            };
            for p in places(&[2, oh, ow]) {
                let (iy, ix) = (walk(p[1] as isize - pad[0] as isize, h), walk(p[2] as isize - pad[1] as isize, w));
                let want = match (iy, ix) {
                    (Some(a), Some(b)) => x[(p[0] * h + a) * w + b],
                    _ => 0.0,
                };
                prop_assert_eq!(y[flat(&[2, oh, ow], &p)], want, "{:?} {:?}", mode, p);
            }
            if mode == PadMode::Zero {
                let mut back = vec![0.0; x.len()];
                pad2d_zero_grad(2, [h, w], pad, &y, &mut back).unwrap();
                prop_assert_eq!(&back, &x);
            }
        }
    }

    #[test]
    fn products(batch in 1usize..4, m in 1usize..20, k in 0usize..20, n in 1usize..20, ta in any::<bool>(), tb in any::<bool>(), shared in any::<bool>(), add in any::<bool>()) {
        let a = count(batch * m * k);
        let b = count(if shared { k * n } else { batch * k * n });
        let mut c = count(batch * m * n);
        let mut want = c.clone();
        let am = if ta { Mat::row_major(k, m).t() } else { Mat::row_major(m, k) };
        let mut bm = if tb { Mat::row_major(n, k).t() } else { Mat::row_major(k, n) };
        if shared {
            bm = bm.shared();
        }
        for x in 0..batch {
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| {
                        let p = a[x * m * k + if ta { l * m + i } else { i * k + l }];
                        p * b[if shared { 0 } else { x * k * n } + if tb { j * k + l } else { l * n + j }]
                    }).sum();
                    let w = &mut want[(x * m + i) * n + j];
                    *w = sum + if add { *w } else { 0.0 };
                }
            }
        }
        batched_gemm(batch, (&a, am), (&b, bm), (&mut c, Mat::row_major(m, n)), add).unwrap();
        for (c, w) in c.iter().zip(&want) {
            prop_assert!((c - w).abs() < 1e-9);
        }
        if batch == 1 && !add {
            let mut c = vec![f64::NAN; m * n];
            matmul([m, k, n], &a, ta, &b, tb, &mut c).unwrap();
            for (c, w) in c.iter().zip(&want) {
                prop_assert!((c - w).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn orders(outer in 1usize..4, d in 1usize..12, inner in 1usize..4, nan in any::<bool>()) {
        let mut x: Vec<f32> = count(outer * d * inner).into_iter().map(|v| (v as f32).round()).collect();
        if nan {
            x[0] = f32::NAN;
        }
        let (mut hi, mut lo) = (vec![0i64; outer * inner], vec![0i64; outer * inner]);
        argmax([outer, d, inner], &x, &mut hi).unwrap();
        argmin([outer, d, inner], &x, &mut lo).unwrap();
        let mut sums = vec![0f32; x.len()];
        cumsum([outer, d, inner], false, &x, &mut sums).unwrap();
        for o in 0..outer {
            for i in 0..inner {
                let column: Vec<f32> = (0..d).map(|k| x[(o * d + k) * inner + i]).collect();
                let bad = column.iter().position(|v| v.is_nan());
                let most = column.iter().copied().fold(f32::MIN, f32::max);
                let least = column.iter().copied().fold(f32::MAX, f32::min);
                let place = |v: f32| column.iter().position(|&c| c == v);
                prop_assert_eq!(Some(hi[o * inner + i] as usize), bad.or(place(most)));
                prop_assert_eq!(Some(lo[o * inner + i] as usize), bad.or(place(least)));
                let mut sum = 0.0f64;
                for k in 0..d {
                    sum += column[k] as f64;
                    let got = sums[(o * d + k) * inner + i];
                    prop_assert!(got as f64 == sum || got.is_nan() && sum.is_nan());
                }
            }
        }
        for descending in [false, true] {
            let mut at = vec![0i64; x.len()];
            argsort(d, descending, &x, &mut at).unwrap();
            let mut sorted = x.clone();
            sort(d, descending, &mut sorted).unwrap();
            for (r, row) in x.chunks(d).enumerate() {
                let picked: Vec<f32> = at[r * d..][..d].iter().map(|&i| row[i as usize]).collect();
                for (i, pair) in picked.windows(2).enumerate() {
                    let (a, b) = (pair[0], pair[1]);
                    let ordered = b.is_nan() || if descending { a >= b } else { a <= b };
                    prop_assert!(ordered);
                    if a == b {
                        prop_assert!(at[r * d + i] < at[r * d + i + 1], "not stable");
                    }
                }
                for (a, b) in picked.iter().zip(&sorted[r * d..]) {
                    prop_assert!(a == b || a.is_nan() && b.is_nan());
                }
            }
        }
    }
}

#[test]
fn rows_are_gathered_and_scattered() {
    let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let index = [2i64, 0, 2];
    let mut y = [0f32; 12];
    gather_rows([2, 3, 2], &x, &index, &mut y).unwrap();
    assert_eq!(y, [4., 5., 0., 1., 4., 5., 10., 11., 6., 7., 10., 11.]);
    let mut gx = [0f32; 12];
    scatter_add_rows([2, 3, 2], &y, &index, &mut gx).unwrap();
    assert_eq!(gx, [0., 1., 0., 0., 8., 10., 6., 7., 0., 0., 20., 22.]);
    assert!(gather_rows([2, 3, 2], &x, &[3i32, 0, 0], &mut y).is_err());
    assert!(gather_rows([2, 3, 2], &x, &[-1i32, 0, 0], &mut y).is_err());
    let mut h = [9f32; 6];
    one_hot(3, &[1i32, 2], &mut h).unwrap();
    assert_eq!(h, [0., 1., 0., 0., 0., 1.]);
    assert!(one_hot(3, &[3i64, 2], &mut h).is_err());
}

#[test]
fn parts_are_joined() {
    let mut y = [0; 10];
    concat(
        2,
        1,
        &[(&[1, 2, 3, 4], 2), (&[5, 6, 7, 8, 9, 10], 3)],
        &mut y,
    )
    .unwrap();
    assert_eq!(y, [1, 2, 5, 6, 7, 3, 4, 8, 9, 10]);
    assert!(concat(2, 1, &[(&[1, 2, 3][..], 2)], &mut y[..4]).is_err());
    let mut z = [0; 3];
    copy_block(&[3], (&[1, 2, 3], 2, &[-1]), (&mut z, 0, &[1])).unwrap();
    assert_eq!(z, [3, 2, 1]);
    assert!(copy_block(&[3], (&[1, 2, 3], 1, &[-1]), (&mut z, 0, &[1])).is_err());
    assert!(permute(&[2, 2], &[0, 0], &[1, 2, 3, 4], &mut [0; 4]).is_err());
}
