//! What can still become of a partial member: messages eliminated from the last site back to the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use num_bigint::BigUint;
use num_traits::Zero;

use crate::coef::{Coef, Count, Range};
use crate::eliminate::{Elimination, eliminate};
use crate::error::TooHard;
use crate::model::{Model, SiteId};
use crate::poly::{Budget, Limits, Over, Poly};
use crate::problem::{Kind, Problem};

/// What a prefix has spent so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    key: u128,
    weight: i128,
}

/// Answers for prefixes of one model.
pub(crate) struct Prefix {
    problem: Problem,
    /// Factors by the last site that they read; beyond the problem's factors come its checks.
    last: Vec<Vec<usize>>,
    engine: Engine,
}

enum Engine {
    /// No predicate, no window: every option of an existing site can be completed.
    Free,
    /// One cost with one end of a window: the best completion decides.
    Bound {
        rest: Rest<Range>,
        low: Option<i128>,
        high: Option<i128>,
    },
    Small(Rest<u128>),
    Big(Rest<BigUint>),
}

/// The messages of the sites after a prefix.
struct Rest<C> {
    done: Elimination<C>,
    /// For each site: buckets of later sites whose message reads the prefix up to this site.
    live: Vec<Vec<usize>>,
    /// For each site: the sites that those messages read.
    scope: Vec<Vec<SiteId>>,
    /// For each site: the product of messages of later sites that read nothing, with running sums.
    fixed: Vec<Arc<Fixed<C>>>,
    products: Mutex<Products<C>>,
    limits: Limits,
}

/// Products of live messages, by site and the codes that they read.
type Products<C> = HashMap<(SiteId, Vec<usize>), Arc<Poly<C>>>;

struct Fixed<C> {
    poly: Poly<C>,
    running: Vec<C>,
}

impl<C: Coef> Fixed<C> {
    fn new(poly: Poly<C>) -> Self {
        let mut running = Vec::with_capacity(poly.len() + 1);
        let mut sum = C::none();
        running.push(sum.clone());
        for c in &poly.coefs {
            sum.add(c);
            running.push(sum.clone());
        }
        Self { poly, running }
    }
}

/// Products kept for reuse, at most.
const KEPT: usize = 1 << 14;

impl<C: Coef> Rest<C> {
    fn new(problem: &Problem, limits: Limits) -> Result<Self, TooHard> {
        let n = problem.widths.len();
        let budget = Budget::new(limits);
        let order: Vec<SiteId> = (0..n).rev().collect();
        let done = eliminate::<C>(problem, &order, false, &budget)?;
        let mut live = vec![Vec::new(); n];
        let mut fixed = Vec::with_capacity(n);
        let mut now = Arc::new(Fixed::new(Poly::term(0, C::unit())));
        for site in (0..n).rev() {
            fixed.push(now.clone());
            let bucket = &done.buckets[n - 1 - site];
            match bucket.scope.last() {
                Some(&parent) => (parent..site).for_each(|s| live[s].push(n - 1 - site)),
                None => {
                    let poly = now
                        .poly
                        .mul(&bucket.rows[0].total, &problem.keys, &budget)
                        .map_err(|_| TooHard {
                            sites: problem.names[site..].to_vec(),
                            reason:
                                "the costs of these choices take too many distinct values together"
                                    .into(),
                        })?;
                    now = Arc::new(Fixed::new(poly));
                }
            }
        }
        fixed.reverse();
        let scope = live.iter().map(|bs| {
            let mut s: Vec<SiteId> = bs
                .iter()
                .flat_map(|&b: &usize| done.buckets[b].scope.iter().copied())
                .collect();
            s.sort_unstable();
            s.dedup();
            s
        });
        let scope = scope.collect();
        Ok(Self {
            done,
            live,
            scope,
            fixed,
            products: Mutex::default(),
            limits,
        })
    }

    /// The product of the live messages after `site`.
    fn open(&self, site: SiteId, codes: &[usize], problem: &Problem) -> Result<Arc<Poly<C>>, Over> {
        match &self.live[site][..] {
            [] => return Ok(Arc::new(Poly::term(0, C::unit()))),
            [one] => return Ok(self.done.buckets[*one].row(codes).total.clone()),
            _ => {}
        }
        let at = (
            site,
            self.scope[site]
                .iter()
                .map(|&s| codes[s])
                .collect::<Vec<_>>(),
        );
        if let Some(found) = self
            .products
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&at)
        {
            return Ok(found.clone());
        }
        let mut parts: Vec<_> = self.live[site]
            .iter()
            .map(|&b| &self.done.buckets[b].row(codes).total)
            .collect();
        parts.sort_by_key(|p| p.len());
        let budget = Budget::new(self.limits);
        let mut product = Poly::term(0, C::unit());
        for p in parts {
            product = product.mul(p, &problem.keys, &budget)?;
        }
        let product = Arc::new(product);
        let mut kept = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(at, product.clone());
        Ok(product)
    }
}

