//! How a cost is spread over the members: counted up to any value from two halves of the generating function, whose
//! product, with a term for each value, is never made.

use std::sync::Arc;

use num_bigint::{BigInt, BigUint};
use num_traits::{ToPrimitive, Zero};

use crate::eliminate::eliminate;
use crate::error::TooHard;
use crate::poly::{Budget, Poly};
use crate::problem::Problem;
use crate::space::{Distribution, Space, Summary};

/// A cost over the feasible members, to be asked for quantiles and histograms.
pub struct Spread(Kind);

enum Kind {
    Listed(Distribution),
    Halved(Vec<Halves>),
}

/// Members are pairs of an entry of each half whose keys add up to between `low` and `high`.
struct Halves {
    left: Arc<Poly<u128>>,
    keys: Vec<u128>,
    /// Number of members of the right half with one of the first keys.
    below: Vec<u128>,
    /// Sum of their keys.
    sums: Option<Vec<u128>>,
    /// A cost is `offset + step * key`.
    offset: i128,
    step: i128,
    low: u128,
    high: u128,
}

impl Halves {
    fn new(left: Arc<Poly<u128>>, right: &Poly<u128>) -> Self {
        let mut below = vec![0u128];
        let mut sums = Some(vec![0u128]);
        let mut last = 0u128;
        for (k, n) in right.keys.iter().zip(&right.coefs) {
            last += n;
            below.push(last);
            let more = sums.as_ref().and_then(|s| {
                let all = s.last().copied().unwrap_or(0);
                all.checked_add(k.checked_mul(*n)?)
            });
            match (more, &mut sums) {
                (Some(v), Some(s)) => s.push(v),
                _ => sums = None,
            }
        }
        Self {
            left,
            keys: right.keys.clone(),
            below,
            sums,
            offset: 0,
            step: 1,
            low: 0,
            high: 0,
        }
    }

    /// Calls `f` with a key and a number of the left half, and how many keys of the right half go with it up to `most`.
    fn pairs(&self, most: u128, mut f: impl FnMut(u128, u128, usize)) {
        let mut to = 0;
        for (k, n) in self.left.keys.iter().zip(&self.left.coefs).rev() {
            while self.keys.get(to).is_some_and(|x| x + k <= most) {
                to += 1;
            }
            if to > 0 {
                f(*k, *n, to);
            }
        }
    }

    fn up_to(&self, most: u128) -> u128 {
        let mut sum = 0;
        self.pairs(most, |_, n, to| sum += n * self.below[to]);
        sum
    }

    /// Members that cost at most `v`.
    fn at_most(&self, v: i128) -> u128 {
        let key = (v - self.offset).div_euclid(self.step);
        let Ok(key) = u128::try_from(key) else {
            return 0;
        };
        if key < self.low {
            return 0;
        }
        let below = match self.low.checked_sub(1) {
            Some(k) => self.up_to(k),
            None => 0,
        };
        self.up_to(key.min(self.high)) - below
    }

    /// The sum of the costs of all members; `None`: too large for this way.
    fn sum(&self) -> Option<BigInt> {
        let sums = self.sums.as_ref()?;
        let keys_up_to = |most: u128| {
            let mut sum = BigUint::zero();
            self.pairs(most, |k, n, to| {
                let each = k
                    .checked_mul(self.below[to])
                    .and_then(|s| s.checked_add(sums[to]));
                match each.and_then(|e| e.checked_mul(n)) {
                    Some(v) => sum += v,
                    None => {
                        let each = BigUint::from(k) * self.below[to] + sums[to];
                        sum += each * n;
                    }
                }
            });
            sum
        };
        let mut keys = BigInt::from(keys_up_to(self.high));
        if let Some(k) = self.low.checked_sub(1) {
            keys -= BigInt::from(keys_up_to(k));
        }
        let members = self.at_most(self.offset + self.step * self.high as i128);
        Some(keys * self.step + BigInt::from(members) * self.offset)
    }
}

impl Space {
    /// How a cost is spread, exact.
    pub fn spread(&self, cost: &str) -> Result<Spread, TooHard> {
        if let Some(s) = self.halves_spread(cost) {
            return Ok(s);
        }
        let d = match self.cells.is_empty() {
            true => self.listed(cost)?,
            false => self.distribution(cost)?,
        };
        match d.error {
            0 => Ok(Spread(Kind::Listed(d))),
            _ => Err(TooHard::new(
                &self.model,
                &(0..self.model.sites.len()).collect::<Vec<_>>(),
                "the values of this cost are too many to be told apart under these conditions",
            )),
        }
    }

    /// The same with values rounded down, where exact ones take too much: [`Spread::error`] says by how much.
    pub fn rough_spread(&self, cost: &str) -> Result<Spread, TooHard> {
        let rough = || Ok(Spread(Kind::Listed(self.distribution(cost)?)));
        self.halves_spread(cost).map_or_else(rough, Ok)
    }

    pub(crate) fn halves_spread(&self, cost: &str) -> Option<Spread> {
        Some(Spread(Kind::Halved(self.halved(cost)?)))
    }

