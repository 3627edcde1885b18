//! Shapes are proved for the members that meet their space's own conditions. Where a shape rule breaks for others alone, the block is gone
//! through once for each assignment of the choices that show it, those left out that no member has.

use crate::Result;
use crate::ctx::Ctx;
use crate::net::NetContext;
use crate::space::conditions::{Cond, condition};
use crate::space::{Choices, Elaborated, SpaceValue};
use crate::value::Value;
use nas_diagnostics::Span;
use nas_ir::Table;
use nas_ir::Tensor;
use std::sync::Arc;

/// Assignments gone through at one place, at most.
const CASES: usize = 512;

/// Site and option.
type Options = [(u32, usize)];

/// Runs a part of a net with every choice open. A broken shape rule that only members show which the conditions exclude is none.
pub(super) fn guarded(
    ctx: &mut Ctx,
    span: Span,
    part: &mut dyn FnMut(&mut Ctx) -> Result<Value>,
) -> Result<Value> {
    let Some((space, elaborated)) = conditional(ctx) else {
        return part(ctx);
    };
    let before = ctx.net.clone();
    let (key, draws) = (ctx.key, ctx.draws);
    ctx.witness.take();
    let fault = match part(ctx) {
        Err(fault) => fault,
        done => return done,
    };
    let Some(witness) = ctx.witness.take() else {
        return Err(fault);
    };
    let conditions = own_conditions(ctx, &space, &elaborated);
    let mut free: Vec<(u32, u32)> = vec![];
    for (site, _) in witness.iter() {
        let known = ctx.assumed.iter().any(|a| a.0 == *site) || free.iter().any(|f| f.0 == *site);
        if let (false, Some(s)) = (known, &ctx.space) {
            free.push((*site, s.domain(*site) as u32));
        }
    }
    free.sort_unstable();
    let cases = free
        .iter()
        .fold(1usize, |n, f| n.saturating_mul(f.1 as usize));
    if free.is_empty() || cases > CASES || !excluded(&conditions, &witness) {
        // An enclosing block knows more choices, or none.
        ctx.witness.replace(Some(witness));
        return Err(fault);
    }
    let mut table = Table {
        sites: free,
        values: vec![Value::None; cases],
    };
    for i in 0..cases {
        let mut at = ctx.assumed.clone();
        at.extend(table.assignment(i));
        table.values[i] = match excluded(&conditions, &at) {
            true => Value::Impossible,
            false => Value::int(i as i64),
        };
    }
    ctx.net.clone_from(&before);
    ctx.cases(Value::Open(Arc::new(table)), span, &mut |ctx, _| {
        // Each case numbers its blocks from the same place; what is counted and recorded goes on.
        ctx.net = match (ctx.net.take(), &before) {
            (Some(now), Some(then)) => Some(Box::new(NetContext {
                net: now.net.clone(),
                record: now.record,
                costs: now.costs,
                counted: now.counted,
                frames: then.frames.clone(),
                met: then.met.clone(),
                choices: now.choices,
            })),
            (now, _) => now,
        };
        (ctx.key, ctx.draws) = (key, draws);
        guarded(ctx, span, part)
    })
}

/// A tensor under the options that are assumed.
pub(super) fn settled(ctx: &Ctx, v: Value) -> Value {
    let Value::Tensor(t, element) = v.plain() else {
        return v;
    };
    if ctx.assumed.is_empty() {
        return v;
    }
    let mut shape = t.shape().to_vec();
    for d in &mut shape {
        for (site, option) in &ctx.assumed {
            *d = d.restrict(*site, *option);
        }
    }
    if shape[..] == t.shape()[..] {
        return v;
    }
    let made = match t.0.fixed {
        true => Tensor::weight("case", shape.into_iter().collect(), t.dtype()),
        false => Tensor::symbol("case", shape.into_iter().collect(), t.dtype()),
    };
    Value::Tensor(made, *element)
}

/// The space whose choices are open here, where it has conditions of its own.
fn conditional(ctx: &Ctx) -> Option<(Arc<SpaceValue>, Arc<Elaborated>)> {
    let s = ctx.space.as_ref()?;
    let Choices::Open(_) = s.choices else {
        return None;
    };
    let e = s.space.elaborated()?;
    (!e.conditions.is_empty()).then(|| (s.space.clone(), e))
}

/// The conditions that can be told without the nets' costs: those follow from the shapes that are being proved.
fn own_conditions(ctx: &mut Ctx, s: &Arc<SpaceValue>, e: &Arc<Elaborated>) -> Vec<Cond> {
    let mut out = vec![];
    ctx.proving.push(s.base_id());
    for c in &e.conditions {
        let found = crate::model::within_open(ctx, e, |ctx| {
            ctx.in_module(s.module, |ctx| condition(ctx, s, c, &e.env, false))
        });
        out.extend(found);
    }
    ctx.proving.pop();
    out
}

/// Whether no member has these options, by one condition alone.
fn excluded(conditions: &[Cond], at: &Options) -> bool {
    conditions.iter().any(|c| fails(c, at))
}

fn fails(c: &Cond, at: &Options) -> bool {
    match c {
        Cond::And(parts) => parts.iter().any(|p| fails(p, at)),
        Cond::Or(parts) => parts.iter().all(|p| fails(p, at)),
        Cond::Leaf(v, ..) => match v.plain() {
            Value::Bool(b) => !b,
            Value::Open(t) => {
                let mut t = (**t).clone();
                for (site, option) in at {
                    t = t.restrict(*site, *option);
                }
                let no = |v: &Value| matches!(v.plain(), Value::Bool(false) | Value::Impossible);
                t.values.iter().all(no)
            }
            _ => false,
        },
    }
}
