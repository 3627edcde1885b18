//! The measure of the checker: seeded mistakes in the library and the pipelines, how many are refused, where the finding points, and
//! whether its help mends them. A fixed sample by default; `MISTAKES=write cargo test -p nas-driver --test mistakes` goes through all
//! and writes the table; `MISTAKES_KEEP=folder` keeps the programs that no help mends.

#[path = "../common/world.rs"]
mod world;

mod generate;

use generate::{Known, Mistake, mistakes};
use nas_diagnostics::Diagnostic;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use world::{Files, check};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The library's files but the declarations of intrinsics, the pipelines, and the programs kept for what these have not.
fn programs() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = nas_stdlib::FILES
        .iter()
        .map(|(path, text)| (format!("std/{path}"), text.to_string()))
        .collect();
    for folder in ["pipelines", "tests/mistakes/programs"] {
        let Ok(entries) = std::fs::read_dir(root().join(folder)) else {
            continue;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "nas"));
        paths.sort();
        for path in paths {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().to_string())
                .unwrap_or_default();
            let text = std::fs::read_to_string(&path).expect("a program");
            all.push((format!("{folder}/{name}"), text));
        }
    }
    all
}

#[derive(Default, Clone, Copy)]
struct Score {
    all: usize,
    refused: usize,
    placed: usize,
    mended: usize,
}

struct Verdict {
    refused: bool,
    placed: bool,
    mended: bool,
    said: String,
}

fn errors(text: &str) -> Vec<(Diagnostic, bool)> {
    let (loaded, found) = check(&Files::from([("main.nas".to_string(), text.to_string())]));
    let main = loaded
        .program
        .modules
        .get(loaded.program.entry)
        .map(|m| m.file);
    let here = |d: &Diagnostic| d.primary().map(|p| p.file) == main;
    found
        .into_iter()
        .filter(Diagnostic::is_error)
        .map(|d| (here(&d), d))
        .map(|(h, d)| (d, h))
        .collect()
}

fn judge(m: &Mistake) -> Verdict {
    let found = errors(&m.text);
    let Some((first, here)) = found.first() else {
        return Verdict {
            refused: false,
            placed: false,
            mended: false,
            said: String::new(),
        };
    };
    let placed = *here
        && first.primary().is_some_and(|p| {
            m.places.iter().any(|w| {
                (p.start as usize) < w.end && w.start < (p.end as usize).max(p.start as usize + 1)
            })
        });
    // All that is offered as an edit, each once; of edits that overlap the first.
    let mut edits: Vec<nas_diagnostics::Edit> = vec![];
    for (d, here) in &found {
        let fits = |e: &nas_diagnostics::Edit| {
            !edits
                .iter()
                .any(|o| o == e || (e.span.start < o.span.end && o.span.start < e.span.end))
        };
        if *here && d.fixes.iter().all(fits) {
            edits.extend(d.fixes.iter().cloned());
        }
    }
    edits.sort_by_key(|e| std::cmp::Reverse((e.span.start, e.span.end)));
    let mut text = m.text.clone();
    for e in &edits {
        let (start, end) = (e.span.start as usize, e.span.end as usize);
        if text.get(start..end).is_some() {
            text.replace_range(start..end, &e.text);
        }
    }
    let mended = !edits.is_empty() && errors(&text).is_empty();
    Verdict {
        refused: true,
        placed,
        mended,
        said: format!("{} {}", first.code, first.message),
    }
}

/// One in so many is judged by default; `MISTAKES=3` judges one in three, `MISTAKES=3+1` others.
const SAMPLE: usize = 8;

/// All of them, on as many threads as there are cores.
fn judged(all: &[Mistake]) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let out: Vec<Mutex<Option<Verdict>>> = all.iter().map(|_| Mutex::new(None)).collect();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|s| {
        for _ in 0..threads {
            s.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(m) = all.get(i) else { break };
                    *out[i].lock().expect("no judge panics") = Some(judge(m));
                }
            });
        }
    });
    out.into_iter()
        .map(|v| v.into_inner().ok().flatten().expect("all are judged"))
        .collect()
}

