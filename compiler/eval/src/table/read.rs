//! A file of rows read as its table declares: headers, cells, and the mean of rows with one key.

use super::key::{self, Piece};
use super::{CellKind, ColumnValue, Rows, TableValue, class_text};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::host::RawTable;
use crate::value::{Fields, Value};
use nas_diagnostics::{Span, did_you_mean};
use std::collections::HashMap;
use std::sync::Arc;

/// Headers are compared without their letters' case.
fn find(raw: &RawTable, name: &str) -> Option<usize> {
    raw.columns
        .iter()
        .position(|c| c.trim() == name)
        .or_else(|| {
            raw.columns
                .iter()
                .position(|c| c.trim().eq_ignore_ascii_case(name))
        })
}

fn missing(t: &TableValue, raw: &RawTable, name: &str, span: Span) -> crate::Fault {
    let mut d =
        fault("E0702", format!("`{}` has no column `{name}`", t.path)).at(span, "declared here");
    d = match did_you_mean(name, &raw.columns) {
        Some(c) => d.help(format!("did you mean `{c}`?")),
        None => d.note(format!("it has {}", raw.columns.join(", "))),
    };
    d.into()
}

/// Positions of the key and of each column that is read from the file.
pub(super) fn headers(
    t: &TableValue,
    raw: &RawTable,
) -> Result<(Option<usize>, Vec<Option<usize>>)> {
    for p in t.composed.iter().flatten() {
        if let Piece::Column { header, .. } = p
            && find(raw, header).is_none()
        {
            return Err(missing(t, raw, header, t.span));
        }
    }
    let key = match &t.key {
        Some(k) if t.composed.is_none() => {
            Some(find(raw, k).ok_or_else(|| missing(t, raw, k, t.span))?)
        }
        _ => None,
    };
    let mut out = vec![];
    for c in &t.columns {
        if c.derived.is_some() {
            out.push(None);
            continue;
        }
        let names = match &c.header {
            Some(h) => vec![h.to_string()],
            None => vec![c.path.join("."), c.path.join("_")],
        };
        match names.iter().find_map(|n| find(raw, n)) {
            Some(i) => out.push(Some(i)),
            None => return Err(missing(t, raw, &names[0], c.span)),
        }
    }
    Ok((key, out))
}

fn cell(t: &TableValue, c: &ColumnValue, text: &str, line: usize, header: &str) -> Result<Value> {
    let text = text.trim();
    if text.is_empty() {
        if c.optional {
            return Ok(Value::invalid("empty"));
        }
        let d = fault(
            "E0710",
            format!("{}:{line}: the cell in column `{header}` is empty", t.path),
        )
        .at(c.span, "the column is declared here");
        return Err(d
            .help("write `?` behind the column's type if cells may be empty")
            .into());
    }
    let number = || text.parse::<f64>().ok().filter(|v| v.is_finite());
    let read = match c.kind {
        CellKind::Text => Some(Value::text(text)),
        CellKind::Percent => text
            .strip_suffix('%')
            .unwrap_or(text)
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|v| v.is_finite())
            .map(|v| Value::float(v / 100.0)),
        CellKind::Float => number().map(Value::float),
        CellKind::Int => match text.parse::<i64>() {
            Ok(v) => Some(Value::int(v)),
            Err(_) => number()
                .filter(|v| v.fract() == 0.0 && v.abs() < 9e15)
                .map(|v| Value::int(v as i64)),
        },
    };
    match read {
        Some(v) => Ok(v),
        None => {
            let what = if c.kind == CellKind::Int {
                "a whole number"
            } else {
                "a number"
            };
            let d = fault(
                "E0710",
                format!(
                    "{}:{line}: `{text}` in column `{header}` is not {what}",
                    t.path
                ),
            )
            .at(c.span, "the column is declared here");
            Err(d.into())
        }
    }
}

/// Puts a value at a dotted path.
fn put(fields: &mut Fields, path: &[Arc<str>], v: Value) {
    match path {
        [] => {}
        [name] => {
            fields.insert(name.clone(), v);
        }
        [name, rest @ ..] => {
            let mut inner = match fields.get(name) {
                Some(Value::Record(r)) => (**r).clone(),
                _ => Fields::new(),
            };
            put(&mut inner, rest, v);
            fields.insert(name.clone(), Value::record(inner));
        }
    }
}

