//! Blocks, statements and patterns.

use super::{Arg, Expr, Field, Ident, Item, Param, Text, Type};
use nas_diagnostics::Span;
use std::sync::Arc;

/// `{ statements; value }`. A block whose last statement is an expression has it as `value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub stmts: Vec<Stmt>,
    pub value: Option<Box<Expr>>,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    pub doc: Option<String>,
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// A nested declaration (fn, block, …).
    Item(Item),
    Let {
        pattern: Pattern,
        ty: Option<Type>,
        value: Expr,
    },
    /// `let x ~ draw`, with `where p within n else e` held in [`ExprKind::DrawWhere`].
    Draw { pattern: Pattern, value: Expr },
    /// `tap name = value`
    Tap { name: Ident, value: Expr },
    /// `param name: [shape] ~ init` or `= value`
    Param {
        name: Ident,
        ty: Option<Type>,
        init: Option<Expr>,
        drawn: bool,
    },
    /// `state name: ty = value`
    State {
        name: Ident,
        ty: Option<Type>,
        init: Option<Expr>,
        drawn: bool,
    },
    /// `weights name = value`
    Weights { name: Ident, value: Expr },
    /// `place := value`
    Assign { place: Expr, value: Expr },
    /// `minimise loss over w by opt`
    Minimise {
        loss: Expr,
        over: Expr,
        by: Option<Expr>,
    },
    /// `keep value every 25 epochs`; without `every`: each turn.
    Keep { value: Expr, every: Option<Expr> },
    /// `record a = b, c = d`
    Record { fields: Vec<(Ident, Expr)> },
    /// `on change(setting) as k { … }`
    OnChange {
        setting: Expr,
        binder: Option<Pattern>,
        body: Block,
    },
    /// `for pattern in iterable where p and q { … }`
    For {
        pattern: Pattern,
        iterable: Expr,
        condition: Option<Expr>,
        body: Block,
    },
    /// `at train { … }` used for its assignments.
    Expect(Expr),
    /// `report a, b: c, { … }`
    Report(Vec<Arg>),
    /// `budget 40 minutes, 2 GB`
    Budget(Vec<Expr>),
    /// `check p else "text"`
    Check { condition: Expr, message: Expr },
    /// `encoding "…"` of a space.
    Encoding(Text),
    /// `net(x: [n, 3, 32, 32]) -> [n, 10] { … }` of a space.
    Net(Arc<NetDecl>),
    /// `value expr` of a space.
    Value(Expr),
    /// `where a, b` of a space.
    Where(Vec<Expr>),
    /// `match a to b with loss weight w` of a distill.
    Match {
        from: Expr,
        to: Expr,
        with: Expr,
        weight: Option<Expr>,
    },
    /// `label loss weight w` of a distill.
    Label { loss: Expr, weight: Option<Expr> },
    /// `phase 20% { open: 2 }` of a curriculum.
    Phase { at: Expr, settings: Vec<Field> },
    /// `monotone open`
    Monotone(Vec<Ident>),
    /// An expression for its effect.
    Expr(Expr),
}

/// `net(x: [n, 8]) -> [n, 4] { … }`: in a space, or as a value.
#[derive(Debug, Clone, PartialEq)]
pub struct NetDecl {
    pub params: Vec<Param>,
    pub result: Option<Type>,
    pub body: Block,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PatternKind {
    Wildcard,
    Name(Ident),
    Tuple(Vec<Pattern>),
    /// `{ pool, partners }`: fields, each bound to its own name or `field: pattern`.
    Record(Vec<(Ident, Option<Pattern>)>),
}

impl Pattern {
    /// The names that it binds.
    pub fn names(&self) -> Vec<&Ident> {
        match &self.kind {
            PatternKind::Wildcard => vec![],
            PatternKind::Name(name) => vec![name],
            PatternKind::Tuple(all) => all.iter().flat_map(Pattern::names).collect(),
            PatternKind::Record(fields) => fields
                .iter()
                .flat_map(|(n, p)| p.as_ref().map_or(vec![n], Pattern::names))
                .collect(),
        }
    }
}
