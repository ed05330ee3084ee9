//! Endpoints that suppliers name themselves: told in order, signed, and only where they may lead.

use std::collections::BTreeSet;

use gangway::{
    net::webhook::signature,
    play::{Answer, Call, Endpoint, ErpClient, Supplier},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{get, header, openapi, refused};
use crate::{
    outbound::{post, verbs},
    util::{Dir, Gateway, accepted, cast::*, gwtest, status, wait_for},
};

const ADDRESS: &str = "/v1/webhook_endpoints";

/// A gateway that may call this machine, and a supplier whose orders wait for it at the API.
async fn open(dir: &Dir) -> (Gateway, ErpClient, Supplier) {
    assemble(dir);
    dir.create("gangway.toml", settings() + "\n[calls]\ninside = [\"127.0.0.0/8\"]\n");
    PartnerFile { more: "\n[send]\nchannel = \"rest\"\nformat = \"json\"\n", ..ACME_FILE }.write(dir);
    let gateway = Gateway::start(dir).await;
    let (erp, acme) = (gateway.erp(), gateway.supplier(ACME_KEY));
    (gateway, erp, acme)
}

async fn ask(supplier: &Supplier, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    supplier.client().send(method, path, &all, body).await.unwrap()
}

async fn name(supplier: &Supplier, key: &str, body: Value) -> Answer {
    ask(supplier, Method::POST, ADDRESS, &[("idempotency-key", key)], &body).await
}

/// The events that came, by their subjects and what happened.
fn told(endpoint: &Endpoint) -> Vec<String> {
    let name = |call: &Call| {
        let event: Value = serde_json::from_slice(&call.body).unwrap();
        format!("{} {}", event["type"].as_str().unwrap(), event["subject"].as_str().unwrap_or_default())
    };
    endpoint.taken().iter().map(name).collect()
}

fn signed(call: &Call, secrets: &[&str]) -> bool {
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    let seconds = header("webhook-timestamp").parse().unwrap();
    signature(&secrets, &header("webhook-id"), seconds, &call.body) == header("webhook-signature")
}

gwtest!(an_endpoint_is_told_in_order_and_over_a_restart, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let document = openapi::describe(&acme).await;
    let endpoint = Endpoint::start().await.unwrap();
    let made = status(name(&acme, "k", json!({ "url": endpoint.url() })).await, 201);
    openapi::held(&document, ADDRESS, "post", &made);
    let (id, secret) =
        (made.json()["id"].as_str().unwrap().to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert_eq!(header(&made, "location"), format!("{ADDRESS}/{id}"));
    // An order that is told of is delivered by that.
    post(&erp, "1", "acme", "45").await;
    wait_for("the first event", async || (!endpoint.taken().is_empty()).then_some(())).await;
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
    let call = endpoint.taken().remove(0);
    assert!(signed(&call, &[&secret]) && !signed(&call, &["whsec_b3RoZXI="]));

    // Down for a while, and over a restart: what comes then comes later, in order, and nothing twice.
    endpoint.answer(StatusCode::SERVICE_UNAVAILABLE);
    post(&erp, "2", "acme", "46").await;
    let called = endpoint.calls().len();
    wait_for("an attempt", async || (endpoint.calls().len() > called).then_some(())).await;
    accepted(acme.post_x12("a", answer_to(ACME, 1, "46")).await.unwrap());
    let gateway = gateway.restart(&dir).await;
    let (erp, acme) = (gateway.erp(), gateway.supplier(ACME_KEY));
    let fares = status(get(&acme, &format!("{ADDRESS}/{id}"), &[]).await, 200);
    openapi::held(&document, &format!("{ADDRESS}/{{id}}"), "get", &fares);
    assert!(
        fares.json()["failed_attempts"].as_u64().unwrap() >= 1 && fares.json().get("secret").is_none(),
        "{}",
        fares.text()
    );
    endpoint.answer(StatusCode::NO_CONTENT);
    wait_for("the rest", async || (endpoint.taken().len() >= 3).then_some(())).await;
    assert_eq!(
        told(&endpoint),
        [
            "gangway.purchase_order.issued.v1 purchase_order/45",
            "gangway.purchase_order.issued.v1 purchase_order/46",
            "gangway.order_acknowledgement.received.v1 order_acknowledgement/46",
        ]
    );
    let ids: BTreeSet<_> = endpoint.taken().iter().map(|call| call.headers["webhook-id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(verbs(&erp, "purchase_order/46", 2).await[1], "purchase_order.delivered");
    gateway.stop().await;
});

gwtest!(secrets_are_shown_once_and_overlap, async |dir| {
    let (gateway, _, acme) = open(&dir).await;
    let document = openapi::describe(&acme).await;
    let endpoint = Endpoint::start().await.unwrap();
    let wanted = json!({ "url": endpoint.url(), "types": ["gangway.purchase_order.issued.v1"] });
    let made = status(name(&acme, "k", wanted.clone()).await, 201).json();
    let (path, first) =
        (format!("{ADDRESS}/{}", made["id"].as_str().unwrap()), made["secret"].as_str().unwrap().to_owned());
    // The same key names the same endpoint, and tells no secret again.
    let again = status(name(&acme, "k", wanted).await, 201);
    assert_eq!((header(&again, "idempotency-replayed"), &again.json()["id"]), ("true", &made["id"]));
    assert!(again.json().get("secret").is_none());
    assert_eq!(refused(name(&acme, "k", json!({ "url": "https://other.example/" })).await, 422), "API-0105");
    assert_eq!(
        refused(ask(&acme, Method::POST, ADDRESS, &[], &json!({ "url": endpoint.url() })).await, 400),
        "API-0103"
    );

    let turn =
        status(ask(&acme, Method::POST, &format!("{path}/rotate"), &[], &json!({ "overlap_secs": 600 })).await, 200);
    openapi::held(&document, &format!("{ADDRESS}/{{id}}/rotate"), "post", &turn);
    let second = turn.json()["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let tried = status(ask(&acme, Method::POST, &format!("{path}/test"), &[], &Value::Null).await, 200);
    openapi::held(&document, &format!("{ADDRESS}/{{id}}/test"), "post", &tried);
    assert_eq!(tried.json()["delivered"], true, "{}", tried.text());
    assert!(signed(&endpoint.taken()[0], &[&second, &first]), "both sign while one replaces the other");
    status(ask(&acme, Method::POST, &format!("{path}/rotate"), &[], &json!({ "overlap_secs": 0 })).await, 200);
    status(ask(&acme, Method::POST, &format!("{path}/test"), &[], &Value::Null).await, 200);
    assert!(!header_of(&endpoint, 1).contains(' '), "one signature only");

    // Nothing is written that others might read.
    let listed = status(get(&acme, ADDRESS, &[]).await, 200);
    openapi::held(&document, ADDRESS, "get", &listed);
    assert!(!listed.text().contains("whsec_"));
    // Whoever knows an old form of it changes nothing.
    let etag = header(&status(get(&acme, &path, &[]).await, 200), "etag").to_owned();
    let off = json!({ "state": "disabled" });
    let changed = status(ask(&acme, Method::PATCH, &path, &[("if-match", &etag)], &off).await, 200);
    openapi::held(&document, &format!("{ADDRESS}/{{id}}"), "patch", &changed);
    assert_eq!(changed.json()["state"], "disabled");
    assert_eq!(refused(ask(&acme, Method::PATCH, &path, &[("if-match", &etag)], &off).await, 412), "API-0112");
    assert_eq!(refused(ask(&acme, Method::DELETE, &path, &[("if-match", &etag)], &Value::Null).await, 412), "API-0112");
    assert_eq!(refused(get(&gateway.supplier(BOLT_KEY), &path, &[]).await, 404), "API-0116");
    assert_eq!(refused(get(&gateway.supplier(ACME_TEST_KEY), &path, &[]).await, 404), "API-0116");
    status(ask(&acme, Method::DELETE, &path, &[], &Value::Null).await, 204);
    assert_eq!(refused(get(&acme, &path, &[]).await, 404), "API-0116");
    gateway.stop().await;
});

fn header_of(endpoint: &Endpoint, call: usize) -> String {
    endpoint.taken()[call].headers["webhook-signature"].to_str().unwrap().to_owned()
}

gwtest!(an_endpoint_that_is_gone_is_disabled_until_its_owner_enables_it, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let endpoint = Endpoint::start().await.unwrap();
    endpoint.answer(StatusCode::GONE);
    let made = status(name(&acme, "k", json!({ "url": endpoint.url() })).await, 201).json();
    let path = format!("{ADDRESS}/{}", made["id"].as_str().unwrap());
    post(&erp, "1", "acme", "45").await;
    wait_for("the end", async || {
        let now = status(get(&acme, &path, &[]).await, 200).json();
        (now["state"] == "disabled").then_some(())
    })
    .await;
    endpoint.answer(StatusCode::NO_CONTENT);
    status(ask(&acme, Method::PATCH, &path, &[], &json!({ "state": "enabled" })).await, 200);
    wait_for("the order", async || (endpoint.taken().len() == 1).then_some(())).await;
    gateway.stop().await;
});

gwtest!(what_is_asked_again_is_done_once, async |dir| {
    let (gateway, _, acme) = open(&dir).await;
    let endpoint = Endpoint::start().await.unwrap();
    let wanted = json!({ "url": endpoint.url(), "types": ["gangway.purchase_order.issued.v1"] });
    let first = status(name(&acme, "k", wanted.clone()).await, 201);
    let path = format!("{ADDRESS}/{}", first.json()["id"].as_str().unwrap());
    let mut expected = first.json();
    expected.as_object_mut().unwrap().remove("secret");
    let again = async || {
        let again = status(name(&acme, "k", wanted.clone()).await, 201);
        assert_eq!((header(&again, "idempotency-replayed"), header(&again, "location")), ("true", path.as_str()));
        assert_eq!((again.json(), header(&again, "etag")), (expected.clone(), header(&first, "etag")));
    };
    // Whatever becomes of it, the request that named it has its answer.
    let off = json!({ "url": format!("{}?other", endpoint.url()), "types": [], "state": "disabled" });
    status(ask(&acme, Method::PATCH, &path, &[], &off).await, 200);
    again().await;
    assert_eq!(status(get(&acme, &path, &[]).await, 200).json()["state"], "disabled");
    // A new secret is made once for each key.
    let rotate = async |key: &str| {
        let path = format!("{path}/rotate");
        status(ask(&acme, Method::POST, &path, &[("idempotency-key", key)], &json!({})).await, 200)
    };
    let turned = rotate("r1").await;
    assert!(turned.json()["secret"].is_string());
    let repeated = rotate("r1").await;
    assert_eq!(header(&repeated, "idempotency-replayed"), "true");
    assert_eq!((header(&repeated, "etag"), &repeated.json()["secret"]), (header(&turned, "etag"), &Value::Null));
    assert!(rotate("r2").await.json()["secret"].is_string());
    status(ask(&acme, Method::DELETE, &path, &[], &Value::Null).await, 204);
    again().await;
    assert_eq!(refused(get(&acme, &path, &[]).await, 404), "API-0116");
    assert_eq!(refused(ask(&acme, Method::PATCH, &path, &[], &off).await, 404), "API-0116");
    assert_eq!(status(get(&acme, ADDRESS, &[]).await, 200).json()["data"], json!([]));
    let gateway = gateway.restart(&dir).await;
    let acme = gateway.supplier(ACME_KEY);
    assert_eq!(status(get(&acme, ADDRESS, &[]).await, 200).json()["data"], json!([]));
    gateway.stop().await;
});

gwtest!(another_address_is_called_at_once, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let (old, new) = (Endpoint::start().await.unwrap(), Endpoint::start().await.unwrap());
    old.answer(StatusCode::SERVICE_UNAVAILABLE);
    let made = status(name(&acme, "k", json!({ "url": old.url() })).await, 201).json();
    let path = format!("{ADDRESS}/{}", made["id"].as_str().unwrap());
    post(&erp, "1", "acme", "45").await;
    wait_for("a failure", async || {
        let now = status(get(&acme, &path, &[]).await, 200).json();
        now["next_attempt_at"].is_string().then_some(())
    })
    .await;
    new.say_nothing();
    let moved = status(ask(&acme, Method::PATCH, &path, &[], &json!({ "url": new.url() })).await, 200).json();
    let now = (&moved["failed_attempts"], &moved["next_attempt_at"], &moved["detail"]);
    assert_eq!(now, (&json!(0), &Value::Null, &Value::Null));
    new.answer(StatusCode::NO_CONTENT);
    wait_for("the order", async || (new.taken().len() == 1).then_some(())).await;
    gateway.stop().await;
});

gwtest!(an_endpoint_leads_nowhere_that_was_not_allowed, async |dir| {
    let (gateway, _, acme) = super::open(&dir).await;
    for url in [
        "http://127.0.0.1:8081/erp/v1/events",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "http://supplier.example/",
        "https://user:secret@supplier.example/",
        "ftp://supplier.example/",
        "nonsense",
    ] {
        assert_eq!(refused(name(&acme, url, json!({ "url": url })).await, 422), "NET-0109", "{url}");
    }
    // A name is looked up when it is called.
    let made = status(name(&acme, "k", json!({ "url": "https://localhost:1/" })).await, 201).json();
    let test = format!("{ADDRESS}/{}/test", made["id"].as_str().unwrap());
    let tried = status(ask(&acme, Method::POST, &test, &[], &Value::Null).await, 200).json();
    assert_eq!(tried["delivered"], false);
    assert!(tried["detail"].as_str().unwrap().contains("nothing is sent to localhost"), "{tried}");
    // What nobody is ever told of is refused with what there is.
    for kind in ["x", "gangway.purchase_order.delivered.v1", "gangway.foo.issued.v1", "gangway.forecast.received.v1"] {
        let types = json!({ "url": "https://a.example/", "types": [kind] });
        let told = status(name(&acme, "t", types).await, 422).json();
        assert_eq!((&told["code"], &told["errors"][0]["pointer"]), (&json!("NET-0109"), &json!("/types")), "{kind}");
        let detail = told["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("gangway.order_acknowledgement.received.v1, "), "{told}");
    }
    for number in 2..=10 {
        status(name(&acme, &format!("n{number}"), json!({ "url": "https://a.example/" })).await, 201);
    }
    assert_eq!(refused(name(&acme, "n11", json!({ "url": "https://a.example/" })).await, 409), "API-0118");
    // A partner's file may forbid it.
    let hash = gangway::keys::ApiKey::digest_of(BOLT_KEY);
    let more = format!("\n[rest]\napi_keys = [\"sha256:{hash}\"]\nwebhook_endpoints = false\n");
    PartnerFile { keys: &[], more: Box::leak(more.into_boxed_str()), ..BOLT_FILE }.write(&dir);
    gateway.signal("HUP");
    let bolt = gateway.supplier(BOLT_KEY);
    wait_for("the reload", async || (get(&bolt, ADDRESS, &[]).await.status.as_u16() == 403).then_some(())).await;
    assert_eq!(refused(name(&bolt, "k", json!({ "url": "https://a.example/" })).await, 403), "API-0117");
    gateway.stop().await;
});
