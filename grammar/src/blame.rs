//! Why a piece could not be read: from the place where the grammar stopped to a sentence and what to type.

use crate::habits;
use crate::layout::{self, ITEM_WORDS, word_at};
use crate::read::Rule;
use crate::strange;
use nas_diagnostics::{Diagnostic, FileId, Span};
use pest::error::{Error, ErrorVariant, InputLocation};

/// The units of numbers.
pub const UNITS: &[&str] = &[
    "epochs", "epoch", "steps", "step", "params", "bits", "bytes", "kB", "MB", "GB", "TB",
    "minutes", "minute", "seconds", "second", "hours", "hour", "days", "day", "px", "dB", "points",
    "MACs", "FLOPs", "images", "ms",
];

/// The finding for one piece. `text` is what was written, `laid` the same after the layout pass.
pub fn explain(
    file: FileId,
    base: usize,
    text: &str,
    laid: &str,
    error: &Error<Rule>,
) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(laid.len()),
    };
    let stopped = at;
    let at = next_token(laid, at);
    let end = token_end(text, at);
    let span = Span::new(file, base + at, base + end);
    let positives: &[Rule] = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => return layout::too_deep(span),
    };
    let found = text.get(at..end).unwrap_or("").trim();
    let line_start = laid[..at].rfind('\n').map_or(0, |n| n + 1);
    let before = laid[line_start..at].trim_end();
    let first_word = std::str::from_utf8(word_at(
        laid.as_bytes(),
        line_start + laid[line_start..].len() - laid[line_start..].trim_start().len(),
    ))
    .unwrap_or("");
    let word_before = before
        .rsplit(|c: char| c.is_whitespace() || "({[".contains(c))
        .next()
        .unwrap_or("");
    let behind = line_start + before.len();
    let before_span = Span::new(file, base + behind - word_before.len(), base + behind);
    // The parser may have stopped behind the word.
    let rest = laid[at..].lines().next().unwrap_or("");
    let stop = habits::Stop {
        word_before,
        before_span,
        before,
        first_word,
        found,
        span,
        rest,
    };
    let place = strange::Place {
        file,
        base,
        text,
        stopped,
        at,
    };
    strange::explain(&place)
        .or_else(|| foreign(word_before, "", "", before_span))
        .or_else(|| habits::explain(&stop))
        .or_else(|| foreign(found, first_word, before, span))
        .or_else(|| punctuation(found, before, positives, span))
        .unwrap_or_else(|| unexpected(found, positives, span))
}

/// Skips blanks, so that the blamed place is a token; stays at the end of the last line when only blanks follow.
fn next_token(laid: &str, at: usize) -> usize {
    let mut at = at;
    while !laid.is_char_boundary(at) {
        at -= 1;
    }
    let blanks = laid[at..].len() - laid[at..].trim_start().len();
    if at + blanks < laid.len() {
        at + blanks
    } else {
        laid.trim_end().len()
    }
}

fn token_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    let word = word_at(text.as_bytes(), at.min(text.len())).len();
    if word > 0 {
        return at + word;
    }
    const SIGNS: &[&str] = &[
        "<=>", "..=", "==", "!=", "<=", ">=", "|>", "=>", "->", "++", ":=", "&&", "||", "..",
    ];
    let sign = SIGNS
        .iter()
        .find(|s| rest.starts_with(**s))
        .map(|s| s.len());
    at + sign.unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8))
}

/// Words and signs of other languages.
fn foreign(found: &str, first_word: &str, before: &str, span: Span) -> Option<Diagnostic> {
    let words: &[(&str, &str)] = &[
        ("def", "write `fn name(…) { … }`"),
        ("func", "write `fn name(…) { … }`"),
        ("function", "write `fn name(…) { … }`"),
        ("import", "write `use module.{name, …}`"),
        ("from", "write `use module.{name, …}`"),
        (
            "class",
            "write `block name(…) { … }` for a layer, or `type Name = { … }` for a record",
        ),
        ("struct", "write `type Name = { … }`"),
        ("elif", "write `else if`"),
        ("elseif", "write `else if`"),
        ("var", "write `let`"),
        ("const", "write `let`"),
        (
            "return",
            "leave the word out: the last expression of a block is its value",
        ),
        (
            "while",
            "write `for turn in 0..n { … }` or `repeat n while p { … }`",
        ),
        ("lambda", "write `x => …`"),
        ("&&", "write `and`"),
        ("||", "write `or`"),
    ];
    // The parser may have stopped behind the word: at its name, say.
    let guilty = if before.is_empty() || matches!(found, "&&" | "||" | "elif" | "elseif") {
        found
    } else {
        first_word
    };
    let blamed = if guilty == found {
        span
    } else {
        return foreign_first(first_word, words, span, before);
    };
    let (word, help) = words.iter().find(|(w, _)| *w == guilty)?;
    let d = Diagnostic::error("E0103", format!("`{word}` is not a word of Nas"))
        .at(blamed, "from another language")
        .help(*help);
    let instead = match *word {
        "&&" => "and",
        "||" => "or",
        "elif" | "elseif" => "else if",
        "var" | "const" => "let",
        "def" | "func" | "function" => "fn",
        "return" => "",
        _ => return Some(d),
    };
    Some(d.fix(blamed, instead))
}

