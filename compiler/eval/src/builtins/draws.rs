//! Distributions, and draws from lists and spaces.

use super::spaces::sampler;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::space::{self, ArchValue};
use crate::value::{BuiltinFn, Dist, Known, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use std::sync::Arc;

pub const DRAWS: &[(&str, BuiltinFn)] = &[
    ("normal", |c, a| {
        dist(c, a, |x, y| {
            Dist::Normal(x.unwrap_or(0.0), y.unwrap_or(1.0))
        })
    }),
    ("trunc_normal", |c, a| {
        dist(c, a, |x, _| Dist::TruncNormal(x.unwrap_or(1.0)))
    }),
    ("bernoulli", |c, a| {
        dist(c, a, |x, _| Dist::Bernoulli(x.unwrap_or(0.5)))
    }),
    ("gumbel", |c, a| dist(c, a, |_, _| Dist::Gumbel)),
    ("rademacher", |c, a| dist(c, a, |_, _| Dist::Rademacher)),
    ("uniform", uniform),
    ("shuffle", shuffle),
    ("subset", subset),
    ("permutation", permutation),
    ("pick", pick),
];

fn dist(
    ctx: &mut Ctx,
    args: &mut Args,
    make: fn(Option<f64>, Option<f64>) -> Dist,
) -> Result<Value> {
    let span = args.span;
    let mut nums = vec![];
    while let Some(v) = args.next("parameter") {
        nums.push(if v.is_unknown() {
            0.5
        } else {
            crate::train::number(ctx, &v, span)?
        });
    }
    for (_, v, _) in std::mem::take(&mut args.named) {
        if let Some(v) = v {
            nums.push(crate::train::number(ctx, &v, span)?);
        }
    }
    Ok(Value::Dist(Arc::new(make(
        nums.first().copied(),
        nums.get(1).copied(),
    ))))
}

/// `uniform(xs)`: one of a list or range; `uniform(a, b)`: a number; `uniform(space)`: a member.
fn uniform(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let Some(v) = args.next("from") else {
        return Ok(Value::Dist(Arc::new(Dist::Uniform(0.0, 1.0))));
    };
    match v.plain() {
        Value::Unknown(_) => Ok(Value::unknown()),
        Value::Space(_) => uniform_member(ctx, &v, span),
        Value::Func(f) if matches!(f.kind, crate::value::FuncKind::Space { .. }) => {
            uniform_member(ctx, &v, span)
        }
        Value::Int(..) | Value::Float(..) => {
            let b = args.need("to")?;
            Ok(Value::Dist(Arc::new(Dist::Uniform(
                crate::train::number(ctx, &v, span)?,
                crate::train::number(ctx, &b, span)?,
            ))))
        }
        _ => {
            let items = access::items(ctx, &v, span)?;
            Ok(Value::Dist(Arc::new(Dist::OneOf(Arc::new(items)))))
        }
    }
}

fn uniform_member(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    let s = space::as_space(ctx, v, span)?;
    let a = s.algebra(ctx, span)?;
    if ctx.checking() {
        return Ok(Value::unknown());
    }
    if let Some(c) = space::classes::of(ctx, &s, span)? {
        let q = c.list(ctx, &s, &a.space, span)?;
        let at = match q.len() {
            0 => 0,
            n => ctx.next_key().stream().below(n as u64) as usize,
        };
        return match q.representative(at) {
            Some(m) => Ok(Value::Arch(ArchValue::new(s.clone(), m))),
            None => Err(fault("E0601", format!("`{}` has no member", s.name))
                .at(span, "here")
                .into()),
        };
    }
    let sampler = sampler(&s, &a, span)?;
    let mut stream = ctx.next_key().stream();
    let mut source = |n: u64| stream.below(n);
    match sampler.sample(&a.space, &mut source) {
        Some(m) => Ok(Value::Arch(ArchValue::new(s.clone(), m))),
        None => Err(fault(
            "E0601",
            format!("`{}` has no member under its conditions", s.name),
        )
        .at(span, "here")
        .into()),
    }
}

fn drawn_order(ctx: &mut Ctx, args: &mut Args, n: usize) -> Result<Vec<usize>> {
    let span = args.span;
    let key = match args.take_named("seed") {
        Some(s) => crate::key::Key::seed(access::whole(ctx, &s, span)? as u64),
        None => ctx.next_key(),
    };
    let mut s = key.stream();
    let mut ix: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        ix.swap(i, s.below(i as u64 + 1) as usize);
    }
    Ok(ix)
}

fn shuffle(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    if v.is_unknown() {
        return Ok(v);
    }
    let items = access::items(ctx, &v, span)?;
    let order = drawn_order(ctx, args, items.len())?;
    Ok(Value::list(
        order.into_iter().map(|i| items[i].clone()).collect(),
    ))
}

fn subset(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    let n = args.need("n")?;
    if v.is_unknown() || n.is_unknown() {
        return Ok(Value::Unknown(Known::List));
    }
    let items = access::items(ctx, &v, span)?;
    let n = access::whole(ctx, &n, span)?.clamp(0, items.len() as i64) as usize;
    let mut order = drawn_order(ctx, args, items.len())?;
    order.truncate(n);
    order.sort_unstable();
    Ok(Value::list(
        order.into_iter().map(|i| items[i].clone()).collect(),
    ))
}

fn permutation(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("n")?;
    let n = match v.plain() {
        Value::Range(r) => r.iter().count(),
        _ => access::whole(ctx, &v, span)?.max(0) as usize,
    };
    if n > 10_000_000 {
        return Err(fault("E0606", format!("a list of {n} elements"))
            .at(span, "this count")
            .into());
    }
    let order = drawn_order(ctx, args, n)?;
    Ok(Value::list(
        order.into_iter().map(|i| Value::int(i as i64)).collect(),
    ))
}

/// `pick(xs, weight: f)`: one of a list, with probability proportional to its weight.
fn pick(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("list")?;
    let f = args.need("weight")?;
    if v.is_unknown() {
        return Ok(Value::unknown());
    }
    let items = access::items(ctx, &v, span)?;
    let mut ws = vec![];
    for x in &items {
        let w = call::apply(ctx, f.clone(), x.clone(), span)?;
        ws.push(if w.is_unknown() {
            1.0
        } else {
            crate::train::number(ctx, &w, span)?
        });
    }
    if ctx.checking() {
        return Ok(items.first().cloned().unwrap_or(Value::unknown()));
    }
    let total: f64 = ws.iter().sum();
    if !total.is_finite() || total <= 0.0 || ws.iter().any(|w| *w < 0.0) {
        return Err(fault(
            "E0602",
            "weights of a draw are not negative and not all zero",
        )
        .at(span, "here")
        .into());
    }
    let mut at = ctx.next_key().stream().unit() * total;
    for (x, w) in items.iter().zip(&ws) {
        if at < *w {
            return Ok(x.clone());
        }
        at -= w;
    }
    Ok(items.last().cloned().unwrap_or(Value::None))
}
