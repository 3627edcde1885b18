//! The pass before the grammar: blanks comments and the line ends that mean nothing, checks brackets, cuts a file into items.

use nas_diagnostics::{Diagnostic, FileId, Span};

/// How many brackets may stand in one another.
pub const MAX_NESTING: usize = 256;
/// Stands for the parenthesis that opens the parameters of a lambda; same length as `(`.
pub const LAMBDA: u8 = 1;

/// A text of the same length, ready for the grammar, or what is wrong with its brackets.
pub struct Layout {
    pub text: String,
    /// Starts of the pieces that are read one by one; the first is 0.
    pub starts: Vec<usize>,
    pub doc: Vec<String>,
    pub problem: Option<Diagnostic>,
}

const CONTINUING_WORDS: &[&str] = &[
    "and", "or", "else", "where", "with", "of", "from", "at", "as", "is", "in", "per", "by",
    "over", "to", "within",
];
pub const ITEM_WORDS: &[&str] = &[
    "use",
    "let",
    "fn",
    "block",
    "proxy",
    "loss",
    "metric",
    "schedule",
    "curriculum",
    "distill",
    "trainer",
    "search",
    "intrinsic",
    "space",
    "enlarge",
    "table",
    "rewrite",
    "pipeline",
    "test",
    "type",
];

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

pub fn word_at(bytes: &[u8], at: usize) -> &[u8] {
    let len = bytes[at..].iter().take_while(|b| is_word(**b)).count();
    &bytes[at..at + len]
}

/// Whether a line that starts here begins a piece when it stands at the left margin.
fn starts_item(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'@' | b'#' | b'$' | b'"' => true,
        b if is_word(b) => !CONTINUING_WORDS
            .iter()
            .any(|w| w.as_bytes() == word_at(bytes, at)),
        _ => false,
    }
}

fn anchors(bytes: &[u8], at: usize) -> bool {
    let word = word_at(bytes, at);
    ITEM_WORDS.iter().any(|w| w.as_bytes() == word)
        && matches!(bytes.get(at + word.len()), Some(b' ' | b'\t'))
}

