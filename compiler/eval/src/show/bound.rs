//! Which names of a tree's debug text only stand for what the tree itself binds, in lambdas and comprehensions.

use std::borrow::Cow;
use std::ops::Range;

const LAMBDA: &str = "Lambda { params: ";
/// Comprehensions.
const FOR: [&str; 3] = ["ListFor { ", "Sequence { ", "RecordFor { "];
const CLAUSES: &str = "clauses: [";
const PATTERN: &str = "Pattern { kind: ";
const IDENT: &str = "text: \"";

/// Where some names are bound.
struct Scope {
    names: Vec<String>,
    inside: Vec<Range<usize>>,
}

/// The scopes of one tree; read once, asked for each of its names.
pub struct Bound<'a> {
    tree: &'a str,
    scopes: Vec<Scope>,
}

impl<'a> Bound<'a> {
    pub fn of(tree: &'a str) -> Bound<'a> {
        let mut scopes = vec![];
        for (at, _) in tree.match_indices(LAMBDA) {
            let whole = at..closing(tree, at);
            let params = at + LAMBDA.len()..closing(tree, at + LAMBDA.len());
            scopes.push(Scope {
                names: patterns(tree, params.clone())
                    .chain(params_of(tree, params))
                    .collect(),
                inside: vec![whole],
            });
        }
        for mark in FOR {
            for (at, _) in tree.match_indices(mark) {
                scopes.extend(comprehension(tree, at..closing(tree, at), at + mark.len()));
            }
        }
        Bound { tree, scopes }
    }

    /// Whether every use of the name is within a scope that binds it: then nothing outside is meant.
    pub fn everywhere(&self, name: &str) -> bool {
        let own: Vec<&Scope> = self
            .scopes
            .iter()
            .filter(|s| s.names.iter().any(|n| n == name))
            .collect();
        if own.is_empty() {
            return false;
        }
        let word = format!("{IDENT}{name}\"");
        let mut uses = self.tree.match_indices(&word).map(|(at, _)| at);
        uses.all(|at| own.iter().any(|s| s.inside.iter().any(|r| r.contains(&at))))
    }
}

/// `body` and conditions are in the scope of all patterns; what is gone through is not, and counts as outside.
fn comprehension(tree: &str, whole: Range<usize>, body: usize) -> Option<Scope> {
    let text = &tree[whole.clone()];
    let clauses = whole.start + own_clauses(text)?;
    let mut inside = vec![body..clauses];
    let mut names = vec![];
    let mut at = clauses + CLAUSES.len();
    while at < whole.end {
        let rest = &tree[at..whole.end];
        let end = closing(tree, at);
        if rest.starts_with("For { pattern: ") {
            let pattern = at + "For { pattern: ".len();
            let pattern = pattern..closing(tree, pattern);
            names.extend(patterns(tree, pattern.start..pattern.end));
            inside.push(pattern);
        } else if rest.starts_with("If(") {
            inside.push(at..end);
        } else {
            break;
        }
        at = end + if tree[end..].starts_with(", ") { 2 } else { 0 };
    }
    Some(Scope { names, inside })
}

/// Where a comprehension's own clauses begin: the field that stands at its own depth.
fn own_clauses(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (i, c) in outside_quotes(text) {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            'c' if depth == 1 && text[i..].starts_with(CLAUSES) => return Some(i),
            _ => {}
        }
    }
    None
}

const PARAM: &str = "[Param { name: Ident { text: \"";
const USE: &str = "Expr { kind: Name(Ident { text: \"";
/// What the variable of a lambda is called in a normal form; the second where the lambda names another thing so.
const VARIABLE: [&str; 2] = ["a", "#a"];

/// The tree with one name for the variable of every lambda that has a single one: what it is called says nothing. Nobody gives it by its
/// name and means another one.
pub fn renamed(tree: &str) -> Cow<'_, str> {
    let mut out = Cow::Borrowed(tree);
    let mut from = 0;
    while let Some(at) = out[from..].find(LAMBDA).map(|at| from + at) {
        from = at + LAMBDA.len();
        let end = closing(&out, at);
        if let Some(inner) = variable(&out[at..end]) {
            out = Cow::Owned(format!("{}{inner}{}", &out[..at], &out[end..]));
        }
    }
    out
}

/// The parameters and the body of a lambda's text, side by side.
pub(super) fn parts(text: &str) -> String {
    let params = LAMBDA.len()..closing(text, LAMBDA.len());
    let body = text[params.end..].strip_prefix(", body: ").unwrap_or("");
    let body = body.strip_suffix(" }").unwrap_or(body);
    format!("{} {body}", &text[params])
}

