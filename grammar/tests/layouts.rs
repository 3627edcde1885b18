//! One style whatever the layout was: programs with their layout changed at random format to the same text, keep their tree and
//! their comments, and what is formatted stays as it is.

use nas_diagnostics::FileId;
use std::path::{Path, PathBuf};

fn below(folder: &Path, out: &mut Vec<PathBuf>) {
    for e in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let p = e.path();
        if p.is_dir() {
            below(&p, out);
        } else if p.extension().is_some_and(|e| e == "nas") {
            out.push(p);
        }
    }
}

fn programs() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = vec![];
    for folder in ["stdlib", "pipelines", "tests/programs"] {
        below(&root.join(folder), &mut all);
    }
    all.sort();
    all.into_iter()
        .filter_map(|p| Some((p.clone(), std::fs::read_to_string(p).ok()?)))
        .collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Line comments, in order, without their indents.
fn comments(text: &str) -> Vec<String> {
    let mut out = vec![];
    for line in text.lines() {
        let (mut quoted, bytes) = (false, line.as_bytes());
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'\\' if quoted => i += 1,
                b'"' => quoted = !quoted,
                b'/' if !quoted && bytes.get(i + 1) == Some(&b'/') => {
                    out.push(line[i..].trim_end().to_string());
                    break;
                }
                _ => {}
            }
            i += 1;
        }
    }
    out
}

/// Indents, blanks at the ends of lines and line ends changed: nothing that means anything.
fn relaid(text: &str, r: &mut Random) -> String {
    let ends = if r.below(2) == 0 { "\n" } else { "\r\n" };
    let mut out = String::new();
    for line in text.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        match r.below(4) {
            0 => out.push_str(&" ".repeat(indent + r.below(5) as usize)),
            1 => out.push_str(&"\t".repeat(r.below(4) as usize)),
            _ => out.push_str(&line[..indent]),
        }
        out.push_str(code);
        // Blanks behind a remark are part of it.
        if r.below(3) == 0 && !code.contains("//") {
            out.push_str(["", " ", "   ", "\t"][r.below(4) as usize]);
        }
        out.push_str(ends);
    }
    out
}

/// Comments and empty lines between lines, which the formatter keeps in some form.
fn commented(text: &str, r: &mut Random) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let doc = line.trim_start().starts_with("//");
        if !doc
            && !line.is_empty()
            && !line.starts_with([' ', '\t', '}', ']', ')'])
            && r.below(3) == 0
        {
            out.push_str("// a remark\n\n");
        }
        out.push_str(line);
        if !doc
            && !line.contains('"')
            && !line.contains("//")
            && !line.trim().is_empty()
            && r.below(6) == 0
        {
            out.push_str("  // said at the end");
        }
        out.push('\n');
    }
    out
}

#[test]
fn layouts_come_to_one_style() {
    let mut r = Random(0x2545_F491_4F6C_DD1D);
    let mut compared = 0;
    for (path, text) in programs() {
        let name = path.display();
        let Ok(once) = nas_grammar::format(&text) else {
            panic!("{name} cannot be formatted")
        };
        let (tree, _) = nas_grammar::parse(FileId(0), &text);
        for _ in 0..4 {
            let other = relaid(&text, &mut r);
            let (same, _) = nas_grammar::parse(FileId(0), &other);
            // Blanks may part statements on one line: another program, and no matter of layout.
            if !nas_grammar::same_tree(&tree, &same) {
                continue;
            }
            compared += 1;
            let formatted = nas_grammar::format(&other).unwrap_or_else(|d| panic!("{name}: {d:?}"));
            assert_eq!(formatted, once, "{name}");
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn comments_are_kept_wherever_they_stand() {
    let mut r = Random(0x9E37_79B9_7F4A_7C15);
    for (path, text) in programs() {
        let name = path.display();
        let (tree, _) = nas_grammar::parse(FileId(0), &text);
        for _ in 0..4 {
            let other = commented(&text, &mut r);
            let (same, found) = nas_grammar::parse(FileId(0), &other);
            if !found.is_empty() || !nas_grammar::same_tree(&tree, &same) {
                continue;
            }
            // It may refuse; it may not lose anything.
            let Ok(formatted) = nas_grammar::format(&other) else {
                continue;
            };
            assert_eq!(comments(&formatted), comments(&other), "{name}");
            let (back, _) = nas_grammar::parse(FileId(0), &formatted);
            assert!(nas_grammar::same_tree(&tree, &back), "{name}");
            assert_eq!(
                nas_grammar::format(&formatted).as_deref(),
                Ok(&*formatted),
                "{name}"
            );
        }
    }
}

#[test]
fn the_repository_is_formatted() {
    let mut wrong = vec![];
    for (path, text) in programs() {
        if path.components().any(|c| c.as_os_str() == "programs") {
            continue;
        }
        if nas_grammar::format(&text).as_deref() != Ok(&*text) {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "`nasc fmt` changes {wrong:?}");
}

#[test]
fn what_cannot_be_read_is_not_formatted() {
    for text in [
        "fn f(x { x }",
        "let a = (1",
        "space s { let }",
        "fn f() { \"open }",
        "\u{0}",
    ] {
        assert!(nas_grammar::format(text).is_err(), "{text:?}");
    }
}
