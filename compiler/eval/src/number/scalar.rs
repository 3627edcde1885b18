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

pub(super) fn dims(ctx: &mut Ctx, op: BinaryOp, x: Dim, y: Dim, span: Span) -> Result<Value> {
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
    if b == 0 {
        Value::invalid("division by zero")
    } else if a % b == 0 {
        Value::int(a / b)
    } else {
        Value::float(a as f64 / b as f64)
    }
}

pub(super) fn scalars(op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
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
                Some(i.rem_euclid(j))
            }
            BinaryOp::Pow if j >= 0 => u32::try_from(j).ok().and_then(|j| i.checked_pow(j)),
            BinaryOp::Pow => return Ok(Value::float(x.powf(y))),
            _ => return Err(wrong()),
        };
        return match exact {
            Some(v) => Ok(Value::Int(v, unit)),
            None => big(op, a, b).ok_or_else(wrong),
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

fn big(op: BinaryOp, a: &Value, b: &Value) -> Option<Value> {
    let to_big = |v: &Value| match v.plain() {
        Value::Int(i, _) => Some(BigInt::from(*i)),
        Value::Big(b) => Some((**b).clone()),
        _ => None,
    };
    let (Some(x), Some(y)) = (to_big(a), to_big(b)) else {
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
