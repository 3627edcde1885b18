//! What expressions evaluate to.

use crate::env::Env;
use crate::program::{GlobalId, ModuleId};
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_grammar::ast;
use nas_ir::{Table, Tensor};
use std::sync::{Arc, OnceLock};

/// What a number counts. A bare literal takes the unit of what it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    One,
    Macs,
    /// Multiply-accumulates as one convention counts them: compared with no other's.
    MacsBy(&'static str),
    BitOps,
    Params,
    Bits,
    Bytes,
    Epochs,
    Steps,
    Pixels,
    Seconds,
    Decibel,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::One => "",
            Unit::Macs | Unit::MacsBy(_) => "MACs",
            Unit::BitOps => "BitOps",
            Unit::Params => "params",
            Unit::Bits => "bits",
            Unit::Bytes => "bytes",
            Unit::Epochs => "epochs",
            Unit::Steps => "steps",
            Unit::Pixels => "px",
            Unit::Seconds => "seconds",
            Unit::Decibel => "dB",
        }
    }

    /// With its convention, where it has one.
    pub fn described(self) -> String {
        match self {
            Unit::MacsBy(convention) => format!("MACs by `{convention}`"),
            other => other.name().to_string(),
        }
    }

    /// The unit that a type stands for.
    pub fn of_type(name: &str) -> Option<Unit> {
        Some(match name {
            "Macs" => Unit::Macs,
            "BitOps" => Unit::BitOps,
            "Params" => Unit::Params,
            "Bits" => Unit::Bits,
            "Bytes" => Unit::Bytes,
            _ => return None,
        })
    }

    /// MACs by a convention's name; equal names are one unit.
    pub fn macs_by(convention: &str) -> Unit {
        static NAMES: std::sync::Mutex<Vec<&'static str>> = std::sync::Mutex::new(Vec::new());
        let mut names = NAMES
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = match names.iter().find(|n| **n == convention) {
            Some(n) => *n,
            None => {
                // A handful in a program: they stay.
                let n: &'static str = Box::leak(convention.to_string().into_boxed_str());
                names.push(n);
                n
            }
        };
        Unit::MacsBy(name)
    }

    /// The unit of two numbers that are compared or added; none where they do not go together.
    pub fn with(self, other: Unit) -> Option<Unit> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Unit::One, u) | (u, Unit::One) => Some(u),
            (Unit::Macs, Unit::MacsBy(c)) | (Unit::MacsBy(c), Unit::Macs) => Some(Unit::MacsBy(c)),
            _ => None,
        }
    }
}

pub type Fields = IndexMap<Arc<str>, Value>;

