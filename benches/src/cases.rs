//! What is timed, by name: whole nets and single operations, forward (`_f`), with gradients (`_fb`) or a training step (`_step`).

use crate::net::{Made, Net, add, cross_entropy, dims, filled, gelu, labels, mean, size, softmax};
use crate::net::{mul, number, window};
use nas_ir::shape::ShapeError;
use nas_ir::{Binary, ReduceKind, Tensor, Unary};

type Outputs = Result<Vec<Tensor>, ShapeError>;

/// A cell with all kinds of operation, and the costliest.
const MIXED: [&str; 6] = ["conv3", "conv1", "pool", "skip", "conv3", "conv1"];
const DENSE: [&str; 6] = ["conv3"; 6];

pub const NETS: [&str; 4] = ["nb201", "nb201_3x3", "mobilenet", "vit"];
pub const PARTS: [&str; 18] = [
    "conv3x3_16",
    "conv3x3_32",
    "conv3x3_64",
    "conv1x1_16",
    "conv1x1_64",
    "depthwise_128",
    "grouped_256",
    "batch_norm_16",
    "avg_pool",
    "max_pool",
    "gelu",
    "softmax",
    "layer_norm",
    "batched_matmul",
    "attention",
    "linear",
    "linear_192",
    "matmul_1024",
];

fn edge(net: &mut Net, op: &str, x: &Tensor) -> Made {
    match op {
        "conv3" | "conv1" => {
            let k = if op == "conv3" { 3 } else { 1 };
            let y = net.conv(&x.unary(Unary::Relu), size(x, 1), k, 1, 1)?;
            net.batch_norm(&y)
        }
        "pool" => x.avg_pool(window(3, 1, 1), false),
        _ => Ok(x.clone()),
    }
}

fn cell(net: &mut Net, ops: &[&str; 6], x0: &Tensor) -> Made {
    let x1 = edge(net, ops[0], x0)?;
    let x2 = add(&edge(net, ops[1], x0)?, &edge(net, ops[2], &x1)?)?;
    let y = add(&edge(net, ops[3], x0)?, &edge(net, ops[4], &x1)?)?;
    add(&y, &edge(net, ops[5], &x2)?)
}

fn nb201(net: &mut Net, ops: &[&str; 6], x: &Tensor) -> Made {
    let mut h = net.conv(x, 16, 3, 1, 1)?;
    h = net.batch_norm(&h)?;
    for stage in 0..3 {
        if stage > 0 {
            let c = 2 * size(&h, 1);
            let main = net.conv(&h.unary(Unary::Relu), c, 3, 2, 1)?;
            let main = net.batch_norm(&main)?.unary(Unary::Relu);
            let main = net.conv(&main, c, 3, 1, 1)?;
            let main = net.batch_norm(&main)?;
            let side = net.conv(&h.avg_pool(window(2, 2, 0), false)?, c, 1, 1, 1)?;
            h = add(&main, &side)?;
        }
        for _ in 0..5 {
            h = cell(net, ops, &h)?;
        }
    }
    h = net.batch_norm(&h)?.unary(Unary::Relu);
    let h = mean(&h, &[2, 3], false)?;
    net.linear(&h, 10)
}

fn relu6(x: &Tensor) -> Made {
    x.unary(Unary::Relu).binary(Binary::Min, &number(6.0))
}

/// An inverted residual block, expanded six times.
fn mobilenet(net: &mut Net, x: &Tensor) -> Made {
    let c = size(x, 1);
    let y = net.conv(x, 6 * c, 1, 1, 1)?;
    let y = relu6(&net.batch_norm(&y)?)?;
    let y = net.conv(&y, 6 * c, 3, 1, 6 * c)?;
    let y = relu6(&net.batch_norm(&y)?)?;
    let y = net.conv(&y, c, 1, 1, 1)?;
    add(x, &net.batch_norm(&y)?)
}

fn vit(net: &mut Net, x: &Tensor) -> Made {
    let (n, d) = (size(x, 0), 192);
    let (cls, pos) = (net.param(&[1, 1, d], 0.02), net.param(&[1, 65, d], 0.02));
    let w = net.param(&[d, 3, 4, 4], 0.1);
    let p = x
        .conv(&w, window(4, 4, 0), 1)?
        .reshape(&dims(&[n, d, 64]))?;
    let cls = cls.expand(&dims(&[n, 1, d]))?;
    let mut z = add(&Tensor::concat(&[cls, p.permute(&[0, 2, 1])?], 1)?, &pos)?;
    for _ in 0..12 {
        let a = net.layer_norm(&z)?;
        z = add(&z, &net.attention(&a, 3)?)?;
        let m = net.layer_norm(&z)?;
        let m = gelu(&net.linear(&m, 4 * d)?)?;
        z = add(&z, &net.linear(&m, d)?)?;
    }
    let z = net
        .layer_norm(&z)?
        .slice(1, 0usize.into(), 1usize.into(), 1)?;
    net.linear(&z.reshape(&dims(&[n, d]))?, 10)
}

