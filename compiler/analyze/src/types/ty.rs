//! What is known of a value without evaluating it: enough to say what is certainly wrong, silent about the rest.

use nas_grammar::ast::{ExprKind, FnDecl, Ident, IndexArg, Type, TypeKind};
use std::fmt;
use std::sync::Arc;

/// What a number counts; `Bare` takes the unit of what it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bare,
    Macs,
    Params,
    Bits,
    Bytes,
    Epochs,
    Steps,
    Pixels,
    Seconds,
    Percent,
    Decibel,
}

impl Unit {
    /// The unit behind a literal.
    pub fn of_suffix(word: &str) -> Option<Unit> {
        Some(match word {
            "MACs" | "macs" => Unit::Macs,
            "params" => Unit::Params,
            "bits" | "bit" => Unit::Bits,
            "bytes" | "B" | "kB" | "KB" | "MB" | "GB" => Unit::Bytes,
            "epochs" | "epoch" => Unit::Epochs,
            "steps" | "step" => Unit::Steps,
            "px" => Unit::Pixels,
            "seconds" | "second" | "s" | "minutes" | "minute" | "hours" | "hour" => Unit::Seconds,
            "%" | "points" | "point" => Unit::Percent,
            "dB" => Unit::Decibel,
            _ => return None,
        })
    }

    /// The unit that a type's name stands for.
    pub fn of_type(name: &str) -> Option<Unit> {
        Some(match name {
            "Macs" => Unit::Macs,
            "Params" => Unit::Params,
            "Bits" => Unit::Bits,
            "Bytes" => Unit::Bytes,
            "Epochs" => Unit::Epochs,
            "Steps" => Unit::Steps,
            "Pixels" => Unit::Pixels,
            "Seconds" => Unit::Seconds,
            "Percent" => Unit::Percent,
            "dB" | "Decibel" => Unit::Decibel,
            _ => return None,
        })
    }

    /// As people write it: `a number of MACs`, `epochs`.
    pub fn words(self) -> &'static str {
        match self {
            Unit::Bare => "a plain number",
            Unit::Macs => "MACs",
            Unit::Params => "params",
            Unit::Bits => "bits",
            Unit::Bytes => "bytes",
            Unit::Epochs => "epochs",
            Unit::Steps => "steps",
            Unit::Pixels => "px",
            Unit::Seconds => "seconds",
            Unit::Percent => "percent",
            Unit::Decibel => "dB",
        }
    }

    fn type_name(self) -> &'static str {
        match self {
            Unit::Bare => "Float",
            Unit::Macs => "Macs",
            Unit::Params => "Params",
            Unit::Bits => "Bits",
            Unit::Bytes => "Bytes",
            Unit::Epochs => "Epochs",
            Unit::Steps => "Steps",
            Unit::Pixels => "Pixels",
            Unit::Seconds => "Seconds",
            Unit::Percent => "Percent",
            Unit::Decibel => "dB",
        }
    }
}

/// Element types that are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elem {
    /// Not known.
    Some,
    Float,
    Bool,
    Index,
    Label,
    Token,
    OneHot,
    U8,
    Complex,
}

impl Elem {
    pub fn of_type(name: &str) -> Elem {
        match name {
            "Bool" => Elem::Bool,
            "Index" => Elem::Index,
            "Label" => Elem::Label,
            "Token" => Elem::Token,
            "OneHot" => Elem::OneHot,
            "U8" | "Image" => Elem::U8,
            "Complex" => Elem::Complex,
            "Float" | "f32" | "f64" => Elem::Float,
            _ => Elem::Some,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Elem::Some => "Tensor",
            Elem::Float => "Float",
            Elem::Bool => "Bool",
            Elem::Index => "Index",
            Elem::Label => "Label",
            Elem::Token => "Token",
            Elem::OneHot => "OneHot",
            Elem::U8 => "U8",
            Elem::Complex => "Complex",
        }
    }

    /// Counts something: it may address rows, and has no sum.
    pub fn counts(self) -> bool {
        matches!(self, Elem::Index | Elem::Label | Elem::Token)
    }
}

