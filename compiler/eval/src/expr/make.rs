//! What is put together: calls, lists, records and ranges.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Range, Unit, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, BinaryOp, Expr, ExprKind};
use std::sync::Arc;

impl Ctx {
    pub(super) fn call_expr(
        &mut self,
        callee: &Expr,
        args: &[ast::Arg],
        trailing: Option<&Arc<ast::Block>>,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        // ceil and floor of a quotient of sizes: exact, whatever the sizes depend on.
        if let (
            ExprKind::Name(n),
            [
                ast::Arg {
                    name: None,
                    value:
                        Expr {
                            kind:
                                ExprKind::Binary {
                                    op: BinaryOp::Div,
                                    left,
                                    right,
                                },
                            ..
                        },
                    spread: false,
                    ..
                },
            ],
        ) = (&callee.kind, args)
            && matches!(&*n.text, "ceil" | "floor")
            && env.find(&n.text).is_none()
        {
            let (a, b) = (self.eval(left, env)?, self.eval(right, env)?);
            if let (Value::Dim(_), _) | (_, Value::Dim(_)) = (a.plain(), b.plain())
                && let (Some(x), Some(y)) = (number::as_dim(&a), number::as_dim(&b))
            {
                let r = if &*n.text == "ceil" {
                    x.ceil_div(&y)
                } else {
                    x.floor_div(&y)
                };
                return r
                    .map(number::of_dim)
                    .map_err(|e| self.shape_fault(e.into(), span));
            }
            let q = number::binary(self, BinaryOp::Div, a, b, span)?;
            let f = self.eval(callee, env)?;
            return call::call(self, f, Args::of(vec![(q, span)], span));
        }
        let f = match &callee.kind {
            ExprKind::Field { base, name } => access::callee(self, base, name, env, callee.span)?,
            _ => self.eval(callee, env)?,
        };
        let args = call::arguments(self, args, trailing, env, span)?;
        let own = matches!(&callee.kind, ExprKind::Name(n) if env.find(&n.text).is_some());
        if !self.checking() || !own {
            return call::call(self, f, args);
        }
        let before = self.told;
        let v = call::call(self, f.clone(), args)?;
        crate::draw::shown(self, &f, callee, before, span)?;
        Ok(v)
    }

    pub fn list(&mut self, items: &[ast::ListItem], env: &Env) -> Result<Value> {
        let mut out = vec![];
        // Elements of a list in a space's own declarations stand at places of their own.
        let placed = self.space.is_some() && !self.place.is_empty() && self.net.is_none();
        for item in items {
            match item {
                ast::ListItem::Item(e) => {
                    if placed {
                        self.place.push(format!("[{}]", out.len()));
                    }
                    let v = self.eval(e, env);
                    if placed {
                        self.place.pop();
                    }
                    out.push(v?);
                }
                ast::ListItem::Spread(e) => {
                    let v = self.eval(e, env)?;
                    out.extend(access::items(self, &v, e.span)?);
                }
            }
        }
        Ok(Value::list(out))
    }

    pub fn record(&mut self, fields: &[ast::Field], env: &Env) -> Result<Value> {
        let mut out = crate::value::Fields::new();
        for f in fields {
            match f {
                ast::Field::Named { name, value } => {
                    let placed = self.space.is_some() && !self.place.is_empty();
                    if placed {
                        self.place.push(format!(".{}", name.text));
                    }
                    let stage = self.stage.clone();
                    if self.top && !stage.is_empty() {
                        self.stage = format!("{stage}.{}", name.text).into();
                    }
                    let v = self.eval(value, env);
                    self.stage = stage;
                    if placed {
                        self.place.pop();
                    }
                    out.insert(name.text.clone(), v?);
                }
                ast::Field::Short(name) => {
                    out.insert(name.text.clone(), self.name(name, env)?);
                }
                ast::Field::Computed { key, value } => {
                    let k = self.eval(key, env)?;
                    out.insert(access::key_text(&k), self.eval(value, env)?);
                }
                ast::Field::Spread(e) => match self.eval(e, env)?.plain() {
                    Value::Record(r) => out.extend(r.iter().map(|(k, v)| (k.clone(), v.clone()))),
                    other => {
                        return Err(fault(
                            "E0301",
                            format!("`..` spreads a record here, not {}", other.kind()),
                        )
                        .at(e.span, "this")
                        .into());
                    }
                },
            }
        }
        Ok(Value::record(out))
    }

