//! What attackers send: each is refused with the right disposition, and none learns more than that.

use std::io::Write;

use flate2::{Compress as Deflate, Compression, FlushCompress};
use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
    ber::{Elements, tag},
    cms::{self, Cms, SignOptions},
    der,
    disposition::{Disposition, Modifier},
    entropy::{Entropy, System},
    fault::Fault,
    mdn::{self, ReceiptTerms},
    oid,
    receive::Policy,
    send::{Compress, Document, Quirks},
};
use proptest::prelude::*;

use super::parties::{Form, Party, acme, build, bytes, gangway, lenient, mallory, receive, request, request_of, tools};

const X12: &[u8] = b"ISA*00*          *00*          ~IEA*0*1~";

fn form(signed: bool, cipher: Option<Cipher>) -> Form {
    Form {
        sign: signed.then_some((Digest::Sha256, Scheme::RsaPkcs1)),
        encrypt: cipher.map(|cipher| (cipher, Transport::Pkcs1)),
        compress: Compress::Never,
        quirks: Quirks::default(),
    }
}

fn message(from: &Party, form: &Form) -> (gangway::as2::headers::Request, Vec<u8>) {
    let document = [Document { content: X12, content_type: "application/edi-x12", filename: None }];
    let sent = build(from, gangway(), &document, form, None);
    (request_of(&sent.http), sent.http.body)
}

fn refused(request: &gangway::as2::headers::Request, body: impl Into<Vec<u8>>, policy: &Policy) -> Fault {
    match receive(request, body.into(), policy).outcome {
        Ok(_) => panic!("it was accepted"),
        Err(fault) => fault,
    }
}

/// How the partner signs in these.
fn plain_signature() -> SignOptions {
    SignOptions {
        scheme: Scheme::RsaPkcs1,
        digest: Digest::Sha256,
        with_certificate: false,
        algorithm_protection: false,
        now: tools().now,
    }
}

fn error(modifier: Modifier) -> Disposition {
    Disposition::Error(modifier)
}

/// The parts of EnvelopedData or AuthEnvelopedData that attackers change.
struct Envelope {
    recipients: Vec<u8>,
    kind: Vec<u8>,
    algorithm: Vec<u8>,
    content: Vec<u8>,
    mac: Option<Vec<u8>>,
}

impl Envelope {
    fn open(cms: &[u8]) -> Self {
        let mut info = Elements::only(cms, tag::SEQUENCE).unwrap().children().unwrap();
        let kind = info.expect(tag::OID).unwrap().body.to_vec();
        let inner = info.expect(tag::context(0)).unwrap();
        let mut fields = Elements::only(inner.body, tag::SEQUENCE).unwrap().children().unwrap();
        fields.expect(tag::INTEGER).unwrap();
        let recipients = fields.expect(tag::SET).unwrap().raw.to_vec();
        let mut encrypted = fields.expect(tag::SEQUENCE).unwrap().children().unwrap();
        encrypted.expect(tag::OID).unwrap();
        let algorithm = encrypted.expect(tag::SEQUENCE).unwrap().raw.to_vec();
        let content = encrypted.expect(tag::context_primitive(0)).unwrap().body.to_vec();
        let mac = fields.optional(tag::OCTETS).unwrap().map(|mac| mac.body.to_vec());
        Self { recipients, kind, algorithm, content, mac }
    }

    fn close(&self) -> Vec<u8> {
        let content = der::element(tag::context_primitive(0), &self.content);
        let encrypted = der::sequence(&[der::oid(oid::DATA), self.algorithm.clone(), content]);
        let mut fields = vec![der::number(0), self.recipients.clone(), encrypted];
        fields.extend(self.mac.as_ref().map(|mac| der::octets(mac)));
        der::sequence(&[der::oid(&self.kind), der::element(tag::context(0), &der::sequence(&fields))])
    }

    /// Replaces the wrapped key, which ends the only recipient.
    fn wrap(&mut self, wrapped: &[u8]) {
        let at = self.recipients.len() - wrapped.len();
        self.recipients[at..].copy_from_slice(wrapped);
    }
}

