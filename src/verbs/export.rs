//! `nasc export`: a named result of a run, for other programs.

use super::Outcome;
use crate::args::{Export, ExportFormat};
use crate::exit;
use crate::show::Show;
use nas_diagnostics::{Diagnostic, did_you_mean};
use serde_json::Value as Json;

pub fn run(args: &Export, show: &mut Show) -> Outcome {
    if !args.run.join("journal.jsonl").is_file() {
        let d = Diagnostic::error(
            "E0802",
            format!("`{}` is no run folder", args.run.display()),
        )
        .help("`nasc run` prints the folder of a run; by default it is below `runs/`");
        return Outcome::failed(exit::SOURCE, vec![d]);
    }
    match named(args) {
        Ok(text) => {
            show.text(&text);
            Outcome::ok()
        }
        Err(d) => Outcome::failed(exit::SOURCE, vec![*d]),
    }
}

/// The named report as JSON.
fn named(args: &Export) -> Result<String, Box<Diagnostic>> {
    let path = args.run.join("results.json");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Diagnostic::error("E0803", format!("`{}` cannot be read: {e}", path.display()))
            .help("a run that was interrupted has no results yet: give the same command again")
    })?;
    let results: Json = serde_json::from_str(&text).map_err(|e| {
        Diagnostic::error("E0803", format!("`{}` is damaged: {e}", path.display()))
            .help("give the command of the run again: finished stages are not repeated")
    })?;
    let reports = results["reports"].as_object();
    let Some(value) = reports.and_then(|r| r.get(&args.name)) else {
        let names: Vec<&String> = reports.into_iter().flat_map(|r| r.keys()).collect();
        let d = Diagnostic::error("E0802", format!("the run has no result `{}`", args.name));
        return Err(Box::new(match did_you_mean(&args.name, &names) {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => d.help("its pipeline reports nothing"),
            None => {
                let names: Vec<&str> = names.iter().map(|n| n.as_str()).collect();
                d.help(format!("one of {}", names.join(", ")))
            }
        }));
    };
    if args.format != ExportFormat::Json {
        let d = Diagnostic::error(
            "E0309",
            "weights and graphs of a run cannot be written out in this version",
        );
        return Err(Box::new(d.help(
            "`--format json` writes what was reported: numbers, architectures, tables",
        )));
    }
    Ok(format!("{value:#}\n"))
}
