//! When sites exist and what they offer, brought from the assumptions met on the way to the algebra's short form.

use super::SiteInfo;
use crate::Result;
use crate::ctx::fault;
use nas_diagnostics::Span;
use nas_space::{Condition, Model, Site, Table};
use std::collections::BTreeMap;

/// A conjunction: for each site the options allowed.
type All = BTreeMap<usize, Vec<usize>>;

/// The sites of a model, with conditions as short as they get: one that holds in every member is none.
pub fn model(sites: &[SiteInfo], span: Span) -> Result<Model> {
    let mut model = Model::default();
    for (id, s) in sites.iter().enumerate() {
        let any = s.exists.iter().filter_map(|c| conjunction(c)).collect();
        let any = shortened(any, &model);
        let exists = if any.iter().any(|c| c.is_empty()) {
            Condition::Always
        } else {
            let list = |c: &All| c.iter().map(|(s, o)| (*s, o.clone())).collect();
            Condition::Any(any.iter().map(list).collect())
        };
        if exists.reads().iter().any(|r| *r >= id) {
            return Err(fault(
                "E0606",
                format!("`{}` depends on a choice that stands after it", s.address),
            )
            .at(s.span, "this choice")
            .into());
        }
        model.sites.push(Site {
            address: s.address.clone(),
            labels: s.labels.clone(),
            exists,
        });
    }
    for (id, s) in sites.iter().enumerate() {
        for offer in &s.offers {
            let mut reads: Vec<usize> = offer
                .iter()
                .flat_map(|(given, _)| given.iter().map(|g| g.0 as usize))
                .collect();
            reads.push(id);
            reads.sort_unstable();
            reads.dedup();
            if model.rows(&reads).is_none_or(|n| n > 1 << 20) {
                return Err(fault(
                    "E0606",
                    format!("what `{}` offers depends on too many choices", s.address),
                )
                .at(s.span, "this choice")
                .at(span, "in this space")
                .into());
            }
            let cases: Vec<(All, &Vec<usize>)> = offer
                .iter()
                .filter_map(|(given, o)| Some((conjunction(given)?, o)))
                .collect();
            let table = Table::tabulate(&model, reads.clone(), true, |options| {
                let at = |s: usize| reads.iter().position(|r| *r == s).and_then(|k| options[k]);
                let Some(mine) = at(id) else {
                    return Ok::<_, std::convert::Infallible>(true);
                };
                let holds = |c: &All| {
                    c.iter()
                        .all(|(s, set)| at(*s).is_some_and(|o| set.contains(&o)))
                };
                Ok(cases.iter().any(|(c, o)| o.contains(&mine) && holds(c)))
            });
            let Ok(table) = table;
            model.structure.push(table);
        }
    }
    Ok(model)
}

/// `None` where one site would have to have two options.
fn conjunction(given: &[(u32, usize)]) -> Option<All> {
    let mut out = All::new();
    for (s, o) in given {
        let known = out.insert(*s as usize, vec![*o]);
        if known.is_some_and(|k| k != [*o]) {
            return None;
        }
    }
    Some(out)
}

fn shortened(mut any: Vec<All>, model: &Model) -> Vec<All> {
    loop {
        // Literals that always hold go.
        for c in &mut any {
            let whole: Vec<usize> = c
                .iter()
                .filter(|(s, o)| {
                    model
                        .sites
                        .get(**s)
                        .is_some_and(|site| site.labels.len() == o.len())
                        && implied(**s, c, model)
                })
                .map(|(s, _)| *s)
                .collect();
            // One at a time: a literal may be what implies another.
            if let Some(s) = whole.last() {
                c.remove(s);
            }
            let more = whole.len() > 1;
            if more {
                for s in whole.iter().rev().skip(1) {
                    if implied(*s, c, model) {
                        c.remove(s);
                    }
                }
            }
        }
        any.sort();
        any.dedup();
        // What another one covers goes.
        let kept: Vec<All> = any
            .iter()
            .enumerate()
            .filter(|(i, c)| !any.iter().enumerate().any(|(j, d)| j != *i && covers(d, c)))
            .map(|(_, c)| c.clone())
            .collect();
        let changed = kept.len() != any.len();
        any = kept;
        // Two that differ in the options of one site are one.
        let pair = (0..any.len())
            .flat_map(|i| (i + 1..any.len()).map(move |j| (i, j)))
            .find_map(|(i, j)| merged(&any[i], &any[j]).map(|m| (i, j, m)));
        match pair {
            Some((i, j, m)) => {
                any.remove(j);
                any[i] = m;
            }
            None if changed => {}
            None => return any,
        }
    }
}

/// Whether a site exists wherever the rest of a conjunction holds.
fn implied(site: usize, c: &All, model: &Model) -> bool {
    match model.sites.get(site).map(|s| &s.exists) {
        Some(Condition::Always) => true,
        Some(Condition::Any(any)) => any.iter().any(|all| {
            all.iter().all(|(s, set)| {
                *s != site && c.get(s).is_some_and(|o| o.iter().all(|x| set.contains(x)))
            })
        }),
        None => false,
    }
}

/// Whether `a` holds wherever `b` does.
fn covers(a: &All, b: &All) -> bool {
    a.iter()
        .all(|(s, o)| b.get(s).is_some_and(|x| x.iter().all(|k| o.contains(k))))
}

fn merged(a: &All, b: &All) -> Option<All> {
    if a.len() != b.len() || !a.keys().eq(b.keys()) {
        return None;
    }
    let mut apart = a.keys().filter(|s| a[s] != b[s]);
    let site = *apart.next()?;
    if apart.next().is_some() {
        return None;
    }
    let mut out = a.clone();
    let mut options = [&a[&site][..], &b[&site][..]].concat();
    options.sort_unstable();
    options.dedup();
    out.insert(site, options);
    Some(out)
}
