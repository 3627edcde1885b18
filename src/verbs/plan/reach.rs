//! What a plan says of the code that a pipeline reaches: declarations, stages' keys, seals and curricula.

use crate::args::Common;
use crate::front::Front;
use nas_diagnostics::Span;
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::pipeline;
use nas_eval::program::{GlobalId, ModuleId, ScopeEntry};
use nas_eval::show::{
    Bound, brief, code_fingerprint, fingerprint_in, item_fingerprint, normal_in, reached,
};
use nas_grammar::ast::{Expr, Field, FnDecl, ItemKind, PatternKind, PipelineDecl, Role, StmtKind};
use nas_plan::{Curriculum, Declaration};
use std::collections::{BTreeMap, BTreeSet};

/// A stage with what its key is made of: each part with a short digest.
#[derive(Clone)]
pub struct Keyed {
    pub name: String,
    pub span: Span,
    pub key: String,
    /// Stages and parameters it reads, sorted.
    pub after: Vec<String>,
    pub parts: Vec<(String, String)>,
}

/// How a use of a name looks in a debug text.
const USED: &str = "Expr { kind: Name(Ident { text: \"";
const SHORT: &str = "Short(Ident { text: \"";

/// The names that a tree uses of what is around it, each once, in the order of the text.
pub fn uses(tree: &str) -> Vec<&str> {
    let mut found: Vec<(usize, &str)> = vec![];
    for mark in [USED, SHORT] {
        for (at, _) in tree.match_indices(mark) {
            let rest = &tree[at + mark.len()..];
            if let Some((name, _)) = rest.split_once('"') {
                found.push((at, name));
            }
        }
    }
    found.sort_unstable();
    let bound = Bound::of(tree);
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .map(|f| f.1)
        .filter(|n| seen.insert(*n) && !bound.everywhere(n))
        .collect()
}

fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..12].to_string()
}

/// The stages of a pipeline with their keys: a stage with the same key gives the same, data apart.
pub fn stages(
    front: &Front,
    decl: &PipelineDecl,
    given: &[(String, Expr)],
    common: &Common,
) -> Vec<Keyed> {
    let host = front.bare(common);
    let mut ctx = front.ctx(&host, Purpose::Check, common);
    let settings = pipeline::settings(&mut ctx, decl, front.entry(), given).unwrap_or_default();
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    for p in &decl.params {
        let set = settings.iter().find(|(n, ..)| *n == p.name.text);
        let print = match set {
            Some((_, v, _)) => fingerprint_in(&ctx, v),
            None => normal_in(&format!("{:?}", p.default), |_| None),
        };
        known.insert(
            p.name.text.to_string(),
            (format!("parameter {}", p.name.text), short(&print)),
        );
    }
    let seed = common.seed.unwrap_or(0);
    let mut out = vec![];
    let mut reports = 0;
    for s in &decl.body.stmts {
        let mut keyed = |known: &_, name: String, tree: &str| {
            of_tree(
                &mut ctx,
                front,
                known,
                seed,
                Keyed::bare(name, s.span),
                tree,
            )
        };
        match &s.kind {
            StmtKind::Let { pattern, value, .. } => {
                let one = keyed(&known, String::new(), &format!("{value:?}"));
                for name in bound(pattern) {
                    known.insert(name.clone(), (format!("stage {name}"), one.key.clone()));
                    out.push(Keyed {
                        name,
                        ..one.clone()
                    });
                }
            }
            StmtKind::Report(all) => {
                for a in all {
                    let name = a.name.as_ref().map(|n| &*n.text);
                    let name = pipeline::report_stage(name, reports);
                    reports += 1;
                    out.push(keyed(&known, name, &format!("{:?}", a.value)));
                }
            }
            _ => {}
        }
    }
    let expects = decl.body.stmts.iter().filter_map(|s| match &s.kind {
        StmtKind::Expect(e) => Some((format!("{e:?}"), s.span)),
        _ => None,
    });
    let (trees, spans): (Vec<_>, Vec<_>) = expects.unzip();
    if let Some(span) = spans.first() {
        let bare = Keyed::bare(pipeline::EXPECTS.to_string(), *span);
        out.push(of_tree(
            &mut ctx,
            front,
            &known,
            seed,
            bare,
            &trees.join(" "),
        ));
    }
    out
}

impl Keyed {
    fn bare(name: String, span: Span) -> Keyed {
        Keyed {
            name,
            span,
            key: String::new(),
            after: vec![],
            parts: vec![],
        }
    }
}

