//! What a receipt says happened: the Disposition field of RFC 4130 §7.4.3 with the modifiers of RFC 4130 §7.5 and its
//! 2026 revision. Text is compared without regard to case, and what we do not know is kept as it came.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state and modifier of a Disposition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "modifier")]
pub enum Disposition {
    /// It was processed, with nothing to add.
    Processed,
    /// It was processed, with a remark.
    Warning(Modifier),
    /// It could not be processed.
    Error(Modifier),
    /// What was asked of the receipt cannot be done.
    Failure(Modifier),
}

/// What the matter was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modifier {
    /// The signer could not be authenticated.
    AuthenticationFailed,
    /// It could not be decompressed.
    DecompressionFailed,
    /// It could not be decrypted.
    DecryptionFailed,
    /// It came before, and was not processed again.
    DuplicateDocument,
    /// Two of its documents have one name.
    DuplicateFilename,
    /// A document's name is not allowed.
    IllegalFilename,
    /// It is not protected as was agreed.
    InsufficientMessageSecurity,
    /// Its content is not what was signed.
    IntegrityCheckFailed,
    /// Its Message-ID is not one.
    InvalidMessageId,
    /// The sender is who it is for.
    SenderEqualsReceiver,
    /// Anything else went wrong.
    UnexpectedProcessingError,
    /// Sender and recipient do not know each other.
    UnknownTradingRelationship,
    /// The receipt's format is not supported.
    UnsupportedFormat,
    /// None of the receipt's digests is supported.
    UnsupportedMicAlgorithms,
    /// Another text.
    Other(String),
}

/// Known modifiers and their text; the first text of each is the one that we write.
const TEXTS: &[(Modifier, &str)] = &[
    (Modifier::AuthenticationFailed, "authentication-failed"),
    (Modifier::DecompressionFailed, "decompression-failed"),
    (Modifier::DecryptionFailed, "decryption-failed"),
    (Modifier::DuplicateDocument, "duplicate-document"),
    (Modifier::DuplicateFilename, "duplicate-filename"),
    (Modifier::IllegalFilename, "illegal-filename"),
    (Modifier::InsufficientMessageSecurity, "insufficient-message-security"),
    (Modifier::IntegrityCheckFailed, "integrity-check-failed"),
    (Modifier::InvalidMessageId, "invalid-message-id"),
    (Modifier::SenderEqualsReceiver, "sender-equals-receiver"),
    (Modifier::UnexpectedProcessingError, "unexpected-processing-error"),
    (Modifier::UnknownTradingRelationship, "unknown-trading-relationship"),
    (Modifier::UnknownTradingRelationship, "unknown-trading-partner"),
    (Modifier::UnsupportedFormat, "unsupported format"),
    (Modifier::UnsupportedMicAlgorithms, "unsupported MIC-algorithms"),
];

impl Modifier {
    /// The modifier that a text means.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        TEXTS
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(text))
            .map_or_else(|| Self::Other(text.to_owned()), |(modifier, _)| modifier.clone())
    }

    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Self::Other(text) => text,
            known => TEXTS.iter().find(|(modifier, _)| modifier == known).map_or("", |(_, text)| text),
        }
    }
}

impl Disposition {
    /// Reads a Disposition field's value, or only the part after its semicolon.
    pub fn parse(value: &str) -> Option<Self> {
        let kind = value.split_once(';').map_or(value, |(_, kind)| kind).trim();
        let (state, modifier) = match kind.split_once('/') {
            Some((state, modifier)) => (state.trim(), Some(modifier)),
            None => (kind, None),
        };
        let processed = state.eq_ignore_ascii_case("processed") || state.eq_ignore_ascii_case("displayed");
        if !processed && !state.eq_ignore_ascii_case("failed") {
            return None;
        }
        let Some(modifier) = modifier else {
            let plain = || Self::Failure(Modifier::UnexpectedProcessingError);
            return Some(if processed { Self::Processed } else { plain() });
        };
        let (kind, text) = modifier.split_once(':').unwrap_or((modifier, ""));
        let text = Modifier::parse(text);
        Some(match kind.trim().to_ascii_lowercase().as_str() {
            "warning" => Self::Warning(text),
            "failure" => Self::Failure(text),
            _ => Self::Error(text),
        })
    }

    /// Whether the message was taken.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Processed | Self::Warning(_))
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processed => f.write_str("processed"),
            Self::Warning(modifier) => write!(f, "processed/warning: {}", modifier.text()),
            Self::Error(modifier) => write!(f, "processed/error: {}", modifier.text()),
            Self::Failure(modifier) => write!(f, "failed/failure: {}", modifier.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modifier_reads_back_as_itself() {
        for (modifier, _) in TEXTS {
            for disposition in [
                Disposition::Warning(modifier.clone()),
                Disposition::Error(modifier.clone()),
                Disposition::Failure(modifier.clone()),
            ] {
                let text = format!("automatic-action/MDN-sent-automatically; {disposition}");
                assert_eq!(Disposition::parse(&text), Some(disposition.clone()));
                assert_eq!(Disposition::parse(&text.to_ascii_uppercase()), Some(disposition));
            }
        }
        assert_eq!(Disposition::parse("x; processed"), Some(Disposition::Processed));
    }

    #[test]
    fn what_partners_write_is_understood() {
        for (text, expected) in [
            ("automatic-action/MDN-sent-automatically;Processed", Disposition::Processed),
            ("a/b; processed/Error:Authentication-failed", Disposition::Error(Modifier::AuthenticationFailed)),
            ("a/b; processed/error: unknown-trading-partner", Disposition::Error(Modifier::UnknownTradingRelationship)),
            ("a/b; processed/Warning: duplicate-document", Disposition::Warning(Modifier::DuplicateDocument)),
            ("a/b; failed/Failure: sender-equals-receiver", Disposition::Failure(Modifier::SenderEqualsReceiver)),
            ("a/b; failed", Disposition::Failure(Modifier::UnexpectedProcessingError)),
            ("a/b; processed/error", Disposition::Error(Modifier::Other(String::new()))),
            ("a/b; processed/error: disk full", Disposition::Error(Modifier::Other("disk full".into()))),
        ] {
            assert_eq!(Disposition::parse(text), Some(expected), "{text}");
        }
        assert_eq!(Disposition::parse("a/b; deleted"), None);
        assert!(!Disposition::Error(Modifier::DecryptionFailed).is_accepted());
        assert!(Disposition::Warning(Modifier::DuplicateDocument).is_accepted());
    }
}
