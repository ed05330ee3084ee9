//! Two nodes on one record: what a supplier says to one counts on the other.

use std::sync::Arc;

use gangway::{
    doors::rest::Hooks,
    ledger::{SharedLedger, conformance::commit, sqlite::SqliteLedger},
    net::{Egress, Limits},
    play::{Answer, Endpoint, Supplier},
};
use http::Method;
use serde_json::{Value, json};

use super::fakes::{ACME, House};
use crate::util::{gwtest, status, wait_for};

const ADDRESS: &str = "/v1/webhook_endpoints";

gwtest!(an_endpoint_named_on_one_node_is_told_by_the_other, async |dir| {
    let ledger = Arc::new(SqliteLedger::open(&dir.join("data"), &Default::default()).unwrap());
    let shared: SharedLedger = ledger.clone();
    let node = |ledger: Arc<SqliteLedger>| async {
        let hooks = Hooks::open(ledger.clone(), Egress::new(|_| true)).await.unwrap();
        House::with(ledger, Limits::default(), |rest| rest.telling(hooks).open().0).await
    };
    // Both begin with nothing, and the first one will end.
    let machine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = machine.spawn(node(ledger.clone())).await.unwrap();
    let second = node(ledger).await;
    let on = |house: &House<SqliteLedger>| Supplier::new(format!("http://{}", house.public()), ACME);
    let (on_first, on_second) = (on(&first), on(&second));
    let endpoint = Endpoint::start().await.unwrap();
    let name = async |key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let body = json!({ "url": endpoint.url() }).to_string();
        let named = status(on_first.client().send(Method::POST, ADDRESS, &headers, body).await.unwrap(), 201).json();
        format!("{ADDRESS}/{}", named["id"].as_str().unwrap())
    };
    let (stays, goes) = (name("k-1").await, name("k-2").await);

    // They are the same wherever their owner asks, and its word counts everywhere.
    let seen = async |what: &str, own: &str, is: &dyn Fn(&Answer) -> bool| {
        wait_for(what, async || is(&on_second.client().get(own).await.unwrap()).then_some(())).await;
    };
    seen("the other node to know it", &goes, &|answer| answer.status == 200).await;
    let (headers, off) = ([("content-type", "application/json")], json!({ "state": "disabled" }).to_string());
    status(on_first.client().send(Method::PATCH, &goes, &headers, off).await.unwrap(), 200);
    seen("it to be disabled", &goes, &|answer| answer.json()["state"] == "disabled").await;
    status(on_first.client().send(Method::DELETE, &goes, &[], Vec::<u8>::new()).await.unwrap(), 204);
    seen("it to be gone", &goes, &|answer| answer.status == 404).await;
    seen("the one that stays", &stays, &|answer| answer.status == 200).await;

    drop(first);
    machine.shutdown_background();
    commit(&shared, &["45"]).await;
    let call = wait_for("the event", async || endpoint.taken().first().cloned()).await;
    let event: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!((&event["type"], &event["subject"]), (&json!("gangway.invoice.received.v1"), &json!("invoice/N0")));
});
