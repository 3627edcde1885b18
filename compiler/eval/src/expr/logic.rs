//! Truth values: conditions, `not`, `and`, `or`, `is`; and what is part `of` a whole.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use crate::{Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, BinaryOp, Expr, ExprKind};
use std::sync::Arc;

impl Ctx {
    /// Both arms of a condition that depends on choices are evaluated, each under its options.
    pub(super) fn branch(
        &mut self,
        condition: Value,
        then: &ast::Block,
        otherwise: Option<&Expr>,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        let c = self.settle(condition);
        match c.plain() {
            Value::Bool(true) => stmt::block(self, then, env),
            Value::Bool(false) => match otherwise {
                Some(e) => self.eval(e, env),
                None => Ok(Value::None),
            },
            Value::Open(_) => self.cases(c, span, &mut |ctx, c| {
                ctx.branch(c, then, otherwise, env, span)
            }),
            Value::Tensor(t, _) => {
                if t.rank() == 0 && !self.checking() {
                    let v = crate::train::number(self, &Value::tensor(t.clone()), span)?;
                    return self.branch(Value::Bool(v != 0.0), then, otherwise, env, span);
                }
                // A condition on a tensor selects point by point.
                let a = stmt::block(self, then, env)?;
                let b = match otherwise {
                    Some(e) => self.eval(e, env)?,
                    None => {
                        return Err(fault("E0301", "a condition on a tensor needs both arms")
                            .at(span, "this condition")
                            .into());
                    }
                };
                match (number::as_tensor(&a), number::as_tensor(&b)) {
                    (Some(a), Some(b)) => nas_ir::Tensor::select(t, &a, &b)
                        .map(Value::tensor)
                        .map_err(|e| self.shape_fault(e, span)),
                    _ => Ok(Value::unknown()),
                }
            }
            // Which arm is taken hangs on a size that stands for any number: an arm need not fit the others.
            Value::Unknown(_) if self.generic => Ok(Value::unknown()),
            Value::Unknown(_) => {
                // Both arms are looked at; what they have in common is unknown.
                let a = stmt::block(self, then, env)?;
                let b = match otherwise {
                    Some(e) => self.eval(e, env)?,
                    None => Value::None,
                };
                Ok(if crate::open::same(&a, &b) {
                    a
                } else {
                    stmt::either(a, b)
                })
            }
            Value::Invalid(_) => Ok(c.clone()),
            other => Err(fault(
                "E0301",
                format!("a condition is true or false, and this is {}", other.kind()),
            )
            .at(span, "this condition")
            .into()),
        }
    }

    pub fn not(&mut self, v: Value, span: Span) -> Result<Value> {
        match v.plain() {
            Value::Bool(b) => Ok(Value::Bool(!b)),
            Value::Tensor(t, _) => Ok(Value::Tensor(
                t.unary(nas_ir::Unary::Not),
                crate::value::Element::Bool,
            )),
            Value::Unknown(_) | Value::Invalid(_) => Ok(v.clone()),
            Value::Open(_) => self.cases(v, span, &mut |ctx, v| ctx.not(v, span)),
            other => Err(fault(
                "E0301",
                format!("`not` is of a truth value, and this is {}", other.kind()),
            )
            .at(span, "here")
            .into()),
        }
    }

    pub(super) fn and_or(
        &mut self,
        and: bool,
        left: &Expr,
        right: &Expr,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        let a = self.eval(left, env)?;
        self.and_or_value(and, a, right, env, span)
    }

