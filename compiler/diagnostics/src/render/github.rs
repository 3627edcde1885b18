//! Workflow commands of GitHub Actions: `::error file=…,line=…,col=…,endLine=…,endColumn=…,title=E0401::message`.

use super::primary;
use crate::{Diagnostic, Severity, Sources};

pub(super) fn render(diags: &[Diagnostic], sources: &Sources) -> String {
    diags.iter().map(|d| command(d, sources)).collect()
}

fn command(d: &Diagnostic, sources: &Sources) -> String {
    let word = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(p) = primary(d, sources) {
        properties.push(format!("file={}", property(p.file)));
        properties.push(format!("line={}", p.start.line));
        properties.push(format!("col={}", p.start.column));
        properties.push(format!("endLine={}", p.end.line));
        properties.push(format!("endColumn={}", p.end.column));
    }
    properties.push(format!("title={}", property(d.code)));
    let notes = d.notes.iter().map(|n| format!("\nnote: {n}"));
    let help = d.help.iter().map(|h| format!("\nhelp: {h}"));
    let text: String = std::iter::once(d.message.clone())
        .chain(notes)
        .chain(help)
        .collect();
    format!("::{word} {}::{}\n", properties.join(","), data(&text))
}

/// The part after `::` ends with the line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property ends with a comma or a colon as well.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
