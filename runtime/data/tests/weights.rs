//! Weights of other programs: what is read, and what is refused; JPEG pixels to the bit.

use nasc_data::*;
use std::fs;
use std::path::Path;

type Made<T> = Result<T, Box<dyn std::error::Error>>;

fn folder(list: &str, values: &[f32]) -> Made<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("tensors.csv"), list)?;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(dir.path().join("weights.f32"), bytes)?;
    Ok(dir)
}

#[test]
fn tensors_come_by_name_with_their_shapes() -> Made<()> {
    let list = "name,shape,offset,count\na.weight,2x3,0,6\na.bias,3,6,3\nscale,,9,1\n";
    let values: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let dir = folder(list, &values)?;
    let set = weights(&Place::bare(dir.path()))?;
    let shapes: Vec<_> = set
        .tensors
        .iter()
        .map(|t| (t.name.as_str(), t.shape.clone()))
        .collect();
    assert_eq!(
        shapes,
        [
            ("a.weight", vec![2, 3]),
            ("a.bias", vec![3]),
            ("scale", vec![])
        ]
    );
    assert_eq!(set.tensors[1].values, [6.0, 7.0, 8.0]);
    assert_eq!(set.digest.len(), 64);
    Ok(())
}

#[test]
fn lists_that_lie_are_refused() -> Made<()> {
    let four = [1.0, 2.0, 3.0, 4.0];
    for (list, why) in [
        (
            "name,shape,offset,count\na,2x2,0,5\n",
            "does not have 5 values",
        ),
        (
            "name,shape,offset,count\na,2x3,0,6\n",
            "ends behind the end",
        ),
        (
            "name,shape,offset,count\na,4,18446744073709551615,4\n",
            "ends behind the end",
        ),
        (
            "name,shape,offset,count\na,2,0,2\na,2,2,2\n",
            "listed twice",
        ),
        (
            "name,shape,offset,count\na,2,0,2\n",
            "are listed as tensors",
        ),
        ("name,shape,offset,count\na,two,0,2\n", "is no shape"),
        ("name,shape,offset,count\na,2,zero,2\n", "is no offset"),
        ("name,offset,count\na,0,4\n", "no column `shape`"),
    ] {
        let dir = folder(list, &four)?;
        match weights(&Place::bare(dir.path())) {
            Err(f) => assert!(f.code == DAMAGED && f.message.contains(why), "{f}"),
            Ok(_) => return Err(format!("accepted: {list}").into()),
        }
    }
    let empty = tempfile::tempdir()?;
    assert!(weights(&Place::bare(empty.path())).is_err_and(|f| f.code == MISSING));
    Ok(())
}

/// Colours at half the size, extents that are no multiple of a block: where decoders differ. The planes are libjpeg-turbo's.
#[test]
fn a_jpeg_has_the_pixels_that_libjpeg_gives() -> Made<()> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let dir = tempfile::tempdir()?;
    fs::copy(fixtures.join("subsampled.jpg"), dir.path().join("a.jpg"))?;
    let set = images(&Place::bare(dir.path()))?;
    assert_eq!((set.channels, set.height, set.width), (3, 18, 22));
    assert_eq!(
        set.pixels,
        Pixels::U8(fs::read(fixtures.join("subsampled.planes"))?)
    );
    Ok(())
}
