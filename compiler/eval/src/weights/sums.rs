//! Arithmetic of weights: address by address, all slots computed together.

use super::{WeightsValue, find};
use crate::ctx::Ctx;
use crate::value::Value;
use crate::{Fault, Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::Tensor;
use std::sync::Arc;

/// `a + b`, `a * 0.5`: address by address.
pub fn arithmetic(ctx: &mut Ctx, op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    let weights = |v: &Value| match v.plain() {
        Value::Weights(w) => Some(w.clone()),
        _ => None,
    };
    let (x, y) = (weights(a), weights(b));
    if let BinaryOp::Eq | BinaryOp::Ne = op {
        if ctx.checking() {
            return Ok(Value::unknown());
        }
        let same = matches!((&x, &y), (Some(x), Some(y)) if super::equal(x, y));
        return Ok(Value::Bool(same == (op == BinaryOp::Eq)));
    }
    let Some(base) = x.clone().or(y.clone()) else {
        return Ok(Value::unknown());
    };
    let names: Vec<Arc<str>> = base
        .store
        .lock()
        .map(|s| s.keys().cloned().collect())
        .unwrap_or_default();
    let side = |w: &Option<Arc<WeightsValue>>, v: &Value, n: &str| -> Option<Value> {
        match w {
            Some(w) => w
                .get(n)
                .map(|s| Value::tensor(Tensor::value(s.value.download()))),
            None => Some(v.clone()),
        }
    };
    let out = base.copy(false);
    let (mut slots, mut tensors) = (vec![], vec![]);
    for n in names {
        if let (Some(l), Some(r)) = (side(&x, a, &n), side(&y, b, &n))
            && let Some(t) = number::as_tensor(&number::binary(ctx, op, l, r, span)?)
        {
            slots.push(n);
            tensors.push(t);
        }
    }
    if !tensors.is_empty() {
        let values = ctx
            .host
            .compute(&tensors, &|s, a| find(s, a))
            .map_err(Fault::from)?;
        for (n, v) in slots.into_iter().zip(values) {
            let trained = base.get(&n).is_none_or(|s| s.trained);
            out.put(n, v, trained);
        }
    }
    Ok(Value::Weights(Arc::new(out)))
}