/// A number: its unit where known, and whether it exists only while running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Num {
    pub unit: Option<Unit>,
    pub run: bool,
    pub whole: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ty {
    /// Nothing is known: nothing is said.
    Any,
    Num(Num),
    Bool,
    Text,
    None,
    Tensor(Elem),
    List(Arc<Ty>),
    Tuple(Arc<Vec<Ty>>),
    /// A record whose fields are all known.
    Record(Arc<Vec<(Arc<str>, Ty)>>),
    /// Something else whose parts are all known: a row of a table, a call of a block.
    Parts(Arc<Parts>),
    /// A table, by what its rows have.
    Table(Arc<Parts>),
    /// A declaration, and how many of its parameter lists were given.
    Decl(Decl),
    /// Any other function: what it takes, where that is written, and what it gives.
    Func(Option<Arc<Vec<Ty>>>, Arc<Ty>),
    /// May be invalid.
    Maybe(Arc<Ty>),
    /// `Net`, `Space`, `Weights`, `Data`, …
    Named(Arc<str>),
    /// A space, an architecture or a net of which it is known what its members name.
    Own(Arc<Own>),
}

/// What belongs to a declared space.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Own {
    /// Its type as it would be without.
    pub base: Ty,
    /// What an architecture of the space names.
    pub member: Arc<Parts>,
    /// Members are nets, and no other values.
    pub nets: bool,
}

/// What something has, by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parts {
    /// What it is, in the reader's words: "a row of `recorded`".
    pub what: Arc<str>,
    pub fields: Vec<(Arc<str>, Ty)>,
}

/// A declared function.
#[derive(Debug, Clone)]
pub(crate) struct Decl {
    pub decl: Arc<FnDecl>,
    pub module: usize,
    pub lists: usize,
}

impl PartialEq for Decl {
    fn eq(&self, other: &Decl) -> bool {
        Arc::ptr_eq(&self.decl, &other.decl) && self.lists == other.lists
    }
}

impl Ty {
    pub fn whole() -> Ty {
        Ty::Num(Num {
            unit: Some(Unit::Bare),
            run: false,
            whole: true,
        })
    }

    /// A number that only a run knows.
    pub fn score() -> Ty {
        Ty::Num(Num {
            unit: None,
            run: true,
            whole: false,
        })
    }

    pub fn named(name: &str) -> Ty {
        Ty::Named(name.into())
    }

    /// Without the possibility to be invalid.
    pub fn met(&self) -> &Ty {
        match self {
            Ty::Maybe(t) => t.met(),
            Ty::Own(o) => &o.base,
            t => t,
        }
    }

    /// What is known of the space that it belongs to.
    pub fn own(&self) -> Option<&Own> {
        match self {
            Ty::Maybe(t) => t.own(),
            Ty::Own(o) => Some(o),
            _ => None,
        }
    }

    /// The same with `base` in the place of its type: a member's net, an architecture of a space.
    pub fn of_own(own: &Own, base: &str) -> Ty {
        Ty::Own(Arc::new(Own {
            base: Ty::named(base),
            ..own.clone()
        }))
    }

    pub fn maybe(self) -> Ty {
        match self {
            Ty::Maybe(_) => self,
            t => Ty::Maybe(Arc::new(t)),
        }
    }

    /// What two ways of getting a value have in common.
    pub fn join(&self, other: &Ty) -> Ty {
        match (self, other) {
            (a, b) if a == b => a.clone(),
            (Ty::Own(a), b) | (b, Ty::Own(a)) => a.base.join(match b {
                Ty::Own(b) => &b.base,
                b => b,
            }),
            (Ty::Maybe(a), b) | (b, Ty::Maybe(a)) => a.join(b.met()).maybe(),
            (Ty::Num(a), Ty::Num(b)) => Ty::Num(Num {
                unit: if a.unit == b.unit { a.unit } else { None },
                run: a.run || b.run,
                whole: a.whole && b.whole,
            }),
            (Ty::Tensor(_), Ty::Tensor(_)) => Ty::Tensor(Elem::Some),
            (Ty::Decl(_) | Ty::Func(..), Ty::Decl(_) | Ty::Func(..)) => {
                Ty::Func(None, Arc::new(Ty::Any))
            }
            _ => Ty::Any,
        }
    }

    /// Exists only while running, for certain.
    pub fn runs(&self) -> bool {
        match self.met() {
            Ty::Tensor(_) => true,
            Ty::Num(n) => n.run,
            Ty::Named(n) => matches!(&**n, "Weights"),
            _ => false,
        }
    }

