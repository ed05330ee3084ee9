//! `gangway as2` and `gangway certs`: what a partner manager has at hand.

use gangway::play::{As2Form, As2Server};

use super::{
    door::document,
    parties,
    site::{Site, partner, with_body, write, x12},
};
use crate::util::{Dir, gwtest};

/// Runs the program: what it printed, and how it ended.
fn run(dir: &Dir, arguments: &[&str]) -> (String, Option<i32>) {
    let output = dir.run(arguments);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code())
}

gwtest!(a_file_is_sent_by_hand_and_its_receipt_read_out, async |dir| {
    let server = As2Server::start(partner(parties::acme())).await.unwrap();
    write(&dir, &server.url(), "", "live");
    dir.create("order.edi", x12(1));
    let arguments = ["as2", "send", "order.edi", "--partner", "acme", "--save", "sent.as2", "--config", "gangway.toml"];
    let (text, code) = tokio::task::block_in_place(|| run(&dir, &arguments));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("says: processed") && text.contains("It proves that the partner has the message"), "{text}");
    assert_eq!(server.taken()[0].bytes, x12(1));
    // Down, it is worth trying again.
    drop(server);
    let (text, code) = tokio::task::block_in_place(|| run(&dir, &arguments));
    assert_eq!(code, Some(75), "{text}");
    let (text, code) = run(&dir, &["as2", "send", "order.edi", "--partner", "nobody", "--config", "gangway.toml"]);
    assert_eq!(code, Some(2), "{text}");
});

