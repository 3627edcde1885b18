//! `nasc plan`: the page that people review before a run, and the facts that it is made of.

use super::Outcome;
use super::run::results;
use crate::args::{Common, Plan, Target};
use crate::exit;
use crate::front::{Front, deep, lenient, parse_settings, usage};
use crate::show::Show;
use nas_diagnostics::Diagnostic;
use nas_eval::builtins::costs::belongs;
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::pipeline;
use nas_eval::show::{brief, number_text};
use nas_eval::space::{SpaceValue, Terms};
use nas_eval::value::{FuncKind, Unit, Value};
use nas_grammar::ast::{Expr, ItemKind, PipelineDecl, StmtKind};
use std::sync::Arc;

pub fn run(args: &Plan, common: &Common, show: &mut Show) -> Outcome {
    match page(&args.entry.target, args.json, common) {
        Ok((text, front)) => {
            show.text(&text);
            front.outcome()
        }
        Err(outcome) => *outcome,
    }
}

/// The plan of a pipeline as stable text or JSON, with the warnings of the file; or why there is none.
pub fn page(target: &Target, json: bool, common: &Common) -> Result<(String, Front), Box<Outcome>> {
    let mut front = Front::open(&target.file);
    if front.failed() {
        return Err(Box::new(front.outcome()));
    }
    let decl = match front.pipeline(target.pipeline.as_deref()) {
        Ok(decl) => decl,
        Err(d) => {
            front.add([d]);
            return Err(Box::new(front.outcome()));
        }
    };
    let given = match parse_settings(&common.set) {
        Ok(given) => given,
        Err(errors) => return Err(Box::new(usage(front, errors))),
    };
    let plan = match collect(&mut front, &decl, &given, common, false) {
        Ok(plan) => plan,
        Err(errors) => return Err(Box::new(usage(front, errors))),
    };
    if front.failed() {
        return Err(Box::new(front.ended(exit::SOURCE)));
    }
    let text = match json {
        true => format!("{:#}\n", plan.json()),
        false => plan.text(),
    };
    Ok((text, front))
}

/// The plan of a pipeline that is about to run: every parameter needs a value. Findings go to the front; errors are of
/// settings.
pub fn of_pipeline(
    front: &mut Front,
    decl: &Arc<PipelineDecl>,
    given: &[(String, Expr)],
    common: &Common,
) -> Result<nas_plan::Plan, Vec<Diagnostic>> {
    collect(front, decl, given, common, true)
}

fn collect(
    front: &mut Front,
    decl: &Arc<PipelineDecl>,
    given: &[(String, Expr)],
    common: &Common,
    runs: bool,
) -> Result<nas_plan::Plan, Vec<Diagnostic>> {
    let host = front.bare(common);
    let mut plan = heading(front, decl, common);
    let shared: &Front = front;
    let (found, mut plan) = deep(|| -> Result<_, Vec<Diagnostic>> {
        let mut ctx = shared.ctx(&host, Purpose::Check, common);
        let module = shared.entry();
        let mut settings = pipeline::settings(&mut ctx, decl, module, given)?;
        let open = |p: &&nas_grammar::ast::Param| {
            p.default.is_none() && !settings.iter().any(|(name, ..)| *name == p.name.text)
        };
        let open: Vec<_> = decl.params.iter().filter(open).collect();
        if runs && !open.is_empty() {
            return Err(open.iter().map(|p| missing(&p.name.text, p.span)).collect());
        }
        for p in &decl.params {
            let set = settings.iter().find(|(name, ..)| *name == p.name.text);
            let value = match (set, &p.default) {
                (Some((_, v, _)), _) => brief(v),
                (None, Some(e)) => shared.text(e.span),
                (None, None) => "to be given".to_string(),
            };
            plan.parameters.push(nas_plan::Parameter {
                name: p.name.text.to_string(),
                value,
                set: set.is_some(),
            });
        }
        settings.extend(
            open.iter()
                .map(|p| (p.name.text.clone(), Value::unknown(), p.span)),
        );
        let out = pipeline::run(&mut ctx, decl, module, settings);
        facts(&mut plan, shared, &mut ctx, &out);
        Ok((out.diagnostics, plan))
    })?;
    front.add(match runs {
        true => found,
        false => found.into_iter().map(lenient).collect(),
    });
    for d in &front.diags {
        let line = format!("{}: {}", d.code, d.message);
        // Data may be here and missing there: a page that people compare does not say so.
        if !d.is_error() && !d.code.starts_with("E07") && !plan.warnings.contains(&line) {
            plan.warnings.push(line);
        }
    }
    Ok(plan)
}

fn missing(name: &str, span: nas_diagnostics::Span) -> Diagnostic {
    Diagnostic::error("E0802", format!("the parameter `{name}` has no value"))
        .at(span, "declared without a default")
        .help(format!("give it: --set {name}=…"))
}

