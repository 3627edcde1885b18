//! `nasc export`: a trained or chosen network of a run, for other programs.

use super::{Outcome, not_yet};
use crate::args::{Common, Export};
use crate::exit;
use crate::show::Show;
use nas_diagnostics::Diagnostic;

pub fn run(args: &Export, common: &Common, show: &mut Show) -> Outcome {
    if !args.run.join("journal.jsonl").is_file() {
        let d = Diagnostic::error(
            "E0802",
            format!("`{}` is no run folder", args.run.display()),
        )
        .help("`nasc run` prints the folder of a run; by default it is below `runs/`");
        return Outcome::failed(exit::SOURCE, vec![d]);
    }
    write(args, common, show)
}

/// Writes the named result of a run in the format asked for.
fn write(_args: &Export, _common: &Common, _show: &mut Show) -> Outcome {
    not_yet("exporting a network", Outcome::ok())
}
