//! RFC 5652 against OpenSSL's command line, both ways: what it makes we read, what we make it reads.

use gangway::as2::{
    algorithm::{Cipher, Digest, Scheme, Transport},
    cms::{self, Cms, DecryptionRules, SignOptions, SignatureRules},
    content::{Content, InMemory},
    entropy::System,
    fault::Fault,
};
use jiff::Timestamp;

use super::parties::{Party, acme, bytes, curve256, curve384, curve521, gangway, mallory, openssl, path};

const TEXT: &[u8] = b"Content-Type: application/edi-x12\r\n\r\nISA*00*~\r\n";

fn rules() -> SignatureRules {
    SignatureRules { weakest: Digest::Sha1, allow_weak: false, any_period: false, now: Timestamp::now() }
}

fn decryption() -> DecryptionRules {
    DecryptionRules { fewest_bits: 128, allow_weak: false, authenticated_only: false }
}

fn verify(cms: &[u8], detached: Option<&[u8]>, signer: &Party) -> Result<Digest, Fault> {
    let Cms::Signed(signed) = cms::read(&cms.to_vec().into())? else { panic!("not signed") };
    let content = match detached {
        Some(bytes) => Content::from(bytes.to_vec()),
        None => signed.content(&InMemory)?.unwrap(),
    };
    assert_eq!(signed.is_detached(), detached.is_some());
    assert_eq!(bytes(&content), TEXT);
    let verified = signed.verify(&content, &[mallory().certificate.clone(), signer.certificate.clone()], &rules())?;
    assert_eq!(verified.certificate, signer.certificate);
    // The others' certificates never do.
    assert!(matches!(signed.verify(&content, &[mallory().certificate.clone()], &rules()), Err(Fault::Signer(_))));
    assert_eq!(verified.scheme == Scheme::Ecdsa, signer.name.starts_with("curve"));
    Ok(verified.digest)
}

fn decrypt(cms: &[u8], to: &Party, rules: &DecryptionRules) -> Result<Vec<u8>, Fault> {
    decrypt_told(cms, to, rules).map(|(plain, _)| plain)
}

fn decrypt_told(cms: &[u8], to: &Party, rules: &DecryptionRules) -> Result<(Vec<u8>, Transport), Fault> {
    let Cms::Enveloped(enveloped) = cms::read(&cms.to_vec().into())? else { panic!("not enveloped") };
    let opened = enveloped.decrypt(&[mallory().own.clone(), to.own.clone()], rules, &System, &InMemory)?;
    assert_eq!(opened.recipient, to.certificate.fingerprint());
    Ok((bytes(&opened.content), opened.transport))
}

fn sign_by_openssl(signer: &Party, more: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["cms", "-sign", "-binary", "-outform", "DER", "-signer", path(&signer.certificate_file)];
    arguments.extend(["-inkey", path(&signer.key_file)]);
    arguments.extend_from_slice(more);
    openssl(&arguments, TEXT).unwrap()
}

mod section_5_signed_data {
    use super::*;

    #[test]
    fn every_digest_and_scheme_that_openssl_makes_verifies() {
        for (name, digest) in
            [("sha1", Digest::Sha1), ("sha256", Digest::Sha256), ("sha384", Digest::Sha384), ("sha512", Digest::Sha512)]
        {
            for more in [
                &[][..],
                &["-nodetach"],
                &["-noattr"],
                &["-nodetach", "-noattr"],
                &["-keyid"],
                &["-nocerts"],
                &["-stream", "-nodetach"],
            ] {
                let cms = sign_by_openssl(acme(), &[&["-md", name], more].concat());
                let detached = (!more.contains(&"-nodetach")).then_some(TEXT);
                assert_eq!(verify(&cms, detached, acme()).unwrap(), digest, "{name} {more:?}");
            }
            if digest != Digest::Sha1 {
                for salt in ["digest", "max", "0", "17"] {
                    let salt = format!("rsa_pss_saltlen:{salt}");
                    let more = ["-md", name, "-keyopt", "rsa_padding_mode:pss", "-keyopt", &salt];
                    let cms = sign_by_openssl(acme(), &more);
                    assert_eq!(verify(&cms, Some(TEXT), acme()).unwrap(), digest, "{name} {salt}");
                }
            }
            for party in [curve256(), curve384(), curve521()] {
                if (digest, party.name) == (Digest::Sha1, "curve384") {
                    continue; // The primitives do not have it.
                }
                let cms = sign_by_openssl(party, &["-md", name]);
                assert_eq!(verify(&cms, Some(TEXT), party).unwrap(), digest, "{name} {}", party.name);
            }
        }
    }

