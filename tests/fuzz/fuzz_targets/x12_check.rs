//! The fuzzer's loop around `x12_check`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("x12_check", bytes));
