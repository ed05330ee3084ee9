//! What is agreed about cXML with a partner: who is who in the headers of its documents, where ours are posted, and the
//! shared secrets of both directions. Ours is put in when a document is sent; of theirs only the hash is kept.

use std::{fmt, str::FromStr};

use super::{HttpUrl, PartnerFile, SendChannel, SendFormat, codes, compose::values, unhex};
use crate::{
    config::{AtLeastOne, Diagnostic, Node, SecretRef, Spanned, TextForm, Wrong, codes as config, section, text_form},
    keys,
    xml::cxml::Credential,
};

section! {
    /// cXML: who is who in the headers, where documents are posted, and the shared secrets.
    pub struct CxmlSection {
        /// Who they are: domain/identity of their credentials, like "DUNS/123456789".
        pub ids: AtLeastOne<Spanned<CxmlId>>,
        /// Who we are to them.
        pub ours: Spanned<CxmlId>,
        /// Who hands our documents over, where that is not `ours`: the account at a network, like "NetworkID/AN01000000001".
        pub sender: Option<Spanned<CxmlId>>,
        /// Our shared secret with them, like "file:secrets/acme-cxml". It is put into a document when that is sent, and is in
        /// nothing that is stored.
        pub secret: Option<Spanned<SecretRef>>,
        /// Where documents to them are posted.
        pub url: Option<Spanned<HttpUrl>>,
        /// What their documents have to show as their sender's shared secret, each as "sha256:…"; two while one replaces the
        /// other. It is all that they need at /v1/cxml. With none, a document shows nothing, and their connection is enough.
        pub their_secrets: Vec<Spanned<SharedSecretHash>>,
        /// What our documents call the system that sends them.
        pub user_agent: Spanned<String> = concat!("Gangway ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// A credential of cXML, written `domain/identity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CxmlId {
    /// Like `DUNS`.
    pub domain: String,
    /// The name in it.
    pub identity: String,
}

/// The SHA-256 of a shared secret, written `sha256:` and 64 hex digits. The secret is long and random, as whoever makes it
/// is told, so that its plain hash gives nothing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedSecretHash([u8; 32]);

/// What is agreed about cXML with one partner.
#[derive(Debug, Clone, PartialEq)]
pub struct CxmlTerms {
    /// Who they are.
    pub ids: Vec<CxmlId>,
    /// Who we are to them.
    pub ours: CxmlId,
    /// Who hands our documents over.
    pub sender: CxmlId,
    /// Our shared secret.
    pub secret: Option<SecretRef>,
    /// Where our documents are posted.
    pub url: Option<HttpUrl>,
    /// Their shared secrets.
    pub their_secrets: Vec<SharedSecretHash>,
    /// What our system is called.
    pub user_agent: String,
}

impl CxmlId {
    /// Whether a credential is this one. Domains are words, whose case nobody agrees about; identities are names.
    pub fn is(&self, domain: &str, identity: &str) -> bool {
        self.domain.eq_ignore_ascii_case(domain.trim()) && self.identity == identity.trim()
    }
}

impl CxmlTerms {
    /// Whether a credential is one of theirs.
    pub fn are(&self, credential: &Credential<'_>) -> bool {
        self.ids.iter().any(|id| id.is(credential.domain, credential.identity))
    }

    /// Whether one of a Sender's credentials is theirs and shows one of their secrets.
    pub fn shown_by(&self, sender: &[Credential<'_>]) -> bool {
        let shown = sender.iter().filter(|one| self.are(one)).filter_map(|one| one.secret);
        // All of them are compared, so that the time says nothing of which it was.
        let right = shown.flat_map(|secret| self.their_secrets.iter().map(move |hash| hash.is_of(secret)));
        right.fold(false, |any, one| any | one)
    }
}

impl SharedSecretHash {
    /// Whether this is the hash of a secret, told in a time that depends on neither.
    pub fn is_of(&self, secret: &str) -> bool {
        keys::same_secret(&self.0, &keys::sha256(secret.as_bytes()))
    }
}

impl From<&CxmlSection> for CxmlTerms {
    fn from(section: &CxmlSection) -> Self {
        let ours = section.ours.value.clone();
        Self {
            ids: values(&section.ids.0),
            sender: section.sender.as_ref().map_or_else(|| ours.clone(), |sender| sender.value.clone()),
            ours,
            secret: section.secret.as_ref().map(|secret| secret.value.clone()),
            url: section.url.as_ref().map(|url| url.value.clone()),
            their_secrets: values(&section.their_secrets),
            user_agent: section.user_agent.value.clone(),
        }
    }
}

/// What the shape of a file cannot say: documents that go as cXML need to know who is who, and where to.
pub(super) fn check(file: &PartnerFile, merged: &Node, findings: &mut Vec<Diagnostic>) {
    let send = &file.send;
    let formats = send.documents.iter().map(|entry| entry.value.format).chain([send.format]);
    let channels = send.documents.iter().map(|entry| entry.value.channel).chain([send.channel]);
    let (mut formats, mut channels) = (formats.flatten(), channels.flatten());
    let posts = channels.any(|channel| channel == SendChannel::Cxml);
    // Where it was asked for; else at the partner's name.
    let asked = ["send.channel", "send.format"].into_iter().find_map(|path| merged.at(path));
    let origin = asked.map_or(&file.name.origin, |node| &node.origin);
    let told = |message: &str, hint: &str| {
        let told = Diagnostic::error(config::MISSING_KEY, message.to_owned());
        told.at(origin, "").hint(hint.to_owned())
    };
    match &file.cxml {
        None if posts || formats.any(|format| format == SendFormat::Cxml) => findings.push(told(
            "documents to this partner go as cXML, and there is no [cxml]",
            "add [cxml] with `ids`, `ours` and `secret`: who is who in the headers",
        )),
        Some(cxml) if posts && cxml.url.is_none() => findings.push(told(
            "documents to this partner are posted as cXML, and [cxml] has no `url`",
            "add their endpoint: url = \"https://acme.example/cxml\"",
        )),
        Some(cxml) if cxml.user_agent.value.trim().is_empty() => {
            let told = Diagnostic::error(config::BAD_VALUE, "every cXML document names the system that sends it");
            findings.push(told.at(&cxml.user_agent.origin, ""));
        }
        _ => {}
    }
}

impl fmt::Display for CxmlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.identity)
    }
}

