//! A program as the evaluator sees it: modules with their trees, and what each name in scope stands for.

use nas_diagnostics::FileId;
use nas_grammar::ast;
use std::collections::HashMap;
use std::sync::Arc;

pub type ModuleId = usize;
pub type GlobalId = usize;

/// What a name at the top of a module stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum ScopeEntry {
    Global(GlobalId),
    /// A module as a namespace: `macs.core`, `kendall_tau.b`.
    Module(ModuleId),
    /// An option of a choice (`nor_conv_3x3`), used as a bare word.
    Label,
}

/// One declaration with a name. `let (a, b) = …` makes one global a name, all with the same item.
#[derive(Debug, Clone)]
pub struct Global {
    pub name: Arc<str>,
    pub module: ModuleId,
    /// Position in the module's items.
    pub item: usize,
}

#[derive(Debug, Clone)]
pub struct Module {
    /// `search.nb201`, `core.layers`; the entry file's is its stem.
    pub path: Arc<str>,
    pub file: FileId,
    /// Comes from the embedded standard library.
    pub std: bool,
    pub tree: Arc<ast::Module>,
    /// As it was read: functions that are kept are kept as written.
    pub text: Arc<str>,
    /// Own names, imported names; the prelude is looked up after it.
    pub scope: HashMap<Arc<str>, ScopeEntry>,
}

/// All modules that an entry reaches, names resolved.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub modules: Vec<Module>,
    pub globals: Vec<Global>,
    /// Names of the modules in `stdlib/core`, in scope everywhere.
    pub prelude: HashMap<Arc<str>, ScopeEntry>,
    pub entry: ModuleId,
}

impl Program {
    pub fn lookup(&self, module: ModuleId, name: &str) -> Option<&ScopeEntry> {
        self.modules
            .get(module)
            .and_then(|m| m.scope.get(name))
            .or_else(|| self.prelude.get(name))
    }

    pub fn item(&self, global: GlobalId) -> &ast::Item {
        let g = &self.globals[global];
        &self.modules[g.module].tree.items[g.item]
    }
}
