//! From an elaborated space to its algebra: sites, conditions, costs and the encoding, on indices.

mod loosen;

use crate::ctx::{Ctx, fault};
use crate::space::{Algebra, Cond, SpaceValue, alternatives, condition};
use crate::value::Value;
use crate::{Result, template};
use nas_diagnostics::Span;
use nas_ir::Table;
use nas_space as algebra;
use std::sync::{Arc, OnceLock};

/// What a condition comes to, on indices.
enum Part {
    Always,
    Never,
    Holds(algebra::Table<bool>),
    Within(algebra::Window),
}

pub fn build(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<Algebra> {
    s.prove(ctx)?;
    let e = s.elaborate(ctx)?;
    let sites = s.sites();
    let mut model = crate::space::model_of(&sites, span)?;
    let found = conditions(ctx, s, &e)?;
    // Where each predicate and window stands in the text.
    let (mut predicates, mut windows): (Vec<Span>, Vec<Span>) = (vec![], vec![]);
    // Those that are true whatever is chosen.
    let mut always: Vec<Span> = vec![];
    for c in &found {
        let at = first_span(c).unwrap_or(span);
        let mut lists = alternatives(c, at)?;
        if let [leaves] = &mut lists[..] {
            for leaf in leaves {
                match part(&mut model, s, leaf)? {
                    (Part::Always, at) => always.push(at),
                    (Part::Never, at) => {
                        let d = format!("no member of `{}` meets this condition", s.name);
                        let d = fault("E0601", d).at(at, "never true");
                        return Err(nearest(s, &sites, &found, d, span).into());
                    }
                    (Part::Holds(t), at) => {
                        model.predicates.push(t);
                        predicates.push(at);
                    }
                    (Part::Within(w), at) => {
                        model.windows.push(w);
                        windows.push(at);
                    }
                }
            }
            continue;
        }
        let mut clauses = vec![];
        let mut idle = false;
        for leaves in &lists {
            let mut clause = algebra::Clause::default();
            let mut never = false;
            for leaf in leaves {
                match part(&mut model, s, leaf)?.0 {
                    Part::Always => {}
                    Part::Never => never = true,
                    Part::Holds(t) => clause.predicates.push(t),
                    Part::Within(w) => clause.windows.push(w),
                }
            }
            if never {
                continue;
            }
            idle |= clause.predicates.is_empty() && clause.windows.is_empty();
            clauses.push(clause);
        }
        if idle {
            always.push(at);
            continue;
        }
        match one_table(&model, &clauses) {
            Some(t) => {
                model.predicates.push(t);
                predicates.push(at);
            }
            None => model.either.push(clauses),
        }
    }
    let either = !model.either.is_empty();
    let conditioned = either || !model.predicates.is_empty() || !model.windows.is_empty();
    let space = algebra::Space::new(model)
        .map_err(|e| fault("E0606", e.to_string()).at(span, "in this space"))?;
    let mut stream = crate::key::Key::seed(0).named("conditions").stream();
    let source = &mut |below| stream.below(below);
    if conditioned && let Ok(some) = space.members_up_to(1, source) {
        if some == 0 {
            let d = fault(
                "E0601",
                format!("no member of `{}` meets its conditions", s.name),
            );
            let asked = s.conditions.first().map(|(c, ..)| c.span);
            let d = match asked.or_else(|| found.iter().find_map(first_span)) {
                Some(at) => d.at(at, "these conditions"),
                None => d.at(span, "in this space"),
            };
            return Err(nearest(s, &sites, &found, d, span).into());
        }
        vacuous(ctx, s, &space, source, (&predicates, &windows, &always));
    } else if !always.is_empty() {
        vacuous(ctx, s, &space, source, (&[], &[], &always));
    }
    let template = match &e.encoding {
        Some(t) => template::encoding(ctx, s, &space, t, &sites)?,
        None => template::plain(&space, &sites)
            .map_err(|e| fault("E0603", e.message).at(span, "in this space"))?,
    };
    Ok(Algebra {
        space,
        sampler: OnceLock::new(),
        template: Some(template),
        classes: OnceLock::new(),
    })
}

/// The conditions of the declaration, then those of `where`.
fn conditions(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &crate::space::Elaborated,
) -> Result<Vec<Cond>> {
    if e.conditions.is_empty() && s.conditions.is_empty() {
        return Ok(vec![]);
    }
    within_open(ctx, e, |ctx| {
        // `it` is the member: its value where the space is one of values, else what it declares.
        let it = match &e.value {
            Some(v) => ctx.in_module(s.module, |ctx| ctx.eval(v, &e.env)).ok(),
            None => None,
        };
        let it = it.unwrap_or_else(|| crate::space::open_member(s));
        let mut out = vec![];
        for c in &e.conditions {
            let env = e.env.bind("it".into(), it.clone());
            out.push(ctx.in_module(s.module, |ctx| condition(ctx, s, c, &env, false))?);
        }
        for (c, env, module) in &s.conditions {
            // The names of the space are in scope of its conditions; the writer's own names win where both have one.
            let scope = merge(&e.env, env, s).bind("it".into(), it.clone());
            out.push(ctx.in_module(*module, |ctx| condition(ctx, s, c, &scope, false))?);
        }
        // Conditions joined by `and` stand for themselves.
        let mut flat = vec![];
        while let Some(c) = out.pop() {
            match c {
                Cond::And(parts) => out.extend(parts),
                other => flat.push(other),
            }
        }
        flat.reverse();
        Ok(flat)
    })
}

/// Evaluates with the space's choices open, outside any net or assumption.
pub fn within_open<T>(
    ctx: &mut Ctx,
    e: &crate::space::Elaborated,
    f: impl FnOnce(&mut Ctx) -> Result<T>,
) -> Result<T> {
    let saved = (
        ctx.space.replace(e.context.clone()),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
        std::mem::take(&mut ctx.among),
        std::mem::replace(&mut ctx.top, false),
    );
    let r = f(ctx);
    (ctx.space, ctx.net, ctx.assumed, ctx.among, ctx.top) = saved;
    r
}

fn first_span(c: &Cond) -> Option<Span> {
    match c {
        Cond::Leaf(_, at, ..) => Some(*at),
        Cond::And(parts) | Cond::Or(parts) => parts.iter().find_map(first_span),
    }
}

fn part(model: &mut algebra::Model, s: &SpaceValue, c: &Cond) -> Result<(Part, Span)> {
    let Cond::Leaf(v, at, name, _) = c else {
        return Ok((Part::Always, Span::default()));
    };
    let part = match v.plain() {
        Value::Bool(true) | Value::Unknown(_) => Part::Always,
        Value::Bool(false) | Value::Invalid(_) => Part::Never,
        Value::Open(t) => {
            let bools = t.map(|v| match v.plain() {
                Value::Bool(b) => *b,
                Value::Impossible => true,
                _ => false,
            });
            Part::Holds(convert(model, &bools))
        }
        Value::Window(w) => {
            let terms = terms_of(model, &w.terms.tables);
            let cost = named_cost(model, name, terms);
            let (low, high) = w.inside.first().copied().unwrap_or((None, None));
            Part::Within(algebra::Window {
                cost,
                low: low.map(i128::from),
                high: high.map(i128::from),
            })
        }
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "a condition on `{}` is true or false for each member, and this is {}",
                    s.name,
                    other.kind()
                ),
            )
            .at(*at, "this condition")
            .into());
        }
    };
    Ok((part, *at))
}

