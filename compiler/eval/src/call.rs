//! Calls: arguments to parameters, parameter lists one after the other, pipes, and what each role does with its body.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::ModuleId;
use crate::value::{Bound, Func, FuncKind, Value};
use crate::{Fault, Result, access, net, number, space, stmt, train};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, FnDecl, IndexArg, Param, Role, TypeKind};
use nas_ir::Dim;
use std::sync::Arc;

/// The arguments of one call.
#[derive(Debug, Clone, Default)]
pub struct Args {
    pub positional: Vec<(Option<Value>, Span)>,
    pub named: Vec<(Arc<str>, Option<Value>, Span)>,
    /// A trailing `{ … }`.
    pub trailing: Option<(Value, Span)>,
    pub span: Span,
}

impl Args {
    pub fn of(values: Vec<(Value, Span)>, span: Span) -> Args {
        Args {
            positional: values.into_iter().map(|(v, s)| (Some(v), s)).collect(),
            named: vec![],
            trailing: None,
            span,
        }
    }

    pub fn one(value: Value, span: Span) -> Args {
        Args::of(vec![(value, span)], span)
    }

    fn has_hole(&self) -> bool {
        self.positional.iter().any(|a| a.0.is_none()) || self.named.iter().any(|a| a.1.is_none())
    }

    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let i = self.named.iter().position(|a| &*a.0 == name)?;
        self.named.remove(i).1
    }

    /// The next positional argument of a builtin, or the named one.
    pub fn next(&mut self, name: &str) -> Option<Value> {
        if let Some(v) = self.take_named(name) {
            return Some(v);
        }
        if self.positional.is_empty() {
            self.trailing.take().map(|t| t.0)
        } else {
            self.positional.remove(0).0
        }
    }

    pub fn need(&mut self, name: &str) -> Result<Value> {
        let span = self.span;
        self.next(name).ok_or_else(|| {
            fault("E0302", format!("the argument `{name}` is missing"))
                .at(span, "in this call")
                .into()
        })
    }
}

/// Evaluates the arguments as written. Axis names behind `over:` are read as names.
pub fn arguments(
    ctx: &mut Ctx,
    args: &[ast::Arg],
    trailing: Option<&ast::Block>,
    env: &Env,
    span: Span,
) -> Result<Args> {
    let mut out = Args {
        span,
        ..Args::default()
    };
    for a in args {
        if a.spread {
            let v = ctx.eval(&a.value, env)?;
            match v.plain() {
                Value::Record(r) => out
                    .named
                    .extend(r.iter().map(|(k, v)| (k.clone(), Some(v.clone()), a.span))),
                _ => out.positional.extend(
                    access::items(ctx, &v, a.span)?
                        .into_iter()
                        .map(|v| (Some(v), a.span)),
                ),
            }
            continue;
        }
        let value = match (&a.value.kind, &a.name) {
            (ExprKind::Hole, _) => None,
            (_, Some(n)) if &*n.text == "over" => Some(axes(ctx, &a.value, env)?),
            _ => Some(ctx.eval(&a.value, env)?),
        };
        match &a.name {
            Some(n) => out.named.push((n.text.clone(), value, a.span)),
            None => out.positional.push((value, a.span)),
        }
    }
    if let Some(b) = trailing {
        let body = ctx.func(
            FuncKind::Body {
                body: Arc::new(b.clone()),
                module: ctx.module,
                env: env.clone(),
            },
            b.span,
        );
        out.trailing = Some((body, b.span));
    }
    Ok(out)
}

/// Axes: names that a shape bound (their positions), `all`, numbers, ranges or lists of these.
fn axes(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    match &e.kind {
        ExprKind::Name(n) => match env.find(&format!("axis {}", n.text)) {
            Some(crate::env::Found::Value(v)) => Ok(v),
            _ if &*n.text == "all" => Ok(Value::Label("all".into())),
            _ => match env.find(&n.text) {
                Some(crate::env::Found::Value(v)) if !matches!(v, Value::Dim(_)) => Ok(v),
                _ => Ok(Value::Label(n.text.clone())),
            },
        },
        ExprKind::List(items) => {
            let mut out = vec![];
            for i in items {
                let (ast::ListItem::Item(x) | ast::ListItem::Spread(x)) = i;
                out.push(axes(ctx, x, env)?);
            }
            Ok(Value::list(out))
        }
        ExprKind::Tuple(items) => Ok(Value::list(
            items
                .iter()
                .map(|x| axes(ctx, x, env))
                .collect::<Result<_>>()?,
        )),
        _ => ctx.eval(e, env),
    }
}

