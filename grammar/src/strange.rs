//! Characters and beginnings that no program has: invisible ones, signs of a word processor, comments of other languages, words left alone.

use crate::layout::{ITEM_WORDS, word_at};
use nas_diagnostics::{Diagnostic, FileId, Span};

/// Where the grammar stopped.
pub struct Place<'a> {
    pub file: FileId,
    pub base: usize,
    /// As written.
    pub text: &'a str,
    /// Where the grammar stopped, and where the next thing begins behind it.
    pub stopped: usize,
    pub at: usize,
}

impl Place<'_> {
    fn span(&self, from: usize, to: usize) -> Span {
        Span::new(self.file, self.base + from, self.base + to)
    }
}

/// What is said of the first strange thing at the place, or in the word there.
pub fn explain(p: &Place) -> Option<Diagnostic> {
    comment(p).or_else(|| character(p)).or_else(|| alone(p))
}

fn comment(p: &Place) -> Option<Diagnostic> {
    let rest = p.text.get(p.at..)?;
    let mark = ["/*", "#", "--"]
        .into_iter()
        .find(|m| rest.starts_with(m))?;
    let line = p.text[..p.at].rsplit('\n').next().unwrap_or("");
    if !line.trim().is_empty() && mark != "/*" {
        return None;
    }
    let at = p.span(p.at, p.at + mark.len());
    let d = Diagnostic::error("E0103", format!("`{mark}` begins no comment in Nas"))
        .at(at, "from another language")
        .help("a comment goes from `//` to the end of its line");
    Some(if mark == "/*" { d } else { d.fix(at, "//") })
}

/// What to write for a character, and what it is called.
fn ordinary(c: char) -> Option<(&'static str, &'static str)> {
    Some(match c {
        '\u{00a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            (" ", "a space that is none")
        }
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' => {
            ("", "an invisible character")
        }
        '\u{0000}'..='\u{0008}' | '\u{000b}'..='\u{001f}' | '\u{007f}' => {
            ("", "a control character")
        }
        '“' | '”' | '„' | '«' | '»' => ("\"", "a printed quotation mark"),
        '‘' | '’' => ("\"", "a printed quotation mark"),
        '−' | '–' | '—' => ("-", "a printed minus"),
        '×' | '·' => ("*", "a printed sign"),
        '÷' => ("/", "a printed sign"),
        '≤' => ("<=", "a printed sign"),
        '≥' => (">=", "a printed sign"),
        '≠' => ("!=", "a printed sign"),
        '→' => ("->", "a printed sign"),
        '⇒' => ("=>", "a printed sign"),
        '…' => ("..", "a printed sign"),
        _ => return None,
    })
}

fn character(p: &Place) -> Option<Diagnostic> {
    // The layout pass marks lambdas with such a byte; what was written has it only by accident.
    let end = p.at
        + word_at(p.text.as_bytes(), p.at.min(p.text.len()))
            .len()
            .max(1);
    let mut end = end.min(p.text.len());
    while !p.text.is_char_boundary(end) {
        end += 1;
    }
    let (i, c) = p
        .text
        .get(p.stopped..end)?
        .char_indices()
        .find(|(_, c)| ordinary(*c).is_some())?;
    let (put, what) = ordinary(c)?;
    let from = p.stopped + i;
    let at = p.span(from, from + c.len_utf8());
    let shown = match c.is_control() || what.contains("invisible") || put == " " {
        true => format!("{what} stands here: U+{:04X}", u32::from(c)),
        false => format!("`{c}` is {what}"),
    };
    let help = match put {
        "" => "take it out".to_string(),
        " " => "put an ordinary space in its place".to_string(),
        put => format!("write `{put}`"),
    };
    Some(
        Diagnostic::error("E0101", shown)
            .at(at, "not a sign of Nas")
            .help(help)
            .fix(at, put),
    )
}

/// `fn` and nothing behind it.
fn alone(p: &Place) -> Option<Diagnostic> {
    let word = std::str::from_utf8(word_at(p.text.as_bytes(), p.at.min(p.text.len()))).ok()?;
    let behind = p.text.get(p.at + word.len()..)?;
    let line = behind.split('\n').next().unwrap_or("").trim();
    if !ITEM_WORDS.contains(&word) || !line.is_empty() && line != "{" && line != "{}" {
        return None;
    }
    let shape = match word {
        "use" => "use module.{name, …}",
        "let" => "let name = value",
        "type" => "type Name = { … }",
        "test" => "test \"what is claimed\" { expect … }",
        "space" | "pipeline" | "rewrite" => {
            return Some(unfinished(p, word, &format!("{word} name {{ … }}")));
        }
        "table" => "table name of space from \"file.csv\" { key arch   column: Type }",
        _ => return Some(unfinished(p, word, &format!("{word} name(…) {{ … }}"))),
    };
    Some(unfinished(p, word, shape))
}

fn unfinished(p: &Place, word: &str, shape: &str) -> Diagnostic {
    Diagnostic::error("E0101", format!("this `{word}` is not finished"))
        .at(p.span(p.at, p.at + word.len()), "nothing is declared")
        .help(format!("write `{shape}`"))
}