/// Terms over the same choices are one term.
fn terms_of(model: &algebra::Model, tables: &[Table<i64>]) -> Vec<algebra::Table<i128>> {
    let mut merged: Vec<Table<i64>> = vec![];
    for t in tables {
        match merged.iter_mut().find(|m| m.sites == t.sites) {
            Some(m) => m
                .values
                .iter_mut()
                .zip(&t.values)
                .for_each(|(a, b)| *a = a.saturating_add(*b)),
            None => merged.push(t.clone()),
        }
    }
    merged
        .iter()
        .map(|t| convert(model, &t.map(|v| *v as i128)))
        .collect()
}

/// The name of a cost in the model: two windows on one cost are on one name.
fn named_cost(
    model: &mut algebra::Model,
    name: &Arc<str>,
    terms: Vec<algebra::Table<i128>>,
) -> Arc<str> {
    let cost = algebra::Cost { terms };
    if let Some((known, _)) = model.costs.iter().find(|(_, c)| **c == cost) {
        return known.clone();
    }
    let base: Arc<str> = match name.is_empty() {
        true => "cost".into(),
        false => name.clone(),
    };
    let mut unique = base.clone();
    let mut k = 1;
    while model.costs.contains_key(&unique) {
        k += 1;
        unique = format!("{base} ({k})").into();
    }
    model.costs.insert(unique.clone(), cost);
    unique
}

/// Alternatives without windows as one table, where that is small.
fn one_table(model: &algebra::Model, clauses: &[algebra::Clause]) -> Option<algebra::Table<bool>> {
    if clauses.iter().any(|c| !c.windows.is_empty()) {
        return None;
    }
    let tables = || clauses.iter().flat_map(|c| &c.predicates);
    let mut sites: Vec<usize> = tables().flat_map(|t| t.sites.iter().copied()).collect();
    sites.sort_unstable();
    sites.dedup();
    model.rows(&sites).filter(|n| *n <= 1 << 16)?;
    let mut whole = algebra::Arch(vec![None; model.sites.len()]);
    let filled = algebra::Table::tabulate(model, sites.clone(), true, |options| {
        sites
            .iter()
            .zip(options)
            .for_each(|(s, o)| whole.0[*s] = *o);
        Ok::<_, std::convert::Infallible>(clauses.iter().any(|c| model.meets(c, &whole)))
    });
    let Ok(t) = filled;
    Some(t)
}

