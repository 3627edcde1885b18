//! Moves between members, and the member closest to conditions that none meets.

use num_traits::Zero;

use crate::coef::Range;
use crate::eliminate::eliminate;
use crate::error::TooHard;
use crate::member::Why;
use crate::model::{Arch, SiteId, Table};
use crate::poly::Budget;
use crate::problem::Problem;
use crate::sampler::first_member;
use crate::space::Space;

/// A member that comes closest to being feasible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The member.
    pub arch: Arch,
    /// What it violates; empty if it is feasible.
    pub violated: Vec<Why>,
}

/// The ends of a window.
type Ends = (Option<i128>, Option<i128>);

/// Fillings tried for choices that come into existence, for one neighbour.
const FILLINGS: usize = 4_096;

impl Space {
    /// All feasible members that differ from `arch` at exactly one of the sites that both have, in the order of that
    /// site and of its option. Sites that the change brings into existence get the first filling (in lexicographic
    /// order) that makes a feasible member, out of the first 4,096; sites that it ends are absent. Where choices must differ, an
    /// option that another one has is exchanged with it.
    pub fn neighbours(&self, arch: &Arch) -> Vec<Arch> {
        (0..self.model.sites.len())
            .flat_map(|s| self.moves(arch, s, s + 1))
            .collect()
    }

    /// The neighbours of `arch` that differ from it at `site`.
    pub fn neighbours_at(&self, arch: &Arch, site: SiteId) -> Vec<Arch> {
        self.moves(arch, site, 0)
    }

    /// The same, exchanging options only with sites from `from` on.
    fn moves(&self, arch: &Arch, site: SiteId, from: SiteId) -> Vec<Arch> {
        if arch.0.len() != self.model.sites.len() {
            return Vec::new();
        }
        let Some(now) = arch.0.get(site).copied().flatten() else {
            return Vec::new();
        };
        let rivals = self.model.rivals(site);
        let options = (0..self.model.sites[site].labels.len()).filter(|&o| o != now);
        options
            .filter_map(|o| {
                let mut old = arch.clone();
                old.0[site] = Some(o);
                let mut first = site;
                if let Some(other) = rivals.iter().find(|r| arch.0[**r] == Some(o)) {
                    if *other < from {
                        return None;
                    }
                    old.0[*other] = Some(now);
                    first = first.min(*other);
                }
                let mut next = old.clone();
                let mut tries = FILLINGS;
                self.refill(&old, &mut next, first + 1, &mut tries)
                    .then_some(next)
            })
            .collect()
    }

    /// Fixes the sites from `site` on: kept where both have them, else the first filling that is feasible.
    fn refill(&self, old: &Arch, next: &mut Arch, mut site: SiteId, tries: &mut usize) -> bool {
        while site < self.model.sites.len() {
            let exists = self.model.exists(site, &next.0[..site]);
            if exists && old.0[site].is_none() {
                for option in 0..self.model.sites[site].labels.len() {
                    next.0[site] = Some(option);
                    if self.refill(old, next, site + 1, tries) {
                        return true;
                    }
                    if *tries == 0 {
                        return false;
                    }
                }
                return false;
            }
            next.0[site] = if exists { old.0[site] } else { None };
            site += 1;
        }
        *tries = tries.saturating_sub(1);
        self.model.contains(next).is_ok()
    }

    /// The raw member that violates the fewest predicates, and among those is closest to the windows (sum over the
    /// windowed costs of the distance relative to the bound). `None` if the space has no raw member.
    pub fn nearest(&self) -> Result<Option<Nearest>, TooHard> {
        if !self.cells.is_empty() {
            return crate::cells::nearest(&self.cells);
        }
        let windowed: Vec<_> = self
            .model
            .costs
            .keys()
            .filter_map(|n| Some((&**n, self.model.window(n)?)))
            .collect();
        let found = match &windowed[..] {
            [(name, window)] => match self.end_of_range(name, *window)? {
                Some(arch) => Some(arch),
                None => self.closest(&windowed)?,
            },
            _ => self
                .closest(&windowed)
                .or_else(|_| self.closest(&windowed[..windowed.len().min(1)]))?,
        };
        Ok(found.map(|arch| Nearest {
            violated: self.model.violations(&arch),
            arch,
        }))
    }

