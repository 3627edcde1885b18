//! The operations of a fused program, each a loop over one tile that becomes vector code.

use super::math::fma;
use crate::elem::Elem;
use crate::simd::Vector;

/// An operation of a fused program. Comparisons and logic give 0 or 1; logic takes anything but 0 as true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// The value itself.
    Copy,
    /// -a
    Neg,
    /// e^a
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root; NaN below 0.
    Sqrt,
    /// |a|
    Abs,
    /// -1, 0 or 1; NaN stays NaN.
    Sign,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Hyperbolic tangent.
    Tanh,
    /// Error function.
    Erf,
    /// 1 / (1 + e^-a)
    Sigmoid,
    /// Largest whole number not above.
    Floor,
    /// Smallest whole number not below.
    Ceil,
    /// Nearest whole number, halves to even.
    Round,
    /// 1 / a
    Recip,
    /// max(a, 0); NaN stays NaN.
    Relu,
    /// 1 where a > 0, else 0.
    Gt0,
    /// 1 where a is 0, else 0.
    Not,
    /// 1 where a is NaN, else 0.
    IsNan,
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// a^b
    Pow,
    /// The larger; NaN if either is.
    Max,
    /// The smaller; NaN if either is.
    Min,
    /// a < b
    Lt,
    /// a <= b
    Le,
    /// a > b
    Gt,
    /// a >= b
    Ge,
    /// a == b
    Eq,
    /// a != b
    Ne,
    /// Both are true.
    And,
    /// At least one is true.
    Or,
    /// b where a is not 0, else c.
    Select,
    /// a * b + c, rounded once or twice as the machine does it best.
    MulAdd,
}

impl Op {
    /// How many arguments it takes.
    pub fn arity(self) -> usize {
        use Op::*;
        match self {
            Copy | Neg | Exp | Log | Sqrt | Abs | Sign | Sin | Cos | Tanh | Erf | Sigmoid
            | Floor | Ceil | Round | Recip | Relu | Gt0 | Not | IsNan => 1,
            Add | Sub | Mul | Div | Pow | Max | Min | Lt | Le | Gt | Ge | Eq | Ne | And | Or => 2,
            Select | MulAdd => 3,
        }
    }
}

/// An argument for one tile: as many elements as the tile has, or one value for all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Src<E> {
    Many(*const E),
    One(E),
}

#[inline(always)]
fn truth<E: Elem>(b: bool) -> E {
    if b { E::one() } else { E::zero() }
}

#[inline(always)]
pub(crate) fn max<E: Elem>(a: E, b: E) -> E {
    // NaN in `a` fails the comparison and stays unless `b` is chosen; NaN in `b` is tested for.
    if b > a || b.is_nan() { b } else { a }
}

#[inline(always)]
pub(crate) fn min<E: Elem>(a: E, b: E) -> E {
    if b < a || b.is_nan() { b } else { a }
}