/// The line starts with a word of another language, and the parser stopped right behind it.
fn foreign_first(
    word: &str,
    words: &[(&str, &str)],
    span: Span,
    before: &str,
) -> Option<Diagnostic> {
    if before.trim() != word {
        return None;
    }
    let (word, help) = words.iter().find(|(w, _)| *w == word)?;
    Some(
        Diagnostic::error("E0103", format!("`{word}` is not a word of Nas"))
            .at(word_before(span, word), "from another language")
            .help(*help),
    )
    .map(|d| match *word {
        // Taken out with the space behind it.
        "return" => {
            let at = word_before(span, word);
            d.fix(
                Span {
                    end: span.start.max(at.end),
                    ..at
                },
                "",
            )
        }
        _ => d,
    })
}

/// The word that ends in front of a place, as `before` says, one space between.
fn word_before(span: Span, word: &str) -> Span {
    let end = span.start.saturating_sub(1);
    Span {
        start: end.saturating_sub(word.len() as u32),
        end,
        ..span
    }
}

fn punctuation(found: &str, before: &str, positives: &[Rule], span: Span) -> Option<Diagnostic> {
    let wants = |rule| positives.contains(&rule);
    let last = before.chars().last();
    if found == "=" && !before.is_empty() && !wants(Rule::equals) {
        return Some(
            Diagnostic::error("E0103", "`=` gives a name its value; it does not compare")
                .at(span, "not a comparison")
                .help("write `==` to compare, `:=` to change a state, `name: value` in a call or a record")
                .fix(span, "=="),
        );
    }
    if found == ":" || found == ":=" {
        return Some(
            Diagnostic::error("E0101", format!("`{found}` is not expected here"))
                .at(span, "unexpected")
                .help(match found {
                    ":" => "`name: value` stands in calls, records and parameters",
                    _ => "`place := value` is a statement of its own",
                }),
        );
    }
    let word_before = before
        .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or("");
    let starts_value = found.starts_with(|c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '"' | '(' | '[' | '{' | '~')
    });
    if word_before.starts_with(|c: char| c.is_ascii_digit())
        && found.starts_with(char::is_alphabetic)
        && !layout_word(found)
    {
        let close = UNITS
            .iter()
            .min_by_key(|u| strsim::damerau_levenshtein(u, found))
            .filter(|u| strsim::damerau_levenshtein(u, found) <= 2);
        let d = Diagnostic::error("E0104", format!("`{found}` is not a unit"))
            .at(span, "behind a number");
        return Some(match close {
            Some(unit) => d.did_you_mean(unit),
            None => d.help(format!("the units are {}", UNITS.join(", "))),
        });
    }
    if starts_value
        && wants(Rule::comma)
        && last.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '"' | ')' | ']' | '}'))
        && !layout_word(found)
    {
        return Some(
            Diagnostic::error("E0103", "a comma is missing")
                .at(span, "a new entry starts here")
                .help(format!("write `,` before `{found}`"))
                .fix(
                    Span {
                        end: span.start,
                        ..span
                    },
                    ", ",
                ),
        );
    }
    if matches!(found, "(" | "[")
        && last.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'))
    {
        let what = if found == "(" { "call" } else { "index" };
        return Some(
            Diagnostic::error(
                "E0101",
                format!("the `{found}` of a {what} touches what stands before it"),
            )
            .at(span, "there is a space before this")
            .help("remove the space; or start a new line for a new statement"),
        );
    }
    if starts_value
        && (wants(Rule::pipe) || wants(Rule::add))
        && !before.is_empty()
        && !layout_word(found)
    {
        return Some(
            Diagnostic::error("E0101", format!("`{found}` starts a new statement in the middle of a line"))
                .at(span, "not expected here")
                .help("start a new line, leave at least two spaces, or write the operator that is missing"),
        );
    }
    None
}

