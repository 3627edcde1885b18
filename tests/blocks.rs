//! Blocks that nothing calls: what cannot fit is found from their signature alone, what callers decide is left to them.

use assert_cmd::Command;

/// The codes that a check of this text gives.
fn codes(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.nas"), text).expect("a file");
    let out = Command::cargo_bin("nasc")
        .expect("the command")
        .args(["check", "--message-format", "json", "a.nas"])
        .current_dir(folder.path())
        .output()
        .expect("an answer");
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines()
        .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok())
        .filter(|v| v["severity"] == "error")
        .filter_map(|v| v["code"].as_str().map(String::from))
        .collect()
}

#[test]
fn what_no_caller_can_mend_is_told() {
    for block in [
        // Channels are doubled, and added to what they were.
        "block f(x: [n, c, h, w]) -> [n, c, h, w] { x + (x |> conv2d(2 * c, 3)) }",
        // A stride halves the image.
        "block f(out: Int)(x: [n, c, h, w]) -> [n, out, h, w] { x |> conv2d(out, 3, stride: 2) }",
        // The result has other channels than declared.
        "block f(out: Int)(x: [n, c, h, w]) -> [n, c, h, w] { x |> conv2d(out, 3) }",
        // Without padding two rows go.
        "block f(x: [n, c, h, w]) -> [n, c, h, w] { x + (x |> conv2d(c, 3, padding: valid_padding)) }",
        "block f(x: [n, d]) -> [n, d] { x + contract(\"n d, o d -> o n\", x, zeros[7, 2 * d]) }",
        // Three axes into a convolution.
        "block f(x: [n, t, d]) -> [n, t, d] { x |> conv2d(3, 3) }",
    ] {
        let found = codes(&format!("//! One block.\n{block}\n"));
        assert!(
            found.iter().any(|c| ["E0401", "E0403"].contains(&&**c)),
            "{block}: {found:?}"
        );
    }
}

#[test]
fn what_hangs_on_the_caller_is_not() {
    for block in [
        // Even sizes only, one kernel size or another, an arm for equal channels.
        "block f(out: Int)(x: [n, c, h, w]) -> [n, out, h / 2, w / 2] { (x |> conv2d(out, 3, stride: 2)) + (x |> avg_pool2d(2, stride: 2) |> conv2d(out, 1)) }",
        "block f(out: Int, stride: Int)(x: [n, c, h, w]) -> [n, out, _, _] { if stride == 1 and out == c { x } else { x |> conv2d(out, 1, stride) } }",
        "block f(width: Int)(x: [n, c, h, w]) -> [n, c, h, w] { x + (x |> conv2d(width, 3)) }",
        "block f(heads: Int)(x: [n, t, d]) -> [n, t, d] { x |> attention(heads) }",
        "block f(body: Block)(x: [..s]) -> [..s] { x + body(x) }",
        "block f(x: [n, c, h, w]) -> [n, c, ceil(h / 2), ceil(w / 2)] { x |> conv2d(c, 5, stride: 2) }",
    ] {
        let found = codes(&format!("//! One block.\n{block}\n"));
        assert_eq!(found, Vec::<String>::new(), "{block}");
    }
}
