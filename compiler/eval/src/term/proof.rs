//! What an author claims of rewrite rules: each keeps the function, tried on drawn inputs with every option in the place of
//! an operation.

use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::program::{ModuleId, ScopeEntry};
use crate::space::SpaceValue;
use crate::value::{Element, Value};
use nas_grammar::ast::{Expr, ExprKind, RewriteDecl, Rule};
use nas_ir::{Binary, HostTensor, ReduceKind, Tensor, Unary};
use std::sync::Arc;

/// Options tried for one operation of a rule.
const OPTIONS: usize = 24;

/// Tries every rule; one whose sides differ is an error. What cannot be computed here is not tried.
pub fn hold(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    decls: &[(Arc<RewriteDecl>, ModuleId)],
) -> Result<()> {
    let mut options: Vec<(Arc<str>, Value)> = vec![];
    for site in s.sites() {
        for (l, v) in site.labels.iter().zip(site.options) {
            let function = matches!(v.plain(), Value::Func(_));
            if function && !options.iter().any(|o| o.0 == *l) && options.len() < OPTIONS {
                options.push((l.clone(), v));
            }
        }
    }
    for (decl, module) in decls {
        for rule in &decl.rules {
            one(ctx, rule, *module, &options)?;
        }
    }
    Ok(())
}

fn one(ctx: &mut Ctx, rule: &Rule, module: ModuleId, options: &[(Arc<str>, Value)]) -> Result<()> {
    let (mut values, mut operations) = (vec![], vec![]);
    names(ctx, &rule.left, module, &mut values, &mut operations);
    let mut env = Env::default();
    for (i, name) in values.iter().enumerate() {
        env = env.bind(name.clone(), drawn(i as u64));
    }
    let none = [("".into(), Value::None)];
    let tried = match operations.is_empty() {
        true => &none[..],
        false => options,
    };
    for (label, option) in tried {
        // One option for all operations of a rule: most rules have one.
        let mut inner = env.clone();
        for o in &operations {
            inner = inner.bind(o.clone(), option.clone());
        }
        if ctx.checking() {
            sides(ctx, rule, module, &inner)?;
            for points in points(rule.when.is_some()) {
                let bound = values.iter().zip(points.iter().cycle());
                let numbers = bound.fold(inner.clone(), |env, (n, p)| {
                    env.bind(n.clone(), Value::float(*p))
                });
                if let Some(when) = &rule.when
                    && !side(ctx, when, module, &numbers)
                        .is_some_and(|v| matches!(v.plain(), Value::Bool(true)))
                {
                    continue;
                }
                if numbers_differ(ctx, rule, module, &numbers) {
                    return Err(fault("E0308", "this rule changes what is computed")
                        .at(rule.span, "its sides differ")
                        .note(format!("with numbers: {}", shown(&values, &points)))
                        .help(
                            "a rule keeps what is computed for every input: mend one of its sides",
                        )
                        .into());
                }
            }
            // On drawn numbers, where nothing has to be trained or read for it.
            if operations.is_empty()
                && rule.when.is_none()
                && let Some(gap) = tried_apart(ctx, rule, module, &inner)
                && gap > 1e-3
            {
                return Err(fault("E0308", "this rule changes what is computed")
                    .at(rule.span, "its sides differ")
                    .note(format!(
                        "on a drawn tensor of shape [2, 4, 8, 8], by up to {gap:.4}"
                    ))
                    .help("a rule keeps what is computed for every input: mend one of its sides")
                    .into());
            }
            continue;
        }
        // Whether a condition holds of a tensor is not known.
        if rule.when.is_some() {
            continue;
        }
        let Some(gap) = apart(ctx, rule, module, &inner) else {
            continue;
        };
        if gap > 1e-3 {
            let mut d = fault("E0308", "this rule changes what is computed")
                .at(rule.span, "its sides differ")
                .note(format!("on a drawn input, by up to {gap:.4}"));
            if let [o, ..] = &operations[..] {
                d = d.note(format!("with {label} for `{o}`"));
            }
            return Err(d.into());
        }
    }
    Ok(())
}

/// The variables of a rule: those that stand for values, and those that are called.
fn names(
    ctx: &Ctx,
    e: &Expr,
    module: ModuleId,
    values: &mut Vec<Arc<str>>,
    operations: &mut Vec<Arc<str>>,
) {
    let declared = |n: &str| matches!(ctx.program.lookup(module, n), Some(ScopeEntry::Global(_)));
    let add = |n: &Arc<str>, to: &mut Vec<Arc<str>>| {
        if !declared(n) && !to.contains(n) {
            to.push(n.clone());
        }
    };
    match &e.kind {
        ExprKind::Name(n) => add(&n.text, values),
        ExprKind::Call { callee, args, .. } => {
            if let ExprKind::Name(n) = &callee.kind {
                add(&n.text, operations);
            }
            for a in args {
                names(ctx, &a.value, module, values, operations);
            }
        }
        ExprKind::Pipe { value, target } => {
            names(ctx, value, module, values, operations);
            if let ExprKind::Name(n) = &target.kind {
                add(&n.text, operations);
            }
        }
        ExprKind::Unary { value, .. } => names(ctx, value, module, values, operations),
        ExprKind::Binary { left, right, .. } => {
            names(ctx, left, module, values, operations);
            names(ctx, right, module, values, operations);
        }
        ExprKind::Tuple(items) => {
            for i in items {
                names(ctx, i, module, values, operations);
            }
        }
        _ => {}
    }
}

