//! RFC 4130 §5 and RFC 9110 on the AS2 door: bodies with a length and in chunks, `Expect: 100-continue`, senders who are slow
//! on purpose, and TLS to partners' servers that ask who we are.

use std::{sync::Arc, time::Duration};

use gangway::{
    as2::{disposition::Disposition, send::Outgoing},
    exchange::{Carried, Courier},
    play::{As2Form, As2Server},
};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::net::TcpListener;

use super::{
    courier::{courier, parcel},
    door::document,
    parties::{self, openssl, path},
    site::{self, Site, fields, partner, proven, read, x12},
    wire::{self, Said, connect, connect_from, head},
};
use crate::util::{Dir, Gateway, drain, full, gwtest, wait_for};

/// A message's headers but those that say how its body comes.
pub(super) fn headers(outgoing: &Outgoing) -> Vec<(String, String)> {
    outgoing.http.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")).cloned().collect()
}

/// What the receipt in an answer says.
fn disposition(site: &Site, answer: &Said) -> Disposition {
    assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
    let headers = fields(answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    read(&site.acme, &headers, answer.body.clone()).disposition
}

/// A body in chunks of `size`, with what may stand around them. Extensions of tiny chunks would be more than they hold,
/// which the server does not read on with.
pub(super) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let extension = if size > 100 { ";note=\"x\"" } else { "" };
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\nX-Trailer: ignored\r\n\r\n");
    out
}

mod rfc4130_section_5_3_1_content_length {
    use super::*;

    gwtest!(a_body_comes_with_its_length_or_in_chunks_of_any_size, async |dir| {
        let site = Site::start(&dir, "").await;
        let address = site.gateway.public_address();
        let chunks = [None, Some(1 << 20), Some(1000), Some(1)];
        for (number, chunk) in (1..).zip(chunks) {
            let message = site.acme.message(&[document(&x12(number))], &As2Form::default()).unwrap();
            let body = &message.http.body;
            let (how, body) = match chunk {
                None => (format!("Content-Length: {}\r\n\r\n", body.len()), body.clone()),
                Some(size) => ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), chunked(body, size)),
            };
            let mut stream = connect(address).await;
            let whole = [head(&headers(&message)).as_bytes(), how.as_bytes(), &body].concat();
            wire::write(&mut stream, &whole).await.unwrap();
            let answer = wire::read(&mut stream).await.unwrap().unwrap();
            assert_eq!(disposition(&site, &answer), Disposition::Processed, "{chunk:?}");
            assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
            assert_eq!(answer.header("transfer-encoding"), None);
        }
        drain(&site.gateway.erp(), "erp", chunks.len()).await;
    });

    gwtest!(a_body_that_ends_early_leaves_nothing, async |dir| {
        let site = Site::start(&dir, "").await;
        let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let body = &message.http.body;
        let half = &body[..body.len() / 2];
        for how in [
            [format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), half].concat(),
            [b"Transfer-Encoding: chunked\r\n\r\n", &chunked(half, 100)[..half.len()]].concat(),
        ] {
            let mut stream = connect(site.gateway.public_address()).await;
            wire::write(&mut stream, &[head(&headers(&message)).as_bytes(), &how].concat()).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            // An error or nothing; never a receipt.
            if let Ok(Some(answer)) = wire::read(&mut stream).await {
                assert!((400..600).contains(&answer.status()), "{}", answer.first);
            }
        }
        assert!(site.gateway.erp().lease("erp", 100, 0, 60).await.unwrap().is_empty());
        // It was no attempt that counts.
        assert_eq!(proven(&site.post(&message).await), Disposition::Processed);
        drain(&site.gateway.erp(), "erp", 1).await;
    });
}

mod rfc9110_section_10_1_1_expect {
    use super::*;

    /// Sends a head that waits to be told to go on; gives what is said to it.
    async fn ask(
        site: &Site,
        headers: &[(String, String)],
        length: u64,
    ) -> (tokio::io::BufReader<tokio::net::TcpStream>, Said) {
        let mut stream = connect(site.gateway.public_address()).await;
        let text = format!("{}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n", head(headers));
        wire::write(&mut stream, text.as_bytes()).await.unwrap();
        let said = wire::read(&mut stream).await.unwrap().unwrap();
        (stream, said)
    }

    gwtest!(whoever_waits_to_be_told_is_told_to_go_on, async |dir| {
        let site = Site::start(&dir, "").await;
        let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let (mut stream, said) = ask(&site, &headers(&message), message.http.body.len() as u64).await;
        assert_eq!(said.status(), 100);
        wire::write(&mut stream, &message.http.body).await.unwrap();
        let answer = wire::read(&mut stream).await.unwrap().unwrap();
        assert_eq!(disposition(&site, &answer), Disposition::Processed);
        drain(&site.gateway.erp(), "erp", 1).await;
    });

