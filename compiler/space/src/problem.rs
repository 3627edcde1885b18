//! A model compiled for elimination: factors on codes, with costs packed into one additive key.

use std::sync::Arc;

use num_bigint::BigUint;

use crate::different::{Tail, Uses};
use crate::error::TooHard;
use crate::model::{Condition, Model, SiteId, Table};
use crate::order::gcd;

#[derive(Clone)]
pub(crate) enum Kind {
    /// Rows that are allowed.
    Allow(Vec<bool>),
    /// What a row adds to the packed key.
    Key(Vec<u128>),
    /// What a row adds to the cost that the coefficient carries.
    Weigh(Vec<i128>),
}

#[derive(Clone)]
pub(crate) struct Factor {
    pub scope: Vec<SiteId>,
    pub strides: Vec<usize>,
    pub kind: Kind,
}

impl Factor {
    pub fn row(&self, codes: &[usize]) -> usize {
        self.scope
            .iter()
            .zip(&self.strides)
            .map(|(s, n)| codes[*s] * n)
            .sum()
    }
}

/// One cost inside the packed key: cost = offset + step * (key / radix % (span + 1)).
pub(crate) struct Component {
    radix: u128,
    span: u128,
    offset: i128,
    step: i128,
    low: u128,
    high: u128,
}

/// How costs are packed into keys. Partial sums only grow, so no digit ever carries into the next one.
#[derive(Default)]
pub(crate) struct Keys {
    pub parts: Vec<Component>,
    /// Above the costs: which options are used already, of choices that must differ.
    pub uses: Option<Uses>,
    /// A window that no member meets, seen from the ranges alone.
    pub impossible: bool,
}

impl Keys {
    fn digit(part: &Component, key: u128) -> u128 {
        key / part.radix % (part.span + 1)
    }

    /// The costs in a key, without what is used.
    pub fn costs(&self, key: u128) -> u128 {
        self.uses.as_ref().map_or(key, |u| key & u.below())
    }

    /// Whether a partial key is above a window already, or uses an option twice.
    pub fn over(&self, mut key: u128) -> bool {
        if let Some(u) = &self.uses {
            if u.twice(key) {
                return true;
            }
            key &= u.below();
        }
        let Some((last, lower)) = self.parts.split_last() else {
            return false;
        };
        key > last.radix * (last.high + 1) - 1
            || lower
                .iter()
                .any(|p| p.high < p.span && Self::digit(p, key) > p.high)
    }

    /// No allowed key is larger: the last part is the most significant digit.
    pub fn cap(&self) -> u128 {
        match (&self.uses, self.parts.last()) {
            (None, Some(p)) => p.radix * (p.high + 1) - 1,
            _ => u128::MAX,
        }
    }

    /// Places of the digits of all costs together.
    pub fn size(&self) -> u128 {
        self.parts.last().map_or(1, |p| p.radix * (p.span + 1))
    }

    /// Whether a complete key meets every window and uses no option twice.
    pub fn inside(&self, mut key: u128) -> bool {
        if let Some(u) = &self.uses {
            if u.twice(key) {
                return false;
            }
            key &= u.below();
        }
        !self.impossible
            && match &self.parts[..] {
                [] => true,
                [one] => (one.low..=one.high).contains(&key),
                parts => parts
                    .iter()
                    .all(|p| (p.low..=p.high).contains(&Self::digit(p, key))),
            }
    }

    /// The allowed range of the costs in complete keys, where one range says it all.
    pub fn interval(&self) -> Option<(u128, u128)> {
        match &self.parts[..] {
            [] => Some((0, u128::MAX)),
            [one] => Some((one.low, one.high)),
            _ => None,
        }
    }

    /// The same for whole keys.
    pub fn plain_interval(&self) -> Option<(u128, u128)> {
        self.interval().filter(|_| self.uses.is_none())
    }

    /// The cost of a complete key, for the part at `index`.
    pub fn value(&self, index: usize, key: u128) -> i128 {
        let p = &self.parts[index];
        p.offset + p.step * Self::digit(p, self.costs(key)) as i128
    }
}

pub(crate) struct Problem {
    pub widths: Vec<usize>,
    pub names: Vec<Arc<str>>,
    pub factors: Vec<Factor>,
    pub keys: Keys,
    /// The factor that says when a site exists.
    pub existing: Vec<Option<usize>>,
    /// Rules that the factors do not show any more: for a look at a member site by site.
    pub checks: Vec<Factor>,
    /// Factors that only an elimination reads, not a look site by site.
    pub inner: Vec<usize>,
    pub tails: Vec<Tail>,
}

impl Problem {
    /// The raw space: existence conditions only.
    pub fn raw(model: &Model, rows: usize) -> Result<Self, TooHard> {
        let mut p = Self {
            widths: (0..model.sites.len()).map(|s| model.width(s)).collect(),
            names: model.sites.iter().map(|s| s.address.clone()).collect(),
            factors: Vec::new(),
            keys: Keys::default(),
            existing: vec![None; model.sites.len()],
            checks: Vec::new(),
            inner: Vec::new(),
            tails: Vec::new(),
        };
        for (id, site) in model.sites.iter().enumerate() {
            if site.exists == Condition::Always {
                continue;
            }
            let mut scope = site.exists.reads();
            scope.push(id);
            if model.rows(&scope).is_none_or(|n| n > rows) {
                return Err(TooHard::new(
                    model,
                    &scope,
                    "the existence of one choice depends on too many others",
                ));
            }
            let Ok(table) = Table::tabulate(model, scope, false, |_| {
                Ok::<_, std::convert::Infallible>(true)
            });
            p.existing[id] = Some(p.factors.len());
            p.push(table.sites, Kind::Allow(table.values));
        }
        for t in &model.structure {
            p.predicate(t, true);
        }
        Ok(p)
    }