/// The receipt's bytes for a fault, with nothing random in them.
fn receipt(fault: &Fault) -> Vec<u8> {
    struct Same;
    impl Entropy for Same {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }
    let terms = ReceiptTerms {
        key: None,
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: "<r@gangway>",
        product: "Gangway",
    };
    let now = "2026-11-20T00:00:00Z".parse().unwrap();
    let tools = gangway::as2::receive::Tools { now, entropy: &Same, ..tools() };
    mdn::write(&request(&[]), &fault.disposition(), None, &terms, tools).unwrap().body
}

mod signatures {
    use super::*;

    #[test]
    fn a_changed_body_is_told() {
        let (request, body) = message(acme(), &form(true, None));
        let at = body.windows(X12.len()).position(|window| window == X12).unwrap();
        let policy = Policy { must_encrypt: false, ..Policy::default() };
        assert!(receive(&request, body.clone(), &policy).outcome.is_ok());
        for offset in 0..X12.len() {
            let mut changed = body.clone();
            changed[at + offset] ^= 1;
            let fault = refused(&request, changed, &policy);
            assert!(matches!(fault, Fault::Integrity));
            assert_eq!(fault.disposition(), error(Modifier::IntegrityCheckFailed));
        }
    }

    #[test]
    fn a_signer_whose_certificate_comes_only_with_the_message_is_nobody() {
        for opaque_signature in [false, true] {
            let mut form = form(true, None);
            form.quirks.opaque_signature = opaque_signature;
            let (request, body) = message(mallory(), &form);
            let fault = refused(&request, body.clone(), &Policy { must_encrypt: false, ..Policy::default() });
            assert!(matches!(&fault, Fault::Signer(who) if who.contains("CN=mallory")), "{fault}");
            assert_eq!(fault.disposition(), error(Modifier::AuthenticationFailed));
            // Not demanding signatures does not mean ignoring them.
            assert!(matches!(refused(&request, body, &lenient()), Fault::Signer(_)));
        }
    }

    #[test]
    fn a_certificate_outside_its_period_is_told_unless_that_is_allowed() {
        let (request, body) = message(acme(), &form(true, None));
        let policy = Policy { must_encrypt: false, ..Policy::default() };
        for now in ["2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
            let tools = gangway::as2::receive::Tools { now: now.parse().unwrap(), ..tools() };
            let receive = |policy: &Policy| {
                let certificates = [acme().certificate.clone()];
                let relation = gangway::as2::receive::Relation { certificates: &certificates, keys: &[], policy };
                gangway::as2::receive::receive(&request, body.clone().into(), relation, tools).outcome
            };
            let fault = receive(&policy).unwrap_err();
            assert!(matches!(fault, Fault::CertificatePeriod(_)));
            assert_eq!(fault.disposition(), error(Modifier::AuthenticationFailed));
            receive(&Policy { any_certificate_period: true, ..policy.clone() }).unwrap();
        }
    }

    #[test]
    fn a_part_beside_the_signed_one_is_refused() {
        let (request, body) = message(acme(), &form(true, None));
        let boundary = request
            .fields
            .text("content-type")
            .unwrap()
            .split("boundary=\"")
            .nth(1)
            .unwrap()
            .trim_end_matches('"')
            .to_owned();
        let extra = format!("--{boundary}\r\nContent-Type: application/edi-x12\r\n\r\nISA*evil~\r\n");
        let policy = Policy { must_encrypt: false, ..Policy::default() };
        let before = [extra.as_bytes(), &body].concat();
        assert!(matches!(refused(&request, before, &policy), Fault::Mime(_)));
    }

    /// A signature over attributes must not do for a content that is those attributes.
    #[test]
    fn signed_attributes_are_no_content() {
        let options = plain_signature();
        let honest = cms::sign(X12, false, &acme().own, &options).unwrap();
        // Take the attributes out of the signer and make them the content.
        let info = Elements::only(&honest, tag::SEQUENCE).unwrap();
        let mut fields = info.children().unwrap();
        fields.expect(tag::OID).unwrap();
        let signed = fields.expect(tag::context(0)).unwrap().children().unwrap().expect(tag::SEQUENCE).unwrap();
        let mut parts = signed.children().unwrap();
        let (version, digests) = (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap());
        parts.next().unwrap();
        let signer = parts.expect(tag::SET).unwrap().children().unwrap().expect(tag::SEQUENCE).unwrap();
        let mut signer_fields = Vec::new();
        let mut children = signer.children().unwrap();
        let mut attributes = Vec::new();
        while let Some(field) = children.next().unwrap() {
            if field.tag == tag::context(0) {
                attributes = der::element(tag::SET, field.body);
            } else {
                signer_fields.push(field.raw.to_vec());
            }
        }
        let content = der::sequence(&[der::oid(oid::DATA), der::element(tag::context(0), &der::octets(&attributes))]);
        let signers = der::element(tag::SET, &der::sequence(&signer_fields));
        let moved = der::sequence(&[version.raw, digests.raw, &content, &signers]);
        let moved = der::sequence(&[der::oid(oid::SIGNED_DATA), der::element(tag::context(0), &moved)]);
        let request = request(&[("Content-Type", "application/pkcs7-mime; smime-type=signed-data")]);
        let fault = refused(&request, moved, &Policy { must_encrypt: false, ..Policy::default() });
        assert!(matches!(&fault, Fault::Cms(why) if why.contains("attributes")), "{fault}");
    }
}