impl Rest<Range> {
    /// Least and largest cost of the completions that use no option twice.
    fn reach(
        &self,
        problem: &Problem,
        site: SiteId,
        codes: &[usize],
        spent: Spent,
    ) -> Result<Range, Over> {
        let (open, fixed) = (self.open(site, codes, problem)?, &self.fixed[site]);
        let mut all = Range::none();
        for (k, c) in open.keys.iter().zip(&open.coefs) {
            for (x, d) in fixed.poly.keys.iter().zip(&fixed.poly.coefs) {
                if problem.keys.inside(spent.key + k + x) {
                    all.add(&c.mul(d));
                }
            }
        }
        let spent = Range(Some((spent.weight, spent.weight)));
        let constant = self.done.constant.unwrap_or(Range::none());
        Ok(all.mul(&spent).mul(&constant))
    }
}

/// Whether a window is met somewhere in a range of which every value up to an end can be had.
fn within(range: Range, low: Option<i128>, high: Option<i128>) -> bool {
    range
        .0
        .is_some_and(|(min, max)| high.is_none_or(|h| min <= h) && low.is_none_or(|l| max >= l))
}

impl<C: Count> Rest<C> {
    /// Calls `f` with the matching count of each entry of the open product, until it says stop.
    fn each(
        &self,
        problem: &Problem,
        site: SiteId,
        codes: &[usize],
        spent: u128,
        mut f: impl FnMut(C) -> bool,
    ) -> Result<(), Over> {
        let (open, fixed) = (self.open(site, codes, problem)?, &self.fixed[site]);
        for (k, c) in open.keys.iter().zip(&open.coefs) {
            let key = spent + k;
            let part = match problem.keys.plain_interval() {
                Some((_, high)) if key > high => break,
                Some((low, high)) => {
                    let keys = &fixed.poly.keys;
                    let from = keys.partition_point(|x| x + key < low);
                    let to = keys.partition_point(|x| *x <= high - key);
                    let mut sum = fixed.running[to.max(from)].clone();
                    sum.sub(&fixed.running[from]);
                    sum
                }
                None => {
                    let mut sum = C::none();
                    for (x, n) in fixed.poly.keys.iter().zip(&fixed.poly.coefs) {
                        if problem.keys.inside(x + key) {
                            sum.add(n);
                        }
                    }
                    sum
                }
            };
            if !part.is_none() && !f(c.mul(&part)) {
                break;
            }
        }
        Ok(())
    }

    fn any(
        &self,
        problem: &Problem,
        site: SiteId,
        codes: &[usize],
        spent: u128,
    ) -> Result<bool, Over> {
        let mut found = false;
        self.each(problem, site, codes, spent, |_| {
            found = true;
            false
        })?;
        Ok(found)
    }

    fn count(
        &self,
        problem: &Problem,
        site: SiteId,
        codes: &[usize],
        spent: u128,
    ) -> Result<BigUint, Over> {
        let mut sum = C::none();
        self.each(problem, site, codes, spent, |n| {
            sum.add(&n);
            true
        })?;
        Ok(sum.big())
    }
}

impl Prefix {
    fn make(problem: Problem, engine: Engine) -> Self {
        let mut last = vec![Vec::new(); problem.widths.len()];
        let seen = problem.factors.iter().chain(&problem.checks).enumerate();
        for (i, f) in seen.filter(|(i, _)| !problem.inner.contains(i)) {
            if let Some(&s) = f.scope.iter().max() {
                last[s].push(i);
            }
        }
        Self {
            problem,
            last,
            engine,
        }
    }

