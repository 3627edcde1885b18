//! Every format, on findings of every kind.

use nas_diagnostics::{Diagnostic, Format, Sources, Span, Style, render};

fn sample() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let net = sources.add(
        "net, small.nas",
        "block cell(x: [n, c, h, w]) -> [n, c, h, w] {\n  \t// größer: 100%\n  x + (x |> conv2d(2 * c, 3))\n}\n",
    );
    let ops = sources.add(
        "std/ops.nas",
        "block conv2d(out: Int, k: Int)(x: [n, c, h, w])\n",
    );
    let text = |file, needle: &str| {
        let text = &sources.get(file).expect("a file").text;
        let start = text.find(needle).expect("the needle");
        Span::new(file, start, start + needle.len())
    };
    let diags = vec![
        Diagnostic::error("E0401", "the two sides of `+` differ in c")
            .at(text(net, "x + ("), "[n, c, h, w]")
            .at(text(net, "x |> conv2d(2 * c, 3)"), "[n, 2 c, h, w]")
            .at(text(ops, "out: Int"), "`out` is 2 c here")
            .note("left   n  c    h  w\nright  n  2 c  h  w")
            .note("for c = 16: 16 and 32")
            .help("write conv2d(c, 3)"),
        Diagnostic::warning("W0201", "`relu` is not used: 100%\nsecond line")
            .at(text(net, "größer"), ""),
        Diagnostic::error("E0802", "`xml` is no message format").help("one of human, short, json"),
    ];
    (diags, sources)
}

fn shown(format: Format) -> String {
    let (diags, sources) = sample();
    render(format, &diags, &sources, Style::default())
}

#[test]
fn human() {
    insta::assert_snapshot!(shown(Format::Human));
}

#[test]
fn human_in_colour() {
    let (diags, sources) = sample();
    let text = render(
        Format::Human,
        &diags,
        &sources,
        Style {
            color: true,
            width: 60,
        },
    );
    insta::assert_snapshot!(text.replace('\u{1b}', "␛"));
}

#[test]
fn short() {
    insta::assert_snapshot!(shown(Format::Short));
}

#[test]
fn json() {
    let text = shown(Format::Json);
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("an object a line");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn github() {
    insta::assert_snapshot!(shown(Format::Github));
}

#[test]
fn sarif() {
    let text = shown(Format::Sarif);
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("one document");
    let driver = &mut value["runs"][0]["tool"]["driver"];
    driver["version"] = "[version]".into();
    for rule in driver["rules"].as_array_mut().expect("rules") {
        rule["fullDescription"] = "[the page's first paragraph]".into();
        rule["help"] = "[the page]".into();
    }
    insta::assert_json_snapshot!(value);
}

#[test]
fn sarif_keeps_the_rules_of_its_schema() {
    for (diags, sources) in [sample(), (vec![], Sources::default())] {
        let text = render(Format::Sarif, &diags, &sources, Style::default());
        let value: serde_json::Value = serde_json::from_str(&text).expect("one document");
        assert_eq!(value["version"], "2.1.0");
        let run = &value["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), diags.len());
        for r in results {
            let rule = &rules[r["ruleIndex"].as_u64().expect("an index") as usize];
            assert_eq!(rule["id"], r["ruleId"]);
            assert!(["error", "warning", "note"].contains(&r["level"].as_str().expect("a level")));
            assert!(!r["message"]["text"].as_str().expect("a text").is_empty());
            let near = r["relatedLocations"].as_array().into_iter().flatten();
            for at in r["locations"].as_array().into_iter().flatten().chain(near) {
                let place = &at["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().expect("a uri");
                assert!(!uri.contains([' ', ',', '\\']), "{uri}");
                for field in ["startLine", "startColumn", "endLine", "endColumn"] {
                    assert!(place["region"][field].as_u64().expect(field) >= 1);
                }
            }
        }
    }
}

#[test]
fn no_findings_give_no_text_but_sarif() {
    for format in Format::ALL {
        let text = render(format, &[], &Sources::default(), Style::default());
        assert_eq!(text.is_empty(), format != Format::Sarif, "{format:?}");
        assert_eq!(Format::from_name(format.name()), Some(format));
    }
}

/// Spans may be wrong in any way and texts hold anything: each format still says the message.
#[test]
fn hostile_spans_and_texts() {
    let mut sources = Sources::default();
    let texts = [
        String::new(),
        "\u{1b}[31mred\u{7}\0\r\nlast\u{feff}".to_string(),
        "ö".repeat(3),
        "(".repeat(1_000_000),
        "x\n".repeat(100_000),
        "\t\t日本語\n\n\n".to_string(),
    ];
    let files: Vec<_> = texts
        .iter()
        .map(|t| sources.add("a\n:b,c.nas", t.as_str()))
        .collect();
    for (file, text) in files.into_iter().zip(&texts) {
        for (start, end) in [
            (0, 0),
            (0, 1),
            (1, 0),
            (3, 2),
            (1, text.len()),
            (text.len(), text.len() + 9),
        ] {
            let span = Span::new(file, start, end);
            let gone = Span::new(nas_diagnostics::FileId(99), 3, 4);
            let d = Diagnostic::error("E0101", "what\u{1b} is wrong")
                .at(span, "here\u{1b}")
                .at(gone, "gone");
            for format in Format::ALL {
                for color in [false, true] {
                    let out = render(
                        format,
                        std::slice::from_ref(&d),
                        &sources,
                        Style { color, width: 0 },
                    );
                    assert!(
                        out.contains("what") && out.len() < 10_000,
                        "{format:?} {} bytes",
                        out.len()
                    );
                    assert!(
                        color || !out.contains('\u{1b}') || format == Format::Github,
                        "{format:?} {out}"
                    );
                }
            }
        }
    }
}

/// A broken file can have thousands of findings; each must not read the whole file again.
#[test]
fn many_findings_in_a_long_file_are_quick() {
    let mut sources = Sources::default();
    let file = sources.add("long.nas", "let x = 1\n".repeat(200_000));
    let diags: Vec<_> = (0..5_000)
        .map(|i| {
            Diagnostic::error("E0101", "wrong").at(Span::new(file, 400 * i, 400 * i + 3), "here")
        })
        .collect();
    let start = std::time::Instant::now();
    for format in Format::ALL {
        render(format, &diags, &sources, Style::default());
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
