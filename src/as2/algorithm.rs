//! The algorithms of AS2 by the names that CMS (object identifiers) and MIME (`micalg`) give them.
//!
//! Partners spell digests in half a dozen ways (`sha1`, `SHA-256`, `sha_256`, `rsa-sha256`); all are read, and what is
//! compared is always the digest, never its label. RFC 5751 §3.4.3.2 names the spelling that we write by default.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::oid;

/// A digest, from the weakest to the strongest, so that a floor is a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// SHA-1: read from partners who can do no better, never used for our signatures.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, the default.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a digest's name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spelling {
    /// `sha-256`, as RFC 5751 has it.
    #[default]
    Dashed,
    /// `sha256`, as RFC 3851 had it and as older products still want it.
    Plain,
}

impl Digest {
    /// Every digest that is known.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The digest that `name` means, in any of the spellings that are met.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
        let plain = plain.strip_prefix("rsa").unwrap_or(&plain);
        let plain = plain.strip_suffix("withrsa").or_else(|| plain.strip_suffix("withecdsa")).unwrap_or(plain);
        Some(match plain {
            "sha" | "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" | "sha2256" | "sha2" => Self::Sha256,
            "sha384" | "sha2384" => Self::Sha384,
            "sha512" | "sha2512" => Self::Sha512,
            _ => return None,
        })
    }

    /// Its name for `micalg` and MIC fields.
    pub fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Sha1, Spelling::Dashed) => "sha-1",
            (Self::Sha1, Spelling::Plain) => "sha1",
            (Self::Sha224, Spelling::Dashed) => "sha-224",
            (Self::Sha224, Spelling::Plain) => "sha224",
            (Self::Sha256, Spelling::Dashed) => "sha-256",
            (Self::Sha256, Spelling::Plain) => "sha256",
            (Self::Sha384, Spelling::Dashed) => "sha-384",
            (Self::Sha384, Spelling::Plain) => "sha384",
            (Self::Sha512, Spelling::Dashed) => "sha-512",
            (Self::Sha512, Spelling::Plain) => "sha512",
        }
    }

    /// The digest that an object identifier names; signature algorithms that carry a digest count as theirs, since some
    /// products put `sha256WithRSAEncryption` where a digest belongs.
    pub fn from_oid(id: &[u8]) -> Option<Self> {
        Some(match id {
            oid::SHA1 | oid::RSA_SHA1 | oid::ECDSA_SHA1 => Self::Sha1,
            oid::SHA224 | oid::RSA_SHA224 | oid::ECDSA_SHA224 => Self::Sha224,
            oid::SHA256 | oid::RSA_SHA256 | oid::ECDSA_SHA256 => Self::Sha256,
            oid::SHA384 | oid::RSA_SHA384 | oid::ECDSA_SHA384 => Self::Sha384,
            oid::SHA512 | oid::RSA_SHA512 | oid::ECDSA_SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// Its object identifier.
    pub fn oid(self) -> &'static [u8] {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha224 => oid::SHA224,
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// The primitive.
    pub fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// Its length in bytes.
    pub fn size(self) -> usize {
        self.algorithm().output_len()
    }

    /// The digest that our own signature uses where this one is asked for: never SHA-1, and never SHA-224, which the
    /// signing primitives do not have.
    pub fn for_signing(self) -> Self {
        self.max(Self::Sha256)
    }
}

/// How a signature was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// RSA with PKCS#1 v1.5 padding, what nearly everybody uses.
    #[default]
    RsaPkcs1,
    /// RSA-PSS.
    RsaPss,
    /// ECDSA on a NIST curve.
    Ecdsa,
}

/// A content cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cipher {
    /// AES-128 in CBC mode.
    Aes128Cbc,
    /// AES-192 in CBC mode.
    Aes192Cbc,
    /// AES-256 in CBC mode.
    Aes256Cbc,
    /// AES-128 in GCM mode, authenticated.
    Aes128Gcm,
    /// AES-192 in GCM mode, authenticated.
    Aes192Gcm,
    /// AES-256 in GCM mode, authenticated.
    Aes256Gcm,
    /// Three-key triple DES in CBC mode: read where a partner's policy allows weak algorithms, never written.
    #[serde(rename = "3des-cbc")]
    TripleDesCbc,
}

