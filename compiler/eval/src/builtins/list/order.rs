//! Order among values: sorting, ranks, the best of scored records, and what is distinct.

use super::{each, elements, forced, lifted, lifted_deep, numbers, word};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::value::{Element, Known, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

fn by_number(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// Positions by descending number; equal ones keep their order.
pub fn order_of(xs: &[f64]) -> Vec<usize> {
    let mut ix: Vec<usize> = (0..xs.len()).collect();
    ix.sort_by(|a, b| by_number(xs[*b], xs[*a]));
    ix
}

/// How equal numbers share their ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    Mean,
    Min,
    Max,
    /// No rank is left out.
    Dense,
}

/// Ranks from 1 for the smallest.
pub fn rank_of(xs: &[f64], ties: Ties) -> Vec<f64> {
    let mut ix: Vec<usize> = (0..xs.len()).collect();
    ix.sort_by(|a, b| by_number(xs[*a], xs[*b]));
    let mut out = vec![0.0; xs.len()];
    let (mut from, mut groups) = (0, 0);
    while from < ix.len() {
        let to = (from..ix.len())
            .find(|i| xs[ix[*i]] != xs[ix[from]])
            .unwrap_or(ix.len());
        groups += 1;
        let rank = match ties {
            Ties::Mean => (from + 1 + to) as f64 / 2.0,
            Ties::Min => (from + 1) as f64,
            Ties::Max => to as f64,
            Ties::Dense => groups as f64,
        };
        for i in &ix[from..to] {
            out[*i] = rank;
        }
        from = to;
    }
    out
}

fn indices(ix: Vec<usize>) -> Value {
    Value::list(ix.into_iter().map(|i| Value::int(i as i64)).collect())
}

/// Texts, where all elements are.
fn texts(items: &[Value]) -> Option<Vec<Arc<str>>> {
    items
        .iter()
        .map(|v| match v.plain() {
            Value::Text(t) | Value::Label(t) => Some(t.clone()),
            _ => None,
        })
        .collect()
}

/// Numbers or texts, ascending.
pub fn sort(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        if let Value::Tensor(t, e) = v.plain() {
            return Ok(Value::Tensor(t.sort(), *e));
        }
        let items = each!(ctx, &v, span);
        let items = forced(ctx, items, span)?;
        let mut ix: Vec<usize> = (0..items.len()).collect();
        if let Some(t) = texts(&items) {
            ix.sort_by(|a, b| t[*a].cmp(&t[*b]));
        } else {
            let xs = numbers!(ctx, &Value::list(items.clone()), span);
            ix.sort_by(|a, b| by_number(xs[*a], xs[*b]));
        }
        Ok(Value::list(
            ix.into_iter().map(|i| items[i].clone()).collect(),
        ))
    })
}

pub(super) fn sorted(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        let items = match elements(ctx, &v, span)? {
            Ok(items) => forced(ctx, items, span)?,
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        let mut steps = vec![];
        for w in items.windows(2) {
            steps.push(number::binary(
                ctx,
                BinaryOp::Le,
                w[0].clone(),
                w[1].clone(),
                span,
            )?);
        }
        super::all_list(ctx, &steps, span)
    })
}

pub(super) fn order(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let v = args.need("score")?;
        let xs = numbers!(ctx, &v, args.span);
        Ok(indices(order_of(&xs)))
    })
}

pub(super) fn argsort(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        if let Value::Tensor(t, _) = v.plain() {
            return Ok(Value::Tensor(t.arg_sort(), Element::Index));
        }
        let xs = numbers!(ctx, &v, args.span);
        let mut ix: Vec<usize> = (0..xs.len()).collect();
        ix.sort_by(|a, b| by_number(xs[*a], xs[*b]));
        Ok(indices(ix))
    })
}

