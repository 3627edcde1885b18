//! Times of single kernels on one thread: `cargo bench -p nasc-kernels --bench kernels [-- FILTER]`.
//!
//! Shapes are those of NAS-Bench-201 nets (64 images), of a MobileNet block and of a small ViT.

use criterion::{Criterion, criterion_group, criterion_main};
use nasc_kernels::{
    Conv2d, Input, Instr, Op, Pool2d, Program, Reduce, avg_pool2d, conv2d, conv2d_grad_input,
    conv2d_grad_weight, matmul, run_fused, run_fused_reduce,
};
use std::hint::black_box;

/// Numbers between -1 and 1, the same in every run.
fn values(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn convolutions(c: &mut Criterion) {
    let square = |channels, side| Conv2d::new([64, channels, side, side], channels, [3, 3]);
    let depthwise = Conv2d {
        groups: 128,
        ..square(128, 16).padded(1)
    };
    let cases = [
        ("3x3, 16 channels, 32", square(16, 32).padded(1)),
        ("3x3, 32 channels, 16", square(32, 16).padded(1)),
        ("3x3, 64 channels, 8", square(64, 8).padded(1)),
        (
            "1x1, 16 channels, 32",
            Conv2d::new([64, 16, 32, 32], 16, [1, 1]),
        ),
        ("depth-wise 3x3, 128 channels, 16", depthwise),
    ];
    for (name, d) in cases {
        let x = values(d.n * d.c * d.h * d.w);
        let w = values(d.o * d.c / d.groups * d.kh * d.kw);
        let mut y = vec![0f32; d.n * d.o * d.out_h() * d.out_w()];
        let gy = values(y.len());
        let (mut gx, mut gw) = (x.clone(), w.clone());
        c.bench_function(&format!("conv {name}: forward"), |b| {
            b.iter(|| conv2d(&d, black_box(&x), &w, &mut y))
        });
        c.bench_function(&format!("conv {name}: to the input"), |b| {
            b.iter(|| conv2d_grad_input(&d, black_box(&gy), &w, &mut gx))
        });
        c.bench_function(&format!("conv {name}: to the weight"), |b| {
            b.iter(|| conv2d_grad_weight(&d, black_box(&x), &gy, &mut gw))
        });
    }
}

fn products(c: &mut Criterion) {
    for [m, k, n] in [[1024, 1024, 1024], [1040, 192, 768], [65, 64, 65]] {
        let (a, b, mut y) = (values(m * k), values(k * n), vec![0f32; m * n]);
        c.bench_function(&format!("product {m} x {k} x {n}"), |t| {
            t.iter(|| matmul([m, k, n], black_box(&a), false, &b, false, &mut y))
        });
    }
}

fn points(c: &mut Criterion) {
    let n = 16 * 65 * 768;
    let (x, mut y) = (values(n), vec![0f32; n]);
    let input = [
        Input::Tensor {
            data: &x,
            strides: &[1],
        },
        Input::Scalar(0.5f64.sqrt()),
        Input::Scalar(1.0),
        Input::Scalar(0.5),
    ];
    let gelu = [
        Instr::new(Op::Mul, &[0, 1], 4),
        Instr::new(Op::Erf, &[4], 5),
        Instr::new(Op::Add, &[5, 2], 6),
        Instr::new(Op::Mul, &[0, 3], 7),
        Instr::new(Op::Mul, &[6, 7], 8),
    ];
    if let Ok(program) = Program::new(4, &gelu, &[8]) {
        c.bench_function("gelu, 1040 x 768", |b| {
            b.iter(|| run_fused(&program, &[n], black_box(&input), &mut [&mut y]))
        });
    }
    let rows = [Input::Tensor {
        data: &x,
        strides: &[768, 1],
    }];
    let mut sums = vec![0f32; 1040];
    c.bench_function("sum of rows, 1040 x 768", |b| {
        b.iter(|| {
            let (all, axes) = ([1040, 768], [false, true]);
            let identity = Program::identity();
            run_fused_reduce(
                &identity,
                &all,
                black_box(&rows),
                &axes,
                Reduce::Sum,
                &mut [&mut sums],
                &mut [],
            )
        })
    });
    let pool = Pool2d {
        planes: 64 * 16,
        h: 32,
        w: 32,
        kh: 3,
        kw: 3,
        pad: [1; 4],
        stride: [1, 1],
        dilation: [1, 1],
    };
    let (x, mut y) = (values(64 * 16 * 1024), vec![0f32; 64 * 16 * 1024]);
    c.bench_function("average pool 3x3, 16 channels, 32", |b| {
        b.iter(|| avg_pool2d(&pool, false, black_box(&x), &mut y))
    });
}

criterion_group!(kernels, convolutions, products, points);
criterion_main!(kernels);
