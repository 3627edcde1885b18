//! Folders of PNG and JPEG files, with a folder a class or flat.

use crate::fault::Fault;
use crate::picture::{self, Size};
use crate::place::Place;
use crate::source::{self, Digest, MAX_VALUES};
use crate::{Header, ImageSet, Pixels};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::Read;

/// How many images of a set have this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeCount {
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// Images of this size.
    pub count: usize,
}

/// What the headers of a folder's images tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderHeader {
    /// Images.
    pub len: usize,
    /// 3 as soon as one image has colour, else 1.
    pub channels: usize,
    /// The sizes that occur, smallest first.
    pub sizes: Vec<SizeCount>,
    /// The class folders' names, sorted; none for a flat folder.
    pub classes: Option<Vec<String>>,
}

impl FolderHeader {
    /// The header of the set where all images have one size.
    pub fn uniform(&self) -> Option<Header> {
        let [size] = self.sizes.as_slice() else {
            return None;
        };
        let classes = self.classes.as_ref().map(Vec::len);
        Some(Header {
            len: self.len,
            channels: self.channels,
            height: size.height,
            width: size.width,
            classes,
        })
    }
}

/// Reads the headers of all images of a folder, or of a single image file.
pub fn images_header(place: &Place) -> Result<FolderHeader, Fault> {
    let listing = Listing::of(place)?;
    let sizes: Result<Vec<Size>, Fault> = listing
        .files
        .par_iter()
        .map(|(file, _)| head_size(file))
        .collect();
    let sizes = sizes?;
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for size in &sizes {
        *counts.entry((size.height, size.width)).or_default() += 1;
    }
    Ok(FolderHeader {
        len: sizes.len(),
        channels: sizes.iter().map(|s| s.channels).max().unwrap_or(1),
        sizes: counts
            .into_iter()
            .map(|((height, width), count)| SizeCount {
                height,
                width,
                count,
            })
            .collect(),
        classes: listing.classes,
    })
}

/// Reads all images of a folder, which have to be of one size; grey ones become colour where any has colour.
pub fn images(place: &Place) -> Result<ImageSet, Fault> {
    let header = images_header(place)?;
    let Some(uniform) = header.uniform() else {
        let list: Vec<String> = header
            .sizes
            .iter()
            .take(5)
            .map(|s| format!("{} x {} ({})", s.height, s.width, s.count))
            .collect();
        let more = if header.sizes.len() > 5 {
            format!(" and {} more", header.sizes.len() - 5)
        } else {
            String::new()
        };
        let message = format!(
            "the images differ in size (height x width, how many): {}{more}",
            list.join(", ")
        );
        return Err(Fault::damaged(
            place.path(),
            message,
            "resize or crop them to one size, or read them one by one",
        ));
    };
    load(place, uniform)
}

/// Reads one PNG or JPEG file as a set of one image without a label.
pub fn image(place: &Place) -> Result<ImageSet, Fault> {
    let size = head_size(place)?;
    load(
        place,
        Header {
            len: 1,
            channels: size.channels,
            height: size.height,
            width: size.width,
            classes: None,
        },
    )
}

fn load(place: &Place, header: Header) -> Result<ImageSet, Fault> {
    let listing = Listing::of(place)?;
    let sample = header.channels * header.height * header.width;
    let total = sample
        .checked_mul(listing.files.len())
        .filter(|t| *t <= MAX_VALUES);
    let total = total.ok_or_else(|| {
        Fault::io(
            place.path(),
            "the set does not fit in memory",
            "use a smaller set",
        )
    })?;
    let mut pixels: Vec<u8> = source::room(place, total)?;
    let mut digest = Digest::default();
    let mut labels = Vec::new();
    for group in listing.files.chunks(64) {
        let read: Vec<Result<Decoded, Fault>> = group
            .par_iter()
            .map(|(file, _)| decode(file, header))
            .collect();
        for ((file, label), result) in group.iter().zip(read) {
            let (bytes, plane) = result?;
            digest.add(&format!("{label}/{}", file.name()), &bytes);
            pixels.extend_from_slice(&plane);
            labels.push(*label);
        }
    }
    Ok(ImageSet {
        name: place.name(),
        channels: header.channels,
        height: header.height,
        width: header.width,
        pixels: Pixels::U8(pixels),
        labels: listing.classes.as_ref().map(|_| labels),
        classes: listing.classes.unwrap_or_default(),
        digest: digest.hex(),
    })
}