/// The mean of rows with one key: numbers are averaged, where all are valid; other cells are the first's.
fn merged(ctx: &mut Ctx, rows: &[Value], span: Span) -> Result<Value> {
    let [first, _, ..] = rows else {
        return Ok(rows.first().cloned().unwrap_or(Value::None));
    };
    match first.plain() {
        Value::Record(r) => {
            let mut out = Fields::new();
            for k in r.keys() {
                let part: Vec<Value> = rows
                    .iter()
                    .filter_map(|v| match v.plain() {
                        Value::Record(r) => r.get(k).cloned(),
                        _ => None,
                    })
                    .collect();
                out.insert(k.clone(), merged(ctx, &part, span)?);
            }
            Ok(Value::record(out))
        }
        Value::Text(_) => Ok(first.clone()),
        _ => crate::builtins::list::mean_list(ctx, rows, span),
    }
}

/// E0710 for a key that is no text of an architecture; a member that conditions leave out may have a row.
fn readable(ctx: &mut Ctx, t: &TableValue, key: &str, line: usize) -> Result<()> {
    match crate::space::decode(ctx, &t.space, key, t.span) {
        Err(crate::Fault(d)) if d.code == "E0603" => {
            let mut told = *d;
            told.message = format!("{}:{line}: the key `{key}`: {}", t.path, told.message);
            told.code = "E0710";
            Err(told.into())
        }
        _ => Ok(()),
    }
}

pub(super) fn load(ctx: &mut Ctx, t: &TableValue) -> Result<Arc<Rows>> {
    if let Some(r) = t.rows.get() {
        return Ok(r.clone());
    }
    let raw = match t.raw.get() {
        Some(raw) => raw.clone(),
        None => ctx.host.table(&t.path)?,
    };
    let (key, places) = headers(t, &raw)?;
    let written = t.space.algebra(ctx, t.span)?.template.is_some();
    let mut keys: Vec<Arc<str>> = vec![];
    let mut groups: Vec<Vec<Value>> = vec![];
    let mut by_key: HashMap<Arc<str>, usize> = HashMap::new();
    for (i, row) in raw.rows.iter().enumerate() {
        let line = i + 2;
        let text = |at: usize| row.get(at).map_or("", |s| s.as_str());
        let id: Arc<str> = match (key, &t.composed) {
            (Some(k), _) if !t.space.modulo.is_empty() => {
                class_text(ctx, t, text(k).trim(), t.span)?
            }
            (Some(k), _) => text(k).trim().into(),
            (None, Some(parts)) => {
                let made = key::compose(parts, |h| find(&raw, h).map_or("", text));
                if t.space.modulo.is_empty() {
                    made.into()
                } else {
                    class_text(ctx, t, &made, t.span)?
                }
            }
            (None, None) => i.to_string().into(),
        };
        if written && t.space.modulo.is_empty() {
            readable(ctx, t, &id, line)?;
        }
        let mut fields = Fields::new();
        for (c, at) in t.columns.iter().zip(&places) {
            if let Some(at) = at {
                put(
                    &mut fields,
                    &c.path,
                    cell(t, c, text(*at), line, &raw.columns[*at])?,
                );
            }
        }
        for c in t.columns.iter() {
            let Some(e) = &c.derived else { continue };
            // What is derived sees the other cells of its row, by name and by header.
            let mut env = Env::default();
            for (h, v) in raw.columns.iter().zip(row) {
                env = env.bind(h.trim().into(), Value::text(v.trim()));
            }
            for (k, v) in &fields {
                env = env.bind(k.clone(), v.clone());
            }
            let v = ctx.in_module(t.module, |ctx| ctx.eval(e, &env))?;
            put(&mut fields, &c.path, v);
        }
        let record = Value::record(fields);
        match by_key.get(&id) {
            Some(at) => {
                let keyed = key.is_some() || t.composed.is_some();
                if keyed && !t.repeats && t.space.modulo.is_empty() {
                    let what = format!("{}:{line}: the key `{id}` has a row already", t.path);
                    let d = fault("E0710", what).at(t.span, "a row a key is read here");
                    return Err(d
                        .help("write `per seed` where a key has several rows: it stands for their mean then")
                        .into());
                }
                groups[*at].push(record)
            }
            None => {
                by_key.insert(id.clone(), keys.len());
                keys.push(id);
                groups.push(vec![record]);
            }
        }
    }
    // Several rows of one key are its seeds.
    let mut records = Vec::with_capacity(groups.len());
    for g in groups {
        records.push(merged(ctx, &g, t.span)?);
    }
    let rows = Arc::new(Rows {
        keys,
        records,
        by_key,
    });
    Ok(t.rows.get_or_init(|| rows).clone())
}
