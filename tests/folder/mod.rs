//! A folder of its own, where the command runs as its users start it.

#![allow(dead_code)]

use assert_cmd::Command;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A space of two nets, a trainer, and a pipeline that trains both.
pub const TRAIN: &str = r#"
block dense(out: Int)(x: [n, c]) -> [n, out] {
  param w: [c, out] ~ normal(0, 0.1)
  contract("n c, c o -> n o", x, w)
}
space nets(classes: Int = 2) {
  let width = choose [3, 5]
  encoding "w{width}"
  net(x: [n, 3, 8, 8]) -> [n, classes] { x |> flatten |> dense(width) |> rectify |> dense(classes) }
}
fn descent(rate: Float) { { update: (p, g, s) => { p: p - rate * g } } }
fn parameters(net) { cost_of(net, { params: 1 }) }

/// Small steps against the gradient.
trainer fit(net, data, steps: Int) -> Weights {
  weights w = init(net)
  for (x, y) in data.batches(8, steps: steps) {
    minimise mean(-pick_class(log_softmax(net[w](x)), y)) over w by descent(0.1)
  }
  w
}
pipeline main(steps: Int = 20, limit: Float = 10) {
  let data = generated(64, 2, 8)
  let first = fit(nets["w3"], data, steps)
  let second = fit(nets["w5"], data, steps)
  let score = sum(nets["w3", first](ones([1, 3, 8, 8])))
  report score, other: sum(nets["w5", second](ones([1, 3, 8, 8])))
  expect score < limit and size(nets) == 2
  budget 10 minutes, 8 GB
}
"#;

pub struct Folder(pub TempDir);

impl Folder {
    pub fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        for (name, text) in files {
            std::fs::write(folder.at(name), text).expect("a file");
        }
        folder
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::cargo_bin("nasc").expect("the command");
        command
            .args(words)
            .current_dir(self.0.path())
            .env_remove("NASC_STORE")
            .env_remove("NASC_DATA")
            .env("COLUMNS", "1000");
        command
    }

    /// Exit code, stdout, stderr.
    pub fn nasc(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.command(words).output().expect("it ran");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// As [`Folder::nasc`], held against a code and words on stderr.
    pub fn fails(&self, words: &[&str], code: i32, says: &[&str]) {
        let (got, out, err) = self.nasc(words);
        assert_eq!(got, code, "{words:?}\n{out}{err}");
        // Long lines are broken where they are too wide, as paths may be long.
        let whole = err.replace("\n  | ", " ");
        for word in says {
            assert!(whole.contains(word), "{words:?}: no `{word}` in\n{err}");
        }
    }

    /// The run folder below a folder that was written to last.
    pub fn newest(&self, out: &str) -> PathBuf {
        let mut all: Vec<_> = std::fs::read_dir(self.at(out))
            .expect("runs")
            .map(|e| e.expect("an entry").path())
            .map(|p| {
                let journal = std::fs::metadata(p.join("journal.jsonl"));
                (journal.and_then(|m| m.modified()).ok(), p)
            })
            .collect();
        all.sort();
        all.pop().expect("a run").1
    }
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// How often something is repeated: an environment variable says so where the full number is wanted.
pub fn times(variable: &str, few: usize) -> usize {
    let given = std::env::var(variable).ok().and_then(|n| n.parse().ok());
    given.unwrap_or(few)
}