/// A static argument that was given to a block or function: `r.body`.
pub fn static_argument(f: &Func, name: &str) -> Option<Value> {
    match &f.kind {
        FuncKind::Decl { env, decl, .. }
            if decl.params.iter().flatten().any(|p| &*p.name.text == name) =>
        {
            match env.find(name) {
                Some(crate::env::Found::Value(v)) => Some(v),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `value |> target`
pub fn pipe(ctx: &mut Ctx, value: Value, target: &Expr, env: &Env) -> Result<Value> {
    // A function in front of a pipe: the two make one function.
    if let Value::Func(_) = value.plain()
        && !matches!(value, Value::Picked(_))
    {
        let rest = ctx.target(target, env);
        return Ok(ctx.func(FuncKind::Compose(vec![value, rest]), target.span));
    }
    pipe_into(ctx, value, target, env)
}

pub fn pipe_into(ctx: &mut Ctx, value: Value, target: &Expr, env: &Env) -> Result<Value> {
    let span = target.span;
    match &target.kind {
        ExprKind::TapTarget(name) => {
            net::tap(ctx, &name.text, &value, true);
            Ok(value)
        }
        ExprKind::Repeat {
            over,
            binder,
            index,
            condition,
            body,
        } => stmt::repeat(
            ctx,
            value,
            over,
            binder.as_ref(),
            index.as_ref(),
            condition.as_deref(),
            body,
            env,
            span,
        ),
        ExprKind::Call {
            callee,
            args,
            trailing,
        } => {
            let f = match &callee.kind {
                ExprKind::Field { base, name } => {
                    access::callee(ctx, base, name, env, callee.span)?
                }
                _ => ctx.eval(callee, env)?,
            };
            let mut given = arguments(ctx, args, trailing.as_deref(), env, span)?;
            if curried(&f) {
                let g = call(ctx, f, given)?;
                return apply(ctx, g, value, span);
            }
            given.positional.insert(0, (Some(value), span));
            call(ctx, f, given)
        }
        _ => {
            let f = ctx.eval(target, env)?;
            apply(ctx, f, value, span)
        }
    }
}

/// Whether a call of `f` gives another function that the piped value goes into.
fn curried(f: &Value) -> bool {
    match f.plain() {
        Value::Func(f) => match &f.kind {
            FuncKind::Decl { decl, lists, .. } => {
                decl.params.len() - lists.min(&decl.params.len()) >= 2
            }
            _ => false,
        },
        Value::Open(t) => t.values.iter().any(curried),
        _ => false,
    }
}

/// Calls a function with one value; a pair goes into a block of two inputs.
pub fn apply(ctx: &mut Ctx, f: Value, value: Value, span: Span) -> Result<Value> {
    let inputs = match f.plain() {
        Value::Func(g) => match &g.kind {
            FuncKind::Decl { decl, .. } => decl.params.last().map_or(1, Vec::len),
            FuncKind::Lambda { params, .. } => params.len(),
            _ => 1,
        },
        _ => 1,
    };
    if inputs > 1
        && let Value::List(items) = value.plain()
        && items.len() == inputs
    {
        return call(
            ctx,
            f,
            Args::of(items.iter().map(|v| (v.clone(), span)).collect(), span),
        );
    }
    call(ctx, f, Args::one(value, span))
}

pub fn call(ctx: &mut Ctx, f: Value, args: Args) -> Result<Value> {
    let span = args.span;
    let f = ctx.settle(f);
    if args.has_hole() {
        let mut bound: Vec<Bound> = args
            .positional
            .into_iter()
            .map(|(value, span)| Bound {
                name: None,
                value,
                span,
            })
            .collect();
        bound.extend(args.named.into_iter().map(|(n, value, span)| Bound {
            name: Some(n),
            value,
            span,
        }));
        return Ok(Value::Func(Arc::new(Func {
            kind: FuncKind::Partial { of: f },
            bound,
            span,
        })));
    }
    match &f {
        Value::Open(_) => ctx.cases(f, span, &mut |ctx, f| call(ctx, f, args.clone())),
        Value::Unknown(_) | Value::Invalid(_) => Ok(f),
        Value::Picked(p) => net::chosen(ctx, p, args),
        Value::Func(g) => call_func(ctx, g, args),
        Value::Net(n) => net::call_net(ctx, n, args),
        Value::Call(c) => net::call_handle(ctx, c, args),
        Value::Space(s) => Err(
            fault("E0307", format!("`{}` has its arguments already", s.name))
                .at(span, "called here")
                .help("a member is taken by `space[arch]`")
                .into(),
        ),
        Value::Module(m) => {
            let path = ctx
                .program
                .modules
                .get(*m)
                .map(|m| m.path.to_string())
                .unwrap_or_default();
            let names: Vec<&str> = ctx
                .program
                .globals
                .iter()
                .filter(|g| g.module == *m)
                .map(|g| &*g.name)
                .collect();
            let short = path.rsplit('.').next().unwrap_or(&path).to_string();
            Err(fault(
                "E0207",
                format!("`{short}` has several conventions, and this does not say which"),
            )
            .at(span, "called here")
            .note(
                names
                    .iter()
                    .map(|n| format!("{short}.{n}"))
                    .collect::<Vec<_>>()
                    .join("  "),
            )
            .help(format!(
                "write `{short}.{}`, or import one: `use std.{path}.{} as {short}`",
                names.first().unwrap_or(&""),
                names.first().unwrap_or(&"")
            ))
            .into())
        }
        other => Err(fault("E0307", format!("{} cannot be called", other.kind()))
            .at(span, "called here")
            .into()),
    }
}

fn call_func(ctx: &mut Ctx, f: &Arc<Func>, mut args: Args) -> Result<Value> {
    let span = args.span;
    match &f.kind {
        FuncKind::Builtin { f, .. } => ctx.deeper(span, |ctx| f(ctx, &mut args)),
        FuncKind::Lambda {
            params,
            body,
            module,
            env,
        } => {
            let (params, body, module, env) = (params.clone(), body.clone(), *module, env.clone());
            ctx.deeper(span, |ctx| {
                ctx.in_module(module, |ctx| {
                    let env = bind(ctx, "this function", &params, args, &env)?;
                    ctx.eval(&body, &env)
                })
            })
        }
        FuncKind::Body { body, module, env } => {
            let value = args.next("value").unwrap_or(Value::None);
            let (body, env) = (body.clone(), env.clone());
            ctx.in_module(*module, |ctx| {
                let f = stmt::block(ctx, &body, &env)?;
                apply(ctx, f, value, span)
            })
        }
        FuncKind::Target {
            target,
            module,
            env,
        } => {
            let value = args.next("value").unwrap_or(Value::None);
            let (target, env) = (target.clone(), env.clone());
            ctx.in_module(*module, |ctx| pipe_into(ctx, value, &target, &env))
        }
        FuncKind::Compose(parts) => {
            let mut v = match parts.first() {
                Some(first) => call(ctx, first.clone(), args)?,
                None => args.next("value").unwrap_or(Value::None),
            };
            for p in parts.iter().skip(1) {
                v = apply(ctx, p.clone(), v, span)?;
            }
            Ok(v)
        }
        FuncKind::Partial { of } => {
            let mut full = Args {
                span,
                trailing: args.trailing.take(),
                ..Args::default()
            };
            let mut rest = std::mem::take(&mut args.positional).into_iter();
            for b in &f.bound {
                let value = match &b.value {
                    Some(v) => Some((Some(v.clone()), b.span)),
                    None => match &b.name {
                        Some(n) => match args.named.iter().position(|a| a.0 == *n) {
                            Some(i) => {
                                let a = args.named.remove(i);
                                Some((a.1, a.2))
                            }
                            None => rest.next(),
                        },
                        None => rest.next(),
                    },
                };
                let Some((value, at)) = value else {
                    return Err(fault("E0302", "an argument left open by `_` is not given")
                        .at(span, "in this call")
                        .at(b.span, "left open here")
                        .into());
                };
                // A later argument of the same name wins over one bound earlier.
                match &b.name {
                    Some(n) if args.named.iter().any(|a| a.0 == *n) => {}
                    Some(n) => full.named.push((n.clone(), value, at)),
                    None => full.positional.push((value, at)),
                }
            }
            full.positional.extend(rest);
            full.named.extend(args.named);
            call(ctx, of.clone(), full)
        }
        FuncKind::Method { receiver, name } => method(ctx, receiver.clone(), name, args),
        FuncKind::Space { decl, module } => space::instantiate(ctx, decl, *module, args),
        FuncKind::Decl {
            decl,
            module,
            env,
            global,
            lists,
        } => call_decl(ctx, f, decl, *module, env, *global, *lists, args),
    }
}

fn method(ctx: &mut Ctx, receiver: Value, name: &Arc<str>, args: Args) -> Result<Value> {
    match receiver.plain() {
        Value::Data(d) => crate::data::method(ctx, d, name, args),
        Value::Net(n) => net::net_method(ctx, n, name, args),
        Value::Call(c) => net::call_method(ctx, c, name, args),
        Value::Space(_) | Value::Func(_) => {
            let s = space::as_space(ctx, &receiver, args.span)?;
            space::build_with(ctx, &s, args)
        }
        other => Err(fault("E0202", format!("{} has no `{name}`", other.kind()))
            .at(args.span, "called here")
            .into()),
    }
}

#[allow(clippy::too_many_arguments)]
fn call_decl(
    ctx: &mut Ctx,
    f: &Arc<Func>,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    env: &Env,
    global: Option<usize>,
    lists: usize,
    mut args: Args,
) -> Result<Value> {
    let span = args.span;
    let total = decl.params.len();
    let mut lists = lists;
    let mut env = env.clone();
    // A block whose settings are all left out is given its input straight away.
    if decl.role == Role::Block
        && total == 2
        && lists == 0
        && args.trailing.is_none()
        && !args.positional.is_empty()
    {
        let tensor_first = args
            .positional
            .iter()
            .all(|a| matches!(a.0.as_ref().map(Value::plain), Some(Value::Tensor(..))));
        let piped = args.named.is_empty()
            && tensor_first
            && !decl.params[0].first().is_some_and(|p| {
                matches!(
                    p.ty.as_ref().map(|t| &t.kind),
                    Some(TypeKind::Tensor { .. })
                )
            });
        if piped {
            env = ctx.in_module(module, |ctx| {
                bind(
                    ctx,
                    &decl.name.text,
                    &decl.params[0],
                    Args {
                        span,
                        ..Args::default()
                    },
                    &env,
                )
            })?;
            lists = 1;
        }
    }
    // The clock of a schedule or curriculum stands as one more list.
    if lists == total {
        return match decl.role {
            Role::Schedule | Role::Curriculum => {
                let clock = args.next("now").unwrap_or(Value::None);
                run_schedule(ctx, decl, module, &env, clock, span)
            }
            _ => Err(fault(
                "E0307",
                format!("`{}` has its arguments already", decl.name.text),
            )
            .at(span, "called here")
            .into()),
        };
    }
    let seed = match decl.role {
        Role::Proxy | Role::Trainer | Role::Search => args.take_named("seed"),
        _ => None,
    };
    let bound = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| {
            bind(ctx, &decl.name.text, &decl.params[lists], args, &env)
        })
    })?;
    lists += 1;
    let waits = lists < total || (matches!(decl.role, Role::Schedule | Role::Curriculum));
    if waits {
        return Ok(Value::Func(Arc::new(Func {
            kind: FuncKind::Decl {
                decl: decl.clone(),
                module,
                env: bound,
                global,
                lists,
            },
            bound: vec![],
            span: f.span,
        })));
    }
    let Some(body) = &decl.body else {
        return Err(fault("E0309", format!("`{}` has no body", decl.name.text))
            .at(decl.name.span, "declared here")
            .into());
    };
    if let Some(r) = &decl.requires {
        let ok = ctx.in_module(module, |ctx| ctx.eval(r, &bound))?;
        if !matches!(ok.plain(), Value::Unknown(_)) && !stmt::truth(ctx, &ok, r.span)? {
            return Err(fault(
                "E0301",
                format!("`{}` asks for more than it is given", decl.name.text),
            )
            .at(span, "in this call")
            .at(r.span, "this does not hold")
            .into());
        }
    }
    let result = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| match decl.role {
            Role::Block => net::call_block(ctx, decl, body, &bound, span),
            Role::Proxy => train::call_proxy(ctx, decl, body, &bound, seed, span),
            Role::Trainer | Role::Search => train::call_closed(ctx, decl, body, &bound, seed, span),
            Role::Distill => Err(fault(
                "E0309",
                "`distill` is checked for names, but not yet run by this version",
            )
            .at(span, "called here")
            .into()),
            _ => stmt::block(ctx, body, &bound),
        })
    })?;
    if let Some(ty) = &decl.result
        && decl.role != Role::Intrinsic
    {
        ctx.in_module(module, |ctx| {
            check_result(ctx, decl, &result, ty, &bound, span)
        })?;
    }
    Ok(result)
}