#[derive(Debug, Clone)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64, Unit),
    Float(f64, Unit),
    /// An exact integer beyond 64 bits: the size of a space.
    Big(Arc<num_bigint::BigInt>),
    Text(Arc<str>),
    List(Arc<Vec<Value>>),
    Record(Arc<Fields>),
    /// Whole numbers from `low` to before `high`; an open end is `None`.
    Range(Range),
    /// A closed interval of numbers: `3.8M ..= 4.2M` of non-integers, or a window.
    Interval(Arc<(Value, Value)>),
    Tensor(Tensor, Element),
    /// A size that is not a plain number: it depends on choices, or on an unknown extent.
    Dim(nas_ir::Dim),
    /// A bare word: an option's name, a mode.
    Label(Arc<str>),
    /// An option that a choice took: behaves as its value, knows where it comes from.
    Picked(Arc<Picked>),
    /// A result with what `keep` recorded on the way: behaves as the result.
    Kept(Arc<Kept>),
    Func(Arc<Func>),
    Space(Arc<crate::space::SpaceValue>),
    Arch(Arc<crate::space::ArchValue>),
    Site(Arc<crate::space::SiteValue>),
    Net(Arc<crate::net::NetValue>),
    /// One call of a block, in a trace, or one block of a net.
    Call(Arc<crate::net::CallRecord>),
    Weights(Arc<crate::weights::WeightsValue>),
    Data(Arc<crate::data::DataValue>),
    Dist(Arc<Dist>),
    Module(ModuleId),
    Clock(Clock),
    /// One value for each assignment of the choices it depends on. Entries that cannot occur are `Impossible`.
    Open(Arc<Table<Value>>),
    Impossible,
    Table(Arc<crate::table::TableValue>),
    /// A family that grows from a base, and one of its moves.
    Growth(Arc<crate::enlarge::GrowthValue>),
    Move(Arc<crate::enlarge::MoveValue>),
    /// A cost kept between bounds, as a condition on a space.
    Window(Arc<crate::space::WindowValue>),
    /// A cost over a whole space: the sum of tables over choices.
    Terms(Arc<crate::space::Terms>),
    /// A cost over a space, scaled or its remainder: to be compared with a number.
    Measure(Arc<crate::space::Measure>),
    /// Elements of a list that a filter over choices lets through in one case; only inside a comprehension.
    Absent(Arc<Vec<Value>>),
    /// What a member computes, as a symbol: where members are compared by rewrite rules.
    Term(Arc<crate::term::Term>),
    /// Rewrite rules, with the module that they stand in.
    Rewrite(Arc<ast::RewriteDecl>, ModuleId),
    /// Read by listed functions only.
    Sealed(Arc<crate::seal::Sealed>),
    /// Not a number, with the reason.
    Invalid(Arc<str>),
    /// Known only at run time; the checker's stand-in.
    Unknown(Known),
}

/// What the checker knows of a run-time value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Nothing,
    Number,
    List,
    /// A list of so many.
    Many(u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub low: Option<i64>,
    pub high: Option<i64>,
    pub step: i64,
}

impl Range {
    pub fn iter(self) -> impl Iterator<Item = i64> {
        let (low, high) = (self.low.unwrap_or(0), self.high.unwrap_or(0));
        (low..high).step_by(self.step.max(1) as usize)
    }
}

/// Element types that the language keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    Float,
    Bool,
    Index,
    Label,
    OneHot,
}

#[derive(Debug, Clone)]
pub struct Picked {
    pub label: Arc<str>,
    pub index: usize,
    pub site: Arc<str>,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub struct Kept {
    pub value: Value,
    pub history: Value,
}

/// Where the innermost batch loop stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    pub step: i64,
    pub steps: i64,
    pub epoch: i64,
    pub epochs: i64,
}

impl Clock {
    pub fn fraction(&self) -> f64 {
        if self.steps > 0 {
            self.step as f64 / self.steps as f64
        } else {
            0.0
        }
    }
}

#[derive(Debug, Clone)]
pub enum Dist {
    Normal(f64, f64),
    Uniform(f64, f64),
    TruncNormal(f64),
    Bernoulli(f64),
    Gumbel,
    Rademacher,
    /// One of these.
    OneOf(Arc<Vec<Value>>),
}

pub type BuiltinFn =
    fn(&mut crate::ctx::Ctx, &mut crate::call::Args) -> Result<Value, crate::Fault>;

