//! What the door refuses: each with the right disposition, nothing queued, and no call made to anybody.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use gangway::{
    as2::{
        algorithm::{Cipher, Digest},
        cms::compress,
        disposition::{Disposition, Modifier},
        send::{Document, Outgoing},
    },
    play::{As2Form, As2Partner},
};

use super::{
    by_openssl,
    door::document,
    hostile::{compressed_data, gigabyte, nested},
    parties::{self, openssl, path},
    site::{Site, answered, partner, proven, read, with_body, with_header, write, x12},
    wire::{Listener, Said, Silent},
};
use crate::util::{Gateway, drain, gwtest, wait_for};

fn refused(modifier: Modifier) -> Disposition {
    Disposition::Error(modifier)
}

gwtest!(what_must_not_come_in_is_refused_and_leaves_nothing, async |dir| {
    let site = Site::start(&dir, "").await;
    let message = |form: &As2Form| site.acme.message(&[document(&x12(1))], form).unwrap();
    let plain = As2Form { sign: None, encrypt: None, ..As2Form::default() };
    let signed = As2Form { encrypt: None, ..As2Form::default() };
    let gcm = As2Form { encrypt: Some(Cipher::Aes256Gcm), ..As2Form::default() };

    // A tampered body.
    let good = message(&signed);
    let at = good.http.body.windows(4).position(|four| four == b"PO-1").unwrap();
    let mut body = good.http.body.clone();
    body[at] = b'X';
    assert_eq!(proven(&site.post(&with_body(&good, body)).await), refused(Modifier::IntegrityCheckFailed));

    // A tampered tag.
    let good = message(&gcm);
    let mut body = good.http.body.clone();
    *body.last_mut().unwrap() ^= 1;
    assert_eq!(proven(&site.post(&with_body(&good, body)).await), refused(Modifier::DecryptionFailed));

    // Not signed, or not encrypted, where both must be.
    let unsigned = As2Form { sign: None, encrypt: Some(Cipher::Aes256Gcm), ..As2Form::default() };
    for form in [&plain, &signed, &unsigned] {
        assert_eq!(proven(&site.post(&message(form)).await), refused(Modifier::InsufficientMessageSecurity));
    }

    // A signer whose certificate comes with the message only.
    let foreign = As2Partner::make("acme", "gangway", site.acme.gateway_certificates.clone()).unwrap();
    let theirs = foreign.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    assert_eq!(proven(&site.post(&theirs).await), refused(Modifier::AuthenticationFailed));

    // Nobody by this name, and nobody here by that.
    let good = message(&As2Form::default());
    for (name, value) in [("AS2-From", "acme2"), ("AS2-From", "ACME"), ("AS2-To", "gangway2")] {
        let sent = site.post(&with_header(&good, name, value)).await;
        assert_eq!(sent.reply.status, 200);
        let told = read(&site.acme, &answered(&sent), sent.reply.body.clone());
        assert_eq!(told.disposition, refused(Modifier::UnknownTradingRelationship), "{name}: {value}");
    }

    // A receipt that should go elsewhere: to a cloud's secrets, to an address that the file does not list, by mail.
    let elsewhere = format!("{}?x=1", site.server.url());
    for url in ["http://169.254.169.254/latest/meta-data", &elsewhere, "mailto:edi@acme.example"] {
        let sent = site.post(&with_header(&good, "Receipt-Delivery-Option", url)).await;
        assert_eq!(proven(&sent), refused(Modifier::UnexpectedProcessingError), "{url}");
    }

    // Few bytes that would become many: compressed twice, 10 KB are enough for a gigabyte.
    let cms = |cms: Vec<u8>| -> Outgoing {
        let kind = "application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z";
        with_body(&with_header(&message(&plain), "Content-Type", kind), cms)
    };
    assert_eq!(proven(&site.post(&cms(compressed_data(&gigabyte()))).await), refused(Modifier::DecompressionFailed));
    let head = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n";
    let twice = compress(&[&head[..], &compressed_data(&gigabyte())].concat()).unwrap();
    assert!(twice.len() < 10 << 10, "{}", twice.len());
    assert_eq!(proven(&site.post(&cms(twice)).await), refused(Modifier::UnexpectedProcessingError));
    // Whom the partner trusts may send a bomb as well: its signature does not lift the cap.
    let bomb = [&head[..], &compressed_data(&gigabyte())].concat();
    let sealed = by_openssl::wrapped(&bomb, true, Some("-aes-256-gcm"), parties::acme(), parties::gangway());
    let sent = with_body(&with_header(&message(&plain), "Content-Type", &sealed.0), sealed.1);
    assert_eq!(proven(&site.post(&sent).await), refused(Modifier::DecompressionFailed));
    let sent = site.post(&cms(nested(50).last().unwrap())).await;
    assert_eq!(proven(&sent), refused(Modifier::UnexpectedProcessingError));

    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
    assert!(site.server.receipts().is_empty() && site.server.taken().is_empty());
    // What was refused is there to be looked at.
    assert!(std::fs::read_dir(dir.join("data/as2/refused")).unwrap().count() > 10);
});

