//! CIFAR-10 and CIFAR-100, as Parquet or in their original binary files.

use crate::fault::Fault;
use crate::hub;
use crate::place::Place;
use crate::source::{self, Digest};
use crate::{Header, ImageSet, Pixels, Split};

const SIDE: usize = 32;
const IMAGE: usize = 3 * SIDE * SIDE;
const TEN: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// One of the two data sets: how its binary records start and what its labels are called.
struct Kind {
    name: &'static str,
    classes: usize,
    /// Label bytes before the image; the last one is the label.
    labels: usize,
    columns: &'static [&'static str],
    folder: &'static str,
}

const CIFAR10: Kind = Kind {
    name: "cifar10",
    classes: 10,
    labels: 1,
    columns: &["label", "labels"],
    folder: "cifar-10-batches-bin",
};
const CIFAR100: Kind = Kind {
    name: "cifar100",
    classes: 100,
    labels: 2,
    columns: &["fine_label", "label", "labels"],
    folder: "cifar-100-binary",
};

/// CIFAR-10's size, without decoding it: 50,000 or 10,000 images `[3, 32, 32]` in the full set.
pub fn cifar10_header(place: &Place, split: Split) -> Result<Header, Fault> {
    header(place, split, &CIFAR10)
}

/// CIFAR-10 from a folder of Parquet files or of original binary files.
pub fn cifar10(place: &Place, split: Split) -> Result<ImageSet, Fault> {
    load(place, split, &CIFAR10)
}

/// CIFAR-100's size, without decoding it.
pub fn cifar100_header(place: &Place, split: Split) -> Result<Header, Fault> {
    header(place, split, &CIFAR100)
}

/// CIFAR-100 with its fine labels, from a folder of Parquet files or of original binary files.
pub fn cifar100(place: &Place, split: Split) -> Result<ImageSet, Fault> {
    load(place, split, &CIFAR100)
}

fn header(place: &Place, split: Split, kind: &Kind) -> Result<Header, Fault> {
    let place = &settle(place, split, kind)?;
    if hub::present(place, split) {
        return sized(
            place,
            hub::hub_header(place, split, kind.columns, Some(kind.classes))?,
        );
    }
    let mut len = 0;
    for file in binary(place, split, kind)? {
        let (_, bytes) = source::open_file(&file)?;
        len += records(&file, bytes, kind)?;
    }
    Ok(Header {
        len,
        channels: 3,
        height: SIDE,
        width: SIDE,
        classes: Some(kind.classes),
    })
}

fn load(place: &Place, split: Split, kind: &Kind) -> Result<ImageSet, Fault> {
    let folder = &settle(place, split, kind)?;
    let mut set = if hub::present(folder, split) {
        let set = hub::hub(folder, split, kind.columns, Some(kind.classes))?;
        sized(folder, set.header())?;
        set
    } else {
        from_binary(folder, split, kind)?
    };
    set.name = format!("{} {}", kind.name, split.word());
    set.classes = names(folder, kind);
    Ok(set)
}

/// The folder itself, or the one that archives of this data set unpack to.
fn settle(place: &Place, split: Split, kind: &Kind) -> Result<Place, Fault> {
    if place.is_file() || hub::present(place, split) {
        return Ok(place.clone());
    }
    let names = place.names()?;
    if names.iter().any(|n| n == kind.folder) {
        return Ok(place.child(kind.folder));
    }
    let pickle = |n: &String| {
        n.ends_with("-py")
            || n.ends_with("-python")
            || ["data_batch_1", "test_batch", "train", "test"].contains(&n.as_str())
    };
    if !names.iter().any(|n| n.ends_with(".bin"))
        && let Some(found) = names
            .iter()
            .find(|n| pickle(n) && (place.child(n).is_file() || n.contains('-')))
    {
        let message = format!(
            "`{found}` is the Python form of the data set: pickles can run code when read, so they are refused"
        );
        return Err(Fault::damaged(
            place.path(),
            message,
            "use the binary version (.bin files) or Parquet files",
        ));
    }
    Ok(place.clone())
}

