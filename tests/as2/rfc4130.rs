//! RFC 4130 and its 2026 revision: the forms of messages and receipts, and the rules of each.

use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
    content::Content,
    disposition::{Disposition, Modifier},
    fault::Fault,
    headers::Request,
    mdn::{self, HttpMessage, MdnSignature, ReceiptTerms},
    mic::Mic,
    receive::{Accepted, Layer, Policy, Received},
    send::{self, Compress, Document, Quirks, TransferEncoding},
};

use super::parties::{
    Form, Party, acme, build, bytes, curve256, forms, gangway, lenient, openssl, path, read_receipt, receive, request,
    request_of, tools,
};

const X12: &[u8] =
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*GANGWAY        *260101*0000*U*00401*1*0*P*>~\r\nIEA*0*1~\n";

fn document() -> [Document<'static>; 1] {
    [Document { content: X12, content_type: "application/edi-x12", filename: Some("po 1.edi") }]
}

/// The receipt by `own` for what was received.
fn answer(request: &Request, received: &Received, own: &Party) -> HttpMessage {
    let terms = ReceiptTerms {
        key: Some(&own.own),
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: "<r@gangway>",
        product: "Gangway",
    };
    let (disposition, mic) = match &received.outcome {
        Ok(accepted) => (Disposition::Processed, accepted.mic.as_ref()),
        Err(fault) => (fault.disposition(), None),
    };
    mdn::write(request, &disposition, mic, &terms, tools()).unwrap()
}

fn accepted(received: Received) -> Accepted {
    let layers = received.layers;
    received.outcome.unwrap_or_else(|fault| panic!("{fault} after {layers:?}"))
}

mod section_2_4_permutations {
    use super::*;

    /// Twelve forms, CBC and GCM, five receipts: our sender to our receiver, and the receipt back.
    #[test]
    fn every_form_arrives_and_every_receipt_proves_it() {
        let digests = [Digest::Sha512, Digest::Sha256];
        let mut count = 0;
        for form in forms() {
            for (receipt, deliver_to) in [
                (None, None),
                (Some(false), None),
                (Some(true), None),
                (Some(false), Some("http://x/")),
                (Some(true), Some("http://x/")),
            ] {
                let wanted = receipt.map(|signed| send::ReceiptTerms {
                    signed,
                    digests: &digests,
                    deliver_to,
                    notify: "gangway@example.com",
                });
                let sent = build(acme(), gangway(), &document(), &form, wanted);
                let request = request_of(&sent.http);
                let policy = Policy {
                    must_sign: form.sign.is_some(),
                    must_encrypt: form.encrypt.is_some(),
                    ..Policy::default()
                };
                let received = receive(&request, sent.http.body.clone(), &policy);
                let mdn = receipt.map(|_| answer(&request, &received, gangway()));
                let accepted = accepted(received);
                let [payload] = accepted.payloads.as_slice() else { panic!() };
                assert_eq!(bytes(&payload.content), X12);
                assert_eq!(payload.content_type, "application/edi-x12");
                assert_eq!(payload.filename.as_deref(), Some("po 1.edi"));
                assert_eq!((accepted.is_signed, accepted.is_encrypted), (form.sign.is_some(), form.encrypt.is_some()));
                count += 1;
                let wanted = request.receipt.as_ref();
                assert_eq!(wanted.is_some(), receipt.is_some());
                let Some(mdn) = mdn else { continue };
                assert_eq!(wanted.unwrap().deliver_to.as_deref(), deliver_to);
                let mdn = read_receipt(&mdn, gangway());
                assert_eq!(matches!(mdn.signature, MdnSignature::Holds(_)), receipt == Some(true));
                if let MdnSignature::Holds(verified) = &mdn.signature {
                    // The first of the list, whatever the message was signed with.
                    assert_eq!(verified.digest, Digest::Sha512);
                }
                assert_eq!(sent.expectation.check(&mdn).unwrap(), Disposition::Processed);
            }
        }
        assert_eq!(count, 18 * 5);
    }

