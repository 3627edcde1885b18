//! Weights trained elsewhere: adopted by address, refused where they do not fit; a network that nobody here trained.

use assert_cmd::Command;
use std::path::{Path, PathBuf};

const NET: &str = r#"
block dense(out: Int)(x: [n, c]) -> [n, out] {
  param w: [c, out] ~ normal(0, 0.1)
  param b: [out] = 0
  contract("n c, c o -> n o", x, w) + b
}
fn there(address: Text) -> Text {
  let head = captures(address, "dense/*")
  let tail = captures(address, "dense.1/*")
  if head is none { "tail.{tail[0]}" } else { "head.{head[0]}" }
}
pipeline main() {
  let net = net(x: [n, 2]) { x |> dense(3) |> dense(1) }
  let w = ADOPT
  report y: sum(net[w](ones([1, 2])))
  budget 1 minutes, 1 GB
}
"#;

/// Runs the pipeline beside a folder of tensors; exit code, stdout and stderr.
fn run(adopt: &str, list: &str, values: &[f32]) -> (i32, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("a.nas"), NET.replace("ADOPT", adopt)).expect("a file");
    std::fs::create_dir(at("w")).expect("a folder");
    std::fs::write(at("w/tensors.csv"), list).expect("a file");
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(at("w/weights.f32"), bytes).expect("a file");
    let output = Command::cargo_bin("nasc")
        .expect("the command")
        .args(["run", "a.nas"])
        .current_dir(dir.path())
        .env_remove("NASC_STORE")
        .env("COLUMNS", "1000")
        .output()
        .expect("it ran");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout) + &text(&output.stderr),
    )
}

const LIST: &str =
    "name,shape,offset,count\nhead.w,2x3,0,6\nhead.b,3,6,3\ntail.w,3x1,9,3\ntail.b,1,12,1\n";
const VALUES: [f32; 13] = [1., 2., 3., 4., 5., 6., 1., 1., 1., 1., 10., 100., 0.5];

#[test]
fn names_of_the_file_lead_to_addresses() {
    let (code, said) = run(
        "adopt(data.trained(\"w\"), net, names: there)",
        LIST,
        &VALUES,
    );
    // (5+1)·1 + (7+1)·10 + (9+1)·100 + 0.5
    assert!(code == 0 && said.contains("y: 1086.5"), "{code} {said}");
}

#[test]
fn what_is_missing_or_misshapen_is_told_by_both_names() {
    let (code, said) = run("adopt(data.trained(\"w\"), net)", LIST, &VALUES);
    assert!(
        code == 1 && said.contains("E0202") && said.contains("`dense/w`"),
        "{said}"
    );
    let turned = LIST.replace("head.w,2x3", "head.w,3x2");
    let (code, said) = run(
        "adopt(data.trained(\"w\"), net, names: there)",
        &turned,
        &VALUES,
    );
    assert!(
        code == 1 && said.contains("`head.w` does not fit `dense/w`"),
        "{said}"
    );
    let fresh = "adopt(data.trained(\"w\"), net, names: there, by: (old, new) => if old is none { new } else { new * 0 + 2 })";
    let (code, said) = run(fresh, &turned, &VALUES);
    // Every entry of the misshapen matrix is 2: (4+1)·111 + 0.5
    assert!(code == 0 && said.contains("y: 555.5"), "{code} {said}");
    let (code, said) = run(
        "adopt(data.trained(\"w\"), net, names: there)",
        LIST,
        &VALUES[..9],
    );
    assert!(
        code != 0 && said.contains("E0702") && said.contains("tail.w"),
        "{said}"
    );
}

/// The data folder of a developer, or nothing.
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let root = std::env::var_os("NASC_DATA").map_or(beside, PathBuf::from);
    root.join("weights/nb201_2566_cifar10")
        .is_dir()
        .then_some(root)
}

#[test]
fn a_network_that_nobody_here_trained_gives_its_reference_logits() {
    let Some(root) = data() else {
        eprintln!(
            "skipped: there is no `weights/nb201_2566_cifar10` under $NASC_DATA or ../shared/data"
        );
        return;
    };
    let out = tempfile::tempdir().expect("a folder");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/pretrained.nas");
    let output = Command::cargo_bin("nasc")
        .expect("the command")
        .args([
            "run",
            &file.to_string_lossy(),
            "--set",
            "rows=2000",
            "--data",
            &root.to_string_lossy(),
        ])
        .args(["--out", &out.path().to_string_lossy()])
        .env("NASC_STORE", out.path().join("store"))
        .output()
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("right: 0.8045"), "{said}");
}
