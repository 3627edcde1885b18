//! Lists every `.nas` file below this folder, so that the library is embedded as text.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut found = Vec::new();
    walk(&root, "", &mut found)?;
    found.sort();
    let mut text = String::from("&[\n");
    for path in &found {
        text.push_str(&format!(
            "    ({path:?}, include_str!({:?})),\n",
            root.join(path).display().to_string()
        ));
    }
    text.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("files.rs"), text)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=.");
    Ok(())
}

/// Adds the files below `folder`, as paths relative to the root, `/`-separated.
fn walk(root: &Path, folder: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') || name == "src" || name == "target" {
            continue;
        }
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        } else if name.ends_with(".nas") {
            found.push(path);
        }
    }
    Ok(())
}
