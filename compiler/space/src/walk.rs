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
    /// `None`: no look-ahead; only a finished member can be judged.
    pub prefix: Option<&'a Prefix>,
    pub codes: Vec<usize>,
    pub arch: Arch,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model, prefix: Option<&'a Prefix>) -> Self {
        let n = model.sites.len();
        Self {
            model,
            prefix,
            codes: vec![0; n],
            arch: Arch(vec![None; n]),
        }
    }

    fn set(&mut self, site: SiteId, option: Option<usize>) {
        self.codes[site] = self.model.code(site, option);
        self.arch.0[site] = option;
    }

    /// The options of `site` (or its absence) that keep the rest feasible, with what is spent then.
    fn allowed(
        &mut self,
        site: SiteId,
        spent: Spent,
    ) -> Result<Vec<(Option<usize>, Spent)>, TooHard> {
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
            match self.prefix {
                None => out.push((option, spent)),
                Some(p) => {
                    if let Some(next) = p.step(site, &self.codes, spent)
                        && p.extensible(site, &self.codes, next)?
                    {
                        out.push((option, next));
                    }
                }
            }
        }
        Ok(out)
    }
}

/// Feasible members in lexicographic order; made by [`Space::enumerate`].
pub struct Members<'a> {
    walk: Walk<'a>,
    /// For each site on the path: what is left to try, last first.
    stack: Vec<Vec<(Option<usize>, Spent)>>,
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
            self.descend(Spent::default());
        }
        while let Some(top) = self.stack.last_mut() {
            let Some((option, spent)) = top.pop() else {
                self.stack.pop();
                continue;
            };
            let site = self.stack.len() - 1;
            self.walk.set(site, option);
            if site + 1 < n {
                self.descend(spent);
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
    fn descend(&mut self, spent: Spent) {
        let site = self.stack.len();
        let mut options = self.walk.allowed(site, spent).unwrap_or_else(|_| {
            // Look-ahead became too costly here: go on without it, every finished member is judged anyway.
            self.walk.prefix = None;
            self.walk.allowed(site, spent).unwrap_or_default()
        });
        options.reverse();
        self.stack.push(options);
    }
}

impl Space {
    fn look_ahead(&self) -> Result<&Prefix, TooHard> {
        self.prefix
            .get_or_init(|| Prefix::new(&self.model, self.limits, false))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn counts(&self) -> Result<&Prefix, TooHard> {
        self.ranks
            .get_or_init(|| Prefix::new(&self.model, self.limits, true))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// All feasible members in lexicographic order (first site slowest).
    pub fn enumerate(&self) -> Members<'_> {
        let walk = Walk::new(&self.model, self.look_ahead().ok());
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
        let prefix = self.look_ahead().map_err(BuildError::TooHard)?;
        let mut walk = Walk::new(&self.model, Some(prefix));
        let mut spent = Spent::default();
        for site in 0..self.model.sites.len() {
            let allowed = walk.allowed(site, spent).map_err(BuildError::TooHard)?;
            let offered: Vec<usize> = allowed.iter().filter_map(|a| a.0).collect();
            walk.set(site, None);
            let option = match allowed.first() {
                None => return Err(BuildError::Empty),
                Some((None, _)) => None,
                Some(_) => {
                    Some(f(&self.model, site, &offered, &walk.arch).map_err(BuildError::Caller)?)
                }
            };
            let Some(chosen) = allowed.iter().find(|a| a.0 == option) else {
                return Err(BuildError::NotOffered {
                    site,
                    option: option.unwrap_or(0),
                    offered,
                });
            };
            spent = chosen.1;
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
        let prefix = self.counts()?;
        let mut walk = Walk::new(&self.model, Some(prefix));
        let mut spent = Spent::default();
        let mut index = BigUint::zero();
        for site in 0..self.model.sites.len() {
            for (option, next) in walk.steps(site, spent) {
                if option == arch.0[site] {
                    spent = next;
                    break;
                }
                walk.set(site, option);
                index += prefix.completions(site, &walk.codes, next)?;
            }
            walk.set(site, arch.0[site]);
        }
        Ok(Some(index))
    }

    /// The feasible member at a place in lexicographic order; `None` if there are not so many.
    pub fn member(&self, index: &BigUint) -> Result<Option<Arch>, TooHard> {
        let prefix = self.counts()?;
        let mut walk = Walk::new(&self.model, Some(prefix));
        let mut spent = Spent::default();
        let mut index = index.clone();
        'site: for site in 0..self.model.sites.len() {
            for (option, next) in walk.steps(site, spent) {
                walk.set(site, option);
                let n = prefix.completions(site, &walk.codes, next)?;
                if index < n {
                    spent = next;
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
    fn steps(&mut self, site: SiteId, spent: Spent) -> Vec<(Option<usize>, Spent)> {
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
            if let Some(next) = self
                .prefix
                .map_or(Some(spent), |p| p.step(site, &self.codes, spent))
            {
                out.push((option, next));
            }
        }
        out
    }
}
