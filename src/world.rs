//! The file system as nasc sees it: source files read with every fault told, modules kept inside the project, files written whole.

use nas_diagnostics::Diagnostic;
use nas_driver::{ReadFault, World};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

/// A larger source file is refused.
pub const LARGEST: u64 = 64 << 20;

/// A project on disk: the folder that imports start from, and the place of the file that is compiled in it.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    /// What findings write before a path of the project; empty where the project is the working folder.
    prefix: String,
    /// The working folder in the project, with a `/`; empty where it is not below.
    inside: String,
}

impl Disk {
    /// The project whose folder is given.
    pub fn of(root: &Path) -> Disk {
        let plain = root.as_os_str().is_empty() || root == Path::new(".");
        let text = root.display().to_string().replace('\\', "/");
        Disk {
            root: if plain {
                PathBuf::from(".")
            } else {
                root.to_path_buf()
            },
            prefix: match text.trim_end_matches('/') {
                _ if plain => String::new(),
                "" => "/".to_string(),
                text => format!("{}/", text.strip_prefix("./").unwrap_or(text)),
            },
            inside: String::new(),
        }
    }

    /// The project of a file, and the file's path in it: the nearest folder above with a `.git`, else the working folder
    /// where it is above the file, else the file's own folder.
    pub fn around(file: &Path) -> (Disk, String) {
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let name = |p: &Path| p.to_string_lossy().replace('\\', "/");
        let alone = || {
            let own = file.file_name().map(|n| n.to_string_lossy().into_owned());
            (Disk::of(folder), own.unwrap_or_default())
        };
        let (Ok(real), Ok(here)) = (fs::canonicalize(folder), fs::canonicalize(".")) else {
            return alone();
        };
        let above = real.ancestors().find(|p| p.join(".git").exists());
        let root = above.or_else(|| real.starts_with(&here).then_some(&*here));
        let (Some(root), Some(own)) = (root, file.file_name()) else {
            return alone();
        };
        let Ok(inside) = real.strip_prefix(root) else {
            return alone();
        };
        // Findings show paths from the working folder where they can.
        let shown = match (root.strip_prefix(&here), here.strip_prefix(root)) {
            (Ok(below), _) => below.to_path_buf(),
            (_, Ok(up)) => up.components().map(|_| "..").collect(),
            _ => root.to_path_buf(),
        };
        let mut disk = Disk::of(&shown);
        if let Ok(below) = here.strip_prefix(root)
            && !below.as_os_str().is_empty()
        {
            disk.inside = format!("{}/", name(below));
        }
        (disk, name(&inside.join(own)))
    }

    /// A path of the project as findings show it.
    pub fn shown(&self, relative: &str) -> String {
        match relative.strip_prefix(&self.inside) {
            Some(below) if !self.inside.is_empty() => below.to_string(),
            _ => format!("{}{relative}", self.prefix),
        }
    }

    /// A module's full path; none when there is no such file.
    fn find(&self, relative: &str) -> Result<Option<PathBuf>, ReadFault> {
        let path = Path::new(relative);
        let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
        if !plain || relative.contains(['\\', ':', '\0']) {
            return Err(ReadFault::Outside);
        }
        let full = self.root.join(path);
        let real = match fs::canonicalize(&full) {
            Ok(real) => real,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(ReadFault::Io(e.to_string())),
        };
        let root = fs::canonicalize(&self.root).map_err(|e| ReadFault::Io(e.to_string()))?;
        if !real.starts_with(root) {
            return Err(ReadFault::Outside);
        }
        Ok(Some(full))
    }
}

impl World for Disk {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        let full = self.find(path)?.ok_or(ReadFault::Missing)?;
        let meta = fs::metadata(&full).map_err(|e| ReadFault::Io(e.to_string()))?;
        if kind_fault(&full, &meta).is_err() {
            return Err(match meta.len() {
                n if meta.is_file() && n > LARGEST => ReadFault::TooLarge,
                _ => ReadFault::NotAFile,
            });
        }
        match read_bytes(&full) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|e| ReadFault::NotUtf8 {
                offset: e.utf8_error().valid_up_to(),
            }),
            Err(d) => Err(ReadFault::Io(d.message)),
        }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let path = self.root.join(folder);
        let entries = fs::read_dir(path).into_iter().flatten().take(1000);
        entries
            .filter_map(|f| f.ok()?.file_name().into_string().ok())
            .collect()
    }
}

