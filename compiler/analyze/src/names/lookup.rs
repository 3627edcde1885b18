//! What a name stands for where it is written, and which import that uses up.

use super::{Checker, Known};
use crate::modules::report::members;
use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_eval::program::{GlobalId, ModuleId, ScopeEntry};
use nas_grammar::ast::{Expr, ExprKind, Ident, Item, ItemKind, Text};
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Meaning {
    Local(Known),
    Global(GlobalId),
    Module(ModuleId),
    Label,
    Unknown,
}

impl Checker<'_> {
    /// Looks a name up and marks the import that it comes from as used.
    pub(super) fn look(&mut self, name: &Ident) -> Meaning {
        if let Some(local) = self.locals.iter_mut().rev().find(|l| l.name == name.text) {
            local.used = true;
            return Meaning::Local(local.known.clone());
        }
        let scope = &self.program.modules[self.module].scope;
        let Some(entry) = scope.get(&name.text).cloned() else {
            return match self.program.prelude.get(&name.text).cloned() {
                Some(entry) => self.meaning(entry),
                None => Meaning::Unknown,
            };
        };
        if self.index.own[self.module].contains_key(&name.text) {
            return self.meaning(entry);
        }
        if let Some(i) = self.here.explicit.get(&name.text) {
            self.here.used.insert(*i);
        } else if entry == ScopeEntry::Label {
            let from = self.here.labels.get(&name.text);
            self.here.used.extend(from.into_iter().flatten());
        } else if let Some(found) = self.here.globs.get(&name.text) {
            self.here.used.extend(found.iter().map(|(i, _)| *i));
            let first = found[0];
            if let Some(other) = found.iter().find(|f| f.1 != first.1) {
                let (a, b) = (&self.imports[first.0], &self.imports[other.0]);
                let finding = Diagnostic::error(
                    "E0206",
                    format!("`{}` comes from two imported modules", name.text),
                )
                .at(name.span, "which of the two is meant is open")
                .at(a.span, "one is from here")
                .at(b.span, "the other from here")
                .help(format!(
                    "list the one that is meant: `use {}.{{{}}}`",
                    self.program.modules[self.program.globals[first.1].module].path, name.text
                ));
                if self.reported.insert((name.span, name.text.clone())) {
                    self.diagnostics.push(finding);
                }
            }
        }
        self.meaning(entry)
    }

    fn meaning(&self, entry: ScopeEntry) -> Meaning {
        match entry {
            ScopeEntry::Global(id) => Meaning::Global(id),
            ScopeEntry::Module(id) => Meaning::Module(id),
            ScopeEntry::Label => Meaning::Label,
        }
    }

    pub(super) fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|l| &*l.name == name)
    }

    /// A name as a value.
    pub(super) fn value(&mut self, name: &Ident) -> Meaning {
        let meaning = self.look(name);
        match meaning {
            Meaning::Module(module) => self.namespace(name, module),
            Meaning::Unknown if self.lenient == 0 => self.unknown(name),
            _ => {}
        }
        meaning
    }

    /// Looks a name up for its import only.
    pub(super) fn mention(&mut self, name: &Ident) {
        self.look(name);
    }

    /// E0207: a namespace where a value is needed.
    fn namespace(&mut self, name: &Ident, module: ModuleId) {
        let own = &self.index.own[module];
        let mut finding =
            Diagnostic::error("E0207", format!("`{}` is a module, not a value", name.text))
                .at(name.span, "which of its members is meant?");
        if let Some(list) = members(own.keys().map(|k| &**k)) {
            finding = finding.note(format!("its members: {list}"));
        }
        let first = own.keys().min();
        if let Some(first) = first {
            let path = &self.program.modules[module].path;
            finding = finding
                .help(format!(
                    "write `{0}.{first}`, or import one: `use {path}.{first} as {0}`",
                    name.text
                ))
                .fix(name.span, format!("{}.{first}", name.text));
        }
        self.diagnostics.push(finding);
    }

    /// `base.name` where `base` is a namespace: the member, `Some(None)` when it was reported; `None` for any other base.
    pub(super) fn member(&mut self, base: &Expr, name: &Ident) -> Option<Option<GlobalId>> {
        let ExprKind::Name(space) = &base.kind else {
            return None;
        };
        if self.is_local(&space.text) {
            return None;
        }
        let Meaning::Module(module) = self.look(space) else {
            return None;
        };
        let own = &self.index.own[module];
        if let Some(global) = own.get(&name.text) {
            return Some(Some(*global));
        }
        let path = &self.program.modules[module].path;
        let mut finding =
            Diagnostic::error("E0202", format!("module `{path}` has no `{}`", name.text))
                .at(name.span, "not declared there");
        if let Some(list) = members(own.keys().map(|k| &**k)) {
            finding = finding.note(format!("its members: {list}"));
        }
        if let Some(near) = did_you_mean(&name.text, own.keys()) {
            finding = finding.did_you_mean(&near);
        }
        self.diagnostics.push(finding);
        Some(None)
    }

    /// The declaration behind a name or a member, when it is one that is called.
    pub(super) fn callee(&mut self, expr: &Expr) -> Option<(Known, Option<GlobalId>)> {
        let global = match &expr.kind {
            ExprKind::Name(name) => match self.look(name) {
                Meaning::Local(known) => return Some((known, None)),
                Meaning::Global(id) => id,
                _ => return None,
            },
            ExprKind::Field { base, name } => self.quiet(|c| c.member(base, name)).flatten()?,
            _ => return None,
        };
        known(self.program.item(global)).map(|k| (k, Some(global)))
    }

    fn quiet<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.diagnostics.len();
        let result = f(self);
        self.diagnostics.truncate(before);
        result
    }

    /// Names in the `{…}` parts of a text count as uses.
    pub(super) fn text(&mut self, text: &Text) {
        let mut depth = 0usize;
        let mut word = String::new();
        for c in text.raw.chars().chain([' ']) {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
                continue;
            }
            if depth > 0 && !word.is_empty() {
                let name = Ident {
                    text: Arc::from(&*word),
                    span: text.span,
                };
                self.quiet(|checker| checker.mention(&name));
            }
            word.clear();
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

fn known(item: &Item) -> Option<Known> {
    match &item.kind {
        ItemKind::Fn(d) => Some(Known::Fn(d.clone())),
        ItemKind::Space(d) => Some(Known::Space(d.clone())),
        _ => None,
    }
}
