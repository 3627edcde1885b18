//! Spaces at the level of the language: constructs, conditions, classes, encodings; and what the checker says of them.

mod common;

use common::{failures, findings};
use std::path::Path;

#[test]
fn programs_of_spaces_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spaces");
    let only = std::env::var("NAS_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    names.sort();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().to_string();
        if !name.contains(&only) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let found = failures(&source);
        wrong.extend(found.into_iter().map(|f| format!("{name}: {f}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_standard_cell_space_has_its_published_sizes() {
    let text = "use std.search.nb201.{nb201, fold_skip, propagate_zero, drop_zero, reorder}
test \"sizes\" {
  expect size(nb201) == 15_625
  expect size(nb201 modulo [fold_skip]) == 12_751
  expect size(nb201 modulo [fold_skip, propagate_zero]) == 6_466
  expect size(nb201 modulo [fold_skip, propagate_zero, drop_zero]) == 5_390
  expect size(nb201 modulo [fold_skip, propagate_zero, drop_zero, reorder]) == 4_930
  expect size(nb201 where macs_nats <= 100M) == 14_080
}
use std.cost.macs.nats as macs_nats
";
    assert_eq!(failures(text), Vec::<String>::new());
}

/// The first finding of a program that has one.
fn found(source: &str) -> String {
    findings(source).join("\n")
}

#[test]
fn conditions_that_nothing_meets_show_the_nearest_member() {
    let f = found(
        "space s { let b = [choose [2, 4, 8] for i in 0..5]\n value b\n where sum(b) >= 50 }",
    );
    assert!(f.contains("E0601"), "{f}");
    assert!(f.contains("40: 10 (20.0%) below the limit 50"), "{f}");
    assert!(f.contains("b[0]=8"), "{f}");
    let f = found(
        "space s { let w = choose [8, 16]\n let d = choose 1..=4\n value w * d\n where w * d > 100 }",
    );
    assert!(f.contains("its `w * d` is 64: 37"), "{f}");
    let f = found("space s { let w = choose [8, 16]\n value w\n where 100 < 2 * w + 1 }");
    assert!(f.contains("its `2 * w + 1` is 33"), "{f}");
}

#[test]
fn idle_conditions_are_warned_of() {
    let f = found("space s { let b = choose [2, 4, 8]\n value b\n where b <= 8, b >= 4 }");
    assert!(f.contains("W0601"), "{f}");
    assert_eq!(f.matches("W0601").count(), 1, "{f}");
}

#[test]
fn a_size_that_does_not_divide_names_the_choice() {
    let source = "block half(x: [n, c, h, w]) -> [n, c, h / 2, w] { x |> avg_pool2d(2, stride: 2) }
space s { let side = choose [8, 9, 12]\n let d = choose [1, 2]\n net(x: [n, 3, side, 8]) -> [n, 3, side / 2, 4] { x |> avg_pool2d(2, stride: 2) } }";
    let f = found(source);
    assert!(f.contains("side = 9"), "{f}");
    assert!(!f.contains("d = "), "{f}");
}
