//! Comprehensions: lists and records made turn by turn, side by side where the turns are independent.

use super::kept::{Entries, shares_work};
use super::{Sequence, destructure, sequence, truth};
use crate::ctx::Ctx;
use crate::env::Env;
use crate::key::Key;
use crate::value::{Known, Value};
use crate::{Result, access, data, number, train};
use nas_diagnostics::Span;
use nas_grammar::ast::{Clause, Expr, ExprKind, Ident, Pattern};
use std::sync::{Arc, Mutex};

pub fn list_for(
    ctx: &mut Ctx,
    body: &Expr,
    clauses: &[Clause],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let produce = |ctx: &mut Ctx, env: &Env| ctx.eval(body, env);
    let tree = || format!("{body:?} {clauses:?}");
    comprehension(ctx, &produce, &tree, clauses, env, span, &collect_list)
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
    let tree = || format!("{key:?} {value:?} {clauses:?}");
    comprehension(ctx, &produce, &tree, clauses, env, span, &collect_record)
}

pub(super) fn collect_list(items: Vec<Value>) -> Value {
    Value::list(items)
}

/// A filter that depends on choices: what passes is an element where the filter holds, and absent elsewhere.
fn filtered(
    ctx: &mut Ctx,
    produce: &Produce,
    holds: Value,
    rest: &[Clause],
    env: &Env,
    span: Span,
    out: &mut Vec<Value>,
) -> Result<()> {
    let made = ctx.cases(holds, span, &mut |ctx, b| {
        let mut inner = vec![];
        if truth(ctx, &b, span)? {
            clauses_then(ctx, produce, rest, env, &mut inner)?;
        }
        Ok(Value::Absent(Arc::new(inner)))
    })?;
    out.push(made);
    Ok(())
}

/// Elements that are there for some choices only: one list for each case, all filters together.
fn gathered(ctx: &mut Ctx, items: Vec<Value>, span: Span, collect: &Collect) -> Result<Value> {
    fn pending(v: &Value) -> bool {
        match v {
            Value::Absent(_) => true,
            Value::Open(t) => t.values.iter().any(|v| matches!(v, Value::Absent(_))),
            _ => false,
        }
    }
    let Some(i) = items.iter().position(pending) else {
        return Ok(collect(items));
    };
    ctx.cases(items[i].clone(), span, &mut |ctx, v| {
        let mut all = items[..i].to_vec();
        match v {
            Value::Absent(l) => all.extend(l.iter().cloned()),
            other => all.push(other),
        }
        // What was assumed here may settle the rest.
        let rest = items[i + 1..].iter().map(|v| ctx.settle(v.clone()));
        all.extend(rest);
        gathered(ctx, all, span, collect)
    })
}

pub(super) fn collect_record(items: Vec<Value>) -> Value {
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

pub(super) type Produce<'a> = dyn Fn(&mut Ctx, &Env) -> Result<Value> + Sync + 'a;

pub(super) type Collect<'a> = dyn Fn(Vec<Value>) -> Value + 'a;

/// The comprehension as a debug text, for keys.
pub(super) type Tree<'a> = dyn Fn() -> String + 'a;

pub(super) fn comprehension(
    ctx: &mut Ctx,
    produce: &Produce,
    tree: &Tree,
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
            gathered(ctx, out, span, collect)
        }
        Clause::For { pattern, iterable } => {
            let turns = Turns {
                produce,
                tree,
                pattern,
                rest,
                env,
                key,
            };
            let v = ctx.eval(iterable, env)?;
            let v = crate::table::as_rows(ctx, v)?;
            let v = ctx.settle(v);
            if let Value::Open(_) = v.plain() {
                return ctx.cases(v, span, &mut |ctx, v| {
                    let items = access::items(ctx, &v, iterable.span)?;
                    let out = each(ctx, &turns, items)?;
                    gathered(ctx, out, span, collect)
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
                    let out = each(ctx, &turns, items)?;
                    gathered(ctx, out, span, collect)
                });
            }
            match sequence(ctx, &v, iterable.span)? {
                Sequence::Batches(d) => {
                    let mut out = vec![];
                    crate::ledger::note(ctx, crate::ledger::What::Reads);
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
                        // A turn over data is computed before the next. Its batch can go where no gradient is asked for.
                        if ctx.measures {
                            train::settle_all(ctx, &mut out[from..], iterable.span)?;
                        } else {
                            train::compute_all(ctx, &out[from..], iterable.span)?;
                        }
                        if ctx.host.interrupted() {
                            return Err(train::interrupted(ctx));
                        }
                    }
                    Ok(collect(out))
                }
                Sequence::Items(items) => {
                    let open = |i: &(Value, Value)| i.0.is_unknown() || i.1.is_unknown();
                    let unsure = matches!(v.plain(), Value::Interval(i) if open(i));
                    let known = match v.plain() {
                        Value::Unknown(known) => Some(*known),
                        _ => unsure.then_some(Known::List),
                    };
                    let Some(known) = known else {
                        let out = each(ctx, &turns, items)?;
                        return gathered(ctx, out, span, collect);
                    };
                    // One turn is looked at for as many as there are.
                    let times = ctx.times;
                    ctx.times = match known {
                        Known::Many(n) => times.by(n),
                        _ => times.unknown(),
                    };
                    let looked = each(ctx, &turns, items);
                    ctx.times = times;
                    looked?;
                    Ok(Value::Unknown(match (known, rest.is_empty()) {
                        (Known::Many(n), true) => Known::Many(n),
                        _ => Known::List,
                    }))
                }
            }
        }
    }
}

