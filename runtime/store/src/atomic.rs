//! Writing a file so that it is there whole or not at all, whatever happens.

use crate::fault::StoreFault;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Temporary files start like this; readers never look at them.
pub(crate) const TEMPORARY: &str = ".tmp-";
/// A temporary file this old belongs to no living writer.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// Writes `bytes` to `path`, replacing what stands there; a reader sees the old or the new content, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreFault> {
    place(path, bytes, true).map(|_| ())
}

/// Writes `bytes` to `path` unless something stands there already; tells whether it was written.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<bool, StoreFault> {
    place(path, bytes, false)
}

fn place(path: &Path, bytes: &[u8], replace: bool) -> Result<bool, StoreFault> {
    let fault = |e: io::Error| StoreFault::new(path, "writing", Some(bytes.len() as u64), &e);
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fault)?;
    // The file is removed when dropped, so a failure at any step leaves nothing behind.
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // Readable as the user's mask allows: people share stores.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder).map_err(fault)?;
    temporary.write_all(bytes).map_err(fault)?;
    temporary.as_file().sync_all().map_err(fault)?;
    if replace {
        temporary.persist(path).map_err(|e| fault(e.error))?;
    } else if let Err(e) = temporary.persist_noclobber(path) {
        if e.error.kind() == io::ErrorKind::AlreadyExists {
            return Ok(false);
        }
        return Err(fault(e.error));
    }
    sync_folder(folder).map_err(fault)?;
    Ok(true)
}

/// Makes names in a folder survive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes temporary files that a crash left in a folder long ago; those of living writers are younger.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|n| n.starts_with(TEMPORARY));
        let modified = entry
            .metadata()
            .and_then(|m| m.modified())
            .unwrap_or(SystemTime::now());
        if ours
            && SystemTime::now()
                .duration_since(modified)
                .is_ok_and(|age| age > ABANDONED)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}
