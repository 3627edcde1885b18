//! Texts with `{…}` parts: interpolation, and encodings that read and write members.

use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::space::{SiteInfo, SpaceValue};
use crate::value::Value;
use crate::{Fault, Result, access};
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::{self, Expr, ExprKind};
use nas_space as algebra;
use std::sync::Arc;

mod loops;

/// The parts of a text: literal, or what stands between braces (with its place in the text).
pub fn parts(raw: &str) -> Vec<(bool, String)> {
    let mut out: Vec<(bool, String)> = vec![];
    let mut literal = String::new();
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some('{' | '}')) => literal.extend(chars.next()),
            '{' => {
                if !literal.is_empty() {
                    out.push((false, std::mem::take(&mut literal)));
                }
                let mut depth = 1;
                let mut inner = String::new();
                for c in chars.by_ref() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                    inner.push(c);
                }
                out.push((true, inner));
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        out.push((false, literal));
    }
    out
}

fn inner_expr(t: &ast::Text, text: &str) -> Result<Expr> {
    let (e, errors) = nas_grammar::parse_expr(t.span.file, text);
    if errors.iter().any(|d| d.is_error()) {
        return Err(fault("E0106", format!("`{{{text}}}` cannot be read"))
            .at(t.span, "in this text")
            .into());
    }
    // Spans inside a text point at the whole text.
    Ok(Expr { span: t.span, ..e })
}

/// A text as a value.
pub fn interpolate(ctx: &mut Ctx, t: &ast::Text, env: &Env) -> Result<Value> {
    if !t.raw.contains(['{', '\\']) {
        return Ok(Value::Text(t.raw.clone()));
    }
    // An option that is no number or text is told by its name.
    fn told(v: &Value) -> String {
        match v {
            Value::Picked(p)
                if !matches!(
                    v.plain(),
                    Value::Int(..) | Value::Float(..) | Value::Text(_)
                ) =>
            {
                p.label.to_string()
            }
            _ => access::key_text(v).to_string(),
        }
    }
    let mut out = Value::text("");
    for (hole, text) in parts(&t.raw) {
        let part = if hole {
            let e = inner_expr(t, &text)?;
            let v = ctx.eval(&e, env)?;
            if v.is_unknown() {
                return Ok(Value::unknown());
            }
            match v.plain() {
                Value::Open(_) => ctx.cases(v, t.span, &mut |_, v| Ok(Value::text(told(&v))))?,
                _ => Value::text(told(&v)),
            }
        } else {
            Value::text(text)
        };
        out = match (&out, &part) {
            (Value::Text(a), Value::Text(b)) => Value::text(format!("{a}{b}")),
            _ => crate::number::binary(ctx, ast::BinaryOp::Concat, out, part, t.span)?,
        };
    }
    Ok(out)
}

