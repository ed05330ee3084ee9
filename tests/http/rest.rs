//! The supplier API: who gets in, what is taken, what is answered, and what is seen of it afterwards.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use gangway::{
    document::Mode,
    exchange::Refused,
    ledger::{Channel, Delivery, DeliveryState, Direction, DocumentState, LogEvent, Message, MessageState, Payload},
    net::Limits,
    spool::Content,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    fakes::{ACME, ACME_TEST, BOLT, CAP, GONE, House, Mood, document, event, id, message},
    wire::{Answer, Wire, ask, request, until},
};

type Headers<'a> = &'a [(&'a str, &'a str)];

const X12: (&str, &str) = ("content-type", "application/edi-x12");

async fn post(house: &House, key: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let key = format!("Bearer {key}");
    let headers = [&[("authorization", key.as_str())], headers].concat();
    ask(house.public(), "POST", "/v1/messages", &headers, body).await
}

async fn get(house: &House, key: &str, path: &str) -> Answer {
    ask(house.public(), "GET", path, &[("authorization", &format!("Bearer {key}"))], "").await
}

#[tokio::test]
async fn a_message_is_taken_and_a_repetition_gets_the_same_answer() {
    let house = House::open().await;
    let headers = [("content-type", "application/EDI-X12; charset=us-ascii"), ("idempotency-key", "\"k-1\"")];
    let first = post(&house, ACME, &headers, "ISA*…").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, ""));
    let json = first.json();
    assert_eq!(first.header("location"), format!("/v1/messages/{}", json["id"].as_str().unwrap()));
    assert_eq!((&json["state"], &json["mode"], &json["documents"]), (&"accepted".into(), &"live".into(), &1.into()));
    {
        let taken = house.exchange.taken.lock().unwrap();
        let arrival = &taken[0];
        assert_eq!((arrival.transport_id.as_str(), arrival.channel), ("k-1", Channel::Rest));
        assert_eq!(arrival.content_type.as_deref(), Some("application/EDI-X12; charset=us-ascii"));
        assert_eq!((arrival.mode, arrival.connection.id.as_str()), (Mode::Live, "acme"));
        assert_eq!(json["correlation_id"], arrival.correlation.as_str());
        // One id leads to the other.
        assert_eq!(arrival.correlation[4..], first.header("request-id")[4..]);
    }
    let again = post(&house, ACME, &[X12, ("idempotency-key", "k-1")], "ISA*…").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (202, "true"));
    assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
    assert_ne!(again.header("request-id"), first.header("request-id"));

    let other = post(&house, ACME, &[X12, ("idempotency-key", "k-1")], "ISA*other").await;
    assert_eq!((other.status, other.code().as_str()), (422, "API-0105"));
    assert_eq!(other.json()["message"], first.header("location"));
    // The key is acme's own.
    assert_eq!(
        post(&house, BOLT, &[X12, ("idempotency-key", "k-1")], "ISA*other").await.header("idempotency-replayed"),
        ""
    );

    let test = post(&house, ACME_TEST, &[X12, ("idempotency-key", "k-2")], "ISA*…").await;
    assert_eq!(test.json()["mode"], "test");
    let metrics = house.metrics.encode();
    for line in [
        r#"gangway_arrivals_total{channel="rest",state="accepted"} 3"#,
        r#"gangway_arrivals_total{channel="rest",state="repeated"} 1"#,
        r#"gangway_arrivals_total{channel="rest",state="refused"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn who_has_no_key_or_is_suspended_does_not_get_in() {
    let house = House::open().await;
    for path in ["/v1/messages", "/v1/messages/msg_1", "/v1/messages/msg_1/payload"] {
        let without = ask(house.public(), "GET", path, &[], "").await;
        assert_eq!((without.status, without.code().as_str()), (401, "API-0101"));
        assert_eq!(without.header("www-authenticate"), r#"Bearer realm="gangway""#);
        let wrong = get(&house, "gw_live_acmE", path).await;
        assert_eq!((wrong.status, wrong.code().as_str()), (401, "API-0101"));
        assert!(wrong.header("www-authenticate").contains("invalid_token"));
        assert!(!String::from_utf8_lossy(&wrong.body).contains("acmE"), "keys are not repeated");
        let suspended = get(&house, GONE, path).await;
        assert_eq!((suspended.status, suspended.code().as_str()), (403, "API-0102"));
    }
    assert_eq!(post(&house, GONE, &[X12, ("idempotency-key", "k")], "x").await.code(), "API-0102");
    assert!(house.metrics.encode().contains("gangway_api_keys_refused_total 6"));
    assert!(house.exchange.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_message_is_told_why() {
    let house = House::open().await;
    let long = "k".repeat(256);
    let key = ("idempotency-key", "k");
    let wrong: [(Headers<'_>, &str, u16, &str); 9] = [
        (&[key], "x", 415, "NET-0106"),
        (&[key, ("content-type", "application/json")], "{}", 415, "NET-0106"),
        (&[key, ("content-type", "nonsense")], "x", 415, "NET-0106"),
        (&[key, X12, ("content-encoding", "gzip")], "x", 415, "NET-0107"),
        (&[X12], "x", 400, "API-0103"),
        (&[X12, ("idempotency-key", "")], "x", 400, "API-0104"),
        (&[X12, ("idempotency-key", &long)], "x", 400, "API-0104"),
        (&[X12, key, key], "x", 400, "API-0104"),
        (&[X12, key], "", 400, "API-0106"),
    ];
    for (headers, body, status, code) in wrong {
        let answer = post(&house, ACME, headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{headers:?}");
    }
    let encoded = post(&house, ACME, &[key, X12, ("content-encoding", "br")], "x").await;
    assert_eq!((encoded.code().as_str(), encoded.header("accept-encoding")), ("NET-0107", "gzip, identity"));
    assert_eq!(ask(house.public(), "PUT", "/v1/messages", &[], "").await.header("allow"), "GET,HEAD,POST");
    assert!(house.exchange.taken.lock().unwrap().is_empty());
    for taken in ["application/xml", "text/xml", "text/plain", "application/octet-stream"] {
        let answer = post(&house, ACME, &[("content-type", taken), ("idempotency-key", taken)], "x").await;
        assert_eq!(answer.status, 202, "{taken}");
    }
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_read_or_as_soon_as_it_is() {
    let house = House::open().await;
    let head = |more: &str| {
        format!(
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ACME}\r\n\
             Content-Type: application/edi-x12\r\nIdempotency-Key: big\r\n{more}\r\n"
        )
    };
    // Not a byte of the body was sent, and none is asked for.
    let mut wire = Wire::connect(house.public()).await;
    wire.send(head(&format!("Expect: 100-continue\r\nContent-Length: {}\r\n", CAP + 1))).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "NET-0103"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("100000"));
    // Without a length, it shows while it comes.
    let mut wire = Wire::connect(house.public()).await;
    wire.send(head("Transfer-Encoding: chunked\r\n")).await;
    let chunk = [format!("{:x}\r\n", 50_000).as_bytes(), &[b'x'; 50_000], b"\r\n"].concat();
    wire.send(chunk.repeat(3)).await;
    assert_eq!(wire.answer().await.code(), "NET-0103");
    // Exactly the limit is fine.
    let fits = post(&house, ACME, &[X12, ("idempotency-key", "fits")], vec![b'x'; CAP as usize]).await;
    assert_eq!(fits.status, 202);
    assert_eq!(house.exchange.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_body_is_handed_over_as_a_file_whole() {
    let house = House::open().await;
    let sent: Vec<u8> = (0..90_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(post(&house, ACME, &[X12, ("idempotency-key", "file")], &sent).await.status, 202);
    let arrival = house.exchange.taken.lock().unwrap().pop().unwrap();
    let Content::File(file) = &arrival.body.content else { panic!("{:?}", arrival.body) };
    assert!(file.path().starts_with(house.folder.path()));
    let mut read = Vec::new();
    std::io::copy(&mut arrival.body.reader().unwrap(), &mut read).unwrap();
    assert_eq!((read == sent, arrival.body.len), (true, 90_000));
    drop(arrival);
    assert_eq!(house.folder.path().read_dir().unwrap().count(), 0, "what nobody adopted is gone");
}

#[tokio::test]
async fn what_breaks_off_or_stops_is_not_taken() {
    let house = House::open_with(Limits { body_idle: Duration::from_millis(100), ..Limits::default() }).await;
    let key = format!("Bearer {ACME}");
    let headers = [("authorization", key.as_str()), X12, ("idempotency-key", "part")];
    let whole = request("POST", "/v1/messages", &headers, &[b'x'; 5000]);
    let mut broken = Wire::connect(house.public()).await;
    broken.send(&whole[..whole.len() - 10]).await;
    drop(broken);
    let mut stopped = Wire::connect(house.public()).await;
    stopped.send(&whole[..whole.len() - 10]).await;
    let answer = stopped.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "NET-0105"));
    until("the spool to be empty", || house.folder.path().read_dir().unwrap().count() == 0).await;
    assert!(house.exchange.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn when_it_cannot_be_stored_it_says_when_to_come_again() {
    let house = House::open().await;
    let moods = [
        (Mood::Refuse(Refused::Busy("4000 wait".into())), 503, "API-0107"),
        (Mood::Refuse(Refused::Unavailable("/srv/secret.db: disk full".into())), 503, "API-0108"),
        (Mood::Panic, 500, "NET-0111"),
    ];
    for (mood, status, code) in moods {
        *house.exchange.mood.lock().unwrap() = mood;
        let answer = post(&house, ACME, &[X12, ("idempotency-key", "k")], "x").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret.db"), "reasons stay inside");
    }
    *house.exchange.mood.lock().unwrap() = Mood::Accept;
    assert_eq!(post(&house, ACME, &[X12, ("idempotency-key", "k")], "x").await.status, 202);
}

#[tokio::test]
async fn what_came_whole_is_decided_on_though_its_sender_went_away() {
    let house = House::open().await;
    let hold = Arc::new(Semaphore::new(0));
    *house.exchange.hold.lock().unwrap() = Some(Arc::clone(&hold));
    let key = format!("Bearer {ACME}");
    let headers = [("authorization", key.as_str()), X12, ("idempotency-key", "gone")];
    let mut wire = Wire::connect(house.public()).await;
    wire.send(request("POST", "/v1/messages", &headers, b"x")).await;
    until("the exchange to be asked", || house.exchange.waiting.load(SeqCst) == 1).await;
    drop(wire);
    // Time enough for the listener to see that the sender has gone.
    tokio::time::sleep(Duration::from_millis(100)).await;
    hold.add_permits(1);
    until("the message to be taken", || house.exchange.taken.lock().unwrap().len() == 1).await;
}

#[tokio::test]
async fn one_sees_ones_own_messages_page_by_page() {
    let house = House::open().await;
    {
        let mut messages = house.ledger.messages.lock().unwrap();
        messages.extend((1..=5).map(|n| message(n, "acme")));
        messages.extend((6..=7).map(|n| message(n, "bolt")));
        messages.push(Message { mode: Mode::Test, ..message(8, "acme") });
        messages.push(Message { direction: Direction::Out, transport_id: None, ..message(9, "acme") });
        messages.push(Message { state: MessageState::Held, ..message(10, "acme") });
    }
    let ids = |answer: &Answer| -> Vec<String> {
        let json = answer.json();
        json["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    let expected = |numbers: &[u64]| -> Vec<String> { numbers.iter().map(|n| id(*n).to_string()).collect() };

    let mut path = "/v1/messages?limit=3".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = get(&house, ACME, &path).await;
        pages.push(ids(&page));
        let next = page.json()["next"].as_str().map(str::to_owned);
        assert_eq!(page.header("link").contains("rel=\"next\""), next.is_some());
        let Some(next) = next else { break };
        path = page.header("link").split_once('<').unwrap().1.split_once('>').unwrap().0.to_owned();
        assert!(path.ends_with(&format!("limit=3&after={next}")));
    }
    assert_eq!(pages, [expected(&[10, 9, 8]), expected(&[5, 4, 3]), expected(&[2, 1])]);
    assert_eq!(ids(&get(&house, ACME, "/v1/messages?direction=out").await), expected(&[9]));
    assert_eq!(ids(&get(&house, ACME, "/v1/messages?state=held&direction=in").await), expected(&[10]));
    assert_eq!(ids(&get(&house, BOLT, "/v1/messages").await), expected(&[7, 6]));
    // A test key sees rehearsals only, also where they are rare.
    assert_eq!(ids(&get(&house, ACME_TEST, "/v1/messages?limit=1").await), expected(&[8]));
    assert_eq!(ids(&get(&house, ACME_TEST, "/v1/messages?limit=5").await), expected(&[8]));
    for wrong in ["limit=0", "limit=201", "after=x", "state=open", "direction=up", "status=held"] {
        let answer = get(&house, ACME, &format!("/v1/messages?{wrong}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "NET-0110"), "{wrong}");
        assert_eq!(answer.json()["errors"][0]["parameter"], wrong.split('=').next().unwrap());
    }
}

#[tokio::test]
async fn a_feed_goes_on_through_what_is_others() {
    let house = House::open().await;
    (1..=40).for_each(|position| house.ledger.release_event(position));
    house.ledger.release(LogEvent { partner: "bolt".into(), ..event(41) });
    house.ledger.looks_at.store(3, SeqCst);
    let (mut path, mut pages) = ("/v1/events".to_owned(), Vec::new());
    while pages.len() < 4 {
        let page = get(&house, BOLT, &path).await.json();
        pages.push(page["data"].as_array().unwrap().len());
        path = format!("/v1/events?after={}", page["next"].as_str().unwrap());
    }
    assert_eq!(pages, [0, 0, 1, 0], "15 events are looked at for one answer");
    // Who can wait is answered when there is something, and that is at once.
    let found = get(&house, BOLT, "/v1/events?wait=30").await.json();
    assert_eq!(found["data"][0]["subject"], "invoice/INV-41");
}

#[tokio::test]
async fn one_message_is_shown_with_its_findings_and_answers_and_without_our_own_matters() {
    let house = House::open().await;
    {
        let mut messages = house.ledger.messages.lock().unwrap();
        messages.push(Message { state: MessageState::Partial, ..message(1, "acme") });
        let answer = Message { direction: Direction::Out, relates_to: Some(id(1)), ..message(2, "acme") };
        messages.push(Message { state: MessageState::Ready, transport_id: None, ..answer.clone() });
        messages.push(Message { id: id(3), partner: Some("bolt".into()), connection: "bolt".into(), ..answer });
        let problem = Some(json!({"code": "MAP-0007", "text": "mappings/x.toml:7 is wrong"}));
        messages.push(Message { state: MessageState::Held, problem, ..message(4, "acme") });
        let mut documents = house.ledger.documents.lock().unwrap();
        let findings =
            json!([{"code": "X12-0302", "text": "PO102 is missing.", "segment": 4, "tag": "PO1", "element": 2}]);
        documents.push(document(id(1), 0, "INV-1"));
        let rejected = document(id(1), 1, "INV-2");
        let rejected =
            gangway::ledger::Document { state: DocumentState::Rejected, problem: Some(findings), ..rejected };
        documents.push(rejected);
        let held = document(id(1), 2, "INV-3");
        let problem = Some(json!([{"code": "MAP-0007", "text": "mappings/x.toml:7 is wrong"}]));
        documents.push(gangway::ledger::Document { state: DocumentState::Held, problem, ..held });
    }
    let shown = get(&house, ACME, &format!("/v1/messages/{}", id(1))).await;
    let text = String::from_utf8_lossy(&shown.body).into_owned();
    for internal in ["internal", "x.toml", "MAP-0007", &id(3).to_string()] {
        assert!(!text.contains(internal), "{internal} in {text}");
    }
    let json = shown.json();
    assert_eq!((&json["state"], &json["idempotency_key"]), (&"partial".into(), &"key-1".into()));
    let finding = json!({"code": "X12-0302", "detail": "PO102 is missing.", "segment": 4, "tag": "PO1", "element": 2});
    assert_eq!(json["documents"][1]["findings"], json!([finding]));
    assert_eq!((&json["documents"][2]["state"], &json["documents"][2]["findings"]), (&"held".into(), &Value::Null));
    assert!(json["documents"][2]["detail"].as_str().unwrap().contains("waits"));
    assert_eq!(json["acknowledgements"].as_array().unwrap().len(), 1);
    assert_eq!(json["acknowledgements"][0]["payload"], format!("/v1/messages/{}/payload", id(2)));
    let held = get(&house, ACME, &format!("/v1/messages/{}", id(4))).await;
    assert!(!String::from_utf8_lossy(&held.body).contains("x.toml"));

    for (key, path) in [
        (BOLT, format!("/v1/messages/{}", id(1))),
        (BOLT, format!("/v1/messages/{}/payload", id(1))),
        (ACME_TEST, format!("/v1/messages/{}", id(1))),
        (ACME, "/v1/messages/msg_nonsense".into()),
        (ACME, format!("/v1/messages/{}", id(999))),
    ] {
        let answer = get(&house, key, &path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "API-0109"), "{path}");
    }
}

#[tokio::test]
async fn many_documents_come_in_pages() {
    let house = House::open().await;
    house.ledger.messages.lock().unwrap().push(message(1, "acme"));
    house.ledger.documents.lock().unwrap().extend((0..450).map(|n| document(id(1), n, "INV")));
    let mut next = Some(0);
    let mut seen = 0;
    while let Some(position) = next {
        let page = get(&house, ACME, &format!("/v1/messages/{}?position={position}", id(1))).await.json();
        seen += page["documents"].as_array().unwrap().len();
        next = page["next_position"].as_u64();
    }
    assert_eq!(seen, 450);
}

#[tokio::test]
async fn an_acknowledgement_is_delivered_when_it_was_fetched_to_its_end() {
    let house = House::open().await;
    let large = Bytes::from(vec![b'x'; 4 << 20]);
    let file = house.folder.path().join("payload");
    std::fs::write(&file, &large).unwrap();
    {
        let out = |n| Message { direction: Direction::Out, state: MessageState::Ready, ..message(n, "acme") };
        house.ledger.messages.lock().unwrap().extend([out(1), out(2), out(3)]);
        let mut payloads = house.ledger.payloads.lock().unwrap();
        payloads.insert(id(1), Payload::Inline(Bytes::from_static(b"ISA*997")));
        payloads.insert(id(2), Payload::File(file));
        payloads.insert(id(3), Payload::Inline(Bytes::from_static(b"ISA")));
        let delivery = |n: u64, channel| Delivery {
            id: n,
            message: id(n),
            partner: "acme".into(),
            channel,
            state: DeliveryState::Ready,
            attempts: 0,
            resent: 0,
            due: Timestamp::UNIX_EPOCH,
        };
        let all = [delivery(1, Channel::Rest), delivery(2, Channel::Rest), delivery(3, Channel::As2)];
        house.ledger.deliveries.lock().unwrap().extend(all);
    }
    let state = |n: u64| {
        let all = house.ledger.deliveries.lock().unwrap();
        all.iter().find(|delivery| delivery.id == n).unwrap().state
    };
    let path = |n| format!("/v1/messages/{}/payload", id(n));
    let key = format!("Bearer {ACME}");
    // Only the head, or only a part: not delivered.
    let head = ask(house.public(), "HEAD", &path(1), &[("authorization", &key)], "").await;
    assert_eq!((head.status, head.header("content-length")), (200, "7"));
    let mut part = Wire::connect(house.public()).await;
    part.send(request("GET", &path(2), &[("authorization", &key)], b"")).await;
    let mut some = [0; 1000];
    tokio::io::AsyncReadExt::read_exact(&mut part.0, &mut some).await.unwrap();
    drop(part);
    assert_eq!(get(&house, BOLT, &path(1)).await.status, 404);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((state(1), state(2)), (DeliveryState::Ready, DeliveryState::Ready));

    let whole = get(&house, ACME, &path(1)).await;
    assert_eq!((whole.body.as_slice(), whole.header("content-type")), (&b"ISA*997"[..], "application/edi-x12"));
    assert!(whole.header("content-disposition").starts_with("attachment; filename=\"msg_"));
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    until("the delivery", || state(1) == DeliveryState::Delivered).await;
    assert!(get(&house, ACME, &path(2)).await.body == large);
    until("the delivery from a file", || state(2) == DeliveryState::Delivered).await;
    // What goes another way is shown, and stays on its way.
    assert_eq!(get(&house, ACME, &path(3)).await.status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(state(3), DeliveryState::Ready);
}