    fn and_or_value(
        &mut self,
        and: bool,
        a: Value,
        right: &Expr,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        match a.plain() {
            Value::Bool(x) if *x != and => Ok(Value::Bool(*x)),
            Value::Bool(_) => {
                let b = self.eval(right, env)?;
                match b.plain() {
                    Value::Bool(_)
                    | Value::Open(_)
                    | Value::Unknown(_)
                    | Value::Tensor(..)
                    | Value::Invalid(_)
                    | Value::Terms(_) => Ok(b),
                    other => Err(fault(
                        "E0301",
                        format!(
                            "`{}` joins truth values, and this is {}",
                            if and { "and" } else { "or" },
                            other.kind()
                        ),
                    )
                    .at(right.span, "here")
                    .into()),
                }
            }
            Value::Open(_) => self.cases(a, span, &mut |ctx, a| {
                ctx.and_or_value(and, a, right, env, span)
            }),
            Value::Unknown(_) => {
                self.eval(right, env)?;
                Ok(Value::unknown())
            }
            Value::Tensor(t, _) => {
                let b = self.eval(right, env)?;
                let op = if and {
                    nas_ir::Binary::And
                } else {
                    nas_ir::Binary::Or
                };
                match number::as_tensor(&b) {
                    Some(b) => t
                        .binary(op, &b)
                        .map(|t| Value::Tensor(t, crate::value::Element::Bool))
                        .map_err(|e| self.shape_fault(e, span)),
                    None => Ok(Value::unknown()),
                }
            }
            Value::Invalid(_) => Ok(a.clone()),
            other => Err(fault(
                "E0301",
                format!(
                    "`{}` joins truth values, and this is {}",
                    if and { "and" } else { "or" },
                    other.kind()
                ),
            )
            .at(span, "here")
            .into()),
        }
    }

    /// `x is option`: by name where the option is a bare word, else by value.
    pub(super) fn is(&mut self, v: Value, option: &Expr, env: &Env, span: Span) -> Result<Value> {
        let v = self.settle(v);
        if let Value::Open(_) = &v {
            return self.cases(v, span, &mut |ctx, v| ctx.is(v, option, env, span));
        }
        if v.is_unknown() {
            return Ok(Value::unknown());
        }
        if let ExprKind::Name(n) = &option.kind {
            match &v {
                Value::Picked(p) => {
                    return Ok(Value::Bool(
                        p.label == n.text || access::named(&p.value, &n.text),
                    ));
                }
                Value::Label(l) | Value::Text(l) => return Ok(Value::Bool(*l == n.text)),
                other if access::named(other, &n.text) => return Ok(Value::Bool(true)),
                _ => {}
            }
        }
        if let ExprKind::None = &option.kind {
            return Ok(Value::Bool(match &v {
                Value::Picked(p) => &*p.label == "none" || matches!(p.value, Value::None),
                Value::Label(l) => &**l == "none",
                other => matches!(other, Value::None),
            }));
        }
        let o = self.eval(option, env)?;
        Ok(Value::Bool(match (&v, &o) {
            (Value::Picked(a), Value::Picked(b)) => a.label == b.label,
            (Value::Picked(a), Value::Label(b)) | (Value::Label(b), Value::Picked(a)) => {
                a.label == *b
            }
            (a, b) => {
                number::equal(a, b).unwrap_or(false) || crate::open::same(a.plain(), b.plain())
            }
        }))
    }

    pub(super) fn of(
        &mut self,
        value: &Expr,
        of: &Expr,
        unit: Option<&ast::Ident>,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        let (v, o) = (self.eval(value, env)?, self.eval(of, env)?);
        if let Some(u) = unit
            && matches!(&*u.text, "epoch" | "step")
            && let (Some(a), Some(b)) = (number::as_f64(&v), number::as_f64(&o))
        {
            let (a, b) = (a as i64, b as i64);
            if b < 1 || a < 0 || a > b {
                return Err(fault(
                    "E0322",
                    format!("there is no {0} {a} in a training of {b} {0}s", u.text),
                )
                .at(span, "outside the training")
                .help(format!("{}s go from 0 to {}", u.text, b.max(1)))
                .into());
            }
            return Ok(Value::Clock(crate::value::Clock {
                step: a,
                steps: b,
                epoch: a,
                epochs: b,
            }));
        }
        if let Value::Interval(i) = v.plain() {
            let low = number::binary(self, BinaryOp::Mul, i.0.clone(), o.clone(), span)?;
            let high = number::binary(self, BinaryOp::Mul, i.1.clone(), o, span)?;
            return Ok(Value::Interval(Arc::new((low, high))));
        }
        Err(fault(
            "E0309",
            "`of` is supported behind `epoch`, `step` and ranges only",
        )
        .at(span, "here")
        .into())
    }
}
