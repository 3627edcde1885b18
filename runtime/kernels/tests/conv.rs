//! Convolutions and poolings against naive loops in f64, at every vector width of the machine.

use nasc_kernels::*;
use proptest::prelude::*;

fn values<E: Elem>(n: usize, seed: u64) -> Vec<E> {
    let mut s = seed.wrapping_mul(2654435761).wrapping_add(12345);
    (0..n)
        .map(|_| {
            s = s
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            E::of((s >> 40) as f64 / (1u64 << 24) as f64 - 0.5)
        })
        .collect()
}

/// Calls `f(y place, x place, weight place)` for every product of the convolution.
fn products(d: &Conv2d, mut f: impl FnMut(usize, usize, usize)) {
    let (cg, og) = (d.c / d.groups, d.o / d.groups);
    for n in 0..d.n {
        for o in 0..d.o {
            for oy in 0..d.out_h() {
                for ox in 0..d.out_w() {
                    for c in 0..cg {
                        for ky in 0..d.kh {
                            for kx in 0..d.kw {
                                let iy = (oy * d.stride[0] + ky * d.dilation[0]) as isize
                                    - d.pad_top as isize;
                                let ix = (ox * d.stride[1] + kx * d.dilation[1]) as isize
                                    - d.pad_left as isize;
                                if iy < 0 || ix < 0 || iy >= d.h as isize || ix >= d.w as isize {
                                    continue;
                                }
                                let ci = o / og * cg + c;
                                f(
                                    ((n * d.o + o) * d.out_h() + oy) * d.out_w() + ox,
                                    ((n * d.c + ci) * d.h + iy as usize) * d.w + ix as usize,
                                    ((o * cg + c) * d.kh + ky) * d.kw + kx,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

fn close<E: Elem>(what: &str, got: &[E], want: &[f64], scale: f64) {
    let tolerance = scale * E::epsilon().wide();
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g.wide() - w).abs() <= tolerance * (1.0 + w.abs()),
            "{what} at {i}: {g:?}, not {w}"
        );
    }
}

fn check_conv<E: Elem>(d: &Conv2d, at: Level) {
    let x: Vec<E> = values(d.n * d.c * d.h * d.w, 1);
    let w: Vec<E> = values(d.o * d.c / d.groups * d.kh * d.kw, 2);
    let g: Vec<E> = values(d.n * d.o * d.out_h() * d.out_w(), 3);
    let (mut y0, mut gx0, mut gw0) = (vec![0.0; g.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    products(d, |iy, ix, iw| {
        y0[iy] += x[ix].wide() * w[iw].wide();
        gx0[ix] += g[iy].wide() * w[iw].wide();
        gw0[iw] += g[iy].wide() * x[ix].wide();
    });
    let bad = E::of(f64::NAN);
    let (mut y, mut gx, mut gw) = (vec![bad; g.len()], vec![bad; x.len()], vec![bad; w.len()]);
    with_level(at, || {
        conv2d(d, &x, &w, &mut y).unwrap();
        conv2d_grad_input(d, &g, &w, &mut gx).unwrap();
        conv2d_grad_weight(d, &x, &g, &mut gw).unwrap();
    });
    close("y", &y, &y0, 64.0);
    close("gx", &gx, &gx0, 64.0);
    let terms = (d.n * d.out_h() * d.out_w()) as f64;
    close("gw", &gw, &gw0, 64.0 + 4.0 * terms.sqrt());
}

const LEVELS: [Level; 3] = [Level::Base, Level::Avx2, Level::Avx512];

prop_compose! {
    fn geometry()(
        n in prop_oneof![1usize..4, 4usize..40],
        groups in 1usize..4, cg in 1usize..7, og in 1usize..11,
        h in 1usize..10, w in 1usize..10, kh in 1usize..4, kw in 1usize..4,
        pads in [0usize..3, 0usize..3, 0usize..3, 0usize..3],
        stride in [1usize..4, 1usize..4], dilation in [1usize..3, 1usize..3],
    ) -> Conv2d {
        let mut d = Conv2d::new([n, groups * cg, h, w], groups * og, [kh, kw]);
        d.groups = groups;
        [d.pad_top, d.pad_left, d.pad_bottom, d.pad_right] = pads;
        d.stride = stride;
        d.dilation = dilation;
        d
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn random_convolutions(d in geometry()) {
        for at in LEVELS {
            check_conv::<f32>(&d, at);
            check_conv::<f64>(&d, at);
        }
    }

    #[test]
    fn pointwise_convolutions(n in 1usize..20, g in 1usize..3, c in 1usize..10, o in 1usize..18, h in 1usize..8, w in 1usize..9) {
        let d = Conv2d { groups: g, ..Conv2d::new([n, g * c, h, w], g * o, [1, 1]) };
        for at in LEVELS {
            check_conv::<f32>(&d, at);
            check_conv::<f64>(&d, at);
        }
    }

    #[test]
    fn random_pools(
        planes in 1usize..40, h in 1usize..9, w in 1usize..9, kh in 1usize..4, kw in 1usize..4,
        pad in [0usize..2, 0usize..2, 0usize..2, 0usize..2], stride in [1usize..3, 1usize..3],
        dilation in [1usize..3, 1usize..3], include in any::<bool>(),
    ) {
        let d = Pool2d { planes, h, w, kh, kw, pad, stride, dilation };
        for at in LEVELS {
            with_level(at, || check_pool(&d, include));
        }
    }
}

fn check_pool(d: &Pool2d, include: bool) {
    let (oh, ow) = (d.out_h(), d.out_w());
    let x: Vec<f32> = values(d.planes * d.h * d.w, 4);
    let g: Vec<f32> = values(d.planes * oh * ow, 5);
    let n = g.len();
    let (mut mean0, mut gx0, mut max0, mut at0) = (
        vec![0.0; n],
        vec![0.0; x.len()],
        vec![f64::NEG_INFINITY; n],
        vec![-1; n],
    );
    let mut gm0 = vec![0.0; x.len()];
    for o in 0..n {
        let (p, oy, ox) = (o / (oh * ow), o / ow % oh, o % ow);
        let mut inside = Vec::new();
        for ky in 0..d.kh {
            for kx in 0..d.kw {
                let iy = (oy * d.stride[0] + ky * d.dilation[0]) as isize - d.pad[0] as isize;
                let ix = (ox * d.stride[1] + kx * d.dilation[1]) as isize - d.pad[1] as isize;
                if iy >= 0 && ix >= 0 && iy < d.h as isize && ix < d.w as isize {
                    inside.push(iy as usize * d.w + ix as usize);
                }
            }
        }
        let count = if include {
            d.kh * d.kw
        } else {
            inside.len().max(1)
        } as f64;
        for &i in &inside {
            let v = x[p * d.h * d.w + i] as f64;
            mean0[o] += v / count;
            gx0[p * d.h * d.w + i] += g[o] as f64 / count;
            if v > max0[o] {
                (max0[o], at0[o]) = (v, i as i32);
            }
        }
        if at0[o] >= 0 {
            gm0[p * d.h * d.w + at0[o] as usize] += g[o] as f64;
        }
    }
    let (mut mean, mut gx) = (vec![f32::NAN; n], vec![f32::NAN; x.len()]);
    avg_pool2d(d, include, &x, &mut mean).unwrap();
    avg_pool2d_grad(d, include, &g, &mut gx).unwrap();
    close("mean", &mean, &mean0, 16.0);
    close("gradient of the mean", &gx, &gx0, 16.0);
    let (mut max, mut at) = (vec![0f32; n], vec![0i32; n]);
    max_pool2d(d, &x, &mut max, &mut at).unwrap();
    assert_eq!(at, at0);
    for (m, w) in max.iter().zip(&max0) {
        assert_eq!(*m as f64, *w);
    }
    max_pool2d_grad(d, &g, &at, &mut gx).unwrap();
    close("gradient of the maximum", &gx, &gm0, 16.0);
    let mut picked = vec![0f32; n];
    max_pool2d_gather(d, &x, &at, &mut picked).unwrap();
    for i in 0..n {
        assert_eq!(picked[i], if at[i] < 0 { 0.0 } else { max[i] });
    }
}

#[test]
fn the_shapes_of_the_main_job() {
    for (n, c, s) in [
        (64, 8, 16),
        (64, 16, 8),
        (64, 32, 4),
        (17, 16, 8),
        (9, 8, 16),
        (33, 3, 5),
    ] {
        for at in LEVELS {
            check_conv::<f32>(&Conv2d::new([n, c, s, s], c, [3, 3]).padded(1), at);
            check_conv::<f32>(
                &Conv2d::new([n, c, s, s], 2 * c, [3, 3])
                    .padded(1)
                    .strided(2),
                at,
            );
            check_conv::<f32>(
                &Conv2d {
                    groups: c,
                    ..Conv2d::new([n, c, s, s], c, [3, 3]).padded(1)
                },
                at,
            );
        }
    }
}

#[test]
fn nan_and_infinity_come_through() {
    let d = Conv2d::new([20, 2, 4, 4], 3, [3, 3]).padded(1);
    let mut x: Vec<f32> = values(20 * 2 * 16, 1);
    let w: Vec<f32> = values(3 * 2 * 9, 2);
    x[5 * 32 + 5] = f32::NAN;
    x[7 * 32 + 5] = f32::INFINITY;
    let mut y = vec![0f32; 20 * 3 * 16];
    conv2d(&d, &x, &w, &mut y).unwrap();
    for (i, v) in y.iter().enumerate() {
        let (image, py, px) = (i / 48, i / 4 % 4, i % 4);
        let near = py <= 2 && px <= 2;
        assert_eq!(v.is_nan(), image == 5 && near, "at {i}");
        assert_eq!(v.is_infinite(), image == 7 && near, "at {i}");
    }
    let p = Pool2d {
        planes: 1,
        h: 2,
        w: 2,
        kh: 2,
        kw: 2,
        pad: [0; 4],
        stride: [1, 1],
        dilation: [1, 1],
    };
    let (mut m, mut at) = ([0f32], [0i32]);
    max_pool2d(&p, &[1.0, f32::NAN, f32::INFINITY, 2.0], &mut m, &mut at).unwrap();
    assert!(m[0].is_nan() && at[0] == 1);
}

#[test]
fn wrong_lengths_are_errors() {
    let d = Conv2d::new([1, 2, 4, 4], 2, [3, 3]);
    assert!(conv2d(&d, &[0f32; 31], &[0.0; 36], &mut [0.0; 8]).is_err());
    assert!(
        conv2d(
            &Conv2d { groups: 0, ..d },
            &[0f32; 32],
            &[0.0; 36],
            &mut [0.0; 8]
        )
        .is_err()
    );
    assert!(
        conv2d(
            &Conv2d {
                stride: [0, 1],
                ..d
            },
            &[0f32; 32],
            &[0.0; 36],
            &mut [0.0; 8]
        )
        .is_err()
    );
    let too_large = Conv2d::new([1, 2, 2, 2], 2, [3, 3]);
    let mut gx = [1f32; 8];
    conv2d_grad_input(&too_large, &[], &[0f32; 36], &mut gx).unwrap();
    assert_eq!(gx, [0.0; 8]);
}

#[test]
fn the_same_bits_on_every_thread() {
    let d = Conv2d::new([48, 5, 7, 7], 6, [3, 3]).padded(1);
    let x: Vec<f32> = values(48 * 5 * 49, 1);
    let g: Vec<f32> = values(48 * 6 * 49, 3);
    let once = || {
        let mut gw = vec![0f32; 6 * 5 * 9];
        conv2d_grad_weight(&d, &x, &g, &mut gw).unwrap();
        gw
    };
    let first = once();
    std::thread::scope(|s| {
        let others: Vec<_> = (0..4).map(|_| s.spawn(once)).collect();
        for t in others {
            assert_eq!(t.join().unwrap(), first);
        }
    });
}
