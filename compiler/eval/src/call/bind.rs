//! Arguments to parameters: names and positions, defaults, declared types and units.

use super::{Args, bind_shape};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{FuncKind, Value};
use crate::{Fault, Result, net, number, space, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, IndexArg, Param, TypeKind};

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
    // It may be handed on; who reads it is looked at where it is read.
    if let Value::Sealed(_) = value.plain() {
        return Ok((value, env.clone()));
    }
    let opaque = matches!(value, Value::Impossible | Value::Open(_) | Value::Term(_));
    if value.is_unknown() || opaque {
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
                } else if let IndexArg::Spread(e) = s
                    && let ExprKind::Name(n) = &e.kind
                    && env.find(&n.text).is_none()
                {
                    env = env.bind(n.text.clone(), Value::unknown());
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
        TypeKind::Tensor { shape, of } => {
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
                if let Some(of) = of {
                    classes(ctx, &t, of, &env, at)?;
                }
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
        TypeKind::Name { name, taps, args } => {
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
                    // A member stands for its architecture.
                    Value::Net(n) => match &n.base {
                        net::NetBase::Member { arch, .. } if arch.mixture.is_none() => {
                            Value::Arch(arch.clone())
                        }
                        _ => return Err(wrong("an architecture")),
                    },
                    _ => return Err(wrong("an architecture")),
                },
                "Mixture" => match value.plain() {
                    Value::Arch(_) | Value::Record(_) => value.clone(),
                    _ => return Err(wrong("a mixture, a record from choices to shares,")),
                },
                "Growth" => match value.plain() {
                    Value::Growth(_) => value.clone(),
                    _ => return Err(wrong("a family that grows")),
                },
                "Move" => match value.plain() {
                    Value::Move(_) => value.clone(),
                    _ => return Err(wrong("a move")),
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
                other => match alias(ctx, other) {
                    // `type Pair = { a: Arch, b: Arch }`
                    Some((ty, module)) => {
                        return ctx.deeper(at, |ctx| {
                            ctx.in_module(module, |ctx| {
                                accept(ctx, callee, param, value, &ty, env, at)
                            })
                        });
                    }
                    None => value,
                },
            };
            if let ("Space", Value::Space(s)) = (&*name.text, value.plain()) {
                asked_choices(s, args, at)?;
            }
            if &*name.text == "Net" {
                crate::distill::taps(ctx, &value, taps, at)?;
            }
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

/// E0605: `Space[width, depth]` is a space with these choices.
fn asked_choices(s: &space::SpaceValue, asked: &[Expr], at: Span) -> Result<()> {
    let mut known = s.names();
    known.extend(s.base.decl.params.iter().map(|p| p.name.text.to_string()));
    for e in asked {
        let ExprKind::Name(n) = &e.kind else { continue };
        if known.iter().any(|k| **k == *n.text) {
            continue;
        }
        let d = fault("E0605", format!("`{}` has no choice `{}`", s.name, n.text))
            .at(at, "this space")
            .at(e.span, "asked for here");
        return Err(match nas_diagnostics::did_you_mean(&n.text, &known) {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d.note(format!("it has {}", known.join(", "))),
        }
        .into());
    }
    Ok(())
}

/// A declared type by its name.
fn alias(ctx: &Ctx, name: &str) -> Option<(ast::Type, crate::program::ModuleId)> {
    let Some(crate::program::ScopeEntry::Global(id)) = ctx.program.lookup(ctx.module, name) else {
        return None;
    };
    match &ctx.program.item(*id).kind {
        ast::ItemKind::Type { ty, .. } => Some((ty.clone(), ctx.program.globals[*id].module)),
        _ => None,
    }
}

/// E0401: labels of more classes than `Label[c]` has room for, as far as a check knows of either.
fn classes(ctx: &Ctx, labels: &nas_ir::Tensor, of: &ast::Type, env: &Env, at: Span) -> Result<()> {
    let TypeKind::Name { name, args, .. } = &of.kind else {
        return Ok(());
    };
    let [
        Expr {
            kind: ExprKind::Name(c),
            ..
        },
    ] = &args[..]
    else {
        return Ok(());
    };
    let Some(have) = ctx
        .shared
        .classes
        .lock()
        .ok()
        .and_then(|all| all.get(&labels.0.id).copied())
    else {
        return Ok(());
    };
    let room = match env.find(&c.text) {
        Some(crate::env::Found::Value(v)) => number::as_dim(&v).and_then(|d| d.known()),
        _ => None,
    };
    let Some(room) = room.filter(|r| &*name.text == "Label" && have > *r) else {
        return Ok(());
    };
    Err(fault(
        "E0401",
        format!("the labels are of {have} classes, and there are {room} outputs for them"),
    )
    .at(at, format!("labels 0 to {}", have - 1))
    .at(of.span, format!("wanted here: {} = {room}", c.text))
    .help(format!(
        "give the net one output a class: `linear({have})` at its end"
    ))
    .into())
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
