//! What is agreed about AS2 with one partner: who it is and from where it may come, what its messages must be, how ours
//! to it are, and where its software differs.

use std::{fmt, path::PathBuf, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{As2Id, HttpUrl};
use crate::{
    as2::{
        algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
        certificate,
        receive::{Limits, Policy},
        send::{Compress, Quirks, TransferEncoding, Version},
    },
    config::{Duration, Network, SecretRef, TextForm, Wrong, choice, text_form},
};

choice! {
    /// A digest of signatures.
    pub enum DigestName {
        /// For partners who can do no better.
        Sha1 = "sha-1",
        /// What everybody can do.
        Sha256 = "sha-256",
        /// Longer.
        Sha384 = "sha-384",
        /// The longest.
        Sha512 = "sha-512",
    }
}

choice! {
    /// How our messages are signed.
    pub enum Sign {
        /// They are not.
        Off = "off",
        /// With SHA-256.
        Sha256 = "sha-256",
        /// With SHA-384.
        Sha384 = "sha-384",
        /// With SHA-512.
        Sha512 = "sha-512",
    }
}

choice! {
    /// The padding of our RSA signatures.
    pub enum SignaturePadding {
        /// PKCS#1 v1.5, what nearly everybody reads.
        Pkcs1 = "pkcs1",
        /// RSA-PSS.
        Pss = "pss",
    }
}

choice! {
    /// How our messages are encrypted.
    pub enum Encrypt {
        /// They are not.
        Off = "off",
        /// AES-128-CBC.
        Aes128Cbc = "aes128-cbc",
        /// AES-192-CBC.
        Aes192Cbc = "aes192-cbc",
        /// AES-256-CBC.
        Aes256Cbc = "aes256-cbc",
        /// AES-128-GCM.
        Aes128Gcm = "aes128-gcm",
        /// AES-192-GCM.
        Aes192Gcm = "aes192-gcm",
        /// AES-256-GCM.
        Aes256Gcm = "aes256-gcm",
    }
}

choice! {
    /// How the content key travels in our messages.
    pub enum KeyTransport {
        /// RSA with PKCS#1 v1.5, what nearly everybody reads.
        Pkcs1 = "pkcs1",
        /// RSA-OAEP with SHA-1.
        OaepSha1 = "oaep-sha-1",
        /// RSA-OAEP with SHA-256.
        OaepSha256 = "oaep-sha-256",
    }
}

choice! {
    /// Whether and when our messages are compressed.
    pub enum Compression {
        /// They are not.
        Never = "never",
        /// Before they are signed.
        BeforeSigning = "before-signing",
        /// After they are signed.
        AfterSigning = "after-signing",
    }
}

choice! {
    /// The receipt that our messages ask for.
    pub enum Receipt {
        /// None.
        None = "none",
        /// One without a signature.
        Unsigned = "unsigned",
        /// A signed one.
        Signed = "signed",
    }
}

choice! {
    /// How that receipt comes.
    pub enum ReceiptBy {
        /// In the response to our message.
        Response = "response",
        /// Later, to `url` of `[as2]` in gangway.toml.
        Callback = "callback",
    }
}

choice! {
    /// The transfer encoding of what we sign, encrypt and compress.
    pub enum Encoding {
        /// The bytes as they are.
        Binary = "binary",
        /// Lines of base64, for old products, and for balancers that look into bodies.
        Base64 = "base64",
    }
}

choice! {
    /// How our messages spell digests.
    pub enum DigestSpelling {
        /// sha-256.
        Dashed = "sha-256",
        /// sha256, for products that know only that.
        Plain = "sha256",
    }
}

choice! {
    /// The AS2-Version of our messages.
    pub enum As2Version {
        /// RFC 4130.
        V1_0 = "1.0",
        /// With compression.
        V1_1 = "1.1",
        /// With EDIINT-Features.
        V1_2 = "1.2",
    }
}

/// A partner's AS2.
#[derive(Debug, Clone, PartialEq)]
pub struct As2Terms {
    /// Its AS2-From.
    pub id: As2Id,
    /// Who we are to it; `None` where that is the gateway's own id.
    pub ours: Option<As2Id>,
    /// Where messages to it are sent.
    pub url: Option<HttpUrl>,
    /// Its certificates; any of them verifies.
    pub certificates: Vec<certificate::Certificate>,
    /// The files with certificates that it names, from the folder of partner files.
    pub files: Vec<PathBuf>,
    /// The networks it may come from; none means any.
    pub from: Vec<Network>,
    /// The SHA-256 of each certificate that its system may show over TLS; where there are any, it has to show one.
    pub tls_certificates: Vec<[u8; 32]>,
    /// Where its receipts may be sent when it asks for them apart from the response.
    pub receipts_to: Vec<HttpUrl>,
    /// What its messages must be.
    pub demands: As2Demands,
    /// How messages to it are.
    pub sending: As2Sending,
}

/// What a partner's messages must be.
#[derive(Debug, Clone, PartialEq)]
pub struct As2Demands {
    /// Signed.
    pub must_sign: bool,
    /// Encrypted.
    pub must_encrypt: bool,
    /// The weakest digest of a signature.
    pub weakest_digest: DigestName,
    /// The weakest cipher, by the bits of its key.
    pub cipher_bits: u16,
    /// Only ciphers that tell tampering.
    pub gcm_only: bool,
    /// 3DES, and RSA keys under 2048 bits, up to and with this day.
    pub weak_until: Option<Day>,
    /// Certificates outside their period.
    pub expired_certificates: bool,
}

/// How messages to a partner are.
#[derive(Debug, Clone, PartialEq)]
pub struct As2Sending {
    /// How they are signed.
    pub sign: Sign,
    /// With which padding.
    pub padding: SignaturePadding,
    /// How they are encrypted.
    pub encrypt: Encrypt,
    /// How the content key travels.
    pub key_transport: KeyTransport,
    /// Whether and when they are compressed.
    pub compress: Compression,
    /// The receipt that they ask for.
    pub receipt: Receipt,
    /// How it comes.
    pub receipt_by: ReceiptBy,
    /// How long it may take.
    pub receipt_within: Duration,
    /// What their subject is.
    pub subject: String,
    /// The certificates that the partner's server may show, or their authorities, in DER; none means what browsers trust.
    pub trust: Vec<Vec<u8>>,
    /// Our certificate for its server with its chain, in DER, and where the private key is.
    pub client: Option<(Vec<Vec<u8>>, SecretRef)>,
    /// Where its software differs.
    pub quirks: Quirks,
}

/// A day, like 2027-06-30.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(Date);

impl Day {
    /// Whether it is over at `now`, in UTC.
    pub fn is_over(self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > self.0
    }
}

impl As2Terms {
    /// The certificates that a message is encrypted for: of those that are valid, the one that began first, which the
    /// partner surely has the key of, and the one that began last.
    pub fn encrypt_for(&self, now: Timestamp) -> Vec<certificate::Certificate> {
        let mut valid: Vec<_> = self.certificates.iter().filter(|certificate| certificate.is_valid_at(now)).collect();
        if valid.is_empty() {
            valid = self.certificates.iter().collect();
        }
        valid.retain(|certificate| certificate.rsa_bits().is_some());
        valid.sort_by_key(|certificate| certificate.not_before());
        let mut chosen: Vec<_> = valid.first().into_iter().chain(valid.last()).map(|one| (*one).clone()).collect();
        chosen.dedup();
        chosen
    }
}

impl As2Demands {
    /// As the AS2 core applies it at `now`, with a cap on what a message may become.
    pub fn policy(&self, now: Timestamp, message_size: u64) -> Policy {
        let defaults = Limits::default();
        Policy {
            must_sign: self.must_sign,
            must_encrypt: self.must_encrypt,
            weakest_digest: self.weakest_digest.digest(),
            fewest_cipher_bits: self.cipher_bits,
            authenticated_ciphers_only: self.gcm_only,
            allow_weak: self.weak_until.is_some_and(|day| !day.is_over(now)),
            any_certificate_period: self.expired_certificates,
            limits: Limits {
                inflated: message_size,
                inflated_unauthenticated: message_size.min(defaults.inflated_unauthenticated),
                ..defaults
            },
        }
    }
}

impl DigestName {
    /// The digest.
    pub fn digest(self) -> Digest {
        match self {
            Self::Sha1 => Digest::Sha1,
            Self::Sha256 => Digest::Sha256,
            Self::Sha384 => Digest::Sha384,
            Self::Sha512 => Digest::Sha512,
        }
    }
}

impl Sign {
    /// The digest, where messages are signed.
    pub fn digest(self) -> Option<Digest> {
        match self {
            Self::Off => None,
            Self::Sha256 => Some(Digest::Sha256),
            Self::Sha384 => Some(Digest::Sha384),
            Self::Sha512 => Some(Digest::Sha512),
        }
    }
}

impl SignaturePadding {
    /// The scheme of signatures by RSA keys.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::Pkcs1 => Scheme::RsaPkcs1,
            Self::Pss => Scheme::RsaPss,
        }
    }
}

