//! What a running gateway takes when files change beside those of partners and mappings: a new TLS pair at once, and
//! `gangway.toml` not before a restart, which it says wherever somebody looks.

use std::{fs, sync::Arc};

use gangway::net::Tls;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::util::{Dir, Gateway, cast::settings, gwtest, wait_for};

const ADDRESSES: &str = "http = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\n";

/// Copies a part of the pair of `from` to where the settings name it.
fn put(dir: &Dir, from: &str, files: &[&str]) {
    for file in files {
        dir.create(format!("tls/{file}"), fs::read(dir.join(format!("{from}/{file}"))).unwrap());
    }
}

/// The certificate that the gateway shows to a new caller.
async fn shown(dir: &Dir) -> CertificateDer<'static> {
    let listeners: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("data/listeners.json")).unwrap()).unwrap();
    let stream = TcpStream::connect(listeners["public_tls"].as_str().unwrap()).await.unwrap();
    let mut roots = RootCertStore::empty();
    for pair in ["old", "new"] {
        roots.add(certificate(dir, pair)).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn certificate(dir: &Dir, pair: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(dir.join(format!("{pair}/cert.pem"))).unwrap()
}

/// A gateway that shows the old pair.
async fn with_a_pair(dir: &Dir) -> Gateway {
    for pair in ["old", "new"] {
        Tls::own(&dir.join(pair), &["localhost".into()]).unwrap();
    }
    put(dir, "old", &["cert.pem", "key.pem"]);
    let pair = format!("{ADDRESSES}certificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n");
    dir.create("gangway.toml", settings().replace(ADDRESSES, &pair));
    let gateway = Gateway::start(dir).await;
    assert_eq!(shown(dir).await, certificate(dir, "old"));
    gateway
}

gwtest!(a_new_certificate_is_shown_after_a_reload_and_a_bad_one_is_not, async |dir| {
    let gateway = with_a_pair(&dir).await;
    put(&dir, "new", &["cert.pem"]);
    let told = dir.run_well(&["reload"]);
    assert!(told.starts_with("gangway.toml: warning[NET-0002]: "), "{told}");
    assert!(told.contains("the TLS certificate from before is used"), "{told}");
    assert_eq!(shown(&dir).await, certificate(&dir, "old"));
    let differs = dir.run(&["diff", "--exit-code"]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&differs.stdout).starts_with("the TLS certificate\n"), "{differs:?}");

    put(&dir, "new", &["key.pem"]);
    assert_eq!(dir.run_well(&["reload"]), "The configuration was read again.\n");
    assert_eq!(shown(&dir).await, certificate(&dir, "new"));
    assert_eq!(dir.run_well(&["diff", "--exit-code"]), "What runs is what is on disk.\n");
    gateway.stop().await;
});

gwtest!(a_new_certificate_is_seen_without_a_word_and_its_end_is_measured, async |dir| {
    let gateway = with_a_pair(&dir).await;
    put(&dir, "new", &["key.pem", "cert.pem"]);
    wait_for("the new certificate", async || (shown(&dir).await == certificate(&dir, "new")).then_some(())).await;
    let print = gangway::as2::certificate::Certificate::from_der(&certificate(&dir, "new")).unwrap();
    let line = format!(
        "gangway_tls_certificate_ends{{place=\"0\",fingerprint=\"{}\"}} {}",
        print.fingerprint(),
        print.not_after().as_second()
    );
    wait_for("its end among the metrics", async || {
        let metrics = gateway.private().get("/metrics").await.unwrap().text();
        let told: Vec<_> = metrics.lines().filter(|line| line.starts_with("gangway_tls_certificate_ends{")).collect();
        (told == [line.as_str()]).then_some(())
    })
    .await;
    gateway.stop().await;
});

gwtest!(settings_that_changed_ask_for_a_restart_wherever_somebody_looks, async |dir| {
    dir.create("gangway.toml", settings());
    let gateway = Gateway::start(&dir).await;
    // Words and defaults are no change.
    dir.create("gangway.toml", format!("# Ours.\n{}[limits]\nuploads = 64\n", settings()));
    assert_eq!(dir.run_well(&["reload"]), "The configuration was read again.\n");
    assert_eq!(dir.run_well(&["diff", "--exit-code"]), "What runs is what is on disk.\n");

    dir.create("gangway.toml", format!("{}[limits]\nuploads = 7\nbody = \"2 MiB\"\n", settings()));
    let told = "gangway.toml changed: restart to use it (limits.body, limits.uploads)";
    assert_eq!(
        dir.run_well(&["reload"]),
        format!("gangway.toml: warning[CFG-0017]: {told}\nThe configuration was read again.\n")
    );
    let differs = dir.run(&["diff", "--exit-code"]);
    assert_eq!(differs.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8_lossy(&differs.stdout), @r#"
    gangway.toml changed: restart to use it
      ~ limits.body: "1 GiB" -> "2 MiB"   # gangway.toml:22
      ~ limits.uploads: 64 -> 7   # gangway.toml:21
    "#);
    let log = fs::read_to_string(dir.join("gateway.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains(told)).count(), 1, "{log}");
    let metrics = gateway.private().get("/metrics").await.unwrap().text();
    assert!(metrics.contains("gangway_config_restart_needed 1\n"), "{metrics}");

    // A file that no gateway would start with is told as what it is.
    dir.create("gangway.toml", format!("{}[limits]\nupload = 7\n", settings()));
    let reloaded = dir.run(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(78), "the command reads the file as well: {reloaded:?}");
    let broken = "error[CFG-0003]";
    assert!(String::from_utf8_lossy(&reloaded.stderr).contains(broken), "{reloaded:?}");

    dir.create("gangway.toml", format!("{}[limits]\nuploads = 7\n", settings()));
    let gateway = gateway.restart(&dir).await;
    assert_eq!(dir.run_well(&["reload"]), "The configuration was read again.\n");
    assert_eq!(dir.run_well(&["diff", "--exit-code"]), "What runs is what is on disk.\n");
    gateway.stop().await;
});
