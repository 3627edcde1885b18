//! Costs over a space: arithmetic and comparison of sums of tables.

use super::{Terms, WindowValue};
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
    _ctx: &mut Ctx,
    op: BinaryOp,
    a: &Value,
    b: &Value,
    span: Span,
) -> Result<Value> {
    let bad = || {
        Fault::from(
            fault(
                "E0309",
                format!(
                    "`{}` of costs over a space is not yet supported by this version",
                    number::symbol(op)
                ),
            )
            .at(span, "here"),
        )
    };
    let negate = |t: &Terms| Terms {
        tables: t.tables.iter().map(|t| t.map(|v| -v)).collect(),
        ..t.clone()
    };
    let whole = |v: &Value| match v.plain() {
        Value::Int(i, _) => Some((*i, *i)),
        Value::Float(f, _) => Some((f.floor() as i64, f.ceil() as i64)),
        _ => None,
    };
    let units = |u: Unit, v: &Value| -> Result<()> {
        let w = number::unit_of(v);
        if u != w && w != Unit::One && u != Unit::One {
            return Err(fault(
                "E0305",
                format!("{} and {} cannot be compared", u.name(), w.name()),
            )
            .at(span, "these have different units")
            .into());
        }
        Ok(())
    };
    match (a.plain(), b.plain()) {
        (Value::Terms(x), Value::Terms(y)) => {
            if x.unit != y.unit && x.unit != Unit::One && y.unit != Unit::One {
                return Err(fault(
                    "E0305",
                    format!(
                        "{} and {} are not added or compared",
                        x.unit.name(),
                        y.unit.name()
                    ),
                )
                .at(span, "these have different units")
                .into());
            }
            let y = match op {
                BinaryOp::Add => (**y).clone(),
                BinaryOp::Sub => negate(y),
                // One cost against another: their difference against nothing.
                BinaryOp::Le | BinaryOp::Lt | BinaryOp::Ge | BinaryOp::Gt | BinaryOp::Eq => {
                    let tables = x.tables.iter().cloned().chain(negate(y).tables).collect();
                    let apart = Value::Terms(Arc::new(Terms {
                        tables,
                        ..(**x).clone()
                    }));
                    return terms_binary(_ctx, op, &apart, &Value::int(0), span);
                }
                _ => return Err(bad()),
            };
            let tables = x.tables.iter().chain(&y.tables).cloned().collect();
            Ok(Value::Terms(Arc::new(Terms {
                tables,
                ..(**x).clone()
            })))
        }
        (Value::Terms(_), Value::Dim(d)) => match (d.as_table(), a.plain()) {
            (Some(t), Value::Terms(x)) => {
                let other = terms_value(&x.space, t);
                terms_binary(_ctx, op, a, &other, span)
            }
            _ => Err(bad()),
        },
        (Value::Terms(x), n) => {
            units(x.unit, b)?;
            let Some((floor, ceil)) = whole(n) else {
                return Err(bad());
            };
            let window = |low, high| {
                Ok(Value::Window(Arc::new(WindowValue {
                    terms: x.clone(),
                    low,
                    high,
                })))
            };
            match op {
                BinaryOp::Le => window(None, Some(floor)),
                BinaryOp::Lt => window(None, Some(ceil - 1)),
                BinaryOp::Ge => window(Some(ceil), None),
                BinaryOp::Gt => window(Some(floor + 1), None),
                BinaryOp::Eq if floor == ceil => window(Some(floor), Some(floor)),
                BinaryOp::Add | BinaryOp::Sub if floor == ceil => {
                    let mut tables = x.tables.clone();
                    tables.push(Table::constant(if op == BinaryOp::Add {
                        floor
                    } else {
                        -floor
                    }));
                    Ok(Value::Terms(Arc::new(Terms {
                        tables,
                        ..(**x).clone()
                    })))
                }
                BinaryOp::Mul if floor == ceil => {
                    let tables = x
                        .tables
                        .iter()
                        .map(|t| t.map(|v| v.saturating_mul(floor)))
                        .collect();
                    Ok(Value::Terms(Arc::new(Terms {
                        tables,
                        ..(**x).clone()
                    })))
                }
                _ => Err(bad()),
            }
        }
        (_, Value::Terms(_)) => {
            let turned = match op {
                BinaryOp::Le => BinaryOp::Ge,
                BinaryOp::Lt => BinaryOp::Gt,
                BinaryOp::Ge => BinaryOp::Le,
                BinaryOp::Gt => BinaryOp::Lt,
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::Eq => op,
                _ => return Err(bad()),
            };
            terms_binary(_ctx, turned, b, a, span)
        }
        _ => Err(bad()),
    }
}