/// Computes one operation over `n` elements at `dst`.
///
/// # Safety
/// `dst` and every `Many` argument that the operation takes hold `n` elements; `dst` overlaps none of them.
#[inline(always)]
pub(crate) unsafe fn apply<E: Elem, V: Vector<E>>(op: Op, dst: *mut E, n: usize, s: [&Src<E>; 3]) {
    let out = std::slice::from_raw_parts_mut(dst, n);
    macro_rules! unary {
        ($f:expr) => {{
            let f = $f;
            match *s[0] {
                Src::Many(a) => {
                    let a = std::slice::from_raw_parts(a, n);
                    for (d, &a) in out.iter_mut().zip(a) {
                        *d = f(a);
                    }
                }
                Src::One(a) => out.fill(f(a)),
            }
        }};
    }
    macro_rules! binary {
        ($f:expr) => {{
            let f = $f;
            match (*s[0], *s[1]) {
                (Src::Many(a), Src::Many(b)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    let b = std::slice::from_raw_parts(b, n);
                    for ((d, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *d = f(a, b);
                    }
                }
                (Src::Many(a), Src::One(b)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    for (d, &a) in out.iter_mut().zip(a) {
                        *d = f(a, b);
                    }
                }
                (Src::One(a), Src::Many(b)) => {
                    let b = std::slice::from_raw_parts(b, n);
                    for (d, &b) in out.iter_mut().zip(b) {
                        *d = f(a, b);
                    }
                }
                (Src::One(a), Src::One(b)) => out.fill(f(a, b)),
            }
        }};
    }
    macro_rules! ternary {
        ($f:expr) => {{
            let f = $f;
            match (*s[0], *s[1], *s[2]) {
                (Src::One(a), Src::One(b), Src::One(c)) => out.fill(f(a, b, c)),
                (Src::Many(a), Src::Many(b), Src::Many(c)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    let b = std::slice::from_raw_parts(b, n);
                    let c = std::slice::from_raw_parts(c, n);
                    for (((d, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
                        *d = f(a, b, c);
                    }
                }
                (Src::Many(a), Src::Many(b), Src::One(c)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    let b = std::slice::from_raw_parts(b, n);
                    for ((d, &a), &b) in out.iter_mut().zip(a).zip(b) {
                        *d = f(a, b, c);
                    }
                }
                (Src::Many(a), Src::One(b), Src::Many(c)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    let c = std::slice::from_raw_parts(c, n);
                    for ((d, &a), &c) in out.iter_mut().zip(a).zip(c) {
                        *d = f(a, b, c);
                    }
                }
                (Src::One(a), Src::Many(b), Src::Many(c)) => {
                    let b = std::slice::from_raw_parts(b, n);
                    let c = std::slice::from_raw_parts(c, n);
                    for ((d, &b), &c) in out.iter_mut().zip(b).zip(c) {
                        *d = f(a, b, c);
                    }
                }
                (Src::Many(a), Src::One(b), Src::One(c)) => {
                    let a = std::slice::from_raw_parts(a, n);
                    for (d, &a) in out.iter_mut().zip(a) {
                        *d = f(a, b, c);
                    }
                }
                (Src::One(a), Src::Many(b), Src::One(c)) => {
                    let b = std::slice::from_raw_parts(b, n);
                    for (d, &b) in out.iter_mut().zip(b) {
                        *d = f(a, b, c);
                    }
                }
                (Src::One(a), Src::One(b), Src::Many(c)) => {
                    let c = std::slice::from_raw_parts(c, n);
                    for (d, &c) in out.iter_mut().zip(c) {
                        *d = f(a, b, c);
                    }
                }
            }
        }};
    }
    let (zero, one) = (E::zero(), E::one());
    match op {
        Op::Copy => unary!(|a: E| a),
        Op::Neg => unary!(|a: E| -a),
        Op::Exp => unary!(|a: E| a.exp_v::<V>()),
        Op::Log => unary!(|a: E| a.log_v::<V>()),
        Op::Sqrt => unary!(|a: E| a.sqrt()),
        Op::Abs => unary!(|a: E| a.abs()),
        Op::Sign => unary!(|a: E| {
            let s = truth::<E>(a > zero) - truth::<E>(a < zero);
            if a.is_nan() { a } else { s }
        }),
        Op::Sin => unary!(|a: E| a.sin()),
        Op::Cos => unary!(|a: E| a.cos()),
        Op::Tanh => unary!(|a: E| a.tanh_v::<V>()),
        Op::Erf => unary!(|a: E| a.erf_v::<V>()),
        Op::Sigmoid => unary!(|a: E| a.sigmoid_v::<V>()),
        Op::Floor => unary!(|a: E| a.floor()),
        Op::Ceil => unary!(|a: E| a.ceil()),
        Op::Round => unary!(|a: E| a.round_even()),
        Op::Recip => unary!(|a: E| one / a),
        Op::Relu => unary!(|a: E| if a < zero { zero } else { a }),
        Op::Gt0 => unary!(|a: E| truth::<E>(a > zero)),
        Op::Not => unary!(|a: E| truth::<E>(a == zero)),
        Op::IsNan => unary!(|a: E| truth::<E>(a.is_nan())),
        Op::Add => binary!(|a: E, b: E| a + b),
        Op::Sub => binary!(|a: E, b: E| a - b),
        Op::Mul => binary!(|a: E, b: E| a * b),
        Op::Div => binary!(|a: E, b: E| a / b),
        // Squares are the common power by far.
        Op::Pow => match *s[1] {
            Src::One(b) if b == one + one => unary!(|a: E| a * a),
            Src::One(b) if b == one => unary!(|a: E| a),
            Src::One(b) if b == one + one + one => unary!(|a: E| a * a * a),
            Src::One(b) if b == -one => unary!(|a: E| one / a),
            _ => binary!(|a: E, b: E| a.powf(b)),
        },
        Op::Max => binary!(|a: E, b: E| max(a, b)),
        Op::Min => binary!(|a: E, b: E| min(a, b)),
        Op::Lt => binary!(|a: E, b: E| truth::<E>(a < b)),
        Op::Le => binary!(|a: E, b: E| truth::<E>(a <= b)),
        Op::Gt => binary!(|a: E, b: E| truth::<E>(a > b)),
        Op::Ge => binary!(|a: E, b: E| truth::<E>(a >= b)),
        Op::Eq => binary!(|a: E, b: E| truth::<E>(a == b)),
        Op::Ne => binary!(|a: E, b: E| truth::<E>(a != b)),
        Op::And => binary!(|a: E, b: E| truth::<E>((a != zero) & (b != zero))),
        Op::Or => binary!(|a: E, b: E| truth::<E>((a != zero) | (b != zero))),
        Op::Select => ternary!(|a: E, b: E, c: E| if a != zero { b } else { c }),
        Op::MulAdd => ternary!(|a: E, b: E, c: E| fma::<E, V>(a, b, c)),
    }
}
