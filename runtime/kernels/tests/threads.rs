//! However many threads there are, kernels give the same bits.

use nasc_kernels::{
    Conv2d, Input, Instr, Mat, Op, Pool2d, Program, Reduce, avg_pool2d, avg_pool2d_grad,
    batched_gemm, conv2d, conv2d_grad_input, conv2d_grad_weight, max_pool2d, permute, run_fused,
    run_fused_reduce, threads,
};

fn filled(n: usize, seed: u32) -> Vec<f32> {
    let mut s = seed | 1;
    let next = |_| {
        s ^= s << 13;
        s ^= s >> 17;
        s ^= s << 5;
        s as f32 / u32::MAX as f32 - 0.5
    };
    (0..n).map(next).collect()
}

fn bits(v: &[f32]) -> Vec<u32> {
    v.iter().map(|x| x.to_bits()).collect()
}

/// Every kernel that is cut into parts, on sizes that make several.
fn all() -> Vec<Vec<u32>> {
    let mut out = vec![];
    for (n, c, o, k, groups) in [
        (37, 8, 16, 3, 1),
        (40, 12, 12, 3, 12),
        (33, 16, 8, 1, 1),
        (3, 6, 6, 3, 2),
    ] {
        let mut d = Conv2d::new([n, c, 17, 13], o, [k, k]).padded(k / 2);
        d.groups = groups;
        let x = filled(n * c * 17 * 13, 1);
        let w = filled(o * c / groups * k * k, 2);
        let gy = filled(n * o * d.out_h() * d.out_w(), 3);
        let (mut y, mut gx, mut gw) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
        conv2d(&d, &x, &w, &mut y).unwrap();
        conv2d_grad_input(&d, &gy, &w, &mut gx).unwrap();
        conv2d_grad_weight(&d, &x, &gy, &mut gw).unwrap();
        out.extend([bits(&y), bits(&gx), bits(&gw)]);
    }
    let p = Pool2d {
        planes: 333,
        h: 17,
        w: 13,
        kh: 3,
        kw: 3,
        pad: [1; 4],
        stride: [1, 1],
        dilation: [1, 1],
    };
    let x = filled(333 * 17 * 13, 4);
    let (mut y, mut gx, mut m) = (x.clone(), x.clone(), x.clone());
    let mut at = vec![0; x.len()];
    avg_pool2d(&p, false, &x, &mut y).unwrap();
    avg_pool2d_grad(&p, false, &x, &mut gx).unwrap();
    max_pool2d(&p, &x, &mut m, &mut at).unwrap();
    out.extend([bits(&y), bits(&gx), bits(&m)]);
    let (a, b) = (filled(500 * 300, 5), filled(300 * 400, 6));
    let mut c = vec![0.0; 500 * 400];
    let row = Mat::row_major;
    batched_gemm(
        1,
        (&a, row(500, 300)),
        (&b, row(300, 400)),
        (&mut c, row(500, 400)),
        false,
    )
    .unwrap();
    out.push(bits(&c));
    let (a, b) = (filled(40 * 65 * 64, 7), filled(40 * 64 * 65, 8));
    let mut c = vec![0.0; 40 * 65 * 65];
    batched_gemm(
        40,
        (&a, row(65, 64)),
        (&b, row(64, 65)),
        (&mut c, row(65, 65)),
        false,
    )
    .unwrap();
    out.push(bits(&c));
    // exp(x * scale per channel), and its sums over each set of axes.
    let shape = [48, 7, 33, 29];
    let total: usize = shape.iter().product();
    let (x, s) = (filled(total, 9), filled(7, 10));
    let (whole, each) = ([7 * 33 * 29, 33 * 29, 29, 1], [0, 1, 0, 0]);
    let inputs = [
        Input::Tensor {
            data: &x,
            strides: &whole,
        },
        Input::Tensor {
            data: &s,
            strides: &each,
        },
    ];
    let code = [
        Instr::new(Op::Mul, &[0, 1], 2),
        Instr::new(Op::Exp, &[2], 3),
    ];
    let program = Program::new(2, &code, &[3]).unwrap();
    let mut y = vec![0.0; total];
    run_fused(&program, &shape, &inputs, &mut [&mut y]).unwrap();
    out.push(bits(&y));
    for mask in 1..16 {
        let reduced: Vec<bool> = (0..4).map(|i| mask >> i & 1 == 1).collect();
        let left: usize = (0..4).filter(|i| !reduced[*i]).map(|i| shape[i]).product();
        for kind in [Reduce::Sum, Reduce::Max] {
            let mut y = vec![0.0; left];
            run_fused_reduce(
                &program,
                &shape,
                &inputs,
                &reduced,
                kind,
                &mut [&mut y],
                &mut [],
            )
            .unwrap();
            out.push(bits(&y));
        }
    }
    let mut y = vec![0.0; total];
    permute(&shape, &[2, 0, 3, 1], &x, &mut y).unwrap();
    out.push(bits(&y));
    out
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    threads(1);
    let alone = all();
    for count in [2, 3] {
        threads(count);
        for _ in 0..3 {
            assert!(all() == alone, "{count} threads");
        }
    }
}
