//! Numbers at the ends of their ranges: each expression has a value or a coded finding, and none ends the process.

mod common;

use common::failures;

const LEAST: &str = "(-9223372036854775807 - 1)";

/// The code of what is wrong with an expression; none where it has a value.
fn code(expression: &str) -> String {
    let text = expression.replace("LEAST", LEAST);
    let found = failures(&format!("test \"t\" {{ let _v = {text}\n expect true }}\n"));
    let first = found.first().map(String::as_str).unwrap_or_default();
    let code = first.trim_start_matches("t: ").split(' ').next();
    code.unwrap_or_default().to_string()
}

#[test]
fn arithmetic_at_the_ends_is_exact() {
    let source = r#"
test "t" {
  let least = -9223372036854775807 - 1
  let above = 9223372036854775807 + 1
  expect least / -1 == above
  expect least % -1 == 0
  expect -least == above
  expect -above == least
  expect abs(least) == above
  expect abs(-3) == 3 and abs(3) == 3
  expect floor(least / -1) == above
  expect len(0.0..=1.0 by 0.25) == 5
}
"#;
    assert_eq!(failures(source), Vec::<String>::new());
}

#[test]
fn what_has_no_end_is_refused() {
    for expression in [
        "0..10 by 0",
        "0.0..1.0 by 0.0",
        "0.0..1.0 by 1e-300",
        "0.0..1e300 by 1.0",
        "[0; 9223372036854775807]",
        "grid(1000000, 1000000)",
        "0 |> repeat 1000000000000 { x => x + 1 }",
        "[i for i in 0..1000000000000]",
        "[1] |> repeat 60 { x => x ++ x }",
        "\"a\" |> repeat 60 { x => x ++ x }",
        "3 |> repeat 60 { x => x * x }",
        "3 ^ 10000000000",
        "(10 ^ 1000) ^ 100000",
    ] {
        assert_eq!(code(expression), "E0606", "{expression}");
    }
}

#[test]
fn windows_and_sizes_at_the_ends_are_findings() {
    for (expression, wanted) in [
        ("conv(ones([1, 3, 8, 8]), ones([4, 3, 3, 3]), 0)", "E0401"),
        (
            "conv(ones([1, 3, 8, 8]), ones([4, 3, 3, 3]), 1, 0)",
            "E0401",
        ),
        ("conv(ones([1, 3, 8, 8]), ones([4, 3, 9, 9]))", "E0401"),
        (
            "avg_pool(ones([1, 1, 4, 4]), 2, 1, 9223372036854775807)",
            "E0402",
        ),
        ("max_pool(ones([1, 1, 4, 4]), 2, 0)", "E0401"),
    ] {
        assert_eq!(code(expression), wanted, "{expression}");
    }
}

#[test]
fn choices_at_the_ends_are_decided_or_refused() {
    for body in [
        "let a = choose [LEAST, -1]\n let b = a / -1",
        "let a = choose [LEAST, 7]\n let b = -a",
        "let a = choose [LEAST, 7]\n let c = choose [-1, 0]\n let b = a / c",
        "let a = choose [LEAST, 7]\n let b = ceil(a / 3)",
        "let a = choose 0..0\n let b = a",
    ] {
        let body = body.replace("LEAST", LEAST);
        let source = format!(
            "space s {{\n {body}\n value {{ b: b }}\n}}\ntest \"t\" {{ expect size(s) >= 0 }}\n"
        );
        // A value or a finding: what matters is that there is an answer.
        let _ = failures(&source);
    }
}
