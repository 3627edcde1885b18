//! `nasc plan`: the page that people review before a run, and the facts that it is made of.

pub mod memory;
pub mod reach;
mod spaces;
mod work;

use super::Outcome;
use super::run::results;
use crate::args::{Common, Plan, Target};
use crate::exit;
use crate::front::{Front, deep, lenient, parse_settings, usage};
use crate::show::Show;
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::pipeline;
use nas_eval::show::{brief, number_text};
use nas_eval::value::{Unit, Value};
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

/// The plan of a pipeline as stable text or JSON, with the warnings of the file; or why there is none. A budget that is not met
/// is an error beside the page.
pub fn page(target: &Target, json: bool, common: &Common) -> Result<(String, Front), Box<Outcome>> {
    page_of(Front::open(&target.file), target, json, common)
}

/// As [`page`], of a file that is open.
pub fn page_of(
    mut front: Front,
    target: &Target,
    json: bool,
    common: &Common,
) -> Result<(String, Front), Box<Outcome>> {
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
    let budget = |d: &Diagnostic| d.code == "E0604";
    if front.diags.iter().any(|d| d.is_error() && !budget(d)) {
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
    let host = match runs {
        true => front.bare(common),
        false => front.planner(common),
    };
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
        let mut out = pipeline::run(&mut ctx, decl, module, settings);
        let ledger = std::mem::take(&mut out.ledger);
        let keyed = reach::stages(shared, decl, given, common);
        facts(&mut plan, shared, decl, &mut ctx, &out, &ledger);
        plan.code = reach::declarations(shared, decl);
        plan.seals = reach::calls(shared, decl, "seal");
        plan.disclosures = reach::calls(shared, decl, "disclose");
        plan.curricula = reach::curricula(shared, &mut ctx, decl);
        let spans = stages(&mut plan, &mut ctx, &keyed, &ledger);
        let data = held(&out);
        let all: Vec<nas_plan::Work> = plan.stages.iter().flat_map(|s| s.work.clone()).collect();
        let results = results_held(&plan.stages, &out);
        plan.memory = Some(memory::of_pipeline(&ledger, &all, data, results));
        plan.data = sources(&out);
        let broken = budgets(&mut plan, &out, &spans);
        let mut found = out.diagnostics;
        found.extend(broken);
        Ok((found, plan))
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
fn facts(
    plan: &mut nas_plan::Plan,
    front: &Front,
    decl: &PipelineDecl,
    ctx: &mut Ctx,
    out: &pipeline::Outcome,
    ledger: &[nas_eval::ledger::Record],
) {
    for s in &out.stages {
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
            ..nas_plan::Stage::default()
        });
    }
    for (name, kind, text) in computing(decl, front, out) {
        // A report of what is there already is no stage.
        if work::computes(ledger, &name) {
            plan.stages.push(nas_plan::Stage {
                name,
                kind,
                text,
                ..nas_plan::Stage::default()
            });
        }
    }
    for r in &out.reports {
        let name = r.name.as_ref().map(|n| n.to_string());
        plan.reports
            .push(name.unwrap_or_else(|| front.text(r.span)));
    }
    plan.spaces = spaces::all(ctx, front, out, ledger);
}

/// Reports and expectations as stages: name, kind and text.
fn computing(
    decl: &PipelineDecl,
    front: &Front,
    out: &pipeline::Outcome,
) -> Vec<(String, String, String)> {
    let mut all = vec![];
    let written = decl.body.stmts.iter().flat_map(|s| match &s.kind {
        StmtKind::Report(args) => args.iter().collect(),
        _ => vec![],
    });
    for (i, (a, r)) in written.zip(&out.reports).enumerate() {
        let name = a.name.as_ref().map(|n| &*n.text);
        let name = pipeline::report_stage(name, i);
        all.push((name, r.value.kind().to_string(), front.text(a.value.span)));
    }
    let expects = decl.body.stmts.iter().filter_map(|s| match &s.kind {
        StmtKind::Expect(e) => Some(front.text(e.span)),
        _ => None,
    });
    let text = expects.collect::<Vec<_>>().join("; ");
    all.push((pipeline::EXPECTS.to_string(), "expectations".into(), text));
    all
}

/// Bytes of the weights that stages hold until the end, with those of their histories.
fn results_held(stages: &[nas_plan::Stage], out: &pipeline::Outcome) -> u64 {
    let bytes = out
        .stages
        .iter()
        .filter(|s| nas_eval::ledger::holds_weights(&s.value))
        .map(|s| {
            let own = stages.iter().filter(|p| *p.name == *s.name);
            let work = own.flat_map(|p| &p.work);
            work.map(|w| {
                let all = w.times.saturating_mul(w.copies);
                w.bytes.unwrap_or(0).saturating_mul(all)
            })
            .sum::<u64>()
        });
    bytes.fold(0, u64::saturating_add)
}

