//! Slots picked by name: `w[block: k]`, `g[last linear].row(k)`, as values and as places that `:=` writes to.

use super::fill::{fill, live, names, some};
use super::{WeightsValue, find};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::value::Value;
use crate::{Fault, Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, IndexArg};
use nas_ir::Tensor;
use std::sync::Arc;

/// Slots of a store: full names, and the names under which they meet the slots of another pick.
#[derive(Debug, Clone)]
pub struct Place {
    pub weights: Arc<WeightsValue>,
    pub slots: Vec<(Arc<str>, Arc<str>)>,
    /// One row of each tensor.
    pub row: Option<i64>,
}

/// `w[block: k]` as a value: weights of their own, under names without `block`.
pub fn pick(
    ctx: &mut Ctx,
    base: &Value,
    args: &[IndexArg],
    env: &Env,
    span: Span,
) -> Result<Value> {
    match picked(ctx, base, args, env, span)? {
        Some(p) => value(ctx, &p, span),
        None => Ok(Value::unknown()),
    }
}

/// `w[…].row(i)` on weights that were picked.
pub fn call_place(
    ctx: &mut Ctx,
    w: &Arc<WeightsValue>,
    mut args: crate::call::Args,
) -> Result<Value> {
    let span = args.span;
    let i = args.need("i")?;
    if i.is_unknown() {
        return Ok(i);
    }
    let row = access::whole(ctx, &i, span)?;
    let slots = w
        .store
        .lock()
        .map(|s| s.keys().map(|k| (k.clone(), k.clone())).collect())
        .unwrap_or_default();
    let p = Place {
        weights: w.clone(),
        slots,
        row: Some(row),
    };
    value(ctx, &p, span)
}

fn picked(
    ctx: &mut Ctx,
    base: &Value,
    args: &[IndexArg],
    env: &Env,
    span: Span,
) -> Result<Option<Place>> {
    let Some(w) = live(base) else {
        return if base.is_unknown() {
            Ok(None)
        } else {
            Err(fault(
                "E0301",
                format!(
                    "slots are picked by name in weights, and this is {}",
                    base.kind()
                ),
            )
            .at(span, "here")
            .into())
        };
    };
    let Some(all) = names(ctx, &w, span)? else {
        return Ok(None);
    };
    let mut slots: Vec<(Arc<str>, Arc<str>)> = all.iter().map(|n| (n.clone(), n.clone())).collect();
    for a in args {
        match a {
            IndexArg::Named(name, e) => {
                let v = ctx.eval(e, env)?;
                if v.is_unknown() {
                    return Ok(None);
                }
                let field = format!("{}={}", name.text, access::key_text(&v));
                slots = slots
                    .into_iter()
                    .filter_map(|(full, short)| Some((full, without(&short, &field)?)))
                    .collect();
                if slots.is_empty() {
                    return Err(fault("E0623", format!("no slot has `{}: {}`", name.text, access::key_text(&v)))
                        .at(name.span, "picked here")
                        .note(format!("slots are {}", some(&all)))
                        .help("the policy given to `init` names slots by what they depend on: `slot(at: …, block: k)`")
                        .into());
                }
            }
            IndexArg::Last(kind) => {
                let owner = |n: &str| {
                    let (head, _) = n.rsplit_once('/')?;
                    let last = head.rsplit('/').next().unwrap_or(head);
                    (last.split('.').next() == Some(&*kind.text)).then(|| head.to_string())
                };
                let Some(last) = slots.iter().rev().find_map(|s| owner(&s.0)) else {
                    return Err(fault(
                        "E0623",
                        format!("these weights have no block `{}`", kind.text),
                    )
                    .at(kind.span, "picked here")
                    .note(format!("slots are {}", some(&all)))
                    .into());
                };
                slots.retain(|s| owner(&s.0).as_ref() == Some(&last));
                for s in &mut slots {
                    s.1 = s.0[last.len() + 1..].into();
                }
            }
            IndexArg::At(e) | IndexArg::Spread(e) => {
                return Err(fault("E0301", "slots of weights are picked by name")
                    .at(e.span, "here")
                    .help("write `w[block: k]` or `w[last linear]`")
                    .into());
            }
            IndexArg::All(_) => {}
        }
    }
    if ctx.checking() {
        return Ok(None);
    }
    Ok(Some(Place {
        weights: w,
        slots,
        row: None,
    }))
}

