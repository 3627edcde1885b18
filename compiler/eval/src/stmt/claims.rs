//! Claims: `within` a tolerance, `rejected` by the checker.

use super::block;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use crate::{Result, call, train};
use nas_grammar::ast::{self, Block, Expr, ExprKind};

/// `a == b within t`, `a within t of b`
pub fn within(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    let ExprKind::Within {
        value,
        tolerance,
        of,
    } = &e.kind
    else {
        return Ok(Value::Bool(false));
    };
    let (left, right) = match (of, &value.kind) {
        (Some(of), _) => (ctx.eval(value, env)?, ctx.eval(of, env)?),
        (
            None,
            ExprKind::Binary {
                op: ast::BinaryOp::Eq,
                left,
                right,
            },
        ) => (ctx.eval(left, env)?, ctx.eval(right, env)?),
        _ => {
            return Err(fault(
                "E0301",
                "`within` goes with `a == b within t` or `a within t of b`",
            )
            .at(e.span, "here")
            .into());
        }
    };
    let relative = matches!(&tolerance.kind, ExprKind::Number(n) if n.unit.as_ref().is_some_and(|u| &*u.text == "%"));
    let t = ctx.eval(tolerance, env)?;
    if left.is_unknown() || right.is_unknown() || t.is_unknown() || ctx.checking() {
        return Ok(Value::unknown());
    }
    let t = train::number(ctx, &t, tolerance.span)?;
    let (a, b) = (
        train::numbers(ctx, &left, value.span)?,
        train::numbers(ctx, &right, e.span)?,
    );
    if a.len() != b.len() {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(a.iter().zip(&b).all(|(x, y)| {
        (x - y).abs() <= if relative { t * y.abs() } else { t }
    })))
}

/// `rejected { … }`: true where the checker refuses the body.
pub fn rejected(ctx: &mut Ctx, b: &Block, env: &Env) -> Result<Value> {
    let key = ctx.next_key();
    let mut inner = ctx.fork(key);
    inner.purpose = crate::ctx::Purpose::Check;
    let r = block(&mut inner, b, env).and_then(|v| match v.plain() {
        // A function is tried with stand-ins for its parameters.
        Value::Func(f) => match &f.kind {
            crate::value::FuncKind::Lambda { params, .. } => {
                let mut args = vec![];
                for p in params.iter() {
                    let v = match p.sealed {
                        true => crate::seal::stand_in(p.span),
                        false => crate::train::stand_in(&mut inner, p.ty.as_ref(), env)?,
                    };
                    args.push((v, p.span));
                }
                call::call(&mut inner, v.clone(), call::Args::of(args, b.span))
            }
            _ => Ok(v),
        },
        _ => Ok(v),
    });
    Ok(Value::Bool(r.is_err()))
}
