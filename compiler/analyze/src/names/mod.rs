//! Checks that every name in every body stands for something, and that calls fit what they call.

mod body;
mod call;
mod decl;
mod doubled;
mod draws;
mod expr;
mod lookup;
mod member;
mod types;
mod unknown;

pub use draws::DRAWING_INTRINSICS;

use crate::modules::imports::Target;
use crate::modules::index::Index;
use crate::modules::scope::{Import, failed_of, imports_of};
use crate::modules::{Library, labels};
use crate::walk::Visit;
use nas_diagnostics::{Diagnostic, Sources, Span, tidy};
use nas_eval::program::{GlobalId, ModuleId, Program};
use nas_grammar::ast::{FnDecl, SpaceDecl, Type, TypeKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Findings about the names of a loaded program: unknown names (E0201), members (E0202), doubled names (E0206), namespaces
/// used as values (E0207), arguments (E0302, E0303), draws (E0306), unused imports (W0201) and names (W0202).
///
/// `library` is searched for modules that have an unknown name.
pub fn check_names(program: &Program, sources: &Sources, library: Library<'_>) -> Vec<Diagnostic> {
    let index = Index::of(program, sources);
    let mut words = Words::default();
    for module in &program.modules {
        words.labels.push(labels::labels(&module.tree));
        words.taps.extend(labels::taps(&module.tree));
        if module.std {
            let mut found = TypeNames(&mut words.types);
            module.tree.items.iter().for_each(|i| found.item(i));
        }
    }
    words.every = words.labels.iter().flatten().cloned().collect();
    let mut checker = Checker {
        program,
        index: &index,
        library,
        words: &words,
        module: 0,
        imports: Vec::new(),
        here: Here::default(),
        locals: Vec::new(),
        lenient: 0,
        initial: 0,
        implicit: 0,
        reads: true,
        tilde: None,
        drawing: vec![None; program.globals.len()],
        elsewhere: None,
        reported: HashSet::new(),
        diagnostics: Vec::new(),
    };
    for id in 0..program.modules.len() {
        checker.module(id);
    }
    tidy(doubled::explain(program, sources, checker.diagnostics))
}

/// Words of the program that are no declarations.
#[derive(Default)]
struct Words {
    /// Labels of each module's choices.
    labels: Vec<Vec<Arc<str>>>,
    every: HashSet<Arc<str>>,
    taps: HashSet<Arc<str>>,
    /// Types that the library's declarations use.
    types: HashSet<Arc<str>>,
}

/// Collects the names of types.
struct TypeNames<'a>(&'a mut HashSet<Arc<str>>);

impl Visit for TypeNames<'_> {
    fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { name, .. } => {
                self.0.insert(name.text.clone());
            }
            TypeKind::List { of, .. } | TypeKind::Optional(of) | TypeKind::Sealed(of) => {
                self.ty(of)
            }
            TypeKind::Tensor { of, .. } => of.iter().for_each(|t| self.ty(t)),
            TypeKind::Tuple(parts) => parts.iter().for_each(|t| self.ty(t)),
            TypeKind::Fn(parts, result) => {
                parts.iter().for_each(|t| self.ty(t));
                self.ty(result);
            }
            TypeKind::Record(fields) => fields.iter().for_each(|(_, t)| self.ty(t)),
            TypeKind::Map(a, b) => {
                self.ty(a);
                self.ty(b);
            }
        }
    }
}

/// A name that a body binds.
#[derive(Clone)]
struct Local {
    name: Arc<str>,
    known: Known,
    /// The place of a `let` that has to be used.
    at: Option<Span>,
    used: bool,
}

/// A callee whose declaration is known.
#[derive(Clone)]
enum Known {
    Value,
    Fn(Arc<FnDecl>),
    Space(Arc<SpaceDecl>),
}

/// What the imports of the module at hand bring in.
#[derive(Default)]
struct Here {
    explicit: HashMap<Arc<str>, usize>,
    globs: HashMap<Arc<str>, Vec<(usize, GlobalId)>>,
    labels: HashMap<Arc<str>, Vec<usize>>,
    used: HashSet<usize>,
    /// Names of imports that failed, which is told at the import.
    failed: HashSet<Arc<str>>,
    /// Whether a whole module is missing: names that nothing knows may be its.
    missing: bool,
}

