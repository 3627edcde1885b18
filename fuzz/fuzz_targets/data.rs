//! Fuzzes the readers of data sets and tables; the function is shared with the tests that run on stable Rust.
#![no_main]
#![allow(dead_code)]

#[path = "../../tests/fuzz/data.rs"]
mod data;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| data::read(bytes));
