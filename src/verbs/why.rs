//! `nasc why`: what a stage's key is made of, what changed since the last run, and where.

use super::plan::reach::{self, Keyed};
use super::{Outcome, plan, review};
use crate::args::{Common, Target, Why};
use crate::front::{Front, deep, parse_settings, usage};
use crate::show::Show;
use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_eval::show::reached;
use nas_grammar::ast::{Expr, ItemKind, PatternKind, PipelineDecl, StmtKind};
use nas_plan::{Compared, compare};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn run(args: &Why, common: &Common, show: &mut Show) -> Outcome {
    let mut front = Front::open(&args.file);
    if front.failed() {
        return front.outcome();
    }
    let given = match parse_settings(&common.set) {
        Ok(given) => given,
        Err(errors) => return usage(front, errors),
    };
    // `arms.group[66]` is computed by the statement that makes `arms`.
    let stage = args.stage.split(['.', '[']).next().unwrap_or("");
    let all = pipelines(&front);
    let mut known = Vec::new();
    for decl in &all {
        let stages = stages(&front, decl, &given, common);
        if let Some(s) = stages.iter().find(|s| s.name == stage) {
            show.text(&page(&front, decl, s, &stages, common));
            return front.outcome();
        }
        known.extend(stages.into_iter().map(|s| s.name));
    }
    let d = Diagnostic::error("E0802", format!("there is no stage `{}`", args.stage));
    let d = match did_you_mean(stage, &known) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => d.help("this file has no pipeline with stages"),
        None => d.help(format!("one of {}", known.join(", "))),
    };
    front.add([d]);
    front.outcome()
}

fn pipelines(front: &Front) -> Vec<Arc<PipelineDecl>> {
    let module = front.program.modules.get(front.entry());
    let items = module.map(|m| m.tree.items.as_slice()).unwrap_or_default();
    items
        .iter()
        .filter_map(|i| match &i.kind {
            ItemKind::Pipeline(p) => Some(p.clone()),
            _ => None,
        })
        .collect()
}

/// Every stage of a pipeline with the parts of its key.
pub fn stages(
    front: &Front,
    decl: &PipelineDecl,
    given: &[(String, Expr)],
    common: &Common,
) -> Vec<Keyed> {
    deep(|| reach::stages(front, decl, given, common))
}

/// The parts as JSON, for `stages.json` in the run folder.
pub fn json(stages: &[Keyed]) -> Json {
    let parts = |s: &Keyed| {
        let mut map: Map<String, Json> = s
            .parts
            .iter()
            .map(|(k, v)| (k.clone(), v.clone().into()))
            .collect();
        map.insert("key".into(), s.key.clone().into());
        Json::Object(map)
    };
    let all = stages.iter().map(|s| (s.name.clone(), parts(s)));
    Json::Object(all.collect())
}