mod encryption {
    use super::*;

    #[test]
    fn a_changed_tag_nonce_or_content_of_gcm_is_told() {
        let (request, body) = message(acme(), &form(true, Some(Cipher::Aes256Gcm)));
        assert!(receive(&request, body.clone(), &Policy::default()).outcome.is_ok());
        let change = |change: &dyn Fn(&mut Envelope)| {
            let mut envelope = Envelope::open(&body);
            assert_eq!(envelope.close(), body);
            change(&mut envelope);
            let fault = refused(&request, envelope.close(), &Policy::default());
            assert!(matches!(fault, Fault::Decryption), "{fault}");
            assert_eq!(fault.disposition(), error(Modifier::DecryptionFailed));
        };
        for byte in 0..16 {
            change(&|envelope| envelope.mac.as_mut().unwrap()[byte] ^= 0x80);
        }
        change(&|envelope| envelope.content[0] ^= 1);
        change(&|envelope| *envelope.content.last_mut().unwrap() ^= 1);
        change(&|envelope| envelope.content.truncate(100));
        change(&|envelope| {
            let nonce = envelope.algorithm.len() - 10;
            envelope.algorithm[nonce] ^= 1;
        });
    }

    #[test]
    fn a_short_tag_is_not_taken_for_the_announced_one() {
        let (request, body) = message(acme(), &form(true, Some(Cipher::Aes256Gcm)));
        for size in [0, 1, 12, 15] {
            let mut envelope = Envelope::open(&body);
            envelope.mac.as_mut().unwrap().truncate(size);
            assert!(matches!(refused(&request, envelope.close(), &Policy::default()), Fault::Cms(_)));
        }
        // Nor is an envelope whose tag was taken away altogether.
        let mut envelope = Envelope::open(&body);
        envelope.mac = None;
        envelope.kind = oid::ENVELOPED_DATA.to_vec();
        assert!(matches!(refused(&request, envelope.close(), &Policy::default()), Fault::Unsupported(_)));
    }

    /// A wrapped key with a wrong padding, one of the wrong size, another key, and a changed content: the same fault, the
    /// same receipt.
    #[test]
    fn a_bad_padding_is_not_told_apart_from_a_bad_key() {
        for cipher in [Cipher::Aes256Cbc, Cipher::Aes256Gcm] {
            let (request, body) = message(acme(), &form(true, Some(cipher)));
            let (_, other) = message(acme(), &form(true, Some(cipher)));
            let (_, shorter) = message(acme(), &form(true, Some(Cipher::Aes128Cbc)));
            let wrapped = |cms: &[u8]| {
                let recipients = Envelope::open(cms).recipients;
                recipients[recipients.len() - 256..].to_vec()
            };
            let mut garbage = wrapped(&body);
            garbage[100] ^= 0xff;
            let mut seen = Vec::new();
            for key in [garbage, vec![0; 256], vec![0xff; 256], wrapped(&other), wrapped(&shorter)] {
                for _ in 0..4 {
                    let mut envelope = Envelope::open(&body);
                    envelope.wrap(&key);
                    let fault = refused(&request, envelope.close(), &Policy::default());
                    seen.push((fault.code(), fault.to_string(), receipt(&fault)));
                }
            }
            let mut envelope = Envelope::open(&body);
            *envelope.content.last_mut().unwrap() ^= 0xff;
            let fault = refused(&request, envelope.close(), &Policy::default());
            seen.push((fault.code(), fault.to_string(), receipt(&fault)));
            seen.dedup();
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert_eq!(seen[0].0.as_str(), "AS2-0305");
        }
    }

