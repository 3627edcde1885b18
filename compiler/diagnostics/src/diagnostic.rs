//! One finding, as data: a code, what is wrong in one line, the places involved, and a way out.

use crate::Span;

/// How much a finding weighs; only errors stop a compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// A place and what it has to do with the finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One finding. The first label is the primary place; a finding about no place (a bad flag) has none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// `E0401`, `W0601`; each has a page in `codes/`.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub labels: Vec<Label>,
    /// Further facts, a line each: aligned shapes, a witness architecture.
    pub notes: Vec<String>,
    /// What to type.
    pub help: Option<String>,
    /// The help as edits of the text, where it is that exact; all of them together.
    pub fixes: Vec<Edit>,
}

/// Text to put in the place of a span; an empty span is where it goes in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            labels: vec![],
            notes: vec![],
            help: None,
            fixes: vec![],
        }
    }

    /// Adds a place; the first one added is the primary place.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says that the help is this edit.
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Edit {
            span,
            text: text.into(),
        });
        self
    }

    /// A name that is near the one at the primary place.
    pub fn did_you_mean(self, near: &str) -> Self {
        let help = format!("did you mean `{near}`?");
        match self.primary() {
            Some(at) => self.help(help).fix(at, near),
            None => self.help(help),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub fn primary(&self) -> Option<Span> {
        self.labels.first().map(|l| l.span)
    }
}