gwtest!(what_openssl_makes_below_the_agreement_is_refused, async |dir| {
    let site = Site::start(&dir, "weakest_digest = \"sha-256\"").await;
    let plain = site.acme.message(&[document(&x12(1))], &As2Form { sign: None, encrypt: None, ..As2Form::default() });
    let plain = plain.unwrap();
    let innermost = [b"Content-Type: application/edi-x12\r\n\r\n", &x12(1)[..]].concat();
    let (us, them) = (parties::gangway(), parties::acme());
    let seal = |cipher: &str, to: &parties::Party, part: &[u8]| {
        let arguments = ["cms", "-encrypt", "-binary", "-outform", "DER", cipher, path(&to.certificate_file)];
        openssl(&arguments, part).unwrap()
    };
    let good = by_openssl::wrapped(&innermost, true, None, them, us);
    let good = [format!("Content-Type: {}\r\n\r\n", good.0).as_bytes(), &good.1].concat();
    let send = async |cms: Vec<u8>| {
        let kind = "application/pkcs7-mime; smime-type=enveloped-data";
        let sent = site.post(&with_body(&with_header(&plain, "Content-Type", kind), cms)).await;
        read(&site.acme, &answered(&sent), sent.reply.body.clone()).disposition
    };
    assert_eq!(send(seal("-des3", us, &good)).await, refused(Modifier::InsufficientMessageSecurity));
    assert_eq!(send(seal("-aes256", parties::mallory(), &good)).await, refused(Modifier::DecryptionFailed));
    // A signature by SHA-1, where the file says SHA-256 or better.
    let sign = ["cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha1"];
    let by = ["-signer", path(&them.certificate_file), "-inkey", path(&them.key_file)];
    let weak = openssl(&[&sign[..], &by].concat(), &innermost).unwrap();
    let weak = [b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\n", &weak[..]].concat();
    assert_eq!(send(seal("-aes256", us, &weak)).await, refused(Modifier::InsufficientMessageSecurity));
    // Encrypted, and signed by nobody.
    assert_eq!(send(seal("-aes256", us, &innermost)).await, refused(Modifier::InsufficientMessageSecurity));
    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
    // The same by the agreement comes in.
    assert_eq!(send(seal("-aes256", us, &good)).await, Disposition::Processed);
    drain(&site.gateway.erp(), "erp", 1).await;
});

gwtest!(nothing_that_anybody_says_makes_us_call_them, async |dir| {
    let silent = Silent::start().await;
    let nowhere = format!("http://{}/", silent.address);
    // The one address that the file lists sends on to the other.
    let redirects = Arc::new(AtomicUsize::new(0));
    let (counting, target) = (Arc::clone(&redirects), nowhere.clone());
    let listed = Listener::start(move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        let answer = Said::answer(307, vec![("Location".into(), target.clone())], Vec::new());
        async move { answer }
    });
    let listed = listed.await;
    let url = format!("http://{}/as2", listed.address);
    let acme = partner(parties::acme());
    write(&dir, &url, "receipt = \"none\"", "live");
    let gateway = Gateway::start(&dir).await;
    let site_url = super::site::url(&gateway);
    let post = async |outgoing: Outgoing| acme.post(&site_url, outgoing).await.unwrap();
    let message = |form: &As2Form| acme.message(&[document(&x12(1))], form).unwrap();
    let good = message(&As2Form::default());

    // Receipts: to where nobody agreed to, however the address is dressed up.
    let host = listed.address.to_string();
    for to in [
        nowhere.clone(),
        format!("http://{host}@{}/as2", silent.address),
        format!("{url}#@{}", silent.address),
        format!("HTTP://{host}/as2"),
        format!("http://{host}/as2/../{}", silent.address),
        format!("{url}, {nowhere}"),
        format!("http://[::ffff:127.0.0.1]:{}/", silent.address.port()),
        format!("http://localhost:{}/", silent.address.port()),
    ] {
        let sent = post(with_header(&good, "Receipt-Delivery-Option", &to)).await;
        assert_eq!(proven(&sent), refused(Modifier::UnexpectedProcessingError), "{to}");
        // One who is nobody here is not even told.
        let stranger = with_header(&with_header(&good, "AS2-From", "nobody"), "Receipt-Delivery-Option", &to);
        assert_eq!(post(stranger).await.reply.status, 403, "{to}");
        // Nor does a message that is refused anyway get its receipt there.
        let plain = As2Form { sign: None, encrypt: None, ..As2Form::default() };
        let sent = post(with_header(&message(&plain), "Receipt-Delivery-Option", &to)).await;
        assert!(!proven(&sent).is_accepted(), "{to}");
    }
    let sent = post(with_header(&good, "Disposition-Notification-To", &nowhere)).await;
    assert_eq!(proven(&sent), Disposition::Processed);

    // A signer whose certificate says where its issuer and its revocations are.
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    let issuer = format!("authorityInfoAccess=caIssuers;URI:{nowhere}ca,OCSP;URI:{nowhere}ocsp");
    let revoked = format!("crlDistributionPoints=URI:{nowhere}crl");
    let request = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=acme", "-days", "9"];
    let names = ["-addext", &issuer, "-addext", &revoked, "-keyout", path(&key), "-out", path(&certificate)];
    openssl(&[&request[..], &names].concat(), b"").unwrap();
    let innermost = [b"Content-Type: application/edi-x12\r\n\r\n", &x12(1)[..]].concat();
    let sign = ["cms", "-sign", "-binary", "-nodetach", "-outform", "DER"];
    let signed = openssl(&[&sign[..], &["-signer", path(&certificate), "-inkey", path(&key)]].concat(), &innermost);
    let kind = "application/pkcs7-mime; smime-type=signed-data";
    let sent = post(with_body(&with_header(&good, "Content-Type", kind), signed.unwrap())).await;
    assert_eq!(proven(&sent), refused(Modifier::AuthenticationFailed));

    // Documents that point elsewhere, in envelopes that are as agreed: they have come, and nobody goes there.
    let xml = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x SYSTEM \"{nowhere}dtd\" [<!ENTITY e SYSTEM \"{nowhere}e\">]><x>&e;</x>"
    );
    let external = format!("message/external-body; access-type=URL; URL=\"{nowhere}body\"");
    let documents = [
        Document { content: xml.as_bytes(), content_type: "application/xml", filename: Some("x.xml") },
        Document { content: b"Content-Type: text/plain\r\n\r\n", content_type: &external, filename: None },
    ];
    let sent = post(acme.message(&documents, &As2Form::default()).unwrap()).await;
    assert_eq!(proven(&sent), Disposition::Processed);

    // And where the receipt may go sends us on to where it may not.
    let form = As2Form { deliver_to: Some(url), ..As2Form::default() };
    let sent = post(acme.message(&[document(b"Good morning.")], &form).unwrap()).await;
    assert_eq!(sent.reply.status, 200);
    wait_for("the receipt to be sent", async || (redirects.load(Ordering::SeqCst) > 0).then_some(())).await;
    drain(&gateway.erp(), "erp", 1).await;
    gateway.stop().await;
    assert_eq!(silent.calls(), 0);
});

