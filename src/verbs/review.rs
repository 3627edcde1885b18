//! `nasc review`: the plan compared with the committed one, or with that of a git revision: what caused the difference, and
//! what it costs.

mod revision;

use super::{Outcome, fmt::difference, plan, shown};
use crate::args::{Common, Review, Target};
use crate::front::Front;
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::{Diagnostic, Sources, Span};
use nas_grammar::ast::{PatternKind, PipelineDecl, StmtKind};
use nas_plan::{Change, Compared, compare};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn run(args: &Review, common: &Common, show: &mut Show) -> Outcome {
    let mut whole = Outcome {
        looked: true,
        ..Outcome::default()
    };
    for file in &args.files.files {
        let target = Target {
            file: file.clone(),
            pipeline: None,
        };
        let (new, mut front) = match plan::page(&target, false, common) {
            Ok(planned) => planned,
            Err(outcome) => {
                join(&mut whole, *outcome);
                continue;
            }
        };
        if let Some(d) = front.diags.iter().find(|d| d.code == "E0701") {
            // What a plan says must not depend on where it is made.
            show.say(&format!("skipped {}: {}", shown(file), d.message));
            continue;
        }
        // Other pipelines' warnings are `nasc check`'s matter.
        front.diags.retain(Diagnostic::is_error);
        let same = one(args, common, file, &new, &mut front, show);
        let mut outcome = front.outcome();
        match same {
            Ok(true) => {}
            Ok(false) => outcome.code = outcome.code.max(exit::SOURCE),
            Err(d) => {
                outcome.diags.push(*d);
                outcome.code = outcome.code.max(exit::SOURCE);
            }
        }
        join(&mut whole, outcome);
    }
    whole
}

/// Compares or accepts one plan; true when there is nothing left to look at.
fn one(
    args: &Review,
    common: &Common,
    file: &Path,
    new: &str,
    front: &mut Front,
    show: &mut Show,
) -> Result<bool, Box<Diagnostic>> {
    let committed = committed(file);
    let name = shown(&committed);
    if args.accept {
        if let Some(folder) = committed.parent() {
            std::fs::create_dir_all(folder).map_err(|e| {
                let text = format!("`{}` cannot be made: {e}", folder.display());
                Diagnostic::error("E0706", text)
            })?;
        }
        world::write_whole(&committed, new)?;
        show.say(&format!("wrote {name}"));
        return Ok(true);
    }
    let (old, against) = match &args.against {
        Some(revision) => (
            revision::plan(revision, file, common)?,
            format!("its plan at {revision}"),
        ),
        None if !committed.exists() => {
            let d = Diagnostic::error("E0803", format!("there is no committed plan `{name}`"));
            return Err(Box::new(d.help("`nasc review --accept` writes it")));
        }
        None => (world::read_source(&committed)?, name.clone()),
    };
    // Another library of which the pipeline reaches nothing that changed is no difference.
    if old == new || reached(&old) == reached(new) {
        return Ok(true);
    }
    let compared = compare(&old, new);
    let decl = front.pipeline(None).ok();
    let causes = located(front, decl.as_ref(), &compared);
    show.text(&summary(front, file, &against, &compared, &causes));
    show.diff(&difference(&name, &old, new));
    let found: Vec<Diagnostic> = causes
        .iter()
        .filter_map(|(text, span)| {
            let told = format!("the plan differs: {text}; {}", costs(&compared));
            // A change of the library is marked where the pipeline stands: its files are not in the repository.
            let own = span.filter(|s| !library(front, *s));
            let at = own.or(decl.as_ref().map(|d| d.name.span))?;
            let label = match own {
                Some(_) => "changed here",
                None => "this pipeline",
            };
            Some(Diagnostic::warning("W0801", told).at(at, label))
        })
        .collect();
    front.add(found);
    Ok(false)
}

/// A page without its second line: version, library and seed. The code that is reached is listed below.
fn reached(page: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = page.lines().collect();
    if lines.len() > 1 {
        lines[1] = lines[1].rsplit(", ").next().unwrap_or("");
    }
    lines
}

/// `reviews/<name>.plan` beside the file.
pub fn committed(file: &Path) -> PathBuf {
    let name = file
        .file_stem()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    file.with_file_name("reviews").join(format!("{name}.plan"))
}

/// Causes in words, with their places in the source of now.
pub fn located(
    front: &Front,
    decl: Option<&Arc<PipelineDecl>>,
    compared: &Compared,
) -> Vec<(String, Option<Span>)> {
    let all = compared.causes.iter();
    let mut out: Vec<_> = all.map(|c| (in_words(c), place(front, decl, c))).collect();
    if out.is_empty() {
        // Reports, expectations, warnings: what the pipeline itself says.
        out.push((
            "what the pipeline says changed".to_string(),
            decl.map(|d| d.name.span),
        ));
    }
    out
}

