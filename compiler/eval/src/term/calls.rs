//! Calls with a term in the place of an input: blocks and functions of modules are symbols, the space's own code runs.

use super::{Term, TermContext, as_term, holds, unread};
use crate::Result;
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Found;
use crate::value::{Func, FuncKind, Value};
use nas_diagnostics::Span;
use nas_grammar::ast::Role;
use nas_ir::Dim;
use nas_ir::op::{Binary, Op};
use std::sync::Arc;

/// The result of a call, where it is a symbol; `None`: the call runs as always.
pub fn called(ctx: &mut Ctx, f: &Value, args: &Args) -> Result<Option<Value>> {
    let given = || {
        let listed = args.positional.iter().filter_map(|a| a.0.as_ref());
        listed.chain(args.named.iter().filter_map(|a| a.1.as_ref()))
    };
    if !given().any(holds) {
        return Ok(None);
    }
    // An open input: each of its cases.
    for i in 0..args.positional.len() {
        if let Some(v @ Value::Open(_)) = &args.positional[i].0
            && holds(v)
        {
            let v = v.clone();
            let made = ctx.cases(v, args.span, &mut |ctx, v| {
                let mut args = args.clone();
                args.positional[i].0 = Some(v);
                call::call(ctx, f.clone(), args)
            })?;
            return Ok(Some(made));
        }
    }
    match f {
        Value::Picked(p) => {
            if let Some(t) = &mut ctx.terms {
                t.chosen = Some(p.label.clone());
            }
            let made = call::call(ctx, p.value.clone(), args.clone());
            if let Some(t) = &mut ctx.terms {
                t.chosen = None;
            }
            made.map(Some)
        }
        Value::Func(g) => of_func(ctx, g, args),
        Value::Net(_) => symbol(ctx, "net", vec![], false, args).map(Some),
        _ => Ok(None),
    }
}

fn of_func(ctx: &mut Ctx, f: &Arc<Func>, args: &Args) -> Result<Option<Value>> {
    match &f.kind {
        FuncKind::Builtin { name, .. } => symbol(ctx, name, vec![], true, args).map(Some),
        FuncKind::Decl {
            decl,
            env,
            global,
            lists,
            ..
        } => {
            // Settings first; the call with the last list is the one that computes.
            if decl.params.len() > lists + 1 {
                return Ok(None);
            }
            let settings = decl.params.iter().take(*lists).flatten();
            let mut statics: Vec<Value> = settings
                .filter_map(|p| match env.find(&p.name.text) {
                    Some(Found::Value(v)) => Some(v),
                    _ => None,
                })
                .collect();
            let takes_functions = args.trailing.is_some()
                || statics.iter().any(has_function)
                || args
                    .positional
                    .iter()
                    .filter_map(|a| a.0.as_ref())
                    .any(has_function);
            let named = ctx
                .terms
                .as_ref()
                .is_some_and(|t| t.rules.named.contains(&decl.name.text));
            if named || (global.is_some() && !takes_functions) {
                let ignored = named && ignores_input(ctx, f, args)?;
                if ignored {
                    statics.clear();
                    return symbol_of(ctx, &decl.name.text, statics, false, vec![], args.span)
                        .map(Some);
                }
                return symbol(ctx, &decl.name.text, statics, true, args).map(Some);
            }
            // A block of the space is one symbol, and a term of its own.
            if global.is_none()
                && decl.role == Role::Block
                && !takes_functions
                && !statics.iter().any(open)
            {
                return own_block(ctx, f, &decl.name.text, &statics, args);
            }
            forget_option(ctx);
            Ok(None)
        }
        FuncKind::Partial { .. } => Ok(None),
        _ => {
            forget_option(ctx);
            Ok(None)
        }
    }
}

/// The code of an option runs: what it calls is not the option itself.
fn forget_option(ctx: &mut Ctx) {
    if let Some(t) = &mut ctx.terms {
        t.chosen = None;
    }
}

fn has_function(v: &Value) -> bool {
    match v.plain() {
        Value::Func(_) => true,
        Value::List(l) => l.iter().any(has_function),
        Value::Record(r) => r.values().any(has_function),
        Value::Open(t) => t.values.iter().any(has_function),
        _ => false,
    }
}

fn open(v: &Value) -> bool {
    match v.plain() {
        Value::Open(_) | Value::Dim(_) => true,
        Value::List(l) => l.iter().any(open),
        Value::Record(r) => r.values().any(open),
        _ => false,
    }
}

