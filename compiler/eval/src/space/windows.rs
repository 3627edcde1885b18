//! Conditions on one cost: the intervals it may lie in, also where it is scaled or reduced modulo a number first.

use super::Terms;
use crate::Result;
use crate::value::{Unit, Value};
use nas_grammar::ast::BinaryOp;
use nas_ir::Table;
use std::sync::Arc;

/// Both ends inclusive; nothing is an open end.
pub type Ends = (Option<i64>, Option<i64>);

/// A cost kept within intervals, which ascend and do not touch.
#[derive(Debug, Clone)]
pub struct WindowValue {
    pub terms: Arc<Terms>,
    pub inside: Vec<Ends>,
}

/// A cost times a number, or its remainder.
#[derive(Debug, Clone)]
pub struct Measure {
    pub terms: Arc<Terms>,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Times(f64),
    Rest(i64),
}

impl WindowValue {
    /// A cost against a number, whole or not.
    pub fn compared(terms: &Arc<Terms>, op: BinaryOp, exact: &Value, number: f64) -> Value {
        let (floor, ceil) = match exact {
            Value::Int(i, _) => (*i, *i),
            _ => (number.floor() as i64, number.ceil() as i64),
        };
        Self::value(terms, intervals(op, floor, ceil))
    }

    fn value(terms: &Arc<Terms>, inside: Vec<Ends>) -> Value {
        match inside[..] {
            [] => Value::Bool(false),
            [(None, None)] => Value::Bool(true),
            _ => Value::Window(Arc::new(WindowValue {
                terms: terms.clone(),
                inside,
            })),
        }
    }

    /// The same cost where this does not hold.
    pub fn negated(&self) -> Value {
        let mut out = vec![];
        let mut from = Some(None);
        for (low, high) in &self.inside {
            if let (Some(start), Some(l)) = (from, low) {
                out.push((start, Some(l.saturating_sub(1))));
            }
            from = high.map(|h| Some(h.saturating_add(1)));
        }
        out.extend(from.map(|start| (start, None)));
        Self::value(&self.terms, out)
    }

    /// Where both hold; nothing where they are about different costs.
    pub fn and(&self, other: &Self) -> Option<Value> {
        if self.terms.tables != other.terms.tables {
            return None;
        }
        let mut out = vec![];
        for (a, b) in &self.inside {
            for (c, d) in &other.inside {
                let low = (*a).max(*c);
                let high = [*b, *d].into_iter().flatten().min();
                if low.zip(high).is_none_or(|(l, h)| l <= h) {
                    out.push((low, high));
                }
            }
        }
        Some(Self::value(&self.terms, out))
    }

    /// Where one of several windows on one cost holds; nothing where they are about different costs.
    pub fn any(windows: &[Value]) -> Option<Value> {
        let mut all: Vec<Ends> = vec![];
        let mut first: Option<&Arc<Terms>> = None;
        for w in windows {
            match w {
                Value::Bool(true) => return Some(Value::Bool(true)),
                Value::Bool(false) => {}
                Value::Window(w) if first.is_none_or(|t| t.tables == w.terms.tables) => {
                    first = Some(&w.terms);
                    all.extend(&w.inside);
                }
                _ => return None,
            }
        }
        let Some(terms) = first else {
            return Some(Value::Bool(false));
        };
        all.sort_unstable_by_key(|(low, _)| *low);
        let mut out: Vec<Ends> = vec![];
        for (low, high) in all {
            match out.last_mut() {
                Some((_, end))
                    if end.is_none_or(|e| low.is_none_or(|l| l <= e.saturating_add(1))) =>
                {
                    *end = end.zip(high).map(|(a, b)| a.max(b));
                }
                _ => out.push((low, high)),
            }
        }
        Some(Self::value(terms, out))
    }
}

impl Measure {
    pub fn scaled(terms: &Arc<Terms>, by: f64) -> Result<Value> {
        let how = How::Times(by);
        let terms = terms.clone();
        Ok(Value::Measure(Arc::new(Measure { terms, how })))
    }

    pub fn rest(terms: &Arc<Terms>, of: i64) -> Value {
        let how = How::Rest(of);
        let terms = terms.clone();
        Value::Measure(Arc::new(Measure { terms, how }))
    }

    pub fn compared(&self, op: BinaryOp, number: f64) -> Value {
        match self.how {
            How::Times(by) => {
                // The rounded product is what a member's own arithmetic compares.
                let at = |v: i64| v as f64 * by;
                let guess = (number / by).clamp(-9e15, 9e15) as i64;
                let near = || (guess - 3)..=(guess + 3);
                let below = |v: &i64| {
                    if by > 0.0 {
                        at(*v) <= number
                    } else {
                        at(*v) >= number
                    }
                };
                let above = |v: &i64| {
                    if by > 0.0 {
                        at(*v) >= number
                    } else {
                        at(*v) <= number
                    }
                };
                let (Some(floor), Some(ceil)) = (near().rev().find(below), near().find(above))
                else {
                    return Value::unknown();
                };
                let op = match op {
                    BinaryOp::Le if by < 0.0 => BinaryOp::Ge,
                    BinaryOp::Lt if by < 0.0 => BinaryOp::Gt,
                    BinaryOp::Ge if by < 0.0 => BinaryOp::Le,
                    BinaryOp::Gt if by < 0.0 => BinaryOp::Lt,
                    op => op,
                };
                WindowValue::value(&self.terms, intervals(op, floor, ceil))
            }
            How::Rest(m) => {
                let rests = |t: &Table<i64>| t.map(|v| v.rem_euclid(m));
                let tables: Vec<_> = self.terms.tables.iter().map(rests).collect();
                let top = tables
                    .iter()
                    .map(|t| t.values.iter().max().copied().unwrap_or(0));
                let turns = top.fold(0i64, i64::saturating_add) / m;
                let mut inside = vec![];
                for turn in 0..=turns {
                    for (low, high) in intervals(op, number.floor() as i64, number.ceil() as i64) {
                        let low = low.unwrap_or(0).max(0);
                        let high = high.unwrap_or(m - 1).min(m - 1);
                        if low <= high {
                            inside.push((Some(low + turn * m), Some(high + turn * m)));
                        }
                    }
                }
                let terms = Arc::new(Terms {
                    tables,
                    unit: Unit::One,
                    space: self.terms.space.clone(),
                });
                WindowValue::any(
                    &inside
                        .into_iter()
                        .map(|i| WindowValue::value(&terms, vec![i]))
                        .collect::<Vec<_>>(),
                )
                .unwrap_or_else(Value::unknown)
            }
        }
    }
}

/// Where a whole number stands in a relation to one between `floor` and `ceil`.
fn intervals(op: BinaryOp, floor: i64, ceil: i64) -> Vec<Ends> {
    match op {
        BinaryOp::Le => vec![(None, Some(floor))],
        BinaryOp::Lt => vec![(None, Some(ceil.saturating_sub(1)))],
        BinaryOp::Ge => vec![(Some(ceil), None)],
        BinaryOp::Gt => vec![(Some(floor.saturating_add(1)), None)],
        BinaryOp::Eq if floor == ceil => vec![(Some(floor), Some(floor))],
        BinaryOp::Eq => vec![],
        _ if floor == ceil => vec![
            (None, Some(floor.saturating_sub(1))),
            (Some(ceil.saturating_add(1)), None),
        ],
        _ => vec![(None, None)],
    }
}
