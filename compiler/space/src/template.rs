//! Templates: how members are written as text.

use std::fmt;
use std::sync::Arc;

use crate::model::{Arch, Condition, Model, SiteId, Table};
use crate::space::Space;

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// The text of one site's option. A conditional site may have one text more, for its absence; else that is empty.
    Site { site: SiteId, texts: Vec<String> },
    /// A text that several sites decide together.
    Derived { texts: Table<String> },
    /// The texts of those sites that exist, in order, with `join` between them; `texts[i]` are those of `sites[i]`.
    Many {
        sites: Vec<SiteId>,
        texts: Vec<Vec<String>>,
        join: String,
    },
}

/// Why a template does not fit its space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Addresses of choices that the text would not tell.
    pub missing: Vec<Arc<str>>,
    /// The whole sentence.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for TemplateError {}

/// A step of reading or writing.
pub(crate) enum Step {
    Literal(String),
    /// One text for each assignment (codes) of the sites, longest first.
    Rows {
        sites: Vec<SiteId>,
        rows: Vec<(String, Vec<usize>)>,
        table: Table<String>,
    },
    /// One site of a list: nothing if absent; `join` before it if one of `before` is there.
    Item {
        site: SiteId,
        before: Vec<SiteId>,
        texts: Vec<(String, usize)>,
        join: String,
    },
}

/// A two-way codec between members and text.
pub struct Template {
    pub(crate) model: Arc<Model>,
    pub(crate) steps: Vec<Step>,
}

impl Template {
    /// Checks that the parts fit the space and tell all its choices: each site with more than one option must stand in
    /// a part, or decide whether a site in a part exists.
    pub fn new(space: &Space, parts: Vec<Part>) -> Result<Self, TemplateError> {
        let model = space.model.clone();
        let mut steps = Vec::new();
        for part in parts {
            add(&model, part, &mut steps).map_err(|message| TemplateError {
                missing: Vec::new(),
                message,
            })?;
        }
        let mut told = vec![false; model.sites.len()];
        for step in &steps {
            match step {
                Step::Literal(_) => {}
                Step::Rows { sites, .. } => sites.iter().for_each(|&s| told[s] = true),
                Step::Item { site, .. } => told[*site] = true,
            }
        }
        let implied: Vec<SiteId> = (0..told.len())
            .filter(|&s| told[s])
            .flat_map(|s| model.sites[s].exists.reads())
            .collect();
        let missing: Vec<Arc<str>> = (0..told.len())
            .filter(|s| !told[*s] && model.sites[*s].labels.len() > 1 && !implied.contains(s))
            .map(|s| model.sites[s].address.clone())
            .collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
            let message = format!("the encoding does not tell {}", names.join(", "));
            return Err(TemplateError { missing, message });
        }
        if let Some(message) = crate::unique::shared_text(&model, &steps) {
            return Err(TemplateError {
                missing: Vec::new(),
                message,
            });
        }
        Ok(Self { model, steps })
    }

    /// The text of a member. `Err`: it is no raw member.
    pub fn encode(&self, arch: &Arch) -> Result<String, crate::Why> {
        self.model.well_formed(arch)?;
        let mut out = String::new();
        for step in &self.steps {
            match step {
                Step::Literal(text) => out.push_str(text),
                Step::Rows { table, .. } => {
                    out.extend(table.at(&self.model, arch).map(String::as_str))
                }
                Step::Item {
                    site,
                    before,
                    texts,
                    join,
                } => {
                    let Some(option) = arch.0[*site] else {
                        continue;
                    };
                    if before.iter().any(|&s| arch.0[s].is_some()) {
                        out.push_str(join);
                    }
                    out.extend(texts.iter().filter(|t| t.1 == option).map(|t| t.0.as_str()));
                }
            }
        }
        Ok(out)
    }
}

fn longest_first<T>(rows: &mut [(String, T)]) {
    rows.sort_by_key(|r| std::cmp::Reverse(r.0.len()));
}

