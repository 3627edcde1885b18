//! How a cost is spread over the members of a space: range, mean, quantiles and histogram, exact and without listing them.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::space::{self, Terms};
use crate::value::{BuiltinFn, Fields, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use num_bigint::BigInt;
use std::sync::Arc;

pub const SPREAD: &[(&str, BuiltinFn)] = &[
    ("range", range),
    ("distribution", distribution),
    ("histogram", histogram),
];

/// What is asked of a cost over a space.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    Min,
    Mean,
    Max,
    /// A share between 0 and 1.
    Quantile(f64),
}

/// One number about a cost over a space.
pub fn of_terms(ctx: &mut Ctx, t: &Terms, asked: Asked, span: Span) -> Result<Value> {
    let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
    let none = || Value::invalid("the space has no member");
    let hard = |e| space::too_hard(e, span);
    Ok(match asked {
        Asked::Min | Asked::Max => match s.range("asked").map_err(hard)? {
            None => none(),
            Some((low, _)) if matches!(asked, Asked::Min) => Value::Int(low as i64, t.unit),
            Some((_, high)) => Value::Int(high as i64, t.unit),
        },
        Asked::Mean => match s.summary("asked").map_err(hard)? {
            None => none(),
            Some(sum) => Value::Float(sum.mean(), t.unit),
        },
        Asked::Quantile(q) => {
            const PARTS: u64 = 1_000_000_000;
            let share = (q.clamp(0.0, 1.0) * PARTS as f64).round() as u64;
            let d = s.spread("asked").map_err(hard)?;
            match d.quantile(share, PARTS) {
                None => none(),
                Some(v) => Value::Int(v as i64, t.unit),
            }
        }
    })
}

/// `histogram(cost, bars: 10)`: equal ranges of a cost with the number and share of the members in each.
fn histogram(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("cost")?;
    let bars = args.next("bars").unwrap_or(Value::int(10));
    let bars = access::whole(ctx, &bars, span)?.clamp(1, 10_000) as usize;
    let Value::Terms(t) = v.plain() else {
        return no_cost(&v, "histogram", span);
    };
    let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
    let d = s.spread("asked").map_err(|e| space::too_hard(e, span))?;
    let total = BigInt::from(d.total());
    let share = |n: &BigInt| {
        number::as_f64(&number::of_big(n.clone())).unwrap_or(0.0)
            / number::as_f64(&number::of_big(total.clone()))
                .unwrap_or(1.0)
                .max(1.0)
    };
    let rows = d.histogram(bars).into_iter().map(|(first, last, n)| {
        let n = BigInt::from(n);
        let mut r = Fields::new();
        r.insert("from".into(), Value::Int(first as i64, t.unit));
        r.insert("to".into(), Value::Int(last as i64, t.unit));
        r.insert("share".into(), Value::float(share(&n)));
        r.insert("members".into(), number::of_big(n));
        Value::record(r)
    });
    Ok(Value::list(rows.collect()))
}

fn no_cost(v: &Value, what: &str, span: Span) -> Result<Value> {
    if v.is_unknown() || matches!(v.plain(), Value::Invalid(_)) {
        return Ok(v.clone());
    }
    Err(fault(
        "E0301",
        format!("a cost over a space has a {what}, and this is {}", v.kind()),
    )
    .at(span, "here")
    .help("give the cost the space itself: `macs.core(space)`")
    .into())
}

/// Smallest and largest value of a cost over a space.
fn range(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("cost")?;
    match v.plain() {
        Value::Terms(t) => {
            let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
            match s.range("asked").map_err(|e| space::too_hard(e, span))? {
                Some((a, b)) => Ok(Value::Interval(Arc::new((
                    Value::Int(a as i64, t.unit),
                    Value::Int(b as i64, t.unit),
                )))),
                None => Ok(Value::invalid("the space has no member")),
            }
        }
        Value::Int(..) | Value::Float(..) => Ok(Value::Interval(Arc::new((v.clone(), v.clone())))),
        Value::List(l) => {
            let items = l.to_vec();
            let low = super::list::min_list(ctx, &items, span)?;
            let high = super::list::max_list(ctx, &items, span)?;
            Ok(Value::Interval(Arc::new((low, high))))
        }
        Value::Unknown(_) => Ok(v),
        _ => no_cost(&v, "range", span),
    }
}

/// Minimum, mean and maximum of a cost over a space.
fn distribution(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("cost")?;
    let Value::Terms(t) = v.plain() else {
        return no_cost(&v, "distribution", span);
    };
    let s = crate::model::with_cost(ctx, &t.space, &t.tables, span)?;
    let mut r = Fields::new();
    if let Some(sum) = s.summary("asked").map_err(|e| space::too_hard(e, span))? {
        r.insert("min".into(), Value::Int(sum.min as i64, t.unit));
        r.insert("mean".into(), Value::Float(sum.mean(), t.unit));
        r.insert("max".into(), Value::Int(sum.max as i64, t.unit));
    }
    Ok(Value::record(r))
}
