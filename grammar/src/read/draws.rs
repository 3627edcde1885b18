//! Conditions that belong elsewhere than where they were written: to a draw, to a loop, to a count.

use crate::ast::*;
use nas_diagnostics::Span;

/// `a else b`; where a is a draw under a bounded condition, b is what stands in when no draw passes.
pub(super) fn otherwise(value: Expr, otherwise: Expr, span: Span) -> Expr {
    let drawn = matches!(&value.kind, ExprKind::Where { value, .. } if matches!(value.kind, ExprKind::Draw(_)));
    if drawn {
        let mut bounded = draw_where(value);
        if let ExprKind::Draw(inner) = &mut bounded.kind
            && let ExprKind::DrawWhere {
                otherwise: slot, ..
            } = &mut inner.kind
        {
            *slot = Some(Box::new(otherwise));
        }
        return Expr { span, ..bounded };
    }
    Expr {
        kind: ExprKind::Else {
            value: Box::new(value),
            otherwise: Box::new(otherwise),
        },
        span,
    }
}

/// `~d where p within n`: the condition belongs to the draw.
fn draw_where(value: Expr) -> Expr {
    let span = value.span;
    match value.kind {
        ExprKind::Where { value, conditions } => match value.kind {
            ExprKind::Draw(draw) => Expr {
                kind: ExprKind::Draw(Box::new(conditioned(*draw, conditions, None, span))),
                span,
            },
            kind => Expr {
                kind: ExprKind::Where {
                    value: Box::new(Expr {
                        kind,
                        span: value.span,
                    }),
                    conditions,
                },
                span,
            },
        },
        kind => Expr { kind, span },
    }
}

fn conditioned(
    value: Expr,
    conditions: Vec<Expr>,
    otherwise: Option<Box<Expr>>,
    span: Span,
) -> Expr {
    let Some(condition) = conditions.into_iter().next() else {
        return value;
    };
    let value = Box::new(value);
    let kind = match condition.kind {
        ExprKind::Within {
            value: p,
            tolerance,
            of: None,
        } => ExprKind::DrawWhere {
            value,
            condition: p,
            within: Some(tolerance),
            otherwise,
        },
        _ => ExprKind::DrawWhere {
            value,
            condition: Box::new(condition),
            within: None,
            otherwise,
        },
    };
    Expr { kind, span }
}

/// The right side of `let x ~ …`: `d where p within n else e`.
pub(super) fn drawn(value: Expr) -> Expr {
    let span = value.span;
    let (value, otherwise) = match value.kind {
        ExprKind::Else { value, otherwise } if matches!(value.kind, ExprKind::Where { .. }) => {
            (*value, Some(otherwise))
        }
        kind => (Expr { kind, span }, None),
    };
    match value.kind {
        ExprKind::Where { value, conditions } => conditioned(*value, conditions, otherwise, span),
        kind => Expr { kind, span },
    }
}

/// `xs where p` behind `in`: the condition belongs to the loop.
pub(super) fn split_where(value: Expr) -> (Expr, Option<Expr>) {
    match value.kind {
        ExprKind::Where {
            value,
            mut conditions,
        } if conditions.len() == 1 => (*value, conditions.pop()),
        kind => (
            Expr {
                kind,
                span: value.span,
            },
            None,
        ),
    }
}

pub(super) fn counted(value: Expr) -> Expr {
    let span = value.span;
    let (inner, condition) = split_where(value.clone());
    match inner.kind {
        ExprKind::In {
            value: name,
            collection,
            negated: false,
        } => match &name.kind {
            ExprKind::Name(ident) => {
                let pattern = Pattern {
                    kind: PatternKind::Name(ident.clone()),
                    span: ident.span,
                };
                let mut clauses = vec![Clause::For {
                    pattern,
                    iterable: *collection,
                }];
                clauses.extend(condition.map(Clause::If));
                Expr {
                    kind: ExprKind::Sequence {
                        body: name,
                        clauses,
                    },
                    span,
                }
            }
            _ => value,
        },
        _ => value,
    }
}

/// `value (x) => e where p` on one line: the condition would be the value's. Where it stands, and what it follows.
pub(super) fn hidden_condition(value: &Expr) -> Option<(Span, Span)> {
    match &value.kind {
        ExprKind::Lambda { body, .. } => hidden_condition(body),
        ExprKind::Where { value, conditions } => {
            let first = conditions.first()?.span;
            Some((value.span, first))
        }
        _ => None,
    }
}
