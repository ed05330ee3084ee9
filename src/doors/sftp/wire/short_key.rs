//! Keys on P-256 whose private number begins with a zero byte, as one in 256 does.
//!
//! OpenSSH writes the number as an `mpint` (RFC 4251 section 5), which leaves leading zeros away; `ssh-key` 0.7 takes no
//! number of less than 32 bytes. So such a key is taken apart here, as OpenSSH's PROTOCOL.key lays it out, and its number
//! is brought to its full length.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use russh::keys::{
    PrivateKey, PublicKey,
    ssh_key::{
        private::{EcdsaKeypair, KeypairData},
        public::{EcdsaPublicKey, KeyData},
    },
};

/// What the bytes in the file begin with.
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The key, where `text` is one on P-256 with no passphrase whose number is short.
pub(super) fn short_key(text: &str) -> Option<PrivateKey> {
    let lines = text.trim().strip_prefix("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let lines = lines.strip_suffix("-----END OPENSSH PRIVATE KEY-----")?;
    let bytes = STANDARD.decode(lines.split_ascii_whitespace().collect::<String>()).ok()?;
    let rest = &mut bytes.strip_prefix(MAGIC)?;
    let (b"none", b"none", b"", 1) = (string(rest)?, string(rest)?, string(rest)?, number(rest)?) else { return None };
    let public = PublicKey::from_bytes(string(rest)?).ok()?;
    let KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) = *public.key_data() else { return None };

    let rest = &mut string(rest)?;
    let check = number(rest)?;
    let (again, b"ecdsa-sha2-nistp256", b"nistp256", own) =
        (number(rest)?, string(rest)?, string(rest)?, string(rest)?)
    else {
        return None;
    };
    let scalar = string(rest)?;
    let mut full = [0; 32];
    full.get_mut(32_usize.checked_sub(scalar.len())?..)?.copy_from_slice(scalar);
    let matches = check == again && own == point.as_bytes();
    let pair = EcdsaKeypair::NistP256 { public: point, private: full.into() };
    PrivateKey::new(KeypairData::Ecdsa(pair), "").ok().filter(|_| matches)
}

/// The next four bytes.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_be_bytes(*bytes))
}

/// The next `string` of RFC 4251: its length, then its bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (bytes, after) = rest.split_at_checked(length.try_into().ok()?)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, process::Command};

    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey as Secret};
    use russh::keys::{
        decode_secret_key,
        signature::{Signer, Verifier},
    };

    use super::{super::super::parts::private, *};

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        parts.iter().flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat()).collect()
    }

    /// An example key as OpenSSH writes it, with that private number.
    fn written(scalar: [u8; 32]) -> String {
        let secret = Secret::from_private_key(&ECDH_P256, &scalar).unwrap();
        let point = secret.compute_public_key().unwrap();
        let digits = &scalar[scalar.iter().take_while(|byte| **byte == 0).count()..];
        let number = [&[0][..usize::from(digits[0] > 0x7f)], digits].concat();
        let kind: [&[u8]; 3] = [b"ecdsa-sha2-nistp256", b"nistp256", point.as_ref()];
        let mut own = [&[7; 8], &*strings(&kind), &strings(&[&number, b"example"])].concat();
        own.extend((1..=8).take((8 - own.len() % 8) % 8));
        let head = [MAGIC, &strings(&[b"none", b"none", b""]), &1_u32.to_be_bytes()].concat();
        let text = STANDARD.encode([&*head, &strings(&[&strings(&kind), &own])].concat());
        let lines: Vec<_> = text.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", lines.join("\n"))
    }

    fn scalar(zeros: usize, first: u8) -> [u8; 32] {
        std::array::from_fn(|at| {
            if at < zeros {
                0
            } else if at == zeros {
                first
            } else {
                0x5a
            }
        })
    }

    #[test]
    fn a_short_number_is_read_and_signs_as_its_public_key_says() {
        for (zeros, first) in [(0, 0x11), (1, 0x11), (1, 0x99), (2, 1), (30, 0x80)] {
            let text = written(scalar(zeros, first));
            let key = short_key(&text).unwrap();
            let signature = key.try_sign(b"a text").unwrap();
            key.public_key().key_data().verify(b"a text", &signature).unwrap();
            if let Ok(theirs) = decode_secret_key(&text, None) {
                assert_eq!(theirs.key_data(), key.key_data());
            }
        }
    }

    /// The reason for all this: where it fails, the library reads such keys itself.
    #[test]
    fn the_library_refuses_what_openssh_takes() {
        let text = written(scalar(1, 0x11));
        assert!(decode_secret_key(&text, None).is_err());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mut options = fs::File::options();
        private(options.create_new(true).write(true));
        options.open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        let Ok(shown) = Command::new("ssh-keygen").arg("-y").arg("-f").arg(&path).output() else {
            return eprintln!("SKIPPED: there is no ssh-keygen here");
        };
        let public = PublicKey::from_openssh(std::str::from_utf8(&shown.stdout).unwrap()).unwrap();
        assert_eq!(public.key_data(), short_key(&text).unwrap().public_key().key_data());
    }

    #[test]
    fn what_is_cut_or_changed_is_no_key() {
        let text = written(scalar(1, 0x11));
        let bytes = STANDARD.decode(text.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        let wrapped = |bytes: &[u8]| {
            let text = STANDARD.encode(bytes);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----")
        };
        let number = bytes.windows(2).position(|pair| pair == [0x11, 0x5a]).unwrap();
        assert!(short_key(&wrapped(&bytes)).is_some());
        assert!((0..number + 31).all(|length| short_key(&wrapped(&bytes[..length])).is_none()));
        for at in 0..number {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            assert!(short_key(&wrapped(&changed)).is_none(), "{at}");
        }
        assert!(short_key("rubbish").is_none());
    }
}
