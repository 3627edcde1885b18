//! Reading a member from text by a template, with the place and the expectation where it fails.

use std::fmt;

use crate::model::{Arch, SiteId};
use crate::template::{Possible, Step, Template};

/// Why a text is no member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The character (counted from 0) where reading got stuck.
    pub at: usize,
    /// What could stand there.
    pub expected: Vec<String>,
    /// The whole sentence.
    pub message: String,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for DecodeError {}

/// Branches tried before a text is given up.
const BRANCHES: usize = 1_000_000;

struct Reader<'a> {
    template: &'a Template,
    text: &'a str,
    conditional: Vec<SiteId>,
    /// The byte that reading came to, and what it tried there: (step, bytes of a literal that matched).
    furthest: usize,
    tried: Vec<(Option<usize>, usize)>,
    branches: usize,
    ambiguous: Option<SiteId>,
}

impl Template {
    /// The feasible member that `text` names. Where texts of options overlap, the longest is tried first.
    pub fn decode(&self, text: &str) -> Result<Arch, DecodeError> {
        let arch = self.decode_raw(text)?;
        match self.model.contains(&arch) {
            Ok(()) => Ok(arch),
            Err(why) => {
                let message = format!("the text names no member of the space: {why}");
                Err(DecodeError {
                    at: 0,
                    expected: Vec::new(),
                    message,
                })
            }
        }
    }

    /// The raw member that `text` names: predicates and windows are not looked at.
    pub fn decode_raw(&self, text: &str) -> Result<Arch, DecodeError> {
        let conditional = (0..self.model.sites.len())
            .filter(|&s| self.model.sites[s].conditional())
            .collect();
        let mut reader = Reader {
            template: self,
            text,
            conditional,
            furthest: 0,
            tried: Vec::new(),
            branches: 0,
            ambiguous: None,
        };
        let mut possible = Possible::all(&self.model);
        if !reader.settle(&mut possible) {
            return Err(DecodeError {
                at: 0,
                expected: Vec::new(),
                message: "the space has no member".into(),
            });
        }
        reader.read(0, 0, possible).ok_or_else(|| reader.error())
    }
}

