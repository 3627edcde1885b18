//! `nasc space`: sizes, sites and costs of a space, or of one of its members.

mod costs;
mod distinct;
mod member;

use super::Outcome;
use crate::args::{Common, SpaceQuery};
use crate::exit;
use crate::front::{Front, deep};
use crate::show::Show;
use nas_diagnostics::{Diagnostic, FileId, Span, did_you_mean};
use nas_eval::Fault;
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::env::Env;
use nas_eval::host::Event;
use nas_eval::key::Key;
use nas_eval::program::{Module, ModuleId, Program, ScopeEntry};
use nas_eval::space::{self, ArchValue, SiteInfo, SpaceValue};
use nas_eval::value::Value;
use nas_grammar::ast::{self, Expr, ItemKind};
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};

pub use costs::summary;

pub fn run(args: &SpaceQuery, common: &Common, show: &mut Show) -> Outcome {
    let mut front = Front::with(&args.file, &costs::imports());
    if front.failed() {
        return front.outcome();
    }
    let condition = match &args.condition {
        None => None,
        Some(text) => {
            let id = front.sources.add("--where", text.as_str());
            let (e, found) = nas_grammar::parse_exprs(id, text);
            if found.iter().any(Diagnostic::is_error) {
                front.add(found);
                return front.ended(exit::USAGE);
            }
            Some((e, id))
        }
    };
    let module = pseudo(&mut front, condition.as_ref().map(|c| c.1));
    let progress = Arc::new(Mutex::new(show.progress()));
    let told = progress.clone();
    let host = front.telling(common, move |event| {
        if let (
            Event::Step {
                stage, step, steps, ..
            },
            Ok(mut p),
        ) = (event, told.lock())
        {
            p.step(&stage, step as u64, steps as u64, "");
        }
    });
    let shared: &Front = &front;
    let answer = deep(|| {
        let mut ctx = shared.ctx(&host, Purpose::Check, common);
        ctx.module = module;
        let answer = answer(
            &mut ctx,
            shared,
            module,
            args,
            condition.map(|c| c.0),
            common,
        );
        answer.map(|text| (text, std::mem::take(&mut ctx.warnings)))
    });
    if let Ok(p) = progress.lock() {
        p.clear();
    }
    match answer {
        Ok((text, warnings)) => {
            front.add(warnings);
            show.text(&text);
        }
        Err(Fault(d)) => front.add([*d]),
    }
    front.outcome()
}

/// A module of our own after the program's, in which the condition stands: the entry's names, and the conventions by the
/// names that the library gives them.
fn pseudo(front: &mut Front, condition: Option<FileId>) -> ModuleId {
    let mut program: Program = (*front.program).clone();
    let entry = &program.modules[program.entry];
    let mut scope = entry.scope.clone();
    let text = condition
        .and_then(|id| front.sources.get(id))
        .map_or(String::new(), |f| f.text.to_string());
    let find = |path: &str| {
        program
            .modules
            .iter()
            .position(|m| m.std && &*m.path == path)
    };
    if let Some(macs) = find("cost.macs")
        && (text.contains("macs.") || !scope.contains_key("macs"))
    {
        scope.insert("macs".into(), ScopeEntry::Module(macs));
    }
    if let Some(params) = costs::params(&program)
        && !scope.contains_key("params")
    {
        scope.insert("params".into(), ScopeEntry::Global(params));
    }
    let module = Module {
        path: "--where".into(),
        file: condition.unwrap_or(entry.file),
        std: false,
        tree: Arc::new(ast::Module {
            doc: Vec::new(),
            items: Vec::new(),
            span: Span::default(),
        }),
        text: "".into(),
        scope,
    };
    program.modules.push(module);
    let id = program.modules.len() - 1;
    front.program = Arc::new(program);
    id
}

