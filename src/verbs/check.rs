//! `nasc check`: every error and warning of files; `--emit` prints what a stage made.

use super::plan;
use super::review::join;
use super::{Outcome, load, shown};
use crate::args::{Check, Common, Emit, Target};
use crate::front::{Front, deep, lenient};
use crate::show::Show;
use crate::world::read_source;
use nas_diagnostics::{Diagnostic, Span};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::net::{NetBase, NetValue, NetWeights};
use nas_eval::space::{ArchValue, SpaceValue, Terms};
use nas_eval::value::{FuncKind, Unit, Value};
use nas_eval::{Fault, call};
use nas_grammar::ast::ItemKind;
use nas_ir::{Dim, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many files are held at once.
const MOST: usize = 64;

pub fn run(args: &Check, common: &Common, show: &mut Show) -> Outcome {
    if args.emit == Some(Emit::Ast) {
        let loaded = load(&args.files.files);
        for file in &loaded.files {
            show.text(&format!("{:#?}\n", file.module));
        }
        return loaded.outcome();
    }
    let mut whole = Outcome {
        looked: true,
        ..Outcome::default()
    };
    for paths in together(&args.files.files, args.emit.is_none()) {
        let mut front = match paths[..] {
            [path] => Front::open(path),
            _ => Front::together(&paths),
        };
        // Also after errors: a broken declaration leaves the others to be checked.
        let host = front.bare(common);
        front.check(&host);
        if let (Some(emit), false) = (args.emit, front.failed()) {
            emitted(emit, &mut front, common, show);
        }
        join(&mut whole, front.outcome());
    }
    whole
}

/// Files that are checked as one program: those of a folder, each once.
fn together(files: &[PathBuf], may: bool) -> Vec<Vec<&Path>> {
    let mut seen: Vec<&PathBuf> = Vec::new();
    let mut out: Vec<Vec<&Path>> = Vec::new();
    let mut last: Option<&Path> = None;
    for path in files {
        if seen.contains(&path) {
            continue;
        }
        seen.push(path);
        // What cannot be read is told by itself.
        let folder = path.parent().filter(|_| may && read_source(path).is_ok());
        match (folder.is_some() && folder == last, out.last_mut()) {
            (true, Some(group)) if group.len() < MOST => group.push(path),
            _ => out.push(vec![path]),
        }
        last = folder;
    }
    out
}

/// Prints one stage of a file that is right.
fn emitted(emit: Emit, front: &mut Front, common: &Common, show: &mut Show) {
    let made = match emit {
        Emit::Ast => return,
        Emit::Ir => of_spaces(front, common, ir),
        Emit::Plan => return plans(front, common, show),
        Emit::Cost => of_spaces(front, common, cost),
        Emit::Network => of_spaces(front, common, network),
    };
    match made {
        Ok(text) => show.text(&text),
        Err(Fault(d)) => front.add([lenient(*d)]),
    }
}

/// The plan of each pipeline.
fn plans(front: &mut Front, common: &Common, show: &mut Show) {
    let tree = front
        .program
        .modules
        .get(front.entry())
        .map(|m| m.tree.clone());
    for item in tree.iter().flat_map(|t| &t.items) {
        let ItemKind::Pipeline(p) = &item.kind else {
            continue;
        };
        let target = Target {
            file: front.path.clone(),
            pipeline: Some(p.name.text.to_string()),
        };
        match plan::page(&target, false, common) {
            Ok((text, _)) => show.text(&format!("{text}\n")),
            Err(outcome) => front.add(outcome.diags),
        }
    }
}

/// What a function makes of each space whose parameters all have defaults.
fn of_spaces(
    front: &Front,
    common: &Common,
    each: fn(&mut Ctx, &Arc<SpaceValue>, Span) -> Result<String, Fault>,
) -> Result<String, Fault> {
    let host = front.bare(common);
    deep(|| {
        let mut ctx = front.ctx(&host, Purpose::Check, common);
        let mut out = format!("{}\n", shown(&front.path));
        let module = front.entry();
        let tree = front.program.modules[module].tree.clone();
        for item in &tree.items {
            let ItemKind::Space(decl) = &item.kind else {
                continue;
            };
            if decl.params.iter().any(|p| p.default.is_none()) {
                out.push_str(&format!(
                    "\n{}: its parameters are to be given\n",
                    decl.name.text
                ));
                continue;
            }
            let v = ctx.func(
                FuncKind::Space {
                    decl: decl.clone(),
                    module,
                },
                item.span,
            );
            let span = decl.name.span;
            let space = nas_eval::space::as_space(&mut ctx, &v, span)?;
            out.push_str(&format!("\n{}\n", space.name));
            out.push_str(&each(&mut ctx, &space, span)?);
        }
        Ok(out)
    })
}

/// Ranges of the items of the cost table, summed by kind of block.
fn cost(ctx: &mut Ctx, s: &Arc<SpaceValue>, _: Span) -> Result<String, Fault> {
    let entries = s.prove(ctx)?;
    let mut rows: BTreeMap<(String, String), Vec<nas_ir::Table<i64>>> = BTreeMap::new();
    for e in entries.iter() {
        let Some(t) = e.amount.as_table() else {
            continue;
        };
        for kind in [e.kind.to_string(), "all".to_string()] {
            rows.entry((e.item.to_string(), kind))
                .or_default()
                .push(t.clone());
        }
    }
    let mut out = String::new();
    for ((item, kind), tables) in rows {
        let terms = Terms {
            space: s.clone(),
            tables,
            unit: Unit::One,
        };
        if let Some((min, mean, max)) = super::space::summary(ctx, &terms)? {
            out.push_str(&format!(
                "  {item:16} {kind:20} {min:>14} ..= {max:>14}  mean {mean:.1}\n"
            ));
        }
    }
    Ok(match out.is_empty() {
        true => "  no costs\n".to_string(),
        false => out,
    })
}

/// The net of all members at once: each block with its place and the shape it gives, sizes that are chosen as expressions.
fn ir(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<String, Fault> {
    if s.net_decl().is_none() {
        return Ok("  no net\n".to_string());
    }
    s.prove(ctx)?;
    let net = Arc::new(NetValue::new(
        NetBase::AllMembers { space: s.clone() },
        NetWeights::Abstract,
    ));
    let x = nas_eval::net::stand_in_input(ctx, &net, Dim::var("n"), None, span)?;
    let record = nas_eval::net::Recorder::default();
    let args = call::Args::one(x.clone(), span);
    let (y, record, _) = nas_eval::net::run(ctx, &net, args, Some(record), false)?;
    let mut out = format!("  input {}\n", nas_eval::show::brief(&x));
    for c in record.iter().flat_map(|r| &r.calls) {
        let shape = c.output.as_ref().map(nas_eval::show::brief);
        out.push_str(&format!("  {:48} {}\n", c.path, shape.unwrap_or_default()));
    }
    out.push_str(&format!("  result {}\n", nas_eval::show::brief(&y)));
    Ok(out)
}

/// The graph of the first member at inference, for a batch of one.
fn network(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Result<String, Fault> {
    if s.net_decl().is_none() {
        return Ok("  no net\n".to_string());
    }
    let algebra = s.algebra(ctx, span)?;
    let Some(first) = algebra.space.enumerate().next() else {
        return Ok("  no member\n".to_string());
    };
    let arch = ArchValue::new(s.clone(), first);
    let mut out = format!("  {}\n", arch.text());
    let mut net = NetValue::new(
        NetBase::Member {
            space: s.clone(),
            arch,
        },
        NetWeights::Fresh(nas_eval::key::Key::seed(0)),
    );
    net.train = Some(false);
    let net = Arc::new(net);
    let x = nas_eval::net::stand_in_input(ctx, &net, Dim::Const(1), None, span)?;
    let x = match x.plain() {
        Value::Tensor(t, _) => {
            let shape = t.shape().iter().cloned().collect();
            Value::tensor(Tensor::slot(0, "input".into(), shape, t.dtype()))
        }
        _ => x,
    };
    let (y, _, _) = nas_eval::net::run(ctx, &net, call::Args::one(x, span), None, false)?;
    let Value::Tensor(y, _) = y.plain() else {
        return Ok(format!("  its value is {}\n", y.kind()));
    };
    match nas_ir::graph::linearise(std::slice::from_ref(y)) {
        Ok((graph, _)) => {
            for line in graph.print().lines() {
                out.push_str(&format!("  {line}\n"));
            }
            Ok(out)
        }
        Err(e) => Err(Diagnostic::error(
            "E0309",
            format!(
                "the graph of `{}` cannot be printed in this version",
                s.name
            ),
        )
        .at(span, format!("a shape in it is not plain yet: {}", e.shape))
        .into()),
    }
}
