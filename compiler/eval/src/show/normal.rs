//! The normal form of a piece of tree: no places, and numbers for the names that only this piece gives.

use super::bound::renamed;
use super::erase_spans;
use std::borrow::Cow;
use std::collections::HashMap;

/// How a name bound by a pattern, and a use of a name, look in a debug text.
const BOUND: &str = "Pattern { kind: Name(Ident { text: \"";
const USED: &str = "Expr { kind: Name(Ident { text: \"";
const STATE: &str = "Weights { name: Ident { text: \"";

/// A debug text without places, in which names that its own patterns bind are numbers: a renamed variable counts as the
/// same. Names of parameters and fields stay: others may write them.
pub fn normal(text: &str) -> String {
    normal_in(text, |_| None)
}

/// As [`normal`]; names that nothing in the text binds are asked for.
pub fn normal_in(text: &str, outer: impl Fn(&str) -> Option<String>) -> String {
    let text = erase_spans(text);
    let text = renamed(&text);
    let text = text.as_ref();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for mark in [BOUND, STATE] {
        for name in text.split(mark).skip(1).filter_map(upto) {
            let next = numbers.len();
            numbers.entry(name).or_insert(next);
        }
    }
    // In the order of the text, whatever bound them.
    let mut order: Vec<(usize, &str)> = numbers
        .keys()
        .filter_map(|n| first(text, n).map(|at| (at, *n)))
        .collect();
    order.sort_unstable();
    let numbers: HashMap<&str, usize> = order
        .into_iter()
        .enumerate()
        .map(|(i, (_, n))| (n, i))
        .collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) = [BOUND, USED, STATE]
        .iter()
        .filter_map(|m| rest.find(m).map(|at| (at, *m)))
        .min()
    {
        let (before, behind) = rest.split_at(at + mark.len());
        out.push_str(before);
        let name = upto(behind).unwrap_or("");
        let shown: Cow<str> = match numbers.get(name) {
            Some(n) => format!("#{n}").into(),
            None if mark == USED => outer(name).map_or(name.into(), Cow::from),
            None => name.into(),
        };
        out.push_str(&shown);
        rest = &behind[name.len()..];
    }
    out.push_str(rest);
    out
}

fn upto(text: &str) -> Option<&str> {
    text.split_once('"').map(|p| p.0)
}

fn first(text: &str, name: &str) -> Option<usize> {
    [BOUND, STATE]
        .iter()
        .filter_map(|m| text.find(&format!("{m}{name}\"")))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        let (e, found) = nas_grammar::parse_expr(nas_diagnostics::FileId(0), text);
        assert!(found.is_empty(), "{found:?}");
        normal(&format!("{e:?}"))
    }

    #[test]
    fn a_renamed_variable_counts_as_the_same() {
        for (a, b) in [
            ("[f(x) for x in xs]", "[f(y)  for y in xs]"),
            ("{ let a = 1   a + 1 }", "{ let total = 1\n total + 1 }"),
            ("[g(a, b) for (a, b) in xs]", "[g(u, v) for (u, v) in xs]"),
        ] {
            assert_eq!(form(a), form(b), "{a}");
        }
    }

    #[test]
    fn what_means_something_else_differs() {
        for (a, b) in [
            ("[f(x) for x in xs]", "[f(x) for y in xs]"),
            ("[f(x) for x in xs]", "[f(x) for x in ys]"),
            ("[g(a, b) for (a, b) in xs]", "[g(a, b) for (b, a) in xs]"),
            ("{ let a = 1   { a: a } }", "{ let b = 1   { b: b } }"),
            ("f(k: 1)", "f(m: 1)"),
            ("1", "2"),
        ] {
            assert_ne!(form(a), form(b), "{a}");
        }
    }
}
