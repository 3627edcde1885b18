//! A distillation of two nets that are known, tried before there is a batch.

use super::run;
use crate::Result;
use crate::call::Args;
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net;
use crate::program::ModuleId;
use crate::value::Value;
use nas_diagnostics::Span;
use nas_grammar::ast::FnDecl;
use nas_ir::Dim;
use std::sync::Arc;

/// Outside a loop, whose turns show it anyway: what is matched of two nets that are known has one shape, before any batch.
pub fn pairs(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    env: &Env,
    span: Span,
) -> Result<()> {
    let student = decl.params.iter().flatten().nth(1);
    let (true, None, Some(s)) = (ctx.checking(), &ctx.turn, student) else {
        return Ok(());
    };
    let Some(Found::Value(v)) = env.find(&s.name.text) else {
        return Ok(());
    };
    if v.is_unknown() {
        return Ok(());
    }
    let draws = ctx.draws;
    let trial = net::as_net(ctx, &v, span).and_then(|n| {
        let x = net::stand_in_input(ctx, &n, Dim::Const(2), None, span)?;
        let mut args = Args::one(x, span);
        args.positional.push((Some(Value::unknown()), span));
        run(ctx, decl, module, env, args)
    });
    ctx.draws = draws;
    match trial {
        Err(f) if matches!(f.0.code, "E0626" | "E0627" | "E0304" | "E0401" | "E0403") => Err(f),
        _ => Ok(()),
    }
}
