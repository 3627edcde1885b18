//! What is valid, known or finite, and values that are not.

use super::all_list;
use crate::call::Args;
use crate::ctx::Ctx;
use crate::value::Value;
use crate::{Result, access, stmt, train};
use nas_diagnostics::Span;

/// Whether a value holds nothing invalid; `None` where only the run knows.
fn is_valid(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Option<bool>> {
    Ok(match v.plain() {
        Value::Invalid(_) => Some(false),
        Value::Unknown(_) => None,
        Value::Tensor(t, _) if t.rank() == 0 && !ctx.checking() => {
            Some(!train::number(ctx, v, span)?.is_nan())
        }
        Value::Tensor(..) if ctx.checking() => None,
        Value::Record(r) => {
            let mut all = Some(true);
            for x in r.values() {
                match is_valid(ctx, x, span)? {
                    Some(false) => return Ok(Some(false)),
                    None => all = None,
                    Some(true) => {}
                }
            }
            all
        }
        _ => Some(true),
    })
}

pub(super) fn valid(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("x")?;
    let v = ctx.settle(v);
    match v.plain() {
        Value::Open(_) => ctx.cases(v, span, &mut |ctx, v| valid(ctx, &mut Args::one(v, span))),
        Value::Unknown(_) => Ok(Value::unknown()),
        Value::List(items) => {
            let mut out = vec![];
            for x in items.iter() {
                if is_valid(ctx, x, span)? != Some(false) {
                    out.push(x.clone());
                }
            }
            Ok(Value::list(out))
        }
        _ => Ok(is_valid(ctx, &v, span)?.map_or(Value::unknown(), Value::Bool)),
    }
}

pub(super) fn require(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (condition, value, reason) = (
        args.need("condition")?,
        args.need("value")?,
        args.next("reason"),
    );
    let condition = ctx.settle(condition);
    if let Value::Open(_) = condition.plain() {
        return ctx.cases(condition, span, &mut |ctx, c| {
            let mut given = vec![(c, span), (ctx.settle(value.clone()), span)];
            given.extend(reason.clone().map(|r| (r, span)));
            require(ctx, &mut Args::of(given, span))
        });
    }
    if let Value::Invalid(_) = condition.plain() {
        return Ok(condition);
    }
    // While checking, what is required holds.
    if condition.is_unknown()
        || (ctx.checking() && matches!(condition.plain(), Value::Tensor(..)))
        || stmt::truth(ctx, &condition, span)?
    {
        return Ok(value);
    }
    Ok(Value::invalid(
        reason.map_or("a requirement does not hold".into(), |r| {
            access::key_text(&r)
        }),
    ))
}

pub(super) fn invalid(_: &mut Ctx, args: &mut Args) -> Result<Value> {
    let reason = args.need("reason")?;
    Ok(Value::invalid(access::key_text(&reason)))
}

pub(super) fn known(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("v")?;
    let v = ctx.settle(v);
    Ok(match v.plain() {
        Value::Open(_) => {
            return ctx.cases(v, span, &mut |ctx, v| known(ctx, &mut Args::one(v, span)));
        }
        Value::Unknown(_) => Value::unknown(),
        Value::None | Value::Invalid(_) => Value::Bool(false),
        _ => Value::Bool(true),
    })
}

pub(super) fn finite(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("v")?;
    let v = ctx.settle(v);
    Ok(match v.plain() {
        Value::Open(_) => {
            return ctx.cases(v, span, &mut |ctx, v| finite(ctx, &mut Args::one(v, span)));
        }
        Value::Unknown(_) => Value::unknown(),
        Value::None | Value::Invalid(_) => Value::Bool(false),
        Value::Float(f, _) => Value::Bool(f.is_finite()),
        Value::Tensor(..) if ctx.checking() => Value::unknown(),
        Value::Tensor(t, _) => Value::Bool(
            train::force(ctx, std::slice::from_ref(t), span)?
                .iter()
                .all(|t| t.all_finite()),
        ),
        Value::List(items) => {
            let mut parts = vec![];
            for x in items.iter() {
                parts.push(finite(ctx, &mut Args::one(x.clone(), span))?);
            }
            all_list(ctx, &parts, span)?
        }
        _ => Value::Bool(true),
    })
}
