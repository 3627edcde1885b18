//! Curricula: settings by phase.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::stmt::{open_scope, statement};
use crate::value::Value;
use crate::{Fault, Result, number};
use nas_grammar::ast::{Block, StmtKind};

/// The settings of a curriculum at a time: phases carry over what they do not mention.
pub fn curriculum(
    ctx: &mut Ctx,
    b: &Block,
    env: &Env,
    clock: crate::value::Clock,
) -> Result<Value> {
    let mut env = open_scope(b, env);
    let mut out = crate::value::Fields::new();
    for s in &b.stmts {
        match &s.kind {
            StmtKind::Phase { at, settings } => {
                let from = ctx.eval(at, &env)?;
                let start = match from.plain() {
                    Value::Int(e, crate::value::Unit::Epochs) => {
                        *e as f64 / clock.epochs.max(1) as f64
                    }
                    _ => number::as_f64(&from).ok_or_else(|| {
                        Fault::from(
                            fault("E0301", "a phase starts at a share or an epoch")
                                .at(at.span, "here"),
                        )
                    })?,
                };
                if clock.fraction() + 1e-12 >= start
                    && let Value::Record(r) = ctx.record(settings, &env)?
                {
                    out.extend(r.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            StmtKind::Monotone(_) => {}
            _ => env = statement(ctx, s, &env)?,
        }
    }
    Ok(Value::record(out))
}
