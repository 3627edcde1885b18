//! Uniform sampling of feasible members, without rejection: a uniform number is turned into a member.

use num_bigint::BigUint;
use num_traits::{One, ToPrimitive, Zero};

use crate::coef::Count;
use crate::different::{Group, groups, partners};
use crate::eliminate::{Elimination, Tree, eliminate};
use crate::error::TooHard;
use crate::model::{Arch, Model};
use crate::poly::{Budget, Poly};
use crate::problem::Problem;
use crate::space::Space;

/// Where random numbers come from. Any `FnMut(u64) -> u64` is one.
pub trait Source {
    /// Uniform below `n`, for `n` of at least 1.
    fn below(&mut self, n: u64) -> u64;

    /// Uniform below `n`, for `n` of at least 1. Made of [`Source::below`] calls unless it is overridden; their
    /// number varies where `n` does not fit in 64 bits.
    fn below_big(&mut self, n: &BigUint) -> BigUint {
        if let Some(n) = n.to_u64() {
            return self.below(n).into();
        }
        let bits = (n - BigUint::one()).bits();
        loop {
            let mut out = BigUint::zero();
            let mut left = bits;
            while left > 0 {
                let take = left.min(32);
                out = (out << take) + self.below(1 << take);
                left -= take;
            }
            if out < *n {
                return out;
            }
        }
    }
}

impl<F: FnMut(u64) -> u64> Source for F {
    fn below(&mut self, n: u64) -> u64 {
        self(n)
    }
}

/// Draws feasible members uniformly; made once by [`Space::sampler`].
pub struct Sampler {
    size: BigUint,
    inner: Inner,
}

enum Inner {
    Small(Backward<u128>),
    Big(Backward<BigUint>),
    /// Where the space does not decompose and is small: all members.
    List(Vec<Arch>),
    /// Disjoint parts, one after the other.
    Cells(Vec<(Sampler, usize)>),
}

struct Backward<C> {
    problem: Problem,
    done: Elimination<C>,
    halves: Option<(Tree<C>, Tree<C>)>,
    /// For each entry of the first half: members up to and with it.
    running: Vec<C>,
    /// Running sums over the second half, from 0.
    second: Vec<C>,
    /// The second half by the options used.
    groups: Vec<Group>,
}

impl<C: Count> Backward<C> {
    fn new(problem: Problem, budget: &Budget) -> Result<Self, TooHard> {
        let done = eliminate::<C>(&problem, &problem.min_fill(), true, budget)?;
        let halves = done.halves(&problem, budget)?.trees;
        let mut out = Self {
            problem,
            done,
            halves,
            running: Vec::new(),
            second: vec![C::none()],
            groups: Vec::new(),
        };
        let Some((a, b)) = out.halves.as_ref().map(|(a, b)| (a.poly(), b.poly())) else {
            return Ok(out);
        };
        let mut sum = C::none();
        for c in &b.coefs {
            sum.add(c);
            out.second.push(sum.clone());
        }
        out.groups = groups(&b.keys, out.problem.keys.uses.as_ref());
        // Pairs that are looked at one by one.
        let looks = match (out.problem.keys.interval(), &out.problem.keys.uses) {
            (Some(_), None) => 0,
            (Some(_), _) => a.len() as u64 * out.groups.len() as u64 / 4,
            (None, _) => a.len() as u64 * b.len() as u64,
        };
        if looks > 0 {
            budget.spend(looks).map_err(|_| TooHard {
                sites: out.problem.names.clone(),
                reason: "the costs of these choices take too long to combine".into(),
            })?;
        }
        let mut sum = C::none();
        for (k, c) in a.keys.iter().zip(&a.coefs) {
            sum.add(&c.mul(&out.matching(&b, *k)));
            out.running.push(sum.clone());
        }
        Ok(out)
    }

