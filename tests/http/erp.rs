//! The ERP's API: the queue's promises in their HTTP form, the log, and finding things.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use gangway::ledger::{Direction, Message, MessageState, Payload};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    fakes::{House, TOKEN, document, id, message},
    wire::{Answer, PATIENCE, Wire, ask, request, until},
};

const AUTH: (&str, &str) = ("authorization", "Bearer erp-token");

async fn post(house: &House, path: &str, body: Value) -> Answer {
    let headers = [AUTH, ("content-type", "application/json")];
    ask(house.private(), "POST", path, &headers, body.to_string()).await
}

async fn get(house: &House, path: &str) -> Answer {
    ask(house.private(), "GET", path, &[AUTH], "").await
}

#[tokio::test]
async fn the_token_opens_all_of_it_and_nothing_else_does() {
    let house = House::open().await;
    for (method, path) in [
        ("POST", "/erp/v1/queue/erp/lease"),
        ("POST", "/erp/v1/queue/erp/ack"),
        ("POST", "/erp/v1/queue/erp/nack"),
        ("POST", "/erp/v1/queue/erp/extend"),
        ("GET", "/erp/v1/queue/erp"),
        ("GET", "/erp/v1/queue/erp/parked"),
        ("GET", "/erp/v1/queue/erp/peek"),
        ("GET", "/erp/v1/events"),
        ("GET", "/erp/v1/messages"),
        ("GET", "/erp/v1/messages/msg_1"),
        ("GET", "/erp/v1/messages/msg_1/payload"),
        ("GET", "/erp/v1/orders/1"),
    ] {
        for auth in [None, Some("Bearer wrong"), Some("Bearer erp-toke"), Some("Basic erp-token"), Some("erp-token")] {
            let headers: Vec<_> = auth.map(|auth| ("authorization", auth)).into_iter().collect();
            let answer = ask(house.private(), method, path, &headers, "").await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "API-0501"), "{method} {path} {auth:?}");
            assert!(answer.header("www-authenticate").starts_with("Bearer "));
        }
    }
    for token in [TOKEN, "second"] {
        let auth = format!("Bearer {token}");
        assert_eq!(ask(house.private(), "GET", "/erp/v1/queue/erp", &[("authorization", &auth)], "").await.status, 200);
    }
}

