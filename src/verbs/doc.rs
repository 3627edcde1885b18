//! `nasc doc`: what `///` and `//!` say, of the standard library and of files.

use super::{Outcome, load};
use crate::args::Doc;
use crate::exit;
use crate::show::Show;
use nas_diagnostics::{Diagnostic, FileId, did_you_mean};
use nas_grammar::ast::{Item, ItemKind, Module};
use std::path::Path;

pub fn run(args: &Doc, show: &mut Show) -> Outcome {
    let Some(name) = &args.name else {
        let list = nas_stdlib::FILES.iter().map(|(path, text)| {
            let module = parse(text);
            let first = module.doc.first().map(|l| l.trim()).unwrap_or("");
            format!("{:24} {first}", module_name(path))
                .trim_end()
                .to_string()
                + "\n"
        });
        show.text(&list.collect::<String>());
        return Outcome::ok();
    };
    if name.ends_with(".nas") || Path::new(name).is_file() {
        let loaded = load(&[name]);
        for file in &loaded.files {
            let text = loaded.sources.get(file.id).map(|f| &*f.text).unwrap_or("");
            show.text(&page(name, &file.module, text));
        }
        return loaded.outcome();
    }
    of_library(name, show)
}

/// A module by its name, or every declaration of that name.
fn of_library(name: &str, show: &mut Show) -> Outcome {
    let mut known = Vec::new();
    let mut found = String::new();
    for (path, text) in nas_stdlib::FILES {
        let module = parse(text);
        let file = module_name(path);
        if file == name || file.strip_prefix("std.") == Some(name) {
            show.text(&page(&file, &module, text));
            return Outcome::ok();
        }
        for item in &module.items {
            let Some(own) = item_name(item) else { continue };
            if own == name || format!("{file}.{own}") == name {
                found.push_str(&format!("{file}\n\n{}", entry(item, text)));
            }
            known.push(own.to_string());
        }
        known.push(file);
    }
    if !found.is_empty() {
        show.text(&found);
        return Outcome::ok();
    }
    let d = Diagnostic::error("E0802", format!("`{name}` is neither in `std` nor a file"));
    let d = match did_you_mean(name, &known) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None => d.help("`nasc doc` lists the modules of `std`"),
    };
    Outcome::failed(exit::SOURCE, vec![d])
}

fn parse(text: &str) -> Module {
    nas_grammar::parse(FileId(0), text).0
}

/// `core/layers.nas` as a `use` writes it: `std.core.layers`.
fn module_name(path: &str) -> String {
    format!("std.{}", path.trim_end_matches(".nas").replace('/', "."))
}

fn page(name: &str, module: &Module, text: &str) -> String {
    let mut out = format!("# {name}\n\n");
    for line in &module.doc {
        out.push_str(&format!("{}\n", line.trim()));
    }
    if !module.doc.is_empty() {
        out.push('\n');
    }
    module
        .items
        .iter()
        .filter(|i| item_name(i).is_some())
        .for_each(|i| out.push_str(&entry(i, text)));
    out
}

/// The head of a declaration, indented, then its documentation.
fn entry(item: &Item, text: &str) -> String {
    let (start, end) = (
        item.span.start as usize,
        head_end(item).unwrap_or(item.span.end) as usize,
    );
    let head = text.get(start..end.max(start)).unwrap_or("");
    // The span may begin with the documentation itself.
    let lines = head
        .lines()
        .filter(|l| !l.trim_start().starts_with("//") && !l.trim().is_empty());
    let head: String = lines.map(|l| format!("    {}\n", l.trim_end())).collect();
    let doc = item
        .doc
        .iter()
        .flat_map(|d| d.lines())
        .map(|l| format!("{}\n", l.trim()));
    let doc: String = doc.collect();
    format!("{head}\n{doc}{}", if doc.is_empty() { "" } else { "\n" })
}

/// Where the body begins, for declarations whose body is not part of the head.
fn head_end(item: &Item) -> Option<u32> {
    match &item.kind {
        ItemKind::Fn(f) => f.body.as_ref().map(|b| b.span.start),
        ItemKind::Space(s) => Some(s.body.span.start),
        ItemKind::Pipeline(p) => Some(p.body.span.start),
        _ => None,
    }
}

fn item_name(item: &Item) -> Option<&str> {
    match &item.kind {
        ItemKind::Fn(f) => Some(&f.name.text),
        ItemKind::Space(s) => Some(&s.name.text),
        ItemKind::Enlarge(e) => Some(&e.name.text),
        ItemKind::Table(t) => Some(&t.name.text),
        ItemKind::Rewrite(r) => Some(&r.name.text),
        ItemKind::Pipeline(p) => Some(&p.name.text),
        ItemKind::Type { name, .. } => Some(&name.text),
        ItemKind::Use(_) | ItemKind::Let { .. } | ItemKind::Test(_) => None,
    }
}
