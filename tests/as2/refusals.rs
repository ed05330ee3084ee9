//! What the door refuses: each with the right disposition, nothing queued, and no call made to anybody.

use gangway::{
    as2::{
        algorithm::{Cipher, Digest},
        disposition::{Disposition, Modifier},
        send::Outgoing,
    },
    play::{As2Form, As2Partner},
};

use super::{
    door::document,
    hostile::{compressed_data, gigabyte, nested},
    site::{Site, answered, proven, read, with_body, with_header, x12},
};
use crate::util::gwtest;

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

    // Few bytes that would become many.
    let cms = |cms: Vec<u8>| -> Outgoing {
        let kind = "application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z";
        with_body(&with_header(&message(&plain), "Content-Type", kind), cms)
    };
    assert_eq!(proven(&site.post(&cms(compressed_data(&gigabyte()))).await), refused(Modifier::DecompressionFailed));
    let sent = site.post(&cms(nested(50))).await;
    assert_eq!(proven(&sent), refused(Modifier::UnexpectedProcessingError));

    assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
    assert!(site.server.receipts().is_empty() && site.server.taken().is_empty());
    // What was refused is there to be looked at.
    assert!(std::fs::read_dir(dir.join("data/as2/refused")).unwrap().count() > 10);
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