#[tokio::test]
async fn an_event_is_leased_acknowledged_and_known_to_be() {
    let house = House::open().await;
    house.ledger.release_event(41);
    house.ledger.release_event(42);
    let leased = post(&house, "/erp/v1/queue/erp/lease", json!({"max": 1})).await;
    insta::assert_snapshot!(String::from_utf8(leased.body).unwrap(), @r#"{"events":[{"lease":"lse_29_1","attempt":1,"event":{"specversion":"1.0","id":"evt_01HF7YAT190000000000000007_0","source":"/partners/acme","type":"gangway.invoice.received.v1","subject":"invoice/INV-41","time":"2023-11-14T22:13:20Z","datacontenttype":"application/json","dataschema":"urn:gangway:document:invoice:v1","partner":"acme","messageid":"msg_01HF7YAT190000000000000007","correlationid":"cor_41","partitionkey":"acme/PO-41","sequence":"00000000000000000041","mode":"live","data":{"number":"INV","total":"10.00"}}}]}"#);
    let outcomes = async |verb: &str, body: Value| {
        let answer = post(&house, &format!("/erp/v1/queue/erp/{verb}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["outcome"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        outcomes("extend", json!({"leases": ["lse_29_1", "lse_29_9"], "lease_secs": 60})).await,
        ["extended", "stale"]
    );
    assert_eq!(
        outcomes("ack", json!({"leases": ["lse_29_1", "lse_29_1", "lse_2a_1"]})).await,
        ["acked", "acked", "stale"]
    );
    assert_eq!(outcomes("ack", json!({"leases": ["lse_29_1"]})).await, ["already_acked"]);
    // Given back, it comes again under another lease, and the first counts for nothing.
    post(&house, "/erp/v1/queue/erp/lease", json!({})).await;
    let nack = json!({"lease": "lse_2a_1", "reason": "no such vendor", "retry_in_secs": 7});
    assert_eq!(post(&house, "/erp/v1/queue/erp/nack", nack).await.json()["outcome"], "returned");
    assert_eq!(house.ledger.nacked.lock().unwrap()[0].1, "no such vendor");
    let again = post(&house, "/erp/v1/queue/erp/lease", json!({})).await.json();
    assert_eq!((&again["events"][0]["lease"], &again["events"][0]["attempt"]), (&"lse_2a_2".into(), &2.into()));
    assert_eq!(outcomes("ack", json!({"leases": ["lse_2a_1"]})).await, ["stale"]);
    let stats = get(&house, "/erp/v1/queue/erp").await.json();
    assert_eq!((&stats["depth"], &stats["leased"]), (&1.into(), &1.into()));
    let metrics = house.metrics.encode();
    for line in ["gangway_queue_leased_total 3", "gangway_queue_acked_total 1", "gangway_queue_stale_total 2"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn wrong_fields_are_told_with_their_pointers() {
    let house = House::open().await;
    for (verb, body, pointers) in [
        ("lease", json!({"max": 0}), vec!["/max"]),
        ("lease", json!({"max": 501, "wait_secs": 31, "lease_secs": 4}), vec!["/max", "/wait_secs", "/lease_secs"]),
        ("lease", json!({"max": "5", "lease_secs": 43201, "wait": 1}), vec!["/max", "/lease_secs", "/wait"]),
        ("ack", json!({}), vec!["/leases"]),
        ("ack", json!({"leases": []}), vec!["/leases"]),
        ("ack", json!({"leases": ["lse_1_1", "x", 7]}), vec!["/leases/1", "/leases/2"]),
        ("nack", json!({"retry_in_secs": -1}), vec!["/lease", "/retry_in_secs"]),
        ("extend", json!({"leases": ["lse_1_1"], "lease_secs": 1}), vec!["/lease_secs"]),
    ] {
        let answer = post(&house, &format!("/erp/v1/queue/erp/{verb}"), body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (422, "NET-0109"), "{verb} {body}");
        let json = answer.json();
        let told: Vec<_> = json["errors"].as_array().unwrap().iter().map(|e| e["pointer"].as_str().unwrap()).collect();
        assert_eq!(told, pointers, "{verb} {body}");
    }
    let broken = ask(house.private(), "POST", "/erp/v1/queue/erp/lease", &[AUTH], "{").await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "NET-0108"));
    for path in ["/lease", "/ack", "/nack", "/extend", "", "/parked", "/peek"] {
        let body = match path {
            "/ack" | "/extend" => json!({"leases": ["lse_1_1"]}),
            "/nack" => json!({"lease": "lse_1_1"}),
            _ => json!({}),
        };
        let path = format!("/erp/v1/queue/nobody{path}");
        let answer = if path.ends_with("nobody") || path.ends_with("parked") || path.ends_with("peek") {
            get(&house, &path).await
        } else {
            post(&house, &path, body).await
        };
        assert_eq!((answer.status, answer.code().as_str()), (404, "API-0502"), "{path}");
    }
}

#[tokio::test]
async fn a_long_poll_answers_when_something_comes() {
    let house = House::open().await;
    let body = json!({"wait_secs": 30}).to_string();
    let mut wire = Wire::connect(house.private()).await;
    // The first waits for its event; those after it would be too late together if they waited for anything else.
    let all = async {
        for round in 1..=40 {
            let looks = house.ledger.leases.load(SeqCst);
            wire.send(request("POST", "/erp/v1/queue/erp/lease", &[AUTH], body.as_bytes())).await;
            until("a first look", || house.ledger.leases.load(SeqCst) > looks).await;
            house.ledger.release_event(round);
            let events = wire.answer().await.json();
            assert_eq!(events["events"].as_array().unwrap().len(), 1);
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("all of them in time");
    // With nothing there, it waits as long as it was asked to.
    let empty = post(&house, "/erp/v1/queue/erp/lease", json!({"wait_secs": 1})).await;
    assert_eq!((empty.status, empty.json()), (200, json!({"events": []})));
}

#[tokio::test]
async fn who_goes_away_while_waiting_leaves_nothing_leased() {
    let house = House::open().await;
    let body = json!({"wait_secs": 30}).to_string();
    let mut wire = Wire::connect(house.private()).await;
    wire.send(request("POST", "/erp/v1/queue/erp/lease", &[AUTH], body.as_bytes())).await;
    until("a first look", || house.ledger.leases.load(SeqCst) >= 1).await;
    drop(wire);
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.ledger.release_event(1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!house.ledger.queue.lock().unwrap()[0].leased, "nobody was there to take it");
    assert!(house.ledger.nacked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_leased_for_somebody_who_went_away_is_given_back_at_once() {
    let house = House::open().await;
    house.ledger.release_event(1);
    house.ledger.release_event(2);
    let hold = Arc::new(Semaphore::new(0));
    *house.ledger.hold.lock().unwrap() = Some(Arc::clone(&hold));
    let mut wire = Wire::connect(house.private()).await;
    wire.send(request("POST", "/erp/v1/queue/erp/lease", &[AUTH], b"{}")).await;
    until("the lease", || house.ledger.leases.load(SeqCst) == 1).await;
    assert!(house.ledger.queue.lock().unwrap().iter().all(|queued| queued.leased));
    drop(wire);
    tokio::time::sleep(Duration::from_millis(100)).await;
    *house.ledger.hold.lock().unwrap() = None;
    hold.add_permits(1);
    until("both to be given back", || house.ledger.nacked.lock().unwrap().len() == 2).await;
    assert!(house.ledger.nacked.lock().unwrap().iter().all(|(_, why, secs)| why.contains("went away") && *secs == 0));
    assert!(house.ledger.queue.lock().unwrap().iter().all(|queued| !queued.leased));
    assert!(house.metrics.encode().contains("gangway_queue_returned_total 2"));
    // The next caller has them.
    let next = post(&house, "/erp/v1/queue/erp/lease", json!({})).await.json();
    assert_eq!(next["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_end_ends_long_polls_early() {
    let house = House::open().await;
    let body = json!({"wait_secs": 30}).to_string();
    let mut wire = Wire::connect(house.private()).await;
    wire.send(request("POST", "/erp/v1/queue/erp/lease", &[AUTH], body.as_bytes())).await;
    until("a first look", || house.ledger.leases.load(SeqCst) >= 1).await;
    house.stop.stop();
    assert_eq!(wire.answer().await.json(), json!({"events": []}));
    assert_eq!(house.private.finish(PATIENCE).await.cut, 0);
}

#[tokio::test]
async fn the_log_is_read_from_a_position_on() {
    let house = House::open().await;
    (1..=5).for_each(|position| house.ledger.release_event(position));
    let page = get(&house, "/erp/v1/events?limit=2").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), &page["next"]), (2, &2.into()));
    let page = get(&house, "/erp/v1/events?after=2&limit=1000").await.json();
    assert_eq!((page["data"][0]["sequence"].as_str(), &page["next"]), (Some("00000000000000000003"), &5.into()));
    let end = get(&house, "/erp/v1/events?after=5").await.json();
    assert_eq!(end, json!({"data": [], "next": 5}));
    let none = get(&house, "/erp/v1/events?partner=bolt&type=gangway.invoice.received.v1").await.json();
    assert_eq!(none, json!({"data": [], "next": 5}));
    assert_eq!(get(&house, "/erp/v1/events?from=1").await.code(), "NET-0110");
}

#[tokio::test]
async fn what_is_rare_is_looked_for_a_stretch_at_a_time() {
    let house = House::open().await;
    (1..=40).for_each(|position| house.ledger.release_event(position));
    house.ledger.looks_at.store(3, SeqCst);
    let (mut after, mut reached) = (0, Vec::new());
    loop {
        let page = get(&house, &format!("/erp/v1/events?partner=bolt&after={after}")).await.json();
        assert_eq!(page["data"], json!([]));
        let next = page["next"].as_u64().unwrap();
        if next == after {
            break;
        }
        after = next;
        reached.push(after);
    }
    assert_eq!(reached, [15, 30, 40]);
    // What fits fills a page all the same.
    assert_eq!(get(&house, "/erp/v1/events?limit=10").await.json()["next"], 10);
}

#[tokio::test]
async fn messages_are_found_and_all_is_told_of_one() {
    let house = House::open().await;
    {
        let mut messages = house.ledger.messages.lock().unwrap();
        messages.extend((1..=3).map(|n| message(n, "acme")));
        messages.push(Message { state: MessageState::Held, partner: None, ..message(4, "bolt") });
        let answer = Message { direction: Direction::Out, relates_to: Some(id(1)), ..message(5, "acme") };
        messages.push(answer);
        house.ledger.documents.lock().unwrap().push(document(id(1), 0, "INV-1"));
        house.ledger.payloads.lock().unwrap().insert(id(1), Payload::Inline(Bytes::from_static(b"ISA")));
    }
    let found = async |query: &str| {
        let json = get(&house, &format!("/erp/v1/messages?{query}")).await.json();
        json["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{json}"))
            .iter()
            .map(|m| m["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let ids = |numbers: &[u64]| -> Vec<String> { numbers.iter().map(|n| id(*n).to_string()).collect() };
    assert_eq!(found("").await, ids(&[5, 4, 3, 2, 1]));
    assert_eq!(found("partner=acme&direction=in").await, ids(&[3, 2, 1]));
    assert_eq!(found("state=held").await, ids(&[4]));
    assert_eq!(found("message_id=key-2&isa13=000000001").await, ids(&[2]));
    assert_eq!(found("from=2023-11-14T22:13:20.003Z&to=2023-11-14T22:13:20.005Z").await, ids(&[4, 3]));
    assert_eq!(found("to=2023-11-14").await, [] as [String; 0]);
    let page = get(&house, "/erp/v1/messages?limit=2").await.json();
    assert_eq!(found(&format!("limit=2&after={}", page["next"].as_str().unwrap())).await, ids(&[3, 2]));

    let one = get(&house, &format!("/erp/v1/messages/{}", id(1))).await.json();
    assert_eq!((&one["id"], &one["config"]), (&id(1).to_string().into(), &"internal-digest".into()));
    assert_eq!((&one["timeline"][0]["what"], &one["documents"][0]["number"]), (&"received".into(), &"INV-1".into()));
    assert_eq!(one["related"][0]["id"], id(5).to_string());
    let answer = get(&house, &format!("/erp/v1/messages/{}", id(5))).await.json();
    assert_eq!(answer["related"][0]["id"], id(1).to_string());
    let payload = get(&house, &format!("/erp/v1/messages/{}/payload", id(1))).await;
    assert_eq!(payload.body, b"ISA");
    assert!(payload.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(get(&house, &format!("/erp/v1/messages/{}", id(99))).await.code(), "API-0503");
    assert_eq!(get(&house, &format!("/erp/v1/messages/{}/payload", id(2))).await.code(), "API-0503");

    let order = get(&house, "/erp/v1/orders/PO%2F7").await.json();
    assert_eq!((&order["number"], &order["documents"][0]["type"]), (&"PO/7".into(), &"invoice".into()));
    assert_eq!((&order["documents"][0]["direction"], &order["truncated"]), (&"in".into(), &false.into()));
    assert_eq!(get(&house, "/erp/v1/orders/nothing").await.code(), "API-0506");
}

#[tokio::test]
async fn when_the_record_is_out_it_says_so_without_its_secrets() {
    let house = House::open().await;
    house.ledger.out.store(true, SeqCst);
    for path in ["/erp/v1/queue/erp", "/erp/v1/messages", "/erp/v1/events"] {
        let answer = get(&house, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "API-0504"), "{path}");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret.db"));
    }
    let lease = post(&house, "/erp/v1/queue/erp/lease", json!({"wait_secs": 30})).await;
    assert_eq!(lease.status, 503, "no waiting for a record that is out");
}