/// Keys, dependencies and work of the stages; gives where each stands.
fn stages(
    plan: &mut nas_plan::Plan,
    ctx: &mut Ctx,
    keyed: &[reach::Keyed],
    ledger: &[nas_eval::ledger::Record],
) -> Vec<(String, Span)> {
    let mut spans = vec![];
    for s in &mut plan.stages {
        if let Some(k) = keyed.iter().find(|k| k.name == s.name) {
            s.key = k.key.clone();
            s.after = k.after.clone();
            spans.push((s.name.clone(), k.span));
        }
        s.effects = work::effects(ledger, &s.name);
        s.work = work::of_stage(ctx, ledger, &s.name);
        let bytes = s.work.iter().filter_map(|w| w.bytes.map(|b| b * w.times));
        let bytes: u64 = bytes.sum();
        s.artefact_bytes = (bytes > 0).then_some(bytes);
    }
    spans
}

/// Bytes of the data sets that stages hold after a `map`; those that were opened are counted where they were.
fn held(out: &pipeline::Outcome) -> u64 {
    let mut seen = std::collections::BTreeMap::new();
    let mut todo: Vec<Value> = out.stages.iter().map(|s| s.value.clone()).collect();
    while let Some(v) = todo.pop() {
        match v.plain() {
            Value::Record(r) => todo.extend(r.values().cloned()),
            Value::List(l) => todo.extend(l.iter().take(64).cloned()),
            Value::Data(d) => {
                let digest = d.source.digest();
                if !digest.starts_with("header|") {
                    let each: usize = d.source.shape().iter().product();
                    seen.insert(digest, (d.source.len() * each * 4) as u64);
                }
            }
            _ => {}
        }
    }
    seen.values().sum()
}

/// Data sets as their headers tell them, by the stage that holds them; sorted.
fn sources(out: &pipeline::Outcome) -> Vec<String> {
    let mut lines = vec![];
    for s in &out.stages {
        let mut parts = vec![(s.name.to_string(), s.value.clone())];
        if let Value::Record(r) = s.value.plain() {
            parts = r
                .iter()
                .map(|(k, v)| (format!("{}.{k}", s.name), v.clone()))
                .collect();
        }
        for (name, v) in parts {
            if let Value::Data(d) = v.plain() {
                let shape: Vec<String> = d.source.shape().iter().map(|n| n.to_string()).collect();
                lines.push(format!(
                    "{name}: {} samples of [{}], {} classes",
                    d.len(),
                    shape.join(", "),
                    d.source.classes()
                ));
            }
        }
    }
    lines
}

/// Bytes that the smallest memory budget allows.
fn limit(out: &pipeline::Outcome) -> Option<u64> {
    let all = out.budget.iter().filter_map(|(v, _)| allowed(v));
    all.map(|b| b as u64).min()
}

fn allowed(v: &Value) -> Option<f64> {
    match v.plain() {
        Value::Int(b, Unit::Bytes) => Some(*b as f64),
        Value::Float(b, Unit::Bytes) => Some(*b),
        _ => None,
    }
}

/// Budgets with what they are held against; an error where the memory that a stage needs is more.
fn budgets(
    plan: &mut nas_plan::Plan,
    out: &pipeline::Outcome,
    spans: &[(String, Span)],
) -> Vec<Diagnostic> {
    let mut found = vec![];
    plan.limit = limit(out);
    for (v, span) in &out.budget {
        let text = budget(v);
        let limit = allowed(v);
        let state = match (limit, &plan.memory) {
            (Some(limit), Some(m)) => {
                let peak = m.peak;
                let shown = format!("{:.1} MB at the peak", peak as f64 / 1e6);
                match peak as f64 <= limit {
                    true => format!("met: {shown}"),
                    false => {
                        found.push(too_large(plan, m, limit, *span, spans));
                        format!("not met: {shown}")
                    }
                }
            }
            _ => "held against the run".to_string(),
        };
        plan.budgets.push(nas_plan::Budget { text, state });
    }
    found
}

/// E0604, with what would make the stage fit.
fn too_large(
    plan: &nas_plan::Plan,
    m: &nas_plan::Memory,
    limit: f64,
    span: Span,
    spans: &[(String, Span)],
) -> Diagnostic {
    let mb = |n: f64| format!("{:.1} MB", n / 1e6);
    let peak = m.peak as f64;
    let message = format!(
        "the plan needs {} of memory, and the budget is {}",
        mb(peak),
        mb(limit)
    );
    let mut d = Diagnostic::error("E0604", message).at(span, "the budget");
    if let Some((_, at)) = spans.iter().find(|s| s.0 == work::stage_of(&m.at)) {
        d = d.at(*at, format!("`{}` takes {}", m.at, mb(m.stage as f64)));
    }
    d = d.note(format!(
        "the program {}, data {}, compiled graphs {}, weights that are held {}",
        mb(m.base as f64),
        mb(m.data as f64),
        mb(m.kept as f64),
        mb(m.results as f64)
    ));
    let rest = (m.base + m.data) as f64;
    let largest = plan.stages.iter().flat_map(|s| &s.work);
    let batch = largest
        .filter(|w| w.path == m.at)
        .map(|w| w.batch)
        .find(|b| *b > 1);
    // Memory of a turn grows with its batch; weights do not, so this is on the safe side.
    let fits = batch.map(|b| ((limit - rest) / (peak - rest) * b as f64).floor());
    d.help(match fits {
        Some(n) if n >= 1.0 => format!(
            "batches of {n} in place of {} fit, or a budget of {}",
            batch.unwrap_or(0),
            mb((peak / 1e6).ceil() * 1e6)
        ),
        _ => format!("a budget of {} fits", mb((peak / 1e6).ceil() * 1e6)),
    })
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
