//! The reviewable plan of a pipeline: what it stands on, what it will do and what it expects, as stable text or JSON.

mod compare;
mod outline;
mod page;

pub use compare::{Change, Compared, compare};
pub use outline::Outline;
use serde::Serialize;

/// Everything the page says. Whoever makes it collects the facts; nothing is computed here.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: String,
    /// The file's name, without its folder.
    pub file: String,
    pub language: Language,
    pub seed: u64,
    pub parameters: Vec<Parameter>,
    /// `use std.…` lines, sorted: a cost convention is chosen by importing it.
    pub conventions: Vec<String>,
    /// Declarations that the pipeline reaches, sorted by module and name.
    pub code: Vec<Declaration>,
    /// Data sets and tables by what names them, with what their headers or declarations tell.
    pub data: Vec<String>,
    pub spaces: Vec<Space>,
    /// In the order of the text.
    pub stages: Vec<Stage>,
    pub curricula: Vec<Curriculum>,
    /// Values that only some functions may read, and what is let out of them, as written.
    pub seals: Vec<String>,
    pub disclosures: Vec<String>,
    pub memory: Option<Memory>,
    /// Bytes that the budget allows.
    pub limit: Option<u64>,
    pub budgets: Vec<Budget>,
    /// Names, or texts where there is no name.
    pub reports: Vec<String>,
    pub expects: Vec<String>,
    pub warnings: Vec<String>,
}

/// What the program is written in.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Language {
    pub version: String,
    /// Of the standard library's texts: see [`library_fingerprint`].
    pub std: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Parameter {
    pub name: String,
    pub value: String,
    /// Whether the value is the command line's, not the default.
    pub set: bool,
}

/// A declaration that the pipeline reaches.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Declaration {
    /// `std.search.train`, or the project's own `nets`.
    pub module: String,
    /// `fn`, `let`, `space`, `block`, …
    pub kind: String,
    pub name: String,
    /// Of its tree alone: places, comments and layout do not count.
    pub digest: String,
    /// Of a constant: as written.
    pub value: Option<String>,
}

/// A space that the pipeline uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Space {
    pub name: String,
    /// The conditions of its `where`s, as written.
    pub conditions: Vec<String>,
    /// The rules of its `modulo`s, as written.
    pub modulo: Vec<String>,
    pub sites: usize,
    /// Decimal; none where it is too hard to tell.
    pub raw: Option<String>,
    pub feasible: Option<String>,
    /// Classes of feasible members under its rules.
    pub distinct: Option<String>,
    pub costs: Vec<Cost>,
}

/// Least, mean and largest value over the feasible members.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cost {
    pub name: String,
    pub min: i64,
    pub mean: f64,
    pub max: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stage {
    pub name: String,
    /// `a list`, `weights`, `a run-time value`.
    pub kind: String,
    /// The value where it is known before the run.
    pub value: Option<String>,
    /// What it is computed by, as written.
    pub text: String,
    /// Of all that its result follows from, data apart: a stage with the same key is not computed again.
    pub key: String,
    /// Stages and parameters it reads, sorted.
    pub after: Vec<String>,
    /// `draws`, `reads data`, `reads the clock`, `trains`.
    pub effects: Vec<String>,
    /// What is trained, searched or evaluated in it, by path.
    pub work: Vec<Work>,
    /// Of what it is kept as; none where that is not known before the run.
    pub artefact_bytes: Option<u64>,
}

