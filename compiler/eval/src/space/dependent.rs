//! Choices whose options depend on other choices: one site with all options that occur, and what it offers in each case.

use super::Choices;
use super::choose::{Offer, Options, Sites, Spot, checked};
use super::sites::{address_of, enter, is_number, picked, site};
use crate::Result;
use crate::ctx::Ctx;
use crate::value::Value;
use nas_diagnostics::Span;
use nas_ir::Table;
use std::sync::Arc;

/// Options for each case of the choices that they depend on; `None` for a case that cannot occur.
pub(super) struct Cases {
    sites: Vec<(u32, u32)>,
    lists: Vec<Option<Options>>,
}

/// Goes through the cases of open options, each under its assumptions.
pub(super) fn each_case(
    ctx: &mut Ctx,
    table: &Table<Value>,
    span: Span,
    f: &mut dyn FnMut(&mut Ctx, &Value) -> Result<Options>,
) -> Result<Cases> {
    let mut lists = vec![];
    for (i, v) in table.values.iter().enumerate() {
        if matches!(v, Value::Impossible) {
            lists.push(None);
            continue;
        }
        let before = ctx.assumed.len();
        ctx.assumed.extend(table.assignment(i));
        let v = ctx.settle(v.clone());
        let r = f(ctx, &v);
        let shown = ctx.space.as_ref().and_then(|s| s.witness(&ctx.assumed));
        ctx.assumed.truncate(before);
        match r {
            Ok(list) => lists.push(Some(list)),
            Err(mut e) => {
                if let Some(w) = shown {
                    e.0.notes.push(format!("shown by {w}"));
                }
                if e.0.labels.is_empty() {
                    *e.0 = e.0.at(span, "in these options");
                }
                return Err(e);
            }
        }
    }
    Ok(Cases {
        sites: table.sites.clone(),
        lists,
    })
}

/// One site with all options that occur; which it offers follows from the case.
pub(super) fn dependent(
    ctx: &mut Ctx,
    choices: &Choices,
    spot: &Spot,
    cases: Cases,
    span: Span,
) -> Result<Value> {
    let mut all: Options = vec![];
    for (l, v) in cases.lists.iter().flatten().flatten() {
        if !all.iter().any(|o| o.0 == *l) {
            all.push((l.clone(), v.clone()));
        }
    }
    if all.iter().all(|o| matches!(o.1.plain(), Value::Int(..))) {
        all.sort_by_key(|o| match o.1.plain() {
            Value::Int(i, _) => *i,
            _ => 0,
        });
    }
    let all = checked(all, span)?;
    let Choices::Open(sites) = choices else {
        return enter(ctx, choices, spot, all);
    };
    let id = site(ctx, sites, spot, &all);
    let whole = Table {
        sites: cases.sites.clone(),
        values: vec![(); cases.lists.len()],
    };
    let place = |l: &Arc<str>| all.iter().position(|o| o.0 == *l);
    let mut offer: Offer = vec![];
    for (i, list) in cases.lists.iter().enumerate() {
        let Some(list) = list else { continue };
        let mut given = ctx.assumed.clone();
        given.extend(whole.assignment(i));
        offer.push((given, list.iter().filter_map(|o| place(&o.0)).collect()));
    }
    offers_here(sites, id, offer);
    let address = address_of(sites, id);
    // The options vary fastest here; the table's order is by site.
    let numbers = all.iter().all(is_number);
    let n = all.len();
    let mut order = cases.sites.clone();
    order.push((id, n as u32));
    order.sort_unstable();
    let size = order
        .iter()
        .try_fold(1usize, |a, s| a.checked_mul(s.1 as usize))
        .filter(|n| *n <= nas_ir::dim::TABLE_LIMIT);
    let Some(size) = size else {
        return Err(ctx.shape_fault(nas_ir::DimError::TooManyChoices.into(), span));
    };
    let shape = Table {
        sites: order.clone(),
        values: Vec::<()>::new(),
    };
    let mut values = Vec::with_capacity(size);
    for i in 0..size {
        let at = shape.assignment(i);
        let pick = |s: u32| at.iter().find(|a| a.0 == s).map_or(0, |a| a.1);
        let Some(list) = &cases.lists[whole.index(pick)] else {
            values.push(Value::Impossible);
            continue;
        };
        let o = pick(id);
        values.push(match list.iter().find(|x| x.0 == all[o].0) {
            Some((l, v)) => picked(&address, o, l.clone(), v.clone()),
            // A size has a number in every row; where the option is not offered, one that is stands in.
            None if numbers => list[0].1.clone(),
            None => Value::Impossible,
        });
    }
    let table = Table {
        sites: order,
        values,
    };
    if numbers {
        crate::open::join(ctx, table, span)
    } else {
        Ok(Value::Open(Arc::new(table)))
    }
}

/// Adds to what a site offers; the same offer is entered once.
pub(super) fn offers_here(sites: &Sites, id: u32, offer: Offer) {
    if let Ok(mut all) = sites.lock()
        && let Some(site) = all.get_mut(id as usize)
        && !site.offers.contains(&offer)
    {
        site.offers.push(offer);
    }
}
