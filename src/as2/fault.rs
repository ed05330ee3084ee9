//! What can go wrong, whose fault it is, and the one function that turns it into words on the wire.
//!
//! The text is for our people. A partner sees only the [`Disposition`], which tells less: inside a layer of
//! encryption many faults are one (see [`Fault::Decryption`]).

use std::io;

use super::{
    ber::BerError,
    codes,
    disposition::{Disposition, Modifier},
};
use crate::error::Code;

/// Why a message, a receipt, a key or a certificate is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The sender or the recipient is not named.
    #[error("{0}")]
    Identity(String),
    /// The Message-ID is missing or not one.
    #[error("{0}")]
    MessageId(String),
    /// A receipt's format that is not supported, and is required.
    #[error("the receipt must be in the format {0:?}, which is not supported")]
    ReceiptFormat(String),
    /// Digests for the receipt that are not supported, and are required.
    #[error("the receipt must use one of {0:?}, none of which is supported")]
    ReceiptDigest(String),
    /// A receipt that should go to where the partner's file does not allow it.
    #[error("the receipt should go to {0:?}, which the partner's file does not allow")]
    ReceiptTo(String),
    /// MIME that cannot be read.
    #[error("MIME cannot be read: {0}")]
    Mime(&'static str),
    /// Too many layers.
    #[error("it is wrapped in more than {0} layers, or compressed more than once")]
    Layers(usize),
    /// CMS that cannot be read.
    #[error("CMS cannot be read: {0}")]
    Cms(String),
    /// Something that is not supported.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// Something that is too weak here.
    #[error("too weak for this partner: {0}")]
    Weak(String),
    /// Encrypted for others.
    #[error("encrypted for certificates that are not ours: {0}")]
    NotForUs(String),
    /// It cannot be decrypted, for a reason that must not be told: a wrong key, a wrong padding, a wrong tag, or content
    /// that makes no sense. An attacker who could tell these apart could read what was sent to us.
    #[error("it cannot be decrypted")]
    Decryption,
    /// Something inside a layer that was encrypted without a tag. Our people may know; the partner is told that it could
    /// not be decrypted, for the same reason.
    #[error("inside the encryption: {0}")]
    Sealed(#[source] Box<Self>),
    /// It cannot be decompressed.
    #[error("it cannot be decompressed: {0}")]
    Decompression(&'static str),
    /// It inflates to too much.
    #[error("it inflates to more than {0} bytes")]
    Inflation(u64),
    /// It must be signed.
    #[error("it is not signed, and must be")]
    NotSigned,
    /// It must be encrypted.
    #[error("it is not encrypted, and must be")]
    NotEncrypted,
    /// No certificate of the partner verifies the signature.
    #[error("its signature is not from a certificate of this partner; it names {0}")]
    Signer(String),
    /// The content is not what was signed.
    #[error("its content is not what was signed")]
    Integrity,
    /// The certificate is outside its period.
    #[error("it is signed with a certificate that is not valid now: {0}")]
    CertificatePeriod(String),
    /// A receipt that cannot be read.
    #[error("the receipt cannot be read: {0}")]
    Mdn(&'static str),
    /// A receipt that is not signed.
    #[error("the receipt is not signed, and was asked to be")]
    MdnNotSigned,
    /// A receipt with another MIC.
    #[error("the receipt tells {told}, and the message that was sent has {sent}")]
    MdnMic {
        /// What the receipt says.
        told: String,
        /// What it should say.
        sent: String,
    },
    /// A receipt for something else.
    #[error("the receipt is for another message or from somebody else: {0}")]
    MdnOther(String),
    /// A private key that cannot be used.
    #[error("the private key cannot be used: {0}")]
    Key(&'static str),
    /// A certificate that cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// A certificate of another key.
    #[error("the certificate does not belong to the private key")]
    KeyPair,
    /// Settings that cannot be done.
    #[error("{0}")]
    Settings(String),
    /// Our own storage failed.
    #[error("the message could not be read or stored here: {0}")]
    Storage(#[source] io::Error),
}

impl Fault {
    /// Its stable name.
    pub fn code(&self) -> Code {
        match self {
            Self::Identity(_) => codes::IDENTITY,
            Self::MessageId(_) => codes::MESSAGE_ID,
            Self::ReceiptFormat(_) => codes::RECEIPT_FORMAT,
            Self::ReceiptDigest(_) => codes::RECEIPT_DIGEST,
            Self::ReceiptTo(_) => codes::RECEIPT_TO,
            Self::Mime(_) => codes::MIME,
            Self::Layers(_) => codes::LAYERS,
            Self::Cms(_) => codes::CMS,
            Self::Unsupported(_) => codes::UNSUPPORTED,
            Self::Weak(_) => codes::WEAK,
            Self::NotForUs(_) => codes::NOT_FOR_US,
            Self::Decryption => codes::DECRYPTION,
            Self::Sealed(inside) => inside.code(),
            Self::Decompression(_) => codes::DECOMPRESSION,
            Self::Inflation(_) => codes::INFLATION,
            Self::NotSigned => codes::NOT_SIGNED,
            Self::NotEncrypted => codes::NOT_ENCRYPTED,
            Self::Signer(_) => codes::SIGNER,
            Self::Integrity => codes::INTEGRITY,
            Self::CertificatePeriod(_) => codes::CERTIFICATE_PERIOD,
            Self::Mdn(_) => codes::MDN,
            Self::MdnNotSigned => codes::MDN_NOT_SIGNED,
            Self::MdnMic { .. } => codes::MDN_MIC,
            Self::MdnOther(_) => codes::MDN_OTHER,
            Self::Key(_) => codes::KEY,
            Self::Certificate(_) => codes::CERTIFICATE,
            Self::KeyPair => codes::KEY_PAIR,
            Self::Settings(_) => codes::SETTINGS,
            Self::Storage(_) => codes::STORAGE,
        }
    }

    /// What a receipt says of it.
    pub fn disposition(&self) -> Disposition {
        let modifier = match self {
            Self::Identity(_) => Modifier::UnknownTradingRelationship,
            Self::MessageId(_) => Modifier::InvalidMessageId,
            Self::ReceiptFormat(_) => return Disposition::Failure(Modifier::UnsupportedFormat),
            Self::ReceiptDigest(_) => return Disposition::Failure(Modifier::UnsupportedMicAlgorithms),
            Self::Weak(_) | Self::NotSigned | Self::NotEncrypted => Modifier::InsufficientMessageSecurity,
            Self::NotForUs(_) | Self::Decryption | Self::Sealed(_) => Modifier::DecryptionFailed,
            Self::Decompression(_) | Self::Inflation(_) => Modifier::DecompressionFailed,
            Self::Signer(_) | Self::CertificatePeriod(_) => Modifier::AuthenticationFailed,
            Self::Integrity => Modifier::IntegrityCheckFailed,
            _ => Modifier::UnexpectedProcessingError,
        };
        Disposition::Error(modifier)
    }

    /// Whether it is ours, so that the sender should try again later instead of being refused.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

impl From<BerError> for Fault {
    fn from(error: BerError) -> Self {
        Self::Cms(error.to_string())
    }
}

/// A stream of BER tells what is wrong with the bytes as invalid data; everything else is our storage.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Cms(error.to_string()),
            io::ErrorKind::UnexpectedEof => Self::Cms(BerError::Truncated.to_string()),
            _ => Self::Storage(error),
        }
    }
}
