//! Expressions: one function a kind, each a few lines.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::number;
use crate::program::ScopeEntry;
use crate::value::{Func, FuncKind, Range, Unit, Value};
use crate::{Fault, Result, access, draw, net, space, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};
use std::sync::Arc;

impl Ctx {
    pub fn eval(&mut self, e: &Expr, env: &Env) -> Result<Value> {
        let span = e.span;
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
            } => self.call_expr(callee, args, trailing.as_deref(), env, span),
            ExprKind::Index { base, args } => access::index(self, base, args, env, span),
            ExprKind::Lambda { params, body } => Ok(self.func(
                FuncKind::Lambda {
                    params: Arc::new(params.clone()),
                    body: Arc::new((**body).clone()),
                    module: self.module,
                    env: env.clone(),
                },
                span,
            )),
            ExprKind::Pipe { value, target } => {
                let v = self.eval(value, env)?;
                call::pipe(self, v, target, env)
            }
            ExprKind::TapTarget(_) | ExprKind::Repeat { .. } => Ok(self.target(e, env)),
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
                number::binary(self, *op, a, b, span)
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
    pub fn target(&self, e: &Expr, env: &Env) -> Value {
        self.func(
            FuncKind::Target {
                target: Arc::new(e.clone()),
                module: self.module,
                env: env.clone(),
            },
            e.span,
        )
    }

    pub fn name(&mut self, n: &ast::Ident, env: &Env) -> Result<Value> {
        match env.find(&n.text) {
            Some(Found::Value(v)) => return Ok(self.settle(v)),
            Some(Found::Cell(c)) => {
                let v = c.lock().map(|v| v.clone()).unwrap_or(Value::None);
                return Ok(v);
            }
            Some(Found::Item(item, scope)) => return self.nested(&item, &scope),
            None => {}
        }
        if &*n.text == "now" {
            return match self.clock {
                Some(c) => Ok(Value::Clock(c)),
                None if self.checking() => Ok(Value::Clock(crate::value::Clock {
                    step: 0,
                    steps: 1,
                    epoch: 0,
                    epochs: 1,
                })),
                None => Err(fault(
                    "E0304",
                    "`now` is the clock of a batch loop, and none runs here",
                )
                .at(n.span, "read here")
                .into()),
            };
        }
        match self.program.lookup(self.module, &n.text).cloned() {
            Some(ScopeEntry::Global(id)) => self.global(id, n.span),
            Some(ScopeEntry::Module(id)) => Ok(Value::Module(id)),
            Some(ScopeEntry::Label) => Ok(Value::Label(n.text.clone())),
            None => {
                let close = self.program.modules.get(self.module).and_then(|m| {
                    let names: Vec<&str> = m
                        .scope
                        .keys()
                        .chain(self.program.prelude.keys())
                        .map(|k| &**k)
                        .collect();
                    nas_diagnostics::did_you_mean(&n.text, names)
                });
                let mut d = fault("E0201", format!("nothing here is called `{}`", n.text))
                    .at(n.span, "unknown name");
                if let Some(c) = close {
                    d = d.help(format!("did you mean `{c}`?"));
                }
                Err(d.into())
            }
        }
    }

    /// A declaration inside a body, with the scope it stands in.
    fn nested(&mut self, item: &ast::Item, scope: &Env) -> Result<Value> {
        match &item.kind {
            ast::ItemKind::Fn(decl) => Ok(self.func(
                FuncKind::Decl {
                    decl: decl.clone(),
                    module: self.module,
                    env: scope.clone(),
                    global: None,
                    lists: 0,
                },
                item.span,
            )),
            _ => Err(
                fault("E0309", "this declaration cannot yet stand inside a body")
                    .at(item.span, "here")
                    .into(),
            ),
        }
    }

