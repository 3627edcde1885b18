//! Membership and restriction: `v in c`, `v where p`.

use super::key_text;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{FuncKind, Value};
use crate::{Fault, Result, number, space, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr};

/// `v in c`
pub fn contains(ctx: &mut Ctx, v: Value, c: Value, span: Span) -> Result<Value> {
    let (v, c) = (ctx.settle(v), ctx.settle(c));
    // A size against single values: each of its cases.
    let v = match (v.plain(), c.plain()) {
        (Value::Dim(d), Value::List(_)) if d.as_table().is_some() => space::open_of(ctx, &v, span)?,
        _ => v,
    };
    if let Value::Open(_) = &v {
        return ctx.cases(v, span, &mut |ctx, v| contains(ctx, v, c.clone(), span));
    }
    if let Value::Open(_) = &c {
        return ctx.cases(c, span, &mut |ctx, c| contains(ctx, v.clone(), c, span));
    }
    if v.is_unknown() || c.is_unknown() {
        return Ok(Value::unknown());
    }
    if let Value::Invalid(_) = v.plain() {
        return Ok(v.clone());
    }
    Ok(match c.plain() {
        // A cost over a space: at one of these.
        Value::List(l) if matches!(v.plain(), Value::Terms(_) | Value::Measure(_)) => {
            let mut windows = vec![];
            for x in l.iter() {
                windows.push(number::binary(
                    ctx,
                    ast::BinaryOp::Eq,
                    v.clone(),
                    x.clone(),
                    span,
                )?);
            }
            space::WindowValue::any(&windows).unwrap_or_else(Value::unknown)
        }
        Value::List(l) => Value::Bool(
            l.iter()
                .any(|x| number::equal(x, &v) == Some(true) || is_option(x, &v)),
        ),
        Value::Record(r) => Value::Bool(r.contains_key(&key_text(&v))),
        Value::Range(r) => {
            let low = r
                .low
                .map(|l| number::binary(ctx, ast::BinaryOp::Ge, v.clone(), Value::int(l), span))
                .transpose()?;
            let high = r
                .high
                .map(|h| number::binary(ctx, ast::BinaryOp::Lt, v.clone(), Value::int(h), span))
                .transpose()?;
            space::both(
                ctx,
                low.unwrap_or(Value::Bool(true)),
                high.unwrap_or(Value::Bool(true)),
                span,
            )?
        }
        Value::Interval(i) => {
            let low = number::binary(ctx, ast::BinaryOp::Ge, v.clone(), i.0.clone(), span)?;
            let high = number::binary(ctx, ast::BinaryOp::Le, v, i.1.clone(), span)?;
            space::both(ctx, low, high, span)?
        }
        Value::Text(t) => Value::Bool(t.contains(&*key_text(&v))),
        other => {
            return Err(fault("E0301", format!("nothing is `in` {}", other.kind()))
                .at(span, "here")
                .into());
        }
    })
}

/// An option against a bare word or another option.
pub(super) fn is_option(a: &Value, b: &Value) -> bool {
    let label = |v: &Value| match v {
        Value::Picked(p) => Some(p.label.clone()),
        Value::Label(l) => Some(l.clone()),
        Value::None => Some("none".into()),
        _ => None,
    };
    match (label(a), label(b)) {
        (Some(x), Some(y)) => x == y,
        _ => false,
    }
}

/// Whether a value is what a name declares: `relu`, `batch_norm`.
pub fn named(v: &Value, name: &str) -> bool {
    match v.plain() {
        Value::Func(f) => match &f.kind {
            FuncKind::Decl { decl, .. } => &*decl.name.text == name,
            FuncKind::Builtin { name: n, .. } => *n == name,
            FuncKind::Partial { of } => named(of, name),
            _ => false,
        },
        Value::Call(c) => &*c.kind == name,
        Value::Label(l) => &**l == name,
        _ => false,
    }
}

/// `v where p, q`
pub fn restrict(
    ctx: &mut Ctx,
    v: Value,
    conditions: &[Expr],
    env: &Env,
    span: Span,
) -> Result<Value> {
    match v.plain() {
        Value::Space(s) => space::restrict(ctx, s, conditions, env, span),
        Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => {
            let s = space::as_space(ctx, &v, span)?;
            space::restrict(ctx, &s, conditions, env, span)
        }
        Value::List(l) => {
            let mut out = vec![];
            for x in l.iter() {
                let mut inner = env.bind("it".into(), x.clone());
                if let Value::Record(r) = x.plain() {
                    for (k, v) in r.iter() {
                        inner = inner.bind(k.clone(), v.clone());
                    }
                }
                let mut keep = true;
                for c in conditions {
                    let b = ctx.eval(c, &inner)?;
                    keep = keep && stmt::truth(ctx, &b, c.span)?;
                }
                if keep {
                    out.push(x.clone());
                }
            }
            Ok(Value::list(out))
        }
        Value::Table(t) => {
            let rows = crate::table::rows(ctx, t)?;
            restrict(ctx, rows, conditions, env, span)
        }
        Value::Unknown(_) => Ok(v.clone()),
        other => Err(Fault::from(
            fault(
                "E0309",
                format!(
                    "`where` on {} is not yet supported by this version",
                    other.kind()
                ),
            )
            .at(span, "here")
            .help("spaces, lists and tables take `where`"),
        )),
    }
}
