//! Readers against published data, where a data root is there; otherwise each test says that it was skipped.

use nasc_data::{
    Fault, Place, Split, cifar10, cifar10_header, idx, idx_header, images_header, open,
    open_prefix, table,
};
use std::path::PathBuf;
use std::time::Instant;

fn roots() -> Vec<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    std::env::var_os("NASC_DATA")
        .map(PathBuf::from)
        .into_iter()
        .chain([beside])
        .collect()
}

fn find(found: Result<Place, Fault>) -> Option<Place> {
    match found {
        Ok(place) => Some(place),
        Err(fault) => {
            println!("skipped: {fault}");
            None
        }
    }
}

#[test]
fn cifar10_has_its_sizes_and_balance() -> Result<(), Fault> {
    let Some(place) = find(open(&roots(), "cifar10")) else {
        return Ok(());
    };
    let start = Instant::now();
    for (split, len) in [(Split::Train, 50_000), (Split::Test, 10_000)] {
        let header = cifar10_header(&place, split)?;
        println!("header after {:?}", start.elapsed());
        assert_eq!(
            (
                header.len,
                header.channels,
                header.height,
                header.width,
                header.classes
            ),
            (len, 3, 32, 32, Some(10))
        );
        let set = cifar10(&place, split)?;
        println!(
            "{} read after {:?}, {}",
            set.name,
            start.elapsed(),
            set.digest
        );
        assert_eq!(set.header(), header);
        let mut counts = [0usize; 10];
        for label in set.labels.as_deref().unwrap_or_default() {
            counts[*label as usize] += 1;
        }
        assert_eq!(counts, [len / 10; 10]);
        assert_eq!(set.classes[3], "cat");
    }
    Ok(())
}

#[test]
fn mnist_test_set_is_found_by_its_prefix() -> Result<(), Fault> {
    let Some(place) = find(open_prefix(&roots(), "mnist/t10k")) else {
        return Ok(());
    };
    let header = idx_header(&place, None)?;
    let set = idx(&place, None)?;
    assert_eq!(set.header(), header);
    assert_eq!(
        (
            header.len,
            header.channels,
            header.height,
            header.width,
            header.classes
        ),
        (10_000, 1, 28, 28, Some(10))
    );
    assert_eq!(set.labels.as_deref().map(|l| l[0]), Some(7));
    Ok(())
}

#[test]
fn two_idx_sets_in_a_folder_need_a_choice() -> Result<(), Fault> {
    let Some(place) = find(open(&roots(), "fashion_mnist_900")) else {
        return Ok(());
    };
    assert!(idx(&place, None).is_err_and(|f| f.message.contains("several sets")));
    assert!(!idx(&place, Some(Split::Train))?.is_empty());
    assert!(!idx(&place, Some(Split::Test))?.is_empty());
    Ok(())
}

#[test]
fn recorded_accuracies_have_their_rows() -> Result<(), Fault> {
    let Some(place) = find(open(&roots(), "nasbench201/accuracy.csv")) else {
        return Ok(());
    };
    let start = Instant::now();
    let table = table(&place)?;
    println!("table read after {:?}", start.elapsed());
    assert_eq!(table.rows.len(), 15_625);
    assert_eq!(table.column("arch"), Some(1));
    Ok(())
}

#[test]
fn a_folder_of_crops_has_one_size() -> Result<(), Fault> {
    let Some(place) = find(open(&roots(), "sr_train/crops256")) else {
        return Ok(());
    };
    let header = images_header(&place)?;
    println!("{header:?}");
    assert!(
        header
            .uniform()
            .is_some_and(|h| h.height == 256 && h.width == 256)
    );
    Ok(())
}
