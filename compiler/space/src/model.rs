//! The model of a space of choices: sites, existence conditions, predicates, costs and windows, all on indices.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Position of a site in [`Model::sites`], which is walking order.
pub type SiteId = usize;

/// One choice: where it stands, its options and when it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The address as the language writes it, such as `op[3]` or `layers[12].ratio`.
    pub address: Arc<str>,
    /// Option names; their number is the domain.
    pub labels: Vec<Arc<str>>,
    /// When the site exists.
    pub exists: Condition,
}

/// When a site exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In every member.
    Always,
    /// In members where at least one conjunction holds. A conjunction holds if every listed site (all of them
    /// earlier ones) exists and its option is one of those listed. No conjunction: never; an empty one: always.
    Any(Vec<Vec<(SiteId, Vec<usize>)>>),
}

/// A dense table over the *codes* of `sites`, row-major, first site slowest.
///
/// The code of a site is its option index, or for a conditional site that is absent one extra code at position
/// `labels.len()`. So a conditional site has `labels.len() + 1` rows and any other `labels.len()`
/// ([`Model::width`]). Rows that no member reaches are never used for a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<T> {
    /// The sites read, each at most once.
    pub sites: Vec<SiteId>,
    /// One value a row.
    pub values: Vec<T>,
}

/// A cost: the sum of its terms.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Cost {
    /// The terms; one with no sites is a constant.
    pub terms: Vec<Table<i128>>,
}

/// The tables of a sum by the sites they read, each with 0 as its least value.
pub type Shape = BTreeMap<Vec<SiteId>, Vec<i128>>;

impl Cost {
    /// What is left of the sum without its least value, and that: costs with one shape differ by a constant.
    pub fn shape(&self) -> (Shape, i128) {
        let mut shape = Shape::new();
        for t in &self.terms {
            let sum = shape
                .entry(t.sites.clone())
                .or_insert_with(|| vec![0; t.values.len()]);
            sum.iter_mut().zip(&t.values).for_each(|(a, b)| *a += b);
        }
        let mut zero = 0;
        for values in shape.values_mut() {
            let least = values.iter().copied().min().unwrap_or(0);
            zero += least;
            values.iter_mut().for_each(|v| *v -= least);
        }
        shape.retain(|_, values| values.iter().any(|v| *v != 0));
        (shape, zero)
    }
}

/// An inclusive window on a cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The name of the cost.
    pub cost: Arc<str>,
    /// Smallest value allowed.
    pub low: Option<i128>,
    /// Largest value allowed.
    pub high: Option<i128>,
}

/// Conditions that hold together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Clause {
    /// Each must hold.
    pub predicates: Vec<Table<bool>>,
    /// Each must hold.
    pub windows: Vec<Window>,
}

/// A space of choices on indices.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Model {
    /// The choices in walking order.
    pub sites: Vec<Site>,
    /// Which options a site offers, given other sites: what these exclude is no raw member.
    pub structure: Vec<Table<bool>>,
    /// Each must hold in a feasible member.
    pub predicates: Vec<Table<bool>>,
    /// Costs by name.
    pub costs: IndexMap<Arc<str>, Cost>,
    /// Each must hold in a feasible member.
    pub windows: Vec<Window>,
    /// Of each of these lists at least one clause must hold in a feasible member.
    pub either: Vec<Vec<Clause>>,
}

/// A member: one option for each site, `None` where the site is absent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Arch(pub Vec<Option<usize>>);

/// A model that is not well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError(pub String);

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ModelError {}

/// Cost values stay below this size, so that no sum of terms overflows.
const COST_LIMIT: i128 = 1 << 96;

