//! Sums over named axes, and splitting, merging and reordering of axes by name.

use super::{Made, counted, done};
use crate::builtins::tally::{count, item_of};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Fault, Result, net, number};
use nas_diagnostics::Span;
use nas_ir::shape::Show;
use nas_ir::{Dim, ShapeError, Tensor};
use std::sync::Arc;

/// `"n c, o c -> n o"` in letters: words become letters, `...` the axes that are left.
pub(super) fn contract(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let spec = args.need("spec")?;
    let Value::Text(spec) = spec.plain().clone() else {
        return Err(fault(
            "E0301",
            "`contract` begins with the axes, such as \"n c, o c -> n o\"",
        )
        .at(span, "here")
        .into());
    };
    let mut parts = vec![];
    while let Some(v) = args.next("tensor") {
        if v.is_unknown() {
            return Ok(v);
        }
        match number::as_tensor(&v) {
            Some(t) => parts.push(t),
            None => {
                return Err(fault(
                    "E0301",
                    format!("a tensor is wanted, and this is {}", v.kind()),
                )
                .at(span, "here")
                .into());
            }
        }
    }
    let bad =
        |why: &str| Fault::from(fault("E0403", format!("\"{spec}\" {why}")).at(span, "these axes"));
    let (left, right) = spec.split_once("->").ok_or_else(|| bad("has no `->`"))?;
    let sides: Vec<&str> = left.split(',').collect();
    if sides.len() != parts.len() {
        return Err(bad(&format!(
            "names {} tensors, and {} are given",
            sides.len(),
            parts.len()
        )));
    }
    let mut letters: Vec<String> = vec![];
    let words = |side: &str| -> Vec<String> {
        let side = side.trim();
        if side.contains(' ') || side == "..." {
            side.split_whitespace().map(String::from).collect()
        } else {
            side.chars().map(String::from).collect()
        }
    };
    // `...` stands for the leading axes of the first tensor that has it.
    let mut rest = 0usize;
    for (s, t) in sides.iter().zip(&parts) {
        let w = words(s);
        if w.iter().any(|x| x == "...") {
            let named = w.len() - 1;
            rest = rest.max(t.rank().checked_sub(named).ok_or_else(|| {
                ctx.shape_fault(
                    ShapeError::ranks(&format!("\"{s}\""), named, t.shape()),
                    span,
                )
            })?);
        }
    }
    let mut code = |w: Vec<String>| -> String {
        let mut out = String::new();
        for x in w {
            let names: Vec<String> = if x == "..." {
                (0..rest).map(|i| format!("...{i}")).collect()
            } else {
                vec![x]
            };
            for n in names {
                let i = letters.iter().position(|l| *l == n).unwrap_or_else(|| {
                    letters.push(n);
                    letters.len() - 1
                });
                out.push(char::from_u32('a' as u32 + i as u32).unwrap_or('z'));
            }
        }
        out
    };
    let inputs: Vec<Arc<str>> = sides.iter().map(|s| code(words(s)).into()).collect();
    let output = code(words(right));
    if parts.len() > 2 {
        return chain(ctx, parts, inputs, &output, span);
    }
    let y = Tensor::contract(&parts, &inputs, &output).map_err(|e| ctx.shape_fault(e, span))?;
    contraction_cost(ctx, &parts, &inputs, &y, span)?;
    Ok(Value::tensor(y))
}

fn contraction_cost(
    ctx: &mut Ctx,
    parts: &[Tensor],
    inputs: &[Arc<str>],
    y: &Tensor,
    span: Span,
) -> Result<()> {
    if !counted(ctx) || parts.len() < 2 {
        return Ok(());
    }
    let mut seen: Vec<char> = vec![];
    let mut amount = Dim::Const(1);
    for (t, s) in parts.iter().zip(inputs) {
        for (c, d) in s.chars().zip(t.shape()) {
            if !seen.contains(&c) {
                seen.push(c);
                amount = amount.mul(d).map_err(|e| ctx.shape_fault(e.into(), span))?;
            }
        }
    }
    // Weights against what comes in are a linear layer; two things that come in, an attention's product.
    let kind = match parts.iter().any(|t| t.0.fixed) {
        true => "linear",
        false => "matmul",
    };
    let item = item_of(&parts.iter().collect::<Vec<_>>(), kind);
    count(ctx, item, amount, y.shape(), span)
}

