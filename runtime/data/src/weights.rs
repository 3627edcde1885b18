//! Trained tensors from other programs: a folder with `tensors.csv` (name, shape, offset, count) and `weights.f32`.

use crate::fault::Fault;
use crate::place::Place;
use crate::source;
use crate::table::{Table, table};
use std::collections::HashSet;

/// A tensor as stored: its name there, its shape, its values row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A set of named tensors, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSet {
    pub tensors: Vec<StoredTensor>,
    /// BLAKE3 of the files.
    pub digest: String,
}

/// Reads the folder. `weights.f32` holds little-endian 32-bit floats, all tensors one after another.
///
/// # Errors
/// E0701: a file is missing. E0702: a line that cannot be read, a shape that does not match its count, tensors that lie
/// outside the file or leave part of it unnamed.
pub fn weights(place: &Place) -> Result<WeightSet, Fault> {
    let list = place.child("tensors.csv");
    let t = table(&list)?;
    let values = place.child("weights.f32");
    let bytes = source::read(&values)?;
    let column = |name: &str| {
        t.columns.iter().position(|c| c == name).ok_or_else(|| {
            Fault::damaged(
                list.path(),
                format!("there is no column `{name}`"),
                "the columns are name, shape, offset and count",
            )
        })
    };
    let (name, shape, offset, count) = (
        column("name")?,
        column("shape")?,
        column("offset")?,
        column("count")?,
    );
    let mut seen = HashSet::new();
    let mut tensors = Vec::with_capacity(t.rows.len());
    let mut named = 0usize;
    for row in &t.rows {
        let at =
            |why: String| Fault::damaged(list.path(), format!("tensor `{}`: {why}", row[name]), "");
        let number = |c: usize| {
            row[c]
                .parse::<usize>()
                .map_err(|_| at(format!("`{}` is no {}", row[c], t.columns[c])))
        };
        let (start, n) = (number(offset)?, number(count)?);
        let dims = dims(&row[shape]).ok_or_else(|| at(format!("`{}` is no shape", row[shape])))?;
        if dims.iter().try_fold(1usize, |a, d| a.checked_mul(*d)) != Some(n) {
            return Err(at(format!(
                "the shape {} does not have {n} values",
                row[shape]
            )));
        }
        let end = start.checked_add(n).and_then(|e| e.checked_mul(4));
        let Some(part) = end.and_then(|end| bytes.get(start * 4..end)) else {
            let why = format!(
                "tensor `{}` ends behind the end of the file, which has {} bytes",
                row[name],
                bytes.len()
            );
            return Err(Fault::damaged(
                values.path(),
                why,
                "the file is cut, or the list is of another file",
            )
            .at(bytes.len() as u64));
        };
        if !seen.insert(row[name].as_str()) {
            return Err(at("it is listed twice".into()));
        }
        named += part.len();
        tensors.push(StoredTensor {
            name: row[name].clone(),
            shape: dims,
            values: part
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
        });
    }
    if named != bytes.len() {
        let why = format!(
            "{named} of the file's {} bytes are listed as tensors",
            bytes.len()
        );
        return Err(
            Fault::damaged(values.path(), why, "the list is of another file").at(named as u64),
        );
    }
    Ok(WeightSet {
        tensors,
        digest: digest(&t, &bytes),
    })
}

/// `16x3x3x3`; an empty text is a single number.
fn dims(text: &str) -> Option<Vec<usize>> {
    if text.is_empty() {
        return Some(vec![]);
    }
    text.split('x').map(|d| d.parse().ok()).collect()
}

fn digest(list: &Table, bytes: &[u8]) -> String {
    let mut d = source::Digest::default();
    d.add("tensors.csv", list.digest.as_bytes());
    d.add("weights.f32", bytes);
    d.hex()
}
