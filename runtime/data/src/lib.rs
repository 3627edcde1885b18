//! Readers of data sets and tables: Parquet, CIFAR binary, IDX, CSV, image folders, generated images.
//!
//! Nothing here knows the language. Every reader takes a [`Place`], checks what a header declares against what the
//! file holds before it allocates, and answers with a [`Fault`] instead of a panic.

mod cifar;
mod fault;
mod folder;
mod hub;
mod idx;
mod pages;
mod picture;
mod place;
mod shapes;
mod source;
mod table;
mod thrift;
mod weights;

pub use cifar::{cifar10, cifar10_header, cifar100, cifar100_header};
pub use fault::{DAMAGED, Fault, IO, MISSING, OUTSIDE, decoding};
pub use folder::{FolderHeader, SizeCount, image, images, images_header};
pub use hub::{hub, hub_header};
pub use idx::{idx, idx_header};
pub use place::{Place, open, open_prefix};
pub use shapes::generated;
pub use table::{Table, table, table_without_header};
pub use weights::{StoredTensor, WeightSet, weights};

/// The values of an image set, sample after sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Bytes, 0 to 255, as stored in image files.
    U8(Vec<u8>),
    /// Numbers as stored, without any scaling.
    F32(Vec<f32>),
}

impl Pixels {
    /// How many values there are, over all samples.
    pub fn len(&self) -> usize {
        match self {
            Pixels::U8(v) => v.len(),
            Pixels::F32(v) => v.len(),
        }
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One labelled image set in memory, samples in file order; `pixels` is `[len, channels, height, width]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSet {
    /// What to call the set in reports.
    pub name: String,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// All samples' values.
    pub pixels: Pixels,
    /// The class of each sample, below `classes.len()`; none where the source has no labels.
    pub labels: Option<Vec<u32>>,
    /// The classes' names in label order; empty where there are no labels.
    pub classes: Vec<String>,
    /// BLAKE3 in hex of the source's bytes, or of the generator's parameters.
    pub digest: String,
}

impl ImageSet {
    /// How many samples the set has.
    pub fn len(&self) -> usize {
        let sample = self.channels * self.height * self.width;
        self.pixels.len().checked_div(sample).unwrap_or(0)
    }

    /// Whether the set has no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the headers alone would have told.
    pub fn header(&self) -> Header {
        Header {
            len: self.len(),
            channels: self.channels,
            height: self.height,
            width: self.width,
            classes: self.labels.as_ref().map(|_| self.classes.len()),
        }
    }
}

/// What a look at the headers tells about an image set, without its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Samples.
    pub len: usize,
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// Classes; none where the set has no labels or their number is known only from reading them.
    pub classes: Option<usize>,
}

/// Which part of a published data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// What to fit on.
    Train,
    /// What to judge on.
    Test,
}

impl Split {
    /// The word that file names use.
    pub fn word(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}
