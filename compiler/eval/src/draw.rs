//! Draws: written with `~`, keyed by where they stand.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::value::{Dist, Element, FuncKind, Value};
use crate::{Result, access, net, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, Role};
use nas_ir::op::Distribution;
use nas_ir::{Binary, DType, Shape, Tensor};

/// `~e`: draws from a distribution, or calls a function that draws.
pub fn draw(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    if let ExprKind::DrawWhere { .. } = &e.kind {
        return draw_where(ctx, e, env);
    }
    let key = ctx.next_key();
    crate::ledger::note(ctx, crate::ledger::What::Draws);
    if ctx.net.is_none() && ctx.space.is_none() {
        ctx.told += 1;
    }
    let around = ctx.asked.replace(e.span);
    let drawn = ctx.under(key, |ctx| {
        let v = ctx.eval(e, env)?;
        match v.plain() {
            Value::Dist(d) => one(ctx, d, key, e.span),
            // A function without arguments: `~make()` gives its value, `~make` calls it.
            _ => Ok(v),
        }
    });
    ctx.asked = around;
    drawn
}

/// E0306: a function that was handed over draws where it is called, and no `~` says so. `before` is what had been drawn then.
///
/// Of a function called by its name the text tells this.
pub fn shown(ctx: &Ctx, f: &Value, callee: &Expr, before: u64, call: Span) -> Result<()> {
    let ExprKind::Name(name) = &callee.kind else {
        return Ok(());
    };
    let behind = |s: Span| s.file == call.file && s.start <= call.start && call.end <= s.end;
    if ctx.told == before || ctx.asked.is_some_and(behind) {
        return Ok(());
    }
    let Some(own) = function(f) else {
        return Ok(());
    };
    let start = Span {
        end: call.start,
        ..call
    };
    Err(fault(
        "E0306",
        format!("`{}` draws, and the call has no `~`", name.text),
    )
    .at(callee.span, "this draws")
    .at(own, "since it is this function here")
    .help(format!(
        "write `let x ~ {0}(…)`, or `~{0}(…)` inside an expression",
        name.text
    ))
    .fix(start, "~")
    .into())
}

/// Where a declared function stands; none of what else can be called.
fn function(f: &Value) -> Option<Span> {
    match f.plain() {
        Value::Func(f) => match &f.kind {
            FuncKind::Decl { decl, .. } if decl.role == Role::Fn => Some(decl.name.span),
            FuncKind::Partial { of } => function(of),
            _ => None,
        },
        _ => None,
    }
}

/// `draw where p within n else e`: at most n tries.
pub fn draw_where(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    let ExprKind::DrawWhere {
        value,
        condition,
        within,
        otherwise,
    } = &e.kind
    else {
        return draw(ctx, e, env);
    };
    let key = ctx.next_key();
    let tries = match within {
        Some(w) => {
            let w = ctx.eval(w, env)?;
            access::whole(ctx, &w, e.span)?.max(1)
        }
        None => 1,
    };
    let name = ctx.binding.take();
    for i in 0..tries {
        let v = ctx.under(key.child(i as u64), |ctx| draw(ctx, value, env))?;
        if v.is_unknown() || ctx.checking() {
            let mut inner = env.bind("it".into(), v.clone());
            if let Some(n) = &name {
                inner = inner.bind(n.clone(), v.clone());
            }
            ctx.eval(condition, &inner)?;
            if let Some(o) = otherwise {
                let around = ctx.asked.replace(o.span);
                let stands_in = ctx.eval(o, env);
                ctx.asked = around;
                stands_in?;
            }
            return Ok(v);
        }
        let mut inner = env.bind("it".into(), v.clone());
        if let Some(n) = &name {
            inner = inner.bind(n.clone(), v.clone());
        }
        let ok = ctx.eval(condition, &inner)?;
        if stmt::truth(ctx, &ok, condition.span)? {
            return Ok(v);
        }
    }
    ctx.fallbacks += 1;
    match otherwise {
        Some(o) => ctx.under(key.child(tries as u64), |ctx| draw(ctx, o, env)),
        None => Ok(Value::invalid(format!(
            "no draw met its condition in {tries} tries"
        ))),
    }
}

