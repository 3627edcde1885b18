//! Sets of rewrite rules: laws of operators, oriented rules, and building canonical terms under them.

use super::condition::{self, Condition};
use super::matching::{Bindings, Pattern, pattern};
use super::{Kind, LENGTH, Term, is_sign};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::program::ModuleId;
use nas_diagnostics::Span;
use nas_grammar::ast::{RewriteDecl, Rule};
use std::collections::HashSet;
use std::sync::Arc;

/// Steps of rewriting at one term, at most.
const STEPS: usize = 1_000;

/// Steps of rewriting inside each other's results, at most.
const DEEPEST: usize = 100;

thread_local! {
    /// How deep the step at hand is in others.
    static NESTED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Rules that are used together.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// `a + b <=> b + a`: operands stand in the order of their texts.
    commutative: HashSet<Arc<str>>,
    /// `(a + b) + c <=> a + (b + c)`: brackets are not written.
    associative: HashSet<Arc<str>>,
    /// `(a + b) + c <=> (a + c) + b`: operands change places across brackets.
    exchanging: HashSet<Arc<str>>,
    /// Left, right, condition.
    rules: Vec<(Pattern, Pattern, Option<Condition>)>,
    /// Where each of them stands.
    places: Vec<Span>,
    /// Functions that the rules name.
    pub named: HashSet<Arc<str>>,
}

/// All rules of some declarations.
pub fn rules_of(ctx: &mut Ctx, decls: &[(Arc<RewriteDecl>, ModuleId)]) -> Result<RuleSet> {
    let mut set = RuleSet::default();
    for (decl, module) in decls {
        for rule in &decl.rules {
            set.add(ctx, rule, *module)?;
        }
    }
    Ok(set)
}

impl RuleSet {
    fn add(&mut self, ctx: &mut Ctx, rule: &Rule, module: ModuleId) -> Result<()> {
        let left = pattern(ctx, &rule.left, module)?;
        let right = pattern(ctx, &rule.right, module)?;
        if let (true, Some(when)) = (rule.both, &rule.when) {
            return Err(fault("E0309", "a law of an operator holds without a condition")
                .at(when.span, "this condition")
                .help("write the direction in which it makes a term simpler: `left => right when …`")
                .into());
        }
        if rule.both {
            return match law(&left, &right) {
                Some((sign, kind)) => {
                    let to = match kind {
                        Law::Commutes => &mut self.commutative,
                        Law::Associates => &mut self.associative,
                        Law::Exchanges => &mut self.exchanging,
                    };
                    to.insert(sign);
                    Ok(())
                }
                None => Err(fault(
                    "E0309",
                    "an equation that goes both ways is a law of an operator: `a + b <=> b + a`, `(a + b) + c <=> a + (b + c)`",
                )
                .at(rule.span, "this one is none")
                .help("write the direction in which it makes a term simpler: `f(g(x)) => x`")
                .into()),
            };
        }
        left.names(&mut self.named);
        right.names(&mut self.named);
        let mut known = HashSet::new();
        left.variables(&mut known);
        let mut used = HashSet::new();
        right.variables(&mut used);
        if let Some(v) = used.iter().find(|v| !known.contains(*v)) {
            return Err(fault(
                "E0201",
                format!("`{v}` does not stand on the left of this rule"),
            )
            .at(rule.right.span, "used here")
            .into());
        }
        let when = match &rule.when {
            Some(c) => Some(condition::read(c, &known)?),
            None => None,
        };
        self.rules.push((left, right, when));
        self.places.push(rule.span);
        Ok(())
    }

    /// E0606: a canonical form exists: what a rule makes of its names is brought to an end by the rules.
    pub fn end(&self, _ctx: &Ctx) -> Result<()> {
        for ((left, right, _), at) in self.rules.iter().zip(&self.places) {
            let mut names = HashSet::new();
            left.variables(&mut names);
            let b = Bindings::symbols(names);
            if let Err(mut f) = right.build(self, &b, *at)
                && f.0.code == "E0606"
            {
                f.0.message = "this rule leads back to where it started, or further away".into();
                *f.0 = f.0.help(
                    "a rule makes a term simpler; a law that goes both ways is written `a + b <=> b + a`",
                );
                return Err(f);
            }
        }
        Ok(())
    }

    /// `a sign b`, canonical.
    pub fn operator(
        &self,
        sign: &str,
        a: Arc<Term>,
        b: Arc<Term>,
        span: Span,
    ) -> Result<Arc<Term>> {
        let mut operands: Vec<Arc<Term>> = vec![];
        for t in [a, b] {
            // As it is being written, `a + b + c` is one sum; one that a block handed on stays together.
            let open = !t.sealed || self.exchanging.contains(sign);
            match t.operands(sign) {
                Some(inner) if open && self.associative.contains(sign) => {
                    operands.extend(inner.iter().cloned())
                }
                _ => operands.push(t),
            }
        }
        self.sum(sign, operands, span)
    }

    /// An operator over operands, canonical.
    pub fn sum(&self, sign: &str, mut operands: Vec<Arc<Term>>, span: Span) -> Result<Arc<Term>> {
        if operands.len() == 1 {
            return Ok(operands.remove(0));
        }
        if self.commutative.contains(sign) {
            operands.sort_by(|a, b| a.text.cmp(&b.text));
        }
        self.apply(sign, sign, false, operands, span)
    }

    /// Operands that are canonical together already.
    pub(super) fn sum_plain(
        &self,
        sign: &str,
        mut operands: Vec<Arc<Term>>,
        span: Span,
    ) -> Result<Arc<Term>> {
        match operands.len() {
            1 => Ok(operands.remove(0)),
            _ => self.plain(sign, sign, false, operands, span),
        }
    }