    pub(super) fn range(
        &mut self,
        low: Option<&Expr>,
        high: Option<&Expr>,
        inclusive: bool,
        step: Option<&Expr>,
        env: &Env,
        span: Span,
    ) -> Result<Value> {
        let low = low.map(|e| self.eval(e, env)).transpose()?;
        let high = high.map(|e| self.eval(e, env)).transpose()?;
        let step = step.map(|e| self.eval(e, env)).transpose()?;
        self.make_range(low, high, inclusive, step, span)
    }

    pub(crate) fn make_range(
        &mut self,
        low: Option<Value>,
        high: Option<Value>,
        inclusive: bool,
        step: Option<Value>,
        span: Span,
    ) -> Result<Value> {
        // An open end or step opens the range.
        for (i, v) in [&low, &high, &step].into_iter().enumerate() {
            if let Some(v) = v
                && let Value::Open(_) | Value::Dim(_) = v.plain()
            {
                let opened = crate::space::open_of(self, v, span)?;
                if let Value::Open(_) = opened {
                    let (low, high, step) = (low.clone(), high.clone(), step.clone());
                    return self.cases(opened, span, &mut |ctx, v| {
                        let mut parts = [low.clone(), high.clone(), step.clone()];
                        parts[i] = Some(v);
                        let [low, high, step] = parts;
                        ctx.make_range(low, high, inclusive, step, span)
                    });
                }
                if i == 2 {
                    continue;
                }
                return Ok(Value::Interval(Arc::new((
                    low.clone().unwrap_or(Value::int(0)),
                    high.clone().unwrap_or(Value::None),
                ))));
            }
        }
        let unit = low
            .as_ref()
            .map(number::unit_of)
            .filter(|u| *u != Unit::One)
            .or(high.as_ref().map(number::unit_of))
            .unwrap_or(Unit::One);
        let int = |v: &Option<Value>| match v.as_ref().map(|v| v.plain().clone()) {
            None => Some(None),
            Some(Value::Int(i, _)) => Some(Some(i)),
            _ => None,
        };
        let plain_step = match &step {
            None => Some(1),
            Some(v) => match v.plain() {
                Value::Int(i, _) if *i > 0 => Some(*i),
                _ => None,
            },
        };
        if let (Some(l), Some(h), Some(s), Unit::One) = (int(&low), int(&high), plain_step, unit) {
            let h = if inclusive {
                h.map(|h| h.saturating_add(1))
            } else {
                h
            };
            return Ok(Value::Range(Range {
                low: l,
                high: h,
                step: s,
            }));
        }
        let (Some(low), Some(high)) = (low, high) else {
            return Err(fault(
                "E0301",
                "a range that is open at an end counts whole numbers",
            )
            .at(span, "this range")
            .into());
        };
        if let Some(s) = step {
            return evenly(&low, &high, &s, inclusive, unit, span);
        }
        Ok(Value::Interval(Arc::new((low, high))))
    }
}

/// A list of evenly spaced numbers, upwards or downwards.
fn evenly(
    low: &Value,
    high: &Value,
    step: &Value,
    inclusive: bool,
    unit: Unit,
    span: Span,
) -> Result<Value> {
    let (Some(a), Some(b), Some(s)) = (
        number::as_f64(low),
        number::as_f64(high),
        number::as_f64(step),
    ) else {
        return Err(fault("E0301", "a range goes between numbers")
            .at(span, "this range")
            .into());
    };
    // The last step that is inside; an end that roundings miss by a hair counts as met.
    let turns = (b - a) / s;
    let last = if inclusive {
        (turns + 1e-9).floor()
    } else {
        (turns - 1e-9).ceil() - 1.0
    };
    if s == 0.0 || !last.is_finite() || last >= 1e6 {
        let message = match s == 0.0 {
            true => "a range by steps of 0 has no end".to_string(),
            false => "this range has too many steps".to_string(),
        };
        return Err(fault("E0606", message).at(span, "this range").into());
    }
    let whole = [low, high, step]
        .into_iter()
        .all(|v| matches!(v.plain(), Value::Int(..)));
    // 0.7 by steps of 0.05 is 0.75, not the sum of two roundings.
    let near = |v: f64| (v * 1e12).round() / 1e12;
    let at = |i: i64| match whole {
        true => Value::Int((a + i as f64 * s) as i64, unit),
        false => Value::Float(near(a + i as f64 * s), unit),
    };
    Ok(Value::list((0..=last as i64).map(at).collect()))
}
