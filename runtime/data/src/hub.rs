//! Image sets as Parquet in the layout of data hubs: a column of encoded images and a column of labels.

use crate::fault::{Fault, guarded};
use crate::pages;
use crate::picture::{self, Size};
use crate::place::Place;
use crate::source::{self, Digest, MAX_VALUES};
use crate::{Header, ImageSet, Pixels, Split};
use arrow::array::{Array, AsArray, BinaryArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::reader::ChunkReader;
use rayon::prelude::*;

const IMAGES: [&str; 3] = ["img", "image", "images"];
const FOLDERS: [&str; 6] = ["", "data", "plain_text", "cifar10", "cifar100", "mnist"];
const BATCH: usize = 1000;

/// What the footers and the first image of `SPLIT-*.parquet` tell. `labels` are the label column's possible names.
pub fn hub_header(
    place: &Place,
    split: Split,
    labels: &[&str],
    classes: Option<usize>,
) -> Result<Header, Fault> {
    let files = files(place, split)?;
    let mut len = 0;
    let mut first = None;
    for file in &files {
        let (handle, _) = source::open_file(file)?;
        let opened = Opened::new(file, handle, labels)?;
        len += opened.rows;
        if first.is_none() && opened.rows > 0 {
            first = Some(opened.first(file)?);
        }
    }
    let size = first.ok_or_else(|| Fault::damaged(place.path(), "the set has no row", ""))?;
    Ok(Header {
        len,
        channels: size.channels,
        height: size.height,
        width: size.width,
        classes,
    })
}

/// Decodes every image of `SPLIT-*.parquet`; labels have to be below `classes` where that is given.
pub fn hub(
    place: &Place,
    split: Split,
    labels: &[&str],
    classes: Option<usize>,
) -> Result<ImageSet, Fault> {
    let mut digest = Digest::default();
    let mut out = Rows {
        size: None,
        pixels: Vec::new(),
        labels: Vec::new(),
        classes,
    };
    for file in files(place, split)? {
        let bytes = source::read(&file)?;
        digest.add(&file.name(), &bytes);
        let opened = Opened::new(&file, Bytes::from(bytes), labels)?;
        let total = opened.rows;
        let mut row = 0;
        for batch in opened.reader(&file, BATCH, total)? {
            let batch = guarded(|| batch.map_err(|e| e.to_string()))
                .map_err(|e| unreadable(&file, row, &e))?;
            out.take(&file, &batch, row)?;
            row += batch.num_rows();
        }
        if row != total {
            let message = format!("the footer declares {total} rows, and {row} were found");
            return Err(Fault::damaged(file.path(), message, "fetch the file again"));
        }
    }
    let size = out
        .size
        .ok_or_else(|| Fault::damaged(place.path(), "the set has no row", ""))?;
    let count = classes.unwrap_or_else(|| out.labels.iter().max().map_or(0, |m| *m as usize + 1));
    Ok(ImageSet {
        name: format!("{} {}", place.name(), split.word()),
        channels: size.channels,
        height: size.height,
        width: size.width,
        pixels: Pixels::U8(out.pixels),
        labels: Some(out.labels),
        classes: (0..count).map(|c| c.to_string()).collect(),
        digest: digest.hex(),
    })
}

/// Whether any file of this layout stands at the place.
pub(crate) fn present(place: &Place, split: Split) -> bool {
    files(place, split).is_ok()
}

fn files(place: &Place, split: Split) -> Result<Vec<Place>, Fault> {
    if place.is_file() {
        return Ok(vec![place.clone()]);
    }
    let word = split.word();
    for sub in FOLDERS {
        let folder = if sub.is_empty() {
            place.clone()
        } else {
            place.child(sub)
        };
        if !sub.is_empty() && !folder.is_dir() {
            continue;
        }
        let ours = |n: &String| {
            n.ends_with(".parquet")
                && n.strip_prefix(word)
                    .is_some_and(|r| r.starts_with(['-', '.', '_']))
        };
        let found: Vec<Place> = folder
            .names()?
            .iter()
            .filter(|n| ours(n))
            .map(|n| folder.child(n))
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(Fault::missing(
        place.path(),
        format!("there is no `{word}-*.parquet` here"),
        "name the folder that holds the Parquet files",
    ))
}

/// A file whose declarations have been checked, with its two columns found.
struct Opened<R: ChunkReader + 'static> {
    reader: R,
    meta: ArrowReaderMetadata,
    mask: ProjectionMask,
    rows: usize,
}

impl<R: ChunkReader + 'static> Opened<R> {
    fn new(place: &Place, reader: R, labels: &[&str]) -> Result<Opened<R>, Fault> {
        pages::footer(place, &reader)?;
        let options = ArrowReaderOptions::new()
            .with_page_index_policy(PageIndexPolicy::Skip)
            .with_skip_arrow_metadata(true);
        let meta =
            guarded(|| ArrowReaderMetadata::load(&reader, options).map_err(|e| e.to_string()))
                .map_err(|e| {
                    Fault::damaged(
                        place.path(),
                        format!("the footer cannot be read: {e}"),
                        "fetch the file again",
                    )
                })?;
        let rows = pages::layout(place, meta.metadata(), reader.len())?;
        let wanted = columns(place, meta.schema(), labels)?;
        let descr = meta.parquet_schema();
        let paths: Vec<String> = descr.columns().iter().map(|c| c.path().string()).collect();
        let leaves: Vec<usize> = (0..paths.len())
            .filter(|i| wanted.contains(&paths[*i]))
            .collect();
        if leaves.len() != 2 || leaves.iter().any(|i| descr.column(*i).max_rep_level() > 0) {
            return Err(Fault::damaged(
                place.path(),
                "the image or label column is a list",
                "one image and one label a row are read",
            ));
        }
        let mask = ProjectionMask::leaves(descr, leaves);
        Ok(Opened {
            reader,
            meta,
            mask,
            rows,
        })
    }

    /// Walks the pages of the first `limit` rows' groups, then gives their batches.
    fn reader(
        self,
        place: &Place,
        batch: usize,
        limit: usize,
    ) -> Result<ParquetRecordBatchReader, Fault> {
        let (mut seen, mut groups) = (0, Vec::new());
        for (g, group) in self.meta.metadata().row_groups().iter().enumerate() {
            if seen >= limit {
                break;
            }
            for (i, column) in group.columns().iter().enumerate() {
                if self.mask.leaf_included(i) {
                    pages::pages(place, &self.reader, column, group.num_rows())?;
                }
            }
            seen += group.num_rows() as usize;
            groups.push(g);
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.reader, self.meta);
        guarded(|| {
            let builder = builder
                .with_projection(self.mask)
                .with_row_groups(groups)
                .with_batch_size(batch);
            builder.build().map_err(|e| e.to_string())
        })
        .map_err(|e| unreadable(place, 0, &e))
    }

    fn first(self, place: &Place) -> Result<Size, Fault> {
        let mut batches = self.reader(place, 1, 1)?;
        let batch = guarded(|| {
            batches
                .next()
                .unwrap_or_else(|| Ok(RecordBatch::new_empty(Schema::empty().into())))
                .map_err(|e| e.to_string())
        });
        let (images, _) = arrays(&batch.map_err(|e| unreadable(place, 0, &e))?)
            .map_err(|e| unreadable(place, 0, &e))?;
        if images.is_empty() || images.is_null(0) {
            return Err(unreadable(place, 0, "the image is missing"));
        }
        picture::size(images.value(0)).map_err(|e| unreadable(place, 0, &e))
    }
}

