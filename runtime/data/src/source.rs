//! Reading whole files with a cap, and the digest of what was read.

use crate::fault::Fault;
use crate::place::Place;
use std::fs::File;
use std::io::Read;

/// No single source file is read beyond this many bytes.
pub(crate) const MAX_FILE: u64 = 8 << 30;
/// No image set is made beyond this many pixel values.
pub(crate) const MAX_VALUES: usize = 16 << 30;

/// Opens a regular file and tells its length in bytes.
pub(crate) fn open_file(place: &Place) -> Result<(File, u64), Fault> {
    if !place.kind()?.is_file() {
        return Err(Fault::missing(
            place.path(),
            "this is no regular file",
            "pipes, devices and folders are not read here",
        ));
    }
    let file = File::open(place.path()).map_err(|e| Fault::os(place.path(), "opening", &e))?;
    let len = file
        .metadata()
        .map_err(|e| Fault::os(place.path(), "looking", &e))?
        .len();
    if len > MAX_FILE {
        let message = format!("the file has {len} bytes, and at most {MAX_FILE} are read");
        return Err(Fault::io(place.path(), message, "split the file"));
    }
    Ok((file, len))
}

/// The whole file.
pub(crate) fn read(place: &Place) -> Result<Vec<u8>, Fault> {
    let (file, len) = open_file(place)?;
    let mut bytes = room(place, len as usize)?;
    // A file that grows while it is read is cut at the length it had.
    file.take(len)
        .read_to_end(&mut bytes)
        .map_err(|e| Fault::os(place.path(), "reading", &e))?;
    if (bytes.len() as u64) < len {
        return Err(Fault::io(
            place.path(),
            "the file became shorter while it was read",
            "",
        )
        .at(bytes.len() as u64));
    }
    Ok(bytes)
}

/// An empty buffer with room for `len` values, or a fault where memory does not suffice.
pub(crate) fn room<T>(place: &Place, len: usize) -> Result<Vec<T>, Fault> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| {
        let bytes = len.saturating_mul(size_of::<T>());
        Fault::io(
            place.path(),
            format!("{bytes} bytes of memory are needed and not available"),
            "use a smaller set",
        )
    })?;
    Ok(buffer)
}

/// The digest of several named sources, in order; independent of where they lie.
#[derive(Default)]
pub(crate) struct Digest(blake3::Hasher);

impl Digest {
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        self.0.update(&(name.len() as u64).to_le_bytes());
        self.0.update(name.as_bytes());
        self.0.update(blake3::hash(bytes).as_bytes());
    }

    pub(crate) fn hex(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}
