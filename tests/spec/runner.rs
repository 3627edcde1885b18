//! The specification of the language, run: fenced programs of these chapters with the findings that they say they have.

#[path = "../common/world.rs"]
mod world;

mod broken;
mod recovery;

use nas_diagnostics::{Diagnostic, Severity, SourceFile};
use std::path::{Path, PathBuf};
use world::{Files, check};

/// One fenced program.
struct Block {
    chapter: String,
    line: usize,
    text: String,
    /// Other files of the program: modules and tables.
    files: Vec<(String, String)>,
}

/// What a comment below a line says is found on it.
#[derive(Debug)]
struct Expected {
    severity: Severity,
    code: String,
    /// A part of the message, a label, a note or the help; parts are joined by ` … `.
    text: String,
    line: usize,
    /// Columns of the carets; `None`: anywhere on the line.
    columns: Option<(usize, usize)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/spec")
}

fn blocks(chapter: &str, text: &str) -> Vec<Block> {
    let mut out: Vec<Block> = vec![];
    let mut files: Vec<(String, String)> = vec![];
    let mut open: Option<(String, usize, String)> = None;
    for (i, line) in text.lines().enumerate() {
        match &mut open {
            None => {
                if let Some(info) = line.strip_prefix("```") {
                    open = Some((info.trim().to_string(), i + 1, String::new()));
                }
            }
            Some((info, start, body)) => {
                if line.trim_end() != "```" {
                    body.push_str(line);
                    body.push('\n');
                    continue;
                }
                if let Some((_, name)) = info.split_once("file=") {
                    files.push((name.to_string(), std::mem::take(body)));
                } else if info == "nas" {
                    out.push(Block {
                        chapter: chapter.to_string(),
                        line: *start + 1,
                        text: std::mem::take(body),
                        files: files.clone(),
                    });
                }
                open = None;
            }
        }
        // Files belong to the programs of their section.
        if line.starts_with("## ") {
            files.clear();
        }
    }
    assert!(open.is_none(), "{chapter}: a fence is not closed");
    out
}

fn expected(text: &str) -> Vec<Expected> {
    let mut out = vec![];
    let mut above = 0;
    for (i, line) in text.lines().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("//") else {
            above = i + 1;
            continue;
        };
        let marker = rest.trim_start_matches(['^', '<', ' ']);
        let (severity, rest) = match (
            marker.strip_prefix("error["),
            marker.strip_prefix("warning["),
        ) {
            (Some(r), _) => (Severity::Error, r),
            (_, Some(r)) => (Severity::Warning, r),
            _ => continue,
        };
        let Some((code, text)) = rest.split_once(']') else {
            continue;
        };
        let columns = line.find('^').map(|from| {
            let count = line[from..].chars().take_while(|c| *c == '^').count();
            (from + 1, from + 1 + count)
        });
        out.push(Expected {
            severity,
            code: code.to_string(),
            text: text.trim().to_string(),
            line: above,
            columns,
        });
    }
    out
}

/// All that a finding says.
fn said(d: &Diagnostic) -> String {
    let mut all = vec![d.message.clone()];
    all.extend(d.labels.iter().map(|l| l.text.clone()));
    all.extend(d.notes.iter().cloned());
    all.extend(d.help.iter().cloned());
    all.join("\n")
}

fn fits(e: &Expected, d: &Diagnostic, file: &SourceFile) -> bool {
    let Some(p) = d.primary() else { return false };
    let (from, to) = (file.line_column(p.start), file.line_column(p.end));
    let place = match e.columns {
        None => from.line == e.line,
        Some((a, b)) => {
            let end = if to.line > from.line {
                usize::MAX
            } else {
                to.column.max(from.column + 1)
            };
            from.line == e.line && from.column < b && a < end
        }
    };
    let whole = said(d);
    e.severity == d.severity
        && e.code == d.code
        && place
        && e.text.split(" … ").all(|part| whole.contains(part))
}

fn show(d: &Diagnostic, file: &SourceFile) -> String {
    let place = d.primary().map(|p| file.line_column(p.start));
    let (line, column) = place.map_or((0, 0), |p| (p.line, p.column));
    format!(
        "      {line}:{column} {:?}[{}] {}\n",
        d.severity,
        d.code,
        said(d).replace('\n', " | ")
    )
}