/// A slot's name without one of its fields; `None` where it does not have it.
fn without(name: &str, field: &str) -> Option<Arc<str>> {
    let mut from = 0;
    while let Some(i) = name[from..].find(field) {
        let (at, end) = (from + i, from + i + field.len());
        let opens = at == 0 || name.as_bytes()[at - 1] == b';';
        let closes = matches!(name.as_bytes().get(end), None | Some(b';' | b'/'));
        if opens && closes {
            let head = name[..at].trim_end_matches(';');
            return Some(format!("{head}{}", &name[end..]).into());
        }
        from = end;
    }
    None
}

fn value(ctx: &mut Ctx, p: &Place, span: Span) -> Result<Value> {
    let out = WeightsValue::new(p.weights.key, None, Default::default(), false);
    let (mut rows, mut tensors) = (vec![], vec![]);
    for (full, short) in &p.slots {
        let Some(s) = p.weights.get(full) else {
            continue;
        };
        match p.row {
            None => out.put(short.clone(), s.value, s.trained),
            Some(i) => {
                let t = Tensor::value(s.value.download());
                let v = access::element(ctx, Value::tensor(t), i, span)?;
                if let Value::Tensor(t, _) = v {
                    rows.push((short.clone(), s.trained));
                    tensors.push(t);
                }
            }
        }
    }
    if !tensors.is_empty() {
        let values = ctx
            .host
            .compute(&tensors, &|s, a| find(s, a))
            .map_err(Fault::from)?;
        for ((n, trained), v) in rows.into_iter().zip(values) {
            out.put(n, v, trained);
        }
    }
    Ok(Value::Weights(Arc::new(out)))
}