    /// The feasible space; costs under a window become parts of the key.
    pub fn feasible(model: &Model, rows: usize) -> Result<Self, TooHard> {
        let mut p = Self::raw(model, rows)?;
        for t in &model.predicates {
            p.predicate(t, true);
        }
        for name in model.costs.keys() {
            if let Some((low, high)) = model.window(name) {
                p.key(model, name, low, high, 1)?;
            }
        }
        Ok(p)
    }

    pub fn push(&mut self, scope: Vec<SiteId>, kind: Kind) {
        let mut strides = vec![1; scope.len()];
        for i in (1..scope.len()).rev() {
            strides[i - 1] = strides[i] * self.widths[scope[i]];
        }
        self.factors.push(Factor {
            scope,
            strides,
            kind,
        });
    }

    /// Keeps the rows where the table has `value`.
    pub fn predicate(&mut self, table: &Table<bool>, value: bool) {
        self.push(
            table.sites.clone(),
            Kind::Allow(table.values.iter().map(|v| *v == value).collect()),
        );
    }

    /// Makes a cost a part of the key; returns the part's index. Values are first rounded down to multiples of
    /// `grain` within each term, if that is above 1.
    pub fn key(
        &mut self,
        model: &Model,
        cost: &str,
        low: Option<i128>,
        high: Option<i128>,
        grain: i128,
    ) -> Result<usize, TooHard> {
        let terms = model.costs.get(cost).map_or(&[][..], |c| &c.terms);
        self.key_terms(terms, low, high, grain).ok_or_else(|| {
            TooHard::new(
                model,
                &(0..model.sites.len()).collect::<Vec<_>>(),
                "the ranges of the costs together overflow a key",
            )
        })
    }

    pub fn key_terms(
        &mut self,
        terms: &[Table<i128>],
        low: Option<i128>,
        high: Option<i128>,
        grain: i128,
    ) -> Option<usize> {
        let mut offset = 0i128;
        let mut step = 0u128;
        let mut reduced = Vec::new();
        for t in terms {
            let least = t.values.iter().copied().min().unwrap_or(0);
            offset += least;
            let rest: Vec<u128> = t
                .values
                .iter()
                .map(|v| ((v - least) / grain * grain) as u128)
                .collect();
            step = rest.iter().fold(step, |g, v| gcd(g, *v));
            reduced.push(rest);
        }
        let step = step.max(1);
        let mut span = 0u128;
        for rest in &mut reduced {
            rest.iter_mut().for_each(|v| *v /= step);
            span += rest.iter().copied().max().unwrap_or(0);
        }
        let size = self
            .keys
            .parts
            .iter()
            .try_fold(1u128, |n, p| n.checked_mul(p.span + 1))?;
        size.checked_mul(span.checked_add(2)?)?;
        let (step_i, span_i) = (step as i128, span as i128);
        // A window far outside the range is cut to just outside it, so that nothing below overflows.
        let top = offset + step_i * span_i;
        let low = low.map_or(0, |l| {
            (l.clamp(offset - 1, top + 1) - offset + step_i - 1).div_euclid(step_i)
        });
        let high = high.map_or(span_i, |h| {
            (h.clamp(offset - 1, top + 1) - offset).div_euclid(step_i)
        });
        if high < low || high < 0 || low > span_i {
            self.keys.impossible = true;
        }
        for (t, rest) in terms.iter().zip(reduced) {
            self.push(
                t.sites.clone(),
                Kind::Key(rest.into_iter().map(|v| v * size).collect()),
            );
        }
        let (low, high) = (low.max(0) as u128, high.clamp(0, span_i) as u128);
        self.keys.parts.push(Component {
            radix: size,
            span,
            offset,
            step: step_i,
            low,
            high,
        });
        Some(self.keys.parts.len() - 1)
    }

    /// Lets the coefficients carry a cost.
    pub fn weigh(&mut self, model: &Model, cost: &str) {
        for t in model.costs.get(cost).map_or(&[][..], |c| &c.terms) {
            self.push(t.sites.clone(), Kind::Weigh(t.values.clone()));
        }
    }

    /// Whether every count of (partial) members stays below 2^127.
    pub fn small(&self) -> bool {
        self.widths
            .iter()
            .map(|w| BigUint::from(*w))
            .product::<BigUint>()
            .bits()
            < 127
    }

    /// Whether sums of the weighed cost over (partial) members stay below 2^126 as well.
    pub fn small_sums(&self) -> bool {
        let most = |f: &Factor| match &f.kind {
            Kind::Weigh(v) => v.iter().map(|c| c.unsigned_abs()).max().unwrap_or(0),
            _ => 0,
        };
        let cost: BigUint = self.factors.iter().map(|f| BigUint::from(most(f))).sum();
        let members: BigUint = self.widths.iter().map(|w| BigUint::from(*w)).product();
        (members * (cost + 1u32)).bits() < 125
    }
}
