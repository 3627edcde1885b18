//! The plan of a file as it was in a git revision: its sources are taken out of git and planned by this version.

use crate::args::{Common, Target};
use crate::front::Front;
use crate::verbs::plan;
use nas_diagnostics::Diagnostic;
use std::path::Path;
use std::process::Command;

/// The page of a file's pipeline in a revision.
pub fn plan(revision: &str, file: &Path, common: &Common) -> Result<String, Box<Diagnostic>> {
    let fault = |why: String| {
        let text = format!("`{revision}` has no `{}`", file.display());
        Box::new(Diagnostic::error("E0802", text).note(why))
    };
    if revision.is_empty() || revision.starts_with('-') {
        return Err(fault("the name of a revision is needed".to_string()));
    }
    let folder = match file.parent() {
        Some(f) if !f.as_os_str().is_empty() => f,
        _ => Path::new("."),
    };
    let git = |words: &[&str]| -> Result<Vec<u8>, Box<Diagnostic>> {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(words)
            .output()
            .map_err(|e| fault(format!("git cannot be run: {e}")))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(fault(
                String::from_utf8_lossy(&output.stderr).trim().to_string(),
            )),
        }
    };
    let text =
        |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".into()));
    let inside = text(git(&["rev-parse", "--show-prefix"])?)?;
    if git(&[
        "rev-parse",
        "--verify",
        "--quiet",
        &format!("{revision}^{{commit}}"),
    ])
    .is_err()
    {
        let text = format!("`{revision}` is no revision of this repository");
        let help = "a commit, a branch or a tag, as `git rev-parse` takes it; a clone without history (CI) has to fetch it first";
        return Err(Box::new(Diagnostic::error("E0802", text).help(help)));
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let own = format!("{}{name}", inside.trim());
    // All sources of the project: what the file imported then is not known before it is read.
    let listed = text(git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "--full-tree",
        "-z",
        revision,
    ])?)?;
    let sources: Vec<&str> = listed.split('\0').filter(|p| p.ends_with(".nas")).collect();
    if !sources.contains(&own.as_str()) {
        return Err(fault("the file is not in it".to_string()));
    }
    let disk = |e: std::io::Error| Box::new(Diagnostic::error("E0706", format!("{e}")));
    let scratch = tempfile::tempdir().map_err(disk)?;
    let root = scratch.path();
    // The mark of a project's folder: imports start from it.
    std::fs::create_dir_all(root.join(".git")).map_err(disk)?;
    for path in sources {
        if Path::new(path)
            .components()
            .any(|c| c == std::path::Component::ParentDir)
        {
            continue;
        }
        let bytes = git(&["show", &format!("{revision}:{path}")])?;
        let to = root.join(path);
        if let Some(above) = to.parent() {
            std::fs::create_dir_all(above).map_err(disk)?;
        }
        std::fs::write(&to, bytes).map_err(disk)?;
    }
    let target = Target {
        file: root.join(&own),
        pipeline: None,
    };
    let mut common = common.clone();
    if common.data.is_none() {
        common.data = Some(folder.to_path_buf());
    }
    let front = Front::open(&target.file);
    match plan::page_of(front, &target, false, &common) {
        Ok((page, _)) => Ok(page),
        Err(outcome) => {
            let first = outcome.diags.into_iter().find(Diagnostic::is_error);
            let why = first.map_or(String::new(), |d| format!("{}: {}", d.code, d.message));
            Err(Box::new(
                Diagnostic::error("E0802", format!("`{own}` had errors in `{revision}`")).note(why),
            ))
        }
    }
}
