//! Reading parts of values: fields, methods, elements, slices, membership, restriction.

mod belongs;
mod index;
mod instead;

pub use belongs::{contains, named, restrict};
use index::row;
pub use index::{element, index, index_value};
pub use instead::instead;

use crate::call::{self};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{FuncKind, Unit, Value};
use crate::{Result, net, number, space, weights};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr};
use std::sync::Arc;

const DATA_METHODS: &[&str] = &[
    "split", "take", "map", "batches", "batch", "sample", "shuffled", "skip",
];
const SPACE_METHODS: &[&str] = &["build"];
const NET_METHODS: &[&str] = &["all", "trace"];
const WEIGHTS_METHODS: &[&str] = &["row"];

/// `base.name` in front of a call: a method where the value has one.
pub fn callee(
    ctx: &mut Ctx,
    base: &Expr,
    name: &ast::Ident,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let v = ctx.eval(base, env)?;
    let methods: &[&str] = match v.plain() {
        Value::Data(_) => DATA_METHODS,
        Value::Space(_) => SPACE_METHODS,
        Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => SPACE_METHODS,
        Value::Net(_) | Value::Call(_) => NET_METHODS,
        Value::Weights(_) => WEIGHTS_METHODS,
        Value::Unknown(_) => return Ok(Value::unknown()),
        Value::List(_) => {
            let mut d = fault("E0202", format!("a list has no `{}`", name.text))
                .at(name.span, "asked for here");
            if let Some(help) = instead(&name.text, "xs", "f", true) {
                d = d
                    .help(help)
                    .note("`xs` stands for the list, `f` for what is given");
            }
            return Err(d.into());
        }
        _ => &[],
    };
    if methods.contains(&&*name.text) {
        return Ok(ctx.func(
            FuncKind::Method {
                receiver: v,
                name: name.text.clone(),
            },
            span,
        ));
    }
    field_of(ctx, v, name, span)
}

pub fn field(
    ctx: &mut Ctx,
    base: &Expr,
    name: &ast::Ident,
    env: &Env,
    span: Span,
) -> Result<Value> {
    let v = ctx.eval(base, env)?;
    field_of(ctx, v, name, span)
}

pub fn field_of(ctx: &mut Ctx, v: Value, name: &ast::Ident, span: Span) -> Result<Value> {
    let v = ctx.settle(v);
    let key = &*name.text;
    if let Value::Kept(k) = &v
        && key == "history"
    {
        return Ok(k.history.clone());
    }
    if let Value::Sealed(s) = v.plain() {
        return Err(crate::seal::refuse(s, span));
    }
    if let Some(s) = crate::curriculum::setting(ctx, &v, name, span)? {
        return Ok(s);
    }
    let found = match v.plain() {
        Value::Unknown(_) | Value::Impossible | Value::Invalid(_) => Some(v.clone()),
        Value::Open(_) => return ctx.cases(v, span, &mut |ctx, v| field_of(ctx, v, name, span)),
        Value::Module(m) => return module_item(ctx, *m, name, span),
        Value::Record(r) => r.get(key).cloned(),
        Value::Clock(c) => match key {
            "fraction" => Some(Value::float(c.fraction())),
            "step" => Some(Value::int(c.step)),
            "steps" => Some(Value::int(c.steps)),
            "epoch" => Some(Value::int(c.epoch)),
            "epochs" => Some(Value::int(c.epochs)),
            "losses" => Some(crate::train::losses(ctx, c)),
            _ => None,
        },
        Value::Tensor(t, _) => match key {
            "shape" => Some(Value::list(
                t.shape()
                    .iter()
                    .map(|d| number::of_dim(d.clone()))
                    .collect(),
            )),
            _ => crate::distill::axis(t, key).map(number::of_dim),
        },
        Value::Range(r) => match key {
            "low" => Some(Value::int(r.low.unwrap_or(0))),
            "high" => r.high.map(Value::int),
            _ => None,
        },
        Value::Interval(i) => match key {
            "low" => Some(i.0.clone()),
            "high" => Some(i.1.clone()),
            _ => None,
        },
        Value::Arch(a) => space::arch_field(ctx, a, key, span)?,
        Value::Space(s) => space::space_field(ctx, s, key, span)?,
        Value::Growth(g) => g.field(key),
        Value::Move(m) if key == "name" => Some(Value::text(m.name.clone())),
        Value::Site(s) => space::site_field(s, key),
        Value::Net(n) => net::net_field(ctx, n, key, span)?,
        Value::Call(c) => net::call_field(ctx, c, key, span)?,
        // A check keeps nothing: what a run will have recorded is a list of some length.
        Value::Weights(_) if key == "history" && ctx.checking() => {
            Some(Value::Unknown(crate::value::Known::List))
        }
        Value::Weights(w) => weights::field(w, key),
        Value::Data(d) => crate::data::field(d, key),
        Value::Text(t) => match key {
            "length" => Some(Value::int(t.chars().count() as i64)),
            _ => None,
        },
        // A column of a list of records.
        Value::List(items) if !items.is_empty() => {
            let mut out = Vec::with_capacity(items.len());
            for i in items.iter() {
                out.push(field_of(ctx, i.clone(), name, span)?);
            }
            Some(Value::list(out))
        }
        Value::Func(f) => match &f.kind {
            FuncKind::Space { .. } => {
                let s = space::as_space(ctx, &v, span)?;
                space::space_field(ctx, &s, key, span)?
            }
            // `macs.core` where `macs` was imported as one convention.
            FuncKind::Decl {
                global: Some(g), ..
            } => {
                let m = ctx.program.globals[*g].module;
                return match call::static_argument(f, key) {
                    Some(v) => Ok(v),
                    None => module_item(ctx, m, name, span),
                };
            }
            _ => call::static_argument(f, key),
        },
        _ => None,
    };
    found.ok_or_else(|| {
        let names = fields_of(&v);
        let mut d =
            fault("E0202", format!("{} has no `{key}`", v.kind())).at(name.span, "asked for here");
        if let Some(c) =
            nas_diagnostics::did_you_mean(key, names.iter().map(|s| &**s).collect::<Vec<_>>())
        {
            d = d.did_you_mean(&c);
        } else if !names.is_empty() {
            d = d.note(format!("it has {}", names.join(", ")));
        }
        d.into()
    })
}

