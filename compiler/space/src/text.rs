//! Reading a member from text by a template, with the place and the expectation where it fails.

use std::collections::BTreeSet;
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

/// What [`DecodeError::expected`] says of the end of the text.
pub const END: &str = "the end";

/// Branches tried before a text is given up.
const BRANCHES: usize = 1_000_000;

struct Reader<'a> {
    template: &'a Template,
    text: &'a str,
    conditional: Vec<SiteId>,
    /// The byte that reading came to, and what could have stood there; an empty text is the end.
    furthest: usize,
    tried: BTreeSet<String>,
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
            tried: BTreeSet::new(),
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

    /// None of `texts`, which are what could stand at `at`, leads on. Where all of them begin alike, what the text has of that is read.
    fn stuck<'t>(&mut self, mut at: usize, texts: impl Iterator<Item = &'t str> + Clone) {
        let rest = &self.text[at..];
        let texts = texts.filter(|t| t.is_empty() || !rest.starts_with(t));
        let Some(first) = texts.clone().next() else {
            return;
        };
        let alike = |a: &str, b: &str| -> usize {
            let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y);
            same.map(|(x, _)| x.len_utf8()).sum()
        };
        let shared = texts.clone().map(|t| alike(t, first)).min().unwrap_or(0);
        let read = alike(&first[..shared], rest);
        at += read;
        if at > self.furthest {
            self.furthest = at;
            self.tried.clear();
        }
        if at == self.furthest {
            self.tried.extend(texts.map(|t| t[read..].to_string()));
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
                    self.stuck(at, std::iter::once(""));
                    return None;
                }
                Some(Step::Literal(text)) => {
                    if !rest.starts_with(text.as_str()) {
                        self.stuck(at, std::iter::once(text.as_str()));
                        return None;
                    }
                    at += text.len();
                    step += 1;
                }
                Some(Step::Rows { sites, rows, .. }) => {
                    let fits = |codes: &[usize]| {
                        let mut pairs = sites.iter().zip(codes);
                        pairs.all(|(s, c)| possible.has(*s, *c))
                    };
                    for (text, codes) in rows {
                        if !rest.starts_with(text.as_str()) || !fits(codes) {
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
                    let here = rows
                        .iter()
                        .filter(|(t, codes)| !t.is_empty() && fits(codes));
                    self.stuck(at, here.map(|(text, _)| text.as_str()));
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
                    }
                    let here = texts
                        .iter()
                        .filter(|t| !t.0.is_empty() && possible.has(*site, t.1));
                    if rest.starts_with(lead) {
                        self.stuck(at + lead.len(), here.map(|t| t.0.as_str()));
                    } else {
                        let whole: Vec<String> = here.map(|t| format!("{lead}{}", t.0)).collect();
                        self.stuck(at, whole.iter().map(String::as_str));
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
        let named = |t: &String| match t.is_empty() {
            true => END.to_string(),
            false => t.clone(),
        };
        let expected: Vec<String> = self.tried.iter().map(named).collect();
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
