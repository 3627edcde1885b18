//! Operators between types: units that go together, element types that do not.

use super::Types;
use super::stmt::words;
use super::ty::{Elem, Num, Ty, Unit};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{BinaryOp as Op, Expr, ExprKind, Role};

fn compares(op: Op) -> bool {
    matches!(op, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge)
}

fn orders(op: Op) -> bool {
    matches!(op, Op::Lt | Op::Le | Op::Gt | Op::Ge)
}

fn symbol(op: Op) -> &'static str {
    match op {
        Op::Add => "+",
        Op::Sub => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Rem => "%",
        Op::Pow => "^",
        Op::Concat => "++",
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::And => "and",
        Op::Or => "or",
    }
}

impl Types<'_> {
    pub(super) fn binary(&mut self, op: Op, left: &Expr, right: &Expr, span: Span) -> Ty {
        let (a, b) = (self.expr(left), self.expr(right));
        let invalid = matches!(a, Ty::Maybe(_)) || matches!(b, Ty::Maybe(_));
        let (x, y) = (
            self.cost(op, a.met().clone()),
            self.cost(op, b.met().clone()),
        );
        if compares(op) || op == Op::Add {
            self.one_convention(op, left, right, span);
        }
        let ty = self.operate(op, &x, &y, (left.span, right.span, span));
        if invalid { ty.maybe() } else { ty }
    }

    /// E0305: MACs by two conventions, each called for here.
    fn one_convention(&mut self, op: Op, left: &Expr, right: &Expr, span: Span) {
        let (Some(a), Some(b)) = (self.convention(left), self.convention(right)) else {
            return;
        };
        if a == b {
            return;
        }
        let what = if compares(op) { "compared" } else { "added" };
        self.report(
            Diagnostic::error(
                "E0305",
                format!("MACs by `{a}` and MACs by `{b}` cannot be {what}"),
            )
            .at(span, "these are counted by different conventions")
            .at(left.span, format!("by `{a}`"))
            .at(right.span, format!("by `{b}`"))
            .help("count both by one convention"),
        );
    }

    /// The convention of the library that an expression asks for its MACs.
    fn convention(&mut self, e: &Expr) -> Option<std::sync::Arc<str>> {
        let ExprKind::Call { callee, .. } = &e.kind else {
            return None;
        };
        match self.quietly(|t| t.expr(callee)) {
            Ty::Decl(d) => {
                let home = &self.program.modules[d.module];
                (home.std && &*home.path == "cost.macs").then(|| d.decl.name.text.clone())
            }
            _ => None,
        }
    }

    /// In a condition on a space, `macs.core` stands for what it gives.
    fn cost(&mut self, op: Op, ty: Ty) -> Ty {
        match &ty {
            Ty::Decl(d)
                if compares(op)
                    && d.lists == 0
                    && matches!(d.decl.role, Role::Fn | Role::Metric) =>
            {
                match self.result_of(d) {
                    Ty::Num(n) => Ty::Num(n),
                    _ => Ty::Any,
                }
            }
            _ => ty,
        }
    }

    fn operate(&mut self, op: Op, a: &Ty, b: &Ty, at: (Span, Span, Span)) -> Ty {
        if matches!(op, Op::And | Op::Or) {
            for (ty, span) in [(a, at.0), (b, at.1)] {
                if matches!(ty, Ty::Num(_) | Ty::Text | Ty::Named(_)) {
                    self.report(
                        Diagnostic::error(
                            "E0301",
                            format!(
                                "`{}` joins truth values, and this is {}",
                                symbol(op),
                                words(ty)
                            ),
                        )
                        .at(span, "not true or false"),
                    );
                }
            }
            return match (a, b) {
                (Ty::Bool, Ty::Bool) => Ty::Bool,
                _ => Ty::Any,
            };
        }
        match (a, b) {
            (Ty::Num(x), Ty::Num(y)) => self.numbers(op, *x, *y, at),
            (Ty::Tensor(x), Ty::Tensor(y)) => self.elements(op, *x, *y, at),
            (Ty::Tensor(x), Ty::Num(n)) | (Ty::Num(n), Ty::Tensor(x)) => {
                if n.unit
                    .is_some_and(|u| !matches!(u, Unit::Bare | Unit::Percent))
                    && (compares(op) || matches!(op, Op::Add | Op::Sub))
                {
                    return Ty::Any;
                }
                self.elements(op, *x, Elem::Some, at)
            }
            (Ty::Any, _) | (_, Ty::Any) => match (op, a, b) {
                (_, Ty::Tensor(x), _) | (_, _, Ty::Tensor(x)) => {
                    self.elements(op, *x, Elem::Some, at)
                }
                (op, ..) if compares(op) => Ty::Any,
                _ => Ty::Any,
            },
            (Ty::List(x), Ty::List(y)) if op == Op::Concat => super::stmt::list(x.join(y)),
            (Ty::Text, Ty::Text) if compares(op) => Ty::Bool,
            (Ty::Text, Ty::Text) if matches!(op, Op::Add | Op::Concat) => Ty::Text,
            (x, y) if matches!(op, Op::Eq | Op::Ne) => {
                if plain(x) && plain(y) && std::mem::discriminant(x) != std::mem::discriminant(y) {
                    self.between(op, x, y, at);
                }
                Ty::Bool
            }
            (x, y) => {
                if !operand(x) || !operand(y) {
                    self.between(op, x, y, at);
                }
                Ty::Any
            }
        }
    }

    /// E0301: an operator between two things that have it not.
    fn between(&mut self, op: Op, a: &Ty, b: &Ty, at: (Span, Span, Span)) {
        let mut d = Diagnostic::error(
            "E0301",
            format!(
                "`{}` does not go between {} and {}",
                symbol(op),
                words(a),
                words(b)
            ),
        )
        .at(at.2, "this operation")
        .at(at.0, words(a))
        .at(at.1, words(b));
        for (ty, other, side) in [(a, b, at.0), (b, a, at.1)] {
            if matches!((ty, other), (Ty::Text, Ty::Num(_) | Ty::Tensor(_))) {
                d = self.unquoted(d, side);
            }
        }
        self.report(d);
    }

    /// E0305: numbers that count different things.
    fn numbers(&mut self, op: Op, a: Num, b: Num, at: (Span, Span, Span)) -> Ty {
        let differ = match (a.unit, b.unit) {
            (Some(x), Some(y)) => x != y && x != Unit::Bare && y != Unit::Bare,
            _ => false,
        };
        if differ && (compares(op) || matches!(op, Op::Add | Op::Sub | Op::Rem)) {
            let (x, y) = (a.unit.unwrap_or(Unit::Bare), b.unit.unwrap_or(Unit::Bare));
            let what = if compares(op) { "compared" } else { "added" };
            let d = Diagnostic::error(
                "E0305",
                format!("{} and {} cannot be {what}", x.words(), y.words()),
            )
            .at(at.1, format!("in {}", y.words()))
            .at(at.0, format!("in {}", x.words()))
            .help(format!(
                "write the right side in {}, or without a unit",
                x.words()
            ));
            let d = self.without_unit(d, at.1);
            self.report(d);
            return Ty::Any;
        }
        if compares(op) {
            return if a.run || b.run { Ty::Any } else { Ty::Bool };
        }
        let unit = match (op, a.unit, b.unit) {
            (Op::Add | Op::Sub | Op::Rem, Some(Unit::Bare), u)
            | (Op::Add | Op::Sub | Op::Rem, u, Some(Unit::Bare)) => u,
            (Op::Add | Op::Sub | Op::Rem, Some(u), Some(_)) => Some(u),
            (Op::Mul, Some(Unit::Bare), u) | (Op::Mul, u, Some(Unit::Bare)) => u,
            // A share of something is something.
            (Op::Mul, Some(Unit::Percent), u) | (Op::Mul, u, Some(Unit::Percent)) => u,
            (Op::Div, u, Some(Unit::Bare)) => u,
            (Op::Div, Some(x), Some(y)) if x == y => Some(Unit::Bare),
            (Op::Pow, Some(Unit::Bare), _) => Some(Unit::Bare),
            _ => None,
        };
        Ty::Num(Num {
            unit,
            run: a.run || b.run,
            whole: a.whole && b.whole && matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Rem),
        })
    }

    /// E0301: element types that are kept apart.
    fn elements(&mut self, op: Op, a: Elem, b: Elem, at: (Span, Span, Span)) -> Ty {
        let wrong = |what: String, help: &str| {
            Diagnostic::error("E0301", what)
                .at(at.2, "this operation")
                .at(at.0, format!("left: {}", a.name()))
                .at(at.1, format!("right: {}", b.name()))
                .help(help.to_string())
        };
        if orders(op) && (a == Elem::Complex || b == Elem::Complex) {
            self.report(wrong(
                format!(
                    "`{}` needs an order, and complex numbers have none",
                    symbol(op)
                ),
                "compare sizes, `abs(z)`, or parts, `re(z)` and `im(z)`",
            ));
        } else if orders(op)
            && let Some(which) = [a, b]
                .into_iter()
                .find(|e| matches!(e, Elem::Label | Elem::Token))
        {
            self.report(wrong(
                format!(
                    "`{}` needs an order, and a {} names something",
                    symbol(op),
                    which.name()
                ),
                "compare with `==`, or make numbers of it: `one_hot(y, classes)`",
            ));
        } else if compares(op) {
            let odd = |x: Elem, y: Elem| {
                x.counts() && matches!(y, Elem::Float | Elem::Bool | Elem::OneHot | Elem::Complex)
            };
            if odd(a, b) || odd(b, a) {
                self.report(wrong(
                    format!("{} and {} cannot be compared", a.name(), b.name()),
                    "`argmax(…)` makes an index of scores",
                ));
            }
            return Ty::Tensor(Elem::Bool);
        } else if matches!(a, Elem::Label | Elem::Token) || matches!(b, Elem::Label | Elem::Token) {
            let which = if matches!(a, Elem::Label | Elem::Token) {
                a
            } else {
                b
            };
            self.report(wrong(
                format!(
                    "`{}` on a {}: it names something and counts nothing",
                    symbol(op),
                    which.name()
                ),
                "`one_hot(y, classes)` makes numbers of it",
            ));
            return Ty::Any;
        }
        Ty::Tensor(match (a, b) {
            _ if compares(op) => Elem::Bool,
            (Elem::Complex, _) | (_, Elem::Complex) => Elem::Complex,
            (Elem::Float, Elem::Float | Elem::Bool | Elem::OneHot | Elem::Some)
            | (Elem::Bool | Elem::OneHot | Elem::Some, Elem::Float) => Elem::Float,
            (x, y) if x == y && !x.counts() => x,
            _ => Elem::Some,
        })
    }
}

/// Could stand beside an arithmetic sign.
fn operand(ty: &Ty) -> bool {
    match ty {
        Ty::Text | Ty::None => false,
        Ty::Named(n) => !matches!(&**n, "Net" | "Space" | "Arch" | "Data"),
        _ => true,
    }
}

/// Equality with something of another kind is never what was meant.
fn plain(ty: &Ty) -> bool {
    matches!(ty, Ty::Num(_) | Ty::Text | Ty::Bool)
}
