//! Patterns of rewrite rules: reading, matching, and building what they stand for.

use super::{Kind, RuleSet, Term, is_sign, sign};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::program::{ModuleId, ScopeEntry};
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, UnaryOp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pattern {
    Var(Arc<str>),
    Number(f64),
    App {
        func: Arc<str>,
        args: Vec<Pattern>,
    },
    /// An operation that is a variable: any option of a choice.
    Any {
        name: Arc<str>,
        args: Vec<Pattern>,
    },
}

/// What the variables of a rule stand for.
#[derive(Default, Clone)]
pub(super) struct Bindings {
    pub terms: HashMap<Arc<str>, Arc<Term>>,
    /// Function, name as written.
    operations: HashMap<Arc<str>, (Arc<str>, Arc<str>)>,
    /// How a function that the rule names was written, and whether it was an option.
    heads: HashMap<Arc<str>, (Arc<str>, bool)>,
}

impl Bindings {
    /// Each name for itself.
    pub fn symbols(names: impl IntoIterator<Item = Arc<str>>) -> Bindings {
        let terms = names.into_iter().map(|n| (n.clone(), Term::var(&n)));
        Bindings {
            terms: terms.collect(),
            ..Bindings::default()
        }
    }
}

/// Reads one side of a rule: names of declarations are functions, others are variables.
pub(super) fn pattern(ctx: &mut Ctx, e: &Expr, module: ModuleId) -> Result<Pattern> {
    let program = ctx.program.clone();
    let declared = |name: &str| matches!(program.lookup(module, name), Some(ScopeEntry::Global(_)));
    let bad = |span: Span, what: &str| {
        Err(fault("E0309", format!("{what} cannot stand in a rule"))
            .at(span, "here")
            .into())
    };
    Ok(match &e.kind {
        ExprKind::Name(n) if declared(&n.text) => {
            return bad(e.span, "a function that is not called");
        }
        ExprKind::Name(n) => Pattern::Var(n.text.clone()),
        ExprKind::Hole => Pattern::Var(format!("_{}", e.span.start).into()),
        ExprKind::Number(n) => match crate::number::literal(n, e.span)? {
            v => match crate::number::as_f64(&v) {
                Some(v) => Pattern::Number(v),
                None => return bad(e.span, "this number"),
            },
        },
        ExprKind::Tuple(items) if items.len() == 1 => pattern(ctx, &items[0], module)?,
        ExprKind::Unary {
            op: UnaryOp::Neg,
            value,
        } => Pattern::App {
            func: "neg".into(),
            args: vec![pattern(ctx, value, module)?],
        },
        ExprKind::Binary { op, left, right } => Pattern::App {
            func: sign(*op).into(),
            args: vec![pattern(ctx, left, module)?, pattern(ctx, right, module)?],
        },
        ExprKind::Call {
            callee,
            args,
            trailing: None,
        } => {
            let mut inner = vec![];
            for a in args {
                if a.name.is_some() || a.spread {
                    return bad(a.span, "a named argument");
                }
                inner.push(pattern(ctx, &a.value, module)?);
            }
            let name = match &callee.kind {
                ExprKind::Name(n) => n.text.clone(),
                ExprKind::Field { name, .. } => {
                    return Ok(Pattern::App {
                        func: name.text.clone(),
                        args: inner,
                    });
                }
                _ => return bad(callee.span, "this function"),
            };
            match declared(&name) {
                true => Pattern::App {
                    func: name,
                    args: inner,
                },
                false => Pattern::Any { name, args: inner },
            }
        }
        ExprKind::Pipe { value, target } => {
            let inner = pattern(ctx, value, module)?;
            match &target.kind {
                ExprKind::Name(n) if declared(&n.text) => Pattern::App {
                    func: n.text.clone(),
                    args: vec![inner],
                },
                ExprKind::Name(n) => Pattern::Any {
                    name: n.text.clone(),
                    args: vec![inner],
                },
                _ => return bad(target.span, "this"),
            }
        }
        _ => return bad(e.span, "this"),
    })
}

impl Pattern {
    /// Functions that it names.
    pub fn names(&self, out: &mut HashSet<Arc<str>>) {
        match self {
            Pattern::App { func, args } => {
                if !is_sign(func) {
                    out.insert(func.clone());
                }
                args.iter().for_each(|a| a.names(out));
            }
            Pattern::Any { args, .. } => args.iter().for_each(|a| a.names(out)),
            _ => {}
        }
    }

    pub fn variables(&self, out: &mut HashSet<Arc<str>>) {
        match self {
            Pattern::Var(v) => {
                out.insert(v.clone());
            }
            Pattern::Number(_) => {}
            Pattern::App { args, .. } => args.iter().for_each(|a| a.variables(out)),
            Pattern::Any { name, args } => {
                out.insert(name.clone());
                args.iter().for_each(|a| a.variables(out));
            }
        }
    }

