//! The store: artefacts under the hash of their key, first writer wins, checked whenever read.

use crate::atomic::{self, place};
use crate::fault::{Damaged, StoreFault};
use crate::fs::{Disk, Fs, folder_of};
use crate::record::{self, Digest, Key};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of artefacts and checkpoints that several processes may use at once.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
    pub(crate) fs: Arc<dyn Fs>,
}

impl Store {
    /// Opens the store in a folder, made where it is missing; what a crash left half-written long ago is removed.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Store, StoreFault> {
        let store = Store::open_on(Arc::new(Disk), dir)?;
        store.sweep();
        Ok(store)
    }

    /// Removes what a crash left half-written long ago.
    pub fn sweep(&self) {
        for part in ["objects", "checkpoints"] {
            for entry in std::fs::read_dir(self.dir.join(part))
                .into_iter()
                .flatten()
                .flatten()
            {
                atomic::sweep(&entry.path());
            }
        }
    }

    /// As [`Store::open`], on a file system of the caller's.
    pub fn open_on(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Result<Store, StoreFault> {
        let store = Store {
            dir: dir.into(),
            fs,
        };
        for part in ["objects", "checkpoints"] {
            let path = store.dir.join(part);
            // A store that is there but cannot be written still serves what it holds.
            if !store.fs.exists(&path)
                && let Err(e) = store.fs.make_folder(&path)
                && !store.fs.exists(&store.dir)
            {
                return Err(StoreFault::new(&path, "making the folder", None, &e));
            }
        }
        Ok(store)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the artefact of a key stands, whether it is there or not.
    pub fn path_of(&self, key: &Key) -> PathBuf {
        let hex = key.digest().hex();
        self.dir.join("objects").join(&hex[..2]).join(&hex[2..])
    }

    /// Whether an artefact is there; it may still prove damaged when read.
    pub fn contains(&self, key: &Key) -> bool {
        self.fs.exists(&self.path_of(key))
    }

    /// Stores the artefact of a key and gives the digest of `bytes`. Where one is stored already, that one stays.
    pub fn put(&self, key: &Key, kind: &str, bytes: &[u8]) -> Result<Digest, StoreFault> {
        let record = record::encode(key, kind, bytes);
        place(&*self.fs, &self.path_of(key), &record, false)?;
        Ok(Digest::of(bytes))
    }

    /// The artefact of a key; none where it is absent. A damaged one is moved to `damaged/` and absent from then on.
    pub fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Damaged> {
        self.read(&self.path_of(key), key)
    }

    pub(crate) fn read(&self, path: &Path, key: &Key) -> Result<Option<Vec<u8>>, Damaged> {
        let bytes = match self.fs.read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(Damaged {
                    path: path.to_path_buf(),
                    moved_to: None,
                    why: format!("it cannot be read: {e}"),
                });
            }
        };
        record::decode(bytes, key).map(Some).map_err(|why| Damaged {
            path: path.to_path_buf(),
            moved_to: self.set_aside(path),
            why,
        })
    }

    /// Moves a damaged file out of the way, under a name that is still free.
    fn set_aside(&self, path: &Path) -> Option<PathBuf> {
        let folder = self.dir.join("damaged");
        self.fs.make_folder(&folder).ok()?;
        let name = path
            .strip_prefix(&self.dir)
            .ok()?
            .to_string_lossy()
            .replace(['/', '\\'], "-");
        let target = (0..1000)
            .map(|n| folder.join(format!("{name}.{n}")))
            .find(|t| !self.fs.exists(t))?;
        self.fs.rename(path, &target).ok()?;
        let _ = self.fs.sync_folder(&folder_of(path));
        Some(target)
    }
}
