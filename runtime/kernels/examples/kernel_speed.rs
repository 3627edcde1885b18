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

/// Seconds of one call: the best of several samples.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let start = Instant::now();
    f();
    let calls = (0.02 / start.elapsed().as_secs_f64()).clamp(1.0, 10000.0) as usize;
    (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| f());
            start.elapsed().as_secs_f64() / calls as f64
        })
        .fold(f64::MAX, f64::min)
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
}
