//! Tables of recorded results: rows by architecture, columns typed and named by the declaration.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::host::RawTable;
use crate::program::ModuleId;
use crate::space::{self, SpaceValue};
use crate::value::{Fields, Known, Value};
use crate::{Result, access};
use nas_diagnostics::{Span, did_you_mean};
use nas_grammar::ast::{self, TypeKind};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A column as declared.
#[derive(Debug)]
pub struct ColumnValue {
    /// `["cifar10", "test"]`: dotted columns nest.
    pub path: Vec<Arc<str>>,
    /// Its header in the file, where one is given.
    pub header: Option<Arc<str>>,
    pub kind: CellKind,
    /// `T?`: an empty cell is invalid, not a fault.
    pub optional: bool,
    pub derived: Option<ast::Expr>,
    pub span: Span,
}

/// How a cell is read. Files hold per cents; values are shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    Percent,
    Float,
    Int,
    Text,
}

#[derive(Debug)]
pub struct TableValue {
    pub name: Arc<str>,
    pub path: Arc<str>,
    pub space: Arc<SpaceValue>,
    pub key: Option<Arc<str>>,
    /// The key is written by another template than the space's own.
    renamed: Option<Arc<str>>,
    pub columns: Vec<ColumnValue>,
    module: ModuleId,
    pub span: Span,
    rows: OnceLock<Arc<Rows>>,
}

/// What the file held: a record a row, without `arch`; rows by the text of their key.
#[derive(Debug)]
struct Rows {
    keys: Vec<Arc<str>>,
    records: Vec<Value>,
    by_key: HashMap<Arc<str>, usize>,
}

/// The table that a declaration stands for; its file is opened at the first use, in a check only if it is there.
pub fn value(
    ctx: &mut Ctx,
    decl: &Arc<ast::TableDecl>,
    module: ModuleId,
    span: Span,
) -> Result<Value> {
    ctx.in_module(module, |ctx| {
        let env = Env::default();
        let s = ctx.eval(&decl.space, &env)?;
        let space = space::as_space(ctx, &s, decl.space.span)?;
        let file = ctx.eval(&decl.source, &env)?;
        let Value::Text(path) = file.plain() else {
            return Err(fault(
                "E0301",
                format!(
                    "the file of a table is named by a text, and this is {}",
                    file.kind()
                ),
            )
            .at(decl.source.span, "here")
            .into());
        };
        // Rows of equal members are one row: their mean.
        let mut space = space;
        for e in &decl.modulo {
            if let Value::Space(q) = space::modulo(ctx, &space, e, &env) {
                space = q;
            }
        }
        let (key, renamed) = match &decl.key {
            Some((name, None)) => (Some(name.text.clone()), None),
            Some((_, Some(text))) if !text.raw.contains('{') => (Some(text.raw.clone()), None),
            Some((name, Some(text))) => (Some(name.text.clone()), Some(text.raw.clone())),
            None => (None, None),
        };
        let mut columns = vec![];
        for c in &decl.columns {
            let (kind, optional) = cell_kind(c.ty.as_ref())?;
            columns.push(ColumnValue {
                path: c.path.iter().map(|p| p.text.clone()).collect(),
                header: c.header.as_ref().map(|h| h.raw.clone()),
                kind,
                optional,
                derived: c.derived.clone(),
                span: c.span,
            });
        }
        let t = TableValue {
            name: decl.name.text.clone(),
            path: path.clone(),
            space,
            key,
            renamed,
            columns,
            module,
            span,
            rows: OnceLock::new(),
        };
        // Where the file is at hand, its headers are held against the columns already in a check.
        if ctx.checking()
            && let Ok(raw) = ctx.host.table(path)
        {
            headers(&t, &raw)?;
        }
        Ok(Value::Table(Arc::new(t)))
    })
}

