//! Tables over choices: a value for each combination of the options it depends on.

/// A choice, by its number in the space being elaborated, and its number of options.
pub type Site = (u32, u32);

/// A dense table over the options of `sites` (ascending by number; the first varies slowest).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table<T> {
    pub sites: Vec<Site>,
    pub values: Vec<T>,
}

/// Tables larger than this are refused: the size depends on too many choices at once.
pub const TABLE_LIMIT: usize = 1 << 20;

impl<T: Clone> Table<T> {
    pub fn constant(value: T) -> Self {
        Table {
            sites: vec![],
            values: vec![value],
        }
    }

    /// Position in `values` for an assignment of options, given as a function of the site's number.
    pub fn index(&self, option: impl Fn(u32) -> usize) -> usize {
        self.sites
            .iter()
            .fold(0, |i, (s, n)| i * *n as usize + option(*s))
    }

    /// Goes through the union of both domains.
    pub fn zip<U: Clone, V>(
        &self,
        other: &Table<U>,
        mut f: impl FnMut(&T, &U) -> V,
    ) -> Option<Table<V>> {
        // Over the same choices, or none on one side, entries meet in order.
        let pairs: Option<Vec<V>> = match (&self.values[..], &other.values[..]) {
            _ if self.sites == other.sites => {
                let both = self.values.iter().zip(&other.values);
                Some(both.map(|(a, b)| f(a, b)).collect())
            }
            ([a], _) if self.sites.is_empty() => {
                Some(other.values.iter().map(|b| f(a, b)).collect())
            }
            (_, [b]) if other.sites.is_empty() => {
                Some(self.values.iter().map(|a| f(a, b)).collect())
            }
            _ => None,
        };
        if let Some(values) = pairs {
            let of = if self.sites.is_empty() {
                &other.sites
            } else {
                &self.sites
            };
            let sites = of.clone();
            return Some(Table { sites, values });
        }
        let mut sites = self.sites.clone();
        sites.extend(other.sites.iter().filter(|s| !self.sites.contains(s)));
        sites.sort_unstable();
        let size = sites
            .iter()
            .try_fold(1usize, |a, s| a.checked_mul(s.1 as usize))?;
        if size > TABLE_LIMIT {
            return None;
        }
        let mut values = Vec::with_capacity(size);
        let mut at = vec![0usize; sites.len()];
        let left: Vec<usize> = self
            .sites
            .iter()
            .filter_map(|s| sites.iter().position(|t| t == s))
            .collect();
        let right: Vec<usize> = other
            .sites
            .iter()
            .filter_map(|s| sites.iter().position(|t| t == s))
            .collect();
        for _ in 0..size {
            let i = left
                .iter()
                .zip(&self.sites)
                .fold(0, |i, (p, s)| i * s.1 as usize + at[*p]);
            let j = right
                .iter()
                .zip(&other.sites)
                .fold(0, |i, (p, s)| i * s.1 as usize + at[*p]);
            values.push(f(&self.values[i], &other.values[j]));
            for k in (0..sites.len()).rev() {
                at[k] += 1;
                if at[k] < sites[k].1 as usize {
                    break;
                }
                at[k] = 0;
            }
        }
        Some(Table { sites, values })
    }

    pub fn map<V>(&self, f: impl FnMut(&T) -> V) -> Table<V> {
        Table {
            sites: self.sites.clone(),
            values: self.values.iter().map(f).collect(),
        }
    }

    /// Fixes one choice.
    pub fn restrict(&self, site: u32, option: usize) -> Table<T> {
        let Some(p) = self.sites.iter().position(|s| s.0 == site) else {
            return self.clone();
        };
        let inner: usize = self.sites[p + 1..].iter().map(|s| s.1 as usize).product();
        let n = self.sites[p].1 as usize;
        let mut sites = self.sites.clone();
        sites.remove(p);
        let values = self
            .values
            .chunks_exact((inner * n).max(1))
            .filter_map(|c| c.get(option * inner..(option + 1) * inner))
            .flatten()
            .cloned()
            .collect();
        Table { sites, values }
    }

    /// The options that lead to entry `index`, as (site, option).
    pub fn assignment(&self, mut index: usize) -> Vec<(u32, usize)> {
        let mut out = vec![];
        for (s, n) in self.sites.iter().rev() {
            out.push((*s, index % *n as usize));
            index /= *n as usize;
        }
        out.reverse();
        out
    }
}

impl<T: Clone + PartialEq> Table<T> {
    /// Drops choices that make no difference.
    pub fn simplify(mut self) -> Self {
        let mut k = 0;
        let mut inner = self.values.len();
        while let Some(&(s, n)) = self.sites.get(k) {
            let whole = inner;
            inner /= n.max(1) as usize;
            // Each run of one option beside the next: most sites are told apart by the first of them.
            let idle = inner > 0
                && self.values.chunks_exact(whole).all(|c| {
                    c.windows(2 * inner)
                        .step_by(inner)
                        .all(|w| w[..inner] == w[inner..])
                });
            if idle {
                self = self.restrict(s, 0);
            } else {
                k += 1;
            }
        }
        self
    }
}