impl fmt::Display for SharedSecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", keys::hex(&self.0))
    }
}

impl FromStr for CxmlId {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = |message: String| {
            let hint = "domain/identity as in the Credential of a header, like \"DUNS/123456789\"";
            Wrong::new(message).code(codes::BAD_CXML_ID).hint(hint)
        };
        let Some((domain, identity)) = text.split_once('/') else {
            return Err(wrong(format!("\"{text}\" has no domain")));
        };
        let (domain, identity) = (domain.trim(), identity.trim());
        let sound = |part: &str| !part.is_empty() && part.chars().count() <= 255 && !part.chars().any(char::is_control);
        if !sound(domain) || !sound(identity) {
            return Err(wrong(format!("\"{text}\" is no credential: domain and identity have 1 to 255 characters")));
        }
        Ok(Self { domain: domain.to_owned(), identity: identity.to_owned() })
    }
}

impl FromStr for SharedSecretHash {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let how = "write \"sha256:\" and the secret's SHA-256 in hex: printf %s \"$SECRET\" | sha256sum";
        let wrong = |message: &str| Wrong::new(message).code(codes::BAD_SHARED_SECRET).secret().hint(how);
        let Some(digits) = text.strip_prefix("sha256:") else {
            return Err(wrong("this is not the hash of a shared secret"));
        };
        let bytes = unhex(digits).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| wrong("after \"sha256:\" stand 64 hex digits"))
    }
}

impl TextForm for CxmlId {
    const FORM: &'static str = "a credential of cXML, like \"DUNS/123456789\"";
}

impl TextForm for SharedSecretHash {
    const FORM: &'static str = "the hash of a shared secret, \"sha256:…\"";
    const SECRET: bool = true;
}

text_form!(CxmlId, SharedSecretHash);

super::identity::described! {
    CxmlId, "A credential of cXML: domain/identity.", "^[^/]+/.+$", ["DUNS/123456789", "NetworkID/AN01000000001"];
    SharedSecretHash, "The SHA-256 of a shared secret; never the secret itself.",
        "^sha256:[0-9a-fA-F]{64}$", ["sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_compared_as_people_write_them() {
        let id: CxmlId = "DUNS/87-123 A".parse().unwrap();
        assert_eq!(id.to_string(), "DUNS/87-123 A");
        assert!(id.is("duns", " 87-123 A ") && !id.is("DUNS", "87-123 a") && !id.is("GLN", "87-123 A"));
        assert_eq!("a/b/c".parse::<CxmlId>().unwrap().identity, "b/c");
        for wrong in ["871234567", "/1", "DUNS/", "DUNS/ ", "DUNS/\u{7}"] {
            assert_eq!(wrong.parse::<CxmlId>().unwrap_err().code, codes::BAD_CXML_ID, "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_known_by_its_hash_only() {
        let hash: SharedSecretHash = format!("sha256:{}", keys::sha256_hex(b"s3cret")).parse().unwrap();
        assert!(hash.is_of("s3cret") && !hash.is_of("S3cret") && !hash.is_of(""));
        for wrong in ["s3cret", "sha256:12", "sha256:"] {
            let told = wrong.parse::<SharedSecretHash>().unwrap_err();
            assert_eq!(told.code, codes::BAD_SHARED_SECRET);
            assert!(!told.message.contains("s3cret"));
        }
    }
}
