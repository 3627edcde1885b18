//! Checking a whole module: spaces, pipelines, tests and top-level values, with nothing run.

use super::{run, test};
use crate::ctx::{Ctx, Purpose};
use crate::env::Env;
use crate::program::{ModuleId, Program};
use crate::value::{FuncKind, Value};
use crate::{Fault, stmt};
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::{ItemKind, Role};
use std::sync::Arc;

/// Everything of a module that can be checked without running: spaces, pipelines, tests, functions by themselves.
pub fn check_module(
    program: &Arc<Program>,
    host: &Arc<dyn crate::host::Host>,
    module: ModuleId,
) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = vec![];
    let Some(m) = program.modules.get(module) else {
        return out;
    };
    let tree = m.tree.clone();
    let mut ctx = Ctx::new(program.clone(), host.clone(), Purpose::Check, 0);
    let add = |d: Diagnostic, out: &mut Vec<Diagnostic>| {
        if !out.contains(&d) {
            out.push(d);
        }
    };
    for item in &tree.items {
        ctx.module = module;
        ctx.assumed.clear();
        ctx.net = None;
        ctx.space = None;
        match &item.kind {
            ItemKind::Space(decl) if decl.params.iter().all(|p| p.default.is_some()) => {
                let v = ctx.func(
                    FuncKind::Space {
                        decl: decl.clone(),
                        module,
                    },
                    item.span,
                );
                let r = crate::space::as_space(&mut ctx, &v, decl.name.span)
                    .and_then(|s| s.algebra(&mut ctx, decl.name.span));
                if let Err(Fault(d)) = r {
                    add(*d, &mut out);
                }
            }
            ItemKind::Fn(decl) if decl.role == Role::Curriculum => {
                if let Err(Fault(d)) = crate::curriculum::prove(&mut ctx, decl, &Env::default()) {
                    add(*d, &mut out);
                }
            }
            ItemKind::Enlarge(decl) if decl.params.iter().all(|p| p.default.is_some()) => {
                let args = crate::call::Args {
                    span: decl.name.span,
                    ..Default::default()
                };
                if let Err(Fault(d)) = crate::enlarge::instantiate(&mut ctx, decl, module, args) {
                    add(*d, &mut out);
                }
            }
            ItemKind::Pipeline(p) => {
                // Parameters without a default stand for something.
                let settings = p
                    .params
                    .iter()
                    .filter(|x| x.default.is_none())
                    .map(|x| (x.name.text.clone(), Value::unknown(), x.span))
                    .collect();
                for d in run(&mut ctx, p, module, settings).diagnostics {
                    add(d, &mut out);
                }
            }
            ItemKind::Test(t) => {
                for d in test(&mut ctx, t, module).diagnostics {
                    add(d, &mut out);
                }
            }
            ItemKind::Let { pattern, value, .. } => {
                let r = ctx
                    .eval(value, &Env::default())
                    .and_then(|v| stmt::destructure(&mut ctx, pattern, v, &Env::default()));
                if let Err(Fault(d)) = r {
                    add(*d, &mut out);
                }
            }
            ItemKind::Fn(decl) => {
                if let Some(d) = crate::generic::check(&mut ctx, decl, module) {
                    // What a call has shown already is not told twice.
                    let place = |d: &Diagnostic| d.labels.first().map(|l| l.span);
                    if !out.iter().any(|o| place(o) == place(&d)) {
                        out.push(d);
                    }
                }
            }
            _ => {}
        }
        out.append(&mut ctx.warnings);
    }
    out
}
