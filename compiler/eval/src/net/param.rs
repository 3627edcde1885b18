//! Parameters and states of blocks: their shapes, where their values come from, and edits of them.

use super::{CostEntry, EditValue, NetBase, NetValue, NetWeights};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::value::Value;
use crate::{Fault, Result, access, call, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, TypeKind};
use nas_ir::{DType, Dim, Shape, Tensor};
use std::sync::Arc;

/// 1 for the choices under which a parameter is met here and was not counted yet. One that is read twice counts once; one of two
/// cases of an open value counts in each.
fn uncounted(ctx: &mut Ctx, address: &Arc<str>, span: Span) -> Result<Dim> {
    let here = ctx.indicator();
    let Some(n) = &mut ctx.net else {
        return Ok(here);
    };
    let before = n.counted.get(address).cloned().unwrap_or(Dim::Const(0));
    let parts = Dim::Const(1)
        .sub(&before)
        .and_then(|rest| here.mul(&rest))
        .and_then(|fresh| Ok((before.add(&fresh)?, fresh)));
    match parts {
        Ok((after, fresh)) => {
            n.counted.insert(address.clone(), after);
            Ok(fresh)
        }
        Err(e) => Err(ctx.shape_fault(e.into(), span)),
    }
}

/// `param name: [shape] ~ init` and a block's `state`.
#[allow(clippy::too_many_arguments)]
pub fn param(
    ctx: &mut Ctx,
    name: &ast::Ident,
    ty: Option<&ast::Type>,
    init: Option<&Expr>,
    drawn: bool,
    trained: bool,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let mut shape = Shape::new();
    if let Some(ty) = ty {
        let dims = match &ty.kind {
            TypeKind::Tensor { shape, .. } => shape.clone(),
            TypeKind::List { of, .. } => match &of.kind {
                TypeKind::Name { name, .. } => vec![ast::IndexArg::At(Expr {
                    kind: ExprKind::Name(name.clone()),
                    span: of.span,
                })],
                _ => vec![],
            },
            _ => vec![],
        };
        for d in &dims {
            match d {
                ast::IndexArg::At(e) => {
                    let v = ctx.eval(e, env)?;
                    shape.push(extent(ctx, &v, e.span)?);
                }
                ast::IndexArg::Spread(e) => {
                    let v = ctx.eval(e, env)?;
                    for x in access::items(ctx, &v, e.span)? {
                        shape.push(extent(ctx, &x, e.span)?);
                    }
                }
                _ => {}
            }
        }
    }
    for d in &shape {
        positive(ctx, d, &name.text, span)?;
    }
    let Some(n) = &mut ctx.net else {
        return Err(fault("E0107", "a parameter stands in a block or a net")
            .at(span, "here")
            .into());
    };
    let net = n.net.clone();
    let owner = n
        .frames
        .iter()
        .rev()
        .find(|f| !f.kind.is_empty())
        .map(|f| f.kind.clone())
        .unwrap_or_default();
    let address: Arc<str> = match n.path() {
        p if p.is_empty() => name.text.clone(),
        p => format!("{p}/{}", name.text).into(),
    };
    let place: Arc<str> = format!("{}/{}", n.place(), name.text).into();
    let over = n
        .frames
        .iter()
        .rev()
        .find(|f| !f.kind.is_empty())
        .and_then(|f| f.overrides.get(&name.text).cloned());
    // A function of the parameter is applied below, once the parameter itself is there.
    if let Some(v) = &over
        && !matches!(v.plain(), Value::Func(_))
    {
        let t = number::as_tensor(v)
            .unwrap_or_else(|| Tensor::symbol("override", shape.clone(), net.dtype));
        let t = if t.rank() == shape.len() {
            t
        } else {
            t.expand(&shape).map_err(|e| ctx.shape_fault(e, span))?
        };
        note_param(ctx, &name.text, &address, Value::tensor(t.clone()), trained);
        return Ok(env.bind(name.text.clone(), Value::tensor(t)));
    }
    if n.costs.is_some() {
        let (path, fresh) = (n.path(), uncounted(ctx, &address, span)?);
        let out = shape.to_vec();
        let count = nas_ir::shape::count(&shape).and_then(|c| c.mul(&fresh));
        let amount = count.map_err(|e| ctx.shape_fault(e.into(), span))?;
        // States cost nothing, and have shapes all the same.
        let amount = if trained { amount } else { Dim::Const(0) };
        if fresh != Dim::Const(0)
            && let Some(costs) = ctx.net.as_mut().and_then(|n| n.costs.as_mut())
        {
            costs.push(CostEntry {
                path,
                kind: owner.clone(),
                item: if trained { "params" } else { "state" }.into(),
                param: name.text.clone(),
                amount,
                out,
            });
        }
    }
    let made = net.made.lock().ok().and_then(|m| m.get(&address).cloned());
    // Of sizes that are open, and of members that are not known, there is nothing but the shape.
    let stands =
        shape.iter().any(|d| d.known().is_none()) || matches!(net.base, NetBase::AllMembers { .. });
    let tensor = match (made, &net.weights) {
        (Some(t), _) if t.shape() == shape.as_slice() => t,
        (_, NetWeights::Fresh(key)) if !stands => {
            let t = initial(
                ctx,
                init,
                drawn,
                &shape,
                key.named(&address),
                net.dtype,
                env,
                span,
            )?;
            edited(ctx, &net, &owner, &name.text, &address, t, trained, span)?
        }
        (_, NetWeights::Stored(w)) if !stands => {
            let w = w.clone();
            let (slot, full) =
                crate::weights::slot_of(ctx, &net, &w, &address, &place, &shape, &owner, span)?;
            let key = w.key.named(&slot);
            let exists = w.has(&slot);
            let t = if !exists {
                if ctx.checking() {
                    let t = Tensor::symbol(address.clone(), shape.clone(), net.dtype);
                    ctx.owned(&t, Some(w.id), trained);
                    t
                } else {
                    let t = initial(ctx, init, drawn, &full, key, DType::F32, env, span)?;
                    let stored = ctx
                        .host
                        .compute(std::slice::from_ref(&t), &|s, a| crate::weights::find(s, a))
                        .map_err(Fault::from)?;
                    if let Some(s) = stored.into_iter().next() {
                        w.put(slot.clone(), s, trained);
                    }
                    crate::weights::read(ctx, &w, &slot, &full, &shape, net.dtype, span)?
                }
            } else {
                crate::weights::read(ctx, &w, &slot, &full, &shape, net.dtype, span)?
            };
            edited(ctx, &net, &owner, &name.text, &address, t, trained, span)?
        }
        (_, weights) => {
            let t = Tensor::weight(address.clone(), shape.clone(), net.dtype);
            let store = match weights {
                NetWeights::Stored(w) => Some(w.id),
                _ => net.reads,
            };
            ctx.owned(&t, store, trained);
            t
        }
    };
    if let Ok(mut m) = net.made.lock() {
        m.insert(address.clone(), tensor.clone());
    }
    let tensor = match over {
        Some(f) => {
            let key = ctx.next_key();
            rewritten(ctx, f, tensor, key, span)?
        }
        None => tensor,
    };
    let v = Value::tensor(tensor);
    note_param(ctx, &name.text, &address, v.clone(), trained);
    Ok(env.bind(name.text.clone(), v))
}

