//! Walking a space site by site: building members, listing them in order, ranks.

use std::fmt;

use num_bigint::BigUint;
use num_traits::Zero;

use crate::error::TooHard;
use crate::member::Why;
use crate::model::{Arch, Model, SiteId};
use crate::prefix::{Prefix, Spent};
use crate::sampler::Source;
use crate::space::Space;

/// Why a member could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError<E> {
    /// The space has no feasible member.
    Empty,
    /// `f` answered an option at a site that it was not offered.
    NotOffered {
        site: SiteId,
        option: usize,
        offered: Vec<usize>,
    },
    /// `f` failed.
    Caller(E),
    /// It could not be told which options can be completed.
    TooHard(TooHard),
}

impl<E: fmt::Display> fmt::Display for BuildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the space has no feasible member"),
            Self::NotOffered {
                option, offered, ..
            } => write!(
                f,
                "option {option} is not among the options offered, {offered:?}"
            ),
            Self::Caller(e) => e.fmt(f),
            Self::TooHard(e) => e.fmt(f),
        }
    }
}
impl<E: fmt::Debug + fmt::Display> std::error::Error for BuildError<E> {}

/// A prefix of a member.
pub(crate) struct Walk<'a> {
    pub model: &'a Model,
    /// One for each part of the space; none: no look-ahead, only a finished member can be judged.
    pub prefixes: Vec<&'a Prefix>,
    pub codes: Vec<usize>,
    pub arch: Arch,
}

/// What a prefix has spent in each part of the space; `None` where that part has no such member.
type Paid = Vec<Option<Spent>>;

impl<'a> Walk<'a> {
    fn new(model: &'a Model, prefixes: Vec<&'a Prefix>) -> Self {
        let n = model.sites.len();
        Self {
            model,
            prefixes,
            codes: vec![0; n],
            arch: Arch(vec![None; n]),
        }
    }

    fn start(&self) -> Paid {
        vec![Some(Spent::default()); self.prefixes.len()]
    }

    fn set(&mut self, site: SiteId, option: Option<usize>) {
        self.codes[site] = self.model.code(site, option);
        self.arch.0[site] = option;
    }

    /// The options of `site` (or its absence) that keep the rest feasible, with what is spent then.
    fn allowed(
        &mut self,
        site: SiteId,
        paid: &Paid,
    ) -> Result<Vec<(Option<usize>, Paid)>, TooHard> {
        let mut out = Vec::new();
        let exists = self.model.exists(site, &self.arch.0[..site]);
        let options = if exists {
            self.model.sites[site].labels.len()
        } else {
            1
        };
        for o in 0..options {
            let option = exists.then_some(o);
            self.set(site, option);
            let mut next = self.paid(site, paid);
            for (s, p) in next.iter_mut().zip(&self.prefixes) {
                if let Some(spent) = *s
                    && !p.extensible(site, &self.codes, spent)?
                {
                    *s = None;
                }
            }
            if next.is_empty() || next.iter().any(Option::is_some) {
                out.push((option, next));
            }
        }
        Ok(out)
    }
}

/// Feasible members in lexicographic order; made by [`Space::enumerate`].
pub struct Members<'a> {
    walk: Walk<'a>,
    /// For each site on the path: what is left to try, last first.
    stack: Vec<Vec<(Option<usize>, Paid)>>,
    done: bool,
}

impl Iterator for Members<'_> {
    type Item = Arch;

    fn next(&mut self) -> Option<Arch> {
        let n = self.walk.model.sites.len();
        if self.done {
            return None;
        }
        if self.stack.is_empty() {
            if n == 0 {
                self.done = true;
                return self
                    .walk
                    .model
                    .violations(&self.walk.arch)
                    .is_empty()
                    .then(|| self.walk.arch.clone());
            }
            self.descend(&self.walk.start());
        }
        while let Some(top) = self.stack.last_mut() {
            let Some((option, paid)) = top.pop() else {
                self.stack.pop();
                continue;
            };
            let site = self.stack.len() - 1;
            self.walk.set(site, option);
            if site + 1 < n {
                self.descend(&paid);
            } else if self.walk.model.violations(&self.walk.arch).is_empty() {
                return Some(self.walk.arch.clone());
            }
        }
        self.done = true;
        None
    }
}

impl Members<'_> {
    /// Opens the next site.
    fn descend(&mut self, paid: &Paid) {
        let site = self.stack.len();
        // What was opened before look-ahead was given up carries sums that nothing reads any more.
        let none = Paid::new();
        let paid = if self.walk.prefixes.is_empty() {
            &none
        } else {
            paid
        };
        let mut options = self.walk.allowed(site, paid).unwrap_or_else(|_| {
            // Look-ahead became too costly here: go on without it, every finished member is judged anyway.
            self.walk.prefixes.clear();
            self.walk.allowed(site, &none).unwrap_or_default()
        });
        options.reverse();
        self.stack.push(options);
    }
}

impl Space {
    fn look_ahead(&self) -> Result<Vec<&Prefix>, TooHard> {
        if !self.cells.is_empty() {
            return self.cells.iter().map(Space::ahead).collect();
        }
        Ok(vec![self.ahead()?])
    }

