//! Arguments of calls and indices, clauses of comprehensions, entries of edits.

use super::draws::{counted, split_where};
use super::{Pair, Reader, Rule, parts, take};
use crate::ast::*;
use nas_diagnostics::Span;

impl Reader<'_> {
    pub(super) fn call(&self, callee: Expr, op: Pair, span: Span) -> Expr {
        let mut args: Vec<Arg> = parts(op).map(|p| self.arg(p)).collect();
        self.no_repeats(args.iter().filter_map(|a| a.name.as_ref()), "argument");
        // `count(s in xs where p)`: the elements that pass, not a question.
        if let ([arg], ExprKind::Name(name)) = (args.as_mut_slice(), &callee.kind)
            && &*name.text == "count"
            && !arg.spread
        {
            arg.value = counted(arg.value.clone());
        }
        Expr {
            kind: ExprKind::Call {
                callee: Box::new(callee),
                args,
                trailing: None,
            },
            span,
        }
    }

    pub(super) fn arg(&self, pair: Pair) -> Arg {
        let span = self.span(&pair);
        let broken = Arg {
            name: None,
            value: Expr {
                kind: ExprKind::Error,
                span,
            },
            spread: false,
            span,
        };
        let mut inner = parts(pair);
        let Some(first) = inner.next() else {
            return broken;
        };
        match first.as_rule() {
            Rule::spread => match parts(first).next() {
                Some(value) => Arg {
                    value: self.expr(value),
                    spread: true,
                    ..broken
                },
                None => broken,
            },
            Rule::named => {
                let mut named = parts(first);
                match (named.next(), named.next()) {
                    (Some(name), Some(value)) => {
                        let value = self.sequence(self.expr(value), named.next());
                        Arg {
                            name: Some(self.ident(&name)),
                            value,
                            ..broken
                        }
                    }
                    _ => broken,
                }
            }
            _ => Arg {
                value: self.sequence(self.expr(first), inner.next()),
                ..broken
            },
        }
    }

    /// A body with the clauses behind it, if there are any.
    pub(super) fn sequence(&self, body: Expr, clauses: Option<Pair>) -> Expr {
        let Some(clauses) = clauses else { return body };
        let span = body.span.to(self.span(&clauses));
        Expr {
            kind: ExprKind::Sequence {
                body: Box::new(body),
                clauses: self.clauses(clauses),
            },
            span,
        }
    }

    pub(super) fn clauses(&self, pair: Pair) -> Vec<Clause> {
        let mut all = vec![];
        for clause in parts(pair) {
            if clause.as_rule() == Rule::if_clause {
                all.extend(parts(clause).next().map(|p| Clause::If(self.expr(p))));
                continue;
            }
            for part in parts(clause) {
                let mut inner = parts(part);
                let (Some(pattern), Some(over)) = (inner.next(), inner.next()) else {
                    continue;
                };
                let (iterable, condition) = split_where(self.expr(over));
                all.push(Clause::For {
                    pattern: self.pattern(pattern),
                    iterable,
                });
                all.extend(condition.map(Clause::If));
            }
        }
        all
    }

    /// `shape`: in a type, where `..s` are further axes; in an index it is a range up to s.
    pub(super) fn index_arg(&self, pair: Pair, shape: bool) -> IndexArg {
        let span = self.span(&pair);
        let Some(inner) = parts(pair).next() else {
            return IndexArg::All(span);
        };
        let mut below = parts(inner.clone());
        match inner.as_rule() {
            Rule::all => IndexArg::All(span),
            Rule::last => below
                .next()
                .map_or(IndexArg::All(span), |w| IndexArg::Last(self.ident(&w))),
            Rule::named => match (below.next(), below.next()) {
                (Some(name), Some(value)) => IndexArg::Named(
                    self.ident(&name),
                    self.sequence(self.expr(value), below.next()),
                ),
                _ => IndexArg::All(span),
            },
            Rule::spread_arg => {
                let value = below
                    .next()
                    .and_then(|s| parts(s).next())
                    .map(|p| self.expr(p));
                let value = value.unwrap_or(Expr {
                    kind: ExprKind::Error,
                    span,
                });
                if shape {
                    return IndexArg::Spread(value);
                }
                let kind = ExprKind::Range {
                    low: None,
                    high: Some(Box::new(value)),
                    inclusive: false,
                    step: None,
                };
                IndexArg::At(Expr { kind, span })
            }
            _ => IndexArg::At(self.expr(inner)),
        }
    }

    pub(super) fn entries(&self, pair: Pair) -> Vec<WithEntry> {
        parts(pair).filter_map(|p| self.entry(p)).collect()
    }

    fn entry(&self, pair: Pair) -> Option<WithEntry> {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let first = inner.next()?;
        if first.as_rule() == Rule::entry_spread {
            let mut spread = parts(first);
            let value = self.expr(spread.next()?);
            let target = WithTarget::Spread {
                value: value.clone(),
                by: spread.next().map(|w| self.ident(&w)),
            };
            return Some(WithEntry {
                target,
                binder: None,
                within: None,
                value,
                span,
            });
        }
        let target = WithTarget::Path(self.expr(first));
        let binder = take(&mut inner, Rule::entry_as).and_then(|p| {
            let mut names = parts(p);
            Some((
                self.ident(&names.next()?),
                names.next().map(|n| self.ident(&n)),
            ))
        });
        let within = take(&mut inner, Rule::entry_in)
            .and_then(|p| parts(p).next())
            .map(|p| self.expr(p));
        let value = self.expr(inner.next()?);
        Some(WithEntry {
            target,
            binder,
            within,
            value,
            span,
        })
    }
}
