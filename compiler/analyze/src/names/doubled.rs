//! A name bound twice where another is used and bound nowhere: one mistake, with one finding that mends it.

use nas_diagnostics::{Diagnostic, Sources, Span};
use nas_eval::program::Program;
use std::collections::BTreeSet;

/// Gives a name that is bound twice (E0206) the one that its declaration misses (E0201), where that is only one.
pub fn explain(
    program: &Program,
    sources: &Sources,
    mut found: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let items: Vec<Span> = program
        .modules
        .iter()
        .flat_map(|m| m.tree.items.iter().map(|i| i.span))
        .collect();
    let within = |a: Span, b: Span| a.file == b.file && a.start >= b.start && a.end <= b.end;
    let twice: Vec<usize> = (0..found.len())
        .filter(|i| {
            let d = &found[*i];
            d.code == "E0206" && d.fixes.is_empty() && d.message.ends_with("is bound twice")
        })
        .collect();
    for i in twice {
        let Some(at) = found[i].primary() else {
            continue;
        };
        let Some(item) = items.iter().find(|s| within(at, **s)) else {
            continue;
        };
        let missing = |d: &Diagnostic| {
            d.primary()
                .filter(|p| d.code == "E0201" && within(*p, *item) && p.start >= at.end)
        };
        let names: BTreeSet<&str> = found
            .iter()
            .filter_map(missing)
            .map(|p| sources.text(p))
            .collect();
        let [name] = names.into_iter().collect::<Vec<_>>()[..] else {
            continue;
        };
        let name = name.to_string();
        let uses: Vec<Span> = found
            .iter()
            .filter_map(missing)
            .filter(|p| sources.text(*p) == name)
            .collect();
        let mut d = found[i].clone();
        if let Some(first) = uses.first() {
            d = d.at(
                *first,
                format!("`{name}` is used here, and nothing binds it"),
            );
        }
        found[i] = d
            .help(format!("name the second one `{name}`"))
            .fix(at, name.clone());
        // Its uses are right once it has its name.
        found.retain(|d| d.code != "E0201" || !d.primary().is_some_and(|p| uses.contains(&p)));
        return explain(program, sources, found);
    }
    found
}