    #[test]
    fn every_quirk_arrives() {
        let quirks = [
            Quirks { transfer_encoding: TransferEncoding::Base64, ..Quirks::default() },
            Quirks { spelling: Spelling::Plain, ..Quirks::default() },
            Quirks { algorithm_protection: true, ..Quirks::default() },
            Quirks { opaque_signature: true, ..Quirks::default() },
            Quirks { opaque_signature: true, transfer_encoding: TransferEncoding::Base64, ..Quirks::default() },
            Quirks { omit_certificate: true, ..Quirks::default() },
            Quirks { lower_case_headers: true, ..Quirks::default() },
            Quirks { version: send::Version::V1_0, ..Quirks::default() },
            Quirks { omit_http_transfer_encoding: false, ..Quirks::default() },
        ];
        for quirks in quirks {
            for mut form in forms() {
                form.quirks = quirks.clone();
                let sent = build(acme(), gangway(), &document(), &form, None);
                let accepted = accepted(receive(&request_of(&sent.http), sent.http.body, &lenient()));
                assert_eq!(bytes(&accepted.payloads[0].content), X12, "{quirks:?}");
            }
        }
        let lower = Quirks { lower_case_headers: true, ..Quirks::default() };
        let form = Form { sign: None, encrypt: None, compress: Compress::Never, quirks: lower };
        let sent = build(acme(), gangway(), &document(), &form, None);
        assert!(sent.http.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()));
    }

    #[test]
    fn other_algorithms_arrive() {
        for (sign, encrypt) in [
            ((Digest::Sha512, Scheme::RsaPss), (Cipher::Aes128Gcm, Transport::Oaep(Digest::Sha256))),
            ((Digest::Sha384, Scheme::RsaPkcs1), (Cipher::Aes192Cbc, Transport::Oaep(Digest::Sha1))),
        ] {
            let form = Form {
                sign: Some(sign),
                encrypt: Some(encrypt),
                compress: Compress::BeforeSigning,
                quirks: Quirks::default(),
            };
            let sent = build(acme(), gangway(), &document(), &form, None);
            let received = receive(&request_of(&sent.http), sent.http.body, &Policy::default());
            let layers = received.layers.clone();
            accepted(received);
            assert!(
                matches!(
                    layers.as_slice(),
                    [Layer::Encrypted { cipher, transport, .. }, Layer::Signed { digest, scheme, .. }, Layer::Compressed { .. }]
                        if (*cipher, *transport) == encrypt && (*digest, *scheme) == sign
                ),
                "{layers:?}"
            );
        }
    }
}

mod section_5_made_by_openssl {
    use super::*;

    const ENTITY: &[u8] =
        b"Content-Type: application/edi-x12\r\nContent-Disposition: attachment; filename=a.edi\r\n\r\nISA*00*~\r\n";

