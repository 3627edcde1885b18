//! The command as its users start it: exit codes, files it leaves, the same bytes again, and Ctrl-C in the middle.

mod folder;

use folder::{Folder, json, read};
use std::path::PathBuf;

/// The pipeline that trains two nets, with tests of which one is false, and a curve to draw.
fn program() -> String {
    folder::TRAIN
        .replace(
            "pipeline main",
            r#"test "two members" { expect size(nets) == 2 }
test "a larger one" { expect parameters(nets["w5"]) == 192 * 5 + 10 }
test "false" { expect size(nets) == 3 }

pipeline main"#,
        )
        .replace(
            "second](ones([1, 3, 8, 8])))\n",
            "second](ones([1, 3, 8, 8]))), curve: { x: [1, 2, 3], y: [score, 0, 1] }\n",
        )
}

/// The only run folder below a folder.
fn run_folder(f: &Folder, out: &str) -> PathBuf {
    let mut all: Vec<PathBuf> = std::fs::read_dir(f.at(out))
        .expect("runs")
        .map(|e| e.expect("an entry").path())
        .collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_misspelt_name_is_found_before_anything_runs() {
    let f = Folder::with(&[(
        "a.nas",
        &program().replace("parameters(nets[\"w5\"])", "paramters(nets[\"w5\"])"),
    )]);
    for verb in ["check", "run", "plan", "test"] {
        f.fails(&[verb, "a.nas"], 1, &["E0201", "paramters", "a.nas:"]);
    }
    assert!(!f.at("runs").exists());
}

#[test]
fn one_member_of_15625_is_shown() {
    let f = Folder::with(&[(
        "a.nas",
        r#"
block dense(out: Int)(x: [n, c]) -> [n, out] {
  param w: [c, out] ~ normal(0, 0.1)
  contract("n c, c o -> n o", x, w)
}
space nets() {
  let op = [choose { a: 0, b: 0, c: 0, d: 0, e: 1 } for i in 0..6]
  net(x: [n, 4]) -> [n, 4] { x + dense(4 + op[0] * op[1] * op[2] * op[3] * op[4] * op[5])(x) }
}
"#,
    )]);
    let (code, _, err) = f.nasc(&["check", "a.nas"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("E04"), "{err}");
    for i in 0..6 {
        assert!(err.contains(&format!("op[{i}] = e")), "{err}");
    }
}

#[test]
fn files_that_import_each_other_are_told() {
    let f = Folder::with(&[
        ("a.nas", "use b.two\nfn one() { two() }\n"),
        ("b.nas", "use a.one\nfn two() { one() }\n"),
    ]);
    f.fails(&["check", "a.nas"], 1, &["E0204"]);
}

#[test]
fn missing_data_stops_a_run_and_not_a_check() {
    let f = Folder::with(&[(
        "a.nas",
        "pipeline main() {\n  let d = cifar10(\"no/such/folder\")\n  report size(d)\n}\n",
    )]);
    f.fails(&["run", "a.nas"], 3, &["E0701"]);
    let (code, _, err) = f.nasc(&["check", "a.nas"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("E0701"), "{err}");
    assert_eq!(f.nasc(&["plan", "a.nas"]).0, 0);
}

#[test]
fn the_pipelines_are_checked_without_their_data() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut all: Vec<String> = std::fs::read_dir(here)
        .expect("pipelines")
        .map(|e| e.expect("an entry").path().display().to_string())
        .filter(|p| p.ends_with(".nas"))
        .collect();
    all.sort();
    let f = Folder::with(&[]);
    let words: Vec<&str> = ["check", "--data", "nowhere"]
        .into_iter()
        .chain(all.iter().map(String::as_str))
        .collect();
    let (code, _, err) = f.nasc(&words);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn settings_are_checked_before_the_run() {
    let f = Folder::with(&[("a.nas", &program())]);
    let set = |value: &str, says: &[&str]| f.fails(&["run", "a.nas", "--set", value], 2, says);
    set("step=3", &["E0802", "`step`", "steps"]);
    set("steps=\"many\"", &["E0802", "steps"]);
    set("steps=(3", &["E0802", "steps"]);
    set("steps", &["E0802"]);
    assert!(!f.at("runs").exists());
    f.fails(&["run", "a.nas:mian"], 1, &["E0201", "main"]);
    f.fails(&["run", "a.nas", "--sed", "1"], 2, &["E0801", "--seed"]);
    f.fails(&["run", "a.nas", "--device", "tpu"], 2, &["E0802"]);
    let needed = Folder::with(&[("a.nas", "pipeline main(n: Int) { report n }\n")]);
    needed.fails(&["run", "a.nas"], 2, &["E0802", "`n`", "--set n="]);
    assert_eq!(needed.nasc(&["run", "a.nas", "--set", "n=4"]).0, 0);
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let f = Folder::with(&[("a.nas", "use b.two\nfn one() { two() }\n")]);
    std::fs::write(f.at("b.nas"), b"fn two() { 1 } // \xff\n").expect("a file");
    f.fails(&["check", "b.nas"], 1, &["E0803", "UTF-8"]);
    f.fails(&["check", "a.nas"], 1, &["E0803", "UTF-8"]);
}

#[test]
fn a_run_leaves_its_folder_and_goes_by_its_expectations() {
    let f = Folder::with(&[("a.nas", &program())]);
    let (code, out, err) = f.nasc(&["run", "a.nas"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.contains("score: ") && out.contains("✓ score < limit"),
        "{out}"
    );
    assert!(err.contains("first") && err.contains("runs/main-"), "{err}");
    let folder = run_folder(&f, "runs");
    let results = json(&read(&folder.join("results.json")));
    assert!(results["reports"]["score"].is_number());
    assert_eq!(results["expects"][1]["text"], "size(nets) == 2");
    assert_eq!(results["expects"][1]["left"], 2);
    assert!(read(&folder.join("plan.txt")).contains("nets: 2 members"));
    assert!(read(&folder.join("report.html")).contains("<polyline"));
    for line in read(&folder.join("journal.jsonl")).lines() {
        assert!(json(line)["event"].is_string(), "{line}");
    }
    let name = folder.display().to_string();
    let exported = f.nasc(&["export", &name, "score", "--format", "json"]);
    assert_eq!(json(&exported.1), results["reports"]["score"]);
    f.fails(
        &["export", &name, "scor", "--format", "json"],
        1,
        &["E0802", "score"],
    );
    // Another setting is another run; this one fails its expectation.
    let (code, out, _) = f.nasc(&["run", "a.nas", "--set", "limit=-100", "--quiet"]);
    assert_eq!(code, 4, "{out}");
    assert!(
        out.contains("✗ score < limit") && out.contains("right -100"),
        "{out}"
    );
    let (code, out, _) = f.nasc(&["why", "a.nas", "first"]);
    assert!(code == 0 && out.contains("code of fit"), "{out}");
    f.fails(&["why", "a.nas", "frist"], 1, &["E0802", "first"]);
}

#[test]
fn threads_jobs_and_repetition_change_no_byte() {
    let f = Folder::with(&[("a.nas", &program())]);
    let results = |out: &str, store: &str, more: &[&str]| {
        let words = [&["run", "a.nas", "--quiet", "--out", out], more].concat();
        let status = f.command(&words).env("NASC_STORE", f.at(store)).output();
        assert_eq!(status.expect("it ran").status.code(), Some(0));
        read(&run_folder(&f, out).join("results.json"))
    };
    let one = results("one", "store1", &["--threads", "1", "--jobs", "1"]);
    let two = results("two", "store2", &["--threads", "2", "--jobs", "2"]);
    assert_eq!(one, two);
    // From the store.
    assert_eq!(one, results("one", "store1", &["--threads", "2"]));
    assert_ne!(one, results("three", "store3", &["--seed", "5"]));
}

#[test]
fn tests_of_a_file_are_counted_and_chosen() {
    let f = Folder::with(&[("a.nas", &program())]);
    let (code, out, _) = f.nasc(&["test", "a.nas"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("ok a: \"two members\"\n"), "{out}");
    assert!(
        out.contains("FAILED a: \"false\"\n    ✗ size(nets) == 3\n"),
        "{out}"
    );
    assert!(out.ends_with("2 passed, 1 failed\n"), "{out}");
    let (code, out, _) = f.nasc(&["test", "a.nas", "--filter", "members"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "ok a: \"two members\"\n1 passed, 0 failed\n")
    );
}

#[test]
fn plans_and_spaces_answer_in_text_and_json() {
    let f = Folder::with(&[("a.nas", &program())]);
    let (code, text, err) = f.nasc(&["plan", "a.nas"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(text, f.nasc(&["plan", "a.nas"]).1);
    for line in [
        "steps = 20",
        "nets: 2 members",
        "first",
        "score < limit",
        "8000 MB",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let plan = json(&f.nasc(&["plan", "a.nas", "--json", "--set", "steps=3"]).1);
    assert_eq!(plan["parameters"][0]["value"], "3");
    assert_eq!(f.nasc(&["review", "a.nas", "--accept"]).0, 0);
    assert_eq!(f.nasc(&["review", "a.nas"]).0, 0);
    let (code, out, _) = f.nasc(&["review", "a.nas", "--set", "steps=3"]);
    assert!(code == 1 && out.contains("+  steps = 3"), "{out}");

    let space = json(&f.nasc(&["space", "a.nas", "nets", "--json"]).1);
    assert_eq!(
        (&space["raw"], &space["feasible"]),
        (&"2".into(), &"2".into())
    );
    assert_eq!(space["sites"][0]["address"], "width");
    let few = [
        "space",
        "a.nas",
        "nets",
        "--where",
        "parameters <= 700",
        "--sample",
        "9",
    ];
    assert_eq!(f.nasc(&few), (0, "w3\n".to_string(), String::new()));
    let member = json(
        &f.nasc(&["space", "a.nas", "nets", "--arch", "w5", "--json"])
            .1,
    );
    assert_eq!(member["params"], 970);
    assert_eq!(member["layers"][0]["out"], json("[1, 5]"));
    f.fails(
        &["space", "a.nas", "nets", "--arch", "w4"],
        1,
        &["E0603", "character 2"],
    );
    f.fails(&["space", "a.nas", "net"], 1, &["E0201", "nets"]);
    // Several conditions, as after `where`; and a space of the library.
    let both = "parameters <= 700, parameters >= 300";
    let few = ["space", "a.nas", "nets", "--where", both, "--sample", "9"];
    let (code, out, err) = f.nasc(&few);
    assert_eq!((code, out.as_str()), (0, "w3\n"), "{err}");
    let (code, out, err) = f.nasc(&[
        "space",
        "std.search.nb201",
        "nb201",
        "--where",
        "macs.nats <= 100M",
    ]);
    assert!(
        code == 0
            && out.contains("feasible  14080")
            && out.contains("5551  modulo fold_skip, propagate_zero"),
        "{out}{err}"
    );
    f.fails(&["space", "std.search.nb202", "nb201"], 1, &["E0803"]);
    f.fails(
        &["space", "a.nas", "nets", "--where", "1 +"],
        2,
        &["--where"],
    );
    let (code, out, _) = f.nasc(&["check", "a.nas", "--emit", "network"]);
    assert!(code == 0 && out.contains("contract"), "{out}");
}

#[test]
fn an_unreadable_text_shows_where_and_what_could_stand_there() {
    let f = Folder::with(&[(
        "a.nas",
        "space s { let d = choose 1..=2\n let b = [choose [2, 4] for i in 0..d]\n value b }",
    )]);
    // What all begin with is read before the mark; what cannot be, given what stands before, is not told.
    for (text, at, there) in [
        ("d=1 b[0]=9", "character 10", "expected there: `2`, `4`"),
        (
            "d=1 b[0]=2 b[1]=4",
            "character 11",
            "expected there: the end",
        ),
        (
            "d=2 b[0]=2",
            "character 11",
            "expected there: ` b[1]=2`, ` b[1]=4`",
        ),
        (
            "d=2 b[0]=2 b[1]=",
            "character 17",
            "expected there: `2`, `4`",
        ),
        ("x", "character 1", "expected there: `d=1`, `d=2`"),
    ] {
        f.fails(
            &["space", "a.nas", "s", "--arch", text],
            1,
            &["E0603", at, there],
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let f = Folder::with(&[("a.nas", &program())]);
    let words = ["run", "a.nas", "--set", "steps=5000", "--jobs", "1"];
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("nasc"))
        .args(words)
        .current_dir(f.0.path())
        .env_remove("NASC_STORE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it started");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let begun = lines.find(|l| l.as_ref().is_ok_and(|l| l.contains("begins")));
    assert!(begun.is_some(), "no stage began");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.is_ok_and(|s| s.success()));
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    let code = child.wait().expect("it ended").code();
    assert_eq!(code, Some(130), "{said:?}");
    assert!(
        said.iter()
            .any(|l| l.contains("run the same command again")),
        "{said:?}"
    );
    assert!(!run_folder(&f, "runs").join("results.json").exists());

    assert_eq!(f.nasc(&words).0, 0);
    let whole = [&words[..], &["--out", "fresh"]].concat();
    let fresh = f.command(&whole).env("NASC_STORE", f.at("other")).output();
    assert_eq!(fresh.expect("it ran").status.code(), Some(0));
    let results = |out: &str| read(&run_folder(&f, out).join("results.json"));
    assert_eq!(results("runs"), results("fresh"));
}

#[test]
fn a_tensor_that_no_memory_holds_is_refused() {
    let too_large = [
        "ones([1000000, 1000000, 1000000])",
        "eye(9223372036854775807)",
    ];
    for tensor in too_large {
        let text = format!("pipeline main() {{ report r: sum({tensor}) }}\n");
        let f = Folder::with(&[("a.nas", &text)]);
        f.fails(&["run", "a.nas"], 3, &["E0704", "memory"]);
    }
}
