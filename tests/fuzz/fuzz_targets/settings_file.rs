//! The fuzzer's loop around `settings_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("settings_file", bytes));
