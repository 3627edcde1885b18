//! E0201: a name that stands for nothing, and what may have been meant.

use super::Checker;
use crate::modules::index;
use nas_diagnostics::{Diagnostic, FileId, Span, did_you_mean};
use nas_grammar::ast::Ident;
use std::collections::HashMap;
use std::sync::Arc;

/// Unknown names beyond which none is likened to those in scope.
const MANY: usize = 1_000;

impl Checker<'_> {
    pub(super) fn unknown(&mut self, name: &Ident) {
        if self.here.failed.contains(&name.text)
            || !self.reported.insert((name.span, name.text.clone()))
        {
            return;
        }
        let finding = Diagnostic::error("E0201", format!("unknown name `{}`", name.text))
            .at(name.span, "nothing of this name is in scope");
        let elsewhere = self.elsewhere(&name.text);
        // A file of thousands is no file of slips.
        let near = if self.reported.len() > MANY {
            None
        } else {
            let scope = &self.program.modules[self.module].scope;
            let known = self
                .locals
                .iter()
                .map(|l| &*l.name)
                .chain(scope.keys().map(|k| &**k))
                .chain(self.program.prelude.keys().map(|k| &**k));
            did_you_mean(&name.text, known)
        };
        // A module that is not found is told at its `use`, and not at each of its names.
        if self.here.missing && (elsewhere.is_some() || near.is_none()) {
            return;
        }
        let tree = &self.program.modules[self.module].tree;
        let finding = match (elsewhere, near) {
            (Some(path), _) => {
                // Behind the file's own words about itself, before its first item.
                let at = tree.items.first().map_or(tree.span, |i| i.span);
                let at = Span {
                    end: at.start,
                    ..at
                };
                let help = format!("add `use {path}`");
                finding.help(help).fix(at, format!("use {path}\n"))
            }
            (None, Some(near)) => finding.did_you_mean(&near),
            (None, None) => finding,
        };
        self.diagnostics.push(finding);
    }

    /// The module that would bring the name in.
    fn elsewhere(&mut self, name: &str) -> Option<String> {
        if self.elsewhere.is_none() {
            self.elsewhere = Some(self.declarations());
        }
        let path = self.elsewhere.as_ref()?.get(name)?;
        Some(path.clone())
    }

    /// The module of each name that the library, or another file of the program, declares.
    fn declarations(&self) -> HashMap<Arc<str>, String> {
        let mut found: HashMap<Arc<str>, String> = HashMap::new();
        for global in &self.program.globals {
            let path = &self.program.modules[global.module].path;
            found
                .entry(global.name.clone())
                .or_insert_with(|| path.to_string());
        }
        // A module itself, as a namespace.
        let stem = |path: &str| Arc::from(path.rsplit('.').next().unwrap_or(path));
        for module in &self.program.modules {
            found
                .entry(stem(&module.path))
                .or_insert_with(|| module.path.to_string());
        }
        for (path, text) in self.library {
            if self.index.by_file.contains_key(&*format!("std/{path}")) {
                continue;
            }
            let (tree, _) = nas_grammar::parse(FileId::default(), text);
            let dotted = path.strip_suffix(".nas").unwrap_or(path).replace('/', ".");
            found.entry(stem(&dotted)).or_insert_with(|| dotted.clone());
            for (name, _) in tree.items.iter().flat_map(index::declared) {
                found.entry(name).or_insert_with(|| dotted.clone());
            }
        }
        found
    }
}
