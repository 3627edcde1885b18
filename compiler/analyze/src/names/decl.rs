//! Declarations: parameters with the extents that their types bind, spaces, moves, tables, rules.

use super::{Checker, Known};
use crate::modules::index::pattern_names;
use crate::modules::report;
use crate::walk::Visit;
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::*;
use std::sync::Arc;

impl Checker<'_> {
    /// A declaration at the top of a file or in a body; its own name is bound by the caller.
    pub(super) fn declaration(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Use(_) => {}
            ItemKind::Let { ty, value, .. } => self.scoped(|c| {
                ty.iter().for_each(|t| c.ty(t));
                c.expr(value);
            }),
            ItemKind::Fn(d) => self.function(d),
            ItemKind::Space(d) => self.space(d),
            ItemKind::Enlarge(d) => self.scoped(|c| {
                c.params(&d.params);
                for m in &d.moves {
                    c.scoped(|c| {
                        for (pattern, over) in &m.over {
                            c.expr(over);
                            c.pattern(pattern);
                        }
                        c.edits(&m.edits);
                    });
                }
                d.raises.iter().for_each(|e| c.expr(e));
            }),
            ItemKind::Table(d) => self.scoped(|c| {
                c.params(&d.params);
                c.expr(&d.space);
                c.expr(&d.source);
                d.modulo.iter().for_each(|e| c.expr(e));
                for column in &d.columns {
                    column.ty.iter().for_each(|t| c.ty(t));
                    if let Some(derived) = &column.derived {
                        // A derived column may read the file's other columns, whose names are not known here.
                        c.lenient += 1;
                        c.expr(derived);
                        c.lenient -= 1;
                    }
                }
            }),
            // A rule's names are its variables or operations of the space that it is used with.
            ItemKind::Rewrite(d) => {
                self.lenient += 1;
                for rule in &d.rules {
                    self.expr(&rule.left);
                    self.expr(&rule.right);
                    rule.when.iter().for_each(|e| self.expr(e));
                }
                self.lenient -= 1;
            }
            ItemKind::Pipeline(d) => self.scoped(|c| {
                c.params(&d.params);
                c.block(&d.body);
            }),
            ItemKind::Test(d) => self.block(&d.body),
            ItemKind::Type { ty, .. } => self.scoped(|c| c.ty(ty)),
        }
    }

    fn function(&mut self, d: &FnDecl) {
        self.scoped(|c| {
            // A function's own names do not depend on where in a body it stands.
            let (lenient, initial, implicit) = (c.lenient, c.initial, c.implicit);
            (c.lenient, c.initial, c.implicit) = (0, 0, 0);
            let reads = std::mem::replace(&mut c.reads, d.role != Role::Curriculum);
            let lists: Vec<&Param> = d.params.iter().flatten().collect();
            c.param_list(&lists);
            d.result.iter().for_each(|t| c.ty(t));
            d.requires.iter().for_each(|e| c.expr(e));
            if let Some(clock) = &d.clock {
                c.bind(&clock.text, Known::Value);
            }
            if d.role != Role::Intrinsic {
                d.body.iter().for_each(|b| c.block(b));
            } else if let Some(body) = &d.body {
                // The rules of an intrinsic speak of shapes and costs with words of their own.
                c.lenient += 1;
                c.block(body);
            }
            (c.lenient, c.initial, c.implicit) = (lenient, initial, implicit);
            c.reads = reads;
        });
    }

    pub(super) fn params(&mut self, params: &[Param]) {
        let lists: Vec<&Param> = params.iter().collect();
        self.param_list(&lists);
    }

    /// Binds parameters in order: a default sees those before it, an extent is bound at its first use.
    fn param_list(&mut self, params: &[&Param]) {
        for param in params {
            match &param.pattern {
                Some(pattern) => self.pattern(pattern),
                None => self.bind(&param.name.text, Known::Value),
            }
        }
        params
            .iter()
            .filter_map(|p| p.ty.as_ref())
            .for_each(|t| self.extents(t));
        for param in params {
            param.ty.iter().for_each(|t| self.ty(t));
            if let Some(default) = &param.default {
                self.expr(default);
            }
        }
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) {
        let mut names = Vec::new();
        pattern_names(pattern, &mut names);
        let mut seen: Vec<(Arc<str>, nas_diagnostics::Span)> = Vec::new();
        for (name, span) in names {
            if let Some((_, first)) = seen.iter().find(|(n, _)| *n == name) {
                self.diagnostics
                    .push(report::twice(&name, *first, span, "bound"));
            }
            self.bind(&name, Known::Value);
            seen.push((name, span));
        }
    }

    /// Binds the plain lower-case names that stand for extents in a type and are not bound yet.
    pub(super) fn extents(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { args, .. } => args.iter().for_each(|e| self.extent(e)),
            TypeKind::Tensor { shape, of } => {
                for arg in shape {
                    if let IndexArg::At(e) | IndexArg::Spread(e) = arg {
                        self.extent(e);
                    }
                }
                of.iter().for_each(|t| self.extents(t));
            }
            TypeKind::List { of, count } => {
                count.iter().for_each(|e| self.extent(e));
                self.extents(of);
            }
            TypeKind::Tuple(parts) => parts.iter().for_each(|t| self.extents(t)),
            TypeKind::Record(fields) => fields.iter().for_each(|(_, t)| self.extents(t)),
            TypeKind::Map(k, v) => {
                self.extents(k);
                self.extents(v);
            }
            TypeKind::Fn(args, result) => {
                args.iter().for_each(|t| self.extents(t));
                self.extents(result);
            }
            TypeKind::Optional(t) | TypeKind::Sealed(t) => self.extents(t),
        }
    }

    fn extent(&mut self, e: &Expr) {
        if let ExprKind::Name(name) = &e.kind
            && name.text.starts_with(|c: char| c.is_lowercase())
            && !self.is_local(&name.text)
        {
            // `Weights[conv2d]` names a block; an extent has a name of its own.
            let declared = self.program.modules[self.module]
                .scope
                .contains_key(&name.text);
            if !declared || name.text.chars().count() == 1 {
                self.bind(&name.text, Known::Value);
            }
        }
    }

    /// Checks a type where its plain names are bound or may be bound: a result, a `let`.
    pub(super) fn ty(&mut self, ty: &Type) {
        self.extents(ty);
        self.shape(ty);
    }

    /// Checks the names of a type.
    pub(super) fn shape(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { name, args, .. } => {
                self.type_name(name);
                self.lenient += 1;
                args.iter().for_each(|e| self.expr(e));
                self.lenient -= 1;
            }
            TypeKind::Tensor { shape, of } => {
                if let [IndexArg::At(e)] = &shape[..] {
                    self.foreign(e);
                }
                shape.iter().for_each(|a| self.index_arg(a));
                of.iter().for_each(|t| self.shape(t));
            }
            TypeKind::List { of, count } => {
                self.shape(of);
                count.iter().for_each(|e| self.expr(e));
            }
            TypeKind::Tuple(parts) => parts.iter().for_each(|t| self.shape(t)),
            TypeKind::Record(fields) => fields.iter().for_each(|(_, t)| self.shape(t)),
            TypeKind::Map(k, v) => {
                self.shape(k);
                self.shape(v);
            }
            TypeKind::Fn(args, result) => {
                args.iter().for_each(|t| self.shape(t));
                self.shape(result);
            }
            TypeKind::Optional(t) | TypeKind::Sealed(t) => self.shape(t),
        }
    }

    /// A space: its `let`s one after the other; its blocks, net and constraints see all of them.
    fn space(&mut self, d: &SpaceDecl) {
        // It would be evaluated by nothing: what a member is, is said by a word.
        if let Some(e) = &d.body.value {
            let found =
                Diagnostic::error("E0107", "a space's body says what a member is with `value`")
                    .at(e.span, "this says nothing")
                    .at(d.name.span, "in this space");
            let found = match &e.kind {
                // `net(…) { … } where …` on one line is a space like another one.
                ExprKind::Where { value, .. } if matches!(value.kind, ExprKind::Net(_)) => {
                    let gap = nas_diagnostics::Span {
                        start: value.span.end,
                        end: value.span.end,
                        ..e.span
                    };
                    found
                        .help("start a new line before `where`: it is a condition of the space, not of this net")
                        .fix(gap, "\n")
                }
                _ => found
                    .help("write `value …` before it, or `net(x: […]) { … }` for a space of nets"),
            };
            self.diagnostics.push(found);
        }
        self.scoped(|c| {
            c.params(&d.params);
            let late = |s: &Stmt| {
                matches!(
                    s.kind,
                    StmtKind::Net(_)
                        | StmtKind::Value(_)
                        | StmtKind::Where(_)
                        | StmtKind::Encoding(_)
                )
            };
            let (late, early): (Vec<&Stmt>, Vec<&Stmt>) =
                d.body.stmts.iter().partition(|s| late(s));
            let reads = std::mem::replace(&mut c.reads, false);
            c.stmts(&early, |c| {
                late.iter().for_each(|s| c.stmt(s));
                d.body.value.iter().for_each(|e| c.expr(e));
            });
            c.reads = reads;
        });
    }

    pub(super) fn net(&mut self, net: &NetDecl) {
        self.scoped(|c| {
            c.params(&net.params);
            net.result.iter().for_each(|t| c.ty(t));
            let reads = std::mem::replace(&mut c.reads, true);
            c.block(&net.body);
            c.reads = reads;
        });
    }
}
