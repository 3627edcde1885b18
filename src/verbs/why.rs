//! `nasc why`: what a stage's cache key is made of, and what changed since the last run.

use super::Outcome;
use crate::args::{Common, Why};
use crate::front::{Front, deep, parse_settings, usage};
use crate::show::Show;
use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::pipeline;
use nas_eval::program::ScopeEntry;
use nas_eval::show::{code_fingerprint, erase_spans, fingerprint_in};
use nas_grammar::ast::{Expr, ItemKind, PatternKind, PipelineDecl, StmtKind};
use serde_json::{Map, Value as Json};
use std::path::Path;
use std::sync::Arc;

/// The parts of a stage's key: what they are, and a short digest of each.
pub type Parts = Vec<(String, String)>;

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
        for (name, parts) in stages(&front, decl, &given, common) {
            if name == stage {
                show.text(&page(&front, decl, &name, &parts, common));
                return front.outcome();
            }
            known.push(name);
        }
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
) -> Vec<(String, Parts)> {
    let host = front.bare(common);
    deep(|| {
        let mut ctx = front.ctx(&host, Purpose::Check, common);
        let settings = pipeline::settings(&mut ctx, decl, front.entry(), given).unwrap_or_default();
        let mut earlier: Vec<&str> = Vec::new();
        let mut out = Vec::new();
        for s in &decl.body.stmts {
            let StmtKind::Let { pattern, value, .. } = &s.kind else {
                continue;
            };
            let PatternKind::Name(name) = &pattern.kind else {
                continue;
            };
            let tree = erase_spans(&format!("{value:?}"));
            let mut parts: Parts = vec![("its own text".into(), short(&tree))];
            for word in words(front.sources.text(value.span)) {
                if let Some((_, v, _)) = settings.iter().find(|(n, ..)| &**n == word) {
                    parts.push((format!("set {word}"), digest(&fingerprint_in(&ctx, v))));
                } else if let Some(p) = decl.params.iter().find(|p| &*p.name.text == word) {
                    let tree = erase_spans(&format!("{:?}", p.default));
                    parts.push((format!("parameter {word}"), short(&tree)));
                } else if earlier.contains(&word) {
                    parts.push((format!("stage {word}"), "its value".into()));
                } else if let Some(part) = reached(&mut ctx, front, word) {
                    parts.push((format!("code of {word}"), part));
                }
            }
            let root = ctx.shared.root.named(&name.text);
            let key = format!("{:016x}", root.0[0]);
            let seed = common.seed.unwrap_or(0);
            parts.push((format!("draws of seed {seed}"), key[..12].to_string()));
            earlier.push(&name.text);
            out.push((name.text.to_string(), parts));
        }
        out
    })
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..12].to_string()
}

fn digest(hex: &str) -> String {
    hex.chars().take(12).collect()
}

/// The digest of a declaration and all that it reaches.
fn reached(ctx: &mut Ctx, front: &Front, word: &str) -> Option<String> {
    let program = ctx.program.clone();
    let Some(ScopeEntry::Global(id)) = program.lookup(front.entry(), word) else {
        return None;
    };
    let item = program.item(*id);
    let module = program.globals[*id].module;
    Some(match &item.kind {
        ItemKind::Fn(decl) => digest(&code_fingerprint(ctx, module, decl)),
        _ => {
            let v = ctx.global(*id, item.span).ok()?;
            digest(&fingerprint_in(ctx, &v))
        }
    })
}

/// Each name in a text once, in the order of first use; the head of `a.b` only.
fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut dotted = false;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if !word(c) {
            dotted = c == '.';
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        if !dotted && !c.is_numeric() && !out.contains(&name) {
            out.push(name);
        }
        dotted = false;
    }
    out
}

/// The parts as JSON, for `stages.json` in the run folder.
pub fn json(stages: &[(String, Parts)]) -> Json {
    let parts = |p: &Parts| {
        let map: Map<String, Json> = p
            .iter()
            .map(|(k, v)| (k.clone(), v.clone().into()))
            .collect();
        Json::Object(map)
    };
    let map: Map<String, Json> = stages.iter().map(|(n, p)| (n.clone(), parts(p))).collect();
    Json::Object(map)
}

fn page(front: &Front, decl: &PipelineDecl, name: &str, parts: &Parts, common: &Common) -> String {
    let last = last(&common.out, &decl.name.text);
    let mut out = format!(
        "{name} of {} in {}\n",
        decl.name.text,
        super::shown(&front.path)
    );
    let wide = parts.iter().map(|p| p.0.chars().count()).max().unwrap_or(0);
    let before = last.as_ref().map(|(_, stages)| &stages[name]);
    for (what, digest) in parts {
        let old = before.and_then(|b| b[what.as_str()].as_str());
        let note = match (before, old) {
            (None | Some(Json::Null), _) => "",
            (_, Some(old)) if old == digest => "",
            (_, Some(_)) => "  changed",
            (_, None) => "  new",
        };
        out.push_str(&format!("  {what:wide$}  {digest}{note}\n"));
    }
    let gone = before.and_then(Json::as_object).into_iter().flatten();
    for (what, _) in gone.filter(|(k, _)| !parts.iter().any(|p| p.0 == **k)) {
        out.push_str(&format!("  {what:wide$}  gone\n"));
    }
    match last {
        Some((folder, _)) => out.push_str(&format!("compared with {folder}\n")),
        None => out.push_str("no run to compare with\n"),
    }
    out
}

/// The newest run folder of a pipeline, with what its stages were made of.
fn last(out: &Path, pipeline: &str) -> Option<(String, Json)> {
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
    Some((super::shown(&folder), serde_json::from_str(&text).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heads_of_paths() {
        assert_eq!(
            words("arms |> macs.core(nets[a], 2x) for a in arms"),
            ["arms", "macs", "nets", "a", "for", "in"]
        );
    }
}
