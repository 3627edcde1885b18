//! Bodies: statements one after the other, loops, comprehensions, patterns.

use crate::call;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::value::{Known, Value};
use crate::{Fault, Result, access, data, draw, net, number, train};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Block, Clause, Expr, ExprKind, Pattern, PatternKind, Stmt, StmtKind};
use std::sync::{Arc, Mutex};

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
        StmtKind::Weights { name, value } => train::weights(ctx, name, value, env, s.span),
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
                return Err(fault(
                    "E0301",
                    format!("{} names stand for {} values", parts.len(), items.len()),
                )
                .at(p.span, "here")
                .into());
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

pub fn list_for(
    ctx: &mut Ctx,
    body: &Expr,
    clauses: &[Clause],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let produce = |ctx: &mut Ctx, env: &Env| ctx.eval(body, env);
    comprehension(ctx, &produce, clauses, env, span, &collect_list)
}

pub fn record_for(
    ctx: &mut Ctx,
    key: &Expr,
    value: &Expr,
    clauses: &[Clause],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let produce = |ctx: &mut Ctx, env: &Env| {
        // A bare loop variable as a key is its value: `{ name: … for (name, arm) in arms }`.
        let k = match &key.kind {
            ExprKind::Name(n) => ctx.name(n, env).unwrap_or(Value::text(n.text.clone())),
            _ => ctx.eval(key, env)?,
        };
        let name = access::key_text(&k);
        let before = ctx.stage.clone();
        if !ctx.stage.is_empty() && ctx.top {
            ctx.stage = format!("{before}.{name}").into();
        }
        let v = ctx.eval(value, env);
        ctx.stage = before;
        Ok(Value::list(vec![k, v?]))
    };
    comprehension(ctx, &produce, clauses, env, span, &collect_record)
}

fn collect_list(items: Vec<Value>) -> Value {
    Value::list(items)
}

fn collect_record(items: Vec<Value>) -> Value {
    let mut out = crate::value::Fields::new();
    for i in items {
        if let Value::List(pair) = i
            && let [k, v] = &pair[..]
        {
            out.insert(access::key_text(k), v.clone());
        }
    }
    Value::record(out)
}

type Produce<'a> = dyn Fn(&mut Ctx, &Env) -> Result<Value> + Sync + 'a;
type Collect<'a> = dyn Fn(Vec<Value>) -> Value + 'a;

fn comprehension(
    ctx: &mut Ctx,
    produce: &Produce,
    clauses: &[Clause],
    env: &Env,
    span: Span,
    collect: &Collect,
) -> Result<Value> {
    let Some((first, rest)) = clauses.split_first() else {
        return Ok(collect(vec![produce(ctx, env)?]));
    };
    let key = ctx.next_key();
    match first {
        Clause::If(_) => {
            let mut out = vec![];
            turn(ctx, produce, clauses, env, key, &mut out)?;
            Ok(collect(out))
        }
        Clause::For { pattern, iterable } => {
            let v = ctx.eval(iterable, env)?;
            let v = ctx.settle(v);
            if let Value::Open(_) = v.plain() {
                return ctx.cases(v, span, &mut |ctx, v| {
                    let items = access::items(ctx, &v, iterable.span)?;
                    each(ctx, produce, pattern, items, rest, env, key).map(collect)
                });
            }
            if let Value::Interval(i) = v.plain()
                && let Some(d) = number::as_dim(&i.1)
            {
                // An open number of turns.
                let opened = crate::space::open_of(ctx, &Value::Dim(d), span)?;
                return ctx.cases(opened, span, &mut |ctx, n| {
                    let n = access::whole(ctx, &n, iterable.span)?;
                    let items = (0..n).map(Value::int).collect();
                    each(ctx, produce, pattern, items, rest, env, key).map(collect)
                });
            }
            match sequence(ctx, &v, iterable.span)? {
                Sequence::Batches(d) => {
                    let mut out = vec![];
                    let batches = data::batches(ctx, &d, iterable.span)?;
                    for b in batches {
                        let batch = data::batch(ctx, &d, &b, iterable.span)?;
                        let clock = ctx.clock.replace(b.clock);
                        let inner = destructure(ctx, pattern, batch, env)?;
                        let from = out.len();
                        let r = turn(
                            ctx,
                            produce,
                            rest,
                            &inner,
                            key.child(b.clock.step as u64),
                            &mut out,
                        );
                        ctx.clock = clock;
                        r?;
                        // A turn over data is computed before the next: its batch can go.
                        train::settle_all(ctx, &mut out[from..], iterable.span)?;
                        if ctx.host.interrupted() {
                            return Err(train::interrupted(ctx));
                        }
                    }
                    Ok(collect(out))
                }
                Sequence::Items(items) => {
                    let unknown = v.is_unknown();
                    let out = each(ctx, produce, pattern, items, rest, env, key)?;
                    if unknown {
                        // One turn was looked at; how many there are is not known.
                        return Ok(Value::Unknown(Known::List));
                    }
                    Ok(collect(out))
                }
            }
        }
    }
}

