//! The store under damage, crashes and company: it never gives wrong bytes.

use nasc_store::{Damaged, Key, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

#[test]
fn what_is_put_is_got_and_the_first_writer_wins() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path().join("store"))?;
    let key = Key::from("weights of stage 1");
    assert_eq!(store.get(&key)?, None);
    assert!(!store.contains(&key));
    let digest = store.put(&key, "weights", b"first")?;
    store.put(&key, "weights", b"second")?;
    assert_eq!(store.get(&key)?.as_deref(), Some(&b"first"[..]));
    assert_eq!(digest.hex().len(), 64);
    store.put(&Key::from("nothing"), "empty", b"")?;
    assert_eq!(
        Store::open(dir.path().join("store"))?.get(&Key::from("nothing"))?,
        Some(Vec::new())
    );
    assert_eq!(files(dir.path()).len(), 2);
    assert_ne!(
        Key::of_parts([&b"ab"[..], b"c"]),
        Key::of_parts([&b"a"[..], b"bc"])
    );
    Ok(())
}

#[test]
fn a_file_cut_anywhere_is_noticed_moved_aside_and_made_again() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let key = Key::from("k");
    store.put(&key, "kind", b"0123456789")?;
    let path = store.path_of(&key);
    let whole = fs::read(&path)?;
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len])?;
        let Err(Damaged {
            moved_to: Some(moved),
            ..
        }) = store.get(&key)
        else {
            return Err(format!("{len} bytes of {} were taken for whole", whole.len()).into());
        };
        assert_eq!(fs::read(moved)?, &whole[..len]);
        assert_eq!(store.get(&key)?, None);
    }
    store.put(&key, "kind", b"again")?;
    assert_eq!(store.get(&key)?.as_deref(), Some(&b"again"[..]));
    Ok(())
}

#[test]
fn every_flipped_bit_is_noticed() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let key = Key::from("a key of some length");
    let content: Vec<u8> = (0..2000u32).map(|i| (i * 7) as u8).collect();
    store.put(&key, "kind", &content)?;
    let path = store.path_of(&key);
    let whole = fs::read(&path)?;
    let mut state = 1u64;
    for turn in 0..1000usize {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // All bits of the header in the first turns, then anywhere.
        let bit = if turn < 500 {
            turn * 2
        } else {
            (state >> 20) as usize % (whole.len() * 8)
        };
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes)?;
        assert!(
            store.get(&key).is_err(),
            "bit {bit} flipped and not noticed"
        );
    }
    let mut longer = whole.clone();
    longer.push(0);
    fs::write(&path, &longer)?;
    assert!(store.get(&key).is_err());
    // A sound file under another key's name is not taken for that key's.
    fs::create_dir_all(
        store
            .path_of(&Key::from("other"))
            .parent()
            .ok_or("no folder")?,
    )?;
    fs::write(store.path_of(&Key::from("other")), &whole)?;
    assert!(store.get(&Key::from("other")).is_err());
    Ok(())
}

#[test]
fn threads_writing_one_key_leave_one_sound_artefact() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    for round in 0..20 {
        let key = Key::from(format!("round {round}").as_str());
        std::thread::scope(|scope| {
            for who in 0..4u8 {
                let (store, key) = (&store, &key);
                scope.spawn(move || {
                    assert!(store.put(key, "race", &[who; 5000]).is_ok());
                    let seen = store.get(key).ok().flatten().unwrap_or_default();
                    assert!(seen.len() == 5000 && seen.iter().all(|b| *b == seen[0]));
                });
            }
        });
    }
    assert_eq!(files(dir.path()).len(), 20);
    Ok(())
}

/// Only does something when started by the test below.
#[test]
fn child_process_writes() -> Outcome {
    let Some(dir) = std::env::var_os("NASC_STORE_TEST_CHILD") else {
        return Ok(());
    };
    let store = Store::open(PathBuf::from(dir))?;
    for i in 0..200 {
        let key = Key::from(format!("key {}", i % 20).as_str());
        if store.get(&key)?.is_none() {
            store.put(
                &key,
                "race",
                format!("content {}", i % 20).repeat(300).as_bytes(),
            )?;
        }
        store.checkpoint(&Key::from("shared"), i, &i.to_le_bytes())?;
    }
    Ok(())
}