    /// A declaration at the top of a module.
    pub fn global(&mut self, id: usize, span: Span) -> Result<Value> {
        let program = self.program.clone();
        let g = &program.globals[id];
        let item = program.item(id);
        let module = g.module;
        match &item.kind {
            ast::ItemKind::Fn(decl) if decl.role == ast::Role::Intrinsic => {
                crate::builtins::find(&decl.name.text)
                    .map(|(name, f)| self.func(FuncKind::Builtin { name, f }, item.span))
                    .ok_or_else(|| {
                        fault(
                            "E0501",
                            format!(
                                "the intrinsic `{}` is declared, but this version does not have it",
                                decl.name.text
                            ),
                        )
                        .at(item.span, "declared here")
                        .into()
                    })
            }
            ast::ItemKind::Fn(decl) => Ok(self.func(
                FuncKind::Decl {
                    decl: decl.clone(),
                    module,
                    env: Env::default(),
                    global: Some(id),
                    lists: 0,
                },
                item.span,
            )),
            ast::ItemKind::Space(decl) => Ok(self.func(
                FuncKind::Space {
                    decl: decl.clone(),
                    module,
                },
                item.span,
            )),
            ast::ItemKind::Let { pattern, value, .. } => {
                if let Some(v) = self
                    .shared
                    .globals
                    .lock()
                    .ok()
                    .and_then(|g| g.get(&id).cloned())
                {
                    return Ok(v);
                }
                let v = self.in_module(module, |ctx| {
                    ctx.deeper(span, |ctx| ctx.eval(value, &Env::default()))
                })?;
                let env = stmt::destructure(self, pattern, v, &Env::default())?;
                let v = match env.find(&g.name) {
                    Some(Found::Value(v)) => v,
                    _ => Value::None,
                };
                if let Ok(mut all) = self.shared.globals.lock() {
                    all.insert(id, v.clone());
                }
                Ok(v)
            }
            ast::ItemKind::Table(decl) => crate::table::value(self, decl, module, item.span),
            ast::ItemKind::Enlarge(decl) => {
                Ok(crate::enlarge::value(self, decl, module, item.span))
            }
            ast::ItemKind::Rewrite(decl) => Ok(Value::Rewrite(decl.clone(), module)),
            _ => Err(fault("E0307", format!("`{}` is not a value", g.name))
                .at(span, "used here")
                .at(item.span, "declared here")
                .into()),
        }
    }

    fn call_expr(
        &mut self,
        callee: &Expr,
        args: &[ast::Arg],
        trailing: Option<&ast::Block>,
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
        call::call(self, f, args)
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

    fn range(
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

    fn make_range(
        &mut self,
        low: Option<Value>,
        high: Option<Value>,
        inclusive: bool,
        step: Option<Value>,
        span: Span,
    ) -> Result<Value> {
        // An open end opens the range.
        for (i, v) in [&low, &high].into_iter().enumerate() {
            if let Some(v) = v
                && let Value::Open(_) | Value::Dim(_) = v.plain()
            {
                let opened = crate::space::open_of(self, v, span)?;
                if let Value::Open(_) = opened {
                    let (low, high, step) = (low.clone(), high.clone(), step.clone());
                    return self.cases(opened, span, &mut |ctx, v| {
                        if i == 0 {
                            ctx.make_range(Some(v), high.clone(), inclusive, step.clone(), span)
                        } else {
                            ctx.make_range(low.clone(), Some(v), inclusive, step.clone(), span)
                        }
                    });
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
            // A list of evenly spaced numbers.
            let (Some(a), Some(b), Some(s)) = (
                number::as_f64(&low),
                number::as_f64(&high),
                number::as_f64(&s),
            ) else {
                return Err(fault("E0301", "a range goes between numbers")
                    .at(span, "this range")
                    .into());
            };
            let n = ((b - a) / s + 1e-9).floor() as i64 + 1;
            if s <= 0.0 || !(0..=1_000_000).contains(&n) {
                return Err(fault("E0606", "this range has no end, or too many steps")
                    .at(span, "this range")
                    .into());
            }
            // 0.7 by steps of 0.05 is 0.75, not the sum of two roundings.
            let near = |v: f64| (v * 1e12).round() / 1e12;
            return Ok(Value::list(
                (0..n)
                    .map(|i| Value::float(near(a + i as f64 * s)))
                    .collect(),
            ));
        }
        Ok(Value::Interval(Arc::new((low, high))))
    }

    /// Both arms of a condition that depends on choices are evaluated, each under its options.
    fn branch(
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

    fn and_or(
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
    fn is(&mut self, v: Value, option: &Expr, env: &Env, span: Span) -> Result<Value> {
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

    fn of(
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

impl From<nas_ir::ShapeError> for Fault {
    fn from(e: nas_ir::ShapeError) -> Self {
        let mut d = fault(e.code, e.message);
        for f in e.facts {
            d = d.note(f);
        }
        d.into()
    }
}
