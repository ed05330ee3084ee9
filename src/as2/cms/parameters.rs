//! Parameters of algorithms: RSA-PSS and RSA-OAEP (RFC 4055), CBC (RFC 3565) and GCM (RFC 5084).

use super::super::{
    algorithm::{Digest, Transport},
    ber::{BerError, Element, tag},
    certificate::Verification,
    der,
    fault::Fault,
    oid,
};

/// An AlgorithmIdentifier: identifier and parameters.
pub(super) struct Algorithm<'a> {
    pub(super) id: &'a [u8],
    pub(super) parameters: Option<Element<'a>>,
}

impl<'a> Algorithm<'a> {
    pub(super) fn read(element: &Element<'a>) -> Result<Self, BerError> {
        let mut fields = element.children()?;
        let id = fields.expect(tag::OID)?.body;
        let parameters = fields.next()?;
        fields.finish()?;
        Ok(Self { id, parameters })
    }

    fn digest(&self) -> Result<Digest, Fault> {
        Digest::from_oid(self.id).ok_or_else(|| Fault::Unsupported(format!("the digest {}", oid::dotted(self.id))))
    }
}

/// The digest that a digest algorithm names.
pub(super) fn digest(element: &Element<'_>) -> Result<Digest, Fault> {
    Algorithm::read(element)?.digest()
}

/// How a signature is verified, by its algorithm and the digest that its signer names.
pub(super) fn verification(element: &Element<'_>, digest: Digest) -> Result<Verification, Fault> {
    let algorithm = Algorithm::read(element)?;
    Ok(match algorithm.id {
        oid::RSA => Verification::Pkcs1(digest),
        oid::RSA_SHA1 | oid::RSA_SHA224 | oid::RSA_SHA256 | oid::RSA_SHA384 | oid::RSA_SHA512 => {
            Verification::Pkcs1(algorithm.digest()?)
        }
        oid::PSS => pss(algorithm.parameters.as_ref())?,
        oid::EC => Verification::Ecdsa(digest),
        oid::ECDSA_SHA1 | oid::ECDSA_SHA224 | oid::ECDSA_SHA256 | oid::ECDSA_SHA384 | oid::ECDSA_SHA512 => {
            Verification::Ecdsa(algorithm.digest()?)
        }
        other => return Err(Fault::Unsupported(format!("the signature algorithm {}", oid::dotted(other)))),
    })
}

/// RSASSA-PSS-params; what is absent has its default, which is SHA-1 with 20 bytes of salt.
fn pss(parameters: Option<&Element<'_>>) -> Result<Verification, Fault> {
    let (mut hash, mut mask, mut salt) = (Digest::Sha1, Digest::Sha1, 20);
    if let Some(parameters) = parameters {
        let mut fields = parameters.children()?;
        if let Some(field) = fields.optional(tag::context(0))? {
            hash = digest(&field.children()?.expect(tag::SEQUENCE)?)?;
        }
        if let Some(field) = fields.optional(tag::context(1))? {
            mask = mgf1(&field)?;
        }
        if let Some(field) = fields.optional(tag::context(2))? {
            salt = field.children()?.expect(tag::INTEGER)?.number()?;
        }
        fields.optional(tag::context(3))?;
        fields.finish()?;
    }
    if mask != hash {
        return Err(Fault::Unsupported(format!("RSA-PSS with {hash:?} whose MGF1 is over {mask:?}")));
    }
    let salt = u16::try_from(salt).map_err(|_| BerError::Large)?;
    Ok(Verification::Pss { digest: hash, salt })
}

/// How a content key is unwrapped.
pub(super) fn transport(element: &Element<'_>) -> Result<Transport, Fault> {
    let algorithm = Algorithm::read(element)?;
    match algorithm.id {
        oid::RSA => return Ok(Transport::Pkcs1),
        oid::OAEP => {}
        other => return Err(Fault::Unsupported(format!("the key transport {}", oid::dotted(other)))),
    }
    let (mut hash, mut mask) = (Digest::Sha1, Digest::Sha1);
    if let Some(parameters) = algorithm.parameters {
        let mut fields = parameters.children()?;
        if let Some(field) = fields.optional(tag::context(0))? {
            hash = digest(&field.children()?.expect(tag::SEQUENCE)?)?;
        }
        if let Some(field) = fields.optional(tag::context(1))? {
            mask = mgf1(&field)?;
        }
        if let Some(field) = fields.optional(tag::context(2))? {
            let source = field.children()?.expect(tag::SEQUENCE)?;
            let source = Algorithm::read(&source)?;
            if source.id != oid::P_SPECIFIED || source.parameters.is_some_and(|label| !label.body.is_empty()) {
                return Err(Fault::Unsupported("RSA-OAEP with a label".into()));
            }
        }
        fields.finish()?;
    }
    if mask != hash {
        return Err(Fault::Unsupported(format!("RSA-OAEP with {hash:?} whose MGF1 is over {mask:?}")));
    }
    if hash == Digest::Sha224 {
        return Err(Fault::Unsupported("RSA-OAEP with SHA-224".into()));
    }
    Ok(Transport::Oaep(hash))
}

