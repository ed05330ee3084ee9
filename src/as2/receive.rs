//! What is received, layer by layer (RFC 4130 §5, RFC 5402, RFC 6362): a machine that peels one layer at a time, in
//! whatever order they come, until documents are left.
//!
//! The rules that keep it safe:
//! - a signature counts only with a certificate of the partner, and where there is one it must hold;
//! - before a signature held, little may be inflated;
//! - what was encrypted without a tag and makes no sense is [`Fault::Decryption`], whatever the reason, and a message
//!   inside must end where it says: otherwise an attacker could append blocks and learn from our answers what they
//!   decrypt to;
//! - so an unsigned message is told that it must be signed only where it ends like text: blocks that were appended to a
//!   captured message practically never do;
//! - a downgrade is refused: what the policy demands is demanded of every message.

use jiff::Timestamp;

use super::{
    algorithm::{Cipher, Digest, Scheme, Transport},
    certificate::Certificate,
    cms::{self, Cms, DecryptionRules, SignatureRules, SignedData},
    content::{Content, Scratch},
    entropy::Entropy,
    fault::Fault,
    headers::Request,
    key::OwnKey,
    mic::Mic,
    mime::Entity,
};

/// What a partner's messages must be.
#[derive(Debug, Clone)]
pub struct Policy {
    /// They must be signed.
    pub must_sign: bool,
    /// They must be encrypted.
    pub must_encrypt: bool,
    /// The weakest digest of a signature.
    pub weakest_digest: Digest,
    /// How many bits of strength a cipher must have.
    pub fewest_cipher_bits: u16,
    /// Only ciphers that tell tampering (GCM).
    pub authenticated_ciphers_only: bool,
    /// Triple DES and RSA keys under 2048 bits are accepted. The partner's file says until when.
    pub allow_weak: bool,
    /// Certificates outside their period are accepted.
    pub any_certificate_period: bool,
    /// The caps.
    pub limits: Limits,
}

impl Default for Policy {
    /// What is safe, and what every product can do: signed and encrypted.
    fn default() -> Self {
        Self {
            must_sign: true,
            must_encrypt: true,
            weakest_digest: Digest::Sha1,
            fewest_cipher_bits: 128,
            authenticated_ciphers_only: false,
            allow_weak: false,
            any_certificate_period: false,
            limits: Limits::default(),
        }
    }
}

/// Caps on what a message may become.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many layers.
    pub layers: usize,
    /// How many bytes may be inflated once the sender is authenticated.
    pub inflated: u64,
    /// How many bytes may be inflated before that.
    pub inflated_unauthenticated: u64,
    /// How many documents.
    pub documents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layers: 4, inflated: 512 << 20, inflated_unauthenticated: 64 << 20, documents: 64 }
    }
}

/// Who the message is from and for: their certificates, our keys, and the rules.
#[derive(Debug, Clone, Copy)]
pub struct Relation<'a> {
    /// The partner's certificates; any of them verifies, and no other.
    pub certificates: &'a [Certificate],
    /// Our keys; any of them decrypts.
    pub keys: &'a [OwnKey],
    /// What the partner's messages must be.
    pub policy: &'a Policy,
}

/// What the core is lent for the time of a message.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The present.
    pub now: Timestamp,
    /// Where layers go.
    pub scratch: &'a dyn Scratch,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

/// A layer that was peeled, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// It was compressed.
    Compressed {
        /// Its size inflated.
        size: u64,
    },
    /// It was encrypted.
    Encrypted {
        /// With this cipher.
        cipher: Cipher,
        /// The key came like this.
        transport: Transport,
        /// For our certificate with this fingerprint.
        recipient: String,
    },
    /// It was signed, and the signature holds.
    Signed {
        /// With this digest.
        digest: Digest,
        /// In this way.
        scheme: Scheme,
        /// By the partner's certificate with this fingerprint.
        signer: String,
        /// Whose subject is this.
        subject: String,
    },
}

/// A document that came in a message.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Its bytes, its transfer encoding undone.
    pub content: Content,
    /// Its declared media type, without parameters.
    pub content_type: String,
    /// The name that the sender gave it: data, never a path.
    pub filename: Option<String>,
}

/// A message that was taken apart, as far as that went.
#[derive(Debug)]
pub struct Received {
    /// The layers that were peeled, outermost first.
    pub layers: Vec<Layer>,
    /// Its documents, or why there are none.
    pub outcome: Result<Accepted, Fault>,
}

/// A message that is well and allowed.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its documents.
    pub payloads: Vec<Payload>,
    /// The MIC of the receipt; `None` where the sender lists only digests that we do not have, and signed nothing.
    pub mic: Option<Mic>,
    /// What the partner signed, with its signature: what proves later that it came from them.
    pub proof: Option<Proof>,
    /// Whether it was signed by the partner.
    pub is_signed: bool,
    /// Whether it was encrypted for us.
    pub is_encrypted: bool,
}

/// The outermost signed entity, as it came once it was decrypted.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Its `Content-Type`, which says where its parts begin.
    pub content_type: String,
    /// Its body.
    pub body: Content,
}

