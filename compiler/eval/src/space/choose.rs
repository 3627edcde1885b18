//! `choose`: entering a choice as a site, or answering it for a member.

use super::dependent::{dependent, each_case};
use super::several;
use super::sites::{answer, enter, exists_here, find, missing, picked, push, taken, value};
use super::{Choices, SiteInfo};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Func, FuncKind, Value};
use crate::{Result, access, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{Clause, Expr, ExprKind, Field, ListItem};
use std::sync::{Arc, Mutex};

/// Options with the names that tell them apart.
pub(super) type Options = Vec<(Arc<str>, Value)>;

/// The sites met so far, all choices open.
pub(super) type Sites = Arc<Mutex<Vec<SiteInfo>>>;

/// Which options a site offers under some options of earlier sites.
pub(super) type Offer = Vec<(Vec<(u32, usize)>, Vec<usize>)>;

/// Where a choice stands: its address, and the place in the text that tells two choices of one address apart.
#[derive(Clone)]
pub(super) struct Spot {
    pub base: Arc<str>,
    pub span: Span,
}

/// `choose options`, `choose ordered distinct k of options`
pub fn choose(
    ctx: &mut Ctx,
    count: Option<&Expr>,
    options: &Expr,
    ordered: bool,
    distinct: bool,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let Some(context) = ctx.space.clone() else {
        return Err(fault("E0107", "`choose` stands in a space")
            .at(span, "here")
            .help("declare a `space`, and give it what is open")
            .into());
    };
    if let Some(n) = &mut ctx.net {
        n.choices += 1;
    }
    let spot = Spot {
        base: address(ctx),
        span,
    };
    if let Some(count) = count {
        let how = several::How { ordered, distinct };
        return several::choose(ctx, &context.choices, &spot, count, options, how, env);
    }
    if let Some(parts) = written(ctx, options, env)? {
        return one_by_one(ctx, &context.choices, &spot, parts, options.span);
    }
    let before = met(&context.choices);
    let given = ctx.eval(options, env)?;
    let given = ctx.settle(given);
    if met(&context.choices) > before {
        return Err(fault(
            "E0309",
            "options that are computed cannot hold choices of their own in this version",
        )
        .at(options.span, "in these options")
        .help("write them one by one: `choose { a: …, b: … }`, `choose [f(x) for x in xs]`")
        .into());
    }
    let given = match given.plain() {
        Value::Dim(_) => super::open_of(ctx, &given, options.span)?,
        _ => given,
    };
    if let Value::Open(t) = &given {
        let lists = each_case(ctx, t, options.span, &mut |ctx, v| {
            listed(ctx, v, options.span)
        })?;
        return dependent(ctx, &context.choices, &spot, lists, options.span);
    }
    let options = listed(ctx, &given, span)?;
    enter(ctx, &context.choices, &spot, options)
}

fn met(choices: &Choices) -> usize {
    match choices {
        Choices::Open(sites) => sites.lock().map_or(0, |s| s.len()),
        Choices::Member(_) => 0,
    }
}

/// The place of a choice: names and turns around it.
fn address(ctx: &mut Ctx) -> Arc<str> {
    let inner = ctx.place.concat();
    match &mut ctx.net {
        Some(n) => {
            let path = n.place();
            let between = if path.is_empty() || inner.is_empty() {
                ""
            } else {
                "/"
            };
            let inner = if inner.is_empty() && path.is_empty() {
                "choice"
            } else {
                &inner
            };
            format!("{path}{between}{inner}").into()
        }
        None if inner.is_empty() => "choice".into(),
        None => inner.into(),
    }
}

/// The options of a value: a record's fields, the elements of a list or range.
pub(super) fn listed(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Options> {
    let mut out: Options = vec![];
    match v.plain() {
        Value::Record(r) => out.extend(r.iter().map(|(k, v)| (k.clone(), v.clone()))),
        _ => {
            for v in access::items(ctx, v, span)? {
                out.push((label(&v), v));
            }
        }
    }
    checked(out, span)
}

pub(super) fn checked(options: Options, span: Span) -> Result<Options> {
    if options.is_empty() {
        return Err(fault("E0602", "a choice needs options")
            .at(span, "there are none")
            .into());
    }
    let twice = (1..options.len()).find(|i| options[..*i].iter().any(|o| o.0 == options[*i].0));
    if let Some(i) = twice {
        return Err(fault(
            "E0108",
            format!("the option `{}` is given twice", options[i].0),
        )
        .at(span, "in these options")
        .into());
    }
    Ok(options)
}

fn label(v: &Value) -> Arc<str> {
    match v.plain() {
        Value::Func(f) => func_name(f),
        _ => access::key_text(v),
    }
}

fn func_name(f: &Func) -> Arc<str> {
    match &f.kind {
        FuncKind::Decl { decl, .. } => decl.name.text.clone(),
        FuncKind::Builtin { name, .. } => (*name).into(),
        _ => crate::show::brief(&Value::Func(Arc::new(Func {
            kind: f.kind.clone(),
            bound: vec![],
            span: f.span,
        })))
        .into(),
    }
}

// ---- options written one by one: each may hold choices, which exist where it is taken

/// One option as written: its name where it has one, its expression and scope.
pub(super) struct Part {
    name: Option<Arc<str>>,
    value: Expr,
    env: Env,
}

fn written(ctx: &mut Ctx, options: &Expr, env: &Env) -> Result<Option<Vec<Part>>> {
    let mut out = vec![];
    match &options.kind {
        ExprKind::Record(fields) if !fields.is_empty() => {
            for f in fields {
                let (name, value) = match f {
                    Field::Named { name, value } => (name, value.clone()),
                    Field::Short(name) => {
                        let kind = ExprKind::Name(name.clone());
                        (
                            name,
                            Expr {
                                kind,
                                span: name.span,
                            },
                        )
                    }
                    _ => return Ok(None),
                };
                out.push(Part {
                    name: Some(name.text.clone()),
                    value,
                    env: env.clone(),
                });
            }
        }
        ExprKind::List(items) if !items.is_empty() => {
            for i in items {
                let ListItem::Item(value) = i else {
                    return Ok(None);
                };
                out.push(Part {
                    name: None,
                    value: value.clone(),
                    env: env.clone(),
                });
            }
        }
        ExprKind::ListFor { body, clauses } => {
            let [Clause::For { pattern, iterable }] = &clauses[..] else {
                return Ok(None);
            };
            let over = ctx.eval(iterable, env)?;
            let over = ctx.settle(over);
            if matches!(
                over.plain(),
                Value::Open(_) | Value::Interval(_) | Value::Unknown(_)
            ) {
                return Ok(None);
            }
            for item in access::items(ctx, &over, iterable.span)? {
                let env = stmt::destructure(ctx, pattern, item, env)?;
                out.push(Part {
                    name: None,
                    value: (**body).clone(),
                    env,
                });
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(out))
}

fn one_by_one(
    ctx: &mut Ctx,
    choices: &Choices,
    spot: &Spot,
    parts: Vec<Part>,
    span: Span,
) -> Result<Value> {
    if parts.is_empty() {
        return checked(vec![], span).map(|_| Value::None);
    }
    let named = parts.iter().all(|p| p.name.is_some());
    if let Some((site, open)) = super::mixture::here(choices, spot) {
        let mut options = vec![];
        for (o, name, share) in open {
            let k = match named {
                true => (parts.iter()).position(|p| p.name.as_ref() == Some(&name)),
                false => (o < parts.len()).then_some(o),
            };
            let k = k.ok_or_else(|| missing(spot))?;
            options.push((o, name, option(ctx, &parts[k], k, None)?, share));
        }
        return Ok(super::mixture::value(ctx, &site, options, spot.span));
    }
    match choices {
        Choices::Member(_) if named => {
            // Only the option that is taken is looked at.
            let names: Vec<Arc<str>> = parts.iter().filter_map(|p| p.name.clone()).collect();
            let (site, index, label) = answer(ctx, choices, spot, &names)?;
            let Some(k) = names.iter().position(|n| *n == label) else {
                return Err(missing(spot));
            };
            let v = option(ctx, &parts[k], k, None)?;
            Ok(picked(&site, index, label, v))
        }
        Choices::Member(_) => {
            let taken = taken(choices, spot);
            let Some((address, index, label)) = taken else {
                return Err(missing(spot));
            };
            // Without names the options tell which is which.
            let v = option(
                ctx,
                parts.get(index).ok_or_else(|| missing(spot))?,
                index,
                None,
            )?;
            Ok(picked(&address, index, label, v))
        }
        Choices::Open(sites) => {
            let id = match find(sites, spot, |s| s.labels.len() == parts.len()) {
                Some(id) => id,
                None => push(ctx, sites, spot, vec!["".into(); parts.len()]),
            };
            let mut options: Options = vec![];
            for (k, p) in parts.iter().enumerate() {
                let v = option(ctx, p, k, (parts.len() > 1).then_some(id))?;
                let name = match &p.name {
                    Some(n) => n.clone(),
                    None if holds_choices(&v) => format!("option {}", k + 1).into(),
                    None => label(&v),
                };
                options.push((name, v));
            }
            let options = checked(options, span)?;
            let labels: Vec<Arc<str>> = options.iter().map(|o| o.0.clone()).collect();
            let same = sites.lock().is_ok_and(|mut s| {
                let Some(site) = s.get_mut(id as usize) else {
                    return false;
                };
                if site.labels.iter().all(|l| l.is_empty()) {
                    site.labels = labels.clone();
                    site.options = options.iter().map(|o| o.1.clone()).collect();
                }
                site.labels == labels
            });
            if same {
                exists_here(ctx, sites, id);
                return value(ctx, sites, id, options, spot.span);
            }
            enter(ctx, choices, spot, options)
        }
    }
}

/// Whether an option depends on choices: then its name cannot be read off its value.
fn holds_choices(v: &Value) -> bool {
    match v.plain() {
        Value::Open(_) | Value::Dim(_) => true,
        Value::List(l) => l.iter().any(holds_choices),
        Value::Record(r) => r.values().any(holds_choices),
        Value::Func(f) => f
            .bound
            .iter()
            .filter_map(|b| b.value.as_ref())
            .any(holds_choices),
        _ => false,
    }
}

/// Evaluates one option where it is taken.
fn option(ctx: &mut Ctx, p: &Part, k: usize, site: Option<u32>) -> Result<Value> {
    let name = match &p.name {
        Some(n) => format!(".{n}"),
        None => format!(".{k}"),
    };
    let placed = !ctx.place.is_empty();
    if placed {
        ctx.place.push(name);
    }
    let before = ctx.assumed.len();
    if let Some(site) = site {
        ctx.assumed.push((site, k));
    }
    let v = ctx.eval(&p.value, &p.env);
    ctx.assumed.truncate(before);
    if placed {
        ctx.place.pop();
    }
    v
}

/// A size that depends on choices as an open value.
pub fn open_of(_ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Dim(d) => match d.as_table() {
            Some(t) => Ok(Value::Open(Arc::new(t.map(|v| Value::int(*v))))),
            None => Err(
                fault("E0304", format!("{d} is not known before anything runs"))
                    .at(span, "here")
                    .into(),
            ),
        },
        _ => Ok(v.clone()),
    }
}
