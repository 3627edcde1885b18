//! A checked model with its answers: sizes and cost figures, exact and without enumeration where it decomposes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use num_bigint::{BigInt, BigUint};
use num_traits::{ToPrimitive, Zero};

use crate::coef::{Coef, Moments, Range};
use crate::eliminate::eliminate;
use crate::error::TooHard;
use crate::model::{Arch, Model, ModelError, Table, Window};
use crate::poly::{Budget, Limits};
use crate::prefix::Prefix;
use crate::problem::Problem;

/// A checked model; what is expensive is computed once and kept.
pub struct Space {
    pub(crate) model: Arc<Model>,
    pub(crate) limits: Limits,
    pub(crate) prefix: OnceLock<Result<Prefix, TooHard>>,
    pub(crate) ranks: OnceLock<Result<Prefix, TooHard>>,
    size: OnceLock<Result<BigUint, TooHard>>,
    summaries: Mutex<Summaries>,
    /// Where the conditions have alternatives: disjoint spaces that together have the feasible members.
    pub(crate) cells: Vec<Space>,
}

/// Multiply-adds that a distribution may take.
const DISTRIBUTION: u64 = 1_000_000_000;

/// What was asked of a cost already.
type Summaries = BTreeMap<String, Result<Option<Summary>, TooHard>>;

/// How often each cost value occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Cost value and number of members, by rising value.
    pub counts: Vec<(i128, BigUint)>,
    /// 0: exact. Otherwise a member counted at `v` costs between `v` and `v + error`.
    pub error: i128,
}

/// Least, mean and largest cost over the feasible members, exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Smallest cost of a feasible member.
    pub min: i128,
    /// Largest cost of a feasible member.
    pub max: i128,
    /// Sum over the feasible members.
    pub sum: BigInt,
    /// Number of feasible members.
    pub count: BigUint,
}

impl Summary {
    /// The mean, rounded to the nearest double.
    pub fn mean(&self) -> f64 {
        let (count, whole) = (BigInt::from(self.count.clone()), self.sum.clone());
        let rest = &whole % &count;
        (&whole / &count).to_f64().unwrap_or(f64::NAN)
            + rest.to_f64().unwrap_or(f64::NAN) / count.to_f64().unwrap_or(f64::NAN)
    }
}

impl Distribution {
    /// Of values as they are.
    pub fn of(values: &[i128]) -> Self {
        let mut counts: BTreeMap<i128, BigUint> = BTreeMap::new();
        for v in values {
            *counts.entry(*v).or_default() += 1u32;
        }
        Self {
            counts: counts.into_iter().collect(),
            error: 0,
        }
    }

    /// Its least, mean and largest value; `None` if there are no members.
    pub fn summary(&self) -> Option<Summary> {
        let (min, max) = (self.counts.first()?.0, self.counts.last()?.0);
        let product = |(v, n): &(i128, BigUint)| BigInt::from(*v) * BigInt::from(n.clone());
        Some(Summary {
            min,
            max,
            sum: self.counts.iter().map(product).sum(),
            count: self.total(),
        })
    }

    /// Number of members.
    pub fn total(&self) -> BigUint {
        self.counts.iter().map(|c| &c.1).sum()
    }

    /// Smallest value that at least `numerator / denominator` of the members do not exceed; `None` if there are none.
    pub fn quantile(&self, numerator: u64, denominator: u64) -> Option<i128> {
        let want = self.total() * numerator;
        let mut seen = BigUint::zero();
        self.counts.iter().find_map(|(v, n)| {
            seen += n;
            (&seen * denominator.max(1) >= want).then_some(*v)
        })
    }

    /// `bins` ranges of equal width: (first value, last value, members).
    pub fn histogram(&self, bins: usize) -> Vec<(i128, i128, BigUint)> {
        let (Some(first), Some(last)) = (self.counts.first(), self.counts.last()) else {
            return Vec::new();
        };
        let bins = bins.max(1) as i128;
        let width = (last.0 - first.0) / bins + 1;
        let mut out: Vec<_> = (0..bins)
            .map(|i| {
                (
                    first.0 + i * width,
                    first.0 + (i + 1) * width - 1,
                    BigUint::zero(),
                )
            })
            .take_while(|b| b.0 <= last.0)
            .collect();
        for (v, n) in &self.counts {
            out[((v - first.0) / width) as usize].2 += n;
        }
        out
    }
}

