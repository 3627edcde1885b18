//! Statements and where they may stand; bodies that give nothing.

use super::Types;
use super::stmt::words;
use super::ty::{Num, Ty};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;

impl Types<'_> {
    /// E0107: statements that mean something in another kind of declaration only.
    pub(super) fn placed(&mut self, body: &Block, role: Option<Role>) {
        for s in &body.stmts {
            let (word, home) = match &s.kind {
                StmtKind::Report(_) => ("report", "a pipeline"),
                StmtKind::Budget(_) => ("budget", "a pipeline"),
                StmtKind::Expect(_) => ("expect", "a pipeline or a test"),
                StmtKind::Encoding(_) => ("encoding", "a space"),
                StmtKind::Net(_) => ("net", "a space"),
                StmtKind::Where(_) => ("where", "a space"),
                StmtKind::Keep { .. } => ("keep", "a loop of a trainer or a search"),
                StmtKind::Phase { .. } if role != Some(Role::Curriculum) => {
                    ("phase", "a curriculum")
                }
                StmtKind::Monotone(_) if role != Some(Role::Curriculum) => {
                    ("monotone", "a curriculum")
                }
                StmtKind::Match { .. } if role != Some(Role::Distill) => ("match", "a distill"),
                _ => continue,
            };
            self.misplaced(word, home, s.span);
        }
    }

    /// E0107: what a test does not do.
    pub(super) fn in_test(&mut self, body: &Block) {
        for s in &body.stmts {
            let (word, home) = match &s.kind {
                StmtKind::Report(_) => ("report", "a pipeline"),
                StmtKind::Budget(_) => ("budget", "a pipeline"),
                StmtKind::Weights { .. } => ("weights", "a trainer"),
                StmtKind::Keep { .. } => ("keep", "a loop of a trainer or a search"),
                _ => continue,
            };
            self.misplaced(word, home, s.span);
        }
    }

    fn misplaced(&mut self, word: &str, home: &str, at: Span) {
        self.report(
            Diagnostic::error("E0107", format!("`{word}` stands in {home}"))
                .at(at, "has no meaning here")
                .help("take it out, or move it there"),
        );
    }

    /// E0301: a body whose last value is an `if` that may give nothing, where a value is promised.
    pub(super) fn gives_sometimes(&mut self, d: &FnDecl, ty: &Type, value: &Expr) {
        let mut last = value;
        loop {
            match &last.kind {
                ExprKind::If {
                    otherwise: Some(o), ..
                } => last = o,
                ExprKind::If {
                    condition,
                    then,
                    otherwise: None,
                } => {
                    let optional = matches!(ty.kind, TypeKind::Optional(_));
                    if optional || then.value.is_none() || d.role == Role::Curriculum {
                        return;
                    }
                    self.report(
                        Diagnostic::error(
                            "E0301",
                            format!("`{}` gives nothing where this does not hold", d.name.text),
                        )
                        .at(condition.span, "and otherwise?")
                        .at(ty.span, "a value is promised here")
                        .help("add an `else { … }`"),
                    );
                    return;
                }
                _ => return,
            }
        }
    }

    /// E0301: a body without a last value, where one is promised.
    pub(super) fn gives_nothing(&mut self, d: &FnDecl, ty: &Type, body: &Block) {
        let gives = matches!(d.role, Role::Curriculum | Role::Distill | Role::Intrinsic)
            || matches!(ty.kind, TypeKind::Optional(_))
            || body.stmts.iter().any(|s| {
                matches!(
                    s.kind,
                    StmtKind::Value(_) | StmtKind::Expr(_) | StmtKind::Net(_)
                )
            });
        let want = self.of(ty);
        if gives || want == Ty::Any && matches!(ty.kind, TypeKind::Name { .. }) {
            return;
        }
        // A name that is bound last is mostly meant.
        let last = body.stmts.last().and_then(|s| match &s.kind {
            StmtKind::Let { pattern, .. } => match &pattern.kind {
                PatternKind::Name(n) => Some(n.text.clone()),
                _ => None,
            },
            _ => None,
        });
        let end = Span {
            start: body.span.end.saturating_sub(1),
            ..body.span
        };
        let promised = match &want {
            Ty::Any => "a value".to_string(),
            ty => words(ty),
        };
        let d = Diagnostic::error(
            "E0301",
            format!("`{}` promises {promised}, and gives nothing", d.name.text),
        )
        .at(end, "the last value of the body is what it gives")
        .at(ty.span, "promised here");
        self.report(match last {
            Some(n) => d.help(format!("end the body with `{n}`")),
            None => d.help("end the body with a value"),
        });
    }

    /// E0301: a loop over what has no elements.
    pub(super) fn gone_through(&mut self, over: &Ty, at: Span) {
        let help = match over.met() {
            Ty::Named(n) if &**n == "Data" => {
                "write `.batches(64)` behind it: samples come in batches"
            }
            Ty::Named(n) if matches!(&**n, "Net" | "Arch" | "Weights" | "Optimiser") => {
                "a list, a range or a space is gone through"
            }
            Ty::Num(Num { run: false, .. }) => "write `0..n`",
            Ty::Text | Ty::Bool => "a list, a range or a space is gone through",
            _ => return,
        };
        self.report(
            Diagnostic::error("E0301", format!("{} cannot be gone through", words(over)))
                .at(at, "a list is wanted here")
                .help(help),
        );
    }

    /// E0304: the ends of a range that is gone through say how many turns there are.
    pub(super) fn counted_ends(&mut self, over: &Expr) {
        if let ExprKind::Range { low, high, .. } = &over.kind {
            for end in [low, high].into_iter().flatten() {
                let ty = self.quietly(|t| t.expr(end));
                if let Ty::Tensor(_) = ty {
                    self.static_needed(&ty, end.span, "the number of turns");
                }
            }
        }
    }

    /// E0301: what is trained are weights.
    pub(super) fn changed(&mut self, over: &Expr) {
        if let ExprKind::Tuple(parts) = &over.kind {
            return parts.iter().for_each(|p| self.changed(p));
        }
        let ty = self.expr(over);
        let wrong = match ty.met() {
            Ty::Named(n) => matches!(&**n, "Net" | "Space" | "Arch" | "Data" | "Schedule"),
            Ty::Num(_) | Ty::Text | Ty::Bool => true,
            _ => false,
        };
        if wrong {
            let what = words(&ty);
            self.report(
                Diagnostic::error("E0301", format!("weights are trained, and this is {what}"))
                    .at(over.span, what)
                    .help("name what `weights w = init(net)` made: `minimise loss over w by opt`"),
            );
        }
    }

    /// E0301: an event is a change of a curriculum's setting.
    pub(super) fn event(&mut self, of: &Ty, at: Span) {
        let wrong = match of.met() {
            Ty::Named(n) => {
                matches!(
                    &**n,
                    "Net" | "Space" | "Arch" | "Data" | "Weights" | "Optimiser"
                )
            }
            Ty::Tensor(_) | Ty::Text => true,
            _ => false,
        };
        if wrong {
            let what = words(of);
            self.report(
                Diagnostic::error(
                    "E0301",
                    format!("an event is a change of a curriculum's setting, and this is {what}"),
                )
                .at(at, what)
                .help("name a setting: `on change(c.open) as v { … }`, where `c` is the curriculum at this time"),
            );
        }
    }

    /// E0301: a claim that is neither true nor false.
    pub(super) fn claim(&mut self, claim: &Expr) {
        let ty = self.expr(claim);
        let wrong = match ty.met() {
            Ty::Num(Num { run, .. }) => !run,
            Ty::Text | Ty::Named(_) | Ty::Record(_) | Ty::Parts(_) | Ty::Table(_) => true,
            _ => false,
        };
        if wrong {
            self.report(
                Diagnostic::error(
                    "E0301",
                    format!("an `expect` is true or false, and this is {}", words(&ty)),
                )
                .at(claim.span, "not true or false")
                .help("compare it: `expect a == b`, `expect a > b`, `expect a == b within 1e-6`"),
            );
        }
    }
}
