//! Checkpoints of a stage that is still running: the last two are kept, the newest sound one is read.

use crate::atomic::place;
use crate::fault::{Damaged, StoreFault};
use crate::record::{self, Key};
use crate::store::Store;
use std::io;
use std::path::PathBuf;

/// So many checkpoints of one key are kept.
const KEPT: usize = 2;

impl Store {
    /// Keeps the state of a running stage after `step`; of earlier ones only the last stays.
    pub fn checkpoint(&self, key: &Key, step: u64, bytes: &[u8]) -> Result<(), StoreFault> {
        let path = self.checkpoints_of(key).join(format!("{step:020}"));
        let record = record::encode(&stepped(key, step), "checkpoint", bytes);
        place(&*self.fs, &path, &record, true)?;
        let steps = self.steps(key)?;
        for old in steps.iter().rev().skip(KEPT) {
            let path = self.checkpoints_of(key).join(format!("{old:020}"));
            remove(self.fs.remove(&path))
                .map_err(|e| StoreFault::new(&path, "removing", None, &e))?;
        }
        Ok(())
    }

    /// The newest sound checkpoint and its step; a damaged one is set aside and the one before it is taken.
    pub fn latest_checkpoint(&self, key: &Key) -> Result<Option<(u64, Vec<u8>)>, StoreFault> {
        self.latest_checkpoint_noting(key, &mut |_| {})
    }

    /// As [`Store::latest_checkpoint`]; `note` hears of every damaged checkpoint that was passed over.
    pub fn latest_checkpoint_noting(
        &self,
        key: &Key,
        note: &mut dyn FnMut(&Damaged),
    ) -> Result<Option<(u64, Vec<u8>)>, StoreFault> {
        for step in self.steps(key)?.into_iter().rev() {
            let path = self.checkpoints_of(key).join(format!("{step:020}"));
            match self.read(&path, &stepped(key, step)) {
                Ok(Some(bytes)) => return Ok(Some((step, bytes))),
                Ok(None) => {}
                Err(damaged) => note(&damaged),
            }
        }
        Ok(None)
    }

    /// Forgets all checkpoints of a key, once its artefact is stored.
    pub fn drop_checkpoints(&self, key: &Key) -> Result<(), StoreFault> {
        let folder = self.checkpoints_of(key);
        remove(self.fs.remove_all(&folder))
            .map_err(|e| StoreFault::new(&folder, "removing", None, &e))
    }

    fn checkpoints_of(&self, key: &Key) -> PathBuf {
        self.dir().join("checkpoints").join(key.digest().hex())
    }

    /// The steps that have a checkpoint, ascending.
    fn steps(&self, key: &Key) -> Result<Vec<u64>, StoreFault> {
        let folder = self.checkpoints_of(key);
        let names = match self.fs.list(&folder) {
            Ok(names) => names,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(StoreFault::new(&folder, "listing", None, &e)),
        };
        // Temporary names are no numbers and fall out here.
        let numbers = names.iter().filter(|n| n.len() == 20);
        let mut steps: Vec<u64> = numbers.filter_map(|n| n.parse().ok()).collect();
        steps.sort_unstable();
        Ok(steps)
    }
}

/// A checkpoint's own key, so that one step's file cannot pass for another's.
fn stepped(key: &Key, step: u64) -> Key {
    Key::of_parts([key.bytes(), &step.to_le_bytes()])
}

fn remove(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
