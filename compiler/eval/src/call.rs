//! Calls: arguments to parameters, parameter lists one after the other, pipes, and what each role does with its body.

mod args;
mod bind;
mod schedule;
mod shape;
mod units;

pub use args::{Args, arguments, static_argument};
pub use bind::{accept, bind};
pub use shape::bind_shape;

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::ModuleId;
use crate::value::{Bound, Func, FuncKind, Value};
use crate::{Fault, Result, access, net, space, stmt, train};
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, FnDecl, ItemKind, Role};
use shape::check_result;
use std::sync::Arc;

/// `value |> target`
pub fn pipe(ctx: &mut Ctx, value: Value, target: &Arc<Expr>, env: &Env) -> Result<Value> {
    // A function in front of a pipe: the two make one function.
    if let Value::Func(_) = value.plain()
        && !matches!(value, Value::Picked(_))
    {
        let rest = ctx.target(target.clone(), env);
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
            let mut given = arguments(ctx, args, trailing.as_ref(), env, span)?;
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
    if ctx.terms.is_some()
        && let Some(v) = crate::term::called(ctx, &f, &args)?
    {
        return Ok(v);
    }
    match &f {
        Value::Open(_) => ctx.cases(f, span, &mut |ctx, f| call(ctx, f, args.clone())),
        Value::Unknown(_) | Value::Invalid(_) => Ok(f),
        Value::Picked(p) => net::chosen(ctx, p, args),
        Value::Move(m) => crate::enlarge::apply(ctx, m, &mut { args }),
        Value::Kept(k) => call(ctx, k.value.clone(), args),
        Value::Func(g) => call_func(ctx, g, args),
        Value::Net(n) => net::call_net(ctx, n, args),
        Value::Call(c) => net::call_handle(ctx, c, args),
        Value::Space(s) => Err(
            fault("E0307", format!("`{}` has its arguments already", s.name))
                .at(span, "called here")
                .help("a member is taken by `space[arch]`")
                .into(),
        ),
        Value::Module(m) => Err(several(ctx, *m, span)),
        other => Err(fault("E0307", format!("{} cannot be called", other.kind()))
            .at(span, "called here")
            .into()),
    }
}

/// A module of conventions where one of them is wanted.
pub fn several(ctx: &Ctx, m: ModuleId, span: Span) -> Fault {
    let path = ctx
        .program
        .modules
        .get(m)
        .map(|m| m.path.to_string())
        .unwrap_or_default();
    let names: Vec<&str> = ctx
        .program
        .globals
        .iter()
        .filter(|g| g.module == m)
        .filter(|g| {
            matches!(
                ctx.program.modules[g.module].tree.items[g.item].kind,
                ItemKind::Fn(_)
            )
        })
        .map(|g| &*g.name)
        .collect();
    let short = path.rsplit('.').next().unwrap_or(&path).to_string();
    fault(
        "E0207",
        format!("`{short}` has several conventions, and this does not say which"),
    )
    .at(span, "here")
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
    .into()
}

fn call_func(ctx: &mut Ctx, f: &Arc<Func>, mut args: Args) -> Result<Value> {
    let span = args.span;
    match &f.kind {
        FuncKind::Builtin { name, f } => {
            if !matches!(*name, "seal" | "disclose") {
                crate::seal::unread(&args)?;
            }
            ctx.deeper(span, |ctx| f(ctx, &mut args))
        }
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
                // One value goes in as through a pipe: a pair fills a block of two inputs.
                Some(first) => match &args.positional[..] {
                    [(Some(v), _)] if args.named.is_empty() && args.trailing.is_none() => {
                        apply(ctx, first.clone(), v.clone(), span)?
                    }
                    _ => call(ctx, first.clone(), args)?,
                },
                None => args.next("value").unwrap_or(Value::None),
            };
            for p in parts.iter().skip(1) {
                v = apply(ctx, p.clone(), v, span)?;
            }
            Ok(v)
        }
        FuncKind::Mixed(m) => space::mixture::call(ctx, m, args),
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
        FuncKind::Enlarge { decl, module } => crate::enlarge::instantiate(ctx, decl, *module, args),
        FuncKind::Decl {
            decl,
            module,
            env,
            global,
            lists,
        } => call_decl(ctx, f, decl, *module, env, *global, *lists, args)
            .map_err(|fault| blame_caller(ctx, fault, *module, span)),
    }
}