    #[test]
    fn pss_over_sha_1_is_told_as_unsupported() {
        let cms = sign_by_openssl(acme(), &["-md", "sha1", "-keyopt", "rsa_padding_mode:pss"]);
        let fault = verify(&cms, Some(TEXT), acme()).unwrap_err();
        assert!(matches!(&fault, Fault::Unsupported(text) if text.contains("PSS")), "{fault}");
    }

    #[test]
    fn everything_that_we_sign_openssl_verifies() {
        for (party, scheme) in [
            (gangway(), Scheme::RsaPkcs1),
            (gangway(), Scheme::RsaPss),
            (curve256(), Scheme::Ecdsa),
            (curve384(), Scheme::Ecdsa),
            (curve521(), Scheme::Ecdsa),
        ] {
            for digest in Digest::ALL {
                for (opaque, algorithm_protection, with_certificate) in
                    [(false, false, true), (true, true, true), (true, false, false)]
                {
                    let now = Timestamp::now();
                    let options = SignOptions { scheme, digest, with_certificate, algorithm_protection, now };
                    let cms = cms::sign(TEXT, opaque, &party.own, &options).unwrap();
                    let used = verify(&cms, (!opaque).then_some(TEXT), party).unwrap();
                    assert_eq!(used, party.own.signs_with(scheme, digest).1);
                    assert!(used >= Digest::Sha256);
                    let folder = tempfile::tempdir().unwrap();
                    let file = folder.path().join("content");
                    std::fs::write(&file, TEXT).unwrap();
                    let mut arguments = vec![
                        "cms",
                        "-verify",
                        "-binary",
                        "-inform",
                        "DER",
                        "-noverify",
                        "-certfile",
                        path(&party.certificate_file),
                    ];
                    if !opaque {
                        arguments.extend(["-content", path(&file)]);
                    }
                    let out = openssl(&arguments, &cms).unwrap_or_else(|why| panic!("{scheme:?} {digest:?}: {why}"));
                    assert_eq!(out, TEXT);
                    if !with_certificate {
                        // Nothing but the certificate file has it.
                        assert!(openssl(&["cms", "-verify", "-binary", "-inform", "DER", "-noverify"], &cms).is_err());
                    }
                }
            }
        }
    }

    #[test]
    fn a_certificate_renewed_over_the_same_key_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let renewed = folder.path().join("renewed.crt");
        let arguments = [
            "req",
            "-x509",
            "-key",
            path(&acme().key_file),
            "-days",
            "10",
            "-subj",
            "/CN=renewed",
            "-out",
            path(&renewed),
        ];
        openssl(&arguments, b"").unwrap();
        let cms = openssl(
            &[
                "cms",
                "-sign",
                "-binary",
                "-outform",
                "DER",
                "-signer",
                path(&renewed),
                "-inkey",
                path(&acme().key_file),
            ],
            TEXT,
        )
        .unwrap();
        assert_eq!(verify(&cms, Some(TEXT), acme()).unwrap(), Digest::Sha256);
    }
}

mod section_6_enveloped_data {
    use super::*;

    fn encrypt_by_openssl(cipher: &str, to: &[&Party], more: &[&str]) -> Vec<u8> {
        let mut arguments = vec!["cms", "-encrypt", "-binary", "-outform", "DER", cipher];
        arguments.extend_from_slice(more);
        for party in to {
            arguments.extend(["-recip", path(&party.certificate_file)]);
            if let Some(at) = more.iter().position(|option| *option == "-keyopt") {
                arguments.extend_from_slice(&more[at..]);
            }
        }
        if let Some(at) = more.iter().position(|option| *option == "-keyopt") {
            let from = arguments.iter().position(|option| *option == "-keyopt").unwrap();
            arguments.drain(from..from + more.len() - at);
        }
        openssl(&arguments, TEXT).unwrap()
    }

