//! Declared shapes against tensors: names bind extents, or are compared with them.

use crate::ctx::Ctx;
use crate::env::Env;
use crate::value::Value;
use crate::{Fault, Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, ExprKind, FnDecl, IndexArg, TypeKind};
use nas_ir::Dim;

/// Names in a shape are bound at their first use and compared afterwards; `..s` takes the axes that are left.
pub fn bind_shape(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    shape: &[IndexArg],
    env: &Env,
    at: Span,
    declared: Span,
) -> Result<Env> {
    let mut env = env.clone();
    let spread = shape.iter().position(|s| matches!(s, IndexArg::Spread(_)));
    let fixed = shape.len() - usize::from(spread.is_some());
    let rank = t.rank();
    let fits = if spread.is_some() {
        rank >= fixed
    } else {
        rank == fixed
    };
    if !fits {
        let e = nas_ir::ShapeError::ranks("this parameter", fixed, t.shape());
        let mut f = ctx.shape_fault(e, at);
        f.0.labels.push(nas_diagnostics::Label {
            span: declared,
            text: "declared here".into(),
        });
        return Err(f);
    }
    let mut axis = 0;
    for s in shape {
        match s {
            IndexArg::Spread(e) => {
                let n = rank - fixed;
                if let ExprKind::Name(name) = &e.kind {
                    let dims = t.shape()[axis..axis + n]
                        .iter()
                        .map(|d| number::of_dim(d.clone()))
                        .collect();
                    let positions = (axis..axis + n).map(|a| Value::int(a as i64)).collect();
                    env = env
                        .bind(name.text.clone(), Value::list(dims))
                        .bind(format!("axis {}", name.text).into(), Value::list(positions));
                }
                axis += n;
            }
            IndexArg::At(e) => {
                let d = t.shape()[axis].clone();
                match &e.kind {
                    ExprKind::Hole => {}
                    ExprKind::Name(n) if &*n.text == "_" => {}
                    ExprKind::Name(n) => {
                        let known = match env.find(&n.text) {
                            Some(crate::env::Found::Value(v)) => number::as_dim(&ctx.settle(v)),
                            _ => None,
                        };
                        match known {
                            Some(k) => {
                                let outside = env.find(&format!("axis {}", n.text)).is_none();
                                let sides = Sides {
                                    at,
                                    declared,
                                    shape,
                                };
                                same_extent(ctx, t, axis, &k, &n.text, &sides)
                                    .map_err(|f| if outside { from_outside(f, n) } else { f })?
                            }
                            None => env = env.bind(n.text.clone(), number::of_dim(d)),
                        }
                        env = env.bind(format!("axis {}", n.text).into(), Value::int(axis as i64));
                    }
                    _ => {
                        let v = ctx.eval(e, &env)?;
                        not_whole(ctx, &v, e.span)?;
                        if !v.is_unknown() {
                            let k = crate::net::extent(ctx, &v, e.span)
                                .map_err(|f| with_names(f, e, &env))?;
                            let sides = Sides {
                                at,
                                declared,
                                shape,
                            };
                            same_extent(ctx, t, axis, &k, &crate::show::brief(&v), &sides)?;
                        }
                    }
                }
                axis += 1;
            }
            _ => axis += 1,
        }
    }
    Ok(env)
}

/// What the names of an extent stand for: `h = 7` below an `h / 2` that is not whole.
fn with_names(mut f: Fault, e: &ast::Expr, env: &Env) -> Fault {
    fn names(e: &ast::Expr, out: &mut Vec<std::sync::Arc<str>>) {
        match &e.kind {
            ExprKind::Name(n) if !out.contains(&n.text) => out.push(n.text.clone()),
            ExprKind::Binary { left, right, .. } => {
                names(left, out);
                names(right, out);
            }
            _ => {}
        }
    }
    let mut found = vec![];
    names(e, &mut found);
    for n in found {
        if let Some(crate::env::Found::Value(v)) = env.find(&n)
            && let Some(d) = number::as_dim(&v)
        {
            f.0.notes.push(format!("{n} = {d}"));
        }
    }
    f
}

/// An axis with the name of something else: it is compared with that, which may not be what was meant.
fn from_outside(f: Fault, name: &ast::Ident) -> Fault {
    let help = format!(
        "`{0}` is bound outside this shape, and stands for that; an axis of any size needs another name, or `_`",
        name.text
    );
    f.0.as_ref().clone().help(help).into()
}

/// Where a tensor is given and where its shape is declared.
struct Sides<'a> {
    at: Span,
    declared: Span,
    shape: &'a [IndexArg],
}

/// A declared shape as it is written.
fn written(shape: &[IndexArg]) -> String {
    fn one(e: &ast::Expr) -> String {
        match &e.kind {
            ExprKind::Hole => "_".into(),
            ExprKind::Name(n) => n.text.to_string(),
            ExprKind::Number(n) if n.scale.is_none() && n.unit.is_none() => n.digits.to_string(),
            _ => "…".into(),
        }
    }
    let axes = shape.iter().map(|a| match a {
        IndexArg::At(e) => one(e),
        IndexArg::Spread(e) => format!("..{}", one(e)),
        _ => "…".into(),
    });
    format!("[{}]", axes.collect::<Vec<_>>().join(", "))
}

