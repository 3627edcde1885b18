//! What declarations do: the claims of `declarations.nas`, run by the command.

use assert_cmd::Command;
use std::path::Path;

#[test]
fn declarations_do_what_they_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/declarations.nas");
    let out = Command::cargo_bin("nasc")
        .expect("the command")
        .arg("test")
        .arg(file)
        .output()
        .expect("it runs");
    assert!(
        out.status.success(),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}
