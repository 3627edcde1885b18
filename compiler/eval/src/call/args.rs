//! The arguments of a call, as written and as a function takes them.

use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::value::{Func, FuncKind, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, ExprKind, FnDecl, Role, TypeKind};
use std::sync::Arc;

/// The arguments of one call.
#[derive(Debug, Clone, Default)]
pub struct Args {
    pub positional: Vec<(Option<Value>, Span)>,
    pub named: Vec<(Arc<str>, Option<Value>, Span)>,
    /// A trailing `{ … }`.
    pub trailing: Option<(Value, Span)>,
    pub span: Span,
}

impl Args {
    pub fn of(values: Vec<(Value, Span)>, span: Span) -> Args {
        Args {
            positional: values.into_iter().map(|(v, s)| (Some(v), s)).collect(),
            named: vec![],
            trailing: None,
            span,
        }
    }

    pub fn one(value: Value, span: Span) -> Args {
        Args::of(vec![(value, span)], span)
    }

    pub(super) fn has_hole(&self) -> bool {
        self.positional.iter().any(|a| a.0.is_none()) || self.named.iter().any(|a| a.1.is_none())
    }

    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let i = self.named.iter().position(|a| &*a.0 == name)?;
        self.named.remove(i).1
    }

    /// The next positional argument of a builtin, or the named one.
    pub fn next(&mut self, name: &str) -> Option<Value> {
        if let Some(v) = self.take_named(name) {
            return Some(v);
        }
        if self.positional.is_empty() {
            self.trailing.take().map(|t| t.0)
        } else {
            self.positional.remove(0).0
        }
    }

    pub fn need(&mut self, name: &str) -> Result<Value> {
        let span = self.span;
        self.next(name).ok_or_else(|| {
            fault("E0302", format!("the argument `{name}` is missing"))
                .at(span, "in this call")
                .into()
        })
    }
}

/// Evaluates the arguments as written. Axis names behind `over:` are read as names.
pub fn arguments(
    ctx: &mut Ctx,
    args: &[ast::Arg],
    trailing: Option<&Arc<ast::Block>>,
    env: &Env,
    span: Span,
) -> Result<Args> {
    let mut out = Args {
        span,
        ..Args::default()
    };
    for a in args {
        if a.spread {
            let v = ctx.eval(&a.value, env)?;
            let v = ctx.settle(v);
            match v.plain() {
                // `take(x, ..n)`: what stands there reads as a range without a beginning.
                Value::Int(..) | Value::Dim(_) => {
                    let range = ctx.make_range(None, Some(v), false, None, a.span)?;
                    out.positional.push((Some(range), a.span));
                }
                Value::Record(r) => out
                    .named
                    .extend(r.iter().map(|(k, v)| (k.clone(), Some(v.clone()), a.span))),
                _ => out.positional.extend(
                    access::items(ctx, &v, a.span)?
                        .into_iter()
                        .map(|v| (Some(v), a.span)),
                ),
            }
            continue;
        }
        let value = match (&a.value.kind, &a.name) {
            (ExprKind::Hole, _) => None,
            (_, Some(n)) if &*n.text == "over" => Some(axes(ctx, &a.value, env)?),
            _ => Some(ctx.eval(&a.value, env)?),
        };
        match &a.name {
            Some(n) => out.named.push((n.text.clone(), value, a.span)),
            None => out.positional.push((value, a.span)),
        }
    }
    if let Some(b) = trailing {
        let body = ctx.func(
            FuncKind::Body {
                body: b.clone(),
                module: ctx.module,
                env: env.clone(),
            },
            b.span,
        );
        out.trailing = Some((body, b.span));
    }
    Ok(out)
}

/// Whether a value of a name may stand for axes; `w` may as well be a list of widths.
fn counts_axes(v: &Value) -> bool {
    match v.plain() {
        Value::Int(..) | Value::Range(_) | Value::Label(_) | Value::Unknown(_) => true,
        Value::List(l) => l.iter().all(counts_axes),
        _ => false,
    }
}

/// Axes: names that a shape bound (their positions), `all`, numbers, ranges or lists of these.
fn axes(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Value> {
    match &e.kind {
        ExprKind::Name(n) => match env.find(&format!("axis {}", n.text)) {
            Some(crate::env::Found::Value(v)) => Ok(v),
            _ if &*n.text == "all" => Ok(Value::Label("all".into())),
            _ => match env.find(&n.text) {
                Some(crate::env::Found::Value(v)) if counts_axes(&v) => Ok(v),
                _ => Ok(Value::Label(n.text.clone())),
            },
        },
        ExprKind::List(items) => {
            let mut out = vec![];
            for i in items {
                let (ast::ListItem::Item(x) | ast::ListItem::Spread(x)) = i;
                out.push(axes(ctx, x, env)?);
            }
            Ok(Value::list(out))
        }
        ExprKind::Tuple(items) => Ok(Value::list(
            items
                .iter()
                .map(|x| axes(ctx, x, env))
                .collect::<Result<_>>()?,
        )),
        _ => ctx.eval(e, env),
    }
}

/// A static argument that was given to a block or function: `r.body`.
pub fn static_argument(f: &Func, name: &str) -> Option<Value> {
    match &f.kind {
        FuncKind::Decl { env, decl, .. }
            if decl.params.iter().flatten().any(|p| &*p.name.text == name) =>
        {
            match env.find(name) {
                Some(crate::env::Found::Value(v)) => Some(v),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A block whose settings are all left out is given its input straight away.
pub fn input_first(decl: &FnDecl, args: &Args) -> bool {
    if decl.role != Role::Block
        || decl.params.len() != 2
        || args.trailing.is_some()
        || args.positional.is_empty()
        || !args.named.is_empty()
    {
        return false;
    }
    // What a check does not know is an input, too, where the settings can all be left out.
    let optional = decl.params[0].iter().all(|p| p.default.is_some());
    let tensors = args
        .positional
        .iter()
        .all(|a| match a.0.as_ref().map(Value::plain) {
            Some(Value::Tensor(..)) => true,
            Some(Value::Unknown(_)) => optional && args.positional.len() == 1,
            _ => false,
        });
    let takes_tensor = decl.params[0].first().is_some_and(|p| {
        matches!(
            p.ty.as_ref().map(|t| &t.kind),
            Some(TypeKind::Tensor { .. })
        )
    });
    tensors && !takes_tensor
}

/// A net whose training ended as invalid, where a function asks for a net: what it gives is invalid for the same reason.
pub(super) fn lost_net(decl: &FnDecl, bound: &Env) -> Option<Value> {
    let net = |p: &&ast::Param| {
        let kind = p.ty.as_ref().map(|t| &t.kind);
        matches!(kind, Some(ast::TypeKind::Name { name, .. }) if &*name.text == "Net")
    };
    decl.params
        .iter()
        .flatten()
        .filter(net)
        .find_map(|p| match bound.find(&p.name.text) {
            Some(Found::Value(v)) if matches!(v.plain(), Value::Invalid(_)) => Some(v),
            _ => None,
        })
}