/// The work of one part of a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Work {
    /// `nets.spos[6]`; the stage's own name where it has no parts.
    pub path: String,
    /// The trainer or search, where there is one.
    pub by: Option<String>,
    /// How often it is done; a lower bound unless `exact`.
    pub times: u64,
    pub exact: bool,
    pub seed: Option<i64>,
    /// The key of its draws.
    pub draws: Option<String>,
    pub steps: u64,
    pub batch: u64,
    /// Images that pass through nets, each pass counted.
    pub images: u64,
    /// MACs of all passes, a training's gradients counted as two more passes: least, mean and largest over members.
    pub macs: Option<Cost>,
    /// Parameters that are trained, at the most.
    pub params: Option<u64>,
    /// Of the weights it gives.
    pub bytes: Option<u64>,
    /// Memory of one turn at its peak, in bytes: of the largest members, and of such as are drawn.
    pub memory: Option<u64>,
    pub likely: Option<u64>,
    /// How many copies of the weights it gives are kept, those of its history among them.
    #[serde(skip)]
    pub copies: u64,
    #[serde(skip)]
    pub structures: Vec<Structure>,
}

/// Graphs that are compiled and kept for a part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Structure {
    /// What is asked of them.
    pub asked: String,
    /// Of one, in the mean.
    pub operations: u64,
    /// How many of them differ.
    pub count: u64,
    /// Some member is not known: other parts that ask the same ask it of others.
    pub open: bool,
}

/// A curriculum as a table: a column a setting, a row a phase; what happens when a setting changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Curriculum {
    pub name: String,
    pub settings: Vec<String>,
    /// The start of the phase as written, and each setting's value then; none before it is first set.
    pub phases: Vec<(String, Vec<Option<String>>)>,
    /// `on change(c.open): …`, as written in the trainers that are reached.
    pub events: Vec<String>,
}

/// What a job keeps beside the turn that it computes: buffers of the turns before, no more than of one. Measured.
pub const BESIDE: u64 = 10_000_000;

/// Predicted memory with one job.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Memory {
    /// The program itself, data, compiled graphs, and weights that stages hold.
    pub base: u64,
    pub data: u64,
    pub kept: u64,
    pub results: u64,
    /// Of the largest stage: of the largest members, and of such as are drawn.
    pub stage: u64,
    pub likely: u64,
    pub at: String,
    /// Of all together, at the most.
    pub peak: u64,
    /// Of tables whose files are here; elsewhere they may be missing, so the page does not count them.
    #[serde(skip)]
    pub tables: u64,
}

impl Memory {
    /// Bytes with so many jobs, at the most.
    pub fn of_jobs(&self, jobs: u64) -> u64 {
        self.with(self.stage, jobs)
    }

    /// Bytes with so many jobs, where members are as a draw gives them.
    pub fn as_drawn(&self, jobs: u64) -> u64 {
        self.with(self.likely, jobs)
    }

    fn with(&self, stage: u64, jobs: u64) -> u64 {
        let beside = stage.min(BESIDE);
        let parts = stage.saturating_add(beside).saturating_mul(jobs.max(1));
        [self.base, self.data, self.kept, self.results, parts]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Budget {
    pub text: String,
    /// `met: …`, `not met: …`, or what it is held against later.
    pub state: String,
}

impl Plan {
    /// The page as JSON, with the same content as [`Plan::text`].
    ///
    /// A plan holds nothing that JSON cannot say; a mean that is no number is `null`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The page as text: the same plan gives the same bytes on every machine.
    pub fn text(&self) -> String {
        page::text(self)
    }
}

/// Twelve hex digits of the standard library's texts: paths with texts, sorted by path.
pub fn library_fingerprint(files: &[(&str, &str)]) -> String {
    let mut h = blake3::Hasher::new();
    for (path, text) in files {
        for part in [path, text] {
            h.update(&(part.len() as u64).to_le_bytes());
            h.update(part.as_bytes());
        }
    }
    h.finalize().to_hex()[..12].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_counts_by_path_and_text() {
        let a = library_fingerprint(&[("a.nas", "x"), ("b.nas", "y")]);
        assert_eq!(a.len(), 12);
        assert_eq!(a, library_fingerprint(&[("a.nas", "x"), ("b.nas", "y")]));
        assert_ne!(a, library_fingerprint(&[("a.nas", "xb"), (".nas", "y")]));
    }
}
