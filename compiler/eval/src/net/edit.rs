//! `base with { … }`: records, blocks of a net, architectures and nets, edited.

use super::{Edit, EditValue, Frame, PatternArg, as_net};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::value::Value;
use nas_diagnostics::{Span, did_you_mean};
use nas_grammar::ast::{
    Expr, ExprKind, FnDecl, Item, ItemKind, Role, StmtKind, WithEntry, WithTarget,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Blocks by name, each with the names of its parameters.
pub type Kinds = HashMap<Arc<str>, HashSet<Arc<str>>>;

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
        Value::Unknown(_) | Value::Invalid(_) => Ok(b),
        Value::Net(_) | Value::Func(_) => {
            let n = as_net(ctx, &b, span)?;
            let mut edits = n.edits.clone();
            for e in entries {
                let WithTarget::Path(target) = &e.target else {
                    return Err(whole(e.span));
                };
                let (kind, param, pattern) = aim(ctx, target, env)?;
                aimed(ctx, &kind, param.as_ref(), env, target.span)?;
                let within = match &e.within {
                    None => None,
                    Some(w) => match &w.kind {
                        ExprKind::Name(n) => Some(n.text.clone()),
                        _ => return Err(whole(w.span)),
                    },
                };
                let value = if e.binder.is_some() || !pattern.is_empty() {
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
                    pattern,
                    within,
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

fn whole(span: Span) -> crate::Fault {
    fault("E0309", "this kind of edit is not yet supported by this version")
        .at(span, "here")
        .help("a net is edited by a kind of block, `conv2d: …`, by a pattern, `conv2d(out, k): …`, or by a parameter, `conv2d.weight: …`")
        .into()
}

/// E0202 for an edit that no block can be meant by: of no kind that is declared, or of a parameter that such blocks have not.
fn aimed(
    ctx: &mut Ctx,
    kind: &Arc<str>,
    param: Option<&Arc<str>>,
    env: &Env,
    span: Span,
) -> Result<()> {
    let shared = ctx.shared.clone();
    let kinds = shared.kinds.get_or_init(|| {
        let mut kinds = HashMap::new();
        let items = ctx.program.modules.iter().flat_map(|m| &m.tree.items);
        items.for_each(|i| blocks(i, &mut kinds));
        kinds
    });
    let local = matches!(env.find(kind), Some(Found::Value(_)));
    if &**kind == "params" || local {
        return Ok(());
    }
    let Some(parts) = kinds.get(kind) else {
        let d = fault(
            "E0202",
            format!("an edit of `{kind}`, and no block is called so"),
        )
        .at(span, "no part of any net");
        let names = kinds.keys().cloned().chain(["params".into()]);
        return Err(match did_you_mean(kind, names) {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d.help("a net is edited by a kind of block, `conv2d: …`, or by `params`"),
        }
        .into());
    };
    match param {
        Some(p) if !parts.contains(p) => {
            let d = fault("E0202", format!("`{kind}` has no `{p}`")).at(span, "edited here");
            let mut all: Vec<&str> = parts.iter().map(|p| &**p).collect();
            all.sort_unstable();
            Err(match did_you_mean(p, &all) {
                Some(near) => d.help(format!("did you mean `{kind}.{near}`?")),
                None => d.note(format!("it has {}", all.join(", "))),
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// Adds the blocks that an item declares, at any depth, each with its parameters' names.
fn blocks(item: &Item, out: &mut Kinds) {
    let body = match &item.kind {
        ItemKind::Fn(d) => {
            if matches!(d.role, Role::Block | Role::Intrinsic) {
                let parts = out.entry(d.name.text.clone()).or_default();
                parts.extend(d.params.iter().flatten().map(|p| p.name.text.clone()));
                for s in d.body.iter().flat_map(|b| &b.stmts) {
                    if let StmtKind::Param { name, .. }
                    | StmtKind::State { name, .. }
                    | StmtKind::Tap { name, .. } = &s.kind
                    {
                        parts.insert(name.text.clone());
                    }
                }
            }
            d.body.as_ref()
        }
        ItemKind::Space(d) => Some(&d.body),
        ItemKind::Test(d) => Some(&d.body),
        ItemKind::Pipeline(d) => Some(&d.body),
        _ => None,
    };
    for s in body.iter().flat_map(|b| &b.stmts) {
        if let StmtKind::Item(inner) = &s.kind {
            blocks(inner, out);
        }
    }
}

type Aim = (
    Arc<str>,
    Option<Arc<str>>,
    Vec<(Option<Arc<str>>, PatternArg)>,
);

/// What an edit of a net is aimed at: a kind of block, its settings, a parameter.
fn aim(ctx: &mut Ctx, target: &Expr, env: &Env) -> Result<Aim> {
    match &target.kind {
        ExprKind::Name(n) => Ok((n.text.clone(), None, vec![])),
        ExprKind::Field { base, name } => match &base.kind {
            ExprKind::Name(n) => Ok((n.text.clone(), Some(name.text.clone()), vec![])),
            _ => Err(whole(target.span)),
        },
        ExprKind::Call {
            callee,
            args,
            trailing: None,
        } => {
            let ExprKind::Name(n) = &callee.kind else {
                return Err(whole(callee.span));
            };
            let mut pattern = vec![];
            for a in args {
                let name = a.name.as_ref().map(|n| n.text.clone());
                let arg = match &a.value.kind {
                    ExprKind::Hole => continue,
                    ExprKind::Name(n) if env.find(&n.text).is_none() => {
                        PatternArg::Bind(n.text.clone())
                    }
                    _ => PatternArg::Is(ctx.eval(&a.value, env)?),
                };
                pattern.push((name, arg));
            }
            Ok((n.text.clone(), None, pattern))
        }
        _ => Err(whole(target.span)),
    }
}

impl Edit {
    /// The names that this edit's pattern binds for a block with these settings, inside these blocks; `None` where it does not fit.
    pub fn fits(&self, frames: &[Frame], decl: &FnDecl, settings: &Env) -> Option<Env> {
        if let Some(w) = &self.within
            && !frames.iter().any(|f| f.kind == *w)
        {
            return None;
        }
        let mut env = Env::default();
        // What a function of the old block gives may hold the old block's parts; what is new is left alone.
        if frames.iter().any(|f| f.edit == Some(self.key)) {
            return None;
        }
        let list = decl.params.first()?;
        let mut position = 0;
        for (name, arg) in &self.pattern {
            let param = match name {
                Some(n) => list.iter().find(|p| p.name.text == *n)?,
                None => {
                    position += 1;
                    list.get(position - 1)?
                }
            };
            let Some(Found::Value(v)) = settings.find(&param.name.text) else {
                return None;
            };
            match arg {
                PatternArg::Bind(n) => env = env.bind(n.clone(), v),
                PatternArg::Is(want) => {
                    let same = crate::number::equal(&v, want) == Some(true)
                        || crate::open::same(v.plain(), want.plain());
                    if !same {
                        return None;
                    }
                }
            }
        }
        Some(env)
    }
}
