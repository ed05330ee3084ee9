//! Orders out, answers in: what a supplier reads is delivered, what it answers is an event, and nothing counts twice.

use gangway::play::{
    Answer, Supplier,
    canonical::handed_over,
    x12::{Interchange, Order, shipment_notice},
};
use http::Method;
use serde_json::{Value, json};

use super::{acknowledge, acknowledgement, get, header, numbers, open, refused};
use crate::{
    outbound::{order_for, post, verbs},
    util::{Gateway, accepted, cast::*, drain, gwtest, status, wait_for},
};

/// A change of an order, as the ERP posts it.
fn change_of(order: &str, sequence: &str) -> Value {
    let data = json!({
        "order_number": order, "issue_date": "2026-11-03", "change_order_sequence": sequence, "purpose": "change",
    });
    handed_over("acme", "purchase_order_change", data)
}

async fn head(supplier: &Supplier, path: &str) -> Answer {
    supplier.client().send(Method::HEAD, path, &[], Vec::<u8>::new()).await.unwrap()
}

gwtest!(an_order_is_read_and_so_delivered, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    post(&erp, "1", "acme", "45").await;
    assert_eq!(verbs(&erp, "purchase_order/45", 1).await, ["purchase_order.issued"]);
    let list = status(get(&acme, "/v1/orders", &[]).await, 200).json();
    assert_eq!(numbers(&list), ["45"]);
    assert_eq!((&list["data"][0]["state"], &list["data"][0]["type"]), (&json!("issued"), &json!("purchase_order")));
    // Lists deliver nothing; reading the order does.
    let order = status(get(&acme, "/v1/orders/45", &[]).await, 200);
    assert_eq!(order.json(), order_for("acme", "45", "original")["data"]);
    let etag = header(&order, "etag").to_owned();
    assert_eq!(list["data"][0]["etag"], etag.as_str());
    assert_eq!(verbs(&erp, "purchase_order/45", 2).await, ["purchase_order.issued", "purchase_order.delivered"]);
    let known = get(&acme, "/v1/orders/45", &[("if-none-match", &etag)]).await;
    assert_eq!((known.status.as_u16(), known.text().as_str()), (304, ""));
    // Nobody else has it.
    let bolt = gateway.supplier(BOLT_KEY);
    assert_eq!(refused(get(&bolt, "/v1/orders/45", &[]).await, 404), "API-0111");
    assert_eq!(numbers(&status(get(&bolt, "/v1/orders", &[]).await, 200).json()), Vec::<&str>::new());
    // A test key sees rehearsals only.
    assert_eq!(refused(get(&gateway.supplier(ACME_TEST_KEY), "/v1/orders/45", &[]).await, 404), "API-0111");
    gateway.stop().await;
});

gwtest!(changes_are_delivered_when_they_were_read_to_their_end, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    post(&erp, "1", "acme", "45").await;
    verbs(&erp, "purchase_order/45", 1).await;
    accepted(erp.submit("2", &change_of("45", "1")).await.unwrap());
    assert_eq!(verbs(&erp, "purchase_order_change/45", 1).await, ["purchase_order_change.issued"]);
    let list = status(get(&acme, "/v1/orders?type=purchase_order_change", &[]).await, 200).json();
    let id = list["data"][0]["message"].as_str().unwrap();
    let state = async || status(erp.message(id).await.unwrap(), 200).json()["deliveries"][0]["state"].clone();
    // Whoever asks for the head alone has read nothing of it.
    let answer = status(head(&acme, "/v1/orders/45/changes").await, 200);
    assert_eq!((answer.text().as_str(), state().await), ("", json!("ready")));
    let changes = status(get(&acme, "/v1/orders/45/changes", &[]).await, 200).json();
    assert_eq!(changes["data"][0]["document"]["change_order_sequence"], "1");
    let told = ["purchase_order_change.issued", "purchase_order_change.delivered"];
    assert_eq!(verbs(&erp, "purchase_order_change/45", 2).await, told);
    gateway.stop().await;
});

