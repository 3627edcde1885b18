//! The readers on the fuzz corpus and on mutations of it, on stable Rust; `FUZZ_SECONDS` sets how long, `FUZZ_SEED` with which mutations.

#[path = "../../../tests/fuzz/data.rs"]
mod data;

use std::path::Path;
use std::time::{Duration, Instant};

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/data");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the corpus")
        .flatten()
        .map(|e| e.path())
        .collect();
    paths.sort();
    paths.iter().filter_map(|p| std::fs::read(p).ok()).collect()
}

#[test]
fn the_corpus_is_answered() {
    corpus().iter().for_each(|bytes| data::read(bytes));
}

#[test]
fn mutations_are_answered() {
    let seconds: u64 = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(3);
    let seeds = corpus();
    let (begun, mut count) = (Instant::now(), 0u64);
    let mut state = std::env::var("FUZZ_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .filter(|s| *s != 0)
        .unwrap_or(0x9E37_79B9_7F4A_7C15u64);
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n.max(1) as u64) as usize
    };
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut bytes = seeds[next(seeds.len())].clone();
        for _ in 0..1 + next(5) {
            let i = next(bytes.len());
            match next(4) {
                0 => bytes[i] = next(256) as u8,
                1 => bytes.truncate(i.max(1)),
                2 => bytes[i] = [0, 1, 0x7f, 0x80, 0xff][next(5)],
                _ => {
                    let copy: Vec<u8> = bytes[i..(i + next(64)).min(bytes.len())].to_vec();
                    bytes.splice(i..i, copy);
                }
            }
        }
        bytes.truncate(1 << 16);
        data::read(&bytes);
        count += 1;
    }
    println!("{count} inputs in {:?}", begun.elapsed());
}
