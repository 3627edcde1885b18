//! The readers of data sets and tables as one function of bytes: the first byte chooses the reader, the rest is the file.

use nasc_data::{Place, Split};
use std::path::PathBuf;

/// Reads bytes as each format does; anything but a set or a fault is a defect.
pub fn read(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else {
        return;
    };
    let name = match which % 6 {
        0 => "data_batch_1.bin",
        1 => "train.bin",
        2 => "train-images-idx3-ubyte",
        3 => "table.csv",
        4 => "picture.png",
        _ => "train.parquet",
    };
    let folder = folder();
    let path = folder.join(name);
    if std::fs::write(&path, rest).is_err() {
        return;
    }
    let all = Place::bare(&folder);
    let one = Place::bare(&path);
    match which % 6 {
        0 => {
            let _ = nasc_data::cifar10_header(&all, Split::Train);
            let _ = nasc_data::cifar10(&all, Split::Train);
        }
        1 => {
            let _ = nasc_data::cifar100_header(&all, Split::Train);
            let _ = nasc_data::cifar100(&all, Split::Train);
        }
        2 => {
            let _ = nasc_data::idx_header(&one, None);
            let _ = nasc_data::idx(&one, None);
        }
        3 => {
            let _ = nasc_data::table(&one);
            let _ = nasc_data::table_without_header(&one, &["a", "b"]);
        }
        4 => {
            let _ = nasc_data::image(&one);
            let _ = nasc_data::images_header(&all);
        }
        _ => {
            let _ = nasc_data::cifar10_header(&all, Split::Train);
            let _ = nasc_data::cifar10(&all, Split::Train);
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// A folder of this process and thread.
fn folder() -> PathBuf {
    let id = format!("{:?}", std::thread::current().id());
    let id: String = id.chars().filter(char::is_ascii_digit).collect();
    let folder = std::env::temp_dir().join(format!("nasc-fuzz-{}-{id}", std::process::id()));
    let _ = std::fs::create_dir_all(&folder);
    folder
}
