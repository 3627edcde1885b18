//! Takes places out of debug texts, so that moved code counts as the same.

/// A debug text without the places `file:start..end` in it; quoted texts are left alone.
pub fn erase_spans(text: &str) -> String {
    let b = text.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    let mut quoted = false;
    while i < b.len() {
        let c = b[i];
        if quoted {
            out.push(c);
            if c == b'\\' && i + 1 < b.len() {
                out.push(b[i + 1]);
                i += 1;
            } else if c == b'"' {
                quoted = false;
            }
            i += 1;
            continue;
        }
        // A character in single quotes may be a double quote.
        if b[i..].starts_with(b"'\"'") {
            out.extend_from_slice(b"'\"'");
            i += 3;
            continue;
        }
        if c == b'"' {
            quoted = true;
        } else if c.is_ascii_digit()
            && let Some(end) = span_end(b, i)
        {
            out.push(b'@');
            i = end;
            continue;
        }
        out.push(c);
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the place that starts here ends, if one does.
fn span_end(b: &[u8], from: usize) -> Option<usize> {
    let digits = |at: usize| {
        let end = (at..b.len())
            .find(|i| !b[*i].is_ascii_digit())
            .unwrap_or(b.len());
        (end > at).then_some(end)
    };
    let file = digits(from)?;
    let start = digits(file + 1).filter(|_| b.get(file) == Some(&b':'))?;
    if b.get(start..start + 2) != Some(b"..") {
        return None;
    }
    digits(start + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_and_texts_stay() {
        assert_eq!(
            erase_spans("Ident { text: \"a 0:1..2\", span: 0:13..27 }"),
            "Ident { text: \"a 0:1..2\", span: @ }"
        );
        assert_eq!(
            erase_spans("1..2 12:7 'x' '\"' 3:4..5"),
            "1..2 12:7 'x' '\"' @"
        );
    }
}
