//! What is counted on the way through a net: one entry an item and call, where costs are asked for.

use crate::call::Args;
use crate::ctx::Ctx;
use crate::net::CostEntry;
use crate::value::Value;
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_ir::{Dim, Tensor};

/// Whether costs are being counted here.
pub fn counted(ctx: &Ctx) -> bool {
    ctx.net.as_ref().is_some_and(|n| n.costs.is_some())
}

/// What products of these tensors are: of weights alone they are set-up, paid once and not for each input.
pub fn item_of(operands: &[&Tensor], item: &'static str) -> &'static str {
    if operands.iter().all(|t| t.0.fixed) {
        "setup"
    } else {
        item
    }
}

/// Enters an amount of an item, under the options assumed here.
pub fn count(ctx: &mut Ctx, item: &str, amount: Dim, out: &[Dim], span: Span) -> Result<()> {
    if !counted(ctx) {
        return Ok(());
    }
    let amount = amount
        .mul(&ctx.indicator())
        .map_err(|e| ctx.shape_fault(e.into(), span))?;
    if let Some(n) = &mut ctx.net {
        let path = n.path();
        let kind = n
            .frames
            .iter()
            .rev()
            .find(|f| !f.kind.is_empty())
            .map(|f| f.kind.clone())
            .unwrap_or_default();
        if let Some(c) = &mut n.costs {
            c.push(CostEntry {
                path,
                kind,
                item: item.into(),
                param: "".into(),
                amount,
                out: out.to_vec(),
            });
        }
    }
    Ok(())
}

/// Enters the elements of a tensor; nothing where it follows from weights alone.
pub fn elements(ctx: &mut Ctx, item: &str, t: &Tensor, span: Span) -> Result<()> {
    if !counted(ctx) || t.0.fixed {
        return Ok(());
    }
    let n = nas_ir::shape::count(t.shape()).map_err(|e| ctx.shape_fault(e.into(), span))?;
    count(ctx, item, n, t.shape(), span)
}

/// `tally("norm", x)`: the value; where costs are counted, its elements are entered under that name.
pub fn tally(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (a, b) = (args.need("item")?, args.need("x")?);
    let (name, v) = if let Value::Text(_) = a.plain() {
        (a, b)
    } else {
        (b, a)
    };
    if let Value::Tensor(t, _) = v.plain() {
        elements(ctx, &access::key_text(&name), t, span)?;
    }
    Ok(v)
}
