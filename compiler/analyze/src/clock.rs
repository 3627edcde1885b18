//! The clock `now`: where it is read though no batch loop runs.

use crate::modules::index::pattern_names;
use crate::walk::{Visit, walk_expr, walk_stmt};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::*;

/// E0322: `now` where no batch loop runs.
pub(crate) fn clock(body: &Block, place: &str, out: &mut Vec<Diagnostic>) {
    told(Clock::of(body).found, place, out);
}

pub(crate) fn told(found: Vec<Span>, place: &str, out: &mut Vec<Diagnostic>) {
    for at in found {
        out.push(
            Diagnostic::error("E0322", "`now` is the clock of a batch loop, and none runs here")
                .at(at, format!("read in {place}"))
                .help("give a schedule as it is; the loop that runs asks it. At a time of its own: `s(epoch 3 of 10)`"),
        );
    }
}

/// E0322: `now` in the arm of a block for inference.
pub(crate) struct Infer<'a> {
    pub inside: usize,
    pub out: &'a mut Vec<Diagnostic>,
}

impl Visit for Infer<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Modes { train, infer } => {
                train.iter().for_each(|b| self.block(b));
                self.inside += 1;
                infer.iter().for_each(|b| self.block(b));
                self.inside -= 1;
            }
            ExprKind::Name(n) if &*n.text == "now" && self.inside > 0 => self.out.push(
                Diagnostic::error(
                    "E0322",
                    "`now` is read at inference, where no training runs",
                )
                .at(n.span, "in the arm for inference")
                .help("let this arm say what holds without a clock"),
            ),
            _ => walk_expr(self, e),
        }
    }
}

/// Where `now` is read with no loop around it, and which functions are called there; those given on are called later.
#[derive(Default)]
pub(crate) struct Clock {
    inside: usize,
    pub found: Vec<Span>,
    pub called: Vec<Ident>,
    pub bound: Vec<std::sync::Arc<str>>,
}

impl Clock {
    pub fn of(body: &Block) -> Clock {
        let mut found = Clock::default();
        found.block(body);
        found
    }
}

impl Visit for Clock {
    fn item(&mut self, _: &Item) {}

    fn stmt(&mut self, s: &Stmt) {
        let loops = matches!(s.kind, StmtKind::For { .. });
        if let StmtKind::Let { pattern, .. } | StmtKind::Draw { pattern, .. } = &s.kind {
            let mut names = vec![];
            pattern_names(pattern, &mut names);
            self.bound.extend(names.into_iter().map(|n| n.0));
        }
        self.inside += usize::from(loops);
        walk_stmt(self, s);
        self.inside -= usize::from(loops);
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Name(n) if &*n.text == "now" && self.inside == 0 => self.found.push(n.span),
            ExprKind::Lambda { .. } | ExprKind::Net(_) | ExprKind::Rejected(_) => {}
            // At a time of its own: `s(epoch 3 of 10)`.
            ExprKind::AtValue { .. } => {}
            ExprKind::Call { callee, args, .. } => {
                let hole = |a: &Arg| matches!(a.value.kind, ExprKind::Hole);
                if let ExprKind::Name(n) = &callee.kind
                    && self.inside == 0
                    && !args.iter().any(hole)
                {
                    self.called.push(n.clone());
                }
                walk_expr(self, e);
            }
            ExprKind::ListFor { .. } | ExprKind::Sequence { .. } | ExprKind::RecordFor { .. } => {
                self.inside += 1;
                walk_expr(self, e);
                self.inside -= 1;
            }
            _ => walk_expr(self, e),
        }
    }
}
