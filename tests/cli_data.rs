//! Data and tables as a new user brings them: folders as they are unpacked, tables with repeated keys.

mod folder;

use folder::Folder;

#[test]
fn a_key_has_one_row_unless_the_table_says_several() {
    let text = |per: &str| {
        format!(
            "space s {{ let op = choose {{ a: 1, b: 2 }}\n value op }}\ntable t of s from \"t.csv\" {{ key arch\n acc: Float\n {per} }}\npipeline main() {{ report n: [r.acc for r in t] }}"
        )
    };
    let rows = "arch,acc\nop=a,1\nop=a,2\n";
    let f = Folder::with(&[
        ("a.nas", &text("")),
        ("b.nas", &text("per seed")),
        ("t.csv", rows),
    ]);
    f.fails(
        &["run", "a.nas", "-q"],
        3,
        &["E0710", "t.csv:3", "per seed"],
    );
    assert_eq!(f.nasc(&["run", "b.nas", "-q"]).1, "n: [1.5]\n");
}

#[test]
fn a_folder_of_idx_files_has_its_training_and_test_sets() {
    let images = |n: u8| {
        [
            &[0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 2][..],
            &vec![7; 4 * n as usize],
        ]
        .concat()
    };
    let labels = |n: u8| {
        [
            &[0, 0, 8, 1, 0, 0, 0, n][..],
            &(0..n).map(|i| i % 3).collect::<Vec<_>>(),
        ]
        .concat()
    };
    let text = "pipeline main() { let d = data.idx(\"digits\")\n report n: d.length, tests: d.test.length, whole: [size(x)[0] for (x, y) in d.batches(4)] }";
    let f = Folder::with(&[("a.nas", text)]);
    let folder = f.0.path().join("digits");
    std::fs::create_dir(&folder).expect("a folder");
    for (set, n) in [("train", 6), ("t10k", 5)] {
        for (kind, bytes) in [("images-idx3", images(n)), ("labels-idx1", labels(n))] {
            std::fs::write(folder.join(format!("{set}-{kind}-ubyte")), bytes).expect("a file");
        }
    }
    let (code, out, err) = f.nasc(&["run", "a.nas", "-q"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "n: 6\ntests: 5\nwhole: [4, 2]\n"),
        "{err}"
    );
    std::fs::remove_file(folder.join("t10k-images-idx3-ubyte")).expect("gone");
    f.fails(&["run", "a.nas", "-q"], 1, &["test"]);
}

/// The key of a stage as its plan tells it.
fn key(f: &Folder, file: &str, stage: &str) -> String {
    let page = folder::json(&f.nasc(&["plan", file, "--json"]).1);
    let all = page["stages"].as_array().cloned().unwrap_or_default();
    let one = all.into_iter().find(|s| s["name"] == stage);
    one.map_or(String::new(), |s| s["key"].to_string())
}

#[test]
fn a_parameter_hides_the_constant_of_its_name_from_keys() {
    let text = |rate: &str| {
        format!(
            "let rate = {rate}\nsearch own(n: Int, rate: Float) -> Float {{ ~uniform(0, rate * n) }}\nsearch other(n: Int) -> Float {{ ~uniform(0, rate * n) }}\npipeline main() {{\n  let one = own(3, 0.5)\n  let two = other(3)\n  report one, two\n}}"
        )
    };
    let f = Folder::with(&[("a.nas", &text("0.1")), ("b.nas", &text("0.2"))]);
    let keys = |stage| (key(&f, "a.nas", stage), key(&f, "b.nas", stage));
    let (one, two) = (keys("one"), keys("two"));
    assert!(!one.0.is_empty() && one.0 == one.1, "{one:?}");
    assert!(!two.0.is_empty() && two.0 != two.1, "{two:?}");
}
