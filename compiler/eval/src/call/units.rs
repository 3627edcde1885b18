//! Declared results in units: a plain number takes the unit, one of another unit is refused.

use crate::ctx::fault;
use crate::value::{Unit, Value};
use crate::{Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{Type, TypeKind};
use std::sync::Arc;

/// The result in its declared unit.
pub(super) fn stamp(result: Value, ty: &Type, span: Span) -> Result<Value> {
    let TypeKind::Name { name, .. } = &ty.kind else {
        return Ok(result);
    };
    let Some(unit) = Unit::of_type(&name.text) else {
        return Ok(result);
    };
    let given = number::unit_of(&result);
    let Some(unit) = unit.with(given) else {
        return Err(fault(
            "E0305",
            format!(
                "the result is declared in {}, and it is in {}",
                unit.name(),
                given.described()
            ),
        )
        .at(span, "in this call")
        .at(ty.span, "declared here")
        .into());
    };
    Ok(match result {
        Value::Int(v, Unit::One) => Value::Int(v, unit),
        Value::Float(v, Unit::One) => Value::Float(v, unit),
        Value::Terms(t) if t.unit == Unit::One => {
            let mut t = (*t).clone();
            t.unit = unit;
            Value::Terms(Arc::new(t))
        }
        other => other,
    })
}
