//! `nasc run`: check, plan and execute a pipeline.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Common, Entry};
use crate::exit;
use crate::interrupt::Interrupt;
use crate::show::Show;
use nas_diagnostics::Diagnostic;

pub fn run(args: &Entry, common: &Common, show: &mut Show) -> Outcome {
    let loaded = load(&[&args.target.file]);
    if loaded.has_errors() {
        return loaded.outcome();
    }
    match Interrupt::listen() {
        Ok(stop) => execute(loaded, args, common, &stop, show),
        Err(e) => {
            let d = Diagnostic::error("E0706", format!("signals cannot be listened to: {e}"));
            Outcome::failed(exit::FAULT, vec![d])
        }
    }
}

/// Runs the pipeline of a file that parses. Ends with 0, 1, 3, 4, or `stop.code()` when `stop.flag()` was raised.
fn execute(
    loaded: Loaded,
    _args: &Entry,
    _common: &Common,
    _stop: &Interrupt,
    _show: &mut Show,
) -> Outcome {
    not_yet("running a pipeline", loaded.outcome())
}
