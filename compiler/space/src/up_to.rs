//! What a few random tries show of a space with less work than an exact count: that it has members, and that its conditions exclude some.

use std::collections::HashSet;

use num_traits::ToPrimitive;

use crate::model::{Arch, Model};
use crate::{Source, Space, TooHard};

/// Tries for each member that is looked for, and at least.
const TRIES: u64 = 64;
const LEAST: u64 = 512;
/// More members than these are counted.
const MOST: u64 = 256;

impl Model {
    /// Each choice that exists uniform over its options, whatever the others are: a raw member, but for the structure.
    fn any(&self, source: &mut impl Source) -> Arch {
        let mut arch: Vec<Option<usize>> = Vec::with_capacity(self.sites.len());
        for (at, site) in self.sites.iter().enumerate() {
            let options = site.labels.len() as u64;
            let exists = options > 0 && self.exists(at, &arch);
            arch.push(exists.then(|| source.below(options) as usize));
        }
        Arch(arch)
    }

    fn conditioned(&self) -> bool {
        !(self.predicates.is_empty() && self.windows.is_empty() && self.either.is_empty())
    }
}

impl Space {
    /// Some raw members, where random tries meet any.
    pub(crate) fn tries(&self, source: &mut impl Source) -> Vec<Arch> {
        (0..TRIES)
            .map(|_| self.model().any(source))
            .filter(|a| self.model().structured(a))
            .collect()
    }

    /// `n`, where random tries meet so many different feasible members; else the exact number of them, `n` at most.
    pub fn members_up_to(&self, n: u64, source: &mut impl Source) -> Result<u64, TooHard> {
        if self.model().conditioned() && n <= MOST {
            let mut met = HashSet::new();
            for _ in 0..LEAST.max(n * TRIES) {
                if met.len() as u64 == n {
                    return Ok(n);
                }
                let arch = self.model().any(source);
                if self.model().feasible(&arch) {
                    met.insert(arch);
                }
            }
        }
        let all = self.feasible_size()?;
        Ok(all.to_u64().map_or(n, |all| all.min(n)))
    }

    /// Whether the conditions together exclude no raw member.
    pub fn whole(&self, source: &mut impl Source) -> Result<bool, TooHard> {
        if !self.model().conditioned() {
            return Ok(true);
        }
        let excluded = |a: &Arch| !self.model().feasible(a);
        if self.tries(source).iter().any(excluded) {
            return Ok(false);
        }
        Ok(self.raw_size()? == self.feasible_size()?)
    }
}