impl Site {
    /// A site that always exists.
    pub fn always(
        address: impl Into<Arc<str>>,
        labels: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Self {
        Self {
            address: address.into(),
            labels: labels.into_iter().map(Into::into).collect(),
            exists: Condition::Always,
        }
    }

    /// The same site, existing only under `condition`.
    pub fn when(mut self, condition: Condition) -> Self {
        self.exists = condition;
        self
    }

    /// Whether the site may be absent, and so has a code for it.
    pub fn conditional(&self) -> bool {
        self.exists != Condition::Always
    }

    /// The number of codes: options, and one more if conditional.
    pub fn width(&self) -> usize {
        self.labels.len() + usize::from(self.conditional())
    }
}

impl Condition {
    /// Exists where `site` has one of `options`.
    pub fn on(site: SiteId, options: impl IntoIterator<Item = usize>) -> Self {
        Self::Any(vec![vec![(site, options.into_iter().collect())]])
    }

    /// Whether the condition holds, given the option (or absence) of each earlier site.
    pub fn holds(&self, option: impl Fn(SiteId) -> Option<usize>) -> bool {
        match self {
            Self::Always => true,
            Self::Any(any) => any.iter().any(|all| {
                all.iter()
                    .all(|(s, set)| option(*s).is_some_and(|o| set.contains(&o)))
            }),
        }
    }

