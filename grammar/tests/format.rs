//! The formatter is idempotent, keeps the tree, and nothing makes the reader panic.

mod programs;

use nas_diagnostics::FileId;
use proptest::prelude::*;

#[test]
fn programs_are_laid_out_once_and_for_all() {
    for path in programs::programs() {
        let text = std::fs::read_to_string(&path).expect("a program");
        let once =
            nas_grammar::format(&text).unwrap_or_else(|d| panic!("{}: {d:?}", path.display()));
        let twice =
            nas_grammar::format(&once).unwrap_or_else(|d| panic!("{}: {d:?}", path.display()));
        assert_eq!(once, twice, "{}", path.display());
        let comments = |t: &str| t.matches("//").count();
        assert_eq!(comments(&text), comments(&once), "{}", path.display());
    }
}

#[test]
fn windows_line_ends_and_a_mark_at_the_start_are_read() {
    let (module, found) = nas_grammar::parse(
        FileId(0),
        "\u{feff}let a = 1\r\nfn f(x) {\r\n\tlet b = x\r\n\tb + a\r\n}\r\n",
    );
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(module.items.len(), 2);
}

#[test]
fn nesting_is_answered_quickly() {
    let begun = std::time::Instant::now();
    let long = |part: &str, times: usize| part.repeat(times);
    let texts = [
        format!("let a = {}", long("(", 1_000_000)),
        format!("let a = {}1{}", long("(", 20_000), long(")", 20_000)),
        format!("let a = {}1", long("-", 100_000)),
        format!("let a = {}1", long("x => ", 20_000)),
        format!("let a = 1{}", long(" + 1", 20_000)),
        format!("let a = f{}", long("(1)", 20_000)),
        format!("let a = if x {{ 1 }}{}", long(" else if x { 1 }", 20_000)),
        format!("let a = {}1", long("choose ", 20_000)),
        format!("type T = {}A", long("A -> ", 20_000)),
    ];
    for text in &texts {
        let (_, found) = nas_grammar::parse(FileId(0), text);
        assert!(
            found.iter().any(|d| d.code == "E0105"),
            "{} {found:?}",
            &text[..40]
        );
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        let _ = nas_grammar::parse(FileId(0), &text);
        let _ = nas_grammar::parse_expr(FileId(0), &text);
        let _ = nas_grammar::format(&text);
    }

    #[test]
    fn spoilt_programs_are_answered(which in 0usize..25, at in 0usize..8000, len in 0usize..40, put in "[(){}\\[\\]\"=~|>.,:a-z0-9 \n-]{0,6}") {
        let all = programs::programs();
        let mut text = std::fs::read_to_string(&all[which % all.len()]).expect("a program");
        let mut start = at.min(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + len).min(text.len());
        while !text.is_char_boundary(end) { end -= 1; }
        text.replace_range(start..end.max(start), &put);
        let (_, found) = nas_grammar::parse(FileId(0), &text);
        for d in found { for l in d.labels { prop_assert!(l.span.end as usize <= text.len() + 1); } }
        let _ = nas_grammar::format(&text);
    }
}
