//! E0201: a name that stands for nothing, and what may have been meant.

use super::Checker;
use crate::modules::index;
use nas_diagnostics::{Diagnostic, FileId, did_you_mean};
use nas_grammar::ast::Ident;
use std::collections::HashMap;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn unknown(&mut self, name: &Ident) {
        if !self.reported.insert((name.span, name.text.clone())) {
            return;
        }
        let finding = Diagnostic::error("E0201", format!("unknown name `{}`", name.text))
            .at(name.span, "nothing of this name is in scope");
        let help = self.elsewhere(&name.text).or_else(|| {
            let scope = &self.program.modules[self.module].scope;
            let known = self
                .locals
                .iter()
                .map(|l| &*l.name)
                .chain(scope.keys().map(|k| &**k))
                .chain(self.program.prelude.keys().map(|k| &**k));
            did_you_mean(&name.text, known).map(|near| format!("did you mean `{near}`?"))
        });
        self.diagnostics.push(Diagnostic { help, ..finding });
    }

    /// Which `use` would bring the name in.
    fn elsewhere(&mut self, name: &str) -> Option<String> {
        if self.elsewhere.is_none() {
            self.elsewhere = Some(self.declarations());
        }
        let path = self.elsewhere.as_ref()?.get(name)?;
        Some(format!("add `use {path}`"))
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
        for (path, text) in self.library {
            if self.index.by_file.contains_key(&*format!("std/{path}")) {
                continue;
            }
            let (tree, _) = nas_grammar::parse(FileId::default(), text);
            let dotted = path.strip_suffix(".nas").unwrap_or(path).replace('/', ".");
            for (name, _) in tree.items.iter().flat_map(index::declared) {
                found.entry(name).or_insert_with(|| dotted.clone());
            }
        }
        found
    }
}
