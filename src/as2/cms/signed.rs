//! SignedData (RFC 5652 §5), detached and opaque: who signed, and whether it is the partner.
//!
//! Only certificates that are handed in count. Those inside the message are passed over unread.

use jiff::Timestamp;

use super::{
    super::{
        algorithm::{Digest, Scheme},
        ber::{Element, Elements, Place, Stream, tag},
        certificate::{Certificate, Signed, Verification},
        content::{Content, Scratch},
        der,
        fault::Fault,
        oid,
    },
    Identifier, SMALL, parameters, small_oid,
};

/// How many signers are looked at.
const MOST_SIGNERS: usize = 8;

/// SignedData.
#[derive(Debug)]
pub struct SignedData {
    content_type: Vec<u8>,
    content: Option<Place>,
    signers: Vec<u8>,
}

/// What a signature must be to count.
#[derive(Debug, Clone)]
pub struct SignatureRules {
    /// The weakest digest that is accepted.
    pub weakest: Digest,
    /// Whether RSA keys under 2048 bits are accepted.
    pub allow_weak: bool,
    /// Whether certificates outside their period are accepted.
    pub any_period: bool,
    /// The present.
    pub now: Timestamp,
}

/// A signature that holds.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The partner's certificate that verifies it.
    pub certificate: Certificate,
    /// The digest of the content.
    pub digest: Digest,
    /// How it was made.
    pub scheme: Scheme,
    /// The digest's value.
    pub value: Vec<u8>,
}

impl SignedData {
    pub(super) fn read(stream: &mut Stream) -> Result<Self, Fault> {
        stream.enter(tag::SEQUENCE)?;
        stream.expect(tag::INTEGER, 16)?;
        stream.expect(tag::SET, SMALL)?;
        stream.enter(tag::SEQUENCE)?;
        let content_type = small_oid(stream)?;
        let mut content = None;
        if stream.peek()? == Some(tag::context(0)) {
            stream.enter(tag::context(0))?;
            content = Some(stream.place(tag::OCTETS)?);
            stream.leave()?;
        }
        stream.leave()?;
        for set in [tag::context(0), tag::context(1)] {
            if stream.peek()? == Some(set) {
                stream.skip()?;
            }
        }
        let signers = stream.expect(tag::SET, SMALL)?;
        stream.leave()?;
        Ok(Self { content_type, content, signers })
    }

    /// Whether the content is not in it.
    pub fn is_detached(&self) -> bool {
        self.content.is_none()
    }

    /// The content that is in it.
    pub fn content(&self, scratch: &dyn Scratch) -> Result<Option<Content>, Fault> {
        let Some(place) = &self.content else { return Ok(None) };
        if let Some(whole) = place.whole() {
            return Ok(Some(whole.clone()));
        }
        let mut sink = scratch.begin(place.size()).map_err(Fault::Storage)?;
        std::io::copy(&mut place.read()?, &mut sink)?;
        Ok(Some(sink.finish().map_err(Fault::Storage)?))
    }

    /// Verifies that one of its signers is the holder of one of `certificates`, and signed `content`.
    pub fn verify(
        &self,
        content: &Content,
        certificates: &[Certificate],
        rules: &SignatureRules,
    ) -> Result<Verified, Fault> {
        let mut signers = Elements::only(&self.signers, tag::SET)?.children()?;
        let mut fault = None;
        let mut count = 0;
        let mut digests = Digests { content, known: Vec::new() };
        while let Some(signer) = signers.next()? {
            count += 1;
            if count > MOST_SIGNERS {
                break;
            }
            match Signer::read(&signer).and_then(|signer| signer.verify(self, &mut digests, certificates, rules)) {
                Ok(verified) => return Ok(verified),
                // The first signer's fault is told: more than one is rare.
                Err(wrong) => fault = fault.or(Some(wrong)),
            }
        }
        Err(fault.unwrap_or_else(|| Fault::Cms("nobody signed it".into())))
    }
}

/// The digests of a content, each made once however many signers there are.
struct Digests<'a> {
    content: &'a Content,
    known: Vec<(Digest, aws_lc_rs::digest::Digest)>,
}

impl Digests<'_> {
    fn of(&mut self, digest: Digest) -> Result<aws_lc_rs::digest::Digest, Fault> {
        if let Some((_, value)) = self.known.iter().find(|(known, _)| *known == digest) {
            return Ok(*value);
        }
        let value = self.content.digest(digest).map_err(Fault::Storage)?;
        self.known.push((digest, value));
        Ok(value)
    }
}

/// A SignerInfo.
struct Signer<'a> {
    id: Identifier<'a>,
    digest: Digest,
    attributes: Option<Element<'a>>,
    verification: Verification,
    signature: Vec<u8>,
}

/// What the signed attributes say (RFC 5652 §11, RFC 6211).
struct Attributes<'a> {
    content_type: Option<&'a [u8]>,
    message_digest: &'a [u8],
}

impl<'a> Signer<'a> {
    fn read(element: &Element<'a>) -> Result<Self, Fault> {
        let mut fields = element.children()?;
        fields.expect(tag::INTEGER)?;
        let id = Identifier::read(&mut fields)?;
        let digest = parameters::digest(&fields.expect(tag::SEQUENCE)?)?;
        let attributes = fields.optional(tag::context(0))?;
        let verification = parameters::verification(&fields.expect(tag::SEQUENCE)?, digest)?;
        let signature = fields.next()?.filter(|field| field.tag & !tag::CONSTRUCTED == tag::OCTETS);
        let signature = signature.ok_or_else(|| Fault::Cms("a signer without a signature".into()))?;
        let signature = signature.octets()?.into_owned();
        Ok(Self { id, digest, attributes, verification, signature })
    }

