//! Receipts as text: what a partner reads, and what partners write.

use jiff::Timestamp;

use super::{
    super::{
        algorithm::{Digest, Scheme, Spelling},
        cms::SignatureRules,
        content::{Content, InMemory},
        disposition::{Disposition, Modifier},
        entropy::counting::Counting,
        headers::Request,
        mic::Mic,
        mime::Fields,
        receive::Tools,
    },
    read as read_mdn, *,
};

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn rules() -> SignatureRules {
    SignatureRules { weakest: Digest::Sha1, allow_weak: false, any_period: false, now: now() }
}

fn request(id: &str) -> Request {
    let mut fields = Fields::default();
    for (name, value) in [("AS2-From", "\"Acme Bearings\""), ("AS2-To", "gangway"), ("Message-ID", id)] {
        fields.push(name, value.as_bytes());
    }
    fields.push("Disposition-Notification-To", b"x");
    Request::read(fields).unwrap()
}

fn unsigned(request: &Request, disposition: &Disposition, mic: Option<&Mic>) -> HttpMessage {
    let terms = ReceiptTerms {
        key: None,
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: "<receipt@gangway.example>",
        product: "Gangway/0.1.0",
    };
    let tools = Tools { now: now(), scratch: &InMemory, entropy: &Counting::default() };
    write(request, disposition, mic, &terms, tools).unwrap()
}

fn read_back(http: &HttpMessage) -> Mdn {
    let mut fields = Fields::default();
    for (name, value) in &http.headers {
        fields.push(name, value.as_bytes());
    }
    let body = Content::from(http.body.clone());
    assert!(is_receipt(&fields, &body));
    read(&fields, body, &[], &rules(), &InMemory).unwrap()
}

#[test]
fn what_a_partner_reads() {
    let mic = Mic::of(&b"abc".to_vec().into(), Digest::Sha256).unwrap();
    let http = unsigned(&request("<1@acme>"), &Disposition::Processed, Some(&mic));
    let headers: String = http.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let text = headers + "\n" + &String::from_utf8(http.body).unwrap().replace("\r\n", "\n");
    insta::assert_snapshot!(text);
}

#[test]
fn every_disposition_and_any_id_reads_back_byte_for_byte() {
    for id in ["<1@acme>", "1@acme", "<<x", "\u{e4} with space", ""] {
        for disposition in [
            Disposition::Processed,
            Disposition::Warning(Modifier::DuplicateDocument),
            Disposition::Error(Modifier::DecryptionFailed),
            Disposition::Error(Modifier::Other("disk full".into())),
            Disposition::Failure(Modifier::UnsupportedMicAlgorithms),
        ] {
            let mic = Mic::of(&b"abc".to_vec().into(), Digest::Sha256).unwrap();
            let http = unsigned(&request(id), &disposition, Some(&mic));
            let mdn = read_back(&http);
            assert_eq!(mdn.disposition, disposition);
            assert_eq!(mdn.original_message_id.as_deref().unwrap_or_default(), id.as_bytes());
            assert_eq!((mdn.from.as_deref(), mdn.to.as_deref()), (Some("gangway"), Some("Acme Bearings")));
            // Only what was processed has a MIC.
            assert_eq!(mdn.mic.is_some(), disposition.is_accepted());
            assert!(matches!(mdn.signature, MdnSignature::Absent));
            assert_eq!(http.header("content-length").unwrap(), http.body.len().to_string());
        }
    }
}

/// The oddities of research on partners' software: missing `rfc822;`, no text part, base64 parts, bare line feeds, other
/// cases, `displayed`.
#[test]
fn what_partners_write_is_read() {
    let read = |content_type: &str, body: &str| {
        let mut fields = Fields::default();
        fields.push("Content-Type", content_type.as_bytes());
        read_mdn(&fields, body.as_bytes().to_vec().into(), &[], &rules(), &InMemory)
    };
    let report = "Multipart/Report; Report-Type=Disposition-Notification; boundary=b";
    let mdn = read(
        report,
        "--b\nContent-Type: Message/Disposition-Notification\n\nfinal-recipient: acme\noriginal-message-id: 1@x\n\
         DISPOSITION: Automatic-Action/mdn-sent-automatically;PROCESSED\nreceived-content-mic: qZk+NkcGgWq6PiVxeFDCbJzQ2J0=,SHA1\n\n--b--",
    )
    .unwrap();
    assert_eq!((mdn.disposition, mdn.text), (Disposition::Processed, None));
    assert_eq!(mdn.original_message_id.unwrap(), b"1@x");
    assert_eq!(mdn.mic.unwrap().label, "SHA1");
    let base64 = read(
        report,
        "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: message/disposition-notification\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nRGlzcG9zaXRpb246IGEvYjsgcHJvY2Vzc2VkL2Vycm9yOiBkZWNyeXB0aW9uLWZhaWxlZA==\r\n--b--",
    )
    .unwrap();
    assert_eq!(base64.disposition, Disposition::Error(Modifier::DecryptionFailed));
    assert_eq!(base64.text.as_deref(), Some("Hello"));
    for (content_type, body) in [
        ("text/html", "<html>"),
        (report, "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b--"),
        (report, "--b\r\nContent-Type: message/disposition-notification\r\n\r\nX: y\r\n--b--"),
        (report, "--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: gone\r\n--b--"),
        ("multipart/report; report-type=delivery-status; boundary=b", "--b\r\n\r\n\r\n--b--"),
    ] {
        assert!(read(content_type, body).is_err(), "{body}");
    }
}

#[test]
fn messages_are_not_taken_for_receipts() {
    for (content_type, body) in [
        ("application/edi-x12", "ISA"),
        ("multipart/signed; boundary=b", "--b\r\nContent-Type: application/edi-x12\r\n\r\nISA\r\n--b\r\n\r\n--b--"),
        ("multipart/signed; boundary=b", "broken"),
    ] {
        let mut fields = Fields::default();
        fields.push("Content-Type", content_type.as_bytes());
        assert!(!is_receipt(&fields, &body.as_bytes().to_vec().into()), "{body}");
    }
}