/// Takes a message apart.
pub fn receive(request: &Request, body: Content, relation: Relation<'_>, tools: Tools<'_>) -> Received {
    let mut peeler =
        Peeler { relation, tools, layers: Vec::new(), signed: None, proof: None, encrypted: false, fragile: false };
    let outcome = peeler.run(request, body);
    Received { layers: peeler.layers, outcome }
}

/// One step of the machine.
enum Step {
    /// A layer is gone, and this was in it.
    Inside(Box<Entity>),
    /// There is no layer left.
    Documents(Box<Entity>),
}

/// What is known while layers are peeled.
struct Peeler<'a> {
    relation: Relation<'a>,
    tools: Tools<'a>,
    layers: Vec<Layer>,
    /// The digest of the outermost signature, and the content's.
    signed: Option<(Digest, Vec<u8>)>,
    proof: Option<Proof>,
    encrypted: bool,
    /// Inside a layer that was encrypted without a tag, and not yet inside a signature.
    fragile: bool,
}

impl Peeler<'_> {
    fn run(&mut self, request: &Request, body: Content) -> Result<Accepted, Fault> {
        if let Some(fault) = request.message_id_fault() {
            return Err(fault);
        }
        if let Some(fault) = request.receipt.as_ref().and_then(|receipt| receipt.fault()) {
            return Err(fault);
        }
        let mut entity = Entity::from_http(request.fields.clone(), body);
        let last = loop {
            match self.peel(entity).map_err(|fault| self.blur(fault))? {
                Step::Inside(inside) => entity = *inside,
                Step::Documents(last) => break *last,
            }
        };
        let payloads = self.documents(&last, 0).map_err(|fault| self.blur(fault))?;
        let policy = self.relation.policy;
        if policy.must_encrypt && !self.encrypted {
            return Err(Fault::NotEncrypted);
        }
        if policy.must_sign && self.signed.is_none() {
            let looks_whole = !self.fragile || ends_in_text(&last.body)?;
            return Err(if looks_whole { Fault::NotSigned } else { Fault::Sealed(Box::new(Fault::NotSigned)) });
        }
        let mic = self.mic(request, &last)?;
        let proof = self.proof.take();
        Ok(Accepted { payloads, mic, proof, is_signed: self.signed.is_some(), is_encrypted: self.encrypted })
    }

    /// Inside fragile encryption, whatever makes no sense is one fault to the partner.
    fn blur(&self, fault: Fault) -> Fault {
        let tells = matches!(
            fault,
            Fault::Mime(_)
                | Fault::Cms(_)
                | Fault::Decompression(_)
                | Fault::Inflation(_)
                | Fault::Layers(_)
                | Fault::NotForUs(_)
                | Fault::Unsupported(_)
        );
        if self.fragile && tells { Fault::Sealed(Box::new(fault)) } else { fault }
    }

    fn peel(&mut self, entity: Entity) -> Result<Step, Fault> {
        if self.fragile && !entity.is_plausible() {
            return Err(Fault::Decryption);
        }
        match entity.media.value.as_str() {
            "multipart/signed" => self.detached(&entity),
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => self.cms(&entity),
            // Some products have no better type for it; the name and the first byte tell.
            "application/octet-stream"
                if entity.filename().is_some_and(|name| name.ends_with(".p7m") || name.ends_with(".p7z")) =>
            {
                self.cms(&entity)
            }
            _ => Ok(Step::Documents(Box::new(entity))),
        }
    }

    /// multipart/signed: the first part is what is signed, exactly as it came; the second is the signature.
    fn detached(&mut self, entity: &Entity) -> Result<Step, Fault> {
        self.count(false)?;
        let parts = entity.parts()?;
        if self.fragile && !parts.ends_clean {
            return Err(Fault::Decryption);
        }
        let [content, signature] = parts.parts.as_slice() else {
            return Err(Fault::Mime("a signed multipart has two parts"));
        };
        let signature = Entity::parse(signature)?.cms_body(self.tools.scratch)?;
        let Cms::Signed(signed) = cms::read(&signature)? else {
            return Err(Fault::Cms("the signature is none".into()));
        };
        self.verify(&signed, content)?;
        self.keep(entity, &entity.body);
        Ok(Step::Inside(Box::new(Entity::parse(content)?)))
    }

    /// application/pkcs7-mime: whatever the type's parameters say, the content tells what it is.
    fn cms(&mut self, entity: &Entity) -> Result<Step, Fault> {
        let body = entity.cms_body(self.tools.scratch)?;
        let content = match cms::read(&body)? {
            Cms::Signed(signed) => {
                self.count(false)?;
                let content = signed.content(self.tools.scratch)?;
                let content = content.ok_or_else(|| Fault::Cms("a signature without its content".into()))?;
                self.verify(&signed, &content)?;
                self.keep(entity, &body);
                content
            }
            Cms::Enveloped(enveloped) => {
                self.count(false)?;
                let policy = self.relation.policy;
                let rules = DecryptionRules {
                    fewest_bits: policy.fewest_cipher_bits,
                    allow_weak: policy.allow_weak,
                    authenticated_only: policy.authenticated_ciphers_only,
                };
                let opened = enveloped.decrypt(self.relation.keys, &rules, self.tools.entropy, self.tools.scratch)?;
                self.encrypted = true;
                self.fragile |= !opened.cipher.is_authenticated() && self.signed.is_none();
                self.layers.push(Layer::Encrypted {
                    cipher: opened.cipher,
                    transport: opened.transport,
                    recipient: opened.recipient,
                });
                opened.content
            }
            Cms::Compressed(compressed) => {
                self.count(true)?;
                let limits = &self.relation.policy.limits;
                let most = if self.signed.is_some() { limits.inflated } else { limits.inflated_unauthenticated };
                let content = compressed.inflate(most, self.tools.scratch)?;
                self.layers.push(Layer::Compressed { size: content.size() });
                content
            }
        };
        match Entity::parse(&content) {
            Ok(inside) => Ok(Step::Inside(Box::new(inside))),
            // What a wrong key gives has no headers, and must look like any other wrong key.
            Err(Fault::Mime(_)) if self.fragile => Err(Fault::Decryption),
            Err(fault) => Err(fault),
        }
    }

    /// Says whether one more layer may be peeled.
    fn count(&self, compressed: bool) -> Result<(), Fault> {
        let most = self.relation.policy.limits.layers;
        let again = compressed && self.layers.iter().any(|layer| matches!(layer, Layer::Compressed { .. }));
        if self.layers.len() >= most || again { Err(Fault::Layers(most)) } else { Ok(()) }
    }

    fn verify(&mut self, signed: &SignedData, content: &Content) -> Result<(), Fault> {
        let policy = self.relation.policy;
        let rules = SignatureRules {
            weakest: policy.weakest_digest,
            allow_weak: policy.allow_weak,
            any_period: policy.any_certificate_period,
            now: self.tools.now,
        };
        let verified = signed.verify(content, self.relation.certificates, &rules)?;
        self.fragile = false;
        self.layers.push(Layer::Signed {
            digest: verified.digest,
            scheme: verified.scheme,
            signer: verified.certificate.fingerprint().to_owned(),
            subject: verified.certificate.subject().to_owned(),
        });
        self.signed.get_or_insert((verified.digest, verified.value));
        Ok(())
    }

    /// Keeps the outermost signature with what it signs.
    fn keep(&mut self, entity: &Entity, body: &Content) {
        self.proof.get_or_insert_with(|| Proof {
            content_type: entity.fields.text("content-type").unwrap_or_default().into_owned(),
            body: body.clone(),
        });
    }

    /// The documents of the innermost entity: itself, or the parts of a multipart (RFC 6362).
    fn documents(&self, entity: &Entity, depth: usize) -> Result<Vec<Payload>, Fault> {
        let limits = &self.relation.policy.limits;
        if !matches!(entity.media.value.as_str(), "multipart/related" | "multipart/mixed") {
            return Ok(vec![Payload {
                content: entity.decoded(self.tools.scratch)?,
                content_type: entity.media.value.clone(),
                filename: entity.filename(),
            }]);
        }
        if depth >= limits.layers {
            return Err(Fault::Layers(limits.layers));
        }
        let parts = entity.parts()?;
        if self.fragile && !parts.ends_clean {
            return Err(Fault::Decryption);
        }
        let mut documents = Vec::new();
        for part in &parts.parts {
            documents.extend(self.documents(&Entity::parse(part)?, depth + 1)?);
            if documents.len() > limits.documents {
                return Err(Fault::Mime("more documents than are allowed"));
            }
        }
        Ok(documents)
    }

    /// The MIC by the rules of the message's form (see [`super::mic`]).
    fn mic(&self, request: &Request, last: &Entity) -> Result<Option<Mic>, Fault> {
        let receipt = request.receipt.as_ref();
        if let Some((digest, value)) = &self.signed {
            // The digest is the signature's, whatever is listed; where it is listed, in the sender's spelling.
            let mic = Mic::new(value.clone(), *digest);
            let listed = receipt.and_then(|receipt| receipt.digests.iter().find(|(listed, _)| listed == digest));
            return Ok(Some(match listed {
                Some((_, label)) => mic.labelled(label),
                None => mic,
            }));
        }
        if receipt.is_some_and(|receipt| receipt.lists_only_unsupported()) {
            return Ok(None);
        }
        let covered = last.whole.as_ref().unwrap_or(&last.body);
        Ok(Some(match receipt.and_then(|receipt| receipt.digest()) {
            Some((digest, label)) => Mic::of(covered, digest)?.labelled(label),
            None => Mic::of(covered, Digest::Sha256)?,
        }))
    }
}

/// Whether the last bytes are text, as those of an interchange are.
fn ends_in_text(body: &Content) -> Result<bool, Fault> {
    let end = body.slice(body.size().saturating_sub(32)..body.size()).bytes(32).map_err(Fault::Storage)?;
    Ok(end.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()))
}
