//! IDX files, plain or gzipped: the format of MNIST and its relatives.

use crate::fault::Fault;
use crate::place::Place;
use crate::source::{self, Digest, MAX_VALUES};
use crate::{Header, ImageSet, Pixels, Split};
use flate2::read::MultiGzDecoder;
use std::io::Read;

/// Deflate cannot shrink further than about 1:1032.
const MAX_DEFLATE: u64 = 1100;
const HELP: &str = "the file is damaged or was not copied whole; fetch it again";

/// What the headers of a pair of image and label files tell; the labels are read to know the classes.
pub fn idx_header(place: &Place, split: Option<Split>) -> Result<Header, Fault> {
    let (images, labels) = pair(place, split)?;
    let shape = Shape::of(&images, &Array::open(&images, false)?)?;
    let labels = read_labels(&labels, &Array::open(&labels, true)?, shape.len)?;
    Ok(Header {
        len: shape.len,
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
        classes: Some(classes(&labels)),
    })
}

/// Reads a pair of files: `place` is a folder, the beginning of file names (`…/t10k`), or the image file itself.
pub fn idx(place: &Place, split: Option<Split>) -> Result<ImageSet, Fault> {
    let (images, labels) = pair(place, split)?;
    let array = Array::open(&images, true)?;
    let shape = Shape::of(&images, &array)?;
    let mut digest = Digest::default();
    digest.add("images", &array.stored);
    let label_array = Array::open(&labels, true)?;
    digest.add("labels", &label_array.stored);
    let labels = read_labels(&labels, &label_array, shape.len)?;
    Ok(ImageSet {
        name: format!("{} {}", place.name(), split.map_or("", Split::word))
            .trim()
            .to_string(),
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
        pixels: array.values(&images)?,
        classes: (0..classes(&labels)).map(|c| c.to_string()).collect(),
        labels: Some(labels),
        digest: digest.hex(),
    })
}

fn classes(labels: &[u32]) -> usize {
    labels.iter().max().map_or(0, |m| *m as usize + 1)
}

/// The image file and its label file.
fn pair(place: &Place, split: Option<Split>) -> Result<(Place, Place), Fault> {
    let (folder, start) = if place.is_dir() {
        (place.clone(), String::new())
    } else {
        let parent = place
            .path()
            .parent()
            .map(|p| p.to_path_buf())
            .unwrap_or_default();
        (place.with(parent), place.name())
    };
    let names = folder.names()?;
    let starts: &[&str] = match split {
        Some(Split::Train) => &["train"],
        Some(Split::Test) => &["t10k", "test"],
        None => &[""],
    };
    let image = |n: &String| n.starts_with(&start) && n.contains("images") && n.contains("idx");
    let found: Vec<&String> = names
        .iter()
        .filter(|n| image(n) && (place.is_file() || starts.iter().any(|s| n.starts_with(s))))
        .collect();
    let one = match found.as_slice() {
        [] => {
            let what = if start.is_empty() {
                "IDX image file".to_string()
            } else {
                format!("IDX image file that starts with `{start}`")
            };
            return Err(Fault::missing(
                place.path(),
                format!("there is no {what}"),
                "files are called like `t10k-images-idx3-ubyte`, `.gz` or not",
            ));
        }
        [one] => one,
        // Both forms of one file: the plain one is quicker to read.
        [plain, zipped] if **zipped == format!("{plain}.gz") => plain,
        many => {
            let list: Vec<&str> = many
                .iter()
                .map(|n| n.split("-images").next().unwrap_or(n))
                .collect();
            let message = format!("several sets stand here: {}", list.join(", "));
            return Err(Fault::missing(
                place.path(),
                message,
                "add one of these beginnings to the path",
            ));
        }
    };
    let label = one
        .replace("images", "labels")
        .replace("idx3", "idx1")
        .replace("idx4", "idx1");
    let other = label
        .strip_suffix(".gz")
        .map_or_else(|| format!("{label}.gz"), String::from);
    for name in [&label, &other] {
        if folder.child(name).is_file() {
            return Ok((folder.child(one), folder.child(name)));
        }
    }
    Err(Fault::missing(
        folder.child(&label).path(),
        format!("the labels of `{one}` are missing"),
        "images and labels are read as a pair",
    ))
}

/// One file, its header parsed and its size checked against what it declares.
struct Array {
    kind: u8,
    dims: Vec<usize>,
    /// The bytes of the file as stored; empty when only the header was wanted.
    stored: Vec<u8>,
    /// Header and values, inflated; empty when only the header was wanted.
    plain: Vec<u8>,
}

