//! Runs that can be trusted: killed, stopped, side by side, on full and read-only disks, and with trainings that go wrong.
//! `NASC_KILLS`, `NASC_SEEDS` give the full numbers where a few are not enough.

#![cfg(unix)]

mod folder;

use folder::{Folder, TRAIN, json, read, times};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A search with a state, trainings side by side, and evaluations one by one.
const PIPELINE: &str = r#"
trainer settle(space, data, steps: Int) -> Weights {
  weights w = init(space, u => slot(place: u.place, shape: u.shape))
  for (x, y) in data.batches(8, steps: steps) {
    let a ~ by_site(space)
    minimise mean(-pick_class(log_softmax(space[a, w](x)), y)) over w by descent(0.05)
    keep w every 20
  }
  w
}
search climb(space, data, turns: Int) -> Arch {
  state best = sample(space, 1)[0]
  state score = 0.0
  for k in 0..turns {
    let a ~ by_site(space)
    let s = sum(space[a, fit(space[a], data, 20)](ones([1, 3, 8, 8])))
    best := if s > score { a } else { best }
    score := if s > score { s } else { score }
    keep best
  }
  best
}
pipeline trusted(steps: Int = 120) {
  let data = generated(96, 2, 8)
  let nets_of = { alone: [fit(nets["w5"], data, steps, seed: s) for s in [1, 2]], shared: [settle(nets, data, steps, seed: s) for s in [1, 2]] }
  let found = climb(nets, data, 6)
  let archs = sample(nets, 2)
  let scores = [[sum(nets[a, w](ones([2, 3, 8, 8]))) for a in archs] for w in nets_of.shared]
  report scores, found: encode(found), alone: [sum(nets["w5", w](ones([1, 3, 8, 8]))) for w in nets_of.alone]
}
"#;

fn program() -> String {
    format!("use search.samplers\n{TRAIN}{PIPELINE}")
}

fn results(f: &Folder, out: &str) -> String {
    read(&f.newest(out).join("results.json"))
}

/// The results of a run that nothing disturbs, and how long it took.
fn undisturbed(f: &Folder) -> (String, Duration) {
    let began = Instant::now();
    let words = ["run", "a.nas:trusted", "--out", "whole", "--jobs", "2"];
    let mut command = f.command(&words);
    let output = command.env("NASC_STORE", f.at("whole-store")).output();
    let output = output.expect("it ran");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (results(f, "whole"), began.elapsed())
}

#[test]
fn killed_at_random_moments_a_run_ends_with_the_same_bytes() {
    let f = Folder::with(&[("a.nas", &program())]);
    let (whole, took) = undisturbed(&f);
    let mut random = 88_172_645_463_325_252u64;
    let kills = times("NASC_KILLS", 4);
    let (mut landed, mut trial) = (0, 0);
    while landed < kills {
        trial += 1;
        let store = f.at(&format!("store{trial}"));
        let out = format!("runs{trial}");
        // Killed again and again, until one run ends.
        loop {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let wait = took.mul_f64((random % 1_000) as f64 / 1_000.0);
            let mut child = Command::new(assert_cmd::cargo::cargo_bin("nasc"))
                .args(["run", "a.nas:trusted", "--jobs", "2", "--out", &out])
                .current_dir(f.0.path())
                .env("NASC_STORE", &store)
                .env_remove("NASC_DATA")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it started");
            std::thread::sleep(wait);
            let dead = child.kill();
            let status = child.wait().expect("it ended");
            if status.success() {
                break;
            }
            assert!(dead.is_ok() && status.code().is_none(), "{status:?}");
            landed += 1;
            if landed >= kills {
                let words = ["run", "a.nas:trusted", "--jobs", "2", "--out", &out];
                let code = f.command(&words).env("NASC_STORE", &store).output();
                assert_eq!(code.expect("it ran").status.code(), Some(0));
                break;
            }
        }
        assert_eq!(results(&f, &out), whole, "after {landed} kills");
    }
    println!("{landed} kills in {trial} runs, every result the same bytes");
}

#[test]
fn any_number_of_jobs_gives_the_same_bytes() {
    let f = Folder::with(&[("a.nas", &program())]);
    for seed in 0..times("NASC_SEEDS", 2) {
        let mut all = vec![];
        for jobs in ["1", "2", "4"] {
            let out = format!("runs-{seed}-{jobs}");
            let seed = seed.to_string();
            let words = [
                "run",
                "a.nas:trusted",
                "--jobs",
                jobs,
                "--threads",
                jobs,
                "--seed",
                &seed,
                "--out",
                &out,
            ];
            let store = f.at(&format!("store-{seed}-{jobs}"));
            let ran = f.command(&words).env("NASC_STORE", store).output();
            assert_eq!(ran.expect("it ran").status.code(), Some(0));
            all.push(results(&f, &out));
        }
        assert!(all.iter().all(|r| *r == all[0]), "seed {seed}");
    }
}

