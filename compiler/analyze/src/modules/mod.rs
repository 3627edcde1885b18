//! Modules: reads the files that an entry reaches and fills in what each name at the top of a file stands for.

pub(crate) mod imports;
pub(crate) mod index;
pub(crate) mod labels;
mod loader;
pub(crate) mod report;
pub(crate) mod scope;
mod world;

pub use world::{ReadFault, World};

use nas_diagnostics::{Diagnostic, Sources};
use nas_eval::program::{ModuleId, Program};

/// The standard library: paths below it (`core/layers.nas`) with texts, sorted by path.
pub type Library<'a> = &'a [(&'a str, &'a str)];

/// A program with its modules read and linked. Files with errors are in it as far as they could be read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub program: Program,
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
    /// The modules that were asked for, in that order.
    pub entries: Vec<ModuleId>,
}

/// Reads `entry` (a path of the project) and all that it imports, with the library's `core` before it.
pub fn load(world: &dyn World, library: Library<'_>, entry: &str) -> Loaded {
    load_all(world, library, &[entry])
}

/// The same for several files of one folder, as one program: what they share is read once. The first is its entry.
pub fn load_all(world: &dyn World, library: Library<'_>, entries: &[&str]) -> Loaded {
    let mut loader = loader::Loader::new(Some(world), library);
    loader.core();
    for entry in entries {
        loader.entry(entry);
    }
    loader.finish()
}

/// Reads every module of the library; the entry is its first module.
pub fn load_library(library: Library<'_>) -> Loaded {
    let mut loader = loader::Loader::new(None, library);
    loader.core();
    loader.all();
    loader.finish()
}
