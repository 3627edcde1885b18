//! SARIF documents against the whole schema of SARIF 2.1.0 as OASIS publishes it (`sarif-2.1.0.schema.json`, word for word).

use nas_diagnostics::{Diagnostic, Format, Sources, Span, Style, codes, render};
use serde_json::Value;

/// What a JSON schema finds wrong, of the words that are used in that of SARIF.
fn faults(schema: &Value, root: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/definitions/");
        let of = &root["definitions"][name];
        assert!(of.is_object(), "the schema has no {name}");
        return faults(of, root, value, at, out);
    }
    let is = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some(other) => panic!("the schema has the unknown type {other}"),
        None => true,
    };
    if !is {
        out.push(format!("{at} is no {}", schema["type"]));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        out.push(format!("{at} is {value}, none of {allowed:?}"));
    }
    if let (Some(least), Some(n)) = (schema["minimum"].as_i64(), value.as_i64())
        && n < least
    {
        out.push(format!("{at} is {n}, less than {least}"));
    }
    if let (Some(most), Some(n)) = (schema["maximum"].as_f64(), value.as_f64())
        && n > most
    {
        out.push(format!("{at} is {n}, more than {most}"));
    }
    if let Some(text) = value.as_str() {
        let uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
        match schema["format"].as_str() {
            Some("uri" | "uri-reference") if !text.chars().all(uri) => {
                out.push(format!("{at} is no URI: {text}"));
            }
            Some("date-time") => panic!("{at}: times are not written, and not checked here"),
            _ => {}
        }
        assert!(
            schema["pattern"].is_null(),
            "{at}: patterns are not checked here, as nothing that has one is written"
        );
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let fits = ways.iter().filter(|w| {
            let mut inner = vec![];
            faults(w, root, value, at, &mut inner);
            inner.is_empty()
        });
        if fits.count() != 1 {
            out.push(format!("{at} does not fit exactly one way"));
        }
    }
    if let Some(map) = value.as_object() {
        let required = |s: &Value| -> Vec<String> {
            let names = s["required"].as_array().into_iter().flatten();
            names.filter_map(|n| n.as_str().map(String::from)).collect()
        };
        for name in required(schema) {
            if !map.contains_key(&name) {
                out.push(format!("{at} has no {name}"));
            }
        }
        if let Some(ways) = schema["anyOf"].as_array()
            && !ways
                .iter()
                .any(|w| required(w).iter().all(|n| map.contains_key(n)))
        {
            out.push(format!("{at} fits none of {ways:?}"));
        }
        for (name, inner) in map {
            let of = &schema["properties"][name];
            if of.is_null() {
                match &schema["additionalProperties"] {
                    Value::Bool(false) => {
                        out.push(format!("{at} has the unknown property {name}"));
                    }
                    more @ Value::Object(_) => {
                        faults(more, root, inner, &format!("{at}.{name}"), out);
                    }
                    _ => {}
                }
            } else {
                faults(of, root, inner, &format!("{at}.{name}"), out);
            }
        }
    }
    if let Some(items) = value.as_array() {
        if let Some(least) = schema["minItems"].as_u64()
            && (items.len() as u64) < least
        {
            out.push(format!("{at} has {} items", items.len()));
        }
        if schema["uniqueItems"] == true {
            for (i, a) in items.iter().enumerate() {
                if items[..i].contains(a) {
                    out.push(format!("{at}[{i}] is there twice"));
                }
            }
        }
        for (i, item) in items.iter().enumerate() {
            faults(&schema["items"], root, item, &format!("{at}[{i}]"), out);
        }
    }
}

fn check(value: &Value) -> Vec<String> {
    let schema: Value =
        serde_json::from_str(include_str!("sarif-2.1.0.schema.json")).expect("JSON");
    let mut out = vec![];
    faults(&schema, &schema, value, "document", &mut out);
    out
}

#[test]
fn documents_are_valid() {
    let mut sources = Sources::default();
    let file = sources.add(
        "a folder/größe, 100%.nas",
        "let größe = 1\r\n\tlet b = größe\n",
    );
    let at = |a, b| Span::new(file, a, b);
    let mut diags = vec![];
    // Every code, with all parts a finding can have, and with none.
    for (i, (code, _)) in codes().enumerate() {
        let d = match code.starts_with('W') {
            true => Diagnostic::warning(code, "a \"message\"\nof two lines"),
            false => Diagnostic::error(code, "a message"),
        };
        diags.push(match i % 4 {
            0 => d,
            1 => d
                .at(at(4, 11), "here")
                .at(at(0, 3), "")
                .at(at(18, 400), "there")
                .note("a note"),
            2 => d
                .at(at(4, 4), "")
                .help("write this")
                .fix(at(4, 11), "x")
                .fix(at(0, 0), "y"),
            _ => d
                .at(Span::new(nas_diagnostics::FileId(9), 0, 1), "nowhere")
                .did_you_mean("z"),
        });
    }
    for found in [&diags[..], &[]] {
        let text = render(Format::Sarif, found, &sources, Style::default());
        let value: Value = serde_json::from_str(&text).expect("one document");
        assert_eq!(check(&value), Vec::<String>::new());
        assert_eq!(
            value["runs"][0]["results"].as_array().map(Vec::len),
            Some(found.len())
        );
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let wrong: Value = serde_json::json!({
        "version": "2.0.0",
        "runs": [{ "tool": { "driver": { "rules": [] } }, "results": [{ "message": {}, "level": "bad", "extra": 1 }] }],
    });
    let found = check(&wrong).join("; ");
    for part in [
        "document.version is",
        "driver has no name",
        "message fits none",
        "level is",
        "unknown property extra",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}
