//! The fuzzer's loop around `mapping_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("mapping_file", bytes));
