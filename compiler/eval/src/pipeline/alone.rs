//! Declarations that nothing need call: each is tried with stand-ins for its parameters, so that its mistakes are its own.

use super::axes;
use super::check::Findings;
use crate::call::{self, Args};
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::program::ModuleId;
use crate::value::{Clock, Element, Fields, FuncKind, Known, Value};
use crate::{Result, number};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{Expr, ExprKind, FnDecl, IndexArg, Param, Role, Type, TypeKind};
use nas_ir::{DType, Dim, Shape, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

/// Sizes that stand in: whole numbers in the order of the parameters, then extents in the order of the axes. Lists of different
/// numbers come first, so that two sizes that are mixed up differ.
const TRIALS: &[(&[i64], &[i64])] = &[
    (&[8, 4, 2, 16], &[48, 24, 16, 40, 56]),
    (&[3, 5, 7, 2], &[60, 30, 20, 36, 28]),
    (&[2, 2, 2, 2], &[64, 16, 16, 16, 16]),
    (&[1, 1, 1, 1], &[24, 12, 12, 12, 12]),
    (&[16, 8, 4, 2], &[16, 8, 32, 32, 32]),
];

/// A small net with names that many functions ask for, to stand in for any.
const NET: &str = "net(x: [n, 3, 16, 16]) -> [n, 10] { \
    let a = x |> conv2d(8, 3) |> batch_norm |> relu |> residual { conv2d(8, 3) |> batch_norm }   \
    tap features = a |> relu   \
    features |> mean(over: [2, 3]) |> linear(10) }";
const DATA: &str = "generated(256, 10, 16)";
/// The file of their texts.
const OURS: nas_diagnostics::FileId = nas_diagnostics::FileId(u32::MAX);

/// What stands in for nets and data.
#[derive(Clone, Copy, PartialEq)]
enum Things {
    Unknown,
    Small,
    /// Tensors of so many axes for what may have any number.
    Axes(usize),
}

/// Finds what is wrong with a declaration whatever it is called with: what every trial meets at the same place, and a
/// declared shape that some trial does not keep.
pub(super) fn check(ctx: &mut Ctx, decl: &Arc<FnDecl>, module: ModuleId, item: Span) -> Findings {
    let found = trials(ctx, decl, module, item, Things::Unknown);
    if found.is_empty() && decl.params.iter().flatten().any(any_tensor) {
        let found = axes::common(|n| {
            let found = trials(ctx, decl, module, item, Things::Axes(n));
            found.into_iter().next()
        });
        if !found.is_empty() {
            return found;
        }
    }
    let asks = |p: &Param| {
        matches!(p.ty.as_ref().map(|t| &t.kind),
            Some(TypeKind::Name { name, .. }) if matches!(&*name.text, "Net" | "Data"))
    };
    if !found.is_empty() || !decl.params.iter().flatten().any(asks) {
        return found;
    }
    // A net of ours has the axes of any net, but not the blocks and taps that are asked for.
    let found = trials(ctx, decl, module, item, Things::Small);
    // What our net asks of its input, another may not ask.
    let ours = |d: &Diagnostic| d.labels.iter().any(|l| l.span.file == OURS);
    let any = |d: &Diagnostic| {
        matches!(d.code, "E0302" | "E0303" | "E0307" | "E0323" | "E0403") && !ours(d)
    };
    found.into_iter().filter(any).collect()
}

/// A parameter that takes tensors of any number of axes.
fn any_tensor(p: &Param) -> bool {
    p.default.is_none()
        && matches!(p.ty.as_ref().map(|t| &t.kind),
            Some(TypeKind::Name { name, .. }) if &*name.text == "Tensor")
}

fn trials(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    item: Span,
    things: Things,
) -> Findings {
    let mut common: Option<Diagnostic> = None;
    let (mut dropped, mut seen) = (false, false);
    let sized = decl.params.iter().flatten().any(|p| {
        matches!(p.ty.as_ref().map(|t| &t.kind),
            Some(TypeKind::Name { name, .. }) if &*name.text == "Int")
    });
    let shaped = declares_shapes(decl);
    for trial in TRIALS {
        // What it is called with may be sealed.
        let around = std::mem::replace(&mut ctx.privy, true);
        let tried = attempt(ctx, decl, module, trial, things);
        ctx.privy = around;
        let d = match tried {
            Ok(_) => {
                dropped = true;
                // Only a declared shape is held for each trial.
                if sized || !shaped {
                    break;
                }
                continue;
            }
            Err(f) => *f.0,
        };
        // What divides is a matter of the sizes, and ours may be none that are meant: others say more.
        if d.code == "E0402" && sized {
            continue;
        }
        // What is wrong elsewhere is told there; what this version cannot do may never be asked of it.
        let inside = d
            .primary()
            .is_some_and(|p| p.file == item.file && p.start >= item.start && p.end <= item.end);
        if !inside || matches!(d.code, "E0309" | "E0304" | "E0606" | "E0701") {
            return vec![];
        }
        // A shape that is declared is declared for all sizes, and for every static argument.
        if d.code == "E0401" && d.message.contains("does not give the shape it declares") {
            return vec![d];
        }
        match &common {
            None if !seen => common = Some(d),
            Some(c) if c.code == d.code && c.primary() == d.primary() => {}
            _ => dropped = true,
        }
        seen = true;
    }
    common.filter(|_| !dropped).into_iter().collect()
}

/// Whether the declaration, or one inside it, says what shape it gives.
fn declares_shapes(decl: &FnDecl) -> bool {
    let own = matches!(
        decl.result.as_ref().map(|t| &t.kind),
        Some(TypeKind::Tensor { .. })
    );
    let inside = |b: &nas_grammar::ast::Block| {
        b.stmts
            .iter()
            .any(|s| matches!(s.kind, nas_grammar::ast::StmtKind::Item(_)))
    };
    own || decl.body.as_ref().is_some_and(inside)
}

fn attempt(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    trial: &(&[i64], &[i64]),
    things: Things,
) -> Result<Value> {
    let f = ctx.func(
        FuncKind::Decl {
            decl: decl.clone(),
            module,
            env: Env::default(),
            global: None,
            lists: 0,
        },
        decl.name.span,
    );
    let mut known: HashMap<Arc<str>, i64> = HashMap::new();
    tried(ctx, decl, f, trial, things, &mut known).map_err(|mut f| {
        if f.0.code.starts_with("E04")
            && let Some(sizes) = sizes(decl, &known)
        {
            f.0.notes.push(format!("for instance with {sizes}"));
        }
        f
    })
}

/// The sizes of a signature that stood in: `c = 48, h = 24`.
fn sizes(decl: &FnDecl, known: &HashMap<Arc<str>, i64>) -> Option<String> {
    let mut out: Vec<String> = vec![];
    for p in decl.params.iter().flatten() {
        let names: Vec<&Arc<str>> = match p.ty.as_ref().map(|t| &t.kind) {
            Some(TypeKind::Tensor { shape, .. }) => shape
                .iter()
                .filter_map(|s| match s {
                    IndexArg::At(e) => match &e.kind {
                        ExprKind::Name(n) => Some(&n.text),
                        _ => None,
                    },
                    _ => None,
                })
                .collect(),
            _ if p.default.is_none() => vec![&p.name.text],
            _ => vec![],
        };
        for n in names {
            if let Some(v) = known.get(n) {
                let text = format!("{n} = {v}");
                if !out.contains(&text) {
                    out.push(text);
                }
            }
        }
    }
    (!out.is_empty()).then(|| out.join(", "))
}

fn tried(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    mut f: Value,
    trial: &(&[i64], &[i64]),
    things: Things,
    known: &mut HashMap<Arc<str>, i64>,
) -> Result<Value> {
    let span = decl
        .body
        .as_ref()
        .and_then(|b| b.value.as_ref())
        .map_or(decl.name.span, |v| v.span);
    let mut ints = trial.0.iter().cycle();
    let mut extents = trial.1.iter().cycle();
    let mut env = Env::default();
    for list in &decl.params {
        let mut args = Args {
            span,
            ..Args::default()
        };
        for p in list {
            if let Some(d) = &p.default {
                if let Ok(v) = ctx.eval(d, &env) {
                    if let Value::Int(i, _) = v.plain() {
                        known.insert(p.name.text.clone(), *i);
                    }
                    env = env.bind(p.name.text.clone(), v);
                }
                continue;
            }
            let v = match thing(ctx, p, things)? {
                Some(v) => v,
                None => stand_in(ctx, p, &env, known, &mut ints, &mut extents)?,
            };
            env = env.bind(p.name.text.clone(), v.clone());
            args.named.push((p.name.text.clone(), Some(v), p.span));
        }
        f = call::call(ctx, f, args)?;
    }
    if matches!(decl.role, Role::Schedule | Role::Curriculum) {
        let clock = Clock {
            step: 0,
            steps: 100,
            epoch: 0,
            epochs: 10,
        };
        f = call::call(ctx, f, Args::one(Value::Clock(clock), span))?;
    }
    Ok(f)
}

/// A net, data, a batch or a tensor to stand in, where the parameter asks for one.
fn thing(ctx: &mut Ctx, p: &Param, things: Things) -> Result<Option<Value>> {
    if let Things::Axes(n) = things
        && any_tensor(p)
    {
        return Ok(Some(axes::tensor(n)));
    }
    let text = match p.ty.as_ref().map(|t| &t.kind) {
        Some(TypeKind::Record(fields)) if things == Things::Small => match &fields[..] {
            [(x, _), (y, _)] if &*x.text == "x" && &*y.text == "y" => return Ok(Some(batch())),
            _ => return Ok(None),
        },
        Some(TypeKind::Name { name, .. }) if things == Things::Small => match &*name.text {
            "Net" => NET,
            "Data" => DATA,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let (e, _) = nas_grammar::parse_expr(OURS, text);
    ctx.eval(&e, &Env::default()).map(Some)
}

/// A batch of what our net takes.
fn batch() -> Value {
    let dims = |d: &[i64]| d.iter().map(|d| Dim::Const(*d)).collect();
    let x = Tensor::symbol("x", dims(&[8, 3, 16, 16]), DType::F32);
    let y = Tensor::symbol("y", dims(&[8]), DType::I32);
    let mut fields = Fields::new();
    fields.insert("x".into(), Value::Tensor(x, Element::Float));
    fields.insert("y".into(), Value::Tensor(y, Element::Label));
    Value::record(fields)
}

type Sizes<'a> = std::iter::Cycle<std::slice::Iter<'a, i64>>;

fn stand_in(
    ctx: &mut Ctx,
    p: &Param,
    env: &Env,
    known: &mut HashMap<Arc<str>, i64>,
    ints: &mut Sizes,
    extents: &mut Sizes,
) -> Result<Value> {
    let Some(ty) = &p.ty else {
        return Ok(Value::unknown());
    };
    Ok(match &ty.kind {
        TypeKind::Tensor { shape, of } if !is_list(shape) => {
            let mut dims = Shape::new();
            for s in shape {
                match s {
                    IndexArg::At(e) => dims.push(extent(ctx, e, env, known, extents)?),
                    IndexArg::Spread(e) => {
                        // The same name stands for the same axes.
                        for i in 0..3 - shape.len().min(2) {
                            let ExprKind::Name(n) = &e.kind else {
                                dims.push(size(extents));
                                continue;
                            };
                            let v = *known
                                .entry(format!("..{} {i}", n.text).into())
                                .or_insert_with(|| extents.next().copied().unwrap_or(1));
                            dims.push(Dim::Const(v));
                        }
                    }
                    _ => return Ok(Value::unknown()),
                }
            }
            let (dtype, element) = element(of.as_deref());
            Value::Tensor(Tensor::symbol("stand-in", dims, dtype), element)
        }
        TypeKind::Name { name, .. } => match &*name.text {
            "Int" | "Epochs" | "Steps" | "Pixels" => {
                let v = ints.next().copied().unwrap_or(1);
                known.insert(p.name.text.clone(), v);
                Value::int(v)
            }
            "Float" | "Score" | "Rate" | "Percent" | "Share" | "Ratio" => {
                Value::Unknown(Known::Number)
            }
            _ => Value::unknown(),
        },
        _ => Value::unknown(),
    })
}

/// `[Score]` is read like a shape, and is a list.
fn is_list(shape: &[IndexArg]) -> bool {
    matches!(shape, [IndexArg::At(Expr { kind: ExprKind::Name(n), .. })]
        if n.text.starts_with(|c: char| c.is_uppercase()))
}

fn size(extents: &mut Sizes) -> Dim {
    Dim::Const(extents.next().copied().unwrap_or(1))
}

fn extent(
    ctx: &mut Ctx,
    e: &Expr,
    env: &Env,
    known: &mut HashMap<Arc<str>, i64>,
    extents: &mut Sizes,
) -> Result<Dim> {
    match &e.kind {
        ExprKind::Hole => Ok(size(extents)),
        ExprKind::Name(n) if &*n.text == "_" => Ok(size(extents)),
        ExprKind::Name(n) => {
            if let Some(v) = known.get(&n.text) {
                return Ok(Dim::Const(*v));
            }
            if let Some(Found::Value(v)) = env.find(&n.text)
                && let Some(d) = number::as_dim(&v)
            {
                return Ok(d);
            }
            // The batch is never chosen.
            if &*n.text == "n" {
                return Ok(Dim::var("n"));
            }
            let v = extents.next().copied().unwrap_or(1);
            known.insert(n.text.clone(), v);
            Ok(Dim::Const(v))
        }
        _ => {
            let scope = known
                .iter()
                .fold(env.clone(), |e, (k, v)| e.bind(k.clone(), Value::int(*v)));
            let v = ctx.eval(e, &scope)?;
            Ok(number::as_dim(&v).unwrap_or_else(|| size(extents)))
        }
    }
}

fn element(of: Option<&Type>) -> (DType, Element) {
    let name = match of.map(|t| &t.kind) {
        Some(TypeKind::Name { name, .. }) => &*name.text,
        Some(TypeKind::Optional(t)) => match &t.kind {
            TypeKind::Name { name, .. } => &*name.text,
            _ => "",
        },
        _ => "",
    };
    match name {
        "Index" | "Token" => (DType::I32, Element::Index),
        "Label" => (DType::I32, Element::Label),
        "Bool" => (DType::F32, Element::Bool),
        "OneHot" => (DType::F32, Element::OneHot),
        _ => (DType::F32, Element::Float),
    }
}
