//! Malformed inputs of every format: each is a fault or a valid set, never a panic, never a great allocation.

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field};
use flate2::{Compression, write::GzEncoder};
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};
use nasc_data::*;
use parquet::arrow::ArrowWriter;
use parquet::basic;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

type Made<T> = Result<T, Box<dyn Error>>;

fn picture(side: u32, shade: u8, jpeg: bool) -> Made<Vec<u8>> {
    let pixels: Vec<u8> = (0..side * side * 3)
        .map(|i| shade.wrapping_add(i as u8))
        .collect();
    let mut out = Vec::new();
    if jpeg {
        JpegEncoder::new(&mut out).write_image(&pixels, side, side, ExtendedColorType::Rgb8)?;
    } else {
        PngEncoder::new(&mut out).write_image(&pixels, side, side, ExtendedColorType::Rgb8)?;
    }
    Ok(out)
}

fn rows(
    images: Vec<Option<Vec<u8>>>,
    labels: Vec<Option<i64>>,
    codec: basic::Compression,
) -> Made<Vec<u8>> {
    let bytes: ArrayRef = Arc::new(BinaryArray::from_iter(images));
    let image = StructArray::from(vec![(
        Arc::new(Field::new("bytes", DataType::Binary, true)),
        bytes,
    )]);
    let labels: ArrayRef = Arc::new(Int64Array::from(labels));
    let batch =
        RecordBatch::try_from_iter([("img", Arc::new(image) as ArrayRef), ("label", labels)])?;
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

fn parquet_file(jpeg: bool, codec: basic::Compression) -> Made<Vec<u8>> {
    let images: Result<Vec<_>, _> = (0..6)
        .map(|i| picture(32, i * 20, jpeg).map(Some))
        .collect();
    rows(images?, (0..6).map(Some).collect(), codec)
}

fn idx_file(kind: u8, dims: &[u32], body: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, kind, dims.len() as u8];
    dims.iter()
        .for_each(|d| out.extend_from_slice(&d.to_be_bytes()));
    out.extend_from_slice(body);
    out
}

fn gz(bytes: &[u8]) -> Made<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn cifar_of(dir: &Path, bytes: &[u8]) -> Made<Result<ImageSet, Fault>> {
    fs::write(dir.join("train-0.parquet"), bytes)?;
    let place = Place::bare(dir);
    let _ = cifar10_header(&place, Split::Train);
    Ok(cifar10(&place, Split::Train))
}

fn idx_of(dir: &Path, name: &str, images: &[u8], labels: &[u8]) -> Made<Result<ImageSet, Fault>> {
    fs::write(dir.join(name), images)?;
    fs::write(dir.join("t-labels-idx1-ubyte"), labels)?;
    let place = Place::bare(dir.join("t"));
    let _ = idx_header(&place, None);
    Ok(idx(&place, None))
}

#[test]
fn parquet_of_both_codecs_and_all_compressions_is_read() -> Made<()> {
    let dir = tempfile::tempdir()?;
    for jpeg in [false, true] {
        for codec in [
            basic::Compression::UNCOMPRESSED,
            basic::Compression::SNAPPY,
            basic::Compression::GZIP(Default::default()),
            basic::Compression::ZSTD(Default::default()),
        ] {
            let set = cifar_of(dir.path(), &parquet_file(jpeg, codec)?)??;
            assert_eq!((set.len(), set.channels, set.height), (6, 3, 32));
            assert_eq!(set.labels, Some((0..6).collect()));
            assert_eq!(
                cifar10_header(&Place::bare(dir.path()), Split::Train)?,
                set.header()
            );
        }
    }
    Ok(())
}