fn note_param(ctx: &mut Ctx, name: &Arc<str>, address: &Arc<str>, v: Value, trained: bool) {
    if let Some(n) = &mut ctx.net
        && let Some(f) = n.frames.iter_mut().rev().find(|f| !f.kind.is_empty())
    {
        f.params.insert(name.clone(), v);
        if !trained {
            f.states.insert(name.clone(), address.clone());
        }
    }
}

/// E0401: a parameter without numbers in it, for some choice.
fn positive(ctx: &mut Ctx, d: &Dim, name: &str, span: Span) -> Result<()> {
    let mut here = d.clone();
    for (site, option) in &ctx.assumed {
        here = here.restrict(*site, *option);
    }
    let Some(t) = here.as_table() else {
        return Ok(());
    };
    let Some(i) = t.values.iter().position(|v| *v < 1) else {
        return Ok(());
    };
    let e = nas_ir::ShapeError::new(format!(
        "`{name}` has a size of {}: a parameter holds at least one number",
        t.values[i]
    ))
    .witness(t.assignment(i));
    Err(ctx.shape_fault(e, span))
}

pub fn extent(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Dim> {
    if let Some(d) = number::as_dim(v) {
        return Ok(d);
    }
    match v.plain() {
        Value::Unknown(_) => Ok(Dim::var("?")),
        Value::Open(t) => {
            // Fractions in some cases: the first of them is shown.
            let at = t
                .values
                .iter()
                .position(|v| !matches!(v, Value::Impossible) && number::as_dim(v).is_none());
            let e = nas_ir::ShapeError {
                code: "E0402",
                ..nas_ir::ShapeError::new("this size is not whole for every choice")
            };
            let shown = at.map(|i| crate::show::brief(&t.values[i]));
            let e = e.witness(at.map(|i| t.assignment(i)).unwrap_or_default());
            let mut f = ctx.shape_fault(e, span);
            if let Some(shown) = shown {
                f.0.notes.insert(0, format!("it is {shown}"));
            }
            f.0.help = Some("`ceil(…)` or `floor(…)` bring it back".into());
            Err(f)
        }
        Value::Float(f, _) => Err(fault("E0402", format!("this size is not whole: it is {f}"))
            .at(span, "not whole")
            .help("`ceil(…)` or `floor(…)` bring it back")
            .into()),
        Value::Tensor(..) => Err(fault("E0304", "a run-time value stands in a shape")
            .at(span, "known only at run time")
            .into()),
        _ => access::whole(ctx, v, span).map(Dim::Const),
    }
}

/// Parameter edits: `params: abs`, `conv2d.weight: w => …`.
#[allow(clippy::too_many_arguments)]
fn edited(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    owner: &Arc<str>,
    name: &Arc<str>,
    address: &Arc<str>,
    t: Tensor,
    trained: bool,
    span: Span,
) -> Result<Tensor> {
    let mut t = t;
    for e in &net.edits {
        let all = &*e.kind == "params" && e.param.is_none() && trained;
        let one = e.kind == *owner && e.param.as_ref() == Some(name);
        let outside = e.within.as_ref().is_some_and(|w| {
            !ctx.net
                .as_ref()
                .is_some_and(|n| n.frames.iter().any(|f| f.kind == *w))
        });
        if (!all && !one) || outside {
            continue;
        }
        let v = match &e.value {
            EditValue::Ready(v) => v.clone(),
            EditValue::Later { value, env, module } => {
                ctx.in_module(*module, |ctx| ctx.eval(value, env))?
            }
        };
        t = rewritten(ctx, v, t, e.key.named(address), span)?;
    }
    Ok(t)
}

/// A parameter replaced by a tensor, a number, or what a function makes of it.
fn rewritten(ctx: &mut Ctx, v: Value, t: Tensor, key: Key, span: Span) -> Result<Tensor> {
    let v = match v.plain() {
        Value::Func(_) => {
            // The edit's own draws follow from the address, not from the order of evaluation.
            let saved = ctx.net.take();
            let r = ctx.under(key, |ctx| {
                call::apply(ctx, v.clone(), Value::tensor(t.clone()), span)
            });
            ctx.net = saved;
            r?
        }
        _ => v,
    };
    // What a check does not know keeps the parameter's shape.
    if v.is_unknown() {
        return Ok(Tensor::symbol(
            "replaced",
            t.shape().iter().cloned().collect(),
            t.dtype(),
        ));
    }
    let new = number::as_tensor(&v).ok_or_else(|| {
        Fault::from(
            fault(
                "E0301",
                format!("a parameter is replaced by a tensor, not by {}", v.kind()),
            )
            .at(span, "here"),
        )
    })?;
    let new = if new.rank() == 0 && t.rank() > 0 {
        new.expand(t.shape())
    } else {
        Ok(new)
    }
    .map_err(|e| ctx.shape_fault(e, span))?;
    if new.shape() != t.shape() {
        let e = nas_ir::ShapeError::new("an edit keeps the parameter's shape")
            .fact(format!("was  {}", nas_ir::shape::Show(t.shape())))
            .fact(format!("new  {}", nas_ir::shape::Show(new.shape())));
        return Err(ctx.shape_fault(e, span));
    }
    Ok(new.cast(t.dtype()))
}

/// The initial value of a parameter: a number, a distribution, or a function of its shape.
#[allow(clippy::too_many_arguments)]
fn initial(
    ctx: &mut Ctx,
    init: Option<&Expr>,
    drawn: bool,
    shape: &Shape,
    key: Key,
    dtype: DType,
    env: &Env,
    span: Span,
) -> Result<Tensor> {
    let _ = drawn;
    let dims: Vec<Value> = shape.iter().map(|d| number::of_dim(d.clone())).collect();
    let Some(init) = init else {
        return Ok(Tensor::filled(0.0, shape, dtype));
    };
    let saved = ctx.net.take();
    let r = ctx.under(key, |ctx| {
        let v = ctx.eval(init, env)?;
        match v.plain() {
            Value::Dist(d) => crate::draw::tensor(ctx, d, &dims, key, span),
            Value::Func(_) => call::apply(ctx, v, Value::list(dims.clone()), span),
            _ => Ok(v),
        }
    });
    ctx.net = saved;
    let v = r?;
    let t = match number::as_f64(&v) {
        Some(f) => Tensor::filled(f, shape, dtype),
        // The size that the start hangs on is that of data which are not here to look at.
        None if ctx.checking() && v.is_unknown() => Tensor::filled(0.0, shape, dtype),
        None => number::as_tensor(&v).ok_or_else(|| {
            Fault::from(
                fault(
                    "E0301",
                    format!("a parameter starts as a tensor, not as {}", v.kind()),
                )
                .at(init.span, "here"),
            )
        })?,
    };
    let t = t.cast(dtype);
    t.expand(shape).map_err(|e| ctx.shape_fault(e, init.span))
}
