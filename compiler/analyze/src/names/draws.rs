//! Draws show in the text: what draws is written with `~`, and nothing else is.

use super::{Checker, Known};
use crate::modules::index::pattern_names;
use crate::walk::{Visit, walk_expr, walk_stmt};
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::program::{GlobalId, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::HashSet;
use std::sync::Arc;

/// The intrinsics that draw.
pub const DRAWING_INTRINSICS: &[&str] = &[
    "uniform",
    "normal",
    "bernoulli",
    "gumbel",
    "beta",
    "rademacher",
    "shuffle",
    "subset",
    "permutation",
    "pick",
    "crop_at",
];

/// Functions that close over their draws whatever their declaration is.
const CLOSED: &[&str] = &["sample"];

impl Checker<'_> {
    /// The value behind a `~`.
    pub(super) fn drawn(&mut self, value: &Expr) {
        match &value.kind {
            ExprKind::Call { .. } => self.call(value, false, true),
            ExprKind::Pipe { .. } => self.pipe(value, true),
            ExprKind::Index { base, args } => {
                self.drawn(base);
                args.iter().for_each(|a| self.index_arg(a));
            }
            ExprKind::DrawWhere {
                value,
                condition,
                within,
                otherwise,
            } => {
                self.drawn(value);
                self.bounds(condition, within, otherwise);
            }
            ExprKind::Name(_) => self.expr(value),
            // `~ if c { f(x) } else { g(x) }`: whatever it comes to is drawn.
            _ => {
                if self.lenient == 0 && self.initial == 0 && !may_draw(value) {
                    let d = Diagnostic::error("E0306", "nothing is drawn here")
                        .at(value.span, "this is the same in every turn")
                        .help("take the `~` away, or write `=` in its place");
                    let d = self.without_tilde(d);
                    self.diagnostics.push(d);
                }
                self.initial += 1;
                self.expr(value);
                self.initial -= 1;
            }
        }
    }

    /// `normal[2, 3]` without `~`.
    pub(super) fn index_base(&mut self, base: &Expr) {
        if let ExprKind::Name(name) = &base.kind
            && let Some((Known::Fn(d), _)) = self.callee(base)
            && intrinsic(&d)
            && self.initial == 0
        {
            self.undrawn(&name.text, base.span);
        }
        self.expr(base);
    }

    /// E0306: a call that draws without `~`, or the other way round.
    pub(super) fn check_draw(
        &mut self,
        d: &FnDecl,
        global: Option<GlobalId>,
        at: Span,
        lists: &[&[Arg]],
        drawn: bool,
        piped: bool,
    ) {
        let open = |a: &Arg| matches!(a.value.kind, ExprKind::Hole);
        let seeded = |a: &Arg| a.name.as_ref().is_some_and(|n| &*n.text == "seed");
        let args = || lists.iter().flat_map(|l| l.iter());
        let whole = lists.len() >= d.params.len() && !args().any(open);
        let partly = matches!(d.role, Role::Block | Role::Schedule | Role::Curriculum);
        if self.initial > 0 || self.lenient > 0 {
            return;
        }
        let name = &d.name.text;
        // Given some of its lists it is a function, not a value of one.
        if drawn && !(whole || partly || piped) && d.role == Role::Fn {
            let d = Diagnostic::error(
                "E0306",
                format!("`{name}` is not called with all its arguments here"),
            )
            .at(at, "a function: nothing is drawn yet")
            .help("take the `~` away, or write `=` in its place: it draws where it is called");
            let d = self.without_tilde(d);
            self.diagnostics.push(d);
            return;
        }
        if !(whole || partly) || (args().any(seeded) && !(drawn && d.role != Role::Fn)) {
            return;
        }
        let closed = matches!(d.role, Role::Proxy | Role::Trainer | Role::Search)
            || CLOSED.contains(&&**name);
        let draws = match d.role {
            Role::Fn => match global {
                Some(id) => self.global_draws(id),
                None => self.body_draws(d),
            },
            Role::Intrinsic => intrinsic(d),
            Role::Proxy | Role::Trainer | Role::Search | Role::Loss | Role::Metric => false,
            // What a block draws belongs to the run of its net.
            _ => false,
        };
        if closed && !drawn {
            return;
        }
        if draws && !drawn {
            self.undrawn(name, at);
        } else if drawn && closed {
            let d = Diagnostic::error("E0306", format!("`{name}` keeps its draws to itself"))
                .at(at, "this call needs no `~`")
                .help("take the `~` away, or write `=` in its place");
            let d = self.without_tilde(d);
            self.diagnostics.push(d);
        } else if drawn && !draws {
            let d = Diagnostic::error("E0306", format!("`{name}` draws nothing"))
                .at(at, "this call is the same in every turn")
                .help("take the `~` away, or write `=` in its place");
            let d = self.without_tilde(d);
            self.diagnostics.push(d);
        }
    }

    fn without_tilde(&self, d: Diagnostic) -> Diagnostic {
        match self.tilde {
            Some((at, text)) => d.fix(at, text),
            None => d,
        }
    }

    fn undrawn(&mut self, name: &str, at: Span) {
        self.diagnostics.push(
            Diagnostic::error("E0306", format!("`{name}` draws, and the call has no `~`"))
                .at(at, "this draws")
                .help(format!(
                    "write `let x ~ {name}(…)`, or `~{name}(…)` inside an expression"
                ))
                .fix(
                    Span {
                        end: at.start,
                        ..at
                    },
                    "~",
                ),
        );
    }

    fn global_draws(&mut self, id: GlobalId) -> bool {
        if let Some(known) = self.drawing[id] {
            return known;
        }
        // A circle of functions is an error elsewhere; here it draws nothing by itself.
        self.drawing[id] = Some(false);
        let draws = match &self.program.item(id).kind {
            ItemKind::Fn(d) if d.role == Role::Fn => {
                let d = d.clone();
                self.draws_in(&d, self.program.globals[id].module)
            }
            ItemKind::Fn(d) if d.role == Role::Intrinsic => intrinsic(d),
            _ => false,
        };
        self.drawing[id] = Some(draws);
        draws
    }

    fn body_draws(&mut self, d: &FnDecl) -> bool {
        self.draws_in(d, self.module)
    }

    fn draws_in(&mut self, d: &FnDecl, module: usize) -> bool {
        let Some(body) = &d.body else { return false };
        let mut found = Draws {
            own: d
                .params
                .iter()
                .flatten()
                .map(|p| p.name.text.clone())
                .collect(),
            ..Draws::default()
        };
        found.block(body);
        found.drawn
            || found
                .called
                .iter()
                .any(|name| match self.program.lookup(module, name) {
                    Some(ScopeEntry::Global(id)) => self.global_draws(*id),
                    _ => false,
                })
            || found
                .asked
                .iter()
                .any(|name| match self.program.lookup(module, name) {
                    Some(ScopeEntry::Global(id)) => match &self.program.item(*id).kind {
                        ItemKind::Fn(f) if matches!(f.role, Role::Fn | Role::Intrinsic) => {
                            self.global_draws(*id)
                        }
                        ItemKind::Fn(f) => {
                            !matches!(f.role, Role::Proxy | Role::Trainer | Role::Search)
                        }
                        _ => true,
                    },
                    _ => true,
                })
    }
}

