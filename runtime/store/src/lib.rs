//! Content-addressed artefacts, journal and run folders that survive any interruption.
//!
//! Everything is written under a temporary name, flushed to the disk, then given its name; what is read is checked
//! against a checksum first. Nothing here knows the language.

mod atomic;
mod checkpoint;
mod fault;
mod fs;
mod journal;
mod record;
mod run;
mod store;
mod tensors;

pub use atomic::write_atomic;
pub use fault::{Damaged, StoreFault};
pub use fs::{Disk, Fs};
pub use journal::{Journal, read_journal};
pub use record::{Digest, Key};
pub use run::RunFolder;
pub use store::Store;
pub use tensors::{NamedTensor, TensorData, TensorSet};
