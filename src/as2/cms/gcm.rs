//! AES-GCM (NIST SP 800-38D) as a stream: AES in counter mode beside GHASH. One-shot primitives want a body whole in
//! memory and a tag of 16 bytes; CMS has bodies of any size and tags from 12 bytes on.
//!
//! What is decrypted goes into a sink that the caller forgets when this fails, so nothing leaves before the tag holds.

use std::io::{Read, Write};

use aws_lc_rs::{
    cipher::{DecryptionContext, StreamingDecryptingKey, UnboundCipherKey},
    constant_time,
    iv::FixedLength,
};
use ghash::{GHash, universal_hash::UniversalHash};

use super::{
    super::{algorithm::Cipher, fault::Fault},
    cbc::{PIECE, fill, primitive},
};

/// How much one key and nonce may carry: 2^32 - 2 blocks.
const MOST: u64 = ((1 << 32) - 2) * 16;

/// Both directions: the counter stream is the same, and the hash is over the ciphertext.
struct Gcm {
    stream: StreamingDecryptingKey,
    hash: GHash,
    mask: [u8; 16],
    associated: u64,
    size: u64,
}

impl Gcm {
    fn new(cipher: Cipher, key: &[u8], nonce: &[u8; 12], associated: &[u8]) -> Result<Self, Fault> {
        // The hash's key is the cipher's value of zero: the first block of a stream that counts from zero.
        let mut zeros = counter_stream(cipher, key, [0; 16])?;
        let subkey = first_block(&mut zeros)?;
        let mut start = [0; 16];
        let (front, count) = start.split_at_mut(12);
        front.copy_from_slice(nonce);
        count.copy_from_slice(&[0, 0, 0, 1]);
        let mut stream = counter_stream(cipher, key, start)?;
        let mask = first_block(&mut stream)?;
        let mut hash = GHash::new(&subkey.into());
        hash.update_padded(associated);
        Ok(Self { stream, hash, mask, associated: associated.len() as u64, size: 0 })
    }

