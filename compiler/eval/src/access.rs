//! Reading parts of values: fields, methods, elements, slices, membership, restriction.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Element, FuncKind, Range, Unit, Value};
use crate::{Fault, Result, net, number, space, stmt, weights};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, IndexArg};
use nas_ir::Dim;
use std::sync::Arc;

const DATA_METHODS: &[&str] = &[
    "split", "take", "map", "batches", "batch", "sample", "shuffled", "skip",
];
const SPACE_METHODS: &[&str] = &["build"];
const NET_METHODS: &[&str] = &["all", "trace"];

/// `base.name` in front of a call: a method where the value has one.
pub fn callee(
    ctx: &mut Ctx,
    base: &Expr,
    name: &ast::Ident,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let v = ctx.eval(base, env)?;
    let methods: &[&str] = match v.plain() {
        Value::Data(_) => DATA_METHODS,
        Value::Space(_) => SPACE_METHODS,
        Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => SPACE_METHODS,
        Value::Net(_) | Value::Call(_) => NET_METHODS,
        Value::Unknown(_) => return Ok(Value::unknown()),
        _ => &[],
    };
    if methods.contains(&&*name.text) {
        return Ok(ctx.func(
            FuncKind::Method {
                receiver: v,
                name: name.text.clone(),
            },
            span,
        ));
    }
    field_of(ctx, v, name, span)
}

pub fn field(
    ctx: &mut Ctx,
    base: &Expr,
    name: &ast::Ident,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let v = ctx.eval(base, env)?;
    field_of(ctx, v, name, span)
}

pub fn field_of(ctx: &mut Ctx, v: Value, name: &ast::Ident, span: Span) -> Result<Value> {
    let v = ctx.settle(v);
    let key = &*name.text;
    let found = match v.plain() {
        Value::Unknown(_) | Value::Impossible | Value::Invalid(_) => Some(v.clone()),
        Value::Open(_) => return ctx.cases(v, span, &mut |ctx, v| field_of(ctx, v, name, span)),
        Value::Module(m) => return module_item(ctx, *m, name, span),
        Value::Record(r) => r.get(key).cloned(),
        Value::Clock(c) => match key {
            "fraction" => Some(Value::float(c.fraction())),
            "step" => Some(Value::int(c.step)),
            "steps" => Some(Value::int(c.steps)),
            "epoch" => Some(Value::int(c.epoch)),
            "epochs" => Some(Value::int(c.epochs)),
            "losses" => {
                return Err(fault(
                    "E0309",
                    "reactive schedules (`now.losses`) are not yet supported by this version",
                )
                .at(span, "here")
                .into());
            }
            _ => None,
        },
        Value::Tensor(t, _) => match key {
            "shape" => Some(Value::list(
                t.shape()
                    .iter()
                    .map(|d| number::of_dim(d.clone()))
                    .collect(),
            )),
            _ => None,
        },
        Value::Range(r) => match key {
            "low" => Some(Value::int(r.low.unwrap_or(0))),
            "high" => r.high.map(Value::int),
            _ => None,
        },
        Value::Interval(i) => match key {
            "low" => Some(i.0.clone()),
            "high" => Some(i.1.clone()),
            _ => None,
        },
        Value::Arch(a) => space::arch_field(ctx, a, key, span)?,
        Value::Space(s) => space::space_field(ctx, s, key, span)?,
        Value::Site(s) => space::site_field(s, key),
        Value::Net(n) => net::net_field(ctx, n, key, span)?,
        Value::Call(c) => net::call_field(ctx, c, key, span)?,
        Value::Weights(w) => weights::field(w, key),
        Value::Data(d) => crate::data::field(d, key),
        Value::Text(t) => match key {
            "length" => Some(Value::int(t.chars().count() as i64)),
            _ => None,
        },
        // A column of a list of records.
        Value::List(items) if !items.is_empty() => {
            let mut out = Vec::with_capacity(items.len());
            for i in items.iter() {
                out.push(field_of(ctx, i.clone(), name, span)?);
            }
            Some(Value::list(out))
        }
        Value::Func(f) => match &f.kind {
            FuncKind::Space { .. } => {
                let s = space::as_space(ctx, &v, span)?;
                space::space_field(ctx, &s, key, span)?
            }
            // `macs.core` where `macs` was imported as one convention.
            FuncKind::Decl {
                global: Some(g), ..
            } => {
                let m = ctx.program.globals[*g].module;
                return match call::static_argument(f, key) {
                    Some(v) => Ok(v),
                    None => module_item(ctx, m, name, span),
                };
            }
            _ => call::static_argument(f, key),
        },
        _ => None,
    };
    found.ok_or_else(|| {
        let names = fields_of(&v);
        let mut d =
            fault("E0202", format!("{} has no `{key}`", v.kind())).at(name.span, "asked for here");
        if let Some(c) =
            nas_diagnostics::did_you_mean(key, names.iter().map(|s| &**s).collect::<Vec<_>>())
        {
            d = d.help(format!("did you mean `{c}`?"));
        } else if !names.is_empty() {
            d = d.note(format!("it has {}", names.join(", ")));
        }
        d.into()
    })
}

