//! The pages of the codes: all there, all of one form.

use nas_diagnostics::{codes, examples, page, title};

#[test]
fn the_list_is_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/codes");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of pages")
        .map(|f| {
            f.expect("a file")
                .file_name()
                .to_string_lossy()
                .trim_end_matches(".md")
                .to_string()
        })
        .collect();
    files.sort();
    assert_eq!(
        files,
        codes()
            .map(|(code, _)| code.to_string())
            .collect::<Vec<_>>()
    );
}

#[test]
fn every_page_has_the_form() {
    for (code, name) in codes() {
        let text = page(code).expect("a page");
        assert_eq!(
            text.lines().next(),
            Some(format!("# {code}: {name}").as_str())
        );
        assert_eq!(title(code), Some(name));
        assert!(!name.is_empty() && !name.ends_with('.'), "{code}");
        assert!(
            text.contains("\n## What it means\n\n") && text.contains("\n## How to mend it\n\n"),
            "{code}"
        );
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{code}");
        assert_eq!(
            text.matches("```").count(),
            2 * examples(code).len(),
            "{code}"
        );
        for example in examples(code) {
            let known = ["nas ok", "sh", "nas test=E0707"].contains(&example.info)
                || ["error", "warning", "run"]
                    .iter()
                    .any(|k| example.info.starts_with(&format!("nas {k}={code}")));
            assert!(known, "{code}: {}", example.info);
            assert!(!example.text.trim().is_empty(), "{code}");
        }
    }
}

#[test]
fn unknown_codes_have_no_page() {
    for code in ["E9999", "", "e0401", "E0401 "] {
        assert_eq!(page(code), None);
        assert!(examples(code).is_empty());
    }
}
