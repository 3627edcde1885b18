//! Statements and patterns: what names stand for below their line.

use super::Types;
use super::ty::{Elem, Parts, Ty};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;
use std::sync::Arc;

impl Types<'_> {
    /// The type of a body's value.
    pub(super) fn block(&mut self, b: &Block) -> Ty {
        self.scoped(|t| {
            for s in &b.stmts {
                if let StmtKind::Item(item) = &s.kind
                    && let ItemKind::Fn(d) = &item.kind
                {
                    let decl = super::Decl {
                        decl: d.clone(),
                        module: t.module,
                        lists: 0,
                    };
                    // Its own scope is not known where it is called from: only its declared types are used.
                    let ty = if d.result.is_some() {
                        Ty::Decl(decl)
                    } else {
                        Ty::Any
                    };
                    t.bind(&d.name.text, ty);
                }
            }
            for s in &b.stmts {
                t.stmt(s);
            }
            match &b.value {
                Some(e) => t.expr(e),
                None => Ty::None,
            }
        })
    }

    pub(super) fn declared_let(
        &mut self,
        pattern: &Pattern,
        ty: Option<&Type>,
        found: Ty,
        value: &Expr,
    ) {
        let ty = match ty {
            Some(written) => {
                let want = self.of(written);
                if !self.literal("this record", &want, value, written.span) {
                    self.written(&want, written, &found, value.span);
                }
                if want == Ty::Any { found } else { want }
            }
            None => found,
        };
        self.pattern(pattern, &ty);
    }

    pub(super) fn stmt(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Item(item) => self.scoped(|t| t.item_inside(item)),
            StmtKind::Let { pattern, ty, value } => {
                let found = self.expr(value);
                self.declared_let(pattern, ty.as_ref(), found, value);
            }
            StmtKind::Draw { pattern, value } => {
                if let ExprKind::DrawWhere {
                    value,
                    condition,
                    within,
                    otherwise,
                } = &value.kind
                {
                    let ty = self.drawn(value);
                    // Of a draw that may fail, what is bound may be invalid; in its condition it is what was drawn.
                    self.scoped(|t| {
                        t.quietly(|t| t.pattern(pattern, &ty));
                        t.expr(condition);
                    });
                    let whole = otherwise.is_some() || within.is_none();
                    let of = if whole { ty } else { ty.maybe() };
                    self.pattern(pattern, &of);
                    self.bounded(condition, within.as_deref());
                    otherwise.iter().for_each(|e| {
                        self.expr(e);
                    });
                } else {
                    let ty = self.drawn(value);
                    self.pattern(pattern, &ty);
                }
            }
            StmtKind::Tap { name, value } => {
                let ty = self.expr(value);
                self.bind(&name.text, ty);
            }
            StmtKind::Weights { name, value } => {
                let ty = self.expr(value);
                self.bind(&name.text, ty);
            }
            StmtKind::Param { name, ty, init, .. } | StmtKind::State { name, ty, init, .. } => {
                if let Some(TypeKind::Tensor { shape, .. }) = ty.as_ref().map(|t| &t.kind) {
                    for arg in shape {
                        if let IndexArg::At(e) | IndexArg::Spread(e) = arg {
                            let found = self.expr(e);
                            self.static_needed(&found, e.span, "a shape");
                        }
                    }
                }
                if let Some(init) = init {
                    self.expr(init);
                }
                let bound = match (&s.kind, ty) {
                    (StmtKind::Param { name, .. }, Some(t)) => {
                        self.real(name, t);
                        self.of(t)
                    }
                    // Of a block; a loop's state may be anything.
                    (_, Some(t)) if self.in_block => self.of(t),
                    _ => Ty::Any,
                };
                self.bind(&name.text, bound);
            }
            StmtKind::Assign { place, value } => {
                self.quietly(|t| t.expr(place));
                self.expr(value);
            }
            StmtKind::Minimise { loss, over, by } => self.minimise(loss, over, by.as_ref(), s.span),
            StmtKind::Keep { value, every } => {
                self.expr(value);
                every.iter().for_each(|e| self.every(e));
            }
            StmtKind::Record { fields } => fields.iter().for_each(|(_, e)| {
                self.expr(e);
            }),
            StmtKind::OnChange {
                setting,
                binder,
                body,
            } => {
                let of = self.expr(setting);
                self.event(&of, setting.span);
                self.scoped(|t| {
                    binder.iter().for_each(|p| t.pattern(p, &Ty::Any));
                    t.block(body);
                });
            }
            StmtKind::For {
                pattern,
                iterable,
                condition,
                body,
            } => {
                let over = self.expr(iterable);
                self.counted_ends(iterable);
                self.gone_through(&over, iterable.span);
                let turn = self.element(&over);
                self.scoped(|t| {
                    t.pattern(pattern, &turn);
                    condition.iter().for_each(|e| {
                        t.expr(e);
                    });
                    t.block(body);
                });
            }
            StmtKind::Expect(e) => self.claim(e),
            StmtKind::Value(e) | StmtKind::Expr(e) => {
                self.expr(e);
            }
            StmtKind::Report(args) => args.iter().for_each(|a| {
                self.expr(&a.value);
            }),
            StmtKind::Budget(es) => self.budget(es),
            StmtKind::Where(es) => es.iter().for_each(|e| {
                self.expr(e);
                self.condition(e);
            }),
            StmtKind::Check { condition, message } => {
                self.expr(condition);
                self.expr(message);
            }
            StmtKind::Encoding(_) | StmtKind::Monotone(_) => {}
            StmtKind::Net(net) => self.net(net),
            StmtKind::Match {
                from,
                to,
                with,
                weight,
            } => {
                for e in [from, to, with] {
                    self.quietly(|t| t.expr(e));
                }
                weight.iter().for_each(|e| self.weight(e));
            }
            StmtKind::Label { loss, weight } => {
                self.expr(loss);
                weight.iter().for_each(|e| self.weight(e));
            }
            StmtKind::Phase { at, settings } => {
                self.expr(at);
                self.fields(settings);
            }
        }
    }

    /// A nested declaration: it sees the names around it.
    fn item_inside(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Fn(d) => self.function(d),
            other => {
                let _ = other;
            }
        }
    }

    pub(super) fn net(&mut self, net: &NetDecl) {
        self.scoped(|t| {
            t.params(&net.params);
            t.block(&net.body);
        });
    }

    /// E0308 and E0301: what is minimised is a number that exists and that a weight can change.
    fn minimise(&mut self, loss: &Expr, over: &Expr, by: Option<&Expr>, span: Span) {
        let ty = self.expr(loss);
        self.changed(over);
        if by.is_none() {
            self.report(nas_eval::train::no_optimiser(span, over.span));
        }
        if let Some(by) = by {
            let opt = self.expr(by);
            if let Ty::Num(_) | Ty::Text | Ty::Bool | Ty::Tensor(_) = opt {
                self.report(
                    Diagnostic::error(
                        "E0301",
                        format!("an optimiser is wanted, and this is {}", words(&opt)),
                    )
                    .at(by.span, "not an optimiser")
                    .help("write `by sgd(constant(0.1))`"),
                );
            } else if let Ty::Named(n) = &opt
                && &**n == "Schedule"
            {
                self.report(
                    Diagnostic::error("E0301", "an optimiser is wanted, and this is a schedule")
                        .at(by.span, "only a learning rate")
                        .help("write `by sgd(…)` around it"),
                );
            }
        }
        match &ty {
            Ty::Maybe(_) => self.report(
                Diagnostic::error("E0308", "a value that may be invalid reaches `minimise`")
                    .at(loss.span, format!("this is {}", with_article(&ty)))
                    .note("an invalid loss has no gradient; it is never silently replaced")
                    .help("meet it before: `… else 0`, `valid(…)` around a list, or `require(condition, value)`"),
            ),
            Ty::Num(n) if n.whole && !n.run => self.report(
                Diagnostic::error("E0323", "this loss reaches no weight")
                    .at(loss.span, "known before anything runs: nothing can make it smaller")
                    .at(over.span, "these should change")
                    .help("a loss follows from a run of the net: `cross_entropy(net[w](x), y)`"),
            ),
            Ty::Bool | Ty::Text | Ty::Named(_) => self.report(
                Diagnostic::error(
                    "E0301",
                    format!("a loss is a number that follows from the weights, and this is {}", words(&ty)),
                )
                .at(loss.span, "not a number"),
            ),
            _ => {}
        }
    }

    /// E0304 where something that only a run knows stands in `place`.
    pub(super) fn static_needed(&mut self, found: &Ty, at: Span, place: &str) {
        if found.runs() {
            self.report(
                Diagnostic::error(
                    "E0304",
                    format!("{place} must be known before anything runs"),
                )
                .at(at, format!("{}: known only at run time", words(found)))
                .help("take it from a parameter, from a shape or from a `choose`"),
            );
        }
    }

    /// Binds the names of a pattern to the parts of a type.
    pub(super) fn pattern(&mut self, p: &Pattern, ty: &Ty) {
        match &p.kind {
            PatternKind::Wildcard => {}
            PatternKind::Name(n) => {
                if self.quiet == 0 {
                    self.out.names.push((n.span, ty.to_string()));
                }
                self.bind(&n.text, ty.clone());
            }
            PatternKind::Tuple(parts) => {
                if let Ty::Tuple(types) = ty
                    && types.len() != parts.len()
                {
                    let d = Diagnostic::error(
                        "E0301",
                        format!("{} names stand for {} values", parts.len(), types.len()),
                    )
                    .at(p.span, format!("this takes apart {ty}"));
                    self.report(nas_eval::stmt::counted(d, parts, types.len()));
                }
                for (i, part) in parts.iter().enumerate() {
                    let of = match ty {
                        Ty::Tuple(types) => types.get(i).cloned().unwrap_or(Ty::Any),
                        Ty::List(t) => (**t).clone(),
                        _ => Ty::Any,
                    };
                    self.pattern(part, &of);
                }
            }
            PatternKind::Record(fields) => {
                for (name, part) in fields {
                    let of = match ty {
                        Ty::Record(_) | Ty::Parts(_) => self.field_of(ty, name),
                        _ => Ty::Any,
                    };
                    match part {
                        Some(part) => self.pattern(part, &of),
                        None => self.bind(&name.text, of),
                    }
                }
            }
        }
    }

    /// What a loop over a value binds.
    pub(super) fn element(&mut self, ty: &Ty) -> Ty {
        match ty {
            Ty::List(t) => (**t).clone(),
            Ty::Tensor(Elem::Complex) => Ty::Any,
            Ty::Tensor(e) => Ty::Tensor(*e),
            Ty::Table(row) => row_of_list(row),
            // A space that is gone through gives its members.
            Ty::Own(own) if own.base == Ty::named("Space") => Ty::of_own(own, "Arch"),
            _ => Ty::Any,
        }
    }
}

