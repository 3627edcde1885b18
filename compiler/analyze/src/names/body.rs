//! Statements: each name is seen below its own line, nested declarations in the whole block.

use super::{Checker, Known};
use crate::modules::index::{self, pattern_names};
use crate::modules::report;
use crate::walk::{Visit, walk_stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::*;
use std::collections::HashMap;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn body(&mut self, block: &Block) {
        self.scoped(|c| {
            let stmts: Vec<&Stmt> = block.stmts.iter().collect();
            c.stmts(&stmts, |c| {
                block.value.iter().for_each(|e| c.expr(e));
            });
        });
    }

    /// The statements of a block, then what comes after them, then the bodies of its nested declarations, which may use any name
    /// of the block.
    pub(super) fn stmts(&mut self, stmts: &[&Stmt], after: impl FnOnce(&mut Self)) {
        self.doubled(stmts);
        for stmt in stmts {
            if let StmtKind::Item(item) = &stmt.kind {
                for (name, _) in index::declared(item) {
                    let known = match &item.kind {
                        ItemKind::Fn(d) => Known::Fn(d.clone()),
                        ItemKind::Space(d) => Known::Space(d.clone()),
                        _ => Known::Value,
                    };
                    self.bind(&name, known);
                }
            }
        }
        for stmt in stmts {
            self.stmt(stmt);
        }
        after(self);
        for stmt in stmts {
            if let StmtKind::Item(item) = &stmt.kind {
                self.item(item);
            }
        }
    }

    /// E0206: two names of one block.
    fn doubled(&mut self, stmts: &[&Stmt]) {
        let mut first: HashMap<Arc<str>, Span> = HashMap::new();
        for stmt in stmts {
            for (name, span) in bound(stmt) {
                match first.get(&name) {
                    Some(at) => {
                        let finding = report::twice(&name, *at, span, "bound");
                        self.diagnostics
                            .push(finding.help("give the second one another name"));
                    }
                    None => {
                        first.insert(name, span);
                    }
                }
            }
        }
    }

    pub(super) fn statement(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Item(_) => {}
            StmtKind::Let { pattern, ty, value } => {
                self.expr(value);
                ty.iter().for_each(|t| self.ty(t));
                match &pattern.kind {
                    PatternKind::Name(name) if self.reads => self.bind_used(&name.text, name.span),
                    _ => self.pattern(pattern),
                }
            }
            StmtKind::Draw { pattern, value } => {
                let between = Span {
                    start: pattern.span.end,
                    end: value.span.start,
                    ..stmt.span
                };
                self.tilde = Some((between, " = "));
                // `let b ~ draw where distance(a, b) >= margin`: the condition speaks of what was drawn.
                if let ExprKind::DrawWhere {
                    value,
                    condition,
                    within,
                    otherwise,
                } = &value.kind
                {
                    self.drawn(value);
                    within.iter().for_each(|e| self.expr(e));
                    otherwise.iter().for_each(|e| self.substitute(e));
                    self.pattern(pattern);
                    self.expr(condition);
                } else {
                    self.drawn(value);
                    self.pattern(pattern);
                }
            }
            StmtKind::Tap { name, value } | StmtKind::Weights { name, value } => {
                self.expr(value);
                self.bind(&name.text, Known::Value);
            }
            StmtKind::Param {
                name,
                ty,
                init,
                drawn,
            }
            | StmtKind::State {
                name,
                ty,
                init,
                drawn,
            } => {
                ty.iter().for_each(|t| self.shape(t));
                if let Some(init) = init {
                    self.initial += usize::from(*drawn);
                    self.expr(init);
                    self.initial -= usize::from(*drawn);
                }
                self.bind(&name.text, Known::Value);
            }
            StmtKind::OnChange {
                setting,
                binder,
                body,
            } => {
                self.expr(setting);
                self.scoped(|c| {
                    binder.iter().for_each(|p| c.pattern(p));
                    c.block(body);
                });
            }
            StmtKind::For {
                pattern,
                iterable,
                condition,
                body,
            } => {
                self.expr(iterable);
                self.scoped(|c| {
                    c.pattern(pattern);
                    condition.iter().for_each(|e| c.expr(e));
                    c.block(body);
                });
            }
            StmtKind::Encoding(text) => self.text(text),
            StmtKind::Net(net) => self.net(net),
            StmtKind::Phase { at, settings } => {
                self.expr(at);
                self.fields(settings);
            }
            _ => walk_stmt(self, stmt),
        }
    }
}

/// What binds nothing is walked; the rest is looked at here.
impl Visit for Checker<'_> {
    fn item(&mut self, item: &Item) {
        self.declaration(item);
    }
    fn block(&mut self, block: &Block) {
        self.body(block);
    }
    fn stmt(&mut self, stmt: &Stmt) {
        self.statement(stmt);
    }
    fn expr(&mut self, expr: &Expr) {
        self.expression(expr);
    }
}

/// The names that a statement binds in its block.
fn bound(stmt: &Stmt) -> Vec<(Arc<str>, Span)> {
    match &stmt.kind {
        StmtKind::Item(item) => index::declared(item),
        StmtKind::Let { pattern, .. } | StmtKind::Draw { pattern, .. } => {
            let mut names = Vec::new();
            pattern_names(pattern, &mut names);
            // A pattern that binds one name twice is reported where it is bound.
            let mut seen = Vec::new();
            names.retain(|(name, _)| {
                let new = !seen.contains(name);
                seen.push(name.clone());
                new
            });
            names
        }
        StmtKind::Tap { name, .. }
        | StmtKind::Weights { name, .. }
        | StmtKind::Param { name, .. }
        | StmtKind::State { name, .. } => vec![(name.text.clone(), name.span)],
        _ => Vec::new(),
    }
}
