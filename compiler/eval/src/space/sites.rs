//! Sites as elaboration enters them, and what they answer for a member.

use super::choose::{Options, Sites, Spot};
use super::{Choices, SiteInfo};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::value::{Picked, Value};
use nas_diagnostics::Span;
use nas_ir::Table;
use std::sync::Arc;

/// The site at a spot with something more in common.
pub(super) fn find(sites: &Sites, spot: &Spot, fits: impl Fn(&SiteInfo) -> bool) -> Option<u32> {
    let all = sites.lock().ok()?;
    let at = all
        .iter()
        .position(|s| s.base == spot.base && s.span == spot.span && fits(s));
    at.map(|i| i as u32)
}

/// Enters a new site; a second one of the same address is told apart by a number.
pub(super) fn push(ctx: &Ctx, sites: &Sites, spot: &Spot, labels: Vec<Arc<str>>) -> u32 {
    let Ok(mut all) = sites.lock() else { return 0 };
    let mut address = spot.base.clone();
    let mut k = 1;
    while all.iter().any(|s| s.address == address) {
        k += 1;
        address = format!("{}#{k}", spot.base).into();
    }
    all.push(SiteInfo {
        address,
        base: spot.base.clone(),
        options: vec![Value::None; labels.len()],
        labels,
        exists: ctx.existing(),
        offers: vec![],
        span: spot.span,
    });
    (all.len() - 1) as u32
}

pub(super) fn exists_here(ctx: &Ctx, sites: &Sites, id: u32) {
    let Ok(mut all) = sites.lock() else { return };
    let Some(site) = all.get_mut(id as usize) else {
        return;
    };
    for here in ctx.existing() {
        let known = site.exists.iter().any(|c| c.is_empty() || *c == here);
        if !known {
            site.exists.push(here);
        }
    }
}

/// What a member answers: the address, the option's number and its name.
pub(super) type Answer = (Arc<str>, usize, Arc<str>);

pub(super) fn taken(choices: &Choices, spot: &Spot) -> Option<Answer> {
    let Choices::Member(a) = choices else {
        return None;
    };
    let known = a
        .space
        .base
        .elaborated
        .get()
        .map(|e| e.context.choices.clone());
    let Some(Choices::Open(sites)) = known else {
        return None;
    };
    let sites = sites.lock().ok()?;
    sites.iter().enumerate().find_map(|(i, s)| {
        if s.base != spot.base || s.span != spot.span {
            return None;
        }
        let o = a.arch.0.get(i).copied().flatten()?;
        Some((s.address.clone(), o, s.labels.get(o)?.clone()))
    })
}

pub(super) fn missing(spot: &Spot) -> crate::Fault {
    fault(
        "E0605",
        format!("the member has no option for the choice `{}`", spot.base),
    )
    .at(spot.span, "this choice")
    .into()
}

pub(super) fn answer(
    _ctx: &Ctx,
    choices: &Choices,
    spot: &Spot,
    labels: &[Arc<str>],
) -> Result<Answer> {
    match taken(choices, spot) {
        Some(a) if labels.contains(&a.2) => Ok(a),
        _ => Err(missing(spot)),
    }
}

pub(super) fn picked(site: &Arc<str>, index: usize, label: Arc<str>, value: Value) -> Value {
    Value::Picked(Arc::new(Picked {
        label,
        index,
        site: site.clone(),
        value,
    }))
}

/// A choice with options that are known.
pub(super) fn enter(
    ctx: &mut Ctx,
    choices: &Choices,
    spot: &Spot,
    options: Options,
) -> Result<Value> {
    let labels: Vec<Arc<str>> = options.iter().map(|o| o.0.clone()).collect();
    match choices {
        Choices::Member(_) => {
            if let Some((site, open)) = super::mixture::here(choices, spot) {
                let given = |l: &Arc<str>| labels.iter().position(|x| x == l);
                let parts = open.into_iter().map(|(o, l, share)| {
                    let at = given(&l).ok_or_else(|| missing(spot))?;
                    Ok((o, l, options[at].1.clone(), share))
                });
                let parts = parts.collect::<Result<Vec<_>>>()?;
                return Ok(super::mixture::value(ctx, &site, parts, spot.span));
            }
            let (site, index, label) = answer(ctx, choices, spot, &labels)?;
            let at = labels.iter().position(|l| *l == label).unwrap_or(0);
            Ok(picked(&site, index, label, options[at].1.clone()))
        }
        Choices::Open(sites) => {
            let id = site(ctx, sites, spot, &options);
            value(ctx, sites, id, options, spot.span)
        }
    }
}

/// The site at a spot with these options, entered if it is new.
pub(super) fn site(ctx: &Ctx, sites: &Sites, spot: &Spot, options: &Options) -> u32 {
    let labels: Vec<Arc<str>> = options.iter().map(|o| o.0.clone()).collect();
    match find(sites, spot, |s| s.labels == labels) {
        Some(id) => {
            exists_here(ctx, sites, id);
            id
        }
        None => {
            let id = push(ctx, sites, spot, labels);
            if let Ok(mut all) = sites.lock()
                && let Some(s) = all.get_mut(id as usize)
            {
                s.options = options.iter().map(|o| o.1.clone()).collect();
            }
            id
        }
    }
}

/// A number that is named by itself: one with a name of its own stays an option, so that `is` knows it.
pub(super) fn is_number((label, v): &(Arc<str>, Value)) -> bool {
    matches!(v.plain(), Value::Int(i, _) if **label == *i.to_string())
}

pub(super) fn address_of(sites: &Sites, id: u32) -> Arc<str> {
    let all = sites.lock().ok();
    all.and_then(|s| s.get(id as usize).map(|s| s.address.clone()))
        .unwrap_or_else(|| "".into())
}

/// The value of an open choice: a size where the options are whole numbers, else a table of them.
pub(super) fn value(
    ctx: &mut Ctx,
    sites: &Sites,
    id: u32,
    options: Options,
    span: Span,
) -> Result<Value> {
    let address = address_of(sites, id);
    let whole = options.iter().all(is_number);
    let n = options.len();
    let values: Vec<Value> = options
        .into_iter()
        .enumerate()
        .map(|(i, (l, v))| picked(&address, i, l, v))
        .collect();
    if n == 1 {
        return Ok(values[0].clone());
    }
    let table = Table {
        sites: vec![(id, n as u32)],
        values,
    };
    if whole {
        crate::open::join(ctx, table, span)
    } else {
        Ok(Value::Open(Arc::new(table)))
    }
}