gwtest!(after_go_live_rehearsals_are_no_business, async |dir| {
    assemble(&dir);
    let file = PartnerFile { more: "\n[send]\nchannel = \"rest\"\nformat = \"json\"\n", ..ACME_FILE };
    PartnerFile { status: "test", ..file.clone() }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let (erp, acme, rehearsing) = (gateway.erp(), gateway.supplier(ACME_KEY), gateway.supplier(ACME_TEST_KEY));
    post(&erp, "1", "acme", "45").await;
    verbs(&erp, "purchase_order/45", 1).await;
    accepted(erp.submit("2", &change_of("45", "1")).await.unwrap());
    verbs(&erp, "purchase_order_change/45", 1).await;
    let forecast = json!({ "number": "F-1", "issue_date": "2026-11-03" });
    accepted(erp.submit("3", &handed_over("acme", "forecast", forecast)).await.unwrap());
    verbs(&erp, "forecast/F-1", 1).await;
    let seen = async |supplier: &Supplier| {
        let mut seen = Vec::new();
        for list in ["/v1/orders", "/v1/forecasts"] {
            let page = status(get(supplier, list, &[]).await, 200).json();
            seen.push(page["data"].as_array().unwrap().len());
        }
        for one in ["/v1/orders/45", "/v1/orders/45/changes", "/v1/forecasts/F-1"] {
            seen.push(get(supplier, one, &[]).await.status.as_u16().into());
        }
        seen
    };
    let all = [2, 1, 200, 200, 200];
    assert_eq!((seen(&acme).await, seen(&rehearsing).await), (all.to_vec(), all.to_vec()));
    file.write(&dir);
    gateway.signal("HUP");
    wait_for("going live", async || (seen(&acme).await == [0, 0, 404, 404, 404]).then_some(())).await;
    assert_eq!(seen(&rehearsing).await, all, "rehearsals go on under their own key");
    // Business of the same number is another order.
    post(&erp, "4", "acme", "45").await;
    wait_for("the order", async || (seen(&acme).await == [1, 0, 200, 200, 404]).then_some(())).await;
    assert_eq!(status(get(&acme, "/v1/orders/45/changes", &[]).await, 200).json()["data"], json!([]));
    gateway.stop().await;
});

gwtest!(lists_go_on_where_they_ended_and_are_filtered, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    for number in ["1", "2", "3", "4", "5"] {
        post(&erp, number, "acme", number).await;
    }
    wait_for("five orders", async || {
        let list = get(&acme, "/v1/orders", &[]).await.json();
        (list["data"].as_array().unwrap().len() == 5).then_some(())
    })
    .await;
    let (mut seen, mut path) = (Vec::new(), "/v1/orders?limit=2".to_owned());
    loop {
        let page = status(get(&acme, &path, &[]).await, 200).json();
        seen.extend(numbers(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/orders?limit=2&after={next}");
    }
    seen.sort();
    assert_eq!(seen, ["1", "2", "3", "4", "5"], "each once");
    let of = async |query: &str| status(get(&acme, &format!("/v1/orders?{query}"), &[]).await, 200).json();
    assert_eq!(numbers(&of("number=3").await), ["3"]);
    assert_eq!(numbers(&of("state=failed").await).len(), 0);
    assert_eq!(numbers(&of("type=purchase_order_change").await).len(), 0);
    assert_eq!(refused(get(&acme, "/v1/orders?state=lost&limit=0", &[]).await, 400), "NET-0110");
    gateway.stop().await;
});

gwtest!(an_answer_in_json_is_an_event_and_counts_once, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let document = acknowledgement("45", "S-1");
    let first = acknowledge(&acme, "k-1", "45", &document).await;
    let id = accepted(first.clone());
    assert_eq!(first.json()["state"], "accepted");
    // The same key and the same document: the same answer, byte for byte.
    let again = acknowledge(&acme, "k-1", "45", &document).await;
    assert_eq!((again.text(), header(&again, "idempotency-replayed")), (first.text(), "true"));
    // The same document laid out otherwise, under another key, is the first one.
    let spaced = serde_json::to_vec_pretty(&document).unwrap();
    let spaced = acme.post_json("k-2", "45", "acknowledgements", spaced).await.unwrap();
    assert_eq!((accepted(spaced.clone()), header(&spaced, "idempotency-replayed")), (id.clone(), "true"));
    // The same key with another document, or at another address, is a mistake.
    let other = acknowledge(&acme, "k-1", "45", &acknowledgement("45", "S-2")).await;
    assert_eq!(refused(other, 422), "API-0105");
    // Several acknowledgements of one order are normal.
    assert_eq!(
        status(get(&acme, "/v1/messages?state=duplicate", &[]).await, 200).json()["data"][0]["relates_to"],
        id.as_str()
    );
    accepted(acknowledge(&acme, "k-3", "45", &acknowledgement("45", "S-2")).await);
    let events = drain(&erp, "erp", 2).await;
    assert_eq!(events[0].event.kind, "gangway.order_acknowledgement.received.v1");
    assert_eq!((&events[0].event.subject, &events[0].event.data), (&"order_acknowledgement/45".to_owned(), &document));
    // Replaying it changes nothing: no mapping took part.
    let message = status(erp.message(&id).await.unwrap(), 200).json();
    assert_eq!((&message["state"], &message["documents"][0]["format_kind"]), (&json!("accepted"), &json!("json")));
    gateway.stop().await;
});

