//! TLS with the certificate of a first start: HTTP/1.1 and HTTP/2, and peers that never finish their handshake.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use gangway::net::{self, App, Limits, Stop, Tls};
use http_body_util::{BodyExt, Limited};
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::Wire;

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (tls, _) = Tls::own(folder.path(), &["localhost".into()]).unwrap();
    let router = Router::new()
        .route("/", get(|request: axum::extract::Request| async move { format!("{:?}", request.version()) }));
    let listener = net::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let limits = Limits { handshake: Duration::from_millis(300), ..Limits::default() };
    let stop = Stop::new();
    let serving = net::serve(listener, App::new("test", router), Some(tls), limits, stop.clone()).unwrap();

    let mut silent = Wire::connect(serving.address()).await;
    let mut plain = Wire::connect(serving.address()).await;
    plain.send("GET / HTTP/1.1\r\n\r\n").await;

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap()).unwrap();
    for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(serving.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let request = Request::get("https://localhost/").header("host", "localhost").body(Body::empty()).unwrap();
        let response = if version == Version::HTTP_2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        assert_eq!(response.status(), 200);
        assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
        #[allow(clippy::disallowed_methods, reason = "capped")]
        let body = Limited::new(response.into_body(), 1000).collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("{version:?}"));
    }
    silent.until_closed().await;
    plain.until_closed().await;
    stop.stop();
    assert_eq!(serving.finish(super::wire::PATIENCE).await.cut, 0);
}