/// One number, truth value or element.
fn one(ctx: &mut Ctx, d: &Dist, key: Key, span: Span) -> Result<Value> {
    if ctx.checking() {
        return Ok(match d {
            Dist::OneOf(items) => match items.first() {
                Some(v) if matches!(v.plain(), Value::Func(_)) => v.clone(),
                _ => Value::unknown(),
            },
            _ => Value::unknown(),
        });
    }
    let mut s = key.stream();
    Ok(match d {
        Dist::Normal(m, sd) => Value::float(m + sd * s.normal()),
        Dist::TruncNormal(sd) => Value::float(truncated(&mut s, *sd)),
        Dist::Uniform(a, b) => Value::float(a + (b - a) * s.unit()),
        Dist::Bernoulli(p) => Value::Bool(s.unit() < *p),
        Dist::Gumbel => Value::float(-(-(1.0 - s.unit()).ln()).ln()),
        Dist::Rademacher => Value::float(if s.bits() & 1 == 0 { -1.0 } else { 1.0 }),
        Dist::OneOf(items) => {
            if items.is_empty() {
                return Err(fault("E0602", "nothing to draw from")
                    .at(span, "an empty list")
                    .into());
            }
            items[s.below(items.len() as u64) as usize].clone()
        }
    })
}

fn truncated(s: &mut crate::key::Stream, sd: f64) -> f64 {
    for _ in 0..64 {
        let v = s.normal();
        if v.abs() <= 2.0 {
            return v * sd;
        }
    }
    0.0
}

/// A tensor of independent draws.
pub fn tensor(ctx: &mut Ctx, d: &Dist, shape: &[Value], key: Key, span: Span) -> Result<Value> {
    let mut dims = Shape::new();
    for v in shape {
        for v in if let Value::List(l) = v.plain() {
            l.to_vec()
        } else {
            vec![v.clone()]
        } {
            let d = net::extent(ctx, &v, span)?;
            if d.known().is_some_and(|n| n < 0) {
                return Err(
                    fault("E0402", format!("a size is 0 or more, and this is {d}"))
                        .at(span, "in this shape")
                        .into(),
                );
            }
            dims.push(d);
        }
    }
    let f = |v: f64| number::number_tensor(v, DType::F32);
    let draw = |k: Distribution| Tensor::random(k, &dims, key.0, DType::F32);
    let scaled = |t: Tensor, a: f64, b: f64| -> std::result::Result<Tensor, nas_ir::ShapeError> {
        let t = if b == 1.0 {
            t
        } else {
            t.binary(Binary::Mul, &f(b))?
        };
        if a == 0.0 {
            Ok(t)
        } else {
            t.binary(Binary::Add, &f(a))
        }
    };
    let (t, e) = match d {
        Dist::Normal(m, sd) => (scaled(draw(Distribution::Normal), *m, *sd), Element::Float),
        Dist::Uniform(a, b) => (
            scaled(draw(Distribution::Uniform), *a, b - a),
            Element::Float,
        ),
        // Beyond two deviations the draw is folded back in: bounded, and one draw a value.
        Dist::TruncNormal(sd) => {
            let n = draw(Distribution::Normal);
            let two = f(2.0);
            let clipped = n
                .binary(Binary::Min, &two)
                .and_then(|t| t.binary(Binary::Max, &f(-2.0)));
            (
                clipped.and_then(|t| t.binary(Binary::Mul, &f(*sd))),
                Element::Float,
            )
        }
        Dist::Bernoulli(p) => (
            draw(Distribution::Uniform).binary(Binary::Lt, &f(*p)),
            Element::Bool,
        ),
        Dist::Gumbel => (Ok(draw(Distribution::Gumbel)), Element::Float),
        Dist::Rademacher => {
            let half = draw(Distribution::Uniform).binary(Binary::Lt, &f(0.5));
            (
                half.and_then(|t| t.binary(Binary::Mul, &f(2.0)))
                    .and_then(|t| t.binary(Binary::Sub, &f(1.0))),
                Element::Float,
            )
        }
        Dist::OneOf(_) => {
            return Err(
                fault("E0309", "a tensor of elements of a list cannot be drawn")
                    .at(span, "here")
                    .into(),
            );
        }
    };
    t.map(|t| Value::Tensor(t, e))
        .map_err(|e| ctx.shape_fault(e, span))
}
