//! `nasc why`: what a stage's cache key is made of, and what changed since the last run.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Common, Why};
use crate::show::Show;

pub fn run(args: &Why, common: &Common, show: &mut Show) -> Outcome {
    let loaded = load(&[&args.file]);
    if loaded.has_errors() {
        return loaded.outcome();
    }
    parts(loaded, &args.stage, common, show)
}

/// Lists the parts of the key of a stage.
fn parts(loaded: Loaded, _stage: &str, _common: &Common, _show: &mut Show) -> Outcome {
    not_yet("explaining a stage's key", loaded.outcome())
}