/// Adds the nearest member and by how much it misses, where comparisons of numbers are measured like costs.
fn nearest(
    s: &Arc<SpaceValue>,
    sites: &[crate::space::SiteInfo],
    found: &[Cond],
    mut d: nas_diagnostics::Diagnostic,
    span: Span,
) -> nas_diagnostics::Diagnostic {
    let Ok(mut model) = crate::space::model_of(sites, span) else {
        return d;
    };
    for c in found {
        let Ok(lists) = alternatives(c, span) else {
            continue;
        };
        let mut clauses = vec![];
        for leaves in &lists {
            let mut clause = algebra::Clause::default();
            for leaf in leaves {
                let Cond::Leaf(v, at, name, measure) = leaf else {
                    continue;
                };
                let v = measure.clone().unwrap_or_else(|| v.clone());
                let leaf = Cond::Leaf(v, *at, name.clone(), None);
                match part(&mut model, s, &leaf) {
                    Ok((Part::Holds(t), _)) => clause.predicates.push(t),
                    Ok((Part::Within(w), _)) => clause.windows.push(w),
                    _ => {}
                }
            }
            clauses.push(clause);
        }
        match &mut clauses[..] {
            [one] => {
                model.predicates.append(&mut one.predicates);
                model.windows.append(&mut one.windows);
            }
            _ => model.either.push(clauses),
        }
    }
    let Ok(space) = algebra::Space::new(model) else {
        return d;
    };
    let Ok(Some(n)) = space.nearest() else {
        return d;
    };
    let arch = crate::space::ArchValue::new(s.clone(), n.arch);
    d = d.note(format!("the nearest member is {}", arch.text()));
    let mut help = None;
    let mut loosened = None;
    for w in n.violated {
        d = d.note(match &w {
            algebra::Why::Window {
                cost,
                value,
                low,
                high,
                ..
            } => {
                let (limit, side) = match (low, high) {
                    (_, Some(h)) if value > h => (*h, "above"),
                    (Some(l), _) => (*l, "below"),
                    _ => (*value, "at"),
                };
                let gap = (value - limit).unsigned_abs();
                let share = gap as f64 / limit.unsigned_abs().max(1) as f64 * 100.0;
                loosened = Some((cost.to_string(), limit, *value));
                help = Some(format!(
                    "loosen the bound on `{cost}` to {value}, or widen the choices"
                ));
                format!("its `{cost}` is {value}: {gap} ({share:.1}%) {side} the limit {limit}")
            }
            other => other.to_string(),
        });
    }
    let d = match help {
        Some(h) => d.help(h),
        None => d,
    };
    match loosened.and_then(|(cost, limit, value)| loosen::bound(s, &cost, limit, value)) {
        Some((span, text)) => d.fix(span, text),
        None => d,
    }
}

/// Warns of conditions that exclude nothing by themselves; one that stands for several has to be idle in all.
fn vacuous(
    ctx: &mut Ctx,
    s: &SpaceValue,
    space: &algebra::Space,
    source: &mut impl algebra::Source,
    (predicates, windows, always): (&[Span], &[Span], &[Span]),
) {
    let none = predicates.is_empty() && windows.is_empty();
    let whole = none || space.whole(source).is_ok_and(|w| w);
    // What holds by the space's settings alone may not hold with others.
    let settings = !s.base.decl.params.is_empty();
    let always: &[Span] = if settings { &[] } else { always };
    let mut idle: Vec<Span> = always.to_vec();
    match (whole, space.vacuous(source)) {
        (true, _) => idle.extend(predicates.iter().chain(windows)),
        (false, Ok((p, w))) => {
            idle.extend(p.iter().filter_map(|i| predicates.get(*i).copied()));
            idle.extend(w.iter().filter_map(|i| windows.get(*i).copied()));
        }
        (false, Err(_)) => {}
    }
    let all = || predicates.iter().chain(windows).chain(always);
    let mut told: Vec<Span> = vec![];
    for at in idle.iter().copied() {
        let parts = all().filter(|x| **x == at).count();
        let still = idle.iter().filter(|x| **x == at).count();
        if told.contains(&at) || parts > still {
            continue;
        }
        told.push(at);
        let d = nas_diagnostics::Diagnostic::warning("W0601", "this condition excludes no member")
            .at(at, "always true")
            .note(format!("`{}` loses no member by it", s.name));
        if !ctx.warnings.contains(&d) {
            ctx.warnings.push(d);
        }
    }
}

/// The scope of a `where` written outside the space.
pub fn merge(space: &crate::env::Env, outer: &crate::env::Env, s: &SpaceValue) -> crate::env::Env {
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
    let terms = terms_of(&model, tables);
    model.costs.insert("asked".into(), algebra::Cost { terms });
    algebra::Space::new(model).map_err(|e| {
        fault("E0606", e.to_string())
            .at(span, "in this space")
            .into()
    })
}
