//! When sites exist and what they offer, brought from the assumptions met on the way to the algebra's short form.

use super::SiteInfo;
use crate::ctx::fault;
use crate::{Fault, Result};
use nas_diagnostics::Span;
use nas_space::{Condition, Model, Site, Table};
use std::collections::{BTreeMap, BTreeSet};

/// A conjunction: for each site the options allowed.
type All = BTreeMap<usize, Vec<usize>>;

/// The sites of a model, with conditions as short as they get: one that holds in every member is none.
pub fn model(sites: &[SiteInfo], span: Span) -> Result<Model> {
    let mut model = Model::default();
    for (id, s) in sites.iter().enumerate() {
        let mut any = vec![];
        for c in s.exists.iter().filter_map(|c| conjunction(c)) {
            any.extend(met(&c, &model).ok_or_else(|| too_many(s))?);
        }
        any.sort();
        any.dedup();
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
            let mut cases: Vec<(All, &Vec<usize>)> = vec![];
            for (given, o) in offer {
                if let Some(c) = conjunction(given) {
                    let met = met(&c, &model).ok_or_else(|| too_many(s))?;
                    cases.extend(met.into_iter().map(|c| (c, o)));
                }
            }
            // What holds wherever the site exists need not be asked.
            if let Condition::Any(any) = &model.sites[id].exists
                && let [all] = &any[..]
            {
                for (s, set) in all {
                    if cases.iter().all(|c| c.0.get(s) == Some(set)) {
                        cases.iter_mut().for_each(|c| {
                            c.0.remove(s);
                        });
                    }
                }
            }
            let mut reads: Vec<usize> = cases.iter().flat_map(|c| c.0.keys().copied()).collect();
            reads.push(id);
            reads.sort_unstable();
            reads.dedup();
            if model.rows(&reads).is_none_or(|n| n > 1 << 20) {
                let Fault(d) = too_many(s);
                return Err(d.at(span, "in this space").into());
            }
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

fn too_many(s: &SiteInfo) -> Fault {
    fault(
        "E0606",
        format!("what `{}` offers depends on too many choices", s.address),
    )
    .at(s.span, "this choice")
    .into()
}

/// What is not worth going through: alternatives of one conjunction.
const ALTERNATIVES: usize = 1 << 16;

/// A conjunction as its members meet it. An open value is a table over all choices that it hangs on, one inside an option too: where
/// that option is not taken the inner choice is not there, and what is assumed of it says nothing. Literals of choices that are not
/// there go; where that hangs on choices not named yet, these are gone through. `None` where there are too many.
fn met(c: &All, model: &Model) -> Option<Vec<All>> {
    let (mut out, mut todo) = (vec![], vec![c.clone()]);
    'next: while let Some(c) = todo.pop() {
        if out.len() + todo.len() > ALTERNATIVES {
            return None;
        }
        let (mut kept, mut absent) = (All::new(), BTreeSet::new());
        for (s, options) in &c {
            let Some(site) = model.sites.get(*s) else {
                kept.insert(*s, options.clone());
                continue;
            };
            let any = match &site.exists {
                Condition::Always => {
                    kept.insert(*s, options.clone());
                    continue;
                }
                Condition::Any(any) => any,
            };
            // `None`: not known, for want of this site.
            let holds = |all: &Vec<(usize, Vec<usize>)>| {
                let mut open = None;
                for (r, set) in all {
                    match kept.get(r) {
                        Some(o) if o.iter().all(|x| set.contains(x)) => {}
                        Some(_) => return Ok(false),
                        None if absent.contains(r) => return Ok(false),
                        None => open = open.or(Some(*r)),
                    }
                }
                open.map_or(Ok(true), Err)
            };
            let answers: Vec<std::result::Result<bool, usize>> = any.iter().map(holds).collect();
            if answers.contains(&Ok(true)) {
                kept.insert(*s, options.clone());
            } else if let Some(Err(r)) = answers.iter().find(|a| a.is_err()) {
                let n = model.sites.get(*r)?.labels.len();
                todo.extend((0..n).map(|o| {
                    let mut d = c.clone();
                    d.insert(*r, vec![o]);
                    d
                }));
                continue 'next;
            } else {
                absent.insert(*s);
            }
        }
        out.push(kept);
    }
    Some(out)
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
