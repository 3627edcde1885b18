//! Generating functions: maps from a packed cost to a coefficient, with a budget on size and work.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::coef::Coef;
use crate::order::{DENSE, Extent, HASHED, gcd};
use crate::problem::Keys;

/// How much work an exact answer may take before it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of one message or table.
    pub rows: usize,
    /// Distinct costs (vectors) in one generating function.
    pub terms: usize,
    /// Multiply-adds in all.
    pub work: u64,
    /// Raw members up to which plain enumeration steps in.
    pub enumerate: u64,
    /// Rows up to which choices that must differ are one table.
    pub apart: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 1 << 20,
            terms: 1 << 23,
            work: 3_000_000_000,
            enumerate: 5_000_000,
            apart: 4_096,
        }
    }
}

/// A limit was passed: which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Rows,
    Terms,
    Work,
}

pub(crate) struct Budget {
    pub limits: Limits,
    spent: Cell<u64>,
}

impl Budget {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            spent: Cell::new(0),
        }
    }

    pub fn spend(&self, work: u64) -> Result<(), Over> {
        self.spent.set(self.spent.get().saturating_add(work));
        if self.spent.get() > self.limits.work {
            Err(Over::Work)
        } else {
            Ok(())
        }
    }
}

/// Sorted by key; no key twice.
#[derive(Clone, Debug)]
pub(crate) struct Poly<C> {
    pub keys: Vec<u128>,
    pub coefs: Vec<C>,
}

#[derive(Default)]
struct Mix(u64);
impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(b.into());
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(23) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 29;
    }
    fn write_u128(&mut self, n: u128) {
        self.write_u64(n as u64);
        self.write_u64((n >> 64) as u64);
    }
}

impl<C: Coef> Poly<C> {
    pub fn term(key: u128, coef: C) -> Self {
        Self {
            keys: vec![key],
            coefs: vec![coef],
        }
    }