gwtest!(a_bad_padding_is_told_like_a_bad_key, async |dir| {
    let site = Site::start(&dir, "").await;
    let good = site.acme.message(&[document(&x12(1))], &As2Form { sign: Some(Digest::Sha256), ..As2Form::default() });
    let good = good.unwrap();
    // The last block holds the padding; the content key is near the start.
    let mut told = Vec::new();
    let end = good.http.body.len() - 1;
    for at in [end, end - 16, 200, 300] {
        let mut body = good.http.body.clone();
        body[at] ^= 0x55;
        let sent = site.post(&with_body(&good, body)).await;
        told.push((sent.reply.status, proven(&sent)));
    }
    told.dedup();
    assert_eq!(told, [(200, refused(Modifier::DecryptionFailed))]);
    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
});

gwtest!(what_is_no_message_is_answered_like_any_http_server_would, async |dir| {
    let site = Site::start(&dir, "").await;
    let good = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    for name in ["AS2-From", "AS2-To"] {
        let mut nameless = good.clone();
        nameless.http.headers.retain(|(own, _)| own != name);
        assert_eq!(site.post(&nameless).await.reply.status, 400, "{name}");
    }
    // No receipt is asked for, so a status has to do.
    let mut silent = good.clone();
    silent.http.headers.retain(|(own, _)| !own.starts_with("Disposition-Notification"));
    assert_eq!(site.post(&with_header(&silent, "AS2-From", "nobody")).await.reply.status, 403);
    let body = silent.http.body[..silent.http.body.len() - 40].to_vec();
    assert_eq!(site.post(&with_body(&silent, body)).await.reply.status, 400);
    let spaced = site.post(&with_header(&good, "Message-ID", "<a b@c>")).await;
    let told = read(&site.acme, &answered(&spaced), spaced.reply.body.clone());
    assert_eq!(told.disposition, refused(Modifier::InvalidMessageId));
    assert_eq!(told.original_message_id.unwrap(), b"<a b@c>");
});
