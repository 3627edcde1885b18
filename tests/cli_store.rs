//! What is kept and what is computed again: renaming and layout change nothing, a constant what depends on it; damage is told.

#![cfg(unix)]

mod folder;

use folder::{Folder, TRAIN, read};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// The events of the last run of a folder, of one kind: (stage, whether it came from the store).
fn ended(f: &Folder) -> Vec<(String, bool)> {
    let journal = read(&f.newest("runs").join("journal.jsonl"));
    let events: Vec<Json> = journal.lines().map(folder::json).collect();
    let begin = events
        .iter()
        .rposition(|e| e["event"] == "run")
        .unwrap_or(0);
    let mut out: Vec<(String, bool)> = events[begin..]
        .iter()
        .filter(|e| e["event"] == "stage-end")
        .map(|e| {
            let stage = e["stage"].as_str().unwrap_or_default().to_string();
            (stage, e["cached"] == true)
        })
        .collect();
    out.sort();
    out
}

fn run(f: &Folder, text: &str) -> (Vec<(String, bool)>, String) {
    std::fs::write(f.at("a.nas"), text).expect("a file");
    let (code, out, err) = f.nasc(&["run", "a.nas", "--jobs", "1"]);
    assert_eq!(code, 0, "{out}{err}");
    (ended(f), read(&f.newest("runs").join("results.json")))
}

fn told(stages: &[(&str, bool)]) -> Vec<(String, bool)> {
    stages.iter().map(|(s, c)| (s.to_string(), *c)).collect()
}

#[test]
fn renaming_comments_and_layout_compute_nothing_again() {
    let f = Folder::with(&[]);
    let (first, results) = run(&f, TRAIN);
    assert_eq!(first, told(&[("first", false), ("second", false)]));
    // A trainer's own name stays: its draws are keyed by it.
    let other = TRAIN
        .replace("/// Small steps", "/// Other words.\n///\n/// Small steps")
        .replace("weights w = init(net)", "weights   inner = init(net)")
        .replace("net[w](x)", "net[inner](x)")
        .replace("over w by", "over inner by")
        .replace("\n  w\n}", "\n  inner // what it gives\n}")
        .replace("descent", "downhill")
        .replace("let data =", "let images =")
        .replace(", data, steps)", ", images, steps)")
        .replace("let second", "let larger")
        .replace("\"w5\", second]", "\"w5\", larger]");
    assert_ne!(other, TRAIN);
    let (again, same) = run(&f, &other);
    assert_eq!(again, told(&[("first", true), ("larger", true)]));
    assert_eq!(same, results);
}

#[test]
fn a_constant_computes_again_what_depends_on_it_and_why_says_so() {
    let f = Folder::with(&[]);
    run(&f, TRAIN);
    let one = TRAIN.replace(
        "fit(nets[\"w5\"], data, steps)",
        "fit(nets[\"w5\"], data, 21)",
    );
    assert_eq!(run(&f, &one).0, told(&[("first", true), ("second", false)]));
    let (code, out, _) = f.nasc(&["why", "a.nas", "first"]);
    assert!(code == 0 && out.contains("not computed again"), "{out}");
    let both = one.replace("by descent(0.1)", "by descent(0.2)");
    std::fs::write(f.at("a.nas"), &both).expect("a file");
    let line = both.lines().position(|l| l.starts_with("trainer fit"));
    let line = line.expect("a trainer") + 1;
    let (code, out, _) = f.nasc(&["why", "a.nas", "second"]);
    assert_eq!(code, 0);
    for says in [
        "code of fit".to_string(),
        "  changed".to_string(),
        format!("trainer a.fit changed  at a.nas:{line}"),
    ] {
        assert!(out.contains(&says), "no `{says}` in\n{out}");
    }
    assert_eq!(
        run(&f, &both).0,
        told(&[("first", false), ("second", false)])
    );
    // A setting that no training reads.
    let (code, ..) = f.nasc(&["run", "a.nas", "--jobs", "1", "--set", "limit=11"]);
    assert_eq!(code, 0);
    assert_eq!(ended(&f), told(&[("first", true), ("second", true)]));
}

/// Architectures, functions and spaces that a search gives, and evaluations one by one.
const SEARCH: &str = r#"
search best(space, tries: Int) -> Record {
  state kept = none
  let narrow = space where width > 3
  for k in 0..tries { kept := sample(narrow, 1)[0] }
  { arch: kept, of: narrow, score: a => parameters(narrow[a]), at: [1..3], unit: 5 px }
}
pipeline searched() {
  let found = best(nets, 3)
  let data = generated(64, 2, 8)
  let trained = [sum(found.of[a, fit(found.of[a], data, 200)](ones([1, 3, 8, 8]))) for a in sample(found.of, 2)]
  report arch: encode(found.arch), cost: found.score(found.arch), size: size(found.of), trained
}
"#;

