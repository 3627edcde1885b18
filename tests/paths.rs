//! Paths of data stay below the program's folder and the data roots: refused by the check, not only missed.

use assert_cmd::Command;

#[test]
fn a_data_path_that_climbs_is_refused_by_the_check() {
    for path in ["../../etc", "/etc", "a/../../b", ".."] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!("pipeline main {{ report data.images(\"{path}\").length }}\n");
        std::fs::write(folder.path().join("p.nas"), text).expect("a file");
        let out = Command::cargo_bin("nasc")
            .expect("the command")
            .current_dir(folder.path())
            .args(["check", "--message-format", "short", "p.nas"])
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&out.stdout).to_string()
            + &String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("error[E0205]"), "{path}: {said}");
        assert_eq!(out.status.code(), Some(1), "{path}: {said}");
    }
}