fn page(
    front: &Front,
    decl: &Arc<PipelineDecl>,
    stage: &Keyed,
    all: &[Keyed],
    common: &Common,
) -> String {
    let last = last(&common.out, &decl.name.text);
    let mut out = format!(
        "{} of {} in {}\n",
        stage.name,
        decl.name.text,
        super::shown(&front.path)
    );
    let wide = stage.parts.iter().map(|p| p.0.chars().count()).max();
    let wide = wide.unwrap_or(0);
    // A renamed stage is found by its key.
    let before = last.as_ref().map(|(_, stages)| {
        let twin = || {
            let all = stages.as_object()?;
            all.values().find(|s| s["key"] == stage.key)
        };
        match &stages[&stage.name] {
            Json::Null => twin().cloned().unwrap_or(Json::Null),
            found => found.clone(),
        }
    });
    for (what, digest) in &stage.parts {
        let old = before.as_ref().and_then(|b| b[what.as_str()].as_str());
        let note = match (&before, old) {
            (None | Some(Json::Null), _) => "",
            (_, Some(old)) if old == digest => "",
            (_, Some(_)) => "  changed",
            (_, None) => "  new",
        };
        out.push_str(&format!("  {what:wide$}  {digest}{note}\n"));
    }
    let gone = before.as_ref().and_then(Json::as_object);
    for (what, _) in gone.into_iter().flatten() {
        if what != "key" && !stage.parts.iter().any(|p| p.0 == **what) {
            out.push_str(&format!("  {what:wide$}  gone\n"));
        }
    }
    out.push_str(&format!("key {}\n", stage.key));
    let Some((folder, _)) = &last else {
        out.push_str("no run to compare with\n");
        return out;
    };
    match before {
        Some(b) if b["key"] == stage.key => {
            out.push_str("the same: it is not computed again, unless its data changed\n");
        }
        Some(Json::Null) | None => out.push_str("new: the last run had no such stage\n"),
        Some(_) => {
            out.push_str("changed: what follows from these is computed again\n");
            for line in causes(front, decl, stage, all, folder, common) {
                out.push_str(&format!("  {line}\n"));
            }
        }
    }
    out.push_str(&format!("compared with {}\n", super::shown(folder)));
    out
}

/// What the stage depends on and is not as it was in the last run, each with its place.
fn causes(
    front: &Front,
    decl: &Arc<PipelineDecl>,
    stage: &Keyed,
    all: &[Keyed],
    folder: &Path,
    common: &Common,
) -> Vec<String> {
    let Ok(old) = std::fs::read_to_string(folder.join("plan.txt")) else {
        return vec![];
    };
    let target = Target {
        file: front.path.clone(),
        pipeline: Some(decl.name.text.to_string()),
    };
    let Ok((new, _)) = plan::page(&target, false, common) else {
        return vec![];
    };
    // The stage with all that it reads, directly or not.
    let mut names: BTreeSet<&str> = BTreeSet::from([stage.name.as_str()]);
    let mut todo = vec![stage];
    while let Some(s) = todo.pop() {
        for name in &s.after {
            if names.insert(name) {
                todo.extend(all.iter().find(|k| k.name == *name));
            }
        }
    }
    let mut code: BTreeSet<(String, String)> = BTreeSet::new();
    for s in &decl.body.stmts {
        if let StmtKind::Let { pattern, value, .. } = &s.kind
            && let PatternKind::Name(n) = &pattern.kind
            && names.contains(&*n.text)
        {
            for id in reached(&front.program, front.entry(), &format!("{value:?}")) {
                let g = &front.program.globals[id];
                code.insert((reach::module_name(front, g.module), g.name.to_string()));
            }
        }
    }
    let mut compared: Compared = compare(&old, &new);
    compared.causes.retain(|c| match c.kind.as_str() {
        "parameter" | "stage" => names.contains(c.name.as_str()),
        _ if c.name.is_empty() => c.kind == "seed",
        _ => code.contains(&(c.module.clone(), c.name.clone())),
    });
    review::located(front, Some(decl), &compared)
        .into_iter()
        .map(
            |(text, span)| match span.and_then(|s| review::line(front, s)) {
                Some(at) => format!("{text}  at {at}"),
                None => text,
            },
        )
        .collect()
}

/// The newest run folder of a pipeline, with what its stages were made of.
fn last(out: &Path, pipeline: &str) -> Option<(PathBuf, Json)> {
    let prefix = format!("{pipeline}-");
    let mut found: Vec<_> = std::fs::read_dir(out)
        .ok()?
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with(&prefix))
        .filter_map(|e| {
            let path = e.path().join("stages.json");
            let when = std::fs::metadata(&path).ok()?.modified().ok()?;
            Some((when, e.path(), path))
        })
        .collect();
    found.sort();
    let (_, folder, path) = found.pop()?;
    let text = std::fs::read_to_string(path).ok()?;
    Some((folder, serde_json::from_str(&text).ok()?))
}
