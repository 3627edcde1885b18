//! `x |> repeat over { body }`: turns that are unrolled.

use super::{block, destructure, truth};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::value::Value;
use crate::{Fault, Result, access, call};
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, Expr, Pattern};
use nas_ir::Table;

/// An open number of turns is shared up to this.
const TURNS: i64 = 1_000;

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
    let one = Turns {
        binder,
        index,
        body,
        env,
        span,
    };
    if let Value::Open(t) = over.plain() {
        if condition.is_none()
            && let Some(v) = shared(ctx, &value, t, &one)?
        {
            return Ok(v);
        }
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
        v = one.turn(ctx, v, key, i, item)?;
        // What a later turn does with all of it would not end.
        if (i + 1).is_power_of_two() {
            crate::bulk::bounded(&v, span)?;
        }
    }
    crate::bulk::bounded(&v, span)?;
    Ok(v)
}

/// What a turn is made of.
struct Turns<'a> {
    binder: Option<&'a Pattern>,
    index: Option<&'a Pattern>,
    body: &'a Block,
    env: &'a Env,
    span: Span,
}

impl Turns<'_> {
    fn turn(&self, ctx: &mut Ctx, v: Value, key: Key, i: usize, item: Value) -> Result<Value> {
        let mut inner = self.env.clone();
        if let Some(b) = self.binder {
            inner = destructure(ctx, b, item, &inner)?;
        }
        if let Some(ix) = self.index {
            inner = destructure(ctx, ix, Value::int(i as i64), &inner)?;
        }
        let elem = ctx.enter_turn(i);
        let r = ctx.under(key.child(i as u64), |ctx| {
            let f = block(ctx, self.body, &inner)?;
            match f.plain() {
                Value::Tensor(..) | Value::List(_) | Value::Int(..) | Value::Float(..) => Err(Fault::from(
                    fault("E0307", format!("a turn of `repeat` is a block or a function of the value so far, and this is {}", f.kind()))
                        .at(self.body.span, "this body")
                        .help("write `z => …` for the value so far"),
                )),
                _ => call::apply(ctx, f, v.clone(), self.body.span),
            }
        });
        ctx.leave_turn(elem);
        r
    }
}

/// An open number of turns: cases whose lists begin alike share their first turns, so that each turn is gone through once. None where
/// they do not, or where something breaks: then each case is gone through by itself.
fn shared(
    ctx: &mut Ctx,
    value: &Value,
    over: &Table<Value>,
    turns: &Turns,
) -> Result<Option<Value>> {
    if ctx.terms.is_some() || over.values.len() < 2 {
        return Ok(None);
    }
    let mut lists: Vec<Option<Vec<Value>>> = vec![];
    for v in &over.values {
        lists.push(match v.plain() {
            Value::Impossible => None,
            Value::Int(n, _) if (0..=TURNS).contains(n) => Some((0..*n).map(Value::int).collect()),
            Value::List(l) => Some(l.to_vec()),
            _ => return Ok(None),
        });
    }
    let longest: Vec<Value> = match lists.iter().flatten().max_by_key(|l| l.len()) {
        Some(l) => l.clone(),
        None => return Ok(None),
    };
    let alike = |l: &Vec<Value>| l.iter().zip(&longest).all(|(a, b)| crate::open::same(a, b));
    if !lists.iter().flatten().all(alike) {
        return Ok(None);
    }
    let before = (ctx.net.clone(), ctx.key, ctx.draws);
    let key = ctx.next_key();
    let mut outs = vec![value.clone()];
    for (i, item) in longest.into_iter().enumerate() {
        let runs = over_with(over, |at| lists[at].as_ref().is_some_and(|l| l.len() > i));
        let some = (0..lists.len()).any(|at| lists[at].is_some() && !runs.values[at]);
        if some {
            ctx.among.push(runs);
        }
        let v = turns.turn(ctx, outs[i].clone(), key, i, item);
        if some {
            ctx.among.pop();
        }
        match v {
            Ok(v) => outs.push(v),
            Err(_) => {
                (ctx.net, ctx.key, ctx.draws) = before;
                ctx.witness.take();
                return Ok(None);
            }
        }
        if (i + 1).is_power_of_two() {
            crate::bulk::bounded(&outs[i + 1], turns.span)?;
        }
    }
    let ends = over_with(over, |at| match &lists[at] {
        Some(l) => outs[l.len()].clone(),
        None => Value::Impossible,
    });
    let out = crate::open::join(ctx, ends, turns.span)?;
    crate::bulk::bounded(&out, turns.span)?;
    Ok(Some(out))
}

fn over_with<T>(over: &Table<Value>, f: impl Fn(usize) -> T) -> Table<T> {
    Table {
        sites: over.sites.clone(),
        values: (0..over.values.len()).map(f).collect(),
    }
}
