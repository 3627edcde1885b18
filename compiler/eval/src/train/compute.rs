//! Where lazy tensors become numbers.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use crate::{Fault, Result, number as num};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, ExprKind};
use nas_ir::{DType, Dim, HostTensor, Tensor};

/// Computes tensors that have no value yet, together.
pub fn force(ctx: &mut Ctx, tensors: &[Tensor], span: Span) -> Result<Vec<HostTensor>> {
    let missing: Vec<Tensor> = tensors
        .iter()
        .filter(|t| t.0.value.get().is_none() && value_of(t).is_none())
        .cloned()
        .collect();
    if !missing.is_empty() {
        if ctx.checking() {
            return Err(
                fault("E0304", "a run-time value is needed before anything runs")
                    .at(span, "known only at run time")
                    .into(),
            );
        }
        let out = ctx
            .host
            .compute(&missing, &|s, a| crate::weights::find(s, a))
            .map_err(|d| at(d, span))?;
        for (t, v) in missing.iter().zip(out) {
            let _ = t.0.value.set(v.download());
        }
    }
    Ok(tensors
        .iter()
        .map(|t| {
            value_of(t)
                .or_else(|| t.0.value.get().cloned())
                .unwrap_or_else(|| HostTensor::f32(vec![0], vec![]))
        })
        .collect())
}

pub(super) fn at(d: nas_diagnostics::Diagnostic, span: Span) -> Fault {
    if d.labels.is_empty() {
        d.at(span, "computed here").into()
    } else {
        d.into()
    }
}

pub(super) fn value_of(t: &Tensor) -> Option<HostTensor> {
    match (&t.0.op, &t.0.leaf) {
        (nas_ir::Op::Leaf, Some(l)) => l.value.clone(),
        (nas_ir::Op::Const(_) | nas_ir::Op::Scalar, _) => {
            Some(HostTensor::f64(vec![], vec![t.0.scalar]))
        }
        _ => None,
    }
}

pub(super) fn collect_tensors(v: &Value, out: &mut Vec<Tensor>) {
    match v {
        Value::Tensor(t, _) if t.0.value.get().is_none() && value_of(t).is_none() => {
            out.push(t.clone())
        }
        Value::List(l) => l.iter().for_each(|v| collect_tensors(v, out)),
        Value::Record(r) => r.values().for_each(|v| collect_tensors(v, out)),
        Value::Picked(p) => collect_tensors(&p.value, out),
        Value::Kept(k) => {
            collect_tensors(&k.value, out);
            collect_tensors(&k.history, out);
        }
        _ => {}
    }
}

/// Computes every tensor inside some values; gradients still go through them.
pub fn compute_all(ctx: &mut Ctx, values: &[Value], span: Span) -> Result<()> {
    for v in values {
        crate::bulk::bounded(v, span)?;
    }
    if ctx.checking() {
        return Ok(());
    }
    let mut tensors = vec![];
    values.iter().for_each(|v| collect_tensors(v, &mut tensors));
    force(ctx, &tensors, span).map(|_| ())
}

/// Computes every tensor inside some values and lets go of what they were computed from, batches of data among it.
pub fn settle_all(ctx: &mut Ctx, values: &mut [Value], span: Span) -> Result<()> {
    compute_all(ctx, values, span)?;
    if !ctx.checking() {
        values.iter_mut().for_each(|v| *v = alone(v));
    }
    Ok(())
}

/// As [`settle_all`], for one value.
pub fn settle(ctx: &mut Ctx, value: Value, span: Span) -> Result<Value> {
    let mut one = [value];
    settle_all(ctx, &mut one, span)?;
    let [value] = one;
    Ok(value)
}

/// A value without the graphs behind its tensors.
pub(super) fn alone(v: &Value) -> Value {
    match v {
        Value::Tensor(t, kind) if !t.0.inputs.is_empty() => match t.0.value.get() {
            Some(known) => Value::Tensor(Tensor::value(known.clone()), *kind),
            None => v.clone(),
        },
        Value::List(l) if l.iter().any(held) => Value::list(l.iter().map(alone).collect()),
        Value::Record(r) if r.values().any(held) => {
            Value::record(r.iter().map(|(k, v)| (k.clone(), alone(v))).collect())
        }
        Value::Picked(p) if held(&p.value) => {
            let mut p = (**p).clone();
            p.value = alone(&p.value);
            Value::Picked(p.into())
        }
        Value::Kept(k) => {
            let mut k = (**k).clone();
            k.value = alone(&k.value);
            k.history = alone(&k.history);
            Value::Kept(k.into())
        }
        v => v.clone(),
    }
}

