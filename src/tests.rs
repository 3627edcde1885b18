//! The command as a whole, on files of a temporary folder: what it prints where, and its exit codes.

use crate::show::{Look, Show};
use crate::{command_to, exit};
use nas_driver::{ReadFault, World};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("UTF-8")
    }
}

/// Exit code, stdout and stderr of a command line.
fn nasc(words: &[&str]) -> (u8, String, String) {
    let argv: Vec<OsString> = std::iter::once("nasc")
        .chain(words.iter().copied())
        .map(OsString::from)
        .collect();
    let (out, err) = (Shared::default(), Shared::default());
    let show = |look: Look, quiet| {
        let look = Look {
            findings: nas_diagnostics::Style::default(),
            color: false,
            ..look
        };
        Show::to(look, quiet, Box::new(out.clone()), Box::new(err.clone()))
    };
    let code = command_to(&argv, show);
    (code, out.text(), err.text())
}

fn short(words: &[&str]) -> (u8, String) {
    let words: Vec<&str> = ["--message-format", "short"]
        .iter()
        .chain(words)
        .copied()
        .collect();
    let (code, _, err) = nasc(&words);
    (code, err)
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

#[test]
fn a_command_line_that_cannot_be_followed_is_a_finding() {
    let (folder, lines) = (
        tempfile::tempdir().expect("a folder"),
        RefCell::new(String::new()),
    );
    let path = file(folder.path(), "a.nas", b"");
    let say = |words: &[&str]| {
        let given: Vec<&str> = words
            .iter()
            .map(|w| if *w == "a.nas" { path.as_str() } else { w })
            .collect();
        let (code, out, err) = nasc(&given);
        assert_eq!((code, out.as_str()), (exit::USAGE, ""), "{words:?}");
        lines
            .borrow_mut()
            .push_str(&format!("> nasc {}\n{err}", words.join(" ")));
    };
    say(&[]);
    say(&["chekc", "a.nas"]);
    say(&["lsq"]);
    say(&["check", "--mesage-format", "json", "a.nas"]);
    say(&["check", "a.nas", "--message-format", "jsn"]);
    say(&["check"]);
    say(&["check", ""]);
    say(&["check", "a.nas", "--emit", "asd"]);
    say(&["run", "a.nas", "b.nas"]);
    say(&["run", "a.nas", "--device", "cuda:x"]);
    say(&["run", "a.nas", "--set", "epochs"]);
    say(&["run", "a.nas", "--seed", "-1"]);
    say(&["run", "a.nas", "--jobs", "0"]);
    say(&["run", "a.nas", "--seed"]);
    say(&["review", "a.nas", "--accept", "--against", "main"]);
    say(&["completions", "fsh"]);
    insta::assert_snapshot!(lines.into_inner());
}

#[test]
fn the_form_asked_for_holds_even_when_the_rest_is_wrong() {
    let (code, out, err) = nasc(&["check", "--message-format=json", "a.nas", "--sed", "3"]);
    assert_eq!((code, err.as_str()), (exit::USAGE, ""));
    let value: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(value["code"], "E0801");
    assert_eq!(value["help"], "did you mean `--seed`?");
    assert_eq!(value["file"], serde_json::Value::Null);
    let (code, out, _) = nasc(&["chck", "--message-format", "github"]);
    assert_eq!(code, exit::USAGE);
    assert!(out.starts_with("::error title=E0801::"), "{out}");
}

#[test]
fn help_names_every_verb_but_the_language_server() {
    let (code, out, err) = nasc(&["--help"]);
    assert_eq!((code, err.as_str()), (exit::OK, ""));
    for verb in [
        "run",
        "check",
        "test",
        "plan",
        "review",
        "space",
        "fmt",
        "why",
        "explain",
        "doc",
        "export",
        "new",
        "completions",
    ] {
        assert!(out.contains(&format!("\n  {verb} ")), "{verb}: {out}");
    }
    assert!(!out.contains("lsp"), "{out}");
    assert!(short(&["lsp"]).1.contains("error[E0309]"));
    assert_eq!(
        nasc(&["--version"]).1,
        format!("nasc {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn explain_gives_the_page_or_the_nearest() {
    assert!(
        nasc(&["explain", "E0401"])
            .1
            .starts_with("# E0401: shapes differ\n")
    );
    assert_eq!(nasc(&["explain", "e0401"]), nasc(&["explain", "E0401"]));
    assert!(nasc(&["explain"]).1.contains("E0401  shapes differ\n"));
    let (code, out, err) = nasc(&["explain", "E041"]);
    assert_eq!((code, out.as_str()), (exit::SOURCE, ""));
    assert!(err.contains("did you mean `E0401`?"), "{err}");
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, _) = nasc(&["completions", shell]);
        assert!(
            code == exit::OK && out.contains("review") && out.contains("message-format"),
            "{shell}"
        );
    }
}

#[test]
fn every_fault_of_reading_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let tell = |path: &str, what: &str| {
        for verb in ["check", "fmt", "run"] {
            let (code, err) = short(&[verb, path]);
            assert_eq!(code, exit::SOURCE, "{verb} {path}: {err}");
            assert!(
                err.contains("error[E0803]") && err.contains(what),
                "{verb} {path}: {err}"
            );
        }
    };
    tell(&at("none.nas"), "there is no file");
    tell(&at(""), "is a folder");
    tell(
        &file(folder.path(), "latin.nas", b"ok\n\xe4"),
        "is not UTF-8",
    );
    let large = std::fs::File::create(at("large.nas")).expect("a file");
    large
        .set_len(crate::world::LARGEST + 1)
        .expect("a sparse file");
    tell(&at("large.nas"), "larger than 64 MiB");
    if cfg!(unix) {
        tell("/dev/zero", "no regular file");
        tell("/proc/self/environ", "no regular file");
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe.nas"))
            .status();
        if made.is_ok_and(|s| s.success()) {
            tell(&at("pipe.nas"), "no regular file");
        }
    }
    let (_, _, err) = nasc(&["check", &at("latin.nas")]);
    assert!(err.contains("note: byte 3, in line 2, is 0xe4"), "{err}");
    file(folder.path(), "network.nas", b"");
    let (_, _, err) = nasc(&["check", &at("netwrk.nas")]);
    assert!(
        err.contains("did you mean `") && err.contains("network.nas`?"),
        "{err}"
    );
}

