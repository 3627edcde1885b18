//! `nasc review`: the plan compared with the committed one, or with that of a git revision.

use super::{Outcome, fmt::difference, plan, shown};
use crate::args::{Common, Review, Target};
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::{Diagnostic, Sources};
use std::path::{Path, PathBuf};
use std::process::Command;

pub fn run(args: &Review, common: &Common, show: &mut Show) -> Outcome {
    let mut whole = Outcome {
        looked: true,
        ..Outcome::default()
    };
    for file in &args.files.files {
        let target = Target {
            file: file.clone(),
            pipeline: None,
        };
        let (new, loaded) = match plan::page(&target, false, common) {
            Ok(planned) => planned,
            Err(outcome) => {
                join(&mut whole, *outcome);
                continue;
            }
        };
        join(&mut whole, loaded.outcome());
        match one(args, file, &new, show) {
            Ok(true) => {}
            Ok(false) => whole.code = whole.code.max(exit::SOURCE),
            Err(d) => {
                whole.diags.push(d);
                whole.code = whole.code.max(exit::SOURCE);
            }
        }
    }
    whole
}

/// Compares or accepts one plan; true when there is nothing left to look at.
fn one(args: &Review, file: &Path, new: &str, show: &mut Show) -> Result<bool, Diagnostic> {
    let committed = committed(file);
    let name = shown(&committed);
    if args.accept {
        if let Some(folder) = committed.parent() {
            std::fs::create_dir_all(folder).map_err(|e| {
                Diagnostic::error(
                    "E0706",
                    format!("`{}` cannot be made: {e}", folder.display()),
                )
            })?;
        }
        world::write_whole(&committed, new)?;
        show.say(&format!("wrote {name}"));
        return Ok(true);
    }
    let old = match &args.against {
        Some(revision) => of_revision(revision, &committed)?,
        None if !committed.exists() => {
            let d = Diagnostic::error("E0803", format!("there is no committed plan `{name}`"));
            return Err(d.help("`nasc review --accept` writes it"));
        }
        None => world::read_source(&committed)?,
    };
    if old == new {
        return Ok(true);
    }
    show.diff(&difference(&name, &old, new));
    Ok(false)
}

/// `reviews/<name>.plan` beside the file.
fn committed(file: &Path) -> PathBuf {
    let name = file
        .file_stem()
        .unwrap_or(file.as_os_str())
        .to_string_lossy();
    file.with_file_name("reviews").join(format!("{name}.plan"))
}

/// The committed plan as it was in a revision.
fn of_revision(revision: &str, path: &Path) -> Result<String, Diagnostic> {
    let fault = |why: String| {
        Diagnostic::error("E0802", format!("`{revision}` has no `{}`", path.display())).note(why)
    };
    if revision.is_empty() || revision.starts_with('-') {
        return Err(fault("the name of a revision is needed".to_string()));
    }
    // git looks the path up from the folder it runs in when it starts with `./`.
    let above = path
        .parent()
        .and_then(Path::parent)
        .filter(|p| !p.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let output = Command::new("git")
        .arg("-C")
        .arg(above.unwrap_or(Path::new(".")))
        .args(["show", &format!("{revision}:./reviews/{name}")])
        .output()
        .map_err(|e| fault(format!("git cannot be run: {e}")))?;
    if !output.status.success() {
        return Err(fault(
            String::from_utf8_lossy(&output.stderr).trim().to_string(),
        ));
    }
    String::from_utf8(output.stdout).map_err(|_| fault("it is not UTF-8".to_string()))
}

/// Adds the findings of one file to those of the others.
pub fn join(whole: &mut Outcome, part: Outcome) {
    let Outcome {
        code,
        mut diags,
        sources,
        ..
    } = part;
    let ids = add_all(&mut whole.sources, &sources);
    for label in diags.iter_mut().flat_map(|d| d.labels.iter_mut()) {
        if let Some(id) = ids.get(label.span.file.0 as usize) {
            label.span.file = *id;
        }
    }
    whole.diags.extend(diags);
    whole.code = whole.code.max(code);
}

fn add_all(whole: &mut Sources, part: &Sources) -> Vec<nas_diagnostics::FileId> {
    part.iter()
        .map(|(_, f)| whole.add(f.name.clone(), f.text.clone()))
        .collect()
}
