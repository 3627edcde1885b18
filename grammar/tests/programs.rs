//! Every program of the repository is read without a finding.

use nas_diagnostics::{FileId, Sources};
use std::path::{Path, PathBuf};

pub fn programs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs");
    let mut all = vec![];
    for folder in std::fs::read_dir(root)
        .expect("the programs")
        .flatten()
        .filter(|f| f.path().is_dir())
    {
        all.extend(
            std::fs::read_dir(folder.path())
                .expect("a folder")
                .flatten()
                .map(|f| f.path()),
        );
    }
    all.retain(|p| p.extension().is_some_and(|e| e == "nas"));
    all.sort();
    all
}

#[test]
fn programs_are_read_without_a_finding() {
    let mut shown = String::new();
    for path in programs() {
        let text = std::fs::read_to_string(&path).expect("a program");
        let mut sources = Sources::default();
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().to_string())
            .unwrap_or_default();
        let id = sources.add(name.clone(), text.clone());
        assert_eq!(id, FileId(0));
        let (module, found) = nas_grammar::parse(id, &text);
        assert!(!module.items.is_empty(), "{name} has items");
        for d in found {
            let place = d
                .primary()
                .and_then(|s| sources.get(s.file).map(|f| f.line_column(s.start)));
            shown += &format!(
                "{name} {place:?} {} {} {:?}\n",
                d.code,
                d.message,
                d.labels.first().map(|l| &l.text)
            );
        }
    }
    assert!(shown.is_empty(), "{shown}");
}
