//! Source locations, diagnostics, error codes and their renderers: what every floor uses to say what is wrong.

mod codes;
mod diagnostic;
mod render;
mod source;
mod suggest;
mod tidy;

pub use codes::{Example, codes, examples, page, title};
pub use diagnostic::{Diagnostic, Edit, Label, Severity};
pub use render::{Format, Style, render};
pub use source::{FileId, LineColumn, SourceFile, Sources, Span};
pub use suggest::did_you_mean;
pub use tidy::tidy;
