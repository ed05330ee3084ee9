//! The fuzzer's loop around `sftp_packet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gangway_fuzz::run("sftp_packet", bytes));