/// What a clause's turns have in common.
struct Turns<'a> {
    produce: &'a Produce<'a>,
    tree: &'a Tree<'a>,
    pattern: &'a Pattern,
    rest: &'a [Clause],
    env: &'a Env,
    key: Key,
}

fn each(ctx: &mut Ctx, turns: &Turns, items: Vec<Value>) -> Result<Vec<Value>> {
    if ctx.top && !ctx.checking() && shares_work(turns.tree, turns.env, &items) {
        ctx.top = false;
        let out = each(ctx, turns, items);
        ctx.top = true;
        return out;
    }
    if ctx.may_fork() && items.len() > 1 {
        return parallel(ctx, turns, items);
    }
    let mut out = vec![];
    let entries = Entries::of(ctx, turns.tree, turns.env);
    let stage = ctx.stage.clone();
    let alike = turns_alike(ctx, turns, items.len());
    let count = items.len();
    // In a check, an element that is the very one before it gives the same.
    let again = ctx.alike.is_some() && crate::alike::outside(ctx);
    let mut last: Option<(Value, Vec<Value>)> = None;
    for (i, item) in items.into_iter().enumerate() {
        if let Some((_, made)) = last.as_ref().filter(|l| very_same(&l.0, &item)) {
            out.extend(made.iter().cloned());
            continue;
        }
        let inner = destructure(ctx, turns.pattern, item.clone(), turns.env)?;
        ctx.stage = sub_stage(ctx, &stage, i, &item);
        let elem = ctx.enter_turn(i);
        let key = turns.key.child(i as u64);
        let r = entries.get(ctx, &item, key, |ctx| {
            let mut out = vec![];
            turn(ctx, turns.produce, turns.rest, &inner, key, &mut out).map(|()| out)
        });
        ctx.leave_turn(elem);
        ctx.stage = stage.clone();
        let r = r?;
        if alike && r.iter().all(|v| crate::alike::inert(v, 8)) {
            return Ok(vec![r; count].concat());
        }
        if again {
            let plain = r.iter().all(|v| crate::alike::inert(v, 8));
            last = plain.then(|| (item, r.clone()));
        }
        out.extend(r);
        if ctx.host.interrupted() && ctx.top {
            return Err(train::interrupted(ctx));
        }
    }
    Ok(out)
}

/// One list or record, not two that are equal; or two of which as much is known.
fn very_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Unknown(a), Value::Unknown(b)) => a == b,
        (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b),
        (Value::Record(a), Value::Record(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// Turns that read nothing of their element differ in draws alone, which a check does not know.
fn turns_alike(ctx: &Ctx, turns: &Turns, count: usize) -> bool {
    if ctx.alike.is_none() || count < 16 || !crate::alike::outside(ctx) {
        return false;
    }
    let tree = (turns.tree)();
    // Once it stands in the clause itself.
    let used = |n: &Ident| tree.matches(&format!("text: \"{}\"", n.text)).count() > 1;
    !turns.pattern.names().into_iter().any(used)
}

pub(super) fn sub_stage(ctx: &Ctx, stage: &Arc<str>, i: usize, item: &Value) -> Arc<str> {
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
fn parallel(ctx: &mut Ctx, turns: &Turns, items: Vec<Value>) -> Result<Vec<Value>> {
    type Slot = Mutex<Option<(Result<Vec<Value>>, Vec<nas_diagnostics::Diagnostic>)>>;
    let slots: Vec<Slot> = items.iter().map(|_| Mutex::new(None)).collect();
    let stage = ctx.stage.clone();
    let entries = Entries::of(ctx, turns.tree, turns.env);
    let mut contexts = vec![];
    for (i, item) in items.iter().enumerate() {
        let mut inner = ctx.fork(turns.key.child(i as u64));
        inner.top = true;
        inner.stage = sub_stage(ctx, &stage, i, item);
        let inner_env = destructure(&mut inner, turns.pattern, item.clone(), turns.env)?;
        contexts.push(Mutex::new(Some((inner, inner_env))));
    }
    let work = |i: usize| {
        let Ok(Some((mut inner, inner_env))) = contexts[i].lock().map(|mut c| c.take()) else {
            return;
        };
        if inner.host.interrupted() {
            return;
        }
        let key = inner.key;
        let r = entries.get(&mut inner, &items[i], key, |ctx| {
            let mut out = vec![];
            clauses_then(ctx, turns.produce, turns.rest, &inner_env, &mut out).map(|()| out)
        });
        if let Ok(mut slot) = slots[i].lock() {
            *slot = Some((r, inner.warnings));
        }
    };
    ctx.host.clone().parallel(items.len(), &work);
    let mut out = vec![];
    for s in slots {
        match s.into_inner() {
            Ok(Some((r, warnings))) => {
                ctx.warnings.extend(warnings);
                out.extend(r?);
            }
            _ => return Err(train::interrupted(ctx)),
        }
    }
    Ok(out)
}

pub(super) fn turn(
    ctx: &mut Ctx,
    produce: &Produce,
    rest: &[Clause],
    env: &Env,
    key: Key,
    out: &mut Vec<Value>,
) -> Result<()> {
    ctx.under(key, |ctx| clauses_then(ctx, produce, rest, env, out))
}

pub(super) fn clauses_then(
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
                return filtered(ctx, produce, b, rest, env, c.span, out);
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
