//! What a fingerprint is made of: tagged parts, and declarations of modules, each met once.

use super::super::bound::Bound;
use super::super::{erase_spans, normal, normal_in};
use crate::program::{GlobalId, ModuleId, Program, ScopeEntry};
use nas_grammar::ast;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

/// A hash that grows by tagged parts, and the declarations it has met.
pub(super) struct Hash {
    state: blake3::Hasher,
    /// Where called declarations are looked up.
    pub(super) program: Option<Arc<Program>>,
    /// Declarations met so far, by the order they were met in.
    pub(super) seen: HashMap<GlobalId, usize>,
    /// Whether a parameter hides what the module calls so. Values that keys of draws are made of are told apart the wider way.
    pub(super) exact: bool,
}

impl Hash {
    pub(super) fn new(program: Option<Arc<Program>>) -> Hash {
        Hash {
            state: blake3::Hasher::new(),
            program,
            seen: HashMap::new(),
            exact: false,
        }
    }

    /// Of code: names of parameters are told from those of the module.
    pub(super) fn exact(program: Arc<Program>) -> Hash {
        Hash {
            exact: true,
            ..Hash::new(Some(program))
        }
    }

    pub(super) fn end(self) -> String {
        self.state.finalize().to_hex().to_string()
    }

    /// Whether a name at the top of a module stands for something.
    pub(super) fn knows(&self, module: ModuleId, name: &str) -> bool {
        let all = self.program.as_ref();
        all.is_some_and(|p| p.lookup(module, name).is_some())
    }

    /// What a name at the top of a module stands for, and what that reaches, each declaration once.
    pub(super) fn global(&mut self, module: ModuleId, name: &str) {
        let Some(program) = self.program.clone() else {
            return;
        };
        match program.lookup(module, name) {
            Some(ScopeEntry::Global(id)) => self.item(&program, *id),
            Some(ScopeEntry::Module(m)) => {
                for (id, _) in program
                    .globals
                    .iter()
                    .enumerate()
                    .filter(|(_, g)| g.module == *m)
                {
                    self.text("named", &program.globals[id].name);
                    self.item(&program, id);
                }
            }
            _ => {}
        }
    }

    pub(super) fn item(&mut self, program: &Program, id: GlobalId) {
        let Some(g) = program.globals.get(id) else {
            return;
        };
        let next = self.seen.len();
        let known = self.seen.get(&id).copied();
        self.part("ref", &(known.unwrap_or(next) as u64).to_le_bytes());
        if known.is_some() {
            return;
        }
        self.seen.insert(id, next);
        let Some(item) = program
            .modules
            .get(g.module)
            .and_then(|m| m.tree.items.get(g.item))
        else {
            return;
        };
        let text = format!("{:?}", item.kind);
        let hidden = match &item.kind {
            ast::ItemKind::Fn(decl) => self.hidden(&decl.params),
            _ => HashSet::new(),
        };
        match &item.kind {
            ast::ItemKind::Fn(decl) => self.decl(g.module, decl),
            // `let (a, b) = …`: which of them this name is.
            ast::ItemKind::Let { pattern, .. } => {
                if !matches!(pattern.kind, ast::PatternKind::Name(_)) {
                    self.text("part", &g.name);
                }
                let form = self.form(g.module, &text, &hidden);
                self.text("let", &form);
            }
            _ => {
                self.text("global", &g.name);
                self.text("item", &erase_spans(&text));
            }
        }
        let (exact, bound) = (self.exact, OnceCell::new());
        let own = |n: &str| exact && bound.get_or_init(|| Bound::of(&text)).everywhere(n);
        for name in names(&text).into_iter().filter(|n| !hidden.contains(*n)) {
            if !(self.knows(g.module, name) && own(name)) {
                self.global(g.module, name);
            }
        }
    }

    /// A declaration. The names of functions and of their variables do not count; those of blocks are addresses of weights,
    /// those of proxies keys of their draws, those of intrinsics stand for what Rust does.
    pub(super) fn decl(&mut self, module: ModuleId, decl: &ast::FnDecl) {
        use ast::Role::{Block, Intrinsic, Proxy};
        match decl.role {
            Block | Proxy | Intrinsic => self.tree("decl", decl),
            _ => {
                let body = format!(
                    "{:?} {:?} {:?} {:?} {:?} {:?}",
                    decl.role, decl.params, decl.result, decl.requires, decl.clock, decl.body
                );
                let form = self.form(module, &body, &self.hidden(&decl.params));
                self.text("decl", &form);
            }
        }
    }

    /// The normal form of a tree of a module: functions and values it names are told by the order they come in.
    fn form(&self, module: ModuleId, tree: &str, hidden: &HashSet<&str>) -> String {
        let Some(program) = &self.program else {
            return normal(tree);
        };
        let order = names(tree);
        normal_in(tree, |n| {
            if hidden.contains(n) {
                return None;
            }
            let Some(ScopeEntry::Global(id)) = program.lookup(module, n) else {
                return None;
            };
            let nameless = match &program.item(*id).kind {
                ast::ItemKind::Fn(d) => {
                    use ast::Role::{Block, Intrinsic, Proxy};
                    !matches!(d.role, Block | Proxy | Intrinsic)
                }
                ast::ItemKind::Let { .. } => true,
                _ => false,
            };
            let at = order.iter().position(|o| *o == n).filter(|_| nameless);
            at.map(|i| format!("@{i}"))
        })
    }

    /// Names that stand for parameters wherever a declaration uses them: what the module calls so is not meant. Those that a
    /// type or a default names may be the module's.
    pub(super) fn hidden<'p>(&self, params: &'p [Vec<ast::Param>]) -> HashSet<&'p str> {
        if !self.exact {
            return HashSet::new();
        }
        let all = || params.iter().flatten();
        let elsewhere: String = all()
            .map(|p| format!("{:?} {:?}", p.ty, p.default))
            .collect();
        let told: HashSet<&str> = names(&elsewhere).into_iter().collect();
        let own = all().filter(|p| p.pattern.is_none()).map(|p| &*p.name.text);
        own.filter(|n| !told.contains(n)).collect()
    }

    /// A tagged part; its length keeps neighbours apart.
    pub(super) fn part(&mut self, tag: &str, data: &[u8]) {
        self.state.update(tag.as_bytes());
        self.state.update(&[0]);
        self.state.update(&(data.len() as u64).to_le_bytes());
        self.state.update(data);
    }

    pub(super) fn text(&mut self, tag: &str, text: &str) {
        self.part(tag, text.as_bytes());
    }

    pub(super) fn tree(&mut self, tag: &str, t: &impl Debug) {
        self.text(tag, &erase_spans(&format!("{t:?}")));
    }
}

/// The names in a tree's debug text, each once.
pub fn names(tree: &str) -> Vec<&str> {
    let mut seen = HashSet::new();
    let all = tree
        .split("text: \"")
        .skip(1)
        .filter_map(|p| p.split_once('"').map(|p| p.0));
    all.filter(|n| seen.insert(*n)).collect()
}
