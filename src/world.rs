//! The file system as nasc sees it: source files read with every fault told, modules kept inside the project, files written whole.

use nas_diagnostics::Diagnostic;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

/// A larger source file is refused.
pub const LARGEST: u64 = 64 << 20;

/// A project on disk: the folder of the file that is compiled.
#[derive(Debug, Clone)]
#[allow(dead_code)] // until modules are read through it
pub struct Disk {
    root: PathBuf,
}

#[allow(dead_code)] // until modules are read through it
impl Disk {
    /// The project of a file: its folder.
    pub fn of(entry: &Path) -> Disk {
        let folder = entry.parent().filter(|p| !p.as_os_str().is_empty());
        Disk {
            root: folder.unwrap_or(Path::new(".")).to_path_buf(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a module by its path relative to the project, `nets/small.nas`; none when there is no such file.
    ///
    /// Errors: E0205 when the path or a link in it leads out of the project, E0803 when the file cannot be read.
    pub fn module(&self, relative: &str) -> Result<Option<String>, Diagnostic> {
        let path = Path::new(relative);
        let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
        if !plain || relative.contains(['\\', ':', '\0']) {
            return Err(leaves(relative));
        }
        let full = self.root.join(path);
        let real = match fs::canonicalize(&full) {
            Ok(real) => real,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(unreadable(&full, &e)),
        };
        let root = fs::canonicalize(&self.root).map_err(|e| unreadable(&self.root, &e))?;
        if !real.starts_with(root) {
            return Err(leaves(relative));
        }
        read_source(&full).map(Some)
    }
}

#[allow(dead_code)] // until modules are read through it
fn leaves(relative: &str) -> Diagnostic {
    Diagnostic::error("E0205", format!("`{relative}` leads out of the project"))
        .help("name a file below the folder of the file that is compiled, without `..` and links")
}

/// Reads a source file. Errors are E0803: missing, a folder, a device or pipe, too large, not UTF-8, or the system's own.
pub fn read_source(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display();
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
    String::from_utf8(bytes).map_err(|e| {
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
