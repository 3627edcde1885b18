//! `nasc test`: the `test` blocks of files, and of the standard library under the name `std`.

use super::Outcome;
use super::review::join;
use super::run::machine::device;
use super::run::results::Expect;
use crate::args::{Common, Test};
use crate::front::{Front, deep};
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::{Diagnostic, FileId};
use nas_eval::Fault;
use nas_eval::ctx::Purpose;
use nas_eval::host::Host;
use nas_eval::pipeline;
use nas_eval::program::ModuleId;
use nas_grammar::ast::{ItemKind, TestDecl};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// How one test ended: its line with what belongs below it, and findings.
struct Ended {
    kind: Kind,
    line: String,
    diags: Vec<Diagnostic>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Passed,
    Failed,
    Skipped,
}

pub fn run(args: &Test, common: &Common, show: &mut Show) -> Outcome {
    let mut whole = Outcome {
        looked: true,
        ..Outcome::default()
    };
    let mut tally = Tally::default();
    let mut seen = Vec::new();
    for file in &args.files.files {
        if seen.contains(&file) {
            continue;
        }
        seen.push(file);
        let std = file.as_os_str() == "std";
        let mut front = match std {
            true => Front::library(),
            false => Front::open(file),
        };
        // A fault in one module of the library leaves the others to be tested.
        if front.failed() && !std {
            join(&mut whole, front.outcome());
            continue;
        }
        let filter = args.filter.as_deref().unwrap_or("");
        match tests(&front, std, filter, common, show, &mut tally) {
            Ok(found) => front.add(found),
            Err(d) => front.add([*d]),
        }
        join(&mut whole, front.outcome());
    }
    let mut line = format!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.skipped > 0 {
        line.push_str(&format!(", {} skipped", tally.skipped));
    }
    show.text(&format!("{line}\n"));
    if tally.failed > 0 {
        whole.code = whole.code.max(exit::SOURCE);
    }
    whole
}

/// Runs the tests of one program side by side, and shows them in their order.
fn tests(
    front: &Front,
    std: bool,
    filter: &str,
    common: &Common,
    show: &mut Show,
    tally: &mut Tally,
) -> Result<Vec<Diagnostic>, Box<Diagnostic>> {
    let all = chosen(front, std, filter);
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let host = nasc_runtime::Runtime::new(nasc_runtime::Options {
        device: device(common.device)?,
        threads: common.threads.map(|n| n.get()),
        jobs: 1,
        data_roots: world::data_roots(common.data.as_deref(), &front.path),
        store: None,
        disk: Arc::new(nasc_runtime::Disk),
        memory: None,
        rest: u64::MAX,
        operations: nasc_runtime::OPERATIONS,
        interrupt: Arc::new(AtomicBool::new(false)),
        events: Box::new(|_| {}),
    })?;
    let host: Arc<dyn Host> = host;
    let ended: Mutex<Vec<Option<Ended>>> = Mutex::new(all.iter().map(|_| None).collect());
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let workers = common.jobs.map_or(cores, |n| n.get()).min(all.len());
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some((module, decl)) = all.get(i) else {
                return;
            };
            let one = deep(|| one(front, &host, *module, decl, common));
            let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended[i] = Some(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    let mut found = Vec::new();
    let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    for e in ended.into_iter().flatten() {
        show.text(&e.line);
        match e.kind {
            Kind::Passed => tally.passed += 1,
            Kind::Failed => tally.failed += 1,
            Kind::Skipped => tally.skipped += 1,
        }
        found.extend(e.diags);
    }
    Ok(found)
}

/// The tests of the entry, or of every module without errors of the library.
fn chosen(front: &Front, std: bool, filter: &str) -> Vec<(ModuleId, Arc<TestDecl>)> {
    let errors = front.diags.iter().filter(|d| d.is_error());
    let broken: HashSet<FileId> = errors.filter_map(|d| d.primary().map(|s| s.file)).collect();
    let mut all = Vec::new();
    for (id, m) in front.program.modules.iter().enumerate() {
        if (!std && id != front.entry()) || broken.contains(&m.file) {
            continue;
        }
        for item in &m.tree.items {
            if let ItemKind::Test(t) = &item.kind
                && format!("{}: {}", m.path, t.name.raw).contains(filter)
            {
                all.push((id, t.clone()));
            }
        }
    }
    all
}

fn one(
    front: &Front,
    host: &Arc<dyn Host>,
    module: ModuleId,
    decl: &TestDecl,
    common: &Common,
) -> Ended {
    let mut ctx = front.ctx(host, Purpose::Run, common);
    let out = pipeline::test(&mut ctx, decl, module);
    let path = front.program.modules.get(module).map_or("", |m| &*m.path);
    let name = format!("{path}: \"{}\"", decl.name.raw);
    let mut diags = out.diagnostics.clone();
    // A test of data that is not here says nothing about the program.
    if let Some(d) = diags.iter().find(|d| d.code == "E0701" && d.is_error()) {
        let line = format!("skipped {name}: {}\n", d.message);
        diags.retain(|d| !d.is_error());
        return Ended {
            kind: Kind::Skipped,
            line,
            diags,
        };
    }
    let mut below = String::new();
    for e in out.expects.iter().filter(|e| e.holds != Some(true)) {
        match Expect::of(&mut ctx, front, e) {
            Ok(e) => {
                diags.extend(e.finding());
                for line in e.lines().lines() {
                    below.push_str(&format!("    {line}\n"));
                }
            }
            Err(Fault(d)) => diags.push(*d),
        }
    }
    let failed = !below.is_empty() || diags.iter().any(Diagnostic::is_error);
    let (kind, word) = match failed {
        true => (Kind::Failed, "FAILED"),
        false => (Kind::Passed, "ok"),
    };
    Ended {
        kind,
        line: format!("{word} {name}\n{below}"),
        diags,
    }
}