/// What goes wrong inside another module's declaration is shown at the call of it first: that is where it can be mended.
fn blame_caller(ctx: &Ctx, mut fault: Fault, callee: ModuleId, span: Span) -> Fault {
    let own = ctx.program.modules.get(ctx.module).map(|m| m.file);
    if callee != ctx.module
        && own == Some(span.file)
        && fault.0.primary().is_some_and(|p| p.file != span.file)
    {
        let label = nas_diagnostics::Label {
            span,
            text: "in this call".into(),
        };
        fault.0.labels.insert(0, label);
    }
    fault
}

fn method(ctx: &mut Ctx, receiver: Value, name: &Arc<str>, args: Args) -> Result<Value> {
    match receiver.plain() {
        Value::Data(d) => crate::data::method(ctx, d, name, args),
        Value::Net(n) => net::net_method(ctx, n, name, args),
        Value::Call(c) => net::call_method(ctx, c, name, args),
        Value::Weights(w) => crate::weights::call_place(ctx, w, args),
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
    if lists == 0 && args::input_first(decl, &args) {
        let none = Args {
            span,
            ..Args::default()
        };
        env = ctx.in_module(module, |ctx| {
            bind(ctx, &decl.name.text, &decl.params[0], none, &env)
        })?;
        lists = 1;
    }
    // The clock of a schedule or curriculum stands as one more list.
    if lists == total {
        return match decl.role {
            Role::Schedule | Role::Curriculum => {
                let clock = args.next("now").unwrap_or(Value::None);
                schedule::run(ctx, decl, module, &env, clock, span)
            }
            Role::Distill => ctx.deeper(span, |ctx| {
                crate::distill::run(ctx, decl, module, &env, args)
            }),
            _ => Err(fault(
                "E0307",
                format!("`{}` has its arguments already", decl.name.text),
            )
            .at(span, "called here")
            .into()),
        };
    }
    let privy = crate::seal::given(decl, &mut args) || ctx.privy;
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
    let waits =
        lists < total || matches!(decl.role, Role::Schedule | Role::Curriculum | Role::Distill);
    if waits {
        if decl.role == Role::Distill && lists == total {
            crate::distill::pairs(ctx, decl, module, &bound, span)?;
        }
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
    if let Some(v) = args::lost_net(decl, &bound) {
        return Ok(v);
    }
    let around = std::mem::replace(&mut ctx.privy, privy);
    let alike = crate::alike::key(ctx, decl, module, &bound);
    if let Some(v) = alike.as_ref().and_then(|k| crate::alike::find(ctx, k)) {
        ctx.privy = around;
        return Ok(v);
    }
    let told = ctx.told;
    let before = crate::alike::Tally::of(ctx);
    let result = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| match decl.role {
            Role::Block => net::call_block(ctx, decl, body, &bound, span),
            Role::Proxy => train::call_proxy(ctx, decl, body, &bound, seed, span),
            Role::Trainer | Role::Search => train::call_closed(ctx, decl, body, &bound, seed, span),
            Role::Metric if ctx.turn.is_none() => {
                let around = std::mem::replace(&mut ctx.measures, true);
                let result = stmt::block(ctx, body, &bound);
                ctx.measures = around;
                result
            }
            _ => stmt::block(ctx, body, &bound),
        })
    });
    ctx.privy = around;
    // What other roles draw is closed over, or belongs to the run of a net.
    if decl.role != Role::Fn {
        ctx.told = told;
    }
    let mut result = result?;
    if let Some(ty) = &decl.result
        && decl.role != Role::Intrinsic
    {
        ctx.in_module(module, |ctx| {
            check_result(ctx, decl, &result, ty, &bound, span)
        })?;
        result = units::stamp(result, ty, span)?;
    }
    if let Some(key) = alike {
        crate::alike::keep(ctx, key, decl, &result, &before);
    }
    Ok(result)
}
