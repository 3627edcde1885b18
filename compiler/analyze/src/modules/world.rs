//! Where texts come from: the one way in which the compiler reads files.

/// The project's files. A path is relative to the project and `/`-separated.
pub trait World {
    /// The text of a file.
    ///
    /// # Errors
    /// A [`ReadFault`] that says why there is no text.
    fn read(&self, path: &str) -> Result<String, ReadFault>;

    /// Names of the entries of a folder (`""` is the project), for "did you mean"; may be empty.
    fn list(&self, _folder: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFault {
    Missing,
    /// The first byte that is not UTF-8.
    NotUtf8 {
        offset: usize,
    },
    /// A folder, a pipe, a device.
    NotAFile,
    TooLarge,
    /// The path or a link in it leads out of the project.
    Outside,
    Io(String),
}

impl ReadFault {
    /// The rest of a sentence that begins with the file's name.
    pub(crate) fn describe(&self) -> String {
        match self {
            ReadFault::Missing => "does not exist".into(),
            ReadFault::NotUtf8 { offset } => format!("is not UTF-8 text (byte {offset})"),
            ReadFault::NotAFile => "is not a plain file".into(),
            ReadFault::TooLarge => "is too large for a source file".into(),
            ReadFault::Outside => "is outside the project".into(),
            ReadFault::Io(text) => format!("cannot be read: {text}"),
        }
    }
}
