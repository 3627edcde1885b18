//! Shapes under each other: the axes of several lines in columns, from the right, as broadcasting counts them.

/// Lines that end in a shape (`left   [n, 8, 32]`) with the axes of all of them aligned; other lines stay as they are.
pub fn aligned(facts: Vec<String>) -> Vec<String> {
    let mut rows: Vec<Option<(String, Vec<String>)>> = facts.iter().map(|f| split(f)).collect();
    if rows.iter().flatten().count() < 2 {
        return facts;
    }
    let longest = rows.iter().flatten().map(|r| r.1.len()).max().unwrap_or(0);
    let head = rows
        .iter()
        .flatten()
        .map(|r| r.0.chars().count())
        .max()
        .unwrap_or(0);
    for (_, axes) in rows.iter_mut().flatten() {
        while axes.len() < longest {
            axes.insert(0, String::new());
        }
    }
    let widths: Vec<usize> = (0..longest)
        .map(|i| {
            rows.iter()
                .flatten()
                .map(|r| r.1[i].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    facts
        .into_iter()
        .zip(rows)
        .map(|(fact, row)| match row {
            None => fact,
            Some((name, axes)) => {
                let first = axes.iter().position(|a| !a.is_empty()).unwrap_or(0);
                let mut line = format!("{name:head$}  ");
                for (i, (axis, width)) in axes.iter().zip(&widths).enumerate() {
                    line.push_str(match i {
                        0 if first == 0 => "[",
                        _ if i > first => ", ",
                        _ if i == first => " [",
                        0 => " ",
                        _ => "  ",
                    });
                    line.push_str(&format!("{axis:>width$}"));
                }
                line.push(']');
                line
            }
        })
        .collect()
}

/// `left   [n, 8]` as its name and its axes; none where a line is no shape.
fn split(fact: &str) -> Option<(String, Vec<String>)> {
    let (name, rest) = fact.split_once('[')?;
    let inner = rest.strip_suffix(']')?;
    if name.trim().contains(' ') || inner.contains(['[', ']', '(']) {
        return None;
    }
    let axes = match inner.is_empty() {
        true => vec![],
        false => inner.split(", ").map(String::from).collect(),
    };
    Some((name.trim_end().to_string(), axes))
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn axes_stand_under_each_other() {
        let lines = |facts: &[&str]| aligned(facts.iter().map(|f| f.to_string()).collect());
        assert_eq!(
            lines(&["left   [n, 8, 8]", "right  [n, 128, 8]", "a remark"]),
            ["left   [n,   8, 8]", "right  [n, 128, 8]", "a remark"]
        );
        assert_eq!(
            lines(&["left   [n, 3, 8]", "right  [10]"]),
            ["left   [n, 3,  8]", "right        [10]"]
        );
        assert_eq!(lines(&["shape  [n, 8]"]), ["shape  [n, 8]"]);
    }
}
