//! Elements and slices: `v[i]`, `x[1, .., ..k]`, `space[a, w]`.

use super::{key_text, whole};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Element, FuncKind, Range, Value};
use crate::{Result, net, number, space};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, IndexArg};
use nas_ir::Dim;
use std::sync::Arc;

pub(super) fn row(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    e: Element,
    i: i64,
    span: Span,
) -> Result<Value> {
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

pub fn index(
    ctx: &mut Ctx,
    base: &Expr,
    args: &[IndexArg],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let b = ctx.eval(base, env)?;
    if args
        .iter()
        .any(|a| matches!(a, IndexArg::Named(..) | IndexArg::Last(_)))
    {
        return crate::weights::pick(ctx, &b, args, env, span);
    }
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
                    Value::Unknown(_) => values.push((v, *at)),
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
            IndexArg::Named(..) | IndexArg::Last(_) => {}
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
        Value::Sealed(s) => return Err(crate::seal::refuse(s, span)),
        Value::Space(s) => return space::member(ctx, s, args, span),
        Value::Growth(g) => return space::member(ctx, &g.space.clone(), args, span),
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
        // A draw of a shape that is not known yet.
        Value::Dist(_) if ctx.checking() && args.iter().any(|a| a.0.is_unknown()) => {
            return Ok(Value::unknown());
        }
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
        Value::Tensor(..) if ctx.checking() && args.iter().any(|a| a.0.is_unknown()) => {
            return Ok(Value::unknown());
        }
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
pub(super) fn slice_tensor(
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
