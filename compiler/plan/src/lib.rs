//! The reviewable plan of a pipeline: what it stands on, what it will do and what it expects, as stable text or JSON.

mod page;

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
    pub spaces: Vec<Space>,
    /// In the order of the text.
    pub stages: Vec<Stage>,
    pub budgets: Vec<String>,
    /// What is sealed for whom, and what is disclosed, with the reason.
    pub seals: Vec<String>,
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

/// A space that the pipeline uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Space {
    pub name: String,
    /// The conditions of its `where`s, as written.
    pub conditions: Vec<String>,
    pub sites: usize,
    /// Decimal; none where it is too hard to tell.
    pub raw: Option<String>,
    pub feasible: Option<String>,
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
