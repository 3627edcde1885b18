//! What a loop records, and what happens when a setting changes.

use super::Start;
use super::compute::settle;
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::ledger::{self, What};
use crate::value::{Clock, Fields, Unit, Value};
use crate::{Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, Expr, ExprKind, Pattern, Stmt, StmtKind};
use std::sync::{Arc, Mutex};

/// `keep w every 25 epochs`
pub fn keep(
    ctx: &mut Ctx,
    value: &Expr,
    every: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let mut every_steps = 1;
    let due = match every {
        None => true,
        Some(e) => {
            let v = ctx.eval(e, env)?;
            let c = ctx.clock.unwrap_or(Clock {
                step: 0,
                steps: 1,
                epoch: 0,
                epochs: 1,
            });
            let per_epoch = (c.steps / c.epochs.max(1)).max(1);
            let period = match (v.plain(), number::unit_of(&v)) {
                (_, Unit::Epochs) => access::whole(ctx, &v, e.span)? * per_epoch,
                (Value::Float(f, _), _) => ((c.steps as f64 * f).round() as i64).max(1),
                _ => access::whole(ctx, &v, e.span)?,
            };
            every_steps = period.max(1);
            period > 0 && (c.step + 1) % period == 0
        }
    };
    if ctx.checking() {
        let v = ctx.eval(value, env)?;
        if ledger::holds_weights(&v) {
            let (every, group) = (every_steps as u64, ctx.group);
            ledger::note(ctx, What::Keeps { every, group });
        }
        return Ok(env.clone());
    }
    if !due {
        return Ok(env.clone());
    }
    let cell = match &value.kind {
        ExprKind::Name(n) => match env.find(&n.text) {
            Some(Found::Cell(c)) => Some(c),
            _ => None,
        },
        _ => None,
    };
    let (cell, v) = match cell {
        Some(c) => (c, None),
        None => {
            let v = ctx.eval(value, env)?;
            let v = settle(ctx, v, span)?;
            (Arc::new(Mutex::new(Value::None)), Some(v))
        }
    };
    if let Some(t) = &mut ctx.turn {
        t.kept.push((cell, v));
    }
    Ok(env.clone())
}

/// `record a = b`: a line of the history.
pub fn record(ctx: &mut Ctx, s: &Stmt, env: &Env) -> Result<Env> {
    if let StmtKind::Record { fields } = &s.kind {
        let mut r = Fields::new();
        for (n, e) in fields {
            r.insert(n.text.clone(), ctx.eval(e, env)?);
        }
        let v = settle(ctx, Value::record(r), s.span)?;
        if let Some(t) = &mut ctx.turn {
            t.kept.push((Arc::new(Mutex::new(Value::None)), Some(v)));
        }
    }
    Ok(env.clone())
}

/// `on change(setting) as k { … }`: before the turn in which the setting is another than in the turn before.
pub fn on_change(
    ctx: &mut Ctx,
    setting: &Expr,
    binder: Option<&Pattern>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = ctx.eval(setting, env)?;
    if matches!(v.plain(), Value::Tensor(..)) {
        return Err(fault(
            "E0304",
            "an event is the change of a setting, which is known before anything runs",
        )
        .at(setting.span, "a run-time value")
        .help("watch a curriculum's setting: `on change(c.open) as k { … }`")
        .into());
    }
    let changed = match &ctx.turn {
        Some(t) => {
            let Ok(mut all) = t.of_loop.settings.lock() else {
                return Ok(env.clone());
            };
            match all.insert(span.start, v.clone()) {
                Some(old) => number::equal(&old, &v) == Some(false),
                None => false,
            }
        }
        None => {
            return Err(fault("E0107", "`on change` stands in a loop of a trainer")
                .at(span, "here")
                .into());
        }
    };
    // A setting that the checker sees change in no phase is tried with a value that is not known.
    let tried = ctx.checking() && ctx.clock.is_none_or(|c| c.step == 0);
    if changed || tried {
        let v = if changed { v } else { Value::unknown() };
        let inner = match binder {
            Some(p) => stmt::destructure(ctx, p, v, env)?,
            None => env.clone(),
        };
        if let Some(t) = &mut ctx.turn {
            t.immediate = true;
        }
        let r = stmt::block(ctx, body, &inner);
        if let Some(t) = &mut ctx.turn {
            t.immediate = false;
        }
        r?;
    }
    Ok(env.clone())
}

/// `restart(opt)`: its states are forgotten, and its schedules begin again, over what is left of the training.
pub fn restart(ctx: &mut Ctx, opt: &Value, span: Span) -> Result<Value> {
    let Value::Record(rule) = opt.plain() else {
        if opt.is_unknown() {
            return Ok(Value::None);
        }
        return Err(fault(
            "E0301",
            format!("an optimiser is started anew, and this is {}", opt.kind()),
        )
        .at(span, "here")
        .into());
    };
    let Some(turn) = &ctx.turn else {
        return Err(fault("E0107", "`restart` stands in a loop of a trainer")
            .at(span, "here")
            .into());
    };
    let c = ctx.clock.unwrap_or(Clock {
        step: 0,
        steps: 1,
        epoch: 0,
        epochs: 1,
    });
    if let Ok(mut p) = turn.of_loop.pending.lock() {
        p.insert(
            Arc::as_ptr(rule) as usize,
            Start {
                step: c.step,
                epoch: c.epoch,
            },
        );
    }
    Ok(Value::None)
}
