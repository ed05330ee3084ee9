//! The main job, from a supplier's POST to the ERP's acknowledgement, and what happens on the way when something is
//! wrong: the three levels, the duplicate rules, and the queue's promises.

use gangway::play::{
    Supplier,
    x12::{Interchange, Order, Set, invoice, order_acknowledgement, purchase_order, shipment_notice},
};

use crate::util::{
    Gateway, accepted, acknowledge, acknowledgement_of, cast::*, drain, gwtest, outgoing, settled, state, status,
    wait_for,
};

/// Acme posts these sets, each in an interchange of its own; gives the messages with their bytes.
async fn post_each(supplier: &Supplier, sets: impl IntoIterator<Item = Set>) -> Vec<(String, Vec<u8>)> {
    let mut posted = Vec::new();
    for (control, set) in (1..).zip(sets) {
        let bytes = Interchange::new(&party(ACME), &ours(), control).with(set).to_bytes();
        let id = accepted(supplier.post_x12(&format!("k{control}"), bytes.clone()).await.unwrap());
        posted.push((id, bytes));
    }
    posted
}

gwtest!(every_document_of_an_order_reaches_the_erp, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let order = Order::sample("PO-1001", 4);
    let day = [
        purchase_order(&order),
        order_acknowledgement(&order, "S-1"),
        shipment_notice(&order, "SH-1"),
        invoice(&order, "INV-1"),
    ];
    let posted = post_each(&supplier, day).await;

    let events = drain(&erp, "erp", 4).await;
    let kinds: Vec<&str> = events.iter().map(|leased| leased.event.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "gangway.purchase_order.received.v1",
            "gangway.order_acknowledgement.received.v1",
            "gangway.shipment_notice.received.v1",
            "gangway.invoice.received.v1"
        ]
    );
    for (leased, (id, bytes)) in events.iter().zip(&posted) {
        let event = &leased.event;
        assert_eq!(
            (event.partner.as_str(), event.mode.as_str(), event.messageid.as_str()),
            ("acme", "live", id.as_str())
        );
        assert_eq!((event.source.as_str(), event.partitionkey.as_str()), ("/partners/acme", "acme/PO-1001"));
        assert!(event.id.starts_with("evt_") && leased.attempt == 1, "{event:?}");
        assert!(event.data.to_string().contains("PO-1001"), "{}", event.data);
        let payload = status(erp.payload(id).await.unwrap(), 200);
        assert_eq!(payload.body, bytes, "the stored bytes are the bytes that came");
        assert_eq!(state(&settled(&erp, id).await), "accepted");
    }
    assert_eq!(events[2].event.subject, "shipment_notice/SH-1");
    assert_eq!(events[3].event.subject, "invoice/INV-1");

    // Two consumers do not affect each other; one that wants shipment notices gets nothing else.
    let notices = drain(&erp, "wms", 1).await;
    assert_eq!(notices[0].event.id, events[2].event.id);
    assert_eq!(notices[0].attempt, 1);
    // An acknowledgement that is repeated says so, and one for nobody's consumer is 404.
    let again = erp.ack("erp", &[&events[0].lease]).await.unwrap();
    assert_eq!(again[0].outcome, "already_acked");
    status(erp.queue("nobody", "lease", &serde_json::json!({})).await.unwrap(), 404);
    gateway.stop().await;
});

gwtest!(a_repetition_gets_the_first_receipt_byte_for_byte, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let supplier = gateway.supplier(ACME_KEY);
    let body = answer_to(ACME, 1, "PO-1");
    let first = status(supplier.post_x12("same", body.clone()).await.unwrap(), 202);
    let second = status(supplier.post_x12("same", body.clone()).await.unwrap(), 202);
    assert_eq!((first.location_id(), &first.body), (second.location_id(), &second.body));
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    // Also after a crash.
    gateway.kill9();
    let gateway = Gateway::start(&dir).await;
    let third = status(gateway.supplier(ACME_KEY).post_x12("same", body).await.unwrap(), 202);
    assert_eq!((first.location_id(), &first.body), (third.location_id(), &third.body));
    drain(&gateway.erp(), "erp", 1).await;
    // The key is acme's own: bolt's "same" is another.
    let other = gateway.supplier(BOLT_KEY).post_x12("same", answer_to(BOLT, 1, "PO-1")).await.unwrap();
    assert_ne!(accepted(other), first.location_id().unwrap());
    drain(&gateway.erp(), "erp", 1).await;
});

