//! Functions terminate: none calls itself, directly or through others (E0324).

use crate::effects::Body;
use crate::modules::index::Index;
use crate::walk::{Visit, walk_block};
use nas_diagnostics::{Diagnostic, Sources, Span, tidy};
use nas_eval::program::{GlobalId, Program, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::{HashMap, HashSet};

/// One finding a circle of functions, at the first of them.
pub fn check_recursion(program: &Program, sources: &Sources) -> Vec<Diagnostic> {
    let index = Index::of(program, sources);
    let library = program.modules.get(program.entry).is_some_and(|m| m.std);
    let mut calls: HashMap<GlobalId, Vec<(GlobalId, Span)>> = HashMap::new();
    let mut out = vec![];
    for (id, global) in program.globals.iter().enumerate() {
        if program.modules[global.module].std && !library {
            continue;
        }
        let mut walk = match &program.item(id).kind {
            ItemKind::Fn(d) => Body::of(d),
            ItemKind::Let { .. } => Body::default(),
            _ => continue,
        };
        match &program.item(id).kind {
            ItemKind::Fn(d) => {
                d.body.iter().for_each(|b| walk_block(&mut walk, b));
                let defaults = d.params.iter().flatten().filter_map(|p| p.default.as_ref());
                defaults.for_each(|e| walk.expr(e));
            }
            ItemKind::Let { value, .. } => walk.expr(value),
            _ => {}
        }
        let found = walk.called.iter().filter_map(|(base, name, at)| {
            let entry = program.lookup(global.module, base.as_deref().unwrap_or(name))?;
            match (base, entry) {
                (None, ScopeEntry::Global(to)) => Some((*to, *at)),
                (Some(_), ScopeEntry::Module(m)) => Some((*index.own[*m].get(&**name)?, *at)),
                _ => None,
            }
        });
        calls.insert(id, found.collect());
        let mut inner = Nested { out: &mut out };
        if let ItemKind::Fn(d) = &program.item(id).kind {
            d.body.iter().for_each(|b| inner.block(b));
        }
    }
    let mut told: HashSet<GlobalId> = HashSet::new();
    let mut ids: Vec<GlobalId> = calls.keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        if told.contains(&id) {
            continue;
        }
        let Some(path) = circle(id, &calls) else {
            continue;
        };
        told.extend(path.iter().map(|p| p.0));
        let name = |g: GlobalId| program.globals[g].name.to_string();
        let (at, value) = match &program.item(id).kind {
            ItemKind::Fn(d) => (d.name.span, false),
            ItemKind::Let { pattern, .. } => (pattern.span, true),
            _ => continue,
        };
        let mut message = match value {
            true => format!("`{}` needs itself", name(id)),
            false => format!("`{}` calls itself", name(id)),
        };
        let between: Vec<String> = path[1..]
            .iter()
            .map(|p| format!("`{}`", name(p.0)))
            .collect();
        if !between.is_empty() {
            message.push_str(&format!(", through {}", between.join(", ")));
        }
        let (why, verb, help) = match value {
            true => (
                "a value is made of values that are there before it",
                "needed",
                "take one of them out of the circle; a loop has a bound: `repeat n { … }`",
            ),
            false => (
                "a function has to end",
                "called",
                "a loop has a bound: `for x in xs { … }`, `repeat n { … }`, `repeat n while p { … }`",
            ),
        };
        let mut finding = Diagnostic::error("E0324", message).at(at, why);
        for (from, at) in &path {
            finding = finding.at(*at, format!("{verb} here by `{}`", name(*from)));
        }
        out.push(finding.help(help));
    }
    tidy(out)
}

/// The shortest way from a function back to itself: who calls, and where.
fn circle(
    start: GlobalId,
    calls: &HashMap<GlobalId, Vec<(GlobalId, Span)>>,
) -> Option<Vec<(GlobalId, Span)>> {
    let mut came: HashMap<GlobalId, (GlobalId, Span)> = HashMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for (to, span) in calls.get(&at).into_iter().flatten() {
            if *to == start {
                let mut path = vec![(at, *span)];
                let mut here = at;
                while here != start {
                    let (from, span) = came.get(&here).copied()?;
                    path.push((from, span));
                    here = from;
                }
                path.reverse();
                return Some(path);
            }
            if *to != start && !came.contains_key(to) {
                came.insert(*to, (at, *span));
                queue.push_back(*to);
            }
        }
    }
    None
}

/// Functions inside bodies that call themselves.
struct Nested<'a> {
    out: &'a mut Vec<Diagnostic>,
}

impl Visit for Nested<'_> {
    fn item(&mut self, item: &Item) {
        if let ItemKind::Fn(d) = &item.kind
            && let Some(body) = &d.body
        {
            let mut walk = Body::of(d);
            walk_block(&mut walk, body);
            if let Some((_, _, at)) = walk
                .called
                .iter()
                .find(|c| c.0.is_none() && c.1 == *d.name.text)
            {
                self.out.push(
                    Diagnostic::error("E0324", format!("`{}` calls itself", d.name.text))
                        .at(d.name.span, "a function has to end")
                        .at(*at, format!("called here by `{}`", d.name.text))
                        .help("a loop has a bound: `for x in xs { … }`, `repeat n { … }`, `repeat n while p { … }`"),
                );
            }
        }
        crate::walk::walk_item(self, item);
    }
}