/// Anything that can be called.
#[derive(Debug)]
pub struct Func {
    pub kind: FuncKind,
    /// Arguments bound by earlier parameter lists or by holes.
    pub bound: Vec<Bound>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Bound {
    pub name: Option<Arc<str>>,
    /// `None`: a hole, still open.
    pub value: Option<Value>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum FuncKind {
    /// A declared fn, block, proxy, loss, trainer …; `lists` parameter lists have been given, their values are in `env`.
    Decl {
        decl: Arc<ast::FnDecl>,
        module: ModuleId,
        env: Env,
        global: Option<GlobalId>,
        lists: usize,
    },
    Lambda {
        params: Arc<Vec<ast::Param>>,
        body: Arc<ast::Expr>,
        module: ModuleId,
        env: Env,
    },
    /// A trailing block or a turn's body: the piped value goes into its first expression.
    Body {
        body: Arc<ast::Block>,
        module: ModuleId,
        env: Env,
    },
    /// Some arguments given, some left open by `_`: calls `of` with the holes filled.
    Partial {
        of: Value,
    },
    Space {
        decl: Arc<ast::SpaceDecl>,
        module: ModuleId,
    },
    /// `enlarge growth(space, base) { … }`, not yet given its space.
    Enlarge {
        decl: Arc<ast::EnlargeDecl>,
        module: ModuleId,
    },
    Builtin {
        name: &'static str,
        f: BuiltinFn,
    },
    /// A method of a value: `data.split`, `net.all`.
    Method {
        receiver: Value,
        name: Arc<str>,
    },
    /// What stands behind a pipe, waiting for what is piped.
    Target {
        target: Arc<ast::Expr>,
        module: ModuleId,
        env: Env,
    },
    /// `f |> g` of functions.
    Compose(Vec<Value>),
    /// A chosen block whose options have shares.
    Mixed(Arc<crate::space::mixture::Mixed>),
}

impl Value {
    pub fn int(v: i64) -> Value {
        Value::Int(v, Unit::One)
    }

    pub fn float(v: f64) -> Value {
        Value::Float(v, Unit::One)
    }

    pub fn text(v: impl Into<Arc<str>>) -> Value {
        Value::Text(v.into())
    }

    pub fn list(v: Vec<Value>) -> Value {
        Value::List(Arc::new(v))
    }

    pub fn record(v: Fields) -> Value {
        Value::Record(Arc::new(v))
    }

    pub fn tensor(t: Tensor) -> Value {
        Value::Tensor(t, Element::Float)
    }

    pub fn invalid(reason: impl Into<Arc<str>>) -> Value {
        Value::Invalid(reason.into())
    }

    pub fn unknown() -> Value {
        Value::Unknown(Known::Nothing)
    }

    /// The value behind a choice's option.
    pub fn plain(&self) -> &Value {
        match self {
            Value::Picked(p) => p.value.plain(),
            Value::Kept(k) => k.value.plain(),
            other => other,
        }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self.plain(), Value::Unknown(_))
    }

    /// What it is, in the reader's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "none",
            Value::Bool(_) => "a truth value",
            Value::Int(..) | Value::Big(_) => "a whole number",
            Value::Float(..) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Record(_) => "a record",
            Value::Range(_) | Value::Interval(_) => "a range",
            Value::Tensor(..) => "a tensor",
            Value::Dim(_) => "a size",
            Value::Label(_) => "a bare word",
            Value::Picked(p) => p.value.kind(),
            Value::Kept(k) => k.value.kind(),
            Value::Func(f) => match &f.kind {
                FuncKind::Decl { decl, .. } => match decl.role {
                    ast::Role::Block => "a block",
                    ast::Role::Trainer => "a trainer",
                    ast::Role::Search => "a search",
                    ast::Role::Proxy => "a proxy",
                    _ => "a function",
                },
                _ => "a function",
            },
            Value::Space(_) => "a space",
            Value::Arch(_) => "an architecture",
            Value::Site(_) => "a site of a space",
            Value::Net(_) => "a net",
            Value::Call(_) => "a block of a net",
            Value::Weights(_) => "weights",
            Value::Data(_) => "data",
            Value::Dist(_) => "a distribution",
            Value::Module(_) => "a module",
            Value::Clock(_) => "the clock",
            Value::Open(_) => "an open value",
            Value::Impossible => "a value that cannot occur",
            Value::Table(_) => "a table",
            Value::Growth(_) => "a family that grows",
            Value::Move(_) => "a move",
            Value::Window(_) => "a condition on a cost",
            Value::Terms(_) => "a cost over a space",
            Value::Measure(_) => "a measure of a cost over a space",
            Value::Absent(_) => "filtered elements",
            Value::Term(_) => "a term",
            Value::Rewrite(..) => "a set of rewrite rules",
            Value::Sealed(_) => "a sealed value",
            Value::Invalid(_) => "an invalid value",
            Value::Unknown(_) => "a run-time value",
        }
    }
}

/// A value computed at most once, shared.
pub type Once<T> = Arc<OnceLock<T>>;
