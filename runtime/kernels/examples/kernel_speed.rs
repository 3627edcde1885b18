//! Prints the speed of the kernels on one thread: convolutions in GFLOP/s, element-wise chains in GB/s.

use nasc_kernels::*;
use std::time::Instant;

fn values(n: usize) -> Vec<f32> {
    let mut s = 1u64;
    (0..n)
        .map(|_| {
            s = s
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (s >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        })
        .collect()
}

/// Seconds of one call: the best of many short samples, so that other work on the machine disturbs little.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let start = Instant::now();
    f();
    let calls = (0.0004 / start.elapsed().as_secs_f64()).clamp(1.0, 1000.0) as usize;
    let until = Instant::now() + std::time::Duration::from_millis(150);
    let mut best = f64::MAX;
    while Instant::now() < until {
        let start = Instant::now();
        (0..calls).for_each(|_| f());
        best = best.min(start.elapsed().as_secs_f64() / calls as f64);
    }
    best
}

fn conv(name: &str, d: Conv2d) {
    let x = values(d.n * d.c * d.h * d.w);
    let w = values(d.o * d.c / d.groups * d.kh * d.kw);
    let mut y = values(d.n * d.o * d.out_h() * d.out_w());
    let (mut gx, mut gw) = (x.clone(), w.clone());
    let flop = 2.0 * d.macs() as f64;
    let f = time(|| conv2d(&d, &x, &w, &mut y).unwrap_or(()));
    let i = time(|| conv2d_grad_input(&d, &y, &w, &mut gx).unwrap_or(()));
    let g = time(|| conv2d_grad_weight(&d, &x, &y, &mut gw).unwrap_or(()));
    println!(
        "{name:28} {:8.1} {:8.1} {:8.1} GFLOP/s  {:8.1} {:8.1} {:8.1} us",
        flop / f / 1e9,
        flop / i / 1e9,
        flop / g / 1e9,
        f * 1e6,
        i * 1e6,
        g * 1e6
    );
}

fn line(name: &str, bytes: usize, seconds: f64) {
    println!(
        "{name:44} {:8.1} GB/s {:8.1} us",
        bytes as f64 / seconds / 1e9,
        seconds * 1e6
    );
}

