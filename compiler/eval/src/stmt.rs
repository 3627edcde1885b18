//! Bodies: statements one after the other, loops, comprehensions, patterns.

mod claims;
mod comprehension;
mod kept;
mod repeat;

pub use claims::{rejected, within};
pub use comprehension::{list_for, record_for};
pub use repeat::repeat;

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Known, Value};
use crate::{Result, access, data, draw, net, train};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{self, Block, Expr, Pattern, PatternKind, Stmt, StmtKind};
use std::sync::Arc;

/// Evaluates a body to its value.
pub fn block(ctx: &mut Ctx, b: &Block, env: &Env) -> Result<Value> {
    let mut env = open_scope(b, env);
    let nested = b.stmts.iter().any(|s| matches!(s.kind, StmtKind::Item(_)));
    for s in &b.stmts {
        env = statement(ctx, s, &env)?;
        // Nested declarations see what was bound so far.
        if nested {
            env = open_scope(b, &env);
        }
    }
    match &b.value {
        Some(v) => ctx.eval(v, &env),
        None => Ok(Value::None),
    }
}

/// Nested declarations are visible in the whole body.
pub fn open_scope(b: &Block, env: &Env) -> Env {
    let items: Vec<ast::Item> = b
        .stmts
        .iter()
        .filter_map(|s| match &s.kind {
            StmtKind::Item(i) => Some(i.clone()),
            _ => None,
        })
        .collect();
    env.items(items)
}

pub fn statement(ctx: &mut Ctx, s: &Stmt, env: &Env) -> Result<Env> {
    match &s.kind {
        StmtKind::Item(_) => Ok(env.clone()),
        StmtKind::Let { pattern, value, .. } => {
            let v = ctx.eval(value, env)?;
            destructure(ctx, pattern, v, env)
        }
        StmtKind::Draw { pattern, value } => {
            let saved = ctx.binding.take();
            if let PatternKind::Name(n) = &pattern.kind {
                ctx.binding = Some(n.text.clone());
            }
            let v = draw::draw(ctx, value, env);
            ctx.binding = saved;
            let v = v?;
            destructure(ctx, pattern, v, env)
        }
        StmtKind::Tap { name, value } => {
            let v = ctx.eval(value, env)?;
            net::tap(ctx, &name.text, &v, false);
            Ok(env.bind(name.text.clone(), v))
        }
        StmtKind::Param {
            name,
            ty,
            init,
            drawn,
        } => net::param(
            ctx,
            name,
            ty.as_ref(),
            init.as_ref(),
            *drawn,
            true,
            env,
            s.span,
        ),
        StmtKind::State {
            name,
            ty,
            init,
            drawn,
        } => {
            if ctx.net.is_some() && ctx.turn.is_none() || ctx.in_block() {
                net::param(
                    ctx,
                    name,
                    ty.as_ref(),
                    init.as_ref(),
                    *drawn,
                    false,
                    env,
                    s.span,
                )
            } else {
                train::state(ctx, name, init.as_ref(), env, s.span)
            }
        }
        StmtKind::Weights { name, value } => train::declare(ctx, name, value, env, s.span),
        StmtKind::Assign { place, value } => train::assign(ctx, place, value, env, s.span),
        StmtKind::Minimise { loss, over, by } => {
            train::minimise(ctx, loss, over, by.as_ref(), env, s.span)
        }
        StmtKind::Keep { value, every } => train::keep(ctx, value, every.as_ref(), env, s.span),
        StmtKind::OnChange {
            setting,
            binder,
            body,
        } => train::on_change(ctx, setting, binder.as_ref(), body, env, s.span),
        StmtKind::For {
            pattern,
            iterable,
            condition,
            body,
        } => for_loop(ctx, pattern, iterable, condition.as_ref(), body, env),
        StmtKind::Check { condition, message } => {
            let c = ctx.eval(condition, env)?;
            if !c.is_unknown() && !truth(ctx, &c, condition.span)? {
                let m = ctx.eval(message, env)?;
                return Err(fault("E0308", access::key_text(&m).to_string())
                    .at(condition.span, "this does not hold")
                    .into());
            }
            Ok(env.clone())
        }
        StmtKind::Expr(e) => {
            ctx.eval(e, env)?;
            Ok(env.clone())
        }
        StmtKind::Record { .. } => train::record(ctx, s, env),
        StmtKind::Report(_) | StmtKind::Budget(_) => Err(fault(
            "E0107",
            format!("{} stands at the top of a pipeline", describe(&s.kind)),
        )
        .at(s.span, "inside something else")
        .help(
            "bind what is made here with a `let`, and report it below: `report [… for i in 0..3]`",
        )
        .into()),
        other => Err(fault(
            "E0309",
            format!("{} cannot stand here, or not yet", describe(other)),
        )
        .at(s.span, "this statement")
        .into()),
    }
}

