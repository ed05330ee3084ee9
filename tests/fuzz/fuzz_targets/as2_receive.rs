//! The fuzzer's loop around `as2_receive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("as2_receive", bytes));