    pub fn empty() -> Self {
        Self {
            keys: Vec::new(),
            coefs: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn get(&self, key: u128) -> Option<&C> {
        self.keys.binary_search(&key).ok().map(|i| &self.coefs[i])
    }

    fn from_sorted(pairs: impl IntoIterator<Item = (u128, C)>) -> Self {
        let mut out = Self::empty();
        for (key, coef) in pairs {
            if out.keys.last() == Some(&key) {
                if let Some(last) = out.coefs.last_mut() {
                    last.add(&coef);
                }
            } else {
                out.keys.push(key);
                out.coefs.push(coef);
            }
        }
        out
    }

    /// The sum of shifted, scaled parts, without keys that no window allows.
    pub fn sum(
        parts: &[(u128, C, Arc<Poly<C>>)],
        keys: &Keys,
        budget: &Budget,
    ) -> Result<Self, Over> {
        let total: usize = parts.iter().map(|p| p.2.len()).sum();
        budget.spend(total as u64)?;
        let mut pairs = Vec::with_capacity(total);
        for (shift, scale, poly) in parts {
            pairs.extend(
                poly.keys
                    .iter()
                    .zip(&poly.coefs)
                    .map(|(k, c)| (k + shift, c.mul(scale)))
                    .filter(|p| !keys.over(p.0)),
            );
        }
        // Each part is sorted already: the stable sort finds these runs and merges them.
        pairs.sort_by_key(|p| p.0);
        Ok(Self::from_sorted(pairs))
    }

    /// The product, without keys that no window allows.
    pub fn mul(&self, other: &Self, keys: &Keys, budget: &Budget) -> Result<Self, Over> {
        let (a, b) = if self.len() <= other.len() {
            (self, other)
        } else {
            (other, self)
        };
        let pairs = (a.len() as u64).saturating_mul(b.len() as u64);
        if pairs == 0 {
            return Ok(Self::empty());
        }
        budget.spend(pairs)?;
        if a.len() == 1 {
            let shifted = b
                .keys
                .iter()
                .zip(&b.coefs)
                .map(|(k, c)| (k + a.keys[0], c.mul(&a.coefs[0])));
            return Ok(Self::from_sorted(shifted.filter(|p| !keys.over(p.0))));
        }
        let low = a.keys[0] + b.keys[0];
        let high = (a.keys[a.len() - 1] + b.keys[b.len() - 1]).min(keys.cap());
        if high < low {
            return Ok(Self::empty());
        }
        let step = gcd(a.step(), b.step()).max(1);
        let span = (high - low) / step;
        if span < DENSE && span <= 4 * u128::from(pairs) + 64 {
            // Memory that is touched first costs as well.
            budget.spend(span as u64 * size_of::<C>() as u64 / 16)?;
            let (span, low) = (span as usize, low);
            return Ok(match a.shorts().zip(b.shorts()) {
                Some((x, y)) if fits(&x, &y) => {
                    let sums = a.spread(b, &x, &y, span, step, |s: &mut u64, a, b| *s += a * b);
                    let found = sums.into_iter().enumerate().filter(|(_, n)| *n > 0);
                    Self::from_sorted(
                        found
                            .map(|(i, n)| (low + i as u128 * step, C::long(n)))
                            .filter(|p| !keys.over(p.0)),
                    )
                }
                _ => {
                    let add = |s: &mut Option<C>, a: &C, b: &C| match s {
                        Some(s) => s.fma(a, b),
                        None => *s = Some(a.mul(b)),
                    };
                    let sums = a.spread(b, &a.coefs, &b.coefs, span, step, add);
                    let found = sums
                        .into_iter()
                        .enumerate()
                        .filter_map(|(i, c)| Some((low + i as u128 * step, c?)));
                    Self::from_sorted(found.filter(|p| !keys.over(p.0)))
                }
            });
        }
        budget.spend(pairs.saturating_mul(HASHED))?;
        let mut map: HashMap<u128, C, BuildHasherDefault<Mix>> = HashMap::default();
        for (ka, ca) in a.keys.iter().zip(&a.coefs) {
            for (kb, cb) in b.keys.iter().zip(&b.coefs) {
                if !keys.over(ka + kb) {
                    map.entry(ka + kb).or_insert_with(C::none).fma(ca, cb);
                }
            }
            if map.len() > budget.limits.terms {
                return Err(Over::Terms);
            }
        }
        let mut pairs: Vec<(u128, C)> = map.into_iter().collect();
        pairs.sort_unstable_by_key(|p| p.0);
        Ok(Self::from_sorted(pairs))
    }

    /// The greatest divisor of all distances between keys; 0 for one key.
    fn step(&self) -> u128 {
        let mut step = 0;
        for pair in self.keys.windows(2) {
            step = gcd(step, pair[1] - pair[0]);
            if step == 1 {
                break;
            }
        }
        step
    }

    pub fn extent(&self) -> Extent {
        Extent {
            terms: self.len() as u64,
            low: self.keys.first().copied().unwrap_or(0),
            high: self.keys.last().copied().unwrap_or(0),
            step: self.step(),
        }
    }

    fn shorts(&self) -> Option<Vec<u64>> {
        self.coefs.iter().map(C::short).collect()
    }

    /// The product's coefficients by place: the sum of least keys and multiples of `step`, up to `span` of them.
    fn spread<X, S: Clone + Default>(
        &self,
        other: &Self,
        mine: &[X],
        others: &[X],
        span: usize,
        step: u128,
        add: impl Fn(&mut S, &X, &X),
    ) -> Vec<S> {
        let mut sums = vec![S::default(); span + 1];
        let place = |k: u128| usize::try_from(k / step).unwrap_or(usize::MAX);
        let places = |p: &Self| -> Vec<usize> {
            let least = p.keys.first().copied().unwrap_or(0);
            p.keys.iter().map(|k| place(k - least)).collect()
        };
        let (bases, offsets) = (places(self), places(other));
        // Block by block of the sums, so that each stays in the cache; where in `other` a row goes on is kept.
        let mut next = vec![0usize; bases.len()];
        for (b, block) in sums.chunks_mut(BLOCK).enumerate() {
            let (from, to) = (b * BLOCK, b * BLOCK + block.len());
            for ((base, x), next) in bases.iter().zip(mine).zip(&mut next) {
                if *base >= to {
                    break;
                }
                let mut at = *next;
                while let Some(o) = offsets.get(at).filter(|o| base + *o < to) {
                    add(&mut block[base + o - from], x, &others[at]);
                    at += 1;
                }
                *next = at;
            }
        }
        sums
    }
}

/// Sums held at a time: half a megabyte of short ones.
const BLOCK: usize = 1 << 16;

/// Whether no sum of products of counts passes 64 bits.
fn fits(a: &[u64], b: &[u64]) -> bool {
    let total = |xs: &[u64]| xs.iter().try_fold(0u64, |n, x| n.checked_add(*x));
    total(a)
        .zip(total(b))
        .is_some_and(|(x, y)| x.checked_mul(y).is_some())
}