fn fields_of(v: &Value) -> Vec<String> {
    match v.plain() {
        Value::Record(r) => r.keys().map(|k| k.to_string()).collect(),
        Value::Clock(_) => ["fraction", "step", "steps", "epoch", "epochs"]
            .map(String::from)
            .to_vec(),
        Value::Data(d) => d.parts().into_iter().map(String::from).collect(),
        Value::Arch(a) => a.space.names(),
        _ => vec![],
    }
}

fn module_item(ctx: &mut Ctx, module: usize, name: &ast::Ident, span: Span) -> Result<Value> {
    let program = ctx.program.clone();
    if let Some(id) = program
        .globals
        .iter()
        .position(|g| g.module == module && g.name == name.text)
    {
        return ctx.global(id, span);
    }
    let names: Vec<&str> = program
        .globals
        .iter()
        .filter(|g| g.module == module)
        .map(|g| &*g.name)
        .collect();
    let path = program
        .modules
        .get(module)
        .map(|m| m.path.to_string())
        .unwrap_or_default();
    let mut d =
        fault("E0202", format!("`{path}` has no `{}`", name.text)).at(name.span, "asked for here");
    d = match nas_diagnostics::did_you_mean(&name.text, names.clone()) {
        Some(c) => d.help(format!("did you mean `{c}`?")),
        None => d.note(format!("it has {}", names.join(", "))),
    };
    Err(d.into())
}