gwtest!(what_breaks_the_schema_is_told_and_claims_nothing, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let mut document = acknowledgement("45", "S-1");
    document["lines"][0]["quantity"]["value"] = json!(10);
    let answer = status(acknowledge(&acme, "k-1", "45", &document).await, 422).json();
    assert_eq!(
        (&answer["code"], &answer["errors"][0]["pointer"]),
        (&json!("NET-0109"), &json!("/lines/0/quantity/value"))
    );
    let elsewhere = status(acknowledge(&acme, "k-1", "46", &acknowledgement("45", "S-1")).await, 422).json();
    assert_eq!(elsewhere["errors"][0]["pointer"], "/order_number");
    // The same key is free for the mended document.
    accepted(acknowledge(&acme, "k-1", "45", &acknowledgement("45", "S-1")).await);
    let without_key = acme.client().post_json("/v1/orders/45/acknowledgements", &[], &document).await.unwrap();
    assert_eq!(refused(without_key, 400), "API-0103");
    drain(&erp, "erp", 1).await;
    gateway.stop().await;
});

gwtest!(an_invoice_with_another_content_is_a_conflict, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let invoice = |note: &str| {
        let json = json!({ "number": "INV-1", "issue_date": "2026-11-21", "order_number": "45", "action": note });
        json.to_string().into_bytes()
    };
    let first = accepted(acme.post_json("k-1", "45", "invoices", invoice("A")).await.unwrap());
    let answer = status(acme.post_json("k-2", "45", "invoices", invoice("B")).await.unwrap(), 409).json();
    assert_eq!((&answer["code"], &answer["message"]), (&json!("API-0110"), &json!(format!("/v1/messages/{first}"))));
    let notice = json!({ "number": "ASN-1" }).to_string().into_bytes();
    accepted(acme.post_json("k-3", "45", "shipments", notice).await.unwrap());
    let events = drain(&erp, "erp", 2).await;
    // A notice that names no order is about the one of its address, and keeps its place among that one's events.
    assert_eq!(events[1].event.kind, "gangway.shipment_notice.received.v1");
    assert_eq!(events[0].event.partitionkey, events[1].event.partitionkey);
    gateway.stop().await;
});

gwtest!(a_notice_of_several_orders_lists_them, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let order = |number: &str| json!({ "kind": "order", "order": { "number": number } });
    let notice = json!({ "number": "ASN-2", "levels": [{ "kind": "shipment", "levels": [order("45"), order("46")] }] });
    accepted(acme.post_json("k", "45", "shipments", notice.to_string().into_bytes()).await.unwrap());
    // As X12, with an order in place of the second carton.
    let notice = shipment_notice(&Order::sample("47", 2), "ASN-3");
    let bytes = Interchange::new(&party(ACME), &ours(), 1).with(notice).to_bytes();
    let bytes = String::from_utf8(bytes).unwrap();
    let bytes = bytes.replace("HL*5*2*P~", "HL*5*1*O~").replace("MAN*GM*00007123450000000002~", "PRF*48~").into_bytes();
    accepted(acme.post_x12("x", bytes).await.unwrap());
    let events = drain(&erp, "erp", 2).await;
    for (leased, (number, orders)) in events.into_iter().zip([("ASN-2", ["45", "46"]), ("ASN-3", ["47", "48"])]) {
        let event = leased.event;
        assert_eq!(event.partitionkey, format!("acme/shipment_notice/{number}"));
        let listed: Vec<_> = event.data["orders"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
        assert_eq!(listed, orders, "{}", event.data);
    }
    gateway.stop().await;
});