/// What is wrong with a program's expectations; empty where all hold.
fn faults(b: &Block) -> String {
    let mut files: Files = b.files.iter().cloned().collect();
    files.insert("main.nas".into(), b.text.clone());
    let (loaded, found) = check(&files);
    let Some(file) = loaded
        .program
        .modules
        .get(loaded.program.entry)
        .and_then(|m| loaded.sources.get(m.file))
    else {
        return "the program was not read\n".into();
    };
    let mut left: Vec<&Diagnostic> = found.iter().collect();
    let mut out = String::new();
    for e in expected(&b.text) {
        match left.iter().position(|d| fits(&e, d, file)) {
            Some(i) => {
                left.remove(i);
            }
            None => out.push_str(&format!(
                "    line {}: not found: {:?}[{}] {}\n",
                b.line + e.line - 1,
                e.severity,
                e.code,
                e.text
            )),
        }
    }
    let typed = nas_analyze::check_types(&loaded.program, &loaded.sources);
    let mut above = 0;
    for (i, line) in b.text.lines().enumerate() {
        let Some(rest) = line.trim_start().strip_prefix("//") else {
            above = i + 1;
            continue;
        };
        let Some((name, want)) = rest.strip_prefix(": ").and_then(|r| r.split_once(": ")) else {
            continue;
        };
        let at = |span: nas_diagnostics::Span| {
            loaded
                .sources
                .get(span.file)
                .is_some_and(|f| f.name == file.name)
                && file.line_column(span.start).line == above
                && loaded.sources.text(span) == name
        };
        let got = typed
            .names
            .iter()
            .find(|(span, _)| at(*span))
            .map(|(_, ty)| ty.as_str());
        if got != Some(want) {
            out.push_str(&format!(
                "    line {}: `{name}` is {got:?}, not {want}\n",
                b.line + above - 1
            ));
        }
    }
    for d in left {
        out.push_str(&format!("    found beside:\n{}", show(d, file)));
    }
    out
}

#[test]
fn the_specification_holds() {
    let only = std::env::var("SPEC").ok();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of the specification")
        .flatten()
        .filter_map(|f| f.file_name().into_string().ok())
        .filter(|n| n.ends_with(".md") && only.as_ref().is_none_or(|o| n.contains(o.as_str())))
        .collect();
    names.sort();
    let (mut count, mut refused, mut wrong) = (0, 0, String::new());
    for name in &names {
        let text = std::fs::read_to_string(folder().join(name)).expect("a chapter");
        for b in blocks(name, &text) {
            count += 1;
            refused += usize::from(!expected(&b.text).is_empty());
            let f = faults(&b);
            if !f.is_empty() {
                wrong.push_str(&format!("  tests/spec/{}:{}\n{f}", b.chapter, b.line));
            }
        }
    }
    println!("{count} programs, {refused} of them with findings");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The library has no findings, each module checked as if it were the entry; nor have the pipelines.
#[test]
fn the_library_and_the_pipelines_are_right() {
    let loaded = nas_driver::load_std();
    let host = world::host(&Files::new());
    let modules: Vec<usize> = (0..loaded.program.modules.len()).collect();
    let found = world::deep(|| nas_driver::check(&loaded, &host, &modules));
    let mut out = String::new();
    for d in &found {
        if let Some(f) = d.primary().and_then(|p| loaded.sources.get(p.file)) {
            out.push_str(&format!("  {}\n{}", f.name, show(d, f)));
        }
    }
    let pipelines = folder().join("../../pipelines");
    for entry in std::fs::read_dir(pipelines)
        .expect("the pipelines")
        .flatten()
    {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "nas") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a pipeline");
        let (loaded, found) = check(&Files::from([("main.nas".to_string(), text)]));
        for d in found.iter().filter(|d| d.is_error()) {
            let f = d.primary().and_then(|p| loaded.sources.get(p.file));
            out.push_str(&format!(
                "  {}\n{}",
                path.display(),
                f.map(|f| show(d, f)).unwrap_or(d.message.clone())
            ));
        }
    }
    assert!(out.is_empty(), "\n{out}");
}

/// The page of each code raises that code, and its mended form raises nothing.
#[test]
fn the_pages_say_what_is_so() {
    let mut wrong = String::new();
    for (code, _) in nas_diagnostics::codes() {
        for example in nas_diagnostics::examples(code) {
            let (kind, of) = match example.info.strip_prefix("nas ") {
                Some("ok") => ("ok", ""),
                Some(info) => match info.split_once('=') {
                    Some((kind @ ("error" | "warning"), of)) => (kind, of),
                    // What only a run can raise.
                    _ => continue,
                },
                None => continue,
            };
            // The registry and the library's declarations differ only in a broken build.
            if code == "E0501" && kind == "error" {
                continue;
            }
            let (of, text) = match of.split_once(" file=") {
                Some((of, name)) => (
                    of,
                    example.text.replace(name.trim_end_matches(".nas"), "main"),
                ),
                None => (of, example.text.to_string()),
            };
            let (_, found) = check(&Files::from([("main.nas".to_string(), text)]));
            let errors: Vec<&str> = found
                .iter()
                .filter(|d| d.is_error())
                .map(|d| d.code)
                .collect();
            let holds = match kind {
                "ok" => errors.is_empty(),
                "error" => !errors.is_empty() && errors.iter().all(|c| *c == of),
                _ => errors.is_empty() && found.iter().any(|d| d.code == of),
            };
            if !holds {
                let all: Vec<String> = found
                    .iter()
                    .map(|d| format!("{} {}", d.code, d.message))
                    .collect();
                wrong.push_str(&format!(
                    "  {code} `{}`: {}\n",
                    example.info,
                    all.join("; ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
