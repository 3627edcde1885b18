//! Choices that must all differ: told by their pairwise exclusions, counted by the sets of options used, and by factorials where
//! nothing else reads them, instead of a table over all of them together.

use crate::model::{Model, SiteId};
use crate::problem::{Factor, Kind, Problem};

/// Which options are used, in the upper bits of a key: two bits an option, so that one used twice shows and never carries.
pub(crate) struct Uses {
    /// The first bit.
    at: u32,
    /// The upper bit of each pair.
    twice: u128,
    /// What every member uses, where all options are; shifted down.
    all: Option<u128>,
}

/// Choices that nothing reads but their own difference: each counts the options that `core` and those before it left.
pub(crate) struct Tail {
    core: Vec<SiteId>,
    sites: Vec<SiteId>,
    labels: usize,
}

/// A run of entries that use the same options.
pub(crate) struct Group {
    used: u128,
    pub from: usize,
    pub to: usize,
}

impl Uses {
    /// The bits of the costs.
    pub fn below(&self) -> u128 {
        (1 << self.at) - 1
    }

    pub fn twice(&self, key: u128) -> bool {
        key & self.twice != 0
    }
}

/// Entries in runs of the same options used; keys rise.
pub(crate) fn groups(keys: &[u128], uses: Option<&Uses>) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    for (i, k) in keys.iter().enumerate() {
        let used = uses.map_or(0, |u| k >> u.at);
        match out.last_mut() {
            Some(g) if g.used == used => g.to = i + 1,
            _ => out.push(Group {
                used,
                from: i,
                to: i + 1,
            }),
        }
    }
    out
}

/// The groups that use nothing of what `key` uses, and with it all there is where that is known.
pub(crate) fn partners<'a>(
    groups: &'a [Group],
    key: u128,
    uses: Option<&Uses>,
) -> impl Iterator<Item = &'a Group> {
    let used = uses.map_or(0, |u| key >> u.at);
    let rest = uses.and_then(|u| u.all).map(|all| all ^ used);
    let among = match rest {
        Some(rest) => {
            let i = groups.partition_point(|g| g.used < rest);
            &groups[i..groups.len().min(i + 1)]
        }
        None => groups,
    };
    among
        .iter()
        .filter(move |g| g.used & used == 0 && rest.is_none_or(|r| r == g.used))
}

impl Tail {
    /// Codes that count the options left become the options themselves.
    fn restore(&self, codes: &mut [usize]) {
        let mut used = vec![false; self.labels];
        let mut mark = |code: usize| {
            if let Some(u) = used.get_mut(code) {
                *u = true;
            }
        };
        self.core.iter().for_each(|s| mark(codes[*s]));
        for (j, &s) in self.sites.iter().enumerate() {
            let room = self.labels - self.core.len() - j;
            codes[s] = match codes[s] {
                c if c >= room => self.labels,
                c => (0..self.labels)
                    .filter(|o| !used[*o])
                    .nth(c)
                    .unwrap_or(self.labels),
            };
            if let Some(u) = used.get_mut(codes[s]) {
                *u = true;
            }
        }
    }
}

/// Whether a factor says nothing.
fn idle(f: &Factor) -> bool {
    match &f.kind {
        Kind::Allow(v) => v.iter().all(|v| *v),
        Kind::Key(v) => v.iter().all(|v| *v == 0),
        Kind::Weigh(v) => v.iter().all(|v| *v == 0),
    }
}

/// Whether a factor says no more than that two choices differ.
fn pair(f: &Factor, model: &Model) -> bool {
    let (Kind::Allow(rows), &[a, b]) = (&f.kind, &f.scope[..]) else {
        return false;
    };
    let (x, y) = (&model.sites[a], &model.sites[b]);
    let n = x.labels.len();
    if y.labels.len() != n {
        return false;
    }
    // Where both exist together, a row with one of them absent is never met.
    let together = x.exists == y.exists;
    (0..x.width()).all(|i| {
        (0..y.width()).all(|j| {
            let row = rows[i * f.strides[0] + j * f.strides[1]];
            match (i < n, j < n) {
                (true, true) => row == (i != j),
                (false, false) => row,
                _ => row || together,
            }
        })
    })
}

