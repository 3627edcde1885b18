//! Where data may be read from: relative paths under declared roots, and no way out of them.

use crate::fault::Fault;
use std::fs::{self, FileType};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A file, folder or file-name prefix, with the roots that links found there must stay under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    roots: Arc<[PathBuf]>,
}

impl Place {
    /// A place named by the caller itself: links are followed wherever they lead.
    pub fn bare(path: impl Into<PathBuf>) -> Place {
        Place {
            path: path.into(),
            roots: Arc::from([]),
        }
    }

    /// The path itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place `name` inside this folder. `name` is a plain file name.
    pub fn child(&self, name: &str) -> Place {
        self.with(self.path.join(name))
    }

    /// Another path under the same roots.
    pub(crate) fn with(&self, path: PathBuf) -> Place {
        Place {
            path,
            roots: self.roots.clone(),
        }
    }

    /// The last part of the path, for names in reports.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Whether a folder stands here (not through a link that leaves the roots).
    pub fn is_dir(&self) -> bool {
        self.kind().is_ok_and(|k| k.is_dir())
    }

    /// Whether a regular file stands here (not through a link that leaves the roots).
    pub fn is_file(&self) -> bool {
        self.kind().is_ok_and(|k| k.is_file())
    }

    /// What stands here, links followed but only inside the roots.
    pub(crate) fn kind(&self) -> Result<FileType, Fault> {
        let failed = |e: std::io::Error| Fault::os(&self.path, "looking", &e);
        if !self.roots.is_empty() {
            let real = self.path.canonicalize().map_err(failed)?;
            if !self.roots.iter().any(|root| real.starts_with(root)) {
                return Err(Fault::missing(
                    &self.path,
                    "this is a link that leads out of the data roots",
                    "copy the data under the root, or name its folder with --data",
                ));
            }
        }
        fs::metadata(&self.path)
            .map(|m| m.file_type())
            .map_err(failed)
    }

    /// The names in this folder, sorted; names that start with a dot and names that are no UTF-8 are left out.
    pub(crate) fn names(&self) -> Result<Vec<String>, Fault> {
        if !self.kind()?.is_dir() {
            return Err(Fault::missing(&self.path, "this is no folder", ""));
        }
        let failed = |e: std::io::Error| Fault::os(&self.path, "listing", &e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Finds the relative path `rel` under the first of `roots` that has it.
///
/// A root that is itself called like the first part of `rel` is also searched without that part, so `data/mnist` is
/// found under a root `…/data`. Absolute paths, `..`, links out of the roots, pipes and devices are refused.
pub fn open(roots: &[PathBuf], rel: &str) -> Result<Place, Fault> {
    search(roots, rel, false)
}

/// As [`open`], but `rel` may also be the beginning of file names, such as `data/mnist/t10k`.
pub fn open_prefix(roots: &[PathBuf], rel: &str) -> Result<Place, Fault> {
    search(roots, rel, true)
}

fn search(roots: &[PathBuf], rel: &str, prefix: bool) -> Result<Place, Fault> {
    let parts = parts(rel)?;
    let real: Arc<[PathBuf]> = roots.iter().filter_map(|r| r.canonicalize().ok()).collect();
    let mut tried = Vec::new();
    for root in real.iter() {
        let mut candidates = vec![root.join(parts.iter().collect::<PathBuf>())];
        if parts.len() > 1 && root.file_name().is_some_and(|n| n == parts[0]) {
            candidates.push(root.join(parts[1..].iter().collect::<PathBuf>()));
        }
        for path in candidates {
            let place = Place {
                path,
                roots: real.clone(),
            };
            if place.path.symlink_metadata().is_ok() {
                let kind = place.kind()?;
                if kind.is_file() || kind.is_dir() {
                    return Ok(place);
                }
                return Err(Fault::missing(
                    &place.path,
                    "this is neither a file nor a folder",
                    "pipes and devices are not read",
                ));
            }
            if prefix && has_prefix(&place) {
                return Ok(place);
            }
            tried.push(place);
        }
    }
    Err(nothing(rel, roots, &tried))
}

/// The parts of a relative path that stays below its root.
fn parts(rel: &str) -> Result<Vec<&str>, Fault> {
    let refuse = |why: &str| {
        Fault::outside(
            Path::new(rel),
            why,
            "write a path relative to the program's folder or to a data root",
        )
    };
    let mut parts = Vec::new();
    for component in Path::new(rel).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
            Component::CurDir => {}
            Component::ParentDir => return Err(refuse("a data path may not contain `..`")),
            Component::RootDir | Component::Prefix(_) => {
                return Err(refuse("a data path may not be absolute"));
            }
        }
    }
    if parts.is_empty() {
        return Err(Fault::missing(
            Path::new(rel),
            "the data path is empty",
            "name a file or a folder below the program's, or below a data root",
        ));
    }
    if rel.contains('\0') {
        return Err(refuse("a data path may not contain a NUL character"));
    }
    Ok(parts)
}

fn has_prefix(place: &Place) -> bool {
    let start = place.name();
    let folder = place.path.parent().map(|p| place.with(p.to_path_buf()));
    folder
        .and_then(|f| f.names().ok())
        .is_some_and(|names| names.iter().any(|n| n.starts_with(&start)))
}

/// The fault that lists the places tried and the nearest names beside them.
fn nothing(rel: &str, roots: &[PathBuf], tried: &[Place]) -> Fault {
    let mut near: Vec<(usize, String)> = Vec::new();
    for place in tried {
        let wanted = place.name().to_lowercase();
        let Some(parent) = place.path.parent() else {
            continue;
        };
        for name in place.with(parent.to_path_buf()).names().unwrap_or_default() {
            let distance = strsim::damerau_levenshtein(&wanted, &name.to_lowercase());
            if distance <= wanted.chars().count().max(3) / 3 {
                let full = Path::new(rel).with_file_name(&name).display().to_string();
                if !near.iter().any(|(_, n)| *n == full) {
                    near.push((distance, full));
                }
            }
        }
    }
    near.sort();
    let mut help = Vec::new();
    if let Some((_, name)) = near.first() {
        help.push(format!("did you mean `{name}`?"));
    }
    let places: Vec<String> = tried
        .iter()
        .map(|p| format!("`{}`", p.path.display()))
        .collect();
    if !places.is_empty() {
        help.push(format!("looked for {}", places.join(", ")));
    }
    for root in roots.iter().filter(|r| !r.is_dir()) {
        help.push(format!("the root `{}` is no folder", root.display()));
    }
    help.push("name another root with --data or NASC_DATA".to_string());
    Fault::missing(
        Path::new(rel),
        format!("there is no `{rel}`"),
        &help.join("; "),
    )
}
