//! AS2: MIME, CMS, messages and receipts, all as they come from whoever connects.

use std::sync::OnceLock;

use gangway::as2::{
    algorithm::{Digest, Scheme},
    ber,
    certificate::Certificate,
    cms::{self, Cms, SignOptions, SignatureRules},
    content::{Content, InMemory},
    disposition::Disposition,
    entropy::System,
    headers::Request,
    key::OwnKey,
    mdn,
    mime::{Entity, Fields, Parameterized},
    receive::{self, Limits, Policy, Relation, Tools},
};

/// How much may be inflated here.
const MOST: u64 = 1 << 20;

fn now() -> jiff::Timestamp {
    "2026-07-01T12:00:00Z".parse().expect("a moment")
}

/// A party that is both the partner and we.
fn party() -> &'static OwnKey {
    static PARTY: OnceLock<OwnKey> = OnceLock::new();
    PARTY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(vec!["partner.example".to_owned()]).expect("a certificate");
        let certificate = Certificate::from_der(made.cert.der()).expect("a certificate that we can read");
        OwnKey::from_pem(made.signing_key.serialize_pem().as_bytes(), certificate).expect("its key")
    })
}

fn rules() -> SignatureRules {
    SignatureRules { weakest: Digest::Sha1, allow_weak: true, any_period: true, now: now() }
}

/// Header and body of an HTTP message, as it would stand on the wire.
fn message(bytes: &[u8]) -> Option<(Fields, Content)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let fields = Fields::parse(&bytes[..end + 2]).ok()?;
    Some((fields, Content::Memory(bytes[end + 4..].to_vec().into())))
}

/// A message is taken apart or refused, and never grows past what it may.
pub fn receive(bytes: &[u8]) {
    let Some((fields, body)) = message(bytes) else { return };
    let Ok(request) = Request::read(fields) else { return };
    let limits = Limits { inflated: MOST, inflated_unauthenticated: MOST, ..Limits::default() };
    let policy = Policy {
        must_sign: false,
        must_encrypt: false,
        allow_weak: true,
        any_certificate_period: true,
        limits,
        ..Policy::default()
    };
    let certificates = [party().certificate().clone()];
    let relation = Relation { certificates: &certificates, keys: std::slice::from_ref(party()), policy: &policy };
    let tools = Tools { now: now(), scratch: &InMemory, entropy: &System };
    let received = receive::receive(&request, body, relation, tools);
    let most = policy.limits;
    assert!(received.layers.len() <= most.layers + 1, "{:?}", received.layers);
    if let Ok(accepted) = received.outcome {
        assert!(accepted.payloads.len() <= most.documents);
        let grown: u64 = accepted.payloads.iter().map(|payload| payload.content.size()).sum();
        assert!(grown <= (MOST + bytes.len() as u64) * 2, "{grown} bytes of {}", bytes.len());
    }
}

/// A receipt is read or refused; what it says of a message can be written and read again.
pub fn mdn(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(disposition) = Disposition::parse(text)
    {
        let written = format!("automatic-action/MDN-sent-automatically; {disposition}");
        let again = Disposition::parse(&written).expect("what we write we read");
        assert_eq!(again.is_accepted(), disposition.is_accepted(), "{written}");
    }
    let Some((fields, body)) = message(bytes) else { return };
    let certificates = [party().certificate().clone()];
    let read = mdn::read(&fields, body.clone(), &certificates, &rules(), &InMemory);
    if read.is_ok() && fields.text("Content-Type").is_some_and(|media| media.starts_with("multipart/")) {
        assert!(mdn::is_receipt(&fields, &body), "it was read as a receipt");
    }
}

/// Every entity is taken apart or refused, and its parts are its own bytes, in their order.
pub fn mime(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let parsed = Parameterized::parse(text);
        for name in ["boundary", "name", "filename", "protocol", "micalg"] {
            let _ = parsed.parameter(name);
        }
    }
    let content = Content::Memory(bytes.to_vec().into());
    take_apart(&content, 0);
}

fn take_apart(content: &Content, depth: usize) {
    let Ok(entity) = Entity::parse(content) else { return };
    let _ = (entity.is_plausible(), entity.filename());
    assert!(entity.body.size() <= content.size());
    if let Ok(decoded) = entity.decoded(&InMemory) {
        assert!(decoded.size() <= content.size(), "decoding made it longer");
    }
    let _ = entity.cms_body(&InMemory);
    let Ok(parts) = entity.parts() else { return };
    let together: u64 = parts.parts.iter().map(Content::size).sum();
    assert!(together <= entity.body.size(), "the parts are more than the whole");
    for part in parts.parts.iter().filter(|_| depth < 4) {
        take_apart(part, depth + 1);
    }
}

/// BER is walked to its end or refused, at once and as a stream alike; containers are opened or refused.
pub fn cms(bytes: &[u8]) {
    walk(ber::Elements::new(bytes), 0);
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert!(!certificate.der().is_empty());
    }
    let _ = Certificate::read_all(bytes);
    let content = Content::Memory(bytes.to_vec().into());
    match cms::read(&content) {
        Ok(Cms::Signed(signed)) => {
            let inside = signed.content(&InMemory).ok().flatten();
            let inside = inside.unwrap_or_else(|| Content::Memory(b"detached".to_vec().into()));
            assert!(inside.size() <= bytes.len().max(8) as u64);
            let certificates = [party().certificate().clone()];
            let _ = signed.verify(&inside, &certificates, &rules());
        }
        Ok(Cms::Compressed(compressed)) => {
            if let Ok(inflated) = compressed.inflate(MOST, &InMemory) {
                assert!(inflated.size() <= MOST);
            }
        }
        Ok(Cms::Enveloped(_)) | Err(_) => {}
    }
}

fn walk(mut elements: ber::Elements<'_>, depth: usize) {
    while let Ok(Some(element)) = elements.next() {
        let _ = (element.number(), element.octets().map(|octets| octets.len()));
        if let (Ok(children), true) = (element.children(), depth < 40) {
            walk(children, depth + 1);
        }
    }
}

/// Containers of every kind that can be made without a partner's key.
pub fn containers() -> Vec<Vec<u8>> {
    let options = SignOptions {
        scheme: Scheme::Ecdsa,
        digest: Digest::Sha256,
        with_certificate: true,
        algorithm_protection: true,
        now: now(),
    };
    let entity = b"Content-Type: text/plain\r\n\r\nHello.\r\n";
    let opaque = cms::sign(entity, true, party(), &options).expect("a signature");
    let detached = cms::sign(entity, false, party(), &options).expect("a signature");
    vec![opaque, detached, cms::compress(entity).expect("a container"), party().certificate().der().to_vec()]
}

/// Messages that hold them.
pub fn messages() -> Vec<Vec<u8>> {
    let kinds = ["signed-data", "signed-data", "compressed-data"];
    let head = |kind: &str| {
        let names = "AS2-From: partner\r\nAS2-To: gangway\r\nAS2-Version: 1.1\r\nMessage-ID: <1@partner.example>\r\n";
        format!("{names}Content-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\r\n\r\n").into_bytes()
    };
    kinds.iter().zip(containers()).map(|(kind, body)| [head(kind), body].concat()).collect()
}
