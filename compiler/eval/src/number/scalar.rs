//! Arithmetic of sizes and of plain numbers, exact beyond 64 bits, with units.

use super::{as_f64, compares, join_units, of_dim, symbol, unit_of};
use crate::ctx::{Ctx, fault};
use crate::value::{Known, Unit, Value};
use crate::{Fault, Result};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::Dim;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::sync::Arc;

/// Sums over choices with larger tables are kept as the sum of their tables, outside nets.
const SUM_ROWS: usize = 1 << 12;

/// A sum over many choices as a cost: the tables stay apart.
fn apart(ctx: &mut Ctx, op: BinaryOp, x: &Dim, y: &Dim, span: Span) -> Option<Result<Value>> {
    let s = ctx.space.clone().filter(|_| ctx.net.is_none())?;
    if !matches!(op, BinaryOp::Add | BinaryOp::Sub) {
        return None;
    }
    let (x, y) = (x.as_table()?, y.as_table()?);
    let mut sites = x.sites.clone();
    sites.extend(y.sites.iter().filter(|s| !x.sites.contains(s)));
    let rows = sites
        .iter()
        .try_fold(1usize, |n, s| n.checked_mul(s.1 as usize));
    if rows.is_some_and(|n| n <= SUM_ROWS) {
        return None;
    }
    let terms = |t| crate::space::terms_value(&s.space, t);
    Some(crate::space::terms_binary(
        ctx,
        op,
        &terms(x),
        &terms(y),
        span,
    ))
}

pub(super) fn dims(ctx: &mut Ctx, op: BinaryOp, x: Dim, y: Dim, span: Span) -> Result<Value> {
    if let Some(v) = apart(ctx, op, &x, &y, span) {
        return v;
    }
    tabled(ctx, op, x, y, span)
}

/// The same with sums, too, in one table.
pub fn tabled(ctx: &mut Ctx, op: BinaryOp, x: Dim, y: Dim, span: Span) -> Result<Value> {
    let r = match op {
        BinaryOp::Add => x.add(&y),
        BinaryOp::Sub => x.sub(&y),
        BinaryOp::Mul => x.mul(&y),
        BinaryOp::Div => match x.div(&y) {
            // Not whole: a fraction in each case, brought back by ceil or floor.
            Err(nas_ir::DimError::NotWhole { .. } | nas_ir::DimError::BadDivisor) => {
                let (Some(s), Some(t)) = (x.as_table(), y.as_table()) else {
                    // Of sizes that stand for any number, callers decide.
                    if ctx.generic {
                        return Ok(Value::Unknown(Known::Number));
                    }
                    return Err(
                        fault("E0402", format!("{x} / {y} is not known to be whole"))
                            .at(span, "this quotient")
                            .help("write `ceil(a / b)` or `floor(a / b)` to round it")
                            .into(),
                    );
                };
                let t = s.zip(&t, |a, b| ratio(*a, *b));
                return match t {
                    Some(t) => crate::open::join(ctx, t, span),
                    None => Err(ctx.shape_fault(nas_ir::DimError::TooManyChoices.into(), span)),
                };
            }
            r => r,
        },
        BinaryOp::Rem => {
            let q = x.floor_div(&y);
            q.and_then(|q| q.mul(&y)).and_then(|p| x.sub(&p))
        }
        BinaryOp::Pow => match y.known() {
            Some(n) if (0..=64).contains(&n) => {
                (0..n).try_fold(Dim::Const(1), |acc, _| acc.mul(&x))
            }
            _ => return Ok(Value::Unknown(Known::Number)),
        },
        _ => {
            let d = x.sub(&y);
            return Ok(match d.ok().and_then(|d| d.as_table()) {
                Some(t) => {
                    let t = t.map(|v| {
                        Value::Bool(match op {
                            BinaryOp::Eq => *v == 0,
                            BinaryOp::Ne => *v != 0,
                            BinaryOp::Lt => *v < 0,
                            BinaryOp::Le => *v <= 0,
                            BinaryOp::Gt => *v > 0,
                            _ => *v >= 0,
                        })
                    });
                    crate::open::join(ctx, t, span)?
                }
                None => Value::Unknown(Known::Nothing),
            });
        }
    };
    r.map(of_dim).map_err(|e| ctx.shape_fault(e.into(), span))
}

fn ratio(a: i64, b: i64) -> Value {
    match (a.checked_rem(b), a.checked_div(b)) {
        _ if b == 0 => Value::invalid("division by zero"),
        (Some(0), Some(q)) => Value::int(q),
        (Some(_), _) => Value::float(a as f64 / b as f64),
        // The least number by -1 is one more than the largest.
        (None, _) => of_big(-BigInt::from(a)),
    }
}