/// Whether a value holds a tensor that is still to be computed: what is read from it is no work of its own.
pub fn unsettled(v: &Value) -> bool {
    any_tensor(v, &|t| !t.0.inputs.is_empty() && t.0.value.get().is_none())
}

/// Whether a value holds a tensor with its graph.
fn held(v: &Value) -> bool {
    any_tensor(v, &|t| !t.0.inputs.is_empty())
}

fn any_tensor(v: &Value, is: &dyn Fn(&Tensor) -> bool) -> bool {
    let any = |v: &Value| any_tensor(v, is);
    match v {
        Value::Tensor(t, _) => is(t),
        Value::List(l) => l.iter().any(any),
        Value::Record(r) => r.values().any(any),
        Value::Picked(p) => any(&p.value),
        Value::Kept(k) => any(&k.value) || any(&k.history),
        Value::Call(c) => {
            let own = c.input.iter().chain(&c.output).chain(c.taps.values());
            own.into_iter().any(any) || c.all.iter().any(|c| c.output.as_ref().is_some_and(any))
        }
        _ => false,
    }
}

/// A number, computed if it has to be.
pub fn number(ctx: &mut Ctx, v: &Value, span: Span) -> Result<f64> {
    numbers(ctx, v, span)?.first().copied().ok_or_else(|| {
        fault("E0301", "a number is wanted, and this is empty")
            .at(span, "here")
            .into()
    })
}

/// All numbers in a value, computed together.
pub fn numbers(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Vec<f64>> {
    let mut tensors = vec![];
    collect_tensors(v, &mut tensors);
    force(ctx, &tensors, span)?;
    let mut out = vec![];
    push_numbers(ctx, v, span, &mut out)?;
    Ok(out)
}

pub(super) fn push_numbers(ctx: &mut Ctx, v: &Value, span: Span, out: &mut Vec<f64>) -> Result<()> {
    match v.plain() {
        Value::Tensor(t, _) => {
            for h in force(ctx, std::slice::from_ref(t), span)? {
                out.extend(h.to_f64());
            }
        }
        Value::List(l) => {
            for x in l.iter() {
                push_numbers(ctx, x, span, out)?;
            }
        }
        Value::Range(r) => out.extend(r.iter().map(|i| i as f64)),
        Value::Record(r) => {
            for x in r.values() {
                push_numbers(ctx, x, span, out)?;
            }
        }
        other => match num::as_f64(other) {
            Some(f) => out.push(f),
            None => {
                let d = match other {
                    Value::Sealed(s) => return Err(crate::seal::refuse(s, span)),
                    Value::Invalid(reason) => fault(
                        "E0308",
                        format!("an invalid value stands where a number is needed: {reason}"),
                    )
                    .at(span, "here")
                    .help("meet it with `else`, `valid(…)` or `require`"),
                    Value::Unknown(_) => fault(
                        "E0304",
                        "a run-time value stands where a number must be known",
                    )
                    .at(span, "here"),
                    _ => fault(
                        "E0301",
                        format!("a number is wanted, and this is {}", other.kind()),
                    )
                    .at(span, "here"),
                };
                return Err(d.into());
            }
        },
    }
    Ok(())
}

/// A stand-in for a parameter of a given type, for checking a function by itself.
pub fn stand_in(ctx: &mut Ctx, ty: Option<&ast::Type>, env: &Env) -> Result<Value> {
    let Some(ty) = ty else {
        return Ok(Value::unknown());
    };
    Ok(match &ty.kind {
        ast::TypeKind::Tensor { shape, of } => {
            let mut dims = nas_ir::Shape::new();
            for s in shape {
                match s {
                    ast::IndexArg::At(e) => match &e.kind {
                        ExprKind::Name(n) if env.find(&n.text).is_none() => {
                            dims.push(Dim::var(n.text.clone()))
                        }
                        ExprKind::Hole => dims.push(Dim::var("_")),
                        _ => {
                            let v = ctx.eval(e, env)?;
                            dims.push(crate::net::extent(ctx, &v, e.span)?);
                        }
                    },
                    _ => return Ok(Value::unknown()),
                }
            }
            let (dtype, element) = match of.as_ref().map(|t| &t.kind) {
                Some(ast::TypeKind::Name { name, .. })
                    if matches!(&*name.text, "Index" | "Label" | "Token") =>
                {
                    (DType::I32, crate::value::Element::Label)
                }
                Some(ast::TypeKind::Name { name, .. }) if &*name.text == "Bool" => {
                    (DType::F32, crate::value::Element::Bool)
                }
                _ => (DType::F32, crate::value::Element::Float),
            };
            Value::Tensor(Tensor::symbol("stand-in", dims, dtype), element)
        }
        ast::TypeKind::Sealed(_) => crate::seal::stand_in(ty.span),
        _ => Value::unknown(),
    })
}
