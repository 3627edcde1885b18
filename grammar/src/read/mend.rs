//! Where a forgotten bracket or quote goes: the first place on the line with which the piece reads.

use super::{Grammar, Rule};
use crate::layout;
use nas_diagnostics::{Diagnostic, FileId, Span};
use pest::Parser;

/// Places tried at most, and the longest piece that is read so often.
const TRIES: usize = 48;
const LONGEST: usize = 1 << 14;

/// Moves the fix of an unclosed bracket or text to where the piece reads with it; the guess stays where none does.
pub fn place(d: Diagnostic, base: usize, text: &str) -> Diagnostic {
    let [edit] = &d.fixes[..] else { return d };
    if d.code != "E0102" || edit.text.len() != 1 || text.len() > LONGEST {
        return d;
    }
    let quote = edit.text == "\"";
    let guess = edit.span.start as usize;
    let Some(opened) = opening(&d, base, text, &edit.text) else {
        return d;
    };
    // The line of the bracket as it was opened: what is opened on a line is mostly closed on it, and last.
    let line = text[opened..].find('\n').map_or(text.len(), |n| opened + n);
    let end = opened + text[opened..line].trim_end().len();
    let mut places: Vec<usize> = vec![];
    if edit.span.start == edit.span.end && (base..=base + text.len()).contains(&guess) {
        places.push(guess - base);
    }
    places.push(end);
    let stops = text[opened..end].char_indices().rev();
    places.extend(
        stops
            .filter(|(_, c)| matches!(c, ')' | ']' | '}' | '{' | ',' | '|' | ' '))
            .map(|(i, _)| opened + i),
    );
    places.dedup();
    let at = places
        .into_iter()
        .filter(|p| *p > opened && text.is_char_boundary(*p))
        .take(TRIES)
        .find(|p| reads(text, *p, &edit.text));
    let Some(at) = at else { return d };
    // In front of the spaces that part it from what follows.
    let at = match quote {
        true => at,
        false => text[..at].trim_end_matches(' ').len(),
    };
    let file = edit.span.file;
    let put = edit.text.clone();
    let mut d = d;
    d.fixes = vec![];
    d.fix(Span::new(file, base + at, base + at), put)
}

/// Where the bracket stands that is not closed, in the piece.
fn opening(d: &Diagnostic, base: usize, text: &str, close: &str) -> Option<usize> {
    let opens = match close {
        ")" => b'(',
        "]" => b'[',
        "}" => b'{',
        _ => b'"',
    };
    d.labels.iter().find_map(|l| {
        let at = (l.span.start as usize).checked_sub(base)?;
        (text.as_bytes().get(at) == Some(&opens)).then_some(at)
    })
}

fn reads(text: &str, at: usize, put: &str) -> bool {
    let mut tried = String::with_capacity(text.len() + 1);
    tried.push_str(&text[..at]);
    tried.push_str(put);
    tried.push_str(&text[at..]);
    let laid = layout::lay_out(FileId(0), &tried, 0);
    laid.problem.is_none() && Grammar::parse(Rule::slice, &laid.text).is_ok()
}
