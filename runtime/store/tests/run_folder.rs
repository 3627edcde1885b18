//! Run folders, journals and tensor sets: torn lines, damaged bytes, equal bytes for equal sets.

use nasc_store::{
    Journal, NamedTensor, RunFolder, TensorData, TensorSet, read_journal, write_atomic,
};
use proptest::prelude::*;
use serde_json::json;
use std::fs;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn a_run_folder_holds_its_files_and_continues() -> Outcome {
    let dir = tempfile::tempdir()?;
    let run = RunFolder::create(dir.path(), "main-abc123")?;
    run.write_plan("plan\n")?;
    run.write_results(&json!({"reports": {"tau": 0.5}, "expects": []}))?;
    run.write_report("<html></html>")?;
    run.write_links([("arms.group[66]", "objects/ab/cd")])?;
    run.event(&json!({"event": "start"}))?;
    let again = RunFolder::create(dir.path(), "main-abc123")?;
    again.event(&json!({"event": "resume", "text": "two\nlines"}))?;
    assert_eq!(again.events()?.len(), 2);
    let mut names: Vec<_> = fs::read_dir(run.dir())?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "journal.jsonl",
            "links.json",
            "plan.txt",
            "report.html",
            "results.json"
        ]
    );
    for bad in ["", "..", "a/b", ".hidden"] {
        assert!(RunFolder::create(dir.path(), bad).is_err());
    }
    Ok(())
}

#[test]
fn a_torn_line_is_cut_wherever_it_was_torn() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("journal.jsonl");
    let mut journal = Journal::open(&path)?;
    journal.append(&json!({"n": 1}))?;
    journal.append(&json!({"n": 2, "long": "x".repeat(9000)}))?;
    journal.sync()?;
    drop(journal);
    let whole = fs::read(&path)?;
    let first = whole.iter().position(|b| *b == b'\n').ok_or("no line")? + 1;
    for len in (0..first + 60).chain(whole.len() - 5..=whole.len()) {
        fs::write(&path, &whole[..len])?;
        let kept = usize::from(len >= first) + usize::from(len == whole.len());
        assert_eq!(read_journal(&path)?.len(), kept);
        Journal::open(&path)?.append(&json!({"n": 3}))?;
        let events = read_journal(&path)?;
        assert_eq!(events.len(), kept + 1);
        assert_eq!(events[kept], json!({"n": 3}));
    }
    Ok(())
}

#[test]
fn several_threads_append_whole_lines() -> Outcome {
    let dir = tempfile::tempdir()?;
    let run = RunFolder::create(dir.path(), "r-1")?;
    let other = RunFolder::create(dir.path(), "r-1")?;
    std::thread::scope(|scope| {
        for folder in [&run, &run, &other] {
            scope.spawn(move || {
                (0..100).for_each(|n| {
                    assert!(folder.event(&json!({"n": n, "pad": "y".repeat(n)})).is_ok())
                })
            });
        }
    });
    assert_eq!(run.events()?.len(), 300);
    Ok(())
}

#[test]
fn atomic_writes_replace_and_name_the_size_they_need() -> Outcome {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("new/folder/file");
    write_atomic(&path, b"one")?;
    write_atomic(&path, b"two")?;
    assert_eq!(fs::read(&path)?, b"two");
    let Err(fault) = write_atomic(&path.join("below a file"), b"12345") else {
        return Err("written below a file".into());
    };
    assert!(fault.needed == Some(5) && fault.to_string().contains("5 bytes"));
    Ok(())
}

fn sample() -> TensorSet {
    let tensor = |name: &str, shape: &[usize], data| NamedTensor {
        name: name.to_string(),
        shape: shape.to_vec(),
        data,
    };
    TensorSet {
        tensors: vec![
            tensor(
                "z.weight",
                &[2, 3],
                TensorData::F32(vec![1.0, -0.0, f32::INFINITY, 4.0, 5.0, f32::MIN_POSITIVE]),
            ),
            tensor("a", &[], TensorData::I64(vec![i64::MIN])),
            tensor("empty", &[0, 4], TensorData::F32(Vec::new())),
            tensor("m", &[1], TensorData::F64(vec![0.1])),
        ],
        metadata: "{\"step\": 7, \"text\": \"ä\\n\"}".to_string(),
    }
}

#[test]
fn tensor_sets_come_back_as_they_were() -> Outcome {
    let set = sample();
    let bytes = set.encode()?;
    assert_eq!(bytes, set.encode()?);
    assert_eq!(TensorSet::decode(&bytes)?, set);
    assert_eq!(
        TensorSet::decode(&TensorSet::default().encode()?)?,
        TensorSet::default()
    );
    for len in 0..bytes.len() {
        assert!(TensorSet::decode(&bytes[..len]).is_err());
    }
    let mut wrong = sample();
    wrong.tensors[0].shape = vec![7];
    assert!(wrong.encode().is_err());
    let mut twice = sample();
    twice.tensors[1].name = "m".to_string();
    assert!(twice.encode().is_err());
    Ok(())
}

proptest! {
    #[test]
    fn damaged_tensor_sets_are_errors_or_sets(at in 0usize..1000, bit in 0u8..8, size in any::<u64>()) {
        let mut bytes = sample().encode().unwrap_or_default();
        let place = at % bytes.len();
        bytes[place] ^= 1 << bit;
        let _ = TensorSet::decode(&bytes);
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        let _ = TensorSet::decode(&bytes);
    }
}