    #[test]
    fn every_cipher_and_transport_that_openssl_makes_is_read() {
        for cipher in ["-aes128", "-aes192", "-aes256", "-aes-128-gcm", "-aes-192-gcm", "-aes-256-gcm"] {
            for more in [
                &[][..],
                &["-keyid"],
                &["-stream"],
                &["-keyopt", "rsa_padding_mode:oaep"],
                &["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"],
                &["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha512"],
            ] {
                for to in [&[gangway()][..], &[acme(), gangway()]] {
                    let cms = encrypt_by_openssl(cipher, to, more);
                    let opened = decrypt_told(&cms, gangway(), &decryption());
                    let (plain, transport) = opened.unwrap_or_else(|fault| panic!("{cipher} {more:?}: {fault}"));
                    assert_eq!(plain, TEXT);
                    let expected = match more.last() {
                        Some(&"rsa_padding_mode:oaep") => Transport::Oaep(Digest::Sha1),
                        Some(&"rsa_oaep_md:sha256") => Transport::Oaep(Digest::Sha256),
                        Some(&"rsa_oaep_md:sha512") => Transport::Oaep(Digest::Sha512),
                        _ => Transport::Pkcs1,
                    };
                    assert_eq!(transport, expected, "{cipher} {more:?}");
                }
            }
        }
    }

    #[test]
    fn a_mask_over_another_digest_is_told_as_unsupported() {
        let more = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1"];
        let cms = encrypt_by_openssl("-aes256", &[gangway()], &more);
        let fault = decrypt(&cms, gangway(), &decryption()).unwrap_err();
        assert!(matches!(&fault, Fault::Unsupported(text) if text.contains("MGF1")), "{fault}");
    }

    #[test]
    fn triple_des_is_read_only_where_weak_algorithms_are_allowed() {
        let cms = encrypt_by_openssl("-des3", &[gangway()], &[]);
        assert!(matches!(decrypt(&cms, gangway(), &decryption()), Err(Fault::Weak(_))));
        let weak = DecryptionRules { allow_weak: true, ..decryption() };
        assert_eq!(decrypt(&cms, gangway(), &weak).unwrap(), TEXT);
    }

    #[test]
    fn floors_hold() {
        let cbc = encrypt_by_openssl("-aes128", &[gangway()], &[]);
        let gcm = encrypt_by_openssl("-aes-128-gcm", &[gangway()], &[]);
        let strong = DecryptionRules { fewest_bits: 256, ..decryption() };
        let tagged = DecryptionRules { authenticated_only: true, ..decryption() };
        assert!(matches!(decrypt(&cbc, gangway(), &strong), Err(Fault::Weak(_))));
        assert!(matches!(decrypt(&gcm, gangway(), &strong), Err(Fault::Weak(_))));
        assert!(matches!(decrypt(&cbc, gangway(), &tagged), Err(Fault::Weak(_))));
        assert_eq!(decrypt(&gcm, gangway(), &tagged).unwrap(), TEXT);
    }

