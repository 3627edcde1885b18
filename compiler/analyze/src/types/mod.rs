//! Types, units, phases and element types, as far as they follow from the text: every declaration by itself, called or not.
//!
//! What is not known is `Any` and fits everywhere, so a finding is always certain. Shapes are the evaluator's.

mod advice;
mod binary;
mod call;
mod expr;
mod field;
mod fits;
mod known;
mod nowhere;
mod ordered;
mod places;
mod records;
mod settled;
mod special;
mod stmt;
mod swapped;
mod ty;

use crate::modules::index::Index;
use nas_diagnostics::{Diagnostic, FileId, Sources, Span, tidy};
use nas_eval::program::{GlobalId, ModuleId, Program, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::HashMap;
use std::sync::Arc;
use ty::{Decl, Ty};

/// What the text says of types, and the types of the names that `let` binds.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub diagnostics: Vec<Diagnostic>,
    /// The place of a name and its type, as it would be written.
    pub names: Vec<(Span, String)>,
}

/// Findings about units (E0305), phases (E0304), types (E0301), fields (E0202) and invalid values (E0308).
pub fn check_types(program: &Program, sources: &Sources) -> Typed {
    let index = Index::of(program, sources);
    let mut types = Types {
        program,
        index: &index,
        sources,
        module: 0,
        locals: Vec::new(),
        quiet: 0,
        intrinsic: false,
        in_block: false,
        depth: 0,
        units: HashMap::new(),
        results: HashMap::new(),
        globals: HashMap::new(),
        special: HashMap::new(),
        words: None,
        homes: (program.modules.iter().enumerate().map(|(i, m)| (m.file, i))).collect(),
        out: Typed::default(),
    };
    // The library is right, and is checked where it is the entry itself.
    let library = program.modules.get(program.entry).is_some_and(|m| m.std);
    for module in 0..program.modules.len() {
        if program.modules[module].std && !library {
            continue;
        }
        types.module = module;
        let tree = program.modules[module].tree.clone();
        for item in &tree.items {
            types.locals.clear();
            types.item(item);
        }
    }
    let mut out = types.out;
    out.diagnostics = tidy(out.diagnostics);
    out
}

struct Types<'a> {
    program: &'a Program,
    index: &'a Index,
    sources: &'a Sources,
    module: ModuleId,
    locals: Vec<(Arc<str>, Ty)>,
    /// Inside a body that is gone through for its type only, or that is said to be wrong.
    quiet: usize,
    /// The call at hand is of an intrinsic.
    intrinsic: bool,
    /// In the body of a block.
    in_block: bool,
    depth: usize,
    /// Where the unit of a number stands, by the number's place.
    units: HashMap<Span, Span>,
    results: HashMap<(*const FnDecl, usize), Ty>,
    globals: HashMap<GlobalId, Ty>,
    /// Bodies gone through with the records that they were given: what they gave.
    special: HashMap<String, Ty>,
    /// What the program names, made when it is first asked for.
    words: Option<Arc<nowhere::Words>>,
    /// The module of a file.
    homes: HashMap<FileId, ModuleId>,
    out: Typed,
}

/// Declarations deeper than this in each other's results are not followed.
const DEEPEST: usize = 24;

