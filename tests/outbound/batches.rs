//! Documents that wait for company: no interchange is larger than the record takes, and nothing overtakes what is stuck.

use std::fs;

use gangway::play::ErpClient;
use http::Method;
use serde_json::{Value, json};

use super::{bytes, issued, order_for, post, told};
use crate::util::{Dir, Gateway, accepted, cast::*, gwtest, status, wait_for};

/// Acme's file with a batch, and with what it says of the characters that it takes.
fn acme(dir: &Dir, batch: &'static str, charset: &str) {
    PartnerFile { more: batch, ..ACME_FILE }.write(dir);
    let path = dir.join("partners/acme.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("usage = \"P\"\n", &format!("usage = \"P\"\ncharset = \"{charset}\"\n"))).unwrap();
}

/// A change of an order's only line.
fn change(number: &str) -> Value {
    let line = json!({ "number": "1", "change": "quantity_increased", "quantity": { "value": "20", "unit": "EA" } });
    let data = json!({
        "order_number": number, "purpose": "change", "order_type": "stand_alone", "order_date": "2026-11-02",
        "change_order_sequence": "1", "issue_date": "2026-11-03", "lines": [line],
    });
    json!({ "type": "purchase_order_change", "partner": "acme", "data": data })
}

/// The message that a document of the ERP's went out in.
async fn carrier(erp: &ErpClient, origin: &str) -> Option<String> {
    let message = status(erp.message(origin).await.unwrap(), 200).json();
    let issued = message["timeline"].as_array().unwrap().iter().find(|fact| fact["what"] == "issued")?;
    Some(issued["detail"].as_str()?.strip_prefix("in ")?.to_owned())
}

gwtest!(a_batch_is_closed_before_it_is_too_large, async |dir| {
    assemble(&dir);
    acme(&dir, "\n[send.batch]\ncount = 100\nsize = \"16 MiB\"\nevery = \"1h\"\n", "utf8");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    // Three of them are more than the record takes at once. Blanks weigh as much as lines do.
    let post_large = async |number: &str| {
        let order = order_for("acme", number, "original").to_string();
        let body = order.replacen("\"lines\":[", &format!("\"lines\":[{}", " ".repeat(1_500_000)), 1);
        let headers = [("content-type", "application/json"), ("idempotency-key", number)];
        accepted(erp.client().send(Method::POST, "/erp/v1/documents", &headers, body).await.unwrap())
    };
    let mut sent = vec![post_large("1").await, post_large("2").await, post_large("3").await];
    sent.push(accepted(erp.submit("change", &change("1")).await.unwrap()));
    sent.push(post_large("4").await);
    let last = post_large("5").await;
    let mut numbers = Vec::new();
    for origin in &sent {
        let message = wait_for(&format!("what carries {origin}"), async || carrier(&erp, origin).await).await;
        let message = status(erp.message(&message).await.unwrap(), 200).json();
        numbers.push(message["interchange"].as_str().unwrap().trim_start_matches('0').to_owned());
    }
    assert_eq!(numbers, ["1", "1", "2", "2", "2"]);
    assert_eq!(carrier(&erp, &last).await, None, "it waits for company");
    gateway.stop().await;
});

gwtest!(a_change_does_not_overtake_an_order_that_is_held_in_its_batch, async |dir| {
    const BATCH: &str = "\n[send.batch]\ncount = 3\nevery = \"1h\"\n";
    assemble(&dir);
    acme(&dir, BATCH, "utf8");
    let gateway = Gateway::start(&dir).await;
    let erp = gateway.erp();
    let mut order = order_for("acme", "45", "original");
    order["data"]["lines"][0]["descriptions"] = json!([{ "text": "漢字" }]);
    let order = accepted(erp.submit("1", &order).await.unwrap());
    let change = accepted(erp.submit("2", &change("45")).await.unwrap());
    acme(&dir, BATCH, "latin1");
    dir.run_well(&["reload"]);
    let other = issued(&erp, "acme", &post(&erp, "3", "acme", "46").await).await;
    assert_eq!(other["documents"].as_array().unwrap().len(), 1, "{other}");
    let held = status(erp.message(&order).await.unwrap(), 200).json();
    assert_eq!(held["documents"][0]["state"], "held", "{held}");
    assert!(told(&erp, "purchase_order_change/45").await.is_empty());
    // Once it is mended both go, one after the other.
    acme(&dir, BATCH, "utf8");
    dir.run_well(&["reload"]);
    post(&erp, "4", "acme", "47").await;
    let both = issued(&erp, "acme", &order).await;
    let origins: Vec<_> = (0..3).map(|n| both["documents"][n]["extras"]["origin"]["message"].clone()).collect();
    assert_eq!(origins[..2], [json!(order), json!(change)], "{both}");
    let text = bytes(&erp, &both).await;
    assert!(text.contains("~ST*850*0001~") && text.contains("~ST*860*"), "{text}");
    gateway.stop().await;
});