/// A value as a whole number.
pub fn whole(ctx: &mut Ctx, v: &Value, span: Span) -> Result<i64> {
    match v.plain() {
        Value::Int(i, _) => Ok(*i),
        Value::Float(f, _) if f.fract() == 0.0 && f.abs() < 9e15 => Ok(*f as i64),
        Value::Float(f, _) => Err(fault(
            "E0402",
            format!("a whole number is wanted, and this is {f}"),
        )
        .at(span, "not whole")
        .help("`ceil(…)` or `floor(…)` bring it back")
        .into()),
        Value::Tensor(..) if !ctx.checking() => {
            let f = crate::train::number(ctx, v, span)?;
            whole(ctx, &Value::float(f), span)
        }
        Value::Tensor(..) | Value::Unknown(_) => Err(fault(
            "E0304",
            "a run-time value stands where a number must be known",
        )
        .at(span, "known only when the pipeline runs")
        .into()),
        other => Err(fault(
            "E0301",
            format!("a whole number is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

/// The elements of anything that can be gone through.
pub fn items(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Vec<Value>> {
    Ok(match v.plain() {
        Value::List(l) => l.to_vec(),
        Value::Range(r) if r.high.is_some() => {
            if r.high.unwrap_or(0).saturating_sub(r.low.unwrap_or(0)) > 50_000_000 {
                return Err(fault("E0606", "this range is too long to be gone through")
                    .at(span, "this range")
                    .into());
            }
            r.iter().map(Value::int).collect()
        }
        Value::Record(r) => r
            .iter()
            .map(|(k, v)| Value::list(vec![Value::text(k.clone()), v.clone()]))
            .collect(),
        Value::Tensor(t, e) => {
            let Some(n) = t.shape().first().and_then(|d| d.known()) else {
                return Err(fault("E0304", "this tensor's length is not known")
                    .at(span, "here")
                    .into());
            };
            let mut out = vec![];
            for i in 0..n {
                out.push(row(ctx, t, *e, i, span)?);
            }
            out
        }
        Value::Space(s) => s.clone().members(ctx, span)?,
        other => {
            return Err(
                fault("E0301", format!("{} cannot be gone through", other.kind()))
                    .at(span, "a list is wanted here")
                    .into(),
            );
        }
    })
}

fn row(ctx: &mut Ctx, t: &nas_ir::Tensor, e: Element, i: i64, span: Span) -> Result<Value> {
    let n = t
        .shape()
        .first()
        .and_then(|d| d.known())
        .unwrap_or(i64::MAX);
    let i = if i < 0 { i + n } else { i };
    let s = t
        .slice(0, Dim::Const(i), Dim::Const(i + 1), 1)
        .and_then(|s| s.reshape(&t.shape()[1..]));
    s.map(|t| Value::Tensor(t, e))
        .map_err(|e| ctx.shape_fault(e, span))
}

/// `v[i]`
pub fn element(ctx: &mut Ctx, v: Value, i: i64, span: Span) -> Result<Value> {
    match v.plain() {
        Value::List(l) => {
            let at = if i < 0 { i + l.len() as i64 } else { i };
            l.get(at as usize).cloned().ok_or_else(|| {
                fault(
                    "E0202",
                    format!(
                        "the list has {} elements, and element {i} is asked for",
                        l.len()
                    ),
                )
                .at(span, "here")
                .into()
            })
        }
        Value::Range(r) => match r.iter().nth(i.max(0) as usize) {
            Some(v) => Ok(Value::int(v)),
            None => Err(fault("E0202", format!("the range has no element {i}"))
                .at(span, "here")
                .into()),
        },
        Value::Tensor(t, e) => {
            let (t, e) = (t.clone(), *e);
            if t.rank() == 0 {
                return Err(fault("E0403", "a single number has no elements")
                    .at(span, "here")
                    .into());
            }
            row(ctx, &t, e, i, span)
        }
        Value::Open(_) => ctx.cases(v, span, &mut |ctx, v| element(ctx, v, i, span)),
        Value::Unknown(_) | Value::Invalid(_) => Ok(v),
        Value::Record(r) => match r.get_index(i.max(0) as usize) {
            Some((_, v)) => Ok(v.clone()),
            None => Err(fault("E0202", format!("the record has no element {i}"))
                .at(span, "here")
                .into()),
        },
        other => Err(fault("E0301", format!("{} has no elements", other.kind()))
            .at(span, "here")
            .into()),
    }
}

pub fn key_text(v: &Value) -> Arc<str> {
    match v.plain() {
        Value::Text(t) | Value::Label(t) => t.clone(),
        other => crate::show::brief(other).into(),
    }
}

pub fn index(
    ctx: &mut Ctx,
    base: &Expr,
    args: &[IndexArg],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let b = ctx.eval(base, env)?;
    let mut values = vec![];
    for a in args {
        match a {
            // `..shape` spreads a list, `..k` is a slice: told apart by value.
            IndexArg::At(Expr {
                kind:
                    ast::ExprKind::Range {
                        low: None,
                        high: Some(h),
                        inclusive: false,
                        step: None,
                    },
                span: at,
            }) => {
                let v = ctx.eval(h, env)?;
                match v.plain() {
                    Value::List(l) => values.extend(l.iter().map(|v| (v.clone(), *at))),
                    Value::Int(k, _) => values.push((
                        Value::Range(Range {
                            low: None,
                            high: Some(*k),
                            step: 1,
                        }),
                        *at,
                    )),
                    Value::Dim(_) => {
                        values.push((Value::Interval(Arc::new((Value::int(0), v.clone()))), *at))
                    }
                    _ => {
                        let k = whole(ctx, &v, *at)?;
                        values.push((
                            Value::Range(Range {
                                low: None,
                                high: Some(k),
                                step: 1,
                            }),
                            *at,
                        ));
                    }
                }
            }
            IndexArg::At(e) => values.push((ctx.eval(e, env)?, e.span)),
            IndexArg::Spread(e) => {
                let v = ctx.eval(e, env)?;
                // `..k` in a slice reads as a range from the start; `..shape` spreads a list.
                match v.plain() {
                    Value::List(l) => values.extend(l.iter().map(|v| (v.clone(), e.span))),
                    Value::Int(k, _) => values.push((
                        Value::Range(Range {
                            low: None,
                            high: Some(*k),
                            step: 1,
                        }),
                        e.span,
                    )),
                    Value::Dim(_) => values.push((
                        Value::Interval(Arc::new((Value::int(0), v.clone()))),
                        e.span,
                    )),
                    _ => values.push((v, e.span)),
                }
            }
            IndexArg::All(s) => values.push((
                Value::Range(Range {
                    low: None,
                    high: None,
                    step: 1,
                }),
                *s,
            )),
            IndexArg::Named(n, _) | IndexArg::Last(n) => {
                return Err(fault(
                    "E0309",
                    "weights picked by slot are not yet supported by this version",
                )
                .at(n.span, "here")
                .into());
            }
        }
    }
    index_value(ctx, b, values, span)
}

pub fn index_value(
    ctx: &mut Ctx,
    base: Value,
    args: Vec<(Value, Span)>,
    span: Span,
) -> Result<Value> {
    let base = ctx.settle(base);
    if let Value::Open(_) = &base {
        return ctx.cases(base, span, &mut |ctx, b| {
            index_value(ctx, b, args.clone(), span)
        });
    }
    match base.plain() {
        Value::Unknown(_) | Value::Invalid(_) => return Ok(base.clone()),
        Value::Space(s) => return space::member(ctx, s, args, span),
        Value::Func(f) => match &f.kind {
            FuncKind::Space { .. } => {
                let s = space::as_space(ctx, &base, span)?;
                return space::member(ctx, &s, args, span);
            }
            FuncKind::Builtin { name, .. } if matches!(*name, "ones" | "zeros") => {
                let shape = Value::list(args.into_iter().map(|a| a.0).collect());
                return call::call(ctx, base.clone(), Args::of(vec![(shape, span)], span));
            }
            FuncKind::Builtin { .. } => {
                // `normal[16, ..shape]`: the standard form of the distribution.
                let d = call::call(ctx, base.clone(), Args::of(vec![], span))?;
                return index_value(ctx, d, args, span);
            }
            FuncKind::Decl { decl, .. } if decl.role == ast::Role::Block => {
                return net::with_weights(ctx, &base, args, span);
            }
            _ => {}
        },
        Value::Dist(d) => {
            let key = ctx.next_key();
            return crate::draw::tensor(
                ctx,
                d,
                &args.iter().map(|a| a.0.clone()).collect::<Vec<_>>(),
                key,
                span,
            );
        }
        Value::Net(_) => return net::with_weights(ctx, &base, args, span),
        Value::Tensor(t, e) => return slice_tensor(ctx, t, *e, args, span),
        _ => {}
    }
    let [(key, at)] = &args[..] else {
        return Err(fault("E0301", format!("{} takes one index", base.kind()))
            .at(span, "here")
            .into());
    };
    let key = ctx.settle(key.clone());
    if let Value::Open(_) = &key {
        return ctx.cases(key, span, &mut |ctx, k| {
            index_value(ctx, base.clone(), vec![(k, *at)], span)
        });
    }
    if let Value::Dim(_) = &key {
        let opened = space::open_of(ctx, &key, span)?;
        return index_value(ctx, base, vec![(opened, *at)], span);
    }
    match (base.plain(), key.plain()) {
        (_, Value::Unknown(_)) => Ok(Value::unknown()),
        (Value::List(l), Value::Range(r)) => {
            let n = l.len() as i64;
            let clip = |v: i64| if v < 0 { (v + n).max(0) } else { v.min(n) };
            let (a, b) = (clip(r.low.unwrap_or(0)), clip(r.high.unwrap_or(n)));
            Ok(Value::list(if a < b {
                l[a as usize..b as usize].to_vec()
            } else {
                vec![]
            }))
        }
        (Value::List(l), Value::List(ix)) => {
            let mut out = vec![];
            for i in ix.iter() {
                let i = whole(ctx, i, *at)?;
                out.push(element(ctx, Value::List(l.clone()), i, *at)?);
            }
            Ok(Value::list(out))
        }
        (Value::Record(r), k) => match k {
            Value::Text(_) | Value::Label(_) | Value::List(_) => {
                let name = key_text(k);
                r.get(&name).cloned().ok_or_else(|| {
                    let names: Vec<&str> = r.keys().map(|k| &**k).collect();
                    let mut d = fault("E0202", format!("the record has no `{name}`"))
                        .at(*at, "asked for here");
                    if let Some(c) = nas_diagnostics::did_you_mean(&name, names) {
                        d = d.help(format!("did you mean `{c}`?"));
                    }
                    d.into()
                })
            }
            Value::Int(i, _) => match r.get(&*i.to_string()) {
                Some(v) => Ok(v.clone()),
                None => element(ctx, base.clone(), *i, *at),
            },
            Value::Site(s) => r.get(&*s.address).cloned().ok_or_else(|| {
                fault(
                    "E0202",
                    format!("the record has nothing for the site {}", s.address),
                )
                .at(*at, "asked for here")
                .into()
            }),
            other => Err(fault(
                "E0301",
                format!("a record is read by a name, not by {}", other.kind()),
            )
            .at(*at, "here")
            .into()),
        },
        (Value::Table(t), k) => crate::table::row(ctx, t, k, *at),
        (Value::Arch(a), Value::Site(s)) => space::arch_at(ctx, a, s, *at),
        (_, Value::Range(_)) => Err(fault("E0301", format!("{} cannot be sliced", base.kind()))
            .at(span, "here")
            .into()),
        (_, k) => {
            let i = whole(ctx, k, *at)?;
            element(ctx, base.clone(), i, span)
        }
    }
}

/// `x[1, .., ..k]`: an index drops its axis, a range keeps it.
fn slice_tensor(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    e: Element,
    args: Vec<(Value, Span)>,
    span: Span,
) -> Result<Value> {
    let mut t = t.clone();
    let mut axis = 0;
    if args.len() > t.rank() {
        return Err(ctx.shape_fault(
            nas_ir::ShapeError::ranks("this index", args.len(), t.shape()),
            span,
        ));
    }
    for (a, at) in args {
        match a.plain() {
            Value::Range(r) => {
                let full = t.shape()[axis].clone();
                let start = r.low.unwrap_or(0);
                let end = match r.high {
                    Some(h) if h >= 0 => Dim::Const(h),
                    Some(h) => full
                        .add(&Dim::Const(h))
                        .map_err(|e| ctx.shape_fault(e.into(), at))?,
                    None => full,
                };
                t = t
                    .slice(axis, Dim::Const(start), end, 1)
                    .map_err(|e| ctx.shape_fault(e, at))?;
                axis += 1;
            }
            Value::Interval(i) => {
                let (Some(a), Some(b)) = (number::as_dim(&i.0), number::as_dim(&i.1)) else {
                    return Err(fault("E0301", "a slice goes between whole numbers")
                        .at(at, "here")
                        .into());
                };
                t = t.slice(axis, a, b, 1).map_err(|e| ctx.shape_fault(e, at))?;
                axis += 1;
            }
            Value::Tensor(i, _) if i.rank() == 1 => {
                t = t.gather(axis, i).map_err(|e| ctx.shape_fault(e, at))?;
                axis += 1;
            }
            _ => {
                let i = whole(ctx, &a, at)?;
                let n = t.shape()[axis].known().unwrap_or(i64::MAX);
                let i = if i < 0 { i + n } else { i };
                let mut shape: nas_ir::Shape = t.shape().into();
                shape.remove(axis);
                t = t
                    .slice(axis, Dim::Const(i), Dim::Const(i + 1), 1)
                    .and_then(|s| s.reshape(&shape))
                    .map_err(|e| ctx.shape_fault(e, at))?;
            }
        }
    }
    let _ = span;
    Ok(Value::Tensor(t, e))
}

/// `v in c`
pub fn contains(ctx: &mut Ctx, v: Value, c: Value, span: Span) -> Result<Value> {
    let (v, c) = (ctx.settle(v), ctx.settle(c));
    if let Value::Open(_) = &v {
        return ctx.cases(v, span, &mut |ctx, v| contains(ctx, v, c.clone(), span));
    }
    if let Value::Open(_) = &c {
        return ctx.cases(c, span, &mut |ctx, c| contains(ctx, v.clone(), c, span));
    }
    if v.is_unknown() || c.is_unknown() {
        return Ok(Value::unknown());
    }
    if let Value::Invalid(_) = v.plain() {
        return Ok(v.clone());
    }
    Ok(match c.plain() {
        Value::List(l) => Value::Bool(
            l.iter()
                .any(|x| number::equal(x, &v) == Some(true) || is_option(x, &v)),
        ),
        Value::Record(r) => Value::Bool(r.contains_key(&key_text(&v))),
        Value::Range(r) => {
            let low = r
                .low
                .map(|l| number::binary(ctx, ast::BinaryOp::Ge, v.clone(), Value::int(l), span))
                .transpose()?;
            let high = r
                .high
                .map(|h| number::binary(ctx, ast::BinaryOp::Lt, v.clone(), Value::int(h), span))
                .transpose()?;
            space::both(
                ctx,
                low.unwrap_or(Value::Bool(true)),
                high.unwrap_or(Value::Bool(true)),
                span,
            )?
        }
        Value::Interval(i) => {
            let low = number::binary(ctx, ast::BinaryOp::Ge, v.clone(), i.0.clone(), span)?;
            let high = number::binary(ctx, ast::BinaryOp::Le, v, i.1.clone(), span)?;
            space::both(ctx, low, high, span)?
        }
        Value::Text(t) => Value::Bool(t.contains(&*key_text(&v))),
        other => {
            return Err(fault("E0301", format!("nothing is `in` {}", other.kind()))
                .at(span, "here")
                .into());
        }
    })
}

/// An option against a bare word or another option.
fn is_option(a: &Value, b: &Value) -> bool {
    let label = |v: &Value| match v {
        Value::Picked(p) => Some(p.label.clone()),
        Value::Label(l) => Some(l.clone()),
        Value::None => Some("none".into()),
        _ => None,
    };
    match (label(a), label(b)) {
        (Some(x), Some(y)) => x == y,
        _ => false,
    }
}

/// Whether a value is what a name declares: `relu`, `batch_norm`.
pub fn named(v: &Value, name: &str) -> bool {
    match v.plain() {
        Value::Func(f) => match &f.kind {
            FuncKind::Decl { decl, .. } => &*decl.name.text == name,
            FuncKind::Builtin { name: n, .. } => *n == name,
            FuncKind::Partial { of } => named(of, name),
            _ => false,
        },
        Value::Call(c) => &*c.kind == name,
        Value::Label(l) => &**l == name,
        _ => false,
    }
}

/// `v where p, q`
pub fn restrict(
    ctx: &mut Ctx,
    v: Value,
    conditions: &[Expr],
    env: &Env,
    span: Span,
) -> Result<Value> {
    match v.plain() {
        Value::Space(s) => space::restrict(ctx, s, conditions, env, span),
        Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => {
            let s = space::as_space(ctx, &v, span)?;
            space::restrict(ctx, &s, conditions, env, span)
        }
        Value::List(l) => {
            let mut out = vec![];
            for x in l.iter() {
                let mut inner = env.bind("it".into(), x.clone());
                if let Value::Record(r) = x.plain() {
                    for (k, v) in r.iter() {
                        inner = inner.bind(k.clone(), v.clone());
                    }
                }
                let mut keep = true;
                for c in conditions {
                    let b = ctx.eval(c, &inner)?;
                    keep = keep && stmt::truth(ctx, &b, c.span)?;
                }
                if keep {
                    out.push(x.clone());
                }
            }
            Ok(Value::list(out))
        }
        Value::Table(t) => {
            let rows = crate::table::rows(ctx, t)?;
            restrict(ctx, rows, conditions, env, span)
        }
        Value::Unknown(_) => Ok(v.clone()),
        other => Err(Fault::from(
            fault(
                "E0309",
                format!(
                    "`where` on {} is not yet supported by this version",
                    other.kind()
                ),
            )
            .at(span, "here")
            .help("spaces, lists and tables take `where`"),
        )),
    }
}

/// The unit that a count has.
pub fn counted(n: i64) -> Value {
    Value::Int(n, Unit::One)
}