/// A stage with its key, by its tree and what is known of the names before it.
fn of_tree(
    ctx: &mut Ctx,
    front: &Front,
    known: &BTreeMap<String, (String, String)>,
    seed: u64,
    bare: Keyed,
    tree: &str,
) -> Keyed {
    let names = uses(tree);
    let place = |n: &str| names.iter().position(|o| *o == n);
    let form = normal_in(tree, |n| place(n).map(|i| format!("@{i}")));
    let mut parts = vec![("its own text".to_string(), short(&form))];
    let mut after = vec![];
    for name in &names {
        if let Some((what, digest)) = known.get(*name) {
            parts.push((what.clone(), digest.clone()));
            after.push(name.to_string());
        } else if let Some(digest) = code(ctx, front, name) {
            parts.push((format!("code of {name}"), digest));
        }
    }
    parts.push(("seed".to_string(), seed.to_string()));
    let all: Vec<&str> = parts.iter().map(|p| p.1.as_str()).collect();
    after.sort();
    Keyed {
        key: short(&all.join("|")),
        after,
        parts,
        ..bare
    }
}

fn bound(pattern: &nas_grammar::ast::Pattern) -> Vec<String> {
    match &pattern.kind {
        PatternKind::Name(n) => vec![n.text.to_string()],
        PatternKind::Tuple(all) => all.iter().flat_map(bound).collect(),
        PatternKind::Record(fields) => fields
            .iter()
            .flat_map(|(n, p)| match p {
                Some(p) => bound(p),
                None => vec![n.text.to_string()],
            })
            .collect(),
        PatternKind::Wildcard => vec![],
    }
}

/// The digest of what a name at the top of the file stands for, with all that it reaches.
fn code(ctx: &mut Ctx, front: &Front, name: &str) -> Option<String> {
    let program = ctx.program.clone();
    let id = match program.lookup(front.entry(), name)? {
        ScopeEntry::Global(id) => *id,
        ScopeEntry::Module(m) => {
            let all = program.globals.iter().enumerate();
            let prints = all
                .filter(|(_, g)| g.module == *m)
                .map(|(id, _)| item_fingerprint(&program, id));
            return Some(short(&prints.collect::<Vec<_>>().join("|")));
        }
        ScopeEntry::Label => return None,
    };
    let item = program.item(id);
    let module = program.globals[id].module;
    let print = match &item.kind {
        ItemKind::Fn(decl) => code_fingerprint(ctx, module, decl),
        _ => {
            let v = ctx.global(id, item.span).ok()?;
            fingerprint_in(ctx, &v)
        }
    };
    Some(print.chars().take(12).collect())
}

/// Ids of all declarations that the pipeline reaches.
fn all(front: &Front, decl: &PipelineDecl) -> Vec<GlobalId> {
    let tree = format!("{:?} {:?}", decl.params, decl.body);
    reached(&front.program, front.entry(), &tree)
}

/// Declarations that the pipeline reaches, what Rust implements left out; sorted.
pub fn declarations(front: &Front, decl: &PipelineDecl) -> Vec<Declaration> {
    let program = &front.program;
    let mut out = vec![];
    for id in all(front, decl) {
        let g = &program.globals[id];
        let m = &program.modules[g.module];
        let mut value = None;
        let kind = match &program.item(id).kind {
            ItemKind::Fn(d) if d.role == Role::Intrinsic => continue,
            ItemKind::Fn(d) => role(d),
            ItemKind::Let { value: e, .. } => {
                value = Some(front.text(e.span));
                "let"
            }
            ItemKind::Space(_) => "space",
            ItemKind::Table(_) => "table",
            ItemKind::Enlarge(_) => "enlarge",
            ItemKind::Rewrite(_) => "rewrite",
            ItemKind::Type { .. } => "type",
            _ => continue,
        };
        out.push(Declaration {
            module: module_name(front, g.module),
            kind: kind.to_string(),
            name: g.name.to_string(),
            digest: item_fingerprint(program, id)[..12].to_string(),
            value,
        });
        let _ = m;
    }
    out.sort_by(|a, b| (&a.module, &a.name, &a.kind).cmp(&(&b.module, &b.name, &b.kind)));
    out
}

/// `std.search.train`; the project's own modules by their path from the pipeline's folder, else from the project's: where the command
/// is called, and where the folder lies, does not count.
pub fn module_name(front: &Front, id: ModuleId) -> String {
    let m = &front.program.modules[id];
    if m.std {
        return format!("std.{}", m.path);
    }
    let own = m.path.strip_prefix(&*front.folder).unwrap_or(&m.path);
    own.to_string()
}

fn role(d: &FnDecl) -> &'static str {
    match d.role {
        Role::Fn => "fn",
        Role::Block => "block",
        Role::Proxy => "proxy",
        Role::Loss => "loss",
        Role::Metric => "metric",
        Role::Schedule => "schedule",
        Role::Curriculum => "curriculum",
        Role::Distill => "distill",
        Role::Trainer => "trainer",
        Role::Search => "search",
        Role::Intrinsic => "intrinsic",
    }
}

