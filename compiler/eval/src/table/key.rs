//! Keys that a table's text composes of columns: `"{dim} {ratio by {3.5: 3, 4.0: 4}} {heads join .}"`.

use crate::template;

/// A key as text pieces; a column is named by its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    Column {
        header: String,
        /// How a cell is rewritten; `None`: it stands as it is.
        words: Option<Words>,
    },
}

/// A cell taken as words between blanks: each renamed, all joined again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    renames: Vec<(String, String)>,
    join: String,
}

/// The pieces of a key's text.
pub fn pieces(raw: &str) -> Vec<Piece> {
    template::parts(raw)
        .into_iter()
        .map(|(hole, text)| {
            if hole {
                column(&text)
            } else {
                Piece::Literal(text)
            }
        })
        .collect()
}

fn column(text: &str) -> Piece {
    let mut words = None::<Words>;
    let (text, renames) = match text.split_once(" by ") {
        Some((head, map)) => (head, Some(map)),
        None => (text, None),
    };
    if let Some(map) = renames {
        let map = map.trim().trim_matches(['{', '}']);
        words.get_or_insert_default().renames = map
            .split(',')
            .filter_map(|kv| kv.split_once(':'))
            .map(|(k, v)| (k.trim().into(), v.trim().into()))
            .collect();
    }
    let header = match text.split_once(" join") {
        Some((head, by)) => {
            words.get_or_insert_default().join = by.trim().into();
            head
        }
        None => text,
    };
    Piece::Column {
        header: header.trim().into(),
        words,
    }
}

impl Words {
    /// The cell rewritten; numbers are compared by value, so `4` renames `4.0`.
    fn write(&self, cell: &str) -> String {
        let renamed = |w: &str| {
            self.renames
                .iter()
                .find(|(k, _)| template::same_number(k, w))
                .map_or_else(|| w.to_string(), |(_, v)| v.clone())
        };
        let words: Vec<String> = cell.split_whitespace().map(renamed).collect();
        words.join(&self.join)
    }
}

/// The key of a row, whose cell under a header `cell` gives.
pub fn compose<'a>(pieces: &[Piece], mut cell: impl FnMut(&str) -> &'a str) -> String {
    pieces
        .iter()
        .map(|p| match p {
            Piece::Literal(t) => t.clone(),
            Piece::Column { header, words } => match words {
                Some(w) => w.write(cell(header)),
                None => cell(header).trim().to_string(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_renamed_and_joined() {
        let p = pieces("{h} {mlp by {3.5: 3, 4.0: 4}} {depth join .}|{heads join}");
        let text = compose(&p, |h| match h {
            "h" => " 192 ",
            "mlp" => "3.5 4  4.0",
            "depth" => "1 6 6",
            _ => "3 4 3",
        });
        assert_eq!(text, "192 344 1.6.6|343");
    }
}