/// The space of a name of the file, or of what it imports.
fn named(ctx: &mut Ctx, front: &Front, name: &str) -> Result<Arc<SpaceValue>, Fault> {
    let program = ctx.program.clone();
    let found = match program.lookup(front.entry(), name) {
        Some(ScopeEntry::Global(id)) => Some(*id),
        _ => None,
    };
    let is_space = |id: &usize| matches!(program.item(*id).kind, ItemKind::Space(_));
    if let Some(id) = found {
        let at = program.item(id).span;
        let v = ctx.global(id, at)?;
        if is_space(&id) || matches!(v.plain(), Value::Space(_)) {
            return space::as_space(ctx, &v, at);
        }
        let d = Diagnostic::error(
            "E0301",
            format!("`{name}` is {}, and a space is wanted", v.kind()),
        );
        return Err(d.at(at, "declared here").into());
    }
    let spaces: Vec<&str> = program
        .globals
        .iter()
        .enumerate()
        .filter(|(id, g)| is_space(id) && g.module == front.entry())
        .map(|(_, g)| &*g.name)
        .collect();
    let d = Diagnostic::error(
        "E0201",
        format!(
            "there is no space `{name}` in {}",
            super::shown(&front.path)
        ),
    );
    Err(match did_you_mean(name, &spaces) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None if spaces.is_empty() => d.help("this file declares no space"),
        None => d.help(format!("it declares {}", spaces.join(", "))),
    }
    .into())
}

fn answer(
    ctx: &mut Ctx,
    front: &Front,
    module: ModuleId,
    args: &SpaceQuery,
    condition: Option<Vec<Expr>>,
    common: &Common,
) -> Result<String, Fault> {
    let mut s = named(ctx, front, &args.name)?;
    let span = s.base.decl.name.span;
    if let Some(all) = condition {
        ctx.module = module;
        let at = all.iter().map(|e| e.span).reduce(Span::to);
        let at = at.unwrap_or_default();
        if let Value::Space(restricted) = space::restrict(ctx, &s, &all, &Env::default(), at)? {
            s = restricted;
        }
    }
    if let Some(text) = &args.arch {
        let arch = space::decode(ctx, &s, text, Span::default()).map_err(unplaced)?;
        let member = member::of(ctx, &s, arch, span)?;
        return Ok(match args.json {
            true => format!("{:#}\n", member.json()),
            false => member.text(),
        });
    }
    if let Some(n) = args.sample {
        let members = sample(ctx, &s, n, common.seed.unwrap_or(0), span)?;
        return Ok(match args.json {
            true => format!("{:#}\n", json!({ "name": &*s.name, "sample": members })),
            false => members.iter().map(|m| format!("{m}\n")).collect(),
        });
    }
    let asked = args.modulo.as_deref().map(|text| (text, module));
    let told = distinct::of(ctx, front, &s, asked, span)?;
    whole(ctx, &s, &told, args.json, span)
}

/// The text stands on the command line: the place in a file is no help.
fn unplaced(Fault(mut d): Fault) -> Fault {
    d.labels.clear();
    Fault(d)
}

/// `n` different members, each equally likely; all where there are fewer.
fn sample(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    n: usize,
    seed: u64,
    span: Span,
) -> Result<Vec<String>, Fault> {
    let a = s.algebra(ctx, span)?;
    let hard = |e| space::too_hard(e, span);
    let text = |m| ArchValue::new(s.clone(), m).text();
    if let Some(c) = space::classes::of(ctx, s, span)? {
        // One member of each class, classes equally likely.
        let q = c.list(ctx, s, &a.space, span)?;
        let mut numbers: Vec<usize> = (0..q.len()).collect();
        let mut stream = Key::seed(seed).named("sample").named(&s.name).stream();
        for i in 0..n.min(numbers.len()) {
            let left = (numbers.len() - i) as u64;
            numbers.swap(i, i + stream.below(left) as usize);
        }
        numbers.truncate(n);
        return Ok(numbers
            .into_iter()
            .filter_map(|i| q.representative(i))
            .map(text)
            .collect());
    }
    if a.space.feasible_size().map_err(hard)? <= n.into() {
        return Ok(a.space.enumerate().map(text).collect());
    }
    let sampler = a.space.sampler().map_err(hard)?;
    let mut stream = Key::seed(seed).named("sample").named(&s.name).stream();
    let mut source = |below: u64| stream.below(below);
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::new();
    while out.len() < n {
        let Some(m) = sampler.sample(&a.space, &mut source) else {
            break;
        };
        if seen.insert(m.clone()) {
            out.push(text(m));
        }
    }
    Ok(out)
}