fn run_schedule(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    env: &Env,
    clock: Value,
    span: Span,
) -> Result<Value> {
    let Value::Clock(c) = clock.plain() else {
        if clock.is_unknown() {
            return Ok(Value::unknown());
        }
        return Err(fault(
            "E0301",
            format!(
                "a schedule is read at the clock, and this is {}",
                clock.kind()
            ),
        )
        .at(span, "here")
        .help(format!("write `{}(now)`", decl.name.text))
        .into());
    };
    let Some(body) = &decl.body else {
        return Ok(Value::None);
    };
    let name = decl.clock.as_ref().map_or("now".into(), |c| c.text.clone());
    let env = env.bind(name, Value::Clock(*c));
    let saved = ctx.clock.replace(*c);
    let out = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| match decl.role {
            Role::Curriculum => stmt::curriculum(ctx, body, &env, *c),
            _ => stmt::block(ctx, body, &env),
        })
    });
    ctx.clock = saved;
    out
}

/// Binds one parameter list.
pub fn bind(ctx: &mut Ctx, name: &str, params: &[Param], args: Args, env: &Env) -> Result<Env> {
    let mut env = env.clone();
    let Args {
        positional,
        mut named,
        trailing,
        span,
    } = args;
    let mut positional = positional.into_iter();
    let mut trailing = trailing;
    // The trailing block goes to the last parameter that is not named.
    let trailing_for = trailing.as_ref().and_then(|_| {
        params.iter().rposition(|p| matches!(p.ty.as_ref().map(|t| &t.kind), Some(TypeKind::Name { name, .. }) if &*name.text == "Block")).or(params.len().checked_sub(1))
    });
    for (i, p) in params.iter().enumerate() {
        let given = match named.iter().position(|a| a.0 == p.name.text) {
            Some(k) => {
                let a = named.remove(k);
                a.1.map(|v| (v, a.2))
            }
            None if trailing_for == Some(i) => trailing.take(),
            None => positional.next().and_then(|(v, s)| v.map(|v| (v, s))),
        };
        let (value, at) = match given {
            Some(g) => g,
            None => match &p.default {
                Some(d) => (ctx.eval(d, &env)?, d.span),
                None => {
                    let d = fault(
                        "E0302",
                        format!("`{name}` needs the argument `{}`", p.name.text),
                    )
                    .at(span, "in this call")
                    .at(p.span, "declared here");
                    return Err(d.into());
                }
            },
        };
        let value = match &p.ty {
            Some(ty) => {
                let (v, e) = accept(ctx, name, &p.name.text, value, ty, &env, at)?;
                env = e;
                v
            }
            None => value,
        };
        env = match &p.pattern {
            Some(pattern) => stmt::destructure(ctx, pattern, value, &env)?,
            None => env.bind(p.name.text.clone(), value),
        };
    }
    if let Some((_, at)) = positional.next() {
        return Err(fault(
            "E0303",
            format!(
                "`{name}` takes {} argument{}",
                params.len(),
                if params.len() == 1 { "" } else { "s" }
            ),
        )
        .at(at, "one too many")
        .into());
    }
    if let Some((n, _, at)) = named.first() {
        let known: Vec<&str> = params.iter().map(|p| &*p.name.text).collect();
        let mut d = fault("E0303", format!("`{name}` has no argument `{n}`")).at(*at, "given here");
        if let Some(c) = nas_diagnostics::did_you_mean(n, known) {
            d = d.help(format!("did you mean `{c}`?"));
        }
        return Err(d.into());
    }
    if let Some((_, at)) = trailing {
        return Err(fault("E0303", format!("`{name}` takes no block"))
            .at(at, "this block")
            .into());
    }
    Ok(env)
}

