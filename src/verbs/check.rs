//! `nasc check`: every error and warning of files; `--emit` prints what a stage made.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Check, Common, Emit};
use crate::show::Show;

pub fn run(args: &Check, common: &Common, show: &mut Show) -> Outcome {
    let loaded = load(&args.files.files);
    if args.emit == Some(Emit::Ast) {
        for file in &loaded.files {
            show.text(&format!("{:#?}\n", file.module));
        }
        return loaded.outcome();
    }
    if loaded.has_errors() {
        return loaded.outcome();
    }
    compile(loaded, args.emit, common, show)
}

/// Checks files that parse, and prints the stage asked for.
fn compile(loaded: Loaded, _emit: Option<Emit>, _common: &Common, _show: &mut Show) -> Outcome {
    not_yet("checking beyond syntax", loaded.outcome())
}