#[test]
fn two_runs_on_one_store_are_safe() {
    let f = Folder::with(&[("a.nas", &program())]);
    let (whole, _) = undisturbed(&f);
    let start = |out: &str| {
        Command::new(assert_cmd::cargo::cargo_bin("nasc"))
            .args(["run", "a.nas:trusted", "--jobs", "1", "--out", out])
            .current_dir(f.0.path())
            .env("NASC_STORE", f.at("one"))
            .env_remove("NASC_DATA")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it started")
    };
    let mut both = [start("left"), start("right")];
    for child in &mut both {
        assert!(child.wait().expect("it ended").success());
    }
    assert_eq!(results(&f, "left"), whole);
    assert_eq!(results(&f, "right"), whole);
}

#[test]
fn a_signal_stops_a_run_and_it_goes_on() {
    let f = Folder::with(&[("a.nas", &program())]);
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let out = format!("runs{code}");
        let words = [
            "run",
            "a.nas:trusted",
            "--set",
            "steps=4000",
            "--jobs",
            "2",
            "--out",
            &out,
        ];
        let child = Command::new(assert_cmd::cargo::cargo_bin("nasc"))
            .args(words)
            .current_dir(f.0.path())
            .env("NASC_STORE", f.at(&format!("store{code}")))
            .env_remove("NASC_DATA")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it started");
        let journal = || -> String {
            let all = std::fs::read_dir(f.at(&out))
                .into_iter()
                .flatten()
                .flatten();
            let read =
                |e: std::fs::DirEntry| std::fs::read_to_string(e.path().join("journal.jsonl"));
            all.filter_map(|e| read(e).ok()).collect()
        };
        let began = Instant::now();
        while !journal().contains("stage-start") && began.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(150));
        let told = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(told.is_ok_and(|s| s.success()));
        let ended = child.wait_with_output().expect("it ended");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{said}");
        assert!(said.contains("run the same command again"), "{said}");
        let ran = f
            .command(&words)
            .env("NASC_STORE", f.at(&format!("store{code}")))
            .output();
        assert_eq!(ran.expect("it ran").status.code(), Some(0));
        assert!(
            journal().contains("resumed"),
            "no training went on from a kept point"
        );
    }
    // One that nothing stopped.
    let words = [
        "run",
        "a.nas:trusted",
        "--set",
        "steps=4000",
        "--jobs",
        "1",
        "--out",
        "fresh",
    ];
    let ran = f
        .command(&words)
        .env("NASC_STORE", f.at("fresh-store"))
        .output();
    assert_eq!(ran.expect("it ran").status.code(), Some(0));
    for out in ["runs130", "runs143"] {
        assert_eq!(results(&f, out), results(&f, "fresh"));
    }
}

const DIVERGE: &str = r#"
trainer wild(net, data, steps: Int, rate: Float) -> Weights {
  weights w = init(net)
  for (x, y) in data.batches(8, steps: steps) {
    minimise 0 - sum(net[w](x)) over w by descent(rate)
  }
  w
}
pipeline wildly() {
  let data = generated(64, 2, 8)
  let runs = [wild(nets["w5"], data, 30, rate) for rate in [1e-9, 1e9]]
  let calm = fit(nets["w3"], data, 10)
  let scores = [sum(nets["w5", w](ones([1, 3, 8, 8]))) for w in runs]
  report scores, calm: sum(nets["w3", calm](ones([1, 3, 8, 8])))
}
"#;

#[test]
fn a_training_that_diverges_ends_as_invalid_and_the_others_go_on() {
    let f = Folder::with(&[("a.nas", &format!("{TRAIN}{DIVERGE}"))]);
    let words = ["run", "a.nas:wildly", "--jobs", "2"];
    let mut seen = vec![];
    for _ in 0..2 {
        let (code, out, err) = f.nasc(&words);
        assert_eq!(code, 3, "{out}{err}");
        assert!(out.contains("1 stage ended as invalid"), "{out}");
        assert!(err.contains("E0703"), "{err}");
        let text = results(&f, "runs");
        let r = json(&text);
        assert!(r["reports"]["calm"].is_number(), "{text}");
        assert!(r["reports"]["scores"][0].is_number(), "{text}");
        let reason = r["reports"]["scores"][1]["invalid"].as_str().unwrap_or("");
        assert!(
            reason.contains("at step ") && reason.contains("dense"),
            "{text}"
        );
        assert_eq!(r["invalid"]["count"], 1);
        assert_eq!(r["invalid"]["stages"][0]["stage"], "runs[1]");
        seen.push(text);
    }
    assert_eq!(seen[0], seen[1]);
}

