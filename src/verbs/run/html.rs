//! `report.html`: a page that needs nothing but itself, with tables, and curves of values that have `x` and `y`.

use super::results::{Expect, Results};
use nas_eval::show::number_text;
use nas_plan::Plan;
use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// Rows of a table beyond these are counted only.
const ROWS: usize = 200;
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:2rem}table{border-collapse:collapse;margin:.5rem 0}\
td,th{border:1px solid #ddd;padding:.15rem .6rem;text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}\
pre{background:#f6f6f6;padding:.8rem;overflow:auto}.ok{color:#176b32}.no{color:#a8201a}svg{max-width:100%;height:auto}";

/// The page of a run; the same results give the same bytes.
pub fn page(name: &str, plan: &Plan, results: &Results) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title><style>{STYLE}</style></head>\n<body><h1>{0}</h1>\n",
        escape(name)
    );
    if !results.expects.is_empty() {
        out.push_str("<h2>Expectations</h2>\n<table><tr><th></th><th>expected</th><th>left</th><th>right</th></tr>\n");
        results.expects.iter().for_each(|e| row(&mut out, e));
        out.push_str("</table>\n");
    }
    for (name, v) in &results.reports {
        let _ = writeln!(out, "<h2>{}</h2>", escape(name));
        value(&mut out, v, 0);
        out.push('\n');
    }
    let _ = writeln!(out, "<h2>Plan</h2>\n<pre>{}</pre>", escape(&plan.text()));
    out.push_str("</body></html>\n");
    out
}

