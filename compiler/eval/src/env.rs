//! Scopes: a chain of names and values that closures share; a value is never changed in place.

use crate::value::Value;
use nas_grammar::ast;
use std::fmt;
use std::sync::{Arc, Mutex};

/// A scope, newest name first.
#[derive(Clone, Default)]
pub struct Env(Option<Arc<Frame>>);

struct Frame {
    entry: Entry,
    parent: Env,
}

enum Entry {
    Value(Arc<str>, Value),
    /// Nested declarations: visible to each other and to all that follows.
    Items(Arc<Vec<ast::Item>>),
    /// A variable of a trainer or a search: replaced between turns.
    Cell(Arc<str>, Arc<Mutex<Value>>),
}

/// What a name was found to be.
pub enum Found {
    Value(Value),
    /// A nested declaration, with the scope it stands in.
    Item(Box<ast::Item>, Env),
    Cell(Arc<Mutex<Value>>),
}

impl Env {
    pub fn bind(&self, name: Arc<str>, value: Value) -> Env {
        Env(Some(Arc::new(Frame {
            entry: Entry::Value(name, value),
            parent: self.clone(),
        })))
    }

    pub fn items(&self, items: Vec<ast::Item>) -> Env {
        if items.is_empty() {
            return self.clone();
        }
        Env(Some(Arc::new(Frame {
            entry: Entry::Items(Arc::new(items)),
            parent: self.clone(),
        })))
    }

    pub fn cell(&self, name: Arc<str>, cell: Arc<Mutex<Value>>) -> Env {
        Env(Some(Arc::new(Frame {
            entry: Entry::Cell(name, cell),
            parent: self.clone(),
        })))
    }

    /// The variables of the loops around, innermost first.
    pub fn cells(&self) -> Vec<(Arc<str>, Arc<Mutex<Value>>)> {
        let mut out: Vec<(Arc<str>, Arc<Mutex<Value>>)> = vec![];
        let mut at = self;
        while let Some(frame) = &at.0 {
            if let Entry::Cell(n, c) = &frame.entry
                && !out.iter().any(|o| o.0 == *n)
            {
                out.push((n.clone(), c.clone()));
            }
            at = &frame.parent;
        }
        out
    }

    /// The names of a scope with their values, newest first; `None` for what is neither.
    pub fn entries(&self) -> impl Iterator<Item = Option<(&Arc<str>, &Value)>> {
        let mut at = self;
        std::iter::from_fn(move || {
            let frame = at.0.as_ref()?;
            at = &frame.parent;
            Some(match &frame.entry {
                Entry::Value(n, v) => Some((n, v)),
                Entry::Items(_) | Entry::Cell(..) => None,
            })
        })
    }

    pub fn find(&self, name: &str) -> Option<Found> {
        let mut at = self;
        while let Some(frame) = &at.0 {
            match &frame.entry {
                Entry::Value(n, v) if &**n == name => return Some(Found::Value(v.clone())),
                Entry::Cell(n, c) if &**n == name => return Some(Found::Cell(c.clone())),
                Entry::Items(items) => {
                    if let Some(i) = items.iter().find(|i| item_name(i) == Some(name)) {
                        return Some(Found::Item(Box::new(i.clone()), at.clone()));
                    }
                }
                _ => {}
            }
            at = &frame.parent;
        }
        None
    }
}

/// The name a declaration gives.
pub fn item_name(item: &ast::Item) -> Option<&str> {
    match &item.kind {
        ast::ItemKind::Fn(f) => Some(&f.name.text),
        ast::ItemKind::Space(s) => Some(&s.name.text),
        ast::ItemKind::Enlarge(e) => Some(&e.name.text),
        ast::ItemKind::Table(t) => Some(&t.name.text),
        ast::ItemKind::Rewrite(r) => Some(&r.name.text),
        ast::ItemKind::Pipeline(p) => Some(&p.name.text),
        ast::ItemKind::Type { name, .. } => Some(&name.text),
        ast::ItemKind::Use(_) | ast::ItemKind::Let { .. } | ast::ItemKind::Test(_) => None,
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env")
    }
}