gwtest!(a_key_with_another_body_is_refused_and_costs_nothing, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let supplier = gateway.supplier(ACME_KEY);
    accepted(supplier.post_x12("k", answer_to(ACME, 1, "PO-1")).await.unwrap());
    let refused = status(supplier.post_x12("k", answer_to(ACME, 2, "PO-2")).await.unwrap(), 422);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.json()["code"].is_string() && refused.json()["request_id"].is_string(), "{}", refused.text());
    // The refusal claimed nothing: the same document under a key of its own is new.
    accepted(supplier.post_x12("k2", answer_to(ACME, 2, "PO-2")).await.unwrap());
    drain(&gateway.erp(), "erp", 2).await;
});

gwtest!(a_supplier_is_told_what_is_missing, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let body = || answer_to(ACME, 1, "PO-1");
    status(
        gateway.supplier("gw_live_0000000000000000000000000000000000000000").post_x12("k", body()).await.unwrap(),
        401,
    );
    let headers = [("content-type", "application/edi-x12"), ("idempotency-key", "k")];
    let post = http::Method::POST;
    status(gateway.public().send(post.clone(), "/v1/messages", &headers, body()).await.unwrap(), 401);
    let acme = gateway.supplier(ACME_KEY);
    status(acme.client().send(post.clone(), "/v1/messages", &headers[..1], body()).await.unwrap(), 400);
    status(acme.client().send(post, "/v1/messages", &headers[1..], body()).await.unwrap(), 415);
    // What is public never reaches what is private, and the ERP's token opens nothing there.
    for path in [
        "/erp/v1/events",
        "/erp/v1/messages",
        "/metrics",
        "/healthz",
        "/readyz",
        "/%65rp/v1/events",
        "/v1/../erp/v1/events",
    ] {
        assert_eq!(gateway.public().get(path).await.unwrap().status, 404, "{path}");
    }
    status(gateway.private().get("/erp/v1/events").await.unwrap(), 401);
    status(gateway.private().get("/healthz").await.unwrap(), 200);
    let metrics = status(gateway.private().get("/metrics").await.unwrap(), 200);
    assert!(metrics.text().contains("# TYPE gangway_"), "{}", metrics.text());
});

gwtest!(an_interchange_number_counts_once, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    accepted(supplier.post_x12("a", answer_to(ACME, 7, "PO-1")).await.unwrap());
    // The same bytes under another key: not queued again.
    let same = accepted(supplier.post_x12("b", answer_to(ACME, 7, "PO-1")).await.unwrap());
    assert_eq!(state(&settled(&erp, &same).await), "duplicate");
    // The same number over other bytes waits for a person.
    let other = accepted(supplier.post_x12("c", answer_to(ACME, 7, "PO-2")).await.unwrap());
    assert_eq!(state(&settled(&erp, &other).await), "held");
    // Another number, the same invoice: the business document counts once too.
    let bill = invoice(&Order::sample("PO-1", 3), "INV-1");
    for control in [8, 9] {
        let bytes = Interchange::new(&party(ACME), &ours(), control).with(bill.clone()).to_bytes();
        accepted(supplier.post_x12(&format!("inv-{control}"), bytes).await.unwrap());
    }
    drain(&erp, "erp", 2).await;
    // Bolt's number 7 is another 7.
    accepted(gateway.supplier(BOLT_KEY).post_x12("a", answer_to(BOLT, 7, "PO-1")).await.unwrap());
    drain(&erp, "erp", 1).await;
});

gwtest!(a_bad_set_costs_its_siblings_nothing, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let set = |number: &str| order_acknowledgement(&Order::sample(number, 2), &format!("S-{number}"));
    let bytes = Interchange::new(&party(ACME), &ours(), 31)
        .with(set("PO-1"))
        .with(set("PO-2").counted_as(3))
        .with(set("PO-3"))
        .to_bytes();
    let id = accepted(supplier.post_x12("three", bytes).await.unwrap());
    let events = drain(&erp, "erp", 2).await;
    assert_eq!(events[0].event.partitionkey, "acme/PO-1");
    assert_eq!(events[1].event.partitionkey, "acme/PO-3");
    assert_eq!(state(&settled(&erp, &id).await), "partial");

    let acknowledgement = acknowledgement_of(&erp, "acme", "31").await;
    let segments: Vec<&str> = acknowledgement.split('~').map(str::trim).collect();
    for expected in ["AK2*855*0001", "AK5*A", "AK2*855*0002", "AK5*R*4", "AK2*855*0003", "AK9*P*3*3*2"] {
        assert!(segments.iter().any(|segment| segment.starts_with(expected)), "{expected}: {segments:?}");
    }
    // A set that was rejected may come again with the same numbers.
    let mended = Interchange::new(&party(ACME), &ours(), 32).with(set("PO-2")).to_bytes();
    accepted(supplier.post_x12("mended", mended).await.unwrap());
    drain(&erp, "erp", 1).await;
});

