//! The tree of a Nas file: what was written, with its place; no meaning yet.

use nas_diagnostics::Span;
use std::sync::Arc;

mod expr;
mod item;
mod stmt;

pub use expr::*;
pub use item::*;
pub use stmt::*;

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    pub text: Arc<str>,
    pub span: Span,
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
