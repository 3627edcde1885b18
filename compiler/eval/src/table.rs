//! Tables of recorded results: rows by architecture, columns typed and named by the declaration.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::host::RawTable;
use crate::program::ModuleId;
use crate::space::{self, SpaceValue};
use crate::value::{Fields, Known, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, TypeKind};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

mod key;
mod read;

use key::Piece;
use read::{headers, load};

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
    /// The key is composed of several columns.
    composed: Option<Vec<Piece>>,
    pub columns: Vec<ColumnValue>,
    /// `per seed`: a key may have several rows, and stands for their mean.
    pub repeats: bool,
    module: ModuleId,
    pub span: Span,
    rows: OnceLock<Arc<Rows>>,
    /// The file as read, once a run has read it.
    raw: OnceLock<RawTable>,
}

impl TableValue {
    /// Of the file's bytes; empty where nothing was read.
    pub fn digest(&self) -> &str {
        self.raw.get().map_or("", |r| &r.digest)
    }
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
    // A check knows the headers, a run the rows.
    let of = if ctx.checking() { "head" } else { "table" };
    let name = format!("{of} {module} {}", decl.name.text);
    if let Ok(known) = ctx.shared.restored.lock()
        && let Some(v) = known.get(&name)
    {
        return Ok(v.clone());
    }
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
        let (key, composed) = match &decl.key {
            Some((name, None)) => (Some(name.text.clone()), None),
            Some((_, Some(text))) if !text.raw.contains('{') => (Some(text.raw.clone()), None),
            Some((name, Some(text))) => (Some(name.text.clone()), Some(key::pieces(&text.raw))),
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
            composed,
            columns,
            repeats: !decl.per.is_empty(),
            module,
            span,
            rows: OnceLock::new(),
            raw: OnceLock::new(),
        };
        if ctx.checking() {
            crate::ledger::note(ctx, crate::ledger::What::Reads);
        }
        // Where the file is at hand, its headers are held against the columns already in a check.
        if ctx.checking()
            && let Ok(raw) = ctx.host.table(path)
        {
            headers(&t, &raw)?;
            // A cell is a short text, a row a record of its own. Measured.
            let each = 1_200 + 96 * raw.columns.len() as u64;
            let bytes = each.saturating_mul(raw.rows.len() as u64);
            crate::ledger::note(ctx, crate::ledger::What::Table { bytes });
        }
        if !ctx.checking() {
            // One reading a run: what was read is part of the keys of results.
            let _ = t.raw.set(ctx.host.table(path)?);
        }
        let v = Value::Table(Arc::new(t));
        if let Ok(mut known) = ctx.shared.restored.lock() {
            known.insert(name, v.clone());
        }
        Ok(v)
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

/// The row of an architecture, by its text; of a text, by the text itself. One that is missing is invalid.
pub fn row(ctx: &mut Ctx, t: &Arc<TableValue>, key: &Value, span: Span) -> Result<Value> {
    let key = ctx.settle(key.clone());
    if let Value::Open(_) = key.plain() {
        return ctx.cases(key, span, &mut |ctx, k| row(ctx, t, &k, span));
    }
    if ctx.checking() {
        // A text that no member of the space has is the key of no row.
        if let (Value::Text(x), None, true) = (key.plain(), &t.composed, t.key.is_some()) {
            space::decode(ctx, &t.space, x, span)?;
        }
        return match key.plain() {
            Value::Arch(_) | Value::Text(_) | Value::Int(..) | Value::Unknown(_) => {
                Ok(Value::unknown())
            }
            other => Err(wrong_key(other, span)),
        };
    }
    let text: Arc<str> = match key.plain() {
        Value::Arch(a) => {
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

/// A table as the list of its rows; any other value as it is.
pub fn as_rows(ctx: &mut Ctx, v: Value) -> Result<Value> {
    match v.plain() {
        Value::Table(t) => rows(ctx, &t.clone()),
        _ => Ok(v),
    }
}