/// A row met while going through a table knows its member.
fn row_of_list(row: &Parts) -> Ty {
    let mut row = row.clone();
    row.fields.push(("arch".into(), Ty::named("Arch")));
    Ty::Parts(Arc::new(row))
}

/// What a value of a type is, in the reader's words.
pub(super) fn words(ty: &Ty) -> String {
    match ty {
        Ty::Num(n) if n.run => "a score".into(),
        Ty::Num(n) => match n.unit {
            Some(super::ty::Unit::Bare) | None => {
                if n.whole {
                    "a whole number".into()
                } else {
                    "a number".into()
                }
            }
            Some(u) => format!("a number of {}", u.words()),
        },
        Ty::Bool => "a truth value".into(),
        Ty::Text => "a text".into(),
        Ty::None => "none".into(),
        Ty::Tensor(Elem::Some | Elem::Float) => "a tensor".into(),
        Ty::Tensor(e) => format!("a tensor of {}", e.name()),
        Ty::List(_) => "a list".into(),
        Ty::Tuple(_) => "a tuple".into(),
        Ty::Record(_) => "a record".into(),
        Ty::Parts(p) => p.what.to_string(),
        Ty::Table(_) => "a table".into(),
        Ty::Decl(_) | Ty::Func(..) => "a function".into(),
        Ty::Maybe(t) => format!("{}, perhaps invalid", words(t)),
        Ty::Named(n) => match &**n {
            "Net" => "a net".into(),
            "Space" => "a space".into(),
            "Arch" => "an architecture".into(),
            "Weights" => "weights".into(),
            "Data" => "data".into(),
            "Schedule" => "a schedule".into(),
            "Optimiser" => "an optimiser".into(),
            "Course" => "a course, as in `0.1 -> 0`".into(),
            "Mixture" => "a mixture: a record from choices to shares".into(),
            other => format!("`{other}`"),
        },
        Ty::Own(o) if o.base == Ty::named("Arch") => o.member.what.to_string(),
        Ty::Own(o) => words(&o.base),
        Ty::Any => "a value".into(),
    }
}

fn with_article(ty: &Ty) -> String {
    format!("of type `{ty}`")
}

/// A list of a type.
pub(super) fn list(ty: Ty) -> Ty {
    Ty::List(Arc::new(ty))
}