gwtest!(nobody_speaks_for_another, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    for (key, sender) in [("as-bolt", BOLT), ("as-small", SMALL), ("as-stranger", STRANGER)] {
        let id = accepted(acme.post_x12(key, answer_to(sender, 5, "PO-1")).await.unwrap());
        assert_eq!(state(&settled(&erp, &id).await), "held", "{sender}");
    }
    // The VAN carries its own, in one body, and nobody else.
    let van = gateway.supplier(VAN_KEY);
    let both = [answer_to(SMALL, 5, "PO-1"), answer_to(TINY, 5, "PO-1")].concat();
    accepted(van.post_x12("both", both).await.unwrap());
    let mut partners: Vec<String> =
        drain(&erp, "erp", 2).await.into_iter().map(|leased| leased.event.partner).collect();
    partners.sort();
    assert_eq!(partners, ["small", "tiny"]);
    let id = accepted(van.post_x12("as-acme", answer_to(ACME, 5, "PO-1")).await.unwrap());
    assert_eq!(state(&settled(&erp, &id).await), "held");

    // Nothing was sent to whom the envelopes claimed. Acme's own acknowledgement is issued after all of that, so what
    // was to come has come.
    accepted(acme.post_x12("own", answer_to(ACME, 6, "PO-2")).await.unwrap());
    acknowledgement_of(&erp, "acme", "6").await;
    assert_eq!(outgoing(&erp, "bolt").await, Vec::<String>::new());
    assert_eq!(outgoing(&erp, "acme").await.len(), 1);
});

gwtest!(what_we_do_not_know_is_told_and_stops_nobody, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    // A set that nobody here maps, beside one that everybody knows.
    let mut catalogue = Set::new("999", "FA");
    catalogue.push("ZZZ", &["1"]);
    catalogue.id = "998".into();
    catalogue.group = "ZZ".into();
    let known = order_acknowledgement(&Order::sample("PO-1", 2), "S-1");
    let bytes = Interchange::new(&party(ACME), &ours(), 1).with(catalogue).with(known.clone()).to_bytes();
    let id = accepted(supplier.post_x12("unknown-set", bytes).await.unwrap());
    drain(&erp, "erp", 1).await;
    assert_eq!(state(&settled(&erp, &id).await), "partial");

    // A version that no table knows.
    let mut future = Interchange::new(&party(ACME), &ours(), 2).with(known);
    future.version = "009990".into();
    let id = accepted(supplier.post_x12("unknown-version", future.to_bytes()).await.unwrap());
    let unknown = settled(&erp, &id).await;
    assert!(["rejected", "held"].contains(&state(&unknown)), "{unknown}");

    // XML is stored and waits until it can be read; so does rubbish under the name of X12.
    let order = b"<?xml version=\"1.0\"?><Order xmlns=\"urn:example\"><ID>1</ID></Order>".to_vec();
    let id = accepted(supplier.post("application/xml", "xml", order.clone()).await.unwrap());
    assert_eq!(state(&settled(&erp, &id).await), "held");
    assert_eq!(status(erp.payload(&id).await.unwrap(), 200).body, order);
    let id = accepted(supplier.post_x12("rubbish", &b"this is not an interchange"[..]).await.unwrap());
    let rubbish = settled(&erp, &id).await;
    assert!(["rejected", "held"].contains(&state(&rubbish)), "{rubbish}");
    drain(&erp, "erp", 0).await;
});

