//! Reads modules from the project and the library, each once, following their imports.

use super::imports::{self, Failure, Finder};
use super::index::{self, Index};
use super::{Library, Loaded, ReadFault, World, report, scope};
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::program::{Global, GlobalId, Module, ModuleId};
use nas_grammar::ast::ItemKind;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many project files may import each other in a row.
const DEEPEST: usize = 64;
/// How many files one program may have.
const MOST: usize = 10_000;

pub(super) struct Loader<'a> {
    world: Option<&'a dyn World>,
    library: Library<'a>,
    index: Index,
    /// Files that were looked for in vain.
    absent: HashSet<String>,
    faulty: HashSet<String>,
    loaded: Loaded,
    /// The project files being read, each with the `use` that led to it.
    open: Vec<(ModuleId, Span)>,
    full: bool,
    /// Modules with syntax errors: what they lack may be what could not be read.
    broken: HashSet<ModuleId>,
}

impl<'a> Loader<'a> {
    pub fn new(world: Option<&'a dyn World>, library: Library<'a>) -> Self {
        Loader {
            world,
            library,
            index: Index::default(),
            absent: HashSet::new(),
            faulty: HashSet::new(),
            loaded: Loaded::default(),
            open: Vec::new(),
            full: false,
            broken: HashSet::new(),
        }
    }

    /// Reads the modules whose names are in scope everywhere.
    pub fn core(&mut self) {
        for (path, text) in self.library {
            if path.starts_with("core/") {
                self.library_module(path, text);
            }
        }
    }

    /// Reads the rest of the library.
    pub fn all(&mut self) {
        for (path, text) in self.library {
            self.library_module(path, text);
        }
    }

    pub fn entry(&mut self, path: &str) {
        self.index.roots = index::roots(path);
        let id = match self.index.by_file.get(path) {
            // One that was asked for before imports it.
            Some(id) => *id,
            None => match self.entry_module(path) {
                Some(id) => id,
                None => return,
            },
        };
        if self.loaded.entries.is_empty() {
            self.loaded.program.entry = id;
        }
        self.loaded.entries.push(id);
    }

    fn entry_module(&mut self, path: &str) -> Option<ModuleId> {
        let world = self.world?;
        let text = match world.read(path) {
            Ok(text) => text,
            Err(fault) => {
                let code = match fault {
                    ReadFault::Outside => "E0205",
                    _ => "E0803",
                };
                let message = format!("{path} {}", fault.describe());
                self.loaded
                    .diagnostics
                    .push(Diagnostic::error(code, message));
                // A program has an entry, even one without items.
                return Some(self.module_of(path, "", false, path));
            }
        };
        let stem = path.rsplit('/').next().unwrap_or(path);
        let stem = stem.strip_suffix(".nas").unwrap_or(stem);
        let id = self.module_of(path, &text, false, stem);
        self.open.push((id, Span::default()));
        self.follow(id);
        self.open.pop();
        Some(id)
    }

    pub fn finish(mut self) -> Loaded {
        scope::link(&mut self.loaded, &self.index);
        let diagnostics = std::mem::take(&mut self.loaded.diagnostics);
        self.loaded.diagnostics = nas_diagnostics::tidy(diagnostics);
        self.loaded
    }

    fn library_module(&mut self, path: &str, text: &str) -> ModuleId {
        let file = format!("std/{path}");
        if let Some(id) = self.index.by_file.get(&*file) {
            return *id;
        }
        let dotted = path.strip_suffix(".nas").unwrap_or(path).replace('/', ".");
        let id = self.module_of(&file, text, true, &dotted);
        // Modules of the library may import each other in a circle: scopes are filled after all are read.
        let open = std::mem::take(&mut self.open);
        self.follow(id);
        self.open = open;
        id
    }

    /// Parses a text and registers it with its declarations.
    fn module_of(&mut self, file: &str, text: &str, std: bool, path: &str) -> ModuleId {
        let loaded = &mut self.loaded;
        let name: Arc<str> = file.into();
        let file = loaded.sources.add(name.clone(), text);
        let (tree, found) = nas_grammar::parse(file, text);
        let id = loaded.program.modules.len();
        if found.iter().any(Diagnostic::is_error) {
            self.broken.insert(id);
        }
        loaded.diagnostics.extend(found);
        let mut own: HashMap<Arc<str>, GlobalId> = HashMap::new();
        let mut places: HashMap<Arc<str>, Span> = HashMap::new();
        for (item, declared) in tree.items.iter().map(index::declared).enumerate() {
            for (name, span) in declared {
                if let Some(first) = places.get(&name) {
                    let whole = tree.items[item].span;
                    let earlier = tree
                        .items
                        .iter()
                        .map(|i| i.span)
                        .find(|i| i.start <= first.start && first.end <= i.end);
                    let same = earlier
                        .is_some_and(|e| loaded.sources.text(e) == loaded.sources.text(whole));
                    let finding =
                        report::declared_twice(&name, *first, span, same.then_some(whole));
                    loaded.diagnostics.push(finding);
                    continue;
                }
                places.insert(name.clone(), span);
                own.insert(name.clone(), loaded.program.globals.len());
                let module = id;
                loaded.program.globals.push(Global { name, module, item });
            }
        }
        loaded.program.modules.push(Module {
            path: path.into(),
            file,
            std,
            tree: Arc::new(tree),
            text: text.into(),
            scope: HashMap::new(),
        });
        self.index.own.push(own);
        self.index.by_file.insert(name, id);
        id
    }

