//! From an elaborated space to its algebra: sites, conditions, costs and the encoding, on indices.

use crate::ctx::{Ctx, fault};
use crate::space::{Algebra, Elaborated, SpaceValue};
use crate::value::Value;
use crate::{Result, template};
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind};
use nas_ir::Table;
use nas_space as algebra;
use std::sync::{Arc, OnceLock};

pub fn build(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<Algebra> {
    s.prove(ctx)?;
    let e = s.elaborate(ctx)?;
    let sites = s.sites();
    let mut model = algebra::Model::default();
    for i in &sites {
        let exists = if i.exists.iter().any(|c| c.is_empty()) {
            algebra::Condition::Always
        } else {
            algebra::Condition::Any(
                i.exists
                    .iter()
                    .map(|c| c.iter().map(|(s, o)| (*s as usize, vec![*o])).collect())
                    .collect(),
            )
        };
        model.sites.push(algebra::Site {
            address: i.address.clone(),
            labels: i.labels.clone(),
            exists,
        });
    }
    // Conditions of the declaration, then those of `where`.
    let mut parts: Vec<(Value, Span)> = vec![];
    let saved = (
        ctx.space.replace(e.context.clone()),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
        std::mem::replace(&mut ctx.top, false),
    );
    let r = (|| -> Result<()> {
        for c in &e.conditions {
            ctx.in_module(s.module, |ctx| {
                crate::space::condition_parts(ctx, s, c, &e.env, &mut parts)
            })?;
        }
        for (c, env, module) in &s.conditions {
            // The names of the space are in scope of its conditions; the writer's own names win where both have one.
            let mut scope = e.env.clone();
            scope = merge(&scope, env, s);
            ctx.in_module(*module, |ctx| {
                crate::space::condition_parts(ctx, s, c, &scope, &mut parts)
            })?;
        }
        Ok(())
    })();
    (ctx.space, ctx.net, ctx.assumed, ctx.top) = saved;
    r?;
    let first_place = parts.first().map(|p| p.1);
    let mut always = vec![];
    let mut windows = 0;
    let (mut window_places, mut predicate_places): (Vec<Span>, Vec<Span>) = (vec![], vec![]);
    for (v, at) in parts {
        match v.plain() {
            Value::Bool(true) => always.push(at),
            Value::Unknown(_) => {}
            Value::Bool(false) => {
                return Err(fault(
                    "E0601",
                    format!("no member of `{}` meets this condition", s.name),
                )
                .at(at, "never true")
                .into());
            }
            Value::Open(t) => {
                let bools = t.map(|v| match v.plain() {
                    Value::Bool(b) => *b,
                    Value::Impossible => true,
                    _ => false,
                });
                model.predicates.push(convert(&model, &bools));
                predicate_places.push(at);
            }
            Value::Window(w) => {
                window_places.push(at);
                let name: Arc<str> = format!("cost {windows}").into();
                windows += 1;
                let terms = w
                    .terms
                    .tables
                    .iter()
                    .map(|t| convert(&model, &t.map(|v| *v as i128)))
                    .collect();
                model.costs.insert(name.clone(), algebra::Cost { terms });
                model.windows.push(algebra::Window {
                    cost: name,
                    low: w.low.map(i128::from),
                    high: w.high.map(i128::from),
                });
            }
            other => {
                return Err(fault(
                    "E0301",
                    format!(
                        "a condition on a space is true or false for each member, and this is {}",
                        other.kind()
                    ),
                )
                .at(at, "this condition")
                .into());
            }
        }
    }
    let conditioned = !model.predicates.is_empty() || !model.windows.is_empty();
    let space = algebra::Space::new(model)
        .map_err(|e| fault("E0606", e.to_string()).at(span, "in this space"))?;
    if conditioned && let Ok(size) = space.feasible_size() {
        if size == 0u32.into() {
            let mut d = fault(
                "E0601",
                format!("no member of `{}` meets its conditions", s.name),
            );
            let mut places = vec![];
            if let Ok(Some(n)) = space.nearest() {
                let arch = crate::space::ArchValue::new(s.clone(), n.arch);
                d = d.note(format!("the nearest member is {}", arch.text()));
                for w in n.violated {
                    match w {
                        algebra::Why::Window {
                            window,
                            value,
                            low,
                            high,
                            ..
                        } => {
                            let at = window_places.get(window).copied().unwrap_or(span);
                            let name = subject(s, &e, at).unwrap_or("the cost".into());
                            let (bound, side) = match (low, high) {
                                (Some(l), _) if value < l => (l, "at least"),
                                (_, Some(h)) => (h, "at most"),
                                (Some(l), None) => (l, "at least"),
                                (None, None) => (value, "exactly"),
                            };
                            places.push((
                                at,
                                format!("{side} {bound} is asked for, and the nearest has {value}"),
                            ));
                            d = d.note(format!("there, {name} is {value}")).help(format!(
                                "loosen the bound on {name} to {value}, or widen the choices"
                            ));
                        }
                        algebra::Why::Predicate { predicate, choices } => {
                            let at = predicate_places.get(predicate).copied().unwrap_or(span);
                            places.push((at, format!("not with {}", choices.join(", "))));
                        }
                        other => d = d.note(other.to_string()),
                    }
                }
            }
            if places.is_empty() {
                let at = s.conditions.first().map_or(span, |(c, ..)| c.span);
                places.push((at, "these conditions".into()));
            }
            for (at, text) in places {
                d = d.at(at, text);
            }
            return Err(d.into());
        }
        if let Some(at) = first_place
            && space.raw_size().is_ok_and(|r| r == size)
        {
            ctx.warnings.push(
                nas_diagnostics::Diagnostic::warning("W0601", "this condition excludes no member")
                    .at(at, "always true"),
            );
        }
    }
    if !conditioned && let Some(at) = always.first() {
        ctx.warnings.push(
            nas_diagnostics::Diagnostic::warning("W0601", "this condition excludes no member")
                .at(*at, "always true"),
        );
    }
    let template = match &e.encoding {
        Some(t) => Some(template::encoding(ctx, s, &space, t, &sites)?),
        None => None,
    };
    Ok(Algebra {
        space,
        sampler: OnceLock::new(),
        template,
    })
}

/// The quantity that the condition at a place bounds, as written: `macs.core`.
fn subject(s: &SpaceValue, e: &Elaborated, at: Span) -> Option<String> {
    fn find(c: &Expr, at: Span) -> Option<String> {
        if let ExprKind::Binary { op, left, right } = &c.kind {
            if *op == BinaryOp::And {
                return find(left, at).or_else(|| find(right, at));
            }
            if c.span == at {
                let name = |e: &Expr| crate::pipeline::path_name(e).map(|n| format!("`{n}`"));
                return name(left).or_else(|| name(right));
            }
        }
        match &c.kind {
            ExprKind::In { value, .. } if c.span == at => {
                crate::pipeline::path_name(value).map(|n| format!("`{n}`"))
            }
            _ => None,
        }
    }
    let own = e.conditions.iter().find_map(|c| find(c, at));
    own.or_else(|| s.conditions.iter().find_map(|(c, ..)| find(c, at)))
}

/// The scope of a `where` written outside the space.
fn merge(space: &crate::env::Env, outer: &crate::env::Env, s: &SpaceValue) -> crate::env::Env {
    // The writer's scope, with the space's names added where it has none of its own.
    let mut env = outer.clone();
    for n in s.names() {
        if outer.find(&n).is_none()
            && let Some(crate::env::Found::Value(v)) = space.find(&n)
        {
            env = env.bind(n.into(), v);
        }
    }
    env
}

/// A table over options as a table over codes: where a site is absent, its first option's row stands.
pub fn convert<T: Clone>(model: &algebra::Model, t: &Table<T>) -> algebra::Table<T> {
    let sites: Vec<usize> = t.sites.iter().map(|s| s.0 as usize).collect();
    let widths: Vec<usize> = sites.iter().map(|s| model.sites[*s].width()).collect();
    let total: usize = widths.iter().product();
    let mut values = Vec::with_capacity(total);
    let mut at = vec![0usize; sites.len()];
    for _ in 0..total {
        let i = t.sites.iter().enumerate().fold(0, |i, (k, s)| {
            i * s.1 as usize + if at[k] < s.1 as usize { at[k] } else { 0 }
        });
        values.push(t.values[i].clone());
        for k in (0..sites.len()).rev() {
            at[k] += 1;
            if at[k] < widths[k] {
                break;
            }
            at[k] = 0;
        }
    }
    algebra::Table { sites, values }
}

/// The algebra of a cost on its own: for its range and distribution over the members of a space.
pub fn with_cost(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    tables: &[Table<i64>],
    span: Span,
) -> Result<algebra::Space> {
    let a = s.algebra(ctx, span)?;
    let mut model = a.space.model().clone();
    // Terms over the same choices are one term.
    let mut merged: Vec<Table<i64>> = vec![];
    for t in tables {
        match merged.iter_mut().find(|m| m.sites == t.sites) {
            Some(m) => m
                .values
                .iter_mut()
                .zip(&t.values)
                .for_each(|(a, b)| *a += b),
            None => merged.push(t.clone()),
        }
    }
    let terms = merged
        .iter()
        .map(|t| convert(&model, &t.map(|v| *v as i128)))
        .collect();
    model.costs.insert("asked".into(), algebra::Cost { terms });
    algebra::Space::new(model).map_err(|e| {
        fault("E0606", e.to_string())
            .at(span, "in this space")
            .into()
    })
}