    /// The entries of the second half that fit with key `k` of the first, as a range for each set of options used beside those of
    /// `k`, if ranges say it all.
    fn runs<'a>(
        &'a self,
        b: &'a Poly<C>,
        k: u128,
    ) -> Option<impl Iterator<Item = (usize, usize)> + 'a> {
        let keys = &self.problem.keys;
        let (low, high) = keys.interval()?;
        let spent = keys.costs(k);
        let run = move |g: &Group| {
            let of = &b.keys[g.from..g.to];
            let to = match spent > high {
                true => 0,
                false => of.partition_point(|x| keys.costs(*x) <= high - spent),
            };
            let from = of.partition_point(|x| keys.costs(*x) + spent < low);
            (g.from + from.min(to), g.from + to)
        };
        Some(partners(&self.groups, k, keys.uses.as_ref()).map(run))
    }

    fn matching(&self, b: &Poly<C>, k: u128) -> C {
        match self.runs(b, k) {
            Some(runs) => {
                let mut sum = C::none();
                for (from, to) in runs {
                    sum.add(&self.second[to]);
                    sum.sub(&self.second[from]);
                }
                sum
            }
            None => {
                let mut sum = C::none();
                let fits = b
                    .keys
                    .iter()
                    .zip(&b.coefs)
                    .filter(|(x, _)| self.problem.keys.inside(*x + k));
                fits.for_each(|(_, c)| sum.add(c));
                sum
            }
        }
    }

    fn size(&self) -> BigUint {
        self.running.last().map_or(BigUint::zero(), Count::big)
    }

    /// The codes of the member with this number; `None` beyond the last.
    fn member(&self, mut n: C) -> Option<Vec<usize>> {
        let (a, b) = self.halves.as_ref()?;
        let (pa, pb) = (a.poly(), b.poly());
        let i = self.running.partition_point(|r| *r <= n);
        let ka = *pa.keys.get(i)?;
        if i > 0 {
            n.sub(&self.running[i - 1]);
        }
        let (na, mut nb) = n.div_rem(&self.matching(&pb, ka));
        let j = match self.runs(&pb, ka) {
            Some(mut runs) => {
                let (from, _) = runs.find(|(from, to)| {
                    let mut here = self.second[*to].clone();
                    here.sub(&self.second[*from]);
                    let found = nb < here;
                    if !found {
                        nb.sub(&here);
                    }
                    found
                })?;
                nb.add(&self.second[from]);
                let j = self.second.partition_point(|r| *r <= nb) - 1;
                nb.sub(&self.second[j]);
                j
            }
            None => {
                let mut fits = (0..pb.len()).filter(|&j| self.problem.keys.inside(pb.keys[j] + ka));
                fits.find(|&j| {
                    let here = nb < pb.coefs[j];
                    if !here {
                        nb.sub(&pb.coefs[j]);
                    }
                    here
                })?
            }
        };
        let mut codes = vec![0; self.problem.widths.len()];
        self.descend(a, ka, na, &mut codes)?;
        self.descend(b, *pb.keys.get(j)?, nb, &mut codes)?;
        self.problem.restore(&mut codes);
        Some(codes)
    }

    /// Sets the sites below `tree` to the `n`-th partial member with exactly this key.
    fn descend(&self, tree: &Tree<C>, key: u128, mut n: C, codes: &mut [usize]) -> Option<()> {
        match tree {
            Tree::Unit => Some(()),
            Tree::Leaf { bucket, .. } => {
                let bucket = &self.done.buckets[*bucket];
                for arm in &bucket.row(codes).arms {
                    let Some(rest) = key.checked_sub(arm.shift) else {
                        continue;
                    };
                    let here = match &arm.tree {
                        Tree::Unit => (rest == 0).then(C::unit),
                        Tree::Leaf { poly, .. } | Tree::Node { poly, .. } => {
                            poly.get(rest).cloned()
                        }
                    };
                    let Some(here) = here else { continue };
                    if n < here {
                        codes[bucket.var] = arm.code;
                        return self.descend(&arm.tree, rest, n, codes);
                    }
                    n.sub(&here);
                }
                None
            }
            Tree::Node { left, right, .. } => {
                let (l, r) = (left.poly(), right.poly());
                let (left_key, right_key, left_n, right_n) = split(&l, &r, key, n)?;
                self.descend(left, left_key, left_n, codes)?;
                self.descend(right, right_key, right_n, codes)
            }
        }
    }
}

