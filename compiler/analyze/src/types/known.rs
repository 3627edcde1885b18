//! What written types and declarations stand for: names given by `type`, members of a space, rows of a table, calls of a block.

use super::Types;
use super::stmt::list;
use super::ty::{Own, Parts, Ty};
use crate::modules::index::{declared, pattern_names};
use crate::walk::{Visit, walk_expr, walk_stmt};
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::program::ScopeEntry;
use nas_grammar::ast::*;
use std::sync::Arc;

/// Names that stand for names: more in a row are a circle, which is told elsewhere.
const LONGEST: usize = 32;

/// What a trace has beside taps.
const TRACE: &[&str] = &[
    "out", "in", "all", "input", "output", "params", "kind", "path",
];

/// A name that no program can write, for the taps that a parameter is asked for.
fn taps_of(name: &str) -> Arc<str> {
    format!("taps of {name}").into()
}

impl Types<'_> {
    /// A written type, with the names that the program declares followed to what they stand for.
    pub(super) fn of(&self, ty: &Type) -> Ty {
        Ty::of(ty, &|name| self.declared(name, 0))
    }

    fn declared(&self, name: &Ident, depth: usize) -> Option<Ty> {
        if depth > LONGEST {
            return None;
        }
        let home = self.homes.get(&name.span.file)?;
        let Some(ScopeEntry::Global(id)) = self.program.lookup(*home, &name.text) else {
            return None;
        };
        match &self.program.item(*id).kind {
            ItemKind::Type { ty, .. } => Some(Ty::of(ty, &|n| self.declared(n, depth + 1))),
            ItemKind::Space(d) => Some(member(d)),
            _ => None,
        }
    }

    /// A declared space, with what its members name.
    pub(super) fn space(&self, d: &SpaceDecl) -> Ty {
        let member = Parts {
            what: format!("an architecture of `{}`", d.name.text).into(),
            fields: fields(d),
        };
        let stands = |f: fn(&StmtKind) -> bool| d.body.stmts.iter().any(|s| f(&s.kind));
        Ty::Own(Arc::new(Own {
            base: Ty::named("Space"),
            member: Arc::new(member),
            nets: stands(|s| matches!(s, StmtKind::Net(_)))
                && !stands(|s| matches!(s, StmtKind::Value(_))),
        }))
    }

    /// What a function gives that is asked for architectures of a space that it is given.
    pub(super) fn addressed(&self, declared: Ty, first: Option<&Ty>) -> Ty {
        let Some(own) = first
            .and_then(Ty::own)
            .filter(|o| o.base == Ty::named("Space"))
        else {
            return declared;
        };
        match declared {
            Ty::Named(n) if &*n == "Arch" => Ty::of_own(own, "Arch"),
            Ty::List(t) if *t == Ty::named("Arch") => list(Ty::of_own(own, "Arch")),
            other => other,
        }
    }

    /// Remembers the taps that a parameter's type asks for.
    pub(super) fn asked(&mut self, p: &Param) {
        if let Some(TypeKind::Name { name, taps, .. }) = p.ty.as_ref().map(|t| &t.kind)
            && &*name.text == "Net"
            && !taps.is_empty()
        {
            let fields = taps.iter().map(|t| (t.text.clone(), Ty::Any)).collect();
            self.bind(&taps_of(&p.name.text), Ty::Record(Arc::new(fields)));
        }
    }

    /// The trace of a net whose type says which taps it has: these, and no others.
    pub(super) fn traced(&self, e: &Expr) -> Option<Ty> {
        let name = match &e.kind {
            ExprKind::Name(n) => n,
            ExprKind::AtMode { value, .. } | ExprKind::As { value, .. } => {
                return self.traced(value);
            }
            ExprKind::Index { base, .. } => return self.traced(base),
            _ => return None,
        };
        let asked = taps_of(&name.text);
        let at = |n: &str| self.locals.iter().rposition(|l| *l.0 == *n);
        // A name that is bound again is something else.
        let place = at(&asked).filter(|i| at(&name.text).is_some_and(|own| own < *i))?;
        let Ty::Record(taps) = &self.locals[place].1 else {
            return None;
        };
        let mut fields = taps.to_vec();
        for own in TRACE {
            fields.push(((*own).into(), Ty::Any));
        }
        Some(Ty::Parts(Arc::new(Parts {
            what: format!("a trace of `{}`, whose type says its taps,", name.text).into(),
            fields,
        })))
    }

    /// A table, by what its rows have.
    pub(super) fn table(&self, d: &TableDecl) -> Ty {
        let what: Arc<str> = format!("a row of `{}`", d.name.text).into();
        let mut fields = vec![];
        for c in &d.columns {
            let ty = match (&c.ty, d.per.is_empty()) {
                (Some(t), true) => self.of(t),
                (None, true) => Ty::Text,
                // A list of values, or their mean.
                _ => Ty::Any,
            };
            let path: Vec<Arc<str>> = c.path.iter().map(|p| p.text.clone()).collect();
            nest(&mut fields, &what, &path, ty);
        }
        Ty::Table(Arc::new(Parts { what, fields }))
    }

    /// `net.all(kind, …)`: calls of blocks, with what their declarations name.
    pub(super) fn calls(&mut self, kinds: &[Arg]) -> Ty {
        let mut fields: Vec<(Arc<str>, Ty)> = vec![];
        for name in ["in", "out", "kind", "path"] {
            let ty = if name.len() == 4 { Ty::Text } else { Ty::Any };
            fields.push((name.into(), ty));
        }
        let mut names: Vec<Arc<str>> = vec![];
        for a in kinds {
            let of = self.quietly(|t| t.expr(&a.value));
            let Ty::Decl(d) = of else {
                return list(Ty::Any);
            };
            for p in d.decl.params.iter().flatten() {
                fields.push((p.name.text.clone(), Ty::Any));
            }
            d.decl.body.iter().for_each(|b| inner(b, &mut fields));
            names.push(d.decl.name.text.clone());
        }
        if names.is_empty() {
            return list(Ty::Any);
        }
        let what = format!("a call of `{}`", names.join("` or `")).into();
        list(Ty::Parts(Arc::new(Parts { what, fields })))
    }

    /// E0324: a type that stands for itself, told where the circle's first declaration is.
    pub(super) fn circle(&mut self, name: &Ident, ty: &Type) {
        let mut way = vec![(name.clone(), name.span)];
        if !self.returns(name, ty, &mut way) {
            return;
        }
        let first = way.iter().map(|w| w.0.span.start).min();
        if way.len() > 1 && first != Some(name.span.start) {
            return;
        }
        let mut d = Diagnostic::error("E0324", format!("type `{}` stands for itself", name.text));
        for (i, (of, at)) in way.iter().enumerate().skip(1) {
            let text = match way.get(i + 1) {
                Some(_) => format!("needs `{}`", of.text),
                None => format!("needs `{}` again", of.text),
            };
            d = d.at(*at, text);
        }
        self.report(d.at(name.span, "declared here").help(
            "a type is made of types that are known before it; a tree has a fixed depth, or is a list of places",
        ));
    }

    /// Whether a type comes back to the first name of the way, which is then followed to there.
    fn returns(&self, home: &Ident, ty: &Type, way: &mut Vec<(Ident, Span)>) -> bool {
        let mut names = vec![];
        named(ty, &mut names);
        for n in names {
            let Some(module) = self.homes.get(&n.span.file) else {
                continue;
            };
            let Some(ScopeEntry::Global(id)) = self.program.lookup(*module, &n.text) else {
                continue;
            };
            let ItemKind::Type { name, ty } = &self.program.item(*id).kind else {
                continue;
            };
            if name.span == home.span {
                way.push((name.clone(), n.span));
                return true;
            }
            if way.iter().any(|w| w.0.span == name.span) || way.len() > LONGEST {
                continue;
            }
            way.push((name.clone(), n.span));
            if self.returns(home, ty, way) {
                return true;
            }
            way.pop();
        }
        false
    }
}

