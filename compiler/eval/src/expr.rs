//! Expressions: one function a kind, each a few lines.

use crate::call;
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::number;
use crate::value::{Func, FuncKind, Value};
use crate::{Fault, Result, access, draw, net, space, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use std::sync::Arc;

mod logic;
mod make;
mod names;

impl Ctx {
    pub fn eval(&mut self, e: &Expr, env: &Env) -> Result<Value> {
        let span = e.span;
        self.steps += 1;
        match &e.kind {
            ExprKind::Number(n) => number::literal(n, span),
            ExprKind::Text(t) => crate::template::interpolate(self, t, env),
            ExprKind::Bool(b) => Ok(Value::Bool(*b)),
            ExprKind::None => Ok(Value::None),
            ExprKind::Name(n) => self.name(n, env),
            ExprKind::It => match env.find("it") {
                Some(Found::Value(v)) => Ok(v),
                _ => Err(fault("E0201", "`it` stands only in an edit or a condition")
                    .at(span, "here")
                    .into()),
            },
            ExprKind::Hole => Err(fault("E0307", "`_` stands only for an argument")
                .at(span, "here")
                .into()),
            ExprKind::Field { base, name } => access::field(self, base, name, env, span),
            ExprKind::TupleField { base, index } => {
                let v = self.eval(base, env)?;
                access::element(self, v, *index as i64, span)
            }
            ExprKind::Call {
                callee,
                args,
                trailing,
            } => self.call_expr(callee, args, trailing.as_ref(), env, span),
            ExprKind::Index { base, args } => access::index(self, base, args, env, span),
            ExprKind::Lambda { params, body } => Ok(self.func(
                FuncKind::Lambda {
                    params: params.clone(),
                    body: body.clone(),
                    module: self.module,
                    env: env.clone(),
                },
                span,
            )),
            ExprKind::Pipe { value, target } => {
                let v = self.eval(value, env)?;
                call::pipe(self, v, target, env)
            }
            ExprKind::TapTarget(_) | ExprKind::Repeat { .. } => {
                Ok(self.target(Arc::new(e.clone()), env))
            }
            ExprKind::Unary { op, value } => {
                let v = self.eval(value, env)?;
                match op {
                    UnaryOp::Neg => number::negate(self, v, span),
                    UnaryOp::Not => self.not(v, span),
                }
            }
            ExprKind::Binary {
                op: BinaryOp::And,
                left,
                right,
            } => self.and_or(true, left, right, env, span),
            ExprKind::Binary {
                op: BinaryOp::Or,
                left,
                right,
            } => self.and_or(false, left, right, env, span),
            ExprKind::Binary { op, left, right } => {
                let a = self.eval(left, env)?;
                let b = self.eval(right, env)?;
                if !self.checking() {
                    return number::binary(self, *op, a, b, span);
                }
                let (x, y) = (a.clone(), b.clone());
                number::binary(self, *op, a, b, span)
                    .map_err(|f| sides(f, span, (left.span, &x), (right.span, &y)))
            }
            ExprKind::Range {
                low,
                high,
                inclusive,
                step,
            } => self.range(
                low.as_deref(),
                high.as_deref(),
                *inclusive,
                step.as_deref(),
                env,
                span,
            ),
            ExprKind::If {
                condition,
                then,
                otherwise,
            } => {
                let c = self.eval(condition, env)?;
                self.branch(c, then, otherwise.as_deref(), env, condition.span)
            }
            ExprKind::Block(b) => stmt::block(self, b, env),
            ExprKind::Tuple(items) => Ok(Value::list(
                items
                    .iter()
                    .map(|i| self.eval(i, env))
                    .collect::<Result<_>>()?,
            )),
            ExprKind::List(items) => self.list(items, env),
            ExprKind::Fill { value, count } => {
                let v = self.eval(value, env)?;
                let n = self.eval(count, env)?;
                let n = access::whole(self, &n, count.span)?;
                if !(0..=10_000_000).contains(&n) {
                    return Err(fault("E0606", format!("a list of {n} elements"))
                        .at(count.span, "this count")
                        .into());
                }
                Ok(Value::list(vec![v; n as usize]))
            }
            ExprKind::ListFor { body, clauses } | ExprKind::Sequence { body, clauses } => {
                stmt::list_for(self, body, clauses, env, span)
            }
            ExprKind::Record(fields) => self.record(fields, env),
            ExprKind::RecordFor {
                key,
                value,
                clauses,
            } => stmt::record_for(self, key, value, clauses, env, span),
            ExprKind::Choose {
                count,
                options,
                ordered,
                distinct,
            } => space::choose(
                self,
                count.as_deref(),
                options,
                *ordered,
                *distinct,
                env,
                span,
            ),
            ExprKind::Modes { train, infer } => {
                let arm = match self.train {
                    Some(false) => infer,
                    _ => train,
                };
                match arm {
                    Some(b) => stmt::block(self, b, env),
                    // A missing arm is the identity.
                    None => Ok(self.func(
                        FuncKind::Builtin {
                            name: "identity",
                            f: |_, args| args.need("x"),
                        },
                        span,
                    )),
                }
            }
            ExprKind::AtMode { value, train } => {
                let v = self.eval(value, env)?;
                net::at_mode(self, v, *train, span)
            }
            ExprKind::AtValue { value, name, at } => {
                let at = self.eval(at, env)?;
                let at = match number::as_tensor(&at) {
                    Some(t) if !matches!(at, Value::Float(..) | Value::Int(..)) => {
                        let t = if t.dtype() == nas_ir::DType::I32 {
                            t.cast(nas_ir::DType::F32)
                        } else {
                            t
                        };
                        Value::tensor(t)
                    }
                    _ => at,
                };
                self.eval(value, &env.bind(name.text.clone(), at))
            }
            ExprKind::With { base, entries } => net::with(self, base, entries, env, span),
            ExprKind::As { value, ty } => {
                let v = self.eval(value, env)?;
                net::convert(self, v, ty, span)
            }
            ExprKind::Where { value, conditions } => {
                let v = self.eval(value, env)?;
                access::restrict(self, v, conditions, env, span)
            }
            ExprKind::DrawWhere { .. } => draw::draw_where(self, e, env),
            ExprKind::Modulo { value, rules } => {
                let v = self.eval(value, env)?;
                if v.is_unknown() {
                    return Ok(v);
                }
                let s = space::as_space(self, &v, value.span)?;
                Ok(space::modulo(self, &s, rules, env))
            }
            ExprKind::Else { value, otherwise } => {
                let v = self.eval(value, env)?;
                match v.plain() {
                    Value::Invalid(_) | Value::None => self.eval(otherwise, env),
                    _ => Ok(v),
                }
            }
            ExprKind::Is {
                value,
                option,
                negated,
            } => {
                let v = self.eval(value, env)?;
                let r = self.is(v, option, env, span)?;
                if *negated { self.not(r, span) } else { Ok(r) }
            }
            ExprKind::In {
                value,
                collection,
                negated,
            } => {
                let v = self.eval(value, env)?;
                let c = self.eval(collection, env)?;
                let r = access::contains(self, v, c, span)?;
                if *negated { self.not(r, span) } else { Ok(r) }
            }
            ExprKind::Draw(inner) => draw::draw(self, inner, env),
            ExprKind::Net(decl) => Ok(net::literal(self, decl, env)),
            ExprKind::Within { .. } => stmt::within(self, e, env),
            ExprKind::Arrow { from, to } => {
                let (a, b) = (self.eval(from, env)?, self.eval(to, env)?);
                Ok(Value::Interval(Arc::new((a, b))))
            }
            ExprKind::Of { value, of, unit } => self.of(value, of, unit.as_ref(), env, span),
            ExprKind::Rejected(b) => stmt::rejected(self, b, env),
            ExprKind::Error => Err(fault("E0101", "this could not be read")
                .at(span, "here")
                .into()),
        }
    }

    pub fn func(&self, kind: FuncKind, span: Span) -> Value {
        Value::Func(Arc::new(Func {
            kind,
            bound: vec![],
            span,
        }))
    }

    /// A pipe's target as a function of what is piped.
    pub fn target(&self, target: Arc<Expr>, env: &Env) -> Value {
        let span = target.span;
        self.func(
            FuncKind::Target {
                target,
                module: self.module,
                env: env.clone(),
            },
            span,
        )
    }
}

/// What goes wrong between two sides is shown on both.
fn sides(mut f: Fault, whole: Span, left: (Span, &Value), right: (Span, &Value)) -> Fault {
    if f.0.primary() == Some(whole) && f.0.labels.len() == 1 {
        for (at, v) in [left, right] {
            let text = match v.plain() {
                Value::Tensor(t, _) => format!("shape {}", nas_ir::shape::Show(t.shape())),
                _ => crate::show::brief(v),
            };
            f.0.labels.push(nas_diagnostics::Label { span: at, text });
        }
    }
    f
}

impl From<nas_ir::ShapeError> for Fault {
    fn from(e: nas_ir::ShapeError) -> Self {
        let mut d = fault(e.code, e.message);
        for f in e.facts {
            d = d.note(f);
        }
        d.into()
    }
}
