//! `nasc space`: sizes, sites and costs of a space, or of one of its members.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Common, SpaceQuery};
use crate::show::Show;

pub fn run(args: &SpaceQuery, common: &Common, show: &mut Show) -> Outcome {
    let loaded = load(&[&args.file]);
    if loaded.has_errors() {
        return loaded.outcome();
    }
    query(loaded, args, common, show)
}

/// Answers the question about a space of a file that parses.
fn query(loaded: Loaded, _args: &SpaceQuery, _common: &Common, _show: &mut Show) -> Outcome {
    not_yet("measuring a space", loaded.outcome())
}
