//! `distinct(xs, modulo: rules)`: of architectures that the rules make equal, the first.

use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::space::{ArchValue, SpaceValue, body, classes};
use crate::value::Value;
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, Ident};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A space up to rules, with what tells its members apart.
type Told = (Arc<SpaceValue>, Arc<classes::Classes>);

/// Architectures, or records with an `arch`, once a class. Members that no key tells (graphs whose exit is not reached) are one class.
pub(super) fn distinct(ctx: &mut Ctx, items: &[Value], rules: &Value, span: Span) -> Result<Value> {
    let mut told: HashMap<u64, Told> = HashMap::new();
    let mut seen = HashSet::new();
    let mut out = vec![];
    for v in items {
        let a = arch(v, span)?;
        let (space, classes) = match told.get(&a.space.id) {
            Some(t) => t.clone(),
            None => {
                let t = quotient(ctx, &a.space, rules, span)?;
                told.insert(a.space.id, t.clone());
                t
            }
        };
        let algebra = space.algebra(ctx, span)?;
        let key = classes.key_of(ctx, &space, &algebra.space, &a.arch, span)?;
        if seen.insert((a.space.id, key)) {
            out.push(v.clone());
        }
    }
    Ok(Value::list(out))
}

fn arch(v: &Value, span: Span) -> Result<Arc<ArchValue>> {
    let inner = match v.plain() {
        Value::Record(r) => r.get("arch").cloned().unwrap_or_else(|| v.clone()),
        other => other.clone(),
    };
    match inner.plain() {
        Value::Arch(a) => Ok(a.clone()),
        other => Err(fault(
            "E0301",
            format!(
                "rules tell architectures apart, and this list holds {}",
                other.kind()
            ),
        )
        .at(span, "here")
        .help("leave `modulo` out, or give architectures")
        .into()),
    }
}

/// The space of a list's architectures, under the rules alone: classes that it has already do not count.
fn quotient(ctx: &mut Ctx, of: &Arc<SpaceValue>, rules: &Value, span: Span) -> Result<Told> {
    const RULES: &str = "modulo rules";
    let named = Expr {
        kind: ExprKind::Name(Ident {
            text: RULES.into(),
            span,
        }),
        span,
    };
    let env = Env::default().bind(RULES.into(), rules.clone());
    let Value::Space(s) = body::modulo(ctx, of, &named, &env) else {
        return Err(crate::Fault::from(
            fault("E0301", "a space is wanted").at(span, "here"),
        ));
    };
    let told = classes::told(ctx, &s, span)?;
    Ok((s, Arc::new(told)))
}
