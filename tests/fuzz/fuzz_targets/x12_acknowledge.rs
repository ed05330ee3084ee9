//! The fuzzer's loop around `x12_acknowledge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("x12_acknowledge", bytes));