/// A single operation on fixed input; the inputs whose gradients are wanted come first among `net`'s parameters.
fn part(net: &mut Net, name: &str) -> Option<Made> {
    let mut x = |shape: &[usize]| net.param(shape, 1.0);
    let pair = |a, b, to: &str, x: Tensor, y: Tensor| Tensor::contract(&[x, y], &[a, b], to);
    Some(match name {
        "conv3x3_16" => {
            let x = x(&[64, 16, 32, 32]);
            net.conv(&x, 16, 3, 1, 1)
        }
        "conv3x3_32" => {
            let x = x(&[64, 32, 16, 16]);
            net.conv(&x, 32, 3, 1, 1)
        }
        "conv3x3_64" => {
            let x = x(&[64, 64, 8, 8]);
            net.conv(&x, 64, 3, 1, 1)
        }
        "conv1x1_16" => {
            let x = x(&[64, 16, 32, 32]);
            net.conv(&x, 16, 1, 1, 1)
        }
        "conv1x1_64" => {
            let x = x(&[64, 64, 8, 8]);
            net.conv(&x, 64, 1, 1, 1)
        }
        "depthwise_128" => {
            let x = x(&[64, 128, 16, 16]);
            net.conv(&x, 128, 3, 1, 128)
        }
        "grouped_256" => {
            let x = x(&[64, 256, 8, 8]);
            net.conv(&x, 256, 3, 1, 4)
        }
        "batch_norm_16" => {
            let x = x(&[64, 16, 32, 32]);
            net.batch_norm(&x)
        }
        "avg_pool" => x(&[64, 16, 32, 32]).avg_pool(window(3, 1, 1), false),
        "max_pool" => x(&[64, 16, 32, 32]).max_pool(window(3, 1, 1)),
        "gelu" => gelu(&x(&[16, 65, 768])),
        "softmax" => softmax(&x(&[48, 65, 65]), false),
        "layer_norm" => {
            let x = x(&[16, 65, 192]);
            net.layer_norm(&x)
        }
        "batched_matmul" => {
            let (a, b) = (x(&[48, 65, 64]), x(&[48, 65, 64]));
            pair("nte".into(), "nue".into(), "ntu", a, b)
        }
        "attention" => {
            let x = x(&[16, 65, 192]);
            net.attention(&x, 3)
        }
        "linear" => {
            let x = x(&[64, 64]);
            net.linear(&x, 10)
        }
        "linear_192" => {
            let x = x(&[16, 65, 192]);
            net.linear(&x, 768)
        }
        "matmul_1024" => {
            let (a, b) = (x(&[1024, 1024]), x(&[1024, 1024]));
            pair("ij".into(), "jk".into(), "ik", a, b)
        }
        _ => return None,
    })
}

/// What a case computes; none where there is no such case.
pub fn outputs(case: &str) -> Option<Outputs> {
    if case == "chain" {
        return Some(chain());
    }
    let (name, mode) = case.rsplit_once('_')?;
    let mut net = Net::default();
    if NETS.contains(&name) {
        let (x, classes) = match name {
            "mobilenet" => (filled(&[64, 32, 16, 16], 1.0, 99), 0),
            "vit" => (filled(&[16, 3, 32, 32], 1.0, 99), 10),
            _ => (filled(&[64, 3, 32, 32], 1.0, 99), 10),
        };
        let y = match name {
            "mobilenet" => mobilenet(&mut net, &x),
            "vit" => vit(&mut net, &x),
            "nb201" => nb201(&mut net, &MIXED, &x),
            _ => nb201(&mut net, &DENSE, &x),
        };
        return Some(y.and_then(|y| match mode {
            "f" => Ok(vec![y]),
            _ if classes == 0 => {
                let all: Vec<usize> = (0..y.rank()).collect();
                let loss = mean(&mul(&y, &y)?, &all, false)?;
                net.step(&loss)
            }
            _ => {
                let loss = cross_entropy(&y, &labels(size(&x, 0), classes))?;
                net.step(&loss)
            }
        }));
    }
    let y = part(&mut net, name)?;
    Some(y.and_then(|y| {
        if mode == "f" {
            return Ok(vec![y]);
        }
        // The gradient of sum(y * g) for a fixed g.
        let g = filled(&y.sizes().unwrap_or_default(), 1.0, 7);
        let all: Vec<usize> = (0..y.rank()).collect();
        let total = mul(&y, &g)?.reduce(ReduceKind::Sum, &all, false);
        let mut out = vec![y];
        out.extend(total.grad(&net.params)?);
        Ok(out)
    }))
}

/// 300 tiny nodes that nothing fuses.
fn chain() -> Outputs {
    let v = filled(&[4, 4], 0.1, 3);
    let mut x = v.clone();
    for _ in 0..150 {
        x = Tensor::contract(&[x, v.clone()], &["ij".into(), "jk".into()], "ik")?;
        x = x.unary(Unary::Tanh);
    }
    Ok(vec![x])
}