/// The encoding of a space as parts that read and write.
pub fn encoding(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    space: &algebra::Space,
    t: &ast::Text,
    sites: &[SiteInfo],
) -> Result<algebra::Template> {
    let e = s.elaborate(ctx)?;
    let mut out = vec![];
    for (hole, text) in parts(&t.raw) {
        if !hole {
            out.push(algebra::Part::Literal(text));
            continue;
        }
        if text.trim_start().starts_with("for ") {
            loops::read(ctx, s, space, t, sites, &text, &mut out)?;
            continue;
        }
        // `{xs by {a: b}}` renames, `{xs join .}` joins, `{x:index+1}` writes the option's number.
        let (path, renames) = match text.split_once(" by ") {
            Some((p, map)) => (
                p.trim().to_string(),
                Some(map.trim().trim_matches(['{', '}']).to_string()),
            ),
            None => (text.clone(), None),
        };
        let (path, join) = match path.split_once(" join ") {
            Some((p, j)) => (p.trim().to_string(), Some(j.to_string())),
            None if path.ends_with(" join") => (
                path.trim_end_matches(" join").to_string(),
                Some(String::new()),
            ),
            None => (path, None),
        };
        let (path, index) = numbered(&path);
        let rename = |l: &str| -> String {
            renames
                .as_ref()
                .and_then(|m| {
                    m.split(',')
                        .filter_map(|kv| kv.split_once(':'))
                        .find(|(k, _)| same_number(k.trim(), l))
                        .map(|(_, v)| v.trim().to_string())
                })
                .unwrap_or_else(|| l.to_string())
        };
        let texts = |i: usize| -> Vec<String> {
            sites[i]
                .labels
                .iter()
                .enumerate()
                .map(|(k, l)| {
                    let value = sites[i].options.get(k).map(Value::plain);
                    match (index, value, &join) {
                        (Some(first), ..) => (k as i64 + first).to_string(),
                        // An option that is a list is written by its elements.
                        (None, Some(Value::List(parts)), Some(by)) => parts
                            .iter()
                            .map(|x| access::key_text(x).to_string())
                            .collect::<Vec<_>>()
                            .join(by),
                        (None, ..) => rename(l),
                    }
                })
                .collect()
        };
        let found: Vec<usize> = (0..sites.len())
            .filter(|i| address_matches(&path, &sites[*i].address))
            .collect();
        let many = path.contains("[*]") || join.is_some();
        match found.as_slice() {
            [one] if !many => out.push(algebra::Part::Site {
                site: *one,
                texts: texts(*one),
            }),
            [_, ..] => out.push(algebra::Part::Many {
                sites: found.clone(),
                texts: found.iter().map(|i| texts(*i)).collect(),
                join: join.unwrap_or_default(),
            }),
            [] => {
                // Something that follows from choices: a name of the space with a table of values.
                let part = derived(ctx, s, space, &e.env, &path, join.as_deref(), t)?;
                out.push(part);
            }
        }
    }
    algebra::Template::new(space, out).map_err(|e| {
        let mut d = fault(
            "E0603",
            format!(
                "this encoding does not tell every choice of `{}`: {}",
                s.name, e.message
            ),
        )
        .at(t.span, "this encoding");
        if !e.missing.is_empty() {
            d = d.note(format!(
                "missing: {}",
                e.missing
                    .iter()
                    .map(|m| m.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ));
        }
        d.into()
    })
}

/// The encoding of a space that declares none: `op[0]=conv op[1]=pool`.
pub fn plain(
    space: &algebra::Space,
    sites: &[SiteInfo],
) -> std::result::Result<algebra::Template, algebra::TemplateError> {
    let texts = |s: &SiteInfo| {
        let one = |l: &Arc<str>| format!("{}={l}", s.address);
        s.labels.iter().map(one).collect()
    };
    let part = algebra::Part::Many {
        sites: (0..sites.len()).collect(),
        texts: sites.iter().map(texts).collect(),
        join: " ".into(),
    };
    algebra::Template::new(space, vec![part])
}

/// `x:index`, `x:index+1`: the option's number, counted from there.
fn numbered(path: &str) -> (String, Option<i64>) {
    match path.rsplit_once(":index") {
        Some((p, "")) => (p.trim().into(), Some(0)),
        Some((p, more)) => match more.trim().replace(' ', "").parse::<i64>() {
            Ok(n) => (p.trim().into(), Some(n)),
            Err(_) => (path.trim().into(), None),
        },
        None => (path.trim().into(), None),
    }
}

pub fn same_number(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(x), Ok(y)) if x == y)
}

/// `op[3]`, `op[*]`, `layers[*].ratio`, or `xs` for all of a list.
fn address_matches(path: &str, address: &str) -> bool {
    if path == address {
        return true;
    }
    let (mut p, mut a) = (path, address);
    loop {
        match p.split_once("[*]") {
            None => {
                // The rest: exact, or a whole list.
                return a == p
                    || (a.starts_with(p)
                        && a[p.len()..].starts_with('[')
                        && a.ends_with(']')
                        && a[p.len()..].matches('[').count() == 1);
            }
            Some((head, tail)) => {
                let Some(rest) = a.strip_prefix(head) else {
                    return false;
                };
                let Some(end) = rest.find(']').filter(|_| rest.starts_with('[')) else {
                    return false;
                };
                a = &rest[end + 1..];
                p = tail;
                if p.is_empty() {
                    return a.is_empty();
                }
            }
        }
    }
}

