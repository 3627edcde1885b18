//! `file:line:column: error[E0401]: message`, a line each.

use super::primary;
use crate::{Diagnostic, Severity, Sources};
use std::fmt::Write;

pub(super) fn render(diags: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for d in diags {
        if let Some(p) = primary(d, sources) {
            let _ = write!(out, "{}:{}:{}: ", p.file, p.start.line, p.start.column);
        }
        let _ = writeln!(
            out,
            "{}[{}]: {}",
            word(d.severity),
            d.code,
            one_line(&d.message)
        );
    }
    out
}

pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A finding must stay one line, and must not carry a terminal's escape sequences in.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