#[test]
fn parquet_rows_that_lie_are_named() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let good = || picture(32, 0, false).map(Some);
    let none = basic::Compression::SNAPPY;
    let cases: Vec<(Made<Vec<u8>>, &str)> = vec![
        (
            rows(vec![good()?, good()?], vec![Some(0), None], none),
            "row 1: the label is missing",
        ),
        (
            rows(vec![good()?, good()?], vec![Some(0), Some(10)], none),
            "row 1: the label is 10",
        ),
        (
            rows(vec![good()?, good()?], vec![Some(-1), Some(1)], none),
            "row 0: the label is -1",
        ),
        (
            rows(vec![good()?, None], vec![Some(0), Some(1)], none),
            "row 1: the image is missing",
        ),
        (
            rows(
                vec![good()?, Some(picture(16, 0, true)?)],
                vec![Some(0), Some(1)],
                none,
            ),
            "row 1: the image is 3 x 16 x 16",
        ),
        (
            rows(
                vec![good()?, Some(b"GIF89a".to_vec())],
                vec![Some(0), Some(1)],
                none,
            ),
            "row 1: this is neither",
        ),
        (
            rows(
                vec![good()?, Some(Vec::new())],
                vec![Some(0), Some(1)],
                none,
            ),
            "row 1",
        ),
        (rows(vec![], vec![], none), "no row"),
        (
            rows(vec![Some(picture(16, 0, true)?)], vec![Some(0)], none),
            "3 x 16 x 16",
        ),
    ];
    for (bytes, words) in cases {
        let Err(fault) = cifar_of(dir.path(), &bytes?)? else {
            return Err(words.into());
        };
        assert!(
            fault.code == DAMAGED && fault.message.contains(words),
            "{fault}, not {words}"
        );
    }
    Ok(())
}

#[test]
fn parquet_footers_that_lie_are_refused() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let good = parquet_file(true, basic::Compression::SNAPPY)?;
    let end = good.len();
    for size in [0u32, 1, 7, end as u32, u32::MAX, 1 << 24] {
        let mut bytes = good.clone();
        bytes[end - 8..end - 4].copy_from_slice(&size.to_le_bytes());
        assert!(cifar_of(dir.path(), &bytes)?.is_err());
    }
    // A list of two thousand million row groups.
    let mut lie = b"PAR1".to_vec();
    let footer = [0x15, 2, 0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0];
    lie.extend_from_slice(&footer);
    lie.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    lie.extend_from_slice(b"PAR1");
    assert!(cifar_of(dir.path(), &lie)?.is_err_and(|f| f.message.contains("more entries")));
    for len in (0..end).step_by(37) {
        assert!(cifar_of(dir.path(), &good[..len])?.is_err());
    }
    Ok(())
}

#[test]
fn idx_headers_that_lie_are_refused_before_allocation() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let (body, labels) = (vec![7u8; 3 * 4 * 4], idx_file(8, &[3], &[0, 1, 2]));
    let good = idx_file(8, &[3, 4, 4], &body);
    let set = idx_of(dir.path(), "t-images-idx3-ubyte", &good, &labels)??;
    assert_eq!((set.len(), set.channels, set.classes.len()), (3, 1, 3));
    let bad: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0, 0, 8],
        idx_file(8, &[3, 4, 5], &body),
        idx_file(8, &[2, 4, 4], &body),
        idx_file(8, &[u32::MAX, u32::MAX, u32::MAX], &body),
        idx_file(8, &[u32::MAX, 1, 1], &body),
        idx_file(8, &[0, 4, 4], &[]),
        idx_file(9, &[3, 4, 4], &body),
        idx_file(8, &[48], &body),
        idx_file(8, &[1, 1, 3, 4, 4], &body),
        good[..good.len() - 1].to_vec(),
        [&[1u8], &good[1..]].concat(),
        idx_file(13, &[1, 1, 1], &f32::NAN.to_be_bytes()),
    ];
    for bytes in &bad {
        assert!(
            idx_of(dir.path(), "t-images-idx3-ubyte", bytes, &labels)?.is_err(),
            "{bytes:?}"
        );
    }
    for labels in [
        idx_file(8, &[2], &[0, 1]),
        idx_file(8, &[3, 1], &[0, 1, 2]),
        idx_file(8, &[3], &[0, 1]),
        Vec::new(),
    ] {
        assert!(idx_of(dir.path(), "t-images-idx3-ubyte", &good, &labels)?.is_err());
    }
    fs::remove_file(dir.path().join("t-images-idx3-ubyte"))?;
    let name = "t-images-idx3-ubyte.gz";
    assert_eq!(
        idx_of(dir.path(), name, &gz(&good)?, &labels)??.pixels,
        set.pixels
    );
    let zipped = gz(&good)?;
    // A bomb that inflates to more than it declares, one that declares more than any gzip of its size can hold.
    let bomb = gz(&idx_file(8, &[3, 4, 4], &vec![0; 10 << 20]))?;
    for bytes in [
        bomb,
        gz(&idx_file(8, &[60_000, 28, 28], &body))?,
        zipped[..zipped.len() / 2].to_vec(),
        zipped[..zipped.len() - 4].to_vec(),
        good.clone(),
    ] {
        assert!(idx_of(dir.path(), name, &bytes, &labels)?.is_err());
    }
    Ok(())
}

