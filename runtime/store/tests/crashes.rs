//! A crash at every operation of the store, with what was not synced torn, lost or out of order; full and read-only disks.

mod simulated;

use nasc_store::{Key, Store};
use simulated::Simulated;
use std::io::ErrorKind;
use std::sync::Arc;

/// How often each place of a crash is tried with other luck; `NASC_CRASHES` gives another number.
fn luck() -> u64 {
    std::env::var("NASC_CRASHES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20)
}

fn key(n: usize) -> Key {
    Key::from(format!("stage {n}").as_str())
}

fn content(n: usize, step: u64) -> Vec<u8> {
    (0..200 + n * 37)
        .map(|i| (i as u64 * 7 + step * 13 + n as u64) as u8)
        .collect()
}

/// What was acknowledged: artefacts by number, and the last checkpoint of each.
#[derive(Default)]
struct Known {
    artefacts: Vec<usize>,
    checkpoint: Option<(usize, u64)>,
}

/// A run of three stages, each with checkpoints on its way; stops at the first fault.
fn work(store: &Store, known: &mut Known) -> Result<(), nasc_store::StoreFault> {
    for n in 0..3 {
        if matches!(store.get(&key(n)), Ok(Some(_))) {
            continue;
        }
        let from = store.latest_checkpoint(&key(n))?.map_or(0, |c| c.0);
        for step in from + 1..=4 {
            store.checkpoint(&key(n), step, &content(n, step))?;
            known.checkpoint = Some((n, step));
        }
        store.put(&key(n), "value", &content(n, 0))?;
        known.artefacts.push(n);
        store.drop_checkpoints(&key(n))?;
    }
    Ok(())
}

#[test]
fn a_crash_at_every_operation_loses_nothing_that_was_told_to_be_kept() {
    let whole = Arc::new(Simulated::new(1));
    let store = Store::open_on(whole.clone(), "/s").expect("a store");
    work(&store, &mut Known::default()).expect("no crash");
    let operations = whole.operations();
    assert!(operations > 80, "{operations}");
    let mut crashes = 0;
    for at in 0..operations {
        for luck in 0..luck() {
            let fs = Arc::new(Simulated::new(at as u64 * 1_000 + luck));
            fs.crash_at(at);
            let mut known = Known::default();
            let ended = Store::open_on(fs.clone(), "/s").map(|s| work(&s, &mut known));
            assert!(fs.stopped() && !matches!(ended, Ok(Ok(()))), "{at}");
            crashes += 1;
            fs.restart();
            let store = Store::open_on(fs.clone(), "/s").expect("a store after a crash");
            for n in 0..3 {
                // Whole or not there; a torn file under the artefact's name would be a fault of the order of syncs.
                let got = store.get(&key(n)).expect("nothing damaged");
                assert!(got.is_none_or(|b| b == content(n, 0)), "{at}");
            }
            for n in &known.artefacts {
                assert!(store.contains(&key(*n)), "stage {n} is lost after {at}");
            }
            if let Some((n, step)) = known.checkpoint
                && !store.contains(&key(n))
            {
                let (at_step, bytes) = store
                    .latest_checkpoint(&key(n))
                    .expect("a list")
                    .unwrap_or_else(|| panic!("the checkpoint of {n} is lost after {at}"));
                assert!(at_step >= step && bytes == content(n, at_step), "{at}");
            }
            work(&store, &mut Known::default()).expect("the run goes on");
            for n in 0..3 {
                assert_eq!(store.get(&key(n)).expect("sound"), Some(content(n, 0)));
            }
        }
    }
    println!("{crashes} crashes at {operations} operations");
}

#[test]
fn a_full_disk_is_told_and_what_is_there_stays() {
    let fs = Arc::new(Simulated::new(3));
    let store = Store::open_on(fs.clone(), "/s").expect("a store");
    store.put(&key(0), "value", &content(0, 0)).expect("room");
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::PermissionDenied,
    ] {
        fs.refuse(Some(kind));
        let fault = store
            .put(&key(1), "value", &content(1, 0))
            .expect_err("no room");
        assert_eq!((fault.code, fault.kind), ("E0706", kind));
        assert!(fault.needed.is_some_and(|n| n > 200), "{fault}");
        assert!(store.checkpoint(&key(1), 1, b"x").is_err());
        assert_eq!(store.get(&key(1)).expect("absent"), None);
        assert_eq!(store.get(&key(0)).expect("sound"), Some(content(0, 0)));
        // A store that cannot be written opens, and serves what it holds.
        assert!(Store::open_on(fs.clone(), "/s").is_ok());
        fs.refuse(None);
    }
    store
        .put(&key(1), "value", &content(1, 0))
        .expect("room again");
}

#[test]
fn a_thousand_artefacts_with_a_flipped_bit_each_are_noticed() {
    let fs = Arc::new(Simulated::new(5));
    let store = Store::open_on(fs.clone(), "/s").expect("a store");
    let many = 1_000;
    for n in 0..many {
        store
            .put(
                &Key::from(format!("artefact {n}").as_str()),
                "value",
                &content(n % 7, n as u64),
            )
            .expect("room");
    }
    for n in 0..many {
        fs.flip(n, n * 7_919 + 3);
    }
    for n in 0..many {
        let key = Key::from(format!("artefact {n}").as_str());
        let damaged = store.get(&key).expect_err("a flipped bit went unnoticed");
        assert!(damaged.moved_to.is_some(), "{damaged}");
        assert_eq!(store.get(&key).expect("absent now"), None);
        store
            .put(&key, "value", &content(n % 7, n as u64))
            .expect("room");
        assert_eq!(
            store.get(&key).expect("sound"),
            Some(content(n % 7, n as u64))
        );
    }
}