pub fn scalars(op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    let wrong = || {
        Fault::from(
            fault(
                "E0301",
                format!(
                    "`{}` does not go between {} and {}",
                    symbol(op),
                    a.kind(),
                    b.kind()
                ),
            )
            .at(span, "here")
            .note(format!("left   {}", crate::show::brief(a)))
            .note(format!("right  {}", crate::show::brief(b))),
        )
    };
    if let (Value::Text(x), Value::Text(y)) = (a.plain(), b.plain()) {
        return match op {
            BinaryOp::Lt => Ok(Value::Bool(x < y)),
            BinaryOp::Gt => Ok(Value::Bool(x > y)),
            BinaryOp::Le => Ok(Value::Bool(x <= y)),
            BinaryOp::Ge => Ok(Value::Bool(x >= y)),
            _ => Err(wrong()),
        };
    }
    if let (Value::Big(_), _) | (_, Value::Big(_)) = (a.plain(), b.plain()) {
        digits(op, a, b, span)?;
        return big(op, a, b).ok_or_else(wrong);
    }
    let (Some(x), Some(y)) = (as_f64(a), as_f64(b)) else {
        return Err(wrong());
    };
    let (u, v) = (unit_of(a), unit_of(b));
    if compares(op) {
        join_units(u, v, "compared", span)?;
        return Ok(Value::Bool(match op {
            BinaryOp::Lt => x < y,
            BinaryOp::Le => x <= y,
            BinaryOp::Gt => x > y,
            BinaryOp::Ge => x >= y,
            BinaryOp::Eq => x == y,
            _ => x != y,
        }));
    }
    let unit = match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Rem => join_units(
            u,
            v,
            if op == BinaryOp::Add {
                "added"
            } else {
                "subtracted"
            },
            span,
        )?,
        BinaryOp::Mul => match (u, v) {
            (Unit::One, w) | (w, Unit::One) => w,
            _ => Unit::One,
        },
        BinaryOp::Div => {
            if u == v {
                Unit::One
            } else if v == Unit::One {
                u
            } else {
                Unit::One
            }
        }
        _ => Unit::One,
    };
    if let (Value::Int(i, _), Value::Int(j, _)) = (a.plain(), b.plain()) {
        let (i, j) = (*i, *j);
        let exact = match op {
            BinaryOp::Add => i.checked_add(j),
            BinaryOp::Sub => i.checked_sub(j),
            BinaryOp::Mul => i.checked_mul(j),
            BinaryOp::Div => match ratio(i, j) {
                Value::Int(q, _) => Some(q),
                Value::Float(f, _) => return Ok(Value::Float(f, unit)),
                other => return Ok(other),
            },
            BinaryOp::Rem => {
                if j == 0 {
                    return Ok(Value::invalid("division by zero"));
                }
                // Of the least number by -1 nothing is left either.
                Some(i.checked_rem_euclid(j).unwrap_or(0))
            }
            BinaryOp::Pow if j >= 0 => u32::try_from(j).ok().and_then(|j| i.checked_pow(j)),
            BinaryOp::Pow => return Ok(Value::float(x.powf(y))),
            _ => return Err(wrong()),
        };
        return match exact {
            Some(v) => Ok(Value::Int(v, unit)),
            None => {
                digits(op, a, b, span)?;
                big(op, a, b).ok_or_else(wrong)
            }
        };
    }
    let r = match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div => x / y,
        BinaryOp::Rem => x.rem_euclid(y),
        BinaryOp::Pow => x.powf(y),
        _ => return Err(wrong()),
    };
    if r.is_nan() {
        return Ok(Value::invalid("not a number"));
    }
    Ok(Value::Float(r, unit))
}

/// Whole numbers of more binary digits are not computed: powers of powers would take all time and memory.
const DIGITS: u64 = 1 << 20;

fn whole(v: &Value) -> Option<BigInt> {
    match v.plain() {
        Value::Int(i, _) => Some(BigInt::from(*i)),
        Value::Big(b) => Some((**b).clone()),
        _ => None,
    }
}

/// Refuses products and powers with too many digits, before they are made.
fn digits(op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<()> {
    let (Some(x), Some(y)) = (whole(a), whole(b)) else {
        return Ok(());
    };
    let (what, many) = match op {
        BinaryOp::Mul => ("product", x.bits() + y.bits() > DIGITS),
        BinaryOp::Pow => {
            // 1 and -1 stay what they are, whatever the power.
            let each = x.bits().saturating_sub(1).max(1);
            let fits = y.to_u64().and_then(|y| y.checked_mul(each));
            let power = y > BigInt::ZERO && fits.is_none_or(|n| n > DIGITS);
            ("power", power || y.to_u32().is_some_and(|y| y > 100_000))
        }
        _ => return Ok(()),
    };
    if !many {
        return Ok(());
    }
    let text = format!("a {what} of so many digits is not computed");
    Err(fault("E0606", text)
        .at(span, "too large")
        .help("a number with a point has an exponent: `2.0 ^ n`")
        .into())
}

fn big(op: BinaryOp, a: &Value, b: &Value) -> Option<Value> {
    let (Some(x), Some(y)) = (whole(a), whole(b)) else {
        let (x, y) = (as_f64(a)?, as_f64(b)?);
        return scalars(op, &Value::float(x), &Value::float(y), Span::default()).ok();
    };
    let r = match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Pow => x.pow(y.to_u32().filter(|y| *y <= 100_000)?),
        BinaryOp::Lt => return Some(Value::Bool(x < y)),
        BinaryOp::Le => return Some(Value::Bool(x <= y)),
        BinaryOp::Gt => return Some(Value::Bool(x > y)),
        BinaryOp::Ge => return Some(Value::Bool(x >= y)),
        BinaryOp::Eq => return Some(Value::Bool(x == y)),
        BinaryOp::Ne => return Some(Value::Bool(x != y)),
        BinaryOp::Div if y != BigInt::ZERO && (&x % &y) == BigInt::ZERO => x / y,
        _ => return None,
    };
    Some(of_big(r))
}

pub fn of_big(v: BigInt) -> Value {
    match v.to_i64() {
        Some(i) => Value::int(i),
        None => Value::Big(Arc::new(v)),
    }
}
