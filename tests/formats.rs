//! The forms of findings as programs and terminals get them: width, colour, annotations, JSON and SARIF, from the command itself.

use assert_cmd::Command;
use serde_json::Value;

const TEXT: &str = "space nets {
  let k = choose [1, 2]
  encoding \"{k}\"
  net(x: [n, 8, 8, 8]) -> [n, 10] {
    let y = x |> conv2d(8 * k, 3)
    x + y |> mean(over: [2, 3]) |> linear(10)
  }
}
fn f(wide: Int) { wdie }
fn g() { 3 epochs + 2 steps }
test \"50% of it: a, b\" { expect size(widhts) == 1 }
";

fn check(format: &[&str], env: &[(&str, &str)]) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("50% a,b.nas");
    std::fs::write(&file, TEXT).expect("a file");
    let mut c = Command::cargo_bin("nasc").expect("the command");
    c.current_dir(folder.path())
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR");
    for (k, v) in env {
        c.env(k, v);
    }
    let out = c
        .arg("check")
        .args(format)
        .arg("50% a,b.nas")
        .output()
        .expect("it runs");
    (
        String::from_utf8_lossy(&out.stdout).to_string(),
        String::from_utf8_lossy(&out.stderr).to_string(),
    )
}

#[test]
fn a_narrow_terminal_breaks_sentences_and_no_width_breaks_the_command() {
    for width in ["40", "60", "20"] {
        let n: usize = width.parse().expect("a number");
        let (_, err) = check(&[], &[("COLUMNS", width)]);
        for line in err.lines() {
            // Lines of the program, and what points into them, are as long as the program's.
            let sentence =
                line.starts_with("  x ") || line.starts_with("  | ") || line.starts_with("  help:");
            // The narrowest is 40 columns; code in quotes is not broken.
            let room = line.chars().count() <= n.max(40) || line.contains('`');
            assert!(!sentence || room, "wider than {n}: {line}");
        }
        assert!(err.contains("E0401") && err.contains("E0201"), "{err}");
    }
    for width in ["0", "1", "-4", "many", "99999999999999999999"] {
        let (_, err) = check(&[], &[("COLUMNS", width)]);
        assert!(err.contains("errors"), "{width}: {err}");
    }
}

#[test]
fn colour_is_asked_for() {
    let colours = |args: &[&str], env: &[(&str, &str)]| check(args, env).1.contains('\u{1b}');
    assert!(!colours(&[], &[]), "no terminal");
    assert!(colours(&["--color", "always"], &[]));
    assert!(!colours(&["--color", "never"], &[]));
    assert!(
        colours(&["--color", "always"], &[("NO_COLOR", "1")]),
        "the flag decides"
    );
    assert!(!colours(&["--color", "auto"], &[("NO_COLOR", "1")]));
    for format in ["short", "json", "github", "sarif"] {
        let (out, err) = check(&["--color", "always", "--message-format", format], &[]);
        assert!(!(out + &err).contains('\u{1b}'), "{format} is for programs");
    }
}

#[test]
fn annotations_are_one_line_each_with_their_signs_escaped() {
    let (out, err) = check(&["--message-format", "github"], &[]);
    assert_eq!(err, "");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.len() >= 4, "{out}");
    for line in &lines {
        assert!(
            line.starts_with("::error ") || line.starts_with("::warning "),
            "{line}"
        );
        assert!(line.contains("file=50%25 a%2Cb.nas,line="), "{line}");
        let (_, message) = line[2..].split_once("::").expect("a message");
        // Every sign of percent begins an escape.
        for part in message.split('%').skip(1) {
            assert!(["25", "0A", "0D"].contains(&&part[..2]), "{line}");
        }
    }
    assert!(
        out.contains("%0Ahelp: ") || out.contains("%0Anote: "),
        "{out}"
    );
}

#[test]
fn json_is_one_object_a_line_with_the_same_keys() {
    let (out, err) = check(&["--message-format", "json"], &[]);
    assert_eq!(err, "");
    for line in out.lines() {
        let v: Value = serde_json::from_str(line).expect("an object");
        for key in [
            "code", "severity", "message", "file", "start", "end", "labels", "notes", "help",
        ] {
            assert!(v.get(key).is_some(), "no {key}: {line}");
        }
        let (start, end) = (&v["start"], &v["end"]);
        assert!(
            start["line"].as_u64() >= Some(1) && start["column"].as_u64() >= Some(1),
            "{line}"
        );
        assert!(end["line"].as_u64() >= start["line"].as_u64(), "{line}");
    }
    let (again, _) = check(&["--message-format", "json"], &[]);
    assert_eq!(out, again, "two runs say the same, in one order");
}

#[test]
fn sarif_is_one_document_with_a_result_a_finding() {
    let (out, _) = check(&["--message-format", "sarif"], &[]);
    let v: Value = serde_json::from_str(&out).expect("one document");
    let (json, _) = check(&["--message-format", "json"], &[]);
    let results = v["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), json.lines().count());
    for r in results {
        let uri = &r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let uri = uri.as_str().expect("a place");
        assert!(!uri.contains(' ') && uri.contains("50%25"), "{uri}");
    }
}
