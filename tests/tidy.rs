//! The house rules that a machine can hold: walls between crates, words, sizes, openings, and the library against its registry.

use nas_diagnostics::FileId;
use nas_grammar::ast::{ItemKind, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate may use of this workspace; ARCHITECTURE.md says why. `nasc` may use all.
const WALLS: &[(&str, &[&str])] = &[
    ("nas-diagnostics", &[]),
    ("nas-grammar", &["nas-diagnostics"]),
    ("nas-stdlib", &[]),
    ("nas-ir", &[]),
    ("nas-space", &[]),
    ("nas-network", &["nas-ir"]),
    (
        "nas-eval",
        &["nas-diagnostics", "nas-grammar", "nas-ir", "nas-space"],
    ),
    (
        "nas-analyze",
        &["nas-diagnostics", "nas-grammar", "nas-eval"],
    ),
    ("nas-plan", &[]),
    (
        "nas-driver",
        &["nas-diagnostics", "nas-stdlib", "nas-eval", "nas-analyze"],
    ),
    ("nasc-kernels", &[]),
    ("nasc-data", &[]),
    ("nasc-store", &[]),
    ("nasc-device", &["nas-ir", "nas-network", "nasc-kernels"]),
    ("nasc-bench", &["nas-ir", "nas-network", "nasc-device"]),
    (
        "nasc-runtime",
        &[
            "nas-diagnostics",
            "nas-ir",
            "nas-network",
            "nas-eval",
            "nasc-data",
            "nasc-store",
            "nasc-device",
        ],
    ),
];

/// Libraries that stay behind one crate.
const BEHIND: &[(&str, &str)] = &[
    ("pest", "nas-grammar"),
    ("pest_derive", "nas-grammar"),
    ("miette", "nas-diagnostics"),
    ("burn", "nasc-device"),
    ("cubecl", "nasc-device"),
    ("gemm", "nasc-kernels"),
    ("arrow", "nasc-data"),
    ("parquet", "nasc-data"),
    ("image", "nasc-data"),
    ("csv", "nasc-data"),
    ("safetensors", "nasc-store"),
    ("clap", "nasc"),
    ("indicatif", "nasc"),
];

/// Methods are Nas files: no Rust of the compiler or the runtime knows one by name.
const METHODS: &[&str] = &[
    "rd_nas",
    "rdnas",
    "pgonas",
    "ovo",
    "tvt",
    "emq",
    "zen",
    "naswot",
    "synflow",
    "grasp",
    "ghost",
    "ghostsr",
    "fedpu",
    "manidp",
    "cemnet",
    "pmpl",
    "convformer",
    "sandwich",
    "aging",
];

/// What floors of the compiler may not touch, and the files that may, with the reason.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("std::fs", &[]),
    ("std::env", &[]),
    ("std::net", &[]),
    ("std::process", &[]),
    // How often progress is told and points are kept; nothing computed depends on it.
    (
        "std::time",
        &[
            "compiler/eval/src/train/turns.rs",
            "compiler/eval/src/train/points.rs",
            "compiler/eval/src/stmt/kept.rs",
        ],
    ),
    // A deep program is read on a deep stack.
    ("std::thread", &["grammar/src/read/mod.rs"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files with an ending below some folders, as paths from the root, `/`-separated and sorted.
fn files(folders: &[&str], ending: &str) -> Vec<String> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                // Other people's code, and what is built or run.
                let skipped = ["target", "third_party", "runs"].contains(&&*name);
                if !skipped && !name.starts_with('.') {
                    walk(&path, ending, found);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), ending, &mut found);
    }
    let mut names: Vec<String> = found
        .iter()
        .filter_map(|p| p.strip_prefix(root()).ok())
        .map(|p| p.to_string_lossy().replace('\\', "/"))
        .collect();
    names.sort();
    names
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Sources of the workspace's crates, without their tests.
fn sources(folders: &[&str]) -> Vec<String> {
    let mut found = files(folders, ".rs");
    found.retain(|f| f.starts_with("src/") || f.contains("/src/"));
    found.retain(|f| f != "src/tests.rs" && !f.contains("/src/checks/"));
    found
}

/// The part of a source above its unit tests.
fn above_tests(source: &str) -> &str {
    source.split("\n#[cfg(test)]\nmod ").next().unwrap_or("")
}

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The crates that each crate uses, tests apart.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let out = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let all: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let packages = all["packages"].as_array().expect("packages");
    let name = |v: &serde_json::Value| v["name"].as_str().unwrap_or("").to_string();
    packages
        .iter()
        .map(|p| {
            let used = p["dependencies"].as_array().into_iter().flatten();
            let used = used.filter(|d| d["kind"].as_str() != Some("dev"));
            (name(p), used.map(name).collect())
        })
        .collect()
}