/// A value for a parameter: of the declared type, with the extents of a tensor's shape bound.
pub fn accept(
    ctx: &mut Ctx,
    callee: &str,
    param: &str,
    value: Value,
    ty: &ast::Type,
    env: &Env,
    at: Span,
) -> Result<(Value, Env)> {
    let value = ctx.settle(value);
    if value.is_unknown() || matches!(value, Value::Impossible | Value::Open(_)) {
        // The extents it would have bound are unknown too.
        let mut env = env.clone();
        if let TypeKind::Tensor { shape, .. } = &ty.kind {
            for (i, s) in shape.iter().enumerate() {
                if let IndexArg::At(Expr {
                    kind: ExprKind::Name(n),
                    ..
                }) = s
                    && env.find(&n.text).is_none()
                {
                    env = env
                        .bind(n.text.clone(), Value::unknown())
                        .bind(format!("axis {}", n.text).into(), Value::int(i as i64));
                }
            }
        }
        return Ok((value, env));
    }
    let wrong = |want: &str| -> Fault {
        fault(
            "E0301",
            format!(
                "`{callee}` takes {want} as `{param}`, and this is {}",
                value.kind()
            ),
        )
        .at(at, crate::show::brief(&value))
        .at(ty.span, "declared here")
        .into()
    };
    match &ty.kind {
        TypeKind::Tensor { shape, .. } => {
            if let Some(t) = match value.plain() {
                Value::Tensor(t, _) => Some(t.clone()),
                Value::List(l)
                    if l.iter().all(|v| {
                        !matches!(
                            v.plain(),
                            Value::Record(_) | Value::Text(_) | Value::Func(_)
                        )
                    }) =>
                {
                    number::as_tensor(&value)
                }
                Value::Int(..) | Value::Float(..) if shape.is_empty() => number::as_tensor(&value),
                _ => None,
            } {
                let t = if matches!(value.plain(), Value::List(_))
                    && t.dtype() == nas_ir::DType::I32
                    && !is_index(ty)
                {
                    t.cast(nas_ir::DType::F32)
                } else {
                    t
                };
                let element = match value.plain() {
                    Value::Tensor(_, e) => *e,
                    _ => crate::value::Element::Float,
                };
                let env = bind_shape(ctx, &t, shape, env, at, ty.span)?;
                return Ok((Value::Tensor(t, element), env));
            }
            // A list type written like a shape: `[Score]`.
            if matches!(
                value.plain(),
                Value::List(_) | Value::Range(_) | Value::Dim(_)
            ) {
                return Ok((value, env.clone()));
            }
            Err(wrong("a tensor"))
        }
        TypeKind::Name { name, .. } => {
            let value = match &*name.text {
                "Int" | "Epochs" | "Steps" | "Pixels" => match value.plain() {
                    Value::Int(i, u) => match (&*name.text, u) {
                        (_, crate::value::Unit::One) => value.clone(),
                        ("Epochs", crate::value::Unit::Epochs)
                        | ("Steps", crate::value::Unit::Steps)
                        | ("Pixels", crate::value::Unit::Pixels) => Value::int(*i),
                        ("Int", _) => Value::int(*i),
                        (want, u) => {
                            return Err(fault(
                                "E0305",
                                format!(
                                    "`{callee}` takes {} as `{param}`, and this is in {}",
                                    want.to_lowercase(),
                                    u.name()
                                ),
                            )
                            .at(at, "a different unit")
                            .at(ty.span, "declared here")
                            .into());
                        }
                    },
                    Value::Dim(_) | Value::Big(_) => value.clone(),
                    Value::Float(f, _) if f.fract() == 0.0 && f.abs() < 9e15 => {
                        Value::int(*f as i64)
                    }
                    Value::Float(f, _) => {
                        return Err(fault(
                            "E0402",
                            format!("`{param}` must be whole, and this is {f}"),
                        )
                        .at(at, "not whole")
                        .at(ty.span, "declared here")
                        .help("`ceil(…)` or `floor(…)` bring it back")
                        .into());
                    }
                    Value::Tensor(..) => {
                        return Err(fault(
                            "E0304",
                            format!("`{param}` of `{callee}` must be known before anything runs"),
                        )
                        .at(at, "known only at run time")
                        .at(ty.span, "declared here")
                        .into());
                    }
                    _ => return Err(wrong("a whole number")),
                },
                "Float" | "Score" | "Rate" | "Percent" | "Share" | "Macs" | "Bytes" | "Seconds"
                | "dB" | "Ratio" => match value.plain() {
                    Value::Int(..)
                    | Value::Float(..)
                    | Value::Dim(_)
                    | Value::Tensor(..)
                    | Value::Big(_)
                    | Value::Invalid(_)
                    | Value::Terms(_) => value.clone(),
                    Value::Bool(_) => return Err(wrong("a number")),
                    _ => return Err(wrong("a number")),
                },
                "Bool" => match value.plain() {
                    Value::Bool(_) | Value::Tensor(..) => value.clone(),
                    _ => return Err(wrong("true or false")),
                },
                "Text" => match value.plain() {
                    Value::Text(_) | Value::Label(_) => value.clone(),
                    _ => return Err(wrong("a text")),
                },
                "Space" => match value.plain() {
                    Value::Space(_) => value.clone(),
                    Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => {
                        Value::Space(space::as_space(ctx, &value, at)?)
                    }
                    _ => return Err(wrong("a space")),
                },
                "Net" => match value.plain() {
                    Value::Net(_) | Value::Invalid(_) => value.clone(),
                    // A space stands for all its members at once.
                    Value::Space(_) => Value::Net(net::as_net(ctx, &value, at)?),
                    Value::Func(f) if matches!(f.kind, FuncKind::Space { .. }) => {
                        let s = Value::Space(space::as_space(ctx, &value, at)?);
                        Value::Net(net::as_net(ctx, &s, at)?)
                    }
                    Value::Func(_) => value.clone(),
                    _ => return Err(wrong("a net")),
                },
                "Arch" => match value.plain() {
                    Value::Arch(_) => value.clone(),
                    _ => return Err(wrong("an architecture")),
                },
                "Data" => match value.plain() {
                    Value::Data(_) => value.clone(),
                    Value::Record(_) => {
                        return Err(fault(
                            "E0301",
                            format!(
                                "`{callee}` takes one data set as `{param}`, and this has parts"
                            ),
                        )
                        .at(at, crate::show::brief(&value))
                        .at(ty.span, "declared here")
                        .help("name the part: `.train`, `.valid`, `.test`")
                        .into());
                    }
                    _ => return Err(wrong("data")),
                },
                "Weights" => match value.plain() {
                    Value::Weights(_) => value.clone(),
                    _ => return Err(wrong("weights")),
                },
                "Block" | "BlockKind" | "Schedule" | "Optimiser" | "Curriculum" | "Fn"
                | "Metric" | "Loss" => match value.plain() {
                    Value::Func(_) | Value::Call(_) | Value::Record(_) | Value::None => {
                        value.clone()
                    }
                    Value::Int(..) | Value::Float(..) if &*name.text == "Schedule" => {
                        return Err(fault(
                            "E0301",
                            format!(
                                "`{callee}` takes a schedule as `{param}`, and this is a number"
                            ),
                        )
                        .at(at, "a number")
                        .at(ty.span, "declared here")
                        .help(format!("write `constant({})`", crate::show::brief(&value)))
                        .into());
                    }
                    _ => return Err(wrong("a function")),
                },
                _ => value,
            };
            Ok((value, env.clone()))
        }
        TypeKind::Fn(..) => match value.plain() {
            Value::Func(_) | Value::Table(_) | Value::Module(_) => Ok((value, env.clone())),
            _ => Err(wrong("a function")),
        },
        TypeKind::Optional(inner) => match value.plain() {
            Value::None | Value::Invalid(_) => Ok((value, env.clone())),
            _ => accept(ctx, callee, param, value, inner, env, at),
        },
        TypeKind::List { of, count } => match value.plain() {
            Value::List(l) => {
                if let Some(c) = count {
                    let n = ctx.eval(c, env)?;
                    if let Value::Int(n, _) = n.plain()
                        && *n != l.len() as i64
                    {
                        return Err(fault(
                            "E0301",
                            format!(
                                "`{param}` of `{callee}` has {n} elements, and this has {}",
                                l.len()
                            ),
                        )
                        .at(at, "this list")
                        .at(ty.span, "declared here")
                        .into());
                    }
                }
                for v in l.iter().take(64) {
                    accept(ctx, callee, param, v.clone(), of, env, at)?;
                }
                Ok((value, env.clone()))
            }
            Value::Range(_) | Value::Tensor(..) | Value::Table(_) => Ok((value, env.clone())),
            _ => Err(wrong("a list")),
        },
        TypeKind::Record(fields) => match value.plain() {
            Value::Record(r) => {
                for (n, _) in fields {
                    if !r.contains_key(&n.text) {
                        return Err(fault(
                            "E0302",
                            format!("the record for `{param}` of `{callee}` has no `{}`", n.text),
                        )
                        .at(at, crate::show::brief(&value))
                        .at(n.span, "asked for here")
                        .into());
                    }
                }
                Ok((value, env.clone()))
            }
            _ => Err(wrong("a record")),
        },
        _ => Ok((value, env.clone())),
    }
}

