//! How a partner is known on each wire: EDI identities, API keys, AS2 ids, SFTP users and their keys.
//!
//! What is a secret of the partner's is only ever kept as a hash; a plain one in a file is refused and not shown.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::codes;
use crate::{
    config::{TextForm, Wrong, text_form},
    keys,
    x12::is_known_qualifier,
};

/// An EDI identity: ISA qualifier and id, and the group's id where one interchange id serves several.
/// Written `01/123456789`, or `01/123456789 GS:ACMEWEST`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeId {
    /// ISA05 or ISA07.
    pub qualifier: String,
    /// ISA06 or ISA08, without the blanks that pad it.
    pub id: String,
    /// GS02 or GS03.
    pub group: Option<String>,
}

/// The SHA-256 of an API key, written `sha256:` and 64 hex digits. The key itself is long and random, so its plain
/// hash gives nothing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyHash([u8; 32]);

/// The id of an AS2 party (RFC 4130 section 6.2): up to 128 printable characters, case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct As2Id(String);

/// Where something is sent over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(String);

/// The name an SFTP user logs in with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SftpUser(String);

/// A public key in the form of OpenSSH's `authorized_keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    /// Like `ssh-ed25519`.
    pub algorithm: String,
    /// The key as SSH sends it.
    pub blob: Vec<u8>,
    /// What stands behind it.
    pub comment: String,
}

/// The hash of a password, in the form `$argon2id$…`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// A version of X12, like `004010` or `004010VICS`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(String);

impl EnvelopeId {
    /// Whether an envelope's sender is this one; `group` is its GS02, where it has a group.
    pub fn is(&self, qualifier: &str, id: &str, group: Option<&str>) -> bool {
        self.qualifier == qualifier.trim()
            && self.id == id.trim()
            && (self.group.is_none() || self.group.as_deref() == group)
    }

    /// What makes it look like a slip, if anything does.
    pub fn doubt(&self) -> Option<String> {
        let digits = self.id.bytes().all(|b| b.is_ascii_digit());
        if !is_known_qualifier(&self.qualifier) {
            return Some(format!("X12 knows no qualifier {}", self.qualifier));
        }
        let is_duns = digits && matches!(self.id.len(), 9 | 13);
        (self.qualifier == "01" && !is_duns)
            .then(|| format!("{} is no D-U-N-S number, as qualifier 01 says: that has 9 or 13 digits", self.id))
    }
}

impl ApiKeyHash {
    /// The hash of a key.
    pub fn of(key: &str) -> Self {
        Self(keys::sha256(key.as_bytes()))
    }

    /// The hash with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl SshKey {
    const ALGORITHMS: [&'static str; 8] = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-dss",
    ];
}

impl PasswordHash {
    /// The hash, to verify a password with.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.qualifier, self.id)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, " GS:{group}"))
    }
}

impl fmt::Display for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", keys::hex(&self.0))
    }
}

impl SshKey {
    /// As OpenSSH shows it: `SHA256:` and the digest without padding.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", base64::engine::general_purpose::STANDARD_NO_PAD.encode(keys::sha256(&self.blob)))
    }
}

impl fmt::Display for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.algorithm, STANDARD.encode(&self.blob), self.comment)
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$argon2id$…")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EnvelopeId {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |message: String| {
            Wrong::new(message)
                .code(codes::BAD_ENVELOPE_ID)
                .hint("qualifier/id as in the ISA segment, like \"01/123456789\", or \"ZZ/ACME GS:ACMEWEST\" where the group's id matters")
        };
        let (party, group) = match text.rfind("GS:") {
            Some(at) if at > 0 => {
                let (party, group) = text.split_at(at);
                (party.trim_end_matches([' ', '/']), Some(group.trim_start_matches("GS:").trim()))
            }
            _ => (text, None),
        };
        let Some((qualifier, id)) = party.split_once('/') else {
            return Err(wrong(format!("\"{text}\" has no qualifier")));
        };
        let (qualifier, id) = (qualifier.trim(), id.trim());
        if qualifier.len() != 2 || !qualifier.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Err(wrong(format!("\"{qualifier}\" is not a qualifier: two digits or capital letters")));
        }
        if id.is_empty() || id.chars().count() > 15 || id.chars().any(char::is_control) {
            return Err(wrong(format!("\"{id}\" is not an interchange id: 1 to 15 characters")));
        }
        if group.is_some_and(|group| group.is_empty() || group.chars().count() > 15) {
            return Err(wrong("a group's id has 1 to 15 characters".to_owned()));
        }
        Ok(Self { qualifier: qualifier.to_owned(), id: id.to_owned(), group: group.map(str::to_owned) })
    }
}