fn cell_kind(ty: Option<&ast::Type>) -> Result<(CellKind, bool)> {
    let Some(ty) = ty else {
        return Ok((CellKind::Text, false));
    };
    let known = match &ty.kind {
        TypeKind::Optional(inner) => return Ok((cell_kind(Some(inner))?.0, true)),
        TypeKind::Name { name, .. } => match &*name.text {
            "Percent" => Some(CellKind::Percent),
            "Float" | "Score" | "Rate" | "Ratio" | "Seconds" | "Decibel" => Some(CellKind::Float),
            "Int" | "Macs" | "Params" | "Bytes" | "Bits" => Some(CellKind::Int),
            "Text" => Some(CellKind::Text),
            _ => None,
        },
        _ => None,
    };
    match known {
        Some(k) => Ok((k, false)),
        None => Err(fault(
            "E0301",
            "a column holds `Percent`, `Float`, `Int` or `Text`, or one of these with `?`",
        )
        .at(ty.span, "this type")
        .into()),
    }
}

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
fn headers(t: &TableValue, raw: &RawTable) -> Result<(Option<usize>, Vec<Option<usize>>)> {
    let key = match &t.key {
        Some(k) => Some(find(raw, k).ok_or_else(|| missing(t, raw, k, t.span))?),
        None => None,
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

fn load(ctx: &mut Ctx, t: &TableValue) -> Result<Arc<Rows>> {
    if let Some(r) = t.rows.get() {
        return Ok(r.clone());
    }
    let raw = ctx.host.table(&t.path)?;
    let (key, places) = headers(t, &raw)?;
    let mut keys: Vec<Arc<str>> = vec![];
    let mut groups: Vec<Vec<Value>> = vec![];
    let mut by_key: HashMap<Arc<str>, usize> = HashMap::new();
    for (i, row) in raw.rows.iter().enumerate() {
        let line = i + 2;
        let text = |at: usize| row.get(at).map_or("", |s| s.as_str());
        let id: Arc<str> = match key {
            Some(k) if !t.space.modulo.is_empty() => class_text(ctx, t, text(k).trim(), t.span)?,
            Some(k) => text(k).trim().into(),
            None => i.to_string().into(),
        };
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
            Some(at) => groups[*at].push(record),
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

fn spelled(t: &TableValue, span: Span) -> Result<()> {
    match &t.renamed {
        None => Ok(()),
        Some(r) => Err(fault(
            "E0309",
            format!("a key written as `{r}` is not yet supported by this version"),
        )
        .at(t.span, "in this table")
        .at(span, "read here")
        .help("give the file a column with the space's own encoding")
        .into()),
    }
}

/// The row of an architecture, by its text; of a text, by the text itself. One that is missing is invalid.
pub fn row(ctx: &mut Ctx, t: &Arc<TableValue>, key: &Value, span: Span) -> Result<Value> {
    let key = ctx.settle(key.clone());
    if let Value::Open(_) = key.plain() {
        return ctx.cases(key, span, &mut |ctx, k| row(ctx, t, &k, span));
    }
    if ctx.checking() {
        return match key.plain() {
            Value::Arch(_) | Value::Text(_) | Value::Int(..) | Value::Unknown(_) => {
                Ok(Value::unknown())
            }
            other => Err(wrong_key(other, span)),
        };
    }
    let text: Arc<str> = match key.plain() {
        Value::Arch(a) => {
            spelled(t, span)?;
            a.space.algebra(ctx, span)?;
            class_text(ctx, t, &a.text(), span)?
        }
        Value::Text(x) => class_text(ctx, t, x, span)?,
        Value::Int(..) => {
            let i = access::whole(ctx, &key, span)?;
            let rows = load(ctx, t)?;
            let n = rows.records.len();
            return rows.records.get(i.max(0) as usize).cloned().ok_or_else(|| {
                fault(
                    "E0202",
                    format!("`{}` has {n} rows, and row {i} is asked for", t.name),
                )
                .at(span, "here")
                .into()
            });
        }
        Value::Invalid(_) => return Ok(key),
        other => return Err(wrong_key(other, span)),
    };
    let rows = load(ctx, t)?;
    Ok(match rows.by_key.get(&text) {
        Some(i) => rows.records[*i].clone(),
        None => Value::invalid("no row"),
    })
}

/// The text under which a member's row stands: its own, or where equal members share a row, that of the one that stands for them.
fn class_text(ctx: &mut Ctx, t: &TableValue, text: &str, span: Span) -> Result<Arc<str>> {
    if t.space.modulo.is_empty() {
        return Ok(text.into());
    }
    let a = space::decode(ctx, &t.space, text, span)?;
    let Some(c) = space::classes::of(ctx, &t.space, span)? else {
        return Ok(text.into());
    };
    let algebra = t.space.algebra(ctx, span)?;
    Ok(
        match c.canonical(ctx, &t.space, &algebra.space, &a.arch, span)? {
            Some(m) => space::ArchValue::new(t.space.clone(), m).text().into(),
            None => text.into(),
        },
    )
}

fn wrong_key(v: &Value, span: Span) -> crate::Fault {
    fault(
        "E0301",
        format!("a table is read by an architecture, not by {}", v.kind()),
    )
    .at(span, "here")
    .into()
}

/// All rows as records, each with its `arch`; rows of one key are one.
pub fn rows(ctx: &mut Ctx, t: &Arc<TableValue>) -> Result<Value> {
    if ctx.checking() {
        return Ok(Value::Unknown(Known::List));
    }
    let span = t.span;
    let rows = load(ctx, t)?;
    let mut out = Vec::with_capacity(rows.records.len());
    for (key, record) in rows.keys.iter().zip(&rows.records) {
        let mut fields = Fields::new();
        if t.key.is_some() {
            spelled(t, span)?;
            fields.insert(
                "arch".into(),
                Value::Arch(space::decode(ctx, &t.space, key, span)?),
            );
        }
        if let Value::Record(r) = record {
            fields.extend(r.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        out.push(Value::record(fields));
    }
    Ok(Value::list(out))
}
