//! The spaces that a plan lists: sizes, conditions and ranges of costs.

use crate::front::Front;
use nas_eval::ctx::Ctx;
use nas_eval::ledger::{Record, What};
use nas_eval::pipeline;
use nas_eval::space::{SpaceValue, Terms};
use nas_eval::value::{FuncKind, Unit, Value};
use nas_grammar::ast::StmtKind;
use std::sync::Arc;

/// Spaces of the stages and reports and those used or asked for on the way; sorted.
pub fn all(
    ctx: &mut Ctx,
    front: &Front,
    out: &pipeline::Outcome,
    ledger: &[Record],
) -> Vec<nas_plan::Space> {
    let mut spaces: Vec<Arc<SpaceValue>> = Vec::new();
    for r in ledger {
        if let What::Uses(s) = &r.what {
            add(s, &mut spaces);
        }
    }
    for s in &out.stages {
        walk(&s.value, &mut spaces, 6);
    }
    for r in &out.reports {
        walk(&r.value, &mut spaces, 6);
    }
    // Spaces asked for by name on the way.
    if let Ok(all) = ctx.shared.spaces.lock() {
        all.values().for_each(|s| add(s, &mut spaces));
    }
    let mut lines: Vec<nas_plan::Space> = spaces.iter().map(|s| space(ctx, front, s)).collect();
    // The order in a map is not the same in every run; what the lines say is.
    lines.sort_by(|a, b| (&a.name, &a.conditions, &a.raw).cmp(&(&b.name, &b.conditions, &b.raw)));
    lines.dedup();
    lines
}

fn add(s: &Arc<SpaceValue>, out: &mut Vec<Arc<SpaceValue>>) {
    if !out.iter().any(|o| o.id == s.id) {
        out.push(s.clone());
    }
}

/// Spaces that a value holds, speaks of or is a member of.
fn walk(v: &Value, out: &mut Vec<Arc<SpaceValue>>, depth: usize) {
    if depth == 0 {
        return;
    }
    match v {
        Value::Picked(p) => walk(&p.value, out, depth - 1),
        Value::Space(s) => add(s, out),
        Value::Arch(a) => add(&a.space, out),
        Value::Net(n) => n.space().iter().for_each(|s| add(s, out)),
        Value::List(l) => l.iter().take(64).for_each(|x| walk(x, out, depth - 1)),
        Value::Record(r) => r.values().for_each(|x| walk(x, out, depth - 1)),
        Value::Func(f) => {
            let bound = f.bound.iter().filter_map(|b| b.value.as_ref());
            bound.for_each(|x| walk(x, out, depth - 1));
            if let FuncKind::Partial { of } = &f.kind {
                walk(of, out, depth - 1);
            }
        }
        Value::Terms(t) => add(&t.space, out),
        _ => {}
    }
}

/// As written: in its declaration, then where it was narrowed.
fn conditions(front: &Front, s: &SpaceValue) -> Vec<String> {
    let own = s.base.decl.body.stmts.iter().flat_map(|s| match &s.kind {
        StmtKind::Where(all) => &all[..],
        _ => &[],
    });
    let later = s.conditions.iter().map(|(e, ..)| e);
    let mut out: Vec<String> = vec![];
    for c in own.chain(later).map(|e| front.text(e.span)) {
        if !out.contains(&c) {
            out.push(c);
        }
    }
    out
}

/// Sizes and costs of a space; what is too hard to tell is left out.
fn space(ctx: &mut Ctx, front: &Front, s: &Arc<SpaceValue>) -> nas_plan::Space {
    let span = s.base.decl.name.span;
    let mut out = nas_plan::Space {
        name: s.name.to_string(),
        conditions: conditions(front, s),
        modulo: s.modulo.iter().map(|(e, ..)| front.text(e.span)).collect(),
        ..nas_plan::Space::default()
    };
    let Ok(algebra) = s.algebra(ctx, span) else {
        return out;
    };
    out.sites = s.sites().len();
    out.raw = algebra.space.raw_size().ok().map(|n| n.to_string());
    out.feasible = algebra.space.feasible_size().ok().map(|n| n.to_string());
    if !s.modulo.is_empty() {
        let classes = nas_eval::space::classes::size(ctx, s, span).ok();
        out.distinct = classes.map(|n| n.to_string());
    }
    for (item, name, unit) in [
        ("params", "params", Unit::Params),
        ("contraction", "MACs of contractions", Unit::Macs),
    ] {
        if let Some((min, mean, max)) = item_range(ctx, s, item, unit) {
            let name = name.to_string();
            out.costs.push(nas_plan::Cost {
                name,
                min,
                mean,
                max,
            });
        }
    }
    out
}

/// Least, mean and largest amount of one item of the cost table.
fn item_range(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    item: &str,
    unit: Unit,
) -> Option<(i64, f64, i64)> {
    let entries = s.prove(ctx).ok()?;
    let tables = entries
        .iter()
        .filter(|e| nas_eval::builtins::costs::belongs(&e.item, item))
        .map(|e| e.amount.as_table())
        .collect::<Option<Vec<_>>>()?;
    if tables.is_empty() {
        return None;
    }
    let terms = Terms {
        space: s.clone(),
        tables,
        unit,
    };
    crate::verbs::space::summary(ctx, &terms).ok().flatten()
}
