//! Schedules and curricula, read at a clock.

use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::ModuleId;
use crate::stmt;
use crate::value::Value;
use nas_diagnostics::Span;
use nas_grammar::ast::{FnDecl, Role};
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
    let saved = ctx.clock.replace(*c);
    let out = ctx.deeper(span, |ctx| {
        ctx.in_module(module, |ctx| match decl.role {
            Role::Curriculum => crate::curriculum::curriculum(ctx, body, &env, *c),
            _ => stmt::block(ctx, body, &env),
        })
    });
    ctx.clock = saved;
    out
}
