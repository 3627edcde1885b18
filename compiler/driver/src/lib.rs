//! The compiler's facade: from a world of files to a program whose names are checked.

use nas_diagnostics::{Diagnostic, FileId};
use std::collections::HashSet;

pub use nas_analyze::{Loaded, ReadFault, World};

/// Reads `entry` (a path of the project, `/`-separated), all that it imports and the library's core.
///
/// Findings are in the result; a program with errors holds what could be read.
pub fn load(world: &dyn World, entry: &str) -> Loaded {
    nas_analyze::load(world, nas_stdlib::FILES, entry)
}

/// Reads every module of the standard library.
pub fn load_std() -> Loaded {
    nas_analyze::load_library(nas_stdlib::FILES)
}

/// Checks every name of a loaded program, and the arguments and draws of calls whose callee is known.
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
    found.retain(|d| {
        !(matches!(d.code, "E0201" | "W0201") && file(d).is_some_and(|f| broken.contains(&f)))
    });
    found
}