fn is_index(ty: &ast::Type) -> bool {
    match &ty.kind {
        TypeKind::Tensor { of: Some(of), .. } => match &of.kind {
            TypeKind::Name { name, .. } => matches!(&*name.text, "Index" | "Label" | "Token"),
            TypeKind::Optional(inner) => {
                matches!(&inner.kind, TypeKind::Name { name, .. } if &*name.text == "Label")
            }
            _ => false,
        },
        _ => false,
    }
}

/// Names in a shape are bound at their first use and compared afterwards; `..s` takes the axes that are left.
pub fn bind_shape(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    shape: &[IndexArg],
    env: &Env,
    at: Span,
    declared: Span,
) -> Result<Env> {
    let mut env = env.clone();
    let spread = shape.iter().position(|s| matches!(s, IndexArg::Spread(_)));
    let fixed = shape.len() - usize::from(spread.is_some());
    let rank = t.rank();
    let fits = if spread.is_some() {
        rank >= fixed
    } else {
        rank == fixed
    };
    if !fits {
        let e = nas_ir::ShapeError::ranks("this parameter", fixed, t.shape());
        let mut f = ctx.shape_fault(e, at);
        f.0.labels.push(nas_diagnostics::Label {
            span: declared,
            text: "declared here".into(),
        });
        return Err(f);
    }
    let mut axis = 0;
    for s in shape {
        match s {
            IndexArg::Spread(e) => {
                let n = rank - fixed;
                if let ExprKind::Name(name) = &e.kind {
                    let dims = t.shape()[axis..axis + n]
                        .iter()
                        .map(|d| number::of_dim(d.clone()))
                        .collect();
                    let positions = (axis..axis + n).map(|a| Value::int(a as i64)).collect();
                    env = env
                        .bind(name.text.clone(), Value::list(dims))
                        .bind(format!("axis {}", name.text).into(), Value::list(positions));
                }
                axis += n;
            }
            IndexArg::At(e) => {
                let d = t.shape()[axis].clone();
                match &e.kind {
                    ExprKind::Hole => {}
                    ExprKind::Name(n) if &*n.text == "_" => {}
                    ExprKind::Name(n) => {
                        let known = match env.find(&n.text) {
                            Some(crate::env::Found::Value(v)) => number::as_dim(&ctx.settle(v)),
                            _ => None,
                        };
                        match known {
                            Some(k) => same_extent(ctx, t, axis, &k, &n.text, at, declared)?,
                            None => env = env.bind(n.text.clone(), number::of_dim(d)),
                        }
                        env = env.bind(format!("axis {}", n.text).into(), Value::int(axis as i64));
                    }
                    _ => {
                        let v = ctx.eval(e, &env)?;
                        if let Some(k) = number::as_dim(&v) {
                            same_extent(ctx, t, axis, &k, &crate::show::brief(&v), at, declared)?;
                        }
                    }
                }
                axis += 1;
            }
            _ => axis += 1,
        }
    }
    Ok(env)
}

