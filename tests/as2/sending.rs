//! What we send, and the receipts that prove it or do not.

use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
    disposition::{Disposition, Modifier},
    fault::Fault,
    headers::Request,
    mdn::{self, HttpMessage, MdnSignature, ReceiptTerms},
    mic::Mic,
    send::{self, Compress, Document, Encryption, Expectation, Outgoing, Quirks, Signing, Terms},
};

use super::parties::{
    Form, Party, acme, build, forms, gangway, mallory, openssl, path, read_receipt, request_of, tools,
};

const DOCUMENT: [Document<'static>; 1] =
    [Document { content: b"ISA*00*~", content_type: "application/edi-x12", filename: None }];

fn sent(signed_receipt: bool) -> Outgoing {
    let form = Form {
        sign: Some((Digest::Sha256, Scheme::RsaPkcs1)),
        encrypt: Some((Cipher::Aes256Cbc, Transport::Pkcs1)),
        compress: Compress::Never,
        quirks: Quirks::default(),
    };
    let receipt =
        send::ReceiptTerms { signed: signed_receipt, digests: &[Digest::Sha256], deliver_to: None, notify: "x" };
    build(gangway(), acme(), &DOCUMENT, &form, Some(receipt))
}

fn receipt(request: &Request, disposition: &Disposition, mic: Option<&Mic>, by: Option<&Party>) -> HttpMessage {
    let terms = ReceiptTerms {
        key: by.map(|party| &party.own),
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Plain,
        message_id: "<r@acme>",
        product: "Other/1",
    };
    mdn::write(request, disposition, mic, &terms, tools()).unwrap()
}

fn check(outgoing: &Outgoing, receipt: &HttpMessage) -> Result<Disposition, Fault> {
    outgoing.expectation.check(&read_receipt(receipt, acme()))
}

mod receipts {
    use super::*;

    #[test]
    fn the_partners_signature_and_the_mic_prove_it() {
        let outgoing = sent(true);
        let request = request_of(&outgoing.http);
        let mic = &outgoing.expectation.mics[0];
        let good = receipt(&request, &Disposition::Processed, Some(mic), Some(acme()));
        assert_eq!(check(&outgoing, &good).unwrap(), Disposition::Processed);
        // The expectation is kept with the delivery, across restarts.
        let kept: Expectation = serde_json::from_str(&serde_json::to_string(&outgoing.expectation).unwrap()).unwrap();
        assert_eq!(kept, outgoing.expectation);
        let duplicate = Disposition::Warning(Modifier::DuplicateDocument);
        let again = receipt(&request, &duplicate, Some(mic), Some(acme()));
        assert_eq!(check(&outgoing, &again).unwrap(), duplicate);
        // pyas2 tells no MIC of a repetition. Signed and under our id it proves that the message was there before.
        let bare = receipt(&request, &duplicate, None, Some(acme()));
        assert_eq!(check(&outgoing, &bare).unwrap(), duplicate);
        let unsigned = receipt(&request, &duplicate, None, None);
        assert!(matches!(check(&outgoing, &unsigned), Err(Fault::MdnNotSigned)));
        // Another spelling and another listed digest are the same receipt.
        let spelled = mic.clone().labelled("SHA_256");
        assert!(check(&outgoing, &receipt(&request, &Disposition::Processed, Some(&spelled), Some(acme()))).is_ok());
    }

    #[test]
    fn openssl_verifies_our_receipts() {
        let outgoing = sent(true);
        let request = request_of(&outgoing.http);
        let mic = &outgoing.expectation.mics[0];
        let http = receipt(&request, &Disposition::Processed, Some(mic), Some(acme()));
        let mail = [
            b"MIME-Version: 1.0\r\nContent-Type: ".as_slice(),
            http.header("content-type").unwrap().as_bytes(),
            b"\r\n\r\n",
            &http.body,
        ]
        .concat();
        let arguments = ["cms", "-verify", "-inform", "SMIME", "-CAfile", path(&acme().certificate_file)];
        let report = openssl(&[&arguments[..], &["-purpose", "any"]].concat(), &mail).unwrap();
        let report = String::from_utf8(report).unwrap().replace("\r\n", "\n");
        assert!(report.starts_with("Content-Type: multipart/report"), "{report}");
        assert!(report.contains(&format!("Original-Message-ID: {}", outgoing.expectation.message_id)));
    }

    #[test]
    fn what_proves_nothing_is_told() {
        let outgoing = sent(true);
        let request = request_of(&outgoing.http);
        let mic = &outgoing.expectation.mics[0];
        let processed = Disposition::Processed;
        let good = receipt(&request, &processed, Some(mic), Some(acme()));

        let unsigned = receipt(&request, &processed, Some(mic), None);
        assert!(matches!(check(&outgoing, &unsigned), Err(Fault::MdnNotSigned)));

        let forged = receipt(&request, &processed, Some(mic), Some(mallory()));
        assert!(matches!(check(&outgoing, &forged), Err(Fault::Signer(who)) if who.contains("mallory")));

        let mut changed = receipt(&request, &Disposition::Error(Modifier::DecryptionFailed), None, Some(acme()));
        let text = String::from_utf8(changed.body.clone()).unwrap();
        changed.body = text.replace("processed/error: decryption-failed", "processed").into_bytes();
        assert!(matches!(check(&outgoing, &changed), Err(Fault::Signer(_))));

        let other = Mic::of(&b"something else".to_vec().into(), Digest::Sha256).unwrap();
        let other = receipt(&request, &processed, Some(&other), Some(acme()));
        assert!(matches!(check(&outgoing, &other), Err(Fault::MdnMic { .. })));
        let none = receipt(&request, &processed, None, Some(acme()));
        assert!(matches!(check(&outgoing, &none), Err(Fault::MdnMic { told, .. }) if told == "no MIC"));

        let mut elsewhere = request.clone();
        elsewhere.message_id = b"<another@gangway>".to_vec();
        let elsewhere = receipt(&elsewhere, &processed, Some(mic), Some(acme()));
        assert!(matches!(check(&outgoing, &elsewhere), Err(Fault::MdnOther(_))));
        let mut stranger = good.clone();
        for (name, value) in &mut stranger.headers {
            if name == "AS2-From" {
                *value = "ACME".into();
            }
        }
        assert!(matches!(check(&outgoing, &stranger), Err(Fault::MdnOther(_))));
    }

    #[test]
    fn brackets_are_no_difference_and_refusals_are_passed_on() {
        let outgoing = sent(true);
        let mut request = request_of(&outgoing.http);
        let mic = &outgoing.expectation.mics[0];
        request.message_id = request.message_id.trim_ascii()[1..request.message_id.len() - 1].to_vec();
        let bare = receipt(&request, &Disposition::Processed, Some(mic), Some(acme()));
        assert!(check(&outgoing, &bare).is_ok());
        let refusal = Disposition::Error(Modifier::AuthenticationFailed);
        let refused = receipt(&request, &refusal, None, Some(acme()));
        assert_eq!(check(&outgoing, &refused).unwrap(), refusal);
        assert!(!refusal.is_accepted());
    }

    #[test]
    fn an_unsigned_receipt_does_where_that_was_asked() {
        let outgoing = sent(false);
        let request = request_of(&outgoing.http);
        let mic = &outgoing.expectation.mics[0];
        for mic in [Some(mic), None] {
            assert!(check(&outgoing, &receipt(&request, &Disposition::Processed, mic, None)).is_ok());
        }
        let other = Mic::of(&b"something else".to_vec().into(), Digest::Sha256).unwrap();
        let other = receipt(&request, &Disposition::Processed, Some(&other), None);
        assert!(matches!(check(&outgoing, &other), Err(Fault::MdnMic { .. })));
        // A signature that nobody asked for must still hold.
        let mut asks = request.clone();
        asks.receipt.as_mut().unwrap().signed = true;
        let forged = receipt(&asks, &Disposition::Processed, None, Some(mallory()));
        assert!(matches!(read_receipt(&forged, acme()).signature, MdnSignature::Broken(_)));
        assert!(check(&outgoing, &forged).is_err());
    }

    /// RFC 4130 and RFC 5402 differ on whether headers count for unsigned messages; either is the same document.
    #[test]
    fn either_reading_of_the_rules_is_accepted() {
        for form in forms().into_iter().filter(|form| form.sign.is_none()) {
            let wanted = send::ReceiptTerms { signed: true, digests: &[Digest::Sha256], deliver_to: None, notify: "x" };
            let outgoing = build(gangway(), acme(), &DOCUMENT, &form, Some(wanted));
            let request = request_of(&outgoing.http);
            let content = Mic::of(&DOCUMENT[0].content.to_vec().into(), Digest::Sha256).unwrap();
            let whole = [
                &b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\n\r\n"[..],
                DOCUMENT[0].content,
            ]
            .concat();
            let whole = Mic::of(&whole.into(), Digest::Sha256).unwrap();
            for mic in [content, whole] {
                let receipt = receipt(&request, &Disposition::Processed, Some(&mic), Some(acme()));
                check(&outgoing, &receipt).unwrap();
            }
        }
    }
}

mod messages {
    use super::*;

    fn terms() -> Terms<'static> {
        Terms {
            from: "gangway",
            to: "acme",
            sign: None,
            encrypt: None,
            compress: Compress::Never,
            receipt: None,
            quirks: Quirks::default(),
        }
    }

    fn refused(documents: &[Document<'_>], id: &str, terms: &Terms<'_>) {
        let fault = send::build(documents, "x", id, terms, tools()).unwrap_err();
        assert!(matches!(fault, Fault::Settings(_)), "{fault}");
    }

    #[test]
    fn nothing_can_be_smuggled_into_headers() {
        let receipt = |notify, deliver_to| Some(send::ReceiptTerms { signed: false, digests: &[], deliver_to, notify });
        refused(&DOCUMENT, "<a\r\nb>", &terms());
        refused(&DOCUMENT, "", &terms());
        refused(&DOCUMENT, "<1@x>", &Terms { to: "a\r\nb", ..terms() });
        refused(&DOCUMENT, "<1@x>", &Terms { receipt: receipt("x\r\ny", None), ..terms() });
        refused(&DOCUMENT, "<1@x>", &Terms { receipt: receipt("x", Some("http://x/\r\ny")), ..terms() });
        refused(&[Document { content_type: "a/b\r\nx: y", ..DOCUMENT[0] }], "<1@x>", &terms());
        refused(&[], "<1@x>", &terms());
        let name = Document { filename: Some("a\"\r\nX: y"), ..DOCUMENT[0] };
        let sent = send::build(&[name], "Hi\r\nX: y", "<1@x>", &terms(), tools()).unwrap();
        assert!(sent.http.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
        assert_eq!(sent.http.header("x"), None);
    }

    #[test]
    fn ids_are_unique_and_long() {
        let ids: std::collections::BTreeSet<String> =
            (0..1000).map(|_| send::message_id("gangway.example", tools())).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 26 + "<@gangway.example>".len()));
        assert!(send::message_id("\r\n", tools()).ends_with("@gangway>"));
    }

    #[test]
    fn weak_algorithms_are_never_sent() {
        let certificates = [acme().certificate.clone()];
        let triple =
            Encryption { certificates: &certificates, cipher: Cipher::TripleDesCbc, transport: Transport::Pkcs1 };
        refused(&DOCUMENT, "<1@x>", &Terms { encrypt: Some(triple), ..terms() });
        let sign = Signing { key: &gangway().own, digest: Digest::Sha1, scheme: Scheme::RsaPkcs1 };
        let sent = send::build(&DOCUMENT, "x", "<1@x>", &Terms { sign: Some(sign), ..terms() }, tools()).unwrap();
        assert!(sent.http.header("content-type").unwrap().contains("micalg=sha-256"));
        assert_eq!(sent.expectation.mics[0].label, "sha-256");
    }

    #[test]
    fn what_is_on_the_wire_is_what_the_partner_file_says() {
        let digests = [Digest::Sha256, Digest::Sha1];
        let receipt = send::ReceiptTerms {
            signed: true,
            digests: &digests,
            deliver_to: Some("https://gangway.example/as2"),
            notify: "edi@gangway.example",
        };
        let quirks = Quirks { spelling: Spelling::Plain, ..Quirks::default() };
        let terms = Terms { to: "Acme Inc", receipt: Some(receipt), quirks, ..terms() };
        let sent = send::build(&DOCUMENT, "PO 1", "<1@x>", &terms, tools()).unwrap();
        for (name, value) in [
            ("AS2-Version", "1.2"),
            ("AS2-From", "gangway"),
            ("AS2-To", "\"Acme Inc\""),
            ("EDIINT-Features", "multiple-attachments"),
            ("Subject", "PO 1"),
            ("Disposition-Notification-To", "edi@gangway.example"),
            (
                "Disposition-Notification-Options",
                "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha256, sha1",
            ),
            ("Receipt-Delivery-Option", "https://gangway.example/as2"),
            ("Content-Type", "application/edi-x12"),
            ("Content-Length", "8"),
        ] {
            assert_eq!(sent.http.header(name), Some(value), "{name}");
        }
        assert_eq!(sent.http.header("content-transfer-encoding"), None);
    }
}
