//! The condition of a rewrite rule, `left => right when k == 1`: read once, then asked of what the rule's names stand for.

use super::Term;
use crate::Result;
use crate::ctx::fault;
use crate::term::Kind;
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A condition over numbers and terms.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Name(Arc<str>),
    Number(f64),
    Truth(bool),
    Not(Box<Condition>),
    Negative(Box<Condition>),
    Both(BinaryOp, Box<Condition>, Box<Condition>),
}

/// What a part of a condition is.
enum Found {
    Number(f64),
    Truth(bool),
    /// No number: it is equal to terms that are written alike, and neither smaller nor larger than anything.
    Term(Arc<str>),
    /// Arithmetic on what is no number.
    Nothing,
}

/// Reads a condition. Its names stand on the left of the rule.
pub(super) fn read(e: &Expr, known: &HashSet<Arc<str>>) -> Result<Condition> {
    let inner = |e: &Expr| read(e, known).map(Box::new);
    Ok(match &e.kind {
        ExprKind::Name(n) if known.contains(&n.text) => Condition::Name(n.text.clone()),
        ExprKind::Name(n) => {
            return Err(fault(
                "E0201",
                format!("`{}` does not stand on the left of this rule", n.text),
            )
            .at(e.span, "used here")
            .into());
        }
        ExprKind::Number(n) => {
            let v = crate::number::literal(n, e.span)?;
            match crate::number::as_f64(&v) {
                Some(v) => Condition::Number(v),
                None => return Err(refused(e.span)),
            }
        }
        ExprKind::Bool(b) => Condition::Truth(*b),
        ExprKind::Tuple(items) if items.len() == 1 => return read(&items[0], known),
        ExprKind::Unary { op, value } => match op {
            UnaryOp::Neg => Condition::Negative(inner(value)?),
            UnaryOp::Not => Condition::Not(inner(value)?),
        },
        ExprKind::Binary { op, left, right } if *op != BinaryOp::Concat => {
            Condition::Both(*op, inner(left)?, inner(right)?)
        }
        _ => return Err(refused(e.span)),
    })
}

fn refused(span: Span) -> crate::Fault {
    fault("E0309", "this cannot stand in the condition of a rule")
        .at(span, "here")
        .help("conditions compare names of the rule with numbers: `when k == 1 and x != y`")
        .into()
}

impl Condition {
    /// Whether it holds. What cannot be compared does not.
    pub fn holds(&self, terms: &HashMap<Arc<str>, Arc<Term>>) -> bool {
        matches!(self.find(terms), Found::Truth(true))
    }

    fn find(&self, terms: &HashMap<Arc<str>, Arc<Term>>) -> Found {
        match self {
            Condition::Number(n) => Found::Number(*n),
            Condition::Truth(b) => Found::Truth(*b),
            Condition::Name(n) => match terms.get(n) {
                Some(t) => match &t.kind {
                    Kind::Number(n) => Found::Number(*n),
                    _ => Found::Term(t.text.clone()),
                },
                None => Found::Nothing,
            },
            Condition::Not(c) => match c.find(terms) {
                Found::Truth(b) => Found::Truth(!b),
                _ => Found::Nothing,
            },
            Condition::Negative(c) => match c.find(terms) {
                Found::Number(n) => Found::Number(-n),
                _ => Found::Nothing,
            },
            Condition::Both(op, a, b) => joined(*op, a.find(terms), b.find(terms)),
        }
    }
}

fn joined(op: BinaryOp, a: Found, b: Found) -> Found {
    use BinaryOp::{Add, And, Concat, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Pow, Rem, Sub};
    match (a, b) {
        (Found::Number(a), Found::Number(b)) => match op {
            Add => Found::Number(a + b),
            Sub => Found::Number(a - b),
            Mul => Found::Number(a * b),
            Div => Found::Number(a / b),
            Rem => Found::Number(a.rem_euclid(b)),
            Pow => Found::Number(a.powf(b)),
            Eq => Found::Truth(a == b),
            Ne => Found::Truth(a != b),
            Lt => Found::Truth(a < b),
            Le => Found::Truth(a <= b),
            Gt => Found::Truth(a > b),
            Ge => Found::Truth(a >= b),
            And | Or | Concat => Found::Nothing,
        },
        (Found::Truth(a), Found::Truth(b)) => match op {
            And => Found::Truth(a && b),
            Or => Found::Truth(a || b),
            Eq => Found::Truth(a == b),
            Ne => Found::Truth(a != b),
            _ => Found::Nothing,
        },
        (Found::Term(a), Found::Term(b)) => match op {
            Eq => Found::Truth(a == b),
            Ne => Found::Truth(a != b),
            _ => Found::Nothing,
        },
        // A term is no number.
        (Found::Term(_), Found::Number(_)) | (Found::Number(_), Found::Term(_)) => match op {
            Eq => Found::Truth(false),
            Ne => Found::Truth(true),
            _ => Found::Nothing,
        },
        _ => Found::Nothing,
    }
}
