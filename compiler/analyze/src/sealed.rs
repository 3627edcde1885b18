//! Seals as far as they follow from the text: a listed function does not hand what it reads to one that is not listed.
//!
//! What follows from a sealed value may be handed on, and the library's functions and functions that are given as values may be used.

use crate::walk::{Visit, walk_expr};
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::program::{ModuleId, Program, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Findings E0629 of the functions that seals list.
pub(crate) fn check_seals(program: &Program, out: &mut Vec<Diagnostic>) {
    let own = |m: &&nas_eval::program::Module| !m.std;
    let mut listed = Listed::default();
    for m in program.modules.iter().filter(own) {
        m.tree.items.iter().for_each(|i| listed.item(i));
    }
    if listed.0.is_empty() {
        return;
    }
    for (id, m) in program.modules.iter().enumerate() {
        if m.std {
            continue;
        }
        for item in &m.tree.items {
            let ItemKind::Fn(d) = &item.kind else {
                continue;
            };
            let Some(body) = d.body.as_ref().filter(|_| listed.0.contains(&d.name.text)) else {
                continue;
            };
            let sealed = |p: &&Param| {
                p.sealed || matches!(p.ty.as_ref().map(|t| &t.kind), Some(TypeKind::Sealed(_)))
            };
            let params: Vec<&Param> = d.params.iter().flatten().collect();
            Hands {
                program,
                module: id,
                listed: &listed.0,
                names: params.iter().map(|p| p.name.text.clone()).collect(),
                sealed: (params.iter().copied().filter(sealed))
                    .map(|p| p.name.clone())
                    .collect(),
                out,
            }
            .block(body);
        }
    }
}

/// The functions that some `seal(v, for: […])` names.
#[derive(Default)]
struct Listed(BTreeSet<Arc<str>>);

impl Visit for Listed {
    fn expr(&mut self, e: &Expr) {
        if let ExprKind::Call { callee, args, .. } = &e.kind
            && matches!(&callee.kind, ExprKind::Name(n) if &*n.text == "seal")
            && let Some(list) = args
                .iter()
                .find(|a| a.name.as_ref().is_some_and(|n| &*n.text == "for"))
            && let ExprKind::List(items) = &list.value.kind
        {
            for item in items {
                if let ListItem::Item(e) = item
                    && let ExprKind::Name(n) = &e.kind
                {
                    self.0.insert(n.text.clone());
                }
            }
        }
        walk_expr(self, e);
    }
}

struct Hands<'a> {
    program: &'a Program,
    module: ModuleId,
    listed: &'a BTreeSet<Arc<str>>,
    names: Vec<Arc<str>>,
    sealed: Vec<Ident>,
    out: &'a mut Vec<Diagnostic>,
}

impl Hands<'_> {
    fn handed(&mut self, callee: &Expr, value: &Expr) {
        let (ExprKind::Name(f), ExprKind::Name(v)) = (&callee.kind, &value.kind) else {
            return;
        };
        let Some(param) = self.sealed.iter().find(|s| s.text == v.text) else {
            return;
        };
        if self.listed.contains(&f.text) || self.names.contains(&f.text) {
            return;
        }
        let Some(ScopeEntry::Global(id)) = self.program.lookup(self.module, &f.text) else {
            return;
        };
        let ItemKind::Fn(d) = &self.program.item(*id).kind else {
            return;
        };
        let home = self.program.globals[*id].module;
        if d.role == Role::Intrinsic || self.program.modules[home].std {
            return;
        }
        let place: Span = value.span;
        self.out.push(
            Diagnostic::error(
                "E0629",
                format!("`{}` is sealed, and `{}` is not listed as a reader", v.text, f.text),
            )
            .at(place, "handed on here")
            .at(param.span, "sealed")
            .at(d.name.span, "not a reader")
            .help(format!(
                "list it where the value is sealed, `for: [{}, …]`, or hand on what follows from the value",
                f.text
            )),
        );
    }
}

impl Visit for Hands<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Call { callee, args, .. } => {
                args.iter().for_each(|a| self.handed(callee, &a.value));
            }
            ExprKind::Pipe { value, target } => match &target.kind {
                ExprKind::Call { callee, .. } => self.handed(callee, value),
                _ => self.handed(target, value),
            },
            _ => {}
        }
        walk_expr(self, e);
    }
}