    /// What OpenSSL prints, as HTTP headers and body.
    fn http(smime: &[u8]) -> (Request, Vec<u8>) {
        let at = smime.windows(2).position(|two| two == b"\n\n").map(|at| (at, at + 2));
        let crlf = smime.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, at + 4));
        let (head, body) = [at, crlf].into_iter().flatten().min().unwrap();
        let fields = gangway::as2::mime::Fields::parse(&smime[..head]).unwrap();
        let content_type = fields.text("content-type").unwrap().into_owned();
        let encoding = fields.text("content-transfer-encoding").unwrap_or_default().into_owned();
        let headers = [
            ("Content-Type", content_type.as_str()),
            ("Content-Transfer-Encoding", encoding.as_str()),
            ("Disposition-Notification-To", "x"),
        ];
        (request(&headers), smime[body..].to_vec())
    }

    fn sign(more: &[&str], entity: &[u8]) -> Vec<u8> {
        let mut arguments = vec!["cms", "-sign", "-binary", "-signer", path(&acme().certificate_file)];
        arguments.extend(["-inkey", path(&acme().key_file)]);
        arguments.extend_from_slice(more);
        openssl(&arguments, entity).unwrap()
    }

    fn encrypt(more: &[&str], entity: &[u8]) -> Vec<u8> {
        let mut arguments = vec!["cms", "-encrypt", "-binary"];
        arguments.extend_from_slice(more);
        arguments.push(path(&gangway().certificate_file));
        openssl(&arguments, entity).unwrap()
    }

    #[test]
    fn signed_encrypted_and_both_arrive() {
        let expected = Mic::of(&ENTITY.to_vec().into(), Digest::Sha256).unwrap();
        for smime_or_cms in ["-outform SMIME", "-outform SMIME -nodetach", "-stream -outform SMIME -nodetach"] {
            let options: Vec<&str> = smime_or_cms.split(' ').collect();
            let signed = sign(&options, ENTITY);
            let (request, body) = http(&signed);
            let one = accepted(receive(&request, body, &Policy { must_encrypt: false, ..Policy::default() }));
            assert_eq!(bytes(&one.payloads[0].content), b"ISA*00*~\r\n", "{smime_or_cms}");
            assert_eq!(one.mic, Some(expected.clone()), "{smime_or_cms}");
            for cipher in ["-aes256", "-aes-256-gcm"] {
                for form in [&["-outform", "SMIME"][..], &["-stream", "-outform", "SMIME"], &["-outform", "DER"]] {
                    let sealed = encrypt(&[&[cipher], form].concat(), &signed);
                    let (request, body) = if form == ["-outform", "DER"] {
                        (
                            super::request(&[("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data")]),
                            sealed,
                        )
                    } else {
                        http(&sealed)
                    };
                    let both = accepted(receive(&request, body, &Policy::default()));
                    assert_eq!(both.mic, Some(expected.clone()), "{smime_or_cms} {cipher} {form:?}");
                    assert!(both.is_signed && both.is_encrypted);
                }
            }
        }
        let sealed = encrypt(&["-aes128", "-outform", "DER"], ENTITY);
        let request = request(&[("Content-Type", "application/x-pkcs7-mime")]);
        let one = accepted(receive(&request, sealed, &lenient()));
        assert_eq!(one.mic, Some(expected));
    }

    #[test]
    fn a_body_is_read_whatever_the_transfer_encoding_says() {
        let sealed = encrypt(&["-aes256", "-outform", "DER"], ENTITY);
        use base64::Engine;
        let base64 = base64::engine::general_purpose::STANDARD.encode(&sealed).into_bytes();
        for body in [sealed, base64] {
            for claimed in ["base64", "binary", "7bit", ""] {
                let headers = [("Content-Type", "application/pkcs7-mime"), ("Content-Transfer-Encoding", claimed)];
                accepted(receive(&request(&headers), body.clone(), &lenient()));
            }
        }
        let headers = [("Content-Type", "application/edi-x12"), ("Content-Transfer-Encoding", "base64")];
        let plain = accepted(receive(&request(&headers), X12.to_vec(), &lenient()));
        assert_eq!(bytes(&plain.payloads[0].content), X12);
    }

    #[test]
    fn ecdsa_partners_arrive() {
        let certificate = path(&curve256().certificate_file);
        let arguments = [
            "cms",
            "-sign",
            "-binary",
            "-signer",
            certificate,
            "-inkey",
            path(&curve256().key_file),
            "-outform",
            "SMIME",
        ];
        let (request, body) = http(&openssl(&arguments, ENTITY).unwrap());
        let policy = Policy { must_encrypt: false, ..Policy::default() };
        let relation = gangway::as2::receive::Relation {
            certificates: std::slice::from_ref(&curve256().certificate),
            keys: &[],
            policy: &policy,
        };
        let received = gangway::as2::receive::receive(&request, body.into(), relation, tools());
        assert!(accepted(received).is_signed);
    }
}

mod section_7_3_1_mic {
    use super::*;

    fn mic_of(form: &Form, receipt: Option<send::ReceiptTerms<'_>>) -> (Accepted, send::Outgoing) {
        let sent = build(acme(), gangway(), &document(), form, receipt);
        (accepted(receive(&request_of(&sent.http), sent.http.body.clone(), &lenient())), sent)
    }

    fn form(sign: Option<Digest>) -> Form {
        let sign = sign.map(|digest| (digest, Scheme::RsaPkcs1));
        Form { sign, encrypt: None, compress: Compress::Never, quirks: Quirks::default() }
    }