    #[test]
    fn everything_that_we_encrypt_openssl_reads() {
        let certificates = [acme().certificate.clone(), gangway().certificate.clone()];
        let files = (path(&acme().certificate_file), path(&acme().key_file));
        for cipher in [
            Cipher::Aes128Cbc,
            Cipher::Aes192Cbc,
            Cipher::Aes256Cbc,
            Cipher::Aes128Gcm,
            Cipher::Aes192Gcm,
            Cipher::Aes256Gcm,
        ] {
            for transport in [
                Transport::Pkcs1,
                Transport::Oaep(Digest::Sha1),
                Transport::Oaep(Digest::Sha256),
                Transport::Oaep(Digest::Sha384),
                Transport::Oaep(Digest::Sha512),
            ] {
                for size in [0, 1, 15, 16, 17, 100_000] {
                    let plain: Vec<u8> = TEXT.iter().copied().cycle().take(size).collect();
                    let cms = cms::encrypt(&plain, &certificates, cipher, transport, &System).unwrap();
                    assert_eq!(decrypt(&cms, gangway(), &decryption()).unwrap(), plain);
                    if size == 17 || size == 100_000 {
                        let arguments =
                            ["cms", "-decrypt", "-binary", "-inform", "DER", "-recip", files.0, "-inkey", files.1];
                        assert_eq!(openssl(&arguments, &cms).unwrap(), plain, "{cipher:?} {transport:?} {size}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_encrypted_weakly() {
        let certificates = [acme().certificate.clone()];
        let refused = cms::encrypt(b"x", &certificates, Cipher::TripleDesCbc, Transport::Pkcs1, &System);
        assert!(matches!(refused, Err(Fault::Settings(_))));
        let curves = [curve256().certificate.clone()];
        let refused = cms::encrypt(b"x", &curves, Cipher::Aes256Cbc, Transport::Pkcs1, &System);
        assert!(matches!(refused, Err(Fault::Settings(_))));
        assert!(cms::encrypt(b"x", &[], Cipher::Aes256Cbc, Transport::Pkcs1, &System).is_err());
    }
}

mod keys_and_certificates {
    use gangway::as2::{certificate::Certificate, key::OwnKey};

    use super::*;

    #[test]
    fn a_certificate_is_read_as_openssl_reads_it() {
        for party in [acme(), curve256()] {
            let file = path(&party.certificate_file);
            let show = |option: &str| {
                let out = openssl(&["x509", "-in", file, "-noout", option], b"").unwrap();
                String::from_utf8(out).unwrap().trim().to_lowercase()
            };
            let certificate = &party.certificate;
            assert_eq!(show("-serial"), format!("serial={}", certificate.serial_text().trim_start_matches("00")));
            let print = show("-fingerprint").replace(':', "");
            let sha256 = openssl(&["x509", "-in", file, "-noout", "-fingerprint", "-sha256"], b"").unwrap();
            let sha256 = String::from_utf8(sha256).unwrap().to_lowercase().replace(':', "");
            assert!(sha256.trim().ends_with(certificate.fingerprint()) && !print.is_empty());
            assert_eq!(certificate.subject(), format!("CN={}, O=Example", party.name));
            assert_eq!(certificate.issuer_text(), certificate.subject());
            assert_eq!(certificate.key_id().map(<[u8]>::len), Some(20));
            assert!(certificate.is_valid_at(Timestamp::now()));
            let period = certificate.not_after().as_second() - certificate.not_before().as_second();
            assert_eq!(period, 3000 * 86_400);
        }
    }

    #[test]
    fn keys_that_are_too_small_or_of_another_certificate_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("k"), folder.path().join("c"));
        let arguments = [
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:1024",
            "-subj",
            "/CN=small",
            "-keyout",
            path(&key),
            "-out",
            path(&certificate),
        ];
        openssl(&arguments, b"").unwrap();
        let small = Certificate::read_all(&std::fs::read(&certificate).unwrap()).unwrap().remove(0);
        assert_eq!(small.rsa_bits(), Some(1024));
        let refused = OwnKey::from_pem(&std::fs::read(&key).unwrap(), small);
        assert!(matches!(refused, Err(Fault::Key(why)) if why.contains("2048")));
        let other = std::fs::read(&mallory().key_file).unwrap();
        assert!(matches!(OwnKey::from_pem(&other, acme().certificate.clone()), Err(Fault::KeyPair)));
        assert!(matches!(OwnKey::from_pem(&other, curve256().certificate.clone()), Err(Fault::Key(_))));
        assert!(matches!(OwnKey::from_pem(b"nothing", acme().certificate.clone()), Err(Fault::Key(_))));
        assert!(matches!(Certificate::read_all(b"nothing"), Err(Fault::Certificate(_))));
        assert!(matches!(Certificate::read_all(&[0x30, 0x03, 0x02, 0x01, 0x01]), Err(Fault::Certificate(_))));
    }
}