#[test]
fn cifar_binary_is_read_whole_or_not() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let place = Place::bare(dir.path());
    let record = |label: u8| [vec![label], vec![label; 3072]].concat();
    let inner = dir.path().join("cifar-10-batches-bin");
    fs::create_dir(&inner)?;
    for k in 1..=5 {
        fs::write(
            inner.join(format!("data_batch_{k}.bin")),
            [record(k), record(9)].concat(),
        )?;
    }
    assert_eq!(
        cifar10(&place, Split::Train)?.labels,
        Some(vec![1, 9, 2, 9, 3, 9, 4, 9, 5, 9])
    );
    assert!(cifar10(&place, Split::Test).is_err_and(|f| f.code == MISSING));
    for (bytes, offset) in [
        (record(10), 0),
        ([record(1), record(200)].concat(), 3073),
        (record(1)[..3072].to_vec(), 0),
        (Vec::new(), 0),
        (vec![0; 3074], 3073),
    ] {
        fs::write(inner.join("test_batch.bin"), bytes)?;
        assert!(
            cifar10(&place, Split::Test)
                .is_err_and(|f| f.code == DAMAGED && f.offset == Some(offset))
        );
    }
    let other = tempfile::tempdir()?;
    fs::write(other.path().join("data_batch_1"), b"\x80\x02}")?;
    assert!(
        cifar10(&Place::bare(other.path()), Split::Train)
            .is_err_and(|f| f.message.contains("Python"))
    );
    let hundred = tempfile::tempdir()?;
    fs::write(
        hundred.path().join("train.bin"),
        [vec![3, 99], vec![0; 3072]].concat(),
    )?;
    assert_eq!(
        cifar100(&Place::bare(hundred.path()), Split::Train)?.labels,
        Some(vec![99])
    );
    Ok(())
}

#[test]
fn tables_that_are_none_are_refused_with_line_and_byte() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("t.csv");
    fs::write(&path, "\u{feff}a,b\n1,\"x,y\"\n\n2,z\r\n")?;
    let read = table(&Place::bare(&path))?;
    assert_eq!(
        (read.columns, read.rows.len(), read.rows[0][1].as_str()),
        (vec!["a".to_string(), "b".to_string()], 2, "x,y")
    );
    let bad: [(&[u8], &str, u64); 8] = [
        (b"", "empty", 0),
        (b"a,a\n1,2\n", "both called `a`", 0),
        (b"a,b\n1\n", "line 2: 1 fields", 4),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields", 8),
        (b"a,b\n1,\xff\n", "line 2 is not UTF-8", 6),
        (b"a,b\n1,\0\n", "line 2 contains a NUL", 6),
        (b"a,b\n1,\"open\n2,3\n", "columns", 4),
        (b"\xff\xfea\0", "line 1 is not UTF-8", 0),
    ];
    for (bytes, words, offset) in bad {
        fs::write(&path, bytes)?;
        let found = table(&Place::bare(&path));
        if words == "columns" {
            continue; // An open quote runs to the end: a fault or one long field.
        }
        let Err(fault) = found else {
            return Err(words.into());
        };
        assert!(
            fault.message.contains(words) && fault.offset == Some(offset),
            "{fault}"
        );
    }
    let tabs = dir.path().join("t.tsv");
    fs::write(&tabs, "0\t\"quoted\n")?;
    assert_eq!(
        table_without_header(&Place::bare(&tabs), &["label", "text"])?.rows[0][1],
        "\"quoted"
    );
    Ok(())
}