struct Checker<'a> {
    program: &'a Program,
    index: &'a Index,
    library: Library<'a>,
    words: &'a Words,
    module: ModuleId,
    imports: Vec<Import>,
    here: Here,
    locals: Vec<Local>,
    /// Inside a `where` on a value whose fields are not known: unknown names are fields.
    lenient: usize,
    /// Inside `param … ~ init`: initialisers draw by themselves.
    initial: usize,
    /// Inside the body of a block argument: a call may take its last value from the pipe around it.
    implicit: usize,
    /// In a body whose names only the body can read; a space's are its choices.
    reads: bool,
    /// The `~` before what is looked at, and what stands there without a draw.
    tilde: Option<(Span, &'static str)>,
    drawing: Vec<Option<bool>>,
    /// Names of library modules that the program does not read, made at the first unknown name.
    elsewhere: Option<HashMap<Arc<str>, String>>,
    reported: HashSet<(Span, Arc<str>)>,
    diagnostics: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn module(&mut self, id: ModuleId) {
        let module = &self.program.modules[id];
        self.module = id;
        self.imports = imports_of(module, self.index);
        self.here = Here::default();
        (self.here.failed, self.here.missing) = failed_of(module, self.index);
        for (i, import) in self.imports.iter().enumerate() {
            self.here.explicit.entry(import.name.clone()).or_insert(i);
            let from = match import.target {
                Target::Item(item) => self.program.globals[item].module,
                Target::Module(from) => {
                    for (name, global) in &self.index.own[from] {
                        self.here
                            .globs
                            .entry(name.clone())
                            .or_default()
                            .push((i, *global));
                    }
                    from
                }
            };
            for label in &self.words.labels[from] {
                self.here.labels.entry(label.clone()).or_default().push(i);
            }
        }
        let tree = module.tree.clone();
        for item in &tree.items {
            self.item(item);
            self.forget(0);
        }
        if !module.std {
            self.unused();
        }
    }

    /// W0201: imports of which nothing was used.
    fn unused(&mut self) {
        for (i, import) in self.imports.iter().enumerate() {
            let doubled = self.here.explicit.get(&import.name) != Some(&i)
                || self.index.own[self.module].contains_key(&import.name)
                    && matches!(import.target, Target::Item(_));
            // A module without names is an empty file, or one whose errors were reported.
            let empty = matches!(import.target, Target::Module(m) if self.index.own[m].is_empty());
            let before = |j: &usize| self.imports[*j].target == import.target && *j < i;
            if let Some(j) = self.here.explicit.get(&import.name).filter(|j| before(j)) {
                self.diagnostics.push(
                    Diagnostic::warning("W0201", format!("`{}` is imported twice", import.name))
                        .at(import.span, "again here")
                        .at(self.imports[*j].span, "first here")
                        .help("take one of them out"),
                );
                continue;
            }
            if self.here.used.contains(&i) || doubled || empty {
                continue;
            }
            let what = match import.target {
                Target::Item(_) => format!("`{}` is imported and not used", import.name),
                Target::Module(_) => format!("nothing of module `{}` is used", import.name),
            };
            self.diagnostics.push(
                Diagnostic::warning("W0201", what)
                    .at(import.span, "not used in this file")
                    .help("take it out of the `use`"),
            );
        }
    }

    /// Runs `f` and forgets the names that it binds.
    fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.locals.len();
        let result = f(self);
        self.forget(mark);
        result
    }

    /// Names go out of scope. W0202 for those that nothing read.
    fn forget(&mut self, mark: usize) {
        for local in self.locals.drain(mark..) {
            if let (Some(at), false, true) = (
                local.at,
                local.used,
                local.name.starts_with(|c: char| c != '_'),
            ) {
                self.diagnostics.push(
                    Diagnostic::warning("W0202", format!("`{}` is bound and not used", local.name))
                        .at(at, "nothing reads it")
                        .help(format!(
                            "take it out, or write `_{}` to say that it is meant",
                            local.name
                        )),
                );
            }
        }
    }

    /// Binds a name whose value somebody has to read.
    fn bind_used(&mut self, name: &Arc<str>, at: Span) {
        self.bind(name, Known::Value);
        if let Some(local) = self.locals.last_mut() {
            local.at = Some(at);
        }
    }

    fn bind(&mut self, name: &Arc<str>, known: Known) {
        self.locals.push(Local {
            name: name.clone(),
            known,
            at: None,
            used: false,
        });
    }
}