    /// The attack on CBC: append a chosen and a captured block, and ask until the padding happens to be right.
    #[test]
    fn appended_blocks_tell_nothing() {
        for signed in [true, false] {
            let (request, body) = message(acme(), &form(signed, Some(Cipher::Aes128Cbc)));
            let mut answers = std::collections::BTreeSet::new();
            let mut paddings = 0;
            for attempt in 0..=255_u8 {
                let mut envelope = Envelope::open(&body);
                let target = envelope.content[..16].to_vec();
                let mut chosen = [0xa5; 16];
                chosen[15] = attempt;
                envelope.content.extend_from_slice(&chosen);
                envelope.content.extend_from_slice(&target);
                let forged = envelope.close();
                let Cms::Enveloped(parsed) = cms::read(&forged.clone().into()).unwrap() else { panic!() };
                let rules = cms::DecryptionRules { fewest_bits: 128, allow_weak: false, authenticated_only: false };
                let keys = [gangway().own.clone()];
                paddings +=
                    usize::from(parsed.decrypt(&keys, &rules, &System, &gangway::as2::content::InMemory).is_ok());
                let fault = refused(&request, forged, &Policy::default());
                answers.insert(receipt(&fault));
            }
            assert!(paddings >= 1, "one of the attempts must have had a right padding");
            assert_eq!(answers.len(), 1, "signed: {signed}");
        }
    }

    #[test]
    fn an_honest_unsigned_message_is_told_what_it_lacks() {
        let (request, body) = message(acme(), &form(false, Some(Cipher::Aes128Cbc)));
        let fault = refused(&request, body, &Policy::default());
        assert!(matches!(fault, Fault::NotSigned));
        assert_eq!(fault.disposition(), error(Modifier::InsufficientMessageSecurity));
    }

    #[test]
    fn what_is_for_others_names_them() {
        let certificates = [acme().certificate.clone(), mallory().certificate.clone()];
        let cms = cms::encrypt(b"x", &certificates, Cipher::Aes256Cbc, Transport::Pkcs1, &System).unwrap();
        let request = request(&[("Content-Type", "application/pkcs7-mime")]);
        let fault = refused(&request, cms, &Policy::default());
        assert!(matches!(&fault, Fault::NotForUs(who) if who.contains("CN=acme") && who.contains("CN=mallory")));
        assert_eq!(fault.disposition(), error(Modifier::DecryptionFailed));
    }
}

pub(super) use bombs::{compressed_data, gigabyte, nested};

mod bombs {
    use super::*;

    /// zlib that inflates to a gigabyte of zeros. Pieces that end on a byte can be repeated.
    pub(in crate::as2) fn gigabyte() -> Vec<u8> {
        let mut deflate = Deflate::new(Compression::best(), false);
        let mut piece = Vec::with_capacity(1 << 16);
        deflate.compress_vec(&vec![0; 1 << 20], &mut piece, FlushCompress::Full).unwrap();
        let mut zlib = vec![0x78, 0xda];
        for _ in 0..1024 {
            zlib.extend_from_slice(&piece);
        }
        zlib
    }

    pub(in crate::as2) fn compressed_data(zlib: &[u8]) -> Vec<u8> {
        let content = der::element(tag::context(0), &der::octets(zlib));
        let fields = [der::number(0), der::algorithm(oid::ZLIB, &[]), der::sequence(&[der::oid(oid::DATA), content])];
        der::sequence(&[der::oid(oid::COMPRESSED_DATA), der::element(tag::context(0), &der::sequence(&fields))])
    }

    /// So many opaque signatures of the partner around each other: the innermost first, each with those in it.
    pub(in crate::as2) fn nested(layers: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut entity = b"Content-Type: text/plain\r\n\r\nx".to_vec();
        (0..layers).map(move |_| {
            let cms = cms::sign(&entity, true, &acme().own, &plain_signature()).unwrap();
            entity = [&b"Content-Type: application/pkcs7-mime\r\n\r\n"[..], &cms].concat();
            cms
        })
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let request = request(&[("Content-Type", "application/pkcs7-mime")]);
        let bomb = compressed_data(&gigabyte());
        assert!(bomb.len() < 2 << 20, "{}", bomb.len());
        let mut policy = lenient();
        policy.limits.inflated_unauthenticated = 8 << 20;
        let fault = refused(&request, bomb, &policy);
        assert!(matches!(fault, Fault::Inflation(8_388_608)), "{fault}");
        assert_eq!(fault.disposition(), error(Modifier::DecompressionFailed));
    }