/// Where relative data paths are looked up, in order: `--data`, the file's folder, `$NASC_DATA`.
pub fn data_roots(given: Option<&Path>, file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    let named = std::env::var_os("NASC_DATA").filter(|v| !v.is_empty());
    let mut roots: Vec<PathBuf> = given.map(Path::to_path_buf).into_iter().collect();
    roots.push(folder.unwrap_or(Path::new(".")).to_path_buf());
    roots.extend(named.map(PathBuf::from));
    roots
}

/// Where results are kept: `$NASC_STORE`, else `.nasc/` beside the file.
pub fn store(file: &Path) -> PathBuf {
    match std::env::var_os("NASC_STORE").filter(|v| !v.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => file.with_file_name(".nasc"),
    }
}

/// Reads a source file. Errors are E0803: missing, a folder, a device or pipe, too large, not UTF-8, or the system's own.
pub fn read_source(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display();
    String::from_utf8(read_bytes(path)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let bytes = e.as_bytes();
        let before = &bytes[..at];
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let byte = bytes.get(at).copied().unwrap_or(0);
        Diagnostic::error("E0803", format!("`{name}` is not UTF-8"))
            .note(format!("byte {at}, in line {line}, is 0x{byte:02x}"))
            .help("save the file as UTF-8")
    })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let meta = fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    kind_fault(path, &meta)?;
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    // And again what was opened, which may be another file by now.
    let meta = file.metadata().map_err(|e| unreadable(path, &e))?;
    kind_fault(path, &meta)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(path, &e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large(path, bytes.len() as u64));
    }
    Ok(bytes)
}

fn kind_fault(path: &Path, meta: &fs::Metadata) -> Result<(), Diagnostic> {
    let name = path.display();
    let fault = |what: &str| Diagnostic::error("E0803", format!("`{name}` is {what}"));
    if meta.is_dir() {
        return Err(fault("a folder").help("name the files in it: FOLDER/*.nas"));
    }
    let system = || {
        fs::canonicalize(path)
            .is_ok_and(|p| ["/proc", "/sys", "/dev"].iter().any(|s| p.starts_with(s)))
    };
    if !meta.is_file() || system() {
        return Err(fault("no regular file").help("copy the text to a file"));
    }
    if meta.len() > LARGEST {
        return Err(too_large(path, meta.len()));
    }
    Ok(())
}

fn too_large(path: &Path, bytes: u64) -> Diagnostic {
    Diagnostic::error(
        "E0803",
        format!("`{}` is larger than 64 MiB", path.display()),
    )
    .note(format!("at least {bytes} bytes"))
    .help("data belongs in a data file, not in the source")
}

fn unreadable(path: &Path, e: &io::Error) -> Diagnostic {
    let name = path.display();
    match e.kind() {
        ErrorKind::NotFound => {
            let found = Diagnostic::error("E0803", format!("there is no file `{name}`"));
            match neighbour(path) {
                Some(near) => found.help(format!("did you mean `{near}`?")),
                None => found,
            }
        }
        ErrorKind::PermissionDenied => {
            Diagnostic::error("E0803", format!("`{name}` may not be read"))
                .help("change its rights")
        }
        _ => Diagnostic::error("E0803", format!("`{name}` cannot be read: {e}")),
    }
}

/// The nearest `.nas` file in the same folder.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let names = fs::read_dir(folder)
        .ok()?
        .take(1000)
        .filter_map(|f| f.ok()?.file_name().into_string().ok());
    let near = nas_diagnostics::did_you_mean(wanted, names.filter(|n| n.ends_with(".nas")))?;
    Some(path.with_file_name(near).display().to_string())
}

/// Writes a file whole or not at all: a temporary file beside it, made durable, then renamed. Errors: E0706.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let fault = |e: io::Error| {
        Diagnostic::error(
            "E0706",
            format!("`{}` cannot be written: {e}", path.display()),
        )
        .note(format!(
            "{} bytes were to be written; the file is as it was",
            text.len()
        ))
    };
    // Through a link its target is replaced, not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        if let Ok(meta) = fs::metadata(&path) {
            file.set_permissions(meta.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(fault)
}
