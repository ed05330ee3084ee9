//! JSON Web Tokens (RFC 7519) and the keys that verify them (RFC 7517, RFC 7518). What a token says of its algorithm never
//! decides how it is verified: each key has its own, and a token that names another one is not this key's.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

/// So many keys of a set are looked at.
const MOST: usize = 100;

/// An issuer's keys.
#[derive(Default)]
pub(super) struct KeySet(Vec<Key>);

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unverified {
    /// It names a key that is not in the set: perhaps a new one.
    UnknownKey,
    /// It is no token, or its signature is not right.
    Wrong,
}

struct Key {
    id: Option<String>,
    /// The algorithms it is for.
    algorithms: Vec<String>,
    public: Public,
}

enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Other(&'static dyn VerificationAlgorithm, Vec<u8>),
}

/// A key as it is published.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl KeySet {
    /// Reads a JWK Set; keys of kinds that are not known are left out, as the standard has it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(bytes).map_err(|error| format!("it is no JWK Set: {error}"))?;
        let keys = set.keys.into_iter().take(MOST).filter_map(|key| Key::of(serde_json::from_value(key).ok()?));
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() { Err("it has no key that could verify a token".into()) } else { Ok(Self(keys)) }
    }

    /// The claims of a token that one of these keys has signed.
    pub(super) fn verify(&self, token: &str) -> Result<Value, Unverified> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Unverified::Wrong)?;
        let (header, claims) = signed.split_once('.').ok_or(Unverified::Wrong)?;
        let header: Header = decoded(header).ok_or(Unverified::Wrong)?;
        // What must be understood is not (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Unverified::Wrong);
        }
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| Unverified::Wrong)?;
        let named = |key: &&Key| header.kid.is_none() || key.id.is_none() || key.id == header.kid;
        let mut fitting = self.0.iter().filter(named).peekable();
        if fitting.peek().is_none() {
            return Err(Unverified::UnknownKey);
        }
        let verified = fitting.any(|key| key.has_signed(&header.alg, signed.as_bytes(), &signature));
        if verified { decoded(claims).ok_or(Unverified::Wrong) } else { Err(Unverified::Wrong) }
    }
}

impl Key {
    fn of(jwk: Jwk) -> Option<Self> {
        if jwk.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let bytes = |text: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let point = || {
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            Some([vec![4], x, y].concat())
        };
        let (possible, public): (&[&str], _) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => (
                &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
                Public::Rsa { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? },
            ),
            ("EC", Some("P-256")) => (&["ES256"], Public::Other(&signature::ECDSA_P256_SHA256_FIXED, point()?)),
            ("EC", Some("P-384")) => (&["ES384"], Public::Other(&signature::ECDSA_P384_SHA384_FIXED, point()?)),
            ("OKP", Some("Ed25519")) => (&["EdDSA"], Public::Other(&signature::ED25519, bytes(&jwk.x)?)),
            _ => return None,
        };
        let algorithms = possible.iter().filter(|name| jwk.alg.as_deref().is_none_or(|alg| alg == **name));
        let algorithms: Vec<_> = algorithms.map(|name| (*name).to_owned()).collect();
        (!algorithms.is_empty()).then_some(Self { id: jwk.kid, algorithms, public })
    }

    fn has_signed(&self, algorithm: &str, message: &[u8], signed: &[u8]) -> bool {
        if !self.algorithms.iter().any(|own| own == algorithm) {
            return false;
        }
        match &self.public {
            Public::Rsa { n, e } => {
                let parameters: &RsaParameters = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signed).is_ok()
            }
            Public::Other(algorithm, point) => {
                UnparsedPublicKey::new(*algorithm, point).verify(message, signed).is_ok()
            }
        }
    }
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7515, appendix A.3: a token by ES256, and its key.
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn set(change: impl FnOnce(&mut Value)) -> KeySet {
        let mut key = json!({
            "kty": "EC", "crv": "P-256", "kid": "1",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        change(&mut key);
        let unknown = json!({ "kty": "oct", "k": "AAAA" });
        KeySet::read(json!({ "keys": [unknown, key] }).to_string().as_bytes()).unwrap_or_default()
    }

    /// The token with another header and its own signature.
    fn with_header(header: &Value) -> String {
        let rest = ES256.split_once('.').unwrap().1;
        format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
    }

    #[test]
    fn the_standards_own_token_is_verified_and_none_that_differs() {
        assert_eq!(set(|_| {}).verify(ES256).unwrap()["iss"], "joe");
        for place in [30, 60, ES256.len() - 10] {
            let mut other = ES256.as_bytes().to_vec();
            other[place] = if other[place] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(set(|_| {}).verify(&other), Err(Unverified::Wrong), "{place}");
        }
        for nonsense in ["", ".", "..", "a.b", "a.b.c", "gw_tok_x"] {
            assert_eq!(set(|_| {}).verify(nonsense), Err(Unverified::Wrong), "{nonsense}");
        }
    }

    #[test]
    fn the_key_and_not_the_token_says_how_it_is_verified() {
        for header in [
            json!({ "alg": "none" }),
            json!({ "alg": "HS256" }),
            json!({ "alg": "RS256" }),
            json!({ "alg": "ES256", "crit": ["exp"] }),
        ] {
            assert_eq!(set(|_| {}).verify(&with_header(&header)), Err(Unverified::Wrong), "{header}");
        }
        let unknown = with_header(&json!({ "alg": "ES256", "kid": "2" }));
        assert_eq!(set(|_| {}).verify(&unknown), Err(Unverified::UnknownKey));
        assert!(set(|key| key["use"] = "enc".into()).verify(ES256).is_err());
        assert!(set(|key| key["alg"] = "ES512".into()).verify(ES256).is_err());
        assert!(set(|key| key["alg"] = "ES256".into()).verify(ES256).is_ok());
    }

    #[test]
    fn a_set_without_a_key_that_verifies_is_none() {
        for wrong in ["", "[]", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\"},7]}"] {
            assert!(KeySet::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
