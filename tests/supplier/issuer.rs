//! Tokens of an issuer outside, verified with the keys that it publishes.

use std::sync::{Arc, Mutex};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use gangway::play::Supplier;
use serde_json::{Value, json};

use super::{get, refused};
use crate::util::{Gateway, cast::*, gwtest, status, wait_for};

/// A key of the issuer.
struct Key {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        Self { id, pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    fn published(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let coordinate = |range| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "x": coordinate(1..33), "y": coordinate(33..65) })
    }

    fn token(&self, client: &str, change: impl FnOnce(&mut Value)) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({ "iss": "https://login.example", "aud": "gangway", "client_id": client, "exp": now + 600, "iat": now });
        change(&mut claims);
        let header = json!({ "alg": "ES256", "kid": self.id, "typ": "at+jwt" });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

gwtest!(tokens_of_the_issuer_open_what_its_clients_may, async |dir| {
    let (first, second) = (Key::new("1"), Key::new("2"));
    let published = Arc::new(Mutex::new(json!({ "keys": [first.published()] }).to_string()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let shown = Arc::clone(&published);
    let router = axum::Router::new()
        .route("/keys", axum::routing::get(move || std::future::ready(shown.lock().unwrap().clone())));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });

    assemble(&dir);
    let oauth = format!("\n[oauth]\nissuer = \"https://login.example\"\nkeys = \"{url}\"\n");
    dir.create("gangway.toml", settings() + &oauth);
    PartnerFile { keys: &[], more: "\n[rest]\noauth_clients = [\"acme-erp\"]\n", ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let base = format!("http://{}", gateway.public_address());
    let of = async |token: String| get(&Supplier::new(base.clone(), &token), "/v1/limits", &[]).await;

    let opened = wait_for("the keys", async || {
        let answer = of(first.token("acme-erp", |_| {})).await;
        (answer.status.as_u16() == 200).then_some(answer)
    })
    .await;
    assert_eq!(opened.json()["partner"], "acme");
    for wrong in [
        first.token("bolt-erp", |_| {}),
        first.token("acme-erp", |claims| claims["aud"] = "other".into()),
        first.token("acme-erp", |claims| claims["iss"] = "https://evil.example".into()),
        first.token("acme-erp", |claims| claims["exp"] = 1.into()),
        Key::new("1").token("acme-erp", |_| {}),
    ] {
        assert_eq!(refused(of(wrong).await, 401), "API-0101");
    }
    // A new key is fetched when a token names it; one that is taken back is of no use any more.
    assert_eq!(of(second.token("acme-erp", |_| {})).await.status, 401);
    *published.lock().unwrap() = json!({ "keys": [second.published()] }).to_string();
    wait_for("the new key", async || (of(second.token("acme-erp", |_| {})).await.status.as_u16() == 200).then_some(()))
        .await;
    assert_eq!(refused(of(first.token("acme-erp", |_| {})).await, 401), "API-0101");
    // An issuer that is away takes nothing back.
    serving.abort();
    status(of(second.token("acme-erp", |_| {})).await, 200);
    gateway.stop().await;
});