fn each(
    ctx: &mut Ctx,
    produce: &Produce,
    pattern: &Pattern,
    items: Vec<Value>,
    rest: &[Clause],
    env: &Env,
    key: Key,
) -> Result<Vec<Value>> {
    if ctx.may_fork() && items.len() > 1 {
        return parallel(ctx, produce, pattern, items, rest, env, key);
    }
    let mut out = vec![];
    let stage = ctx.stage.clone();
    for (i, item) in items.into_iter().enumerate() {
        let inner = destructure(ctx, pattern, item.clone(), env)?;
        ctx.stage = sub_stage(ctx, &stage, i, &item);
        let elem = ctx.enter_turn(i);
        let r = turn(ctx, produce, rest, &inner, key.child(i as u64), &mut out);
        ctx.leave_turn(elem);
        ctx.stage = stage.clone();
        r?;
    }
    Ok(out)
}

fn sub_stage(ctx: &Ctx, stage: &Arc<str>, i: usize, item: &Value) -> Arc<str> {
    if !ctx.top || stage.is_empty() {
        return stage.clone();
    }
    match item.plain() {
        Value::Int(v, _) => format!("{stage}[{v}]").into(),
        Value::List(_) => stage.clone(),
        _ => format!("{stage}[{i}]").into(),
    }
}

/// Independent elements side by side; each has its own draws by its position, so the result is the same for any number of workers.
fn parallel(
    ctx: &mut Ctx,
    produce: &Produce,
    pattern: &Pattern,
    items: Vec<Value>,
    rest: &[Clause],
    env: &Env,
    key: Key,
) -> Result<Vec<Value>> {
    type Slot = Mutex<Option<(Result<Vec<Value>>, Vec<nas_diagnostics::Diagnostic>)>>;
    let slots: Vec<Slot> = items.iter().map(|_| Mutex::new(None)).collect();
    let stage = ctx.stage.clone();
    let mut contexts = vec![];
    for (i, item) in items.iter().enumerate() {
        let mut inner = ctx.fork(key.child(i as u64));
        inner.top = true;
        inner.stage = sub_stage(ctx, &stage, i, item);
        let inner_env = destructure(&mut inner, pattern, item.clone(), env)?;
        contexts.push(Mutex::new(Some((inner, inner_env))));
    }
    let work = |i: usize| {
        let Ok(Some((mut inner, inner_env))) = contexts[i].lock().map(|mut c| c.take()) else {
            return;
        };
        let mut out = vec![];
        let r = clauses_then(&mut inner, produce, rest, &inner_env, &mut out).map(|()| out);
        if let Ok(mut slot) = slots[i].lock() {
            *slot = Some((r, inner.warnings));
        }
    };
    ctx.host.clone().parallel(items.len(), &work);
    let mut out = vec![];
    for s in slots {
        if let Ok(Some((r, warnings))) = s.into_inner() {
            ctx.warnings.extend(warnings);
            out.extend(r?);
        } else {
            return Err(train::interrupted(ctx));
        }
    }
    Ok(out)
}

fn turn(
    ctx: &mut Ctx,
    produce: &Produce,
    rest: &[Clause],
    env: &Env,
    key: Key,
    out: &mut Vec<Value>,
) -> Result<()> {
    ctx.under(key, |ctx| clauses_then(ctx, produce, rest, env, out))
}

