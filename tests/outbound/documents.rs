//! What the ERP hands over: taken once, refused field by field, many at once.

use gangway::{keys, play::canonical::handed_over};
use http::Method;
use serde_json::{Value, json};

use super::{bytes, issued, order_for, post};
use crate::util::{Gateway, accepted, cast::*, gwtest, status, wait_for};

gwtest!(an_order_becomes_an_850_for_its_partner, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let id = post(&erp, "k-1", "acme", "4500000001").await;
    let message = issued(&erp, "acme", &id).await;
    let text = bytes(&erp, &message).await;
    assert!(text.starts_with("ISA*00*          *00*          *01*098765432      *01*123456789      *"), "{text}");
    assert!(text.contains("*00401*000000001*0*P*>~GS*PO*098765432*123456789*"), "{text}");
    assert!(text.contains("~ST*850*0001~BEG*00*SA*4500000001**20261102~"), "{text}");
    assert_eq!((message["channel"].as_str(), message["state"].as_str()), (Some("rest"), Some("ready")));
    assert_eq!(message["documents"][0]["state"], "issued");
    // The gateway's own checks find nothing wrong with what it wrote.
    let file = dir.create("out.edi", &text);
    let stats = dir.gangway(&["x12", "stats", file.to_str().unwrap()]).output().unwrap();
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!((&stats["sets"], &stats["errors"]), (&json!(1), &json!(0)), "{stats}");
    // Its supplier finds it, and not what the ERP handed over.
    let listed =
        status(gateway.supplier(ACME_KEY).client().get("/v1/messages?direction=out").await.unwrap(), 200).json();
    let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [message["id"].clone()]);
    gateway.stop().await;
});

gwtest!(a_hand_over_counts_once, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let first = erp.submit("k-1", &order_for("acme", "45", "original")).await.unwrap();
    let again = erp.submit("k-1", &order_for("acme", "45", "original")).await.unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body, "the answer is the first one's, byte for byte");
    assert_eq!(accepted(first), accepted(again));
    let other = status(erp.submit("k-1", &order_for("acme", "46", "original")).await.unwrap(), 422).json();
    assert_eq!(other["code"], "API-0509", "{other}");
    // The same business under another key is the same hand-over; another content under its number is not.
    let same = erp.submit("k-2", &order_for("acme", "45", "original")).await.unwrap();
    assert_eq!(same.header("idempotency-replayed"), Some("true"));
    // However it is laid out.
    let mut turned = order_for("acme", "45", "original");
    let data = turned["data"].as_object_mut().unwrap();
    let members: Vec<_> = std::mem::take(data).into_iter().rev().collect();
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{} : {value}", json!(name))).collect();
    let text = format!(r#"{{"data":{{ {} }},"partner":"acme","type":"purchase_order"}}"#, members.join(" ,\n"));
    for key in ["k-1", "k-6"] {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let same = erp.client().send(Method::POST, "/erp/v1/documents", &headers, text.clone()).await.unwrap();
        assert_eq!(status(same, 202).header("idempotency-replayed"), Some("true"), "{key}");
    }
    let mut changed = order_for("acme", "45", "original");
    changed["data"]["currency"] = json!("EUR");
    let changed = status(erp.submit("k-3", &changed).await.unwrap(), 409).json();
    assert_eq!(changed["code"], "API-0510", "{changed}");
    accepted(erp.submit("k-4", &order_for("acme", "45", "change")).await.unwrap());
    accepted(erp.submit("k-5", &order_for("bolt", "45", "original")).await.unwrap());
    let missing = erp.client().post_json("/erp/v1/documents", &[], &order_for("acme", "47", "original")).await.unwrap();
    assert_eq!(status(missing, 400).json()["code"], "API-0508");
    gateway.stop().await;
});

