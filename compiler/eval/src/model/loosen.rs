//! The edit that loosens a bound no member meets.

use crate::space::SpaceValue;
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind, StmtKind};

/// The number in the space's text that is the bound, and what it has to be, if it is written out once.
pub fn bound(s: &SpaceValue, cost: &str, limit: i128, value: i128) -> Option<(Span, String)> {
    fn bounds<'a>(e: &'a Expr, out: &mut Vec<(&'a Expr, &'a Expr)>) {
        if let ExprKind::Binary { op, left, right } = &e.kind {
            match op {
                BinaryOp::And => {
                    bounds(left, out);
                    bounds(right, out);
                }
                BinaryOp::Le | BinaryOp::Ge => out.push((left, right)),
                _ => {}
            }
        }
    }
    let mut found = vec![];
    for stmt in &s.base.decl.body.stmts {
        if let StmtKind::Where(all) = &stmt.kind {
            all.iter().for_each(|e| bounds(e, &mut found));
        }
    }
    found.retain(|(left, right)| {
        matches!(&left.kind, ExprKind::Name(n) if cost == &*n.text)
            && matches!(&right.kind, ExprKind::Number(n)
                if n.scale.is_none() && n.unit.is_none() && n.digits.parse() == Ok(limit))
    });
    match found[..] {
        [(_, bound)] => Some((bound.span, value.to_string())),
        _ => None,
    }
}
