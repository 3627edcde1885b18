//! Functions over lists: taking apart, pairing, counting, and what is known or valid.

mod classes;
mod fold;
mod known;
pub mod order;
mod pair;

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{BuiltinFn, Fields, FuncKind, Known, Value};
use crate::{Result, access, number, train};
use nas_diagnostics::Span;
use nas_ir::Table;
use std::sync::Arc;

pub use fold::{
    all_list, any_list, argmax_list, argmin_list, concat_lists, cumsum_list, max_list, mean_list,
    min_list, sum_list,
};
pub use order::{
    Ties, alike, best_first_list, distinct_list, order_of, rank_of, sort as sort_list,
};

/// Every function of this file and of the two below it, by name.
pub const LIST: &[(&str, BuiltinFn)] = &[
    ("any", fold::any),
    ("all", fold::all),
    ("count", count),
    ("len", len),
    ("zip", pair::zip),
    ("enumerate", pair::enumerate),
    ("transpose", pair::transpose),
    ("reverse", pair::reverse),
    ("first", pair::first),
    ("last", pair::last),
    ("drop", pair::drop),
    ("keys", pair::keys),
    ("values", pair::values),
    ("pairs", pair::pairs),
    ("grid", pair::grid),
    ("position", position),
    ("longest", longest),
    ("runs", runs),
    ("join", join),
    ("valid", known::valid),
    ("require", known::require),
    ("invalid", known::invalid),
    ("known", known::known),
    ("finite", known::finite),
    ("sort", order::sort),
    ("sorted", order::sorted),
    ("order", order::order),
    ("argsort", order::argsort),
    ("ranks", order::ranks),
    ("top", order::top),
    ("best_first", order::best_first),
    ("best", order::best),
    ("distinct", order::distinct),
    ("set", order::set),
];

pub(super) type Body<'a> = &'a dyn Fn(&mut Ctx, &mut Args) -> Result<Value>;

/// Evaluates a function in each case of its open arguments; an invalid argument is the result.
pub(super) fn lifted(ctx: &mut Ctx, args: &mut Args, f: Body) -> Result<Value> {
    let span = args.span;
    let (listed, named) = (args.positional.len(), args.named.len());
    for i in 0..listed + named {
        let slot = if i < listed {
            &args.positional[i].0
        } else {
            &args.named[i - listed].1
        };
        let Some(v) = slot.clone() else { continue };
        let v = ctx.settle(v);
        let put = |args: &mut Args, v: Value| match i < listed {
            true => args.positional[i].0 = Some(v),
            false => args.named[i - listed].1 = Some(v),
        };
        match v.plain() {
            Value::Invalid(_) => return Ok(v),
            Value::Open(table) => match columns(ctx, table, span)? {
                Some(v) => put(args, v),
                None => {
                    let args = args.clone();
                    return ctx.cases(v, span, &mut |ctx, v| {
                        let mut args = args.clone();
                        put(&mut args, v);
                        lifted(ctx, &mut args, f)
                    });
                }
            },
            _ => put(args, v),
        }
    }
    f(ctx, args)
}

/// An open list whose cases have one length, as a list of open elements.
fn columns(ctx: &mut Ctx, table: &Table<Value>, span: Span) -> Result<Option<Value>> {
    let mut n = None;
    for v in &table.values {
        match v.plain() {
            Value::Impossible => {}
            Value::List(l) if n.is_none_or(|n| n == l.len()) => n = Some(l.len()),
            _ => return Ok(None),
        }
    }
    let Some(n) = n else { return Ok(None) };
    let mut out = Vec::with_capacity(n);
    for i in 0..n {
        let column = table.map(|v| match v.plain() {
            Value::List(l) => l[i].clone(),
            _ => Value::Impossible,
        });
        out.push(crate::open::join(ctx, column, span)?);
    }
    Ok(Some(Value::list(out)))
}

/// As [`lifted`], and also in each case of open elements of a first list: for functions that need plain numbers.
pub(super) fn lifted_deep(ctx: &mut Ctx, args: &mut Args, f: Body) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| deep(ctx, args, f))
}

fn deep(ctx: &mut Ctx, args: &mut Args, f: Body) -> Result<Value> {
    let span = args.span;
    for i in 0..args.positional.len() {
        let Some(Value::List(items)) = args.positional[i].0.as_ref().map(|v| v.plain().clone())
        else {
            continue;
        };
        let Some(at) = items
            .iter()
            .position(|v| matches!(v.plain(), Value::Open(_) | Value::Dim(_)))
        else {
            continue;
        };
        let mut open = ctx.settle(items[at].clone());
        if let Value::Dim(_) = open.plain() {
            open = crate::space::open_of(ctx, &open, span)?;
        }
        if open.is_unknown() {
            return Ok(Value::unknown());
        }
        let args = args.clone();
        return ctx.cases(open, span, &mut |ctx, v| {
            let mut args = args.clone();
            let mut items = items.to_vec();
            items[at] = v;
            args.positional[i].0 = Some(Value::list(items));
            deep(ctx, &mut args, f)
        });
    }
    f(ctx, args)
}