impl Array {
    fn open(place: &Place, whole: bool) -> Result<Array, Fault> {
        let zipped = place.name().ends_with(".gz");
        let (mut file, len) = source::open_file(place)?;
        let stored = if whole {
            source::read(place)?
        } else {
            Vec::new()
        };
        let fail = |message: String, at: usize| {
            Err(Fault::damaged(place.path(), message, HELP).at(at as u64))
        };
        let mut head = Vec::new();
        let failed = |e: std::io::Error| {
            Fault::damaged(
                place.path(),
                format!("the file cannot be inflated: {e}"),
                HELP,
            )
        };
        let source: &mut dyn Read = &mut file;
        if zipped {
            MultiGzDecoder::new(source)
                .take(36)
                .read_to_end(&mut head)
                .map_err(failed)?;
        } else {
            source
                .take(36)
                .read_to_end(&mut head)
                .map_err(|e| Fault::os(place.path(), "reading", &e))?;
        }
        if head.len() < 4 || head[0] != 0 || head[1] != 0 {
            return fail(
                "an IDX file starts with two zero bytes, a type and a count of axes".to_string(),
                0,
            );
        }
        let (kind, axes) = (head[2], usize::from(head[3]));
        let unit = match kind {
            0x08 => 1,
            0x0D => 4,
            _ => return fail(format!("values of type {kind:#04x} are not read"), 2),
        };
        if !(1..=4).contains(&axes) || head.len() < 4 + 4 * axes {
            return fail(
                format!(
                    "the header declares {axes} axes and ends after {} bytes",
                    head.len()
                ),
                3,
            );
        }
        let dims: Vec<usize> = head[4..4 + 4 * axes]
            .chunks_exact(4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize)
            .collect();
        let values = dims
            .iter()
            .try_fold(1usize, |n, d| n.checked_mul(*d))
            .filter(|n| *n <= MAX_VALUES);
        let start = 4 + 4 * axes;
        let Some(total) = values.and_then(|n| n.checked_mul(unit)).map(|n| n + start) else {
            return fail(format!("the header declares {dims:?} values"), 4);
        };
        let believable = if zipped {
            total as u64 <= MAX_DEFLATE * len + 1024
        } else {
            total as u64 == len
        };
        if !believable {
            let what = if zipped { "a gzip of" } else { "" };
            return fail(format!("the header declares {dims:?}, {total} bytes in all, and this is {what} {len} bytes").replace("  ", " "), 4);
        }
        if !whole {
            return Ok(Array {
                kind,
                dims,
                stored,
                plain: Vec::new(),
            });
        }
        let plain = if zipped {
            inflate(place, &stored, total)?
        } else {
            stored.clone()
        };
        if plain.len() != total {
            return fail(
                format!(
                    "the header declares {dims:?}, {total} bytes in all, and {} were read",
                    plain.len()
                ),
                plain.len(),
            );
        }
        Ok(Array {
            kind,
            dims,
            stored,
            plain,
        })
    }

    fn body(&self) -> &[u8] {
        self.plain
            .get(4 + 4 * self.dims.len()..)
            .unwrap_or_default()
    }

    fn values(&self, place: &Place) -> Result<Pixels, Fault> {
        if self.kind == 0x08 {
            return Ok(Pixels::U8(self.body().to_vec()));
        }
        let values: Vec<f32> = self
            .body()
            .chunks_exact(4)
            .map(|b| f32::from_be_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            let at = 4 + 4 * self.dims.len() + 4 * i;
            return Err(Fault::damaged(
                place.path(),
                format!("value {i} is {}", values[i]),
                "remove the sample",
            )
            .at(at as u64));
        }
        Ok(Pixels::F32(values))
    }
}

/// Inflates at most one byte more than the header of the content declares.
fn inflate(place: &Place, stored: &[u8], total: usize) -> Result<Vec<u8>, Fault> {
    let mut plain = source::room(place, total + 1)?;
    let result = MultiGzDecoder::new(stored)
        .take(total as u64 + 1)
        .read_to_end(&mut plain);
    result.map_err(|e| {
        Fault::damaged(
            place.path(),
            format!("the file cannot be inflated: {e}"),
            HELP,
        )
        .at(plain.len() as u64)
    })?;
    Ok(plain)
}

/// What an image file's axes mean: `[n, h, w]` or `[n, c, h, w]`.
struct Shape {
    len: usize,
    channels: usize,
    height: usize,
    width: usize,
}

impl Shape {
    fn of(place: &Place, array: &Array) -> Result<Shape, Fault> {
        let shape = match array.dims.as_slice() {
            [n, h, w] => Shape {
                len: *n,
                channels: 1,
                height: *h,
                width: *w,
            },
            [n, c, h, w] => Shape {
                len: *n,
                channels: *c,
                height: *h,
                width: *w,
            },
            dims => {
                return Err(Fault::damaged(
                    place.path(),
                    format!("images have 3 or 4 axes, this file has {}", dims.len()),
                    HELP,
                )
                .at(3));
            }
        };
        if shape.len == 0 || shape.channels == 0 || shape.height == 0 || shape.width == 0 {
            return Err(Fault::damaged(
                place.path(),
                format!("the set is empty: {:?}", array.dims),
                HELP,
            )
            .at(4));
        }
        Ok(shape)
    }
}

fn read_labels(place: &Place, array: &Array, len: usize) -> Result<Vec<u32>, Fault> {
    if array.dims.len() != 1 || array.kind != 0x08 {
        return Err(Fault::damaged(
            place.path(),
            "labels have one axis of bytes, this file has not",
            HELP,
        )
        .at(2));
    }
    if array.dims[0] != len {
        let message = format!("there are {} labels for {len} images", array.dims[0]);
        return Err(Fault::damaged(
            place.path(),
            message,
            "images and labels are of different sets",
        )
        .at(4));
    }
    Ok(array.body().iter().map(|b| u32::from(*b)).collect())
}
