//! Tree-preserving layout: one style for white space and indentation; line breaks and comments stay where they are.

use crate::read;
use nas_diagnostics::{Diagnostic, FileId, Span};

/// What a token is, as far as spacing goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Word,
    Text,
    Sign,
    Comment,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    /// White space stands before it on its line.
    gap: bool,
}

const SIGNS: &[&str] = &[
    "<=>", "..=", "==", "!=", "<=", ">=", "|>", "=>", "->", "++", ":=", "..", "&&", "||", "**",
];
/// Operators that always have a space on both sides; `/`, `^`, `-` and `%` are kept as written (`1/2`, `-x`, `5%`).
const SPACED: &[&str] = &[
    "<=>", "==", "!=", "<=", ">=", "|>", "=>", "->", "++", ":=", "=", "+", "<", ">",
];

/// Lays a file out anew. A file with findings is returned as its findings; meaning is never changed.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let file = FileId(0);
    let (before, found) = crate::parse(file, text);
    if !found.is_empty() {
        return Err(found);
    }
    let starts = read::starts(text);
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = text.len() - body.len();
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<usize> = vec![];
    let mut last: Option<&str> = None;
    let mut blank = true;
    let mut at = base;
    for (number, line) in body.split('\n').enumerate() {
        let tokens = tokens(line, at);
        at += line.len() + 1;
        let Some(first) = tokens.first() else {
            if !blank {
                out.push('\n');
                blank = true;
            }
            continue;
        };
        blank = false;
        let leading = tokens
            .iter()
            .take_while(|t| matches!(t.text, ")" | "]" | "}"))
            .count();
        let level = depth(&open[..open.len().saturating_sub(leading)]);
        let begins = starts.contains(&first.start) || first.kind == Kind::Comment || leading > 0;
        let goes_on = !begins && last.is_some_and(|t| !matches!(t, "," | ";" | "(" | "[" | "{"));
        out.push_str(&"  ".repeat(level + usize::from(goes_on)));
        let mut previous: Option<Token> = None;
        for token in &tokens {
            if let Some(previous) = previous {
                out.push_str(space(previous, *token, starts.contains(&token.start)));
            }
            out.push_str(token.text);
            match token.text {
                "(" | "[" | "{" if token.kind == Kind::Sign => open.push(number),
                ")" | "]" | "}" if token.kind == Kind::Sign => {
                    open.pop();
                }
                _ => {}
            }
            if token.kind != Kind::Comment {
                last = Some(token.text);
            }
            previous = Some(*token);
        }
        out.push('\n');
    }
    let out = format!("{}\n", out.trim_end());
    let (after, found) = crate::parse(file, &out);
    if found.is_empty() && crate::same_tree(&before, &after) {
        return Ok(out);
    }
    Err(vec![
        Diagnostic::error(
            "E0101",
            "this file cannot be laid out without changing its meaning",
        )
        .at(Span::new(file, 0, 0), "left as it is")
        .help("write the statements of its blocks on lines of their own"),
    ])
}

/// Brackets opened on one line indent once together.
fn depth(open: &[usize]) -> usize {
    open.iter()
        .enumerate()
        .filter(|(i, line)| *i == 0 || open[i - 1] != **line)
        .count()
}

fn space(before: Token, token: Token, begins: bool) -> &'static str {
    if token.kind == Kind::Comment {
        return "  ";
    }
    if begins && !matches!(before.text, "{" | ";" | ",") {
        return "   ";
    }
    let sign = |t: Token, all: &[&str]| t.kind == Kind::Sign && all.contains(&t.text);
    if sign(token, &[",", ";", ")", "]", "?"]) || sign(before, &["(", "["]) {
        return "";
    }
    if sign(before, &["{"]) && sign(token, &["}"]) {
        return if token.gap { " " } else { "" };
    }
    if sign(before, &[",", ";"]) || sign(before, SPACED) || sign(token, SPACED) {
        return " ";
    }
    if token.gap { " " } else { "" }
}

fn tokens(line: &str, base: usize) -> Vec<Token<'_>> {
    let bytes = line.as_bytes();
    let mut all = vec![];
    let mut at = 0;
    let mut gap = false;
    while at < bytes.len() {
        let rest = &line[at..];
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            at += first.len_utf8();
            gap = true;
            continue;
        }
        let (kind, len) = if rest.starts_with("//") {
            (Kind::Comment, rest.trim_end().len())
        } else if first == '"' {
            (Kind::Text, text_len(bytes, at))
        } else if first.is_alphanumeric() || first == '_' {
            (Kind::Word, word_len(rest))
        } else {
            let sign = SIGNS
                .iter()
                .find(|s| rest.starts_with(**s))
                .map_or(first.len_utf8(), |s| s.len());
            (Kind::Sign, sign)
        };
        all.push(Token {
            kind,
            text: &line[at..at + len],
            start: base + at,
            gap,
        });
        gap = false;
        at += len;
    }
    all
}

fn text_len(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' && end + 1 < bytes.len() && bytes[end + 1].is_ascii() {
            2
        } else {
            1
        };
    }
    (end + 1).min(bytes.len()) - at
}

/// A name or a number; the sign of an exponent belongs to the number.
fn word_len(rest: &str) -> usize {
    let number = rest.starts_with(|c: char| c.is_ascii_digit());
    let mut before = ' ';
    for (i, c) in rest.char_indices() {
        let sign = number
            && matches!(before, 'e' | 'E')
            && matches!(c, '+' | '-')
            && rest[i + 1..].starts_with(|c: char| c.is_ascii_digit());
        if !(c.is_alphanumeric() || c == '_' || sign) {
            return i;
        }
        before = c;
    }
    rest.len()
}