/// Lays out a whole file. `base` is added to the places in the diagnostic.
pub fn lay_out(file: FileId, text: &str, base: usize) -> Layout {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut stack: Vec<(u8, usize)> = vec![];
    let mut starts = vec![];
    let mut doc = vec![];
    let mut problem = None;
    // (place, whether it separates) of each line end.
    let mut line_ends: Vec<(usize, bool)> = vec![];
    let mut doc_start: Option<usize> = None;
    let mut last_code = 0u8;
    let mut line_blank = true;
    let mut i = 0;
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        out[..3].fill(b' ');
        i = 3;
    }
    let margin_start = i;
    let fail = |code, message: &str, at: usize, label: &str| {
        Diagnostic::error(code, message).at(Span::new(file, base + at, base + at + 1), label)
    };
    while i < bytes.len() {
        let b = bytes[i];
        let at_margin = i == margin_start || bytes[i - 1] == b'\n';
        if at_margin && stack.is_empty() && !b.is_ascii_whitespace() {
            if bytes[i..].starts_with(b"///") {
                doc_start.get_or_insert(i);
            } else if starts_item(bytes, i)
                && (anchors(bytes, i)
                    || !matches!(last_code, b'=' | b',' | b'+' | b'*' | b'>' | b'|'))
            {
                starts.push(doc_start.take().unwrap_or(i));
            } else {
                doc_start = None;
            }
        }
        match b {
            b'\n' => {
                line_ends.push((i, !matches!(stack.last(), Some((b'(' | b'[', _)))));
                line_blank = true;
                i += 1;
                continue;
            }
            b'\r' => out[i] = b' ',
            LAMBDA => out[i] = 2,
            b'"' => {
                let start = i;
                i += 1;
                while i < bytes.len() && !matches!(bytes[i], b'"' | b'\n') {
                    i += if bytes[i] == b'\\' && i + 1 < bytes.len() && bytes[i + 1] != b'\n' {
                        2
                    } else {
                        1
                    };
                }
                if (i >= bytes.len() || bytes[i] == b'\n') && problem.is_none() {
                    problem = Some(
                        fail("E0102", "this text is never closed", start, "opened here")
                            .help("a text ends on the line it starts on: close it with `\"`")
                            .fix(
                                Span::new(
                                    file,
                                    base + text_end(text, start),
                                    base + text_end(text, start),
                                ),
                                "\"",
                            ),
                    );
                    continue;
                }
            }
            b'/' if bytes[i..].starts_with(b"//") => {
                let end = bytes[i..]
                    .iter()
                    .position(|b| *b == b'\n')
                    .map_or(bytes.len(), |n| i + n);
                let line = text.get(i..end).unwrap_or("").trim_end();
                let keeps_doc = line.starts_with("///")
                    && !line.starts_with("////")
                    && line_blank
                    && !matches!(stack.last(), Some((b'(' | b'[', _)));
                if !keeps_doc {
                    if line.starts_with("//!") && starts.is_empty() {
                        let rest = line.trim_start_matches("//!");
                        doc.push(rest.strip_prefix(' ').unwrap_or(rest).to_string());
                    }
                    out[i..end].fill(b' ');
                }
                i = end;
                continue;
            }
            b'(' | b'[' | b'{' => {
                stack.push((b, i));
                if stack.len() > MAX_NESTING {
                    return Layout {
                        text: String::new(),
                        starts: vec![],
                        doc,
                        problem: Some(too_deep(Span::new(file, base + i, base + i + 1))),
                    };
                }
            }
            b')' | b']' | b'}' => match stack.pop() {
                Some((open, from)) if closes(open, b) => {
                    let rest = bytes[i + 1..]
                        .iter()
                        .position(|b| !matches!(b, b' ' | b'\t'))
                        .map_or(bytes.len(), |n| i + 1 + n);
                    let lambda = open == b'(' && bytes[rest..].starts_with(b"=>");
                    if lambda
                        && (from == 0
                            || !(is_word(bytes[from - 1])
                                || matches!(bytes[from - 1], b')' | b']')))
                    {
                        out[from] = LAMBDA;
                    }
                }
                Some((open, from)) if problem.is_none() => {
                    let want = closer(open) as char;
                    let at = |i: usize| Span::new(file, base + i, base + i);
                    let first_line = bytes[from..i].iter().position(|b| *b == b'\n');
                    if let Some(end) = first_line {
                        // What is opened on a line is mostly closed on it.
                        let end = from + text[from..from + end].trim_end().len();
                        problem = Some(
                            fail(
                                "E0102",
                                &format!("this `{}` is never closed", open as char),
                                from,
                                "opened here",
                            )
                            .at(
                                Span::new(file, base + i, base + i + 1),
                                "this closes something else",
                            )
                            .help(format!("add `{want}`"))
                            .fix(at(end), want.to_string()),
                        );
                        i += 1;
                        continue;
                    }
                    // Where the bracket closes one that is open further out, the inner one was forgotten.
                    let outer = stack.iter().any(|(o, _)| closes(*o, b));
                    let cut = if outer {
                        at(i)
                    } else {
                        Span::new(file, base + i, base + i + 1)
                    };
                    problem = Some(
                        fail(
                            "E0102",
                            &format!("`{}` closes a `{}`", b as char, open as char),
                            i,
                            &format!("`{want}` is expected here"),
                        )
                        .at(Span::new(file, base + from, base + from + 1), "opened here")
                        .help(format!("close it with `{want}`, or remove one of the two"))
                        .fix(cut, want.to_string()),
                    );
                }
                None if problem.is_none() => {
                    problem = Some(
                        fail(
                            "E0102",
                            &format!("`{}` closes nothing", b as char),
                            i,
                            "nothing is open here",
                        )
                        .help(format!("remove this `{}`, or open its partner", b as char))
                        .fix(Span::new(file, base + i, base + i + 1), ""),
                    );
                }
                _ => {}
            },
            _ => {}
        }
        if !b.is_ascii_whitespace() {
            last_code = b;
            line_blank = false;
        }
        i += 1;
    }
    if let (Some((open, from)), None) = (stack.first(), &problem) {
        let want = closer(*open) as char;
        let end = match *open {
            b'(' => head_end(text, *from),
            _ => None,
        };
        let end = end.unwrap_or_else(|| text.trim_end().len().max(from + 1));
        problem = Some(
            fail(
                "E0102",
                &format!("this `{}` is never closed", *open as char),
                *from,
                "opened here",
            )
            .at(
                Span::new(file, base + end - 1, base + end),
                format!("`{want}` is expected after this"),
            )
            .help(format!("add `{want}`"))
            .fix(Span::new(file, base + end, base + end), want.to_string()),
        );
    }
    join_lines(&mut out, &line_ends);
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let text = String::from_utf8(out).unwrap_or_default();
    Layout {
        text,
        starts,
        doc,
        problem,
    }
}