#[test]
fn crates_keep_their_walls() {
    let crates = crates();
    let mut found = Vec::new();
    for (krate, used) in &crates {
        let ours = used.iter().filter(|u| crates.contains_key(*u));
        match WALLS.iter().find(|(name, _)| name == krate) {
            Some((_, allowed)) => found.extend(
                ours.filter(|u| !allowed.contains(&u.as_str()))
                    .map(|u| format!("{krate} uses {u}")),
            ),
            None if krate == "nasc" => {}
            None => found.push(format!("{krate} is not in the table")),
        }
    }
    for (name, _) in WALLS {
        if !crates.contains_key(*name) {
            found.push(format!("{name} is in the table only"));
        }
    }
    none("walls are crossed", &found);
}

#[test]
fn libraries_stay_behind_one_crate() {
    let mut found = Vec::new();
    for (krate, used) in crates() {
        for (library, owner) in BEHIND {
            if used.contains(*library) && krate != *owner {
                found.push(format!("{krate} uses {library}, which is {owner}'s"));
            }
        }
    }
    for file in sources(&["compiler/diagnostics"]) {
        if file != "compiler/diagnostics/src/render/human.rs" && text(&file).contains("miette::") {
            found.push(format!("{file} uses miette"));
        }
    }
    none("libraries show", &found);
}

#[test]
fn the_compiler_touches_nothing_outside() {
    let mut found = Vec::new();
    for file in sources(&["compiler", "grammar"]) {
        let source = text(&file);
        for (what, allowed) in OUTSIDE {
            if above_tests(&source).contains(what) && !allowed.contains(&file.as_str()) {
                found.push(format!("{file} uses {what}"));
            }
        }
    }
    none("the host's matter is done in the compiler", &found);
}

/// Lower-case words of a text; `_` and a change of case part words.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(last) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    words
}

#[test]
fn no_method_is_known_by_name() {
    let mut found = Vec::new();
    for file in sources(&["compiler", "runtime"]) {
        for (number, line) in text(&file).lines().enumerate() {
            // `SynFlow` is two words, and one.
            let spellings = [words(line), words(&line.to_lowercase())];
            for method in METHODS {
                let parts: Vec<&str> = method.split('_').collect();
                let is_there = |w: &Vec<String>| w.windows(parts.len()).any(|w| w == parts);
                if spellings.iter().any(is_there) {
                    found.push(format!("{file}:{}: {method}", number + 1));
                }
            }
        }
    }
    none("methods are named in Rust", &found);
    assert_eq!(words("RdNas by_zen2").join(" "), "rd nas by zen2");
}

#[test]
fn sources_are_opened_and_of_a_readable_length() {
    let mut found = Vec::new();
    for file in files(&["."], ".rs") {
        let source = text(&file);
        let lines = source.lines().count();
        if !source.starts_with("//! ") {
            found.push(format!("{file} does not open with a `//!` sentence"));
        }
        if lines > 500 {
            found.push(format!("{file}: {lines} lines"));
        }
    }
    none("files are to be opened or cut", &found);
}

#[test]
fn sources_are_finished_and_do_not_panic() {
    // The pieces keep this file from finding itself.
    let unfinished = [concat!("todo", "!("), concat!("unimplemented", "!(")];
    let panics = [".unwrap()", ".expect(", "panic!(", "dbg!("];
    let prints = ["println!(", "print!("];
    let mut found = Vec::new();
    for file in files(&["."], ".rs") {
        let source = text(&file);
        for what in unfinished.iter().filter(|w| source.contains(*w)) {
            found.push(format!("{file}: {what}"));
        }
    }
    for file in sources(&["src", "grammar", "compiler", "runtime", "stdlib"]) {
        let source = text(&file);
        for (number, line) in above_tests(&source).lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for what in panics.iter().chain(&prints).filter(|w| line.contains(*w)) {
                found.push(format!("{file}:{}: {what}", number + 1));
            }
        }
    }
    none("not for a source", &found);
}

