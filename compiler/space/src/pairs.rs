//! Members as pairs of an entry of each half of the generating function: their coefficients summed, windows and used options heeded.

use crate::coef::Coef;
use crate::different::{groups, partners};
use crate::eliminate::{Elimination, hard};
use crate::error::TooHard;
use crate::poly::{Budget, Poly};
use crate::problem::{Keys, Problem};

impl<C: Coef> Elimination<C> {
    /// The sum of coefficients over members that meet the windows.
    pub fn sum(&self, problem: &Problem, budget: &Budget) -> Result<C, TooHard> {
        let fail = |over| {
            hard(
                problem,
                &(0..problem.widths.len()).collect::<Vec<_>>(),
                over,
            )
        };
        let (Some((a, b)), Some(constant)) = (self.halves(problem, budget)?.trees, &self.constant)
        else {
            return Ok(C::none());
        };
        let (a, b) = (a.poly(), b.poly());
        let keys = &problem.keys;
        let mut sum = C::none();
        match (keys.interval(), keys.uses.as_ref()) {
            (Some(ends), None) => sum = within(&a, &b, ends),
            (Some(ends), uses) => {
                let (left, right) = (groups(&a.keys, uses), groups(&b.keys, uses));
                budget
                    .spend((left.len() as u64).saturating_mul(right.len() as u64) / 16)
                    .map_err(fail)?;
                let right_parts: Vec<Poly<C>> =
                    right.iter().map(|g| part(&b, g.from..g.to, keys)).collect();
                for g in &left {
                    let mine = part(&a, g.from..g.to, keys);
                    for h in partners(&right, a.keys[g.from], uses) {
                        let at = right.partition_point(|r| r.from < h.from);
                        let theirs = &right_parts[at];
                        budget
                            .spend((mine.len() + theirs.len()) as u64)
                            .map_err(fail)?;
                        sum.add(&within(&mine, theirs, ends));
                    }
                }
            }
            _ => {
                budget
                    .spend(a.len() as u64 * b.len() as u64)
                    .map_err(fail)?;
                for (ka, ca) in a.keys.iter().zip(&a.coefs) {
                    for (kb, cb) in b.keys.iter().zip(&b.coefs) {
                        if keys.inside(ka + kb) {
                            sum.fma(ca, cb);
                        }
                    }
                }
            }
        }
        Ok(constant.mul(&sum))
    }
}

/// Some entries, by their costs alone.
fn part<C: Coef>(p: &Poly<C>, of: std::ops::Range<usize>, keys: &Keys) -> Poly<C> {
    Poly {
        keys: p.keys[of.clone()].iter().map(|k| keys.costs(*k)).collect(),
        coefs: p.coefs[of].to_vec(),
    }
}

/// The sum over pairs whose keys add up to between `low` and `high`.
fn within<C: Coef>(a: &Poly<C>, b: &Poly<C>, (low, high): (u128, u128)) -> C {
    let mut sum = C::none();
    let least = a.keys.first().zip(b.keys.first()).map_or(0, |(a, b)| a + b);
    if low <= least {
        // Both sides sorted: as the key of `a` falls, the matching run in `b` grows.
        let (mut to, mut run) = (0, C::none());
        for (k, c) in a.keys.iter().zip(&a.coefs).rev() {
            while b.keys.get(to).is_some_and(|x| x + k <= high) {
                run.add(&b.coefs[to]);
                to += 1;
            }
            if to > 0 {
                sum.fma(c, &run);
            }
        }
        return sum;
    }
    // Else it moves, and coefficients need not have a minus: sums of blocks stand in.
    let runs = Runs::new(&b.coefs);
    for (k, c) in a.keys.iter().zip(&a.coefs) {
        if *k > high {
            break;
        }
        let from = b.keys.partition_point(|x| x + k < low);
        let to = b.keys.partition_point(|x| *x <= high - k);
        if let Some(part) = runs.sum(&b.coefs, from, to) {
            sum.fma(c, &part);
        }
    }
    sum
}

/// Sums over ranges without subtraction: sums of aligned blocks, doubling in length.
struct Runs<C>(Vec<Vec<C>>);

impl<C: Coef> Runs<C> {
    fn new(values: &[C]) -> Self {
        let mut levels: Vec<Vec<C>> = Vec::new();
        let mut last: &[C] = values;
        while last.len() > 1 {
            let next = last.chunks(2).map(|p| {
                let mut s = p[0].clone();
                if let Some(q) = p.get(1) {
                    s.add(q);
                }
                s
            });
            let next: Vec<C> = next.collect();
            levels.push(next);
            last = &levels[levels.len() - 1];
        }
        Self(levels)
    }

    fn sum(&self, values: &[C], mut from: usize, mut to: usize) -> Option<C> {
        let mut sum: Option<C> = None;
        let mut add = |c: &C| match &mut sum {
            Some(s) => s.add(c),
            None => sum = Some(c.clone()),
        };
        let mut level = 0;
        while from < to {
            let row: &[C] = if level == 0 {
                values
            } else {
                &self.0[level - 1]
            };
            if from % 2 == 1 {
                add(&row[from]);
                from += 1;
            }
            if to % 2 == 1 && from < to {
                to -= 1;
                add(&row[to]);
            }
            from /= 2;
            to /= 2;
            level += 1;
        }
        sum
    }
}
