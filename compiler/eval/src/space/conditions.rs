//! Conditions of a space, with every choice open.

use super::{SpaceValue, WindowValue};
use crate::call;
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{NetBase, NetValue, NetWeights};
use crate::value::Value;
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use std::sync::Arc;

/// Two conditions that both hold.
pub fn both(ctx: &mut Ctx, a: Value, b: Value, span: Span) -> Result<Value> {
    if let (Value::Window(x), Value::Window(y)) = (&a, &b) {
        return Ok(Value::Window(Arc::new(WindowValue {
            terms: x.terms.clone(),
            low: x.low.or(y.low),
            high: x.high.or(y.high),
        })));
    }
    match (a.plain(), b.plain()) {
        (Value::Bool(true), _) => Ok(b),
        (Value::Bool(false), _) => Ok(a),
        (_, Value::Bool(true)) => Ok(a),
        (_, Value::Bool(false)) => Ok(b),
        (Value::Open(_), _) => ctx.cases(a, span, &mut |ctx, a| both(ctx, a, b.clone(), span)),
        (Value::Tensor(x, _), Value::Tensor(y, _)) => x
            .binary(nas_ir::Binary::And, y)
            .map(|t| Value::Tensor(t, crate::value::Element::Bool))
            .map_err(|e| ctx.shape_fault(e, span)),
        _ => Ok(Value::unknown()),
    }
}

/// A condition with every choice open, as its parts: each a truth value, a table of them, or a window on a cost.
pub fn condition_parts(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &Expr,
    env: &Env,
    out: &mut Vec<(Value, Span)>,
) -> Result<()> {
    match &e.kind {
        ExprKind::Binary {
            op: BinaryOp::And,
            left,
            right,
        } => {
            condition_parts(ctx, s, left, env, out)?;
            condition_parts(ctx, s, right, env, out)
        }
        ExprKind::Unary {
            op: UnaryOp::Not,
            value,
        } => {
            if let Some(items) = quantified(ctx, value, "any", env)? {
                for v in items {
                    let v = ctx.not(v, e.span)?;
                    out.push((v, e.span));
                }
                return Ok(());
            }
            let v = condition_value(ctx, s, e, env)?;
            out.push((v, e.span));
            Ok(())
        }
        _ => {
            if let Some(items) = quantified(ctx, e, "all", env)? {
                out.extend(items.into_iter().map(|v| (v, e.span)));
                return Ok(());
            }
            let v = condition_value(ctx, s, e, env)?;
            out.push((v, e.span));
            Ok(())
        }
    }
}

/// The elements of `any(… for …)` or `all(… for …)`.
fn quantified(ctx: &mut Ctx, e: &Expr, which: &str, env: &Env) -> Result<Option<Vec<Value>>> {
    let ExprKind::Call { callee, args, .. } = &e.kind else {
        return Ok(None);
    };
    let (ExprKind::Name(n), [arg]) = (&callee.kind, &args[..]) else {
        return Ok(None);
    };
    if &*n.text != which {
        return Ok(None);
    }
    let v = ctx.eval(&arg.value, env)?;
    match v.plain() {
        Value::List(l) => Ok(Some(l.to_vec())),
        _ => Ok(None),
    }
}

fn condition_value(ctx: &mut Ctx, s: &Arc<SpaceValue>, e: &Expr, env: &Env) -> Result<Value> {
    // `macs <= 100M`: a function of a net on one side stands for every member's.
    let subject = |ctx: &mut Ctx, v: Value| -> Result<Value> {
        match v.plain() {
            Value::Func(_) => {
                let n = Value::Net(Arc::new(NetValue::new(
                    NetBase::AllMembers { space: s.clone() },
                    NetWeights::Abstract,
                )));
                call::apply(ctx, v, n, e.span)
            }
            _ => Ok(v),
        }
    };
    match &e.kind {
        ExprKind::Unary {
            op: UnaryOp::Not,
            value,
        } => {
            let v = condition_value(ctx, s, value, env)?;
            ctx.not(v, e.span)
        }
        ExprKind::Binary { op, left, right } if !matches!(op, BinaryOp::And | BinaryOp::Or) => {
            let a = ctx.eval(left, env)?;
            let b = ctx.eval(right, env)?;
            let (a, b) = (subject(ctx, a)?, subject(ctx, b)?);
            number::binary(ctx, *op, a, b, e.span)
        }
        ExprKind::In {
            value,
            collection,
            negated: false,
        } => {
            let a = ctx.eval(value, env)?;
            let a = subject(ctx, a)?;
            let c = ctx.eval(collection, env)?;
            access::contains(ctx, a, c, e.span)
        }
        _ => {
            let v = ctx.eval(e, env)?;
            match v.plain() {
                // A predicate of a member is given the member with everything open.
                Value::Func(_) => {
                    let m = open_member(s);
                    call::apply(ctx, v, m, e.span)
                }
                _ => Ok(v),
            }
        }
    }
}

/// A stand-in for any member: what the space declares, open.
pub fn open_member(s: &Arc<SpaceValue>) -> Value {
    let mut r = crate::value::Fields::new();
    if let Some(e) = s.base.elaborated.get() {
        for n in s.names() {
            if let Some(Found::Value(v)) = e.env.find(&n) {
                r.insert(n.into(), v);
            }
        }
    }
    Value::record(r)
}
