//! One order for findings, whatever order the stages and workers found them in.

use crate::{Diagnostic, Span};
use std::collections::HashSet;

/// Sorts by file, then place, then code; findings about no place come last. Exact duplicates are dropped, and
/// a guess at a place (E0208) where something else is said of it.
pub fn tidy(mut diags: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diags.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
    let mut seen = HashSet::new();
    diags.retain(|d| seen.insert(d.clone()));
    // A part that is named nowhere: what it is a part of tells more, where that is known.
    let told: Vec<Span> = (diags.iter())
        .filter(|d| d.code != "E0208" && d.is_error())
        .filter_map(Diagnostic::primary)
        .collect();
    let meets = |a: Span, b: Span| a.file == b.file && a.start < b.end && b.start < a.end;
    diags.retain(|d| {
        let at = d.primary().filter(|_| d.code == "E0208");
        at.is_none_or(|at| !told.iter().any(|t| meets(*t, at)))
    });
    diags
}

fn key(d: &Diagnostic) -> (bool, Option<crate::Span>, &'static str) {
    (d.labels.is_empty(), d.primary(), d.code)
}

#[cfg(test)]
mod tests {
    use super::tidy;
    use crate::{Diagnostic, FileId, Span};

    #[test]
    fn sorted_by_place_and_without_duplicates() {
        let at = |file, start, m: &str| {
            Diagnostic::error("E0201", m).at(Span::new(FileId(file), start, start + 1), "")
        };
        let found = tidy(vec![
            Diagnostic::error("E0802", "no place"),
            at(1, 0, "c"),
            at(0, 9, "b"),
            at(0, 2, "a"),
            at(1, 0, "c"),
            at(0, 9, "b").note("differs"),
        ]);
        let messages: Vec<_> = found.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(messages, ["a", "b", "b", "c", "no place"]);
    }
}
