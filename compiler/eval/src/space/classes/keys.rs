//! Keys of members: by rewrite rules, by a function of one's own, by a graph.

use super::Key;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::model::{convert, within_open};
use crate::net::{self, NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::space::{Algebra, SpaceValue};
use crate::term::{self, RuleSet, Term};
use crate::value::Value;
use crate::{Fault, Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::RewriteDecl;
use nas_space::{self as algebra, GraphShape};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) fn by_rules(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<Algebra>,
    rules: &[(Arc<RewriteDecl>, ModuleId)],
    span: Span,
) -> Result<Key> {
    let set = Arc::new(term::rules_of(ctx, rules)?);
    term::hold(ctx, s, rules)?;
    let parts = terms(ctx, s, set, span)?;
    let model = a.space.model();
    let mut tables = vec![];
    for p in parts {
        tables.extend(numbered(model, &p, span)?);
    }
    Ok(Key::Tables(tables))
}

/// How many inputs a function takes; of one that is chosen, the first option's.
fn arity(v: &Value) -> Option<usize> {
    match v.plain() {
        Value::Func(f) => match &f.kind {
            crate::value::FuncKind::Lambda { params, .. } => Some(params.len()),
            crate::value::FuncKind::Decl { decl, .. } => decl.params.last().map(Vec::len),
            _ => Some(1),
        },
        Value::Open(t) => t.values.iter().find_map(arity),
        _ => None,
    }
}

/// What a member computes: the net's term (or the value's), and those of the blocks that the space declares.
fn terms(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    rules: Arc<RuleSet>,
    span: Span,
) -> Result<Vec<Value>> {
    let e = s.elaborate(ctx)?;
    let (v, done) = term::with_rules(ctx, rules, |ctx| match (&e.net, &e.value) {
        (Some(decl), _) => {
            let n = Arc::new(NetValue::new(
                NetBase::AllMembers { space: s.clone() },
                NetWeights::Abstract,
            ));
            let inputs = (0..decl.params.len().max(1)).map(|i| (Term::value(&i.to_string()), span));
            net::run(ctx, &n, Args::of(inputs.collect(), span), None, false).map(|r| r.0)
        }
        (None, Some(value)) => within_open(ctx, &e, |ctx| {
            let v = ctx.in_module(s.module, |ctx| ctx.eval(value, &e.env))?;
            match arity(&v) {
                Some(n) => {
                    let inputs = (0..n)
                        .map(|i| (Term::value(&i.to_string()), span))
                        .collect();
                    call::call(ctx, v, Args::of(inputs, span))
                }
                None => Ok(v),
            }
        }),
        (None, None) => Ok(Value::None),
    })?;
    let mut out = vec![v];
    out.extend(done.blocks.into_iter().map(|b| b.2));
    Ok(out)
}

/// An open value as tables of numbers: equal entries have equal numbers.
pub(super) fn numbered(
    model: &algebra::Model,
    v: &Value,
    span: Span,
) -> Result<Vec<algebra::Table<u32>>> {
    match v.plain() {
        Value::Open(t) => {
            let mut known: HashMap<String, u32> = HashMap::new();
            let mut bad = None;
            let table = t.map(|v| match v {
                Value::Impossible => 0,
                v => match key_text(v) {
                    Some(text) => {
                        let next = known.len() as u32 + 1;
                        *known.entry(text).or_insert(next)
                    }
                    None => {
                        bad.get_or_insert(v.kind());
                        0
                    }
                },
            });
            if let Some(kind) = bad {
                return Err(no_key(kind, span));
            }
            Ok(vec![convert(model, &table)])
        }
        Value::Dim(d) => match d.as_table() {
            Some(t) => {
                let values = t.map(|v| Value::int(*v));
                numbered(model, &Value::Open(Arc::new(values)), span)
            }
            None => Ok(vec![]),
        },
        Value::List(l) => {
            let mut out = vec![];
            for x in l.iter() {
                out.extend(numbered(model, x, span)?);
            }
            Ok(out)
        }
        Value::Record(r) => {
            let mut out = vec![];
            for x in r.values() {
                out.extend(numbered(model, x, span)?);
            }
            Ok(out)
        }
        other => match key_text(other) {
            // The same for all members.
            Some(_) => Ok(vec![]),
            None => Err(no_key(other.kind(), span)),
        },
    }
}

pub(super) fn no_key(kind: &str, span: Span) -> Fault {
    fault(
        "E0301",
        format!("a key of members is made of texts, numbers and lists of these, not of {kind}"),
    )
    .at(span, "here")
    .into()
}

pub(super) fn key_text(v: &Value) -> Option<String> {
    match v.plain() {
        Value::Term(t) => Some(t.text.to_string()),
        Value::Text(t) | Value::Label(t) => Some(format!("t{t}")),
        Value::Int(i, _) => Some(format!("i{i}")),
        Value::Float(f, _) => Some(format!("f{f}")),
        Value::Bool(b) => Some(format!("b{b}")),
        Value::Big(b) => Some(format!("i{b}")),
        Value::None => Some("none".into()),
        Value::Invalid(r) => Some(format!("invalid {r}")),
        Value::List(l) => {
            let parts: Option<Vec<String>> = l.iter().map(key_text).collect();
            parts.map(|p| {
                format!(
                    "[{}]",
                    p.iter()
                        .map(|x| format!("{}:{x}", x.len()))
                        .collect::<String>()
                )
            })
        }
        Value::Record(r) => {
            let parts: Option<Vec<String>> = r
                .iter()
                .map(|(k, v)| key_text(v).map(|t| format!("{k}={}:{t}", t.len())))
                .collect();
            parts.map(|p| format!("{{{}}}", p.concat()))
        }
        _ => None,
    }
}

/// A function of a member: with everything open at once where that is not too much, else member by member.
pub(super) fn by_function(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<Algebra>,
    f: Value,
    span: Span,
) -> Result<Key> {
    let e = s.elaborate(ctx)?;
    let open = within_open(ctx, &e, |ctx| {
        let m = crate::space::open_member(s);
        call::apply(ctx, f.clone(), m, span)
    });
    match open {
        Ok(v) => Ok(Key::Tables(numbered(a.space.model(), &v, span)?)),
        // `space[a]` wants one member.
        Err(Fault(d)) if matches!(d.code, "E0606" | "E0309" | "E0603" | "E0605") => {
            Ok(Key::Each(f))
        }
        Err(e) => Err(e),
    }
}

/// `isomorphic(edges, labels)` with the choices that it reads.
pub(super) fn graph(ctx: &mut Ctx, r: &crate::value::Fields, span: Span) -> Result<GraphShape> {
    let bad = |what: &str| -> Fault {
        fault("E0301", format!("`isomorphic`: {what}"))
            .at(span, "here")
            .help("edges: one list for each vertex but the last, an entry for each later vertex; labels: one for each vertex between")
            .into()
    };
    let field = |k: &str| r.get(k).cloned().unwrap_or(Value::None);
    let rows = access::items(ctx, &field("isomorphic edges"), span)?;
    let labels = access::items(ctx, &field("isomorphic labels"), span)?;
    let n = rows.len() + 1;
    let mut shape = GraphShape {
        vertices: n,
        ..GraphShape::default()
    };
    if !shape.fits() {
        return Err(bad("a graph has 2 to 12 vertices"));
    }
    for (i, row) in rows.iter().enumerate() {
        let entries = access::items(ctx, row, span)?;
        // A full row of a matrix, or only what lies to the right of the diagonal.
        let first = match entries.len() {
            k if k == n => 0,
            k if k == n - 1 - i => i + 1,
            _ => return Err(bad("an edge list has a wrong length")),
        };
        for (k, v) in entries.iter().enumerate() {
            let j = first + k;
            let v = crate::space::open_of(ctx, v, span)?;
            match (j > i, truths(&v)) {
                (true, Some(Ok(on))) => {
                    if on {
                        shape.fixed.push((i, j));
                    }
                }
                (false, Some(Ok(false))) => {}
                (true, Some(Err((site, on)))) => shape.edges.push((i, j, site, on)),
                (false, _) => return Err(bad("edges go from lower to higher vertices")),
                _ => return Err(bad("an edge is one choice of true or false, 0 or 1")),
            }
        }
    }
    if labels.len() != n - 2 {
        return Err(bad(
            "there is one label for each vertex but the first and the last",
        ));
    }
    let mut known: Vec<Arc<str>> = vec![];
    for (i, v) in labels.iter().enumerate() {
        let v = crate::space::open_of(ctx, v, span)?;
        match v.plain() {
            Value::Open(t) if t.sites.len() == 1 => {
                let mut names = vec![];
                for v in &t.values {
                    let name = access::key_text(v);
                    let name = match v {
                        Value::Picked(p) => p.label.clone(),
                        _ => name,
                    };
                    names.push(match known.iter().position(|k| *k == name) {
                        Some(k) => k as u32,
                        None => {
                            known.push(name);
                            known.len() as u32 - 1
                        }
                    });
                }
                shape.labels.push((i + 1, t.sites[0].0 as usize, names));
            }
            Value::Open(_) => return Err(bad("a label is one choice")),
            // The same in every member.
            _ => {}
        }
    }
    Ok(shape)
}

/// Whether there is an edge: known, or by option of one choice.
#[allow(clippy::type_complexity)]
fn truths(v: &Value) -> Option<std::result::Result<bool, (usize, Vec<bool>)>> {
    let one = |v: &Value| match v.plain() {
        Value::Bool(b) => Some(*b),
        Value::Int(i, _) => Some(*i != 0),
        _ => None,
    };
    match v.plain() {
        Value::Open(t) if t.sites.len() == 1 => {
            let on: Option<Vec<bool>> = t.values.iter().map(one).collect();
            Some(Err((t.sites[0].0 as usize, on?)))
        }
        Value::Open(_) => None,
        other => one(other).map(Ok),
    }
}
