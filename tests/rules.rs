//! Rules of tensors: the command tries both sides on drawn numbers before anything runs.

use assert_cmd::Command;

fn check(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.nas");
    std::fs::write(&file, text).expect("a file");
    let out = Command::cargo_bin("nasc")
        .expect("the command")
        .args(["check", "--message-format", "short"])
        .arg(&file)
        .output()
        .expect("it runs");
    String::from_utf8_lossy(&out.stdout).to_string() + &String::from_utf8_lossy(&out.stderr)
}

#[test]
fn a_rule_that_changes_a_function_of_tensors_is_refused() {
    for rule in [
        "softmax(x, over: 1) => x",
        "relu(x) => x",
        "max(x, over: 1) => mean(x, over: 1)",
        "relu(mean(x, over: 1)) => mean(relu(x), over: 1)",
        "cumsum(x, over: 1) => x",
    ] {
        let said = check(&format!("rewrite r {{ {rule} }}\n"));
        assert!(
            said.contains("E0308") || said.contains("E0401"),
            "{rule}: {said}"
        );
    }
}

#[test]
fn a_rule_that_keeps_it_is_not() {
    for rule in [
        "relu(relu(x)) => relu(x)",
        "softmax(x + 1, over: 1) => softmax(x, over: 1)",
        "mean(2 * x, over: 1) => 2 * mean(x, over: 1)",
        "log(exp(x)) => x",
        "sum(mean(x, over: 1), over: 0) => sum(mean(x, over: 1), over: 0)",
    ] {
        let said = check(&format!("rewrite r {{ {rule} }}\n"));
        assert!(!said.contains("error"), "{rule}: {said}");
    }
}
