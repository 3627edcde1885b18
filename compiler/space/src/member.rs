//! Membership of one architecture: what it violates, how it reads, how far two are apart.

use std::fmt;
use std::sync::Arc;

use crate::model::{Arch, Clause, Model, SiteId, Table, Window};

/// Why an architecture is not a feasible member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has another number of sites than the space.
    Length { found: usize, expected: usize },
    /// A site is absent though its condition holds.
    Missing { site: SiteId, address: Arc<str> },
    /// A site is given though its condition does not hold.
    Extra { site: SiteId, address: Arc<str> },
    /// The option index is outside the domain.
    Option {
        site: SiteId,
        address: Arc<str>,
        option: usize,
        domain: usize,
    },
    /// An option that the site does not offer beside the others; the choices as `address = label`.
    Structure { choices: Vec<String> },
    /// None of the clauses of one alternative (index in the model) holds.
    Either { either: usize },
    /// A predicate (index in the model) does not hold; the choices it reads as `address = label`.
    Predicate {
        predicate: usize,
        choices: Vec<String>,
    },
    /// A cost lies outside a window (index in the model).
    Window {
        window: usize,
        cost: Arc<str>,
        value: i128,
        low: Option<i128>,
        high: Option<i128>,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { found, expected } => {
                write!(f, "it has {found} choices where the space has {expected}")
            }
            Self::Missing { address, .. } => write!(f, "`{address}` exists here and has no option"),
            Self::Extra { address, .. } => {
                write!(f, "`{address}` does not exist here and has an option")
            }
            Self::Option {
                address,
                option,
                domain,
                ..
            } => {
                write!(
                    f,
                    "`{address}` has {domain} options, and {option} is not one of them"
                )
            }
            Self::Structure { choices } => {
                write!(f, "{} do not go together", choices.join(", "))
            }
            Self::Either { .. } => f.write_str("none of the alternatives holds"),
            Self::Predicate { choices, .. } => {
                write!(f, "the condition does not hold for {}", choices.join(", "))
            }
            Self::Window {
                cost,
                value,
                low,
                high,
                ..
            } => match (low, high) {
                (_, Some(high)) if value > high => write!(f, "`{cost}` is {value}, above {high}"),
                (Some(low), _) => write!(f, "`{cost}` is {value}, below {low}"),
                _ => write!(f, "`{cost}` is {value}"),
            },
        }
    }
}
impl std::error::Error for Why {}

impl Model {
    /// Whether `arch` is a raw member: one valid option exactly at the sites that exist.
    pub fn well_formed(&self, arch: &Arch) -> Result<(), Why> {
        if arch.0.len() != self.sites.len() {
            return Err(Why::Length {
                found: arch.0.len(),
                expected: self.sites.len(),
            });
        }
        for (site, s) in self.sites.iter().enumerate() {
            let address = s.address.clone();
            match (self.exists(site, &arch.0[..site]), arch.0[site]) {
                (true, None) => return Err(Why::Missing { site, address }),
                (false, Some(_)) => return Err(Why::Extra { site, address }),
                (true, Some(option)) if option >= s.labels.len() => {
                    return Err(Why::Option {
                        site,
                        address,
                        option,
                        domain: s.labels.len(),
                    });
                }
                _ => {}
            }
        }
        match self
            .structure
            .iter()
            .find(|t| t.at(self, arch) != Some(&true))
        {
            Some(t) => Err(Why::Structure {
                choices: self.describe_all(&t.sites, arch),
            }),
            None => Ok(()),
        }
    }

    fn describe_all(&self, sites: &[SiteId], arch: &Arch) -> Vec<String> {
        sites.iter().map(|&s| self.describe_site(s, arch)).collect()
    }

    pub(crate) fn within(&self, w: &Window, arch: &Arch) -> bool {
        let value = self.cost(&w.cost, arch).unwrap_or(0);
        w.low.is_none_or(|l| value >= l) && w.high.is_none_or(|h| value <= h)
    }

    /// Whether a raw member meets a clause.
    pub fn meets(&self, clause: &Clause, arch: &Arch) -> bool {
        clause
            .predicates
            .iter()
            .all(|t| t.at(self, arch) == Some(&true))
            && clause.windows.iter().all(|w| self.within(w, arch))
    }

    /// Whether options that exist, and their sites, go together.
    pub(crate) fn structured(&self, arch: &Arch) -> bool {
        self.structure.iter().all(|t| self.holds(t, arch))
    }

    pub(crate) fn holds(&self, table: &Table<bool>, arch: &Arch) -> bool {
        table.at(self, arch) == Some(&true)
    }

    /// Whether a member of options that exist is feasible, without the reason why it is not.
    pub(crate) fn feasible(&self, arch: &Arch) -> bool {
        self.structured(arch)
            && self.predicates.iter().all(|t| self.holds(t, arch))
            && self.windows.iter().all(|w| self.within(w, arch))
            && (self.either.iter()).all(|any| any.iter().any(|c| self.meets(c, arch)))
    }

    /// Whether `arch` is a feasible member; the error is the first violated part.
    pub fn contains(&self, arch: &Arch) -> Result<(), Why> {
        self.well_formed(arch)?;
        match self.violations(arch).into_iter().next() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// The predicates and windows that a raw member violates.
    pub fn violations(&self, arch: &Arch) -> Vec<Why> {
        let mut out = Vec::new();
        for (predicate, table) in self.predicates.iter().enumerate() {
            if table.at(self, arch) != Some(&true) {
                let choices = self.describe_all(&table.sites, arch);
                out.push(Why::Predicate { predicate, choices });
            }
        }
        for (window, w) in self.windows.iter().enumerate() {
            if !self.within(w, arch) {
                let value = self.cost(&w.cost, arch).unwrap_or(0);
                out.push(Why::Window {
                    window,
                    cost: w.cost.clone(),
                    value,
                    low: w.low,
                    high: w.high,
                });
            }
        }
        for (either, clauses) in self.either.iter().enumerate() {
            if !clauses.iter().any(|c| self.meets(c, arch)) {
                out.push(Why::Either { either });
            }
        }
        out
    }

    /// One choice of a member as `address = label`.
    pub fn describe_site(&self, site: SiteId, arch: &Arch) -> String {
        let s = &self.sites[site];
        match arch
            .0
            .get(site)
            .copied()
            .flatten()
            .and_then(|o| s.labels.get(o))
        {
            Some(label) => format!("{} = {label}", s.address),
            None => format!("{} absent", s.address),
        }
    }
}

/// The number of sites that both have and where they differ.
pub fn hamming(a: &Arch, b: &Arch) -> usize {
    a.0.iter()
        .zip(&b.0)
        .filter(|(x, y)| matches!((x, y), (Some(x), Some(y)) if x != y))
        .count()
}