/// The dotted paths of the image bytes and of the label.
fn columns(place: &Place, schema: &Schema, labels: &[&str]) -> Result<[String; 2], Fault> {
    let find = |names: &[&str], what: &str| {
        let field = names.iter().find_map(|n| schema.field_with_name(n).ok());
        field.ok_or_else(|| {
            let has: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            let message = format!(
                "there is no {what} column: looked for {}, found {}",
                names.join(", "),
                has.join(", ")
            );
            Fault::damaged(place.path(), message, "rename the column")
        })
    };
    let refuse = |name: &str, what: &str| {
        Fault::damaged(
            place.path(),
            format!("column `{name}` {what}"),
            "images are stored as PNG or JPEG bytes, labels as integers",
        )
    };
    let image = find(&IMAGES, "image")?;
    let binary = |t: &DataType| {
        matches!(
            t,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView
        )
    };
    let image = match image.data_type() {
        t if binary(t) => image.name().clone(),
        DataType::Struct(fields)
            if fields
                .iter()
                .any(|f| f.name() == "bytes" && binary(f.data_type())) =>
        {
            format!("{}.bytes", image.name())
        }
        _ => return Err(refuse(image.name(), "has no image bytes")),
    };
    let label = find(labels, "label")?;
    if !label.data_type().is_integer() {
        return Err(refuse(label.name(), "is no integer"));
    }
    Ok([image, label.name().clone()])
}

