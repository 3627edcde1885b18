//! Parts of values: elements of lists, fields of records, members of things, what brackets take.

use super::Types;
use super::stmt::{list, words};
use super::ty::{Elem, Num, Parts, Ty};
use nas_diagnostics::{Diagnostic, Span, did_you_mean};
use nas_grammar::ast::*;
use std::sync::Arc;

/// What the clock tells.
const CLOCK: &[&str] = &["fraction", "step", "steps", "epoch", "epochs", "losses"];

/// What things have; `true` where that is all, and not names of their own besides: choices, taps, parts.
pub(super) const MEMBERS: &[(&str, bool, &[&str])] = &[
    (
        "Data",
        true,
        &[
            "batches", "batch", "map", "split", "take", "skip", "sample", "shuffled", "part",
            "train", "valid", "test", "classes", "shape", "length",
        ],
    ),
    ("Space", false, &["build", "sites", "where", "name"]),
    ("Site", true, &["address", "options", "index", "name"]),
    (
        "Use",
        true,
        &[
            "place", "option", "site", "within", "shape", "kind", "path", "turn",
        ],
    ),
    (
        "Net",
        false,
        &["input", "arch", "all", "trace", "after", "until", "params"],
    ),
    (
        "Weights",
        true,
        &["params", "history", "states", "bytes", "row"],
    ),
    ("Trace", false, &["out", "in", "all", "kind", "path"]),
    ("Growth", true, &["base", "space", "moves", "name"]),
    ("Move", true, &["name"]),
];

