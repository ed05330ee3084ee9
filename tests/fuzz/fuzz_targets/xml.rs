//! The fuzzer's loop around `xml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("xml", bytes));
