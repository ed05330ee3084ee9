//! Client certificates that partners' files name, made and shown by OpenSSL.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::open;
use crate::util::{Dir, cast::*, gwtest, wait_for};

/// A certificate that its owner signed, and its key.
fn make(dir: &Dir, name: &str, kind: &[&str]) {
    std::fs::create_dir_all(dir.join("partners")).unwrap();
    let (key, certificate) = (dir.join(format!("{name}.key")), dir.join(format!("partners/{name}.pem")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", &format!("/CN={name}")])
        .args(["-newkey"])
        .args(kind)
        .arg("-keyout")
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()
        .expect("OpenSSL's command line");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The status of `GET /v1/limits` over TLS, with this certificate and this key of the API.
fn status_of(dir: &Dir, certificate: Option<&str>, version: &str, key: Option<&str>) -> u16 {
    let listeners = std::fs::read_to_string(dir.join("data/listeners.json")).unwrap();
    let listeners: serde_json::Value = serde_json::from_str(&listeners).unwrap();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-quiet", "-ign_eof", version, "-connect", listeners["public_tls"].as_str().unwrap()]);
    if let Some(name) = certificate {
        client.arg("-cert").arg(dir.join(format!("partners/{name}.pem")));
        client.arg("-key").arg(dir.join(format!("{name}.key")));
    }
    let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let request = format!("GET /v1/limits HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n");
    child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {text}"))
}

gwtest!(a_partner_that_has_certificates_has_to_show_one_of_them, async |dir| {
    let (acme, bolt) = (make_all(&dir), BOLT_KEY);
    let (gateway, _, plain) = open(&dir).await;
    let more: &'static str = Box::leak(acme.into_boxed_str());
    PartnerFile { keys: &[], more, ..ACME_FILE }.write(&dir);
    gateway.signal("HUP");
    wait_for("the reload", async || (super::get(&plain, "/v1/limits", &[]).await.status.as_u16() == 403).then_some(()))
        .await;
    let of = |certificate, version, key| status_of(&dir, certificate, version, key);
    for version in ["-tls1_2", "-tls1_3"] {
        assert_eq!(of(Some("old"), version, Some(ACME_KEY)), 200);
        assert_eq!(of(Some("new"), version, Some(ACME_KEY)), 200);
        assert_eq!(of(Some("new"), version, None), 200, "it is known by its certificate");
        assert_eq!(of(Some("other"), version, Some(ACME_KEY)), 403);
        assert_eq!(of(None, version, Some(ACME_KEY)), 403);
        assert_eq!(of(Some("other"), version, None), 401);
        assert_eq!(of(Some("new"), version, Some("gw_live_wrong")), 401, "a wrong key is not made up for");
        // Who has none to show is not asked for one.
        assert_eq!(of(None, version, Some(bolt)), 200);
    }
    // A key alone buys no token either.
    let form = format!("grant_type=client_credentials&client_id=acme&client_secret={ACME_KEY}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let bought = plain.client().send(http::Method::POST, "/v1/oauth/token", &headers, form.into_bytes()).await.unwrap();
    assert_eq!(super::refused(bought, 403), "API-0115");
    gateway.stop().await;
});

/// Makes acme's two certificates and a stranger's, and gives what acme's file says of them.
fn make_all(dir: &Dir) -> String {
    make(dir, "old", &["rsa:2048"]);
    make(dir, "new", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    make(dir, "other", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let hash = gangway::keys::ApiKey::digest_of(ACME_KEY);
    format!("\n[rest]\napi_keys = [\"sha256:{hash}\"]\nclient_certificates = [\"old.pem\", \"new.pem\"]\n")
}
