//! Files and declarations.

use super::{Block, Expr, Ident, Pattern, Text, Type, WithEntry};
use nas_diagnostics::Span;
use std::sync::Arc;

/// One file.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    /// `//!` lines.
    pub doc: Vec<String>,
    pub items: Vec<Item>,
    pub span: Span,
}

/// A declaration at the top of a file, or nested in a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// `///` lines above it, joined by newlines.
    pub doc: Option<String>,
    pub kind: ItemKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind {
    Use(Use),
    /// `let pattern = value` at the top of a file.
    Let {
        pattern: Pattern,
        ty: Option<Type>,
        value: Expr,
    },
    /// fn, block, proxy, loss, metric, schedule, curriculum, distill, trainer, search, intrinsic.
    Fn(Arc<FnDecl>),
    Space(Arc<SpaceDecl>),
    Enlarge(Arc<EnlargeDecl>),
    Table(Arc<TableDecl>),
    Rewrite(Arc<RewriteDecl>),
    Pipeline(Arc<PipelineDecl>),
    Test(Arc<TestDecl>),
    /// `type Name = ty`
    Type {
        name: Ident,
        ty: Type,
    },
}

/// `use a.b`, `use a.b.{c, d as e}`, `use a.{b, c}`, `use a.b as c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    pub path: Vec<Ident>,
    /// `Some` when a `{ … }` list was written: (name, renamed to).
    pub names: Option<Vec<(Ident, Option<Ident>)>>,
    pub alias: Option<Ident>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Fn,
    Block,
    Proxy,
    Loss,
    Metric,
    Schedule,
    Curriculum,
    Distill,
    Trainer,
    Search,
    Intrinsic,
}

/// Anything that is called. Several parameter lists are curried: `block conv2d(out: Int, k: Int)(x: [n, c, h, w])`.
#[derive(Debug, Clone, PartialEq)]
pub struct FnDecl {
    pub role: Role,
    pub name: Ident,
    /// At least one list for all but a parameterless `block name(x: …)`; a block's last list is its tensors.
    pub params: Vec<Vec<Param>>,
    pub result: Option<Type>,
    /// `fn fair(space, m) -> … where all(size(s) == m for s in space.sites) { … }`
    pub requires: Option<Expr>,
    /// `schedule s(peak: Float = 2) at now = …`: the clock's name.
    pub clock: Option<Ident>,
    /// `None` for an intrinsic without a rule block.
    pub body: Option<Block>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub name: Ident,
    /// A destructuring parameter `(x, y)` of a lambda or function; then `name` is synthetic (`_0`).
    pub pattern: Option<Pattern>,
    pub ty: Option<Type>,
    /// `truth: { Text: Image } sealed`
    pub sealed: bool,
    pub default: Option<Expr>,
    pub span: Span,
}

/// A space: statements (let with choose, encoding, blocks, where, param) and a `net` or `value`, all in `body`.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceDecl {
    pub name: Ident,
    pub params: Vec<Param>,
    pub body: Block,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EnlargeDecl {
    pub name: Ident,
    pub params: Vec<Param>,
    pub moves: Vec<Move>,
    /// `raises macs.core`
    pub raises: Option<Expr>,
}

/// `move deeper(s in 0..len(depth)) { depth[s]: it + 1 }`
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    pub name: Ident,
    pub over: Vec<(Pattern, Expr)>,
    pub edits: Vec<WithEntry>,
    pub span: Span,
}

/// `table name of space from "file" { key …  columns  modifiers }`
#[derive(Debug, Clone, PartialEq)]
pub struct TableDecl {
    pub name: Ident,
    pub params: Vec<Param>,
    pub space: Expr,
    pub source: Expr,
    /// `key arch from "{h} {mlp} {heads}"`: the column, and the renamed template.
    pub key: Option<(Ident, Option<Text>)>,
    pub columns: Vec<Column>,
    pub per: Vec<Ident>,
    pub means: Vec<Ident>,
    pub modulo: Vec<Expr>,
}

/// `cifar10.test: Percent?` or `pool: Text = id[0]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub path: Vec<Ident>,
    pub ty: Option<Type>,
    /// `from "header"`: the header in the file where it differs from the path.
    pub header: Option<Text>,
    pub derived: Option<Expr>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RewriteDecl {
    pub name: Ident,
    pub rules: Vec<Rule>,
}

/// `a + b <=> b + a`, `identity(x) => x`, `x => x when x is identity`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub left: Expr,
    pub right: Expr,
    pub both: bool,
    pub when: Option<Expr>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PipelineDecl {
    pub name: Ident,
    pub params: Vec<Param>,
    pub body: Block,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TestDecl {
    pub name: Text,
    pub body: Block,
}
