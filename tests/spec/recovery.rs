//! Texts that are hard to read: each has its finding, and soon.

use super::world::{Files, check};
use std::time::{Duration, Instant};

fn codes(text: &str) -> (Vec<&'static str>, Duration) {
    let begun = Instant::now();
    let (_, found) = check(&Files::from([("main.nas".to_string(), text.to_string())]));
    (
        found
            .iter()
            .filter(|d| d.is_error())
            .map(|d| d.code)
            .collect(),
        begun.elapsed(),
    )
}

/// In a build without optimisation and on a busy machine; a person's patience is shorter.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn hard_texts_are_answered_soon() {
    let repeat = |part: &str, n: usize| part.repeat(n);
    let cases: Vec<(&str, String, &[&str])> = vec![
        (
            "deep brackets",
            format!("let a = {}1{}", repeat("(", 5000), repeat(")", 5000)),
            &["E0105"],
        ),
        (
            "thousands of unknown names",
            (0..2_000)
                .map(|i| format!("fn f{i}() {{ y{i} }}\n"))
                .collect(),
            &["E0201"],
        ),
        (
            "a rule that leads back",
            "rewrite r { x + y => y + x }".to_string(),
            &["E0606"],
        ),
        (
            "a deep text with parts",
            format!("let a = \"{}x{}\"", repeat("{\"", 2_000), repeat("\"}", 2_000)),
            &["E0105"],
        ),
        (
            "a long chain of ranges",
            "let a = [i for i in 0..10000000000]\ntest \"t\" { expect len(a) == 3 }".to_string(),
            &["E0606"],
        ),
        (
            "deep lists",
            format!("let a = {}", repeat("[", 100_000)),
            &["E0105"],
        ),
        (
            "deep blocks",
            format!("fn f(x) {}x{}", repeat("{ ", 10_000), repeat(" }", 10_000)),
            &["E0105"],
        ),
        (
            "deep calls",
            format!("let a = {}1{}", repeat("abs(", 10_000), repeat(")", 10_000)),
            &["E0105"],
        ),
        (
            "deep signs",
            format!("let a = {}1", repeat("-", 10_000)),
            &["E0105"],
        ),
        (
            "deep types",
            format!("fn f(x: {}Int{}) {{ x }}", repeat("[", 10_000), repeat("]", 10_000)),
            &["E0105"],
        ),
        (
            "deep functions",
            format!("let a = {}1", repeat("x => ", 10_000)),
            &["E0105"],
        ),
        (
            "deep conditions",
            format!("let a = {}1{}", repeat("if true { ", 10_000), repeat(" } else { 2 }", 10_000)),
            &["E0105"],
        ),
        (
            "a long sum",
            format!("let a = 1{}", repeat(" + 1", 50_000)),
            &["E0105"],
        ),
        (
            "a long line",
            format!("let a = [{}1]", repeat("1, ", 200_000)),
            &[],
        ),
        (
            "ten million bytes in a line",
            format!("let a = \"{}\"", repeat("0123456789", 1_000_000)),
            &[],
        ),
        (
            "a remark of ten million bytes",
            format!("// {}\nlet a = 1", repeat("0123456789", 1_000_000)),
            &[],
        ),
        (
            "a number of a million digits",
            format!("let a = {}", repeat("9", 1_000_000)),
            &["E0104"],
        ),
        (
            "a fraction of a million digits",
            format!("let a = 0.{}", repeat("1", 1_000_000)),
            &[],
        ),
        (
            "a list that doubles",
            "let a = 1 |> repeat 60 { x => [x, x] }".into(),
            &["E0606"],
        ),
        (
            "a record that doubles",
            "pipeline main {\n  let a = 1 |> repeat 60 { x => { a: x, b: x } }\n  report a\n}".into(),
            &["E0606"],
        ),
        (
            "a tensor that doubles",
            "pipeline main {\n  let a = ones[2] |> repeat 60 { x => concat([x, x], over: 0) }\n  report sum(a)\n}".into(),
            &["E0606"],
        ),
        (
            "a text that doubles",
            "let a = \"ab\" |> repeat 60 { x => x + x }".into(),
            &["E0606"],
        ),
        (
            "a long name",
            format!("let {} = 1", repeat("a", 1_000_000)),
            &[],
        ),
        (
            "many items",
            (0..5000)
                .map(|i| format!("fn f{i}(x: Int) -> Int {{ x + {i} }}\n"))
                .collect(),
            &[],
        ),
        (
            "many mistakes",
            (0..2000)
                .map(|i| format!("fn f{i}(x: Int) -> Int {{ y{i} + 1 }}\n"))
                .collect(),
            &["E0201"],
        ),
        (
            "a huge number",
            format!("let a = {}", repeat("9", 10_000)),
            &["E0104"],
        ),
        ("a huge power", "let a = 1e999999999".into(), &["E0104"]),
        (
            "a power of whole numbers",
            "let a = 2 ^ 999999999".into(),
            &["E0606"],
        ),
        (
            "a huge list",
            "let a = [1; 999999999999]".into(),
            &["E0606"],
        ),
        (
            "a huge range",
            "let a = [i for i in 0..99999999999]".into(),
            &["E0606"],
        ),
        (
            "many turns",
            "let a = 1 |> repeat 99999999999 { x => x + 1 }".into(),
            &["E0606"],
        ),
        (
            "a huge choice",
            "space s {\n  let w = choose 0..=9999999999999\n  value (x: Int) => x * w\n}".into(),
            &["E0606"],
        ),
        (
            "Windows",
            "\u{feff}fn f(x: Int) -> Int {\r\n\tx + 1\r\n}\r\n".into(),
            &[],
        ),
        ("no end", "fn f(x: Int) -> Int { x + 1".into(), &["E0102"]),
        (
            "control characters",
            "let a = \u{0}\u{1}\u{7f}".into(),
            &["E0101"],
        ),
        ("nothing", String::new(), &[]),
        ("only a remark", "// nothing".into(), &[]),
        ("only a doc", "/// of nothing".into(), &[]),
    ];
    let mut wrong = String::new();
    for (name, text, want) in cases {
        let (found, took) = codes(&text);
        let right = match want {
            [] => found.is_empty(),
            [one] => !found.is_empty() && found.iter().all(|c| c == one),
            _ => found == want,
        };
        if !right || took > SOON {
            wrong.push_str(&format!(
                "  {name}: {:?} in {took:?}, wanted {want:?}\n",
                &found[..found.len().min(5)]
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A path that leads out of the project, and files that are not there.
#[test]
fn imports_that_lead_nowhere_are_told() {
    for (text, code) in [
        ("use nowhere\n", "E0203"),
        ("use std.nowhere.{a}\n", "E0203"),
        ("use std.metrics.kendall_tau.{q}\n", "E0202"),
        ("use main\n", "E0204"),
    ] {
        let (found, _) = codes(text);
        assert_eq!(found, [code], "{text}");
    }
}