    fn apply<'o>(&mut self, input: &[u8], output: &'o mut [u8]) -> Result<&'o [u8], Fault> {
        self.size += input.len() as u64;
        if self.size > MOST {
            return Err(Fault::Decryption);
        }
        let size = input.len();
        let room = output.get_mut(..size + 16).ok_or(Fault::Decryption)?;
        self.stream.update(input, room).map_err(|_| Fault::Decryption)?;
        Ok(output.get(..size).unwrap_or_default())
    }

    fn tag(mut self) -> [u8; 16] {
        let mut sizes = [0; 16];
        let (associated, size) = sizes.split_at_mut(8);
        associated.copy_from_slice(&(self.associated * 8).to_be_bytes());
        size.copy_from_slice(&(self.size * 8).to_be_bytes());
        self.hash.update(&[sizes.into()]);
        let mut tag: [u8; 16] = self.hash.finalize().into();
        tag.iter_mut().zip(self.mask).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// Decrypts `source` into `sink`, and fails where the tag is not that of key, nonce, content and attributes.
pub(super) fn decrypt(
    cipher: Cipher,
    key: &[u8],
    nonce: &[u8; 12],
    associated: &[u8],
    tag: &[u8],
    source: &mut dyn Read,
    sink: &mut dyn Write,
) -> Result<(), Fault> {
    let mut gcm = Gcm::new(cipher, key, nonce, associated)?;
    let mut input = vec![0; PIECE];
    let mut output = vec![0; PIECE + 16];
    loop {
        // Whole pieces, so that the hash sees whole blocks until the last.
        let count = fill(source, &mut input)?;
        let piece = input.get(..count).unwrap_or_default();
        gcm.hash.update_padded(piece);
        let plain = gcm.apply(piece, &mut output)?;
        sink.write_all(plain).map_err(Fault::Storage)?;
        if count < PIECE {
            break;
        }
    }
    let expected = gcm.tag();
    let expected = expected.get(..tag.len()).ok_or(Fault::Decryption)?;
    constant_time::verify_slices_are_equal(expected, tag).map_err(|_| Fault::Decryption)
}

/// Encrypts `plain` into `sink`; gives the tag.
pub(super) fn encrypt(
    cipher: Cipher,
    key: &[u8],
    nonce: &[u8; 12],
    plain: &mut dyn Read,
    sink: &mut dyn Write,
) -> Result<[u8; 16], Fault> {
    let failed = |_| Fault::Settings("the content could not be encrypted".into());
    let mut gcm = Gcm::new(cipher, key, nonce, &[]).map_err(failed)?;
    let mut input = vec![0; PIECE];
    let mut output = vec![0; PIECE + 16];
    loop {
        // Whole pieces, so that the hash sees whole blocks until the last.
        let count = fill(plain, &mut input).map_err(Fault::Storage)?;
        let sealed = gcm.apply(input.get(..count).unwrap_or_default(), &mut output).map_err(failed)?;
        gcm.hash.update_padded(sealed);
        sink.write_all(sealed).map_err(Fault::Storage)?;
        if count < PIECE {
            return Ok(gcm.tag());
        }
    }
}

fn counter_stream(cipher: Cipher, key: &[u8], start: [u8; 16]) -> Result<StreamingDecryptingKey, Fault> {
    let key = UnboundCipherKey::new(primitive(cipher), key).map_err(|_| Fault::Decryption)?;
    StreamingDecryptingKey::ctr(key, DecryptionContext::Iv128(FixedLength::from(&start))).map_err(|_| Fault::Decryption)
}

fn first_block(stream: &mut StreamingDecryptingKey) -> Result<[u8; 16], Fault> {
    let mut room = [0; 32];
    let block = stream.update(&[0; 16], &mut room).map_err(|_| Fault::Decryption)?;
    <[u8; 16]>::try_from(block.written()).map_err(|_| Fault::Decryption)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::*;

    #[test]
    fn it_is_the_gcm_of_the_primitives_for_every_size() {
        for (cipher, algorithm) in
            [(Cipher::Aes128Gcm, &AES_128_GCM), (Cipher::Aes192Gcm, &AES_192_GCM), (Cipher::Aes256Gcm, &AES_256_GCM)]
        {
            let key: Vec<u8> = (0..cipher.key_size() as u8).collect();
            let nonce = [9; 12];
            for size in [0, 1, 15, 16, 17, 1000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
                let plain: Vec<u8> = (0..size).map(|n| (n % 253) as u8).collect();
                for associated in [&b""[..], b"attributes that are not empty"] {
                    let reference = LessSafeKey::new(UnboundKey::new(algorithm, &key).unwrap());
                    let mut sealed = plain.clone();
                    let tag = reference
                        .seal_in_place_separate_tag(
                            Nonce::assume_unique_for_key(nonce),
                            Aad::from(associated),
                            &mut sealed,
                        )
                        .unwrap();
                    if associated.is_empty() {
                        let mut ours = Vec::new();
                        let our_tag = encrypt(cipher, &key, &nonce, &mut &plain[..], &mut ours).unwrap();
                        assert_eq!((&ours, &our_tag[..]), (&sealed, tag.as_ref()), "{cipher:?} {size}");
                    }
                    let open = |sealed: &[u8], tag: &[u8]| {
                        let mut opened = Vec::new();
                        decrypt(cipher, &key, &nonce, associated, tag, &mut &sealed[..], &mut opened).map(|()| opened)
                    };
                    assert_eq!(open(&sealed, tag.as_ref()).unwrap(), plain);
                    assert_eq!(open(&sealed, &tag.as_ref()[..12]).unwrap(), plain);
                    let mut wrong = tag.as_ref().to_vec();
                    wrong[11] ^= 1;
                    assert!(matches!(open(&sealed, &wrong), Err(Fault::Decryption)));
                    if let Some(last) = sealed.last_mut() {
                        *last ^= 1;
                        assert!(matches!(open(&sealed, tag.as_ref()), Err(Fault::Decryption)));
                    }
                }
            }
        }
    }
}
