//! Open values: one value for each assignment of the choices it depends on, joined to the simplest form that says the same.

use crate::Fault;
use crate::ctx::{Ctx, fault};
use crate::value::{Known, Value};
use nas_diagnostics::Span;
use nas_ir::{Dim, Table, Tensor};
use std::sync::Arc;

/// Joins the cases of an open value.
pub fn join(ctx: &Ctx, table: Table<Value>, span: Span) -> Result<Value, Fault> {
    let table = flatten(ctx, table, span)?;
    let possible: Vec<&Value> = table
        .values
        .iter()
        .filter(|v| !matches!(v, Value::Impossible))
        .collect();
    let Some(first) = possible.first() else {
        return Ok(Value::Impossible);
    };
    if possible
        .iter()
        .any(|v| matches!(v.plain(), Value::Unknown(_)))
    {
        return Ok(Value::Unknown(Known::Nothing));
    }
    if possible.iter().all(|v| same(v, first)) {
        return Ok((*first).clone());
    }
    if possible
        .iter()
        .all(|v| matches!(v.plain(), Value::Int(..) | Value::Dim(_)))
        && possible.iter().any(|v| matches!(v.plain(), Value::Dim(_)))
    {
        return Ok(settle_dim(select_dims(&table, |v| match v.plain() {
            Value::Int(i, _) => Some(Dim::Const(*i)),
            Value::Dim(d) => Some(d.clone()),
            _ => None,
        })?));
    }
    if possible.iter().all(|v| matches!(v.plain(), Value::Int(..))) {
        let t = table.map(|v| match v.plain() {
            Value::Int(i, _) => *i,
            _ => 0,
        });
        return Ok(settle_dim(Dim::table(t)));
    }
    if possible
        .iter()
        .all(|v| matches!(v.plain(), Value::Tensor(..)))
    {
        return join_tensors(ctx, &table, span);
    }
    if let Value::List(items) = first.plain()
        && possible.iter().all(|v| matches!(v.plain(), Value::List(l) if l.len() == items.len()))
        && possible.iter().any(|v| matches!(v.plain(), Value::List(l) if l.iter().any(|x| matches!(x.plain(), Value::Tensor(..)))))
    {
        let mut out = vec![];
        for i in 0..items.len() {
            let column = table.map(|v| match v.plain() {
                Value::List(l) => l[i].clone(),
                _ => Value::Impossible,
            });
            out.push(join(ctx, column, span)?);
        }
        return Ok(Value::list(out));
    }
    Ok(Value::Open(Arc::new(simplify(table))))
}

/// Entries that are open themselves become entries over the union of both choices.
fn flatten(ctx: &Ctx, table: Table<Value>, span: Span) -> Result<Table<Value>, Fault> {
    let mut sites = table.sites.clone();
    for v in &table.values {
        if let Value::Open(inner) = v {
            for s in &inner.sites {
                if !sites.contains(s) {
                    sites.push(*s);
                }
            }
        }
    }
    if !table.values.iter().any(|v| matches!(v, Value::Open(_))) {
        return Ok(table);
    }
    sites.sort_unstable();
    let size = sites
        .iter()
        .try_fold(1usize, |a, s| a.checked_mul(s.1 as usize))
        .filter(|n| *n <= nas_ir::dim::TABLE_LIMIT);
    let Some(size) = size else {
        let e = nas_ir::ShapeError::from(nas_ir::DimError::TooManyChoices);
        return Err(ctx.shape_fault(e, span));
    };
    let mut values = Vec::with_capacity(size);
    let whole = Table {
        sites: sites.clone(),
        values: Vec::<()>::new(),
    };
    for i in 0..size {
        let at = whole.assignment(i);
        let option = |s: u32| at.iter().find(|a| a.0 == s).map_or(0, |a| a.1);
        let mut v = table.values[table.index(option)].clone();
        while let Value::Open(inner) = &v {
            v = inner.values[inner.index(option)].clone();
        }
        values.push(v);
    }
    flatten(ctx, Table { sites, values }, span)
}

fn settle_dim(d: Dim) -> Value {
    match d.known() {
        Some(v) => Value::int(v),
        None => Value::Dim(d),
    }
}

/// Drops choices that make no difference to sizes; entries that no member has agree with any.
fn narrowed(mut table: Table<Option<Dim>>) -> Table<Option<Dim>> {
    let mut k = 0;
    while k < table.sites.len() {
        let (s, n) = table.sites[k];
        let mut one = table.restrict(s, 0);
        let alike = (1..n as usize).all(|o| {
            let other = table.restrict(s, o).values;
            one.values
                .iter_mut()
                .zip(other)
                .all(|(a, b)| match (&a, &b) {
                    (Some(x), Some(y)) => *x == *y,
                    (None, Some(_)) => {
                        *a = b;
                        true
                    }
                    _ => true,
                })
        });
        if alike {
            table = one;
        } else {
            k += 1;
        }
    }
    table
}