pub(super) fn ranks(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let ties = args.take_named("ties");
        let v = args.need("xs")?;
        let ties = ties.or_else(|| args.next("ties"));
        let ties = match ties.as_ref().map(word) {
            None => Ties::Mean,
            Some(Some(w)) if &*w == "mean" => Ties::Mean,
            Some(Some(w)) if &*w == "min" => Ties::Min,
            Some(Some(w)) if &*w == "max" => Ties::Max,
            Some(Some(w)) if &*w == "dense" => Ties::Dense,
            Some(_) => {
                return Err(fault("E0301", "equal numbers share a rank in another way")
                    .at(span, "here")
                    .help("`ties:` is one of mean, min, max, dense")
                    .into());
            }
        };
        let xs = numbers!(ctx, &v, span);
        Ok(Value::list(
            rank_of(&xs, ties)
                .into_iter()
                .map(|r| {
                    if r.fract() == 0.0 {
                        Value::int(r as i64)
                    } else {
                        Value::float(r)
                    }
                })
                .collect(),
        ))
    })
}

/// The score of a record, or the number itself.
fn score(v: &Value, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Record(r) => match r.get("score").or_else(|| r.get("fit")) {
            Some(s) => Ok(s.clone()),
            None => Err(fault("E0202", "this record has neither `score` nor `fit`")
                .at(span, "ordered here")
                .note(format!(
                    "it has {}",
                    r.keys().map(|k| &**k).collect::<Vec<_>>().join(", ")
                ))
                .into()),
        },
        _ => Ok(v.clone()),
    }
}

/// Scores as numbers, invalid ones as `None`; no list at all when only the run knows them.
fn scores(ctx: &mut Ctx, given: Vec<Value>, span: Span) -> Result<Option<Vec<Option<f64>>>> {
    let given = forced(ctx, given, span)?;
    let mut out = Vec::with_capacity(given.len());
    for v in &given {
        out.push(match v.plain() {
            Value::Invalid(_) | Value::None => None,
            Value::Unknown(_) | Value::Open(_) | Value::Dim(_) => return Ok(None),
            Value::Tensor(..) if ctx.checking() => return Ok(None),
            _ => match number::as_f64(v) {
                Some(f) => (!f.is_nan()).then_some(f),
                None => {
                    return Err(fault(
                        "E0301",
                        format!("a score is a number, and this is {}", v.kind()),
                    )
                    .at(span, "ordered here")
                    .into());
                }
            },
        });
    }
    Ok(Some(out))
}

/// Best first, invalid last; equal ones keep their order. What is only known at run time stays as it is.
pub fn best_first_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Value> {
    if items.iter().any(Value::is_unknown) {
        return Ok(Value::list(items.to_vec()));
    }
    let mut given = Vec::with_capacity(items.len());
    for v in items {
        given.push(score(v, span)?);
    }
    let Some(s) = scores(ctx, given, span)? else {
        return Ok(Value::list(items.to_vec()));
    };
    let mut ix: Vec<usize> = (0..items.len()).collect();
    ix.sort_by(|a, b| descending(s[*a], s[*b]));
    Ok(Value::list(
        ix.into_iter().map(|i| items[i].clone()).collect(),
    ))
}

fn descending(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(x), Some(y)) => by_number(y, x),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

pub(super) fn best_first(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let items = each!(ctx, &v, args.span);
        best_first_list(ctx, &items, args.span)
    })
}

pub(super) fn best(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        let items = match elements(ctx, &v, span)? {
            Ok(items) => items,
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        match best_first_list(ctx, &items, span)?.plain() {
            Value::List(l) if !l.is_empty() => Ok(l[0].clone()),
            _ => Err(fault("E0202", "the list is empty")
                .at(span, "its best is asked for here")
                .into()),
        }
    })
}