/// Where the parameters of a declaration end whose `(` is not closed: before its result, or before its body.
fn head_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let start = text[..from].rfind('\n').map_or(0, |n| n + 1);
    let first = start + bytes[start..].iter().take_while(|b| **b == b' ').count();
    if !anchors(bytes, first) && word_at(bytes, first) != b"net" {
        return None;
    }
    let (mut depth, mut arrow) = (0usize, None);
    for (i, b) in bytes.iter().enumerate().skip(from + 1) {
        match b {
            b'\n' => break,
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'-' if depth == 0 && bytes[i..].starts_with(b"->") => arrow = Some(i),
            b'{' if depth == 0 => {
                let end = arrow.unwrap_or(i);
                return Some(text[..end].trim_end().len());
            }
            _ => {}
        }
    }
    None
}

/// Where a text that is not closed most likely ends: before an argument by its name, behind what its arrow gives, before a bracket or a
/// comma, or with its line.
fn text_end(text: &str, start: usize) -> usize {
    let rest = text.get(start + 1..).unwrap_or("");
    let line = rest.split('\n').next().unwrap_or("").trim_end();
    let bytes = line.as_bytes();
    let named = line.match_indices(", ").map(|(i, _)| i).find(|i| {
        let word = word_at(bytes, i + 2).len();
        word > 0 && bytes[i + 2 + word..].starts_with(b": ")
    });
    let given = || {
        let arrow = line.find("-> ")?;
        line[arrow..].find(',').map(|i| arrow + i)
    };
    let end = named
        .or_else(given)
        .or_else(|| line.find([')', ']', ',']))
        .or_else(|| line.find(" {"))
        .or_else(|| line.find(" }"))
        .unwrap_or(line.len());
    start + 1 + end
}

pub fn too_deep(at: Span) -> Diagnostic {
    Diagnostic::error("E0105", "nested too deeply")
        .at(at, format!("more than {MAX_NESTING} levels"))
        .help("give the inner part a name with `let`, and use the name here")
}

fn closes(open: u8, close: u8) -> bool {
    closer(open) == close
}

fn closer(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

/// Replaces a line end by a space where the next line continues this one, or where a bracket is open.
fn join_lines(out: &mut [u8], line_ends: &[(usize, bool)]) {
    let mut next = out.len();
    let mut upto = out.len();
    for (at, separates) in line_ends.iter().rev() {
        if let Some(n) = out[at + 1..upto]
            .iter()
            .position(|b| !matches!(b, b' ' | b'\t' | b'\r'))
        {
            next = at + 1 + n;
        }
        upto = *at;
        if !separates || continues(&out[next..]) {
            out[*at] = b' ';
        }
    }
}

/// Whether a line that starts so goes on with what stands above it.
fn continues(rest: &[u8]) -> bool {
    let word = if rest.is_empty() {
        rest
    } else {
        word_at(rest, 0)
    };
    if matches!(word, b"and" | b"or" | b"else") {
        return true;
    }
    match rest.first() {
        Some(b'|' | b'+' | b'*' | b'^' | b'%' | b'<' | b'>' | b'&') => true,
        Some(b'/') => !rest.starts_with(b"//"),
        Some(b'=') => true,
        Some(b'!') => rest.starts_with(b"!="),
        Some(b'-') => rest.starts_with(b"->"),
        Some(b'.') => rest
            .get(1)
            .is_some_and(|b| is_word(*b) && !b.is_ascii_digit()),
        _ => false,
    }
}

/// Pieces of a file whose brackets do not pair up: each line at the margin that starts with an item's word starts one.
pub fn anchored_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![];
    let mut line = 0;
    let mut doc: Option<usize> = None;
    while line < bytes.len() {
        if bytes[line..].starts_with(b"///") {
            doc.get_or_insert(line);
        } else if anchors(bytes, line) {
            starts.push(doc.take().unwrap_or(line));
        } else {
            doc = None;
        }
        line = bytes[line..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(bytes.len(), |n| line + n + 1);
    }
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    starts
}