fn in_words(c: &Change) -> String {
    let name = match (c.module.is_empty(), c.name.is_empty()) {
        (_, true) => c.kind.clone(),
        (true, _) => format!("{} {}", c.kind, c.name),
        (false, _) => format!("{} {}.{}", c.kind, c.module, c.name),
    };
    // Digests tell nobody anything; values do.
    if c.kind == "stage" && c.new.is_none() {
        return format!("{name} is gone");
    }
    let told = c.kind == "parameter" || c.kind == "let" || c.kind == "stage" || c.name.is_empty();
    match (&c.old, &c.new) {
        (Some(a), Some(b)) if told => format!("{name}: {a} -> {b}"),
        (Some(_), Some(_)) => format!("{name} changed"),
        (None, Some(b)) if told => format!("{name}: new, {b}"),
        (None, _) => format!("{name} is reached now"),
        (Some(_), None) => format!("{name} is not reached any more"),
    }
}

fn place(front: &Front, decl: Option<&Arc<PipelineDecl>>, c: &Change) -> Option<Span> {
    match c.kind.as_str() {
        "parameter" => {
            let p = decl?.params.iter().find(|p| *p.name.text == *c.name)?;
            Some(p.default.as_ref().map_or(p.span, |d| d.span))
        }
        "budget" => {
            let all = decl?.body.stmts.iter();
            let mut all = all.filter(|s| matches!(s.kind, StmtKind::Budget(_)));
            Some(all.next().map_or(decl?.name.span, |s| s.span))
        }
        "stage" if c.new.is_none() => Some(decl?.name.span),
        "stage" => decl?.body.stmts.iter().find_map(|s| match &s.kind {
            StmtKind::Let { pattern, value, .. } => match &pattern.kind {
                PatternKind::Name(n) if *n.text == *c.name => Some(value.span),
                _ => None,
            },
            _ => None,
        }),
        _ => {
            let program = &front.program;
            let id = program.globals.iter().position(|g| {
                *g.name == *c.name && plan::reach::module_name(front, g.module) == c.module
            })?;
            Some(program.item(id).span)
        }
    }
}

/// Whether a place is in the library.
fn library(front: &Front, span: Span) -> bool {
    let mut all = front.program.modules.iter();
    all.any(|m| m.std && m.file == span.file)
}

/// `file:line` of a place.
pub fn line(front: &Front, span: Span) -> Option<String> {
    let file = front.sources.get(span.file)?;
    Some(format!(
        "{}:{}",
        file.name,
        file.line_column(span.start).line
    ))
}

fn summary(
    front: &Front,
    file: &Path,
    against: &str,
    compared: &Compared,
    causes: &[(String, Option<Span>)],
) -> String {
    let mut out = format!("{}: the plan differs from {against}\n", shown(file));
    for (text, span) in causes {
        let at = span.and_then(|s| line(front, s));
        let at = at.map_or(String::new(), |a| format!("  at {a}"));
        out.push_str(&format!("  cause    {text}{at}\n"));
    }
    let list = |names: &[String]| names.join(", ");
    if !compared.again.is_empty() {
        out.push_str(&format!(
            "  again    {} of {} stages: {}\n",
            compared.again.len(),
            compared.stages,
            list(&compared.again)
        ));
    }
    if !compared.added.is_empty() {
        out.push_str(&format!("  new      {}\n", list(&compared.added)));
    }
    if !compared.gone.is_empty() {
        out.push_str(&format!("  gone     {}\n", list(&compared.gone)));
    }
    for (what, text) in &compared.costs {
        out.push_str(&format!("  {what:8} {text}\n"));
    }
    if compared.again.is_empty() && compared.added.is_empty() {
        out.push_str("  nothing is computed again\n");
    }
    out
}

/// What a difference costs, in one line.
fn costs(c: &Compared) -> String {
    let mut parts = vec![];
    let again = c.again.len() + c.added.len();
    match again {
        0 => parts.push("nothing is computed again".to_string()),
        n => parts.push(format!("{n} of {} stages are computed", c.stages)),
    }
    for (what, text) in &c.costs {
        if ["MACs", "members", "memory", "budget"].contains(&what.as_str()) {
            parts.push(format!("{what} {text}"));
        }
    }
    parts.join("; ")
}

/// Adds the findings of one file to those of the others.
pub fn join(whole: &mut Outcome, part: Outcome) {
    let Outcome {
        code,
        mut diags,
        sources,
        ..
    } = part;
    let ids = add_all(&mut whole.sources, &sources);
    for label in diags.iter_mut().flat_map(|d| d.labels.iter_mut()) {
        if let Some(id) = ids.get(label.span.file.0 as usize) {
            label.span.file = *id;
        }
    }
    whole.diags.extend(diags);
    whole.code = whole.code.max(code);
}

fn add_all(whole: &mut Sources, part: &Sources) -> Vec<nas_diagnostics::FileId> {
    part.iter()
        .map(|(_, f)| whole.add(f.name.clone(), f.text.clone()))
        .collect()
}
