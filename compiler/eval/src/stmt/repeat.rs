//! `x |> repeat over { body }`: turns that are unrolled.

use super::{block, destructure, truth};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use crate::{Fault, Result, access, call};
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, Expr, Pattern};

/// `x |> repeat over { body }`
#[allow(clippy::too_many_arguments)]
pub fn repeat(
    ctx: &mut Ctx,
    value: Value,
    over: &Expr,
    binder: Option<&Pattern>,
    index: Option<&Pattern>,
    condition: Option<&Expr>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let over_value = ctx.eval(over, env)?;
    let place = ctx.enter_repeat();
    let r = turns(
        ctx, value, over_value, over.span, binder, index, condition, body, env, span,
    );
    ctx.leave_repeat(place);
    r
}

#[allow(clippy::too_many_arguments)]
pub(super) fn turns(
    ctx: &mut Ctx,
    value: Value,
    over: Value,
    over_span: Span,
    binder: Option<&Pattern>,
    index: Option<&Pattern>,
    condition: Option<&Expr>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let over = ctx.settle(over);
    let over = match over.plain() {
        Value::Dim(_) => crate::space::open_of(ctx, &over, over_span)?,
        _ => over,
    };
    if let Value::Open(_) = over.plain() {
        return ctx.cases(over, span, &mut |ctx, o| {
            turns(
                ctx,
                value.clone(),
                o,
                over_span,
                binder,
                index,
                condition,
                body,
                env,
                span,
            )
        });
    }
    let items = match over.plain() {
        Value::Int(n, _) => {
            if *n > 100_000 {
                return Err(fault("E0606", format!("{n} turns"))
                    .at(over_span, "too many turns")
                    .into());
            }
            (0..*n).map(Value::int).collect()
        }
        Value::Unknown(_) => {
            return Err(fault(
                "E0304",
                "the number of turns must be known before anything runs",
            )
            .at(over_span, "known only at run time")
            .into());
        }
        _ => access::items(ctx, &over, over_span)?,
    };
    let key = ctx.next_key();
    let mut v = value;
    for (i, item) in items.into_iter().enumerate() {
        if let Some(c) = condition {
            let f = ctx.eval(c, env)?;
            let go = match f.plain() {
                Value::Func(_) => call::apply(ctx, f, v.clone(), c.span)?,
                _ => f,
            };
            if !truth(ctx, &go, c.span)? {
                break;
            }
        }
        let mut inner = env.clone();
        if let Some(b) = binder {
            inner = destructure(ctx, b, item, &inner)?;
        }
        if let Some(ix) = index {
            inner = destructure(ctx, ix, Value::int(i as i64), &inner)?;
        }
        let elem = ctx.enter_turn(i);
        let r = ctx.under(key.child(i as u64), |ctx| {
            let f = block(ctx, body, &inner)?;
            match f.plain() {
                Value::Tensor(..) | Value::List(_) | Value::Int(..) | Value::Float(..) => Err(Fault::from(
                    fault("E0307", format!("a turn of `repeat` is a block or a function of the value so far, and this is {}", f.kind()))
                        .at(body.span, "this body")
                        .help("write `z => …` for the value so far"),
                )),
                _ => call::apply(ctx, f, v.clone(), body.span),
            }
        });
        ctx.leave_turn(elem);
        v = r?;
        // What a later turn does with all of it would not end.
        if (i + 1).is_power_of_two() {
            crate::bulk::bounded(&v, span)?;
        }
    }
    crate::bulk::bounded(&v, span)?;
    Ok(v)
}