/// What is known without evaluating anything.
fn heading(front: &Front, decl: &PipelineDecl, common: &Common) -> nas_plan::Plan {
    let mut conventions = Vec::new();
    for m in front.program.modules.iter().filter(|m| !m.std) {
        for item in &m.tree.items {
            if let ItemKind::Use(u) = &item.kind
                && u.path.first().is_some_and(|p| &*p.text == "std")
            {
                conventions.push(front.text(item.span));
            }
        }
    }
    conventions.sort();
    conventions.dedup();
    let file = front.path.file_name().unwrap_or(front.path.as_os_str());
    nas_plan::Plan {
        pipeline: decl.name.text.to_string(),
        file: file.to_string_lossy().into_owned(),
        language: nas_plan::Language {
            version: env!("CARGO_PKG_VERSION").to_string(),
            std: nas_plan::library_fingerprint(nas_stdlib::FILES),
        },
        seed: common.seed.unwrap_or(0),
        conventions,
        expects: decl
            .body
            .stmts
            .iter()
            .filter_map(|s| match &s.kind {
                StmtKind::Expect(e) => Some(front.text(e.span)),
                _ => None,
            })
            .collect(),
        ..nas_plan::Plan::default()
    }
}

/// What the checked pipeline tells.
fn facts(plan: &mut nas_plan::Plan, front: &Front, ctx: &mut Ctx, out: &pipeline::Outcome) {
    let mut spaces: Vec<Arc<SpaceValue>> = Vec::new();
    for s in &out.stages {
        walk(&s.value, &mut spaces, 6);
        let known = matches!(
            s.value.plain(),
            Value::Bool(_) | Value::Int(..) | Value::Float(..) | Value::Text(_) | Value::Label(_)
        );
        let text = front.text(s.span);
        let text = text.strip_prefix("let ").unwrap_or(&text);
        let text = text.split_once('=').map_or(text, |(_, t)| t.trim());
        plan.stages.push(nas_plan::Stage {
            name: s.name.to_string(),
            kind: s.value.kind().to_string(),
            value: known.then(|| brief(&s.value)),
            text: text.to_string(),
        });
    }
    for r in &out.reports {
        walk(&r.value, &mut spaces, 6);
        let name = r.name.as_ref().map(|n| n.to_string());
        plan.reports
            .push(name.unwrap_or_else(|| front.text(r.span)));
    }
    // Spaces asked for by name on the way.
    if let Ok(all) = ctx.shared.spaces.lock() {
        all.values().for_each(|s| add(s, &mut spaces));
    }
    spaces.sort_by(|a, b| (&a.name, a.conditions.len()).cmp(&(&b.name, b.conditions.len())));
    for s in spaces {
        plan.spaces.push(space(ctx, front, &s));
    }
    // The order in a map is not the same in every run; what the lines say is.
    plan.spaces
        .sort_by(|a, b| (&a.name, &a.conditions).cmp(&(&b.name, &b.conditions)));
    plan.spaces.dedup();
    if let Ok(seals) = ctx.shared.seals.lock() {
        plan.seals.extend(seals.iter().cloned());
    }
    plan.budgets
        .extend(out.budget.iter().map(|(v, _)| budget(v)));
}

fn budget(v: &Value) -> String {
    match v.plain() {
        Value::Int(s, Unit::Seconds) if *s >= 0 => {
            results::time(std::time::Duration::from_secs(*s as u64))
        }
        Value::Float(s, Unit::Seconds) if (0.0..1e12).contains(s) => {
            results::time(std::time::Duration::from_secs_f64(*s))
        }
        Value::Int(b, Unit::Bytes) => format!("{} MB", number_text(*b as f64 / 1e6)),
        Value::Float(b, Unit::Bytes) => format!("{} MB", number_text(*b / 1e6)),
        other => brief(other),
    }
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

/// Sizes and costs of a space; what is too hard to tell is left out.
fn space(ctx: &mut Ctx, front: &Front, s: &Arc<SpaceValue>) -> nas_plan::Space {
    let span = s.base.decl.name.span;
    let mut out = nas_plan::Space {
        name: s.name.to_string(),
        conditions: s
            .conditions
            .iter()
            .map(|(e, ..)| front.text(e.span))
            .collect(),
        ..nas_plan::Space::default()
    };
    let Ok(algebra) = s.algebra(ctx, span) else {
        return out;
    };
    out.sites = s.sites().len();
    out.raw = algebra.space.raw_size().ok().map(|n| n.to_string());
    out.feasible = algebra.space.feasible_size().ok().map(|n| n.to_string());
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
        .filter(|e| belongs(&e.item, item))
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
    super::space::summary(ctx, &terms).ok().flatten()
}
