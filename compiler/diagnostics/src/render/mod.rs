//! Findings as text, one file a format.

mod github;
mod human;
mod json;
mod sarif;
mod short;

use crate::{Diagnostic, LineColumn, Sources, Span};

/// Who reads the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A person: source lines with the places marked.
    #[default]
    Human,
    /// A person or an editor: a line each.
    Short,
    /// A program: an object a line.
    Json,
    /// GitHub Actions: workflow commands that become annotations.
    Github,
    /// Code scanning: one SARIF 2.1.0 document.
    Sarif,
}

impl Format {
    pub const ALL: [Format; 5] = [
        Format::Human,
        Format::Short,
        Format::Json,
        Format::Github,
        Format::Sarif,
    ];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Short => "short",
            Format::Json => "json",
            Format::Github => "github",
            Format::Sarif => "sarif",
        }
    }

    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.name() == name)
    }
}

/// How the human format looks; the others ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Escape sequences for colours and boxes drawn in Unicode; without it plain ASCII.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            color: false,
            width: 100,
        }
    }
}

/// The findings as text, every line ended. No findings give no text, but for SARIF, which is one document in any case.
pub fn render(format: Format, diags: &[Diagnostic], sources: &Sources, style: Style) -> String {
    match format {
        Format::Human => human::render(diags, sources, style),
        Format::Short => short::render(diags, sources),
        Format::Json => json::render(diags, sources),
        Format::Github => github::render(diags, sources),
        Format::Sarif => sarif::render(diags, sources),
    }
}

/// A span as people read it; none when its file is unknown.
struct Place<'a> {
    file: &'a str,
    start: LineColumn,
    /// Exclusive.
    end: LineColumn,
}

fn place(span: Span, sources: &Sources) -> Option<Place<'_>> {
    let file = sources.get(span.file)?;
    let (start, end) = (
        file.line_column(span.start),
        file.line_column(span.end.max(span.start)),
    );
    Some(Place {
        file: &file.name,
        start,
        end,
    })
}

fn primary<'a>(d: &Diagnostic, sources: &'a Sources) -> Option<Place<'a>> {
    place(d.primary()?, sources)
}
