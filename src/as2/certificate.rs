//! X.509 certificates, as far as AS2 needs them (RFC 5280 §4.1): who they are for, until when, and the key.
//!
//! Trust is pinned: a certificate counts because the partner's file has it. Chains, purposes and revocation are never
//! asked, and a certificate that comes with a message is read by nobody.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::{
    digest,
    signature::{
        self, ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
        ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA1_ASN1,
        ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey, RsaParameters,
        RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{
    algorithm::Digest,
    ber::{BerError, Element, Elements, tag},
    fault::Fault,
    key::SMALLEST_RSA,
    oid,
};

/// A certificate. Cloning shares it.
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

/// What is in one.
struct Parsed {
    der: Vec<u8>,
    fingerprint: String,
    /// The issuer's name, as encoded.
    issuer: Vec<u8>,
    /// The content of the serial number.
    serial: Vec<u8>,
    subject: String,
    issuer_text: String,
    key_id: Option<Vec<u8>>,
    not_before: Timestamp,
    not_after: Timestamp,
    spki: Vec<u8>,
    key: PublicKey,
    /// The key as the primitives have it, for signatures like the first that was verified: a partner's software makes all of
    /// them in one way.
    ready: OnceLock<(Verification, ParsedPublicKey)>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

#[derive(Clone, PartialEq, Eq)]
enum PublicKey {
    /// An RSAPublicKey, and the size of its modulus in bits.
    Rsa { key: Vec<u8>, bits: usize },
    /// A point.
    Ec { curve: Curve, point: Vec<u8> },
    /// Another kind, by its identifier.
    Other(Vec<u8>),
}

/// A curve of NIST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

/// How a signature is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// RSA, PKCS#1 v1.5, with this digest.
    Pkcs1(Digest),
    /// RSA-PSS with this digest (for MGF1 too) and this many bytes of salt.
    Pss {
        /// The digest.
        digest: Digest,
        /// The length of the salt, from the signature's parameters.
        salt: u16,
    },
    /// ECDSA with this digest.
    Ecdsa(Digest),
}

impl Certificate {
    /// The certificates of a PEM file, or the one of a DER file.
    pub fn read_all(file: &[u8]) -> Result<Vec<Self>, Fault> {
        if file.first() == Some(&tag::SEQUENCE) {
            return Ok(vec![Self::from_der(file)?]);
        }
        let mut found = Vec::new();
        for der in CertificateDer::pem_slice_iter(file) {
            found.push(Self::from_der(&der.map_err(|error| Fault::Certificate(error.to_string()))?)?);
        }
        if found.is_empty() {
            return Err(Fault::Certificate("there is none in the file".into()));
        }
        Ok(found)
    }

    /// Reads one certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, Fault> {
        Self::parse(der).map_err(|error| Fault::Certificate(error.to_string()))
    }

    fn parse(der: &[u8]) -> Result<Self, BerError> {
        let mut fields = Elements::only(der, tag::SEQUENCE)?.children()?;
        let mut body = fields.expect(tag::SEQUENCE)?.children()?;
        body.optional(tag::context(0))?;
        let serial = body.expect(tag::INTEGER)?.body.to_vec();
        body.expect(tag::SEQUENCE)?;
        let issuer = body.expect(tag::SEQUENCE)?;
        let mut period = body.expect(tag::SEQUENCE)?.children()?;
        let mut time = || -> Result<Timestamp, BerError> {
            let element = period.next()?.ok_or(BerError::Truncated)?;
            read_time(&element).ok_or(BerError::Unexpected)
        };
        let (not_before, not_after) = (time()?, time()?);
        let subject = body.expect(tag::SEQUENCE)?;
        let spki = body.expect(tag::SEQUENCE)?;
        let mut key_id = None;
        while let Some(element) = body.next()? {
            if element.tag == tag::context(3) {
                key_id = subject_key_identifier(&element)?;
            }
        }
        Ok(Self(Arc::new(Parsed {
            der: der.to_vec(),
            fingerprint: hex(digest::digest(&digest::SHA256, der).as_ref()),
            issuer: issuer.raw.to_vec(),
            serial,
            subject: name(&subject)?,
            issuer_text: name(&issuer)?,
            key_id,
            not_before,
            not_after,
            key: public_key(&spki)?,
            spki: spki.raw.to_vec(),
            ready: OnceLock::new(),
        })))
    }

    /// All of it, in DER.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The issuer's name, encoded.
    pub fn issuer(&self) -> &[u8] {
        &self.0.issuer
    }

    /// The content octets of its serial number.
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// Its serial number as people compare it.
    pub fn serial_text(&self) -> String {
        hex(&self.0.serial)
    }

    /// The subject's name in words.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The issuer's name in words.
    pub fn issuer_text(&self) -> &str {
        &self.0.issuer_text
    }

    /// Its subject key identifier, where it has that extension.
    pub fn key_id(&self) -> Option<&[u8]> {
        self.0.key_id.as_deref()
    }

    /// The SubjectPublicKeyInfo, encoded.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// From when it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Whether it is valid at `now`.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.0.not_before..=self.0.not_after).contains(&now)
    }

    /// Its SHA-256 as lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// The size of its RSA key in bits; `None` for other keys.
    pub fn rsa_bits(&self) -> Option<usize> {
        match &self.0.key {
            PublicKey::Rsa { bits, .. } => Some(*bits),
            _ => None,
        }
    }

    /// Whether something can be encrypted for it; else why not.
    pub fn encryptable(&self) -> Result<(), &'static str> {
        match self.rsa_bits() {
            None => Err("its key is not RSA"),
            Some(bits) if bits < SMALLEST_RSA => Err("its key has fewer than 2048 bits"),
            Some(_) => Ok(()),
        }
    }

    /// The curve of its key; `None` for other keys.
    pub fn curve(&self) -> Option<Curve> {
        match &self.0.key {
            PublicKey::Ec { curve, .. } => Some(*curve),
            _ => None,
        }
    }

    /// Its public key as signing keys tell theirs: an RSAPublicKey or a point.
    pub(super) fn bare_key(&self) -> &[u8] {
        match &self.0.key {
            PublicKey::Rsa { key, .. } => key,
            PublicKey::Ec { point, .. } => point,
            PublicKey::Other(_) => &[],
        }
    }

    /// Verifies a signature of `signed`.
    pub(super) fn verify(&self, how: Verification, signed: Signed<'_>, signature: &[u8]) -> Result<bool, Fault> {
        match (&self.0.key, how) {
            (PublicKey::Rsa { key, bits }, Verification::Pkcs1(digest)) => {
                let algorithm = pkcs1(digest, *bits)
                    .ok_or_else(|| unsupported(format!("RSA with {} bits and {digest:?}", *bits)))?;
                Ok(self.holds(how, algorithm, key, signed, signature))
            }
            (PublicKey::Rsa { key, bits }, Verification::Pss { digest, salt }) => {
                let algorithm = pss(digest)
                    .filter(|algorithm| *bits as u64 >= u64::from(algorithm.min_modulus_len()))
                    .ok_or_else(|| unsupported(format!("RSA-PSS with {} bits and {digest:?}", *bits)))?;
                // The salt's length is that of the parameters; a signature with another one does not verify.
                let algorithm = algorithm.with_pss_salt_length(RsaPssSaltLength::Custom(salt));
                Ok(signed.verify_with(&algorithm, key, signature))
            }
            (PublicKey::Ec { curve, point }, Verification::Ecdsa(digest)) => {
                let algorithm =
                    ecdsa(*curve, digest).ok_or_else(|| unsupported(format!("ECDSA on {curve:?} with {digest:?}")))?;
                Ok(self.holds(how, algorithm, point, signed, signature))
            }
            (PublicKey::Other(id), _) => Err(unsupported(format!("a public key of the kind {}", oid::dotted(id)))),
            _ => Ok(false),
        }
    }

    /// Whether a signature holds, by the key made ready where it was made ready for such.
    fn holds(
        &self,
        how: Verification,
        algorithm: &'static dyn VerificationAlgorithm,
        key: &[u8],
        signed: Signed<'_>,
        signature: &[u8],
    ) -> bool {
        if self.0.ready.get().is_none()
            && let Ok(parsed) = ParsedPublicKey::new(algorithm, key)
        {
            let _ = self.0.ready.set((how, parsed));
        }
        match self.0.ready.get().filter(|(ready, _)| *ready == how) {
            Some((_, key)) => signed.verify_ready(key, signature),
            None => signed.verify(algorithm, key, signature),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.0.subject, self.serial_text())
    }
}

