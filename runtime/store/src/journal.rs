//! The journal: one JSON object a line, each flushed, a torn last line forgiven.

use crate::fault::StoreFault;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An open journal; appending is safe from several processes.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens a journal for appending; a last line that an interruption tore is cut off.
    pub fn open(path: impl Into<PathBuf>) -> Result<Journal, StoreFault> {
        let path = path.into();
        let fault = |e: io::Error| StoreFault::new(&path, "opening", None, &e);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(fault)?;
        file.lock().map_err(fault)?;
        let mended = mend(&mut file);
        let unlocked = file.unlock();
        mended.and(unlocked).map_err(fault)?;
        Ok(Journal { file, path })
    }

    /// Appends one object as one line and hands it to the operating system at once.
    pub fn append(&mut self, event: &Value) -> Result<(), StoreFault> {
        let mut line = event.to_string();
        line.push('\n');
        let fault =
            |e: io::Error| StoreFault::new(&self.path, "appending", Some(line.len() as u64), &e);
        self.file.lock().map_err(fault)?;
        // A writer that died in the middle of a line must not spoil this one. A disk that is full keeps what it had.
        let written = mend(&mut self.file).and_then(|len| {
            self.file
                .write_all(line.as_bytes())
                .and_then(|()| self.file.flush())
                .inspect_err(|_| {
                    let _ = self.file.set_len(len);
                })
        });
        let unlocked = self.file.unlock();
        written.and(unlocked).map_err(fault)
    }

    /// Makes everything appended so far survive a loss of power.
    pub fn sync(&self) -> Result<(), StoreFault> {
        self.file
            .sync_all()
            .map_err(|e| StoreFault::new(&self.path, "flushing", None, &e))
    }
}

/// Cuts a last line without its end; gives the length then.
fn mend(file: &mut File) -> io::Result<u64> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut end = len;
    let mut block = [0u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|b| *b == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < len {
        file.set_len(end)?;
    }
    file.seek(SeekFrom::End(0))
}

/// All whole events of a journal, in order; a torn last line is left out, and so is a line that is no JSON.
pub fn read_journal(path: &Path) -> Result<Vec<Value>, StoreFault> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreFault::new(path, "reading", None, &e)),
    };
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    Ok(bytes[..whole]
        .split(|b| *b == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}
