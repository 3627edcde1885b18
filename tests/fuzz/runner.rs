//! The fuzz targets on stable Rust: the corpora of `fuzz/corpus`, the programs of the repository, and mutations of both for a while.
//! `FUZZ_SECONDS=1200 cargo test -p nas-driver --test fuzz -- --nocapture` goes on for longer; what fails is written to `fuzz/found`.

#[path = "../common/world.rs"]
mod world;

mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use targets::TARGETS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn below(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for p in paths {
        if p.is_dir() {
            below(&p, out);
        } else {
            out.push(p);
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut paths = vec![];
    below(&root().join("fuzz/corpus").join(target), &mut paths);
    for folder in [
        "pipelines",
        "stdlib",
        "tests/programs",
        "compiler/diagnostics/codes",
        "tests/spec",
    ] {
        below(&root().join(folder), &mut paths);
    }
    let mut out = vec![];
    for p in paths {
        let Ok(bytes) = std::fs::read(&p) else {
            continue;
        };
        match p.extension().and_then(|e| e.to_str()) {
            // The programs of pages and chapters.
            Some("md") => {
                let text = String::from_utf8_lossy(&bytes);
                out.extend(text.split("\n```nas").skip(1).filter_map(|b| {
                    let body = b.split_once('\n')?.1;
                    Some(body.split("\n```").next()?.as_bytes().to_vec())
                }));
            }
            Some("rs" | "toml") => {}
            _ => out.push(bytes),
        }
    }
    out
}

/// A small generator of our own: the same mutations on every machine.
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Pieces that mean something to the language.
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "~",
    "|>",
    "..",
    "=>",
    "->",
    ":=",
    "==",
    "\"",
    "\n",
    "  ",
    ",",
    ":",
    "-",
    "0",
    "1e308",
    "99999999999999999999",
    "0.5",
    "5%",
    "3 epochs",
    "2 GB",
    "choose ",
    "repeat ",
    "where ",
    "space s {",
    "net(x: [n, 3])",
    "let x = ",
    "fn f(",
    "block b",
    "param w: ",
    "at train ",
    "at infer ",
    "_",
    "it",
    "now",
    "none",
    "true",
    "x",
    "n",
    "h",
    "over: ",
    "[n, c, h, w]",
    "of Index",
    "?",
    "else ",
    "if ",
    "minimise ",
    " over w by ",
    "with { ",
    "within ",
    "\u{feff}",
    "\r\n",
    "é",
    "\u{1F600}",
    "//",
    "/// ",
    "pipeline main {",
    "expect ",
    "report ",
    "test \"t\" {",
    "use std.",
    "macs",
    "size(",
    "/ 0",
    "* -1",
    "^ 64",
    "0..",
    "..=",
    "by 0",
    "phase 5% ",
    "state s = ",
    "1 / 3",
];

fn mutate(seed: &[u8], other: &[u8], r: &mut Random) -> Vec<u8> {
    let mut out = seed.to_vec();
    for _ in 0..1 + r.below(4) {
        let at = r.below(out.len() + 1);
        match r.below(7) {
            0 => {
                let piece = PIECES[r.below(PIECES.len())];
                out.splice(at..at, piece.bytes());
            }
            1 if !out.is_empty() => {
                let end = (at + 1 + r.below(12)).min(out.len());
                out.drain(at.min(end)..end);
            }
            2 if !out.is_empty() => {
                let i = r.below(out.len());
                out[i] = r.next() as u8;
            }
            3 if !other.is_empty() => {
                let from = r.below(other.len());
                let to = (from + r.below(80)).min(other.len());
                out.splice(at..at, other[from..to].iter().copied());
            }
            4 if !out.is_empty() => {
                let from = r.below(out.len());
                let to = (from + r.below(40)).min(out.len());
                let copy: Vec<u8> = out[from..to].to_vec();
                out.splice(at..at, copy);
            }
            5 => {
                // One digit or sign becomes another.
                if let Some(i) = out
                    .iter()
                    .skip(at)
                    .position(|b| b.is_ascii_digit() || b.is_ascii_punctuation())
                {
                    const SIGNS: &[u8] = b"0123456789.,:;(){}[]|<>=+-*/~^%_?\"";
                    out[at + i] = SIGNS[r.below(SIGNS.len())];
                }
            }
            _ => {
                let piece = PIECES[r.below(PIECES.len())];
                let end = (at + piece.len()).min(out.len());
                out.splice(at.min(end)..end, piece.bytes());
            }
        }
    }
    out.truncate(1 << 15);
    out
}

/// What a target does with bytes: `Some` where it panics or takes too long.
fn fails(target: targets::Target, bytes: &[u8]) -> Option<String> {
    let begun = Instant::now();
    let r = catch_unwind(AssertUnwindSafe(|| target(bytes)));
    if let Err(p) = r {
        let text = p
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| p.downcast_ref::<&str>().map(|s| s.to_string()));
        return Some(text.unwrap_or_else(|| "a panic".into()));
    }
    (begun.elapsed() > Duration::from_secs(60)).then(|| format!("took {:?}", begun.elapsed()))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(2000).collect()
}

#[test]
fn the_corpora_are_answered() {
    for (name, target) in TARGETS {
        let mut paths = vec![];
        below(&root().join("fuzz/corpus").join(name), &mut paths);
        for p in paths {
            let bytes = std::fs::read(&p).expect("a seed");
            if let Some(why) = fails(*target, &bytes) {
                panic!("{name} {}: {why}", p.display());
            }
        }
    }
}

#[test]
fn mutations_are_answered() {
    let seconds: u64 = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(4);
    let only = std::env::var("FUZZ_TARGET").ok();
    let begun = std::env::var("FUZZ_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0x9E37_79B9_7F4A_7C15);
    let mut found = vec![];
    for (name, target) in TARGETS {
        if only.as_ref().is_some_and(|o| o != name) {
            continue;
        }
        let seeds = seeds(name);
        let mut r = Random(begun);
        let (clock, mut count) = (Instant::now(), 0u64);
        while clock.elapsed() < Duration::from_secs(seconds) && found.len() < 20 {
            let (a, b) = (r.below(seeds.len()), r.below(seeds.len()));
            let bytes = mutate(&seeds[a], &seeds[b], &mut r);
            count += 1;
            if let Some(why) = fails(*target, &bytes) {
                let folder = root().join("fuzz/found");
                let _ = std::fs::create_dir_all(&folder);
                let _ = std::fs::write(folder.join(format!("{name}-{count}")), &bytes);
                found.push(format!("{name}: {why}\n{}\n", shown(&bytes)));
            }
        }
        println!("{name}: {count} inputs in {:?}", clock.elapsed());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