#[test]
fn mistakes_are_refused_where_they_are_made() {
    let programs = programs();
    let mut known = Known::default();
    for (file, text) in &programs {
        known.add(file, text);
    }
    let mut all = vec![];
    for (file, text) in &programs {
        if file.contains("/intrinsics/") {
            continue;
        }
        let clean = match std::env::var("MISTAKES") {
            Ok(_) => errors(text),
            // `tests/spec` holds that they are right.
            Err(_) => vec![],
        };
        assert!(
            clean.is_empty(),
            "{file} has findings of its own: {:?}",
            clean.iter().map(|e| &e.0.message).collect::<Vec<_>>()
        );
        all.extend(mistakes(file, text, &known));
    }
    // Each kind's share of a sample is its share of all: they stand kind by kind, by file.
    let asked = std::env::var("MISTAKES").ok();
    let number = |t: &str| t.parse::<usize>().ok();
    let (sample, first) = match asked
        .as_deref()
        .map(|a| a.split_once('+').unwrap_or((a, "0")))
    {
        Some((n, k)) => (number(n).unwrap_or(1).max(1), number(k).unwrap_or(0)),
        None => (SAMPLE, 0),
    };
    let whole = sample == 1;
    let made = all.len();
    all.sort_by_key(|m| m.kind);
    if !whole {
        let mut i = first;
        all.retain(|_| {
            i += 1;
            i % sample == 0
        });
    }
    let verdicts = judged(&all);
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut missed = String::new();
    let mut total = Score::default();
    for (m, v) in all.iter().zip(&verdicts) {
        if !v.mended
            && let Ok(folder) = std::env::var("MISTAKES_KEEP")
        {
            let said = if v.refused { "" } else { "missed-" };
            let name = format!("{said}{}-{}", m.kind, m.file).replace(['/', ' ', '~'], "_");
            std::fs::write(Path::new(&folder).join(name), &m.text).expect("it is kept");
        }
        for s in [scores.entry(m.kind).or_default(), &mut total] {
            s.all += 1;
            s.refused += usize::from(v.refused);
            s.placed += usize::from(v.placed);
            s.mended += usize::from(v.mended);
        }
        if !v.refused {
            missed.push_str(&format!(
                "| {} | {} | {} | not refused |\n",
                m.kind, m.file, m.what
            ));
        } else if !v.placed {
            missed.push_str(&format!(
                "| {} | {} | {} | elsewhere: {} |\n",
                m.kind, m.file, m.what, v.said
            ));
        } else if !v.mended && asked.is_some() {
            missed.push_str(&format!(
                "| {} | {} | {} | not mended: {} |\n",
                m.kind, m.file, m.what, v.said
            ));
        }
    }
    let share = |n: usize| 100.0 * n as f64 / total.all.max(1) as f64;
    let mut table = String::from(HEAD);
    for (kind, s) in &scores {
        table.push_str(&format!(
            "| {kind} | {} | {} | {} | {} |\n",
            s.all, s.refused, s.placed, s.mended
        ));
    }
    table.push_str(&format!(
        "| **all** | {} | {} ({:.1} %) | {} ({:.1} %) | {} ({:.1} %) |\n",
        total.all,
        total.refused,
        share(total.refused),
        total.placed,
        share(total.placed),
        total.mended,
        share(total.mended)
    ));
    table.push_str("\n## What is missed\n\n| kind | file | change | what happens |\n| --- | --- | --- | --- |\n");
    table.push_str(
        &missed
            .lines()
            .filter(|l| !l.contains("| not mended: "))
            .map(|l| format!("{l}\n"))
            .collect::<String>(),
    );
    table.push_str(TAIL);
    println!("{table}\n{missed}");
    if whole {
        std::fs::write(root().join("docs/mistakes.md"), &table).expect("the table is written");
    }
    assert!(made >= 250, "{made} mistakes");
    let room = if whole { 0.0 } else { BY_CHANCE };
    assert!(
        share(total.refused) >= REFUSED - room,
        "{:.1} % refused",
        share(total.refused)
    );
    assert!(
        share(total.placed) >= PLACED - room,
        "{:.1} % placed",
        share(total.placed)
    );
    assert!(
        share(total.mended) >= MENDED - room,
        "{:.1} % mended",
        share(total.mended)
    );
}

/// Percent by which a sample of some 250 may miss what holds of all: about one standard deviation, and which ones it has hangs on every edit of the library.
const BY_CHANCE: f64 = 3.0;
/// What holds of all, in percent; raised as the checker gets better.
const REFUSED: f64 = 98.0;
const PLACED: f64 = 95.0;
const MENDED: f64 = 78.0;

const TAIL: &str = "
What is not refused is a mistake all the same: no program is left out as one that means what the right one means. Such mistakes stand in bodies that
nothing calls with values whose fields are known, or with tensors whose axes are: a function `s => s.gard` of whatever it is given, an axis of a tensor
of any rank. They are refused where the function is called.
";

const HEAD: &str = "# Seeded mistakes

Programs of the library and the pipelines with one mistake each, made by `tests/mistakes/generate.rs`: a dropped argument, swapped dimensions, a
wrong unit … A mistake counts as *refused* when the check has an error, as *placed* when the first error's primary place touches
what a person would point at, and as *mended* when applying the helps that are edits leaves no error. This page is written by
`MISTAKES=write cargo test -p nas-driver --test mistakes`; the test holds the shares against thresholds.

| kind | mistakes | refused | placed | mended |
| --- | ---: | ---: | ---: | ---: |
";
