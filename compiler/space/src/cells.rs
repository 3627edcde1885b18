//! Conditions with alternatives: the space cut into disjoint parts, each under conditions that all hold.

use std::collections::BTreeMap;

use num_bigint::BigUint;

use crate::error::TooHard;
use crate::member::Why;
use crate::model::{Clause, Model, ModelError, Table, Window};
use crate::near::{Nearest, distance};
use crate::poly::Limits;
use crate::space::{Distribution, Space, Summary};

/// Parts that alternatives may cut a space into.
const MOST: usize = 1_024;

/// Both clauses; nothing where their windows on one cost have nothing in common.
fn join(a: &Clause, b: &Clause) -> Option<Clause> {
    let mut out = a.clone();
    out.predicates.extend(b.predicates.iter().cloned());
    for w in &b.windows {
        let Some(known) = out.windows.iter_mut().find(|k| k.cost == w.cost) else {
            out.windows.push(w.clone());
            continue;
        };
        known.low = known.low.max(w.low);
        known.high = [known.high, w.high].into_iter().flatten().min();
        if known.low.zip(known.high).is_some_and(|(l, h)| l > h) {
            return None;
        }
    }
    Some(out)
}

fn without(t: &Table<bool>) -> Table<bool> {
    Table {
        sites: t.sites.clone(),
        values: t.values.iter().map(|v| !v).collect(),
    }
}

/// Disjoint clauses that together hold exactly where `clause` does not.
fn negated(clause: &Clause) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut held = Clause::default();
    for t in &clause.predicates {
        let mut c = held.clone();
        c.predicates.push(without(t));
        out.push(c);
        held.predicates.push(t.clone());
    }
    for w in &clause.windows {
        let mut push = |low, high| {
            let mut c = held.clone();
            c.windows.push(Window {
                cost: w.cost.clone(),
                low,
                high,
            });
            out.push(c);
        };
        // Where the ends cross, nothing is inside: one of the two outsides has to do for all.
        match (w.low, w.high) {
            (Some(l), Some(h)) if l > h => push(None, None),
            (low, high) => {
                if let Some(l) = low {
                    push(None, Some(l - 1));
                }
                if let Some(h) = high {
                    push(Some(h + 1), None);
                }
            }
        }
        held.windows.push(w.clone());
    }
    out
}

/// The parts of a space whose conditions have alternatives; none where they have none.
pub(crate) fn split(model: &Model, limits: Limits) -> Result<Vec<Space>, ModelError> {
    if model.either.is_empty() {
        return Ok(Vec::new());
    }
    let over = || {
        ModelError(format!(
            "the alternatives cut the space into more than {MOST} parts"
        ))
    };
    let mut cells = vec![Clause::default()];
    for alternatives in &model.either {
        let mut parts: Vec<Clause> = Vec::new();
        let mut rest = vec![Clause::default()];
        for a in alternatives {
            parts.extend(rest.iter().filter_map(|r| join(r, a)));
            let not = negated(a);
            rest = rest
                .iter()
                .flat_map(|r| not.iter().filter_map(|n| join(r, n)).collect::<Vec<_>>())
                .collect();
            if parts.len() + rest.len() > 4 * MOST {
                return Err(over());
            }
        }
        cells = cells
            .iter()
            .flat_map(|c| parts.iter().filter_map(|p| join(c, p)).collect::<Vec<_>>())
            .collect();
        if cells.len() > MOST {
            return Err(over());
        }
    }
    let part = |c: Clause| {
        let mut m = model.clone();
        m.either.clear();
        m.predicates.extend(c.predicates);
        m.windows.extend(c.windows);
        Space::with_limits(m, limits)
    };
    if cells.is_empty() {
        // No alternative at all: nothing is feasible.
        cells.push(Clause {
            predicates: vec![Table {
                sites: Vec::new(),
                values: vec![false],
            }],
            windows: Vec::new(),
        });
    }
    cells.into_iter().map(part).collect()
}

pub(crate) fn summary(cells: &[Space], cost: &str) -> Result<Option<Summary>, TooHard> {
    let mut all: Option<Summary> = None;
    for c in cells {
        let Some(s) = c.summary(cost)? else { continue };
        all = Some(match all {
            None => s,
            Some(a) => Summary {
                min: a.min.min(s.min),
                max: a.max.max(s.max),
                sum: a.sum + s.sum,
                count: a.count + s.count,
            },
        });
    }
    Ok(all)
}

pub(crate) fn range(cells: &[Space], cost: &str) -> Result<Option<(i128, i128)>, TooHard> {
    let mut all: Option<(i128, i128)> = None;
    for c in cells {
        let Some((a, b)) = c.range(cost)? else {
            continue;
        };
        all = Some(all.map_or((a, b), |(x, y)| (x.min(a), y.max(b))));
    }
    Ok(all)
}

pub(crate) fn distribution(cells: &[Space], cost: &str) -> Result<Distribution, TooHard> {
    let mut counts: BTreeMap<i128, BigUint> = BTreeMap::new();
    let mut error = 0;
    for c in cells {
        let d = c.distribution(cost)?;
        error = error.max(d.error);
        for (v, n) in d.counts {
            *counts.entry(v).or_default() += n;
        }
    }
    Ok(Distribution {
        counts: counts.into_iter().collect(),
        error,
    })
}

/// The closest of the parts' closest members.
pub(crate) fn nearest(cells: &[Space]) -> Result<Option<Nearest>, TooHard> {
    let mut best: Option<(usize, f64, Nearest)> = None;
    for c in cells {
        let Some(n) = c.nearest()? else { continue };
        let mut away = 0.0;
        let mut broken = 0;
        for w in &n.violated {
            match w {
                Why::Window {
                    value, low, high, ..
                } => away += distance(*value, (*low, *high)),
                _ => broken += 1,
            }
        }
        if best.as_ref().is_none_or(|b| (broken, away) < (b.0, b.1)) {
            best = Some((broken, away, n));
        }
    }
    Ok(best.map(|b| b.2))
}