/// The names in a type.
fn named(ty: &Type, out: &mut Vec<Ident>) {
    match &ty.kind {
        TypeKind::Name { name, .. } => out.push(name.clone()),
        TypeKind::List { of, .. } | TypeKind::Optional(of) | TypeKind::Sealed(of) => named(of, out),
        TypeKind::Tensor { shape, of } => {
            for arg in shape {
                if let IndexArg::At(e) = arg
                    && let ExprKind::Name(n) = &e.kind
                {
                    out.push(n.clone());
                }
            }
            of.iter().for_each(|t| named(t, out));
        }
        TypeKind::Tuple(parts) => parts.iter().for_each(|t| named(t, out)),
        TypeKind::Fn(parts, result) => {
            parts.iter().for_each(|t| named(t, out));
            named(result, out);
        }
        TypeKind::Record(fields) => fields.iter().for_each(|(_, t)| named(t, out)),
        TypeKind::Map(a, b) => {
            named(a, out);
            named(b, out);
        }
    }
}

/// What a space's own `let`s say of a member.
fn member(d: &SpaceDecl) -> Ty {
    let what = format!("a member of `{}`", d.name.text).into();
    let fields = fields(d);
    Ty::Parts(Arc::new(Parts { what, fields }))
}

fn fields(d: &SpaceDecl) -> Vec<(Arc<str>, Ty)> {
    let mut fields: Vec<(Arc<str>, Ty)> = vec![];
    for p in &d.params {
        fields.push((p.name.text.clone(), Ty::Any));
    }
    inner(&d.body, &mut fields);
    for name in ["text", "arch", "input", "all", "trace", "space"] {
        fields.push((name.into(), Ty::Any));
    }
    fields
}

