//! One file a verb, and what they share: reading the files named, and the outcome that the command ends with.

mod check;
mod completions;
mod doc;
mod explain;
mod export;
mod fmt;
mod new;
mod plan;
mod review;
mod run;
mod space;
mod test;
mod why;

use crate::args::{Command, Verb};
use crate::exit;
use crate::show::Show;
use crate::world;
use nas_diagnostics::{Diagnostic, FileId, Sources};
use nas_grammar::ast::Module;
use std::path::{Path, PathBuf};

/// How a verb ended: its exit code and what it found.
#[derive(Debug, Default)]
pub struct Outcome {
    pub code: u8,
    pub diags: Vec<Diagnostic>,
    /// The texts that the findings point into.
    pub sources: Sources,
    /// Whether the verb looks for findings: then it counts them, and gives a SARIF document without any as well.
    pub looked: bool,
}

impl Outcome {
    pub fn ok() -> Outcome {
        Outcome::default()
    }

    /// Findings about no place in a file.
    pub fn failed(code: u8, diags: Vec<Diagnostic>) -> Outcome {
        Outcome {
            code,
            diags,
            ..Outcome::default()
        }
    }

    /// The findings of looking at files: 1 when one of them is an error.
    pub fn found(diags: Vec<Diagnostic>, sources: Sources) -> Outcome {
        let code = if diags.iter().any(Diagnostic::is_error) {
            exit::SOURCE
        } else {
            exit::OK
        };
        Outcome {
            code,
            diags,
            sources,
            looked: true,
        }
    }
}

/// Does what a command line says.
pub fn run(command: &Command, show: &mut Show) -> Outcome {
    let common = &command.common;
    match &command.verb {
        Verb::Run(args) => run::run(args, common, show),
        Verb::Check(args) => check::run(args, common, show),
        Verb::Test(args) => test::run(args, common, show),
        Verb::Plan(args) => plan::run(args, common, show),
        Verb::Review(args) => review::run(args, common, show),
        Verb::Space(args) => space::run(args, common, show),
        Verb::Fmt(args) => fmt::run(args, show),
        Verb::Why(args) => why::run(args, common, show),
        Verb::Explain(args) => explain::run(args, show),
        Verb::Doc(args) => doc::run(args, show),
        Verb::Export(args) => export::run(args, show),
        Verb::New(args) => new::run(args, show),
        Verb::Completions(args) => completions::run(args, show),
        Verb::Lsp => not_yet("`nasc lsp`", Outcome::ok()),
    }
}

/// Files that were read and parsed, with everything found on the way.
#[derive(Debug, Default)]
pub struct Loaded {
    pub files: Vec<Parsed>,
    pub diags: Vec<Diagnostic>,
    pub sources: Sources,
}

#[derive(Debug)]
pub struct Parsed {
    pub path: PathBuf,
    pub id: FileId,
    pub module: Module,
}

/// Reads and parses files; a file named twice is read once, and a file with faults does not stop the others.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Loaded {
    let mut loaded = Loaded::default();
    for path in paths {
        let path = path.as_ref();
        if loaded.files.iter().any(|f| f.path == path) {
            continue;
        }
        match world::read_source(path) {
            Err(d) => loaded.diags.push(d),
            Ok(text) => {
                let id = loaded.sources.add(shown(path), text.as_str());
                let (module, diags) = nas_grammar::parse(id, &text);
                loaded.diags.extend(diags);
                loaded.files.push(Parsed {
                    path: path.to_path_buf(),
                    id,
                    module,
                });
            }
        }
    }
    loaded
}

impl Loaded {
    pub fn outcome(self) -> Outcome {
        Outcome::found(self.diags, self.sources)
    }
}

/// A path as findings show it: `/` between folders on every system.
pub fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if std::path::MAIN_SEPARATOR == '\\' {
        text.replace('\\', "/")
    } else {
        text
    };
    text.strip_prefix("./").unwrap_or(&text).to_string()
}

/// Adds that this version cannot do something, unless errors already say why nothing was done.
pub fn not_yet(what: &str, mut outcome: Outcome) -> Outcome {
    if !outcome.diags.iter().any(Diagnostic::is_error) {
        outcome.diags.push(Diagnostic::error(
            "E0309",
            format!("{what} is not in this version yet"),
        ));
        outcome.code = exit::SOURCE;
    }
    outcome
}
