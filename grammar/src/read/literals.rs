//! Numbers and texts.

use super::{Pair, Reader, parts};
use crate::ast::{Number, Text};
use nas_diagnostics::{Diagnostic, Span};

impl Reader<'_> {
    pub(super) fn number(&self, pair: Pair) -> Number {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let written = inner.next().map_or("", |p| p.as_str()).replace('_', "");
        let unit = inner.next().map(|p| self.ident(&p));
        let bytes = written.as_bytes();
        let digits = |from: usize| {
            bytes
                .get(from..)
                .map_or(0, |b| b.iter().take_while(|b| b.is_ascii_digit()).count())
        };
        let mut end = digits(0);
        let mut float = false;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            float = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if digits(signed) > 0 {
                end = signed + digits(signed);
                float = true;
            }
        }
        let (number, rest) = written.split_at(end);
        let scale = match rest {
            "" => None,
            "k" | "M" | "G" | "T" => rest.chars().next(),
            _ => {
                let mut error = Diagnostic::error("E0104", format!("`{written}` is not a number"))
                    .at(span, format!("`{rest}` cannot follow the digits"));
                error = error.help(match rest {
                    _ if crate::blame::UNITS.contains(&rest) => format!("leave a space before the unit: `{number} {rest}`"),
                    "K" | "m" | "g" | "t" => "the scales are `k`, `M`, `G` and `T`".to_string(),
                    _ => "write digits, then perhaps one of `k`, `M`, `G`, `T`, or a space and a unit".to_string(),
                });
                self.report(error);
                None
            }
        };
        Number {
            digits: number.into(),
            float,
            scale,
            unit,
        }
    }

    /// A text without its quotes, escapes undone, braces kept.
    pub(super) fn text(&self, pair: &Pair) -> Text {
        let span = self.span(pair);
        let source = self.source(pair);
        let inside = source.get(1..source.len().saturating_sub(1)).unwrap_or("");
        let mut raw = String::with_capacity(inside.len());
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            if c != '\\' {
                raw.push(c);
                continue;
            }
            match chars.next() {
                Some((_, 'n')) => raw.push('\n'),
                Some((_, 't')) => raw.push('\t'),
                Some((_, c @ ('"' | '\\'))) => raw.push(c),
                // A brace that is no place to fill stays escaped for whoever fills the places.
                Some((_, c @ ('{' | '}'))) => raw.extend(['\\', c]),
                other => {
                    let start = span.start as usize + 1 + at;
                    let len = 1 + other.map_or(0, |(_, c)| c.len_utf8());
                    self.report(
                        Diagnostic::error("E0106", "a text cannot have this escape")
                            .at(Span::new(span.file, start, start + len), "unknown")
                            .help("the escapes are `\\n`, `\\t`, `\\\"`, `\\\\`, `\\{` and `\\}`"),
                    );
                }
            }
        }
        Text {
            raw: raw.into(),
            span,
        }
    }
}
