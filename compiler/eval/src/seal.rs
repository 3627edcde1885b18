//! `seal` and `disclose`: a value that only the bodies of listed functions read; the plan names both.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Fields, FuncKind, Value};
use crate::{Fault, Result, access};
use nas_diagnostics::Span;
use nas_grammar::ast::{FnDecl, Param, TypeKind};
use std::sync::Arc;

#[derive(Debug)]
pub struct Sealed {
    value: Value,
    readers: Vec<Arc<FnDecl>>,
    span: Span,
}

/// `seal(v, for: [f, …])`
pub fn seal(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let value = args.need("value")?;
    let readers = args.need("for")?;
    let mut all = vec![];
    for r in access::items(ctx, &readers, span)? {
        match r.plain() {
            Value::Func(f) if matches!(f.kind, FuncKind::Decl { .. }) => {
                if let FuncKind::Decl { decl, .. } = &f.kind {
                    all.push(decl.clone());
                }
            }
            other => {
                return Err(fault(
                    "E0301",
                    format!(
                        "a seal lists declared functions, and this is {}",
                        other.kind()
                    ),
                )
                .at(span, "here")
                .help("write `seal(v, for: [judge])`")
                .into());
            }
        }
    }
    let names: Vec<&str> = all.iter().map(|d| &*d.name.text).collect();
    note(ctx, format!("sealed for {}", names.join(", ")));
    Ok(Value::Sealed(Arc::new(Sealed {
        value,
        readers: all,
        span,
    })))
}

/// `disclose(v, "why")`: lets a value out, and says so in the plan.
pub fn disclose(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("value")?;
    let why = args.need("why")?;
    if matches!(why.plain(), Value::Text(t) if t.trim().is_empty()) {
        return Err(fault("E0302", "`disclose` says why, and this says nothing")
            .at(args.span, "an empty text")
            .help("say in a few words what is let out, and why it may be: the plan lists it")
            .into());
    }
    // In a reader's body a value may follow from what it read.
    if ctx.checking() && !ctx.privy && !holds(&v) && certain(&v) {
        return Err(fault("E0629", "nothing in this value is sealed")
            .at(args.span, format!("{} that anyone may read", v.kind()))
            .help("take `disclose` away; or seal the value where it is made: `seal(v, for: [f])`")
            .into());
    }
    note(ctx, format!("disclosed: {}", access::key_text(&why)));
    Ok(opened(&v, None))
}

fn note(ctx: &Ctx, line: String) {
    if let Ok(mut all) = ctx.shared.seals.lock()
        && !all.contains(&line)
    {
        all.push(line);
    }
}

/// A value with its seals taken off: all of them, or those that a function may read.
fn opened(v: &Value, by: Option<&Arc<FnDecl>>) -> Value {
    match v {
        Value::Sealed(s) if by.is_none_or(|f| s.readers.iter().any(|r| Arc::ptr_eq(r, f))) => {
            opened(&s.value, by)
        }
        Value::List(l) if l.iter().any(holds) => {
            Value::list(l.iter().map(|v| opened(v, by)).collect())
        }
        Value::Record(r) if r.values().any(holds) => {
            let fields: Fields = r.iter().map(|(k, v)| (k.clone(), opened(v, by))).collect();
            Value::record(fields)
        }
        other => other.clone(),
    }
}

/// Whether a value is sealed, or holds what is.
pub fn holds(v: &Value) -> bool {
    match v.plain() {
        Value::Sealed(_) => true,
        Value::List(l) => l.iter().any(holds),
        Value::Record(r) => r.values().any(holds),
        _ => false,
    }
}

/// The first seal in a value.
pub fn inside(v: &Value) -> Option<&Sealed> {
    match v.plain() {
        Value::Sealed(s) => Some(s),
        Value::List(l) => l.iter().find_map(inside),
        Value::Record(r) => r.values().find_map(inside),
        _ => None,
    }
}

/// Whether all of a value is known in a check, so that no seal can be in it.
fn certain(v: &Value) -> bool {
    match v.plain() {
        Value::Unknown(_) | Value::Invalid(_) | Value::Impossible => false,
        Value::List(l) => l.iter().all(certain),
        Value::Record(r) => r.values().all(certain),
        _ => true,
    }
}

/// The arguments of a call: a listed reader gets what is inside. True for a declaration that reads what is sealed.
pub fn given(decl: &Arc<FnDecl>, args: &mut Args) -> bool {
    let asks =
        |p: &Param| p.sealed || matches!(p.ty.as_ref().map(|t| &t.kind), Some(TypeKind::Sealed(_)));
    let mut reads = decl.params.iter().flatten().any(asks);
    let all = args
        .positional
        .iter_mut()
        .map(|a| &mut a.0)
        .chain(args.named.iter_mut().map(|a| &mut a.1));
    for v in all.flatten().filter(|v| holds(v)) {
        reads |= inside(v).is_some_and(|s| s.readers.iter().any(|r| Arc::ptr_eq(r, decl)));
        *v = opened(v, Some(decl));
    }
    reads
}

/// No one else reads it.
pub fn refuse(s: &Sealed, span: Span) -> Fault {
    let names: Vec<String> = s
        .readers
        .iter()
        .map(|r| format!("`{}`", r.name.text))
        .collect();
    let who = match names.is_empty() {
        true => "no function here".to_string(),
        false => format!("only {}", names.join(", ")),
    };
    let mut d =
        fault("E0629", format!("this value is sealed: {who} may read it")).at(span, "read here");
    if s.span != Span::default() {
        d = d.at(s.span, "sealed here");
    }
    d.help("hand it to a listed function, list this one, or `disclose(v, \"why\")` a derived value")
        .into()
}

/// A builtin reads its arguments.
pub fn unread(args: &Args) -> Result<()> {
    let named = args.named.iter().filter_map(|a| Some((a.1.as_ref()?, a.2)));
    let all = args
        .positional
        .iter()
        .filter_map(|a| Some((a.0.as_ref()?, a.1)));
    for (v, at) in all.chain(named) {
        if let Value::Sealed(s) = v.plain() {
            return Err(refuse(s, at));
        }
    }
    Ok(())
}

/// A stand-in for a parameter of a sealed type.
pub fn stand_in(span: Span) -> Value {
    Value::Sealed(Arc::new(Sealed {
        value: Value::unknown(),
        readers: vec![],
        span,
    }))
}