    /// Reads what a module imports and reports what is not there.
    fn follow(&mut self, id: ModuleId) {
        let module = &self.loaded.program.modules[id];
        let (tree, std) = (module.tree.clone(), module.std);
        for item in &tree.items {
            let ItemKind::Use(item) = &item.kind else {
                continue;
            };
            for entry in imports::entries(item) {
                let found = imports::resolve(&entry, std, self);
                let finding = match found {
                    Ok(_) | Err(Failure::Reported) => continue,
                    Err(Failure::NoItem(module)) if self.broken.contains(&module) => continue,
                    Err(Failure::Missing(tried)) => {
                        report::missing(&entry, &tried, &self.known(), self.library)
                    }
                    Err(Failure::NoItem(module)) => {
                        report::no_item(&entry, module, &self.loaded.program, &self.index)
                    }
                };
                // `use opps.{a, b}` lacks one module, not two.
                let told = |d: &Diagnostic| d.code == "E0203" && d.primary() == finding.primary();
                if finding.code != "E0203" || !self.loaded.diagnostics.iter().any(told) {
                    self.loaded.diagnostics.push(finding);
                }
            }
        }
    }

    /// Modules of the project that a `use` could have meant.
    fn known(&self) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for root in &self.index.roots {
            let prefix = if root.is_empty() {
                String::new()
            } else {
                format!("{root}/")
            };
            for file in self.index.by_file.keys().filter(|f| !f.starts_with("std/")) {
                if let Some(rest) = file
                    .strip_prefix(&prefix)
                    .and_then(|f| f.strip_suffix(".nas"))
                {
                    known.push(rest.replace('/', "."));
                }
            }
            let listed = self.world.map(|w| w.list(root)).unwrap_or_default();
            known.extend(
                listed
                    .iter()
                    .filter_map(|name| Some(name.strip_suffix(".nas")?.to_string())),
            );
        }
        known
    }

    fn read(&mut self, file: &str, at: Span) -> Result<Option<ModuleId>, ()> {
        let Some(world) = self.world else {
            return Ok(None);
        };
        if self.faulty.contains(file) {
            return Err(());
        }
        if self.absent.contains(file) {
            return Ok(None);
        }
        let fault = match world.read(file) {
            Ok(text) => return self.project_module(file, &text, at).map(Some),
            Err(ReadFault::Missing) => {
                self.absent.insert(file.to_string());
                return Ok(None);
            }
            Err(fault) => fault,
        };
        let code = match fault {
            ReadFault::Outside => "E0205",
            _ => "E0803",
        };
        self.loaded.diagnostics.push(
            Diagnostic::error(code, format!("{file} {}", fault.describe())).at(at, "imported here"),
        );
        self.faulty.insert(file.to_string());
        Err(())
    }

    fn project_module(&mut self, file: &str, text: &str, at: Span) -> Result<ModuleId, ()> {
        if self.open.len() >= DEEPEST {
            self.loaded.diagnostics.push(
                Diagnostic::error(
                    "E0204",
                    format!("imports go deeper than {DEEPEST} files, one importing the next"),
                )
                .at(at, "this import is one too many"),
            );
            self.faulty.insert(file.to_string());
            return Err(());
        }
        if self.loaded.program.modules.len() >= MOST {
            if !self.full {
                self.full = true;
                self.loaded.diagnostics.push(
                    Diagnostic::error("E0204", format!("the program has more than {MOST} files"))
                        .at(at, "this import is one too many"),
                );
            }
            return Err(());
        }
        let path = file.strip_suffix(".nas").unwrap_or(file).replace('/', ".");
        let id = self.module_of(file, text, false, &path);
        self.open.push((id, at));
        self.follow(id);
        self.open.pop();
        Ok(id)
    }
}

impl Finder for Loader<'_> {
    fn module(&mut self, file: &str, at: Span) -> Result<Option<ModuleId>, ()> {
        if let Some(id) = self.index.by_file.get(file).copied() {
            if let Some(from) = self.open.iter().position(|(open, _)| *open == id) {
                let finding = report::cycle(&self.open[from..], at, &self.loaded.sources);
                self.loaded.diagnostics.push(finding);
            }
            return Ok(Some(id));
        }
        if let Some(path) = file.strip_prefix("std/") {
            let found = self.library.binary_search_by(|(p, _)| (*p).cmp(path));
            return Ok(found.ok().map(|i| {
                let (path, text) = self.library[i];
                self.library_module(path, text)
            }));
        }
        self.read(file, at)
    }

    fn item(&self, module: ModuleId, name: &str) -> Option<GlobalId> {
        self.index.own.get(module)?.get(name).copied()
    }

    fn roots(&self) -> &[String] {
        &self.index.roots
    }
}
