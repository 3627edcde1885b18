//! Evaluates Nas programs: concretely, over open choices, and abstractly for checking.

pub mod access;
pub mod alike;
pub mod builtins;
pub mod bulk;
pub mod call;
pub mod ctx;
pub mod curriculum;
pub mod data;
pub mod distill;
pub mod draw;
pub mod enlarge;
pub mod env;
pub mod expr;
pub mod generic;
pub mod host;
pub mod keep;
pub mod key;
pub mod ledger;
pub mod model;
pub mod net;
pub mod number;
pub mod open;
pub mod pipeline;
pub mod program;
pub mod seal;
pub mod show;
pub mod space;
pub mod stmt;
pub mod table;
pub mod template;
pub mod term;
pub mod train;
pub mod value;
pub mod weights;

/// Evaluation stops at the first fault of a part; a fault is a diagnostic.
#[derive(Debug, Clone)]
pub struct Fault(pub Box<nas_diagnostics::Diagnostic>);

impl From<nas_diagnostics::Diagnostic> for Fault {
    fn from(d: nas_diagnostics::Diagnostic) -> Self {
        Fault(Box::new(d))
    }
}

pub type Result<T> = std::result::Result<T, Fault>;