/// The names that a body binds, wherever they stand in it.
fn inner(b: &Block, out: &mut Vec<(Arc<str>, Ty)>) {
    let mut bound = Bound(vec![]);
    bound.block(b);
    out.extend(bound.0.into_iter().map(|(n, _)| (n, Ty::Any)));
}

struct Bound(Vec<(Arc<str>, Span)>);

impl Visit for Bound {
    fn stmt(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Let { pattern, .. } | StmtKind::Draw { pattern, .. } => {
                pattern_names(pattern, &mut self.0);
            }
            StmtKind::Tap { name, .. }
            | StmtKind::Param { name, .. }
            | StmtKind::State { name, .. } => self.0.push((name.text.clone(), name.span)),
            StmtKind::Item(item) => self.0.extend(declared(item)),
            _ => {}
        }
        walk_stmt(self, s);
    }

    fn expr(&mut self, e: &Expr) {
        if let ExprKind::TapTarget(name) = &e.kind {
            self.0.push((name.text.clone(), name.span));
        }
        walk_expr(self, e);
    }
}

/// Dotted columns nest.
fn nest(fields: &mut Vec<(Arc<str>, Ty)>, what: &Arc<str>, path: &[Arc<str>], ty: Ty) {
    let [first, rest @ ..] = path else { return };
    if rest.is_empty() {
        fields.push((first.clone(), ty));
        return;
    }
    let at = match fields.iter().position(|f| f.0 == *first) {
        Some(i) => i,
        None => {
            let empty = Parts {
                what: format!("`{first}` of {what}").into(),
                fields: vec![],
            };
            fields.push((first.clone(), Ty::Parts(Arc::new(empty))));
            fields.len() - 1
        }
    };
    if let Ty::Parts(p) = &mut fields[at].1 {
        let p = Arc::make_mut(p);
        let what = p.what.clone();
        nest(&mut p.fields, &what, rest, ty);
    }
}
