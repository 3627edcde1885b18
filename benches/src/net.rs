//! Layers as the library's Nas writes them, on lazy tensors: the same operations in the same order.

use nas_ir::op::Window;
use nas_ir::shape::ShapeError;
use nas_ir::{Binary, DType, Dim, HostTensor, ReduceKind, Tensor, Unary};

pub type Made = Result<Tensor, ShapeError>;

/// A net being written: its parameters, and the running statistics that a step leaves behind.
#[derive(Default)]
pub struct Net {
    pub params: Vec<Tensor>,
    pub after: Vec<Tensor>,
    seed: u32,
}

/// Even numbers in (-scale, scale), from a fixed sequence.
pub fn filled(shape: &[usize], scale: f32, seed: u32) -> Tensor {
    let mut s = seed.wrapping_mul(0x9e37_79b9) | 1;
    let v = (0..shape.iter().product::<usize>())
        .map(|_| {
            s ^= s << 13;
            s ^= s >> 17;
            s ^= s << 5;
            (s as f32 / u32::MAX as f32 * 2.0 - 1.0) * scale
        })
        .collect();
    Tensor::value(HostTensor::f32(shape.to_vec(), v))
}

/// Class numbers of a batch.
pub fn labels(n: usize, classes: usize) -> Tensor {
    let v = (0..n as i32).map(|i| i * 7 % classes as i32).collect();
    Tensor::value(HostTensor::i32(vec![n], v))
}

pub fn number(v: f64) -> Tensor {
    Tensor::constant(v, DType::F32)
}

pub fn add(a: &Tensor, b: &Tensor) -> Made {
    a.binary(Binary::Add, b)
}

pub fn mul(a: &Tensor, b: &Tensor) -> Made {
    a.binary(Binary::Mul, b)
}

pub fn size(x: &Tensor, axis: usize) -> usize {
    x.sizes().and_then(|s| s.get(axis).copied()).unwrap_or(0)
}

pub fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|d| Dim::from(*d)).collect()
}