    /// Goes through the ways in which a term is of this form, until `then` takes one.
    pub fn matches(
        &self,
        t: &Arc<Term>,
        rules: &RuleSet,
        b: &Bindings,
        span: Span,
        then: Then,
    ) -> Result<bool> {
        match self {
            Pattern::Var(v) => match b.terms.get(v) {
                Some(known) if known.text == t.text => then(b),
                Some(_) => Ok(false),
                None => {
                    let mut b = b.clone();
                    b.terms.insert(v.clone(), t.clone());
                    then(&b)
                }
            },
            Pattern::Number(n) => match &t.kind {
                Kind::Number(m) if m == n => then(b),
                _ => Ok(false),
            },
            Pattern::Any { name, args } => {
                let Kind::App {
                    func,
                    head,
                    chosen: true,
                    args: given,
                } = &t.kind
                else {
                    return Ok(false);
                };
                let this = (func.clone(), head.clone());
                if b.operations.get(name).is_some_and(|k| *k != this) {
                    return Ok(false);
                }
                let mut b = b.clone();
                b.operations.insert(name.clone(), this);
                each(args, given, rules, &b, span, then)
            }
            Pattern::App { func, args } => {
                let Kind::App {
                    func: f,
                    head,
                    chosen,
                    args: given,
                } = &t.kind
                else {
                    return Ok(false);
                };
                if f != func {
                    return Ok(false);
                }
                let mut b = b.clone();
                b.heads.insert(f.clone(), (head.clone(), *chosen));
                // A function that ignores its input is written without it.
                if given.is_empty() {
                    return then(&b);
                }
                let (sums, turns) = (rules.associates(func), rules.commutes(func));
                let [p, q] = &args[..] else {
                    return each(args, given, rules, &b, span, then);
                };
                if !sums && !turns {
                    return each(args, given, rules, &b, span, then);
                }
                split(func, (p, q), given, rules, &b, span, then)
            }
        }
    }

    pub fn build(&self, rules: &RuleSet, b: &Bindings, span: Span) -> Result<Arc<Term>> {
        let built = |args: &[Pattern]| {
            args.iter()
                .map(|a| a.build(rules, b, span))
                .collect::<Result<Vec<_>>>()
        };
        match self {
            Pattern::Number(n) => Ok(Term::number(*n)),
            // A variable that stood in what a constant function ignores.
            Pattern::Var(v) => Ok(b.terms.get(v).cloned().unwrap_or_else(|| Term::var("_"))),
            Pattern::Any { name, args } => match b.operations.get(name) {
                Some((func, head)) => rules.apply(func, head, true, built(args)?, span),
                None => Ok(Term::var("_")),
            },
            Pattern::App { func, args } => {
                let mut args = built(args)?;
                if is_sign(func) && args.len() == 2 {
                    let second = args.remove(1);
                    return rules.operator(func, args.remove(0), second, span);
                }
                // Where every argument was ignored, it still is.
                if args.iter().all(|a| &*a.text == "_") {
                    args.clear();
                }
                let known = b.heads.get(func).cloned();
                let (head, chosen) = known.unwrap_or((func.clone(), false));
                rules.apply(func, &head, chosen, args, span)
            }
        }
    }
}

/// Asked of each way to match; whether it is taken.
type Then<'a> = &'a mut dyn FnMut(&Bindings) -> Result<bool>;

fn each(
    args: &[Pattern],
    given: &[Arc<Term>],
    rules: &RuleSet,
    b: &Bindings,
    span: Span,
    then: Then,
) -> Result<bool> {
    if args.len() != given.len() {
        return Ok(false);
    }
    match (args.split_first(), given.split_first()) {
        (Some((p, args)), Some((t, given))) => p.matches(t, rules, b, span, &mut |b| {
            each(args, given, rules, b, span, then)
        }),
        _ => then(b),
    }
}

/// Ways to see an operator's operands as two: in order, or in any order where it commutes.
fn split(
    func: &Arc<str>,
    (p, q): (&Pattern, &Pattern),
    given: &[Arc<Term>],
    rules: &RuleSet,
    b: &Bindings,
    span: Span,
    then: Then,
) -> Result<bool> {
    let n = given.len();
    let mut ways: Vec<(Vec<Arc<Term>>, Vec<Arc<Term>>)> = vec![];
    if rules.commutes(func) {
        for i in 0..n {
            let one = vec![given[i].clone()];
            let mut rest = given.to_vec();
            rest.remove(i);
            ways.push((rest.clone(), one.clone()));
            ways.push((one, rest));
        }
    } else {
        for k in 1..n {
            ways.push((given[..k].to_vec(), given[k..].to_vec()));
        }
    }
    for (left, right) in ways {
        let (l, r) = (
            rules.sum_plain(func, left, span)?,
            rules.sum_plain(func, right, span)?,
        );
        let mut second = |b: &Bindings| q.matches(&r, rules, b, span, then);
        if p.matches(&l, rules, b, span, &mut second)? {
            return Ok(true);
        }
    }
    Ok(false)
}
