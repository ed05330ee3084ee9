//! Ciphers in CBC mode, as streams.

use std::io::{self, Read, Write};

use aws_lc_rs::{
    cipher::{
        self, AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, StreamingDecryptingKey,
        StreamingEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
};

use super::super::{algorithm::Cipher, fault::Fault};

/// How much is decrypted at once.
pub(super) const PIECE: usize = 32 << 10;

/// Decrypts `source` of about `size` bytes into `sink`. Whatever is wrong with key, padding or size is one fault.
pub(super) fn decrypt(
    cipher: Cipher,
    key: &[u8],
    iv: &[u8],
    size: u64,
    source: &mut dyn Read,
    sink: &mut dyn Write,
) -> Result<(), Fault> {
    let undecryptable = |_| Fault::Decryption;
    let context = if cipher == Cipher::TripleDesCbc {
        let iv = <[u8; 8]>::try_from(iv).map_err(|_| wrong_iv())?;
        DecryptionContext::Iv64(FixedLength::from(&iv))
    } else {
        let iv = <[u8; 16]>::try_from(iv).map_err(|_| wrong_iv())?;
        DecryptionContext::Iv128(FixedLength::from(&iv))
    };
    let key = UnboundCipherKey::new(primitive(cipher), key).map_err(undecryptable)?;
    let mut key = StreamingDecryptingKey::cbc_pkcs7(key, context).map_err(undecryptable)?;
    // A small message needs no more room than it has bytes.
    let piece = usize::try_from(size).unwrap_or(PIECE).clamp(256, PIECE);
    let mut input = vec![0; piece];
    let mut output = vec![0; piece + 16];
    loop {
        let count = source.read(&mut input)?;
        let piece = input.get(..count).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        let plain = key.update(piece, &mut output).map_err(undecryptable)?;
        sink.write_all(plain.written()).map_err(Fault::Storage)?;
    }
    let plain = key.finish(&mut output).map_err(undecryptable)?;
    sink.write_all(plain.written()).map_err(Fault::Storage)
}

/// Encrypts `plain` with an AES key into `sink`.
pub(super) fn encrypt(
    cipher: Cipher,
    key: &[u8],
    iv: &[u8; 16],
    plain: &mut dyn Read,
    sink: &mut dyn Write,
) -> Result<(), Fault> {
    let failed = |_| Fault::Settings("the content could not be encrypted".into());
    let key = UnboundCipherKey::new(primitive(cipher), key).map_err(failed)?;
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    let mut key = StreamingEncryptingKey::less_safe_cbc_pkcs7(key, context).map_err(failed)?;
    let mut input = vec![0; PIECE];
    let mut output = vec![0; PIECE + 32];
    loop {
        let count = fill(plain, &mut input).map_err(Fault::Storage)?;
        let piece = input.get(..count).unwrap_or_default();
        let sealed = key.update(piece, &mut output).map_err(failed)?;
        sink.write_all(sealed.written()).map_err(Fault::Storage)?;
        if count < PIECE {
            break;
        }
    }
    let (_, rest) = key.finish(&mut output).map_err(failed)?;
    sink.write_all(rest.written()).map_err(Fault::Storage)
}

fn wrong_iv() -> Fault {
    Fault::Cms("an initialisation vector of the wrong size".into())
}

/// The block cipher beneath.
#[expect(deprecated, reason = "triple DES is read where a partner's policy allows weak algorithms")]
pub(super) fn primitive(cipher: Cipher) -> &'static cipher::Algorithm {
    match cipher {
        Cipher::Aes128Cbc | Cipher::Aes128Gcm => &AES_128,
        Cipher::Aes192Cbc | Cipher::Aes192Gcm => &AES_192,
        Cipher::Aes256Cbc | Cipher::Aes256Gcm => &AES_256,
        Cipher::TripleDesCbc => &cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
    }
}

/// Reads until the buffer is full or nothing more comes.
pub(in super::super) fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match source.read(free)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