gwtest!(an_answer_may_say_which_form_of_the_order_it_means, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    post(&erp, "1", "acme", "45").await;
    verbs(&erp, "purchase_order/45", 1).await;
    let tag = async || header(&status(get(&acme, "/v1/orders/45", &[]).await, 200), "etag").to_owned();
    let first = tag().await;
    accepted(erp.submit("2", &order_for("acme", "45", "change")).await.unwrap());
    wait_for("the order sent anew", async || (tag().await != first).then_some(())).await;
    let body = acknowledgement("45", "S-1").to_string().into_bytes();
    let send = async |etag: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "k"), ("if-match", etag)];
        let path = "/v1/orders/45/acknowledgements";
        acme.client().send(Method::POST, path, &headers, body.clone()).await.unwrap()
    };
    assert_eq!(refused(send(&first).await, 412), "API-0112");
    // Each change makes another order of it, too.
    for sequence in ["1", "2"] {
        let before = tag().await;
        accepted(erp.submit(&format!("change {sequence}"), &change_of("45", sequence)).await.unwrap());
        wait_for("the change", async || (tag().await != before).then_some(())).await;
        assert_eq!(refused(send(&before).await, 412), "API-0112");
    }
    let now = tag().await;
    let list = status(get(&acme, "/v1/orders?type=purchase_order&limit=1", &[]).await, 200).json();
    assert_eq!(list["data"][0]["etag"], now.as_str());
    accepted(send(&now).await);
    gateway.stop().await;
});

gwtest!(json_that_does_not_say_so_is_read_where_json_is_expected, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let send = async |key: &str, kind: Option<&str>, body: &str| {
        let headers = [("idempotency-key", key), ("content-type", kind.unwrap_or_default())];
        let path = "/v1/orders/45/acknowledgements";
        let named = if kind.is_some() { &headers[..] } else { &headers[..1] };
        acme.client().send(Method::POST, path, named, body.to_owned()).await.unwrap()
    };
    let kinds = [Some("text/plain;charset=UTF-8"), Some("application/octet-stream"), None, Some("application/json")];
    for (n, kind) in kinds.into_iter().enumerate() {
        // One of them as a system writes it that marks its texts.
        let mark = if n % 2 == 0 { "" } else { "\u{feff}" };
        let body = format!("{mark} {}", acknowledgement("45", &format!("S-{n}")));
        let answer = send(&format!("k{n}"), kind, &body).await;
        assert_eq!(answer.json()["state"], "accepted", "{kind:?} {answer:?}");
        accepted(answer.clone());
        let again = send(&format!("k{n}"), Some("application/json"), &body).await;
        assert_eq!((again.text(), header(&again, "idempotency-replayed")), (answer.text(), "true"));
    }
    // Its mistakes are told.
    assert_eq!(refused(send("m", Some("text/plain"), "{\"order_number\": 45}").await, 422), "NET-0109");
    // X12 needs no other type than before, and still has to have one.
    let x12 = String::from_utf8(answer_to(ACME, 7, "45")).unwrap();
    accepted(send("x", Some("text/plain"), &x12).await);
    assert_eq!(refused(send("y", None, &x12).await, 415), "NET-0106");
    let events = drain(&erp, "erp", 5).await;
    assert_eq!(events[3].event.data["seller_order_number"], "S-3");
    gateway.stop().await;
});

gwtest!(x12_is_taken_where_json_is, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let body = answer_to(ACME, 7, "45");
    let headers = [("content-type", "application/edi-x12"), ("idempotency-key", "k")];
    let path = "/v1/orders/45/acknowledgements";
    let taken = acme.client().send(Method::POST, path, &headers, body).await.unwrap();
    accepted(taken);
    let events = drain(&erp, "erp", 1).await;
    assert_eq!(events[0].event.data["order_number"], Order::sample("45", 3).number.as_str());
    gateway.stop().await;
});
