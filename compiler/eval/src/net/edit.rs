//! `base with { … }`: records, blocks of a net, architectures and nets, edited.

use super::{Edit, EditValue, as_net};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::Value;
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, WithEntry, WithTarget};
use std::sync::Arc;

/// `base with { … }`
pub fn with(
    ctx: &mut Ctx,
    base: &Expr,
    entries: &[WithEntry],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let b = ctx.eval(base, env)?;
    let plain_name = |e: &Expr| match &e.kind {
        ExprKind::Name(n) => Some(n.clone()),
        _ => None,
    };
    match b.plain() {
        Value::Record(r) => {
            let mut out = (**r).clone();
            for e in entries {
                match &e.target {
                    WithTarget::Path(t) => {
                        let Some(n) = plain_name(t) else {
                            return Err(fault(
                                "E0309",
                                "only a record's own fields can be edited yet",
                            )
                            .at(t.span, "here")
                            .into());
                        };
                        let mut inner = env.clone();
                        if let Some(old) = out.get(&n.text) {
                            inner = inner
                                .bind("it".into(), old.clone())
                                .bind(n.text.clone(), old.clone());
                        }
                        let v = ctx.eval(&e.value, &inner)?;
                        out.insert(n.text.clone(), v);
                    }
                    WithTarget::Spread { value, .. } => {
                        if let Value::Record(more) = ctx.eval(value, env)?.plain() {
                            out.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
                        }
                    }
                }
            }
            Ok(Value::record(out))
        }
        Value::Call(c) => {
            let mut c = (**c).clone();
            for e in entries {
                if let WithTarget::Path(t) = &e.target
                    && let Some(n) = plain_name(t)
                {
                    let old = c.params.get(&n.text).cloned();
                    let inner = old.map_or(env.clone(), |o| env.bind("it".into(), o));
                    let v = ctx.eval(&e.value, &inner)?;
                    c.overrides.insert(n.text.clone(), v);
                }
            }
            Ok(Value::Call(Arc::new(c)))
        }
        Value::Arch(a) => crate::space::edit_arch(ctx, a, entries, env, span),
        Value::Unknown(_) => Ok(b),
        Value::Net(_) | Value::Func(_) => {
            let n = as_net(ctx, &b, span)?;
            let mut edits = n.edits.clone();
            for e in entries {
                let (kind, param) = match &e.target {
                    WithTarget::Path(Expr {
                        kind: ExprKind::Name(n),
                        ..
                    }) => (n.text.clone(), None),
                    WithTarget::Path(Expr {
                        kind: ExprKind::Field { base, name },
                        ..
                    }) => match &base.kind {
                        ExprKind::Name(n) => (n.text.clone(), Some(name.text.clone())),
                        _ => {
                            return Err(fault(
                                "E0309",
                                "this kind of edit is not yet supported by this version",
                            )
                            .at(e.span, "here")
                            .into());
                        }
                    },
                    _ => {
                        return Err(fault(
                            "E0309",
                            "this kind of edit is not yet supported by this version",
                        )
                        .at(e.span, "here")
                        .into());
                    }
                };
                if e.within.is_some() {
                    return Err(fault("E0309", "edits inside one kind of block (`in`) are not yet supported by this version").at(e.span, "here").into());
                }
                let value = if e.binder.is_some() {
                    EditValue::Later {
                        value: e.value.clone(),
                        env: env.clone(),
                        module: ctx.module,
                    }
                } else {
                    EditValue::Ready(ctx.eval(&e.value, env)?)
                };
                let binder = e
                    .binder
                    .as_ref()
                    .map(|(b, i)| (b.text.clone(), i.as_ref().map(|i| i.text.clone())));
                let key = ctx.next_key();
                edits.push(Arc::new(Edit {
                    kind,
                    param,
                    binder,
                    value,
                    key,
                }));
            }
            Ok(Value::Net(n.derived(|n| n.edits = edits)))
        }
        other => Err(fault(
            "E0309",
            format!(
                "`with` on {} is not yet supported by this version",
                other.kind()
            ),
        )
        .at(span, "here")
        .into()),
    }
}