    gwtest!(what_will_be_refused_is_refused_before_its_body_comes, async |dir| {
        let site = Site::start(&dir, "").await;
        let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let (_, said) = ask(&site, &headers(&message), 1 << 40).await;
        assert_eq!(said.status(), 413);
        let mut stranger = headers(&message);
        stranger.iter_mut().filter(|(name, _)| name == "AS2-From").for_each(|(_, value)| *value = "nobody".into());
        let (_, said) = ask(&site, &stranger, 1000).await;
        assert_eq!(disposition(&site, &said).to_string(), "processed/error: unknown-trading-relationship");
        site::write(&dir, &site.server.url(), "", "suspended");
        dir.run_well(&["reload", "--config", "gangway.toml"]);
        let (_, said) = ask(&site, &headers(&message), 1000).await;
        assert_eq!((said.status(), said.header("retry-after").is_some()), (503, true));
    });
}

mod slow_senders {
    use super::*;

    gwtest!(who_dawdles_is_cut_when_its_time_is_over, async |dir| {
        site::write(&dir, "http://127.0.0.1:9/as2", "", "live");
        let settings = std::fs::read_to_string(dir.join("gangway.toml")).unwrap();
        dir.create("gangway.toml", format!("{settings}\n[limits]\nhead_wait = \"2 s\"\nbody_wait = \"2 s\"\n"));
        let gateway = Gateway::start(&dir).await;
        let acme = partner(parties::acme());
        let message = acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let head = head(&headers(&message));
        let body = format!("Content-Length: {}\r\n\r\n", message.http.body.len());
        let unended = [head.as_bytes(), body.as_bytes(), &message.http.body[..10]].concat();
        let mut dawdling = Vec::new();
        for begun in [&head.as_bytes()[..60], &unended] {
            let mut stream = connect_from([127, 0, 0, 2], gateway.public_address()).await;
            wire::write(&mut stream, begun).await.unwrap();
            dawdling.push(stream);
        }
        for (mut stream, status) in dawdling.into_iter().zip(["", "HTTP/1.1 408"]) {
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(25), tokio::io::copy(&mut stream, &mut rest)).await;
            assert!(ended.is_ok(), "it is still open");
            assert!(rest.starts_with(status.as_bytes()), "{:?}", String::from_utf8_lossy(&rest));
        }
        // Nothing of it was taken, and the whole message is new.
        let answer = acme.post(&site::url(&gateway), message).await.unwrap();
        assert_eq!(proven(&answer), Disposition::Processed);
        drain(&gateway.erp(), "erp", 1).await;
    });

    gwtest!(many_who_dawdle_are_in_nobodys_way_and_are_cut, async |dir| {
        let site = Site::start(&dir, "").await;
        let message = site.acme.message(&[document(&x12(1))], &As2Form::default()).unwrap();
        let head = head(&headers(&message));
        let body = format!("Content-Length: {}\r\n\r\n", message.http.body.len());
        // Some never end their headers, some never end their bodies; there are more of these than uploads at once.
        let mut dawdling = Vec::new();
        for number in 0..300 {
            let mut stream = connect_from([127, 0, 0, 2], site.gateway.public_address()).await;
            let begun = match number % 2 {
                0 => head.as_bytes()[..60].to_vec(),
                _ => [head.as_bytes(), body.as_bytes(), &message.http.body[..10]].concat(),
            };
            wire::write(&mut stream, &begun).await.unwrap();
            dawdling.push(stream);
        }
        // Whoever comes from elsewhere is served, also in the name that the dawdlers use.
        let answer = site.acme.send(&site.url(), &x12(2), &As2Form::default()).await.unwrap();
        assert_eq!(proven(&answer), Disposition::Processed);
        let resident = site.gateway.resident();
        assert!(resident < 400 << 20, "{resident}");
        assert!(site.gateway.public().get("/v1/openapi.json").await.unwrap().status.is_success());
        if !full() {
            return;
        }
        // The headers have twenty seconds; bodies half a minute without a byte, and nobody waits longer for them.
        for mut stream in dawdling {
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(240), tokio::io::copy(&mut stream, &mut rest)).await;
            assert!(ended.is_ok(), "it is still open");
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4") || rest.starts_with(b"HTTP/1.1 5"), "{rest:?}");
        }
        assert_eq!(proven(&site.post(&message).await), Disposition::Processed);
        drain(&site.gateway.erp(), "erp", 2).await;
    });
}

mod tls_that_asks_who_we_are {
    use super::*;

    /// A certificate and its key in PEM, made by OpenSSL: `name.crt` and `name.key` in the folder of partners.
    fn made(dir: &Dir, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
        let (certificate, key) = (dir.join(format!("partners/{name}.crt")), dir.join(format!("partners/{name}.key")));
        std::fs::create_dir_all(dir.join("partners")).unwrap();
        let request = ["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "9", "-subj", "/CN=localhost"];
        let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path(&key), "-out", path(&certificate)];
        let more = ["-addext", "basicConstraints=critical,CA:FALSE"];
        openssl(&[&request[..], &names, &more].concat(), b"").unwrap();
        (certificate, key)
    }

