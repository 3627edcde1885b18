//! `nasc plan`: the page that people review before a run.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Common, Plan, Target};
use crate::show::Show;

pub fn run(args: &Plan, common: &Common, show: &mut Show) -> Outcome {
    match page(&args.entry.target, args.json, common) {
        Ok((text, loaded)) => {
            show.text(&text);
            loaded.outcome()
        }
        Err(outcome) => *outcome,
    }
}

/// The plan of a pipeline as stable text or JSON, with the warnings of the file; or why there is none.
pub fn page(
    target: &Target,
    json: bool,
    common: &Common,
) -> Result<(String, Loaded), Box<Outcome>> {
    let loaded = load(&[&target.file]);
    if loaded.has_errors() {
        return Err(Box::new(loaded.outcome()));
    }
    planned(loaded, target, json, common)
}

fn planned(
    loaded: Loaded,
    _target: &Target,
    _json: bool,
    _common: &Common,
) -> Result<(String, Loaded), Box<Outcome>> {
    Err(Box::new(not_yet("planning a pipeline", loaded.outcome())))
}
