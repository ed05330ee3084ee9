//! What partners answer, and whether an answer is found where an order has very many documents.

use gangway::play::x12::{Interchange, Order, Set, invoice};
use serde_json::{Value, json};

use super::{told, verbs};
use crate::util::{Gateway, accepted, cast::*, gwtest, settled, status};

/// A change of an order, as the ERP posts it.
fn change(number: &str) -> Value {
    let line = json!({ "number": "1", "change": "quantity_increased", "quantity": { "value": "20", "unit": "EA" } });
    let data = json!({
        "order_number": number, "purpose": "change", "order_type": "blanket", "order_date": "2026-11-02",
        "change_order_sequence": "1", "issue_date": "2026-11-03", "lines": [line],
    });
    json!({ "type": "purchase_order_change", "partner": "acme", "data": data })
}

/// What a partner says of a change.
fn answer(number: &str) -> Set {
    let mut set = Set::new("865", "CA");
    set.push("BCA", &["00", "AC", number, "", "1", "20261103"]);
    set.push("POC", &["1", "QI", "20", "20", "EA", "1.5", "", "VP", "P"]);
    set.push("ACK", &["IA", "20", "EA"]);
    set.push("CTT", &["1"]);
    set
}

gwtest!(an_answer_is_found_among_very_many_documents_of_its_order, async |dir| {
    assemble(&dir);
    PartnerFile { more: "\n[send]\nanswer_within = \"8s\"\n", ..ACME_FILE }.write(&dir);
    let gateway = Gateway::start(&dir).await;
    let (acme, erp) = (gateway.supplier(ACME_KEY), gateway.erp());
    // Its call-offs were invoiced for years.
    let many = (0..520).map(|n| invoice(&Order::sample("BLANKET", 1), &format!("INV-{n}")));
    let many = many.fold(Interchange::new(&party(ACME), &ours(), 1), Interchange::with);
    let many = accepted(acme.post_x12("k1", many.to_bytes()).await.unwrap());
    settled(&erp, &many).await;
    accepted(erp.submit("c1", &change("BLANKET")).await.unwrap());
    assert_eq!(verbs(&erp, "purchase_order_change/BLANKET", 1).await, ["purchase_order_change.issued"]);
    let answer = Interchange::new(&party(ACME), &ours(), 2).with(answer("BLANKET"));
    let answer = accepted(acme.post_x12("k2", answer.to_bytes()).await.unwrap());
    settled(&erp, &answer).await;
    // One that nobody answers falls due after it.
    accepted(erp.submit("c2", &change("OTHER")).await.unwrap());
    let other = verbs(&erp, "purchase_order_change/OTHER", 2).await;
    assert_eq!(other[1], "order_change_acknowledgement.overdue");
    assert_eq!(told(&erp, "purchase_order_change/BLANKET").await.len(), 1, "it was answered in time");
    // The order's page shows how it stands, and that there was more.
    let order = status(erp.order("BLANKET").await.unwrap(), 200).json();
    let documents = order["documents"].as_array().unwrap();
    assert_eq!((documents.len(), &order["truncated"]), (500, &json!(true)));
    assert_eq!(documents.last().unwrap()["message"], json!(answer));
    assert_eq!(order["since"], documents[0]["at"]);
    gateway.stop().await;
});