    fn asks(digests: &[Digest]) -> send::ReceiptTerms<'_> {
        send::ReceiptTerms { signed: true, digests, deliver_to: None, notify: "x" }
    }

    #[test]
    fn a_plain_message_is_digested_without_headers_by_the_first_listed() {
        let (accepted, _) = mic_of(&form(None), Some(asks(&[Digest::Sha384, Digest::Sha1])));
        assert_eq!(accepted.mic.unwrap(), Mic::of(&X12.to_vec().into(), Digest::Sha384).unwrap());
        let (accepted, _) = mic_of(&form(None), None);
        assert_eq!(accepted.mic.unwrap(), Mic::of(&X12.to_vec().into(), Digest::Sha256).unwrap());
    }

    #[test]
    fn an_encrypted_message_is_digested_with_the_headers_inside() {
        let mut form = form(None);
        form.encrypt = Some((Cipher::Aes256Cbc, Transport::Pkcs1));
        let (accepted, sent) = mic_of(&form, None);
        let whole = [
            &b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: attachment; filename=\"po 1.edi\"\r\n\r\n"[..],
            X12,
        ]
        .concat();
        let expected = Mic::of(&whole.into(), Digest::Sha256).unwrap();
        assert_eq!(accepted.mic.unwrap(), expected);
        assert_eq!(sent.expectation.mics[0], expected);
    }

    #[test]
    fn a_signed_message_is_digested_as_it_was_signed_whatever_is_listed() {
        let (accepted, _) = mic_of(&form(Some(Digest::Sha512)), Some(asks(&[Digest::Sha256])));
        let mic = accepted.mic.unwrap();
        assert_eq!((mic.label.as_str(), mic.value.len()), ("sha-512", 64));
    }

    #[test]
    fn the_senders_spelling_is_kept() {
        for signed in [None, Some(Digest::Sha256)] {
            let sent = build(acme(), gangway(), &document(), &form(signed), None);
            let mut http = sent.http.clone();
            for (name, value) in [
                ("Disposition-Notification-To", "x"),
                (
                    "Disposition-Notification-Options",
                    "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, MD5, SHA256",
                ),
            ] {
                http.headers.push((name.into(), value.into()));
            }
            let request = request_of(&http);
            let received = receive(&request, http.body, &lenient());
            let receipt = answer(&request, &received, gangway());
            assert_eq!(accepted(received).mic.unwrap().label, "SHA256");
            assert!(receipt.header("content-type").unwrap().contains("micalg=SHA256"));
        }
    }

    #[test]
    fn a_sha_1_mic_is_signed_with_sha_256() {
        let (_, sent) = mic_of(&form(None), Some(asks(&[Digest::Sha1])));
        let request = request_of(&sent.http);
        let received = receive(&request, sent.http.body, &lenient());
        let mdn = read_receipt(&answer(&request, &received, gangway()), gangway());
        assert_eq!(mdn.mic.as_ref().unwrap().label, "sha-1");
        assert!(matches!(&mdn.signature, MdnSignature::Holds(verified) if verified.digest == Digest::Sha256));
        sent.expectation.check(&mdn).unwrap();
    }

    #[test]
    fn where_only_unknown_digests_are_listed_nothing_unlisted_is_used() {
        let options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, md5";
        let headers = [
            ("Content-Type", "application/edi-x12"),
            ("Disposition-Notification-To", "x"),
            ("Disposition-Notification-Options", options),
        ];
        let request = request(&headers);
        let received = receive(&request, X12.to_vec(), &lenient());
        let receipt = answer(&request, &received, gangway());
        assert!(receipt.header("content-type").unwrap().starts_with("multipart/report"));
        assert_eq!(accepted(received).mic, None);
    }
}

mod section_7_5_dispositions {
    use super::*;

    fn refused(more: &[(&str, &str)]) -> Disposition {
        let headers =
            [&[("Content-Type", "application/edi-x12"), ("Disposition-Notification-To", "x")][..], more].concat();
        let request = request(&headers);
        let received = receive(&request, X12.to_vec(), &lenient());
        let receipt = answer(&request, &received, gangway());
        let disposition = received.outcome.unwrap_err().disposition();
        let read = read_receipt(&receipt, gangway());
        assert_eq!(read.disposition, disposition);
        assert_eq!(read.original_message_id.unwrap_or_default(), request.message_id);
        disposition
    }