fn unreadable(place: &Place, row: usize, why: &str) -> Fault {
    Fault::damaged(
        place.path(),
        format!("row {row}: {why}"),
        "fetch the file again, or leave the row out",
    )
}

/// The image bytes and labels of a batch that was read through the mask; nulls stay nulls.
fn arrays(batch: &RecordBatch) -> Result<(BinaryArray, Int64Array), String> {
    let (mut images, mut labels) = (None, None);
    for column in batch.columns() {
        match column.data_type() {
            t if t.is_integer() => {
                labels = Some(cast(column, &DataType::Int64).map_err(|e| e.to_string())?)
            }
            DataType::Struct(_) => {
                let inner = column.as_struct();
                let bytes = inner.columns().first().ok_or("the image column is empty")?;
                if inner.null_count() > 0 {
                    return Err("an image is missing among these rows".to_string());
                }
                images = Some(cast(bytes, &DataType::Binary).map_err(|e| e.to_string())?);
            }
            _ => images = Some(cast(column, &DataType::Binary).map_err(|e| e.to_string())?),
        }
    }
    match (images, labels) {
        (Some(i), Some(l)) => Ok((
            i.as_binary::<i32>().clone(),
            l.as_primitive::<Int64Type>().clone(),
        )),
        _ => Err("a column is missing".to_string()),
    }
}

/// What has been read so far.
struct Rows {
    size: Option<Size>,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    classes: Option<usize>,
}

impl Rows {
    /// Adds a batch whose first row is row `from` of the file.
    fn take(&mut self, place: &Place, batch: &RecordBatch, from: usize) -> Result<(), Fault> {
        let (images, labels) = arrays(batch).map_err(|e| unreadable(place, from, &e))?;
        for i in 0..batch.num_rows() {
            if labels.is_null(i) {
                return Err(unreadable(place, from + i, "the label is missing"));
            }
            let label = labels.value(i);
            let limit = self.classes.map_or(i64::from(u16::MAX), |c| c as i64);
            if label < 0 || label >= limit {
                return Err(unreadable(
                    place,
                    from + i,
                    &format!(
                        "the label is {label}, and labels go from 0 to {}",
                        limit - 1
                    ),
                ));
            }
            self.labels.push(label as u32);
        }
        let decoded: Vec<Result<(Size, Vec<u8>), String>> = (0..batch.num_rows())
            .into_par_iter()
            .map(|i| {
                if images.is_null(i) {
                    Err("the image is missing".to_string())
                } else {
                    picture::decode(images.value(i))
                }
            })
            .collect();
        for (i, result) in decoded.into_iter().enumerate() {
            let (size, pixels) = result.map_err(|e| unreadable(place, from + i, &e))?;
            let expected = *self.size.get_or_insert(size);
            if size != expected {
                let message = format!(
                    "the image is {} x {} x {}, the first one {} x {} x {} (channels, height, width)",
                    size.channels,
                    size.height,
                    size.width,
                    expected.channels,
                    expected.height,
                    expected.width
                );
                return Err(unreadable(place, from + i, &message));
            }
            if self.pixels.len() + pixels.len() > MAX_VALUES
                || self.pixels.try_reserve(pixels.len()).is_err()
            {
                return Err(Fault::io(
                    place.path(),
                    "the set does not fit in memory",
                    "use a smaller set",
                ));
            }
            self.pixels.extend_from_slice(&pixels);
        }
        Ok(())
    }
}
