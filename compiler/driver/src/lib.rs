//! The compiler's facade: from a world of files to a program whose names are checked.

use nas_diagnostics::{Diagnostic, FileId};
use nas_eval::host::Host;
use nas_eval::program::ModuleId;
use std::collections::HashSet;
use std::sync::Arc;

pub use nas_analyze::{Library, Loaded, ReadFault, World};

/// Reads `entry` (a path of the project, `/`-separated), all that it imports and the library's core.
///
/// Findings are in the result; a program with errors holds what could be read.
pub fn load(world: &dyn World, entry: &str) -> Loaded {
    nas_analyze::load(world, nas_stdlib::FILES, entry)
}

/// The same for several files of one folder, as one program: what they share is read and checked once.
pub fn load_all(world: &dyn World, entries: &[&str]) -> Loaded {
    nas_analyze::load_all(world, nas_stdlib::FILES, entries)
}

/// Reads every module of the standard library.
pub fn load_std() -> Loaded {
    nas_analyze::load_library(nas_stdlib::FILES)
}

/// Checks every name of a loaded program, the arguments and draws of calls whose callee is known, and types.
///
/// In a file with syntax errors, unknown names and unused imports are left out: what explains them may not have been read.
pub fn check_names(loaded: &Loaded) -> Vec<Diagnostic> {
    let file = |d: &Diagnostic| d.primary().map(|span| span.file);
    let broken: HashSet<FileId> = loaded
        .diagnostics
        .iter()
        .filter(|d| d.is_error() && d.code.starts_with("E01"))
        .filter_map(file)
        .collect();
    let mut found = nas_analyze::check_names(&loaded.program, &loaded.sources, nas_stdlib::FILES);
    // A name that is wrong is no type that is wrong.
    let at: HashSet<_> = found.iter().filter_map(Diagnostic::primary).collect();
    let types = nas_analyze::check_types(&loaded.program, &loaded.sources);
    found.extend(
        types
            .diagnostics
            .into_iter()
            .filter(|d| d.primary().is_none_or(|p| !at.contains(&p))),
    );
    found.extend(nas_analyze::check_effects(&loaded.program, &loaded.sources));
    found.extend(nas_analyze::check_contracts(&loaded.program));
    found.extend(nas_analyze::check_recursion(
        &loaded.program,
        &loaded.sources,
    ));
    // A name that could not be read, or is written wrong, may be the one that something waits for.
    let misread: HashSet<FileId> = found
        .iter()
        .filter(|d| d.code == "E0201")
        .filter_map(file)
        .collect();
    found.retain(|d| match d.code {
        "E0201" | "W0201" => file(d).is_none_or(|f| !broken.contains(&f)),
        "W0202" => file(d).is_none_or(|f| !broken.contains(&f) && !misread.contains(&f)),
        _ => true,
    });
    found
}

/// Reads `entry` with a library of the caller's: the standard one with changes, or none.
pub fn load_with(world: &dyn World, library: Library<'_>, entry: &str) -> Loaded {
    nas_analyze::load(world, library, entry)
}

/// Everything that is found before a run about some modules of a program, in the order of the text.
///
/// Recurses with the program: give it a deep stack.
pub fn check(loaded: &Loaded, host: &Arc<dyn Host>, modules: &[ModuleId]) -> Vec<Diagnostic> {
    let mut found = loaded.diagnostics.clone();
    found.extend(check_names(loaded));
    let program = Arc::new(loaded.program.clone());
    let more = nas_eval::pipeline::check_modules(&program, host, modules, &found);
    found.extend(more);
    nas_diagnostics::tidy(found)
}
