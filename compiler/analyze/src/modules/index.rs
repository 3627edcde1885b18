//! Finds modules by file and declarations by name in a program, without reading anything.

use nas_diagnostics::{Sources, Span};
use nas_eval::program::{GlobalId, ModuleId, Program};
use nas_grammar::ast::{Item, ItemKind, Pattern, PatternKind};
use std::collections::HashMap;
use std::sync::Arc;

/// Modules by the name of their file, and each module's own declarations by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub by_file: HashMap<Arc<str>, ModuleId>,
    pub own: Vec<HashMap<Arc<str>, GlobalId>>,
    /// Folders that `use` paths start from, nearest first; `""` is the project.
    pub roots: Vec<String>,
}

impl Index {
    pub fn of(program: &Program, sources: &Sources) -> Index {
        let mut index = Index::default();
        for (id, module) in program.modules.iter().enumerate() {
            if let Some(file) = sources.get(module.file) {
                index.by_file.insert(file.name.clone(), id);
            }
        }
        index.own = vec![HashMap::new(); program.modules.len()];
        for (id, global) in program.globals.iter().enumerate() {
            if let Some(own) = index.own.get_mut(global.module) {
                own.entry(global.name.clone()).or_insert(id);
            }
        }
        if let Some(entry) = program.modules.get(program.entry).filter(|m| !m.std)
            && let Some(file) = sources.get(entry.file)
        {
            index.roots = roots(&file.name);
        }
        index
    }
}

/// The folder of a file and the folders above it, up to the project.
pub(crate) fn roots(file: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = file;
    while let Some((folder, _)) = rest.rsplit_once('/') {
        found.push(folder.to_string());
        rest = folder;
    }
    found.push(String::new());
    found
}

/// The names that an item declares, with their places.
pub(crate) fn declared(item: &Item) -> Vec<(Arc<str>, Span)> {
    let one = |name: &nas_grammar::ast::Ident| vec![(name.text.clone(), name.span)];
    match &item.kind {
        ItemKind::Use(_) | ItemKind::Test(_) => Vec::new(),
        ItemKind::Let { pattern, .. } => {
            let mut names = Vec::new();
            pattern_names(pattern, &mut names);
            names
        }
        ItemKind::Fn(d) => one(&d.name),
        ItemKind::Space(d) => one(&d.name),
        ItemKind::Enlarge(d) => one(&d.name),
        ItemKind::Table(d) => one(&d.name),
        ItemKind::Rewrite(d) => one(&d.name),
        ItemKind::Pipeline(d) => one(&d.name),
        ItemKind::Type { name, .. } => one(name),
    }
}

/// The names that a pattern binds, with their places.
pub(crate) fn pattern_names(pattern: &Pattern, names: &mut Vec<(Arc<str>, Span)>) {
    match &pattern.kind {
        PatternKind::Wildcard => {}
        PatternKind::Name(name) => names.push((name.text.clone(), name.span)),
        PatternKind::Tuple(parts) => parts.iter().for_each(|p| pattern_names(p, names)),
        PatternKind::Record(fields) => {
            for (field, part) in fields {
                match part {
                    Some(part) => pattern_names(part, names),
                    None => names.push((field.text.clone(), field.span)),
                }
            }
        }
    }
}