    /// Where the predicates can be met and the window lies to one side of the whole range: a member at that end.
    fn end_of_range(&self, cost: &str, (low, high): Ends) -> Result<Option<Arch>, TooHard> {
        // Windows that contradict each other leave a best value in between.
        if low.zip(high).is_some_and(|(l, h)| l > h) {
            return Ok(None);
        }
        let feasible = || {
            let mut p = Problem::raw(&self.model, self.limits.rows)?;
            self.model
                .predicates
                .iter()
                .for_each(|t| p.predicate(t, true));
            Ok(p)
        };
        let budget = Budget::new(self.limits);
        let mut p = feasible()?;
        p.weigh(&self.model, cost);
        let p = p.parted(&self.model, self.limits.apart, false);
        let Some((min, max)) = eliminate::<Range>(&p, &p.min_fill(), false, &budget)?
            .sum(&p, &budget)?
            .0
        else {
            return Ok(None);
        };
        let mut p = feasible()?;
        if high.is_some_and(|h| h < min) {
            p.key(&self.model, cost, None, Some(min), 1)?;
        } else if low.is_some_and(|l| l > max) {
            p.key(&self.model, cost, Some(max), None, 1)?;
        } else {
            return Ok(None);
        }
        Ok(first_member(&self.model, p, &budget).unwrap_or(None))
    }

    fn closest(&self, windowed: &[(&str, Ends)]) -> Result<Option<Arch>, TooHard> {
        let budget = Budget::new(self.limits);
        let broken: Vec<Table<i128>> = self
            .model
            .predicates
            .iter()
            .map(|t| Table {
                sites: t.sites.clone(),
                values: t.values.iter().map(|v| i128::from(!v)).collect(),
            })
            .collect();
        let wide = || {
            TooHard::new(
                &self.model,
                &[],
                "the ranges of the costs together overflow a key",
            )
        };
        // Keys: violated predicates, then the costs; `exact` holds each at one value.
        let problem = |exact: Option<&[i128]>| {
            let mut p = Problem::raw(&self.model, self.limits.rows)?;
            let at = |i: usize| exact.map(|e| e[i]);
            p.key_terms(&broken, at(0), at(0), 1).ok_or_else(wide)?;
            for (i, (name, _)) in windowed.iter().enumerate() {
                p.key(&self.model, name, at(i + 1), at(i + 1), 1)?;
            }
            Ok(p)
        };
        let p = problem(None)?.parted(&self.model, self.limits.apart, false);
        let order = p.min_fill();
        let total = if p.small() {
            eliminate::<u128>(&p, &order, false, &budget)?
                .total(&p, &budget)?
                .keys
        } else {
            eliminate::<num_bigint::BigUint>(&p, &order, false, &budget)?
                .total(&p, &budget)?
                .keys
        };
        let mut best: Option<(i128, f64, Vec<i128>)> = None;
        for key in total {
            let values: Vec<i128> = (0..=windowed.len()).map(|i| p.keys.value(i, key)).collect();
            let away: f64 = windowed
                .iter()
                .zip(&values[1..])
                .map(|((_, w), v)| distance(*v, *w))
                .sum();
            if best.as_ref().is_none_or(|b| (values[0], away) < (b.0, b.1)) {
                best = Some((values[0], away, values));
            }
        }
        match best {
            Some((_, _, values)) => first_member(&self.model, problem(Some(&values))?, &budget),
            None => Ok(None),
        }
    }
}

/// How far a value lies outside a window, relative to the bound it passes.
pub(crate) fn distance(value: i128, (low, high): Ends) -> f64 {
    let part = |gap: i128, bound: i128| {
        gap.max(0) as f64
            / if bound.is_zero() {
                1.0
            } else {
                bound.unsigned_abs() as f64
            }
    };
    low.map_or(0.0, |l| part(l - value, l)) + high.map_or(0.0, |h| part(value - h, h))
}
