//! Conditions of a space, with every choice open: truth values, tables of them and windows on costs, joined by and, or, not.

use super::{SpaceValue, WindowValue, windows::Ends};
use crate::call;
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::net::{NetBase, NetValue, NetWeights};
use crate::value::{FuncKind, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use std::sync::Arc;

/// A condition taken apart.
#[derive(Debug, Clone)]
pub enum Cond {
    /// A truth value, an open one, or a window on a cost; what it is called in a message; where it compares a number
    /// over choices, the same as a window, to tell how far a member is away.
    Leaf(Value, Span, Arc<str>, Option<Value>),
    And(Vec<Cond>),
    Or(Vec<Cond>),
}

/// Two conditions that both hold.
pub fn both(ctx: &mut Ctx, a: Value, b: Value, span: Span) -> Result<Value> {
    if let (Value::Window(x), Value::Window(y)) = (&a, &b)
        && let Some(v) = x.and(y)
    {
        return Ok(v);
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

/// A condition with every choice open, taken apart; `not` has moved down to the leaves.
pub fn condition(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &Expr,
    env: &Env,
    negated: bool,
) -> Result<Cond> {
    match &e.kind {
        ExprKind::Binary {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            left,
            right,
        } => {
            let parts = vec![
                condition(ctx, s, left, env, negated)?,
                condition(ctx, s, right, env, negated)?,
            ];
            Ok(match (*op == BinaryOp::And) != negated {
                true => Cond::And(parts),
                false => Cond::Or(parts),
            })
        }
        ExprKind::Unary {
            op: UnaryOp::Not,
            value,
        } => condition(ctx, s, value, env, !negated),
        ExprKind::Call { callee, args, .. } => {
            if let (ExprKind::Name(n), [arg]) = (&callee.kind, &args[..])
                && matches!(&*n.text, "any" | "all")
                && arg.name.is_none()
            {
                let v = ctx.eval(&arg.value, env)?;
                if let Value::List(l) = v.plain() {
                    let mut parts = vec![];
                    for v in l.iter() {
                        parts.push(leaf(ctx, v.clone(), None, negated, e)?);
                    }
                    return Ok(match (&*n.text == "all") != negated {
                        true => Cond::And(parts),
                        false => Cond::Or(parts),
                    });
                }
                let f = ctx.eval(callee, env)?;
                let v = call::call(ctx, f, call::Args::one(v, e.span))?;
                return leaf(ctx, v, None, negated, e);
            }
            let (v, m) = value(ctx, s, e, env)?;
            leaf(ctx, v, m, negated, e)
        }
        ExprKind::In {
            value,
            collection,
            negated: not,
        } => {
            let a = ctx.eval(value, env)?;
            let a = subject(ctx, s, a, e.span)?;
            let c = ctx.eval(collection, env)?;
            let m = match measured(ctx, &a) {
                Some(t) => access::contains(ctx, t, c.clone(), e.span).ok(),
                None => None,
            };
            let v = access::contains(ctx, a, c, e.span)?;
            leaf(ctx, v, m, negated != *not, e)
        }
        ExprKind::Binary { .. } => {
            let (v, m) = value(ctx, s, e, env)?;
            leaf(ctx, v, m, negated, e)
        }
        _ => {
            let mut v = ctx.eval(e, env)?;
            // A predicate is given the member with everything open; its body is taken apart like what is written here.
            if let Value::Func(g) = v.plain() {
                let inside = match &g.kind {
                    FuncKind::Decl {
                        decl,
                        module,
                        env,
                        lists,
                        ..
                    } => match (&decl.body, decl.params.get(*lists)) {
                        (Some(b), Some(list))
                            if b.stmts.is_empty()
                                && list.len() == 1
                                && decl.params.len() == lists + 1 =>
                        {
                            let name = list[0].name.text.clone();
                            b.value.clone().map(|v| (*v, *module, env.clone(), name))
                        }
                        _ => None,
                    },
                    FuncKind::Lambda {
                        params,
                        body,
                        module,
                        env,
                    } if params.len() == 1 => {
                        let name = params[0].name.text.clone();
                        Some(((**body).clone(), *module, env.clone(), name))
                    }
                    _ => None,
                };
                if let Some((body, module, env, name)) = inside {
                    let env = env.bind(name, open_member(s));
                    return ctx.deeper(e.span, |ctx| {
                        ctx.in_module(module, |ctx| condition(ctx, s, &body, &env, negated))
                    });
                }
                v = call::apply(ctx, v, open_member(s), e.span)?;
            }
            leaf(ctx, v, None, negated, e)
        }
    }
}

/// A number over choices as a cost; nothing for what is a cost already, or known.
fn measured(ctx: &Ctx, v: &Value) -> Option<Value> {
    let space = ctx.space.as_ref()?.space.clone();
    match v.plain() {
        Value::Dim(d) => Some(super::terms_value(&space, d.as_table()?)),
        _ => None,
    }
}

fn leaf(ctx: &mut Ctx, v: Value, measure: Option<Value>, negated: bool, e: &Expr) -> Result<Cond> {
    // A number over choices is told as it is written; a cost in windows that are made its own.
    let name: Arc<str> = subject_name(e, measure.is_some()).into();
    let measure = measure.filter(|m| matches!(m, Value::Window(_)) && !negated);
    let v = match (&v, negated) {
        (Value::Window(w), true) => w.negated(),
        (_, true) => ctx.not(v, e.span)?,
        _ => v,
    };
    // A cost in one of several intervals: alternatives.
    if let Value::Window(w) = &v
        && w.inside.len() > 1
    {
        let one = |ends: &Ends| {
            let w = WindowValue {
                terms: w.terms.clone(),
                inside: vec![*ends],
            };
            Cond::Leaf(Value::Window(Arc::new(w)), e.span, name.clone(), None)
        };
        return Ok(Cond::Or(w.inside.iter().map(one).collect()));
    }
    Ok(Cond::Leaf(v, e.span, name, measure))
}

/// What a comparison is about, as it is written: `macs.core`; with the numbers beside it where they are part of what is compared.
fn subject_name(e: &Expr, numbers: bool) -> String {
    let of = |e: &Expr| subject_name(e, numbers);
    let number = |e: &Expr| matches!(e.kind, ExprKind::Number(_));
    match &e.kind {
        ExprKind::Number(n) if numbers => n.digits.to_string(),
        ExprKind::Name(n) => n.text.to_string(),
        ExprKind::Field { base, name } => format!("{}.{}", of(base), name.text),
        ExprKind::Call { callee, .. } => of(callee),
        ExprKind::In { value, .. } => of(value),
        ExprKind::Index { base, .. } => of(base),
        ExprKind::Binary { op, left, right } => {
            let (l, r) = (of(left), of(right));
            let sign = match op {
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                BinaryOp::Mul => "*",
                BinaryOp::Div => "/",
                BinaryOp::Rem => "%",
                _ => "",
            };
            match (l.is_empty(), r.is_empty(), sign) {
                (true, ..) => r,
                // A cost by a number is told as the cost.
                (_, true, _) => l,
                (.., "") if number(left) => r,
                (.., "") => l,
                (.., "+" | "-") => format!("{l} {sign} {r}"),
                _ => {
                    let part = |t: String| match t.contains(' ') {
                        true => format!("({t})"),
                        false => t,
                    };
                    format!("{} {sign} {}", part(l), part(r))
                }
            }
        }
        _ => String::new(),
    }
}

/// A function of a net stands for every member's cost: `macs <= 100M`.
fn subject(ctx: &mut Ctx, s: &Arc<SpaceValue>, v: Value, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Func(_) if s.net_decl().is_some() => {
            let n = Value::Net(Arc::new(NetValue::new(
                NetBase::AllMembers { space: s.clone() },
                NetWeights::Abstract,
            )));
            call::apply(ctx, v, n, span)
        }
        Value::Func(_) => call::apply(ctx, v, open_member(s), span),
        _ => Ok(v),
    }
}

/// What a condition comes to, and where it compares a number over choices, the window that says the same.
fn value(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &Expr,
    env: &Env,
) -> Result<(Value, Option<Value>)> {
    match &e.kind {
        ExprKind::Binary { op, left, right } => {
            let a = ctx.eval(left, env)?;
            let b = ctx.eval(right, env)?;
            let (a, b) = (subject(ctx, s, a, e.span)?, subject(ctx, s, b, e.span)?);
            let m = match (measured(ctx, &a), measured(ctx, &b)) {
                (Some(t), None) => number::binary(ctx, *op, t, b.clone(), e.span).ok(),
                (None, Some(t)) => number::binary(ctx, *op, a.clone(), t, e.span).ok(),
                (Some(t), Some(u)) => number::binary(ctx, *op, t, u, e.span).ok(),
                _ => None,
            };
            Ok((number::binary(ctx, *op, a, b, e.span)?, m))
        }
        _ => {
            let v = ctx.eval(e, env)?;
            match v.plain() {
                Value::Func(_) => {
                    let m = open_member(s);
                    call::apply(ctx, v, m, e.span).map(|v| (v, None))
                }
                _ => Ok((v, None)),
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

/// Alternatives of one condition: each a list of leaves that hold together.
pub fn alternatives(c: &Cond, span: Span) -> Result<Vec<Vec<Cond>>> {
    let too_many = || {
        fault("E0606", "this condition has too many alternatives")
            .at(span, "here")
            .into()
    };
    let out: Vec<Vec<Cond>> = match c {
        Cond::Leaf(..) => vec![vec![c.clone()]],
        Cond::Or(parts) => {
            let mut out = vec![];
            for p in parts {
                out.extend(alternatives(p, span)?);
            }
            out
        }
        Cond::And(parts) => {
            let mut out = vec![vec![]];
            for p in parts {
                let next = alternatives(p, span)?;
                out = out
                    .iter()
                    .flat_map(|a: &Vec<Cond>| {
                        next.iter()
                            .map(|b| [&a[..], &b[..]].concat())
                            .collect::<Vec<_>>()
                    })
                    .collect();
                if out.len() > 4_096 {
                    return Err(too_many());
                }
            }
            out
        }
    };
    if out.len() > 4_096 {
        return Err(too_many());
    }
    Ok(out)
}
