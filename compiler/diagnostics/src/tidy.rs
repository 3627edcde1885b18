//! One order for findings, whatever order the stages and workers found them in.

use crate::Diagnostic;
use std::collections::HashSet;

/// Sorts by file, then place, then code; findings about no place come last. Exact duplicates are dropped.
pub fn tidy(mut diags: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diags.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
    let mut seen = HashSet::new();
    diags.retain(|d| seen.insert(d.clone()));
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
