//! How large a value is when it is written out: parts that are shared count each time, and are visited once.

use crate::ctx::fault;
use crate::value::Value;
use crate::{Fault, Result};
use nas_diagnostics::Span;
use std::collections::HashMap;
use std::sync::Arc;

/// Values with more parts are refused: nothing could print, keep or compare them.
pub const MOST: u64 = 1 << 24;

/// Tensors with more elements are refused before anything runs: 4 TiB as `f32`.
const ELEMENTS: u64 = 1 << 40;

/// E0606 where a value has more parts than can be gone through.
pub fn bounded(v: &Value, span: Span) -> Result<()> {
    let mut known = HashMap::new();
    let n = parts(v, &mut known);
    if n <= MOST {
        return Ok(());
    }
    let size = match n {
        u64::MAX => "more than 2^64 parts".to_string(),
        n => format!("{n} parts"),
    };
    Err(fault("E0606", format!("a value of {size}"))
        .at(
            span,
            format!("{} that grows with each turn or step", v.kind()),
        )
        .help("carry on what is needed of it, a sum or the last value, instead of all")
        .into())
}

/// E0606 for a join of tensors that no machine holds.
pub fn held(v: &Value, span: Span) -> Result<()> {
    let Value::Tensor(t, _) = v else {
        return Ok(());
    };
    let mut n: u64 = 1;
    for d in t.shape() {
        let Some(d) = d.known() else { return Ok(()) };
        n = n.saturating_mul(d.max(0) as u64);
    }
    if n <= ELEMENTS {
        return Ok(());
    }
    Err(Fault::from(
        fault(
            "E0606",
            "a tensor with more elements than any machine holds",
        )
        .at(span, format!("shape {}", nas_ir::shape::Show(t.shape())))
        .help("make it smaller, or cut it before it is joined"),
    ))
}

fn parts(v: &Value, known: &mut HashMap<usize, u64>) -> u64 {
    let (at, items): (usize, Vec<&Value>) = match v {
        Value::List(l) => (Arc::as_ptr(l) as *const u8 as usize, l.iter().collect()),
        Value::Record(r) => (Arc::as_ptr(r) as *const u8 as usize, r.values().collect()),
        _ => return 1,
    };
    if let Some(n) = known.get(&at) {
        return *n;
    }
    let n = items
        .into_iter()
        .fold(1u64, |n, x| n.saturating_add(parts(x, known)));
    known.insert(at, n);
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_parts_count_each_time_and_cost_once() {
        let mut v = Value::int(1);
        for _ in 0..200 {
            v = Value::list(vec![v.clone(), v]);
        }
        assert_eq!(parts(&v, &mut HashMap::new()), u64::MAX);
        assert!(bounded(&v, Span::default()).is_err());
        assert!(bounded(&Value::list(vec![Value::int(1); 1000]), Span::default()).is_ok());
    }
}
