//! `choose`: entering a choice as a site, or answering it for a member.

use super::{Choices, SiteInfo};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Func, FuncKind, Picked, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::Expr;
use nas_ir::Table;
use std::sync::Arc;

/// `choose options`
pub fn choose(
    ctx: &mut Ctx,
    count: Option<&Expr>,
    options: &Expr,
    _ordered: bool,
    _distinct: bool,
    env: &Env,
    span: Span,
) -> Result<Value> {
    if let Some(c) = count {
        return Err(fault(
            "E0309",
            "choosing several of a list is not yet supported by this version",
        )
        .at(c.span, "here")
        .into());
    }
    let opts = ctx.eval(options, env)?;
    let opts = ctx.settle(opts);
    if let Value::Open(_) = opts {
        return Err(fault(
            "E0309",
            "options that depend on another choice are not yet supported by this version",
        )
        .at(options.span, "here")
        .into());
    }
    let mut labels: Vec<Arc<str>> = vec![];
    let mut values = vec![];
    match opts.plain() {
        Value::Record(r) => {
            for (k, v) in r.iter() {
                labels.push(k.clone());
                values.push(v.clone());
            }
        }
        Value::Dim(_) | Value::Interval(_) => {
            return Err(fault(
                "E0309",
                "options that depend on another choice are not yet supported by this version",
            )
            .at(options.span, "here")
            .into());
        }
        _ => {
            for v in access::items(ctx, &opts, options.span)? {
                labels.push(match v.plain() {
                    Value::Func(f) => func_name(f),
                    _ => access::key_text(&v),
                });
                values.push(v);
            }
        }
    }
    if values.is_empty() {
        return Err(fault("E0602", "a choice needs options")
            .at(options.span, "there are none")
            .into());
    }
    if let Some(i) = (1..labels.len()).find(|i| labels[..*i].contains(&labels[*i])) {
        return Err(fault(
            "E0108",
            format!("the option `{}` is given twice", labels[i]),
        )
        .at(options.span, "in these options")
        .into());
    }
    let Some(context) = ctx.space.clone() else {
        return Err(fault("E0107", "`choose` stands in a space")
            .at(span, "here")
            .help("declare a `space`, and give it what is open")
            .into());
    };
    let address: Arc<str> = {
        let inner = ctx.place.concat();
        match &mut ctx.net {
            Some(n) => {
                let path = n.place();
                format!(
                    "{path}{}{}",
                    if path.is_empty() || inner.is_empty() {
                        ""
                    } else {
                        "/"
                    },
                    if inner.is_empty() && path.is_empty() {
                        "choice"
                    } else {
                        &inner
                    }
                )
                .into()
            }
            None if inner.is_empty() => "choice".into(),
            None => inner.into(),
        }
    };
    match &context.choices {
        Choices::Member(a) => {
            let sites = a.space.sites();
            let found = sites.iter().position(|s| s.address == address);
            match found.and_then(|i| a.arch.0.get(i).copied().flatten()) {
                Some(o) if o < values.len() => Ok(Value::Picked(Arc::new(Picked {
                    label: labels[o].clone(),
                    index: o,
                    site: address,
                    value: values[o].clone(),
                }))),
                _ => Err(fault(
                    "E0605",
                    format!("the member has no option for the choice `{address}`"),
                )
                .at(span, "this choice")
                .into()),
            }
        }
        Choices::Open(sites) => {
            let Ok(mut all) = sites.lock() else {
                return Ok(Value::unknown());
            };
            let known = all.iter().position(|s| s.address == address);
            let id = match known {
                Some(i) => {
                    if all[i].labels != labels {
                        return Err(fault("E0309", format!("the choice `{address}` has different options in different members: not yet supported by this version"))
                            .at(span, "this choice")
                            .into());
                    }
                    let here = ctx.assumed.clone();
                    if !all[i].exists.contains(&here) && !all[i].exists.iter().any(|c| c.is_empty())
                    {
                        all[i].exists.push(here);
                    }
                    i
                }
                None => {
                    all.push(SiteInfo {
                        address: address.clone(),
                        labels: labels.clone(),
                        options: values.clone(),
                        exists: vec![ctx.assumed.clone()],
                        span,
                    });
                    all.len() - 1
                }
            };
            drop(all);
            let picked = labels
                .iter()
                .zip(&values)
                .enumerate()
                .map(|(i, (l, v))| {
                    Value::Picked(Arc::new(Picked {
                        label: l.clone(),
                        index: i,
                        site: address.clone(),
                        value: v.clone(),
                    }))
                })
                .collect();
            let table = Table {
                sites: vec![(id as u32, labels.len() as u32)],
                values: picked,
            };
            if values.len() == 1 {
                return Ok(table.values[0].clone());
            }
            // Whole numbers become a size; anything else stays a table of options.
            if values.iter().all(|v| matches!(v.plain(), Value::Int(..))) {
                crate::open::join(ctx, table, span)
            } else {
                Ok(Value::Open(Arc::new(table)))
            }
        }
    }
}

fn func_name(f: &Func) -> Arc<str> {
    match &f.kind {
        FuncKind::Decl { decl, .. } => decl.name.text.clone(),
        FuncKind::Builtin { name, .. } => (*name).into(),
        _ => crate::show::brief(&Value::Func(Arc::new(Func {
            kind: f.kind.clone(),
            bound: vec![],
            span: f.span,
        })))
        .into(),
    }
}

/// A size that depends on choices as an open value.
pub fn open_of(_ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Dim(d) => match d.as_table() {
            Some(t) => Ok(Value::Open(Arc::new(t.map(|v| Value::int(*v))))),
            None => Err(
                fault("E0304", format!("{d} is not known before anything runs"))
                    .at(span, "here")
                    .into(),
            ),
        },
        _ => Ok(v.clone()),
    }
}