    fn verify(
        &self,
        signed: &SignedData,
        digests: &mut Digests<'_>,
        certificates: &[Certificate],
        rules: &SignatureRules,
    ) -> Result<Verified, Fault> {
        let (scheme, used) = match self.verification {
            Verification::Pkcs1(digest) => (Scheme::RsaPkcs1, digest),
            Verification::Pss { digest, .. } => (Scheme::RsaPss, digest),
            Verification::Ecdsa(digest) => (Scheme::Ecdsa, digest),
        };
        let weakest = self.digest.min(used);
        if weakest < rules.weakest {
            return Err(Fault::Weak(format!("a signature with {weakest:?}")));
        }
        let holder = match &self.attributes {
            Some(sent) => {
                let attributes = Attributes::read(sent)?;
                // The signature covers the attributes as DER with the tag of a SET. Most send them so; what was sent
                // is tried before what it should have been.
                let as_sent = der::element(tag::SET, sent.body);
                let mut holder = self.holder(certificates, rules, Signed::Bytes(&as_sent))?;
                if holder.is_none() {
                    let canonical = der::canonical(sent, tag::SET)?;
                    if canonical != as_sent {
                        holder = self.holder(certificates, rules, Signed::Bytes(&canonical))?;
                    }
                }
                if holder.is_some() && attributes.content_type.is_some_and(|kind| kind != signed.content_type) {
                    return Err(Fault::Cms("the signer signed another kind of content".into()));
                }
                // The content is read only when somebody we know vouches for its digest.
                if holder.is_some() && attributes.message_digest != digests.of(self.digest)?.as_ref() {
                    return Err(Fault::Integrity);
                }
                holder
            }
            None => {
                // A content that could be signed attributes itself would let a signature be moved from one to the other.
                if digests.content.start(1).map_err(Fault::Storage)?.first() == Some(&tag::SET) {
                    return Err(Fault::Cms("a signature without attributes over what looks like attributes".into()));
                }
                let holder = if used == self.digest {
                    self.holder(certificates, rules, Signed::Digest(&digests.of(self.digest)?))?
                } else {
                    None
                };
                if holder.is_none() && certificates.iter().any(|certificate| self.id.means(certificate)) {
                    return Err(Fault::Integrity);
                }
                holder
            }
        };
        let certificate = holder.ok_or_else(|| Fault::Signer(self.id.describe()))?;
        if !rules.any_period && !certificate.is_valid_at(rules.now) {
            return Err(Fault::CertificatePeriod(format!(
                "{}, from {} to {}",
                certificate.subject(),
                certificate.not_before(),
                certificate.not_after()
            )));
        }
        let value = digests.of(self.digest)?.as_ref().to_vec();
        Ok(Verified { certificate: certificate.clone(), digest: self.digest, scheme, value })
    }

    /// The certificate that verifies the signature. The one that the signer names comes first; then the others, since a
    /// certificate that was renewed over the same key has another serial number.
    fn holder<'c>(
        &self,
        certificates: &'c [Certificate],
        rules: &SignatureRules,
        covered: Signed<'_>,
    ) -> Result<Option<&'c Certificate>, Fault> {
        let named = certificates.iter().filter(|certificate| self.id.means(certificate));
        let others = certificates.iter().filter(|certificate| !self.id.means(certificate));
        for certificate in named.chain(others) {
            let named = self.id.means(certificate);
            if certificate.rsa_bits().is_some_and(|bits| bits < 2048) && !rules.allow_weak {
                if named {
                    return Err(Fault::Weak("a signature with an RSA key under 2048 bits".into()));
                }
                continue;
            }
            match certificate.verify(self.verification, covered, &self.signature) {
                Ok(true) => return Ok(Some(certificate)),
                Ok(false) => {}
                Err(fault) if named => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

impl<'a> Attributes<'a> {
    fn read(sent: &Element<'a>) -> Result<Self, Fault> {
        let mut content_type = None;
        let mut message_digest = None;
        let mut attributes = sent.children()?;
        while let Some(attribute) = attributes.next()? {
            let mut fields = attribute.children()?;
            let kind = fields.expect(tag::OID)?.body;
            let mut values = fields.expect(tag::SET)?.children()?;
            let mut only = |tag| -> Result<&'a [u8], Fault> {
                let value = values.expect(tag)?.body;
                if values.peek().is_some() {
                    return Err(Fault::Cms("a signed attribute with several values".into()));
                }
                Ok(value)
            };
            let slot = match kind {
                oid::CONTENT_TYPE => content_type.replace(only(tag::OID)?),
                oid::MESSAGE_DIGEST => message_digest.replace(only(tag::OCTETS)?),
                _ => None,
            };
            if slot.is_some() {
                return Err(Fault::Cms("a signed attribute that comes twice".into()));
            }
        }
        let message_digest =
            message_digest.ok_or_else(|| Fault::Cms("signed attributes without the content's digest".into()))?;
        Ok(Self { content_type, message_digest })
    }
}
