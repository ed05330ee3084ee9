//! What is fuzzed: one function for each parser of outside bytes, which panics where a law of that parser is broken.
//!
//! The fuzzer's binaries in `fuzz_targets/` call these, and so does the test `fuzz`. What once broke a law is kept as a seed, by
//! a name that says what it was.

mod as2;
mod files;
mod net;
mod sftp;
mod x12;
mod xml;

/// A source that gives so many bytes at a time, as a network does.
pub struct Drip<'a>(pub &'a [u8], pub usize);

impl std::io::Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let (now, later) = self.0.split_at(self.1.min(into.len()).min(self.0.len()));
        into[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

/// A target: its name, which is that of its folder of seeds, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("x12_check", x12::check),
    ("x12_write", x12::write),
    ("x12_acknowledge", x12::acknowledge),
    ("as2_receive", as2::receive),
    ("as2_mdn", as2::mdn),
    ("mime", as2::mime),
    ("cms", as2::cms),
    ("xml", xml::tree),
    ("mapping_file", files::mapping),
    ("partner_file", files::partner),
    ("settings_file", files::settings),
    ("sftp_packet", sftp::packet),
    ("sftp_path", sftp::path),
    ("proxy_header", net::proxy_header),
];

/// Runs the target of that name.
///
/// # Panics
///
/// Where a law is broken; and if there is no such target.
#[allow(dead_code, reason = "the fuzzer's binaries call it, and the test goes through TARGETS")]
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    target(bytes);
}

/// Inputs that are made, since they are signed or compressed, for the target of that name.
pub fn made(name: &str) -> Vec<Vec<u8>> {
    match name {
        "as2_receive" => as2::messages(),
        "cms" => as2::containers(),
        _ => Vec::new(),
    }
}