/// Splits the `n`-th pair whose keys add up to `key`.
fn split<C: Count>(l: &Poly<C>, r: &Poly<C>, key: u128, mut n: C) -> Option<(u128, u128, C, C)> {
    // Right keys rise, so left keys fall: where both are of like length one pass over both does it.
    let scan = l.len() < 8 * r.len();
    let mut at = l.keys.partition_point(|k| *k <= key);
    for (k, c) in r.keys.iter().zip(&r.coefs) {
        let Some(want) = key.checked_sub(*k) else {
            break;
        };
        if scan {
            while at > 0 && l.keys[at - 1] > want {
                at -= 1;
            }
        } else {
            at = l.keys[..at].partition_point(|x| *x <= want);
        }
        if at == 0 {
            break;
        }
        if l.keys[at - 1] != want {
            continue;
        }
        let pairs = l.coefs[at - 1].mul(c);
        if n < pairs {
            let (nl, nr) = n.div_rem(c);
            return Some((want, *k, nl, nr));
        }
        n.sub(&pairs);
    }
    None
}

impl Sampler {
    /// The number of feasible members.
    pub fn size(&self) -> &BigUint {
        &self.size
    }

    /// The member with a number below [`Sampler::size`], in an order of the sampler's own; `None` beyond.
    pub fn pick(&self, space: &Space, number: &BigUint) -> Option<Arch> {
        if *number >= self.size {
            return None;
        }
        let codes = match &self.inner {
            Inner::Small(b) => b.member(u128::from_big(number))?,
            Inner::Big(b) => b.member(number.clone())?,
            Inner::List(all) => return all.get(number.to_usize()?).cloned(),
            Inner::Cells(parts) => {
                let mut left = number.clone();
                for (part, cell) in parts {
                    if left < part.size {
                        return part.pick(&space.cells[*cell], &left);
                    }
                    left -= &part.size;
                }
                return None;
            }
        };
        Some(decode(&space.model, codes))
    }

    /// One feasible member, each with the same probability; `None` if there is none. One `below_big` draw.
    pub fn sample(&self, space: &Space, source: &mut impl Source) -> Option<Arch> {
        if self.size.is_zero() {
            return None;
        }
        self.pick(space, &source.below_big(&self.size))
    }
}

impl Space {
    /// Prepares uniform sampling. [`TooHard`] if the space neither decomposes nor is small enough to list.
    pub fn sampler(&self) -> Result<Sampler, TooHard> {
        if !self.cells.is_empty() {
            let mut parts = Vec::new();
            for (i, c) in self.cells.iter().enumerate() {
                parts.push((c.sampler()?, i));
            }
            let size = parts.iter().map(|p| &p.0.size).sum();
            return Ok(Sampler {
                size,
                inner: Inner::Cells(parts),
            });
        }
        let budget = Budget::new(self.limits);
        let made = Problem::feasible(&self.model, self.limits.rows).and_then(|p| {
            let p = p.parted(&self.model, self.limits.apart, false);
            Ok(if p.small() {
                Inner::Small(Backward::new(p, &budget)?)
            } else {
                Inner::Big(Backward::new(p, &budget)?)
            })
        });
        let inner = match made {
            Ok(inner) => inner,
            Err(hard) => {
                let mut all = Vec::new();
                self.visit(hard, |a| all.push(a.clone()))?;
                Inner::List(all)
            }
        };
        let size = match &inner {
            Inner::Small(b) => b.size(),
            Inner::Big(b) => b.size(),
            Inner::List(all) => all.len().into(),
            Inner::Cells(_) => BigUint::zero(),
        };
        Ok(Sampler { size, inner })
    }

    /// `n` feasible members, independent and uniform; empty if the space is.
    pub fn sample_uniform(&self, n: usize, source: &mut impl Source) -> Result<Vec<Arch>, TooHard> {
        let sampler = self.sampler()?;
        Ok((0..n)
            .filter_map(|_| sampler.sample(self, source))
            .collect())
    }
}

/// Some member of a problem, if it has one.
pub(crate) fn first_member(
    model: &Model,
    problem: Problem,
    budget: &Budget,
) -> Result<Option<Arch>, TooHard> {
    let problem = problem.parted(model, budget.limits.apart, false);
    let codes = if problem.small() {
        Backward::<u128>::new(problem, budget)?.member(0)
    } else {
        Backward::<BigUint>::new(problem, budget)?.member(BigUint::zero())
    };
    Ok(codes.map(|c| decode(model, c)))
}

fn decode(model: &Model, codes: Vec<usize>) -> Arch {
    let option = |(s, c): (usize, usize)| (c < model.sites[s].labels.len()).then_some(c);
    Arch(codes.into_iter().enumerate().map(option).collect())
}
