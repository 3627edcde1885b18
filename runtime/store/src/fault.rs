//! What can go wrong with stored things, as values.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The operating system refused a read or a write of the store or of a run folder.
#[derive(Debug)]
pub struct StoreFault {
    /// E0706.
    pub code: &'static str,
    /// What was tried and why it failed, in one line.
    pub message: String,
    /// The file or folder concerned.
    pub path: PathBuf,
    /// How many bytes had to be written, where something was written.
    pub needed: Option<u64>,
    /// What to do about it.
    pub help: String,
    /// The kind of the system's error.
    pub kind: io::ErrorKind,
}

impl StoreFault {
    pub(crate) fn new(
        path: &Path,
        what: &str,
        needed: Option<u64>,
        error: &io::Error,
    ) -> StoreFault {
        let help = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, then run again: nothing already stored is lost"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "name a folder that can be written with NASC_STORE or --out"
            }
            _ => "check the disk, then run again: nothing already stored is lost",
        };
        let size = needed.map_or(String::new(), |n| format!(" {n} bytes"));
        StoreFault {
            code: "E0706",
            message: format!("{what}{size} failed: {error}"),
            path: path.to_path_buf(),
            needed,
            help: help.to_string(),
            kind: error.kind(),
        }
    }
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}; {}",
            self.code,
            self.path.display(),
            self.message,
            self.help
        )
    }
}

impl std::error::Error for StoreFault {}

/// A stored thing whose bytes are not those that were written; it has been moved aside, so that it can be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where it stood.
    pub path: PathBuf,
    /// Where it lies now; none where it could not be moved or read.
    pub moved_to: Option<PathBuf>,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the stored bytes are damaged ({})",
            self.path.display(),
            self.why
        )?;
        if let Some(moved) = &self.moved_to {
            write!(f, "; they were moved to {}", moved.display())?;
        }
        write!(f, " and the result is made again")
    }
}

impl std::error::Error for Damaged {}