fn layout_word(word: &str) -> bool {
    matches!(
        word,
        "else"
            | "for"
            | "if"
            | "in"
            | "and"
            | "or"
            | "is"
            | "where"
            | "with"
            | "as"
            | "of"
            | "by"
            | "within"
            | "not"
    )
}

/// Words that begin a statement and nothing else.
const BEGIN: [&str; 8] = [
    "phase", "let", "weights", "expect", "report", "budget", "keep", "minimise",
];

fn unexpected(found: &str, positives: &[Rule], span: Span) -> Diagnostic {
    let mut wanted: Vec<&str> = vec![];
    for rule in positives {
        if let Some(words) = in_words(*rule)
            && !wanted.contains(&words)
        {
            wanted.push(words);
        }
    }
    // A value or a statement says more than its many beginnings.
    if wanted.contains(&"a statement") {
        wanted.retain(|w| {
            !matches!(
                *w,
                "an expression" | "a declaration" | "an operator" | "a name"
            )
        });
    }
    if wanted.contains(&"an expression") {
        wanted.retain(|w| *w != "a name");
    }
    wanted.truncate(5);
    let expected = match wanted.as_slice() {
        [] => "something else".to_string(),
        [one] => one.to_string(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    };
    let what = if found.is_empty() {
        "something is missing here".to_string()
    } else {
        format!("`{found}` is not expected here")
    };
    let error = Diagnostic::error("E0101", what).at(span, format!("expected {expected}"));
    if BEGIN.contains(&found) && wanted.contains(&"`}`") {
        let before = Span {
            end: span.start,
            ..span
        };
        return error
            .help(format!(
                "`{found}` begins a line: write `;` or a new line before it"
            ))
            .fix(before, "; ");
    }
    let near = ITEM_WORDS
        .iter()
        .find(|w| found.len() > 2 && **w != found && strsim::damerau_levenshtein(w, found) == 1);
    match near {
        Some(word) if wanted.is_empty() || wanted.contains(&"a declaration") => {
            error.did_you_mean(word)
        }
        _ if wanted.is_empty() => error.help(
            "a line begins a declaration, `fn`, `block`, `space`, …, or goes on with the one above it",
        ),
        _ => error.help(format!("write {expected} here")),
    }
}

/// What a rule is called in a sentence.
fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::rparen => "`)`",
        Rule::rbracket => "`]`",
        Rule::rbrace => "`}`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::equals => "`=`",
        Rule::draws => "`~`",
        Rule::assign => "`:=`",
        Rule::over_word => "`over` and the weights",
        Rule::to_word => "`to`",
        Rule::with_word => "`with`",
        Rule::word | Rule::name => "a name",
        Rule::pattern => "a name or a tuple of names",
        Rule::r#type
        | Rule::type_post
        | Rule::name_type
        | Rule::tuple_type
        | Rule::record_type
        | Rule::tensor_type => "a type",
        Rule::block | Rule::trailing => "a block `{ … }`",
        Rule::record => "a record `{ name: value }`",
        Rule::entries => "edits `{ part: value }`",
        Rule::params => "parameters `(…)`",
        Rule::text => "a text",
        Rule::num | Rule::number => "a number",
        Rule::unit => "a unit",
        Rule::stmt | Rule::expr_stmt | Rule::let_stmt | Rule::nested_item => "a statement",
        Rule::item | Rule::use_item | Rule::fn_item | Rule::role => "a declaration",
        Rule::EOI => "the end of the file",
        Rule::mode => "`train` or `infer`",
        Rule::expr
        | Rule::expr_ns
        | Rule::unary
        | Rule::unary_ns
        | Rule::arith
        | Rule::arith_ns
        | Rule::list
        | Rule::paren => "an expression",
        Rule::rule_both | Rule::rule_one => "`=>` or `<=>`",
        Rule::rule_line => "a rule `left => right`",
        Rule::enlarge_move => "a `move`",
        Rule::column | Rule::table_key => "a column `name: Type`",
        Rule::pipe | Rule::add | Rule::mul | Rule::eq | Rule::and | Rule::else_op => "an operator",
        _ => return None,
    })
}
