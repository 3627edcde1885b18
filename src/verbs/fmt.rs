//! `nasc fmt`: files in the one style; with `--check` the difference, and nothing written.

use super::{Outcome, shown};
use crate::args::Fmt;
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::{Diagnostic, FileId, Sources};
use similar::TextDiff;

pub fn run(args: &Fmt, show: &mut Show) -> Outcome {
    let mut sources = Sources::default();
    let mut diags = Vec::new();
    let mut differing = 0;
    for path in &args.files.files {
        let text = match world::read_source(path) {
            Ok(text) => text,
            Err(d) => {
                diags.push(d);
                continue;
            }
        };
        let name = shown(path);
        let id = sources.add(name.as_str(), text.as_str());
        match nas_grammar::format(&text) {
            Err(found) => diags.extend(found.into_iter().map(|d| moved(d, id))),
            Ok(new) if new == text => {}
            Ok(new) if args.check => {
                differing += 1;
                show.diff(&difference(&name, &text, &new));
            }
            Ok(new) => match world::write_whole(path, &new) {
                Ok(()) => show.say(&format!("formatted {name}")),
                Err(d) => diags.push(d),
            },
        }
    }
    let mut outcome = Outcome::found(diags, sources);
    if differing > 0 {
        show.say(&format!(
            "{differing} of {} files differ; `nasc fmt` writes them",
            args.files.files.len()
        ));
        outcome.code = exit::SOURCE;
    }
    outcome
}

/// The formatter knows one file, the first; here it is one of several.
fn moved(mut d: Diagnostic, file: FileId) -> Diagnostic {
    d.labels.iter_mut().for_each(|l| l.span.file = file);
    d
}

/// A unified difference, as `patch` reads it.
pub fn difference(name: &str, old: &str, new: &str) -> String {
    let name = name.trim_start_matches('/');
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