/// Three and more: two at a time, from the left, keeping the axes that are still needed.
fn chain(
    ctx: &mut Ctx,
    mut parts: Vec<Tensor>,
    mut inputs: Vec<Arc<str>>,
    output: &str,
    span: Span,
) -> Result<Value> {
    while parts.len() > 2 {
        let (a, b) = (parts.remove(0), parts.remove(0));
        let (s, t) = (inputs.remove(0), inputs.remove(0));
        let later: String = inputs.iter().map(|i| i.to_string()).collect::<String>() + output;
        let mut kept = String::new();
        for c in s.chars().chain(t.chars()) {
            if later.contains(c) && !kept.contains(c) {
                kept.push(c);
            }
        }
        let pair = [a, b];
        let specs = [s, t];
        let y = Tensor::contract(&pair, &specs, &kept).map_err(|e| ctx.shape_fault(e, span))?;
        contraction_cost(ctx, &pair, &specs, &y, span)?;
        parts.insert(0, y);
        inputs.insert(0, kept.into());
    }
    let y = Tensor::contract(&parts, &inputs, output).map_err(|e| ctx.shape_fault(e, span))?;
    contraction_cost(ctx, &parts, &inputs, &y, span)?;
    Ok(Value::tensor(y))
}

/// `"n t (h e) -> n h t e"`, sizes of new names by argument.
pub(super) fn rearrange(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (a, b) = (args.need("x")?, args.need("spec")?);
    let (x, spec) = if let Value::Text(s) = a.plain() {
        (b.clone(), s.clone())
    } else if let Value::Text(s) = b.plain() {
        (a.clone(), s.clone())
    } else {
        return Err(fault(
            "E0301",
            "`rearrange` takes a tensor and axes such as \"n c h w -> n (h w) c\"",
        )
        .at(span, "here")
        .into());
    };
    if x.is_unknown() {
        return Ok(x);
    }
    let Some(t) = number::as_tensor(&x) else {
        return Err(fault(
            "E0301",
            format!("a tensor is wanted, and this is {}", x.kind()),
        )
        .at(span, "here")
        .into());
    };
    let mut sizes: Vec<(String, Dim)> = vec![];
    for (n, v, at) in std::mem::take(&mut args.named) {
        if let Some(v) = v {
            let v = ctx.settle(v);
            sizes.push((n.to_string(), net::extent(ctx, &v, at)?));
        }
    }
    let r = rearranged(&t, &spec, sizes);
    let v = done(ctx, r, span)?;
    // Several outputs in front: a list of them, as `let (q, k, v) = …` wants.
    Ok(v)
}

fn groups_of(side: &str) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = vec![];
    let mut open = false;
    for token in side
        .replace('(', " ( ")
        .replace(')', " ) ")
        .split_whitespace()
    {
        match token {
            "(" => {
                open = true;
                out.push(vec![]);
            }
            ")" => open = false,
            name if open => {
                if let Some(g) = out.last_mut() {
                    g.push(name.to_string());
                }
            }
            name => out.push(vec![name.to_string()]),
        }
    }
    out
}

fn rearranged(t: &Tensor, spec: &str, mut sizes: Vec<(String, Dim)>) -> Made {
    let (left, right) = spec
        .split_once("->")
        .ok_or_else(|| ShapeError::new(format!("\"{spec}\" has no `->`")))?;
    let (from, to) = (groups_of(left), groups_of(right));
    if from.len() != t.rank() {
        return Err(ShapeError::ranks(
            &format!("\"{}\"", left.trim()),
            from.len(),
            t.shape(),
        ));
    }
    let mut names: Vec<String> = vec![];
    let mut full: Vec<Dim> = vec![];
    for (g, d) in from.iter().zip(t.shape()) {
        let unknown: Vec<&String> = g
            .iter()
            .filter(|n| !sizes.iter().any(|s| s.0 == **n))
            .collect();
        let mut known = Dim::Const(1);
        for n in g {
            if let Some((_, s)) = sizes.iter().find(|s| s.0 == *n) {
                known = known.mul(s)?;
            }
        }
        match unknown.as_slice() {
            [] => known.same(d).map_err(|w| {
                ShapeError::new(format!("({}) is {known}, and the axis is {d}", g.join(" ")))
                    .fact(format!("shape  {}", Show(t.shape())))
                    .witness(w)
            })?,
            [one] => {
                let q = d.div(&known).map_err(|e| {
                    let e: ShapeError = e.into();
                    e.fact(format!("axis ({}) of {d}", g.join(" ")))
                })?;
                let name = (*one).clone();
                sizes.push((name, q));
            }
            more => {
                return Err(ShapeError::new(format!(
                    "give the size of one of {}",
                    more.iter()
                        .map(|s| s.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
        for n in g {
            names.push(n.clone());
            full.push(
                sizes
                    .iter()
                    .find(|s| s.0 == *n)
                    .map_or(Dim::Const(1), |s| s.1.clone()),
            );
        }
    }
    let split = t.reshape(&full)?;
    let mut order = vec![];
    let mut merged: Vec<Dim> = vec![];
    for g in &to {
        let mut d = Dim::Const(1);
        for n in g {
            if n == "1" {
                continue;
            }
            let i = names.iter().position(|m| m == n).ok_or_else(|| {
                ShapeError::new(format!("axis `{n}` is not on the left of \"{spec}\""))
            })?;
            order.push(i);
            d = d.mul(&full[i])?;
        }
        merged.push(d);
    }
    split.permute(&order)?.reshape(&merged)
}