fn same_extent(
    ctx: &mut Ctx,
    t: &nas_ir::Tensor,
    axis: usize,
    want: &Dim,
    name: &str,
    sides: &Sides,
) -> Result<()> {
    let got = t.shape()[axis].clone();
    let Err(w) = want.same(&got) else {
        return Ok(());
    };
    // Known options are already assumed.
    let mut want2 = want.clone();
    let mut got2 = got.clone();
    for (s, o) in &ctx.assumed {
        want2 = want2.restrict(*s, *o);
        got2 = got2.restrict(*s, *o);
    }
    if want2 == got2 {
        return Ok(());
    }
    let shown = if name == want.to_string() {
        want.to_string()
    } else {
        format!("{name} = {want}")
    };
    let e = nas_ir::ShapeError::new(format!("axis {axis} must be {shown}, and it is {got}"))
        .fact(format!("wanted  {}", written(sides.shape)))
        .fact(format!("given   {}", nas_ir::shape::Show(t.shape())))
        .witness(w);
    let mut f = ctx.shape_fault(e, sides.at);
    f.0.labels.push(nas_diagnostics::Label {
        span: sides.declared,
        text: format!("wanted here: {shown}"),
    });
    Err(f)
}

/// The declared result against what came out.
pub(super) fn check_result(
    ctx: &mut Ctx,
    decl: &FnDecl,
    result: &Value,
    ty: &ast::Type,
    env: &Env,
    span: Span,
) -> Result<()> {
    if let (TypeKind::Name { name, .. }, Value::Float(f, _)) = (&ty.kind, result.plain())
        && matches!(&*name.text, "Int" | "Epochs" | "Steps" | "Pixels")
        && f.is_finite()
        && f.fract() != 0.0
    {
        let message = format!(
            "`{}` promises a whole number, and gives {f}",
            decl.name.text
        );
        let d = nas_diagnostics::Diagnostic::error("E0402", message);
        return Err(d
            .at(span, "not whole")
            .at(ty.span, "promised here")
            .help("`ceil(…)` or `floor(…)` bring it back")
            .into());
    }
    let TypeKind::Tensor { shape, .. } = &ty.kind else {
        // Lists, records and numbers are checked where they are used; a tuple of tensors part by part.
        if let (TypeKind::Tuple(types), Value::List(items)) = (&ty.kind, result.plain()) {
            for (t, v) in types.iter().zip(items.iter()) {
                check_result(ctx, decl, v, t, env, span)?;
            }
        }
        return Ok(());
    };
    let Value::Tensor(t, _) = result.plain() else {
        return Ok(());
    };
    // The declared result holds for every argument, whatever the body asks of some.
    nas_ir::dim::strictly(|| bind_shape(ctx, t, shape, env, span, ty.span))
        .map(|_| ())
        .map_err(|mut f| {
            f.0.message = format!(
                "`{}` does not give the shape it declares: {}",
                decl.name.text, f.0.message
            );
            match exchanged(t, shape, env) {
                Some([a, b]) => {
                    let d = f.0.as_ref().clone();
                    let help = format!("`{}` and `{}` have changed places", a.text, b.text);
                    d.help(help)
                        .fix(a.span, b.text.to_string())
                        .fix(b.span, a.text.to_string())
                        .into()
                }
                None => f,
            }
        })
}

/// Two names of a declared shape that fit with their places changed.
fn exchanged<'a>(
    t: &nas_ir::Tensor,
    shape: &'a [IndexArg],
    env: &Env,
) -> Option<[&'a ast::Ident; 2]> {
    let got = t.shape();
    if got.len() != shape.len() {
        return None;
    }
    let mut wrong = vec![];
    for (arg, d) in shape.iter().zip(got) {
        let IndexArg::At(e) = arg else { return None };
        let ast::ExprKind::Name(n) = &e.kind else {
            continue;
        };
        if let Some(crate::env::Found::Value(v)) = env.find(&n.text)
            && let Some(want) = number::as_dim(&v)
            && want.same(d).is_err()
        {
            wrong.push((n, want, d));
        }
    }
    match &wrong[..] {
        [(a, x, p), (b, y, q)] if x.same(q).is_ok() && y.same(p).is_ok() => Some([a, b]),
        _ => None,
    }
}

/// A declared extent that is a fraction: known, or for some choices.
fn not_whole(ctx: &Ctx, v: &Value, span: Span) -> Result<()> {
    let broken = |v: &Value| match v.plain() {
        Value::Float(f, _) if f.fract() != 0.0 => Some(*f),
        _ => None,
    };
    let found = match v.plain() {
        Value::Open(t) => t
            .values
            .iter()
            .enumerate()
            .find_map(|(i, v)| broken(v).map(|f| (f, t.assignment(i)))),
        other => broken(other).map(|f| (f, vec![])),
    };
    let Some((f, witness)) = found else {
        return Ok(());
    };
    let d = nas_diagnostics::Diagnostic::error("E0402", format!("this size is {f}, not whole"));
    let mut d = d
        .at(span, "not whole")
        .help("`ceil(a / b)` or `floor(a / b)` bring it back");
    let mut all = ctx.shown();
    all.extend(witness);
    ctx.witness.replace(Some(all.clone()));
    if let Some(text) = ctx.space.as_ref().and_then(|s| s.witness(&all)) {
        d = d.note(format!("shown by {text}"));
    }
    Err(d.into())
}