/// What stands left of `:=`: some slots of a variable's weights. `None` where they are not known before anything runs.
pub fn place(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Option<Place>> {
    match &e.kind {
        ExprKind::Index { base, args } => {
            let v = variable(base, env)?;
            picked(ctx, &v, args, env, e.span)
        }
        ExprKind::Call {
            callee,
            args,
            trailing: None,
        } => {
            if let (ExprKind::Field { base, name }, [arg]) = (&callee.kind, &args[..])
                && &*name.text == "row"
            {
                let row = ctx.eval(&arg.value, env)?;
                let p = place(ctx, base, env)?;
                return match (p, row.is_unknown()) {
                    (Some(mut p), false) => {
                        p.row = Some(access::whole(ctx, &row, arg.span)?);
                        Ok(Some(p))
                    }
                    _ => Ok(None),
                };
            }
            Err(nowhere(e.span))
        }
        _ => Err(nowhere(e.span)),
    }
}

fn nowhere(span: Span) -> Fault {
    fault("E0107", "nothing can be assigned here")
        .at(span, "this place")
        .help("assign a `state` or `weights` variable, `w[block: k]`, or `w[last linear].row(k)`")
        .into()
}

/// The weights that a loop's variable holds.
fn variable(e: &Expr, env: &Env) -> Result<Value> {
    let ExprKind::Name(ast::Ident { text, .. }) = &e.kind else {
        return Err(nowhere(e.span));
    };
    match env.find(text) {
        Some(Found::Cell(c)) => Ok(c.lock().map(|v| v.clone()).unwrap_or(Value::None)),
        _ => Err(
            fault("E0107", format!("`{text}` is not a `weights` variable"))
                .at(e.span, "assigned here")
                .help(format!("declare it: `weights {text} = …`"))
                .into(),
        ),
    }
}

/// The tensors that a place gets, slot by slot.
pub fn write(
    ctx: &mut Ctx,
    p: &Place,
    v: &Value,
    span: Span,
) -> Result<Vec<(Arc<str>, crate::host::Stored, bool)>> {
    let Value::Weights(new) = v.plain() else {
        return Err(fault(
            "E0301",
            format!(
                "slots of weights are assigned weights, and this is {}",
                v.kind()
            ),
        )
        .at(span, "here")
        .into());
    };
    fill(ctx, new, span)?;
    let (mut out, mut tensors, mut later) = (vec![], vec![], vec![]);
    for (full, short) in &p.slots {
        let (Some(old), Some(n)) = (p.weights.get(full), new.get(short)) else {
            return Err(
                fault("E0623", format!("nothing is assigned to the slot `{full}`"))
                    .at(span, "these weights have other slots")
                    .note(format!("wanted: {short}"))
                    .into(),
            );
        };
        let (have, want) = (n.value.download_shape(), old.value.download_shape());
        let fits = match p.row {
            None => have == want,
            Some(_) => have == want[1.min(want.len())..],
        };
        if !fits {
            let e = nas_ir::ShapeError::new(format!("the slot `{full}` has another shape"))
                .fact(format!("stored    {want:?}"))
                .fact(format!("assigned  {have:?}"));
            return Err(ctx.shape_fault(e, span));
        }
        match p.row {
            None => out.push((full.clone(), n.value.clone(), old.trained)),
            Some(i) => {
                let (t, r) = (
                    Tensor::value(old.value.download()),
                    Tensor::value(n.value.download()),
                );
                tensors.push(replaced(ctx, &t, &r, i, span)?);
                later.push((full.clone(), old.trained));
            }
        }
    }
    if !tensors.is_empty() {
        let values = ctx
            .host
            .compute(&tensors, &|s, a| find(s, a))
            .map_err(Fault::from)?;
        for ((n, trained), v) in later.into_iter().zip(values) {
            out.push((n, v, trained));
        }
    }
    Ok(out)
}

/// A tensor with one row replaced.
fn replaced(ctx: &mut Ctx, t: &Tensor, row: &Tensor, i: i64, span: Span) -> Result<Tensor> {
    use nas_ir::Dim;
    let n = t.shape().first().and_then(|d| d.known()).unwrap_or(0);
    let i = if i < 0 { i + n } else { i };
    if i < 0 || i >= n {
        return Err(fault(
            "E0202",
            format!("there are {n} rows, and row {i} is asked for"),
        )
        .at(span, "here")
        .into());
    }
    let mut shape = vec![Dim::Const(1)];
    shape.extend(row.shape().iter().cloned());
    let part = |a: i64, b: i64| t.slice(0, Dim::Const(a), Dim::Const(b), 1);
    let joined = (|| {
        let mut parts = vec![];
        if i > 0 {
            parts.push(part(0, i)?);
        }
        parts.push(row.reshape(&shape)?);
        if i + 1 < n {
            parts.push(part(i + 1, n)?);
        }
        Tensor::concat(&parts, 0)
    })();
    joined.map_err(|e| ctx.shape_fault(e, span))
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_field_is_taken_out_of_a_name() {
        let name = "at=repeat/[0]/cell;block=1;option=conv/w";
        assert_eq!(
            without(name, "block=1").as_deref(),
            Some("at=repeat/[0]/cell;option=conv/w")
        );
        assert_eq!(
            without("block=1;at=x/w", "block=1").as_deref(),
            Some(";at=x/w")
        );
        assert_eq!(without("at=x;block=12/w", "block=1"), None);
        assert_eq!(
            without("at=x;block=1/w", "block=1").as_deref(),
            Some("at=x/w")
        );
    }
}
