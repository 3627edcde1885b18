//! Whether two trees say the same, wherever they stand.

use crate::ast::Module;

/// Compares two trees with their places left out.
pub fn same_tree(a: &Module, b: &Module) -> bool {
    without_spans(&format!("{a:?}")) == without_spans(&format!("{b:?}"))
}

/// A debug print with each span (`0:12..34`) blanked; texts are quoted in the print, so their content is never touched.
fn without_spans(print: &str) -> String {
    let mut out = String::with_capacity(print.len());
    let mut rest = print;
    while let Some(at) = rest.find(['"', 's', 'A']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('"') {
            let end = quoted(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some(tail) = rest
            .strip_prefix("span: ")
            .or_else(|| rest.strip_prefix("All("))
        {
            rest = tail.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Length of the quoted part that `text` starts with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}