fn clauses_then(
    ctx: &mut Ctx,
    produce: &Produce,
    clauses: &[Clause],
    env: &Env,
    out: &mut Vec<Value>,
) -> Result<()> {
    match clauses.split_first() {
        None => {
            let v = produce(ctx, env)?;
            if !matches!(v, Value::Impossible) {
                out.push(v);
            }
            Ok(())
        }
        Some((Clause::If(c), rest)) => {
            let b = ctx.eval(c, env)?;
            if let Value::Open(_) = b.plain() {
                return Err(fault(
                    "E0309",
                    "a filter that depends on choices is not yet supported by this version",
                )
                .at(c.span, "this condition")
                .into());
            }
            if truth(ctx, &b, c.span)? {
                clauses_then(ctx, produce, rest, env, out)
            } else {
                Ok(())
            }
        }
        Some((Clause::For { pattern, iterable }, rest)) => {
            let key = ctx.next_key();
            let v = ctx.eval(iterable, env)?;
            let items = if v.is_unknown() {
                vec![Value::unknown()]
            } else {
                access::items(ctx, &v, iterable.span)?
            };
            for (i, item) in items.into_iter().enumerate() {
                let inner = destructure(ctx, pattern, item, env)?;
                turn(ctx, produce, rest, &inner, key.child(i as u64), out)?;
            }
            Ok(())
        }
    }
}

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
fn turns(
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
    if let Value::Open(_) = over.plain() {
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
        let mut inner = env.clone();
        if let Some(b) = binder {
            inner = destructure(ctx, b, item, &inner)?;
        }
        if let Some(ix) = index {
            inner = destructure(ctx, ix, Value::int(i as i64), &inner)?;
        }
        let elem = ctx.enter_turn(i);
        let r = ctx.under(key.child(i as u64), |ctx| {
            let f = block(ctx, body, &inner)?;
            match f.plain() {
                Value::Tensor(..) | Value::List(_) | Value::Int(..) | Value::Float(..) => Err(Fault::from(
                    fault("E0307", format!("a turn of `repeat` is a block or a function of the value so far, and this is {}", f.kind()))
                        .at(body.span, "this body")
                        .help("write `z => …` for the value so far"),
                )),
                _ => call::apply(ctx, f, v.clone(), body.span),
            }
        });
        ctx.leave_turn(elem);
        v = r?;
    }
    Ok(v)
}

/// `a == b within t`, `a within t of b`
pub fn within(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    let ExprKind::Within {
        value,
        tolerance,
        of,
    } = &e.kind
    else {
        return Ok(Value::Bool(false));
    };
    let (left, right) = match (of, &value.kind) {
        (Some(of), _) => (ctx.eval(value, env)?, ctx.eval(of, env)?),
        (
            None,
            ExprKind::Binary {
                op: ast::BinaryOp::Eq,
                left,
                right,
            },
        ) => (ctx.eval(left, env)?, ctx.eval(right, env)?),
        _ => {
            return Err(fault(
                "E0301",
                "`within` goes with `a == b within t` or `a within t of b`",
            )
            .at(e.span, "here")
            .into());
        }
    };
    let relative = matches!(&tolerance.kind, ExprKind::Number(n) if n.unit.as_ref().is_some_and(|u| &*u.text == "%"));
    let t = ctx.eval(tolerance, env)?;
    if left.is_unknown() || right.is_unknown() || t.is_unknown() || ctx.checking() {
        return Ok(Value::unknown());
    }
    let t = train::number(ctx, &t, tolerance.span)?;
    let (a, b) = (
        train::numbers(ctx, &left, value.span)?,
        train::numbers(ctx, &right, e.span)?,
    );
    if a.len() != b.len() {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(a.iter().zip(&b).all(|(x, y)| {
        (x - y).abs() <= if relative { t * y.abs() } else { t }
    })))
}

/// `rejected { … }`: true where the checker refuses the body.
pub fn rejected(ctx: &mut Ctx, b: &Block, env: &Env) -> Result<Value> {
    let key = ctx.next_key();
    let mut inner = ctx.fork(key);
    inner.purpose = crate::ctx::Purpose::Check;
    let r = block(&mut inner, b, env).and_then(|v| match v.plain() {
        // A function is tried with stand-ins for its parameters.
        Value::Func(f) => match &f.kind {
            crate::value::FuncKind::Lambda { params, .. } => {
                let mut args = vec![];
                for p in params.iter() {
                    args.push((
                        crate::train::stand_in(&mut inner, p.ty.as_ref(), env)?,
                        p.span,
                    ));
                }
                call::call(&mut inner, v.clone(), call::Args::of(args, b.span))
            }
            _ => Ok(v),
        },
        _ => Ok(v),
    });
    Ok(Value::Bool(r.is_err()))
}

/// The settings of a curriculum at a time: phases carry over what they do not mention.
pub fn curriculum(
    ctx: &mut Ctx,
    b: &Block,
    env: &Env,
    clock: crate::value::Clock,
) -> Result<Value> {
    let mut env = open_scope(b, env);
    let mut out = crate::value::Fields::new();
    for s in &b.stmts {
        match &s.kind {
            StmtKind::Phase { at, settings } => {
                let from = ctx.eval(at, &env)?;
                let start = match from.plain() {
                    Value::Int(e, crate::value::Unit::Epochs) => {
                        *e as f64 / clock.epochs.max(1) as f64
                    }
                    _ => number::as_f64(&from).ok_or_else(|| {
                        Fault::from(
                            fault("E0301", "a phase starts at a share or an epoch")
                                .at(at.span, "here"),
                        )
                    })?,
                };
                if clock.fraction() + 1e-12 >= start
                    && let Value::Record(r) = ctx.record(settings, &env)?
                {
                    out.extend(r.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            StmtKind::Monotone(_) => {}
            _ => env = statement(ctx, s, &env)?,
        }
    }
    Ok(Value::record(out))
}
