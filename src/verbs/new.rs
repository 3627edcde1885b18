//! `nasc new`: a small project that checks, runs and is reviewed from its first day.

use super::{Outcome, shown};
use crate::args::New;
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::Diagnostic;
use std::fs;
use std::path::Path;

const FILES: [(&str, &str); 4] = [
    ("main.nas", include_str!("../template/main.nas")),
    ("README.md", include_str!("../template/README.md")),
    (".gitignore", include_str!("../template/gitignore")),
    (
        ".github/workflows/nasc.yml",
        include_str!("../template/workflow.yml"),
    ),
];

pub fn run(args: &New, show: &mut Show) -> Outcome {
    match make(&args.dir) {
        Ok(()) => {
            show.say(&format!(
                "made {}; next: nasc check {}",
                shown(&args.dir),
                shown(&args.dir.join("main.nas"))
            ));
            Outcome::ok()
        }
        Err(d) => Outcome::failed(exit::SOURCE, vec![*d]),
    }
}

fn make(dir: &Path) -> Result<(), Box<Diagnostic>> {
    let taken = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => dir.symlink_metadata().is_ok(),
    };
    if taken {
        let d = Diagnostic::error(
            "E0802",
            format!("`{}` is not an empty folder", dir.display()),
        );
        return Err(Box::new(d.help(
            "name a folder that does not exist yet; nothing was changed",
        )));
    }
    // The name stands in a comment and a heading: a line break would end both.
    let name = dir
        .file_name()
        .map(|n| n.to_string_lossy().replace(char::is_control, " "));
    let name = name.unwrap_or_else(|| "a project".to_string());
    for (file, text) in FILES {
        let path = dir.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| {
                Diagnostic::error(
                    "E0706",
                    format!("`{}` cannot be made: {e}", folder.display()),
                )
            })?;
        }
        world::write_whole(&path, &text.replace("PROJECT", &name))?;
    }
    Ok(())
}