/// The size that is `f(entry)` under each entry's options.
fn select_dims<T>(table: &Table<T>, f: impl Fn(&T) -> Option<Dim>) -> Result<Dim, Fault> {
    let mut sum = Dim::Const(0);
    for (i, v) in table.values.iter().enumerate() {
        if let Some(d) = f(v) {
            let mut values = vec![0; table.values.len()];
            values[i] = 1;
            let here = Dim::table(Table {
                sites: table.sites.clone(),
                values,
            });
            let part = here.mul(&d).and_then(|p| sum.add(&p));
            sum = part.map_err(|_| {
                Fault::from(fault(
                    "E0606",
                    "this size depends on too many choices at once to be decided exactly",
                ))
            })?;
        }
    }
    Ok(sum)
}

fn join_tensors(ctx: &Ctx, table: &Table<Value>, span: Span) -> Result<Value, Fault> {
    let mut rank = None;
    let mut element = None;
    let mut dtype = None;
    for v in &table.values {
        if let Value::Tensor(t, e) = v.plain() {
            if rank.is_some_and(|r| r != t.rank()) {
                return Ok(Value::Open(Arc::new(table.clone())));
            }
            rank = Some(t.rank());
            element.get_or_insert(*e);
            dtype.get_or_insert(t.dtype());
        }
    }
    let (Some(rank), Some(element), Some(dtype)) = (rank, element, dtype) else {
        return Ok(Value::Impossible);
    };
    let mut shape = nas_ir::Shape::new();
    for axis in 0..rank {
        let dims: Vec<Option<Dim>> = table
            .values
            .iter()
            .map(|v| match v.plain() {
                Value::Tensor(t, _) => Some(t.shape()[axis].clone()),
                _ => None,
            })
            .collect();
        let first = dims
            .iter()
            .flatten()
            .next()
            .cloned()
            .unwrap_or(Dim::Const(1));
        if dims.iter().flatten().all(|d| *d == first) {
            shape.push(first);
        } else {
            let column = Table {
                sites: table.sites.clone(),
                values: dims,
            };
            shape.push(select_dims(&narrowed(column), Clone::clone)?);
        }
    }
    let _ = span;
    let fixed = table.values.iter().all(|v| match v.plain() {
        Value::Tensor(t, _) => t.0.fixed,
        _ => true,
    });
    let t = match fixed {
        true => Tensor::weight("joined", shape, dtype),
        false => Tensor::symbol("joined", shape, dtype),
    };
    let of = table.values.iter().filter_map(|v| match v.plain() {
        Value::Tensor(t, _) => Some(t),
        _ => None,
    });
    ctx.follows(&t, of);
    Ok(Value::Tensor(t, element))
}

/// Drops choices that make no difference.
fn simplify(mut table: Table<Value>) -> Table<Value> {
    let mut k = 0;
    while k < table.sites.len() {
        let (s, n) = table.sites[k];
        let first = table.restrict(s, 0);
        let alike = (1..n as usize).all(|o| {
            let other = table.restrict(s, o);
            other
                .values
                .iter()
                .zip(&first.values)
                .all(|(a, b)| same(a, b))
        });
        if alike {
            table = first;
        } else {
            k += 1;
        }
    }
    table
}

/// Whether two static values are the same; tensors and functions never are, unless they are one object.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) | (Value::Impossible, Value::Impossible) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x, _), Value::Int(y, _)) => x == y,
        (Value::Float(x, _), Value::Float(y, _)) => x == y,
        (Value::Text(x), Value::Text(y)) | (Value::Label(x), Value::Label(y)) => x == y,
        (Value::Dim(x), Value::Dim(y)) => x == y,
        (Value::Tensor(x, _), Value::Tensor(y, _)) => Arc::ptr_eq(&x.0, &y.0),
        (Value::List(x), Value::List(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|(a, b)| same(a, b))
        }
        (Value::Record(x), Value::Record(y)) => {
            x.len() == y.len()
                && x.iter()
                    .zip(y.iter())
                    .all(|((k, a), (l, b))| k == l && same(a, b))
        }
        (Value::Range(x), Value::Range(y)) => x == y,
        (Value::Term(x), Value::Term(y)) => x.text == y.text && x.sealed == y.sealed,
        (Value::Func(x), Value::Func(y)) => Arc::ptr_eq(x, y),
        (Value::Space(x), Value::Space(y)) => Arc::ptr_eq(x, y),
        (Value::Picked(x), Value::Picked(y)) => x.site == y.site && x.index == y.index,
        (Value::Open(x), Value::Open(y)) => {
            Arc::ptr_eq(x, y)
                || x.sites == y.sites && x.values.iter().zip(&y.values).all(|(a, b)| same(a, b))
        }
        _ => false,
    }
}