    #[test]
    fn what_is_required_of_the_receipt_and_cannot_be_done_is_a_failure() {
        let options = "signed-receipt-protocol=required, pgp; signed-receipt-micalg=optional, sha1";
        let expected = Disposition::Failure(Modifier::UnsupportedFormat);
        assert_eq!(refused(&[("Disposition-Notification-Options", options)]), expected);
        let options = "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=required, md5";
        let expected = Disposition::Failure(Modifier::UnsupportedMicAlgorithms);
        assert_eq!(refused(&[("Disposition-Notification-Options", options)]), expected);
    }

    #[test]
    fn a_message_id_that_is_none_is_an_error_and_is_repeated() {
        assert_eq!(refused(&[("Message-ID", "a b")]), Disposition::Error(Modifier::InvalidMessageId));
    }

    #[test]
    fn a_downgrade_is_refused() {
        for (form, policy, fault) in [
            (forms()[0].clone(), Policy::default(), "AS2-0402"),
            (forms()[0].clone(), Policy { must_encrypt: false, ..Policy::default() }, "AS2-0401"),
            (forms()[3].clone(), Policy::default(), "AS2-0401"),
            (forms()[6].clone(), Policy::default(), "AS2-0401"),
            (forms()[9].clone(), Policy::default(), "AS2-0402"),
        ] {
            let sent = build(acme(), gangway(), &document(), &form, None);
            let received = receive(&request_of(&sent.http), sent.http.body, &policy);
            let refused = received.outcome.unwrap_err();
            assert_eq!(refused.code().as_str(), fault);
            assert_eq!(refused.disposition(), Disposition::Error(Modifier::InsufficientMessageSecurity));
        }
    }

    #[test]
    fn a_digest_below_the_floor_is_refused() {
        let form = Form {
            sign: Some((Digest::Sha256, Scheme::RsaPkcs1)),
            encrypt: None,
            compress: Compress::Never,
            quirks: Quirks::default(),
        };
        let sent = build(acme(), gangway(), &document(), &form, None);
        let policy = Policy { weakest_digest: Digest::Sha384, ..lenient() };
        let refused = receive(&request_of(&sent.http), sent.http.body, &policy).outcome.unwrap_err();
        assert!(matches!(refused, Fault::Weak(_)));
        assert_eq!(refused.disposition(), Disposition::Error(Modifier::InsufficientMessageSecurity));
    }
}

mod rfc6362_several_documents {
    use super::*;

    #[test]
    fn each_arrives_with_its_name() {
        let documents = [
            Document { content: X12, content_type: "application/edi-x12", filename: Some("a.edi") },
            Document {
                content: b"\x00\xff\r\n--x",
                content_type: "application/pdf",
                filename: Some("Prüfbericht 1.pdf"),
            },
            Document { content: b"", content_type: "text/plain", filename: None },
        ];
        for form in forms() {
            let sent = build(acme(), gangway(), &documents, &form, None);
            let accepted = accepted(receive(&request_of(&sent.http), sent.http.body, &lenient()));
            assert_eq!(accepted.payloads.len(), 3);
            for (payload, document) in accepted.payloads.iter().zip(&documents) {
                assert_eq!(bytes(&payload.content), document.content);
                assert_eq!(payload.content_type, document.content_type);
                assert_eq!(payload.filename.as_deref(), document.filename);
            }
            assert!(sent.expectation.mics.iter().any(|mic| mic.agrees(accepted.mic.as_ref().unwrap())));
        }
    }

    #[test]
    fn a_multipart_that_goes_too_deep_or_has_too_many_is_refused() {
        let mut entity = b"x".to_vec();
        for depth in 0..9 {
            let part = if depth == 0 {
                "text/plain".to_owned()
            } else {
                format!("multipart/related; boundary=b{}", depth - 1)
            };
            entity = [
                format!("--b{depth}\r\nContent-Type: {part}\r\n\r\n").as_bytes(),
                &entity,
                format!("\r\n--b{depth}--\r\n").as_bytes(),
            ]
            .concat();
        }
        let request = request(&[("Content-Type", "multipart/related; boundary=b8")]);
        let refused = receive(&request, entity, &lenient()).outcome.unwrap_err();
        assert!(matches!(refused, Fault::Layers(_)), "{refused}");
        let many: Vec<u8> = [b"--b8\r\n\r\nx\r\n".repeat(100), b"--b8--".to_vec()].concat();
        assert!(receive(&request, Content::from(many), &lenient()).outcome.is_err());
    }
}