    /// The type as written in a declaration; `named` says what the names stand for that the language does not know.
    pub fn of(ty: &Type, named: &dyn Fn(&Ident) -> Option<Ty>) -> Ty {
        let of = |t: &Type| Ty::of(t, named);
        let of_name = |n: &Ident| match Ty::of_name(&n.text) {
            Ty::Any => named(n).unwrap_or(Ty::Any),
            ty => ty,
        };
        match &ty.kind {
            TypeKind::Name { name, .. } => of_name(name),
            TypeKind::Tensor { shape, of } => {
                // `[Score]` is read like a shape of one extent.
                if let ([IndexArg::At(e)], None) = (&shape[..], of)
                    && let ExprKind::Name(n) = &e.kind
                    && n.text.starts_with(|c: char| c.is_uppercase())
                {
                    return Ty::List(Arc::new(of_name(n)));
                }
                let hidden = matches!(of.as_ref().map(|t| &t.kind), Some(TypeKind::Optional(_)));
                let tensor = Ty::Tensor(match of.as_deref().map(Ty::elem_of) {
                    Some(e) => e,
                    None => Elem::Float,
                });
                // `[n] of Label?`: some, or all, may not be known.
                if hidden { tensor.maybe() } else { tensor }
            }
            TypeKind::List { of: t, .. } => Ty::List(Arc::new(of(t))),
            TypeKind::Tuple(parts) => Ty::Tuple(Arc::new(parts.iter().map(of).collect())),
            TypeKind::Record(fields) => {
                let fields = fields.iter().map(|(n, t)| (n.text.clone(), of(t)));
                Ty::Record(Arc::new(fields.collect()))
            }
            TypeKind::Map(..) => Ty::Any,
            TypeKind::Fn(parts, result) => {
                let takes = parts.iter().map(of).collect();
                Ty::Func(Some(Arc::new(takes)), Arc::new(of(result)))
            }
            TypeKind::Optional(t) => of(t).maybe(),
            TypeKind::Sealed(t) => of(t),
        }
    }

    fn elem_of(ty: &Type) -> Elem {
        match &ty.kind {
            TypeKind::Name { name, .. } => Elem::of_type(&name.text),
            TypeKind::Optional(t) => Ty::elem_of(t),
            _ => Elem::Some,
        }
    }

    pub fn of_name(name: &str) -> Ty {
        if let Some(unit) = Unit::of_type(name) {
            return Ty::Num(Num {
                unit: Some(unit),
                run: false,
                whole: matches!(unit, Unit::Epochs | Unit::Steps | Unit::Pixels),
            });
        }
        match name {
            "Int" => Ty::whole(),
            // A `Float` may be a loss, so its phase is not known.
            "Float" | "Rate" | "Share" | "Ratio" => Ty::Num(Num {
                unit: None,
                run: false,
                whole: false,
            }),
            "Score" => Ty::score(),
            // What searches give: a member and what it was judged.
            "Scored" => Ty::Record(Arc::new(vec![
                ("arch".into(), Ty::named("Arch")),
                ("score".into(), Ty::score()),
            ])),
            "Bool" => Ty::Bool,
            "Text" => Ty::Text,
            "Index" | "OneHot" | "U8" | "Complex" | "Image" => Ty::Tensor(Elem::of_type(name)),
            "Net" | "Space" | "Arch" | "Weights" | "Data" | "Schedule" | "Optimiser"
            | "Curriculum" | "Course" | "Block" | "Site" | "Mixture" | "Use" | "Trace"
            | "Growth" | "Move" => Ty::named(name),
            // A `Label` by itself is a bare word; `of Label` is an element.
            // `Tensor` is also any number where an intrinsic says so.
            _ => Ty::Any,
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Any => write!(f, "Any"),
            Ty::Num(n) => match (n.unit, n.whole) {
                (Some(Unit::Bare) | None, true) => write!(f, "Int"),
                (_, _) if n.run && matches!(n.unit, None | Some(Unit::Bare)) => write!(f, "Score"),
                (u, _) => write!(f, "{}", u.unwrap_or(Unit::Bare).type_name()),
            },
            Ty::Bool => write!(f, "Bool"),
            Ty::Text => write!(f, "Text"),
            Ty::None => write!(f, "none"),
            Ty::Tensor(Elem::Some) => write!(f, "Tensor"),
            Ty::Tensor(e) => write!(f, "Tensor of {}", e.name()),
            Ty::List(t) => write!(f, "[{t}]"),
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Ty::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
            Ty::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, t)| format!("{n}: {t}")).collect();
                write!(f, "{{ {} }}", fields.join(", "))
            }
            Ty::Parts(p) => write!(f, "{}", p.what),
            Ty::Table(_) => write!(f, "Table"),
            Ty::Decl(d) => write!(f, "{}", d.decl.name.text),
            Ty::Func(None, t) => write!(f, "_ -> {t}"),
            Ty::Func(Some(takes), t) => match &takes[..] {
                [one] => write!(f, "{one} -> {t}"),
                _ => write!(f, "{} -> {t}", Ty::Tuple(takes.clone())),
            },
            Ty::Maybe(t) => write!(f, "{t}?"),
            Ty::Named(n) => write!(f, "{n}"),
            Ty::Own(o) => write!(f, "{}", o.base),
        }
    }
}