/// A symbol with what is static among its arguments in its name.
fn symbol(
    ctx: &mut Ctx,
    name: &str,
    mut statics: Vec<Value>,
    may_choose: bool,
    args: &Args,
) -> Result<Value> {
    let mut inputs = vec![];
    let listed = args.positional.iter().map(|a| (None, &a.0));
    let named = args.named.iter().map(|a| (Some(&a.0), &a.1));
    for (name, v) in listed.chain(named) {
        let Some(v) = v else { continue };
        if holds(v) {
            inputs.push(v.clone());
            continue;
        }
        if let Value::Tensor(t, _) = v.plain() {
            // A tensor of the net's own: its sizes tell it.
            statics.extend(t.shape().iter().map(|d| crate::number::of_dim(d.clone())));
            inputs.push(Term::value("own"));
            continue;
        }
        if let Some(n) = name {
            statics.push(Value::Label(n.clone()));
        }
        statics.push(v.clone());
    }
    symbol_of(ctx, name, statics, may_choose, inputs, args.span)
}

fn symbol_of(
    ctx: &mut Ctx,
    name: &str,
    statics: Vec<Value>,
    may_choose: bool,
    inputs: Vec<Value>,
    span: Span,
) -> Result<Value> {
    let chosen = match (&mut ctx.terms, may_choose) {
        (Some(t), true) => t.chosen.take(),
        (Some(t), false) => {
            t.chosen = None;
            None
        }
        _ => None,
    };
    settled(ctx, statics, 0, span, &mut |ctx, statics| {
        inputs_settled(ctx, inputs.clone(), 0, span, &mut |ctx, inputs| {
            let named = ctx
                .terms
                .as_ref()
                .is_some_and(|t| t.rules.named.contains(name));
            let written = match (&chosen, named) {
                (Some(label), false) => label.to_string(),
                _ => name.to_string(),
            };
            let mut head = written;
            if !statics.is_empty() {
                let list: Vec<String> = statics.iter().map(|v| text(ctx, v)).collect();
                head.push_str(&format!("({})", list.join(", ")));
            }
            let mut terms = vec![];
            for v in inputs {
                flat(v, &mut terms, span)?;
            }
            let rules = super::rules_here(ctx);
            let t = rules.apply(name, &head, chosen.is_some(), terms, span)?;
            Ok(Value::Term(t))
        })
    })
}

/// A static value as text: what is too long for a line goes by its fingerprint.
fn text(ctx: &mut Ctx, v: &Value) -> String {
    let brief = crate::show::brief(v);
    match v.plain() {
        Value::Func(_) => crate::show::fingerprint_in(ctx, v),
        _ if brief.contains('…') => crate::show::fingerprint_in(ctx, v),
        _ => brief,
    }
}

fn flat(v: &Value, out: &mut Vec<Arc<Term>>, span: Span) -> Result<()> {
    match v.plain() {
        Value::List(l) => l.iter().try_for_each(|x| flat(x, out, span)),
        Value::Record(r) => r.values().try_for_each(|x| flat(x, out, span)),
        Value::None => Ok(()),
        other => match as_term(other) {
            Some(t) => {
                out.push(t);
                Ok(())
            }
            None => Err(unread(other, span)),
        },
    }
}

type Settled<'a> = &'a mut dyn FnMut(&mut Ctx, &[Value]) -> Result<Value>;

/// Goes through the cases of static values that are open.
fn settled(
    ctx: &mut Ctx,
    values: Vec<Value>,
    from: usize,
    span: Span,
    f: Settled,
) -> Result<Value> {
    let Some(i) = (from..values.len()).find(|i| open(&values[*i])) else {
        return f(ctx, &values);
    };
    let v = match values[i].plain() {
        Value::Dim(d) => match d.as_table() {
            Some(_) => crate::space::open_of(ctx, &values[i], span)?,
            // A size that only the input decides says the same for every member.
            None => Value::text(size_text(d)),
        },
        Value::List(l) => {
            // The elements stand for themselves.
            let l = l.clone();
            let mut all = values.clone();
            all.splice(i..=i, l.iter().cloned());
            return settled(ctx, all, i, span, f);
        }
        Value::Record(r) => {
            let r = r.clone();
            let mut all = values.clone();
            all.splice(i..=i, r.values().cloned());
            return settled(ctx, all, i, span, f);
        }
        _ => values[i].clone(),
    };
    ctx.cases(v, span, &mut |ctx, v| {
        let mut all = values.clone();
        all[i] = v;
        settled(ctx, all, i, span, f)
    })
}

fn size_text(d: &Dim) -> String {
    d.to_string()
}

/// Goes through the cases of inputs that are open, lists included.
fn inputs_settled(
    ctx: &mut Ctx,
    values: Vec<Value>,
    from: usize,
    span: Span,
    f: Settled,
) -> Result<Value> {
    let Some(i) = (from..values.len()).find(|i| open(&values[*i])) else {
        return f(ctx, &values);
    };
    match values[i].plain() {
        Value::List(l) => {
            let l = l.clone();
            let mut all = values.clone();
            all.splice(i..=i, l.iter().cloned());
            inputs_settled(ctx, all, i, span, f)
        }
        Value::Record(r) => {
            let r = r.clone();
            let mut all = values.clone();
            all.splice(i..=i, r.values().cloned());
            inputs_settled(ctx, all, i, span, f)
        }
        _ => ctx.cases(values[i].clone(), span, &mut |ctx, v| {
            let mut all = values.clone();
            all[i] = v;
            inputs_settled(ctx, all, i, span, f)
        }),
    }
}