pub fn window(k: i64, stride: i64, pad: i64) -> Window {
    Window {
        size: [k; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pad: [pad; 4],
    }
}

pub fn mean(x: &Tensor, axes: &[usize], keep: bool) -> Made {
    let n: usize = axes.iter().map(|a| size(x, *a)).product();
    x.reduce(ReduceKind::Sum, axes, keep)
        .binary(Binary::Div, &number(n as f64))
}

pub fn var(x: &Tensor, axes: &[usize]) -> Made {
    let d = x.binary(Binary::Sub, &mean(x, axes, true)?)?;
    mean(&mul(&d, &d)?, axes, true)
}

pub fn softmax(x: &Tensor, log: bool) -> Made {
    let last = [x.rank() - 1];
    let m = x.reduce(ReduceKind::Max, &last, true).stop();
    let d = x.binary(Binary::Sub, &m)?;
    let e = d.unary(Unary::Exp);
    let s = e.reduce(ReduceKind::Sum, &last, true);
    if log {
        d.binary(Binary::Sub, &s.unary(Unary::Log))
    } else {
        e.binary(Binary::Div, &s)
    }
}

pub fn gelu(x: &Tensor) -> Made {
    let inner = mul(x, &number(std::f64::consts::FRAC_1_SQRT_2))?;
    let gate = add(&number(1.0), &inner.unary(Unary::Erf))?;
    mul(&mul(&number(0.5), x)?, &gate)
}

/// Mean over the batch of the loss of each label.
pub fn cross_entropy(z: &Tensor, y: &Tensor) -> Made {
    let p = softmax(z, true)?.pick(y)?;
    Ok(mean(&p, &[0], false)?.unary(Unary::Neg))
}

impl Net {
    pub fn param(&mut self, shape: &[usize], scale: f32) -> Tensor {
        self.seed += 1;
        let t = filled(shape, scale, self.seed);
        self.params.push(t.clone());
        t
    }

    /// A parameter that starts at one number.
    pub fn level(&mut self, shape: &[usize], at: f32) -> Tensor {
        let n = shape.iter().product();
        let t = Tensor::value(HostTensor::f32(shape.to_vec(), vec![at; n]));
        self.params.push(t.clone());
        t
    }

    pub fn conv(&mut self, x: &Tensor, out: usize, k: usize, stride: i64, groups: usize) -> Made {
        let c = size(x, 1);
        let fan = (c / groups * k * k) as f32;
        let w = self.param(&[out, c / groups, k, k], fan.sqrt().recip());
        let k = k as i64;
        x.conv(&w, window(k, stride, (k - 1) / 2), groups as i64)
    }

    pub fn batch_norm(&mut self, x: &Tensor) -> Made {
        let c = size(x, 1);
        let (m, v) = (mean(x, &[0, 2, 3], true)?, var(x, &[0, 2, 3])?);
        for (new, start) in [(&m, 0.0), (&v, 1.0)] {
            let old = Tensor::value(HostTensor::f32(vec![1, c, 1, 1], vec![start; c]));
            let kept = mul(&old, &number(0.9))?;
            self.after.push(add(&kept, &mul(new, &number(0.1))?)?);
        }
        let s = add(&v, &number(1e-5))?.unary(Unary::Sqrt);
        let y = x.binary(Binary::Sub, &m)?.binary(Binary::Div, &s)?;
        let scale = self.level(&[1, c, 1, 1], 1.0);
        let shift = self.level(&[1, c, 1, 1], 0.0);
        add(&mul(&y, &scale)?, &shift)
    }

    pub fn layer_norm(&mut self, x: &Tensor) -> Made {
        let last = x.rank() - 1;
        let d = size(x, last);
        let s = add(&var(x, &[last])?, &number(1e-6))?.unary(Unary::Sqrt);
        let y = x
            .binary(Binary::Sub, &mean(x, &[last], true)?)?
            .binary(Binary::Div, &s)?;
        let (scale, shift) = (self.level(&[d], 1.0), self.level(&[d], 0.0));
        add(&mul(&y, &scale)?, &shift)
    }

    pub fn linear(&mut self, x: &Tensor, out: usize) -> Made {
        let d = size(x, x.rank() - 1);
        let r = (d as f32).sqrt().recip();
        let (w, b) = (self.param(&[out, d], r), self.param(&[out], r));
        let lead: String = "abc".chars().take(x.rank() - 1).collect();
        let spec = [format!("{lead}d").into(), "od".into()];
        let y = Tensor::contract(&[x.clone(), w], &spec, &format!("{lead}o"))?;
        add(&y, &b)
    }

    pub fn attention(&mut self, x: &Tensor, heads: usize) -> Made {
        let (n, t, d) = (size(x, 0), size(x, 1), size(x, 2));
        let split = dims(&[n, t, heads, d / heads]);
        let mut part = || self.linear(x, d)?.reshape(&split)?.permute(&[0, 2, 1, 3]);
        let (q, k, v) = (part()?, part()?, part()?);
        let scores = Tensor::contract(&[q, k], &["nhte".into(), "nhue".into()], "nhtu")?;
        let scale = number(((d / heads) as f64).sqrt());
        let weight = softmax(&scores.binary(Binary::Div, &scale)?, false)?;
        let y = Tensor::contract(&[weight, v], &["nhtu".into(), "nhue".into()], "nhte")?;
        let y = y.permute(&[0, 2, 1, 3])?.reshape(&dims(&[n, t, d]))?;
        self.linear(&y, d)
    }

    /// The loss, the parameters and momenta after a step of gradient descent, and the running statistics.
    pub fn step(self, loss: &Tensor) -> Result<Vec<Tensor>, ShapeError> {
        let mut out = vec![loss.clone()];
        let rate = Tensor::scalar(0.05, DType::F32);
        for (p, g) in self.params.iter().zip(loss.grad(&self.params)?) {
            let shape = p.sizes().unwrap_or_default();
            let n = shape.iter().product();
            let v = Tensor::value(HostTensor::f32(shape, vec![0.0; n]));
            let d = add(&g, &mul(&number(5e-4), p)?)?;
            let v = add(&mul(&number(0.9), &v)?, &d)?;
            out.push(p.binary(Binary::Sub, &mul(&rate, &v)?)?);
            out.push(v);
        }
        out.extend(self.after);
        Ok(out)
    }
}
