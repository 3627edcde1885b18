//! What a member computes, as a term: blocks and functions are symbols, and rewrite rules bring it to its canonical form.
//!
//! A term is made bottom up while the space's own code runs with a term in the place of its input; every term that is
//! made is canonical already. With choices open a value is a table of terms, one for each assignment of the choices.

mod calls;
mod condition;
mod matching;
mod proof;
mod rules;

pub use calls::called;
pub(crate) use calls::with_rules;
pub use proof::{alone, hold};
pub use rules::{RuleSet, rules_of};

use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use std::collections::HashMap;
use std::sync::Arc;

/// A canonical term.
#[derive(Debug, Clone)]
pub struct Term {
    /// How it is written; equal terms are written alike.
    pub text: Arc<str>,
    pub kind: Kind,
    /// A sum that was handed on by a block: as an operand it stays together.
    pub sealed: bool,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// An input.
    Var,
    Number(f64),
    App {
        /// The name that rules know: of the function, or the operator's sign.
        func: Arc<str>,
        /// The name that is written: of the option, with settings.
        head: Arc<str>,
        /// An option of a choice: what a rule's variable for an operation stands for.
        chosen: bool,
        args: Vec<Arc<Term>>,
    },
}

/// Terms longer than this are refused.
const LENGTH: usize = 1 << 16;

/// What holds while terms are made.
#[derive(Debug, Default)]
pub struct TermContext {
    pub rules: Arc<RuleSet>,
    /// The option that is being called.
    chosen: Option<Arc<str>>,
    /// Blocks of the space, each a term of its own: by declaration and settings.
    pub blocks: Vec<(String, Arc<str>, Value)>,
    /// The block whose body is being evaluated, so that it is entered once.
    entered: Option<String>,
    /// Functions whose result does not depend on their input's value.
    constant: HashMap<String, bool>,
}

impl Term {
    pub fn var(name: &str) -> Arc<Term> {
        Arc::new(Term {
            text: name.into(),
            kind: Kind::Var,
            sealed: false,
        })
    }

    pub fn value(name: &str) -> Value {
        Value::Term(Term::var(name))
    }

    fn number(v: f64) -> Arc<Term> {
        Arc::new(Term {
            text: crate::show::number_text(v).into(),
            kind: Kind::Number(v),
            sealed: false,
        })
    }

    /// The operands of an operator, as they stand together.
    fn operands(&self, sign: &str) -> Option<&[Arc<Term>]> {
        match &self.kind {
            Kind::App { func, args, .. } if &**func == sign => Some(args),
            _ => None,
        }
    }

    fn sealed(self: &Arc<Term>) -> Arc<Term> {
        if self.sealed {
            return self.clone();
        }
        Arc::new(Term {
            sealed: true,
            ..(**self).clone()
        })
    }
}

/// Whether a value is a term, or holds one.
pub fn holds(v: &Value) -> bool {
    match v.plain() {
        Value::Term(_) => true,
        Value::List(l) => l.iter().any(holds),
        Value::Record(r) => r.values().any(holds),
        Value::Open(t) => t.values.iter().any(holds),
        _ => false,
    }
}

/// An operator's sign.
fn sign(op: BinaryOp) -> &'static str {
    number::symbol(op)
}

/// Whether a name is an operator's sign.
fn is_sign(func: &str) -> bool {
    !func.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '#')
}

/// `a op b` where one side is a term.
pub fn binary(ctx: &mut Ctx, op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    // A number that hangs on choices: each of its cases.
    if let Some(open) = open_number(a) {
        let b = b.clone();
        return ctx.cases(open, span, &mut |ctx, a| binary(ctx, op, &a, &b, span));
    }
    if let Some(open) = open_number(b) {
        let a = a.clone();
        return ctx.cases(open, span, &mut |ctx, b| binary(ctx, op, &a, &b, span));
    }
    let (Some(a), Some(b)) = (as_term(a), as_term(b)) else {
        return Err(unread(if as_term(a).is_some() { b } else { a }, span));
    };
    let rules = rules_here(ctx);
    Ok(Value::Term(rules.operator(sign(op), a, b, span)?))
}

/// `-a`
pub fn negate(ctx: &mut Ctx, a: &Arc<Term>, span: Span) -> Result<Value> {
    let rules = rules_here(ctx);
    let made = rules.apply("neg", "neg", false, vec![a.clone()], span)?;
    Ok(Value::Term(made))
}

fn rules_here(ctx: &Ctx) -> Arc<RuleSet> {
    ctx.terms
        .as_ref()
        .map(|t| t.rules.clone())
        .unwrap_or_default()
}

/// A term, or a number as one.
fn as_term(v: &Value) -> Option<Arc<Term>> {
    match v.plain() {
        Value::Term(t) => Some(t.clone()),
        Value::Tensor(t, _) => {
            let dims: Vec<String> = t.shape().iter().map(|d| d.to_string()).collect();
            Some(Term::var(&format!("tensor[{}]", dims.join(","))))
        }
        other => number::as_f64(other).map(Term::number),
    }
}

fn open_number(v: &Value) -> Option<Value> {
    match v.plain() {
        Value::Open(_) => Some(v.clone()),
        Value::Dim(d) => {
            let table = d.as_table()?;
            Some(Value::Open(Arc::new(table.map(|v| Value::int(*v)))))
        }
        _ => None,
    }
}

fn unread(v: &Value, span: Span) -> crate::Fault {
    fault(
        "E0606",
        format!("what a member computes cannot be read here: {}", v.kind()),
    )
    .at(span, "in this expression")
    .help("`modulo f` with a function f of a member tells its class in other ways")
    .into()
}
