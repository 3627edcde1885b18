//! The three element types of the host, with the meaning of every point-wise operation.

use nas_ir::{Binary, DType, Unary};

/// Values of one of the element types.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    I32(&'a [i32]),
}

/// An element of a tensor on the host.
pub(crate) trait Num: Copy + Default + PartialOrd + PartialEq + 'static {
    const DTYPE: DType;
    const ONE: Self;
    /// The nearest element; towards zero for whole numbers.
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
    fn plus(self, other: Self) -> Self;
    fn nan(self) -> bool;
    fn smallest() -> Self;
    fn largest() -> Self;
    fn view(view: View<'_>) -> Option<&[Self]>;
    /// The function of one element.
    fn unary(u: Unary) -> fn(Self) -> Self;
    /// The function of two elements.
    fn binary(b: Binary) -> fn(Self, Self) -> Self;
}

macro_rules! float {
    ($t:ty, $variant:ident, $erf:path) => {
        impl Num for $t {
            const DTYPE: DType = DType::$variant;
            const ONE: Self = 1.0;
            fn of(x: f64) -> Self {
                x as $t
            }
            fn wide(self) -> f64 {
                self as f64
            }
            fn plus(self, other: Self) -> Self {
                self + other
            }
            fn nan(self) -> bool {
                self.is_nan()
            }
            fn smallest() -> Self {
                <$t>::NEG_INFINITY
            }
            fn largest() -> Self {
                <$t>::INFINITY
            }
            fn view(view: View<'_>) -> Option<&[Self]> {
                match view {
                    View::$variant(v) => Some(v),
                    _ => None,
                }
            }
            fn unary(u: Unary) -> fn(Self) -> Self {
                match u {
                    Unary::Neg => |x| -x,
                    Unary::Exp => <$t>::exp,
                    Unary::Log => <$t>::ln,
                    Unary::Sqrt => <$t>::sqrt,
                    Unary::Abs => <$t>::abs,
                    Unary::Sign => |x| {
                        if x.is_nan() {
                            x
                        } else {
                            flag::<$t>(x > 0.0) - flag::<$t>(x < 0.0)
                        }
                    },
                    Unary::Sin => <$t>::sin,
                    Unary::Cos => <$t>::cos,
                    Unary::Tanh => <$t>::tanh,
                    Unary::Erf => $erf,
                    Unary::Sigmoid => |x| 1.0 / (1.0 + (-x).exp()),
                    Unary::Round => <$t>::round_ties_even,
                    Unary::Floor => <$t>::floor,
                    Unary::Ceil => <$t>::ceil,
                    // A value that is not a number stays one, so that a broken run shows.
                    Unary::Relu => |x| if x <= 0.0 { 0.0 } else { x },
                    Unary::Not => |x| flag(x == 0.0),
                }
            }
            fn binary(b: Binary) -> fn(Self, Self) -> Self {
                match b {
                    Binary::Add => |a, b| a + b,
                    Binary::Sub => |a, b| a - b,
                    Binary::Mul => |a, b| a * b,
                    Binary::Div => |a, b| a / b,
                    Binary::Pow => <$t>::powf,
                    Binary::Max => |a, b| if a > b || a.is_nan() { a } else { b },
                    Binary::Min => |a, b| if a < b || a.is_nan() { a } else { b },
                    other => compare(other),
                }
            }
        }
    };
}

/// 1 or 0.
fn flag<T: Num>(yes: bool) -> T {
    if yes { T::ONE } else { T::default() }
}

fn compare<T: Num>(b: Binary) -> fn(T, T) -> T {
    match b {
        Binary::Lt => |a, b| flag(a < b),
        Binary::Le => |a, b| flag(a <= b),
        Binary::Gt => |a, b| flag(a > b),
        Binary::Ge => |a, b| flag(a >= b),
        Binary::Eq => |a, b| flag(a == b),
        Binary::Ne => |a, b| flag(a != b),
        Binary::And => |a, b| flag(a != T::default() && b != T::default()),
        Binary::Or => |a, b| flag(a != T::default() || b != T::default()),
        other => T::binary(other),
    }
}

float!(f32, F32, libm::erff);
float!(f64, F64, libm::erf);

impl Num for i32 {
    const DTYPE: DType = DType::I32;
    const ONE: Self = 1;
    fn of(x: f64) -> Self {
        x as i32
    }
    fn wide(self) -> f64 {
        self as f64
    }
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn nan(self) -> bool {
        false
    }
    fn smallest() -> Self {
        i32::MIN
    }
    fn largest() -> Self {
        i32::MAX
    }
    fn view(view: View<'_>) -> Option<&[Self]> {
        match view {
            View::I32(v) => Some(v),
            _ => None,
        }
    }
    fn unary(u: Unary) -> fn(Self) -> Self {
        match u {
            Unary::Neg => i32::wrapping_neg,
            Unary::Abs => i32::wrapping_abs,
            Unary::Sign => i32::signum,
            Unary::Round | Unary::Floor | Unary::Ceil => |x| x,
            Unary::Relu => |x| x.max(0),
            Unary::Not => |x| flag(x == 0),
            Unary::Exp => |x| Self::of((x as f64).exp()),
            Unary::Log => |x| Self::of((x as f64).ln()),
            Unary::Sqrt => |x| Self::of((x as f64).sqrt()),
            Unary::Sin => |x| Self::of((x as f64).sin()),
            Unary::Cos => |x| Self::of((x as f64).cos()),
            Unary::Tanh => |x| Self::of((x as f64).tanh()),
            Unary::Erf => |x| Self::of(libm::erf(x as f64)),
            Unary::Sigmoid => |x| Self::of(1.0 / (1.0 + (-(x as f64)).exp())),
        }
    }
    fn binary(b: Binary) -> fn(Self, Self) -> Self {
        match b {
            Binary::Add => i32::wrapping_add,
            Binary::Sub => i32::wrapping_sub,
            Binary::Mul => i32::wrapping_mul,
            Binary::Div => |a, b| Self::of(a as f64 / b as f64),
            Binary::Pow => |a, b| Self::of((a as f64).powf(b as f64)),
            Binary::Max => |a, b| a.max(b),
            Binary::Min => |a, b| a.min(b),
            other => compare(other),
        }
    }
}