fn chains(n: usize, c: usize, s: usize) {
    let shape = [n, c, s, s];
    let full = [(c * s * s) as isize, (s * s) as isize, s as isize, 1];
    let channel = [0, 1, 0, 0];
    let size = n * c * s * s;
    let (x, g) = (values(size), values(size));
    let (mean, var, gamma, beta) = (values(c), vec![1f32; c], values(c), values(c));
    let of = |data, strides| Input::Tensor { data, strides };
    let i = Instr::new;
    let mut y = vec![0f32; size];
    let tag = format!("{c}ch {s}x{s}");

    // relu((x - mean) * rsqrt(var + eps) * gamma + beta)
    let code = [
        i(Op::Add, &[2, 5], 6),
        i(Op::Sqrt, &[6], 6),
        i(Op::Div, &[3, 6], 6),
        i(Op::Sub, &[0, 1], 7),
        i(Op::Mul, &[7, 6], 7),
        i(Op::Add, &[7, 4], 7),
        i(Op::Relu, &[7], 8),
    ];
    if let Ok(p) = Program::new(6, &code, &[8]) {
        let inputs = [
            of(&x, &full),
            of(&mean, &channel),
            of(&var, &channel),
            of(&gamma, &channel),
            of(&beta, &channel),
            Input::Scalar(1e-5),
        ];
        let t = time(|| run_fused(&p, &shape, &inputs, &mut [&mut y]).unwrap_or(()));
        line(&format!("batch norm + relu {tag}"), 8 * size, t);
    }
    let (mut a, mut b) = (vec![0f32; c], vec![0f32; c]);
    let reduced = [true, false, true, true];
    if let Ok(p) = Program::new(1, &[i(Op::Mul, &[0, 0], 1)], &[0, 1]) {
        let t = time(|| {
            run_fused_reduce(
                &p,
                &shape,
                &[of(&x, &full)],
                &reduced,
                Reduce::Sum,
                &mut [&mut a, &mut b],
                &mut [],
            )
            .unwrap_or(())
        });
        line(&format!("sum x, sum x*x per channel {tag}"), 4 * size, t);
    }
    let code = [
        i(Op::Sub, &[0, 2], 4),
        i(Op::Mul, &[4, 3], 4),
        i(Op::Mul, &[4, 1], 4),
    ];
    if let Ok(p) = Program::new(4, &code, &[1, 4]) {
        let inputs = [
            of(&x, &full),
            of(&g, &full),
            of(&mean, &channel),
            of(&var, &channel),
        ];
        let t = time(|| {
            run_fused_reduce(
                &p,
                &shape,
                &inputs,
                &reduced,
                Reduce::Sum,
                &mut [&mut a, &mut b],
                &mut [],
            )
            .unwrap_or(())
        });
        line(&format!("sum g, sum g*xhat per channel {tag}"), 8 * size, t);
    }
    for op in [Op::Exp, Op::Log, Op::Tanh, Op::Erf, Op::Sigmoid, Op::Add] {
        if s == 16
            && let Ok(p) = Program::new(2, &[i(op, &[0, 1], 2)], &[2])
        {
            let t = time(|| {
                run_fused(&p, &shape, &[of(&x, &full), of(&g, &full)], &mut [&mut y]).unwrap_or(())
            });
            line(&format!("{op:?} {tag}"), 8 * size, t);
        }
    }
    let d = Pool2d {
        planes: n * c,
        h: s,
        w: s,
        kh: 3,
        kw: 3,
        pad: [1; 4],
        stride: [1, 1],
        dilation: [1, 1],
    };
    let mut gx = vec![0f32; size];
    let t = time(|| avg_pool2d(&d, false, &x, &mut y).unwrap_or(()));
    line(&format!("average pool 3x3 {tag}"), 8 * size, t);
    let t = time(|| avg_pool2d_grad(&d, false, &y, &mut gx).unwrap_or(()));
    line(&format!("average pool 3x3 gradient {tag}"), 8 * size, t);
    let mut at = vec![0i32; size];
    let t = time(|| max_pool2d(&d, &x, &mut y, &mut at).unwrap_or(()));
    line(&format!("max pool 3x3 {tag}"), 8 * size, t);
}

fn main() {
    println!("level {:?}", level());
    println!("{:28} {:>8} {:>8} {:>8}", "", "forward", "to x", "to w");
    let k3 = |n, c, s| Conv2d::new([n, c, s, s], c, [3, 3]).padded(1);
    for (c, s) in [(8, 16), (16, 8), (32, 4), (16, 32), (32, 16), (64, 8)] {
        conv(&format!("3x3 n64 {c}ch {s}x{s}"), k3(64, c, s));
    }
    let c1 = |c, s| Conv2d::new([64, c, s, s], c, [1, 1]);
    for (c, s) in [(8, 16), (16, 8), (32, 4), (64, 8)] {
        conv(&format!("1x1 n64 {c}ch {s}x{s}"), c1(c, s));
    }
    conv(
        "3x3 s2 n64 8ch 16x16",
        Conv2d {
            o: 16,
            ..k3(64, 8, 16).strided(2)
        },
    );
    conv(
        "3x3 stem n64 3ch 16x16",
        Conv2d {
            o: 8,
            ..k3(64, 3, 16)
        },
    );
    conv(
        "3x3 depthwise n64 16ch 16x16",
        Conv2d {
            groups: 16,
            ..k3(64, 16, 16)
        },
    );
    conv("3x3 n1 16ch 16x16", k3(1, 16, 16));
    conv("3x3 n4 16ch 16x16", k3(4, 16, 16));
    conv("3x3 n8 16ch 16x16", k3(8, 16, 16));
    for (c, s) in [(8, 16), (16, 8), (32, 4), (16, 32)] {
        chains(64, c, s);
    }
}
