//! The feed: everything in order, from where it was read last, and worth waiting for.

use serde_json::{Value, json};

use super::{acknowledge, acknowledgement, get, open, refused};
use crate::{
    outbound::{post, verbs},
    util::{accepted, cast::*, gwtest, status},
};

fn subjects(page: &Value) -> Vec<String> {
    let events = page["data"].as_array().unwrap();
    events
        .iter()
        .map(|event| format!("{} {}", event["type"].as_str().unwrap(), event["subject"].as_str().unwrap()))
        .collect()
}

gwtest!(the_feed_goes_on_where_it_ended_and_delivers_what_was_read, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    post(&erp, "1", "acme", "45").await;
    verbs(&erp, "purchase_order/45", 1).await;
    let page = status(get(&acme, "/v1/events", &[]).await, 200).json();
    assert_eq!(subjects(&page), ["gangway.purchase_order.issued.v1 purchase_order/45"]);
    assert_eq!(page["data"][0]["data"]["number"], "45");
    verbs(&erp, "purchase_order/45", 2).await;
    // How a delivery of ours fares is nothing for the supplier, and the cursor goes past it.
    accepted(acknowledge(&acme, "k", "45", &acknowledgement("45", "S-1")).await);
    let next = page["next"].as_str().unwrap();
    let page = status(get(&acme, &format!("/v1/events?after={next}&limit=1"), &[]).await, 200).json();
    let all = if subjects(&page).is_empty() {
        let next = page["next"].as_str().unwrap();
        status(get(&acme, &format!("/v1/events?after={next}"), &[]).await, 200).json()
    } else {
        page
    };
    assert_eq!(subjects(&all), ["gangway.order_acknowledgement.received.v1 order_acknowledgement/45"]);
    // Nothing of it is bolt's, and the cursor moves all the same.
    let bolt = gateway.supplier(BOLT_KEY);
    let nothing = status(get(&bolt, "/v1/events", &[]).await, 200).json();
    assert_eq!(nothing["data"], json!([]));
    assert_ne!(nothing["next"], json!("AAAAAAAAAAA"));
    assert_eq!(refused(get(&acme, "/v1/events?after=x", &[]).await, 400), "NET-0110");
    gateway.stop().await;
});

gwtest!(whoever_waits_is_told_at_once, async |dir| {
    let (gateway, erp, acme) = open(&dir).await;
    let waiting = {
        let acme = acme.clone();
        tokio::spawn(async move { get(&acme, "/v1/events?wait=30", &[]).await })
    };
    post(&erp, "1", "acme", "45").await;
    let page = status(waiting.await.unwrap(), 200).json();
    assert_eq!(subjects(&page), ["gangway.purchase_order.issued.v1 purchase_order/45"]);
    gateway.stop().await;
});
