//! A file system in memory that can crash at any operation: what was not synced is torn, lost, or kept out of order.

use nasc_store::Fs;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// One file's bytes: as programs see them, and as they are on the disk.
#[derive(Debug, Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    /// Names as programs see them, and as they are on the disk.
    seen: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    durable_folders: BTreeSet<PathBuf>,
    /// Changes of names since their folder was synced, in order.
    pending: Vec<Change>,
    operations: usize,
    /// At this operation the machine stops.
    crash_at: Option<usize>,
    /// Every write fails so, and changes nothing.
    refuse: Option<ErrorKind>,
    random: u64,
    stopped: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Name(PathBuf, usize),
    Gone(PathBuf),
    Folder(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Change::Name(p, _) | Change::Gone(p) | Change::Folder(p) => p,
        }
    }
}

#[derive(Debug)]
pub struct Simulated(Mutex<State>);

impl Simulated {
    pub fn new(random: u64) -> Simulated {
        Simulated(Mutex::new(State {
            random: random | 1,
            ..State::default()
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    pub fn crash_at(&self, operation: usize) {
        self.state().crash_at = Some(operation);
    }

    /// From now on every change is refused; reading goes on.
    #[allow(dead_code)]
    pub fn refuse(&self, kind: Option<ErrorKind>) {
        self.state().refuse = kind;
    }

    pub fn operations(&self) -> usize {
        self.state().operations
    }

    #[allow(dead_code)]
    pub fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// Starts again after a crash: of what was not synced, some is there, in any order, and writes may be torn.
    pub fn restart(&self) {
        let mut s = self.state();
        let pending = std::mem::take(&mut s.pending);
        // A later change of names may have reached the disk without an earlier one.
        for change in pending {
            if s.chance() {
                s.make_durable(&change);
            }
        }
        for i in 0..s.inodes.len() {
            if s.inodes[i].durable != s.inodes[i].seen && s.chance() {
                let seen = s.inodes[i].seen.clone();
                let cut = s.below(seen.len() + 1);
                let mut torn = seen[..cut].to_vec();
                if s.chance() {
                    // Length written, content not.
                    torn.resize(seen.len(), 0);
                }
                s.inodes[i].durable = torn;
            }
            s.inodes[i].seen = s.inodes[i].durable.clone();
        }
        s.seen = s.durable.clone();
        // A name without its folder is not there.
        let folders = s.durable_folders.clone();
        s.seen
            .retain(|p, _| p.parent().is_none_or(|f| folders.contains(f)));
        s.durable = s.seen.clone();
        s.folders = folders;
        s.crash_at = None;
        s.stopped = false;
    }

    /// Flips one bit of the n-th file, counted around.
    #[allow(dead_code)]
    pub fn flip(&self, file: usize, bit: usize) {
        let mut s = self.state();
        let names: Vec<usize> = s.seen.values().copied().collect();
        let i = names[file % names.len()];
        let n = s.inodes[i].seen.len() * 8;
        let bit = bit % n.max(1);
        s.inodes[i].seen[bit / 8] ^= 1 << (bit % 8);
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn chance(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() as usize) % n.max(1)
    }

    fn make_durable(&mut self, change: &Change) {
        match change {
            Change::Name(p, i) => {
                self.durable.insert(p.clone(), *i);
            }
            Change::Gone(p) => {
                self.durable.remove(p);
            }
            Change::Folder(p) => {
                self.durable_folders.insert(p.clone());
            }
        }
    }

    /// One more operation that changes something. At the crash it may have happened or not; its caller never hears.
    fn step(&mut self) -> io::Result<bool> {
        if self.stopped {
            return Err(io::Error::other("the machine has stopped"));
        }
        if let Some(kind) = self.refuse {
            return Err(kind.into());
        }
        let at = self.operations;
        self.operations += 1;
        if self.crash_at == Some(at) {
            self.stopped = true;
            return Ok(self.chance());
        }
        Ok(true)
    }

    fn done(&self) -> io::Result<()> {
        match self.stopped {
            true => Err(io::Error::other("the machine has stopped")),
            false => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.seen
            .get(path)
            .copied()
            .ok_or(ErrorKind::NotFound.into())
    }

    fn name(&mut self, path: &Path, inode: usize) {
        self.seen.insert(path.to_path_buf(), inode);
        self.pending.push(Change::Name(path.to_path_buf(), inode));
    }

    fn unname(&mut self, path: &Path) {
        self.seen.remove(path);
        self.pending.push(Change::Gone(path.to_path_buf()));
    }
}

impl Fs for Simulated {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let s = self.state();
        s.done()?;
        Ok(s.inodes[s.find(path)?].seen.clone())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            if s.seen.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            if path.parent().is_some_and(|f| !s.folders.contains(f)) {
                return Err(ErrorKind::NotFound.into());
            }
            let cut = match s.stopped {
                true => s.below(bytes.len() + 1),
                false => bytes.len(),
            };
            s.inodes.push(Inode {
                seen: bytes[..cut].to_vec(),
                durable: Vec::new(),
            });
            let i = s.inodes.len() - 1;
            s.name(path, i);
        }
        s.done()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let i = s.find(path)?;
            s.inodes[i].durable = s.inodes[i].seen.clone();
        }
        s.done()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let i = s.find(from)?;
            s.name(to, i);
            s.unname(from);
        }
        s.done()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let i = s.find(from)?;
            if s.seen.contains_key(to) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            s.name(to, i);
        }
        s.done()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            s.find(path)?;
            s.unname(path);
        }
        s.done()
    }

    fn remove_all(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let inside: Vec<PathBuf> = s
                .seen
                .keys()
                .filter(|p| p.starts_with(path))
                .cloned()
                .collect();
            if inside.is_empty() && !s.folders.contains(path) {
                return Err(ErrorKind::NotFound.into());
            }
            for p in inside {
                s.unname(&p);
            }
            s.folders.remove(path);
        }
        s.done()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let (now, later): (Vec<Change>, Vec<Change>) = std::mem::take(&mut s.pending)
                .into_iter()
                .partition(|c| c.path().parent() == Some(path));
            s.pending = later;
            for change in now {
                s.make_durable(&change);
            }
        }
        s.done()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        let mut s = self.state();
        if s.step()? {
            let all: Vec<PathBuf> = path.ancestors().map(Path::to_path_buf).collect();
            for folder in all.into_iter().rev() {
                if s.folders.insert(folder.clone()) {
                    match folder.components().count() {
                        // The folders above the store are there since long.
                        0..=2 => {
                            s.durable_folders.insert(folder);
                        }
                        _ => s.pending.push(Change::Folder(folder)),
                    }
                }
            }
        }
        s.done()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let s = self.state();
        s.done()?;
        if !s.folders.contains(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = s.seen.keys().filter(|p| p.parent() == Some(path));
        Ok(inside
            .filter_map(|p| p.file_name()?.to_str().map(String::from))
            .collect())
    }

    fn exists(&self, path: &Path) -> bool {
        let s = self.state();
        s.seen.contains_key(path) || s.folders.contains(path)
    }
}
