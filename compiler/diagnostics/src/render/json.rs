//! One JSON object a line. Lines and columns count from 1, columns in characters; ends are exclusive.

use super::{place, primary};
use crate::{Diagnostic, LineColumn, Severity, Sources};
use serde::Serialize;

#[derive(Serialize)]
struct Row<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    file: Option<&'a str>,
    start: Option<LineColumn>,
    end: Option<LineColumn>,
    labels: Vec<LabelRow<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    /// The help as edits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<LabelRow<'a>>,
}

#[derive(Serialize)]
struct LabelRow<'a> {
    file: &'a str,
    start: LineColumn,
    end: LineColumn,
    text: &'a str,
}

pub(super) fn render(diags: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for d in diags {
        let at = primary(d, sources);
        let labels = d.labels.iter().filter_map(|l| {
            let p = place(l.span, sources)?;
            Some(LabelRow {
                file: p.file,
                start: p.start,
                end: p.end,
                text: &l.text,
            })
        });
        let edits = d.fixes.iter().filter_map(|e| {
            let p = place(e.span, sources)?;
            Some(LabelRow {
                file: p.file,
                start: p.start,
                end: p.end,
                text: &e.text,
            })
        });
        let row = Row {
            code: d.code,
            severity: d.severity,
            message: &d.message,
            file: at.as_ref().map(|p| p.file),
            start: at.as_ref().map(|p| p.start),
            end: at.as_ref().map(|p| p.end),
            labels: labels.collect(),
            notes: &d.notes,
            help: d.help.as_deref(),
            fixes: edits.collect(),
        };
        // Strings and numbers only: nothing here can fail to be written.
        if let Ok(line) = serde_json::to_string(&row) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}
