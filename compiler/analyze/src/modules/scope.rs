//! Fills in each module's scope: own names, then names that a `use` lists, then all names of used modules, then labels.

use super::imports::{self, Failure, Finder, Target};
use super::index::Index;
use super::{Loaded, labels, report};
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::program::{GlobalId, Module, ModuleId, Program, ScopeEntry};
use nas_grammar::ast::ItemKind;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One entry of a `use`, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub span: Span,
    /// The name that it brings in, with its place.
    pub name: Arc<str>,
    pub target: Target,
}

/// Looks only at modules that were read.
struct Known<'a>(&'a Index);

impl Finder for Known<'_> {
    fn module(&mut self, file: &str, _at: Span) -> Result<Option<ModuleId>, ()> {
        Ok(self.0.by_file.get(file).copied())
    }

    fn item(&self, module: ModuleId, name: &str) -> Option<GlobalId> {
        self.0.own.get(module)?.get(name).copied()
    }

    fn roots(&self) -> &[String] {
        &self.0.roots
    }
}

/// What the `use` lines of a module bring in, in order; entries that failed are left out.
pub(crate) fn imports_of(module: &Module, index: &Index) -> Vec<Import> {
    let mut found = Vec::new();
    for item in &module.tree.items {
        let ItemKind::Use(item) = &item.kind else {
            continue;
        };
        for entry in imports::entries(item) {
            let Ok(target) = imports::resolve(&entry, module.std, &mut Known(index)) else {
                continue;
            };
            if let Some(name) = entry.bound() {
                found.push(Import {
                    span: entry.span,
                    name: name.text.clone(),
                    target,
                });
            }
        }
    }
    found
}

/// The names that failed entries of a module's `use` lines would bring in; with `true` where a whole module's may be among them.
pub(crate) fn failed_of(module: &Module, index: &Index) -> (HashSet<Arc<str>>, bool) {
    let (mut names, mut whole) = (HashSet::new(), false);
    for item in &module.tree.items {
        let ItemKind::Use(item) = &item.kind else {
            continue;
        };
        for entry in imports::entries(item) {
            let failure = match imports::resolve(&entry, module.std, &mut Known(index)) {
                Ok(_) => continue,
                Err(failure) => failure,
            };
            names.extend(entry.bound().map(|n| n.text.clone()));
            whole |= !matches!(failure, Failure::NoItem(_));
        }
    }
    (names, whole)
}

/// What the bound name of an import stands for: a module that declares its own name is known by that declaration.
pub(crate) fn bound(import: &Import, program: &Program, index: &Index) -> ScopeEntry {
    match import.target {
        Target::Item(item) => ScopeEntry::Global(item),
        Target::Module(module) => match namesake(module, program, index) {
            Some(item) => ScopeEntry::Global(item),
            None => ScopeEntry::Module(module),
        },
    }
}

/// The item of a module that has the module's own name.
fn namesake(module: ModuleId, program: &Program, index: &Index) -> Option<GlobalId> {
    let path = &program.modules[module].path;
    let stem = path.rsplit('.').next().unwrap_or(path);
    index.own[module].get(stem).copied()
}

/// Fills in the prelude and the scope of every module.
pub(super) fn link(loaded: &mut Loaded, index: &Index) {
    let all_labels: Vec<Vec<Arc<str>>> = loaded
        .program
        .modules
        .iter()
        .map(|m| labels::labels(&m.tree))
        .collect();
    loaded.program.prelude = prelude(&loaded.program, &all_labels);
    for id in 0..loaded.program.modules.len() {
        let module = &loaded.program.modules[id];
        let imports = imports_of(module, index);
        let mut scope: HashMap<Arc<str>, ScopeEntry> = index.own[id]
            .iter()
            .map(|(name, global)| (name.clone(), ScopeEntry::Global(*global)))
            .collect();
        explicit(
            id,
            &imports,
            &loaded.program,
            index,
            &mut scope,
            &mut loaded.diagnostics,
        );
        let mut used = vec![id];
        for import in &imports {
            match import.target {
                Target::Item(item) => used.push(loaded.program.globals[item].module),
                Target::Module(module) => {
                    used.push(module);
                    for (name, global) in &index.own[module] {
                        scope
                            .entry(name.clone())
                            .or_insert(ScopeEntry::Global(*global));
                    }
                }
            }
        }
        for name in used.iter().flat_map(|m| &all_labels[*m]) {
            if !loaded.program.prelude.contains_key(name) {
                scope.entry(name.clone()).or_insert(ScopeEntry::Label);
            }
        }
        loaded.program.modules[id].scope = scope;
    }
}

/// Names that imports bring in one by one; two different things of one name are an error.
fn explicit(
    id: ModuleId,
    imports: &[Import],
    program: &Program,
    index: &Index,
    scope: &mut HashMap<Arc<str>, ScopeEntry>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut first: HashMap<&str, (&Import, ScopeEntry)> = HashMap::new();
    for import in imports {
        let entry = bound(import, program, index);
        let own = index.own[id].get(&import.name);
        if let (Some(own), ScopeEntry::Global(item)) = (own, &entry)
            && own != item
        {
            let place = declaration(program, *own, &import.name);
            diagnostics.push(
                Diagnostic::error(
                    "E0206",
                    format!("`{}` is both imported and declared here", import.name),
                )
                .at(place, "declared here")
                .at(import.span, "imported here")
                .help(format!(
                    "rename the import: `{} as other_name`",
                    import.name
                )),
            );
            continue;
        }
        match first.get(&*import.name) {
            Some((other, meaning)) if *meaning != entry => {
                diagnostics.push(report::twice(
                    &import.name,
                    other.span,
                    import.span,
                    "imported",
                ));
            }
            Some(_) => {}
            None => {
                scope.entry(import.name.clone()).or_insert(entry.clone());
                first.insert(&import.name, (import, entry));
            }
        }
    }
}

/// Where a global's name stands.
pub(crate) fn declaration(program: &Program, global: GlobalId, name: &str) -> Span {
    let item = program.item(global);
    super::index::declared(item)
        .into_iter()
        .find(|(n, _)| &**n == name)
        .map_or(item.span, |(_, span)| span)
}

/// Names of the core modules; a module's own name is its namespace where nothing declares it.
fn prelude(program: &Program, labels: &[Vec<Arc<str>>]) -> HashMap<Arc<str>, ScopeEntry> {
    let core: Vec<ModuleId> = (0..program.modules.len())
        .filter(|id| {
            let module = &program.modules[*id];
            module.std && module.path.starts_with("core.")
        })
        .collect();
    let mut names = HashMap::new();
    let mut seen: HashSet<&Arc<str>> = HashSet::new();
    // In the order of the globals, so that of two equal names the first file's is taken on every run.
    for (id, global) in program.globals.iter().enumerate() {
        if core.contains(&global.module) && seen.insert(&global.name) {
            names.insert(global.name.clone(), ScopeEntry::Global(id));
        }
    }
    for id in &core {
        let path = &program.modules[*id].path;
        let stem = path.rsplit('.').next().unwrap_or(path);
        names.entry(stem.into()).or_insert(ScopeEntry::Module(*id));
    }
    for name in core.iter().flat_map(|m| &labels[*m]) {
        names.entry(name.clone()).or_insert(ScopeEntry::Label);
    }
    names
}
