//! For people, by miette: the message, the source lines with every place marked, notes and help.

use super::{Style, short::word};
use crate::{Diagnostic, FileId, Label, Severity, SourceFile, Sources};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A longer line is named by its place and not shown: a terminal could not show where in it the fault is.
const LONGEST_LINE: usize = 400;
/// A place over more lines is shown by its first line.
const MOST_LINES: usize = 12;

pub(super) fn render(diags: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let theme = if style.color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::none()
    };
    let help_style = theme.styles.help;
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.clamp(40, 400))
        .with_context_lines(1)
        .with_links(false);
    let mut pages = HashMap::new();
    let mut out = String::new();
    for d in diags {
        for l in &d.labels {
            if let Some(file) = sources.get(l.span.file) {
                pages.entry(l.span.file).or_insert_with(|| Page::new(file));
            }
        }
        for part in parts(d, &pages) {
            // Formatting into a text fails only when a span is outside of it, and then writes that in its place.
            let _ = handler.render_report(&mut out, &part);
        }
        for (name, text) in d
            .notes
            .iter()
            .map(|n| ("note", n))
            .chain(d.help.iter().map(|h| ("help", h)))
        {
            let name = format!("{name}:");
            let name = if style.color {
                help_style.style(&name).to_string()
            } else {
                name
            };
            let text = wrapped(&plain(text), style.width.clamp(40, 400) - 8);
            out.push_str(&format!("  {name} {}\n", text.replace('\n', "\n        ")));
        }
        out.push('\n');
    }
    out
}

/// Sentences broken at spaces to so many columns. What is aligned keeps its lines: shapes, marks below a text, what stands in quotes of code.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let aligned = line.contains("  ") || line.starts_with(' ');
        if aligned || line.chars().count() <= width {
            out.push_str(line);
            continue;
        }
        let (mut column, mut quoted) = (0, false);
        for (j, word) in line.split(' ').enumerate() {
            let long = word.chars().count();
            // A piece of code is copied whole.
            if j > 0 && (quoted || column + 1 + long <= width) {
                out.push(' ');
                column += 1;
            } else if j > 0 {
                out.push('\n');
                column = 0;
            }
            out.push_str(word);
            column += long;
            quoted ^= word.matches('`').count() % 2 == 1;
        }
    }
    out
}

/// Text without control characters other than line feed and tab: a source must not drive the terminal.
fn plain(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    if text.contains(bad) {
        Cow::Owned(
            text.chars()
                .map(|c| if bad(c) { '\u{fffd}' } else { c })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// One source file as miette reads it: the same byte offsets, control characters replaced.
struct Page<'a> {
    file: &'a SourceFile,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Page<'a> {
    fn new(file: &'a SourceFile) -> Self {
        let bad =
            |b: &u8| (b.is_ascii_control() && !matches!(b, b'\n' | b'\t' | b'\r')) || *b == 0x7f;
        let bytes = file.text.as_bytes();
        let bytes = if bytes.iter().any(bad) {
            Cow::Owned(
                bytes
                    .iter()
                    .map(|b| if bad(b) { b'?' } else { *b })
                    .collect(),
            )
        } else {
            Cow::Borrowed(bytes)
        };
        Page { file, bytes }
    }

    /// The part of a label that can be shown as source lines.
    fn shown(&self, label: &Label) -> Option<(usize, usize)> {
        let start = self.file.floor(label.span.start as usize);
        let mut end = self.file.floor(label.span.end as usize).max(start);
        let first = self.file.line_of(start);
        if self.file.line_of(end) - first >= MOST_LINES {
            end = self
                .file
                .floor(self.file.line_range(first).end.saturating_sub(1))
                .max(start);
        }
        let context = first.saturating_sub(1)..=self.file.line_of(end) + 1;
        let fits = |line| self.file.line_range(line).len() <= LONGEST_LINE;
        context.into_iter().all(fits).then_some((start, end))
    }
}

impl miette::SourceCode for Page<'_> {
    fn read_span<'s>(
        &'s self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'s> + 's>, MietteError> {
        let name = self.file.name.to_string();
        let end = span.offset() + span.len();
        if before == 0 && after == 0 {
            // Asked for the header's line and column only.
            let at = self.file.line_column(span.offset() as u32);
            let data = self
                .bytes
                .get(span.offset()..end)
                .ok_or(MietteError::OutOfBounds)?;
            return Ok(Box::new(MietteSpanContents::new_named(
                name,
                data,
                *span,
                at.line - 1,
                at.column - 1,
                1,
            )));
        }
        let first = self.file.line_of(span.offset()).saturating_sub(before);
        let last = self.file.line_of(end) + after;
        let (start, end) = (
            self.file.line_range(first).start,
            self.file.line_range(last).end,
        );
        let data = self.bytes.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let lines = data.iter().filter(|b| **b == b'\n').count() + 1;
        let span = (start, end - start).into();
        Ok(Box::new(MietteSpanContents::new_named(
            name, data, span, first, 0, lines,
        )))
    }
}

/// One report of miette: the finding with its first file, or a further file's places.
struct Part<'a> {
    code: Option<String>,
    severity: Severity,
    message: String,
    page: Option<&'a Page<'a>>,
    labels: Vec<LabeledSpan>,
}

fn parts<'a>(d: &Diagnostic, pages: &'a HashMap<FileId, Page<'a>>) -> Vec<Part<'a>> {
    let mut parts = vec![Part {
        code: Some(format!("{}[{}]", word(d.severity), d.code)),
        severity: d.severity,
        message: plain(&d.message).into_owned(),
        page: None,
        labels: vec![],
    }];
    let mut files: Vec<FileId> = Vec::new();
    for l in &d.labels {
        if !files.contains(&l.span.file) {
            files.push(l.span.file);
        }
    }
    for file in files {
        let Some(page) = pages.get(&file) else {
            continue;
        };
        let mut shown = Vec::new();
        let mut told = String::new();
        for l in d.labels.iter().filter(|l| l.span.file == file) {
            let text = Some(plain(&l.text).into_owned()).filter(|t| !t.is_empty());
            match page.shown(l) {
                Some((start, end)) if shown.is_empty() => shown.push(
                    LabeledSpan::new_primary_with_span(text, (start, end - start)),
                ),
                Some((start, end)) => shown.push(LabeledSpan::new(text, start, end - start)),
                None => {
                    let at = page.file.line_column(l.span.start);
                    let text = text.map(|t| format!(": {t}")).unwrap_or_default();
                    told.push_str(&format!(
                        "\n{}:{}:{}{text}",
                        page.file.name, at.line, at.column
                    ));
                }
            }
        }
        if parts.len() == 1 && parts[0].page.is_none() {
            parts[0].message.push_str(&told);
            parts[0].page = Some(page);
            parts[0].labels = shown;
        } else {
            let message = format!("together with{told}");
            let severity = Severity::Note;
            parts.push(Part {
                code: None,
                severity,
                message,
                page: Some(page),
                labels: shown,
            });
        }
    }
    parts
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Part<'_> {}

impl miette::Diagnostic for Part<'_> {
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.code
            .as_ref()
            .map(|c| Box::new(c) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.page.map(|p| p as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.labels.iter().cloned()))
    }
}
