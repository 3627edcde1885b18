//! What a Parquet file declares about itself, checked against the bytes it has before its decoder may allocate.

use crate::fault::Fault;
use crate::place::Place;
use crate::thrift::Walk;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use std::io::{Read, copy, sink};

const MAX_FOOTER: u64 = 16 << 20;
const MAX_ROWS: i64 = 1 << 31;
/// A page may unfold to this many times its stored size, and a little more.
const MAX_RATIO: i64 = 1100;
const MAX_PAGE: i64 = 1 << 30;
const HELP: &str = "the file is damaged or was not copied whole; fetch it again";

/// Checks magic, footer length and the footer's structure.
pub(crate) fn footer<R: ChunkReader>(place: &Place, reader: &R) -> Result<(), Fault> {
    let len = reader.len();
    let fail = |message: String, at: u64| Err(Fault::damaged(place.path(), message, HELP).at(at));
    if len < 12 {
        return fail(format!("{len} bytes are too few for a Parquet file"), len);
    }
    let head = part(place, reader, 0, 4)?;
    if head.as_ref() != b"PAR1" {
        return fail(
            "a Parquet file starts with `PAR1`, this one does not".to_string(),
            0,
        );
    }
    let tail = part(place, reader, len - 8, 8)?;
    if &tail[4..] != b"PAR1" {
        return fail(
            "a Parquet file ends with `PAR1`, this one does not".to_string(),
            len - 4,
        );
    }
    let size = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if size > len - 12 || size > MAX_FOOTER {
        return fail(
            format!("the footer declares {size} bytes, the file has {len}"),
            len - 8,
        );
    }
    let start = len - 8 - size;
    let bytes = part(place, reader, start, size as usize)?;
    let mut walk = Walk::new(&bytes);
    match walk.structure(&mut |_, _| {}) {
        Ok(()) => Ok(()),
        Err(why) => fail(
            format!("the footer cannot be read: {why}"),
            start + walk.pos as u64,
        ),
    }
}

/// Checks that rows add up and that every column chunk lies in the file; gives the number of rows.
pub(crate) fn layout(place: &Place, meta: &ParquetMetaData, len: u64) -> Result<usize, Fault> {
    let fail = |message: String| Err(Fault::damaged(place.path(), message, HELP));
    let mut rows = 0i64;
    for (g, group) in meta.row_groups().iter().enumerate() {
        if group.num_rows() < 0 || group.num_rows() > MAX_ROWS {
            return fail(format!("row group {g} declares {} rows", group.num_rows()));
        }
        rows += group.num_rows();
        for column in group.columns() {
            let (start, size) = span(column);
            let inside = start >= 4
                && size >= 0
                && start.checked_add(size).is_some_and(|end| end as u64 <= len);
            if !inside {
                return fail(format!(
                    "row group {g}: column `{}` lies outside the file",
                    column.column_path()
                ));
            }
        }
    }
    if rows != meta.file_metadata().num_rows() || rows > MAX_ROWS {
        return fail(format!(
            "the footer declares {} rows, its row groups {rows}",
            meta.file_metadata().num_rows()
        ));
    }
    Ok(rows as usize)
}

/// Where a chunk starts and how many bytes it has.
fn span(column: &ColumnChunkMetaData) -> (i64, i64) {
    let data = column.data_page_offset();
    let start = column
        .dictionary_page_offset()
        .filter(|d| *d > 0)
        .map_or(data, |d| d.min(data));
    (start, column.compressed_size())
}

/// Walks the page headers of one column chunk: every page must fit in it and unfold to a believable size.
pub(crate) fn pages<R: ChunkReader>(
    place: &Place,
    reader: &R,
    column: &ColumnChunkMetaData,
    rows: i64,
) -> Result<(), Fault> {
    let name = column.column_path().string();
    let fail = |message: String, at: u64| {
        Err(Fault::damaged(place.path(), format!("column `{name}`: {message}"), HELP).at(at))
    };
    let (start, size) = span(column);
    let start = start as u64;
    if column.num_values() != rows {
        return fail(
            format!(
                "{} values are declared for {rows} rows",
                column.num_values()
            ),
            start,
        );
    }
    let bytes = part(place, reader, start, size as usize)?;
    let (mut pos, mut values) = (0usize, 0i64);
    while pos < bytes.len() {
        let here = start + pos as u64;
        let mut walk = Walk::new(&bytes[pos..]);
        let (mut unfolded, mut stored, mut data, mut words) = (-1i64, -1i64, None, None);
        let walked = walk.structure(&mut |path, value| match path {
            [2] => unfolded = value,
            [3] => stored = value,
            [5, 1] | [8, 1] => data = Some(value),
            [7, 1] => words = Some(value),
            _ => {}
        });
        if let Err(why) = walked {
            return fail(format!("a page header cannot be read: {why}"), here);
        }
        pos += walk.pos;
        let left = (bytes.len() - pos) as i64;
        if stored < 0 || stored > left {
            return fail(
                format!("a page declares {stored} bytes, and {left} are left"),
                here,
            );
        }
        if !(0..=MAX_PAGE).contains(&unfolded) || unfolded > MAX_RATIO * stored + 1024 {
            return fail(
                format!("a page of {stored} bytes declares to unfold to {unfolded}"),
                here,
            );
        }
        if words.is_some_and(|w| w < 0 || w > unfolded)
            || data.is_some_and(|v| !(0..=rows).contains(&v))
        {
            return fail(
                "a page declares more values than it can hold".to_string(),
                here,
            );
        }
        let page = &bytes[pos..pos + stored as usize];
        if matches!(column.compression(), Compression::GZIP(_))
            && unfolds_beyond(page, unfolded as u64)
        {
            return fail(
                "a page unfolds to more bytes than it declares".to_string(),
                here,
            );
        }
        values = values.saturating_add(data.unwrap_or(0));
        pos += stored as usize;
    }
    if values != rows {
        return fail(
            format!("its pages hold {values} values for {rows} rows"),
            start,
        );
    }
    Ok(())
}

/// The gzip decoder of the Parquet reader has no limit of its own.
fn unfolds_beyond(page: &[u8], declared: u64) -> bool {
    let mut reader = MultiGzDecoder::new(page).take(declared + 1);
    copy(&mut reader, &mut sink()).is_ok_and(|n| n > declared)
}

fn part<R: ChunkReader>(place: &Place, reader: &R, start: u64, len: usize) -> Result<Bytes, Fault> {
    reader
        .get_bytes(start, len)
        .map_err(|e| Fault::io(place.path(), format!("reading failed: {e}"), "").at(start))
}
