//! Our own private keys with their certificates: PKCS#8 in PEM, RSA from 2048 bits or a NIST curve.
//!
//! A key signs messages and receipts, and RSA keys unwrap content keys. They are parsed once and shared.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{
        KeyPair, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
        OaepAlgorithm, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
    },
    signature::{self, EcdsaKeyPair, KeyPair as _, RsaEncoding},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use super::{
    algorithm::{Digest, Scheme, Transport},
    certificate::{Certificate, Curve},
    fault::Fault,
};

/// How small an RSA key of ours may be.
pub const SMALLEST_RSA: usize = 2048;

/// A private key of ours and its certificate. Cloning shares it.
#[derive(Clone)]
pub struct OwnKey {
    certificate: Certificate,
    private: Arc<Private>,
}

enum Private {
    Rsa { sign: KeyPair, pkcs1: Pkcs1PrivateDecryptingKey, oaep: OaepPrivateDecryptingKey },
    Ec { sign: EcdsaKeyPair, curve: Curve },
}

impl OwnKey {
    /// A key in PKCS#8 PEM, with its certificate.
    pub fn from_pem(key: &[u8], certificate: Certificate) -> Result<Self, Fault> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| Fault::Key("there is no PKCS#8 key in PEM"))?;
        Self::from_pkcs8(key.secret_pkcs8_der(), certificate)
    }

    /// A key in PKCS#8 DER, with its certificate.
    pub fn from_pkcs8(key: &[u8], certificate: Certificate) -> Result<Self, Fault> {
        if certificate.rsa_bits().is_some_and(|bits| bits < SMALLEST_RSA) {
            return Err(Fault::Key("it is RSA with fewer than 2048 bits"));
        }
        let (private, public) = match certificate.curve() {
            Some(curve) => {
                let sign = EcdsaKeyPair::from_pkcs8(curve_signing(curve), key)
                    .map_err(|_| Fault::Key("it is not a key of the certificate's kind"))?;
                let public = sign.public_key().as_ref().to_vec();
                (Private::Ec { sign, curve }, public)
            }
            None => {
                let rejected = |_| Fault::Key("it is not a key of the certificate's kind");
                let sign = KeyPair::from_pkcs8(key).map_err(rejected)?;
                let decrypt = || PrivateDecryptingKey::from_pkcs8(key).map_err(rejected);
                let unusable = |_| Fault::Key("it cannot decrypt");
                let public = sign.public_key().as_ref().to_vec();
                let pkcs1 = Pkcs1PrivateDecryptingKey::new(decrypt()?).map_err(unusable)?;
                let oaep = OaepPrivateDecryptingKey::new(decrypt()?).map_err(unusable)?;
                (Private::Rsa { sign, pkcs1, oaep }, public)
            }
        };
        if public != certificate.bare_key() {
            return Err(Fault::KeyPair);
        }
        Ok(Self { certificate, private: Arc::new(private) })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The scheme and digest of a signature by this key where these are asked for. A curve brings its own digest, and
    /// no signature of ours uses SHA-1.
    pub fn signs_with(&self, scheme: Scheme, digest: Digest) -> (Scheme, Digest) {
        match &*self.private {
            Private::Rsa { .. } => {
                let scheme = if scheme == Scheme::RsaPss { scheme } else { Scheme::RsaPkcs1 };
                (scheme, digest.for_signing())
            }
            Private::Ec { curve: Curve::P256, .. } => (Scheme::Ecdsa, Digest::Sha256),
            Private::Ec { curve: Curve::P384, .. } => (Scheme::Ecdsa, Digest::Sha384),
            Private::Ec { curve: Curve::P521, .. } => (Scheme::Ecdsa, Digest::Sha512),
        }
    }

    /// Signs bytes; scheme and digest are those of [`signs_with`](Self::signs_with). PSS has as much salt as digest.
    pub(super) fn sign(&self, scheme: Scheme, digest: Digest, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |_| Fault::Key("it cannot sign");
        // The primitives have their own randomness, and ignore what they are handed.
        let random = SystemRandom::new();
        match &*self.private {
            Private::Rsa { sign, .. } => {
                let encoding: &'static dyn RsaEncoding = match (scheme, digest.for_signing()) {
                    (Scheme::RsaPss, Digest::Sha512) => &signature::RSA_PSS_SHA512,
                    (Scheme::RsaPss, Digest::Sha384) => &signature::RSA_PSS_SHA384,
                    (Scheme::RsaPss, _) => &signature::RSA_PSS_SHA256,
                    (_, Digest::Sha512) => &signature::RSA_PKCS1_SHA512,
                    (_, Digest::Sha384) => &signature::RSA_PKCS1_SHA384,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; sign.public_modulus_len()];
                sign.sign(encoding, &random, bytes, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Private::Ec { sign, .. } => Ok(sign.sign(&random, bytes).map_err(failed)?.as_ref().to_vec()),
        }
    }

    /// Unwraps a content key. `None` says that it did not work; whoever calls goes on with a random key, so that nobody
    /// can tell.
    pub(super) fn unwrap(&self, transport: Transport, wrapped: &[u8]) -> Option<Vec<u8>> {
        let Private::Rsa { pkcs1, oaep, .. } = &*self.private else { return None };
        let mut room = vec![0; pkcs1.min_output_size().max(oaep.min_output_size())];
        let plain = match transport {
            Transport::Pkcs1 => pkcs1.decrypt(wrapped, &mut room),
            Transport::Oaep(digest) => oaep.decrypt(oaep_algorithm(digest)?, wrapped, &mut room, None),
        };
        plain.ok().map(|plain| plain.to_vec())
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKey({:?})", self.certificate)
    }
}

/// OAEP with this digest and MGF1 over the same.
pub(super) fn oaep_algorithm(digest: Digest) -> Option<&'static OaepAlgorithm> {
    Some(match digest {
        Digest::Sha1 => &OAEP_SHA1_MGF1SHA1,
        Digest::Sha256 => &OAEP_SHA256_MGF1SHA256,
        Digest::Sha384 => &OAEP_SHA384_MGF1SHA384,
        Digest::Sha512 => &OAEP_SHA512_MGF1SHA512,
        Digest::Sha224 => return None,
    })
}

fn curve_signing(curve: Curve) -> &'static signature::EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
    }
}