gwtest!(what_an_earlier_release_took_is_known_again, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let order = order_for("acme", "45", "original");
    let first = accepted(gateway.erp().submit("k-1", &order).await.unwrap());
    gateway.stop().await;
    // It held documents against each other byte by byte.
    let bytes = keys::sha256(order["data"].to_string().as_bytes());
    let hand_over = keys::sha256(&[b"acme\npurchase_order\n", bytes.as_slice()].concat());
    let ledger = rusqlite::Connection::open(dir.join("data/ledger.db")).unwrap();
    for (kind, digest) in [(1, hand_over), (3, bytes)] {
        let changed = ledger.execute("UPDATE claims SET digest = ?1 WHERE kind = ?2", (digest, kind)).unwrap();
        assert_eq!(changed, 1, "claims of kind {kind}");
    }
    drop(ledger);
    let gateway = Gateway::start(&dir).await;
    for key in ["k-1", "k-2"] {
        let again = gateway.erp().submit(key, &order).await.unwrap();
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{key}: {}", again.text());
        assert_eq!(accepted(again), first);
    }
    gateway.stop().await;
});

gwtest!(what_cannot_be_sent_is_told_field_by_field, async |dir| {
    assemble(&dir);
    PartnerFile { status: "onboarding", x12: Some("ZZ/NEWCOMER"), ..PartnerFile::new("newcomer") }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let refused = async |document: &Value| {
        let problem = status(erp.submit("k", document).await.unwrap(), 422).json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(refused(&order_for("nobody", "1", "original")).await, ["/partner"]);
    assert_eq!(refused(&order_for("newcomer", "1", "original")).await, ["/partner"]);
    assert_eq!(refused(&order_for("acme", "1", "originl")).await, ["/data/purpose"]);
    assert_eq!(refused(&handed_over("acme", "purchase_ordre", json!({}))).await, ["/type"]);
    assert_eq!(refused(&json!({ "type": "purchase_order", "data": {} })).await, ["/partner"]);
    let mut long = order_for("acme", "1", "original");
    long["data"]["number"] = json!("4".repeat(60));
    assert_eq!(refused(&long).await, ["/data/number"]);
    // By the ERP's own number of the partner.
    let mut by_number = order_for("acme", "1", "original");
    by_number.as_object_mut().unwrap().remove("partner");
    by_number["vendor_number"] = json!("V-acme");
    accepted(erp.submit("k", &by_number).await.unwrap());
    gateway.stop().await;
});

gwtest!(many_come_as_lines_each_with_its_result, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let mut body = String::new();
    for (partner, number) in [("acme", "1"), ("bolt", "2"), ("nobody", "3"), ("acme", "4")] {
        body += &format!("{}\n", order_for(partner, number, "original"));
    }
    body += "not json\n";
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "batch-1")];
    for repeated in [false, true] {
        let answer = erp.client().send(Method::POST, "/erp/v1/documents", &headers, body.clone()).await.unwrap();
        let text = status(answer, 200).text();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
        assert_eq!(statuses, [202, 202, 422, 202, 400], "{text}");
        assert_eq!(lines[0]["repeated"], json!(repeated));
        assert_eq!(lines[2]["problem"]["errors"][0]["pointer"], "/partner");
    }
    gateway.stop().await;
});

gwtest!(lines_that_name_a_partner_in_two_ways_keep_their_order, async |dir| {
    assemble(&dir);
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let numbers: Vec<String> = (0..120).map(|number| format!("L-{number:03}")).collect();
    let lines = numbers.iter().enumerate().map(|(at, number)| {
        let mut order = order_for("acme", number, "original");
        // Long runs of both, of which the second would be through before the first.
        if at >= 100 {
            order.as_object_mut().unwrap().remove("partner");
            order["vendor_number"] = json!("V-acme");
        }
        format!("{order}\n")
    });
    let headers = [("content-type", "application/x-ndjson"), ("idempotency-key", "batch")];
    let body: String = lines.collect();
    status(erp.client().send(Method::POST, "/erp/v1/documents", &headers, body).await.unwrap(), 200);
    let sent = wait_for("all orders to be issued", async || {
        let log = erp.whole_log().await.unwrap();
        let issued = log.iter().filter(|event| event.kind == "gangway.purchase_order.issued.v1");
        let numbers: Vec<_> = issued.filter_map(|event| Some(event.subject.split('/').nth(1)?.to_owned())).collect();
        (numbers.len() == 120).then_some(numbers)
    })
    .await;
    assert_eq!(sent, numbers);
    gateway.stop().await;
});