gwtest!(a_body_over_the_partners_limit_is_refused_before_it_is_read, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let bolt = gateway.supplier(BOLT_KEY);
    let large = order_acknowledgement(&Order::sample("PO-1", 2_000), "S-1");
    let bytes = Interchange::new(&party(BOLT), &ours(), 1).with(large).to_bytes();
    assert!(bytes.len() > 64 << 10);
    let refused = status(bolt.post_x12("large", bytes.clone()).await.unwrap(), 413);
    assert!(refused.json()["code"].is_string(), "{}", refused.text());
    // Acme may send as much, and bolt may send less.
    let mut allowed = Interchange::new(&party(ACME), &ours(), 1);
    allowed.sets.push(order_acknowledgement(&Order::sample("PO-1", 2_000), "S-1"));
    accepted(gateway.supplier(ACME_KEY).post_x12("large", allowed.to_bytes()).await.unwrap());
    accepted(bolt.post_x12("small", answer_to(BOLT, 2, "PO-2")).await.unwrap());
    drain(&gateway.erp(), "erp", 2).await;
});

gwtest!(a_rehearsal_never_reaches_a_live_consumer, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    // By the key, and by ISA15 from a live partner with a live key.
    accepted(gateway.supplier(ACME_TEST_KEY).post_x12("t", answer_to(ACME, 1, "PO-1")).await.unwrap());
    let set = order_acknowledgement(&Order::sample("PO-2", 1), "S-2");
    let bytes = Interchange::new(&party(ACME), &ours(), 2).rehearsal().with(set).to_bytes();
    accepted(gateway.supplier(ACME_KEY).post_x12("t2", bytes).await.unwrap());
    let rehearsed = drain(&erp, "rehearsal", 2).await;
    assert!(rehearsed.iter().all(|leased| leased.event.mode == "test"));
    drain(&erp, "erp", 0).await;
    // It takes no number from business either: what was rehearsed with ISA15 = P comes as it will, now in earnest.
    let live = accepted(gateway.supplier(ACME_KEY).post_x12("now", answer_to(ACME, 1, "PO-1")).await.unwrap());
    assert_eq!(state(&settled(&erp, &live).await), "accepted");
    drain(&erp, "erp", 1).await;
});

gwtest!(events_of_one_order_keep_their_order, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let one = Order::sample("PO-1", 2);
    let two = Order::sample("PO-2", 2);
    post_each(
        &supplier,
        [purchase_order(&one), order_acknowledgement(&one, "S-1"), order_acknowledgement(&two, "S-2")],
    )
    .await;
    let first = lease_some(&erp, 1).await;
    assert_eq!(first[0].event.kind, "gangway.purchase_order.received.v1");
    // While the 850 is out, its 855 waits and the other order goes on.
    let next = lease_some(&erp, 10).await;
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].event.partitionkey, "acme/PO-2");
    acknowledge(&erp, "erp", &first).await;
    let last = lease_some(&erp, 10).await;
    assert_eq!((last.len(), last[0].event.kind.as_str()), (1, "gangway.order_acknowledgement.received.v1"));
    acknowledge(&erp, "erp", &next).await;
    acknowledge(&erp, "erp", &last).await;
});

gwtest!(a_lease_that_ran_out_acknowledges_nothing, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    accepted(gateway.supplier(ACME_KEY).post_x12("k", answer_to(ACME, 1, "PO-1")).await.unwrap());
    let stale = wait_for("an event", async || erp.lease("erp", 1, 10, 5).await.unwrap().pop()).await;
    let fresh = wait_for("the event again", async || erp.lease("erp", 1, 10, 60).await.unwrap().pop()).await;
    assert_eq!((fresh.event.id.as_str(), fresh.attempt), (stale.event.id.as_str(), 2));
    assert_ne!(fresh.lease, stale.lease);
    assert_eq!(erp.ack("erp", &[&stale.lease]).await.unwrap()[0].outcome, "stale");
    // The fresh one holds, can be prolonged, and survives a restart.
    status(erp.extend("erp", &[&fresh.lease], 120).await.unwrap(), 200);
    let gateway = gateway.restart(&dir).await;
    let erp = gateway.erp();
    assert_eq!(erp.ack("erp", &[&fresh.lease]).await.unwrap()[0].outcome, "acked");
    assert_eq!(erp.ack("erp", &[&fresh.lease, &stale.lease]).await.unwrap()[0].outcome, "already_acked");
    drain(&erp, "erp", 0).await;
});