gwtest!(a_capture_is_taken_apart_layer_by_layer, async |dir| {
    let site = Site::start(&dir, "").await;
    let good = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
    let capture = |outgoing: &gangway::as2::send::Outgoing| {
        let mut text = String::from("POST /as2 HTTP/1.1\r\n").into_bytes();
        for (name, value) in &outgoing.http.headers {
            text.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        [text, b"\r\n".to_vec(), outgoing.http.body.clone()].concat()
    };
    dir.create("good.as2", capture(&good));
    let (text, code) = run(&dir, &["as2", "show", "good.as2", "--config", "gangway.toml"]);
    assert_eq!(code, Some(0), "{text}");
    for part in ["From: acme", "encrypted with AES-256-CBC", "signed with Sha256", "it holds", "answer.edi", "MIC: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // What the gateway refused and kept.
    let mut body = good.http.body.clone();
    *body.last_mut().unwrap() ^= 1;
    site.post(&with_body(&good, body)).await;
    let kept = std::fs::read_dir(dir.join("data/as2/refused")).unwrap().next().unwrap().unwrap().path();
    let (text, code) = run(&dir, &["as2", "show", kept.to_str().unwrap(), "--config", "gangway.toml"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("here it ends: AS2-0305") && text.contains("decryption-failed"), "{text}");
    // A receipt.
    let sent = site.post(&good).await;
    let mut receipt = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in &sent.reply.headers {
        receipt.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    dir.create("receipt.as2", [receipt, b"\r\n".to_vec(), sent.reply.body.to_vec()].concat());
    let (text, _) = run(&dir, &["as2", "show", "receipt.as2", "--config", "gangway.toml"]);
    assert!(text.contains("A receipt, signed") && text.contains("says: processed"), "{text}");
});

gwtest!(what_was_signed_comes_out_of_the_record_as_it_came, async |dir| {
    let site = Site::start(&dir, "must_encrypt = false").await;
    let plain = As2Form { encrypt: None, ..As2Form::default() };
    let deflated = As2Form { compress: gangway::as2::send::Compress::BeforeSigning, ..plain.clone() };
    // What hardly becomes smaller, and is kept in pieces.
    let large: Vec<u8> =
        (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n).to_le_bytes()).collect();
    let unsigned = As2Form { sign: None, ..As2Form::default() };
    for (content, form) in [(x12(1), plain), (x12(2), deflated.clone()), (x12(3), unsigned), (large, deflated)] {
        let sent = site.acme.message(&[document(&content)], &form).unwrap();
        let signed = form.sign.is_some();
        if signed {
            site.post(&sent).await;
        } else {
            // Not signed, it is refused; and there is no message of such a name.
            let unknown = gangway::document::MessageId::new(1_700_000_000_000, 7).to_string();
            let (text, code) =
                run(&dir, &["as2", "evidence", &unknown, "--into", "none.as2", "--config", "gangway.toml"]);
            assert_eq!((code, dir.join("none.as2").exists()), (Some(1), false), "{text}");
            continue;
        }
        let found = site.gateway.erp().messages(&[("partner", "acme"), ("direction", "in")]).await.unwrap().json();
        let id = found["data"][0]["id"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned();
        let arguments = ["as2", "evidence", &id, "--into", "signed.as2", "--config", "gangway.toml"];
        let (text, code) = run(&dir, &arguments);
        assert_eq!(code, Some(0), "{text}");
        let kind = sent.http.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).unwrap();
        let whole = [format!("Content-Type: {}\r\n\r\n", kind.1).as_bytes(), &sent.http.body].concat();
        assert_eq!(std::fs::read(dir.join("signed.as2")).unwrap(), whole, "byte for byte");
        let (text, _) = run(&dir, &["as2", "show", "signed.as2", "--partner", "acme", "--config", "gangway.toml"]);
        assert!(text.contains("signed with Sha256") && text.contains("it holds"), "{text}");
    }
});

gwtest!(our_key_changes_without_an_outage, async |dir| {
    let acme = partner(parties::acme());
    write(&dir, "http://127.0.0.1:9/as2", "", "live");
    // Without keys in the settings, the gateway makes its own.
    let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
    let plain: String = settings
        .lines()
        .filter(|line| !line.starts_with("certificate") && !line.starts_with("key"))
        .map(|line| format!("{line}\n"))
        .collect();
    dir.create("gangway.toml", plain);
    let gateway = crate::util::Gateway::start(&dir).await;
    let url = super::site::url(&gateway);
    let certs = |arguments: &[&str]| {
        let (text, code) = run(&dir, &[&["certs"], arguments, &["--config", "gangway.toml"]].concat());
        assert_eq!(code, Some(0), "{text}");
        text
    };
    let read = |pem: &str| gangway::as2::certificate::Certificate::read_all(pem.as_bytes()).unwrap();
    let old = read(&certs(&["show", "--pem", "signing"]));
    let made = certs(&["new"]);
    let name = made.split_whitespace().nth(2).unwrap().to_owned();
    let new = read(&certs(&["show", "--pem", &name]));
    // Announced: either certificate is encrypted for, and the old one signs.
    let with = |encrypt: &[_], verify: &[_]| {
        let mut message = gangway::play::As2Partner { gateway_certificates: encrypt.to_vec(), ..acme.clone() };
        let outgoing = message.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        message.gateway_certificates = verify.to_vec();
        (message, outgoing)
    };
    for encrypt in [&old, &new] {
        let (partner, outgoing) = with(encrypt, &old);
        assert!(super::site::proven(&partner.post(&url, outgoing).await.unwrap()).is_accepted());
    }
    // What is past cannot be signed anew.
    let past = ["certs", "rotate", &name, "--from", "2020-01-01T00:00:00Z", "--config", "gangway.toml"];
    let (refused, code) = run(&dir, &past);
    assert!(code == Some(2) && refused.contains("is over"), "{code:?} {refused}");
    // Done: the new one signs, and the old one still decrypts.
    certs(&["rotate", &name]);
    let (partner, outgoing) = with(&old, &new);
    assert!(super::site::proven(&partner.post(&url, outgoing).await.unwrap()).is_accepted());
    let shown = certs(&["show"]);
    assert!(shown.contains("no more") && shown.contains("acme"), "{shown}");
    // Who did it stands in the record.
    let (audit, _) = run(&dir, &["audit", "list", "--config", "gangway.toml"]);
    assert!(
        audit.contains("certs new") && audit.contains("certs rotate: signs from") && audit.contains(&name),
        "{audit}"
    );
});
