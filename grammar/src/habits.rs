//! Slips of the hand and habits of other languages, where the grammar stopped: each with what to type.

use nas_diagnostics::{Diagnostic, Span, did_you_mean};

/// Words that begin something with a value right behind them.
const BEGINNINGS: &[&str] = &[
    "let",
    "minimise",
    "budget",
    "report",
    "expect",
    "choose",
    "keep",
    "record",
    "repeat",
    "weights",
    "state",
    "tap",
    "param",
    "encoding",
    "where",
    "phase",
    "monotone",
    "match",
    "label",
    "move",
    "raises",
    "value",
    "pipeline",
    "space",
    "block",
    "proxy",
    "metric",
    "schedule",
    "curriculum",
    "trainer",
    "search",
    "distill",
    "enlarge",
    "rewrite",
    "table",
];

/// Words of other languages for the same.
const FOREIGN: &[(&str, &str)] = &[
    ("assert", "expect"),
    ("minimize", "minimise"),
    ("model", "net"),
    ("print", "report"),
    ("require", "check"),
];

/// What stands before the place where the grammar stopped, and what is there.
pub struct Stop<'a> {
    pub word_before: &'a str,
    pub before_span: Span,
    /// The line up to the place.
    pub before: &'a str,
    pub first_word: &'a str,
    pub found: &'a str,
    pub span: Span,
    /// The line from the place on.
    pub rest: &'a str,
}

pub fn explain(s: &Stop) -> Option<Diagnostic> {
    word(s)
        .or_else(|| sign(s))
        .or_else(|| loop_of_two(s))
        .or_else(|| set(s))
}

/// `minimize e`, `budgte 3 minutes`, `assert p`: a word that begins nothing, with a value behind it.
fn word(s: &Stop) -> Option<Diagnostic> {
    let value = s
        .found
        .starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '[' | '{' | '_' | '~'));
    let name = s.word_before.starts_with(|c: char| c.is_alphabetic());
    if !value || !name || BEGINNINGS.contains(&s.word_before) {
        return None;
    }
    let foreign = FOREIGN.iter().find(|w| w.0 == s.word_before);
    let near = match foreign {
        Some((_, ours)) => ours.to_string(),
        None => did_you_mean(s.word_before, BEGINNINGS)?,
    };
    Some(
        Diagnostic::error("E0103", format!("`{}` is not a word of Nas", s.word_before))
            .at(s.before_span, "begins nothing")
            .did_you_mean(&near),
    )
}

/// Signs that mean something elsewhere.
fn sign(s: &Stop) -> Option<Diagnostic> {
    let d = |message: &str, label: &str| Diagnostic::error("E0103", message).at(s.span, label);
    let changes = s.before.ends_with(['+', '-', '*', '/']) && s.found == "=";
    if changes {
        let (name, op) = s.before.split_at(s.before.len() - 1);
        let name = name.trim();
        let name = name.rsplit(' ').next().unwrap_or(name);
        return Some(
            d(
                &format!("`{op}=` is not an operator of Nas"),
                "from another language",
            )
            .help(format!(
                "a state changes by `{name} := {name} {op} …`; a `let` never changes"
            )),
        );
    }
    if s.found == "'" {
        return Some(d("a text stands in double quotes", "a single quote").help("write `\"…\"`"));
    }
    let head = matches!(
        s.first_word,
        "fn" | "block" | "proxy" | "loss" | "metric" | "trainer" | "search"
    );
    if s.found == ":" && head && s.before.ends_with(')') {
        return Some(
            d(
                "the type of a result stands behind `->`",
                "not behind a colon",
            )
            .help("write `->`")
            .fix(s.span, " ->"),
        );
    }
    None
}

/// `for x, y in xs`
fn loop_of_two(s: &Stop) -> Option<Diagnostic> {
    let names = s.before.trim_start().strip_prefix("for ")?;
    let (list, _) = s.rest.split_once(" in ")?;
    let all = format!("{names} {list}").replace(" ,", ",");
    let parts: Vec<&str> = all.split(',').map(str::trim).collect();
    let plain = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || c == '_');
    if parts.len() < 2 || !parts.iter().all(plain) {
        return None;
    }
    Some(
        Diagnostic::error("E0101", "several names of a loop stand in brackets")
            .at(s.span, "one name is expected")
            .help(format!("write `for ({}) in …`", parts.join(", "))),
    )
}

/// `choose { 8, 16 }`: a set in braces; options are a list.
fn set(s: &Stop) -> Option<Diagnostic> {
    let (head, open) = s.before.rsplit_once("choose {")?;
    let plain = |t: &str| {
        t.chars()
            .all(|c| c.is_alphanumeric() || " ._,\"-".contains(c))
    };
    let rest = s.rest.split_once('}')?.0;
    if s.found != "," || !plain(open) || !plain(rest) || open.trim().is_empty() {
        return None;
    }
    let all = format!("{}{}", open.trim(), rest.trim_end());
    let start = s.span.start - (s.before.len() - head.len()) as u32;
    let whole = Span {
        start,
        end: s.span.start + rest.len() as u32 + 1,
        ..s.span
    };
    Some(
        Diagnostic::error("E0101", "options are a list, in `[` and `]`")
            .at(s.span, "a block `{ … }` has no commas")
            .help(format!("write `choose [{all}]`"))
            .fix(whole, format!("choose [{all}]")),
    )
}