    #[test]
    fn ten_kilobytes_that_would_become_a_gigabyte_are_refused_at_the_second_layer() {
        let head = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n";
        let inner = [&head[..], &compressed_data(&gigabyte())].concat();
        let bomb = cms::compress(&inner).unwrap();
        assert!(bomb.len() < 10 << 10, "{}", bomb.len());
        let request = request(&[("Content-Type", "application/pkcs7-mime")]);
        assert!(matches!(refused(&request, bomb, &lenient()), Fault::Layers(4)));
    }

    #[test]
    fn fifty_layers_are_not_opened() {
        let request = request(&[("Content-Type", "application/pkcs7-mime")]);
        for (layer, cms) in (1..).zip(nested(50)) {
            let received = receive(&request, cms, &lenient());
            assert_eq!(received.outcome.is_ok(), layer <= 4, "{layer}");
            assert_eq!(received.layers.len(), layer.min(4));
        }
    }
}

mod rubbish {
    use super::*;

    fn samples() -> Vec<(gangway::as2::headers::Request, Vec<u8>)> {
        let mut opaque = form(true, None);
        opaque.quirks.opaque_signature = true;
        let mut compressed = form(false, None);
        compressed.compress = Compress::BeforeSigning;
        [
            form(true, None),
            opaque,
            form(true, Some(Cipher::Aes256Cbc)),
            form(true, Some(Cipher::Aes128Gcm)),
            form(false, Some(Cipher::Aes256Cbc)),
            compressed,
        ]
        .iter()
        .map(|form| message(acme(), form))
        .collect()
    }

    #[test]
    fn a_message_cut_at_any_place_is_refused() {
        for (request, body) in samples() {
            assert!(receive(&request, body.clone(), &lenient()).outcome.is_ok());
            // The last line end may go.
            for cut in 0..body.len() - 2 {
                assert!(receive(&request, body[..cut].to_vec(), &lenient()).outcome.is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn a_message_changed_at_any_place_is_refused_or_the_same() {
        let (request, body) = message(acme(), &form(true, None));
        for at in 0..body.len() {
            for mask in [0x01, 0x80] {
                let mut changed = body.clone();
                changed[at] ^= mask;
                if let Ok(accepted) =
                    receive(&request, changed, &Policy { must_encrypt: false, ..Policy::default() }).outcome
                {
                    assert_eq!(bytes(&accepted.payloads[0].content), X12, "{at}");
                }
            }
        }
    }

    #[test]
    fn structures_that_nest_without_end_are_refused() {
        let request = request(&[("Content-Type", "application/pkcs7-mime")]);
        for pair in [[0x30, 0x80], [0x24, 0x80], [0xa0, 0x80]] {
            let body: Vec<u8> = [0x30, 0x80].into_iter().chain(pair.into_iter().cycle().take(1 << 20)).collect();
            assert!(matches!(refused(&request, body, &lenient()), Fault::Cms(_)));
        }
        let mut claims_more = Vec::new();
        claims_more.write_all(&[0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x06, 0x01, 0x00]).unwrap();
        assert!(matches!(refused(&request, claims_more, &lenient()), Fault::Cms(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_mutation_makes_it_panic(sample in 0..6_usize, cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0..40_usize, proptest::collection::vec(any::<u8>(), 0..8)), 1..4)) {
            static SAMPLES: std::sync::OnceLock<Vec<(gangway::as2::headers::Request, Vec<u8>)>> = std::sync::OnceLock::new();
            let (request, body) = &SAMPLES.get_or_init(samples)[sample];
            let mut body = body.clone();
            for (at, remove, insert) in cuts {
                let at = at.index(body.len().max(1)).min(body.len());
                let end = (at + remove).min(body.len());
                body.splice(at..end, insert);
            }
            let received = receive(request, body, &lenient());
            let _ = received.outcome.map_err(|fault| (fault.to_string(), fault.disposition(), fault.code()));
        }
    }
}
