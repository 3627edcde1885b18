//! The plan that people review, and its difference from the committed one.

#![cfg(unix)]

mod folder;

use folder::{Folder, TRAIN, json, read};
use std::path::Path;
use std::process::Command;

const EXTENT: &str = r#"
let rate = 0.1
curriculum extent() {
  phase 0% { open: 1, cycle: 0 }
  phase 50% { open: 2 }
}
trainer staged(net, data, steps: Int) -> Weights {
  weights w = init(net)
  for (x, y) in data.batches(8, steps: steps) {
    let c = extent()(now)
    on change(c.open) as k { w := w }
    minimise c.open * mean(-pick_class(log_softmax(net[w](x)), y)) over w by descent(rate)
  }
  w
}
pipeline staged_run(steps: Int = 8) {
  let data = generated(64, 2, 8)
  let archs = sample(nets, 2)
  let one = staged(nets["w5"], data, steps, seed: 7)
  let many = [sum(nets[a, fit(nets[a], data, steps)](ones([4, 3, 8, 8]))) for a in archs]
  report many
  budget 2 GB
}
"#;

#[test]
fn a_plan_tells_what_will_happen_and_nothing_that_varies() {
    let f = Folder::with(&[("a.nas", &format!("{TRAIN}{EXTENT}"))]);
    let (code, text, err) = f.nasc(&["plan", "a.nas:staged_run"]);
    assert_eq!(code, 0, "{err}");
    // Another folder, another time, another number of jobs.
    let g = Folder::with(&[("a.nas", &format!("{TRAIN}{EXTENT}"))]);
    assert_eq!(text, g.nasc(&["plan", "a.nas:staged_run", "--jobs", "4"]).1);
    assert!(!text.contains(&f.0.path().display().to_string()));
    for line in [
        "pipeline staged_run of a.nas",
        ", library ",
        "seed 0",
        "steps = 8",
        "nets: 2 members",
        "data: 64 samples of [3, 8, 8], 2 classes",
        "after  data, steps",
        "does   reads data, reads the clock, trains",
        "one: staged seed 7",
        "work    8 steps of 8",
        "params  970, 3.9 kB kept",
        "2 times fit draws ",
        "from  open  cycle",
        "50%   2     0",
        "on change(c.open) in staged",
        "peak ",
        "2000 MB  met: ",
        "let a.rate = 0.1",
        "trainer a.staged",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let page = json(&f.nasc(&["plan", "a.nas:staged_run", "--json"]).1);
    let one = &page["stages"][2];
    assert_eq!(one["name"], "one");
    assert_eq!(one["work"][0]["steps"], 8);
    // 8 steps of 8 images, forward and twice back, 970 MACs each.
    assert_eq!(one["work"][0]["images"], 64);
    assert_eq!(one["work"][0]["macs"]["max"], 64 * 3 * 970);
    assert_eq!(page["curricula"][0]["phases"][1][1][0], "2");
    assert!(page["memory"]["stage"].as_u64().is_some_and(|n| n > 0));
}

const PATHS: &str = r#"
curriculum paths() { phase 0% { n: 1 }   phase 25% { n: 2 }   phase 75% { n: 4 } }
trainer wide(space: Space, data, steps: Int) -> Weights {
  weights w = init(space, u => slot(place: u.place, shape: u.shape))
  for (x, y) in data.batches(8, steps: steps) {
    let archs = [~uniform(space) for i in 0..paths()(now).n]
    minimise sum(mean(-pick_class(log_softmax(space[a, w](x)), y)) for a in archs) over w by descent(0.1)
  }
  w
}
pipeline phased() {
  let data = generated(64, 2, 8)
  let w = wide(nets, data, 40, seed: 1)
  let few = sample(nets where params <= 600, 1)
  report few
  budget 40 MB
}
"#;

#[test]
fn passes_are_counted_phase_by_phase_and_narrowed_spaces_are_listed() {
    let f = Folder::with(&[("a.nas", &format!("{TRAIN}{PATHS}"))]);
    let (code, text, err) = f.nasc(&["plan", "a.nas:phased"]);
    assert_eq!(code, 0, "{err}");
    // 10 steps of one path, 20 of two, 10 of four, eight images each.
    for line in [
        "40 steps of 8, 720 images",
        "where params <= 600",
        "40 MB  met: ",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let page = json(&f.nasc(&["plan", "a.nas:phased", "--json"]).1);
    let peak = page["memory"]["peak"].as_u64().expect("a number");
    let shown = format!("peak {:.1} MB with one job", peak as f64 / 1e6);
    assert!(text.contains(&shown), "{text}");
}

#[test]
fn a_table_that_is_here_changes_nothing_in_the_page() {
    let recorded = "table known of nets from \"t.csv\" { key arch   score: Percent }\n";
    let best = "pipeline best() { let r = [known[a].score for a in sample(nets, 2)]   report r   budget 1 GB }\n";
    let f = Folder::with(&[("a.nas", &format!("{TRAIN}{recorded}{best}"))]);
    let (code, missing, err) = f.nasc(&["plan", "a.nas:best"]);
    assert_eq!(code, 0, "{err}");
    assert!(missing.contains("does   draws, reads data"), "{missing}");
    std::fs::write(f.at("t.csv"), "arch,score\nw3,50\nw5,60\n").expect("a file");
    assert_eq!(f.nasc(&["plan", "a.nas:best"]).1, missing);
}

#[test]
fn a_page_is_the_same_from_whichever_folder_it_is_asked_for() {
    let text = format!(
        "use lib.parts\n{}",
        TRAIN.replace("descent(0.1)", "descent(rate)")
    );
    let f = Folder::with(&[("a.nas", &text)]);
    std::fs::create_dir_all(f.at("in/lib")).expect("a folder");
    std::fs::write(f.at("in/a.nas"), &text).expect("a file");
    std::fs::write(f.at("in/lib/parts.nas"), "/// A rate.\nlet rate = 0.1\n").expect("a file");
    let (code, above, err) = f.nasc(&["plan", "in/a.nas"]);
    assert_eq!(code, 0, "{err}");
    assert!(above.contains("let lib.parts.rate = 0.1"), "{above}");
    let whole = f.at("in/a.nas").display().to_string();
    assert_eq!(f.nasc(&["plan", &whole]).1, above);
}

#[test]
fn a_stage_that_cannot_fit_is_refused_with_what_would() {
    let small = TRAIN.replace("budget 10 minutes, 8 GB", "budget 10 minutes, 1 MB");
    let f = Folder::with(&[("a.nas", &small)]);
    let (code, text, err) = f.nasc(&["plan", "a.nas"]);
    assert_eq!(code, 1, "{err}");
    assert!(text.contains("not met: "), "{text}");
    for word in ["E0604", "the budget is 1.0 MB", "a budget of", "fits"] {
        assert!(err.contains(word), "no `{word}` in\n{err}");
    }
    f.fails(&["run", "a.nas"], 1, &["E0604"]);
    assert!(!f.at("runs").exists());
}

#[test]
fn a_review_names_the_cause_and_what_it_costs() {
    let f = Folder::with(&[("a.nas", TRAIN)]);
    f.fails(&["review", "a.nas"], 1, &["E0803", "--accept"]);
    assert_eq!(f.nasc(&["review", "a.nas", "--accept"]).0, 0);
    assert!(read(&f.at("reviews/a.plan")).starts_with("pipeline main of a.nas\n"));
    assert_eq!(f.nasc(&["review", "a.nas"]).0, 0);
    // Layout and comments change nothing.
    let moved = format!(
        "// a comment\n\n{}",
        TRAIN.replace("  w\n}", "  w // this\n}")
    );
    std::fs::write(f.at("a.nas"), &moved).expect("a file");
    assert_eq!(
        f.nasc(&["review", "a.nas"]),
        (0, String::new(), String::new())
    );
    let other = moved
        .replace("steps: Int = 20", "steps: Int = 40")
        .replace("choose [3, 5]", "choose [3, 5, 7]");
    std::fs::write(f.at("a.nas"), &other).expect("a file");
    let place = |word: &str| {
        let line = other.lines().position(|l| l.contains(word));
        line.expect("a line") + 1
    };
    let (code, out, err) = f.nasc(&["review", "a.nas"]);
    assert_eq!(code, 1, "{out}{err}");
    for says in [
        format!(
            "cause    parameter steps: 20 -> 40  at a.nas:{}",
            place("pipeline main")
        ),
        format!(
            "cause    space a.nets changed  at a.nas:{}",
            place("space nets")
        ),
        "again    4 of 5 stages: first, report other, score, second".to_string(),
        "members  nets: 2 -> 3 (+1)".to_string(),
        "images   322 -> 642 (+99.4 %)".to_string(),
        "-  steps = 20".to_string(),
    ] {
        assert!(out.contains(&says), "no `{says}` in\n{out}");
    }
    assert!(err.contains("W0801"), "{err}");
    let (_, out, err) = f.nasc(&["review", "a.nas", "--message-format", "github"]);
    let github = out + &err;
    let told = format!("::warning file=a.nas,line={}", place("pipeline main"));
    assert!(github.contains(&told), "{github}");
    assert_eq!(f.nasc(&["review", "a.nas", "--accept"]).0, 0);
    assert_eq!(f.nasc(&["review", "a.nas"]).0, 0);
}

fn git(folder: &Path, words: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(words)
        .output()
        .expect("git");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_review_goes_against_a_revision() {
    let f = Folder::with(&[("nets.nas", "fn half(n: Int) -> Int { n / 2 }\n")]);
    std::fs::create_dir_all(f.at("sub")).expect("a folder");
    let pipeline = "use nets.half\npipeline main(n: Int = 8) { let a = half(n)\n report a }\n";
    std::fs::write(f.at("sub/p.nas"), pipeline).expect("a file");
    git(f.0.path(), &["init", "-q"]);
    git(f.0.path(), &["add", "-A"]);
    git(f.0.path(), &["commit", "-q", "-m", "one"]);
    let against = ["review", "sub/p.nas", "--against", "HEAD"];
    assert_eq!(f.nasc(&against).0, 0);
    std::fs::write(f.at("nets.nas"), "\nfn half(n: Int) -> Int { n / 4 }\n").expect("a file");
    let (code, out, _) = f.nasc(&against);
    assert_eq!(code, 1, "{out}");
    for says in [
        "its plan at HEAD",
        "fn nets.half changed  at nets.nas:2",
        "1 of 1 stages: a",
    ] {
        assert!(out.contains(says), "no `{says}` in\n{out}");
    }
    f.fails(
        &["review", "sub/p.nas", "--against", "HAED"],
        1,
        &["E0802", "HAED"],
    );
    std::fs::write(f.at("sub/q.nas"), pipeline).expect("a file");
    f.fails(
        &["review", "sub/q.nas", "--against", "HEAD"],
        1,
        &["E0802", "not in it"],
    );
}

/// Every pipeline of the repository has the plan it was reviewed with.
#[test]
fn the_pipelines_are_as_reviewed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let f = Folder::with(&[]);
    let mut files: Vec<String> = std::fs::read_dir(root.join("pipelines"))
        .expect("pipelines")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "nas"))
        .map(|p| p.display().to_string())
        .collect();
    files.sort();
    for file in &files {
        let (code, out, err) = f.nasc(&["review", file]);
        assert_eq!(
            code, 0,
            "{file}: look, then `nasc review --accept {file}`\n{out}{err}"
        );
    }
    assert!(files.len() >= 2);
}
