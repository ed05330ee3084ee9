//! The fuzzer's loop around `partner_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("partner_file", bytes));
