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
            "deep lists",
            format!("let a = {}", repeat("[", 100_000)),
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

/// One broken declaration of many costs one error; the others are read, and checked.
#[test]
fn a_broken_item_costs_one_error() {
    let good = "fn good(x: Int) -> Int { x + 1 }\n";
    let broken = [
        "fn bad(x: Int { x }\n",
        "fn bad(x: Int) -> Int { x + }\n",
        "space bad {\n  let w = choose [1, 2\n  value w\n}\n",
        "block bad(x: [n, c) -> [n, c] { x }\n",
        "let bad = [1, 2, , 3]\n",
        "fn bad(x) { \"open }\n",
        "fn bad(x) { return x }\n",
        "pipeline bad {\n  let a =\n  report a\n}\n",
        "trainer bad(net: Net) {\n  while true { net }\n}\n",
        "use a.{b\n",
    ];
    let mut wrong = String::new();
    for b in broken {
        let late = "fn late() -> Int { good(\"1\") }\n";
        let text = format!("{good}{b}{late}");
        let (loaded, found) = check(&Files::from([("main.nas".to_string(), text.clone())]));
        let at = |d: &nas_diagnostics::Diagnostic| d.primary().map_or(0, |p| p.start as usize);
        let errors: Vec<_> = found.iter().filter(|d| d.is_error()).collect();
        let inside =
            |d: &&&nas_diagnostics::Diagnostic| at(d) >= good.len() && at(d) < good.len() + b.len();
        let in_it = errors.iter().filter(inside).count();
        let in_late = errors
            .iter()
            .filter(|d| d.code == "E0301" && at(d) >= good.len() + b.len())
            .count();
        if in_it != 1 || in_late != 1 || errors.len() != 2 {
            let all: Vec<String> = found
                .iter()
                .map(|d| format!("{} at {}: {}", d.code, at(d), d.message))
                .collect();
            wrong.push_str(&format!("  {b}    {}\n", all.join("\n    ")));
        }
        assert!(!loaded.program.modules.is_empty());
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