    /// A function of terms, canonical.
    pub fn apply(
        &self,
        func: &str,
        head: &str,
        chosen: bool,
        args: Vec<Arc<Term>>,
        span: Span,
    ) -> Result<Arc<Term>> {
        let mut now = self.plain(func, head, chosen, args, span)?;
        for _ in 0..STEPS {
            match self.step(&now, span)? {
                Some(next) => now = next,
                // What an operation hands on stays together where it becomes an operand.
                None if is_sign(func) => return Ok(now),
                None => return Ok(now.sealed()),
            }
        }
        Err(fault(
            "E0606",
            format!("these rules do not end on `{}`", short(&now.text)),
        )
        .at(span, "in this expression")
        .into())
    }

    /// One use of the first rule that fits.
    fn step(&self, t: &Arc<Term>, span: Span) -> Result<Option<Arc<Term>>> {
        let depth = NESTED.get();
        if depth >= DEEPEST {
            return Err(fault(
                "E0606",
                format!("these rules do not end on `{}`", short(&t.text)),
            )
            .at(span, "in this expression")
            .into());
        }
        NESTED.set(depth + 1);
        let out = self.first(t, span);
        NESTED.set(depth);
        out
    }

    fn first(&self, t: &Arc<Term>, span: Span) -> Result<Option<Arc<Term>>> {
        for (left, right, when) in &self.rules {
            let mut made = None;
            let mut take = |b: &Bindings| {
                if when.as_ref().is_some_and(|c| !c.holds(&b.terms)) {
                    return Ok(false);
                }
                let next = right.build(self, b, span)?;
                let other = next.text != t.text;
                if other {
                    made = Some(next);
                }
                Ok(other)
            };
            left.matches(t, self, &Bindings::default(), span, &mut take)?;
            if made.is_some() {
                return Ok(made);
            }
        }
        Ok(None)
    }

    fn plain(
        &self,
        func: &str,
        head: &str,
        chosen: bool,
        args: Vec<Arc<Term>>,
        span: Span,
    ) -> Result<Arc<Term>> {
        let mut text = String::new();
        if is_sign(func) {
            for (i, a) in args.iter().enumerate() {
                if i > 0 {
                    text.push_str(head);
                }
                let bare = match &a.kind {
                    Kind::App { func: f, .. } if &**f == func => self.associative.contains(func),
                    Kind::App { func: f, .. } => !is_sign(f),
                    _ => true,
                };
                match bare {
                    true => text.push_str(&a.text),
                    false => text.push_str(&format!("({})", a.text)),
                }
            }
        } else if args.is_empty() {
            text = format!("#{head}");
        } else {
            let list: Vec<&str> = args.iter().map(|a| &*a.text).collect();
            text = format!("({})@{head}", list.join(", "));
        }
        if text.len() > LENGTH {
            return Err(fault(
                "E0606",
                "what a member computes is too long to be compared as a term",
            )
            .at(span, "in this expression")
            .help("declare the repeated part as a block of the space: a block is one symbol")
            .into());
        }
        Ok(Arc::new(Term {
            text: text.into(),
            kind: Kind::App {
                func: func.into(),
                head: head.into(),
                chosen,
                args,
            },
            sealed: false,
        }))
    }

    pub(super) fn associates(&self, sign: &str) -> bool {
        self.associative.contains(sign)
    }

    pub(super) fn commutes(&self, sign: &str) -> bool {
        self.commutative.contains(sign)
    }
}

pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((i, _)) => format!("{}…", &text[..i]),
        None => text.into(),
    }
}

enum Law {
    Commutes,
    Associates,
    Exchanges,
}

/// The law of an operator that an equation states.
fn law(left: &Pattern, right: &Pattern) -> Option<(Arc<str>, Law)> {
    let pair = |p: &Pattern| match p {
        Pattern::App { func, args } if args.len() == 2 => {
            Some((func.clone(), args[0].clone(), args[1].clone()))
        }
        _ => None,
    };
    let var = |p: &Pattern| match p {
        Pattern::Var(v) => Some(v.clone()),
        _ => None,
    };
    let (sign, a, b) = pair(left)?;
    let (other, c, d) = pair(right)?;
    if sign != other {
        return None;
    }
    if let (Some(a), Some(b), Some(c), Some(d)) = (var(&a), var(&b), var(&c), var(&d)) {
        return (a == d && b == c && a != b).then_some((sign, Law::Commutes));
    }
    // Either way round: all brackets to the left.
    let flat = |p: &Pattern| -> Option<(Vec<Arc<str>>, bool)> {
        let (s, x, y) = pair(p)?;
        if s != sign {
            return None;
        }
        match (pair(&x), pair(&y)) {
            (Some((t, p, q)), None) if t == sign => {
                Some((vec![var(&p)?, var(&q)?, var(&y)?], true))
            }
            (None, Some((t, p, q))) if t == sign => {
                Some((vec![var(&x)?, var(&p)?, var(&q)?], false))
            }
            _ => None,
        }
    };
    let ((l, bracketed), (r, other)) = (flat(left)?, flat(right)?);
    let apart = l[0] != l[1] && l[1] != l[2] && l[0] != l[2];
    if apart && l == r && bracketed != other {
        return Some((sign, Law::Associates));
    }
    let (mut x, mut y) = (l.clone(), r.clone());
    x.sort();
    y.sort();
    (apart && x == y && l != r).then_some((sign, Law::Exchanges))
}
