//! Expressions: precedence, then the parts that a prefix, a postfix or an operator builds.

use super::draws::otherwise;
use super::{Pair, Reader, Rule, parts};
use crate::ast::*;
use nas_diagnostics::{Diagnostic, Span};
use pest::pratt_parser::{Assoc::Left, Assoc::Right, Op, PrattParser};
use std::sync::Arc;
use std::sync::LazyLock;

/// From loosest to tightest.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::else_op, Right))
        .op(Op::infix(Rule::where_op, Left) | Op::infix(Rule::modulo, Left))
        .op(Op::infix(Rule::or, Left))
        .op(Op::infix(Rule::and, Left))
        .op(Op::prefix(Rule::not) | Op::prefix(Rule::bang))
        .op(Op::infix(Rule::within, Left))
        .op(Op::infix(Rule::eq, Left)
            | Op::infix(Rule::ne, Left)
            | Op::infix(Rule::lt, Left)
            | Op::infix(Rule::le, Left)
            | Op::infix(Rule::gt, Left)
            | Op::infix(Rule::ge, Left)
            | Op::infix(Rule::in_op, Left)
            | Op::infix(Rule::not_in, Left)
            | Op::infix(Rule::is_op, Left)
            | Op::infix(Rule::is_not, Left))
        .op(Op::infix(Rule::of, Left) | Op::infix(Rule::arrow, Left))
        .op(Op::infix(Rule::pipe, Left))
        .op(Op::infix(Rule::by, Left))
        .op(Op::infix(Rule::range_inc, Left)
            | Op::infix(Rule::range_ex, Left)
            | Op::postfix(Rule::range_open)
            | Op::prefix(Rule::range_to)
            | Op::prefix(Rule::range_to_inc))
        .op(Op::infix(Rule::add, Left) | Op::infix(Rule::sub, Left) | Op::infix(Rule::concat, Left))
        .op(Op::infix(Rule::mul, Left) | Op::infix(Rule::div, Left) | Op::infix(Rule::rem, Left))
        .op(Op::prefix(Rule::neg))
        .op(Op::infix(Rule::pow, Right))
        .op(Op::prefix(Rule::draw))
        .op(Op::postfix(Rule::call)
            | Op::postfix(Rule::index)
            | Op::postfix(Rule::field)
            | Op::postfix(Rule::tuple_field)
            | Op::postfix(Rule::unit_suffix)
            | Op::postfix(Rule::with_edit)
            | Op::postfix(Rule::as_type)
            | Op::postfix(Rule::at_mode)
            | Op::postfix(Rule::at_value)
            | Op::postfix(Rule::trailing))
});