fn row(out: &mut String, e: &Expect) {
    let (class, sign) = match e.holds {
        Some(true) => ("ok", "✓"),
        Some(false) => ("no", "✗"),
        None => ("no", "?"),
    };
    let side = |v: &Json| match v {
        Json::Null => String::new(),
        v => plain(v).unwrap_or_else(|| cut(&v.to_string())),
    };
    let why = e.reason.as_deref().map(|r| format!(" ({r})"));
    let _ = writeln!(
        out,
        "<tr><td class=\"{class}\">{sign}</td><td>{}{}</td><td>{}</td><td>{}</td></tr>",
        escape(&e.text),
        escape(&why.unwrap_or_default()),
        escape(&side(&e.left)),
        escape(&side(&e.right))
    );
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

fn plain(v: &Json) -> Option<String> {
    Some(match v {
        Json::Null => "none".into(),
        Json::Bool(b) => b.to_string(),
        Json::Number(n) => match n.as_i64() {
            Some(i) => i.to_string(),
            None => n.as_f64().map_or_else(|| n.to_string(), number_text),
        },
        Json::String(s) => s.clone(),
        _ => return None,
    })
}

fn cell(out: &mut String, v: &Json, depth: usize) {
    let class = if v.is_number() { " class=\"n\"" } else { "" };
    let _ = write!(out, "<td{class}>");
    value(out, v, depth + 1);
    out.push_str("</td>");
}

fn value(out: &mut String, v: &Json, depth: usize) {
    if let Some(text) = plain(v) {
        out.push_str(&escape(&text));
        return;
    }
    if depth > 6 {
        out.push_str(&escape(&cut(&v.to_string())));
        return;
    }
    match v {
        Json::Object(o) => {
            if let (Some(x), Some(y)) = (o.get("x").and_then(numbers), o.get("y").and_then(numbers))
                && x.len() == y.len()
                && x.len() > 1
            {
                out.push_str(&plot(&x, &y));
            }
            out.push_str("<table>");
            for (k, x) in o {
                let _ = write!(out, "<tr><th>{}</th>", escape(k));
                cell(out, x, depth);
                out.push_str("</tr>\n");
            }
            out.push_str("</table>");
        }
        Json::Array(a) => list(out, a, depth),
        _ => {}
    }
}

fn list(out: &mut String, a: &[Json], depth: usize) {
    if let Some(texts) = a.iter().map(plain).collect::<Option<Vec<_>>>() {
        let numeric = numbers(&Json::Array(a.to_vec())).filter(|n| n.len() > 2);
        if let (Some(n), 0) = (&numeric, depth) {
            let x: Vec<f64> = (0..n.len()).map(|i| i as f64).collect();
            out.push_str(&plot(&x, n));
        }
        let shown: Vec<String> = texts.into_iter().take(ROWS).collect();
        out.push_str(&escape(&shown.join(", ")));
    } else {
        let heads = columns(a);
        out.push_str("<table>");
        if let Some(heads) = &heads {
            out.push_str("<tr>");
            heads
                .iter()
                .for_each(|h| _ = write!(out, "<th>{}</th>", escape(h)));
            out.push_str("</tr>\n");
        }
        for x in a.iter().take(ROWS) {
            out.push_str("<tr>");
            match (x, &heads) {
                (Json::Object(o), Some(_)) => o.values().for_each(|v| cell(out, v, depth)),
                (Json::Array(row), _) => row.iter().for_each(|v| cell(out, v, depth)),
                (other, _) => cell(out, other, depth),
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</table>");
    }
    if a.len() > ROWS {
        let _ = write!(out, " … {} in all", a.len());
    }
}

/// The fields of a list of records that all have the same.
fn columns(a: &[Json]) -> Option<Vec<String>> {
    let keys = |o: &Map<String, Json>| o.keys().cloned().collect::<Vec<_>>();
    let first = a.first()?.as_object().map(keys)?;
    let same = |x: &Json| x.as_object().is_some_and(|o| keys(o) == first);
    a.iter().all(same).then_some(first)
}

fn numbers(v: &Json) -> Option<Vec<f64>> {
    let a = v.as_array()?;
    a.iter()
        .map(|x| x.as_f64().filter(|x| x.is_finite()))
        .collect()
}

/// Points of a plane; joined where `x` rises.
fn plot(x: &[f64], y: &[f64]) -> String {
    const WIDTH: f64 = 560.0;
    const HEIGHT: f64 = 260.0;
    const EDGE: f64 = 45.0;
    let range = |v: &[f64]| {
        let low = v.iter().copied().fold(f64::INFINITY, f64::min);
        let high = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, if high > low { high } else { low + 1.0 })
    };
    let ((x0, x1), (y0, y1)) = (range(x), range(y));
    let at = |a: f64, b: f64| {
        (
            EDGE + (a - x0) / (x1 - x0) * (WIDTH - 2.0 * EDGE),
            HEIGHT - EDGE - (b - y0) / (y1 - y0) * (HEIGHT - 2.0 * EDGE),
        )
    };
    let points: Vec<(f64, f64)> = x.iter().zip(y).map(|(a, b)| at(*a, *b)).collect();
    let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\">");
    let (bottom, right) = (HEIGHT - EDGE, WIDTH - EDGE);
    let _ = write!(
        out,
        "<path d=\"M{EDGE} {EDGE}V{bottom}H{right}\" fill=\"none\" stroke=\"#999\"/>"
    );
    let mut label = |x: f64, y: f64, anchor: &str, v: f64| {
        let text = escape(&number_text(v));
        let _ = write!(
            out,
            "<text x=\"{x}\" y=\"{y}\" font-size=\"11\" fill=\"#555\" text-anchor=\"{anchor}\">{text}</text>"
        );
    };
    label(EDGE, bottom + 15.0, "start", x0);
    label(right, bottom + 15.0, "end", x1);
    label(EDGE - 4.0, bottom, "end", y0);
    label(EDGE - 4.0, EDGE + 4.0, "end", y1);
    if x.is_sorted_by(|a, b| a < b) {
        let path: Vec<String> = points
            .iter()
            .map(|(a, b)| format!("{a:.1},{b:.1}"))
            .collect();
        let _ = write!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#2563a8\"/>",
            path.join(" ")
        );
    }
    for (a, b) in points.iter().take(5_000) {
        let _ = write!(
            out,
            "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"2\" fill=\"#2563a8\"/>"
        );
    }
    out + "</svg>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_holds_itself_and_escapes() {
        let mut results = Results::default();
        let curve = json!({ "x": [1, 2, 3], "y": [0.5, 0.7, 0.6] });
        let rows = json!([{ "k": 1, "v": "<i>" }, { "k": 2, "v": "&" }]);
        results.reports = vec![("a<b".into(), curve), ("rows".into(), rows)];
        let text = page("main-0", &Plan::default(), &results);
        assert!(text.contains("a&lt;b") && text.contains("&lt;i&gt;") && !text.contains("<i>"));
        assert!(text.contains("<polyline") && text.contains("<th>k</th><th>v</th>"));
        assert!(!text.contains("http") && !text.contains("<script"));
    }
}