const LOST: &str = r#"
use std.search.nb201.{nb201}
use std.search.{train, sharing, samplers}
use std.metrics.kendall_tau
use std.cost.macs.core as macs
trainer supernet(space: Space, data: Data, rate: Float) -> Weights {
  weights w = init(space, by_operation)
  for (x, y) in data.batches(32, epochs: 1) {
    let a ~ by_site(space)
    minimise mean(cross_entropy(space[a, w](x), y)) over w by sgd(constant(rate))
  }
  w
}
fn shown(net) -> Float { mean(trace(net at train, ones[2, 3, 16, 16]).out) }
pipeline main() {
  let d = data.generated(96, 4, 16)
  let s = nb201(4, 4, 1, 16)
  let archs = sample(s, 3)
  let w = supernet(s, d, 1e30)
  let lost = [accuracy(recalibrate(s[a, w], d, batches: 1), d.test) for a in archs]
  let calm = supernet(s, d, 0.01)
  let fine = [accuracy(recalibrate(s[a, calm], d, batches: 1), d.test) for a in archs]
  report lost, fine, kept: len(valid(lost)), tau: kendall_tau.b(lost, fine)
  report looked: shown(s[archs[0], w]), edited: accuracy(s[archs[0], w] with { relu: identity }, d.test)
  report cost: macs(s[archs[0], w])
}
"#;

#[test]
fn what_is_made_of_lost_weights_is_invalid_and_nothing_else() {
    let f = Folder::with(&[("a.nas", LOST)]);
    let mut seen = vec![];
    for jobs in ["1", "4"] {
        let (code, out, err) = f.nasc(&["run", "a.nas", "--jobs", jobs, "--out", jobs]);
        assert_eq!(code, 3, "{out}{err}");
        let text = results(&f, jobs);
        let r = &json(&text)["reports"];
        assert!(r["fine"][2].is_number() && r["kept"] == 0, "{text}");
        for lost in [
            &r["lost"][2],
            &r["tau"],
            &r["looked"],
            &r["edited"],
            &r["cost"],
        ] {
            let reason = lost["invalid"].as_str().unwrap_or("");
            assert!(reason.contains("at step "), "{lost} {text}");
        }
        seen.push(text);
    }
    assert_eq!(seen[0], seen[1]);
}

/// Whether a folder can be given a small file system of its own here.
fn small_disk(f: &Folder, size: &str, command: &str) -> Option<std::process::Output> {
    std::fs::create_dir_all(f.at("small")).expect("a folder");
    let script = format!("mount -t tmpfs -o size={size} none small && {command}");
    let ran = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script])
        .current_dir(f.0.path())
        .env("NASC_STORE", f.at("small/store"))
        .env_remove("NASC_DATA")
        .output();
    match ran {
        Ok(o) if !String::from_utf8_lossy(&o.stderr).contains("not permitted") => Some(o),
        _ => {
            println!("skipped: this system lets nobody mount a small disk");
            None
        }
    }
}

#[test]
fn a_full_disk_is_told_and_the_run_goes_on_with_room() {
    let f = Folder::with(&[("a.nas", TRAIN)]);
    let nasc = assert_cmd::cargo::cargo_bin("nasc").display().to_string();
    let run = format!("{nasc} run a.nas --out runs --quiet");
    // The second try has room: what the first kept is used.
    let both =
        format!("{run}; a=$?; mount -o remount,size=10m small; {run}; exit $((a * 10 + $?))");
    let Some(o) = small_disk(&f, "8k", &both) else {
        return;
    };
    // Long lines are broken where they are too wide, as paths may be long.
    let err = String::from_utf8_lossy(&o.stderr).replace("\n  | ", " ");
    assert_eq!(o.status.code(), Some(30), "{err}");
    for word in ["E0706", "bytes failed", "free some space"] {
        assert!(err.contains(word), "no `{word}` in\n{err}");
    }
    let (code, ..) = f.nasc(&["run", "a.nas", "--out", "fresh"]);
    assert_eq!(code, 0);
    assert_eq!(results(&f, "runs"), results(&f, "fresh"));
}

#[test]
fn a_read_only_store_serves_what_it_holds_and_says_so() {
    let f = Folder::with(&[("a.nas", TRAIN)]);
    let nasc = assert_cmd::cargo::cargo_bin("nasc").display().to_string();
    let run = |set: &str| format!("{nasc} run a.nas --out runs --set limit={set}");
    let all = format!(
        "{} && mount -o remount,ro small && {} && {nasc} run a.nas --out other --set steps=21",
        run("10"),
        run("11")
    );
    let Some(o) = small_disk(&f, "10m", &all) else {
        return;
    };
    let err = String::from_utf8_lossy(&o.stderr);
    assert_eq!(o.status.code(), Some(0), "{err}");
    assert!(err.contains("results are not kept"), "{err}");
    assert!(json(&results(&f, "other"))["reports"]["score"].is_number());
}