fn same_extent(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    axis: usize,
    want: &Dim,
    name: &str,
    at: Span,
    declared: Span,
) -> Result<()> {
    let got = t.shape()[axis].clone();
    let Err(w) = want.same(&got) else {
        return Ok(());
    };
    // Known options are already assumed.
    let mut want2 = want.clone();
    let mut got2 = got.clone();
    for (s, o) in &ctx.assumed {
        want2 = want2.restrict(*s, *o);
        got2 = got2.restrict(*s, *o);
    }
    if want2 == got2 {
        return Ok(());
    }
    let shown = if name == want.to_string() {
        want.to_string()
    } else {
        format!("{name} = {want}")
    };
    let e = nas_ir::ShapeError::new(format!(
        "axis {} must be {shown}, and it is {got}",
        axis + 1
    ))
    .fact(format!("given     {}", nas_ir::shape::Show(t.shape())))
    .witness(w);
    let mut f = ctx.shape_fault(e, at);
    f.0.labels.push(nas_diagnostics::Label {
        span: declared,
        text: format!("wanted here: {shown}"),
    });
    Err(f)
}

/// The declared result against what came out.
fn check_result(
    ctx: &mut Ctx,
    decl: &FnDecl,
    result: &Value,
    ty: &ast::Type,
    env: &Env,
    span: Span,
) -> Result<()> {
    let TypeKind::Tensor { shape, .. } = &ty.kind else {
        // Lists, records and numbers are checked where they are used; a tuple of tensors part by part.
        if let (TypeKind::Tuple(types), Value::List(items)) = (&ty.kind, result.plain()) {
            for (t, v) in types.iter().zip(items.iter()) {
                check_result(ctx, decl, v, t, env, span)?;
            }
        }
        return Ok(());
    };
    let Value::Tensor(t, _) = result.plain() else {
        return Ok(());
    };
    bind_shape(ctx, t, shape, env, span, ty.span)
        .map(|_| ())
        .map_err(|mut f| {
            f.0.message = format!(
                "`{}` does not give the shape it declares: {}",
                decl.name.text, f.0.message
            );
            f
        })
}