    /// The halves of each part; `None` where other costs have a say, or it takes too much.
    fn halved(&self, cost: &str) -> Option<Vec<Halves>> {
        if !self.cells.is_empty() {
            let parts = self.cells.iter().map(|c| c.halved(cost));
            return Some(
                parts
                    .collect::<Option<Vec<_>>>()?
                    .into_iter()
                    .flatten()
                    .collect(),
            );
        }
        let mut p = Problem::raw(&self.model, self.limits.rows).ok()?;
        if !p.small() || !self.model.costs.contains_key(cost) {
            return None;
        }
        for t in &self.model.predicates {
            p.predicate(t, true);
        }
        let own = self.alike(cost);
        if self
            .model
            .windows
            .iter()
            .any(|w| own.iter().all(|o| o.cost != w.cost))
        {
            return None;
        }
        let low = own.iter().filter_map(|w| w.low).max();
        let high = own.iter().filter_map(|w| w.high).min();
        let index = p.key(&self.model, cost, low, high, 1).ok()?;
        let p = p.parted(&self.model, self.limits.apart, false);
        let budget = Budget::new(self.limits);
        let found = eliminate::<u128>(&p, &p.min_fill(), false, &budget).ok()?;
        let Some((a, b)) = found.halves(&p, &budget).ok()?.trees else {
            return Some(Vec::new());
        };
        let mut h = Halves::new(a.poly(), &b.poly());
        (h.low, h.high) = p.keys.plain_interval()?;
        h.offset = p.keys.value(index, 0);
        h.step = (p.keys.value(index, 1) - h.offset).max(1);
        Some(vec![h])
    }
}

impl Spread {
    /// How far values may lie below the true ones; 0: exact.
    pub fn error(&self) -> i128 {
        match &self.0 {
            Kind::Listed(d) => d.error,
            Kind::Halved(_) => 0,
        }
    }

    /// Number of members.
    pub fn total(&self) -> BigUint {
        match &self.0 {
            Kind::Listed(d) => d.total(),
            Kind::Halved(parts) => count(parts, i128::MAX / 2),
        }
    }

    /// Least, mean and largest value; `None` if there is no member.
    pub fn summary(&self) -> Option<Summary> {
        let parts = match &self.0 {
            Kind::Listed(d) => return d.summary(),
            Kind::Halved(parts) => parts,
        };
        let count = self.total();
        let sum = parts.iter().map(Halves::sum).collect::<Option<Vec<_>>>()?;
        Some(Summary {
            min: reached(parts, &1u32.into())?,
            max: reached(parts, &count)?,
            sum: sum.into_iter().sum(),
            count,
        })
    }

    /// Smallest value that at least `numerator / denominator` of the members do not exceed; `None` if there are none.
    pub fn quantile(&self, numerator: u64, denominator: u64) -> Option<i128> {
        match &self.0 {
            Kind::Listed(d) => d.quantile(numerator, denominator),
            Kind::Halved(parts) => {
                let by = BigUint::from(denominator.max(1));
                let want = (self.total() * numerator + &by - 1u32) / by;
                reached(parts, &want.max(1u32.into()))
            }
        }
    }

    /// `bins` ranges of equal width: (first value, last value, members).
    pub fn histogram(&self, bins: usize) -> Vec<(i128, i128, BigUint)> {
        let parts = match &self.0 {
            Kind::Listed(d) => return d.histogram(bins),
            Kind::Halved(parts) => parts,
        };
        let ends = reached(parts, &1u32.into()).zip(reached(parts, &self.total()));
        let Some((first, last)) = ends else {
            return Vec::new();
        };
        let bins = bins.max(1) as i128;
        let width = (last - first) / bins + 1;
        let mut below = BigUint::zero();
        let starts = (0..bins).map(|i| first + i * width);
        starts
            .take_while(|from| *from <= last)
            .map(|from| {
                let up_to = count(parts, from + width - 1);
                let here = &up_to - &below;
                below = up_to;
                (from, from + width - 1, here)
            })
            .collect()
    }
}

fn count(parts: &[Halves], v: i128) -> BigUint {
    parts.iter().map(|p| BigUint::from(p.at_most(v))).sum()
}

/// The smallest value that `want` members do not exceed; `None` where there are not so many.
fn reached(parts: &[Halves], want: &BigUint) -> Option<i128> {
    let value = |h: &Halves, key: u128| h.offset + h.step * key as i128;
    let mut low = parts.iter().map(|h| value(h, h.low)).min()? - 1;
    let mut high = parts.iter().map(|h| value(h, h.high)).max()?;
    // One part has values on a grid only.
    let (zero, step) = match parts {
        [one] => (one.offset, one.step),
        _ => (0, 1),
    };
    let near = |v: i128| zero + (v - zero).div_euclid(step) * step;
    low = near(low);
    let number = |n: &BigUint| n.to_f64().unwrap_or(f64::INFINITY);
    let (mut under, mut over) = (0.0, number(&count(parts, high)));
    if count(parts, high) < *want {
        return None;
    }
    let aim = number(want);
    // Between the two, as if members lay evenly; every other time in the middle.
    for turn in 0.. {
        if high - low <= step {
            break;
        }
        let share = match turn % 2 == 0 && over > under {
            true => ((aim - under) / (over - under)).clamp(0.0, 1.0),
            false => 0.5,
        };
        let at = low + ((high - low) as f64 * share) as i128;
        let at = near(at.clamp(low + step, high - 1));
        let n = count(parts, at);
        if n < *want {
            (low, under) = (at, number(&n));
        } else {
            (high, over) = (at, number(&n));
        }
    }
    Some(near(high))
}
