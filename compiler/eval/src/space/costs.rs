//! Costs over a space: arithmetic and comparison of sums of tables.

use super::{Measure, Terms, WindowValue};
use crate::ctx::{Ctx, fault};
use crate::value::{Unit, Value};
use crate::{Fault, Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::Table;
use nas_space as algebra;
use std::sync::Arc;

pub fn too_hard(e: algebra::TooHard, span: Span) -> Fault {
    fault("E0606", e.to_string()).at(span, "asked here").into()
}

/// A size over choices as a cost over a space.
pub fn terms_value(space: &Arc<super::SpaceValue>, table: Table<i64>) -> Value {
    Value::Terms(Arc::new(Terms {
        space: space.clone(),
        tables: vec![table],
        unit: Unit::One,
    }))
}

/// Arithmetic and comparison of costs over a space.
pub fn terms_binary(
    ctx: &mut Ctx,
    op: BinaryOp,
    a: &Value,
    b: &Value,
    span: Span,
) -> Result<Value> {
    let doing = match op {
        BinaryOp::Add => "added",
        BinaryOp::Sub => "subtracted",
        _ => "compared",
    };
    let units = |u: Unit, v: &Value| number::join_units(u, number::unit_of(v), doing, span);
    match (a.plain(), b.plain()) {
        (Value::Terms(x), Value::Terms(y)) => match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let unit = units(x.unit, b)?;
                let y = if op == BinaryOp::Add {
                    (**y).clone()
                } else {
                    negated(y)
                };
                let tables = x.tables.iter().chain(&y.tables).cloned().collect();
                Ok(cost(x, tables, unit))
            }
            // One cost against another: their difference against nothing.
            _ if number::compares(op) => {
                let unit = units(x.unit, b)?;
                let tables = x.tables.iter().cloned().chain(negated(y).tables).collect();
                terms_binary(ctx, op, &cost(x, tables, unit), &Value::int(0), span)
            }
            _ => together(ctx, op, a, b, span),
        },
        (Value::Terms(x), Value::Dim(d)) => match d.as_table() {
            Some(t) => terms_binary(ctx, op, a, &terms_value(&x.space, t), span),
            None => together(ctx, op, a, b, span),
        },
        (Value::Terms(x), n) => {
            let Some(number) = number::as_f64(n) else {
                return number::scalars(op, a, b, span);
            };
            if !matches!(op, BinaryOp::Mul | BinaryOp::Div) {
                units(x.unit, b)?;
            }
            let whole = match n {
                Value::Int(i, _) => Some(*i),
                _ => (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64),
            };
            match (op, whole) {
                (BinaryOp::Add | BinaryOp::Sub, Some(i)) => {
                    let i = if op == BinaryOp::Add {
                        i
                    } else {
                        i.saturating_neg()
                    };
                    let mut tables = x.tables.clone();
                    tables.push(Table::constant(i));
                    Ok(cost(x, tables, x.unit))
                }
                (BinaryOp::Mul, Some(i)) => {
                    let by = |t: &Table<i64>| t.map(|v| v.saturating_mul(i));
                    Ok(cost(x, x.tables.iter().map(by).collect(), x.unit))
                }
                (BinaryOp::Mul, None) => Measure::scaled(x, number),
                (BinaryOp::Div, _) if number != 0.0 => Measure::scaled(x, number.recip()),
                (BinaryOp::Rem, Some(m)) if m > 0 => Ok(Measure::rest(x, m)),
                _ if number::compares(op) => Ok(WindowValue::compared(x, op, n, number)),
                _ => together(ctx, op, a, b, span),
            }
        }
        (Value::Measure(m), n) if number::compares(op) => {
            let Some(number) = number::as_f64(n) else {
                return number::scalars(op, a, b, span);
            };
            units(m.terms.unit, b)?;
            Ok(m.compared(op, number))
        }
        (_, Value::Terms(_) | Value::Measure(_)) if !matches!(a.plain(), Value::Measure(_)) => {
            let turned = match op {
                BinaryOp::Le => BinaryOp::Ge,
                BinaryOp::Lt => BinaryOp::Gt,
                BinaryOp::Ge => BinaryOp::Le,
                BinaryOp::Gt => BinaryOp::Lt,
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::Eq | BinaryOp::Ne => op,
                BinaryOp::Sub => {
                    let less = terms_binary(ctx, BinaryOp::Mul, b, &Value::int(-1), span)?;
                    return terms_binary(ctx, BinaryOp::Add, &less, a, span);
                }
                _ => return together(ctx, op, a, b, span),
            };
            terms_binary(ctx, turned, b, a, span)
        }
        _ => together(ctx, op, a, b, span),
    }
}

fn negated(t: &Terms) -> Terms {
    Terms {
        tables: t
            .tables
            .iter()
            .map(|t| t.map(|v| v.saturating_neg()))
            .collect(),
        ..t.clone()
    }
}

fn cost(of: &Terms, tables: Vec<Table<i64>>, unit: Unit) -> Value {
    Value::Terms(Arc::new(Terms {
        tables,
        unit,
        space: of.space.clone(),
    }))
}

/// What does not split into sums: one table over all choices that the two depend on, where it is small enough.
fn together(ctx: &mut Ctx, op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    let whole = |v: &Value| match v.plain() {
        Value::Terms(_) | Value::Dim(_) | Value::Int(..) => number::as_dim(v),
        _ => None,
    };
    if let (Some(x), Some(y)) = (whole(a), whole(b)) {
        return number::tabled(ctx, op, x, y, span);
    }
    let symbol = number::symbol(op);
    Err(fault(
        "E0606",
        format!("`{symbol}` of a cost that depends on many choices is not a sum over them"),
    )
    .at(span, "here")
    .note("a cost over a space is added to, scaled, divided by a number, reduced modulo a number, and compared")
    .help("work the number out for one member inside a function, and use the function as the condition")
    .into())
}

/// A sum of sizes that depend on more choices together than one table holds: a cost over the space, added up by its algebra.
pub fn sum_terms(ctx: &Ctx, items: &[Value]) -> Option<Value> {
    const FEW: f64 = 65_536.0;
    let space = ctx.space.as_ref()?;
    let mut sites: Vec<nas_ir::dim::Site> = vec![];
    let mut tables = vec![];
    for v in items {
        let t = number::as_dim(v)?.as_table()?;
        sites.extend(
            t.sites
                .iter()
                .filter(|s| !sites.contains(s))
                .copied()
                .collect::<Vec<_>>(),
        );
        tables.push(t);
    }
    if sites.iter().map(|s| f64::from(s.1)).product::<f64>() <= FEW {
        return None;
    }
    Some(Value::Terms(Arc::new(Terms {
        space: space.space.clone(),
        tables,
        unit: Unit::One,
    })))
}
