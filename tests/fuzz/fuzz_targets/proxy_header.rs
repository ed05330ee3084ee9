//! The fuzzer's loop around `proxy_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("proxy_header", bytes));
