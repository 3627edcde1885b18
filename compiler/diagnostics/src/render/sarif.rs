//! One SARIF 2.1.0 document: a run, its results, and a rule for each code that occurs, made from the code's page.

use super::{Place, place};
use crate::{Diagnostic, Severity, Sources, codes};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) fn render(diags: &[Diagnostic], sources: &Sources) -> String {
    let used: Vec<&str> = diags
        .iter()
        .map(|d| d.code)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "nasc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.iter().map(|c| rule(c)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": diags.iter().map(|d| result(d, &used, sources)).collect::<Vec<_>>(),
        }],
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(code: &str) -> Value {
    let (title, page) = (
        codes::title(code).unwrap_or(code),
        codes::page(code).unwrap_or(""),
    );
    let level = if code.starts_with('W') {
        "warning"
    } else {
        "error"
    };
    json!({
        "id": code,
        "shortDescription": { "text": title },
        "fullDescription": { "text": codes::meaning(page).unwrap_or(title) },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level },
    })
}

fn result(d: &Diagnostic, rules: &[&str], sources: &Sources) -> Value {
    let mut text = d.message.clone();
    text.extend(d.notes.iter().map(|n| format!("\nnote: {n}")));
    text.extend(d.help.iter().map(|h| format!("\nhelp: {h}")));
    let mut value = json!({
        "ruleId": d.code,
        "ruleIndex": rules.binary_search(&d.code).unwrap_or(0),
        "level": match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        "message": { "text": text },
    });
    let mut located = d
        .labels
        .iter()
        .filter_map(|l| Some((place(l.span, sources)?, &l.text)));
    if let Some((first, text)) = located.next() {
        value["locations"] = json!([location(&first, text)]);
        let related: Vec<Value> = located
            .enumerate()
            .map(|(i, (p, text))| {
                let mut at = location(&p, text);
                at["id"] = json!(i + 1);
                at
            })
            .collect();
        if !related.is_empty() {
            value["relatedLocations"] = json!(related);
        }
    }
    let edits: Vec<Value> = d
        .fixes
        .iter()
        .filter_map(|e| {
            let p = place(e.span, sources)?;
            Some(json!({
                "artifactLocation": { "uri": uri(p.file) },
                "replacements": [{ "deletedRegion": region(&p), "insertedContent": { "text": e.text } }],
            }))
        })
        .collect();
    if let (Some(help), false) = (&d.help, edits.is_empty()) {
        value["fixes"] = json!([{ "description": { "text": help }, "artifactChanges": edits }]);
    }
    value
}

fn region(p: &Place) -> Value {
    json!({
        "startLine": p.start.line,
        "startColumn": p.start.column,
        "endLine": p.end.line,
        "endColumn": p.end.column,
    })
}

fn location(p: &Place, text: &str) -> Value {
    let mut value = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(p.file) },
            "region": region(p),
        },
    });
    if !text.is_empty() {
        value["message"] = json!({ "text": text });
    }
    value
}

/// A path as a relative URI reference: what a URI does not allow is written `%41`.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'\\' => out.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