impl Encrypt {
    /// The cipher, where messages are encrypted.
    pub fn cipher(self) -> Option<Cipher> {
        Some(match self {
            Self::Off => return None,
            Self::Aes128Cbc => Cipher::Aes128Cbc,
            Self::Aes192Cbc => Cipher::Aes192Cbc,
            Self::Aes256Cbc => Cipher::Aes256Cbc,
            Self::Aes128Gcm => Cipher::Aes128Gcm,
            Self::Aes192Gcm => Cipher::Aes192Gcm,
            Self::Aes256Gcm => Cipher::Aes256Gcm,
        })
    }
}

impl KeyTransport {
    /// As the AS2 core names it.
    pub fn transport(self) -> Transport {
        match self {
            Self::Pkcs1 => Transport::Pkcs1,
            Self::OaepSha1 => Transport::Oaep(Digest::Sha1),
            Self::OaepSha256 => Transport::Oaep(Digest::Sha256),
        }
    }
}

impl Compression {
    /// As the AS2 core names it.
    pub fn when(self) -> Compress {
        match self {
            Self::Never => Compress::Never,
            Self::BeforeSigning => Compress::BeforeSigning,
            Self::AfterSigning => Compress::AfterSigning,
        }
    }
}

impl Encoding {
    pub(super) fn encoding(self) -> TransferEncoding {
        match self {
            Self::Binary => TransferEncoding::Binary,
            Self::Base64 => TransferEncoding::Base64,
        }
    }
}