/// The elements of a list argument, or the answer when they are only known at run time.
pub(super) fn elements(
    ctx: &mut Ctx,
    v: &Value,
    span: Span,
) -> Result<std::result::Result<Vec<Value>, Value>> {
    Ok(match v.plain() {
        Value::Unknown(_) => Err(Value::Unknown(Known::List)),
        Value::Invalid(_) => Err(v.clone()),
        Value::None => Ok(vec![]),
        Value::Table(t) => {
            let rows = crate::table::rows(ctx, t)?;
            match rows.plain() {
                Value::List(l) => Ok(l.to_vec()),
                _ => Err(rows),
            }
        }
        Value::Tensor(t, _)
            if ctx.checking() && t.shape().first().and_then(|d| d.known()).is_none() =>
        {
            Err(Value::Unknown(Known::List))
        }
        _ => Ok(access::items(ctx, v, span)?),
    })
}

macro_rules! each {
    ($ctx:expr, $v:expr, $span:expr) => {
        match $crate::builtins::list::elements($ctx, $v, $span)? {
            Ok(items) => items,
            Err(answer) => return Ok(answer),
        }
    };
}
pub(super) use each;

/// Numbers that stand as lazy single numbers among the elements become plain ones, all in one computation.
pub(super) fn forced(ctx: &mut Ctx, mut items: Vec<Value>, span: Span) -> Result<Vec<Value>> {
    let lazy: Vec<usize> = (0..items.len())
        .filter(|i| matches!(items[*i].plain(), Value::Tensor(t, _) if t.rank() == 0))
        .collect();
    if lazy.is_empty() || ctx.checking() {
        return Ok(items);
    }
    let list = Value::list(lazy.iter().map(|i| items[*i].clone()).collect());
    for (i, v) in lazy.into_iter().zip(train::numbers(ctx, &list, span)?) {
        items[i] = if v.is_nan() {
            Value::invalid("not a number")
        } else {
            Value::float(v)
        };
    }
    Ok(items)
}

/// A list as plain numbers, or the answer at once: invalid where an element is, unknown while checking.
pub(super) fn plain_numbers(
    ctx: &mut Ctx,
    v: &Value,
    span: Span,
) -> Result<std::result::Result<Vec<f64>, Value>> {
    if let Value::Tensor(..) = v.plain() {
        if ctx.checking() {
            return Ok(Err(Value::unknown()));
        }
        let all = train::numbers(ctx, v, span)?;
        return Ok(if all.iter().any(|x| x.is_nan()) {
            Err(Value::invalid("not a number"))
        } else {
            Ok(all)
        });
    }
    let items = match elements(ctx, v, span)? {
        Ok(items) => items,
        Err(v) => return Ok(Err(if v.is_unknown() { Value::unknown() } else { v })),
    };
    let items = forced(ctx, items, span)?;
    let mut out = Vec::with_capacity(items.len());
    let mut late = false;
    for x in &items {
        match x.plain() {
            Value::Invalid(_) => return Ok(Err(x.clone())),
            Value::Unknown(_) => late = true,
            Value::Tensor(..) if ctx.checking() => late = true,
            _ => match number::as_f64(x) {
                Some(f) if f.is_nan() => return Ok(Err(Value::invalid("not a number"))),
                Some(f) => out.push(f),
                None => {
                    let d = fault(
                        "E0301",
                        format!(
                            "a list of numbers is wanted, and one of its elements is {}",
                            x.kind()
                        ),
                    )
                    .at(span, "here");
                    return Err(d
                        .note(format!("the element  {}", crate::show::brief(x)))
                        .into());
                }
            },
        }
    }
    Ok(if late { Err(Value::unknown()) } else { Ok(out) })
}

macro_rules! numbers {
    ($ctx:expr, $v:expr, $span:expr) => {
        match $crate::builtins::list::plain_numbers($ctx, $v, $span)? {
            Ok(numbers) => numbers,
            Err(answer) => return Ok(answer),
        }
    };
}
pub(super) use numbers;

