//! What is said about common mistakes, source and findings together.

use nas_diagnostics::{FileId, Sources};

const MISTAKES: &[&str] = &[
    "fn f(a) { if a = 1 { 2 } else { 3 } }",
    "fn f(a) { g(a b) }",
    "def f(a):\n  return a",
    "fn f(a) {\n  return a\n}",
    "fn f(a) { a && b }",
    "fn f(a) { !a }",
    "fn f(a) { if a { 1 } elif b { 2 } }",
    "let a = True",
    "import torch\nlet a = 1",
    "fn f(a) {\n  g(a\n}\nlet b = 2",
    "fn f(a) {\n  let b = [1, 2)\n  b\n}",
    "let s = \"open\nlet t = 1",
    "let s = \"a\\qb\"",
    "let n = 5 epoch_s",
    "let n = 12x7",
    "fn f(a, a) { a }",
    "let r = { a: 1, a: 2 }",
    "fn f(a) {\n  phase 20% { open: 1 }\n  a\n}",
    "fn f(x) { g (x) }",
    "fn f(x)",
    "let x = \nlet y = 1",
    "trainer t(net) {\n  while true { net }\n}",
    "block b(x: [n, c) -> [n, c] { x }\nlet ok = 1",
    "curriculum c() { phase 0% { k: 1 } phase 50% { k: 2 } }",
    "fn f(a) { let b = a let c = b\n c }",
    "space s {\n  let w = choose { 8, 16, 24 }\n  value w\n}",
    "space s {\n  encoding \"{a}\"\n  let a = choose\n}",
];

#[test]
fn mistakes_are_explained() {
    let mut shown = String::new();
    for text in MISTAKES {
        let mut sources = Sources::default();
        let id = sources.add("a.nas", *text);
        let (module, found) = nas_grammar::parse(id, text);
        shown += &format!("{text}\n  items read: {}\n", module.items.len());
        assert_eq!(id, FileId(0));
        assert!(!found.is_empty(), "{text}");
        for d in found {
            shown += &format!("  {} {}\n", d.code, d.message);
            for l in &d.labels {
                let p = sources
                    .get(id)
                    .map(|f| f.line_column(l.span.start))
                    .unwrap_or_else(|| panic!("a place"));
                shown += &format!(
                    "    {}:{} `{}` {}\n",
                    p.line,
                    p.column,
                    sources.text(l.span),
                    l.text
                );
            }
            shown += &format!("    help: {}\n", d.help.unwrap_or_default());
        }
        shown += "\n";
    }
    insta::assert_snapshot!(shown);
}
