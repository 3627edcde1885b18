//! Reports on standard output: nested records as indented lines, records of samples as a table of means.

use super::number_text;
use serde_json::Value as Json;

/// Lists of up to this many short values stand on one line.
const SHORT: usize = 10;
/// Of longer lists the first so many lines are shown.
const LINES: usize = 8;

/// A named report as text, without a final newline.
pub fn report_text(v: &Json, name: &str) -> String {
    let mut out = vec![];
    lines(name, v, 0, &mut out);
    out.join("\n")
}

fn scalar(v: &Json) -> Option<String> {
    match v {
        Json::Null => Some("none".into()),
        Json::Bool(b) => Some(b.to_string()),
        Json::Number(n) => Some(match n.as_i64() {
            Some(i) => i.to_string(),
            None => n.as_f64().map_or_else(|| n.to_string(), number_text),
        }),
        Json::String(s) => Some(s.clone()),
        Json::Object(o) if o.len() == 1 => o
            .get("invalid")
            .and_then(Json::as_str)
            .map(|r| format!("invalid ({r})")),
        _ => None,
    }
}

fn numbers(v: &Json) -> Option<Vec<f64>> {
    match v {
        Json::Array(a) if !a.is_empty() => a.iter().map(Json::as_f64).collect(),
        _ => None,
    }
}

/// `0.612 ± 0.034 (3)`: mean, sample standard deviation, count.
fn spread(xs: &[f64]) -> (String, String, String) {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    let s = if xs.len() > 1 {
        (xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt()
    } else {
        0.0
    };
    (
        number_text(rounded(mean)),
        number_text(rounded(s)),
        format!("({})", xs.len()),
    )
}

/// Four significant digits are what a mean of a few runs carries.
fn rounded(v: f64) -> f64 {
    format!("{v:.3e}").parse().unwrap_or(v)
}

fn lines(name: &str, v: &Json, depth: usize, out: &mut Vec<String>) {
    let pad = "  ".repeat(depth);
    let head = |text: &str| {
        if name.is_empty() {
            format!("{pad}{text}")
        } else {
            format!("{pad}{name}: {text}")
        }
    };
    if let Some(text) = scalar(v) {
        out.push(head(&text));
        return;
    }
    match v {
        Json::Array(a) => {
            let texts: Option<Vec<String>> = a.iter().map(scalar).collect();
            match texts {
                Some(t) if t.len() <= SHORT => out.push(head(&format!("[{}]", t.join(", ")))),
                Some(t) => out.push(head(&format!(
                    "[{}, … {} in all]",
                    t[..SHORT].join(", "),
                    t.len()
                ))),
                None => {
                    let row = a.iter().map(row_text).collect::<Option<Vec<_>>>();
                    out.push(head("").trim_end().to_string());
                    for (i, x) in a.iter().take(LINES).enumerate() {
                        match &row {
                            Some(r) => out.push(format!("{pad}  {i}  {}", r[i])),
                            None => lines(&i.to_string(), x, depth + 1, out),
                        }
                    }
                    if a.len() > LINES {
                        out.push(format!("{pad}  … {} in all", a.len()));
                    }
                }
            }
        }
        Json::Object(o) => {
            out.push(head("").trim_end().to_string());
            let samples: Option<Vec<(&String, Vec<f64>)>> =
                o.iter().map(|(k, v)| numbers(v).map(|n| (k, n))).collect();
            match samples {
                Some(rows) if !rows.is_empty() => table(rows, &pad, out),
                _ => {
                    let wide = o
                        .iter()
                        .filter(|(_, v)| scalar(v).is_some())
                        .map(|(k, _)| k.chars().count())
                        .max()
                        .unwrap_or(0);
                    for (k, x) in o {
                        match scalar(x) {
                            Some(text) => out.push(format!("{pad}  {k:wide$}  {text}")),
                            None => lines(k, x, depth + 1, out),
                        }
                    }
                }
            }
        }
        _ => {}
    }
}

/// A list or record of plain values on one line.
fn row_text(v: &Json) -> Option<String> {
    match v {
        Json::Array(a) if a.len() <= SHORT => a
            .iter()
            .map(scalar)
            .collect::<Option<Vec<_>>>()
            .map(|t| format!("[{}]", t.join(", "))),
        Json::Object(o) if o.len() <= 4 => {
            let parts: Option<Vec<String>> = o
                .iter()
                .map(|(k, v)| scalar(v).map(|t| format!("{k} {t}")))
                .collect();
            parts.map(|p| p.join("  "))
        }
        other => scalar(other),
    }
}

/// A name with its mean, spread and count.
type Row = (String, (String, String, String));

fn table(rows: Vec<(&String, Vec<f64>)>, pad: &str, out: &mut Vec<String>) {
    let cells: Vec<Row> = rows
        .into_iter()
        .map(|(k, xs)| (k.clone(), spread(&xs)))
        .collect();
    let wide = |f: &dyn Fn(&Row) -> usize| cells.iter().map(f).max().unwrap_or(0);
    let (a, b, c) = (
        wide(&|r| r.0.chars().count()),
        wide(&|r| r.1.0.len()),
        wide(&|r| r.1.1.len()),
    );
    for (k, (mean, s, n)) in &cells {
        out.push(format!("{pad}  {k:a$}  {mean:>b$} ± {s:<c$}  {n}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn samples_become_a_table() {
        let v = json!({ "spos": [0.5, 0.7], "group": [0.65, 0.65] });
        let text = report_text(&v, "tau");
        assert!(text.starts_with("tau:\n"), "{text}");
        assert!(text.contains("spos    0.6 ± 0.1414  (2)"), "{text}");
        assert!(text.contains("group  0.65 ± 0       (2)"), "{text}");
    }

    #[test]
    fn nested_and_long() {
        assert_eq!(
            report_text(
                &json!({ "macs": 0.5, "n": { "invalid": "diverged" } }),
                "alone"
            ),
            "alone:\n  macs  0.5\n  n     invalid (diverged)"
        );
        let long: Vec<i32> = (0..50).collect();
        assert_eq!(
            report_text(&json!(long), "x"),
            "x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, … 50 in all]"
        );
    }
}
