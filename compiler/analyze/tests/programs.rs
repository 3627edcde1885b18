//! The example programs load, and what is reported about them is about names that the library would bring.

use nas_analyze::{Library, ReadFault, World, check_names, load};
use std::path::PathBuf;

struct Folder(PathBuf);

impl World for Folder {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| ReadFault::Missing)
    }
}

#[test]
#[ignore = "prints what the programs still lack"]
fn programs() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/programs");
    let library: Library = &[];
    for folder in ["search", "networks"] {
        let Ok(files) = std::fs::read_dir(root.join(folder)) else {
            continue;
        };
        let mut names: Vec<String> = files
            .flatten()
            .filter_map(|f| f.file_name().into_string().ok())
            .collect();
        names.sort();
        for name in names {
            let entry = format!("{folder}/{name}");
            let at = std::time::Instant::now();
            let loaded = load(&Folder(root.clone()), library, &entry);
            let read = at.elapsed();
            let found = check_names(&loaded.program, &loaded.sources, library);
            println!("=== {entry} {read:?} {:?}", at.elapsed());
            for d in loaded.diagnostics.iter().chain(&found) {
                let Some(span) = d.primary() else { continue };
                let Some(file) = loaded.sources.get(span.file) else {
                    continue;
                };
                if *file.name == *entry {
                    println!(
                        "{} {} {} | {}",
                        d.code,
                        file.line_column(span.start).line,
                        d.message,
                        d.help.clone().unwrap_or_default()
                    );
                }
            }
        }
    }
}
