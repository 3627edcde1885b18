//! `nasc test`: the `test` blocks of files, and of the standard library under the name `std`.

use super::{Loaded, Outcome, load, not_yet};
use crate::args::{Common, Files};
use crate::show::Show;
use std::path::PathBuf;

pub fn run(args: &Files, common: &Common, show: &mut Show) -> Outcome {
    let (std, files): (Vec<_>, Vec<PathBuf>) = args
        .files
        .iter()
        .cloned()
        .partition(|f| f.as_os_str() == "std");
    let loaded = load(&files);
    if loaded.has_errors() {
        return loaded.outcome();
    }
    tests(loaded, !std.is_empty(), common, show)
}

/// Runs the tests of files that parse, and those of the library when asked.
fn tests(loaded: Loaded, _std: bool, _common: &Common, _show: &mut Show) -> Outcome {
    not_yet("running `test` blocks", loaded.outcome())
}