impl Reader<'_> {
    fn settle(&self, possible: &mut Possible) -> bool {
        self.conditional.is_empty() || possible.propagate(&self.template.model, &self.conditional)
    }

    fn stuck(&mut self, at: usize, step: Option<usize>, matched: usize) {
        if at > self.furthest {
            self.furthest = at;
            self.tried.clear();
        }
        if at == self.furthest && !self.tried.contains(&(step, matched)) {
            self.tried.push((step, matched));
        }
    }

    fn over(&mut self) -> bool {
        self.branches += 1;
        self.branches > BRANCHES || self.ambiguous.is_some()
    }

    fn read(&mut self, mut step: usize, mut at: usize, possible: Possible) -> Option<Arch> {
        let template = self.template;
        loop {
            let rest = &self.text[at..];
            match template.steps.get(step) {
                None if rest.is_empty() => return self.complete(possible),
                None => {
                    self.stuck(at, None, 0);
                    return None;
                }
                Some(Step::Literal(text)) => {
                    if !rest.starts_with(text.as_str()) {
                        let same = text.chars().zip(rest.chars()).take_while(|(a, b)| a == b);
                        let matched = same.map(|(a, _)| a.len_utf8()).sum();
                        self.stuck(at + matched, Some(step), matched);
                        return None;
                    }
                    at += text.len();
                    step += 1;
                }
                Some(Step::Rows { sites, rows, .. }) => {
                    for (text, codes) in rows {
                        let fits = || sites.iter().zip(codes).all(|(s, c)| possible.has(*s, *c));
                        if !rest.starts_with(text.as_str()) || !fits() {
                            continue;
                        }
                        if self.over() {
                            return None;
                        }
                        let mut next = possible.clone();
                        sites.iter().zip(codes).for_each(|(s, c)| next.set(*s, *c));
                        if self.settle(&mut next)
                            && let Some(arch) = self.read(step + 1, at + text.len(), next)
                        {
                            return Some(arch);
                        }
                    }
                    self.stuck(at, Some(step), 0);
                    return None;
                }
                Some(Step::Item {
                    site,
                    before,
                    texts,
                    join,
                }) => {
                    let absent = template.model.sites[*site].labels.len();
                    let there = |s: SiteId| !possible.has(s, template.model.sites[s].labels.len());
                    let lead = if before
                        .iter()
                        .any(|&s| !template.model.sites[s].conditional() || there(s))
                    {
                        join
                    } else {
                        ""
                    };
                    if let Some(after) = rest.strip_prefix(lead) {
                        for (text, code) in texts {
                            if !after.starts_with(text.as_str()) || !possible.has(*site, *code) {
                                continue;
                            }
                            if self.over() {
                                return None;
                            }
                            let mut next = possible.clone();
                            next.set(*site, *code);
                            if self.settle(&mut next)
                                && let Some(arch) =
                                    self.read(step + 1, at + lead.len() + text.len(), next)
                            {
                                return Some(arch);
                            }
                        }
                        self.stuck(at + lead.len(), Some(step), 0);
                    } else {
                        self.stuck(at, Some(step), 0);
                    }
                    if !template.model.sites[*site].conditional()
                        || !possible.has(*site, absent)
                        || self.over()
                    {
                        return None;
                    }
                    let mut next = possible.clone();
                    next.set(*site, absent);
                    return if self.settle(&mut next) {
                        self.read(step + 1, at, next)
                    } else {
                        None
                    };
                }
            }
        }
    }

    /// The one member with these codes left; notes the site if there are two.
    fn complete(&mut self, possible: Possible) -> Option<Arch> {
        let mut found = Vec::new();
        self.fill(0, possible, &mut found);
        if let [a, b] = &found[..] {
            self.ambiguous = a.0.iter().zip(&b.0).position(|(x, y)| x != y);
            return None;
        }
        found.pop()
    }

    fn fill(&mut self, from: SiteId, possible: Possible, found: &mut Vec<Arch>) {
        let model = &self.template.model;
        let n = model.sites.len();
        let Some(site) = (from..n).find(|&s| possible.left(s) > 1) else {
            let option = |s: SiteId| {
                possible
                    .first(s)
                    .filter(|c| *c < model.sites[s].labels.len())
            };
            let arch = Arch((0..n).map(option).collect());
            if model.well_formed(&arch).is_ok() {
                found.push(arch);
            }
            return;
        };
        for code in (0..model.width(site)).filter(|&c| possible.has(site, c)) {
            if found.len() > 1 || self.over() {
                return;
            }
            let mut next = possible.clone();
            next.set(site, code);
            if self.settle(&mut next) {
                self.fill(site + 1, next, found);
            }
        }
    }

    fn error(&self) -> DecodeError {
        let model = &self.template.model;
        let at = self.text[..self.furthest].chars().count();
        if let Some(site) = self.ambiguous {
            let message = format!("the text does not tell `{}`", model.sites[site].address);
            return DecodeError {
                at: self.text.chars().count(),
                expected: Vec::new(),
                message,
            };
        }
        let mut expected: Vec<String> = Vec::new();
        for (step, matched) in &self.tried {
            match step.and_then(|s| self.template.steps.get(s)) {
                None => expected.push("the end".into()),
                Some(Step::Literal(text)) => expected.push(text[*matched..].to_string()),
                Some(Step::Rows { rows, .. }) => expected.extend(rows.iter().map(|r| r.0.clone())),
                Some(Step::Item { texts, .. }) => {
                    expected.extend(texts.iter().map(|t| t.0.clone()))
                }
            }
        }
        expected.retain(|e| !e.is_empty());
        expected.sort();
        expected.dedup();
        let quoted: Vec<String> = expected.iter().take(12).map(|e| format!("`{e}`")).collect();
        let rest: String = self.text[self.furthest..].chars().take(12).collect();
        let found = if rest.is_empty() {
            "the end".to_string()
        } else {
            format!("`{rest}`")
        };
        let message = match &quoted[..] {
            [] => format!("at character {at}: {found} does not fit what stands before it"),
            _ => format!(
                "at character {at}: expected {}, found {found}",
                quoted.join(" or ")
            ),
        };
        DecodeError {
            at,
            expected,
            message,
        }
    }
}
