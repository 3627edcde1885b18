//! Edits of a member: `a with { depth: 12, layers[*].heads: 3 }`.

use super::ArchValue;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, WithEntry, WithTarget};
use std::sync::Arc;

/// `a with { depth: 12, layers[*].heads: 3 }`
pub fn edit_arch(
    ctx: &mut Ctx,
    a: &Arc<ArchValue>,
    entries: &[WithEntry],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let sites = a.space.sites();
    let mut arch = a.arch.clone();
    for e in entries {
        let WithTarget::Path(p) = &e.target else {
            return Err(fault(
                "E0309",
                "this kind of edit is not yet supported by this version",
            )
            .at(e.span, "here")
            .into());
        };
        let pattern = address_pattern(ctx, p, env)?;
        let mut met = false;
        for (i, s) in sites.iter().enumerate() {
            if !matches_address(&pattern, &s.address) || arch.0[i].is_none() {
                continue;
            }
            met = true;
            let old = arch.0[i]
                .map(|o| s.options[o].clone())
                .unwrap_or(Value::None);
            let v = ctx.eval(&e.value, &env.bind("it".into(), old))?;
            let o = match &v {
                Value::Picked(p) => s.labels.iter().position(|l| *l == p.label),
                Value::Label(l) | Value::Text(l) => s.labels.iter().position(|x| x == l),
                other => s
                    .options
                    .iter()
                    .position(|o| number::equal(o, other) == Some(true)),
            };
            match o {
                Some(o) => arch.0[i] = Some(o),
                None => {
                    return Ok(Value::invalid(format!(
                        "{} is not an option of {}",
                        crate::show::brief(&v),
                        s.address
                    )));
                }
            }
        }
        if !met {
            return Err(
                fault("E0605", format!("`{pattern}` is no choice of this member"))
                    .at(p.span, "here")
                    .into(),
            );
        }
    }
    let alg = a.space.algebra(ctx, span)?;
    match alg.space.contains(&arch) {
        Ok(()) => Ok(Value::Arch(ArchValue::new(a.space.clone(), arch))),
        Err(w) => Ok(Value::invalid(format!("{w}"))),
    }
}

pub fn address_pattern(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<String> {
    Ok(match &e.kind {
        ExprKind::Name(n) => n.text.to_string(),
        ExprKind::Field { base, name } => {
            format!("{}.{}", address_pattern(ctx, base, env)?, name.text)
        }
        ExprKind::Index { base, args } => {
            let b = address_pattern(ctx, base, env)?;
            match args.first() {
                Some(ast::IndexArg::At(i)) => {
                    let v = ctx.eval(i, env)?;
                    format!("{b}[{}]", access::whole(ctx, &v, i.span)?)
                }
                _ => format!("{b}[*]"),
            }
        }
        _ => {
            return Err(fault("E0309", "this is not a choice")
                .at(e.span, "here")
                .into());
        }
    })
}

pub(crate) fn matches_address(pattern: &str, address: &str) -> bool {
    match pattern.split_once("[*]") {
        None => pattern == address,
        Some((head, tail)) => {
            let Some(rest) = address.strip_prefix(head) else {
                return false;
            };
            let Some(end) = rest.find(']') else {
                return false;
            };
            rest.starts_with('[')
                && matches_address(&format!("{head}{}{tail}", &rest[..=end]), address)
        }
    }
}