    /// The sites that the condition reads, each once, in order.
    pub fn reads(&self) -> Vec<SiteId> {
        let mut out: Vec<SiteId> = match self {
            Self::Always => Vec::new(),
            Self::Any(any) => any.iter().flatten().map(|(s, _)| *s).collect(),
        };
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl<T> Table<T> {
    /// Fills a table by calling `f` with the options of `sites` (`None`: absent). Rows that contradict an existence
    /// condition whose sites are all in the table are not asked for and hold `unreached`.
    /// Call [`Model::rows`] first to see whether the table is small enough.
    pub fn tabulate<E>(
        model: &Model,
        sites: Vec<SiteId>,
        unreached: T,
        mut f: impl FnMut(&[Option<usize>]) -> Result<T, E>,
    ) -> Result<Self, E>
    where
        T: Clone,
    {
        let rows = model.rows(&sites).unwrap_or(0);
        let mut values = Vec::with_capacity(rows);
        let mut codes = vec![0; sites.len()];
        let mut options = vec![None; sites.len()];
        let decided: Vec<usize> = (0..sites.len())
            .filter(|&i| {
                let site = &model.sites[sites[i]];
                site.conditional() && site.exists.reads().iter().all(|s| sites.contains(s))
            })
            .collect();
        for _ in 0..rows {
            for (i, o) in options.iter_mut().enumerate() {
                *o = (codes[i] < model.sites[sites[i]].labels.len()).then_some(codes[i]);
            }
            let reached = decided.iter().all(|&i| {
                let read = |s: SiteId| sites.iter().position(|&t| t == s).and_then(|k| options[k]);
                model.sites[sites[i]].exists.holds(read) == options[i].is_some()
            });
            values.push(if reached {
                f(&options)?
            } else {
                unreached.clone()
            });
            for i in (0..sites.len()).rev() {
                codes[i] += 1;
                if codes[i] < model.width(sites[i]) {
                    break;
                }
                codes[i] = 0;
            }
        }
        Ok(Self { sites, values })
    }

    /// The row of a member.
    pub fn row(&self, model: &Model, arch: &Arch) -> usize {
        let option = |s: SiteId| arch.0.get(s).copied().flatten();
        self.sites
            .iter()
            .fold(0, |row, &s| row * model.width(s) + model.code(s, option(s)))
    }

    /// The value for a raw member; may be `None` for what is none.
    pub fn at(&self, model: &Model, arch: &Arch) -> Option<&T> {
        self.values.get(self.row(model, arch))
    }
}

impl Model {
    /// The number of codes of a site: options, and one more if it may be absent.
    pub fn width(&self, site: SiteId) -> usize {
        self.sites[site].width()
    }

    /// The code of an option, or of absence.
    pub fn code(&self, site: SiteId, option: Option<usize>) -> usize {
        option.unwrap_or(self.sites[site].labels.len())
    }

    /// Rows of a table over `sites`; `None` if that overflows.
    pub fn rows(&self, sites: &[SiteId]) -> Option<usize> {
        sites
            .iter()
            .try_fold(1usize, |n, &s| n.checked_mul(self.width(s)))
    }

    /// Whether `site` exists, given the options of the earlier sites.
    pub fn exists(&self, site: SiteId, earlier: &[Option<usize>]) -> bool {
        self.sites[site]
            .exists
            .holds(|s| earlier.get(s).copied().flatten())
    }

    /// The site with an address.
    pub fn find(&self, address: &str) -> Option<SiteId> {
        self.sites.iter().position(|s| &*s.address == address)
    }

    /// The cost of a raw member; `None` if there is no cost of that name.
    pub fn cost(&self, name: &str, arch: &Arch) -> Option<i128> {
        let terms = &self.costs.get(name)?.terms;
        terms
            .iter()
            .try_fold(0, |sum, t| Some(sum + *t.at(self, arch)?))
    }

    /// The window that all windows on a cost come to: (low, high), `None` if the cost has none.
    pub fn window(&self, cost: &str) -> Option<(Option<i128>, Option<i128>)> {
        let mut found = None;
        for w in self.windows.iter().filter(|w| &*w.cost == cost) {
            let (low, high) = found.unwrap_or((None, None));
            let high = [high, w.high].into_iter().flatten().min();
            found = Some((low.max(w.low), high));
        }
        found
    }

    /// Checks that the model is well formed: options, references, table sizes, cost ranges.
    pub fn check(&self) -> Result<(), ModelError> {
        let fail = |m: String| Err(ModelError(m));
        for (id, site) in self.sites.iter().enumerate() {
            if site.labels.is_empty() {
                return fail(format!("the choice `{}` has no options", site.address));
            }
            if let Condition::Any(any) = &site.exists {
                for (s, options) in any.iter().flatten() {
                    if *s >= id {
                        return fail(format!(
                            "the choice `{}` depends on a choice that is not before it",
                            site.address
                        ));
                    }
                    if options.iter().any(|&o| o >= self.sites[*s].labels.len()) {
                        return fail(format!(
                            "`{}` depends on an option that `{}` lacks",
                            site.address, self.sites[*s].address
                        ));
                    }
                }
            }
        }
        for (i, p) in self.structure.iter().enumerate() {
            self.check_table(&format!("structure {i}"), &p.sites, p.values.len())?;
        }
        let clauses = || self.either.iter().flatten();
        let all = clauses().flat_map(|c| &c.predicates);
        for (i, p) in self.predicates.iter().chain(all).enumerate() {
            self.check_table(&format!("predicate {i}"), &p.sites, p.values.len())?;
        }
        for (name, cost) in &self.costs {
            for t in &cost.terms {
                self.check_table(&format!("a term of `{name}`"), &t.sites, t.values.len())?;
                if t.values
                    .iter()
                    .any(|v| v.unsigned_abs() > COST_LIMIT.unsigned_abs())
                {
                    return fail(format!("a term of `{name}` is beyond 2^96"));
                }
            }
            if cost.terms.len() > 1 << 20 {
                return fail(format!("`{name}` has more than 2^20 terms"));
            }
        }
        match self
            .windows
            .iter()
            .chain(clauses().flat_map(|c| &c.windows))
            .find(|w| !self.costs.contains_key(&w.cost))
        {
            Some(w) => fail(format!(
                "a window names `{}`, which is no cost of this space",
                w.cost
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn check_table(
        &self,
        what: &str,
        sites: &[SiteId],
        len: usize,
    ) -> Result<(), ModelError> {
        for (i, s) in sites.iter().enumerate() {
            if *s >= self.sites.len() || sites[..i].contains(s) {
                return Err(ModelError(format!(
                    "{what} reads a choice that does not exist, or one twice"
                )));
            }
        }
        match self.rows(sites) {
            Some(rows) if rows == len => Ok(()),
            Some(rows) => Err(ModelError(format!(
                "{what} needs {rows} rows and has {len}"
            ))),
            None => Err(ModelError(format!(
                "{what} reads too many choices for a table"
            ))),
        }
    }
}