#[test]
fn unsafe_code_is_the_kernels_alone() {
    let mut found = Vec::new();
    for file in files(&["."], ".rs") {
        if !file.starts_with("runtime/kernels/") && file != "tests/tidy.rs" {
            let source = text(&file);
            let lines = source.lines().enumerate();
            let lines = lines.filter(|(_, l)| l.contains("unsafe {") || l.contains("unsafe fn"));
            found.extend(lines.map(|(n, _)| format!("{file}:{}", n + 1)));
        }
    }
    none("unsafe code", &found);
}

/// What keeps a Nas text from being tidy.
fn untidy(name: &str, source: &str) -> Option<String> {
    let (_, findings) = nas_grammar::parse(FileId(0), source);
    if let Some(d) = findings.first() {
        return Some(format!("{name}: {}: {}", d.code, d.message));
    }
    match nas_grammar::format(source) {
        Ok(formatted) if formatted == source => None,
        Ok(_) => Some(format!("{name} is not formatted")),
        Err(_) => Some(format!("{name} cannot be formatted")),
    }
}

#[test]
fn nas_files_parse_and_are_formatted() {
    let library = nas_stdlib::FILES.iter();
    let mut found: Vec<String> = library
        .filter_map(|(path, source)| untidy(&format!("stdlib/{path}"), source))
        .collect();
    for file in files(&["pipelines", "src/template"], ".nas") {
        found.extend(untidy(&file, &text(&file)));
    }
    for file in files(&["."], ".md") {
        // Pages of codes show mistakes, and are tests of their own.
        let source = text(&file);
        let blocks = source.split("\n```nas\n").skip(1);
        for block in blocks.filter(|_| !file.contains("/codes/") && !file.contains("tests/spec/")) {
            let block = block.split("```").next().unwrap_or("");
            found.extend(untidy(&file, block));
        }
    }
    none("Nas texts are untidy", &found);
}

#[test]
fn intrinsics_declared_are_those_registered() {
    let mut declared = BTreeSet::new();
    let mut found = Vec::new();
    for (path, source) in nas_stdlib::FILES {
        for item in nas_grammar::parse(FileId(0), source).0.items {
            let ItemKind::Fn(f) = &item.kind else {
                continue;
            };
            if f.role != Role::Intrinsic {
                continue;
            }
            let name = f.name.text.to_string();
            if item.doc.is_none() {
                found.push(format!("{path}: {name} has no `///` line"));
            }
            if !path.starts_with("core/") {
                found.push(format!("{path}: {name} is declared outside core"));
            }
            if !declared.insert(name.clone()) {
                found.push(format!("{path}: {name} is declared twice"));
            }
        }
    }
    let registered: BTreeSet<String> = nas_eval::builtins::names()
        .iter()
        .map(|n| n.to_string())
        .collect();
    let only = |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>();
    for name in only(&declared, &registered) {
        found.push(format!("{name} is declared, and not registered"));
    }
    for name in only(&registered, &declared) {
        found.push(format!("{name} is registered, and not declared"));
    }
    none("the library and the registry differ", &found);
}

#[test]
fn links_in_pages_lead_somewhere() {
    let mut found = Vec::new();
    for file in files(&["."], ".md") {
        let folder = root().join(&file);
        let folder = folder.parent().unwrap_or(root());
        // Code is between the odd fences and ticks.
        let source = text(&file);
        let prose: String = source.split("```").step_by(2).collect();
        let prose: String = prose.split('`').step_by(2).collect();
        for link in prose.split("](").skip(1) {
            let link = link.split([')', '#', ' ']).next().unwrap_or("");
            if !link.is_empty() && !link.contains(':') && !folder.join(link).exists() {
                found.push(format!("{file}: {link}"));
            }
        }
    }
    none("links lead nowhere", &found);
}
