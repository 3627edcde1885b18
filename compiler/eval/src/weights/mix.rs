//! Mixing slots: a use that reads several slots, its outputs added up by a gate.

use super::policy::ask_all;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::net::{Frame, NetBase, NetWeights};
use crate::value::{Picked, Value};
use crate::{Result, number, train};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::Shape;
use std::sync::Arc;

/// The slot that an enclosing use of a mixture prescribes for a parameter.
pub(super) fn given(ctx: &mut Ctx, address: &Arc<str>) -> Option<(Arc<str>, bool)> {
    let n = ctx.net.as_mut()?;
    let at = n.frames.iter().rposition(|f| f.slot.is_some())?;
    n.frames[at].used = true;
    let (slot, leading) = n.frames[at].slot.clone()?;
    let name = address.rsplit('/').next().unwrap_or(address);
    let mut inner = String::new();
    for f in &n.frames[at + 1..] {
        inner.push_str(&f.name);
        if let Some(o) = &f.option {
            inner.push(':');
            inner.push_str(o);
        }
        inner.push('/');
    }
    Some((format!("{slot}/{inner}{name}").into(), leading))
}

/// A chosen block that its policy mixes, run once for each slot; `None` where it is not mixed.
pub fn chosen(ctx: &mut Ctx, p: &Arc<Picked>, args: &Args) -> Result<Option<Value>> {
    let span = args.span;
    let Some(n) = &mut ctx.net else {
        return Ok(None);
    };
    let net = n.net.clone();
    let NetWeights::Stored(w) = &net.weights else {
        return Ok(None);
    };
    let Some(policy) = net.policy.as_ref().or(w.policy.as_ref()).cloned() else {
        return Ok(None);
    };
    if matches!(net.base, NetBase::AllMembers { .. }) || policy.is_unknown() {
        return Ok(None);
    }
    let own = net.policy.is_none();
    // Where the use will stand, without taking the place yet.
    let counter = n
        .frames
        .last()
        .and_then(|f| f.counters.get(&p.site).copied());
    let part = match counter {
        None | Some(0) => p.site.to_string(),
        Some(k) => format!("{}.{k}", p.site),
    };
    let join = |path: Arc<str>, last: &str| {
        if path.is_empty() {
            last.to_string()
        } else {
            format!("{path}/{last}")
        }
    };
    let path = join(n.path(), &format!("{part}:{}", p.label));
    let place = join(n.place(), &part);
    if own && w.plain.lock().is_ok_and(|k| k.contains(&*path)) {
        return Ok(None);
    }
    let space = net.space().cloned();
    let asked = ask_all(
        ctx,
        &policy,
        space.as_ref(),
        &format!("{path}/_"),
        &format!("{place}/_"),
        &Shape::new(),
        &"".into(),
        span,
    )?;
    let Some(by) = asked.by else {
        if own && let Ok(mut k) = w.plain.lock() {
            k.insert(path.into());
        }
        return Ok(None);
    };
    let shares = shares(ctx, &by, asked.slots.len(), !w.live, span)?;
    let Some(n) = &mut ctx.net else {
        return Ok(None);
    };
    let name = n.numbered(&p.site);
    n.frames.push(Frame {
        name,
        option: Some(p.label.clone()),
        ..Frame::default()
    });
    let r = mixed(ctx, p, args, &asked.slots, &shares);
    if let Some(n) = &mut ctx.net {
        n.frames.pop();
    }
    r.map(Some)
}

enum Shares {
    /// Not known: only slots are asked for.
    Unknown,
    Each(Vec<Value>),
}

fn shares(ctx: &mut Ctx, by: &Value, count: usize, frozen: bool, span: Span) -> Result<Shares> {
    let wrong = |n: String| {
        fault("E0301", format!("a gate of {n} shares mixes {count} slots"))
            .at(span, "in this use")
            .help("`mix([slots], by: gate)` takes one share a slot")
    };
    Ok(match by.plain() {
        Value::Unknown(_) | Value::None => Shares::Unknown,
        Value::List(l) if l.len() == count => Shares::Each(l.to_vec()),
        Value::List(l) => return Err(wrong(l.len().to_string()).into()),
        Value::Tensor(t, e) => {
            if t.rank() != 1 || t.shape()[0].known().is_some_and(|n| n != count as i64) {
                return Err(wrong(nas_ir::shape::Show(t.shape()).to_string()).into());
            }
            // Of trained weights, slots with a share of 0 are not computed, in either mode: a trace at train and a run at
            // infer pass through the same blocks.
            if frozen && !ctx.checking() {
                let v = train::numbers(ctx, by, span)?;
                Shares::Each(v.into_iter().map(Value::float).collect())
            } else {
                let mut out = vec![];
                for i in 0..count {
                    let v = Value::Tensor(t.clone(), *e);
                    out.push(crate::access::element(ctx, v, i as i64, span)?);
                }
                Shares::Each(out)
            }
        }
        other => {
            return Err(fault(
                "E0301",
                format!("a gate is a list of shares, and this is {}", other.kind()),
            )
            .at(span, "in this use")
            .into());
        }
    })
}

fn mixed(
    ctx: &mut Ctx,
    p: &Arc<Picked>,
    args: &Args,
    slots: &[(Arc<str>, bool)],
    shares: &Shares,
) -> Result<Value> {
    let span = args.span;
    let mut sum: Option<Value> = None;
    for (k, slot) in slots.iter().enumerate() {
        let share = match shares {
            Shares::Unknown => None,
            Shares::Each(v) => v.get(k),
        };
        if share.and_then(number::as_f64) == Some(0.0) && (sum.is_some() || k + 1 < slots.len()) {
            continue;
        }
        if let Some(n) = &mut ctx.net {
            n.frames.push(Frame {
                name: format!("@{k}").into(),
                slot: Some(slot.clone()),
                ..Frame::default()
            });
        }
        let out = call::call(ctx, p.value.clone(), args.clone());
        let used = match &mut ctx.net {
            Some(n) => n.frames.pop().is_some_and(|f| f.used),
            None => false,
        };
        let out = out?;
        // A block without weights is the same in every slot.
        if !used {
            return Ok(out);
        }
        let part = match share {
            Some(s) if number::as_f64(s) == Some(1.0) => out,
            Some(s) => number::binary(ctx, BinaryOp::Mul, out, s.clone(), span)?,
            None => out,
        };
        sum = Some(match (sum, share) {
            (None, _) => part,
            (Some(s), None) => s,
            (Some(s), Some(_)) => number::binary(ctx, BinaryOp::Add, s, part, span)?,
        });
    }
    Ok(sum.unwrap_or_else(Value::unknown))
}
