//! The two APIs over the embedded ledger: what was committed is leased, acknowledged, found, fetched and marked.

use std::sync::Arc;

use gangway::{
    ledger::{
        Channel, DeliveryState, Direction, Ledger, MessageState, NumberSeries, Outgoing, Owed, Payload, SharedLedger,
        conformance,
        sqlite::{Options, SqliteLedger},
    },
    net::Limits,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    fakes::{ACME, House, TOKEN},
    wire::{Answer, PATIENCE, Wire, ask, request, until},
};

async fn erp(house: &House<SqliteLedger>, method: &str, path: &str, body: Value) -> Answer {
    let token = format!("Bearer {TOKEN}");
    let body = if method == "GET" { String::new() } else { body.to_string() };
    ask(house.private(), method, path, &[("authorization", &token)], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_leased_acknowledged_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(SqliteLedger::open(folder.path(), &Options::default()).unwrap());
    let shared: SharedLedger = ledger.clone();
    ledger.declare(vec![conformance::consumer("erp")]).await.unwrap();
    let house = House::over(Arc::clone(&ledger), Limits::default()).await;

    // A long poll is woken by the commit.
    let token = format!("Bearer {TOKEN}");
    let mut wire = Wire::connect(house.private()).await;
    let poll = json!({"wait_secs": 30, "lease_secs": 600}).to_string();
    wire.send(request("POST", "/erp/v1/queue/erp/lease", &[("authorization", &token)], poll.as_bytes())).await;
    let id = conformance::commit(&shared, &["PO-1", "PO-1", "PO-2"]).await;
    let leased = wire.answer().await.json();
    let events = leased["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "one of each key: {leased}");
    assert_eq!(events[0]["event"]["messageid"], id.to_string());
    assert_eq!(events[1]["event"]["data"], json!({"position": 2}));

    // What is given back comes again under another lease; the first counts for nothing then.
    let first = events[0]["lease"].as_str().unwrap();
    let acked = erp(&house, "POST", "/erp/v1/queue/erp/ack", json!({"leases": [first]})).await.json();
    assert_eq!(acked["results"][0], json!({"lease": first, "outcome": "acked"}));
    let acked = erp(&house, "POST", "/erp/v1/queue/erp/ack", json!({"leases": [first]})).await.json();
    assert_eq!(acked["results"][0]["outcome"], "already_acked");
    let second = events[1]["lease"].as_str().unwrap();
    let nack = json!({"lease": second, "reason": "not yet", "retry_in_secs": 0});
    assert_eq!(erp(&house, "POST", "/erp/v1/queue/erp/nack", nack).await.json()["outcome"], "returned");
    let again = erp(&house, "POST", "/erp/v1/queue/erp/lease", json!({"wait_secs": 10})).await.json();
    // … and with it the next of the key whose first was acknowledged.
    assert_eq!((&again["events"][0]["attempt"], again["events"].as_array().unwrap().len()), (&2.into(), 2));
    assert_eq!(again["events"][1]["event"]["data"], json!({"position": 1}));
    let stale = erp(&house, "POST", "/erp/v1/queue/erp/ack", json!({"leases": [second]})).await.json();
    assert_eq!(stale["results"][0]["outcome"], "stale");
    assert_eq!(erp(&house, "POST", "/erp/v1/queue/nobody/lease", json!({})).await.code(), "API-0502");
    assert_eq!(erp(&house, "GET", "/erp/v1/queue/nobody", json!({})).await.code(), "API-0502");

    let log = erp(&house, "GET", "/erp/v1/events?limit=2", json!({})).await.json();
    let rest = erp(&house, "GET", &format!("/erp/v1/events?after={}", log["next"]), json!({})).await.json();
    assert_eq!((log["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (2, 1));
    let order = erp(&house, "GET", "/erp/v1/orders/PO-1", json!({})).await.json();
    assert_eq!(order["documents"].as_array().unwrap().len(), 2);
    let one = erp(&house, "GET", &format!("/erp/v1/messages/{id}"), json!({})).await.json();
    assert_eq!((&one["timeline"][0]["what"], one["documents"].as_array().unwrap().len()), (&"received".into(), 3));
    assert_eq!(erp(&house, "GET", &format!("/erp/v1/messages/{id}/payload"), json!({})).await.body, b"bytes");
    let metrics = String::from_utf8(erp(&house, "GET", "/metrics", json!({})).await.body).unwrap();
    assert!(metrics.contains(r#"gangway_queue_events{consumer="erp",state="leased"} 2"#), "{metrics}");
    house.stop.stop();
    assert_eq!(house.private.finish(PATIENCE).await.cut, 0);
    ledger.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issued_acknowledgement_is_seen_beside_its_message_and_marked_when_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Arc::new(SqliteLedger::open(folder.path(), &Options::default()).unwrap());
    let house = House::over(Arc::clone(&ledger), Limits::default()).await;
    let (id, answer) = (conformance::new_id(), conformance::new_id());
    let owed = Owed { message: id, partner: "acme".into(), due: Timestamp::now(), facts: "{}".into() };
    ledger.commit(gangway::ledger::Entry { owed: vec![owed], ..conformance::entry(id, &["PO-1"]) }).await.unwrap();
    let settles = ledger.owed("acme", 0, 10).await.unwrap().into_iter().map(|(number, _)| number).collect();
    let series = NumberSeries("acme".into());
    let number = ledger.next_number(&series).await.unwrap();
    let message = gangway::ledger::Message {
        direction: Direction::Out,
        state: MessageState::Ready,
        relates_to: Some(id),
        transport_id: None,
        ..conformance::message(answer, "acme")
    };
    let outgoing = Outgoing {
        message,
        payload: Payload::Inline("ISA*997".into()),
        documents: Vec::new(),
        numbers: vec![(series, number)],
        settles,
        settled_as: "acknowledged",
        watches: Vec::new(),
        channel: Channel::Rest,
        due: Timestamp::now(),
        facts: Vec::new(),
    };
    assert!(ledger.issue(outgoing).await.unwrap());

    let key = format!("Bearer {ACME}");
    let get = async |path: String| ask(house.public(), "GET", &path, &[("authorization", &key)], "").await;
    let shown = get(format!("/v1/messages/{id}")).await.json();
    let acknowledgements = shown["acknowledgements"].as_array().unwrap();
    assert_eq!((acknowledgements.len(), &acknowledgements[0]["state"]), (1, &"ready".into()), "{shown}");
    let waiting = get("/v1/messages?direction=out&state=ready".into()).await.json();
    assert_eq!(waiting["data"][0]["id"], answer.to_string());
    assert_eq!(get(acknowledgements[0]["payload"].as_str().unwrap().to_owned()).await.body, b"ISA*997");
    let delivered = || {
        let deliveries = now(ledger.deliveries(answer));
        deliveries.unwrap()[0].state == DeliveryState::Delivered
    };
    until("the delivery", delivered).await;
    assert_eq!(get(format!("/v1/messages/{answer}")).await.json()["state"], "delivered");
}

/// Waits for a short thing on the spot.
fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}
