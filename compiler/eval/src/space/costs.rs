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
    let doing = match op {
        BinaryOp::Add => "added",
        BinaryOp::Sub => "subtracted",
        _ => "compared",
    };
    let units = |u: Unit, v: &Value| number::join_units(u, number::unit_of(v), doing, span);
    match (a.plain(), b.plain()) {
        (Value::Terms(x), Value::Terms(y)) => {
            let unit = units(x.unit, b)?;
            let y = if op == BinaryOp::Sub {
                negate(y)
            } else if op == BinaryOp::Add {
                (**y).clone()
            } else {
                return Err(bad());
            };
            let tables = x.tables.iter().chain(&y.tables).cloned().collect();
            Ok(Value::Terms(Arc::new(Terms {
                tables,
                unit,
                ..(**x).clone()
            })))
        }
        (Value::Terms(x), n) => {
            if op != BinaryOp::Mul {
                units(x.unit, b)?;
            }
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
