//! Blocks checked by themselves: each extent of their signature stands for any number, so what cannot fit shows without a caller.
//!
//! Only what is certain is told: sizes that no caller can make fit, and a result that is not the declared one. Sizes that do not follow from the signature are unknown, and what hangs on them (a division, an arm of
//! an `if`, a block given as an argument) is left to the calls.

use crate::Fault;
use crate::call::Args;
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{self, NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::value::{Element, Func, FuncKind, Known, Value};
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::{ExprKind, FnDecl, IndexArg, Param, Role, TypeKind};
use nas_ir::dim::leniently;
use nas_ir::{DType, Dim, Shape, Tensor};
use std::sync::Arc;

/// What is certainly wrong with a block, if its signature gives shapes.
pub fn check(ctx: &mut Ctx, decl: &Arc<FnDecl>, module: ModuleId) -> Option<Diagnostic> {
    if decl.role != Role::Block || decl.body.is_none() {
        return None;
    }
    let (inputs, settings) = decl.params.split_last()?;
    if inputs.is_empty() {
        return None;
    }
    ctx.generic = true;
    let found = ctx.in_module(module, |ctx| {
        let mut env = Env::default();
        for p in settings.iter().flatten() {
            let v = setting(ctx, p, &env);
            env = env.bind(p.name.text.clone(), v);
        }
        let block = Value::Func(Arc::new(Func {
            kind: FuncKind::Decl {
                decl: decl.clone(),
                module,
                env: env.clone(),
                global: None,
                lists: settings.len(),
            },
            bound: vec![],
            span: decl.name.span,
        }));
        let mut values = vec![];
        for p in inputs {
            values.push((input(ctx, p, &mut env)?, p.span));
        }
        [true, false].into_iter().find_map(|train| {
            let mut n = NetValue::new(NetBase::Block(block.clone()), NetWeights::Abstract);
            n.train = Some(train);
            let result = decl.body.as_ref().and_then(|b| b.value.as_ref());
            let at = result.map_or(decl.name.span, |v| v.span);
            let args = Args::of(values.clone(), at);
            match leniently(|| net::run(ctx, &Arc::new(n), args, None, false)) {
                Err(Fault(d)) if certain(&d) => Some(*d),
                _ => None,
            }
        })
    });
    ctx.generic = false;
    ctx.net = None;
    found
}

/// Shapes that cannot fit; not those with an extent that is unknown.
fn certain(d: &Diagnostic) -> bool {
    let shapes = matches!(d.code, "E0401" | "E0402" | "E0403");
    let unknown = |text: &str| text.contains('?') || text.contains("not known");
    shapes && !unknown(&d.message) && !d.notes.iter().any(|n| unknown(n))
}

/// A static argument: its default, or one that stands for any.
fn setting(ctx: &mut Ctx, p: &Param, env: &Env) -> Value {
    if let Some(d) = &p.default {
        return ctx.eval(d, env).unwrap_or(Value::unknown());
    }
    match p.ty.as_ref().map(|t| &t.kind) {
        Some(TypeKind::Name { name, .. }) => match &*name.text {
            "Int" | "Pixels" => Value::Dim(Dim::var(p.name.text.clone())),
            "Float" | "Rate" | "Percent" | "Share" => Value::Unknown(Known::Number),
            _ => Value::unknown(),
        },
        _ => Value::unknown(),
    }
}

/// An input of the declared shape, each name of which is an extent; none where no shape is declared.
fn input(ctx: &mut Ctx, p: &Param, env: &mut Env) -> Option<Value> {
    let TypeKind::Tensor { shape, of } = &p.ty.as_ref()?.kind else {
        return None;
    };
    let mut dims = Shape::new();
    for s in shape {
        match s {
            IndexArg::At(e) => {
                let known = match &e.kind {
                    ExprKind::Name(n) => match env.find(&n.text) {
                        Some(Found::Value(v)) => crate::number::as_dim(&v),
                        _ => {
                            let d = Dim::var(n.text.clone());
                            *env = env.bind(n.text.clone(), Value::Dim(d.clone()));
                            Some(d)
                        }
                    },
                    _ => {
                        let v = ctx.eval(e, env).ok()?;
                        crate::number::as_dim(&v)
                    }
                };
                dims.push(known?);
            }
            // Any number of axes: one stands for them.
            IndexArg::Spread(_) => dims.push(Dim::var("rest")),
            _ => return None,
        }
    }
    let index = matches!(of.as_ref().map(|t| &t.kind), Some(TypeKind::Name { name, .. }) if matches!(&*name.text, "Index" | "Label" | "Token"));
    Some(match index {
        true => Value::Tensor(Tensor::symbol("input", dims, DType::I32), Element::Index),
        false => Value::tensor(Tensor::symbol("input", dims, DType::F32)),
    })
}
