//! Element-wise functions without branches, so that loops over them become vector code for `f32`; `f64` takes the library's.

use crate::elem::Elem;
use crate::simd::Vector;

/// `a * b + c`, fused where the vectors `V` have that instruction.
#[inline(always)]
pub(crate) fn fma<E: Elem, V: Vector<E>>(a: E, b: E, c: E) -> E {
    if V::FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The functions whose fast form differs between element types.
pub trait Math: Sized {
    /// e to the x.
    fn exp_v<V: Vector<Self>>(self) -> Self;
    /// Natural logarithm.
    fn log_v<V: Vector<Self>>(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh_v<V: Vector<Self>>(self) -> Self;
    /// Error function.
    fn erf_v<V: Vector<Self>>(self) -> Self;
    /// 1 / (1 + exp(-x)).
    fn sigmoid_v<V: Vector<Self>>(self) -> Self;
    /// Nearest whole number, halves to even.
    fn round_even(self) -> Self;
}

impl Math for f64 {
    #[inline(always)]
    fn exp_v<V: Vector<f64>>(self) -> f64 {
        self.exp()
    }
    #[inline(always)]
    fn log_v<V: Vector<f64>>(self) -> f64 {
        self.ln()
    }
    #[inline(always)]
    fn tanh_v<V: Vector<f64>>(self) -> f64 {
        self.tanh()
    }
    #[inline(always)]
    fn erf_v<V: Vector<f64>>(self) -> f64 {
        libm::erf(self)
    }
    #[inline(always)]
    fn sigmoid_v<V: Vector<f64>>(self) -> f64 {
        1.0 / (1.0 + (-self).exp())
    }
    #[inline(always)]
    fn round_even(self) -> f64 {
        self.round_ties_even()
    }
}

/// Adding this rounds a small f32 to a whole number, which then stands in the low bits.
const MAGIC: f32 = 12_582_912.0;

/// 2 to the n, for n in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

impl Math for f32 {
    #[inline(always)]
    fn exp_v<V: Vector<f32>>(self) -> f32 {
        // Outside this range the result is 0 or infinity anyway; comparisons let NaN through.
        let x = if self < -105.0 { -105.0 } else { self };
        let x = if x > 89.0 { 89.0 } else { x };
        let m = fma::<f32, V>(x, std::f32::consts::LOG2_E, MAGIC);
        let n = m.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
        let k = m - MAGIC;
        let r = fma::<f32, V>(k, -0.693_359_4, x);
        let r = fma::<f32, V>(k, 2.121_944_4e-4, r);
        let mut p = 1.987_569_1e-4;
        p = fma::<f32, V>(p, r, 1.398_199_9e-3);
        p = fma::<f32, V>(p, r, 8.333_452e-3);
        p = fma::<f32, V>(p, r, 4.166_579_6e-2);
        p = fma::<f32, V>(p, r, 1.666_666_5e-1);
        p = fma::<f32, V>(p, r, 0.5);
        p = fma::<f32, V>(p, r * r, r) + 1.0;
        // In two steps, so that the smallest and largest results come out right. NaN has made `n` meaningless: any
        // power of two will do, and the mask keeps it one.
        let low = (n >> 1).clamp(-80, 64);
        let high = n.wrapping_sub(n >> 1).clamp(-80, 65);
        p * power_of_two(low) * power_of_two(high)
    }

    #[inline(always)]
    fn log_v<V: Vector<f32>>(self) -> f32 {
        let tiny = self < f32::MIN_POSITIVE;
        let x = if tiny { self * 8_388_608.0 } else { self };
        let bits = x.to_bits() as i32;
        // The mantissa in [sqrt(1/2), sqrt(2)).
        let e = (bits.wrapping_sub(0x3f35_04f3)) >> 23;
        let m = f32::from_bits(bits.wrapping_sub(e << 23) as u32) - 1.0;
        let e = e as f32 - if tiny { 23.0 } else { 0.0 };
        let z = m * m;
        let mut p = 7.037_683_6e-2;
        p = fma::<f32, V>(p, m, -1.151_461e-1);
        p = fma::<f32, V>(p, m, 1.167_699_9e-1);
        p = fma::<f32, V>(p, m, -1.242_014_1e-1);
        p = fma::<f32, V>(p, m, 1.424_932_3e-1);
        p = fma::<f32, V>(p, m, -1.666_805_7e-1);
        p = fma::<f32, V>(p, m, 2.000_071_5e-1);
        p = fma::<f32, V>(p, m, -2.499_999_4e-1);
        p = fma::<f32, V>(p, m, 3.333_333e-1);
        let mut y = p * m * z;
        y = fma::<f32, V>(e, -2.121_944_4e-4, y);
        y = fma::<f32, V>(z, -0.5, y);
        let y = fma::<f32, V>(e, 0.693_359_4, m + y);
        let y = if self == f32::INFINITY {
            f32::INFINITY
        } else {
            y
        };
        let y = if self == 0.0 { f32::NEG_INFINITY } else { y };
        if self >= 0.0 { y } else { f32::NAN }
    }

    #[inline(always)]
    fn tanh_v<V: Vector<f32>>(self) -> f32 {
        let t = self.abs();
        let e = (2.0 * t).exp_v::<V>();
        let large = 1.0 - 2.0 / (e + 1.0);
        let s = self * self;
        let mut p = -5.704_988_7e-3;
        p = fma::<f32, V>(p, s, 2.063_909e-2);
        p = fma::<f32, V>(p, s, -5.373_971_5e-2);
        p = fma::<f32, V>(p, s, 1.333_144_2e-1);
        p = fma::<f32, V>(p, s, -3.333_328_4e-1);
        let small = fma::<f32, V>(p * s, self, self);
        if t < 0.625 {
            small
        } else {
            large.copysign(self)
        }
    }

    #[inline(always)]
    fn erf_v<V: Vector<f32>>(self) -> f32 {
        // erf(x) / x as a ratio of polynomials in x^2, fitted for the least relative error up to 4 (2.5e-8 before rounding);
        // beyond, it is 1 in this type. Comparisons let NaN through.
        let x = if self > 4.0 { 4.0 } else { self };
        let x = if x < -4.0 { -4.0 } else { x };
        let s = x * x;
        let mut p = 1.986_742e-6;
        p = fma::<f32, V>(p, s, 2.845_565_3e-4);
        p = fma::<f32, V>(p, s, 3.883_164_4e-3);
        p = fma::<f32, V>(p, s, 5.310_118_2e-2);
        p = fma::<f32, V>(p, s, 1.935_416_6e-1);
        p = fma::<f32, V>(p, s, std::f32::consts::FRAC_2_SQRT_PI);
        let mut q = 3.741_925_7e-5;
        q = fma::<f32, V>(q, s, 1.185_517_4e-3);
        q = fma::<f32, V>(q, s, 1.520_689_9e-2);
        q = fma::<f32, V>(q, s, 1.153_484_96e-1);
        q = fma::<f32, V>(q, s, 5.048_544e-1);
        q = fma::<f32, V>(q, s, 1.0);
        let y = x * p / q;
        let y = if y > 1.0 { 1.0 } else { y };
        if y < -1.0 { -1.0 } else { y }
    }

    #[inline(always)]
    fn sigmoid_v<V: Vector<f32>>(self) -> f32 {
        1.0 / (1.0 + (-self).exp_v::<V>())
    }

    #[inline(always)]
    fn round_even(self) -> f32 {
        self.round_ties_even()
    }
}
