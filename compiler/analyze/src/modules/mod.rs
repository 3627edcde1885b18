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
use nas_eval::program::Program;

/// The standard library: paths below it (`core/layers.nas`) with texts, sorted by path.
pub type Library<'a> = &'a [(&'a str, &'a str)];

/// A program with its modules read and linked. Files with errors are in it as far as they could be read.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub program: Program,
    pub sources: Sources,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads `entry` (a path of the project) and all that it imports, with the library's `core` before it.
pub fn load(world: &dyn World, library: Library<'_>, entry: &str) -> Loaded {
    let mut loader = loader::Loader::new(Some(world), library);
    loader.core();
    loader.entry(entry);
    loader.finish()
}

/// Reads every module of the library; the entry is its first module.
pub fn load_library(library: Library<'_>) -> Loaded {
    let mut loader = loader::Loader::new(None, library);
    loader.core();
    loader.all();
    loader.finish()
}
