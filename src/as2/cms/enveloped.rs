//! EnvelopedData (RFC 5652 §6) and AuthEnvelopedData (RFC 5083): the recipients, our key among them, and the content.
//!
//! Whether unwrapping the content key worked is never told: where it did not, a random key takes its place, and the
//! content fails to decrypt as it does for a wrong key (RFC 3218, and the design's crypto paragraph).

use super::{
    super::{
        algorithm::{Cipher, Transport},
        ber::{BerError, Elements, Place, Stream, tag},
        content::{Content, Scratch},
        der,
        entropy::Entropy,
        fault::Fault,
        key::OwnKey,
        oid,
    },
    Identifier, SMALL, cbc, gcm,
    parameters::{self, Algorithm},
    small_oid,
};

/// How many recipients are looked at.
const MOST_RECIPIENTS: usize = 64;

/// EnvelopedData or AuthEnvelopedData.
#[derive(Debug)]
pub struct Enveloped {
    recipients: Vec<u8>,
    algorithm: Vec<u8>,
    content: Place,
    authenticated: Option<Authenticated>,
}

#[derive(Debug)]
struct Authenticated {
    attributes: Option<Vec<u8>>,
    tag: Vec<u8>,
}

/// What a layer of encryption must be.
#[derive(Debug, Clone)]
pub struct DecryptionRules {
    /// How many bits of strength a cipher must have; triple DES counts 112.
    pub fewest_bits: u16,
    /// Whether triple DES is accepted at all.
    pub allow_weak: bool,
    /// Whether only ciphers that tell tampering are accepted.
    pub authenticated_only: bool,
}

/// A layer that was decrypted.
#[derive(Debug)]
pub struct Decrypted {
    /// What was in it.
    pub content: Content,
    /// The cipher.
    pub cipher: Cipher,
    /// How the key came.
    pub transport: Transport,
    /// The fingerprint of our certificate.
    pub recipient: String,
}

impl Enveloped {
    pub(super) fn read(stream: &mut Stream, authenticated: bool) -> Result<Self, Fault> {
        stream.enter(tag::SEQUENCE)?;
        stream.expect(tag::INTEGER, 16)?;
        if stream.peek()? == Some(tag::context(0)) {
            stream.skip()?;
        }
        let recipients = stream.expect(tag::SET, SMALL)?;
        stream.enter(tag::SEQUENCE)?;
        small_oid(stream)?;
        let algorithm = stream.expect(tag::SEQUENCE, SMALL)?;
        let content = stream.place(tag::context_primitive(0))?;
        stream.leave()?;
        let authenticated = if authenticated {
            let attributes = stream.capture_optional(tag::context(1), SMALL)?;
            let tag = stream.expect(tag::OCTETS, 64)?;
            let tag = Elements::only(&tag, tag::OCTETS)?.body.to_vec();
            Some(Authenticated { attributes, tag })
        } else {
            None
        };
        // Attributes that nothing protects say nothing.
        while stream.peek()?.is_some() {
            stream.skip()?;
        }
        stream.leave()?;
        Ok(Self { recipients, algorithm, content, authenticated })
    }

    /// Decrypts it with one of our keys.
    pub fn decrypt(
        &self,
        keys: &[OwnKey],
        rules: &DecryptionRules,
        entropy: &dyn Entropy,
        scratch: &dyn Scratch,
    ) -> Result<Decrypted, Fault> {
        let algorithm = Elements::only(&self.algorithm, tag::SEQUENCE)?;
        let algorithm = Algorithm::read(&algorithm)?;
        let cipher = Cipher::from_oid(algorithm.id)
            .ok_or_else(|| Fault::Unsupported(format!("the cipher {}", oid::dotted(algorithm.id))))?;
        let weak = cipher == Cipher::TripleDesCbc && !rules.allow_weak;
        if weak || (cipher != Cipher::TripleDesCbc && cipher.strength() < rules.fewest_bits) {
            return Err(Fault::Weak(format!("encryption with {}", cipher.name())));
        }
        if rules.authenticated_only && !cipher.is_authenticated() {
            return Err(Fault::Weak(format!("encryption with {}, which does not tell tampering", cipher.name())));
        }
        if cipher.is_authenticated() != self.authenticated.is_some() {
            return Err(Fault::Unsupported(format!("{} in this kind of envelope", cipher.name())));
        }
        let mut spare = vec![0; cipher.key_size()];
        entropy.fill(&mut spare);
        let (key, transport, recipient) = self.content_key(keys, spare)?;
        let mut source = self.content.read()?;
        let mut sink = scratch.begin(self.content.size()).map_err(Fault::Storage)?;
        match &self.authenticated {
            None => {
                let iv = algorithm.parameters.filter(|iv| iv.tag == tag::OCTETS).ok_or(BerError::Unexpected)?;
                cbc::decrypt(cipher, &key, iv.body, self.content.size(), &mut source, &mut sink)?;
            }
            Some(authenticated) => {
                let (nonce, size) = parameters::gcm(algorithm.parameters.as_ref())?;
                if authenticated.tag.len() != size {
                    return Err(Fault::Cms("an authentication tag of another size than announced".into()));
                }
                // The attributes are covered as DER with the tag of a SET (RFC 5083 §2.2).
                let associated = match &authenticated.attributes {
                    Some(raw) => der::canonical(&Elements::only(raw, tag::context(1))?, tag::SET)?,
                    None => Vec::new(),
                };
                gcm::decrypt(cipher, &key, &nonce, &associated, &authenticated.tag, &mut source, &mut sink)?;
            }
        }
        let content = sink.finish().map_err(Fault::Storage)?;
        Ok(Decrypted { content, cipher, transport, recipient })
    }

    /// The content key from the first recipient that is one of us, or `spare` where it does not unwrap to a key of the
    /// right size.
    fn content_key(&self, keys: &[OwnKey], spare: Vec<u8>) -> Result<(Vec<u8>, Transport, String), Fault> {
        let mut others = Vec::new();
        let mut unsupported = None;
        let mut recipients = Elements::only(&self.recipients, tag::SET)?.children()?;
        for _ in 0..MOST_RECIPIENTS {
            let Some(recipient) = recipients.next()? else { break };
            if recipient.tag != tag::SEQUENCE {
                // Key agreement, passwords and the like.
                unsupported = Some(Fault::Unsupported("encryption by other means than RSA".into()));
                continue;
            }
            let mut fields = recipient.children()?;
            fields.expect(tag::INTEGER)?;
            let id = Identifier::read(&mut fields)?;
            let Some(key) = keys.iter().find(|key| id.means(key.certificate())) else {
                others.push(id.describe());
                continue;
            };
            let transport = match parameters::transport(&fields.expect(tag::SEQUENCE)?) {
                Ok(transport) => transport,
                Err(fault) => {
                    unsupported = Some(fault);
                    continue;
                }
            };
            let wrapped = fields.next()?.ok_or(BerError::Truncated)?.octets()?;
            let unwrapped = key.unwrap(transport, &wrapped);
            let content_key = unwrapped.filter(|key| key.len() == spare.len()).unwrap_or(spare);
            return Ok((content_key, transport, key.certificate().fingerprint().to_owned()));
        }
        Err(unsupported.unwrap_or_else(|| Fault::NotForUs(others.join("; "))))
    }
}