impl Problem {
    /// The same members with choices that must differ counted apart, where a table over them has more than `rows` rows. `ahead`:
    /// for a look from the first site on, where what is left over can only be counted after what it is left by.
    pub fn parted(mut self, model: &Model, rows: usize, ahead: bool) -> Self {
        let pairs: Vec<usize> = (0..self.factors.len())
            .filter(|f| pair(&self.factors[*f], model))
            .collect();
        if pairs.len() < 3 {
            return self;
        }
        let n = self.widths.len();
        let mut near = vec![Vec::new(); n];
        for &f in &pairs {
            let (a, b) = (self.factors[f].scope[0], self.factors[f].scope[1]);
            near[a].push(b);
            near[b].push(a);
        }
        let mut taken = vec![false; n];
        let mut gone = vec![false; self.factors.len()];
        let mut uses: Vec<Vec<SiteId>> = Vec::new();
        let mut bits = 128 - self.keys.size().leading_zeros();
        let mut touching = vec![Vec::new(); n];
        for (i, f) in self.factors.iter().enumerate().filter(|f| !idle(f.1)) {
            f.scope.iter().for_each(|s| touching[*s].push(i));
        }
        for first in 0..n {
            if taken[first] || near[first].len() < 2 {
                continue;
            }
            let mut clique = vec![first];
            let mut others: Vec<SiteId> = near[first].to_vec();
            others.sort_unstable();
            others.dedup();
            for s in others {
                if s > first && !taken[s] && clique.iter().all(|c| near[*c].contains(&s)) {
                    clique.push(s);
                }
            }
            let labels = model.sites[first].labels.len();
            if clique.len() < 3 || clique.len() > labels || !large(labels, clique.len(), rows) {
                continue;
            }
            clique.iter().for_each(|s| taken[*s] = true);
            // What relates two of them, and what is not read by anything else.
            let inside = |f: usize| {
                pairs.binary_search(&f).is_ok()
                    && self.factors[f].scope.iter().all(|s| clique.contains(s))
            };
            let own: Vec<usize> = pairs.iter().copied().filter(|f| inside(*f)).collect();
            let together = clique
                .iter()
                .all(|s| model.sites[*s].exists == model.sites[first].exists);
            let plain = |s: SiteId| {
                together
                    && touching[s]
                        .iter()
                        .all(|f| Some(*f) == self.existing[s] || inside(*f))
            };
            let (mut core, mut tail): (Vec<SiteId>, Vec<SiteId>) =
                clique.iter().partition(|s| !plain(**s));
            if ahead {
                let last = core.last().map_or(0, |s| s + 1);
                (core, tail) = clique.iter().partition(|s| **s < last);
            }
            // What says nothing would still read them by the options that they have no more.
            let idle = (0..self.factors.len())
                .filter(|f| idle(&self.factors[*f]) && !self.existing.contains(&Some(*f)));
            for f in own.iter().copied().chain(idle) {
                gone[f] |= self.factors[f].scope.iter().any(|s| tail.contains(s));
            }
            if large(labels, core.len(), rows) && bits as usize + 2 * labels <= 128 {
                own.iter().for_each(|f| gone[*f] = true);
                bits += 2 * labels as u32;
                uses.push(core.clone());
            }
            if !tail.is_empty() {
                self.shorten(&tail, core.len(), labels);
                self.tails.push(Tail {
                    core,
                    sites: tail,
                    labels,
                });
            }
        }
        self.checks.extend(
            (0..gone.len())
                .filter(|f| gone[*f])
                .map(|f| self.factors[f].clone()),
        );
        for (f, gone) in gone.iter().enumerate() {
            if *gone {
                // An empty rule in its place, so that numbers of factors stay.
                self.factors[f] = Factor {
                    scope: Vec::new(),
                    strides: Vec::new(),
                    kind: Kind::Allow(vec![true]),
                };
            }
        }
        self.mark(model, &uses);
        self
    }

    /// Sites that count only what is left: fewer options each.
    fn shorten(&mut self, tail: &[SiteId], before: usize, labels: usize) {
        for (j, &s) in tail.iter().enumerate() {
            let room = labels - before - j;
            let conditional = self.widths[s] > labels;
            self.widths[s] = room + usize::from(conditional);
            let Some(f) = self.existing[s] else { continue };
            self.checks.push(self.factors[f].clone());
            self.inner.push(f);
            // The site itself is the last of its scope: its rows are next to each other.
            let Kind::Allow(rows) = &self.factors[f].kind else {
                continue;
            };
            let short = rows
                .chunks(labels + 1)
                .flat_map(|r| r[..room].iter().chain(r.last()).copied())
                .collect();
            let scope = self.factors[f].scope.clone();
            self.push(scope, Kind::Allow(short));
            if let Some(new) = self.factors.pop() {
                self.factors[f] = new;
            }
        }
    }

    /// Adds to the keys which options these choices use.
    fn mark(&mut self, model: &Model, groups: &[Vec<SiteId>]) {
        if groups.is_empty() {
            return;
        }
        let at = 128 - self.keys.size().leading_zeros();
        let (mut bit, mut twice, mut all) = (at, 0u128, Some(0u128));
        for sites in groups {
            let labels = sites.first().map_or(0, |s| model.sites[*s].labels.len());
            let always = sites.iter().all(|s| !model.sites[*s].conditional());
            for &s in sites {
                let mut rows: Vec<u128> = (0..labels).map(|o| 1 << (bit + 2 * o as u32)).collect();
                rows.resize(model.width(s), 0);
                self.push(vec![s], Kind::Key(rows));
            }
            for o in 0..labels as u32 {
                twice |= 2 << (bit + 2 * o);
                all = all.map(|a| a | 1 << (bit - at + 2 * o));
            }
            all = all.filter(|_| always && sites.len() == labels);
            bit += 2 * labels as u32;
        }
        self.keys.uses = Some(Uses { at, twice, all });
    }

    /// Codes of an elimination as codes of the model's sites.
    pub fn restore(&self, codes: &mut [usize]) {
        self.tails.iter().for_each(|t| t.restore(codes));
    }
}

/// Whether the joint table of `sites` choices, less one, has more rows than that.
fn large(labels: usize, sites: usize, rows: usize) -> bool {
    let joint = (1..sites).try_fold(1usize, |n, _| n.checked_mul(labels));
    sites > 1 && joint.is_none_or(|n| n > rows)
}

impl Model {
    /// The sites that must differ from this one by the structure of the space, of the same options.
    pub(crate) fn rivals(&self, site: SiteId) -> Vec<SiteId> {
        let tables = self.structure.iter().filter(|t| t.sites.contains(&site));
        tables
            .filter(|t| {
                let &[a, b] = &t.sites[..] else { return false };
                let f = Factor {
                    scope: vec![a, b],
                    strides: vec![self.width(b), 1],
                    kind: Kind::Allow(t.values.clone()),
                };
                pair(&f, self)
            })
            .flat_map(|t| t.sites.iter().copied().filter(|s| *s != site))
            .collect()
    }
}