fn describe(s: &StmtKind) -> &'static str {
    match s {
        StmtKind::Expect(_) => "`expect`",
        StmtKind::Report(_) => "`report`",
        StmtKind::Budget(_) => "`budget`",
        StmtKind::Encoding(_) => "`encoding`",
        StmtKind::Net(_) => "`net`",
        StmtKind::Value(_) => "`value`",
        StmtKind::Where(_) => "`where`",
        StmtKind::Match { .. } | StmtKind::Label { .. } => "a distillation line",
        StmtKind::Phase { .. } => "`phase`",
        StmtKind::Monotone(_) => "`monotone`",
        _ => "this statement",
    }
}

/// Binds the names of a pattern.
pub fn destructure(ctx: &mut Ctx, p: &Pattern, v: Value, env: &Env) -> Result<Env> {
    match &p.kind {
        PatternKind::Wildcard => Ok(env.clone()),
        PatternKind::Name(n) => Ok(env.bind(n.text.clone(), v)),
        PatternKind::Tuple(parts) => {
            if v.is_unknown() {
                let mut env = env.clone();
                for p in parts {
                    env = destructure(ctx, p, Value::unknown(), &env)?;
                }
                return Ok(env);
            }
            let items = match v.plain() {
                Value::Record(r) => r.values().cloned().collect(),
                _ => access::items(ctx, &v, p.span)?,
            };
            if items.len() != parts.len() {
                let d = fault(
                    "E0301",
                    format!("{} names stand for {} values", parts.len(), items.len()),
                )
                .at(p.span, "here");
                return Err(counted(d, parts, items.len()).into());
            }
            let mut env = env.clone();
            for (p, v) in parts.iter().zip(items) {
                env = destructure(ctx, p, v, &env)?;
            }
            Ok(env)
        }
        PatternKind::Record(fields) => {
            let mut env = env.clone();
            for (name, inner) in fields {
                let v = access::field_of(ctx, v.clone(), name, name.span)?;
                env = match inner {
                    Some(p) => destructure(ctx, p, v, &env)?,
                    None => env.bind(name.text.clone(), v),
                };
            }
            Ok(env)
        }
    }
}

/// A truth value, computed if it has to be.
pub fn truth(ctx: &mut Ctx, v: &Value, span: Span) -> Result<bool> {
    match v.plain() {
        Value::Bool(b) => Ok(*b),
        Value::Tensor(..) => Ok(train::number(ctx, v, span)? != 0.0),
        Value::Invalid(_) => Ok(false),
        Value::Unknown(_) => Ok(true),
        Value::Sealed(s) => Err(crate::seal::refuse(s, span)),
        other => Err(fault(
            "E0301",
            format!("a condition is true or false, and this is {}", other.kind()),
        )
        .at(span, "this condition")
        .into()),
    }
}

/// One of two values, it is not known which.
pub fn either(a: Value, b: Value) -> Value {
    match (a.plain(), b.plain()) {
        (Value::Tensor(x, e), Value::Tensor(y, _)) if x.shape() == y.shape() => {
            Value::Tensor(x.clone(), *e)
        }
        (Value::Func(_), Value::Func(_)) => a,
        (Value::Int(..) | Value::Float(..), Value::Int(..) | Value::Float(..)) => {
            Value::Unknown(Known::Number)
        }
        _ => Value::unknown(),
    }
}

/// What a loop goes through: elements known, or batches of data.
enum Sequence {
    Items(Vec<Value>),
    Batches(Arc<data::DataValue>),
}

fn sequence(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Sequence> {
    match v.plain() {
        Value::Data(d) if d.batching.is_some() => Ok(Sequence::Batches(d.clone())),
        Value::Data(_) => Err(fault("E0309", "data is gone through in batches")
            .at(span, "here")
            .help("write `.batches(64)`")
            .into()),
        Value::Unknown(_) => Ok(Sequence::Items(vec![Value::unknown()])),
        _ => Ok(Sequence::Items(access::items(ctx, v, span)?)),
    }
}

fn for_loop(
    ctx: &mut Ctx,
    pattern: &Pattern,
    iterable: &Expr,
    condition: Option<&Expr>,
    body: &Block,
    env: &Env,
) -> Result<Env> {
    let v = ctx.eval(iterable, env)?;
    match sequence(ctx, &v, iterable.span)? {
        Sequence::Batches(d) => train::batch_loop(ctx, pattern, &d, body, env, iterable.span)?,
        Sequence::Items(items) => train::plain_loop(ctx, pattern, items, condition, body, env)?,
    }
    Ok(env.clone())
}

/// Says how to take apart what has another number of parts: names too many go, `_` stands for what is left over.
pub fn counted(d: Diagnostic, parts: &[Pattern], count: usize) -> Diagnostic {
    let (Some(last), true) = (parts.last(), count > 0) else {
        return d;
    };
    let after = |p: &Pattern| p.span.end;
    if parts.len() > count {
        let cut = Span {
            start: after(&parts[count - 1]),
            ..last.span
        };
        d.help("take the names away that nothing is left for")
            .fix(cut, "")
    } else {
        let end = Span {
            start: after(last),
            ..last.span
        };
        let more = ", _".repeat(count - parts.len());
        d.help(format!("add `{more}` for what is not used"))
            .fix(end, more)
    }
}
