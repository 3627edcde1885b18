//! The compiler's facade: from a world of files to a program whose names are checked.

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