    /// For [`Prefix::extensible`]; also for [`Prefix::completions`] if `counts`.
    pub fn new(model: &Model, limits: Limits, counts: bool) -> Result<Self, TooHard> {
        let free = model.structure.is_empty() && model.predicates.is_empty();
        if !counts && free && model.windows.is_empty() {
            return Ok(Self::make(
                Problem {
                    widths: Vec::new(),
                    names: Vec::new(),
                    factors: Vec::new(),
                    keys: Default::default(),
                    existing: Vec::new(),
                    checks: Vec::new(),
                    inner: Vec::new(),
                    tails: Vec::new(),
                },
                Engine::Free,
            ));
        }
        let windowed: Vec<_> = model
            .costs
            .keys()
            .filter_map(|n| Some((n, model.window(n)?)))
            .collect();
        if let ([(name, (low, high))], false) = (&windowed[..], counts)
            && (low.is_none() || high.is_none())
        {
            let mut p = Problem::raw(model, limits.rows)?;
            model.predicates.iter().for_each(|t| p.predicate(t, true));
            p.weigh(model, name);
            let p = p.parted(model, limits.apart, true);
            let rest = Rest::new(&p, limits)?;
            return Ok(Self::make(
                p,
                Engine::Bound {
                    rest,
                    low: *low,
                    high: *high,
                },
            ));
        }
        let p = Problem::feasible(model, limits.rows)?.parted(model, limits.apart, true);
        let engine = if p.small() {
            Engine::Small(Rest::new(&p, limits)?)
        } else {
            Engine::Big(Rest::new(&p, limits)?)
        };
        Ok(Self::make(p, engine))
    }

    /// Whether factors without sites exclude everything, or the windows do.
    fn void(&self) -> bool {
        let empty = |f: &crate::problem::Factor| {
            f.scope.is_empty() && matches!(&f.kind, Kind::Allow(v) if !v[0])
        };
        self.problem.keys.impossible || self.problem.factors.iter().any(empty)
    }

    /// What is spent once `codes[site]` is set, `None` if that violates a factor at once.
    pub fn step(&self, site: SiteId, codes: &[usize], mut spent: Spent) -> Option<Spent> {
        let Some(last) = self.last.get(site) else {
            return Some(spent);
        };
        for &f in last {
            let factors = &self.problem.factors;
            let factor = match factors.get(f) {
                Some(f) => f,
                None => &self.problem.checks[f - factors.len()],
            };
            let row = factor.row(codes);
            match &factor.kind {
                Kind::Allow(v) if !v[row] => return None,
                Kind::Allow(_) => {}
                Kind::Key(v) => spent.key += v[row],
                Kind::Weigh(v) => spent.weight += v[row],
            }
        }
        Some(spent)
    }

    /// Whether the prefix that ends with `site` has a feasible completion.
    pub fn extensible(&self, site: SiteId, codes: &[usize], spent: Spent) -> Result<bool, TooHard> {
        let found = match &self.engine {
            Engine::Free => Ok(true),
            _ if self.void() => Ok(false),
            Engine::Bound { rest, low, high } if self.problem.keys.uses.is_some() => rest
                .reach(&self.problem, site, codes, spent)
                .map(|range| within(range, *low, *high)),
            Engine::Bound { rest, low, high } => {
                let mut range = Range(Some((spent.weight, spent.weight)));
                for poly in rest.live[site]
                    .iter()
                    .map(|&b| &rest.done.buckets[b].row(codes).total)
                {
                    range = poly.coefs.first().map_or(Range(None), |c| range.mul(c));
                }
                for c in [
                    rest.fixed[site].poly.coefs.first(),
                    rest.done.constant.as_ref(),
                ] {
                    range = c.map_or(Range(None), |c| range.mul(c));
                }
                Ok(within(range, *low, *high))
            }
            Engine::Small(rest) => rest.any(&self.problem, site, codes, spent.key),
            Engine::Big(rest) => rest.any(&self.problem, site, codes, spent.key),
        };
        found.map_err(|_| self.hard(site))
    }

    /// The number of feasible completions of the prefix that ends with `site`.
    pub fn completions(
        &self,
        site: SiteId,
        codes: &[usize],
        spent: Spent,
    ) -> Result<BigUint, TooHard> {
        let found = match &self.engine {
            Engine::Small(rest) if !self.void() => {
                rest.count(&self.problem, site, codes, spent.key)
            }
            Engine::Big(rest) if !self.void() => rest.count(&self.problem, site, codes, spent.key),
            _ => Ok(BigUint::zero()),
        };
        found.map_err(|_| self.hard(site))
    }

    fn hard(&self, site: SiteId) -> TooHard {
        TooHard {
            sites: self.problem.names[site + 1..].to_vec(),
            reason: "the costs of these choices take too many distinct values together".into(),
        }
    }
}