/// A file's bytes and its planes.
type Decoded = (Vec<u8>, Vec<u8>);

fn decode(file: &Place, header: Header) -> Result<Decoded, Fault> {
    let bytes = source::read(file)?;
    let fail = |e: String| Fault::damaged(file.path(), e, "replace the file");
    let (size, mut plane) = picture::decode(&bytes).map_err(fail)?;
    if (size.height, size.width) != (header.height, header.width) {
        return Err(fail("the image changed while the set was read".to_string()));
    }
    if size.channels == 1 && header.channels == 3 {
        plane = picture::as_colour(plane);
    } else if size.channels != header.channels {
        return Err(fail("the image changed while the set was read".to_string()));
    }
    Ok((bytes, plane))
}

/// The size from the first 64 KiB, or from the whole file where metadata pushes it further back.
fn head_size(file: &Place) -> Result<Size, Fault> {
    let (handle, len) = source::open_file(file)?;
    let mut head = Vec::new();
    handle
        .take(1 << 16)
        .read_to_end(&mut head)
        .map_err(|e| Fault::os(file.path(), "reading", &e))?;
    // The check of pixels against bytes needs the whole length, so a short head is only trusted for a short file.
    let found = if len <= 1 << 16 {
        picture::size(&head)
    } else {
        picture::size(&source::read(file)?)
    };
    found.map_err(|e| Fault::damaged(file.path(), e, "replace the file"))
}

/// The image files in a fixed order, each with its class.
struct Listing {
    files: Vec<(Place, u32)>,
    classes: Option<Vec<String>>,
}

impl Listing {
    fn of(place: &Place) -> Result<Listing, Fault> {
        if place.is_file() {
            return Ok(Listing {
                files: vec![(place.clone(), 0)],
                classes: None,
            });
        }
        let names = place.names()?;
        let flat: Vec<(Place, u32)> = pictures(place, &names, 0);
        let (mut files, mut classes) = (Vec::new(), Vec::new());
        for folder in names.iter().map(|n| place.child(n)).filter(Place::is_dir) {
            let inside = pictures(&folder, &folder.names()?, classes.len() as u32);
            if !inside.is_empty() {
                files.extend(inside);
                classes.push(folder.name());
            }
        }
        match (flat.is_empty(), files.is_empty()) {
            (true, true) => Err(Fault::missing(
                place.path(),
                "there is no PNG or JPEG file here",
                "images end in .png, .jpg or .jpeg, in this folder or in a folder a class",
            )),
            (false, false) => Err(Fault::damaged(
                place.path(),
                format!(
                    "`{}` stands beside class folders, so its class is unknown",
                    flat[0].0.name()
                ),
                "move it into a class folder",
            )),
            (false, true) => Ok(Listing {
                files: flat,
                classes: None,
            }),
            (true, false) => Ok(Listing {
                files,
                classes: Some(classes),
            }),
        }
    }
}

fn pictures(folder: &Place, names: &[String], class: u32) -> Vec<(Place, u32)> {
    let ours = |n: &&String| {
        let lower = n.to_lowercase();
        [".png", ".jpg", ".jpeg"].iter().any(|e| lower.ends_with(e))
    };
    names
        .iter()
        .filter(ours)
        .map(|n| (folder.child(n), class))
        .filter(|(p, _)| !p.is_dir())
        .collect()
}
