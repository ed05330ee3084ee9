//! The MIC: the digest by which a receipt says what was received (RFC 4130 §7.3.1, §7.4.3; RFC 5402 §4).
//!
//! It is over exact bytes, and which bytes depends on the form. Signed: what was signed, headers and content, compressed
//! where it was compressed first. Otherwise, what is left when every layer is gone: headers and content, since nothing
//! on the way could change headers that were inside a layer. Plain: the content alone, without HTTP's headers.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    algorithm::{Digest, Spelling},
    content::Content,
    fault::Fault,
};

/// A digest with its value, written as `Received-Content-MIC` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mic {
    /// The digest's value.
    pub value: Vec<u8>,
    /// The digest's name as it was or will be written: partners compare names, too.
    pub label: String,
}

impl Mic {
    /// The MIC of some content.
    pub fn of(content: &Content, digest: Digest) -> Result<Self, Fault> {
        let value = content.digest(digest).map_err(Fault::Storage)?.as_ref().to_vec();
        Ok(Self::new(value, digest))
    }

    /// A value that is known.
    pub fn new(value: Vec<u8>, digest: Digest) -> Self {
        Self { value, label: digest.name(Spelling::Dashed).to_owned() }
    }

    /// The same under another name.
    pub fn labelled(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// Reads `7v7F…=, sha-256`.
    pub fn parse(text: &str) -> Option<Self> {
        let (value, label) = text.split_once([',', ';']).unwrap_or((text, ""));
        let value: String = value.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        let value = STANDARD.decode(value.trim_matches('"')).ok().filter(|value| !value.is_empty())?;
        Some(Self { value, label: label.trim().trim_matches('"').to_owned() })
    }

    /// Whether both are the same digest, whatever their names are.
    pub fn agrees(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Display for Mic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", STANDARD.encode(&self.value), self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mic_is_its_digest_and_not_its_label() {
        let mic = Mic::of(&Content::from(b"abc".to_vec()), Digest::Sha1).unwrap();
        assert_eq!(mic.to_string(), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=, sha-1");
        for text in [
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=, SHA1",
            "qZk+NkcGgWq6 PiVxeFDCbJzQ2J0=,sha_1",
            "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        ] {
            assert!(Mic::parse(text).unwrap().agrees(&mic), "{text}");
        }
        for text in ["", ", sha1", "***, sha1"] {
            assert_eq!(Mic::parse(text), None, "{text}");
        }
    }
}