impl Cipher {
    /// The cipher that an object identifier names.
    pub fn from_oid(id: &[u8]) -> Option<Self> {
        Some(match id {
            oid::AES128_CBC => Self::Aes128Cbc,
            oid::AES192_CBC => Self::Aes192Cbc,
            oid::AES256_CBC => Self::Aes256Cbc,
            oid::AES128_GCM => Self::Aes128Gcm,
            oid::AES192_GCM => Self::Aes192Gcm,
            oid::AES256_GCM => Self::Aes256Gcm,
            oid::DES_EDE3_CBC => Self::TripleDesCbc,
            _ => return None,
        })
    }

    /// Its object identifier.
    pub fn oid(self) -> &'static [u8] {
        match self {
            Self::Aes128Cbc => oid::AES128_CBC,
            Self::Aes192Cbc => oid::AES192_CBC,
            Self::Aes256Cbc => oid::AES256_CBC,
            Self::Aes128Gcm => oid::AES128_GCM,
            Self::Aes192Gcm => oid::AES192_GCM,
            Self::Aes256Gcm => oid::AES256_GCM,
            Self::TripleDesCbc => oid::DES_EDE3_CBC,
        }
    }

    /// The length of its key in bytes.
    pub fn key_size(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm => 16,
            Self::Aes192Cbc | Self::Aes192Gcm | Self::TripleDesCbc => 24,
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
        }
    }

    /// Its strength in bits, for a floor.
    pub fn strength(self) -> u16 {
        match self {
            Self::TripleDesCbc => 112,
            Self::Aes128Cbc | Self::Aes128Gcm => 128,
            Self::Aes192Cbc | Self::Aes192Gcm => 192,
            Self::Aes256Cbc | Self::Aes256Gcm => 256,
        }
    }

    /// Whether it carries a tag that tells tampering.
    pub fn is_authenticated(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "AES-128-CBC",
            Self::Aes192Cbc => "AES-192-CBC",
            Self::Aes256Cbc => "AES-256-CBC",
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes192Gcm => "AES-192-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::TripleDesCbc => "3DES-CBC",
        }
    }
}

/// How the content key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// RSA with PKCS#1 v1.5 padding, what nearly everybody uses.
    #[default]
    Pkcs1,
    /// RSA-OAEP with this digest for both the label and MGF1. SHA-224 is not supported.
    Oaep(Digest),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_known_in_every_spelling_that_partners_use() {
        for (name, digest) in [
            ("sha1", Digest::Sha1),
            ("SHA-1", Digest::Sha1),
            ("sha", Digest::Sha1),
            ("rsa-sha1", Digest::Sha1),
            ("sha-256", Digest::Sha256),
            ("SHA256", Digest::Sha256),
            ("sha_256", Digest::Sha256),
            ("rsa-sha256", Digest::Sha256),
            ("sha2-256", Digest::Sha256),
            ("SHA256withRSA", Digest::Sha256),
            ("sha-384", Digest::Sha384),
            ("sha512", Digest::Sha512),
            ("sha-224", Digest::Sha224),
        ] {
            assert_eq!(Digest::named(name), Some(digest), "{name}");
        }
        for name in ["md5", "", "sha3-256", "ripemd160", "sha-25"] {
            assert_eq!(Digest::named(name), None, "{name}");
        }
        for digest in Digest::ALL {
            for spelling in [Spelling::Dashed, Spelling::Plain] {
                assert_eq!(Digest::named(digest.name(spelling)), Some(digest));
            }
            assert_eq!(Digest::from_oid(digest.oid()), Some(digest));
        }
    }

    #[test]
    fn our_signatures_are_never_weaker_than_sha_256() {
        assert_eq!(Digest::Sha1.for_signing(), Digest::Sha256);
        assert_eq!(Digest::Sha224.for_signing(), Digest::Sha256);
        assert_eq!(Digest::Sha512.for_signing(), Digest::Sha512);
    }
}
