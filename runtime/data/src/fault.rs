//! What can be wrong with data, as a value: a code, the place, and a way out.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Nothing readable stands at the path.
pub const MISSING: &str = "E0701";
/// The bytes are not what the format or the header says.
pub const DAMAGED: &str = "E0702";
/// A path that leads out of the folders that may be read.
pub const OUTSIDE: &str = "E0205";
/// The operating system refused.
pub const IO: &str = "E0706";

/// A refusal to read, with everything a person needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// One of [`MISSING`], [`DAMAGED`], [`OUTSIDE`], [`IO`].
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The file or folder concerned.
    pub path: PathBuf,
    /// Where in the file, in bytes from its start, where that is known.
    pub offset: Option<u64>,
    /// What to do about it; may be empty.
    pub help: String,
}

impl Fault {
    fn new(code: &'static str, path: &Path, message: String, help: &str) -> Fault {
        Fault {
            code,
            message,
            path: path.to_path_buf(),
            offset: None,
            help: help.to_string(),
        }
    }

    pub(crate) fn missing(path: &Path, message: impl Into<String>, help: &str) -> Fault {
        Fault::new(MISSING, path, message.into(), help)
    }

    pub(crate) fn outside(path: &Path, message: impl Into<String>, help: &str) -> Fault {
        Fault::new(OUTSIDE, path, message.into(), help)
    }

    pub(crate) fn damaged(path: &Path, message: impl Into<String>, help: &str) -> Fault {
        Fault::new(DAMAGED, path, message.into(), help)
    }

    pub(crate) fn io(path: &Path, message: impl Into<String>, help: &str) -> Fault {
        Fault::new(IO, path, message.into(), help)
    }

    /// From an error of the operating system while doing `what` ("reading").
    pub(crate) fn os(path: &Path, what: &str, error: &std::io::Error) -> Fault {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Fault::missing(path, format!("{what} failed: there is no such file"), "");
        }
        Fault::io(
            path,
            format!("{what} failed: {error}"),
            "check the file's permissions and the disk",
        )
    }

    pub(crate) fn at(mut self, offset: u64) -> Fault {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.code,
            self.path.display(),
            self.message
        )?;
        if let Some(offset) = self.offset {
            write!(f, " (at byte {offset})")?;
        }
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a guarded decoder: a panic hook should then say nothing, as the panic becomes a fault.
pub fn decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder of another crate; should it panic on damaged bytes, that is an error like any other.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let outer = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(outer);
    result.unwrap_or_else(|_| Err("the bytes cannot be decoded".to_string()))
}