    fn ahead(&self) -> Result<&Prefix, TooHard> {
        self.prefix
            .get_or_init(|| Prefix::new(&self.model, self.limits, false))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn counts(&self) -> Result<Vec<&Prefix>, TooHard> {
        if !self.cells.is_empty() {
            return self.cells.iter().map(Space::counted).collect();
        }
        Ok(vec![self.counted()?])
    }

    fn counted(&self) -> Result<&Prefix, TooHard> {
        self.ranks
            .get_or_init(|| Prefix::new(&self.model, self.limits, true))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// All feasible members in lexicographic order (first site slowest).
    pub fn enumerate(&self) -> Members<'_> {
        let walk = Walk::new(&self.model, self.look_ahead().unwrap_or_default());
        Members {
            walk,
            stack: Vec::new(),
            done: false,
        }
    }

    /// Whether `arch` is a feasible member; the error names the violated part.
    pub fn contains(&self, arch: &Arch) -> Result<(), Why> {
        self.model.contains(arch)
    }

    /// The one primitive: walks the sites in order and asks `f` for an option at each site that exists, offering those
    /// that can be completed to a feasible member; the arch handed over holds the answers so far (`None` beyond).
    pub fn build<E>(
        &self,
        mut f: impl FnMut(&Model, SiteId, &[usize], &Arch) -> Result<usize, E>,
    ) -> Result<Arch, BuildError<E>> {
        let prefixes = self.look_ahead().map_err(BuildError::TooHard)?;
        let mut walk = Walk::new(&self.model, prefixes);
        let mut paid = walk.start();
        for site in 0..self.model.sites.len() {
            let mut allowed = walk.allowed(site, &paid).map_err(BuildError::TooHard)?;
            let offered: Vec<usize> = allowed.iter().filter_map(|a| a.0).collect();
            walk.set(site, None);
            let option = match allowed.first() {
                None => return Err(BuildError::Empty),
                Some((None, _)) => None,
                Some(_) => {
                    Some(f(&self.model, site, &offered, &walk.arch).map_err(BuildError::Caller)?)
                }
            };
            let Some(chosen) = allowed.iter().position(|a| a.0 == option) else {
                return Err(BuildError::NotOffered {
                    site,
                    option: option.unwrap_or(0),
                    offered,
                });
            };
            paid = allowed.swap_remove(chosen).1;
            walk.set(site, option);
        }
        if self.model.sites.is_empty() && self.contains(&walk.arch).is_err() {
            return Err(BuildError::Empty);
        }
        Ok(walk.arch)
    }

    /// Walks the sites in order, each uniform among the options that keep the rest feasible.
    pub fn sample_by_site(
        &self,
        source: &mut impl Source,
    ) -> Result<Arch, BuildError<std::convert::Infallible>> {
        self.build(|_, _, options, _| Ok(options[source.below(options.len() as u64) as usize]))
    }

    /// The place of a feasible member in lexicographic order; `None` if it is none.
    pub fn index_of(&self, arch: &Arch) -> Result<Option<BigUint>, TooHard> {
        if self.contains(arch).is_err() {
            return Ok(None);
        }
        let mut walk = Walk::new(&self.model, self.counts()?);
        let mut paid = walk.start();
        let mut index = BigUint::zero();
        for site in 0..self.model.sites.len() {
            for (option, next) in walk.steps(site, &paid) {
                if option == arch.0[site] {
                    paid = next;
                    break;
                }
                walk.set(site, option);
                index += walk.completions(site, &next)?;
            }
            walk.set(site, arch.0[site]);
        }
        Ok(Some(index))
    }

    /// The feasible member at a place in lexicographic order; `None` if there are not so many.
    pub fn member(&self, index: &BigUint) -> Result<Option<Arch>, TooHard> {
        let mut walk = Walk::new(&self.model, self.counts()?);
        let mut paid = walk.start();
        let mut index = index.clone();
        'site: for site in 0..self.model.sites.len() {
            for (option, next) in walk.steps(site, &paid) {
                walk.set(site, option);
                let n = walk.completions(site, &next)?;
                if index < n {
                    paid = next;
                    continue 'site;
                }
                index -= n;
            }
            return Ok(None);
        }
        Ok((index.is_zero() && self.contains(&walk.arch).is_ok()).then_some(walk.arch))
    }
}

impl Walk<'_> {
    /// The options of `site` (or its absence) that violate nothing yet.
    fn steps(&mut self, site: SiteId, paid: &Paid) -> Vec<(Option<usize>, Paid)> {
        let exists = self.model.exists(site, &self.arch.0[..site]);
        let options = if exists {
            self.model.sites[site].labels.len()
        } else {
            1
        };
        let mut out = Vec::with_capacity(options);
        for o in 0..options {
            let option = exists.then_some(o);
            self.set(site, option);
            let next = self.paid(site, paid);
            if next.iter().any(Option::is_some) {
                out.push((option, next));
            }
        }
        out
    }

    /// What is spent in each part once `codes[site]` is set.
    fn paid(&self, site: SiteId, paid: &Paid) -> Paid {
        paid.iter()
            .zip(&self.prefixes)
            .map(|(s, p)| s.and_then(|s| p.step(site, &self.codes, s)))
            .collect()
    }

    /// The number of feasible completions of the prefix that ends with `site`.
    fn completions(&self, site: SiteId, paid: &Paid) -> Result<BigUint, TooHard> {
        let mut sum = BigUint::zero();
        for (s, p) in paid.iter().zip(&self.prefixes) {
            if let Some(s) = s {
                sum += p.completions(site, &self.codes, *s)?;
            }
        }
        Ok(sum)
    }
}
