//! RFC 5402: compression before and after signing, with parts that other software could have made.

use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};
use gangway::as2::{
    algorithm::{Digest, Scheme},
    cms::{self, SignOptions},
    disposition::{Disposition, Modifier},
    fault::Fault,
    mic::Mic,
    receive::{Layer, Limits, Policy},
};

use super::parties::{acme, bytes, lenient, receive, request, tools};

const ENTITY: &[u8] = b"Content-Type: application/edi-x12\r\n\r\nISA*00*~";
const HEAD: &[u8] = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n";

fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    gangway::as2::der::element(tag, body)
}

/// CompressedData as BER with octets in pieces, as BouncyCastle writes it.
pub(super) fn in_pieces(content: &[u8], algorithm: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(content).unwrap();
    let deflated = zlib.finish().unwrap();
    let pieces: Vec<u8> = deflated.chunks(7).flat_map(|piece| tlv(4, piece)).collect();
    let mut cms = vec![0x30, 0x80];
    cms.extend(tlv(6, gangway::as2::oid::COMPRESSED_DATA));
    cms.extend([0xa0, 0x80, 0x30, 0x80, 0x02, 0x01, 0x00]);
    cms.extend(tlv(0x30, &tlv(6, algorithm)));
    cms.extend([0x30, 0x80]);
    cms.extend(tlv(6, gangway::as2::oid::DATA));
    cms.extend([0xa0, 0x80, 0x24, 0x80]);
    cms.extend(pieces);
    cms.extend([0; 12]);
    cms
}

fn compressed() -> gangway::as2::headers::Request {
    request(&[("Content-Type", "application/pkcs7-mime; smime-type=compressed-data")])
}

#[test]
fn section_4_3_a_compressed_message_is_digested_inflated_with_its_headers() {
    for cms in [in_pieces(ENTITY, gangway::as2::oid::ZLIB), cms::compress(ENTITY).unwrap()] {
        let received = receive(&compressed(), cms, &lenient());
        assert_eq!(received.layers, [Layer::Compressed { size: ENTITY.len() as u64 }]);
        let accepted = received.outcome.unwrap();
        assert_eq!(accepted.mic, Some(Mic::of(&ENTITY.to_vec().into(), Digest::Sha256).unwrap()));
        assert_eq!(bytes(&accepted.payloads[0].content), b"ISA*00*~");
    }
}

#[test]
fn section_4_1_what_was_compressed_before_it_was_signed_is_digested_compressed() {
    let part = [HEAD, &in_pieces(ENTITY, gangway::as2::oid::ZLIB)].concat();
    let options = SignOptions {
        scheme: Scheme::RsaPkcs1,
        digest: Digest::Sha256,
        with_certificate: true,
        algorithm_protection: true,
        now: tools().now,
    };
    let signature = cms::sign(&part, false, &acme().own, &options).unwrap();
    let body = [
        b"--b\r\n",
        &part[..],
        b"\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\n",
        &signature,
        b"\r\n--b--",
    ]
    .concat();
    let policy = Policy { must_encrypt: false, ..Policy::default() };
    let signed = request(&[("Content-Type", "multipart/signed; boundary=b")]);
    let received = receive(&signed, body, &policy);
    assert!(matches!(received.layers.as_slice(), [Layer::Signed { .. }, Layer::Compressed { .. }]));
    assert_eq!(received.outcome.unwrap().mic, Some(Mic::of(&part.into(), Digest::Sha256).unwrap()));
}

#[test]
fn one_compression_is_allowed_and_no_more() {
    let twice = cms::compress(&[HEAD, &cms::compress(ENTITY).unwrap()].concat()).unwrap();
    assert!(matches!(receive(&compressed(), twice, &lenient()).outcome, Err(Fault::Layers(_))));
}

#[test]
fn what_is_damaged_or_not_zlib_is_told() {
    let good = cms::compress(&ENTITY.repeat(50)).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() - 20;
    damaged[middle] ^= 0xff;
    let refused = receive(&compressed(), damaged, &lenient()).outcome.unwrap_err();
    assert!(matches!(refused, Fault::Decompression(_)), "{refused}");
    assert_eq!(refused.disposition(), Disposition::Error(Modifier::DecompressionFailed));
    let other = in_pieces(ENTITY, gangway::as2::oid::DATA);
    assert!(matches!(receive(&compressed(), other, &lenient()).outcome, Err(Fault::Unsupported(_))));
}

/// A megabyte of zeros inside and outside of a signature, with caps on either side of it.
#[test]
fn before_the_sender_is_known_less_may_be_inflated() {
    let large = [ENTITY, &vec![0; 1 << 20]].concat();
    let limits = |inflated, inflated_unauthenticated| Policy {
        limits: Limits { inflated, inflated_unauthenticated, ..Limits::default() },
        must_encrypt: false,
        ..Policy::default()
    };
    let form = |compress| super::parties::Form {
        sign: Some((Digest::Sha256, Scheme::RsaPkcs1)),
        encrypt: None,
        compress,
        quirks: gangway::as2::send::Quirks::default(),
    };
    use gangway::as2::send::{Compress, Document};
    let document = [Document { content: &large, content_type: "application/edi-x12", filename: None }];
    for (compress, policy, arrives) in [
        (Compress::BeforeSigning, limits(2 << 20, 1 << 19), true),
        (Compress::AfterSigning, limits(2 << 20, 1 << 19), false),
        (Compress::AfterSigning, limits(1 << 19, 2 << 20), true),
        (Compress::BeforeSigning, limits(1 << 19, 2 << 20), false),
    ] {
        let sent = super::parties::build(acme(), super::parties::gangway(), &document, &form(compress), None);
        let received = receive(&super::parties::request_of(&sent.http), sent.http.body, &policy);
        match received.outcome {
            Ok(_) => assert!(arrives),
            Err(fault) => assert!(matches!(fault, Fault::Inflation(524_288)) && !arrives, "{fault}"),
        }
    }
}