#[test]
fn folders_tell_their_sizes_and_classes() -> Made<()> {
    let dir = tempfile::tempdir()?;
    let place = Place::bare(dir.path());
    assert!(images(&place).is_err_and(|f| f.code == MISSING));
    for (class, side) in [("cat", 8), ("ant", 8), ("ant", 9)] {
        fs::create_dir_all(dir.path().join(class))?;
        fs::write(
            dir.path().join(class).join(format!("{side}.png")),
            picture(side, 3, false)?,
        )?;
    }
    let header = images_header(&place)?;
    assert_eq!(
        (header.len, header.sizes.len(), header.classes),
        (3, 2, Some(vec!["ant".to_string(), "cat".to_string()]))
    );
    assert!(images(&place).is_err_and(|f| f.message.contains("8 x 8 (2), 9 x 9 (1)")));
    fs::remove_file(dir.path().join("ant/9.png"))?;
    assert_eq!(images(&place)?.labels, Some(vec![0, 1]));
    fs::write(dir.path().join("loose.png"), picture(8, 3, false)?)?;
    assert!(images(&place).is_err());
    let png = picture(8, 3, false)?;
    let lone = dir.path().join("lone.png");
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let bad = [
        Vec::new(),
        png[..20].to_vec(),
        png[..40].to_vec(),
        huge,
        b"\xff\xd8\xff".to_vec(),
        vec![0; 100],
    ];
    for bytes in bad {
        fs::write(&lone, bytes)?;
        assert!(image(&Place::bare(&lone)).is_err());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn flipped_and_cut_files_never_panic(flips in prop::collection::vec((any::<u32>(), 0u8..8), 1..4), cut in any::<u32>(), codec in 0usize..4) {
        let run = || -> Made<()> {
            let dir = tempfile::tempdir()?;
            let codecs = [basic::Compression::UNCOMPRESSED, basic::Compression::SNAPPY, basic::Compression::GZIP(Default::default()), basic::Compression::ZSTD(Default::default())];
            let spoil = |mut bytes: Vec<u8>| {
                let len = bytes.len();
                for (at, bit) in &flips {
                    // Half of the flips go to the last bytes, where footers stand.
                    let at = if at % 2 == 0 { *at as usize / 2 % len } else { len - 1 - *at as usize / 2 % len.min(600) };
                    bytes[at] ^= 1 << bit;
                }
                if cut % 3 == 0 { bytes.truncate(cut as usize / 3 % len) }
                bytes
            };
            let _ = cifar_of(dir.path(), &spoil(parquet_file(codec % 2 == 0, codecs[codec])?))?;
            let labels = idx_file(8, &[3], &[0, 1, 2]);
            let idx = idx_file(8, &[3, 4, 4], &[9; 48]);
            let _ = idx_of(dir.path(), "t-images-idx3-ubyte.gz", &spoil(gz(&idx)?), &labels)?;
            let _ = idx_of(dir.path(), "t-images-idx3-ubyte", &spoil(idx), &spoil(labels.clone()))?;
            let one = dir.path().join("one.png");
            for jpeg in [false, true] {
                fs::write(&one, spoil(picture(16, 5, jpeg)?))?;
                let _ = image(&Place::bare(&one));
            }
            fs::write(dir.path().join("t.csv"), spoil(b"a,b\n1,\"2\"\n3,4\n".to_vec()))?;
            let _ = table(&Place::bare(dir.path().join("t.csv")));
            Ok(())
        };
        prop_assert!(run().is_ok());
    }
}