fn add(model: &Model, part: Part, steps: &mut Vec<Step>) -> Result<(), String> {
    let known = |s: SiteId| {
        model
            .sites
            .get(s)
            .ok_or_else(|| format!("the encoding names choice {s}, which does not exist"))
    };
    match part {
        Part::Literal(text) => steps.push(Step::Literal(text)),
        Part::Site { site, mut texts } => {
            if texts.len() == known(site)?.labels.len() && known(site)?.conditional() {
                texts.push(String::new());
            }
            add(
                model,
                Part::Derived {
                    texts: Table {
                        sites: vec![site],
                        values: texts,
                    },
                },
                steps,
            )?;
        }
        Part::Derived { texts: table } => {
            model
                .check_table("a part of the encoding", &table.sites, table.values.len())
                .map_err(|e| e.0)?;
            let mut rows = Vec::with_capacity(table.values.len());
            for (i, text) in table.values.iter().enumerate() {
                let mut left = i;
                let mut codes = vec![0; table.sites.len()];
                for (k, &s) in table.sites.iter().enumerate().rev() {
                    codes[k] = left % model.width(s);
                    left /= model.width(s);
                }
                rows.push((text.clone(), codes));
            }
            longest_first(&mut rows);
            steps.push(Step::Rows {
                sites: table.sites.clone(),
                rows,
                table,
            });
        }
        Part::Many { sites, texts, join } => {
            if sites.len() != texts.len() {
                return Err(
                    "a list in the encoding has not one row of texts for each choice".into(),
                );
            }
            for (i, (&site, texts)) in sites.iter().zip(texts).enumerate() {
                if texts.len() != known(site)?.labels.len() {
                    return Err(format!(
                        "the encoding has not one text for each option of `{}`",
                        known(site)?.address
                    ));
                }
                let mut texts: Vec<(String, usize)> = texts.into_iter().zip(0..).collect();
                longest_first(&mut texts);
                steps.push(Step::Item {
                    site,
                    before: sites[..i].to_vec(),
                    texts,
                    join: join.clone(),
                });
            }
        }
    }
    Ok(())
}

/// For each site the codes still possible, as bits.
#[derive(Clone)]
pub(crate) struct Possible {
    words: Vec<u64>,
    /// Where each site's words start.
    starts: Arc<[usize]>,
}

impl Possible {
    pub fn all(model: &Model) -> Self {
        let mut words = Vec::new();
        let mut starts = Vec::new();
        for site in &model.sites {
            starts.push(words.len());
            let mut left = site.width();
            while left > 0 {
                let bits = left.min(64);
                words.push(u64::MAX >> (64 - bits));
                left -= bits;
            }
        }
        starts.push(words.len());
        Self {
            words,
            starts: starts.into(),
        }
    }

    fn of(&self, site: SiteId) -> &[u64] {
        &self.words[self.starts[site]..self.starts[site + 1]]
    }

    pub fn has(&self, site: SiteId, code: usize) -> bool {
        self.of(site)[code / 64] >> (code % 64) & 1 == 1
    }

    pub fn left(&self, site: SiteId) -> usize {
        self.of(site).iter().map(|w| w.count_ones() as usize).sum()
    }

    pub fn first(&self, site: SiteId) -> Option<usize> {
        let (i, w) = self.of(site).iter().enumerate().find(|(_, w)| **w != 0)?;
        Some(i * 64 + w.trailing_zeros() as usize)
    }

    /// Keeps only codes with `f`; whether that changed anything.
    fn retain(&mut self, site: SiteId, width: usize, f: impl Fn(usize) -> bool) -> bool {
        let mut changed = false;
        for code in 0..width {
            if self.has(site, code) && !f(code) {
                self.words[self.starts[site] + code / 64] &= !(1 << (code % 64));
                changed = true;
            }
        }
        changed
    }

    pub fn set(&mut self, site: SiteId, code: usize) {
        let start = self.starts[site];
        let end = self.starts[site + 1];
        self.words[start..end].fill(0);
        self.words[start + code / 64] = 1 << (code % 64);
    }

    /// Draws the conclusions of existence conditions, in both directions. `false`: contradiction.
    pub fn propagate(&mut self, model: &Model, conditional: &[SiteId]) -> bool {
        let mut again = true;
        while again {
            again = false;
            for &site in conditional {
                let Condition::Any(any) = &model.sites[site].exists else {
                    continue;
                };
                let absent = model.sites[site].labels.len();
                // For each literal: may it hold, may it fail.
                let status = |p: &Self, (s, set): &(SiteId, Vec<usize>)| {
                    let (mut holds, mut fails) = (false, false);
                    for code in (0..model.width(*s)).filter(|&c| p.has(*s, c)) {
                        if set.contains(&code) {
                            holds = true
                        } else {
                            fails = true
                        }
                    }
                    (holds, fails)
                };
                let certain = any.iter().any(|all| all.iter().all(|l| !status(self, l).1));
                let alive: Vec<_> = any
                    .iter()
                    .filter(|all| all.iter().all(|l| status(self, l).0))
                    .collect();
                if certain {
                    again |= self.retain(site, absent + 1, |c| c != absent);
                } else if alive.is_empty() {
                    again |= self.retain(site, absent + 1, |c| c == absent);
                } else if !self.has(site, absent) {
                    if let [all] = &alive[..] {
                        for (s, set) in *all {
                            again |= self.retain(*s, model.width(*s), |c| set.contains(&c));
                        }
                    }
                } else if self.left(site) == 1 {
                    for all in alive {
                        let open: Vec<_> = all.iter().filter(|l| status(self, l).1).collect();
                        if let [(s, set)] = &open[..] {
                            again |= self.retain(*s, model.width(*s), |c| !set.contains(&c));
                        }
                    }
                }
                if self.left(site) == 0 {
                    return false;
                }
            }
        }
        (0..model.sites.len()).all(|s| self.left(s) > 0)
    }
}
