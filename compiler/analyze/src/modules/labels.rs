//! Words that a module's own choices make: the labels of options, and the names of taps.

use crate::walk::{Visit, walk_expr, walk_stmt};
use nas_grammar::ast::{
    Expr, ExprKind, Field, ItemKind, ListItem, Module, PatternKind, Stmt, StmtKind,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Labels of the options of every `choose` in a module, sorted.
pub(crate) fn labels(module: &Module) -> Vec<Arc<str>> {
    collect(module).labels.into_iter().collect()
}

/// Names of the taps in a module.
pub(crate) fn taps(module: &Module) -> BTreeSet<Arc<str>> {
    collect(module).taps
}

fn collect(module: &Module) -> Words<'_> {
    let mut words = Words::default();
    for item in &module.items {
        if let ItemKind::Let { pattern, value, .. } = &item.kind
            && let (PatternKind::Name(name), ExprKind::Record(fields)) =
                (&pattern.kind, &value.kind)
        {
            words.records.insert(&name.text, fields);
        }
    }
    for item in &module.items {
        words.item(item);
    }
    words
}

#[derive(Default)]
struct Words<'a> {
    /// `let unary = { log: log, … }`: records at the top, for `choose unary`.
    records: HashMap<&'a str, &'a [Field]>,
    labels: BTreeSet<Arc<str>>,
    taps: BTreeSet<Arc<str>>,
}

impl Words<'_> {
    fn keys(&mut self, fields: &[Field]) {
        for field in fields {
            match field {
                Field::Named { name, .. } | Field::Short(name) => {
                    self.labels.insert(name.text.clone());
                }
                Field::Computed { .. } | Field::Spread(_) => {}
            }
        }
    }
}

impl Visit for Words<'_> {
    fn stmt(&mut self, stmt: &Stmt) {
        if let StmtKind::Tap { name, .. } = &stmt.kind {
            self.taps.insert(name.text.clone());
        }
        walk_stmt(self, stmt);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::TapTarget(name) => {
                self.taps.insert(name.text.clone());
            }
            ExprKind::Choose { options, .. } => match &options.kind {
                ExprKind::Record(fields) => self.keys(fields),
                ExprKind::Name(name) => {
                    if let Some(fields) = self.records.get(&*name.text).copied() {
                        self.keys(fields);
                    }
                }
                ExprKind::List(items) => {
                    for item in items {
                        if let ListItem::Item(Expr {
                            kind: ExprKind::Name(name),
                            ..
                        }) = item
                        {
                            self.labels.insert(name.text.clone());
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
        walk_expr(self, expr);
    }
}