/// A word as an argument: `ties: mean`, where the word may also name a function.
pub(super) fn word(v: &Value) -> Option<Arc<str>> {
    match v.plain() {
        Value::Label(l) | Value::Text(l) => Some(l.clone()),
        Value::Func(f) => match &f.kind {
            FuncKind::Builtin { name, .. } => Some((*name).into()),
            FuncKind::Decl { decl, .. } => Some(decl.name.text.clone()),
            _ => None,
        },
        Value::None => Some("none".into()),
        _ => None,
    }
}

/// The number of elements, fields, characters or samples; `none` has none.
pub fn len_of(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    Ok(match v.plain() {
        Value::List(l) => Value::int(l.len() as i64),
        Value::Record(r) => Value::int(r.len() as i64),
        Value::Text(t) => Value::int(t.chars().count() as i64),
        Value::Data(d) => Value::int(d.len() as i64),
        Value::Range(r) => match r.high {
            Some(h) => Value::int(
                h.saturating_sub(r.low.unwrap_or(0))
                    .max(0)
                    .saturating_add(r.step.max(1) - 1)
                    / r.step.max(1),
            ),
            None => {
                return Err(fault("E0301", "this range has no end")
                    .at(span, "here")
                    .into());
            }
        },
        Value::Tensor(t, _) => match t.shape().first() {
            Some(d) => number::of_dim(d.clone()),
            None => {
                return Err(fault("E0403", "a single number has no elements")
                    .at(span, "here")
                    .into());
            }
        },
        Value::Table(t) => {
            let rows = crate::table::rows(ctx, t)?;
            match rows.plain() {
                Value::List(l) => Value::int(l.len() as i64),
                _ => Value::unknown(),
            }
        }
        Value::None => Value::int(0),
        Value::Unknown(_) => Value::Unknown(Known::Number),
        Value::Invalid(_) => v.clone(),
        Value::Open(_) => return ctx.cases(v.clone(), span, &mut |ctx, v| len_of(ctx, &v, span)),
        other => {
            return Err(fault("E0301", format!("{} has no length", other.kind()))
                .at(span, "here")
                .into());
        }
    })
}

fn len(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("xs")?;
    len_of(ctx, &v, args.span)
}

fn count(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("xs")?;
    len_of(ctx, &v, args.span)
}

fn position(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let list = args.take_named("in");
        let x = args.need("x")?;
        let list = match list {
            Some(l) => l,
            None => args.need("in")?,
        };
        let items = match elements(ctx, &list, span)? {
            Ok(items) if !x.is_unknown() && !items.iter().any(Value::is_unknown) => items,
            Ok(_) => return Ok(Value::unknown()),
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        let x = forced(ctx, vec![x], span)?.remove(0);
        let items = forced(ctx, items, span)?;
        Ok(items
            .iter()
            .position(|v| order::alike(v, &x))
            .map_or(Value::None, |i| Value::int(i as i64)))
    })
}

fn longest(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        let items = match elements(ctx, &v, span)? {
            Ok(items) if !items.iter().any(Value::is_unknown) => items,
            Ok(_) => return Ok(Value::unknown()),
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        let mut best: Option<(i64, &Value)> = None;
        for x in &items {
            let n = match x.plain() {
                Value::Record(r) if r.contains_key("length") => r["length"].clone(),
                _ => len_of(ctx, x, span)?,
            };
            let n = access::whole(ctx, &n, span)?;
            if best.is_none_or(|b| n > b.0) {
                best = Some((n, x));
            }
        }
        best.map(|b| b.1.clone()).ok_or_else(|| {
            fault("E0202", "the list is empty")
                .at(span, "an element of it is asked for here")
                .into()
        })
    })
}

fn runs(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        let items = each!(ctx, &v, span);
        if items.iter().any(Value::is_unknown) {
            return Ok(Value::Unknown(Known::List));
        }
        let items = forced(ctx, items, span)?;
        let mut out = vec![];
        let mut start = 0;
        for i in 1..=items.len() {
            if i < items.len() && order::alike(&items[i], &items[start]) {
                continue;
            }
            let mut r = Fields::new();
            r.insert("start".into(), Value::int(start as i64));
            r.insert("length".into(), Value::int((i - start) as i64));
            r.insert("value".into(), items[start].clone());
            out.push(Value::record(r));
            start = i;
        }
        Ok(Value::list(out))
    })
}

fn join(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let by = args
            .take_named("by")
            .map_or(", ".into(), |v| access::key_text(&v));
        let v = args.need("xs")?;
        let items = each!(ctx, &v, span);
        let items = forced(ctx, items, span)?;
        if items.iter().any(Value::is_unknown) {
            return Ok(Value::unknown());
        }
        Ok(Value::text(
            items
                .iter()
                .map(|v| access::key_text(v).to_string())
                .collect::<Vec<_>>()
                .join(&by),
        ))
    })
}