fn mgf1(field: &Element<'_>) -> Result<Digest, Fault> {
    let function = field.children()?.expect(tag::SEQUENCE)?;
    let function = Algorithm::read(&function)?;
    match function.parameters {
        Some(hash) if function.id == oid::MGF1 => digest(&hash),
        _ => Err(Fault::Unsupported(format!("the mask generation {}", oid::dotted(function.id)))),
    }
}

/// GCMParameters: the nonce and the length of the tag.
pub(super) fn gcm(parameters: Option<&Element<'_>>) -> Result<([u8; 12], usize), Fault> {
    let mut fields = parameters.ok_or(BerError::Truncated)?.children()?;
    let nonce = fields.expect(tag::OCTETS)?.body;
    let nonce = <[u8; 12]>::try_from(nonce)
        .map_err(|_| Fault::Unsupported(format!("AES-GCM with a nonce of {} bytes", nonce.len())))?;
    let size = match fields.optional(tag::INTEGER)? {
        Some(size) => size.number()?,
        None => 12,
    };
    fields.finish()?;
    if !(12..=16).contains(&size) {
        return Err(Fault::Unsupported(format!("AES-GCM with a tag of {size} bytes")));
    }
    Ok((nonce, size as usize))
}

/// The parameters that we write: the hash with a NULL, as others write and expect it there.
fn hash(digest: Digest) -> Vec<u8> {
    der::algorithm(digest.oid(), &der::null())
}

fn hash_and_mask(digest: Digest) -> Vec<u8> {
    let mask = der::algorithm(oid::MGF1, &hash(digest));
    [der::element(tag::context(0), &hash(digest)), der::element(tag::context(1), &mask)].concat()
}

/// RSASSA-PSS-params with as much salt as digest.
pub(super) fn write_pss(digest: Digest) -> Vec<u8> {
    let salt = der::element(tag::context(2), &der::number(digest.size() as u8));
    der::sequence(&[hash_and_mask(digest), salt])
}

/// RSAES-OAEP-params.
pub(super) fn write_oaep(digest: Digest) -> Vec<u8> {
    der::sequence(&[hash_and_mask(digest)])
}

#[cfg(test)]
mod tests {
    use super::{super::super::ber::Elements, *};

    fn element(bytes: &[u8]) -> Element<'_> {
        Elements::only(bytes, tag::SEQUENCE).unwrap()
    }

    #[test]
    fn what_we_write_reads_back() {
        for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            let pss = der::algorithm(oid::PSS, &write_pss(digest));
            assert_eq!(
                verification(&element(&pss), Digest::Sha1).unwrap(),
                Verification::Pss { digest, salt: digest.size() as u16 }
            );
            let oaep = der::algorithm(oid::OAEP, &write_oaep(digest));
            assert_eq!(transport(&element(&oaep)).unwrap(), Transport::Oaep(digest));
        }
    }

    #[test]
    fn a_mask_over_another_digest_is_told_as_unsupported() {
        let mask = der::algorithm(oid::MGF1, &hash(Digest::Sha1));
        let parts = [der::element(0xa0, &hash(Digest::Sha256)), der::element(0xa1, &mask)];
        for id in [oid::OAEP, oid::PSS] {
            let algorithm = der::algorithm(id, &der::sequence(&parts));
            let fault = match id {
                oid::OAEP => transport(&element(&algorithm)).unwrap_err(),
                _ => verification(&element(&algorithm), Digest::Sha256).unwrap_err(),
            };
            assert!(matches!(&fault, Fault::Unsupported(text) if text.contains("MGF1")), "{fault}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_standards() {
        let oaep = der::algorithm(oid::OAEP, &der::sequence::<Vec<u8>>(&[]));
        assert_eq!(transport(&element(&oaep)).unwrap(), Transport::Oaep(Digest::Sha1));
        let pss = der::algorithm(oid::PSS, &der::sequence::<Vec<u8>>(&[]));
        let expected = Verification::Pss { digest: Digest::Sha1, salt: 20 };
        assert_eq!(verification(&element(&pss), Digest::Sha256).unwrap(), expected);
        let short = der::sequence(&[der::octets(&[7; 12])]);
        assert_eq!(gcm(Some(&element(&short))).unwrap(), ([7; 12], 12));
        for (nonce, size) in [(12, 11), (12, 17), (8, 16)] {
            let wrong = der::sequence(&[der::octets(&vec![7; nonce]), der::number(size)]);
            assert!(gcm(Some(&element(&wrong))).is_err());
        }
    }
}