impl FromStr for ApiKeyHash {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |message: &str| Wrong::new(message).code(codes::BAD_API_KEY);
        let how = "write \"sha256:\" and the key's SHA-256 in hex: printf %s \"$KEY\" | sha256sum";
        if text.starts_with("gw_") {
            return Err(wrong("this is an API key itself; only its hash belongs here")
                .secret()
                .hint(format!("{how}; if this file was ever shared, make a new key")));
        }
        let Some(digits) = text.strip_prefix("sha256:") else {
            return Err(wrong("this is not the hash of an API key").secret().hint(how));
        };
        let bytes = super::unhex(digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| wrong("after \"sha256:\" stand 64 hex digits").hint(how))
    }
}

impl FromStr for As2Id {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let sound = text.len() <= 128 && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(Wrong::new("an AS2 id has up to 128 printable ASCII characters, without quotes and backslashes"))
        }
    }
}

impl FromStr for HttpUrl {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |message: &str| {
            Wrong::new(message).code(codes::BAD_URL).hint("a whole URL, like \"https://as2.acme.example/as2\"")
        };
        let Ok(url) = text.parse::<http::Uri>() else { return Err(wrong("this is not a URL")) };
        match (url.scheme_str(), url.authority()) {
            (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
                Err(wrong("a name and password do not belong into a URL").secret())
            }
            (Some("http" | "https"), Some(authority)) if !authority.host().is_empty() => Ok(Self(text.to_owned())),
            _ => Err(wrong("this URL does not begin with http:// or https:// and a host")),
        }
    }
}

impl FromStr for SftpUser {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let sound = text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@'))
            && !text.starts_with(['.', '-']);
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(Wrong::new(format!("\"{text}\" cannot be a user's name"))
                .hint("up to 64 letters, digits, and . _ - @, beginning with a letter or digit"))
        }
    }
}

impl FromStr for SshKey {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |message: &str| {
            Wrong::new(message)
                .code(codes::BAD_SSH_KEY)
                .hint("the one line of the partner's .pub file, like \"ssh-ed25519 AAAAC3Nz… their name\"")
        };
        if text.contains("PRIVATE KEY") {
            return Err(wrong(
                "this is a private key: only its owner should have it. Tell them, and ask for a new one",
            )
            .secret());
        }
        let mut words = text.split_ascii_whitespace();
        let (Some(algorithm), Some(encoded)) = (words.next(), words.next()) else {
            return Err(wrong("this is not an SSH public key"));
        };
        if !Self::ALGORITHMS.contains(&algorithm) {
            return Err(wrong("this key does not begin with the name of an SSH algorithm"));
        }
        if algorithm == "ssh-dss" {
            return Err(wrong("DSA keys are broken and no client offers them any more: ask for an ed25519 key"));
        }
        let Ok(blob) = STANDARD.decode(encoded) else {
            return Err(wrong("the middle part of this key is cut or damaged (not base64)"));
        };
        // The key repeats its algorithm: four bytes of length, then the name.
        let inner = blob.get(..4).and_then(|len| <[u8; 4]>::try_from(len).ok()).map(u32::from_be_bytes);
        let inner = inner.and_then(|len| blob.get(4..4_usize.checked_add(len as usize)?));
        if inner != Some(algorithm.as_bytes()) {
            return Err(wrong("the parts of this key do not belong together: it is cut or damaged"));
        }
        Ok(Self { algorithm: algorithm.to_owned(), blob, comment: words.collect::<Vec<_>>().join(" ") })
    }
}

