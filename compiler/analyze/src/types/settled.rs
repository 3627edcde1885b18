//! What must be known, counted in one unit, or real where it stands: conditions of spaces, arms of an `if`, tolerances, parameters, draws.

use super::Types;
use super::stmt::words;
use super::ty::{Decl, Elem, Num, Ty, Unit};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;

/// A unit that does not go with a plain number.
fn counted(ty: &Ty) -> Option<Unit> {
    match ty.met() {
        Ty::Num(n) => n.unit.filter(|u| *u != Unit::Bare),
        _ => None,
    }
}

impl Types<'_> {
    /// E0304: what a space's condition compares follows from choices alone.
    pub(super) fn condition(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Binary {
                op: BinaryOp::And | BinaryOp::Or,
                left,
                right,
            } => {
                self.condition(left);
                self.condition(right);
            }
            ExprKind::Unary { value, .. } => self.condition(value),
            ExprKind::Binary { left, right, .. } => {
                self.open_needed(left);
                self.open_needed(right);
            }
            ExprKind::In { value, .. } => self.open_needed(value),
            _ => {}
        }
    }

    fn open_needed(&mut self, e: &Expr) {
        let ty = self.quietly(|t| t.expr(e));
        let what = match ty.met() {
            Ty::Decl(d) if d.lists == 0 && d.decl.role == Role::Proxy => "a proxy's score",
            Ty::Num(Num { run: true, .. }) => "a score",
            Ty::Tensor(_) => "a tensor",
            _ => return,
        };
        self.report(
            Diagnostic::error("E0304", "a condition of a space must be known before anything runs")
                .at(e.span, format!("{what}: known only at run time"))
                .help("compare choices and costs, `width <= 64`, `params <= 1M`; members are chosen by score in a `search`"),
        );
    }

    /// E0305: two arms that count different things.
    pub(super) fn arms(&mut self, a: &Ty, b: &Ty, then: Span, otherwise: Span) {
        let (Some(x), Some(y)) = (counted(a), counted(b)) else {
            return;
        };
        if x != y {
            self.report(
                Diagnostic::error(
                    "E0305",
                    format!("one arm is in {}, the other in {}", x.words(), y.words()),
                )
                .at(otherwise, format!("in {}", y.words()))
                .at(then, format!("in {}", x.words()))
                .help("both arms of an `if` give one kind of value"),
            );
        }
    }

    /// Whether a function of certain values is given one that may be invalid: what it gives may be, too.
    pub(super) fn invalid_given(&mut self, d: &Decl, args: &[Arg], given: &[Ty]) -> bool {
        if !matches!(
            d.decl.role,
            Role::Fn | Role::Loss | Role::Metric | Role::Proxy
        ) {
            return false;
        }
        let Some(params) = d.decl.params.last() else {
            return false;
        };
        let mut place = 0;
        args.iter().zip(given).any(|(a, ty)| {
            let p = match &a.name {
                Some(n) => params.iter().find(|p| p.name.text == n.text),
                None => {
                    place += 1;
                    params.get(place - 1)
                }
            };
            let want = p.and_then(|p| p.ty.as_ref()).map(|t| self.of(t));
            matches!(ty, Ty::Maybe(_)) && matches!(want, Some(Ty::Num(_) | Ty::Tensor(_)))
        })
    }

    /// E0301: what stands in for an invalid value is one of its kind.
    pub(super) fn stand_in(&mut self, a: &Ty, b: &Ty, value: Span, otherwise: Span) {
        let simple = |t: &Ty| matches!(t.met(), Ty::Num(_) | Ty::Text | Ty::Bool | Ty::List(_));
        let same = std::mem::discriminant(a.met()) == std::mem::discriminant(b.met());
        if simple(a) && simple(b) && !same {
            let (x, y) = (words(a.met()), words(b));
            self.report(
                Diagnostic::error("E0301", format!("{y} stands in for {x}"))
                    .at(otherwise, y)
                    .at(value, x)
                    .help("both sides of `else` are of one kind; write `invalid(\"why\")` where nothing can stand in"),
            );
        }
    }

    /// E0305: a tolerance in another unit than what is compared.
    pub(super) fn tolerance(&mut self, value: &Expr, tolerance: &Expr) {
        let given = self.expr(tolerance);
        let ExprKind::Binary { left, right, .. } = &value.kind else {
            return;
        };
        let (a, b) = self.quietly(|t| (t.expr(left), t.expr(right)));
        let (Some(of), Some(unit)) = (counted(&a).or(counted(&b)), counted(&given)) else {
            return;
        };
        // A share of anything is a tolerance.
        if of != unit && unit != Unit::Percent {
            let d = Diagnostic::error(
                "E0305",
                format!("{} are compared within {}", of.words(), unit.words()),
            )
            .at(tolerance.span, format!("in {}", unit.words()))
            .at(value.span, format!("in {}", of.words()))
            .help(format!(
                "write the tolerance in {}, or as a share: `within 1%`",
                of.words()
            ));
            let d = self.without_unit(d, tolerance.span);
            self.report(d);
        }
    }

    /// E0305: the weight of a line is a share, and counts nothing.
    pub(super) fn weight(&mut self, e: &Expr) {
        let ty = self.quietly(|t| t.expr(e));
        if let Some(unit) = counted(&ty)
            && unit != Unit::Percent
        {
            let d = Diagnostic::error(
                "E0305",
                format!(
                    "a weight is a plain number, and this is in {}",
                    unit.words()
                ),
            )
            .at(e.span, format!("in {}", unit.words()));
            let d = self.without_unit(d, e.span);
            self.report(d);
        }
    }

    /// E0301: a setting of a curriculum is one kind of value in every phase.
    pub(super) fn settings(&mut self, body: &Block) {
        let mut met: Vec<(&Ident, Ty, Span)> = vec![];
        for s in &body.stmts {
            let StmtKind::Phase { settings, .. } = &s.kind else {
                continue;
            };
            for f in settings {
                let Field::Named { name, value } = f else {
                    continue;
                };
                let ty = self.quietly(|t| t.expr(value));
                let Some((_, first, at)) = met.iter().find(|m| m.0.text == name.text) else {
                    met.push((name, ty, value.span));
                    continue;
                };
                let simple = |t: &Ty| {
                    matches!(
                        t,
                        Ty::Num(_) | Ty::Text | Ty::Bool | Ty::List(_) | Ty::Record(_)
                    )
                };
                if simple(first)
                    && simple(&ty)
                    && std::mem::discriminant(first) != std::mem::discriminant(&ty)
                {
                    let (a, b) = (words(first), words(&ty));
                    let d = Diagnostic::error(
                        "E0301",
                        format!("`{}` is {a} in one phase and {b} in another", name.text),
                    )
                    .at(value.span, b)
                    .at(*at, a)
                    .help("a setting is one kind of value: what reads it does so in every phase");
                    self.report(d);
                }
            }
        }
    }

    /// E0108: two times, or two memories, in one budget.
    pub(super) fn budget(&mut self, es: &[Expr]) {
        let mut met: Vec<(Unit, Span)> = vec![];
        for e in es {
            let ty = self.expr(e);
            let Some(unit) = counted(&ty) else { continue };
            match met.iter().find(|m| m.0 == unit) {
                Some((_, first)) => {
                    let d = Diagnostic::error(
                        "E0108",
                        format!("a budget in {} is given twice", unit.words()),
                    )
                    .at(e.span, "again here")
                    .at(*first, "first here")
                    .help("a budget is one time and one memory");
                    self.report(d);
                }
                None => met.push((unit, e.span)),
            }
        }
    }

    /// E0305: `value in low ..= high` in one unit.
    pub(super) fn between_ends(&mut self, value: &Ty, at: Span, ends: &Expr) {
        let ExprKind::Range { low, high, .. } = &ends.kind else {
            return;
        };
        let Some(of) = counted(value) else { return };
        for end in [low, high].into_iter().flatten() {
            let ty = self.quietly(|t| t.expr(end));
            if let Some(unit) = counted(&ty)
                && unit != of
            {
                let d = Diagnostic::error(
                    "E0305",
                    format!("{} and {} cannot be compared", of.words(), unit.words()),
                )
                .at(end.span, format!("in {}", unit.words()))
                .at(at, format!("in {}", of.words()));
                let d = self.without_unit(d, end.span);
                self.report(d);
            }
        }
    }

    /// E0305: how often something is kept is a share of the training, or a number of epochs or steps.
    pub(super) fn every(&mut self, e: &Expr) {
        let ty = self.expr(e);
        if let Some(unit) = counted(&ty)
            && !matches!(unit, Unit::Percent | Unit::Epochs | Unit::Steps)
        {
            let d = Diagnostic::error(
                "E0305",
                format!(
                    "a training goes by epochs and steps, not by {}",
                    unit.words()
                ),
            )
            .at(e.span, format!("in {}", unit.words()))
            .help("write `every 10%`, `every 5 epochs` or `every 100 steps`");
            let d = self.without_unit(d, e.span);
            self.report(d);
        }
    }

    /// E0301 and E0305: what `.batches(64, epochs: 30)` and `.take(100)` are given.
    pub(super) fn samples(&mut self, method: &Ident, a: &Arg, given: &Ty) {
        let (want, unit) = match (&*method.text, a.name.as_ref().map(|n| &*n.text)) {
            ("batches" | "take", None) => ("a number of samples", None),
            ("batches", Some("epochs")) => ("a number of epochs", Some(Unit::Epochs)),
            _ => return,
        };
        if let Ty::Text | Ty::Bool | Ty::Named(_) | Ty::Record(_) = given {
            let what = words(given);
            let wrong = format!("`{}` takes {want}, and this is {what}", method.text);
            self.report(Diagnostic::error("E0301", wrong).at(a.value.span, what));
            return;
        }
        if let Some(got) = counted(given)
            && Some(got) != unit
        {
            let d = Diagnostic::error(
                "E0305",
                format!(
                    "`{}` takes {want}, and this is in {}",
                    method.text,
                    got.words()
                ),
            )
            .at(a.value.span, format!("in {}", got.words()));
            let d = self.without_unit(d, a.value.span);
            self.report(d);
        }
    }

    /// E0301: parameters are real numbers, so that sizes and averages are what they say.
    pub(super) fn real(&mut self, name: &Ident, ty: &Type) {
        let TypeKind::Tensor { of: Some(of), .. } = &ty.kind else {
            return;
        };
        let Ty::Tensor(e) = self.of(ty) else { return };
        if matches!(e, Elem::Float | Elem::Some) {
            return;
        }
        let help = match e {
            Elem::Complex => "keep two, its real and its imaginary part: `complex(re, im)`",
            _ => "keep it in a `state`, or give it as an argument",
        };
        self.report(
            Diagnostic::error(
                "E0301",
                format!(
                    "a parameter is of real numbers, and `{}` is of {}",
                    name.text,
                    e.name()
                ),
            )
            .at(of.span, "no gradient changes this")
            .help(help),
        );
    }

    /// E0306: a `~` before something that is no draw.
    pub(super) fn nothing_drawn(&mut self, e: &Expr, ty: &Ty) {
        let plain = matches!(
            e.kind,
            ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::List(_) | ExprKind::Number(_)
        );
        let what = match ty {
            Ty::Num(_) | Ty::Text | Ty::Bool | Ty::Tensor(_) | Ty::List(_) | Ty::Record(_) => {
                words(ty)
            }
            Ty::Named(n) if matches!(&**n, "Net" | "Space" | "Arch" | "Weights" | "Data") => {
                words(ty)
            }
            _ => return,
        };
        if plain {
            self.report(
                Diagnostic::error("E0306", format!("nothing is drawn from {what}"))
                    .at(e.span, "this is the same in every turn")
                    .help("take the `~` away, or write `=` in its place; a distribution is drawn from, as in `~ normal(0, 1)`"),
            );
        }
    }

    /// E0302: a draw under a condition says how often it is tried.
    pub(super) fn bounded(&mut self, condition: &Expr, within: Option<&Expr>) {
        match within {
            Some(n) => {
                let ty = self.expr(n);
                self.static_needed(&ty, n.span, "how often a draw is tried");
            }
            None => self.report(
                Diagnostic::error("E0302", "a draw under a condition needs a bound")
                    .at(condition.span, "this may never be met")
                    .help("say how often it is tried, and what stands in for it: `where p within 10 else other`")
                    .fix(
                        Span {
                            start: condition.span.end,
                            ..condition.span
                        },
                        " within 10",
                    ),
            ),
        }
    }
}
