//! Lists taken apart and put side by side.

use super::{each, elements, lifted, lifted_deep};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Fields, Known, Value};
use crate::{Result, access};

pub(super) fn zip(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let mut lists = vec![];
        for v in args
            .positional
            .iter()
            .filter_map(|a| a.0.clone())
            .collect::<Vec<_>>()
        {
            lists.push(elements(ctx, &v, span)?);
        }
        let lengths: Vec<usize> = lists.iter().flatten().map(Vec::len).collect();
        let Some(n) = lengths.first().copied() else {
            return Ok(if lists.is_empty() {
                Value::list(vec![])
            } else {
                Value::Unknown(Known::List)
            });
        };
        if lengths.iter().any(|l| *l != n) {
            let text = lengths
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            return Err(
                fault("E0301", "lists of different lengths cannot be paired")
                    .at(span, "here")
                    .note(format!("their lengths are {text}"))
                    .into(),
            );
        }
        let at = |i: usize| {
            lists
                .iter()
                .map(|l| {
                    l.as_ref()
                        .map_or_else(|_| Value::unknown(), |l| l[i].clone())
                })
                .collect()
        };
        Ok(Value::list((0..n).map(|i| Value::list(at(i))).collect()))
    })
}

pub(super) fn enumerate(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let items = each!(ctx, &v, args.span);
        Ok(Value::list(
            items
                .into_iter()
                .enumerate()
                .map(|(i, v)| Value::list(vec![v, Value::int(i as i64)]))
                .collect(),
        ))
    })
}

pub(super) fn transpose(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let v = args.need("xs")?;
        if let Value::Tensor(t, e) = v.plain()
            && t.rank() == 2
        {
            return t
                .permute(&[1, 0])
                .map(|t| Value::Tensor(t, *e))
                .map_err(|e| ctx.shape_fault(e, span));
        }
        let mut rows = vec![];
        for r in each!(ctx, &v, span) {
            rows.push(each!(ctx, &r, span));
        }
        let n = rows.first().map_or(0, Vec::len);
        if let Some(r) = rows.iter().find(|r| r.len() != n) {
            return Err(fault("E0301", "only lists of one length can be transposed")
                .at(span, "here")
                .note(format!("one has {n} elements, another {}", r.len()))
                .into());
        }
        Ok(Value::list(
            (0..n)
                .map(|i| Value::list(rows.iter().map(|r| r[i].clone()).collect()))
                .collect(),
        ))
    })
}

pub(super) fn reverse(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let mut items = each!(ctx, &v, args.span);
        items.reverse();
        Ok(Value::list(items))
    })
}

fn end(ctx: &mut Ctx, args: &mut Args, back: bool) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let items = match elements(ctx, &v, args.span)? {
            Ok(items) => items,
            Err(v) => return Ok(if v.is_unknown() { Value::unknown() } else { v }),
        };
        let found = if back { items.last() } else { items.first() };
        found.cloned().ok_or_else(|| {
            fault("E0202", "the list is empty")
                .at(args.span, "an element of it is asked for here")
                .into()
        })
    })
}

pub(super) fn first(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    end(ctx, args, false)
}

pub(super) fn last(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    end(ctx, args, true)
}

pub(super) fn drop(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let span = args.span;
        let back = args.take_named("last");
        let v = args.need("xs")?;
        let n = match &back {
            Some(n) => n.clone(),
            None => args.need("n")?,
        };
        let items = each!(ctx, &v, span);
        if n.is_unknown() {
            return Ok(Value::Unknown(Known::List));
        }
        let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(items.len());
        Ok(Value::list(if back.is_some() {
            items[..items.len() - n].to_vec()
        } else {
            items[n..].to_vec()
        }))
    })
}

fn record(ctx: &mut Ctx, args: &mut Args, take: fn(&Fields) -> Vec<Value>) -> Result<Value> {
    lifted(ctx, args, &|_, args| {
        let v = args.need("record")?;
        match v.plain() {
            Value::Record(r) => Ok(Value::list(take(r))),
            Value::Unknown(_) => Ok(Value::Unknown(Known::List)),
            other => Err(fault(
                "E0301",
                format!("a record is wanted, and this is {}", other.kind()),
            )
            .at(args.span, "here")
            .into()),
        }
    })
}

pub(super) fn keys(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    record(ctx, args, |r| {
        r.keys().map(|k| Value::text(k.clone())).collect()
    })
}

pub(super) fn values(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    record(ctx, args, |r| r.values().cloned().collect())
}

pub(super) fn pairs(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted(ctx, args, &|ctx, args| {
        let v = args.need("xs")?;
        let items = each!(ctx, &v, args.span);
        let two = |i: usize, j: usize| Value::list(vec![items[i].clone(), items[j].clone()]);
        Ok(Value::list(
            (0..items.len())
                .flat_map(|i| (i + 1..items.len()).map(move |j| (i, j)))
                .map(|(i, j)| two(i, j))
                .collect(),
        ))
    })
}

pub(super) fn grid(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    lifted_deep(ctx, args, &|ctx, args| {
        let span = args.span;
        let (n, m) = (args.need("n")?, args.need("m")?);
        let (n, m) = (
            access::whole(ctx, &n, span)?.max(0),
            access::whole(ctx, &m, span)?.max(0),
        );
        if n.saturating_mul(m) > 50_000_000 {
            return Err(fault("E0606", format!("a grid of {n} by {m} is too large"))
                .at(span, "here")
                .into());
        }
        Ok(Value::list(
            (0..n)
                .flat_map(|i| (0..m).map(move |j| Value::list(vec![Value::int(i), Value::int(j)])))
                .collect(),
        ))
    })
}