pub(super) fn top(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let (by, ties) = (args.take_named("by"), args.take_named("ties"));
        let (v, n) = (args.need("xs")?, args.need("n")?);
        let items = each!(ctx, &v, span);
        if n.is_unknown() {
            return Ok(Value::Unknown(Known::List));
        }
        let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(items.len());
        let mut keys = vec![];
        for f in [by, ties] {
            let first = keys.is_empty();
            let f = f.filter(|f| !matches!(f.plain(), Value::None));
            let mut given = Vec::with_capacity(items.len());
            for x in &items {
                given.push(match &f {
                    Some(f) => call::apply(ctx, f.clone(), x.clone(), span)?,
                    None if first && !x.is_unknown() => score(x, span)?,
                    None if first => x.clone(),
                    None => Value::int(0),
                });
            }
            keys.push(scores(ctx, given, span)?);
        }
        let ([Some(by), Some(ties)], ix) = (&keys[..], 0..items.len()) else {
            return Ok(Value::list(items[..n].to_vec()));
        };
        let mut ix: Vec<usize> = ix.collect();
        // Equal scores: the smaller `ties` first, as an identity does.
        ix.sort_by(|a, b| descending(by[*a], by[*b]).then(descending(ties[*b], ties[*a])));
        Ok(Value::list(
            ix[..n].iter().map(|i| items[*i].clone()).collect(),
        ))
    })
}

/// Whether two values are one: options of one choice by their place, records by their architecture.
pub fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Picked(x), Value::Picked(y)) if x.site == y.site => return x.index == y.index,
        (Value::Picked(x), Value::Picked(y)) if x.label == y.label => return true,
        (Value::Picked(x), Value::Label(l)) | (Value::Label(l), Value::Picked(x)) => {
            return x.label == *l;
        }
        _ => {}
    }
    if let (Value::Record(x), Value::Record(y)) = (a.plain(), b.plain())
        && let (Some(x), Some(y)) = (x.get("arch"), y.get("arch"))
    {
        return number::equal(x, y) == Some(true);
    }
    number::equal(a, b) == Some(true)
}

/// Each value once, at its first place. Values that only the run knows are kept.
pub fn distinct_list(ctx: &mut Ctx, items: &[Value], span: Span) -> Result<Vec<Value>> {
    let items = forced(ctx, items.to_vec(), span)?;
    let mut out: Vec<Value> = vec![];
    // Architectures and numbers are found by a key; anything else is compared with all.
    let mut seen: HashSet<(u8, String)> = HashSet::new();
    for v in items {
        let of = match v.plain() {
            Value::Record(r) => r.get("arch").cloned().unwrap_or_else(|| v.clone()),
            _ => v.clone(),
        };
        let key = match of.plain() {
            _ if matches!(of, Value::Picked(_)) => None,
            Value::Arch(a) => Some((0, a.text())),
            Value::Text(t) | Value::Label(t) => Some((1, t.to_string())),
            Value::Int(..) | Value::Float(..) | Value::Bool(_) => {
                number::as_f64(&of).map(|f| (2, (f + 0.0).to_bits().to_string()))
            }
            _ => None,
        };
        let fresh = match key {
            Some(k) => seen.insert(k),
            None => !out.iter().any(|w| alike(w, &v)),
        };
        if fresh {
            out.push(v);
        }
    }
    Ok(out)
}

pub(super) fn distinct(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let rules = args.take_named("modulo");
        let v = args.need("xs")?;
        let items = each!(ctx, &v, span);
        if ctx.checking()
            && items
                .iter()
                .any(|v| matches!(v.plain(), Value::Unknown(_) | Value::Tensor(..)))
        {
            return Ok(Value::Unknown(Known::List));
        }
        if let Some(rules) = rules {
            return super::classes::distinct(ctx, &items, &rules, span);
        }
        Ok(Value::list(distinct_list(ctx, &items, span)?))
    })
}

pub(super) fn set(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        let items = each!(ctx, &v, span);
        if items
            .iter()
            .any(|v| v.is_unknown() || (ctx.checking() && matches!(v.plain(), Value::Tensor(..))))
        {
            return Ok(Value::Unknown(Known::List));
        }
        let mut items = distinct_list(ctx, &items, span)?;
        // Options stand in the order of their choice, numbers by size, anything else by its text.
        items.sort_by(|a, b| match (a, b) {
            (Value::Picked(x), Value::Picked(y)) => x.index.cmp(&y.index),
            _ => match (number::as_f64(a), number::as_f64(b)) {
                (Some(x), Some(y)) => by_number(x, y),
                _ => crate::show::brief(a).cmp(&crate::show::brief(b)),
            },
        });
        Ok(Value::list(items))
    })
}
