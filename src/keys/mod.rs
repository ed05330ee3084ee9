//! Secrets: made from the system's randomness, compared in constant time, kept as digests, and never printed.
//!
//! Bearer tokens and API keys are long random texts, so one SHA-256 is all the hashing that they need.

mod api_key;
mod secret;

pub use api_key::ApiKey;
pub use secret::{Secret, token_file};

use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

use aws_lc_rs::{constant_time, digest, rand};

/// Makes a folder, and those above it, that only its owner may enter. One that is there is left as it is.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The SHA-256 of some bytes, as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Whether two secrets are the same, told in a time that depends on neither's content nor length: their digests are
/// compared.
pub fn same_secret(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(&sha256(one), &sha256(other)).is_ok()
}

/// Random bytes of the system's cryptographic generator.
///
/// # Panics
/// When the system has no randomness to give: nothing that needs a secret may go on then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    assert!(rand::fill(&mut bytes).is_ok(), "the system's random generator failed");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_fips_180() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn secrets_are_the_same_only_byte_for_byte() {
        assert!(same_secret(b"", b"") && same_secret(b"s3cret", b"s3cret"));
        assert!(!same_secret(b"s3cret", b"s3cre") && !same_secret(b"s3cret", b"s3creT"));
    }

    #[test]
    fn randomness_differs_each_time() {
        assert_ne!(random::<16>(), random::<16>());
    }
}