impl FromStr for PasswordHash {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let parts = text.split('$').count();
        if text.starts_with("$argon2id$") && parts == 6 {
            return Ok(Self(text.to_owned()));
        }
        Err(Wrong::new("this is not the argon2id hash of a password")
            .code(codes::BAD_PASSWORD)
            .secret()
            .hint("a password is never written itself, only its hash, \"$argon2id$v=19$…\""))
    }
}

impl FromStr for Version {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if digits >= 6 && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(Self(text.to_owned()));
        }
        let wrong = Wrong::new(format!("\"{text}\" is not a version of X12"));
        Err(match text {
            "4010" | "00401" => wrong.hint("write \"004010\", as in GS08"),
            "5010" | "00501" => wrong.hint("write \"005010\", as in GS08"),
            _ => wrong.hint("six digits as in GS08, like \"004010\""),
        })
    }
}

impl TextForm for EnvelopeId {
    const FORM: &'static str = "an EDI identity, like \"01/123456789\"";
}

impl TextForm for ApiKeyHash {
    const FORM: &'static str = "the hash of an API key, \"sha256:…\"";
    const SECRET: bool = true;
}

impl TextForm for As2Id {
    const FORM: &'static str = "an AS2 id";
}

impl TextForm for HttpUrl {
    const FORM: &'static str = "a URL, like \"https://as2.acme.example/as2\"";
}

impl TextForm for SftpUser {
    const FORM: &'static str = "a user's name";
}

impl TextForm for SshKey {
    const FORM: &'static str = "an SSH public key, like \"ssh-ed25519 AAAAC3Nz… their name\"";
}

impl TextForm for PasswordHash {
    const FORM: &'static str = "the hash of a password, \"$argon2id$…\"";
    const SECRET: bool = true;
}

impl TextForm for Version {
    const FORM: &'static str = "a version of X12, like \"004010\"";
}

text_form!(EnvelopeId, ApiKeyHash, As2Id, HttpUrl, SftpUser, SshKey, PasswordHash, Version);

