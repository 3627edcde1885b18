//! What the entries of a `use` stand for: a module with all of its names, or one declaration.

use nas_diagnostics::Span;
use nas_eval::program::{GlobalId, ModuleId};
use nas_grammar::ast::{Ident, Use};
use std::sync::Arc;

/// One entry of a `use`, its path written out.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// At least one name.
    pub path: Vec<Ident>,
    pub alias: Option<Ident>,
    pub span: Span,
}

impl Entry {
    pub fn dotted(&self) -> String {
        dotted(&self.path)
    }

    /// The name that it brings in.
    pub fn bound(&self) -> Option<&Ident> {
        self.alias.as_ref().or(self.path.last())
    }
}

pub(crate) fn dotted(path: &[Ident]) -> String {
    let parts: Vec<&str> = path.iter().map(|p| &*p.text).collect();
    parts.join(".")
}

/// `use a.{b, c as d}` as `a.b` and `a.c as d`.
pub(crate) fn entries(item: &Use) -> Vec<Entry> {
    match &item.names {
        None => vec![Entry {
            path: item.path.clone(),
            alias: item.alias.clone(),
            span: item.span,
        }],
        Some(names) => names
            .iter()
            .map(|(name, alias)| Entry {
                path: item.path.iter().chain([name]).cloned().collect(),
                alias: alias.clone(),
                span: alias.as_ref().map_or(name.span, |a| name.span.to(a.span)),
            })
            .collect(),
    }
    .into_iter()
    .filter(|e: &Entry| !e.path.is_empty())
    .collect()
}

/// What an entry stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// All names of a module; the bound name is the namespace, or the item of that name.
    Module(ModuleId),
    Item(GlobalId),
}

/// Why an entry stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No such module; the files that were looked for.
    Missing(Vec<String>),
    /// The module is there, the name is not.
    NoItem(ModuleId),
    /// It was reported where it was read.
    Reported,
}

/// Looks for modules; a loader reads them, a checker knows them already.
pub(crate) trait Finder {
    /// The module of a file (`search/nb201.nas`, `std/core/layers.nas`); `Err` when the fault was reported.
    fn module(&mut self, file: &str, at: Span) -> Result<Option<ModuleId>, ()>;
    fn item(&self, module: ModuleId, name: &str) -> Option<GlobalId>;
    fn roots(&self) -> &[String];
}

/// Resolves an entry for a module that is, or is not, of the standard library.
pub(crate) fn resolve(
    entry: &Entry,
    in_std: bool,
    finder: &mut dyn Finder,
) -> Result<Target, Failure> {
    let parts: Vec<&Arc<str>> = entry.path.iter().map(|p| &p.text).collect();
    let forced = &**parts[0] == "std";
    let parts = if forced { &parts[1..] } else { &parts[..] };
    let Some(last) = parts.last() else {
        return Err(Failure::Missing(vec!["std".into()]));
    };
    let mut bases: Vec<String> = Vec::new();
    if !forced && !in_std {
        bases.extend(finder.roots().iter().map(|root| match root.is_empty() {
            true => String::new(),
            false => format!("{root}/"),
        }));
    }
    bases.push("std/".into());
    let text: Vec<&str> = parts.iter().map(|p| &***p).collect();
    let (whole, front) = (text.join("/"), text[..text.len() - 1].join("/"));
    let mut tried = Vec::new();
    let mut nearest = None;
    let mut reported = false;
    for base in bases {
        let file = format!("{base}{whole}.nas");
        match finder.module(&file, entry.span) {
            Ok(Some(module)) => return Ok(Target::Module(module)),
            Ok(None) => tried.push(file),
            Err(()) => reported = true,
        }
        // A nearer module hides a farther one of the same name, also where it lacks the item.
        if front.is_empty() || nearest.is_some() {
            continue;
        }
        let file = format!("{base}{front}.nas");
        match finder.module(&file, entry.span) {
            Ok(Some(module)) => match finder.item(module, last) {
                Some(item) => return Ok(Target::Item(item)),
                None => nearest = Some(module),
            },
            Ok(None) => tried.push(file),
            Err(()) => reported = true,
        }
    }
    match nearest {
        _ if reported => Err(Failure::Reported),
        Some(module) => Err(Failure::NoItem(module)),
        None => Err(Failure::Missing(tried)),
    }
}
