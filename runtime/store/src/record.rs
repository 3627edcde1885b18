//! One stored thing as bytes: magic, kind, key, length and checksum, then the content.

use std::fmt;

const MAGIC: &[u8; 8] = b"nasc-a1\n";
/// A BLAKE3 hash in bytes.
const HASH: usize = 32;

/// A BLAKE3 hash: of a key where it names a file, of content where it proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; HASH]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

/// What an artefact was made of, as canonical bytes; its hash is the artefact's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of any bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Key {
        Key(bytes.into())
    }

    /// A key of several parts; `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Key(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The address.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key(text.as_bytes().to_vec())
    }
}

/// The file's bytes. Its last field before the content is a hash of all fields, so that no bit is without a witness.
pub(crate) fn encode(key: &Key, kind: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + key.bytes().len() + kind.len() + 128);
    out.extend_from_slice(MAGIC);
    for part in [kind.as_bytes(), key.bytes()] {
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&(content.len() as u64).to_le_bytes());
    out.extend_from_slice(&Digest::of(content).0);
    let head = Digest::of(&out);
    out.extend_from_slice(&head.0);
    out.extend_from_slice(content);
    out
}

/// The content, once everything has been checked against `key` (and `kind`, where one is expected).
pub(crate) fn decode(mut bytes: Vec<u8>, key: &Key) -> Result<Vec<u8>, String> {
    let start = check(&bytes, key)?;
    bytes.drain(..start);
    Ok(bytes)
}

fn check(bytes: &[u8], key: &Key) -> Result<usize, String> {
    let mut pos = 0;
    let mut take = |len: u64| -> Result<(usize, &[u8]), String> {
        let left = bytes.len() - pos;
        if len > left as u64 {
            return Err(format!("it ends after {} bytes", bytes.len()));
        }
        let part = &bytes[pos..pos + len as usize];
        pos += len as usize;
        Ok((pos, part))
    };
    if take(8)?.1 != MAGIC {
        return Err("it does not start as an artefact does".to_string());
    }
    let kind_len = number(take(8)?.1);
    take(kind_len)?;
    let key_len = number(take(8)?.1);
    let stored = take(key_len)?.1;
    let length = number(take(8)?.1);
    let (head_end, sum) = take(HASH as u64)?;
    let (start, head) = take(HASH as u64)?;
    if Digest::of(&bytes[..head_end]).0 != head {
        return Err("its header's checksum is wrong".to_string());
    }
    if stored != key.bytes() {
        return Err("it belongs to another key".to_string());
    }
    let content = &bytes[start..];
    if content.len() as u64 != length {
        return Err(format!("it has {} bytes of {length}", content.len()));
    }
    if Digest::of(content).0 != sum {
        return Err("its checksum is wrong".to_string());
    }
    Ok(start)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}
