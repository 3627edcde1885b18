//! Schedules and curricula, read at a clock.

use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::ModuleId;
use crate::stmt;
use crate::value::Value;
use nas_diagnostics::Span;
use nas_grammar::ast::{Block, FnDecl, Role};
use std::sync::Arc;

pub(super) fn run(
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
    ctx.moments += 1;
    let saved = ctx.clock.replace(*c);
    let out = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| match decl.role {
            Role::Curriculum => crate::curriculum::curriculum(ctx, body, &env, *c),
            _ => stmt::block(ctx, body, &env),
        })
    });
    ctx.clock = saved;
    let out = out?;
    if decl.role == Role::Schedule {
        number(decl, body, &out)?;
    }
    Ok(out)
}

/// A schedule gives a number, at every moment.
fn number(decl: &FnDecl, body: &Block, v: &Value) -> Result<()> {
    if matches!(
        v.plain(),
        Value::Text(_) | Value::Bool(_) | Value::List(_) | Value::Record(_) | Value::None
    ) {
        let at = body.value.as_ref().map_or(decl.name.span, |v| v.span);
        return Err(fault(
            "E0301",
            format!(
                "a schedule gives a number, and `{}` gives {}",
                decl.name.text,
                v.kind()
            ),
        )
        .at(at, "here")
        .help("a record of settings is a `curriculum`")
        .into());
    }
    Ok(())
}
