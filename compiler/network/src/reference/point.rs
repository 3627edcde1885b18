//! Point-wise functions on f64.

use nas_ir::{Binary, Unary};

pub fn unary(u: Unary, x: f64) -> f64 {
    match u {
        Unary::Neg => -x,
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Abs => x.abs(),
        Unary::Sign if x == 0.0 || x.is_nan() => x,
        Unary::Sign => x.signum(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Erf => erf(x),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        // Ties go to the even neighbour, as in IEEE 754 and NumPy.
        Unary::Round => x.round_ties_even(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Relu => {
            if x > 0.0 || x.is_nan() {
                x
            } else {
                0.0
            }
        }
        Unary::Not => (x == 0.0) as u8 as f64,
    }
}

pub fn binary(b: Binary, l: f64, r: f64) -> f64 {
    let truth = |t: bool| t as u8 as f64;
    match b {
        Binary::Add => l + r,
        Binary::Sub => l - r,
        Binary::Mul => l * r,
        Binary::Div => l / r,
        Binary::Pow => l.powf(r),
        // NaN on either side shows.
        Binary::Max | Binary::Min if l.is_nan() || r.is_nan() => f64::NAN,
        Binary::Max => l.max(r),
        Binary::Min => l.min(r),
        Binary::Lt => truth(l < r),
        Binary::Le => truth(l <= r),
        Binary::Gt => truth(l > r),
        Binary::Ge => truth(l >= r),
        Binary::Eq => truth(l == r),
        Binary::Ne => truth(l != r),
        Binary::And => truth(l != 0.0 && r != 0.0),
        Binary::Or => truth(l != 0.0 || r != 0.0),
    }
}

/// By its power series below 3 and the continued fraction of the complement above; good to about 1e-15.
pub fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a.is_nan() {
        return x;
    }
    if a < 3.0 {
        let mut term = x;
        let mut sum = x;
        let mut n = 0.0;
        while term.abs() > 1e-18 * sum.abs() && n < 200.0 {
            n += 1.0;
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    if a > 6.0 {
        return x.signum();
    }
    let mut f = a;
    for k in (1..80).rev() {
        f = a + (k as f64 / 2.0) / f;
    }
    let complement = (-a * a).exp() * std::f64::consts::FRAC_2_SQRT_PI / (2.0 * f);
    x.signum() * (1.0 - complement)
}

#[cfg(test)]
mod tests {
    use super::erf;

    #[test]
    fn erf_at_known_points() {
        for (x, want) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.5, 0.999_999_256_901_627_7),
        ] {
            assert!((erf(x) - want).abs() < 1e-12, "{x}");
            assert!((erf(-x) + want).abs() < 1e-12, "-{x}");
        }
    }
}
