//! Numbers as written: scales and units.

use crate::ctx::fault;
use crate::value::{Unit, Value};
use crate::{Fault, Result};
use nas_diagnostics::Span;
use nas_grammar::ast;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::sync::Arc;

/// The value of a number as written.
pub fn literal(n: &ast::Number, span: Span) -> Result<Value> {
    let bad = |why: &str| {
        Fault::from(fault("E0104", format!("`{}` {why}", n.digits)).at(span, "this number"))
    };
    let power = match n.scale {
        None => 0,
        Some('k' | 'K') => 3,
        Some('M') => 6,
        Some('G') => 9,
        Some('T') => 12,
        Some(c) => return Err(bad(&format!("has the unknown scale `{c}`"))),
    };
    let (unit, factor) = match n.unit.as_ref().map(|u| &*u.text) {
        None => (Unit::One, 1.0),
        Some("epochs" | "epoch") => (Unit::Epochs, 1.0),
        Some("steps" | "step") => (Unit::Steps, 1.0),
        Some("params") => (Unit::Params, 1.0),
        Some("MACs" | "macs") => (Unit::Macs, 1.0),
        Some("bits" | "bit") => (Unit::Bits, 1.0),
        Some("bytes" | "B") => (Unit::Bytes, 1.0),
        Some("kB" | "KB") => (Unit::Bytes, 1e3),
        Some("MB") => (Unit::Bytes, 1e6),
        Some("GB") => (Unit::Bytes, 1e9),
        Some("px") => (Unit::Pixels, 1.0),
        Some("seconds" | "second" | "s") => (Unit::Seconds, 1.0),
        Some("minutes" | "minute") => (Unit::Seconds, 60.0),
        Some("hours" | "hour") => (Unit::Seconds, 3600.0),
        Some("dB") => (Unit::Decibel, 1.0),
        Some("%") => {
            return n
                .digits
                .parse::<f64>()
                .map(|v| Value::float(v / 100.0))
                .map_err(|_| bad("is not a number"));
        }
        Some("points" | "point") => {
            return n
                .digits
                .parse::<f64>()
                .map(|v| Value::float(v / 100.0))
                .map_err(|_| bad("is not a number"));
        }
        Some(other) => return Err(bad(&format!("has the unknown unit `{other}`"))),
    };
    // A scaled decimal that comes out whole is a whole number: 15.64737M is 15,647,370.
    if let Some((whole, fraction)) = split_decimal(&n.digits, power)
        && fraction
        && (!n.float || n.scale.is_some())
        && factor == 1.0
    {
        return match whole.to_i64() {
            Some(v) => Ok(Value::Int(v, unit)),
            None => Ok(Value::Big(Arc::new(whole))),
        };
    }
    let v: f64 = n.digits.parse().map_err(|_| bad("is not a number"))?;
    let v = v * 10f64.powi(power) * factor;
    if !v.is_finite() {
        return Err(bad("is too large for a number"));
    }
    Ok(if factor != 1.0 && v.fract() == 0.0 && v.abs() < 9e15 {
        Value::Int(v as i64, unit)
    } else {
        Value::Float(v, unit)
    })
}

/// Digits times a power of ten as a whole number, and whether it came out whole.
fn split_decimal(digits: &str, power: i32) -> Option<(BigInt, bool)> {
    if digits.contains(['e', 'E']) {
        return None;
    }
    let (a, b) = digits.split_once('.').unwrap_or((digits, ""));
    let b = b.trim_end_matches('0');
    if b.len() as i32 > power {
        return None;
    }
    if a.len() + b.len() > 400 {
        return None;
    }
    let text = format!("{a}{b}{}", "0".repeat((power - b.len() as i32) as usize));
    Some((text.parse().ok()?, true))
}
