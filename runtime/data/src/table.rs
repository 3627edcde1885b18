//! Tables as CSV or TSV text, every cell kept as it is written.

use crate::fault::Fault;
use crate::place::Place;
use crate::source;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::collections::HashMap;

const MAX_TABLE: u64 = 1 << 30;

/// A rectangular table of text; numbers are parsed by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Column names, all different.
    pub columns: Vec<String>,
    /// Rows in file order, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
    /// BLAKE3 in hex of the file's bytes.
    pub digest: String,
}

impl Table {
    /// The position of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c == name)
    }
}

/// Reads a table whose first line names the columns. Files that end in `.tsv` are separated by tabs and know no quotes.
pub fn table(place: &Place) -> Result<Table, Fault> {
    let bytes = text(place)?;
    let mut reader = reader(place, &bytes);
    let mut record = ByteRecord::new();
    if !next(place, &mut reader, &mut record)? {
        return Err(Fault::damaged(
            place.path(),
            "the table is empty",
            "its first line names the columns",
        )
        .at(0));
    }
    let columns = fields(&record);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (i, name) in columns.iter().enumerate() {
        if let Some(first) = seen.insert(name, i) {
            let message = format!(
                "line 1: columns {} and {} are both called `{name}`",
                first + 1,
                i + 1
            );
            return Err(Fault::damaged(
                place.path(),
                message,
                "give each column a name of its own",
            )
            .at(0));
        }
    }
    rows(place, &bytes, reader, columns)
}

/// Reads a table that has no line of names; its columns are called as given.
pub fn table_without_header(place: &Place, columns: &[&str]) -> Result<Table, Fault> {
    let bytes = text(place)?;
    let reader = reader(place, &bytes);
    rows(
        place,
        &bytes,
        reader,
        columns.iter().map(|c| c.to_string()).collect(),
    )
}

fn rows(
    place: &Place,
    bytes: &[u8],
    mut reader: Reader<&[u8]>,
    columns: Vec<String>,
) -> Result<Table, Fault> {
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    while next(place, &mut reader, &mut record)? {
        if record.len() != columns.len() {
            let (line, at) = record.position().map_or((0, 0), |p| (p.line(), p.byte()));
            let message = format!(
                "line {line}: {} fields, and there are {} columns",
                record.len(),
                columns.len()
            );
            return Err(Fault::damaged(
                place.path(),
                message,
                "quote a field that contains the separator",
            )
            .at(at));
        }
        rows.push(fields(&record));
    }
    Ok(Table {
        columns,
        rows,
        digest: blake3::hash(bytes).to_hex().to_string(),
    })
}

/// The file's bytes, known to be text without NUL.
fn text(place: &Place) -> Result<Vec<u8>, Fault> {
    let (_, len) = source::open_file(place)?;
    if len > MAX_TABLE {
        return Err(Fault::io(
            place.path(),
            format!("the table has {len} bytes, and at most {MAX_TABLE} are read"),
            "split it",
        ));
    }
    let bytes = source::read(place)?;
    let bad = match std::str::from_utf8(&bytes) {
        Err(e) => Some((e.valid_up_to(), "is not UTF-8 text")),
        Ok(_) => bytes
            .iter()
            .position(|b| *b == 0)
            .map(|at| (at, "contains a NUL character")),
    };
    if let Some((at, what)) = bad {
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        return Err(Fault::damaged(
            place.path(),
            format!("line {line} {what}"),
            "save the table as UTF-8 text",
        )
        .at(at as u64));
    }
    Ok(bytes)
}

fn reader<'a>(place: &Place, bytes: &'a [u8]) -> Reader<&'a [u8]> {
    let tabs = place.name().to_lowercase().ends_with(".tsv");
    // A byte-order mark is skipped by the csv crate itself.
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(if tabs { b'\t' } else { b',' })
        .quoting(!tabs)
        .from_reader(bytes)
}

fn next(place: &Place, reader: &mut Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, Fault> {
    reader.read_byte_record(record).map_err(|e| {
        let fault = Fault::damaged(place.path(), format!("the table cannot be read: {e}"), "");
        e.position().map_or(fault.clone(), |p| fault.at(p.byte()))
    })
}

fn fields(record: &ByteRecord) -> Vec<String> {
    record
        .iter()
        .map(|f| String::from_utf8_lossy(f).into_owned())
        .collect()
}