fn fields_of(v: &Value) -> Vec<String> {
    match v.plain() {
        Value::Record(r) => r.keys().map(|k| k.to_string()).collect(),
        Value::Clock(_) => ["fraction", "step", "steps", "epoch", "epochs", "losses"]
            .map(String::from)
            .to_vec(),
        Value::Data(d) => d.parts().into_iter().map(String::from).collect(),
        Value::Arch(a) => a.space.names(),
        _ => vec![],
    }
}

fn module_item(ctx: &mut Ctx, module: usize, name: &ast::Ident, span: Span) -> Result<Value> {
    let program = ctx.program.clone();
    if let Some(id) = program
        .globals
        .iter()
        .position(|g| g.module == module && g.name == name.text)
    {
        return ctx.global(id, span);
    }
    let names: Vec<&str> = program
        .globals
        .iter()
        .filter(|g| g.module == module)
        .map(|g| &*g.name)
        .collect();
    let path = program
        .modules
        .get(module)
        .map(|m| m.path.to_string())
        .unwrap_or_default();
    let mut d =
        fault("E0202", format!("`{path}` has no `{}`", name.text)).at(name.span, "asked for here");
    d = match nas_diagnostics::did_you_mean(&name.text, names.clone()) {
        Some(c) => d.did_you_mean(&c),
        None => d.note(format!("it has {}", names.join(", "))),
    };
    Err(d.into())
}

/// A value as a whole number.
pub fn whole(ctx: &mut Ctx, v: &Value, span: Span) -> Result<i64> {
    match v.plain() {
        Value::Int(i, _) => Ok(*i),
        Value::Float(f, _) if f.fract() == 0.0 && f.abs() < 9e15 => Ok(*f as i64),
        Value::Float(f, _) => Err(fault(
            "E0402",
            format!("a whole number is wanted, and this is {f}"),
        )
        .at(span, "not whole")
        .help("`ceil(…)` or `floor(…)` bring it back")
        .into()),
        Value::Tensor(..) if !ctx.checking() => {
            let f = crate::train::number(ctx, v, span)?;
            whole(ctx, &Value::float(f), span)
        }
        Value::Tensor(..) | Value::Unknown(_) => Err(fault(
            "E0304",
            "a run-time value stands where a number must be known",
        )
        .at(span, "known only when the pipeline runs")
        .into()),
        Value::Big(_) => Err(
            fault("E0104", "nothing is counted by a number of this size")
                .at(span, "beyond 2^63")
                .help("sizes, turns and places are below 9_223_372_036_854_775_808")
                .into(),
        ),
        other => Err(fault(
            "E0301",
            format!("a whole number is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

/// The elements of anything that can be gone through.
pub fn items(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Vec<Value>> {
    Ok(match v.plain() {
        Value::List(l) => l.to_vec(),
        Value::Range(r) if r.high.is_some() => {
            if r.high.unwrap_or(0).saturating_sub(r.low.unwrap_or(0)) > 50_000_000 {
                return Err(fault("E0606", "this range is too long to be gone through")
                    .at(span, "this range")
                    .into());
            }
            r.iter().map(Value::int).collect()
        }
        Value::Record(r) => r
            .iter()
            .map(|(k, v)| Value::list(vec![Value::text(k.clone()), v.clone()]))
            .collect(),
        Value::Tensor(t, e) => {
            let Some(n) = t.shape().first().and_then(|d| d.known()) else {
                return Err(fault("E0304", "this tensor's length is not known")
                    .at(span, "here")
                    .into());
            };
            let mut out = vec![];
            for i in 0..n {
                out.push(row(ctx, t, *e, i, span)?);
            }
            out
        }
        Value::Space(s) => s.clone().members(ctx, span)?,
        // A space by its name is the space with its defaults.
        Value::Func(f) if matches!(f.kind, crate::value::FuncKind::Space { .. }) => {
            crate::space::as_space(ctx, v, span)?.members(ctx, span)?
        }
        Value::Sealed(s) => return Err(crate::seal::refuse(s, span)),
        // A range whose end is not known yet: one turn is looked at.
        Value::Interval(i) if ctx.checking() && (i.0.is_unknown() || i.1.is_unknown()) => {
            vec![Value::unknown()]
        }
        other => {
            return Err(
                fault("E0301", format!("{} cannot be gone through", other.kind()))
                    .at(span, "a list is wanted here")
                    .into(),
            );
        }
    })
}

pub fn key_text(v: &Value) -> Arc<str> {
    match v.plain() {
        Value::Text(t) | Value::Label(t) => t.clone(),
        other => crate::show::brief(other).into(),
    }
}

/// The unit that a count has.
pub fn counted(n: i64) -> Value {
    Value::Int(n, Unit::One)
}
