//! `choose k of options`: ordered or not, distinct or repeating.

use super::Choices;
use super::choose::{Offer, Options, Spot, listed};
use super::dependent::{dependent, each_case, offers_here};
use super::sites::{enter, is_number, site, value};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Picked, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::Expr;
use nas_ir::Table;
use std::sync::Arc;

/// Up to this many selections are the options of one site; above, each place is a site of its own.
const ONE_SITE: usize = 4_096;

/// The name of the selection of none.
const NOTHING: &str = "-";

/// How several are chosen. Not ordered: the selection is listed in the order of the options.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub ordered: bool,
    pub distinct: bool,
}

pub(super) fn choose(
    ctx: &mut Ctx,
    choices: &Choices,
    spot: &Spot,
    count: &Expr,
    options: &Expr,
    how: How,
    env: &Env,
) -> Result<Value> {
    let k = ctx.eval(count, env)?;
    let k = ctx.settle(k);
    let k = super::open_of(ctx, &k, count.span)?;
    let from = ctx.eval(options, env)?;
    let from = ctx.settle(from);
    let from = super::open_of(ctx, &from, options.span)?;
    if matches!(k, Value::Open(_)) || matches!(from, Value::Open(_)) {
        // Both as one table: its cases say how many are chosen of what.
        let pair = ctx.cases(k.clone(), count.span, &mut |ctx, k| {
            ctx.cases(from.clone(), options.span, &mut |_, f| {
                Ok(Value::list(vec![k.clone(), f]))
            })
        })?;
        if let Value::Open(t) = &pair {
            let cases = each_case(ctx, t, options.span, &mut |ctx, v| {
                let (k, f) = (
                    access::element(ctx, v.clone(), 0, count.span)?,
                    access::element(ctx, v.clone(), 1, options.span)?,
                );
                let k = number(ctx, &k, count.span)?;
                let from = listed(ctx, &f, options.span)?;
                selections(&from, k, how, options.span)?.ok_or_else(|| {
                    fault(
                        "E0606",
                        "this choice has too many selections to depend on another",
                    )
                    .at(options.span, "of these options")
                    .into()
                })
            })?;
            return dependent(ctx, choices, spot, cases, options.span);
        }
    }
    let k = number(ctx, &k, count.span)?;
    let from = listed(ctx, &from, options.span)?;
    let listed = selections(&from, k, how, options.span)?;
    if let (Some(all), false) = (listed, how.ordered && !how.distinct) {
        return as_list(ctx, choices, spot, all, k);
    }
    place_by_place(ctx, choices, spot, &from, k, how)
}

fn number(ctx: &mut Ctx, k: &Value, span: Span) -> Result<usize> {
    match access::whole(ctx, k, span)? {
        k @ 0..=10_000 => Ok(k as usize),
        k => Err(fault("E0602", format!("{k} cannot be chosen"))
            .at(span, "at least 0, at most 10,000")
            .into()),
    }
}

/// Every selection as an option, named by its parts; `None` where there are too many for one site.
fn selections(from: &Options, k: usize, how: How, span: Span) -> Result<Option<Options>> {
    if how.distinct && k > from.len() {
        return Err(fault(
            "E0602",
            format!("{k} different ones cannot be chosen of {}", from.len()),
        )
        .at(span, "of these options")
        .into());
    }
    let mut all: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..k {
        let mut next = vec![];
        for s in &all {
            for o in 0..from.len() {
                let repeats = how.distinct && s.contains(&o);
                let falls = !how.ordered && s.last().is_some_and(|l| o < *l);
                if !repeats && !falls {
                    next.push([&s[..], &[o]].concat());
                }
            }
            if next.len() > 4 * ONE_SITE {
                return Ok(None);
            }
        }
        all = next;
    }
    if all.len() > ONE_SITE {
        return Ok(None);
    }
    let named = |s: Vec<usize>| {
        let mut names: Vec<&str> = s.iter().map(|o| &*from[*o].0).collect();
        if names.is_empty() {
            names.push(NOTHING);
        }
        let parts = s.iter().map(|o| {
            Value::Picked(Arc::new(Picked {
                label: from[*o].0.clone(),
                index: *o,
                site: "".into(),
                value: from[*o].1.clone(),
            }))
        });
        (names.join("+").into(), Value::list(parts.collect()))
    };
    Ok(Some(all.into_iter().map(named).collect()))
}

/// One site; its value is a list, each element open.
fn as_list(ctx: &mut Ctx, choices: &Choices, spot: &Spot, all: Options, k: usize) -> Result<Value> {
    let Choices::Open(sites) = choices else {
        return enter(ctx, choices, spot, all);
    };
    let id = site(ctx, sites, spot, &all);
    if all.len() == 1 {
        return value(ctx, sites, id, all, spot.span);
    }
    let mut out = vec![];
    for j in 0..k {
        let column = all.iter().map(|o| match &o.1 {
            Value::List(l) => l.get(j).cloned().unwrap_or(Value::Impossible),
            _ => Value::Impossible,
        });
        let table = Table {
            sites: vec![(id, all.len() as u32)],
            values: column.collect(),
        };
        let whole = table.values.iter().all(|v| match v {
            Value::Picked(p) => is_number(&(p.label.clone(), p.value.clone())),
            _ => false,
        });
        out.push(match whole {
            true => crate::open::join(ctx, table, spot.span)?,
            false => Value::Open(Arc::new(table)),
        });
    }
    Ok(Value::list(out))
}

/// A site for each place; what a place offers follows from those before it.
fn place_by_place(
    ctx: &mut Ctx,
    choices: &Choices,
    spot: &Spot,
    from: &Options,
    k: usize,
    how: How,
) -> Result<Value> {
    let n = from.len();
    let mut out = vec![];
    let mut before: Vec<u32> = vec![];
    for j in 0..k {
        let here = Spot {
            base: format!("{}[{j}]", spot.base).into(),
            span: spot.span,
        };
        let Choices::Open(sites) = choices else {
            out.push(enter(ctx, choices, &here, from.clone())?);
            continue;
        };
        let id = site(ctx, sites, &here, from);
        let assumed = ctx.assumed.clone();
        let under = |site: u32, option: usize| [&assumed[..], &[(site, option)]].concat();
        if how.distinct && !how.ordered {
            // Rising numbers; room is left for the places after this one.
            let room: Offer = vec![(assumed.clone(), (j..=n - k + j).collect())];
            offers_here(sites, id, room);
        }
        match (how.ordered, before.last()) {
            (false, Some(last)) => {
                let first = usize::from(how.distinct);
                let offer = (0..n).map(|o| (under(*last, o), (o + first..n).collect()));
                offers_here(sites, id, offer.collect());
            }
            (true, _) if how.distinct => {
                for b in &before {
                    let offer =
                        (0..n).map(|o| (under(*b, o), (0..n).filter(|x| *x != o).collect()));
                    offers_here(sites, id, offer.collect());
                }
            }
            _ => {}
        }
        before.push(id);
        out.push(value(ctx, sites, id, from.clone(), spot.span)?);
    }
    Ok(Value::list(out))
}