/// What a signature covers: bytes, or bytes whose digest is known.
#[derive(Clone, Copy)]
pub(super) enum Signed<'a> {
    Bytes(&'a [u8]),
    Digest(&'a digest::Digest),
}

impl Signed<'_> {
    fn verify(self, algorithm: &'static dyn VerificationAlgorithm, key: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(algorithm, key);
        match self {
            Self::Bytes(bytes) => key.verify(bytes, signature),
            Self::Digest(digest) => key.verify_digest(digest, signature),
        }
        .is_ok()
    }

    fn verify_ready(self, key: &ParsedPublicKey, signature: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => key.verify_sig(bytes, signature),
            Self::Digest(digest) => key.verify_digest_sig(digest, signature),
        }
        .is_ok()
    }

    fn verify_with(self, algorithm: &RsaParameters, key: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => algorithm.verify_sig(key, bytes, signature),
            Self::Digest(digest) => algorithm.verify_digest_sig(key, digest, signature),
        }
        .is_ok()
    }
}

fn pkcs1(digest: Digest, bits: usize) -> Option<&'static RsaParameters> {
    Some(match (digest, bits >= 2048) {
        (Digest::Sha1, true) => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Digest::Sha1, false) => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (Digest::Sha256, true) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Digest::Sha256, false) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Digest::Sha384, true) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Digest::Sha512, true) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Digest::Sha512, false) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (Digest::Sha224, _) | (Digest::Sha384, false) => return None,
    })
}