    /// A TLS server that lets only `client` in, and hands what it says on to `behind`.
    async fn front(server: (std::path::PathBuf, std::path::PathBuf), client: &std::path::Path, behind: String) -> u16 {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(client).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_file(server.0).unwrap()],
                PrivateKeyDer::from_pem_file(server.1).unwrap(),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        port
    }

    gwtest!(we_show_the_certificate_that_the_partners_file_names, async |dir| {
        let server = As2Server::start(partner(parties::acme())).await.unwrap();
        let behind = server.url().trim_start_matches("http://").trim_end_matches("/as2").to_owned();
        let (theirs, ours) = (made(&dir, "theirs"), made(&dir, "ours"));
        made(&dir, "others");
        let port = front(theirs, &ours.0, behind).await;
        let url = format!("https://127.0.0.1:{port}/as2");
        let carry = async |number: u32, terms: &str| {
            site::write(&dir, &url, &format!("trust = [\"theirs.crt\"]\n{terms}"), "live");
            courier(&dir).await.carry(&parcel(&dir, &format!("d{number}"), &x12(number))).await
        };
        let own =
            |name: &str| format!("client_certificate = \"{name}.crt\"\nclient_key = \"file:partners/{name}.key\"");
        for terms in ["".to_owned(), own("others")] {
            let carried = carry(1, &terms).await;
            assert!(matches!(carried, Carried::TryAgain { .. }), "{terms}: {carried:?}");
            assert!(server.taken().is_empty());
        }
        let carried = carry(1, &own("ours")).await;
        assert!(matches!(carried, Carried::Delivered { .. }), "{carried:?}");
        assert_eq!(server.taken().len(), 1);
        // Who the server is counts as well: another's certificate in its place, and nothing is sent.
        site::write(&dir, &url, &format!("trust = [\"others.crt\"]\n{}", own("ours")), "live");
        let carried = courier(&dir).await.carry(&parcel(&dir, "d2", &x12(2))).await;
        assert!(matches!(carried, Carried::TryAgain { .. }), "{carried:?}");
        assert_eq!(server.taken().len(), 1);
        // Only half of the pair, and `check` says which half is missing.
        site::write(&dir, &url, "client_certificate = \"ours.crt\"", "live");
        let told = dir.run(&["check"]);
        let told = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
        assert!(told.contains("`as2.client_key` is missing beside this"), "{told}");
    });

    /// Posts a message over TLS by OpenSSL's client, which shows a certificate where it has one.
    fn post_over_tls(dir: &Dir, shown: Option<&str>, outgoing: &Outgoing) -> Vec<u8> {
        let listeners = std::fs::read(dir.join("data/listeners.json")).unwrap();
        let listeners: serde_json::Value = serde_json::from_slice(&listeners).unwrap();
        let (certificate, key) = match shown {
            Some(name) => (dir.join(format!("partners/{name}.crt")), dir.join(format!("partners/{name}.key"))),
            None => Default::default(),
        };
        let mut arguments =
            vec!["s_client", "-quiet", "-ign_eof", "-connect", listeners["public_tls"].as_str().unwrap()];
        if shown.is_some() {
            arguments.extend(["-cert", path(&certificate), "-key", path(&key)]);
        }
        let length = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", outgoing.http.body.len());
        let text = [head(&headers(outgoing)).as_bytes(), length.as_bytes(), &outgoing.http.body].concat();
        openssl(&arguments, &text).unwrap()
    }

    gwtest!(a_partner_shows_the_certificate_that_its_file_names, async |dir| {
        made(&dir, "theirs");
        made(&dir, "others");
        let site = Site::start(&dir, "tls_certificates = [\"theirs.crt\"]").await;
        let post = async |shown, number| {
            let outgoing = site.acme.message(&[document(&x12(number))], &As2Form::default()).unwrap();
            let said = tokio::task::block_in_place(|| post_over_tls(&dir, shown, &outgoing));
            disposition(&site, &wire::read(&mut said.as_slice()).await.unwrap().unwrap()).to_string()
        };
        let unknown = "processed/error: unknown-trading-relationship";
        assert_eq!(post(None, 1).await, unknown);
        assert_eq!(post(Some("others"), 1).await, unknown);
        // Without TLS nothing can be shown.
        let sent = site.acme.send(&site.url(), &x12(1), &As2Form::default()).await.unwrap();
        assert!(!read(&site.acme, &site::answered(&sent), sent.reply.body.clone()).disposition.is_accepted());
        assert_eq!(post(Some("theirs"), 1).await, "processed");
        drain(&site.gateway.erp(), "erp", 1).await;
    });

    gwtest!(a_key_that_cannot_be_read_is_told, async |dir| {
        let server = As2Server::start(partner(parties::acme())).await.unwrap();
        made(&dir, "ours");
        let terms = "client_certificate = \"ours.crt\"\nclient_key = \"file:partners/nowhere.key\"";
        site::write(&dir, &server.url(), terms, "live");
        let carried =
            wait_for("an answer", async || Some(courier(&dir).await.carry(&parcel(&dir, "d1", &x12(1))).await));
        let carried = carried.await;
        assert!(matches!(&carried, Carried::Refused { detail } if detail.contains("nowhere.key")), "{carried:?}");
        assert!(server.taken().is_empty());
    });
}
