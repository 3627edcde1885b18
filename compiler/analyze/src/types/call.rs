//! Calls: each argument against the type of its parameter, and what the call gives.

use super::Types;
use super::stmt::list;
use super::ty::{Decl, Elem, Num, Ty};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;
use std::sync::Arc;

/// A value that flows into a call from the left of `|>`.
type Piped<'a> = Option<(Ty, &'a Expr)>;

impl Types<'_> {
    pub(super) fn call(&mut self, e: &Expr, piped: Piped) -> Ty {
        let ExprKind::Call {
            callee,
            args,
            trailing,
        } = &e.kind
        else {
            return Ty::Any;
        };
        if let Some(ty) = self.method(callee, args) {
            return ty;
        }
        let f = self.expr(callee);
        let given: Vec<Ty> = args.iter().map(|a| self.arg(a)).collect();
        if let Some(b) = trailing {
            self.block(b);
        }
        self.apply(f, args, given, trailing.is_some(), piped, callee.span)
    }

    fn arg(&mut self, a: &Arg) -> Ty {
        // Axes are names of their own.
        if a.name.as_ref().is_some_and(|n| &*n.text == "over") {
            return Ty::Any;
        }
        self.expr(&a.value)
    }

    pub(super) fn pipe(&mut self, piped: Ty, value: &Expr, target: &Expr) -> Ty {
        match &target.kind {
            ExprKind::Call { .. } => self.call(target, Some((piped, value))),
            ExprKind::Name(_) | ExprKind::Field { .. } => {
                let f = self.expr(target);
                self.apply(f, &[], vec![], false, Some((piped, value)), target.span)
            }
            ExprKind::TapTarget(name) => {
                self.bind(&name.text, piped.clone());
                piped
            }
            _ => {
                self.expr(target);
                Ty::Any
            }
        }
    }

    /// Functions of things: of data, spaces, nets; a list has none.
    fn method(&mut self, callee: &Expr, args: &[Arg]) -> Option<Ty> {
        let ExprKind::Field { base, name } = &callee.kind else {
            return None;
        };
        if self.member(base, name).is_some() {
            return None;
        }
        let on = self.quietly(|t| t.expr(base));
        if let Ty::List(_) | Ty::Num(_) | Ty::Text | Ty::Bool = on.met() {
            self.expr(base);
            self.no_method(on.met(), name, base.span, args);
            return Some(Ty::Any);
        }
        let own = on.own().cloned();
        let Ty::Named(kind) = (match &own {
            Some(o) => &o.base,
            None => &on,
        }) else {
            return None;
        };
        let told = self.out.diagnostics.len();
        self.misspelt(kind, name, args);
        if self.out.diagnostics.len() > told {
            self.expr(base);
            args.iter().for_each(|a| {
                self.arg(a);
            });
            return Some(Ty::Any);
        }
        let result = match (&**kind, &*name.text) {
            ("Data", "batches") => list(Ty::Tuple(Arc::new(vec![
                Ty::Tensor(Elem::Float),
                Ty::Tensor(Elem::Label),
            ]))),
            ("Data", "split" | "take" | "skip") => parts(args),
            ("Data", "map" | "part" | "shuffled") => Ty::named("Data"),
            ("Space", "build") => match &own {
                Some(o) => Ty::of_own(o, "Arch"),
                None => Ty::named("Arch"),
            },
            ("Net" | "Trace", "all") => self.calls(args),
            ("Net", "trace") => Ty::named("Trace"),
            _ => return None,
        };
        self.expr(base);
        for a in args {
            let given = match (&*name.text, &a.value.kind) {
                ("build", ExprKind::Lambda { params, body }) => self.scoped(|t| {
                    t.params(params);
                    if let [only] = &params[..]
                        && only.ty.is_none()
                        && only.pattern.is_none()
                    {
                        t.bind(&only.name.text, Ty::named("Site"));
                    }
                    t.expr(body)
                }),
                _ => self.arg(a),
            };
            self.samples(name, a, &given);
        }
        Some(result)
    }

    fn apply(
        &mut self,
        f: Ty,
        args: &[Arg],
        given: Vec<Ty>,
        trailing: bool,
        piped: Piped,
        at: Span,
    ) -> Ty {
        match f {
            Ty::Own(o) if o.base == Ty::named("Space") => Ty::Own(o),
            Ty::Own(o) => self.apply(o.base.clone(), args, given, trailing, piped, at),
            Ty::Decl(d) => self.apply_decl(d, args, given, trailing, piped),
            Ty::Func(takes, result) => {
                if args.iter().any(|a| matches!(a.value.kind, ExprKind::Hole)) {
                    return Ty::Any;
                }
                if let Some(takes) = takes {
                    let piped = piped.as_ref().map(|(ty, e)| (ty, e.span));
                    self.takes(&takes, args, &given, trailing, piped, at);
                }
                (*result).clone()
            }
            Ty::Named(n) => match &*n {
                "Space" => Ty::named("Space"),
                "Net" => Ty::Tensor(Elem::Float),
                "Schedule" => Ty::Num(Num {
                    unit: None,
                    run: false,
                    whole: false,
                }),
                "Arch" | "Weights" | "Data" | "Optimiser" => {
                    let mut d = Diagnostic::error(
                        "E0307",
                        format!(
                            "{} cannot be called",
                            super::stmt::words(&Ty::Named(n.clone()))
                        ),
                    )
                    .at(at, "called here");
                    if let Some(f) = super::advice::data_function(args).filter(|_| &*n == "Data") {
                        let (x, end) = (
                            self.sources.text(at),
                            Span {
                                start: at.end,
                                ..at
                            },
                        );
                        d = d
                            .help(format!("write `{x}.{f}(…)`"))
                            .fix(end, format!(".{f}"));
                    }
                    self.report(d);
                    Ty::Any
                }
                _ => Ty::Any,
            },
            Ty::Num(Num { run: false, .. })
            | Ty::Text
            | Ty::Bool
            | Ty::List(_)
            | Ty::Tensor(_)
            | Ty::Tuple(_) => {
                let what = super::stmt::words(&f);
                self.report(
                    Diagnostic::error("E0307", format!("{what} cannot be called"))
                        .at(at, "called here"),
                );
                Ty::Any
            }
            _ => Ty::Any,
        }
    }

    /// E0303, E0302 and what does not fit: a call of a parameter whose type says what it takes.
    fn takes(
        &mut self,
        takes: &[Ty],
        args: &[Arg],
        given: &[Ty],
        trailing: bool,
        piped: Option<(&Ty, Span)>,
        at: Span,
    ) {
        if trailing || args.iter().any(|a| a.spread || a.name.is_some()) {
            return;
        }
        let all: Vec<(&Ty, Span)> = piped
            .into_iter()
            .chain(given.iter().zip(args.iter().map(|a| a.value.span)))
            .collect();
        let name = self.sources.text(at);
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        if all.len() != takes.len() {
            let (n, k) = (takes.len(), all.len());
            let (code, place) = match all.get(n) {
                Some((_, extra)) => ("E0303", *extra),
                None => ("E0302", at),
            };
            let verb = if k == 1 { "is" } else { "are" };
            self.report(
                Diagnostic::error(
                    code,
                    format!("`{name}` takes {n} argument{}, {k} {verb} given", plural(n)),
                )
                .at(
                    place,
                    if code == "E0303" {
                        "one too many"
                    } else {
                        "called here"
                    },
                )
                .note("what it takes is said by its type, where it is declared"),
            );
            return;
        }
        for (want, (ty, span)) in takes.iter().zip(all) {
            let Some(c) = super::fits::check(want, ty) else {
                continue;
            };
            let got = super::stmt::words(ty);
            let message = match c.code {
                "E0304" => format!("`{name}` takes what is known before anything runs"),
                "E0302" => format!("the record for `{name}` has no `{}`", c.want),
                "E0305" => format!("`{name}` takes {}, and this is {got}", c.want),
                _ => format!("`{name}` takes {}, and this is {got}", c.want),
            };
            self.report(Diagnostic::error(c.code, message).at(span, got));
        }
    }

    fn apply_decl(
        &mut self,
        d: Decl,
        args: &[Arg],
        given: Vec<Ty>,
        trailing: bool,
        piped: Piped,
    ) -> Ty {
        let decl = d.decl.clone();
        let total = decl.params.len();
        let left = total - d.lists.min(total);
        // The clock of a schedule stands as one more list.
        if left == 0 {
            return match decl.role {
                Role::Schedule => self.scheduled(&decl),
                _ => Ty::Any,
            };
        }
        if args.iter().any(|a| matches!(a.value.kind, ExprKind::Hole)) {
            // What is given is checked; what comes later is not known.
            self.args(&d, d.lists, args, &given, 0);
            return Ty::Any;
        }
        if piped.is_some() || !args.is_empty() {
            let piped = piped.as_ref().map(|p| (&p.0, p.1.span));
            let places = args.iter().map(|a| a.value.span);
            for (ty, at) in piped.into_iter().chain(given.iter().zip(places)) {
                self.unordered(&decl, ty, at);
            }
        }
        let curried = left >= 2;
        // `batch_norm(x)`: settings left out, the input straight away.
        let shortcut = curried
            && decl.role == Role::Block
            && piped.is_none()
            && !trailing
            && !given.is_empty()
            && args.iter().all(|a| a.name.is_none() && !a.spread)
            && given.iter().all(|t| matches!(t, Ty::Tensor(_)))
            && decl.params[d.lists].iter().all(|p| p.default.is_some());
        let mut lists = d.lists;
        if shortcut {
            self.args(&d, lists + 1, args, &given, 0);
            lists += 2;
        } else if let Some((ty, value)) = &piped {
            if curried {
                self.args(&d, lists, args, &given, 0);
                lists += 1;
                self.one(&d, lists, 0, ty, value.span);
            } else {
                self.one(&d, lists, 0, ty, value.span);
                self.args(&d, lists, args, &given, 1);
            }
            lists += 1;
        } else {
            self.args(&d, lists, args, &given, 0);
            lists += 1;
        }
        if lists < total {
            return Ty::Decl(Decl { lists, ..d });
        }
        if let Some(ty) = self.special(&d, args, &given, piped.as_ref().map(|p| &p.0)) {
            return ty;
        }
        let invalid = piped.is_none() && self.invalid_given(&d, args, &given);
        let ty = match decl.role {
            Role::Schedule => Ty::named("Schedule"),
            Role::Curriculum => Ty::named("Curriculum"),
            Role::Intrinsic if &*decl.name.text == "trace" && piped.is_none() => {
                let taps = args.first().and_then(|a| self.traced(&a.value));
                taps.unwrap_or_else(|| Ty::named("Trace"))
            }
            Role::Intrinsic => {
                let first = piped.map(|p| p.0).or(given.into_iter().next());
                let declared = intrinsic(&decl, first.clone());
                self.addressed(declared, first.as_ref())
            }
            _ => self.result_of(&d),
        };
        if invalid { ty.maybe() } else { ty }
    }

    fn scheduled(&mut self, decl: &FnDecl) -> Ty {
        match decl.result.as_ref().map(|t| self.of(t)) {
            Some(Ty::Num(n)) => Ty::Num(n),
            _ => Ty::Num(Num {
                unit: None,
                run: false,
                whole: false,
            }),
        }
    }

    /// The arguments of one list; `skip` of its parameters are taken by the pipe.
    fn args(&mut self, d: &Decl, at: usize, args: &[Arg], given: &[Ty], skip: usize) {
        let Some(params) = d.decl.params.get(at) else {
            return;
        };
        if args.iter().any(|a| a.spread) {
            return;
        }
        if skip == 0 && self.swapped(d, params, args, given) {
            return;
        }
        let mut place = skip;
        for (a, ty) in args.iter().zip(given) {
            let p = match &a.name {
                Some(n) => params.iter().find(|p| p.name.text == n.text),
                None => {
                    place += 1;
                    params.get(place - 1)
                }
            };
            if let Some(p) = p
                && !matches!(a.value.kind, ExprKind::Hole)
            {
                let want = p.ty.as_ref().map_or(Ty::Any, |t| self.of(t));
                let who = format!("`{}` of `{}`", p.name.text, d.decl.name.text);
                if !self.literal(&who, &want, &a.value, p.span) {
                    self.argument(d, p, ty, a.value.span);
                }
            }
        }
    }

    fn one(&mut self, d: &Decl, list: usize, at: usize, ty: &Ty, span: Span) {
        if let Some(p) = d.decl.params.get(list).and_then(|l| l.get(at)) {
            self.argument(d, p, ty, span);
        }
    }

    fn argument(&mut self, d: &Decl, p: &Param, ty: &Ty, span: Span) {
        self.intrinsic = d.decl.role == Role::Intrinsic;
        self.fits(&p.name.text, Some(&d.decl.name.text), p, ty, span);
        self.intrinsic = false;
    }
}