/// A list of open elements as one open list.
fn joined(ctx: &mut Ctx, v: Value, span: nas_diagnostics::Span) -> Result<Value> {
    let Value::List(items) = v.plain() else {
        return Ok(v);
    };
    let mut whole = Value::list(vec![]);
    for x in items.iter() {
        let x = match x.plain() {
            Value::Dim(_) => crate::space::open_of(ctx, x, span)?,
            _ => x.clone(),
        };
        whole = ctx.cases(whole, span, &mut |ctx, list| {
            ctx.cases(x.clone(), span, &mut |_, x| match list.plain() {
                Value::List(l) => Ok(Value::list([&l[..], &[x]].concat())),
                _ => Ok(x),
            })
        })?;
    }
    Ok(whole)
}

fn derived(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    space: &algebra::Space,
    env: &Env,
    path: &str,
    join: Option<&str>,
    t: &ast::Text,
) -> Result<algebra::Part> {
    let bad = || {
        let d = fault(
            "E0603",
            format!("`{{{path}}}` is no choice of `{}`", s.name),
        )
        .at(t.span, "in this encoding");
        Fault::from(near(d, s, path, t))
    };
    let v = match env.find(path) {
        Some(Found::Value(v)) => v,
        _ => {
            let e = inner_expr(t, path)?;
            if let ExprKind::Error = e.kind {
                return Err(bad());
            }
            let context = s.elaborate(ctx)?.context.clone();
            let saved = ctx.space.replace(context);
            let r = ctx.in_module(s.module, |ctx| ctx.eval(&e, env));
            ctx.space = saved;
            r.map_err(|_| bad())?
        }
    };
    let v = match v.plain() {
        Value::Dim(_) => crate::space::open_of(ctx, &v, t.span)?,
        _ => v,
    };
    let v = joined(ctx, v, t.span)?;
    let text = |v: &Value| match v.plain() {
        Value::List(l) => l
            .iter()
            .map(|x| access::key_text(x).to_string())
            .collect::<Vec<_>>()
            .join(join.unwrap_or("")),
        other => access::key_text(other).to_string(),
    };
    match v.plain() {
        Value::Open(table) => Ok(algebra::Part::Derived {
            texts: crate::model::convert(space.model(), &table.map(text)),
        }),
        Value::Int(..) | Value::Float(..) | Value::Text(_) | Value::Label(_) | Value::List(_) => {
            Ok(algebra::Part::Literal(text(&v)))
        }
        _ => Err(bad()),
    }
}

/// Which choice a path most likely means, by its first name.
fn near(d: Diagnostic, s: &SpaceValue, path: &str, t: &ast::Text) -> Diagnostic {
    let root = |p: &str| p.split(['[', '.', ' ']).next().unwrap_or(p).to_string();
    let (written, sites) = (root(path), s.sites());
    let mut names: Vec<String> = sites.iter().map(|x| root(&x.address)).collect();
    names.sort();
    names.dedup();
    let found = nas_diagnostics::did_you_mean(&written, &names)
        .or_else(|| names.iter().find(|n| written.contains(n.as_str())).cloned());
    let Some(name) = found else {
        return d.note(format!("its choices are {}", names.join(", ")));
    };
    let d = d.help(format!(
        "did you mean `{{{}}}`?",
        path.replacen(&written, &name, 1)
    ));
    // The text stands between quotes as it is written, unless it has escapes.
    let here = format!("{{{written}");
    match (t.raw.match_indices(&here).next(), t.raw.contains('\\')) {
        (Some((i, _)), false) => {
            let start = t.span.start + 2 + i as u32;
            let end = start + written.len() as u32;
            d.fix(
                nas_diagnostics::Span {
                    start,
                    end,
                    ..t.span
                },
                name,
            )
        }
        _ => d,
    }
}
