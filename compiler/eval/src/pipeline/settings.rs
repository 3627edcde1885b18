//! Which pipeline is meant, and the values given for its parameters.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::{ModuleId, Program};
use crate::value::Value;
use crate::{Fault, call};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{Expr, ItemKind, PipelineDecl};
use std::sync::Arc;

/// A pipeline by name; the only one, or `main`, where no name is given.
pub fn find(
    program: &Program,
    module: ModuleId,
    name: Option<&str>,
) -> std::result::Result<Arc<PipelineDecl>, Diagnostic> {
    let all: Vec<Arc<PipelineDecl>> = program.modules[module]
        .tree
        .items
        .iter()
        .filter_map(|i| match &i.kind {
            ItemKind::Pipeline(p) => Some(p.clone()),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = all.iter().map(|p| &*p.name.text).collect();
    let found = match name {
        Some(n) => all.iter().find(|p| &*p.name.text == n),
        None if all.len() == 1 => all.first(),
        None => all.iter().find(|p| &*p.name.text == "main"),
    };
    found.cloned().ok_or_else(|| match name {
        Some(n) => {
            let d = fault("E0201", format!("there is no pipeline `{n}`"));
            match nas_diagnostics::did_you_mean(n, names.clone()) {
                Some(c) => d.help(format!("did you mean `{c}`?")),
                None if names.is_empty() => d.help("this file declares no pipeline"),
                None => d.help(format!("this file declares {}", names.join(", "))),
            }
        }
        None if names.is_empty() => {
            fault("E0201", "this file declares no pipeline").help("write `pipeline main { … }`")
        }
        None => fault("E0201", "which pipeline?")
            .help(format!("name one: FILE:{}", names.join(" or FILE:"))),
    })
}

/// Values for parameters, with the places these are declared at.
pub type Settings = Vec<(Arc<str>, Value, Span)>;

/// Settings from the command line, typed by the pipeline's parameters.
pub fn settings(
    ctx: &mut Ctx,
    decl: &PipelineDecl,
    module: ModuleId,
    given: &[(String, Expr)],
) -> std::result::Result<Settings, Vec<Diagnostic>> {
    let mut out = vec![];
    let mut errors = vec![];
    for (name, e) in given {
        let Some(p) = decl.params.iter().find(|p| *p.name.text == **name) else {
            let names: Vec<&str> = decl.params.iter().map(|p| &*p.name.text).collect();
            let mut d = fault(
                "E0802",
                format!(
                    "the pipeline `{}` has no parameter `{name}`",
                    decl.name.text
                ),
            );
            d = match nas_diagnostics::did_you_mean(name, names.clone()) {
                Some(c) => d.help(format!("did you mean `--set {c}=…`?")),
                None if names.is_empty() => d.help("it has no parameters"),
                None => d.help(format!("it has {}", names.join(", "))),
            };
            errors.push(d);
            continue;
        };
        let v = ctx.in_module(module, |ctx| ctx.eval(e, &Env::default()));
        let v = v.and_then(|v| match (&p.ty, &p.default) {
            (Some(ty), _) => ctx
                .in_module(module, |ctx| {
                    call::accept(ctx, &decl.name.text, name, v, ty, &Env::default(), p.span)
                })
                .map(|r| r.0),
            // Without a written type, the default's kind is the type.
            (None, Some(d)) => {
                let old = ctx.in_module(module, |ctx| ctx.eval(d, &Env::default()))?;
                let number = |v: &Value| matches!(v.plain(), Value::Int(..) | Value::Float(..));
                if old.kind() == v.kind() || (number(&old) && number(&v)) {
                    Ok(v)
                } else {
                    Err(fault(
                        "E0802",
                        format!("`{name}` is {}, and `--set` gives {}", old.kind(), v.kind()),
                    )
                    .at(d.span, "its default")
                    .into())
                }
            }
            _ => Ok(v),
        });
        match v {
            Ok(v) => out.push((p.name.text.clone(), v, p.span)),
            Err(Fault(mut d)) => {
                if d.code != "E0802" {
                    d.message = format!("`--set {name}=…`: {}", d.message);
                    d.code = "E0802";
                }
                // The value stands on the command line, not in a file: only the declaration is a place.
                d.labels.retain(|l| {
                    l.span == p.span
                        || p.ty.as_ref().is_some_and(|t| t.span == l.span)
                        || p.default.as_ref().is_some_and(|x| x.span == l.span)
                });
                errors.push(*d);
            }
        }
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}