/// A block that the space declares: its body is read once, with inputs of its own.
fn own_block(
    ctx: &mut Ctx,
    f: &Arc<Func>,
    name: &Arc<str>,
    statics: &[Value],
    args: &Args,
) -> Result<Option<Value>> {
    let list: Vec<String> = statics.iter().map(|v| text(ctx, v)).collect();
    let place = match &f.kind {
        FuncKind::Decl { decl, .. } => Arc::as_ptr(decl) as usize,
        _ => 0,
    };
    let key = format!("{place} {}", list.join(", "));
    let Some(t) = &mut ctx.terms else {
        return Ok(None);
    };
    t.chosen = None;
    if t.entered.as_deref() == Some(&key) {
        t.entered = None;
        return Ok(None);
    }
    let known = t.blocks.iter().find(|b| b.0 == key).map(|b| b.1.clone());
    let symbol_name = match known {
        Some(n) => n,
        None => {
            let same = t
                .blocks
                .iter()
                .filter(|b| b.1.split('/').next() == Some(name))
                .count();
            let unique: Arc<str> = match same {
                0 => name.clone(),
                k => format!("{name}/{k}").into(),
            };
            t.blocks.push((key.clone(), unique.clone(), Value::None));
            t.entered = Some(key.clone());
            let mut inner = args.clone();
            for (i, a) in inner.positional.iter_mut().enumerate() {
                a.0 = Some(Term::value(&i.to_string()));
            }
            let assumed = std::mem::take(&mut ctx.assumed);
            let made = call::call(ctx, Value::Func(f.clone()), inner);
            ctx.assumed = assumed;
            let made = made?;
            if let Some(t) = &mut ctx.terms
                && let Some(b) = t.blocks.iter_mut().find(|b| b.0 == key)
            {
                b.2 = made;
            }
            unique
        }
    };
    symbol(ctx, &symbol_name, vec![], false, args).map(Some)
}

/// Whether a function's result depends on no value of its input, only on its shape.
fn ignores_input(ctx: &mut Ctx, f: &Arc<Func>, args: &Args) -> Result<bool> {
    let FuncKind::Decl { decl, .. } = &f.kind else {
        return Ok(false);
    };
    let name = decl.name.text.to_string();
    let known = ctx
        .terms
        .as_ref()
        .and_then(|t| t.constant.get(&name).copied());
    if let Some(k) = known {
        return Ok(k);
    }
    // Run on a tensor of an unknown value: is there a way from it to the result?
    let saved: Option<Box<TermContext>> = ctx.terms.take();
    let mut answer = false;
    for rank in [4, 3, 2, 1] {
        let shape: nas_ir::Shape = (0..rank).map(|i| Dim::Const(2 * (i + 1))).collect();
        let x = nas_ir::Tensor::symbol("asked", shape, nas_ir::DType::F32);
        let input = Value::Tensor(x.clone(), crate::value::Element::Float);
        let net = ctx.net.take();
        let made = call::call(ctx, Value::Func(f.clone()), Args::one(input, args.span));
        ctx.net = net;
        if let Ok(Value::Tensor(y, _)) = &made {
            answer = !reaches(y, &x);
            break;
        }
    }
    ctx.terms = saved;
    if let Some(t) = &mut ctx.terms {
        t.constant.insert(name, answer);
    }
    Ok(answer)
}

/// Whether a tensor is computed from the values of another; a product with zero is not.
fn reaches(y: &nas_ir::Tensor, x: &nas_ir::Tensor) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut open = vec![y.clone()];
    while let Some(t) = open.pop() {
        if Arc::ptr_eq(&t.0, &x.0) {
            return true;
        }
        if !seen.insert(t.0.id) {
            continue;
        }
        let inputs = &t.0.inputs;
        let zero = |t: &nas_ir::Tensor| matches!(t.0.op, Op::Const(_)) && t.0.scalar == 0.0;
        if matches!(t.0.op, Op::Binary(Binary::Mul)) && inputs.iter().any(zero) {
            continue;
        }
        open.extend(inputs.iter().cloned());
    }
    false
}

/// What rules a member's term is made under, and what comes of the blocks that it calls.
pub(crate) fn with_rules<T>(
    ctx: &mut Ctx,
    rules: Arc<super::RuleSet>,
    f: impl FnOnce(&mut Ctx) -> Result<T>,
) -> Result<(T, Box<TermContext>)> {
    let inner = TermContext {
        rules,
        ..TermContext::default()
    };
    let saved = ctx.terms.replace(Box::new(inner));
    let out = f(ctx);
    let done = std::mem::replace(&mut ctx.terms, saved);
    match (out, done) {
        (Ok(v), Some(t)) => Ok((v, t)),
        (Err(e), _) => Err(e),
        (Ok(_), None) => Err(fault("E0606", "terms were lost on the way").into()),
    }
}