#[test]
fn architectures_functions_and_spaces_are_kept() {
    let f = Folder::with(&[("a.nas", &format!("{TRAIN}{SEARCH}"))]);
    let words = ["run", "a.nas:searched", "--jobs", "1"];
    let (code, out, err) = f.nasc(&words);
    assert_eq!(code, 0, "{out}{err}");
    let first = read(&f.newest("runs").join("results.json"));
    assert_eq!(folder::json(&first)["reports"]["arch"], "w5");
    assert_eq!(folder::json(&first)["reports"]["cost"], 970);
    let (code, ..) = f.nasc(&words);
    assert_eq!(code, 0);
    assert!(
        ended(&f).contains(&("found".to_string(), true)),
        "{:?}",
        ended(&f)
    );
    assert_eq!(read(&f.newest("runs").join("results.json")), first);
}

fn objects(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            p if p.is_dir() => found.extend(objects(&p)),
            p => found.push(p),
        }
    }
    found.sort();
    found
}

#[test]
fn every_damaged_artefact_is_told_and_made_again() {
    let f = Folder::with(&[]);
    let (_, results) = run(&f, TRAIN);
    let all = objects(&f.at(".nasc/objects"));
    assert!(all.len() >= 2, "{all:?}");
    for (i, path) in all.iter().enumerate() {
        let mut bytes = std::fs::read(path).expect("an artefact");
        match i % 2 {
            0 => {
                let at = (bytes.len() * 7 / 9).min(bytes.len() - 1);
                bytes[at] ^= 4;
            }
            _ => bytes.truncate(bytes.len() / 2),
        }
        std::fs::write(path, bytes).expect("a file");
    }
    let (code, out, err) = f.nasc(&["run", "a.nas", "--jobs", "1"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("E0708") && err.contains("made again"), "{err}");
    assert_eq!(ended(&f), told(&[("first", false), ("second", false)]));
    assert_eq!(read(&f.newest("runs").join("results.json")), results);
    let (again, same) = run(&f, TRAIN);
    assert_eq!(again, told(&[("first", true), ("second", true)]));
    assert_eq!(same, results);
}

#[test]
fn weights_are_written_for_others() {
    let f = Folder::with(&[]);
    run(&f, TRAIN);
    let folder = f.newest("runs").display().to_string();
    let (code, out, err) = f.nasc(&["export", &folder, "second", "--format", "safetensors"]);
    assert_eq!(code, 0, "{err}");
    let bytes = std::fs::read(f.at(out.trim())).expect("a file");
    let size = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    let header = folder::json(std::str::from_utf8(&bytes[8..8 + size]).expect("UTF-8"));
    let shapes: Vec<&Json> = header
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(k, _)| *k != "__metadata__")
        .map(|(_, t)| &t["shape"])
        .collect();
    assert_eq!(shapes.len(), 2);
    assert!(shapes.contains(&&folder::json("[192, 5]")), "{header}");
    let told = header["__metadata__"]["nasc"].as_str().expect("metadata");
    for word in ["nets[\\\\\\\"w5\\\\\\\"]", "addresses", "fit"] {
        assert!(told.contains(word), "no {word} in {told}");
    }
    f.fails(
        &["export", &folder, "secnd", "--format", "safetensors"],
        1,
        &["E0802", "second"],
    );
}

const SCORED: &str = r#"
search best_of(space: Space, score: Arch -> Score, n: Int) -> [Record] {
  [{ arch: a, score: score(a) } for a in sample(space, n)]
}
pipeline main() {
  let data = generated(64, 2, 8)
  let found = best_of(nets, x => mean(nets[x](ones[1, 3, 8, 8])), 2)
  let other = best_of(nets, y => mean(nets[y](ones[2, 3, 8, 8])), 2)
  report found, other
}
"#;

#[test]
fn a_search_by_tensors_is_kept_and_its_own_variables_are_nothing_around_it() {
    let f = Folder::with(&[]);
    let nets = TRAIN.split("pipeline ").next().expect("what comes before");
    let text = format!("{nets}{SCORED}");
    let (first, results) = run(&f, &text);
    assert_eq!(first, told(&[("found", false), ("other", false)]));
    let (again, same) = run(&f, &text);
    assert_eq!(again, told(&[("found", true), ("other", true)]));
    assert_eq!(same, results);
    // A stage that is called as a variable of another one's function is called.
    let named = text
        .replace("let data", "let y")
        .replace("x => mean(nets[x]", "y => mean(nets[y]");
    assert_ne!(named, text);
    let (again, same) = run(&f, &named);
    assert_eq!(again, told(&[("found", true), ("other", true)]));
    assert_eq!(same, results);
}