/// Types that are a text and nothing else: the text of one.
macro_rules! plain_texts {
    ($($type:ident),*) => {$(
        impl $type {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
pub(super) use plain_texts;
plain_texts!(As2Id, HttpUrl, SftpUser, Version);

/// What schemas say of a word in a partner's file.
macro_rules! described {
    ($($type:ident, $description:literal, $pattern:literal, $examples:expr;)*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $description,
                    "pattern": $pattern,
                    "examples": $examples,
                })
            }
        }
    )*};
}
pub(super) use described;
described! {
    EnvelopeId, "An EDI identity: qualifier/id as in the ISA segment, with GS:… where the group's id matters.",
        "^[0-9A-Z]{2}/.{1,15}([ /]GS:.{1,15})?$", ["01/123456789", "ZZ/ACME GS:ACMEWEST"];
    ApiKeyHash, "The SHA-256 of an API key; never the key itself.",
        "^sha256:[0-9a-fA-F]{64}$", ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"];
    As2Id, "The AS2-From of the partner, exactly as it is sent.", "^[ -~]{1,128}$", ["ACME"];
    HttpUrl, "A whole URL with http:// or https://.", "^https?://", ["https://as2.acme.example/as2"];
    SftpUser, "The name the partner logs in with.", "^[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}$", ["acme"];
    SshKey, "A public key, as in OpenSSH's authorized_keys: the one line of a .pub file.",
        "^(ssh-|ecdsa-|sk-)", ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… acme"];
    PasswordHash, "The argon2id hash of a password; never the password itself.",
        "^\\$argon2id\\$", ["$argon2id$v=19$m=19456,t=2,p=1$…$…"];
    Version, "A version of X12 as in GS08.", "^[0-9]{6}[0-9A-Za-z]{0,6}$", ["004010", "005010"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_ids_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<EnvelopeId>().map(|id| id.to_string()).map_err(|wrong| wrong.message);
        assert_eq!(read("01/123456789"), Ok("01/123456789".into()));
        assert_eq!(read("ZZ/ACME GS:WEST"), Ok("ZZ/ACME GS:WEST".into()));
        assert_eq!(read("ZZ/ACME/GS:WEST"), Ok("ZZ/ACME GS:WEST".into()));
        assert_eq!(read("ZZ/A/B C "), Ok("ZZ/A/B C".into()));
        assert_eq!(read("123456789"), Err("\"123456789\" has no qualifier".into()));
        assert_eq!(read("1/123456789"), Err("\"1\" is not a qualifier: two digits or capital letters".into()));
        assert!(read("01/").is_err() && read("01/1234567890123456").is_err() && read("01/A GS:").is_err());
        let id: EnvelopeId = "ZZ/ACME GS:WEST".parse().unwrap();
        assert!(
            id.is("ZZ", "ACME           ", Some("WEST"))
                && !id.is("ZZ", "ACME", Some("EAST"))
                && !id.is("ZZ", "ACME", None)
        );
    }

    #[test]
    fn secrets_in_place_of_hashes_are_refused_and_not_shown() {
        let key = "gw_live_EXAMPLE";
        assert_eq!(ApiKeyHash::of(key).to_string().parse(), Ok(ApiKeyHash::of(key)));
        assert!(key.parse::<ApiKeyHash>().unwrap_err().secret);
        assert!("sha256:12".parse::<ApiKeyHash>().is_err());
        assert!("letmein".parse::<PasswordHash>().unwrap_err().secret);
        let hash: PasswordHash = "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".parse().unwrap();
        assert!(!format!("{hash:?}").contains("aGFzaA"));
        assert!("https://user:pass@host/".parse::<HttpUrl>().unwrap_err().secret);
    }

    #[test]
    fn ssh_keys_are_looked_into() {
        let good = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHUVt9K3tnKqmPpVYKNFkOnxNFMz1d7Jc0Nh1pDs0FhN acme";
        assert_eq!(good.parse::<SshKey>().unwrap().to_string(), good);
        for bad in [
            "ssh-ed25519",
            "AAAAC3NzaC1lZDI1NTE5AAAAIHUV acme",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIHUVt9K3tnKqmPpVYKNFkOnxNFMz1d7Jc0Nh1pDs0FhN",
            "ssh-ed25519 AAAAC3Nz*",
            "ssh-ed25519 AAAA",
            "ssh-dss AAAAB3NzaC1kc3M=",
        ] {
            assert_eq!(bad.parse::<SshKey>().unwrap_err().code, codes::BAD_SSH_KEY, "{bad}");
        }
        assert!("-----BEGIN OPENSSH PRIVATE KEY-----".parse::<SshKey>().unwrap_err().secret);
    }

    #[test]
    fn urls_and_names() {
        assert!("https://as2.acme.example/as2?x=1".parse::<HttpUrl>().is_ok());
        for bad in ["as2.acme.example", "ftp://acme.example", "https://", "/as2", "https:// x"] {
            assert_eq!(bad.parse::<HttpUrl>().unwrap_err().code, codes::BAD_URL, "{bad}");
        }
        assert!("acme.edi-1@x".parse::<SftpUser>().is_ok());
        assert!("../acme".parse::<SftpUser>().is_err() && "a b".parse::<SftpUser>().is_err());
        assert!("004010VICS".parse::<Version>().is_ok() && "4010".parse::<Version>().unwrap_err().hint.is_some());
    }
}
