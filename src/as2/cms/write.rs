//! Writes CMS as DER: one signer, several recipients, zlib. The content may be of any size: what stands around it is written
//! beside it, with lengths that are known once it has been encrypted or compressed into a scratch.

use std::io::Write;

use aws_lc_rs::rsa::{OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use flate2::{Compression, write::ZlibEncoder};
use jiff::Timestamp;

use super::{
    super::{
        algorithm::{Cipher, Digest, Scheme, Transport},
        ber::tag,
        certificate::Certificate,
        content::{InMemory, Scratch},
        der,
        entropy::Entropy,
        fault::Fault,
        key::{OwnKey, oaep_algorithm},
        oid,
        rope::Rope,
    },
    cbc, gcm, parameters,
};

/// How a signature is made.
#[derive(Debug, Clone)]
pub struct SignOptions {
    /// The scheme, where the key leaves a choice.
    pub scheme: Scheme,
    /// The digest of content and signature; never SHA-1, and the curve's own for curves.
    pub digest: Digest,
    /// Whether our certificate goes with it.
    pub with_certificate: bool,
    /// Whether the attribute of RFC 6211 goes with it. IBM Sterling and some others refuse messages that have it.
    pub algorithm_protection: bool,
    /// When it is signed.
    pub now: Timestamp,
}

/// SignedData over `content`, which goes into it where `opaque`.
pub fn sign(content: &[u8], opaque: bool, key: &OwnKey, options: &SignOptions) -> Result<Vec<u8>, Fault> {
    in_memory(&sign_rope(&content.to_vec().into(), opaque, key, options)?)
}

/// The same over a content of any size.
pub fn sign_rope(content: &Rope, opaque: bool, key: &OwnKey, options: &SignOptions) -> Result<Rope, Fault> {
    let (scheme, digest) = key.signs_with(options.scheme, options.digest);
    let value = content.digests(&[digest]).map_err(Fault::Storage)?;
    let value = value.first().map(AsRef::as_ref).unwrap_or_default();
    let digest_algorithm = der::algorithm(digest.oid(), &[]);
    let signature_algorithm = match scheme {
        Scheme::RsaPkcs1 => der::algorithm(oid::RSA, &der::null()),
        Scheme::RsaPss => der::algorithm(oid::PSS, &parameters::write_pss(digest)),
        Scheme::Ecdsa => der::algorithm(ecdsa_oid(digest), &[]),
    };
    let mut attributes = vec![
        attribute(oid::CONTENT_TYPE, der::oid(oid::DATA)),
        attribute(oid::SIGNING_TIME, der::time(options.now)),
        attribute(oid::MESSAGE_DIGEST, der::octets(value)),
    ];
    if options.algorithm_protection {
        // CMSAlgorithmProtection { digest, [1] IMPLICIT signature algorithm }.
        let tagged = retag(&signature_algorithm, tag::context(1));
        attributes.push(attribute(oid::ALGORITHM_PROTECTION, der::sequence(&[digest_algorithm.clone(), tagged])));
    }
    let signed = der::set(tag::SET, attributes);
    let signature = key.sign(scheme, digest, &signed)?;
    let certificate = key.certificate();
    let signer = der::sequence(&[
        der::number(1),
        issuer_and_serial(certificate),
        digest_algorithm.clone(),
        retag(&signed, tag::context(0)),
        signature_algorithm,
        der::octets(&signature),
    ]);
    let enclosed =
        if opaque { around(tag::context(0), [around(tag::OCTETS, [content.clone()])]) } else { Rope::default() };
    let mut fields = vec![
        Rope::from(der::number(1)),
        der::element(tag::SET, &digest_algorithm).into(),
        around(tag::SEQUENCE, [der::oid(oid::DATA).into(), enclosed]),
    ];
    if options.with_certificate {
        fields.push(der::element(tag::context(0), certificate.der()).into());
    }
    fields.push(der::element(tag::SET, &signer).into());
    Ok(content_info(oid::SIGNED_DATA, fields))
}

/// `content` encrypted for all of `certificates`: EnvelopedData, or AuthEnvelopedData with a cipher that authenticates.
pub fn encrypt(
    content: &[u8],
    certificates: &[Certificate],
    cipher: Cipher,
    transport: Transport,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Fault> {
    let content = content.to_vec().into();
    in_memory(&encrypt_rope(&content, certificates, cipher, transport, entropy, &InMemory)?)
}

/// The same of a content of any size; the ciphertext goes into `scratch`.
pub fn encrypt_rope(
    content: &Rope,
    certificates: &[Certificate],
    cipher: Cipher,
    transport: Transport,
    entropy: &dyn Entropy,
    scratch: &dyn Scratch,
) -> Result<Rope, Fault> {
    if cipher == Cipher::TripleDesCbc {
        return Err(Fault::Settings("nothing is encrypted with triple DES".into()));
    }
    if certificates.is_empty() {
        return Err(Fault::Settings("there is no certificate to encrypt for".into()));
    }
    let mut key = vec![0; cipher.key_size()];
    entropy.fill(&mut key);
    let recipients = certificates
        .iter()
        .map(|certificate| recipient(certificate, &key, transport))
        .collect::<Result<Vec<_>, _>>()?;
    let recipients = der::set(tag::SET, recipients);
    let mut sink = scratch.begin(content.size() + 16).map_err(Fault::Storage)?;
    let (kind, parameters, mac) = if cipher.is_authenticated() {
        let mut nonce = [0; 12];
        entropy.fill(&mut nonce);
        let mac = gcm::encrypt(cipher, &key, &nonce, &mut content.reader(), &mut *sink)?;
        let parameters = der::sequence(&[der::octets(&nonce), der::number(16)]);
        (oid::AUTH_ENVELOPED_DATA, parameters, der::octets(&mac))
    } else {
        let mut iv = [0; 16];
        entropy.fill(&mut iv);
        cbc::encrypt(cipher, &key, &iv, &mut content.reader(), &mut *sink)?;
        (oid::ENVELOPED_DATA, der::octets(&iv), Vec::new())
    };
    let sealed = sink.finish().map_err(Fault::Storage)?;
    let encrypted = around(
        tag::SEQUENCE,
        [
            der::oid(oid::DATA).into(),
            der::algorithm(cipher.oid(), &parameters).into(),
            around(tag::context_primitive(0), [sealed.into()]),
        ],
    );
    Ok(content_info(kind, [der::number(0).into(), recipients.into(), encrypted, mac.into()]))
}

/// CompressedData of `content`.
pub fn compress(content: &[u8]) -> Result<Vec<u8>, Fault> {
    in_memory(&compress_rope(&content.to_vec().into(), &InMemory)?)
}

/// The same of a content of any size; what is compressed goes into `scratch`.
pub fn compress_rope(content: &Rope, scratch: &dyn Scratch) -> Result<Rope, Fault> {
    let mut sink = scratch.begin(content.size() / 4).map_err(Fault::Storage)?;
    let mut zlib = ZlibEncoder::new(&mut *sink, Compression::default());
    content.each(|piece| zlib.write_all(piece)).map_err(Fault::Storage)?;
    zlib.finish().map_err(Fault::Storage)?;
    let deflated = sink.finish().map_err(Fault::Storage)?;
    let enclosed = around(tag::context(0), [around(tag::OCTETS, [deflated.into()])]);
    let encapsulated = around(tag::SEQUENCE, [der::oid(oid::DATA).into(), enclosed]);
    Ok(content_info(oid::COMPRESSED_DATA, [der::number(0).into(), der::algorithm(oid::ZLIB, &[]).into(), encapsulated]))
}

/// A ContentInfo around a sequence of `fields`.
fn content_info(kind: &[u8], fields: impl IntoIterator<Item = Rope>) -> Rope {
    let content = around(tag::context(0), [around(tag::SEQUENCE, fields)]);
    around(tag::SEQUENCE, [der::oid(kind).into(), content])
}

/// An element around others.
fn around(tag: u8, fields: impl IntoIterator<Item = Rope>) -> Rope {
    let fields: Rope = fields.into_iter().collect();
    [Rope::from(der::opening(tag, fields.size())), fields].into_iter().collect()
}

fn in_memory(rope: &Rope) -> Result<Vec<u8>, Fault> {
    rope.bytes().map(Vec::from).map_err(Fault::Storage)
}

fn attribute(kind: &[u8], value: Vec<u8>) -> Vec<u8> {
    der::sequence(&[der::oid(kind), der::element(tag::SET, &value)])
}

/// The same element with another tag.
fn retag(element: &[u8], tag: u8) -> Vec<u8> {
    let mut tagged = element.to_vec();
    if let Some(first) = tagged.first_mut() {
        *first = tag;
    }
    tagged
}

fn issuer_and_serial(certificate: &Certificate) -> Vec<u8> {
    der::sequence(&[certificate.issuer(), &der::element(tag::INTEGER, certificate.serial())])
}

fn recipient(certificate: &Certificate, key: &[u8], transport: Transport) -> Result<Vec<u8>, Fault> {
    let refused = |why: &str| Fault::Settings(format!("{certificate:?} cannot be encrypted for: {why}"));
    certificate.encryptable().map_err(refused)?;
    let failed = |_| refused("its key does not work");
    let public = PublicEncryptingKey::from_der(certificate.spki()).map_err(|_| refused("its key does not work"))?;
    let (wrapped, algorithm) = match transport {
        Transport::Pkcs1 => {
            let public = Pkcs1PublicEncryptingKey::new(public).map_err(failed)?;
            let mut room = vec![0; public.ciphertext_size()];
            let wrapped = public.encrypt(key, &mut room).map_err(failed)?.to_vec();
            (wrapped, der::algorithm(oid::RSA, &der::null()))
        }
        Transport::Oaep(digest) => {
            let algorithm = oaep_algorithm(digest)
                .ok_or_else(|| Fault::Settings("RSA-OAEP with SHA-224 is not supported".into()))?;
            let public = OaepPublicEncryptingKey::new(public).map_err(failed)?;
            let mut room = vec![0; public.ciphertext_size()];
            let wrapped = public.encrypt(algorithm, key, &mut room, None).map_err(failed)?.to_vec();
            (wrapped, der::algorithm(oid::OAEP, &parameters::write_oaep(digest)))
        }
    };
    Ok(der::sequence(&[der::number(0), issuer_and_serial(certificate), algorithm, der::octets(&wrapped)]))
}

fn ecdsa_oid(digest: Digest) -> &'static [u8] {
    match digest {
        Digest::Sha384 => oid::ECDSA_SHA384,
        Digest::Sha512 => oid::ECDSA_SHA512,
        _ => oid::ECDSA_SHA256,
    }
}