gwtest!(an_event_that_fails_too_often_is_parked_and_its_order_waits, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let order = Order::sample("PO-1", 1);
    post_each(&supplier, [purchase_order(&order), order_acknowledgement(&order, "S-1")]).await;
    let refuse = async || {
        for attempt in 1..=3 {
            let event = wait_for("an attempt", async || erp.lease("erp", 1, 5, 60).await.unwrap().pop()).await;
            assert_eq!(event.event.kind, "gangway.purchase_order.received.v1");
            assert_eq!(event.attempt, attempt);
            status(erp.nack("erp", &event.lease, "the ERP has no such vendor", 0).await.unwrap(), 200);
        }
        drain(&erp, "erp", 0).await;
    };
    refuse().await;
    let parked = status(erp.parked("erp").await.unwrap(), 200).json();
    let parked = parked["parked"].as_array().unwrap().clone();
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(parked[0]["reason"].as_str().unwrap().contains("no such vendor"), "{parked:?}");
    assert_eq!(parked[0]["waiting"], 1, "{parked:?}");
    let position = parked[0]["position"].to_string();

    // Released, it is offered again with its attempts counted anew; skipped, its order goes on without it.
    dir.run_well(&["queue", "release", &position, "--consumer", "erp", "--reason", "vendor created"]);
    refuse().await;
    dir.run_well(&["queue", "skip", &position, "--consumer", "erp", "--reason", "entered by hand"]);
    let next = drain(&erp, "erp", 1).await;
    assert_eq!(next[0].event.kind, "gangway.order_acknowledgement.received.v1");
});

gwtest!(an_event_that_was_given_up_is_listed_and_can_be_put_back, async |dir| {
    assemble(&dir);
    let settings =
        settings().replace("max_attempts = 3\n", "max_attempts = 1\ndead_and_continue = [\"purchase_order\"]\n");
    dir.create("gangway.toml", settings);
    let gateway = Gateway::start(&dir).await;
    let (supplier, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    let order = Order::sample("PO-1", 1);
    post_each(&supplier, [purchase_order(&order), order_acknowledgement(&order, "S-1")]).await;
    let event = lease_some(&erp, 1).await.remove(0);
    assert_eq!(event.event.kind, "gangway.purchase_order.received.v1");
    status(erp.nack("erp", &event.lease, "the ERP has no such vendor", 0).await.unwrap(), 200);
    // Its order went on without it, and both sides can see what was passed over.
    assert_eq!(drain(&erp, "erp", 1).await[0].event.kind, "gangway.order_acknowledgement.received.v1");
    let told = status(erp.given_up("erp").await.unwrap(), 200).json();
    assert_eq!(
        (&told["given_up"][0]["reason"], &told["given_up"][0]["attempts"]),
        (&"the ERP has no such vendor".into(), &1.into())
    );
    let listed = dir.run_well(&["queue", "given-up", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed, told["given_up"]);
    let position = listed[0]["position"].to_string();
    for of_erp in [vec![], vec!["erp"], vec!["--consumer", "erp"]] {
        assert!(dir.run_well(&[vec!["queue", "given-up"], of_erp].concat()).contains("no such vendor"));
    }
    assert_eq!(dir.run(&["queue", "given-up", "erp", "--consumer", "erp"]).status.code(), Some(2), "once is enough");
    assert_eq!(dir.run(&["queue", "put-back", &position, "--reason", " "]).status.code(), Some(2), "why is needed");
    // Who waits for events gets it.
    let mut put_back =
        dir.gangway(&["queue", "put-back", &position, "--consumer", "erp", "--reason", "vendor created"]);
    let put_back = tokio::task::spawn_blocking(move || put_back.output().unwrap());
    let (events, put_back) = tokio::join!(erp.lease("erp", 100, 20, 60), put_back);
    assert!(put_back.unwrap().status.success());
    let events = events.unwrap();
    assert_eq!(events[0].event.kind, "gangway.purchase_order.received.v1");
    acknowledge(&erp, "erp", &events).await;
    assert_eq!(status(erp.given_up("erp").await.unwrap(), 200).json()["given_up"].as_array().unwrap().len(), 0);
    assert!(!dir.run(&["queue", "put-back", &position, "--reason", "again"]).status.success());
});

async fn lease_some(erp: &gangway::play::ErpClient, max: usize) -> Vec<gangway::play::Leased> {
    wait_for("events", async || {
        let events = erp.lease("erp", max, 5, 60).await.unwrap();
        (!events.is_empty()).then_some(events)
    })
    .await
}