impl Reader<'_> {
    pub(super) fn expr(&self, pair: Pair) -> Expr {
        let span = self.span(&pair);
        let broken = Expr {
            kind: ExprKind::Error,
            span,
        };
        let length = parts(pair.clone()).count();
        if length == 0 {
            return broken;
        }
        self.deeper(length, span, || {
            PRECEDENCE
                .map_primary(|p| self.primary(p))
                .map_prefix(|op, value| self.prefix(op, value))
                .map_postfix(|value, op| self.postfix(value, op))
                .map_infix(|left, op, right| self.infix(left, op, right))
                .parse(parts(pair))
        })
        .unwrap_or(broken)
    }

    fn prefix(&self, op: Pair, value: Expr) -> Expr {
        let at = self.span(&op);
        let span = at.to(value.span);
        let value = Box::new(value);
        let kind = match op.as_rule() {
            Rule::neg => ExprKind::Unary {
                op: UnaryOp::Neg,
                value,
            },
            Rule::draw => ExprKind::Draw(value),
            Rule::range_to => ExprKind::Range {
                low: None,
                high: Some(value),
                inclusive: false,
                step: None,
            },
            Rule::range_to_inc => ExprKind::Range {
                low: None,
                high: Some(value),
                inclusive: true,
                step: None,
            },
            other => {
                if other == Rule::bang {
                    self.report(
                        Diagnostic::error("E0103", "`!` is not a word of Nas")
                            .at(at, "a negation")
                            .help("write `not` in place of `!`"),
                    );
                }
                ExprKind::Unary {
                    op: UnaryOp::Not,
                    value,
                }
            }
        };
        Expr { kind, span }
    }

    fn postfix(&self, value: Expr, op: Pair) -> Expr {
        let span = value.span.to(self.span(&op));
        let base = Box::new(value);
        let kind = match op.as_rule() {
            Rule::call => return self.call(*base, op, span),
            Rule::index => ExprKind::Index {
                base,
                args: parts(op).map(|p| self.index_arg(p, false)).collect(),
            },
            Rule::field => match parts(op).next() {
                Some(word) => ExprKind::Field {
                    base,
                    name: self.ident(&word),
                },
                None => ExprKind::Error,
            },
            Rule::tuple_field => match parts(op).next().map(|p| p.as_str().parse()) {
                Some(Ok(index)) => ExprKind::TupleField { base, index },
                _ => {
                    self.report(
                        Diagnostic::error("E0104", "this index is too large")
                            .at(span, "a place in a tuple"),
                    );
                    ExprKind::Error
                }
            },
            Rule::unit_suffix => {
                let unit = parts(op).next().map(|p| self.ident(&p));
                let at = unit.as_ref().map_or(span, |u| u.span);
                let one = Number {
                    digits: "1".into(),
                    float: false,
                    scale: None,
                    unit,
                };
                ExprKind::Binary {
                    op: BinaryOp::Mul,
                    left: base,
                    right: Box::new(Expr {
                        kind: ExprKind::Number(one),
                        span: at,
                    }),
                }
            }
            Rule::with_edit => match parts(op).next() {
                Some(entries) => ExprKind::With {
                    base,
                    entries: self.entries(entries),
                },
                None => ExprKind::Error,
            },
            Rule::as_type => match parts(op).next() {
                Some(ty) => ExprKind::As {
                    value: base,
                    ty: self.type_post(ty),
                },
                None => ExprKind::Error,
            },
            Rule::at_mode => ExprKind::AtMode {
                value: base,
                train: parts(op).next().is_some_and(|m| m.as_str() == "train"),
            },
            Rule::at_value => {
                let mut inner = parts(op);
                match (inner.next(), inner.next()) {
                    (Some(name), Some(at)) => ExprKind::AtValue {
                        value: base,
                        name: self.ident(&name),
                        at: Box::new(self.expr(at)),
                    },
                    _ => ExprKind::Error,
                }
            }
            Rule::range_open => ExprKind::Range {
                low: Some(base),
                high: None,
                inclusive: false,
                step: None,
            },
            _ => return self.trailing(*base, op, span),
        };
        Expr { kind, span }
    }

    fn trailing(&self, base: Expr, op: Pair, span: Span) -> Expr {
        let Some(block) = parts(op).next().map(|p| Box::new(self.block(p))) else {
            return base;
        };
        let kind = match base.kind {
            ExprKind::Call {
                callee,
                args,
                trailing: None,
            } => ExprKind::Call {
                callee,
                args,
                trailing: Some(block.into()),
            },
            ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. } => ExprKind::Call {
                callee: Box::new(base),
                args: vec![],
                trailing: Some(block.into()),
            },
            kind => {
                self.report(
                    Diagnostic::error("E0101", "a block cannot stand here")
                        .at(block.span, "this block is an argument of nothing")
                        .at(base.span, "this is not called")
                        .help("a trailing block follows a name or a call; start a new line for anything else"),
                );
                kind
            }
        };
        Expr { kind, span }
    }

    fn infix(&self, left: Expr, op: Pair, right: Expr) -> Expr {
        let span = left.span.to(right.span);
        let at = self.span(&op);
        let (l, r) = (Box::new(left), Box::new(right));
        let binary = |op| ExprKind::Binary {
            op,
            left: l.clone(),
            right: r.clone(),
        };
        let kind = match op.as_rule() {
            Rule::else_op => return otherwise(*l, *r, span),
            Rule::where_op => ExprKind::Where {
                value: l,
                conditions: vec![*r],
            },
            Rule::modulo => ExprKind::Modulo { value: l, rules: r },
            Rule::within => match r.kind {
                ExprKind::Of {
                    value,
                    of,
                    unit: None,
                } => ExprKind::Within {
                    value: l,
                    tolerance: value,
                    of: Some(of),
                },
                _ => ExprKind::Within {
                    value: l,
                    tolerance: r,
                    of: None,
                },
            },
            Rule::in_op => ExprKind::In {
                value: l,
                collection: r,
                negated: false,
            },
            Rule::not_in => ExprKind::In {
                value: l,
                collection: r,
                negated: true,
            },
            Rule::is_op => ExprKind::Is {
                value: l,
                option: r,
                negated: false,
            },
            Rule::is_not => ExprKind::Is {
                value: l,
                option: r,
                negated: true,
            },
            Rule::of => ExprKind::Of {
                value: l,
                of: r,
                unit: None,
            },
            Rule::arrow => ExprKind::Arrow { from: l, to: r },
            Rule::pipe => ExprKind::Pipe {
                value: l,
                target: Arc::from(r),
            },
            Rule::range_inc => ExprKind::Range {
                low: Some(l),
                high: Some(r),
                inclusive: true,
                step: None,
            },
            Rule::range_ex => ExprKind::Range {
                low: Some(l),
                high: Some(r),
                inclusive: false,
                step: None,
            },
            Rule::by => match l.kind {
                ExprKind::Range {
                    low,
                    high,
                    inclusive,
                    step: None,
                } => ExprKind::Range {
                    low,
                    high,
                    inclusive,
                    step: Some(r),
                },
                _ => {
                    self.report(
                        Diagnostic::error("E0101", "`by` gives the step of a range")
                            .at(at, "no range stands before it")
                            .help("write `low..=high by step`"),
                    );
                    ExprKind::Error
                }
            },
            rule => {
                self.foreign_operator(rule, op.as_str(), at);
                match binary_op(rule) {
                    // The common case moves the operands instead of copying them.
                    Some(op) => ExprKind::Binary {
                        op,
                        left: l,
                        right: r,
                    },
                    None => binary(BinaryOp::Add),
                }
            }
        };
        Expr { kind, span }
    }

    fn foreign_operator(&self, rule: Rule, written: &str, at: Span) {
        let help = match (rule, written) {
            (Rule::and, "&&") => "write `and` in place of `&&`",
            (Rule::or, "||") => "write `or` in place of `||`",
            (Rule::pow, "**") => "write `^` in place of `**`",
            _ => return,
        };
        self.report(
            Diagnostic::error("E0103", format!("`{written}` is not an operator of Nas"))
                .at(at, "from another language")
                .help(help),
        );
    }
}

fn binary_op(rule: Rule) -> Option<BinaryOp> {
    Some(match rule {
        Rule::add => BinaryOp::Add,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::rem => BinaryOp::Rem,
        Rule::pow => BinaryOp::Pow,
        Rule::concat => BinaryOp::Concat,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::and => BinaryOp::And,
        Rule::or => BinaryOp::Or,
        _ => return None,
    })
}
