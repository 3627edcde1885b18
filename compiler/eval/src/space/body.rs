//! A space's declaration evaluated: with every choice open, or with those of a member.

use super::{Base, SpaceContext, SpaceValue};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::program::ModuleId;
use crate::value::{FuncKind, Value};
use crate::{Result, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, SpaceDecl, StmtKind};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

static NEXT: AtomicU64 = AtomicU64::new(1);

pub(super) struct Body {
    pub env: Env,
    pub value: Option<Expr>,
    pub encoding: Option<ast::Text>,
    pub conditions: Vec<Expr>,
}

/// Evaluates a space's own statements.
pub(super) fn body_of(
    ctx: &mut Ctx,
    space: &Arc<SpaceValue>,
    context: SpaceContext,
    all: bool,
) -> Result<Body> {
    let base = space.base.clone();
    let saved = (
        ctx.space.replace(context),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
        std::mem::take(&mut ctx.among),
        std::mem::take(&mut ctx.place),
        std::mem::replace(&mut ctx.top, false),
    );
    let r = ctx.under(crate::key::Key::seed(0), |ctx| {
        ctx.in_module(base.module, |ctx| {
            let mut env = stmt::open_scope(&base.decl.body, &base.env);
            let (mut value, mut encoding, mut conditions) = (None, None, vec![]);
            for s in &base.decl.body.stmts {
                match &s.kind {
                    StmtKind::Let { pattern, value, .. } => {
                        if let ast::PatternKind::Name(n) = &pattern.kind {
                            ctx.place.push(n.text.to_string());
                        }
                        let v = ctx.eval(value, &env);
                        ctx.place.clear();
                        env = stmt::destructure(ctx, pattern, v?, &env)?;
                    }
                    StmtKind::Encoding(t) => encoding = Some(t.clone()),
                    StmtKind::Where(list) => conditions.extend(list.iter().cloned()),
                    StmtKind::Net(_) => {}
                    StmtKind::Value(e) => value = Some(e.clone()),
                    _ => env = stmt::statement(ctx, s, &env)?,
                }
                env = stmt::open_scope(&base.decl.body, &env);
            }
            let _ = all;
            Ok(Body {
                env,
                value,
                encoding,
                conditions,
            })
        })
    });
    (
        ctx.space,
        ctx.net,
        ctx.assumed,
        ctx.among,
        ctx.place,
        ctx.top,
    ) = saved;
    r
}

/// A space given its arguments.
pub fn instantiate(
    ctx: &mut Ctx,
    decl: &Arc<SpaceDecl>,
    module: ModuleId,
    args: Args,
) -> Result<Value> {
    let bare = args.positional.is_empty() && args.named.is_empty();
    let saved = (
        ctx.space.take(),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
        std::mem::take(&mut ctx.among),
    );
    let env = ctx.in_module(module, |ctx| {
        call::bind(ctx, &decl.name.text, &decl.params, args, &Env::default())
    });
    (ctx.space, ctx.net, ctx.assumed, ctx.among) = saved;
    let env = env?;
    let place = Arc::as_ptr(decl) as usize;
    // A run may make many and hold each only for a while.
    let applied = match bare || !ctx.checking() {
        true => None,
        false => plain_arguments(decl, &env),
    };
    let made = match (bare, &applied) {
        (true, _) => (ctx.shared.spaces.lock().ok()).and_then(|a| a.get(&place).cloned()),
        (_, Some(k)) => (ctx.shared.applied.lock().ok()).and_then(|a| a.get(k).cloned()),
        _ => None,
    };
    if let Some(s) = made {
        return Ok(Value::Space(s));
    }
    let base = Base {
        decl: decl.clone(),
        module,
        env,
        elaborated: super::held::Held::default(),
        costs: OnceLock::new(),
        outputs: Mutex::default(),
        members: Mutex::default(),
    };
    let base = Arc::new(base);
    ctx.shared.made(&base);
    let s = Arc::new(SpaceValue {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        name: decl.name.text.clone(),
        module,
        base,
        conditions: vec![],
        modulo: vec![],
        algebra: OnceLock::new(),
    });
    if bare && let Ok(mut all) = ctx.shared.spaces.lock() {
        all.insert(place, s.clone());
    }
    if let Some(k) = applied
        && let Ok(mut all) = ctx.shared.applied.lock()
    {
        all.insert(k, s.clone());
    }
    Ok(Value::Space(s))
}

/// What names a space that is made of numbers, words and declared functions alone: made twice, it is the same space.
fn plain_arguments(decl: &Arc<SpaceDecl>, env: &Env) -> Option<String> {
    let mut key = format!("{:p}", Arc::as_ptr(decl));
    for p in &decl.params {
        let Some(Found::Value(v)) = env.find(&p.name.text) else {
            return None;
        };
        plain_argument(&v, &mut key)?;
    }
    Some(key)
}

fn plain_argument(v: &Value, key: &mut String) -> Option<()> {
    let _ = match v.plain() {
        Value::None | Value::Bool(_) | Value::Int(..) | Value::Float(..) | Value::Text(_) => {
            write!(key, " {v:?}")
        }
        Value::List(l) => {
            key.push('[');
            l.iter().try_for_each(|v| plain_argument(v, key))?;
            write!(key, "]")
        }
        Value::Func(f) => match &f.kind {
            FuncKind::Decl {
                global: Some(g),
                lists: 0,
                ..
            } if f.bound.is_empty() => write!(key, " g{g}"),
            _ => return None,
        },
        _ => return None,
    };
    Some(())
}

/// Any value that stands for a space; one whose arguments all have defaults may be named without a call.
pub fn as_space(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Arc<SpaceValue>> {
    match v.plain() {
        Value::Space(s) => Ok(s.clone()),
        Value::Func(f) => match &f.kind {
            FuncKind::Space { decl, module } => match instantiate(
                ctx,
                decl,
                *module,
                Args {
                    span,
                    ..Args::default()
                },
            )? {
                Value::Space(s) => Ok(s),
                _ => Err(fault("E0301", "a space is wanted").at(span, "here").into()),
            },
            _ => Err(fault(
                "E0301",
                format!("a space is wanted, and this is {}", v.kind()),
            )
            .at(span, "here")
            .into()),
        },
        other => Err(fault(
            "E0301",
            format!("a space is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

/// `space modulo [rules]`
pub fn modulo(ctx: &Ctx, s: &Arc<SpaceValue>, rules: &Expr, env: &Env) -> Value {
    let mut all = s.modulo.clone();
    all.push((rules.clone(), env.clone(), ctx.module));
    Value::Space(Arc::new(SpaceValue {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        name: s.name.clone(),
        module: s.module,
        base: s.base.clone(),
        conditions: s.conditions.clone(),
        modulo: all,
        algebra: OnceLock::new(),
    }))
}

/// `space where p, q`
pub fn restrict(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    conditions: &[Expr],
    env: &Env,
    _span: Span,
) -> Result<Value> {
    let mut all = s.conditions.clone();
    all.extend(
        conditions
            .iter()
            .map(|c| (c.clone(), env.clone(), ctx.module)),
    );
    Ok(Value::Space(Arc::new(SpaceValue {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        name: s.name.clone(),
        module: s.module,
        base: s.base.clone(),
        conditions: all,
        modulo: s.modulo.clone(),
        algebra: OnceLock::new(),
    })))
}
