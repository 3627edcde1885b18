//! Variables of loops: `weights`, `state`, and `:=`.

use super::compute::settle;
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::net::NetWeights;
use crate::value::Value;
use crate::{Result, number, weights};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind};
use nas_ir::tensor::LeafKind;
use std::sync::{Arc, Mutex};

/// `weights w = init(net)`: a variable that `minimise` changes.
pub fn declare(
    ctx: &mut Ctx,
    name: &ast::Ident,
    value: &Expr,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = ctx.eval(value, env)?;
    let v = match v.plain() {
        Value::Weights(w) => Value::Weights(Arc::new(w.copy(true))),
        Value::Unknown(_) => v,
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "`weights` start from `init(…)` or from other weights, not from {}",
                    other.kind()
                ),
            )
            .at(value.span, "here")
            .at(span, "declared here")
            .into());
        }
    };
    Ok(env.cell(name.text.clone(), Arc::new(Mutex::new(v))))
}

/// `state x = value`: carried from turn to turn.
pub fn state(
    ctx: &mut Ctx,
    name: &ast::Ident,
    init: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = match init {
        Some(e) => ctx.eval(e, env)?,
        None => Value::None,
    };
    let v = settle(ctx, v, span)?;
    Ok(env.cell(name.text.clone(), Arc::new(Mutex::new(v))))
}

/// `place := value`
pub fn assign(ctx: &mut Ctx, place: &Expr, value: &Expr, env: &Env, span: Span) -> Result<Env> {
    let ExprKind::Name(n) = &place.kind else {
        return slots(ctx, place, value, env);
    };
    let v = ctx.eval(value, env)?;
    // A state of the block that is being run.
    let slot = ctx.net.as_ref().and_then(|c| {
        let frame = c.frames.iter().rev().find(|f| !f.kind.is_empty())?;
        frame
            .states
            .get(&n.text)
            .map(|a| (c.net.clone(), a.clone()))
    });
    if let Some((net, _)) = slot {
        let NetWeights::Stored(w) = &net.weights else {
            return Ok(env.clone());
        };
        if !w.live || ctx.checking() {
            return Ok(env.clone());
        }
        let Some(Found::Value(Value::Tensor(old, _))) = env.find(&n.text) else {
            return Ok(env.clone());
        };
        let (
            Some(t),
            Some(nas_ir::tensor::Leaf {
                kind: LeafKind::Slot { address, .. },
                ..
            }),
        ) = (number::as_tensor(&v), &old.0.leaf)
        else {
            return Ok(env.clone());
        };
        let t = t
            .stop()
            .expand(old.shape())
            .map_err(|e| ctx.shape_fault(e, span))?;
        let (w, address) = (w.clone(), address.clone());
        if let Some(turn) = &mut ctx.turn {
            turn.slots.retain(|s| !(s.0.id == w.id && s.1 == address));
            turn.slots.push((w, address, t, false));
        }
        return Ok(env.clone());
    }
    match env.find(&n.text) {
        Some(Found::Cell(c)) => {
            let old = c.lock().map(|v| v.clone()).unwrap_or(Value::None);
            // Weights keep their name in graphs: what is assigned goes into their store.
            let v = match (&old, v.plain()) {
                (Value::Weights(w), Value::Weights(new)) if w.live => {
                    let fresh = new.store.lock().map(|s| s.clone()).unwrap_or_default();
                    if let Ok(mut s) = w.store.lock() {
                        *s = fresh;
                    }
                    return Ok(env.clone());
                }
                _ => v,
            };
            match &mut ctx.turn {
                Some(t) if !t.immediate => t.cells.push((c, v)),
                _ => {
                    let v = settle(ctx, v, span)?;
                    if let Ok(mut c) = c.lock() {
                        *c = v;
                    }
                }
            }
            Ok(env.clone())
        }
        _ => Err(fault(
            "E0107",
            format!("`{}` is not a `state` or `weights` variable", n.text),
        )
        .at(place.span, "assigned here")
        .help(format!("declare it: `state {} = …`", n.text))
        .into()),
    }
}

/// `w[block: k] := …`: some slots of a variable; inside `on change` at once, else when the turn ends.
fn slots(ctx: &mut Ctx, place: &Expr, value: &Expr, env: &Env) -> Result<Env> {
    let target = weights::place(ctx, place, env)?;
    let v = ctx.eval(value, env)?;
    let Some(p) = target else {
        return Ok(env.clone());
    };
    let new = weights::write(ctx, &p, &v, value.span)?;
    let immediate = ctx.turn.as_ref().is_none_or(|t| t.immediate);
    for (slot, stored, trained) in new {
        match &mut ctx.turn {
            Some(t) if !immediate => t.writes.push((p.weights.clone(), slot, stored, trained)),
            _ => p.weights.put(slot, stored, trained),
        }
    }
    Ok(env.clone())
}
