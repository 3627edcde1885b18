//! A broken declaration of each kind costs one error, at its place; the ones around it are read and checked.

use super::world::{Files, check};
use nas_diagnostics::Diagnostic;

/// Of each kind of declaration, texts with one mistake in their form.
const BROKEN: &[(&str, &[&str])] = &[
    (
        "fn",
        &[
            "fn bad(x: Int -> Int { x }\n",
            "fn bad(x: Int) -> Int { x + }\n",
            "fn (x: Int) -> Int { x }\n",
            "fn bad(x: Int) -> { x }\n",
            "fn bad(x Int) -> Int { x }\n",
            "fn bad(x: Int) -> Int x }\n",
            "fn bad(x) { \"open }\n",
            "fn bad(x) { return x }\n",
            "fn bad(x) { ] }\n",
        ],
    ),
    (
        "block",
        &[
            "block bad(x: [n, c]) -> [n, c { x |> relu }\n",
            "block bad(x: [n, c]) -> [n, c] { x |> |> relu }\n",
            "block bad(k: Int)(x: [n, c]) -> [n, c] {\n  param s [9]\n  x\n}\n",
        ],
    ),
    (
        "space",
        &[
            "space bad {\n  let w = choose [1, 2\n  value w\n}\n",
            "space bad {\n  let = choose [1, 2]\n  value (x: Int) => x\n}\n",
            "space bad {\n  let w = choose { a: 1 b: 2 }\n  value (x: Int) => x * w\n}\n",
        ],
    ),
    (
        "table",
        &[
            "table bad of from \"x.csv\" { key arch   test: Percent }\n",
            "table bad of s from \"x.csv\" { key arch   test Percent }\n",
            "table bad of s \"x.csv\" { key arch }\n",
        ],
    ),
    (
        "pipeline",
        &[
            "pipeline bad {\n  let a =\n  report a\n}\n",
            "pipeline bad {\n  report 1\n  budget 40 minuets\n}\n",
            "pipeline bad( {\n  report 1\n}\n",
        ],
    ),
    (
        "test",
        &[
            "test \"bad\" { expect 1 == }\n",
            "test bad { expect 1 == 1 }\n",
            "test \"bad\" expect 1 == 1\n",
        ],
    ),
    (
        "curriculum",
        &[
            "curriculum bad() {\n  phase 0% { open: 1 \n  phase 20% { open: 2 }\n}\n",
            "curriculum bad() {\n  phase { open: 1 }\n}\n",
        ],
    ),
    (
        "distill",
        &[
            "distill bad(teacher: Net, student: Net) {\n  match student.out teacher.out with mse\n}\n",
            "distill bad(teacher: Net, student: Net) {\n  match student.out to teacher.out with\n}\n",
        ],
    ),
    (
        "enlarge",
        &[
            "enlarge bad(space: Space, base: Arch) {\n  move deeper(s in ) { depth[s]: it + 1 }\n  raises macs.core\n}\n",
            "enlarge bad(space: Space, base: Arch) {\n  move deeper { depth it + 1 }\n  raises macs.core\n}\n",
        ],
    ),
    (
        "rewrite",
        &[
            "rewrite bad { a + b <=> }\n",
            "rewrite bad { identity(x) -> x }\n",
        ],
    ),
    (
        "type",
        &[
            "type bad = { x: Int, y }\n",
            "type Bad { x: Int }\n",
            "type Bad =\n",
        ],
    ),
    (
        "use",
        &["use a.{b\n", "use\n", "use a..b\n", "use a.{b,, c}\n"],
    ),
    ("let", &["let bad = [1, 2, , 3]\n", "let bad 3\n"]),
    (
        "trainer",
        &[
            "trainer bad(net: Net) {\n  while true { net }\n}\n",
            "trainer bad(net: Net, data: Data) -> Weights {\n  weights w = init(net)\n  for (x, y) data.batches(1) { w }\n  w\n}\n",
            "trainer bad(net: Net) -> Weights {\n  weights w = init(net)\n  minimise over w by sgd(constant(1))\n  w\n}\n",
        ],
    ),
    (
        "search",
        &["search bad(space: Space) -> Arch {\n  state best = + \n  best\n}\n"],
    ),
    ("proxy", &["proxy bad(net: Net) -> Float { 1 + * 2 }\n"]),
    ("loss", &["loss bad(a: Float) -> Float { a.. }\n"]),
    (
        "metric",
        &["metric bad(a: [Float]) -> Float { [x for in a] }\n"],
    ),
    (
        "schedule",
        &["schedule bad(peak: Float = 1) at now peak * now.fraction\n"],
    ),
    ("intrinsic", &["intrinsic bad(x: ) -> Int\n"]),
    (
        "no declaration",
        &[
            "func bad(x: Int) -> Int { x }\n",
            "class Bad { x: Int }\n",
            "@@@@\n",
            "}\n",
            "}}}\n",
            "fn bad(x) { \u{0}\u{1} }\n",
            "fn bad(x) { π + “x” }\n",
        ],
    ),
];

#[test]
fn a_broken_declaration_of_each_kind_costs_one_error() {
    let good = "fn good(x: Int) -> Int { x + 1 }\n";
    let late = "fn late() -> Int { good(\"1\") }\n";
    let mut wrong = String::new();
    for (kind, texts) in BROKEN {
        for b in *texts {
            for text in [
                format!("{good}{b}{late}"),
                format!("{good}\r\n{b}\r\n{late}"),
            ] {
                let (_, found) = check(&Files::from([("main.nas".to_string(), text.clone())]));
                let at = |d: &Diagnostic| d.primary().map_or(0, |p| p.start as usize);
                let begin = text.find(late).unwrap_or(0);
                let errors: Vec<&Diagnostic> = found.iter().filter(|d| d.is_error()).collect();
                let inside = errors
                    .iter()
                    .filter(|d| at(d) + 1 >= good.len() && at(d) < begin)
                    .count();
                let told = |d: &&&Diagnostic| d.code == "E0301" && at(d) >= begin;
                if inside == 1 && errors.iter().filter(told).count() == 1 && errors.len() == 2 {
                    continue;
                }
                let all: Vec<String> = errors
                    .iter()
                    .map(|d| format!("{} at {}: {}", d.code, at(d), d.message))
                    .collect();
                wrong.push_str(&format!("  {kind}: {b}    {}\n", all.join("\n    ")));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
