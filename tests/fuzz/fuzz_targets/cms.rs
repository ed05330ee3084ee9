//! The fuzzer's loop around `cms`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("cms", bytes));