impl Space {
    /// Checks the model.
    pub fn new(model: Model) -> Result<Self, ModelError> {
        Self::with_limits(model, Limits::default())
    }

    /// Checks the model; `limits` bound the work of an exact answer.
    pub fn with_limits(model: Model, limits: Limits) -> Result<Self, ModelError> {
        model.check()?;
        let cells = crate::cells::split(&model, limits)?;
        Ok(Self {
            cells,
            model: Arc::new(model),
            limits,
            prefix: OnceLock::new(),
            ranks: OnceLock::new(),
            size: OnceLock::new(),
            summaries: Mutex::default(),
        })
    }

    /// The same space, with exact answers given up after that much work (multiply-adds).
    pub fn limited(mut self, work: u64) -> Self {
        self.limits.work = self.limits.work.min(work);
        self.cells = self.cells.into_iter().map(|c| c.limited(work)).collect();
        self
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn count(&self, problem: Problem) -> Result<BigUint, TooHard> {
        let budget = Budget::new(self.limits);
        let problem = &problem.parted(&self.model, self.limits.apart, false);
        let order = problem.min_fill();
        if problem.small() {
            Ok(eliminate::<u128>(problem, &order, false, &budget)?
                .sum(problem, &budget)?
                .into())
        } else {
            eliminate::<BigUint>(problem, &order, false, &budget)?.sum(problem, &budget)
        }
    }

    /// Members without a look at predicates and windows; absent choices are no dimensions.
    pub fn raw_size(&self) -> Result<BigUint, TooHard> {
        self.count(Problem::raw(&self.model, self.limits.rows)?)
    }

    /// Members under all predicates and windows, exact.
    pub fn feasible_size(&self) -> Result<BigUint, TooHard> {
        self.size.get_or_init(|| self.members()).clone()
    }

    fn members(&self) -> Result<BigUint, TooHard> {
        if !self.cells.is_empty() {
            return self.cells.iter().map(Space::feasible_size).sum();
        }
        let exact = Problem::feasible(&self.model, self.limits.rows).and_then(|p| self.count(p));
        exact.or_else(|hard| {
            let mut n = 0u64;
            self.visit(hard, |_| n += 1)?;
            Ok(n.into())
        })
    }

    /// Calls `f` with each feasible member, if the raw space is small enough for that.
    pub(crate) fn visit(&self, hard: TooHard, mut f: impl FnMut(&Arch)) -> Result<(), TooHard> {
        if self
            .raw_size()
            .map_or(true, |n| n > self.limits.enumerate.into())
        {
            return Err(hard);
        }
        self.enumerate().for_each(|a| f(&a));
        Ok(())
    }

    /// Least, mean and largest value of a cost over the feasible members; `None` if there is no member or no such cost.
    pub fn summary(&self, cost: &str) -> Result<Option<Summary>, TooHard> {
        let known = |s: &Summaries| s.get(cost).cloned();
        if let Some(s) = self.summaries.lock().ok().and_then(|s| known(&s)) {
            return s;
        }
        let s = self.summarised(cost);
        if let Ok(mut all) = self.summaries.lock() {
            all.insert(cost.to_string(), s.clone());
        }
        s
    }

    fn summarised(&self, cost: &str) -> Result<Option<Summary>, TooHard> {
        if !self.model.costs.contains_key(cost) {
            return Ok(None);
        }
        if !self.cells.is_empty() {
            return crate::cells::summary(&self.cells, cost);
        }
        // What its own window bounds needs no more than that window's keys.
        if self.windowed(cost)
            && let Some(spread) = self.halves_spread(cost)
            && let Some(s) = spread.summary()
        {
            return Ok(Some(s));
        }
        let exact = Problem::feasible(&self.model, self.limits.rows).and_then(|mut p| {
            p.weigh(&self.model, cost);
            let p = p.parted(&self.model, self.limits.apart, false);
            let budget = Budget::new(self.limits);
            if p.small_sums() {
                let m = eliminate::<Moments<i128>>(&p, &p.min_fill(), false, &budget)?
                    .sum(&p, &budget)?;
                return Ok(Moments {
                    count: BigInt::from(m.count),
                    sum: BigInt::from(m.sum),
                    range: m.range,
                });
            }
            eliminate::<Moments<BigInt>>(&p, &p.min_fill(), false, &budget)?.sum(&p, &budget)
        });
        let m = match exact {
            Ok(m) => m,
            Err(hard) => {
                let mut all = Moments::<BigInt>::none();
                self.visit(hard, |a| {
                    all.add(&Moments::weigh(self.model.cost(cost, a).unwrap_or(0)))
                })?;
                all
            }
        };
        Ok(m.range.map(|(min, max)| Summary {
            min,
            max,
            sum: m.sum,
            count: m.count.magnitude().clone(),
        }))
    }

    /// Least and largest value of a cost over the feasible members.
    pub fn range(&self, cost: &str) -> Result<Option<(i128, i128)>, TooHard> {
        if !self.cells.is_empty() {
            return crate::cells::range(&self.cells, cost);
        }
        if self.windowed(cost) {
            return Ok(self.summary(cost)?.map(|s| (s.min, s.max)));
        }
        let Ok(mut p) = Problem::feasible(&self.model, self.limits.rows) else {
            return Ok(self.summary(cost)?.map(|s| (s.min, s.max)));
        };
        p.weigh(&self.model, cost);
        let p = p.parted(&self.model, self.limits.apart, false);
        let budget = Budget::new(self.limits);
        match eliminate::<Range>(&p, &p.min_fill(), false, &budget).and_then(|e| e.sum(&p, &budget))
        {
            Ok(r) => Ok(r.0),
            Err(_) => Ok(self.summary(cost)?.map(|s| (s.min, s.max))),
        }
    }

    /// The distribution of a cost over the feasible members: exact, or where it takes too many distinct values with
    /// values rounded down, by at most [`Distribution::error`].
    pub fn distribution(&self, cost: &str) -> Result<Distribution, TooHard> {
        if !self.cells.is_empty() {
            return crate::cells::distribution(&self.cells, cost);
        }
        let hurried = self.limits.work < DISTRIBUTION;
        self.listed(cost).or_else(|_| {
            let terms = self.model.costs.get(cost).map_or(&[][..], |c| &c.terms);
            let spread = |t: &Table<i128>| {
                t.values.iter().max().copied().unwrap_or(0)
                    - t.values.iter().min().copied().unwrap_or(0)
            };
            let span: i128 = terms.iter().map(spread).sum();
            // Who is in a hurry gets coarser values.
            let places = if hurried { 2_048 } else { 16_384 };
            let grain = (span / places).max(1);
            let mut limits = self.limits;
            limits.work = DISTRIBUTION;
            self.distribution_with(cost, grain, limits)
        })
    }

    /// The distribution with every value; by going through the members where there are few.
    pub(crate) fn listed(&self, cost: &str) -> Result<Distribution, TooHard> {
        let mut limits = self.limits;
        limits.work = limits.work.min(DISTRIBUTION);
        self.distribution_with(cost, 1, limits).or_else(|hard| {
            let mut counts: BTreeMap<i128, BigUint> = BTreeMap::new();
            self.visit(hard, |a| {
                *counts
                    .entry(self.model.cost(cost, a).unwrap_or(0))
                    .or_default() += 1u32;
            })?;
            Ok(Distribution {
                counts: counts.into_iter().collect(),
                error: 0,
            })
        })
    }

    /// Whether there is a window on this cost, or on one that differs from it by a constant.
    pub fn windowed(&self, cost: &str) -> bool {
        !self.alike(cost).is_empty()
    }

    /// The windows on a cost and on all that differ from it by a constant, as windows on the cost.
    pub(crate) fn alike(&self, cost: &str) -> Vec<Window> {
        let Some(asked) = self.model.costs.get(cost) else {
            return Vec::new();
        };
        let (shape, least) = asked.shape();
        let names = self.model.costs.iter();
        names
            .filter_map(|(name, other)| {
                let (low, high) = self.model.window(name)?;
                let (theirs, zero) = other.shape();
                (theirs == shape).then(|| Window {
                    cost: name.clone(),
                    low: low.map(|v| v - zero + least),
                    high: high.map(|v| v - zero + least),
                })
            })
            .collect()
    }

    fn distribution_with(
        &self,
        cost: &str,
        grain: i128,
        limits: Limits,
    ) -> Result<Distribution, TooHard> {
        let mut p = Problem::raw(&self.model, limits.rows)?;
        for t in &self.model.predicates {
            p.predicate(t, true);
        }
        // A window on the same sum is a window on this cost. A rounded cost cannot decide it: then the exact one is a
        // part of the key as well.
        let own = match grain {
            1 => self.alike(cost),
            _ => Vec::new(),
        };
        let low = own.iter().filter_map(|w| w.low).max();
        let high = own.iter().filter_map(|w| w.high).min();
        let index = p.key(&self.model, cost, low, high, grain)?;
        for name in self.model.costs.keys() {
            if let Some((low, high)) = self.model.window(name)
                && own.iter().all(|w| w.cost != *name)
            {
                p.key(&self.model, name, low, high, 1)?;
            }
        }
        let p = p.parted(&self.model, limits.apart, false);
        let budget = Budget::new(limits);
        let order = p.min_fill();
        let found: Vec<(u128, BigUint)> = if p.small() {
            let t = eliminate::<u128>(&p, &order, false, &budget)?.total(&p, &budget)?;
            t.keys
                .into_iter()
                .zip(t.coefs)
                .map(|(k, c)| (k, c.into()))
                .collect()
        } else {
            let t = eliminate::<BigUint>(&p, &order, false, &budget)?.total(&p, &budget)?;
            t.keys.into_iter().zip(t.coefs).collect()
        };
        let mut counts: BTreeMap<i128, BigUint> = BTreeMap::new();
        for (key, n) in found.into_iter().filter(|(k, _)| p.keys.inside(*k)) {
            *counts.entry(p.keys.value(index, key)).or_default() += n;
        }
        let terms = self.model.costs.get(cost).map_or(0, |c| c.terms.len()) as i128;
        Ok(Distribution {
            counts: counts.into_iter().collect(),
            error: terms * (grain - 1),
        })
    }

    /// Predicates (by index) that exclude no raw member by themselves, and windows (by index) likewise.
    pub fn vacuous(
        &self,
        source: &mut impl crate::Source,
    ) -> Result<(Vec<usize>, Vec<usize>), TooHard> {
        let tries = self.tries(source);
        let mut predicates = Vec::new();
        for (i, t) in self.model.predicates.iter().enumerate() {
            if tries.iter().any(|a| !self.model.holds(t, a)) {
                continue;
            }
            let mut p = Problem::raw(&self.model, self.limits.rows)?;
            p.predicate(t, false);
            if self.count(p)?.is_zero() {
                predicates.push(i);
            }
        }
        let mut windows = Vec::new();
        for (i, w) in self.model.windows.iter().enumerate() {
            if tries.iter().any(|a| !self.model.within(w, a)) {
                continue;
            }
            let mut p = Problem::raw(&self.model, self.limits.rows)?;
            p.weigh(&self.model, &w.cost);
            let p = p.parted(&self.model, self.limits.apart, false);
            let budget = Budget::new(self.limits);
            let range = eliminate::<Range>(&p, &p.min_fill(), false, &budget)?.sum(&p, &budget)?;
            if range.0.is_none_or(|(min, max)| {
                w.low.is_none_or(|l| l <= min) && w.high.is_none_or(|h| h >= max)
            }) {
                windows.push(i);
            }
        }
        Ok((predicates, windows))
    }
}
