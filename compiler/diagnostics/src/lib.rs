//! Source locations, diagnostics, error codes and their renderers: what every floor uses to say what is wrong.

mod diagnostic;
mod source;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use source::{FileId, LineColumn, SourceFile, Sources, Span};