impl Types<'_> {
    fn report(&mut self, d: Diagnostic) {
        if self.quiet == 0 && !self.out.diagnostics.contains(&d) {
            self.out.diagnostics.push(d);
        }
    }

    /// The help of a unit that does not fit, where it is written on a number: to leave it out.
    fn without_unit(&self, d: Diagnostic, at: Span) -> Diagnostic {
        match self.units.get(&at) {
            Some(unit) => d.fix(*unit, ""),
            None => d,
        }
    }

    fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.locals.len();
        let out = f(self);
        self.locals.truncate(mark);
        out
    }

    fn quietly<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        self.quiet += 1;
        let out = f(self);
        self.quiet -= 1;
        out
    }

    fn bind(&mut self, name: &Arc<str>, ty: Ty) {
        self.locals.push((name.clone(), ty));
    }

    /// What a name is.
    fn name(&mut self, name: &Ident) -> Ty {
        if let Some((_, ty)) = self.locals.iter().rev().find(|l| l.0 == name.text) {
            return ty.clone();
        }
        match self.program.lookup(self.module, &name.text) {
            Some(ScopeEntry::Global(id)) => self.global(*id),
            _ => Ty::Any,
        }
    }

    fn global(&mut self, id: GlobalId) -> Ty {
        if let Some(ty) = self.globals.get(&id) {
            return ty.clone();
        }
        // A circle is an error elsewhere.
        self.globals.insert(id, Ty::Any);
        let module = self.program.globals[id].module;
        let ty = match &self.program.item(id).kind {
            ItemKind::Fn(decl) => Ty::Decl(Decl {
                decl: decl.clone(),
                module,
                lists: 0,
            }),
            ItemKind::Space(d) => self.space(&d.clone()),
            ItemKind::Table(d) => self.table(d),
            ItemKind::Let { pattern, ty, value } => match (&pattern.kind, ty) {
                (PatternKind::Name(_), Some(ty)) => self.of(ty),
                (PatternKind::Name(_), None) => {
                    let (value, saved) = (value.clone(), std::mem::take(&mut self.locals));
                    let home = std::mem::replace(&mut self.module, module);
                    let ty = self.quietly(|t| t.expr(&value));
                    self.module = home;
                    self.locals = saved;
                    ty
                }
                _ => Ty::Any,
            },
            _ => Ty::Any,
        };
        self.globals.insert(id, ty.clone());
        ty
    }

    /// `macs.core`: a member of a module.
    fn member(&mut self, base: &Expr, name: &Ident) -> Option<Ty> {
        let ExprKind::Name(space) = &base.kind else {
            return None;
        };
        if self.locals.iter().any(|l| l.0 == space.text) {
            return None;
        }
        let Some(ScopeEntry::Module(module)) = self.program.lookup(self.module, &space.text) else {
            return None;
        };
        let id = self.index.own[*module].get(&name.text).copied()?;
        Some(self.global(id))
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Use(_) | ItemKind::Rewrite(_) => {}
            ItemKind::Type { name, ty } => self.circle(name, ty),
            ItemKind::Table(d) => self.source(&d.source),
            ItemKind::Let { pattern, ty, value } => {
                let found = self.expr(value);
                self.declared_let(pattern, ty.as_ref(), found, value);
                self.locals.clear();
            }
            ItemKind::Fn(d) if d.role == Role::Intrinsic => {}
            ItemKind::Fn(d) => self.function(d),
            ItemKind::Space(d) => self.scoped(|t| {
                t.params(&d.params);
                t.block(&d.body);
            }),
            ItemKind::Enlarge(d) => self.scoped(|t| t.params(&d.params)),
            ItemKind::Pipeline(d) => self.scoped(|t| {
                t.params(&d.params);
                t.block(&d.body);
            }),
            ItemKind::Test(d) => {
                self.in_test(&d.body);
                self.block(&d.body);
            }
        }
    }

    fn params(&mut self, params: &[Param]) {
        for p in params {
            let ty = p.ty.as_ref().map_or(Ty::Any, |t| self.of(t));
            if let Some(default) = &p.default {
                let given = self.expr(default);
                self.fits(&p.name.text, None, p, &given, default.span);
            }
            match &p.pattern {
                Some(pattern) => self.pattern(pattern, &ty),
                None => {
                    self.bind(&p.name.text, ty);
                    self.asked(p);
                }
            }
            // Extents are bound by the shapes that name them, and are sizes.
            if let Some(t) = &p.ty {
                self.extents(t);
            }
        }
    }

    fn extents(&mut self, ty: &Type) {
        if let TypeKind::Tensor { shape, .. } = &ty.kind {
            for arg in shape {
                if let IndexArg::At(e) = arg
                    && let ExprKind::Name(n) = &e.kind
                    && n.text.starts_with(|c: char| c.is_lowercase())
                    && !self.locals.iter().any(|l| l.0 == n.text)
                {
                    self.bind(&n.text, Ty::whole());
                }
            }
        }
    }

    fn function(&mut self, d: &FnDecl) {
        self.scoped(|t| {
            for list in &d.params {
                t.params(list);
            }
            // In its own body a `Tensor` is one; callers may give a number.
            for p in d.params.iter().flatten() {
                if let Some(TypeKind::Name { name, .. }) = p.ty.as_ref().map(|t| &t.kind)
                    && &*name.text == "Tensor"
                {
                    t.bind(&p.name.text, Ty::Tensor(ty::Elem::Some));
                }
            }
            if let Some(clock) = &d.clock {
                t.bind(&clock.text, Ty::Any);
            }
            if let Some(e) = &d.requires {
                t.expr(e);
            }
            let Some(body) = &d.body else { return };
            t.placed(body, Some(d.role));
            if d.role == Role::Curriculum {
                t.settings(body);
            }
            if let (Role::Schedule, Some(clock), Some(v)) = (d.role, &d.clock, &body.value)
                && matches!(&v.kind, ExprKind::Name(n) if n.text == clock.text)
            {
                t.report(
                    Diagnostic::error(
                        "E0301",
                        format!(
                            "a schedule gives a number, and `{}` gives the clock",
                            d.name.text
                        ),
                    )
                    .at(v.span, "the clock itself")
                    .help("take a number of it: `now.fraction`, `now.epoch`"),
                );
            }
            let around = std::mem::replace(&mut t.in_block, d.role == Role::Block);
            let found = t.block(body);
            t.in_block = around;
            if let (Some(ty), None) = (&d.result, &body.value) {
                t.gives_nothing(d, ty, body);
            }
            if let (Some(ty), Some(value)) = (&d.result, &body.value) {
                t.gives_sometimes(d, ty, value);
                let (want, who) = (t.of(ty), format!("the result of `{}`", d.name.text));
                // What a loop gives is at least what is declared: it may tell more of how it went.
                let loops = matches!(d.role, Role::Trainer | Role::Search);
                if loops || !t.literal(&who, &want, value, ty.span) {
                    t.result(d, ty, &found, value.span);
                }
            }
        });
    }

    /// E0205: a table's file stays below the folder of its data.
    fn source(&mut self, source: &Expr) {
        let ExprKind::Text(t) = &source.kind else {
            return;
        };
        let out = t.raw.split(['/', '\\']).any(|part| part == "..");
        if out || t.raw.starts_with(['/', '\\']) {
            self.report(
                Diagnostic::error("E0205", format!("`{}` leads out of the project", t.raw))
                    .at(
                        source.span,
                        "a path is looked up below the project, and below `--data`",
                    )
                    .help("put the file there, and write its path from there"),
            );
        }
    }

    /// What a call of a declaration gives when all its lists are given.
    fn result_of(&mut self, d: &Decl) -> Ty {
        let declared = d.decl.result.as_ref().map(|t| self.of(t));
        match (d.decl.role, declared) {
            (Role::Proxy, None) => Ty::score(),
            (Role::Proxy | Role::Metric, Some(Ty::Num(n))) => {
                let ty = Ty::Num(ty::Num { run: true, ..n });
                self.as_valid(d, ty)
            }
            (Role::Fn | Role::Loss, Some(ty @ (Ty::Num(_) | Ty::Tensor(_)))) => {
                self.as_valid(d, ty)
            }
            (Role::Metric, None) => Ty::score(),
            (Role::Trainer, None) => kept(self.inferred(d)),
            // A `Record` says nothing of its fields; the body does.
            (Role::Fn | Role::Loss, Some(_)) if special::record(d.decl.result.as_ref()) => {
                self.inferred(d)
            }
            (Role::Trainer | Role::Search, Some(_)) if special::record(d.decl.result.as_ref()) => {
                kept(self.inferred(d))
            }
            (Role::Trainer | Role::Search, Some(ty)) => kept(ty),
            (Role::Fn | Role::Loss, None) => self.inferred(d),
            (Role::Block, None) => Ty::Any,
            // Which space it is, the body may tell.
            (Role::Fn, Some(ty)) if ty == Ty::named("Space") => match self.inferred(d) {
                Ty::Own(own) if own.base == ty => Ty::Own(own),
                _ => ty,
            },
            (_, Some(ty)) => ty,
            _ => Ty::Any,
        }
    }

    /// What is declared, and perhaps invalid where the body says so: an invalid value goes through declared types.
    fn as_valid(&mut self, d: &Decl, ty: Ty) -> Ty {
        match self.inferred(d) {
            Ty::Maybe(_) => ty.maybe(),
            _ => ty,
        }
    }

    fn inferred(&mut self, d: &Decl) -> Ty {
        let key = (Arc::as_ptr(&d.decl), d.module);
        if let Some(ty) = self.results.get(&key) {
            return ty.clone();
        }
        self.results.insert(key, Ty::Any);
        let Some(body) = &d.decl.body else {
            return Ty::Any;
        };
        if self.depth >= DEEPEST {
            return Ty::Any;
        }
        self.depth += 1;
        let around = std::mem::take(&mut self.locals);
        let home = std::mem::replace(&mut self.module, d.module);
        let ty = self.quietly(|t| {
            t.scoped(|t| {
                d.decl.params.iter().for_each(|list| t.params(list));
                t.block(body)
            })
        });
        self.module = home;
        self.locals = around;
        self.depth -= 1;
        self.results.insert(key, ty.clone());
        ty
    }
}

/// What a loop gives has, besides its own fields, what it kept on the way.
fn kept(ty: Ty) -> Ty {
    match ty {
        Ty::Record(fields) if !fields.iter().any(|f| &*f.0 == "history") => {
            let history = ("history".into(), Ty::Any);
            Ty::Record(Arc::new(fields.iter().cloned().chain([history]).collect()))
        }
        ty => ty,
    }
}
