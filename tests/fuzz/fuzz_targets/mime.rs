//! The fuzzer's loop around `mime`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("mime", bytes));
