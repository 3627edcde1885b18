//! A member that a module has not, by what it is given: which of the members take such arguments.

use super::Checker;
use nas_diagnostics::Diagnostic;
use nas_eval::program::{GlobalId, ModuleId};
use nas_grammar::ast::*;
use std::sync::Arc;

impl Checker<'_> {
    /// Adds what to type to the finding of an unknown member that is called, where nothing near it was found.
    pub(super) fn fitting_member(&mut self, root: &Expr, args: &[Arg], from: usize) {
        let ExprKind::Field { base, name } = &root.kind else {
            return;
        };
        let ExprKind::Name(space) = &base.kind else {
            return;
        };
        let at = self.diagnostics[from..].iter().position(|d| {
            d.code == "E0202" && d.fixes.is_empty() && d.primary() == Some(name.span)
        });
        let (Some(at), Some(module)) = (at, self.module_of(space)) else {
            return;
        };
        let mut fitting: Vec<Arc<str>> = vec![];
        for (own, id) in &self.index.own[module] {
            if self.takes(*id, args) {
                fitting.push(own.clone());
            }
        }
        fitting.sort();
        let Some(first) = fitting.first() else { return };
        let d = self.diagnostics.remove(from + at);
        let d = advise(d, space, &fitting).fix(name.span, &**first);
        self.diagnostics.insert(from + at, d);
    }

    fn module_of(&mut self, name: &Ident) -> Option<ModuleId> {
        match self.look(name) {
            super::lookup::Meaning::Module(m) if !self.is_local(&name.text) => Some(m),
            _ => None,
        }
    }

    /// Whether a declaration has room for the arguments, and needs no more.
    fn takes(&self, id: GlobalId, args: &[Arg]) -> bool {
        let ItemKind::Fn(d) = &self.program.item(id).kind else {
            return false;
        };
        let Some(params) = d.params.first() else {
            return false;
        };
        let places = args.iter().filter(|a| a.name.is_none()).count();
        let names: Vec<&Ident> = args.iter().filter_map(|a| a.name.as_ref()).collect();
        let known = |n: &&Ident| params.iter().any(|p| p.name.text == n.text);
        let given = |i: usize, p: &Param| i < places || names.iter().any(|n| n.text == p.name.text);
        places <= params.len()
            && names.iter().all(known)
            && (params.iter().enumerate()).all(|(i, p)| given(i, p) || p.default.is_some())
    }
}

fn advise(d: Diagnostic, space: &Ident, fitting: &[Arc<str>]) -> Diagnostic {
    let all: Vec<String> = (fitting.iter().take(4))
        .map(|f| format!("`{}.{f}`", space.text))
        .collect();
    match &all[..] {
        [one] => d.help(format!("{one} takes such arguments")),
        _ => d.help(format!(
            "of its members {} take such arguments: say which",
            all.join(", ")
        )),
    }
}
