//! Expressions: each name in them is looked up, binders are in scope where the language says.

use super::lookup::Meaning;
use super::{Checker, Known};
use crate::walk::{Visit, walk_expr};
use nas_diagnostics::Span;
use nas_grammar::ast::*;
use std::sync::Arc;

impl Checker<'_> {
    pub(super) fn expression(&mut self, expr: &Expr) {
        use ExprKind as E;
        match &expr.kind {
            E::Text(text) => self.text(text),
            E::Name(name) => {
                if &*name.text != "now" || self.is_local("now") {
                    self.value(name);
                }
            }
            E::Field { base, name } => {
                if self.member(base, name).is_none() {
                    self.expr(base);
                }
            }
            E::Call { .. } => self.call(expr, false, false),
            E::Index { base, args } => {
                self.index_base(base);
                args.iter().for_each(|a| self.index_arg(a));
            }
            E::Lambda { params, body } => self.scoped(|c| {
                c.params(params);
                c.expr(body);
            }),
            E::Pipe { .. } => self.pipe(expr, false),
            E::Draw(value) => {
                let end = value.span.start;
                self.tilde = Some((Span { end, ..expr.span }, ""));
                self.drawn(value);
            }
            // What a test says is wrong must not be an error of the file.
            E::Rejected(block) => {
                let before = self.diagnostics.len();
                self.block(block);
                self.diagnostics.truncate(before);
            }
            E::ListFor { body, clauses } | E::Sequence { body, clauses } => self.scoped(|c| {
                c.clauses(clauses);
                c.expr(body);
            }),
            E::Record(fields) => self.fields(fields),
            E::RecordFor {
                key,
                value,
                clauses,
            } => self.scoped(|c| {
                c.clauses(clauses);
                c.expr(key);
                c.expr(value);
            }),
            E::Repeat {
                over,
                binder,
                index,
                condition,
                body,
            } => {
                self.expr(over);
                condition.iter().for_each(|e| self.expr(e));
                self.scoped(|c| {
                    binder.iter().for_each(|p| c.pattern(p));
                    index.iter().for_each(|p| c.pattern(p));
                    c.inner(body);
                });
            }
            E::AtValue { value, name, at } => {
                self.expr(at);
                self.scoped(|c| {
                    c.bind(&name.text, Known::Value);
                    c.expr(value);
                });
            }
            E::With { base, entries } => {
                self.expr(base);
                self.edits(entries);
            }
            E::As { value, ty } => {
                self.expr(value);
                self.scoped(|c| c.ty(ty));
            }
            E::Where { value, conditions } => self.narrowed(value, conditions),
            E::DrawWhere {
                value,
                condition,
                within,
                otherwise,
            } => {
                self.expr(value);
                self.bounds(condition, within, otherwise);
            }
            // The names of the space are in scope of its equivalences.
            E::Modulo { value, rules } => self.narrowed(value, std::slice::from_ref(rules)),
            E::Is { value, option, .. } => {
                self.expr(value);
                match &option.kind {
                    // Any option's label will do: the choice that is asked about may stand in a module that is not imported.
                    E::Name(name) if self.words.every.contains(&name.text) => self.mention(name),
                    _ => self.expr(option),
                }
            }
            E::Net(net) => self.net(net),
            // Nothing is bound in the others, and a name in them is a value.
            _ => walk_expr(self, expr),
        }
    }

    /// The body of a block argument or a `repeat`.
    pub(super) fn inner(&mut self, body: &Block) {
        self.implicit += 1;
        self.block(body);
        self.implicit -= 1;
    }

    /// `where p within n else e` of a draw: the substitute is drawn as well.
    pub(super) fn bounds(
        &mut self,
        condition: &Expr,
        within: &Option<Box<Expr>>,
        otherwise: &Option<Box<Expr>>,
    ) {
        self.expr(condition);
        within.iter().for_each(|e| self.expr(e));
        otherwise.iter().for_each(|e| self.substitute(e));
    }

    /// What stands in for a draw that fails: drawn as well, or a value.
    pub(super) fn substitute(&mut self, e: &Expr) {
        match super::draws::may_draw(e) {
            true => self.drawn(e),
            false => self.expr(e),
        }
    }

    pub(super) fn index_arg(&mut self, arg: &IndexArg) {
        match arg {
            IndexArg::At(e) | IndexArg::Named(_, e) | IndexArg::Spread(e) => self.expr(e),
            IndexArg::All(_) => {}
            IndexArg::Last(kind) => self.mention(kind),
        }
    }

    fn clauses(&mut self, clauses: &[Clause]) {
        for clause in clauses {
            match clause {
                Clause::For { pattern, iterable } => {
                    self.expr(iterable);
                    self.pattern(pattern);
                }
                Clause::If(condition) => self.expr(condition),
            }
        }
    }

    pub(super) fn fields(&mut self, fields: &[Field]) {
        for field in fields {
            match field {
                Field::Named { value, .. } | Field::Spread(value) => self.expr(value),
                Field::Short(name) => {
                    self.value(name);
                }
                Field::Computed { key, value } => {
                    self.expr(key);
                    self.expr(value);
                }
            }
        }
    }

    /// The entries of `with { … }`: a target is a block kind, a parameter or a field; its own name is the old value.
    pub(super) fn edits(&mut self, entries: &[WithEntry]) {
        for entry in entries {
            self.scoped(|c| {
                match &entry.target {
                    WithTarget::Path(path) => c.target(path),
                    WithTarget::Spread { value, .. } => c.expr(value),
                }
                if let Some(within) = &entry.within {
                    c.lenient += 1;
                    c.expr(within);
                    c.lenient -= 1;
                }
                if let Some((name, index)) = &entry.binder {
                    c.bind(&name.text, Known::Value);
                    index.iter().for_each(|i| c.bind(&i.text, Known::Value));
                }
                c.expr(&entry.value);
            });
        }
    }

    fn target(&mut self, path: &Expr) {
        match &path.kind {
            ExprKind::Name(name) => {
                if let Meaning::Unknown = self.look(name) {
                    self.bind(&name.text, Known::Value);
                }
            }
            ExprKind::Field { base, .. } | ExprKind::TupleField { base, .. } => self.target(base),
            ExprKind::Index { base, args } => {
                self.target(base);
                args.iter().for_each(|a| self.index_arg(a));
            }
            // `conv2d(out, k)`: a pattern that binds the arguments of each block it meets.
            ExprKind::Call { callee, args, .. } => {
                self.target(callee);
                for arg in args {
                    match &arg.value.kind {
                        ExprKind::Name(name) => self.bind(&name.text, Known::Value),
                        _ => self.expr(&arg.value),
                    }
                }
            }
            _ => self.expr(path),
        }
    }

    /// `value where p`: the names of a known space or table are in scope; of any other value, unknown names are its fields.
    fn narrowed(&mut self, value: &Expr, conditions: &[Expr]) {
        self.expr(value);
        let fields = self.field_names(value);
        self.scoped(|c| {
            let open = fields.is_none();
            for name in fields.iter().flatten() {
                // A convention such as `macs` keeps its meaning unless the space has a choice of the name.
                c.bind(name, Known::Value);
            }
            c.lenient += usize::from(open);
            conditions.iter().for_each(|e| c.expr(e));
            c.lenient -= usize::from(open);
        });
    }

    fn field_names(&mut self, value: &Expr) -> Option<Vec<Arc<str>>> {
        match &value.kind {
            ExprKind::Name(name) => {
                let global = match self.look(name) {
                    Meaning::Local(Known::Space(d)) => return Some(space_names(&d)),
                    Meaning::Global(id) => id,
                    _ => return None,
                };
                match &self.program.item(global).kind {
                    ItemKind::Space(d) => Some(space_names(d)),
                    ItemKind::Table(d) => Some(
                        d.columns
                            .iter()
                            .filter_map(|c| c.path.first())
                            .chain(d.key.iter().map(|(name, _)| name))
                            .map(|n| n.text.clone())
                            .collect(),
                    ),
                    _ => None,
                }
            }
            ExprKind::Call { callee, .. } => self.field_names(callee),
            ExprKind::Where { value, .. } | ExprKind::Modulo { value, .. } => {
                self.field_names(value)
            }
            _ => None,
        }
    }
}

/// The names in a space's body.
fn space_names(d: &SpaceDecl) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for stmt in &d.body.stmts {
        if let StmtKind::Let { pattern, .. } = &stmt.kind {
            crate::modules::index::pattern_names(pattern, &mut names);
        }
    }
    names
        .into_iter()
        .map(|(name, _)| name)
        .chain(d.params.iter().map(|p| p.name.text.clone()))
        .collect()
}
