//! The tree of a Nas file: what was written, with its place; no meaning yet.

use nas_diagnostics::Span;
use std::sync::Arc;

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    pub text: Arc<str>,
    pub span: Span,
}

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
        trailing: Option<Box<Block>>,
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
        params: Vec<Param>,
        body: Box<Expr>,
    },
    /// `x |> f`
    Pipe {
        value: Box<Expr>,
        target: Box<Expr>,
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
pub struct Number {
    /// As written, without underscores, suffix or unit: `15.64737`.
    pub digits: Arc<str>,
    /// Whether it has a point or an exponent.
    pub float: bool,
    /// `k`, `M`, `G`, `T` directly behind the digits.
    pub scale: Option<char>,
    /// `epochs`, `steps`, `params`, `bits`, `bytes`, `kB`, `MB`, `GB`, `minutes`, `seconds`, `hours`, `px`, `dB`, `points`, `%`, `MACs`.
    pub unit: Option<Ident>,
}

/// A text with `{…}` parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The raw content between the quotes, escapes undone, braces kept.
    pub raw: Arc<str>,
    pub span: Span,
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

#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `Int`, `Net{features}`, `Space[depth, width]`, `Weights[conv2d]`, `Range[Macs]`, `f64`
    Name {
        name: Ident,
        taps: Vec<Ident>,
        args: Vec<Expr>,
    },
    /// `[n, c, h / 2, ..s] of Complex`: a tensor; extents are expressions, `_` allowed.
    Tensor {
        shape: Vec<IndexArg>,
        of: Option<Box<Type>>,
    },
    /// `[Int]`, `[Int; 4]`: a list (its element is a type).
    List {
        of: Box<Type>,
        count: Option<Box<Expr>>,
    },
    Tuple(Vec<Type>),
    /// `{ a: Arch, b: Arch }`
    Record(Vec<(Ident, Type)>),
    /// `{ Text: Image }`
    Map(Box<Type>, Box<Type>),
    /// `A -> B`, `(A, B) -> C`
    Fn(Vec<Type>, Box<Type>),
    /// `T?`
    Optional(Box<Type>),
    Sealed(Box<Type>),
}
