//! Checking a whole module: spaces, pipelines, tests, top-level values and declarations by themselves, with nothing run.

use super::{alone, run, test};
use crate::ctx::{Ctx, Purpose};
use crate::env::Env;
use crate::program::{ModuleId, Program};
use crate::value::{FuncKind, Value};
use crate::{Fault, stmt};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{Item, ItemKind, Role};
use std::sync::Arc;

pub(super) type Findings = Vec<Diagnostic>;

/// Everything of a module that can be checked without running: spaces, pipelines, tests, functions by themselves.
///
/// `before` is what was found so far: a declaration with an error in it is left out, and so is what follows from that error
/// elsewhere.
pub fn check_module(
    program: &Arc<Program>,
    host: &Arc<dyn crate::host::Host>,
    module: ModuleId,
    before: &[Diagnostic],
) -> Vec<Diagnostic> {
    check_modules(program, host, &[module], before)
}

/// The same for several modules, in their order: what a check of one gave is not worked out again for the next.
pub fn check_modules(
    program: &Arc<Program>,
    host: &Arc<dyn crate::host::Host>,
    modules: &[ModuleId],
    before: &[Diagnostic],
) -> Vec<Diagnostic> {
    let mut ctx = Ctx::new(program.clone(), host.clone(), Purpose::Check, 0);
    ctx.alike = Some(Arc::default());
    let mut out: Findings = vec![];
    for module in modules {
        out.extend(of_module(&mut ctx, *module, before));
    }
    // Only findings leave a check.
    ctx.shared.release();
    out
}

fn of_module(ctx: &mut Ctx, module: ModuleId, before: &[Diagnostic]) -> Findings {
    let mut out: Findings = vec![];
    let program = ctx.program.clone();
    let Some(m) = program.modules.get(module) else {
        return out;
    };
    let tree = m.tree.clone();
    let errors: Vec<Span> = before
        .iter()
        // A part that is named nowhere may be told better by what it is a part of.
        .filter(|d| d.is_error() && d.code != "E0208")
        .filter_map(Diagnostic::primary)
        .collect();
    let broken = |s: Span| errors.iter().any(|e| within(*e, s));
    for item in &tree.items {
        if broken(item.span) {
            continue;
        }
        ctx.module = module;
        ctx.assumed.clear();
        ctx.among.clear();
        ctx.net = None;
        ctx.space = None;
        ctx.turn = None;
        ctx.depth = 0;
        let mut found = check_item(ctx, item, module);
        found.append(&mut ctx.warnings);
        for d in found {
            if !out.contains(&d) {
                out.push(d);
            }
        }
    }
    if !errors.is_empty() {
        let holes: Vec<Span> = program
            .modules
            .iter()
            .flat_map(|m| m.tree.items.iter().map(|i| i.span))
            .filter(|s| broken(*s))
            .collect();
        // A name that could not be read, or a declaration that is wrong itself, was told already.
        out.retain(|d| {
            !(d.is_error() && (d.code.starts_with("E01") || d.code.starts_with("E02")))
                && !d
                    .labels
                    .iter()
                    .any(|l| holes.iter().any(|h| within(l.span, *h)))
        });
    }
    // A circle was told where it is declared.
    if before.iter().any(|d| d.code == "E0324") {
        out.retain(|d| d.code != "E0307" || !d.message.starts_with("calls are nested"));
    }
    apart(out)
}

/// One finding a cause: the same fault met again through another call is the same.
fn apart(found: Findings) -> Findings {
    let mut out: Findings = vec![];
    for d in found {
        let same = |o: &Diagnostic| {
            o.code == d.code
                && o.message == d.message
                && o.labels.last() == d.labels.last()
                && (o.labels.len() > 1 || d.labels.len() > 1 || o.primary() == d.primary())
        };
        if !out.iter().any(same) {
            out.push(d);
        }
    }
    out
}

fn within(inner: Span, outer: Span) -> bool {
    inner.file == outer.file && inner.start >= outer.start && inner.end <= outer.end
}

fn check_item(ctx: &mut Ctx, item: &Item, module: ModuleId) -> Findings {
    let mut out = vec![];
    match &item.kind {
        ItemKind::Space(decl) if decl.params.iter().all(|p| p.default.is_some()) => {
            let v = ctx.func(
                FuncKind::Space {
                    decl: decl.clone(),
                    module,
                },
                item.span,
            );
            let r = crate::space::as_space(ctx, &v, decl.name.span)
                .and_then(|s| s.algebra(ctx, decl.name.span));
            if let Err(Fault(d)) = r {
                out.push(*d);
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
            out = run(ctx, p, module, settings).diagnostics;
        }
        ItemKind::Test(t) => out = test(ctx, t, module).diagnostics,
        ItemKind::Let { pattern, value, .. } => {
            let r = ctx.eval(value, &Env::default()).and_then(|v| {
                stmt::destructure(ctx, pattern, v.clone(), &Env::default())?;
                Ok(v)
            });
            match r {
                Ok(v) => out.extend(super::axes::functions(ctx, &v, item.span)),
                Err(Fault(d)) => out.push(*d),
            }
        }
        ItemKind::Enlarge(decl) if decl.params.iter().all(|p| p.default.is_some()) => {
            let args = crate::call::Args {
                span: decl.name.span,
                ..Default::default()
            };
            if let Err(Fault(d)) = crate::enlarge::instantiate(ctx, decl, module, args) {
                out.push(*d);
            }
        }
        ItemKind::Rewrite(decl) => {
            if let Err(Fault(d)) = crate::term::alone(ctx, decl, module) {
                out.push(*d);
            }
        }
        ItemKind::Fn(decl) if decl.role == Role::Curriculum => {
            if let Err(Fault(d)) = crate::curriculum::prove(ctx, decl, &Env::default()) {
                out.push(*d);
            }
        }
        ItemKind::Fn(decl) if !matches!(decl.role, Role::Intrinsic | Role::Distill) => {
            out = alone::check(ctx, decl, module, item.span);
            if !out.iter().any(Diagnostic::is_error) {
                out.extend(crate::generic::check(ctx, decl, module));
            }
        }
        _ => {}
    }
    out
}
