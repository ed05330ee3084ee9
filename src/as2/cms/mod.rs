//! The Cryptographic Message Syntax (RFC 5652, 5083, 3274): read as BER from a body of any size, written as DER.
//!
//! Reading has two passes. The first walks the structure, captures what is small (recipients, signers) and notes where
//! the content lies; the second reads the content, when the key or the digest is known. So attributes and tags that
//! stand after the content are no obstacle, and a content in one piece is never copied.

mod cbc;
mod compressed;
mod enveloped;
mod gcm;
mod parameters;
mod signed;
mod write;

pub(super) use cbc::fill;
pub use compressed::Compressed;
pub use enveloped::{Decrypted, DecryptionRules, Enveloped};
pub use signed::{SignatureRules, SignedData, Verified};
pub use write::{SignOptions, compress, compress_rope, encrypt, encrypt_rope, sign, sign_rope};

use super::{
    ber::{Elements, Stream, tag},
    certificate::{Certificate, name},
    content::Content,
    fault::Fault,
    oid,
};

/// How large the recipients, or the signers, or a tag with its attributes may be.
const SMALL: usize = 256 << 10;

/// What a CMS body holds.
#[derive(Debug)]
pub enum Cms {
    /// CompressedData.
    Compressed(Compressed),
    /// EnvelopedData or AuthEnvelopedData.
    Enveloped(Enveloped),
    /// SignedData.
    Signed(SignedData),
}

/// Reads a ContentInfo.
pub fn read(content: &Content) -> Result<Cms, Fault> {
    let mut stream = Stream::new(content)?;
    stream.enter(tag::SEQUENCE)?;
    let kind = small_oid(&mut stream)?;
    stream.enter(tag::context(0))?;
    let cms = match kind.as_slice() {
        oid::SIGNED_DATA => Cms::Signed(SignedData::read(&mut stream)?),
        oid::ENVELOPED_DATA => Cms::Enveloped(Enveloped::read(&mut stream, false)?),
        oid::AUTH_ENVELOPED_DATA => Cms::Enveloped(Enveloped::read(&mut stream, true)?),
        oid::COMPRESSED_DATA => Cms::Compressed(Compressed::read(&mut stream)?),
        other => return Err(Fault::Unsupported(format!("a CMS content of the kind {}", oid::dotted(other)))),
    };
    stream.leave()?;
    stream.leave()?;
    stream.finish()?;
    Ok(cms)
}

/// An OBJECT IDENTIFIER's content.
fn small_oid(stream: &mut Stream) -> Result<Vec<u8>, Fault> {
    let raw = stream.expect(tag::OID, 64)?;
    Ok(Elements::only(&raw, tag::OID)?.body.to_vec())
}

/// Whom a signer or a recipient is: by issuer and serial number, or by key identifier (RFC 5652 §5.3, §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identifier<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyId(&'a [u8]),
}

impl<'a> Identifier<'a> {
    fn read(fields: &mut Elements<'a>) -> Result<Self, Fault> {
        if let Some(id) = fields.optional(tag::context_primitive(0))? {
            return Ok(Self::KeyId(id.body));
        }
        // Some write the key identifier's tag as an explicit one.
        if let Some(id) = fields.optional(tag::context(0))? {
            return Ok(Self::KeyId(id.children()?.expect(tag::OCTETS)?.body));
        }
        let mut both = fields.expect(tag::SEQUENCE)?.children()?;
        let issuer = both.expect(tag::SEQUENCE)?.raw;
        let serial = both.expect(tag::INTEGER)?.body;
        Ok(Self::IssuerAndSerial { issuer, serial })
    }

    /// Whether it means this certificate. Names are compared byte for byte.
    fn means(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                certificate.serial() == *serial && certificate.issuer() == *issuer
            }
            Self::KeyId(id) => certificate.key_id() == Some(id),
        }
    }

    /// It in words, for the partner manager who looks for the right certificate.
    fn describe(&self) -> String {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                let issuer = Elements::only(issuer, tag::SEQUENCE).and_then(|issuer| name(&issuer));
                format!(
                    "serial {} of {}",
                    crate::keys::hex(serial),
                    issuer.as_deref().unwrap_or("an unreadable issuer")
                )
            }
            Self::KeyId(id) => format!("key identifier {}", crate::keys::hex(id)),
        }
    }
}