#[test]
fn fmt_writes_and_check_shows_the_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "fn  twice(x:Int)->Int{x*2}\n";
    let path = file(folder.path(), "a.nas", text.as_bytes());
    let read = || std::fs::read_to_string(&path).expect("the file");

    let (code, out, _) = nasc(&["fmt", "--check", &path]);
    assert_eq!(code, exit::SOURCE);
    assert!(
        out.contains("\n-fn  twice(x:Int)->Int{x*2}\n+fn twice"),
        "{out}"
    );
    assert_eq!(read(), text);

    assert_eq!(nasc(&["fmt", &path]).0, exit::OK);
    let formatted = read();
    assert_ne!(formatted, text);
    assert_eq!(
        nasc(&["fmt", "--check", &path]),
        (exit::OK, String::new(), String::new())
    );
    assert_eq!(
        nasc(&["fmt", &path]),
        (exit::OK, String::new(), String::new())
    );
    assert_eq!(read(), formatted);
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .count(),
        1,
        "no temporary file is left"
    );

    let broken = file(folder.path(), "b.nas", b"fn twice(x: Int) -> Int { x * ");
    let (code, err) = short(&["fmt", &path, &broken]);
    assert_eq!(code, exit::SOURCE);
    assert!(err.contains("b.nas:1:"), "{err}");
}

#[test]
fn new_makes_a_project_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("small nets");
    let path = dir.display().to_string();
    assert_eq!(nasc(&["new", &path]).0, exit::OK);
    for name in [
        "main.nas",
        "README.md",
        ".gitignore",
        ".github/workflows/nasc.yml",
    ] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    let readme = std::fs::read_to_string(dir.join("README.md")).expect("the file");
    assert!(
        readme.starts_with("# small nets\n") && !readme.contains("PROJECT"),
        "{readme}"
    );
    let main = dir.join("main.nas").display().to_string();
    assert_eq!(nasc(&["check", "--emit", "ast", &main]).0, exit::OK);
    assert_eq!(nasc(&["fmt", "--check", &main]).1, "");
    let (code, err) = short(&["new", &path]);
    assert_eq!(code, exit::SOURCE);
    assert!(err.contains("is not an empty folder"), "{err}");
}

#[test]
fn modules_stay_inside_the_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("project");
    std::fs::create_dir_all(project.join("nets")).expect("folders");
    file(folder.path(), "secret.nas", b"secret");
    file(&project.join("nets"), "small.nas", b"text");
    let disk = crate::world::Disk::of(&project);
    assert_eq!(disk.read("nets/small.nas"), Ok("text".to_string()));
    assert_eq!(disk.read("nets/none.nas"), Err(ReadFault::Missing));
    let absolute = project.join("nets/small.nas").display().to_string();
    for outside in [
        "../secret.nas",
        "nets/../../secret.nas",
        absolute.as_str(),
        "c:x.nas",
        "a\\b.nas",
    ] {
        assert_eq!(disk.read(outside), Err(ReadFault::Outside), "{outside}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret.nas"), project.join("link.nas"))
            .expect("a link");
        assert_eq!(disk.read("link.nas"), Err(ReadFault::Outside));
    }
}