/// A rule by itself, with no space whose options its operations could be.
pub fn alone(ctx: &mut Ctx, decl: &RewriteDecl, module: ModuleId) -> Result<()> {
    for rule in &decl.rules {
        let (mut values, mut operations) = (vec![], vec![]);
        names(ctx, &rule.left, module, &mut values, &mut operations);
        if operations.is_empty() {
            one(ctx, rule, module, &[])?;
        }
    }
    // What cannot be read as rules here is told where they are used.
    let decl = Arc::new(decl.clone());
    match super::rules_of(ctx, &[(decl, module)]) {
        Ok(set) => set.end(ctx),
        Err(_) => Ok(()),
    }
}

/// Numbers that stand for what a rule is about; both signs, and none that arithmetic treats in a special way.
const POINTS: &[f64] = &[0.7, -1.3, 2.1, -0.4];

/// Numbers that a condition may ask for.
const ASKED: &[f64] = &[1.0, 0.0, 2.0, -1.0, 0.7, -1.3];

/// What the variables of a rule stand for, tried one after the other: for a rule with a condition, each pair of several numbers.
fn points(condition: bool) -> Vec<Vec<f64>> {
    if !condition {
        // Each name stands for each of them in turn.
        let turned = |k: usize| POINTS.iter().cycle().skip(k).take(POINTS.len());
        return (0..POINTS.len())
            .map(|k| turned(k).copied().collect())
            .collect();
    }
    let all = ASKED.iter();
    all.flat_map(|a| ASKED.iter().map(|b| vec![*a, *b, 2.1, -0.4]))
        .collect()
}

fn shown(values: &[Arc<str>], points: &[f64]) -> String {
    let all = values.iter().zip(points.iter().cycle());
    let all = all.map(|(n, p)| format!("{n} = {p}"));
    all.collect::<Vec<_>>().join(", ")
}

/// Whether the sides are numbers that differ; where one is no number nothing is said.
fn numbers_differ(ctx: &mut Ctx, rule: &Rule, module: ModuleId, env: &Env) -> bool {
    let l = side(ctx, &rule.left, module, env).and_then(|v| crate::number::as_f64(&v));
    let r = side(ctx, &rule.right, module, env).and_then(|v| crate::number::as_f64(&v));
    matches!((l, r), (Some(l), Some(r)) if (l - r).abs() > 1e-9 * l.abs().max(1.0))
}

/// Both sides of a rule have one shape.
fn sides(ctx: &mut Ctx, rule: &Rule, module: ModuleId, env: &Env) -> Result<()> {
    let shape = |ctx: &mut Ctx, e: &Expr| match side(ctx, e, module, env)?.plain() {
        Value::Tensor(t, _) => Some(nas_ir::shape::Show(t.shape()).to_string()),
        _ => None,
    };
    let (Some(l), Some(r)) = (shape(ctx, &rule.left), shape(ctx, &rule.right)) else {
        return Ok(());
    };
    if l == r {
        return Ok(());
    }
    Err(
        fault("E0401", "the sides of this rule have different shapes")
            .at(rule.left.span, format!("left:  {l}"))
            .at(rule.right.span, format!("right: {r}"))
            .note("tried on a tensor of shape [2, 4, 8, 8]")
            .help("what a rule makes equal stands in one place: both sides give the same shape")
            .into(),
    )
}

fn side(ctx: &mut Ctx, e: &Expr, module: ModuleId, env: &Env) -> Option<Value> {
    let saved = (ctx.space.take(), ctx.net.take(), ctx.terms.take());
    let v = ctx.under(Key::seed(0).named("rule"), |ctx| {
        ctx.in_module(module, |ctx| ctx.eval(e, env))
    });
    (ctx.space, ctx.net, ctx.terms) = saved;
    v.ok()
}

/// An image-like input, the same in every run.
fn drawn(number: u64) -> Value {
    let shape = vec![2, 4, 8, 8];
    let mut stream = Key::seed(number).named("rule").stream();
    let values = (0..512)
        .map(|_| (stream.unit() * 4.0 - 2.0) as f32)
        .collect();
    Value::Tensor(
        Tensor::value(HostTensor::f32(shape, values)),
        Element::Float,
    )
}

/// The largest difference of both sides, relative to the left one; `None` where one cannot be computed.
fn apart(ctx: &mut Ctx, rule: &Rule, module: ModuleId, env: &Env) -> Option<f64> {
    let [gap, size] = gap_and_size(ctx, rule, module, env)?;
    let gap = crate::train::number(ctx, &Value::tensor(gap), rule.span).ok()?;
    let size = crate::train::number(ctx, &Value::tensor(size), rule.span).ok()?;
    Some(gap / size.max(1.0))
}

/// The same before anything runs, by the host's plain loops.
fn tried_apart(ctx: &mut Ctx, rule: &Rule, module: ModuleId, env: &Env) -> Option<f64> {
    let both = gap_and_size(ctx, rule, module, env)?;
    let numbers = ctx.host.tried(&both)?;
    let [gap, size] = &numbers[..] else {
        return None;
    };
    let first = |t: &HostTensor| t.to_f64().first().copied();
    Some(first(gap)? / first(size)?.max(1.0))
}

fn gap_and_size(ctx: &mut Ctx, rule: &Rule, module: ModuleId, env: &Env) -> Option<[Tensor; 2]> {
    let side = |ctx: &mut Ctx, e: &Expr| match side(ctx, e, module, env)?.plain() {
        Value::Tensor(t, _) => Some(t.clone()),
        _ => None,
    };
    let (l, r) = (side(ctx, &rule.left)?, side(ctx, &rule.right)?);
    if l.shape() != r.shape() {
        return None;
    }
    let largest = |t: Tensor| {
        let axes: Vec<usize> = (0..t.rank()).collect();
        t.unary(Unary::Abs).reduce(ReduceKind::Max, &axes, false)
    };
    Some([largest(l.binary(Binary::Sub, &r).ok()?), largest(l)])
}
