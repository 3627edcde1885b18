//! Fuzzes `format`; the function is shared with the tests that run on stable Rust.
#![no_main]
#![allow(dead_code)]

#[path = "../../tests/common/world.rs"]
mod world;

#[path = "../../tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::format(bytes));