fn sized(place: &Place, header: Header) -> Result<Header, Fault> {
    if (header.channels, header.height, header.width) == (3, SIDE, SIDE) {
        return Ok(header);
    }
    let message = format!(
        "images are 3 x 32 x 32 in this data set, here they are {} x {} x {}",
        header.channels, header.height, header.width
    );
    Err(Fault::damaged(
        place.path(),
        message,
        "read other image sets as a folder of images",
    ))
}

fn binary(place: &Place, split: Split, kind: &Kind) -> Result<Vec<Place>, Fault> {
    if place.is_file() {
        return Ok(vec![place.clone()]);
    }
    let names: Vec<String> = match (kind.classes, split) {
        (100, Split::Train) => vec!["train.bin".to_string()],
        (100, Split::Test) => vec!["test.bin".to_string()],
        (_, Split::Test) => vec!["test_batch.bin".to_string()],
        (_, Split::Train) => (1..=5).map(|k| format!("data_batch_{k}.bin")).collect(),
    };
    for name in &names {
        if !place.child(name).is_file() {
            let message = format!(
                "neither `{}-*.parquet` nor `{name}` is in this folder",
                split.word()
            );
            let help = "a folder of Parquet files (train-*.parquet, test-*.parquet) or of the original binary files (.bin) is read";
            return Err(Fault::missing(place.path(), message, help));
        }
    }
    Ok(names.iter().map(|n| place.child(n)).collect())
}

fn records(place: &Place, bytes: u64, kind: &Kind) -> Result<usize, Fault> {
    let record = (kind.labels + IMAGE) as u64;
    if bytes == 0 || !bytes.is_multiple_of(record) {
        let message = format!("{bytes} bytes are no whole number of records of {record} bytes");
        return Err(Fault::damaged(
            place.path(),
            message,
            "the file was not copied whole, or is of another data set; fetch it again",
        )
        .at(bytes / record * record));
    }
    Ok((bytes / record) as usize)
}

fn from_binary(place: &Place, split: Split, kind: &Kind) -> Result<ImageSet, Fault> {
    let (mut pixels, mut labels, mut digest) = (Vec::new(), Vec::new(), Digest::default());
    for file in binary(place, split, kind)? {
        let bytes = source::read(&file)?;
        let count = records(&file, bytes.len() as u64, kind)?;
        digest.add(&file.name(), &bytes);
        pixels.try_reserve(count * IMAGE).map_err(|_| {
            Fault::io(
                file.path(),
                "the set does not fit in memory",
                "use a smaller set",
            )
        })?;
        for (i, record) in bytes.chunks_exact(kind.labels + IMAGE).enumerate() {
            let label = record[kind.labels - 1];
            if usize::from(label) >= kind.classes {
                let at = i * (kind.labels + IMAGE) + kind.labels - 1;
                let message = format!(
                    "record {i}: the label is {label}, and labels go from 0 to {}",
                    kind.classes - 1
                );
                return Err(
                    Fault::damaged(file.path(), message, "fetch the file again").at(at as u64)
                );
            }
            labels.push(u32::from(label));
            pixels.extend_from_slice(&record[kind.labels..]);
        }
    }
    Ok(ImageSet {
        name: String::new(),
        channels: 3,
        height: SIDE,
        width: SIDE,
        pixels: Pixels::U8(pixels),
        labels: Some(labels),
        classes: Vec::new(),
        digest: digest.hex(),
    })
}

/// The names from the list that comes with the data set, where it has the right length; else known or plain numbers.
fn names(place: &Place, kind: &Kind) -> Vec<String> {
    for file in ["batches.meta.txt", "fine_label_names.txt"] {
        let place = place.child(file);
        if place.is_file()
            && source::open_file(&place).is_ok_and(|(_, len)| len < 1 << 16)
            && let Ok(text) = source::read(&place)
        {
            let text = String::from_utf8_lossy(&text);
            let names: Vec<String> = text
                .lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .map(String::from)
                .collect();
            if names.len() == kind.classes {
                return names;
            }
        }
    }
    if kind.classes == TEN.len() {
        TEN.map(String::from).to_vec()
    } else {
        (0..kind.classes).map(|c| c.to_string()).collect()
    }
}