/// Calls of a function by name, as written, in the pipeline and in all it reaches; sorted.
pub fn calls(front: &Front, decl: &PipelineDecl, of: &str) -> Vec<String> {
    let program = &front.program;
    let mut trees = vec![format!("{:?}", decl.body)];
    for id in all(front, decl) {
        // The library's own wrappers are not the user's seals.
        if !program.modules[program.globals[id].module].std {
            trees.push(format!("{:?}", program.item(id).kind));
        }
    }
    let head = format!("Expr {{ kind: Call {{ callee: Expr {{ kind: Name(Ident {{ text: \"{of}\"");
    let mut out = BTreeSet::new();
    for tree in trees {
        for (at, _) in tree.match_indices(&head) {
            if let Some(span) = span_behind(&tree[at..]) {
                out.insert(front.text(span));
            }
        }
    }
    out.into_iter().collect()
}

/// The place of the node whose debug text starts here: the last `span:` inside its braces.
fn span_behind(text: &str) -> Option<Span> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (i, c) in text.char_indices() {
        if quoted {
            (quoted, escaped) = match c {
                _ if escaped => (true, false),
                '\\' => (true, true),
                '"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        match c {
            '"' => quoted = true,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let (_, place) = text[..i].rsplit_once("span: ")?;
                    return span(place.trim());
                }
            }
            _ => {}
        }
    }
    None
}

/// `0:12..27`
fn span(text: &str) -> Option<Span> {
    let (file, range) = text.split_once(':')?;
    let (start, end) = range.split_once("..")?;
    Some(Span {
        file: nas_diagnostics::FileId(file.parse().ok()?),
        start: start.parse().ok()?,
        end: end.parse().ok()?,
    })
}

/// Curricula that the pipeline reaches, as tables, with the events of the trainers that are reached.
pub fn curricula(front: &Front, ctx: &mut Ctx, decl: &PipelineDecl) -> Vec<Curriculum> {
    let program = front.program.clone();
    let ids = all(front, decl);
    let mut events = vec![];
    for id in &ids {
        if let ItemKind::Fn(d) = &program.item(*id).kind {
            let tree = format!("{:?}", d.body);
            for (at, head) in tree.match_indices("OnChange { setting: ") {
                if let Some(span) = span_behind(&tree[at + head.len()..]) {
                    events.push(format!(
                        "on change({}) in {}",
                        front.text(span),
                        d.name.text
                    ));
                }
            }
        }
    }
    events.sort();
    events.dedup();
    let mut out = vec![];
    for id in ids {
        let ItemKind::Fn(d) = &program.item(id).kind else {
            continue;
        };
        if d.role != Role::Curriculum {
            continue;
        }
        let mut settings: Vec<String> = vec![];
        let mut rows: Vec<(String, BTreeMap<String, String>)> = vec![];
        for s in d.body.iter().flat_map(|b| &b.stmts) {
            let StmtKind::Phase { at, settings: set } = &s.kind else {
                continue;
            };
            // What a phase does not mention carries over.
            let mut row = rows.last().map(|r| r.1.clone()).unwrap_or_default();
            for f in set {
                let Field::Named { name, value } = f else {
                    continue;
                };
                if !settings.contains(&name.text.to_string()) {
                    settings.push(name.text.to_string());
                }
                let module = program.globals[id].module;
                let v = ctx.in_module(module, |ctx| ctx.eval(value, &Default::default()));
                let shown = v.ok().filter(|v| !v.is_unknown()).map(|v| brief(&v));
                row.insert(
                    name.text.to_string(),
                    shown.unwrap_or_else(|| front.text(value.span)),
                );
            }
            rows.push((front.text(at.span), row));
        }
        let phases = rows
            .into_iter()
            .map(|(at, row)| (at, settings.iter().map(|s| row.get(s).cloned()).collect()));
        out.push(Curriculum {
            name: d.name.text.to_string(),
            phases: phases.collect(),
            settings,
            events: events.clone(),
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_used_are_found() {
        let (e, _) = nas_grammar::parse_expr(
            nas_diagnostics::FileId(0),
            "[accuracy(nets.spos[a], data.valid) for a in archs]",
        );
        let tree = format!("{e:?}");
        assert_eq!(uses(&tree), ["accuracy", "nets", "data", "archs"]);
        let at = tree.find("Expr { kind: Call {").unwrap_or(0);
        let place = span_behind(&tree[at..]).map(|s| (s.start, s.end));
        assert_eq!(place, Some((1, 35)));
    }
}
