//! Expressions and their parts.

use super::{Block, Ident, NetDecl, Number, Param, Pattern, Text, Type};
use nas_diagnostics::Span;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `5`, `15_625`, `3.5`, `5e-4`, `15.64737M`, `60 epochs`, `5%`, `2 GB`, `5M params`, `224 px`.
    Number(Number),
    Text(Text),
    Bool(bool),
    /// `none`
    None,
    Name(Ident),
    /// `_`: an argument left open.
    Hole,
    /// `it`: the old value in an edit.
    It,
    Field {
        base: Box<Expr>,
        name: Ident,
    },
    /// `rates.0`
    TupleField {
        base: Box<Expr>,
        index: usize,
    },
    /// `f(a, k: b, ..c) { block }`
    Call {
        callee: Box<Expr>,
        args: Vec<Arg>,
        /// Shared with the closures that are made of it; so are the parts of lambdas and pipes.
        trailing: Option<Arc<Block>>,
    },
    /// `residual { … }`: a block argument and nothing else.
    /// (Read as `Call` with empty `args` and a trailing block.)
    ///
    /// `w[block: k]`, `x[.., ..k]`, `archs[..10]`, `nb201["…"]`, `normal[16, ..net.input]`
    Index {
        base: Box<Expr>,
        args: Vec<IndexArg>,
    },
    Lambda {
        params: Arc<Vec<Param>>,
        body: Arc<Expr>,
    },
    /// `x |> f`
    Pipe {
        value: Box<Expr>,
        target: Arc<Expr>,
    },
    /// `tap name` as a pipe target: `|> tap layer`
    TapTarget(Ident),
    Unary {
        op: UnaryOp,
        value: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `lo ..= hi by step`, `..hi`, `lo..`, `..`
    Range {
        low: Option<Box<Expr>>,
        high: Option<Box<Expr>>,
        inclusive: bool,
        step: Option<Box<Expr>>,
    },
    If {
        condition: Box<Expr>,
        then: Box<Block>,
        otherwise: Option<Box<Expr>>,
    },
    Block(Box<Block>),
    /// `(a, b)`; `()` is the empty tuple.
    Tuple(Vec<Expr>),
    /// `[a, ..b]`; in a shape position the items are extents.
    List(Vec<ListItem>),
    /// `[128; 5]`
    Fill {
        value: Box<Expr>,
        count: Box<Expr>,
    },
    /// `[body for p in xs if c]`
    ListFor {
        body: Box<Expr>,
        clauses: Vec<Clause>,
    },
    /// `sum(body for p in xs)`, `count(s in xs where p)`: a sequence given to a function.
    Sequence {
        body: Box<Expr>,
        clauses: Vec<Clause>,
    },
    /// `{ a: b, c, ..d }`
    Record(Vec<Field>),
    /// `{ key: value for p in xs }`
    RecordFor {
        key: Box<Expr>,
        value: Box<Expr>,
        clauses: Vec<Clause>,
    },
    /// `choose { a: x, b: y }`, `choose [1, 2]`, `choose 12..=14`, `choose 2 of xs` (`ordered`, `distinct`)
    Choose {
        count: Option<Box<Expr>>,
        options: Box<Expr>,
        ordered: bool,
        distinct: bool,
    },
    /// `repeat n { … }`, `repeat xs as x, i { … }`, `repeat n while p { … }`
    Repeat {
        over: Box<Expr>,
        binder: Option<Pattern>,
        index: Option<Pattern>,
        condition: Option<Box<Expr>>,
        body: Box<Block>,
    },
    /// `at train { … } at infer { … }`
    Modes {
        train: Option<Box<Block>>,
        infer: Option<Box<Block>>,
    },
    /// `net at train`, `value at infer`
    AtMode {
        value: Box<Expr>,
        train: bool,
    },
    /// `grad(…) at b = [-0.5]`
    AtValue {
        value: Box<Expr>,
        name: Ident,
        at: Box<Expr>,
    },
    /// `base with { … }`
    With {
        base: Box<Expr>,
        entries: Vec<WithEntry>,
    },
    /// `net as f64`
    As {
        value: Box<Expr>,
        ty: Type,
    },
    /// `space where p, q`, `minus where not known(y)`
    Where {
        value: Box<Expr>,
        conditions: Vec<Expr>,
    },
    /// `draw where p within n else e`
    DrawWhere {
        value: Box<Expr>,
        condition: Box<Expr>,
        within: Option<Box<Expr>>,
        otherwise: Option<Box<Expr>>,
    },
    /// `space modulo [rules]`
    Modulo {
        value: Box<Expr>,
        rules: Box<Expr>,
    },
    /// `x else y`
    Else {
        value: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `a is b`, `a is not b`
    Is {
        value: Box<Expr>,
        option: Box<Expr>,
        negated: bool,
    },
    /// `a in xs`, `a not in xs`
    In {
        value: Box<Expr>,
        collection: Box<Expr>,
        negated: bool,
    },
    /// `~draw`
    Draw(Box<Expr>),
    /// `net(x: …) { … }` as a value.
    Net(Arc<NetDecl>),
    /// `a == b within t`, `a within t of b` (then `left` is a, `right` is b and the comparison is equality).
    Within {
        value: Box<Expr>,
        tolerance: Box<Expr>,
        of: Option<Box<Expr>>,
    },
    /// `0.025 -> 1e-3`, optionally `from`: a course from one value to another.
    Arrow {
        from: Box<Expr>,
        to: Box<Expr>,
    },
    /// `epoch 0 of 250`, `4 of [3, 3]`, `a..b of total`
    Of {
        value: Box<Expr>,
        of: Box<Expr>,
        unit: Option<Ident>,
    },
    /// `rejected { … }`
    Rejected(Box<Block>),
    /// A broken part that was already reported.
    Error,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ListItem {
    Item(Expr),
    Spread(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
    /// `..xs`
    pub spread: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum IndexArg {
    /// `a[i]`, `a[..k]`, `a["…"]`
    At(Expr),
    /// `w[block: k]`
    Named(Ident, Expr),
    /// `normal[16, ..net.input]`
    Spread(Expr),
    /// `layers[*]`
    All(Span),
    /// `g[last linear]`
    Last(Ident),
}

/// A field of a record: `name: value`, `name` (its own variable), `..rest`, or a computed key `(k): v` / `e.team: v`.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Named { name: Ident, value: Expr },
    Short(Ident),
    Computed { key: Expr, value: Expr },
    Spread(Expr),
}

/// `for p in xs where c`, `if c`
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    For { pattern: Pattern, iterable: Expr },
    If(Expr),
}

/// One edit of `with { … }` or of a move: `target: value`, `target as b, i: value`, `target in place: value`, `..rest by name`.
#[derive(Debug, Clone, PartialEq)]
pub struct WithEntry {
    pub target: WithTarget,
    /// `as b, i`
    pub binder: Option<(Ident, Option<Ident>)>,
    /// `in res_block`
    pub within: Option<Expr>,
    pub value: Expr,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WithTarget {
    /// `residual`, `conv2d.weight`, `depth[s]`, `layers[*].heads`, `linear[0].weight`, `params`, `conv2d(out, k)`
    Path(Expr),
    /// `..old by name`
    Spread { value: Expr, by: Option<Ident> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Pow,
    /// `++`
    Concat,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}
