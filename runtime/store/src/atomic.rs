//! Writing a file so that it is there whole or not at all, whatever happens.

use crate::fault::StoreFault;
use crate::fs::{Disk, Fs, folder_of};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Temporary files start like this; readers never look at them.
pub(crate) const TEMPORARY: &str = ".tmp-";
/// A temporary file this old belongs to no living writer.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// Another run may take a folder away while a file is put there; then the folder is made again.
const TRIES: usize = 8;

/// Numbers the temporary files of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`, replacing what stands there; a reader sees the old or the new content, never a part.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreFault> {
    place(&Disk, path, bytes, true).map(|_| ())
}

/// Writes `bytes` to `path`: in place of what stands there, or (`replace` false) only where nothing does. Tells whether it
/// was written.
pub(crate) fn place(
    fs: &dyn Fs,
    path: &Path,
    bytes: &[u8],
    replace: bool,
) -> Result<bool, StoreFault> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..TRIES {
        match attempt(fs, path, bytes, replace) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => last = e,
            Err(e) => {
                return Err(StoreFault::new(
                    path,
                    "writing",
                    Some(bytes.len() as u64),
                    &e,
                ));
            }
            Ok(written) => return Ok(written),
        }
    }
    Err(StoreFault::new(
        path,
        "writing",
        Some(bytes.len() as u64),
        &last,
    ))
}

fn attempt(fs: &dyn Fs, path: &Path, bytes: &[u8], replace: bool) -> io::Result<bool> {
    let folder = folder_of(path);
    if !fs.exists(&folder) {
        fs.make_folder(&folder)?;
        // The folder's own name has to survive a crash too.
        fs.sync_folder(&folder_of(&folder))?;
    }
    let name = format!(
        "{TEMPORARY}{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let temporary = folder.join(name);
    // A process with the same number may have died here long ago.
    let made = match fs.write_new(&temporary, bytes) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            fs.remove(&temporary)?;
            fs.write_new(&temporary, bytes)
        }
        other => other,
    };
    let named = made
        .and_then(|()| fs.sync(&temporary))
        .and_then(|()| match replace {
            true => fs.rename(&temporary, path),
            false => fs.link(&temporary, path),
        });
    let written = match named {
        Ok(()) => true,
        Err(e) if !replace && e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => {
            let _ = fs.remove(&temporary);
            return Err(e);
        }
    };
    if !replace {
        // The second name is enough from here on.
        let _ = fs.remove(&temporary);
    }
    // Also where another writer was first: its name may not have reached the disk yet.
    fs.sync_folder(&folder)?;
    Ok(written)
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
