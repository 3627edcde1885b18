//! Parts of values of which nothing is known: a name that nothing in the program has, and that is nearly one that something has.

use super::Types;
use super::field::MEMBERS;
use nas_diagnostics::{Diagnostic, Sources, did_you_mean};
use nas_grammar::ast::Ident;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What values made by the runtime have, beside `MEMBERS`.
const MADE: &[&str] = &[
    "fraction",
    "epoch",
    "epochs",
    "step",
    "steps",
    "losses",
    "history",
    "length",
    "shape",
    "input",
    "output",
    "train",
    "valid",
    "test",
    "classes",
    "arch",
    "text",
    "score",
    "leading",
    "slot",
    "turn",
    "settings",
    "value",
    "weights",
    "params",
    "macs",
    "mean",
    "kind",
    "path",
    "high",
    "bits",
    "activation_bits",
    "share",
    "size",
    "site",
    "within",
    "option",
    "place",
    "cost",
    "name",
];

/// The words of all texts of a program.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Those that name something, rather than read a part of it.
    named: HashSet<Arc<str>>,
    /// How often each is read as a part.
    read: HashMap<Arc<str>, usize>,
}

impl Words {
    fn of(sources: &Sources) -> Words {
        let mut out = Words::default();
        for (_, file) in sources.iter() {
            file.text.lines().for_each(|l| out.line(l));
        }
        let made = MEMBERS
            .iter()
            .flat_map(|(_, _, own)| own.iter())
            .chain(MADE);
        out.named.extend(made.map(|w| Arc::from(*w)));
        out
    }

    /// The words of a line without its comment; what stands behind one dot is read.
    fn line(&mut self, line: &str) {
        let bytes = line.as_bytes();
        let part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
        let mut at = 0;
        let mut quoted = false;
        while let Some(b) = bytes.get(at) {
            let begun = at;
            match b {
                b'"' => quoted = !quoted,
                b'/' if !quoted && bytes.get(at + 1) == Some(&b'/') => return,
                b if part(*b) => {
                    while bytes.get(at + 1).is_some_and(|b| part(*b)) {
                        at += 1;
                    }
                    let before = bytes[..begun].iter().rev();
                    let dots = before.take_while(|b| **b == b'.').count();
                    let word = &line[begun..=at];
                    if b.is_ascii_digit() {
                        // A number is no name.
                    } else if dots == 1 && !quoted {
                        match self.read.get_mut(word) {
                            Some(n) => *n += 1,
                            None => drop(self.read.insert(word.into(), 1)),
                        }
                    } else if !self.named.contains(word) {
                        self.named.insert(word.into());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl Types<'_> {
    /// E0208: a part that nothing in the program can have. Whatever a value is, its parts are named somewhere: in a record, by a `let`, a
    /// tap, a column, a parameter. What is read again, or like nothing else that is read, may be a part of what another file hands over.
    pub(super) fn nowhere(&mut self, name: &Ident) {
        // A short name is near to too many.
        if self.quiet > 0 || name.text.len() < 4 {
            return;
        }
        if self.words.is_none() {
            self.words = Some(Arc::new(Words::of(self.sources)));
        }
        let Some(words) = self.words.clone() else {
            return;
        };
        let again = words.read.get(&name.text).is_some_and(|n| *n > 1);
        if again || words.named.contains(&name.text) {
            return;
        }
        let near = did_you_mean(&name.text, words.read.keys());
        let Some(near) = near.filter(|n| one_slip(&name.text, n)) else {
            return;
        };
        self.report(
            Diagnostic::error("E0208", format!("nothing here has a part `{}`", name.text))
                .at(name.span, "named nowhere else in the program")
                .did_you_mean(&near),
        );
    }
}

/// Whether one letter was left out, added, changed, or changed places with the next.
fn one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() {
        (&a, &b)
    } else {
        (&b, &a)
    };
    let same = |(x, y): &(&char, &char)| x == y;
    let front = short.iter().zip(long).take_while(same).count();
    let back = (short[front..].iter().rev())
        .zip(long[front..].iter().rev())
        .take_while(same)
        .count();
    let (left, more) = (short.len() - front - back, long.len() - front - back);
    match (left, more) {
        (0 | 1, 0 | 1) => true,
        (2, 2) => short[front] == long[front + 1] && short[front + 1] == long[front],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_letter() {
        for near in ["grad", "gard", "grand", "rad", "grab"] {
            assert!(one_slip("grad", near), "{near}");
        }
        for far in ["dragon", "drag", "graded", "ga", "garb"] {
            assert!(!one_slip("grad", far), "{far}");
        }
    }

    #[test]
    fn words_behind_a_dot_or_in_a_comment_name_nothing() {
        let mut words = Words::default();
        words.line("let a = b.read[..spread] // remark");
        words.line("key \"in text.md // x\" 1e4 0..deep.read");
        let mut all: Vec<&str> = words.named.iter().map(|w| &**w).collect();
        all.sort();
        assert_eq!(
            all,
            [
                "a", "b", "deep", "in", "key", "let", "md", "spread", "text", "x"
            ]
        );
        assert_eq!(words.read.get("read"), Some(&2));
        assert_eq!(words.read.len(), 1);
    }
}