fn intrinsic(d: &FnDecl) -> bool {
    d.role == Role::Intrinsic && DRAWING_INTRINSICS.contains(&&*d.name.text)
}

/// What a body draws by itself, and what it calls.
#[derive(Default)]
struct Draws {
    drawn: bool,
    called: Vec<String>,
    /// Called behind a `~`.
    asked: Vec<String>,
    /// Names that stand for something of the function's own.
    own: HashSet<Arc<str>>,
}

impl Draws {
    /// A `~`. What a call of a declared function draws is told by that function: a needless `~` is told where it stands, and not again
    /// where the function around it is called.
    fn draw(&mut self, value: &Expr) {
        match &value.kind {
            ExprKind::Call { callee, .. } => match &callee.kind {
                ExprKind::Name(n) if !self.own.contains(&n.text) => {
                    self.asked.push(n.text.to_string());
                }
                _ => self.drawn = true,
            },
            _ => self.drawn = true,
        }
    }
}

impl Visit for Draws {
    fn item(&mut self, _item: &Item) {}

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Draw { value, .. } => self.draw(value),
            StmtKind::Let { pattern, .. } => {
                let mut names = vec![];
                pattern_names(pattern, &mut names);
                self.own.extend(names.into_iter().map(|n| n.0));
            }
            // An initialiser's draws belong to the weights.
            StmtKind::Param { drawn: true, .. } | StmtKind::State { drawn: true, .. } => return,
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Draw(value) => self.draw(value),
            ExprKind::Call { callee, args, .. } => {
                let own = args.iter().any(|a| {
                    matches!(a.value.kind, ExprKind::Hole)
                        || a.name.as_ref().is_some_and(|n| &*n.text == "seed")
                });
                if let ExprKind::Name(name) = &callee.kind
                    && !own
                    && !CLOSED.contains(&&*name.text)
                {
                    self.called.push(name.text.to_string());
                }
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

/// Whether something in an expression may draw, or be a distribution: a call, an element, a name by itself.
pub(super) fn may_draw(e: &Expr) -> bool {
    let arms = |b: &Block| {
        let mut found = Calls(false);
        found.block(b);
        found.0 || b.value.as_ref().is_some_and(|v| may_draw(v))
    };
    match &e.kind {
        ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Error | ExprKind::List(_) => true,
        ExprKind::If {
            then, otherwise, ..
        } => arms(then) || otherwise.as_ref().is_some_and(|o| may_draw(o)),
        ExprKind::Block(b) => arms(b),
        _ => {
            let mut found = Calls(false);
            found.expr(e);
            found.0
        }
    }
}

/// Whether anything is called, read from or drawn.
struct Calls(bool);

impl Visit for Calls {
    fn expr(&mut self, e: &Expr) {
        self.0 |= matches!(
            e.kind,
            ExprKind::Call { .. }
                | ExprKind::Index { .. }
                | ExprKind::Pipe { .. }
                | ExprKind::Draw(_)
                | ExprKind::DrawWhere { .. }
        );
        walk_expr(self, e);
    }
}
