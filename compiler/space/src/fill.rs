//! In which order sites are eliminated: fewest new relations first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::SiteId;
use crate::problem::Problem;

/// Sites as bits.
type Set = Vec<u64>;

fn list(set: &Set) -> impl Iterator<Item = SiteId> + '_ {
    set.iter().enumerate().flat_map(|(w, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(w * 64 + bit)
        })
    })
}

/// Fewest fill edges, then the smallest message, then the last site. Sizes are not negative: their bits order like they do.
type Score = (u32, u64, Reverse<SiteId>);

impl Problem {
    /// An elimination order by fewest fill edges, then smallest message, then last site.
    pub fn min_fill(&self) -> Vec<SiteId> {
        let n = self.widths.len();
        let mut near: Vec<Set> = vec![vec![0; n.div_ceil(64)]; n];
        for f in &self.factors {
            for &a in &f.scope {
                for &b in f.scope.iter().filter(|&&b| b != a) {
                    near[a][b / 64] |= 1 << (b % 64);
                }
            }
        }
        let logs: Vec<f64> = self.widths.iter().map(|w| (*w as f64).ln()).collect();
        let score = |near: &[Set], v: SiteId| -> Score {
            let around: Vec<SiteId> = list(&near[v]).collect();
            let mut missing = 0;
            for &u in &around {
                let shared = near[u].iter().zip(&near[v]);
                let shared: u32 = shared.map(|(a, b)| (a & b).count_ones()).sum();
                missing += around.len() as u32 - 1 - shared;
            }
            let size: f64 = around.iter().map(|u| logs[*u]).sum();
            (missing, size.to_bits(), Reverse(v))
        };
        let mut scores: Vec<Score> = (0..n).map(|v| score(&near, v)).collect();
        let mut left: BTreeSet<Score> = scores.iter().copied().collect();
        let mut order = Vec::with_capacity(n);
        while let Some((_, _, Reverse(v))) = left.pop_first() {
            order.push(v);
            let around: Vec<SiteId> = list(&near[v]).collect();
            // Whose neighbours may be joined now, or lack `v`.
            let mut changed = near[v].clone();
            for &a in &around {
                for &b in around.iter().filter(|&&b| b != a) {
                    near[a][b / 64] |= 1 << (b % 64);
                }
                near[a][v / 64] &= !(1 << (v % 64));
                changed.iter_mut().zip(&near[a]).for_each(|(c, x)| *c |= x);
            }
            for u in list(&changed) {
                left.remove(&scores[u]);
                scores[u] = score(&near, u);
                left.insert(scores[u]);
            }
        }
        order
    }
}
