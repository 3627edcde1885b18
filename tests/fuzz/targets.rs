//! What is fuzzed, as functions of bytes: cargo-fuzz calls them, and so do the tests of this folder on stable Rust.

use super::world::{Files, check, deep, host};
use nas_diagnostics::{FileId, Format, Style, render};
use nas_eval::ctx::{Ctx, Purpose};
use nas_grammar::ast::ItemKind;
use std::sync::Arc;

/// A function that must come back from any bytes.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("parse", parse),
    ("format", format),
    ("check", whole),
    ("plan", plan),
];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|t| t.len() < 1 << 16)
}

/// Reads a file and an expression; places stay inside the text.
pub fn parse(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (_, found) = nas_grammar::parse(FileId(0), text);
    for d in &found {
        assert!(
            nas_diagnostics::page(d.code).is_some(),
            "{} has a page",
            d.code
        );
        for l in &d.labels {
            assert!(
                l.span.start <= l.span.end && l.span.end as usize <= text.len() + 1,
                "{d:?}"
            );
        }
    }
    let _ = nas_grammar::parse_expr(FileId(0), text);
}

/// What is formatted is read as the same, and formats to itself.
pub fn format(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(once) = nas_grammar::format(text) else {
        return;
    };
    let twice = nas_grammar::format(&once);
    assert_eq!(twice.as_ref().ok(), Some(&once), "{text:?}");
    let (a, found) = nas_grammar::parse(FileId(0), text);
    let (b, _) = nas_grammar::parse(FileId(0), &once);
    if found.is_empty() {
        assert!(nas_grammar::same_tree(&a, &b), "{text:?}");
    }
}

/// Checks a program and shows what was found in every format.
pub fn whole(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (loaded, found) = check(&Files::from([("main.nas".to_string(), text.to_string())]));
    for format in Format::ALL {
        for color in [false, true] {
            let _ = render(format, &found, &loaded.sources, Style { color, width: 60 });
        }
    }
}

/// Goes through the pipelines of a program that has no errors, as the plan does.
pub fn plan(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let files = Files::from([("main.nas".to_string(), text.to_string())]);
    let (loaded, found) = check(&files);
    if found.iter().any(nas_diagnostics::Diagnostic::is_error) {
        return;
    }
    let program = Arc::new(loaded.program);
    let host = host(&files);
    deep(|| {
        for item in &program.modules[program.entry].tree.items {
            if let ItemKind::Pipeline(p) = &item.kind {
                let mut ctx = Ctx::new(program.clone(), host.clone(), Purpose::Check, 7);
                let _ = nas_eval::pipeline::run(&mut ctx, p, program.entry, vec![]);
            }
        }
    });
}