/// Sizes, sites and costs.
fn whole(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    told: &distinct::Distinct,
    as_json: bool,
    span: Span,
) -> Result<String, Fault> {
    let a = s.algebra(ctx, span)?;
    let raw = a.space.raw_size().ok().map(|n| n.to_string());
    let feasible = a.space.feasible_size().ok().map(|n| n.to_string());
    let sites = sites(s, &a.space);
    let costs = costs::of_space(ctx, s, span);
    if as_json {
        let by_name: serde_json::Map<String, Json> =
            costs.iter().map(|c| (c.name.clone(), c.json())).collect();
        let value = json!({
            "name": &*s.name, "raw": raw, "distinct": told.json(), "feasible": feasible,
            "sites": sites.iter().map(site_json).collect::<Vec<_>>(), "costs": by_name,
        });
        return Ok(format!("{value:#}\n"));
    }
    let unknown = || "too many to count".to_string();
    let mut out = format!(
        "{}\n  raw       {}\n  feasible  {}\n{}\nsites\n",
        s.name,
        raw.unwrap_or_else(unknown),
        feasible.unwrap_or_else(unknown),
        told.text()
    );
    let wide = sites.iter().map(|s| s.address.chars().count()).max();
    for site in &sites {
        let (wide, address) = (wide.unwrap_or(0), &site.address);
        let when = match site.conditional {
            true => format!("  (where {})", site.when),
            false => String::new(),
        };
        out.push_str(&format!(
            "  {address:wide$}  {}{when}\n",
            site.labels.join(", ")
        ));
    }
    if !costs.is_empty() {
        out.push_str("\ncosts\n");
        out.push_str(&costs::text(&costs));
    }
    Ok(out)
}

/// A choice as it is told.
struct Site {
    address: Arc<str>,
    labels: Vec<Arc<str>>,
    /// Not in every member.
    conditional: bool,
    /// When it is there, in words.
    when: String,
}

fn sites(s: &SpaceValue, space: &nas_space::Space) -> Vec<Site> {
    let model = space.model();
    let when = |i: usize| match &model.sites[i].exists {
        nas_space::Condition::Always => String::new(),
        nas_space::Condition::Any(any) => {
            let one = |(site, options): &(usize, Vec<usize>)| {
                let site = &model.sites[*site];
                let names: Vec<&str> = options
                    .iter()
                    .filter_map(|o| site.labels.get(*o).map(|l| &**l))
                    .collect();
                format!("{} is {}", site.address, names.join(" or "))
            };
            let all =
                |c: &Vec<(usize, Vec<usize>)>| c.iter().map(one).collect::<Vec<_>>().join(" and ");
            any.iter().map(all).collect::<Vec<_>>().join(", or ")
        }
    };
    let told = |(i, site): (usize, SiteInfo)| Site {
        conditional: model.sites[i].conditional(),
        when: when(i),
        address: site.address,
        labels: site.labels,
    };
    s.sites().into_iter().enumerate().map(told).collect()
}

fn site_json(site: &Site) -> Json {
    let labels: Vec<&str> = site.labels.iter().map(|l| &**l).collect();
    json!({ "address": &*site.address, "options": labels, "conditional": site.conditional })
}