impl DigestSpelling {
    pub(super) fn spelling(self) -> Spelling {
        match self {
            Self::Dashed => Spelling::Dashed,
            Self::Plain => Spelling::Plain,
        }
    }
}

impl As2Version {
    pub(super) fn version(self) -> Version {
        match self {
            Self::V1_0 => Version::V1_0,
            Self::V1_1 => Version::V1_1,
            Self::V1_2 => Version::V1_2,
        }
    }
}

impl FromStr for Day {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        text.parse().map(Self).map_err(|_| Wrong::new(format!("\"{text}\" is not a day")).hint("like \"2027-06-30\""))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TextForm for Day {
    const FORM: &'static str = "a day, like \"2027-06-30\"";
}

text_form!(Day);

super::identity::described! {
    Day, "A day: year, month, day.", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", ["2027-06-30"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_to_its_end() {
        let day: Day = "2027-06-30".parse().unwrap();
        assert!(!day.is_over("2027-06-30T23:59:59Z".parse().unwrap()));
        assert!(day.is_over("2027-07-01T00:00:00Z".parse().unwrap()));
        assert!("2027-02-30".parse::<Day>().is_err() && "soon".parse::<Day>().is_err());
    }

    #[test]
    fn weak_algorithms_end_with_their_day() {
        let demands = As2Demands {
            must_sign: true,
            must_encrypt: true,
            weakest_digest: DigestName::Sha1,
            cipher_bits: 112,
            gcm_only: false,
            weak_until: Some("2027-06-30".parse().unwrap()),
            expired_certificates: false,
        };
        let at = |time: &str| demands.policy(time.parse().unwrap(), 1000);
        assert!(at("2027-06-30T12:00:00Z").allow_weak && !at("2027-07-01T12:00:00Z").allow_weak);
        assert_eq!(at("2027-06-30T12:00:00Z").limits.inflated, 1000);
    }
}