#[test]
fn processes_share_a_store_and_a_killed_one_spoils_nothing() -> Outcome {
    let dir = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let start = || {
        Command::new(&program)
            .args(["--exact", "child_process_writes"])
            .env("NASC_STORE_TEST_CHILD", dir.path())
            .output()
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2).map(|_| scope.spawn(start)).collect();
        for run in runs {
            let good = run
                .join()
                .ok()
                .and_then(Result::ok)
                .is_some_and(|o| o.status.success());
            assert!(good, "a process failed");
        }
    });
    let killed = tempfile::tempdir()?;
    for wait in [5, 15, 30, 60, 90] {
        let mut child = Command::new(&program)
            .args(["--exact", "child_process_writes"])
            .env("NASC_STORE_TEST_CHILD", killed.path())
            .spawn()?;
        std::thread::sleep(std::time::Duration::from_millis(wait));
        child.kill()?;
        child.wait()?;
        check(killed.path())?;
    }
    check(dir.path())
}

fn check(dir: &Path) -> Outcome {
    let store = Store::open(dir)?;
    for i in 0..20 {
        if let Some(bytes) = store.get(&Key::from(format!("key {i}").as_str()))? {
            assert_eq!(bytes, format!("content {i}").repeat(300).as_bytes());
        }
    }
    let mut damaged = 0;
    if let Some((step, bytes)) =
        store.latest_checkpoint_noting(&Key::from("shared"), &mut |_| damaged += 1)?
    {
        assert_eq!(bytes, step.to_le_bytes());
    }
    assert_eq!(damaged, 0);
    Ok(())
}

#[test]
fn temporary_files_of_a_crash_are_ignored_and_swept_when_old() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let key = Key::from("k");
    store.put(&key, "kind", b"content")?;
    let folder = store
        .path_of(&key)
        .parent()
        .ok_or("no folder")?
        .to_path_buf();
    fs::write(folder.join(".tmp-young"), b"half")?;
    let old = fs::File::create(folder.join(".tmp-old"))?;
    old.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(48 * 3600))?;
    let store = Store::open(dir.path())?;
    assert_eq!(store.get(&key)?.as_deref(), Some(&b"content"[..]));
    assert!(folder.join(".tmp-young").exists() && !folder.join(".tmp-old").exists());
    Ok(())
}

#[test]
fn checkpoints_keep_two_and_fall_back() -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let key = Key::from("training");
    assert_eq!(store.latest_checkpoint(&key)?, None);
    for step in [1, 2, 30] {
        store.checkpoint(&key, step, format!("state {step}").as_bytes())?;
    }
    assert_eq!(
        store.latest_checkpoint(&key)?,
        Some((30, b"state 30".to_vec()))
    );
    let mut kept = files(&dir.path().join("checkpoints"));
    kept.sort();
    assert_eq!(kept.len(), 2);
    let newest = fs::read(&kept[1])?;
    fs::write(&kept[1], &newest[..newest.len() - 1])?;
    let mut noted = Vec::new();
    let found = store.latest_checkpoint_noting(&key, &mut |d| noted.push(d.clone()))?;
    assert_eq!(found, Some((2, b"state 2".to_vec())));
    assert_eq!(noted.len(), 1);
    // One step's file under another step's name is no checkpoint of that step.
    fs::copy(&kept[0], &kept[1])?;
    assert_eq!(
        store.latest_checkpoint(&key)?,
        Some((2, b"state 2".to_vec()))
    );
    store.drop_checkpoints(&key)?;
    store.drop_checkpoints(&key)?;
    assert_eq!(store.latest_checkpoint(&key)?, None);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_a_fault_with_path_and_size() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path())?;
    let key = Key::from("k");
    // A file where the folder should be stops even root.
    fs::write(
        store.path_of(&key).parent().ok_or("no folder")?,
        b"in the way",
    )?;
    let Err(fault) = store.put(&key, "kind", b"12345") else {
        return Err("written through a file".into());
    };
    assert!(fault.needed.is_some_and(|n| n > 5) && fault.path == store.path_of(&key));
    fs::set_permissions(
        dir.path().join("objects"),
        fs::Permissions::from_mode(0o555),
    )?;
    let probe = dir.path().join("objects/probe");
    if fs::write(&probe, b"").is_ok() {
        println!("skipped: this user writes to read-only folders");
    } else {
        let refused = store.put(&Key::from("another"), "kind", b"12345");
        assert!(refused.is_err_and(
            |f| f.kind == std::io::ErrorKind::PermissionDenied && f.help.contains("NASC_STORE")
        ));
    }
    fs::set_permissions(
        dir.path().join("objects"),
        fs::Permissions::from_mode(0o755),
    )?;
    Ok(())
}