/// A lambda's text with its variable renamed; none where nothing is to be done.
fn variable(text: &str) -> Option<String> {
    let params = LAMBDA.len()..closing(text, LAMBDA.len());
    let first = text[params.clone()].strip_prefix(PARAM)?;
    let name = first.split_once('"')?.0;
    let single = text[params].matches("Param { name: ").count() == 1;
    // In `{ x }` the name is also that of the field.
    let fields = text.contains(&format!("Short(Ident {{ text: \"{name}\""));
    if !single || fields || name == VARIABLE[0] || first.contains("pattern: Some") {
        return None;
    }
    let taken = text.contains(&format!("{IDENT}{}\"", VARIABLE[0]));
    let to = VARIABLE[usize::from(taken)];
    let swap = |text: String, mark: &str| {
        text.replace(&format!("{mark}{name}\""), &format!("{mark}{to}\""))
    };
    Some(swap(swap(text.to_string(), PARAM), USE))
}

/// Names that patterns within a range bind.
fn patterns(tree: &str, range: Range<usize>) -> impl Iterator<Item = String> + '_ {
    let all = tree[range.clone()].match_indices(PATTERN);
    let texts = all.map(move |(at, _)| {
        let at = range.start + at;
        &tree[at..closing(tree, at)]
    });
    let idents = texts.flat_map(|t| t.split(IDENT).skip(1));
    idents.filter_map(|p| Some(p.split_once('"')?.0.to_string()))
}

/// Names of plain parameters within a range.
fn params_of(tree: &str, range: Range<usize>) -> impl Iterator<Item = String> + '_ {
    let all = tree[range].split("Param { name: Ident { text: \"").skip(1);
    all.filter_map(|p| Some(p.split_once('"')?.0.to_string()))
}

/// The end of the first bracket that opens at or behind a place.
fn closing(tree: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (i, c) in outside_quotes(&tree[from..]) {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return from + i + 1;
                }
            }
            _ => {}
        }
    }
    tree.len()
}

/// Characters that stand in no quoted text.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        let was = quoted;
        (quoted, escaped) = match c {
            _ if escaped => (quoted, false),
            '\\' if quoted => (true, true),
            '"' => (!quoted, false),
            _ => (quoted, false),
        };
        !was && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> String {
        let (e, _) = nas_grammar::parse_expr(nas_diagnostics::FileId(0), text);
        super::super::erase_spans(&format!("{e:?}"))
    }

    #[test]
    fn what_the_variable_of_a_lambda_is_called_says_nothing() {
        let same = |x: &str, y: &str| renamed(&tree(x)) == renamed(&tree(y));
        assert!(same("x => f(x, k)", "y => f(y, k)"));
        assert!(same("x => f(x, a)", "y => f(y, a)"));
        assert!(same("x => [g(b => b + x), x]", "a => [g(c => c + a), a]"));
        assert!(!same("x => f(x, a)", "x => f(a, x)"));
        assert!(!same("x => f(x, a)", "x => f(x, x)"));
        assert!(!same("(x, y) => x - y", "(y, x) => x - y"));
        assert!(!same("x => { x }", "y => { y: y }"));
        assert!(matches!(renamed(&tree("a => f(a)")), Cow::Borrowed(_)));
    }

    fn bound(text: &str, name: &str) -> bool {
        let (e, _) = nas_grammar::parse_expr(nas_diagnostics::FileId(0), text);
        let tree = format!("{e:?}");
        Bound::of(&tree).everywhere(name)
    }

    #[test]
    fn what_lambdas_and_comprehensions_bind_is_theirs() {
        for (text, name, is) in [
            ("search(space, a => score(space[a]))", "a", true),
            ("search(a, a => score(space[a]))", "a", false),
            ("(a, b) => a + b + c", "b", true),
            ("(a, b) => a + b + c", "c", false),
            ("[f(a) for a in archs if a > 2]", "a", true),
            ("[f(a) for a in archs] ++ [a]", "a", false),
            ("[f(a) for a in a]", "a", false),
            ("[[g(a, w) for a in archs] for w in ws]", "a", true),
            ("[[g(a, w) for a in archs] for w in ws]", "w", true),
            ("[[g(a, w) for a in archs] for w in ws]", "ws", false),
            ("[x + y for (x, y) in pairs]", "y", true),
            ("sum(a.b for a in xs where a.b > \"}]\")", "a", true),
            ("{ n: f(n, r) for (n, r) in by }", "r", true),
            ("[f(a) for a in xs, b in g(a)]", "a", false),
        ] {
            assert_eq!(bound(text, name), is, "{name} in {text}");
        }
    }
}
