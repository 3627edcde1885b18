//! What is said about a `use` that does not work.

use super::Library;
use super::imports::{Entry, dotted};
use super::index::Index;
use nas_diagnostics::{Diagnostic, Sources, Span, did_you_mean};
use nas_eval::program::{ModuleId, Program};

/// E0203: no such module, with the places where it was looked for.
pub(super) fn missing(
    entry: &Entry,
    tried: &[String],
    project: &[String],
    library: Library<'_>,
) -> Diagnostic {
    let (whole, front) = (entry.dotted(), dotted(&entry.path[..entry.path.len() - 1]));
    let last = entry.path.last().map_or("", |p| &*p.text);
    let forced = entry.path[0].text.as_ref() == "std";
    let mut known: Vec<String> = library
        .iter()
        .map(|(path, _)| path.strip_suffix(".nas").unwrap_or(path).replace('/', "."))
        .collect();
    if forced {
        known.iter_mut().for_each(|k| k.insert_str(0, "std."));
    } else {
        known.extend_from_slice(project);
    }
    let (place, listed) = path_span(entry);
    let shown = if listed { &front } else { &whole };
    let mut found = Diagnostic::error("E0203", format!("no module `{shown}`"))
        .at(place, "no file of this name");
    for file in tried {
        found = found.note(format!("looked for {file}"));
    }
    // The folder is right, the file is not: `search.{nb210}`.
    if listed
        && let Some(near) = did_you_mean(&whole, &known)
        && let Some((folder, file)) = near.rsplit_once('.')
        && folder == front
    {
        let mut at = Diagnostic::error("E0203", format!("no module `{whole}`")).at(
            entry.path[entry.path.len() - 1].span,
            "no file of this name",
        );
        at.notes = found.notes;
        return at.did_you_mean(file);
    }
    if !listed && let Some(near) = did_you_mean(&whole, &known) {
        return found
            .help(format!("did you mean `use {near}`?"))
            .fix(place, near);
    }
    // `use std.opps.relu`: the module is wrong, the item may be right.
    if !front.is_empty()
        && let Some(near) = did_you_mean(&front, &known)
    {
        let (help, text) = match listed {
            true => (format!("did you mean `use {near}.{{{last}}}`?"), near),
            false => (
                format!("did you mean `use {near}.{last}`?"),
                format!("{near}.{last}"),
            ),
        };
        return found.help(help).fix(place, text);
    }
    found
}

/// The path of an entry; of one in a list `{ … }` what stands before the list, and `true`.
fn path_span(entry: &Entry) -> (Span, bool) {
    let (Some(first), Some(last)) = (entry.path.first(), entry.path.last()) else {
        return (entry.span, false);
    };
    let listed = entry.path.len() > 1 && entry.span.start == last.span.start;
    let end = if listed {
        &entry.path[entry.path.len() - 2]
    } else {
        last
    };
    (first.span.to(end.span), listed)
}

/// E0202: the module is there, the name is not.
pub(super) fn no_item(
    entry: &Entry,
    module: ModuleId,
    program: &Program,
    index: &Index,
) -> Diagnostic {
    let name = entry.path.last().map_or("", |p| &*p.text);
    let path = &program.modules[module].path;
    let own = &index.own[module];
    let span = entry.path.last().map_or(entry.span, |p| p.span);
    let mut found = Diagnostic::error("E0202", format!("module `{path}` has no `{name}`"))
        .at(span, "not declared there");
    if let Some(near) = did_you_mean(name, own.keys()) {
        return found.did_you_mean(&near);
    }
    if let Some(members) = members(own.keys().map(|k| &**k)) {
        found = found.note(format!("it declares {members}"));
    }
    found
}

/// At most a dozen names, sorted.
pub(crate) fn members<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(12);
    names.truncate(12);
    let list = names.join(", ");
    Some(if more > 0 {
        format!("{list} and {more} more")
    } else {
        list
    })
}

/// E0204: `chain` holds the files of the circle, each with the `use` that led to it; `back` leads to the first again.
pub(super) fn cycle(chain: &[(ModuleId, Span)], back: Span, sources: &Sources) -> Diagnostic {
    let name = |span: Span| {
        sources
            .get(span.file)
            .map_or_else(String::new, |f| f.name.to_string())
    };
    let first = name(back_target(chain, back));
    let mut found = if chain.len() == 1 {
        Diagnostic::error("E0204", format!("{first} imports itself")).at(back, "this file again")
    } else {
        Diagnostic::error("E0204", format!("{first} imports itself through others"))
            .at(back, format!("{} closes the circle", name(back)))
    };
    let steps: Vec<Span> = chain[1..].iter().map(|(_, span)| *span).collect();
    for span in &steps {
        found = found.at(*span, format!("imported by {}", name(*span)));
    }
    let mut files: Vec<String> = steps.iter().map(|s| name(*s)).collect();
    files.push(name(back));
    files.push(first);
    found
        .note(files.join(" -> "))
        .help("move what both sides need into a third file that both import")
}

/// A place in the first file of the circle: the `use` of its second file, or the one that closes it.
fn back_target(chain: &[(ModuleId, Span)], back: Span) -> Span {
    chain.get(1).map_or(back, |(_, span)| *span)
}

/// E0206: two declarations of one name; where they are the same text, one of them is to go.
pub(super) fn declared_twice(
    name: &str,
    first: Span,
    second: Span,
    same: Option<Span>,
) -> Diagnostic {
    let d = twice(name, first, second, "declared");
    match same {
        Some(whole) => d
            .help("both say the same: take one of them out")
            .fix(whole, ""),
        None => d.help("give the second one another name"),
    }
}

/// E0206: two of one name.
pub(crate) fn twice(name: &str, first: Span, second: Span, how: &str) -> Diagnostic {
    Diagnostic::error("E0206", format!("`{name}` is {how} twice"))
        .at(second, "again here")
        .at(first, "first here")
}