/// What `.split(…)`, `.take(…)` and `.skip(…)` give: data, or a record of parts by the names that they are given.
fn parts(args: &[Arg]) -> Ty {
    let names: Vec<Arc<str>> = (args.iter())
        .filter_map(|a| a.name.as_ref())
        .map(|n| n.text.clone())
        .collect();
    if names.is_empty() {
        return Ty::named("Data");
    }
    // The source's own test set, where it has one, comes with its parts.
    let own = (!names.iter().any(|n| &**n == "test")).then(|| "test".into());
    let all = names.into_iter().chain(own);
    let fields = all.map(|n| (n, Ty::named("Data"))).collect();
    Ty::Record(Arc::new(fields))
}

/// What an intrinsic gives: as declared, or, where it takes numbers as well as tensors, like what it is given.
fn intrinsic(d: &FnDecl, first: Option<Ty>) -> Ty {
    let name = &*d.name.text;
    let declared = d.result.as_ref().map_or(Ty::Any, |t| Ty::of(t, &|_| None));
    let first = first.unwrap_or(Ty::Any);
    let reduces = d.params.iter().flatten().any(|p| &*p.name.text == "over");
    match name {
        "one_hot" => return Ty::Tensor(Elem::OneHot),
        "argmax" | "argmin" => {
            return match first {
                Ty::Tensor(_) => Ty::Tensor(Elem::Index),
                _ => Ty::Any,
            };
        }
        "zeros" | "ones" | "filled" | "eye" | "log_softmax" | "softmax" => {
            return Ty::Tensor(Elem::Float);
        }
        "invalid" => return Ty::Maybe(Arc::new(Ty::Any)),
        "valid" => {
            return match first.met() {
                Ty::List(t) => list(t.met().clone()),
                other => other.clone(),
            };
        }
        "require" | "known" => return if name == "known" { Ty::Bool } else { Ty::Any },
        _ => {}
    }
    if declared != Ty::Any {
        return declared;
    }
    let tensor = |p: &Param| matches!(p.ty.as_ref().map(|t| &t.kind), Some(TypeKind::Name { name, .. }) if &*name.text == "Tensor");
    let mirrors = d.params.first().and_then(|l| l.first()).is_some_and(tensor)
        && matches!(d.result.as_ref().map(|t| &t.kind), Some(TypeKind::Name { name, .. }) if &*name.text == "Tensor");
    if !mirrors {
        return Ty::Any;
    }
    let among = matches!(&first, Ty::List(t) if reduces && matches!(**t, Ty::Maybe(_)));
    let invalid = among || matches!(first, Ty::Maybe(_));
    let out = match first.met() {
        Ty::Tensor(Elem::Complex) => Ty::Any,
        Ty::Tensor(Elem::Bool) if reduces => Ty::Tensor(Elem::Float),
        Ty::Tensor(e) if !e.counts() => Ty::Tensor(*e),
        Ty::Num(n) => Ty::Num(Num {
            unit: None,
            whole: false,
            ..*n
        }),
        Ty::List(t) if reduces => match t.met() {
            Ty::Num(n) => Ty::Num(Num { whole: false, ..*n }),
            _ => Ty::Any,
        },
        _ => Ty::Any,
    };
    if invalid { out.maybe() } else { out }
}
