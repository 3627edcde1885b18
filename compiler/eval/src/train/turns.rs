//! Loops and their turns: what a turn changes takes effect together when it ends.

use super::compute::{alone, at, collect_tensors};
use super::points::Points;
use super::{LoopState, Start, TurnContext};
use crate::ctx::{Ctx, fault};
use crate::data::{self, DataValue};
use crate::env::Env;
use crate::host::Event;
use crate::ledger::{self, What};
use crate::value::{Clock, Value};
use crate::{Fault, Result, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, Expr, Pattern};
use nas_ir::Tensor;
use std::sync::Arc;

/// A loop over batches: one turn is one step.
pub fn batch_loop(
    ctx: &mut Ctx,
    pattern: &Pattern,
    d: &Arc<DataValue>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<()> {
    let mut batches = data::batches(ctx, d, span)?;
    let total = batches.total();
    let state = Arc::new(LoopState::default());
    let key = ctx.next_key();
    let _ = state.key.set(key);
    let saved_clock = ctx.clock;
    let (times, group) = (ctx.times, ctx.group);
    let size = d.batching.as_ref().map_or(0, |b| b.size) as u64;
    let steps = u64::try_from(total).unwrap_or(0);
    let mut mark = 0;
    if ctx.checking() {
        ledger::note(ctx, What::Reads);
        mark = ledger::len(ctx);
        ctx.times = times.by(steps);
        ctx.group = u64::from(span.start) + 1;
        let group = ctx.group;
        ledger::note_by(ctx, times, What::Loop { steps, size, group });
    }
    // A training that was cut off goes on from its last kept point.
    let mut points = Points::of(ctx, key);
    if let Some(step) = points.resume(ctx, env, &state, total) {
        batches.start_at(step);
    }
    let mut last_report = std::time::Instant::now();
    let mut fault = None;
    for b in batches {
        if ctx.host.interrupted() {
            points.keep(ctx, env, &state, b.clock.step)?;
            fault = Some(interrupted(ctx));
            break;
        }
        let step = b.clock.step;
        let r = ctx.under(key.child(step as u64), |ctx| {
            ctx.clock = Some(b.clock);
            let batch = data::batch(ctx, d, &b, span)?;
            let inner = stmt::destructure(ctx, pattern, batch, env)?;
            one_turn(ctx, body, &inner, &state, span)
        });
        match r {
            Ok(loss) => {
                note_loss(&state, &b.clock, loss);
                if last_report.elapsed().as_millis() > 200 || step + 1 == total {
                    ctx.host.event(Event::Step {
                        stage: ctx.stage.clone(),
                        step: step + 1,
                        steps: total,
                        loss,
                    });
                    last_report = std::time::Instant::now();
                }
            }
            Err(f) => {
                fault = Some(f);
                break;
            }
        }
        points.passed(ctx, env, &state, step + 1, total)?;
        // The checker looks at one turn of each phase.
        if ctx.checking() {
            let clock = b.clock;
            let starts = phases(&state);
            let ends = starts.iter().skip(1).map(|s| s.step).chain([total]);
            // The first turn stands for the steps before the next phase, each other one for those of its own.
            if let Some(first) = starts.first() {
                ledger::shorten(ctx, mark, steps, within(0, first.step, total));
            }
            let all = (ctx.times, ctx.group);
            for (i, (start, end)) in starts.iter().zip(ends).enumerate() {
                let steps = within(start.step, end, total);
                ctx.times = times.by(steps);
                ctx.group = all.1 + ((i as u64 + 1) << 32);
                let group = ctx.group;
                ledger::note_by(ctx, times, What::Loop { steps, size, group });
                let clock = Clock {
                    step: start.step,
                    epoch: start.epoch,
                    ..clock
                };
                let r = ctx.under(key.child(start.step as u64), |ctx| {
                    ctx.clock = Some(clock);
                    let batch = data::batch(ctx, d, &b, span)?;
                    let inner = stmt::destructure(ctx, pattern, batch, env)?;
                    one_turn(ctx, body, &inner, &state, span)
                });
                if let Err(f) = r {
                    fault = Some(f);
                    break;
                }
            }
            (ctx.times, ctx.group) = all;
            break;
        }
    }
    ctx.clock = saved_clock;
    (ctx.times, ctx.group) = (times, group);
    ctx.history.extend(recorded(&state));
    match fault {
        Some(f) => Err(f),
        None => Ok(()),
    }
}

/// A loop over known elements: the turns of a search, or of a plain computation.
pub fn plain_loop(
    ctx: &mut Ctx,
    pattern: &Pattern,
    items: Vec<Value>,
    condition: Option<&Expr>,
    body: &Block,
    env: &Env,
) -> Result<()> {
    let key = ctx.next_key();
    let state = Arc::new(LoopState::default());
    let count = items.len() as i64;
    let times = ctx.times;
    if ctx.checking() {
        ctx.times = times.by(items.len() as u64);
    }
    // A search that was cut off goes on from its last turn.
    let mut points = Points::of(ctx, key);
    let done = points.resume(ctx, env, &state, count).unwrap_or(0);
    for (i, item) in items.into_iter().enumerate().skip(done as usize) {
        if ctx.host.interrupted() {
            points.keep(ctx, env, &state, i as i64)?;
            return Err(interrupted(ctx));
        }
        ctx.under(key.child(i as u64), |ctx| {
            let inner = stmt::destructure(ctx, pattern, item, env)?;
            if let Some(c) = condition {
                let b = ctx.eval(c, &inner)?;
                if !b.is_unknown() && !stmt::truth(ctx, &b, c.span)? {
                    return Ok(());
                }
            }
            one_turn(ctx, body, &inner, &state, body.span).map(|_| ())
        })?;
        points.passed(ctx, env, &state, i as i64 + 1, count)?;
        if ctx.turn.is_none() && !ctx.stage.is_empty() && !ctx.checking() {
            ctx.host.event(Event::Step {
                stage: ctx.stage.clone(),
                step: i as i64 + 1,
                steps: count,
                loss: None,
            });
        }
        if ctx.checking() {
            break;
        }
    }
    ctx.times = times;
    ctx.history.extend(recorded(&state));
    Ok(())
}

/// When the phases seen in a checked turn start, in order.
fn phases(state: &LoopState) -> Vec<Start> {
    let mut all = state.phases.lock().map(|p| p.clone()).unwrap_or_default();
    all.sort_by_key(|s| s.step);
    all
}

/// Steps from one to another, of so many in all.
fn within(from: i64, to: i64, total: i64) -> u64 {
    u64::try_from(to.min(total) - from.min(total)).unwrap_or(0)
}

fn recorded(state: &LoopState) -> Vec<Value> {
    state.history.lock().map(|h| h.clone()).unwrap_or_default()
}

/// Adds a step's loss to its epoch; the last step of an epoch ends it.
fn note_loss(state: &LoopState, clock: &Clock, loss: Option<f64>) {
    let Ok(mut l) = state.losses.lock() else {
        return;
    };
    if let Some(v) = loss {
        l.sum += v;
        l.count += 1;
    }
    let per_epoch = (clock.steps / clock.epochs.max(1)).max(1);
    if (clock.step + 1) % per_epoch == 0 && l.count > 0 {
        let mean = l.sum / l.count as f64;
        l.means.push(mean);
        (l.sum, l.count) = (0.0, 0);
    }
}

/// One turn: the body, then everything it changes at once. Gives the loss.
pub(super) fn one_turn(
    ctx: &mut Ctx,
    body: &Block,
    env: &Env,
    state: &Arc<LoopState>,
    span: Span,
) -> Result<Option<f64>> {
    let saved = ctx.turn.replace(Box::new(TurnContext {
        of_loop: state.clone(),
        ..TurnContext::default()
    }));
    let r = stmt::block(ctx, body, env);
    let turn = std::mem::replace(&mut ctx.turn, saved);
    r?;
    let Some(turn) = turn else { return Ok(None) };
    commit(ctx, *turn, span)
}

pub(super) fn commit(ctx: &mut Ctx, turn: TurnContext, span: Span) -> Result<Option<f64>> {
    let mut loss = None;
    if !ctx.checking() {
        let mut outputs: Vec<Tensor> = turn.losses.clone();
        outputs.extend(turn.slots.iter().map(|s| s.2.clone()));
        let mut cells = vec![];
        for (cell, v) in &turn.cells {
            collect_tensors(v, &mut cells);
            let _ = cell;
        }
        outputs.extend(cells.iter().cloned());
        if !outputs.is_empty() {
            let computed = ctx
                .host
                .compute(&outputs, &|s, a| crate::weights::find(s, a))
                .map_err(|d| at(d, span))?;
            for (i, l) in turn.losses.iter().enumerate() {
                let v = computed[i].download();
                let f = v.to_f64().first().copied().unwrap_or(0.0);
                let _ = l.0.value.set(v);
                if !f.is_finite() {
                    let step = ctx.clock.map_or(0, |c| c.step);
                    let first = super::unsound::first(ctx, &turn, step);
                    return Err(
                        fault("E0703", format!("the loss is {f} at step {step}{first}"))
                            .at(span, "in this training")
                            .note(format!("stage {}", ctx.stage))
                            .help("a smaller learning rate, or `clip_norm`, keeps steps finite")
                            .into(),
                    );
                }
                *loss.get_or_insert(0.0) += f;
            }
            let base = turn.losses.len();
            for (i, (w, slot, _, trained)) in turn.slots.iter().enumerate() {
                w.put(slot.clone(), computed[base + i].clone(), *trained);
            }
            let base = base + turn.slots.len();
            for (i, t) in cells.iter().enumerate() {
                let _ = t.0.value.set(computed[base + i].download());
            }
        }
    }
    for (w, slot, v, trained) in turn.writes {
        w.put(slot, v, trained);
    }
    if let Ok(mut p) = turn.of_loop.pending.lock() {
        p.clear();
    }
    for (cell, v) in turn.cells {
        if let Ok(mut c) = cell.lock() {
            // What it was computed from goes, or each turn would hold the one before.
            *c = alone(&v);
        }
    }
    for (cell, value) in turn.kept {
        let now = match value {
            Some(v) => v,
            None => cell.lock().map(|c| c.clone()).unwrap_or(Value::None),
        };
        let kept = snapshot(&now);
        match cell.lock().map(|c| c.clone()) {
            Ok(Value::Weights(w)) => {
                if let Ok(mut h) = w.history.lock() {
                    h.push(kept);
                }
            }
            _ => {
                if let Ok(mut h) = turn.of_loop.history.lock() {
                    h.push(kept);
                }
            }
        }
    }
    Ok(loss)
}

pub(super) fn snapshot(v: &Value) -> Value {
    match v {
        Value::Weights(w) => Value::Weights(Arc::new(w.copy(false))),
        Value::Record(r) => {
            Value::record(r.iter().map(|(k, v)| (k.clone(), snapshot(v))).collect())
        }
        Value::List(l) => Value::list(l.iter().map(snapshot).collect()),
        other => other.clone(),
    }
}

pub fn interrupted(ctx: &Ctx) -> Fault {
    fault(
        "E0705",
        format!(
            "interrupted{}",
            if ctx.stage.is_empty() {
                String::new()
            } else {
                format!(" in stage {}", ctx.stage)
            }
        ),
    )
    .help("run the same command again: it goes on from the last kept point")
    .into()
}