fn pss(digest: Digest) -> Option<RsaParameters> {
    Some(match digest {
        Digest::Sha256 => signature::RSA_PSS_2048_8192_SHA256,
        Digest::Sha384 => signature::RSA_PSS_2048_8192_SHA384,
        Digest::Sha512 => signature::RSA_PSS_2048_8192_SHA512,
        Digest::Sha1 | Digest::Sha224 => return None,
    })
}

fn ecdsa(curve: Curve, digest: Digest) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (curve, digest) {
        (Curve::P256, Digest::Sha1) => &ECDSA_P256_SHA1_ASN1,
        (Curve::P256, Digest::Sha256) => &ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Digest::Sha384) => &ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Digest::Sha512) => &ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Digest::Sha256) => &ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Digest::Sha384) => &ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Digest::Sha512) => &ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Digest::Sha1) => &ECDSA_P521_SHA1_ASN1,
        (Curve::P521, Digest::Sha256) => &ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Digest::Sha384) => &ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Digest::Sha512) => &ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

fn unsupported(what: String) -> Fault {
    Fault::Unsupported(what)
}

fn public_key(spki: &Element<'_>) -> Result<PublicKey, BerError> {
    let mut fields = spki.children()?;
    let mut algorithm = fields.expect(tag::SEQUENCE)?.children()?;
    let kind = algorithm.expect(tag::OID)?.body;
    // The first octet of a BIT STRING counts unused bits; keys have none.
    let bits = fields.expect(tag::BIT_STRING)?.body.strip_prefix(&[0]).ok_or(BerError::Unexpected)?;
    if kind == oid::RSA || kind == oid::PSS {
        let modulus = Elements::only(bits, tag::SEQUENCE)?.children()?.expect(tag::INTEGER)?;
        let digits = match modulus.body {
            [0, rest @ ..] => rest,
            all => all,
        };
        let zeros = digits.first().map_or(0, |first| first.leading_zeros() as usize);
        return Ok(PublicKey::Rsa { key: bits.to_vec(), bits: (digits.len() * 8).saturating_sub(zeros) });
    }
    if kind == oid::EC
        && let Some(parameters) = algorithm.optional(tag::OID)?
    {
        let curve = match parameters.body {
            oid::P256 => Some(Curve::P256),
            oid::P384 => Some(Curve::P384),
            oid::P521 => Some(Curve::P521),
            _ => None,
        };
        if let Some(curve) = curve {
            return Ok(PublicKey::Ec { curve, point: bits.to_vec() });
        }
    }
    Ok(PublicKey::Other(kind.to_vec()))
}

fn subject_key_identifier(extensions: &Element<'_>) -> Result<Option<Vec<u8>>, BerError> {
    let mut list = extensions.children()?.expect(tag::SEQUENCE)?.children()?;
    while let Some(extension) = list.next()? {
        let mut fields = extension.children()?;
        if fields.expect(tag::OID)?.body != oid::SUBJECT_KEY_IDENTIFIER {
            continue;
        }
        while let Some(field) = fields.next()? {
            if field.tag == tag::OCTETS {
                return Ok(Some(Elements::only(field.body, tag::OCTETS)?.body.to_vec()));
            }
        }
    }
    Ok(None)
}

/// A name in words, most special part first: `CN=ACME, O=Acme Inc`.
pub(super) fn name(encoded: &Element<'_>) -> Result<String, BerError> {
    let mut parts = Vec::new();
    let mut sets = encoded.children()?;
    while let Some(set) = sets.next()? {
        let mut attributes = set.children()?;
        while let Some(attribute) = attributes.next()? {
            let mut fields = attribute.children()?;
            let kind = fields.expect(tag::OID)?.body;
            let value = fields.next()?.ok_or(BerError::Truncated)?;
            let label = match kind {
                oid::COMMON_NAME => "CN".to_owned(),
                oid::ORGANIZATION => "O".to_owned(),
                oid::ORGANIZATIONAL_UNIT => "OU".to_owned(),
                oid::COUNTRY => "C".to_owned(),
                other => oid::dotted(other),
            };
            let text: String = String::from_utf8_lossy(value.body).chars().filter(|char| !char.is_control()).collect();
            parts.push(format!("{label}={text}"));
        }
    }
    parts.reverse();
    Ok(parts.join(", "))
}

/// A UTCTime or GeneralizedTime in UTC (RFC 5280 §4.1.2.5).
fn read_time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.body).ok()?.strip_suffix('Z')?;
    let full = match element.tag {
        tag::UTC_TIME => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        tag::GENERAL_TIME => text.to_owned(),
        _ => return None,
    };
    // Seconds are left out by some old products, and fractions may follow them.
    let full = if full.len() == 12 { full + "00" } else { full };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", full.get(..14)?).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    crate::keys::hex(bytes)
}
