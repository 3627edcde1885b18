//! `nasc run`: check, plan and execute a pipeline.

mod html;
pub mod machine;
pub mod results;

use super::{Outcome, plan, why};
use crate::args::{Common, Entry};
use crate::exit;
use crate::front::{Front, deep, parse_settings, usage};
use crate::interrupt::Interrupt;
use crate::show::Show;
use machine::{Machine, disk_fault};
use nas_diagnostics::{Diagnostic, Severity};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::pipeline;
use nas_grammar::ast::{self, Expr, PipelineDecl};
use results::Results;
use std::sync::Arc;
use std::time::Instant;

pub fn run(args: &Entry, common: &Common, show: &mut Show) -> Outcome {
    let front = Front::open(&args.target.file);
    if front.failed() {
        return front.outcome();
    }
    match Interrupt::listen() {
        Ok(stop) => execute(front, args, common, &stop, show),
        Err(e) => {
            let d = Diagnostic::error("E0706", format!("signals cannot be listened to: {e}"));
            Outcome::failed(exit::FAULT, vec![d])
        }
    }
}

/// Runs the pipeline of a file whose names are right. Ends with 0, 1, 2, 3, 4, or `stop.code()`.
fn execute(
    mut front: Front,
    args: &Entry,
    common: &Common,
    stop: &Interrupt,
    show: &mut Show,
) -> Outcome {
    let decl = match front.pipeline(args.target.pipeline.as_deref()) {
        Ok(decl) => decl,
        Err(d) => {
            front.add([d]);
            return front.outcome();
        }
    };
    let given = match parse_settings(&common.set) {
        Ok(given) => given,
        Err(errors) => return usage(front, errors),
    };
    let bare = front.bare(common);
    front.check(&bare);
    if front.failed() {
        return front.outcome();
    }
    let page = match plan::of_pipeline(&mut front, &decl, &given, common) {
        Ok(page) => page,
        Err(errors) => return usage(front, errors),
    };
    // The run itself tells again what it misses; another pipeline's data is not its matter.
    front
        .diags
        .retain(|d| !(d.code == "E0701" && d.severity == Severity::Warning));
    if front.failed() {
        return faulty(front);
    }
    let fingerprint = fingerprint(&front, &decl, &given, common);
    let name = format!("{}-{}", decl.name.text, &fingerprint[..12]);
    let machine = match Machine::new(&front, &name, common, stop, show.progress(), &page) {
        Ok(machine) => machine,
        Err(d) => {
            front.add([*d]);
            return front.ended(exit::FAULT);
        }
    };
    let stages = why::json(&why::stages(&front, &decl, &given, common));
    let listed = machine.folder.dir().join("stages.json");
    let written = machine
        .folder
        .write_plan(&page.text())
        .and_then(|()| nasc_store::write_atomic(&listed, format!("{stages:#}\n").as_bytes()));
    if let Err(e) = written {
        front.add([disk_fault(&e)]);
        return front.ended(exit::FAULT);
    }
    machine.begin(&front, &decl, &fingerprint, common);
    let began = Instant::now();
    let (results, found, interrupted) = deep(|| evaluate(&front, &decl, &given, common, &machine));
    machine.progress_done();
    machine.measured(&page);
    front.add(found);
    front.add(machine.faults());
    front.add(results.over_budget(began.elapsed()));
    if interrupted {
        let code = stop.code();
        machine.end(&front, code, began.elapsed());
        front.diags.retain(|d| d.code != "E0705");
        let outcome = front.ended(code);
        show.say(&format!(
            "interrupted after {}; run the same command again and it goes on from here ({})",
            results::time(began.elapsed()),
            machine.shown()
        ));
        return outcome;
    }
    show.text(&results.text());
    for written in [
        machine.folder.write_results(&results.json()),
        machine
            .folder
            .write_report(&html::page(&name, &page, &results)),
    ] {
        if let Err(e) = written {
            front.add([disk_fault(&e)]);
        }
    }
    let code = code(&front, &results);
    front.add(results.broken());
    machine.end(&front, code, began.elapsed());
    show.say(&format!(
        "{} in {}",
        machine.shown(),
        results::time(began.elapsed())
    ));
    front.ended(code)
}

/// A fault of the run is 3, of the source 1, a failed expectation 4.
fn code(front: &Front, results: &Results) -> u8 {
    let errors = || front.diags.iter().filter(|d| d.is_error());
    if errors().any(|d| d.code.starts_with("E07")) {
        exit::FAULT
    } else if errors().next().is_some() {
        exit::SOURCE
    } else if !results.all_hold() {
        exit::EXPECT
    } else {
        exit::OK
    }
}

/// Findings before the run: faults of data end with 3, as they do in the run.
fn faulty(front: Front) -> Outcome {
    let run = |d: &Diagnostic| !d.is_error() || d.code.starts_with("E07");
    let code = match front.diags.iter().all(run) {
        true => exit::FAULT,
        false => exit::SOURCE,
    };
    front.ended(code)
}

/// Evaluates the pipeline; what it reports comes back as JSON.
fn evaluate(
    front: &Front,
    decl: &Arc<PipelineDecl>,
    given: &[(String, Expr)],
    common: &Common,
    machine: &Machine,
) -> (Results, Vec<Diagnostic>, bool) {
    let mut ctx = front.ctx(&machine.host, Purpose::Run, common);
    let settings = match pipeline::settings(&mut ctx, decl, front.entry(), given) {
        Ok(settings) => settings,
        Err(errors) => return (Results::default(), errors, false),
    };
    let mut out = pipeline::run(&mut ctx, decl, front.entry(), settings);
    let interrupted = out.interrupted();
    let mut found = std::mem::take(&mut out.diagnostics);
    let results = if interrupted {
        Results::default()
    } else {
        let mut results = Results::of(&mut ctx, front, &out, &mut found);
        results.invalid = std::mem::take(&mut out.invalid);
        results
    };
    (results, found, interrupted)
}

/// The pipeline's normal form with all code it reaches, its settings, the seed and the library.
fn fingerprint(
    front: &Front,
    decl: &PipelineDecl,
    given: &[(String, Expr)],
    common: &Common,
) -> String {
    let host = front.bare(common);
    let ctx: Ctx = front.ctx(&host, Purpose::Check, common);
    let as_fn = ast::FnDecl {
        role: ast::Role::Fn,
        name: decl.name.clone(),
        params: vec![decl.params.clone()],
        result: None,
        requires: None,
        clock: None,
        body: Some(decl.body.clone()),
    };
    let mut h = blake3::Hasher::new();
    let mut part = |text: &str| {
        h.update(&(text.len() as u64).to_le_bytes());
        h.update(text.as_bytes());
    };
    part(&nas_eval::show::code_fingerprint(
        &ctx,
        front.entry(),
        &as_fn,
    ));
    let mut given: Vec<String> = given
        .iter()
        .map(|(name, e)| format!("{name}={}", nas_eval::show::erase_spans(&format!("{e:?}"))))
        .collect();
    given.sort();
    given.iter().for_each(|g| part(g));
    part(&common.seed.unwrap_or(0).to_string());
    part(&nas_plan::library_fingerprint(nas_stdlib::FILES));
    h.finalize().to_hex().to_string()
}