impl Types<'_> {
    pub(super) fn items(&mut self, items: &[ListItem]) -> Ty {
        let mut of: Option<Ty> = None;
        for item in items {
            let ty = match item {
                ListItem::Item(e) => self.expr(e),
                ListItem::Spread(e) => match self.expr(e) {
                    Ty::List(t) => (*t).clone(),
                    _ => Ty::Any,
                },
            };
            of = Some(match of {
                None => ty,
                Some(t) => t.join(&ty),
            });
        }
        list(of.unwrap_or(Ty::Any))
    }

    pub(super) fn fields(&mut self, fields: &[Field]) {
        self.record(fields);
    }

    pub(super) fn record(&mut self, fields: &[Field]) -> Ty {
        let mut known: Option<Vec<(Arc<str>, Ty)>> = Some(vec![]);
        for f in fields {
            match f {
                Field::Named { name, value } => {
                    let ty = self.expr(value);
                    if let Some(k) = &mut known {
                        k.push((name.text.clone(), ty));
                    }
                }
                Field::Short(name) => {
                    let ty = self.name(name);
                    if let Some(k) = &mut known {
                        k.push((name.text.clone(), ty));
                    }
                }
                Field::Computed { key, value } => {
                    self.quietly(|t| t.expr(key));
                    self.expr(value);
                    known = None;
                }
                Field::Spread(e) => match (self.expr(e), &mut known) {
                    (Ty::Record(more), Some(k)) => k.extend(more.iter().cloned()),
                    _ => known = None,
                },
            }
        }
        known.map_or(Ty::Any, |k| Ty::Record(Arc::new(k)))
    }

    pub(super) fn edits(&mut self, entries: &[WithEntry]) {
        for entry in entries {
            self.scoped(|t| {
                if let WithTarget::Path(path) = &entry.target {
                    t.unknown_parts(path);
                    t.unknown_names(path);
                }
                if let Some((name, index)) = &entry.binder {
                    t.bind(&name.text, Ty::Any);
                    index.iter().for_each(|i| t.bind(&i.text, Ty::whole()));
                }
                t.expr(&entry.value);
            });
        }
    }

    /// The choices that an edit changes are named somewhere.
    fn unknown_parts(&mut self, path: &Expr) {
        match &path.kind {
            ExprKind::Field { base, name } => {
                self.unknown_parts(base);
                self.nowhere(name);
            }
            ExprKind::Index { base, .. } => self.unknown_parts(base),
            _ => {}
        }
    }

    /// Names of an edit's target stand for old values, whatever else they mean.
    fn unknown_names(&mut self, path: &Expr) {
        match &path.kind {
            ExprKind::Name(n) => {
                if matches!(self.name(n), Ty::Any) {
                    self.bind(&n.text, Ty::Any);
                }
            }
            ExprKind::Field { base, .. }
            | ExprKind::TupleField { base, .. }
            | ExprKind::Index { base, .. } => {
                self.unknown_names(base);
            }
            ExprKind::Call { args, .. } => {
                for a in args {
                    if let ExprKind::Name(n) = &a.value.kind {
                        self.bind(&n.text, Ty::Any);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn field(&mut self, base: &Expr, name: &Ident) -> Ty {
        if let Some(ty) = self.member(base, name) {
            return ty;
        }
        if let ExprKind::Name(n) = &base.kind
            && &*n.text == "now"
            && !self.locals.iter().any(|l| &*l.0 == "now")
        {
            return self.clock(name);
        }
        let ty = self.expr(base);
        if let Some(own) = ty.own().cloned() {
            match (&own.base, &*name.text) {
                (Ty::Named(n), _) if &**n == "Arch" => {
                    return self.field_of(&Ty::Parts(own.member), name);
                }
                (Ty::Named(n), "arch") if &**n == "Net" => return Ty::of_own(&own, "Arch"),
                _ => {}
            }
        }
        match ty.met() {
            Ty::Record(_) | Ty::Parts(_) => self.field_of(ty.met(), name),
            Ty::Tensor(_) if &*name.text == "shape" => list(Ty::whole()),
            Ty::Named(n) => {
                let n = n.clone();
                let told = self.out.diagnostics.len();
                self.misspelt(&n, name, &[]);
                if self.out.diagnostics.len() == told {
                    self.nowhere(name);
                }
                match (&*n, &*name.text) {
                    ("Data", "train" | "valid" | "test") => Ty::named("Data"),
                    ("Data", "classes" | "length") => Ty::whole(),
                    ("Space", "sites") => list(Ty::named("Site")),
                    ("Use", "site") => Ty::named("Site"),
                    _ => Ty::Any,
                }
            }
            Ty::Text if &*name.text == "length" => Ty::whole(),
            Ty::Num(_) | Ty::Text | Ty::Bool => {
                self.report(
                    Diagnostic::error("E0202", format!("{} has no `{}`", words(&ty), name.text))
                        .at(name.span, "not a field of it")
                        .at(base.span, words(&ty)),
                );
                Ty::Any
            }
            // A column of a list.
            Ty::List(of) => match of.met() {
                Ty::Record(_) | Ty::Parts(_) => list(self.field_of(of.met(), name)),
                Ty::Num(_) | Ty::Text | Ty::Bool | Ty::List(_) => {
                    self.no_method(ty.met(), name, base.span, &[]);
                    Ty::Any
                }
                _ => Ty::Any,
            },
            Ty::Any => {
                self.nowhere(name);
                Ty::Any
            }
            _ => Ty::Any,
        }
    }

    /// E0202: a function of lists, numbers or texts, written as in languages where these have functions of their own.
    pub(super) fn no_method(&mut self, on: &Ty, name: &Ident, base: Span, args: &[Arg]) {
        let what = words(on);
        let (x, f) = (self.sources.text(base), args.first());
        let f = f.map_or("f", |a| self.sources.text(a.value.span));
        let mut d = Diagnostic::error("E0202", format!("{what} has no `{}`", name.text))
            .at(name.span, "not a part of it")
            .at(base, &*what);
        if let Some(help) = nas_eval::access::instead(&name.text, x, f, matches!(on, Ty::List(_))) {
            d = d.help(help);
        }
        self.report(d);
    }

    /// E0202 where a member of a thing is nearly one that it has; others may be names of its own: choices, taps, parts.
    pub(super) fn misspelt(&mut self, kind: &str, name: &Ident, args: &[Arg]) {
        let Some((_, all, known)) = MEMBERS.iter().find(|m| m.0 == kind) else {
            return;
        };
        if known.contains(&&*name.text) || (name.text.len() < 4 && !all) {
            return;
        }
        let near = did_you_mean(&name.text, *known);
        if near.is_none() && !all {
            return;
        }
        let what = words(&Ty::named(kind));
        let has = if kind == "Weights" { "have" } else { "has" };
        let mut d = Diagnostic::error("E0202", format!("{what} {has} no `{}`", name.text))
            .at(name.span, "not a part of it");
        d = match near {
            Some(near) => d.did_you_mean(&near),
            None => {
                let d = d.note(format!("it has {}", known.join(", ")));
                match super::advice::data_function(args).filter(|_| kind == "Data") {
                    Some(f) => d
                        .help(format!("`{f}` takes such arguments"))
                        .fix(name.span, f),
                    None => d,
                }
            }
        };
        self.report(d);
    }

    fn clock(&mut self, name: &Ident) -> Ty {
        if !CLOCK.contains(&&*name.text) {
            let mut d = Diagnostic::error("E0202", format!("the clock has no `{}`", name.text))
                .at(name.span, "not told by `now`")
                .note(format!("it has {}", CLOCK.join(", ")));
            if let Some(near) = did_you_mean(&name.text, CLOCK) {
                d = d.did_you_mean(&near);
            }
            self.report(d);
            return Ty::Any;
        }
        Ty::Num(Num {
            unit: None,
            run: true,
            whole: false,
        })
    }

    /// A field of a record whose fields are known.
    pub(super) fn field_of(&mut self, ty: &Ty, name: &Ident) -> Ty {
        let (fields, what) = match ty {
            Ty::Record(fields) => (&**fields, "the record"),
            Ty::Parts(p) => (&p.fields, &*p.what),
            _ => return Ty::Any,
        };
        if let Some((_, ty)) = fields.iter().rev().find(|f| f.0 == name.text) {
            return ty.clone();
        }
        let mut d = Diagnostic::error("E0202", format!("{what} has no `{}`", name.text))
            .at(name.span, "no such field")
            .note(format!(
                "it has {}",
                fields.iter().map(|f| &*f.0).collect::<Vec<_>>().join(", ")
            ));
        if let Some(near) = did_you_mean(&name.text, fields.iter().map(|f| &f.0)) {
            d = d.did_you_mean(&near);
        }
        self.report(d);
        Ty::Any
    }

    pub(super) fn index(&mut self, base: &Expr, args: &[IndexArg]) -> Ty {
        let ty = self.expr(base);
        for a in args {
            if let IndexArg::At(e) | IndexArg::Named(_, e) | IndexArg::Spread(e) = a {
                self.expr(e);
            }
        }
        match (&ty, args) {
            (Ty::Own(own), _) if own.base == Ty::named("Space") => match own.nets {
                true => Ty::of_own(own, "Net"),
                false => Ty::Any,
            },
            (Ty::Own(own), _) if own.base == Ty::named("Net") => ty.clone(),
            (Ty::List(t), [IndexArg::At(e)]) => match &e.kind {
                ExprKind::Range { .. } => ty.clone(),
                ExprKind::Number(n) if n.float && n.scale.is_none() => {
                    self.report(
                        Diagnostic::error("E0301", "a list is read by a whole number")
                            .at(e.span, "a fraction")
                            .at(base.span, "a list"),
                    );
                    (**t).clone()
                }
                ExprKind::Number(_) => (**t).clone(),
                _ => match self.quietly(|t| t.expr(e)) {
                    Ty::Num(_) => (**t).clone(),
                    Ty::Tensor(_) if self.in_block && matches!(**t, Ty::Decl(_) | Ty::Func(..)) => {
                        self.static_needed(&Ty::Tensor(Elem::Index), e.span, "which block is run");
                        Ty::Any
                    }
                    at @ (Ty::Text | Ty::Bool | Ty::Record(_)) => {
                        let what = words(&at);
                        let d = Diagnostic::error(
                            "E0301",
                            format!("a list is read by a number, and this is {what}"),
                        )
                        .at(e.span, what)
                        .at(base.span, "a list");
                        let d = self.unquoted(d, e.span);
                        self.report(d);
                        Ty::Any
                    }
                    _ => Ty::Any,
                },
            },
            (Ty::Tensor(e), args) => {
                for a in args {
                    if let IndexArg::At(at) | IndexArg::Named(_, at) = a
                        && let Ty::Tensor(Elem::Bool) = self.quietly(|t| t.expr(at))
                    {
                        let x = self.sources.text(base.span).to_string();
                        let p = self.sources.text(at.span).to_string();
                        self.report(
                            Diagnostic::error("E0301", "a comparison makes Bool, and an index counts")
                                .at(at.span, "a tensor of Bool")
                                .at(base.span, "read here")
                                .help(format!("an index is made by `argmax(…)`; `{x} * ({p})` keeps what passes, and `mean({x} where {p})` is of that alone")),
                        );
                    }
                }
                Ty::Tensor(*e)
            }
            // A row may be missing, and then its columns are invalid.
            (Ty::Table(row), [IndexArg::At(_)]) => Ty::Parts(perhaps(row)),
            (Ty::Decl(d), _)
                if d.decl.role == Role::Intrinsic
                    && matches!(&*d.decl.name.text, "zeros" | "ones" | "filled") =>
            {
                Ty::Tensor(Elem::Float)
            }
            (Ty::Named(n), _) if &**n == "Weights" => Ty::Any,
            (Ty::Num(_) | Ty::Bool, _) => {
                self.report(
                    Diagnostic::error("E0301", format!("{} has no elements", words(&ty)))
                        .at(base.span, "nothing to take from")
                        .help("brackets take from a list, a tensor, a space or weights"),
                );
                Ty::Any
            }
            _ => Ty::Any,
        }
    }
}

/// The columns of a row that may not be there.
fn perhaps(row: &Arc<Parts>) -> Arc<Parts> {
    let fields = row.fields.iter().map(|(name, ty)| {
        let ty = match ty {
            Ty::Parts(inner) => Ty::Parts(perhaps(inner)),
            Ty::Any => Ty::Any,
            ty => ty.clone().maybe(),
        };
        (name.clone(), ty)
    });
    Arc::new(Parts {
        what: row.what.clone(),
        fields: fields.collect(),
    })
}
