//! The way out, from the ERP's POST to the partner and back: documents, control numbers, deliveries, acknowledgements.

mod answers;
mod batches;
mod certificates;
mod couriers;
mod cxml;
mod desk;
mod documents;
mod drop_box;
mod homecoming;
mod numbers;
mod plans;

use gangway::play::{
    Answer, ErpClient, Event,
    canonical::{handed_over, purchase_order},
    x12::Order,
};
use serde_json::Value;

use crate::util::{accepted, outgoing, status, wait_for};

/// An order for a partner, as the ERP posts it.
pub fn order_for(partner: &str, number: &str, purpose: &str) -> Value {
    handed_over(partner, "purchase_order", purchase_order(&Order::sample(number, 2), purpose))
}

/// Posts an order and answers the id of its message.
pub async fn post(erp: &ErpClient, key: &str, partner: &str, number: &str) -> String {
    accepted(erp.submit(key, &order_for(partner, number, "original")).await.unwrap())
}

/// The message that carries what was handed over in `origin`, once it is issued.
pub async fn issued(erp: &ErpClient, partner: &str, origin: &str) -> Value {
    wait_for(&format!("what {origin} becomes"), async || {
        for id in outgoing(erp, partner).await {
            let message = status(erp.message(&id).await.unwrap(), 200).json();
            let origin_of = message["documents"][0]["extras"]["origin"]["message"].as_str();
            if id != origin && origin_of == Some(origin) {
                return Some(message);
            }
        }
        None
    })
    .await
}

/// The bytes of a message.
pub async fn bytes(erp: &ErpClient, message: &Value) -> String {
    let answer: Answer = erp.payload(message["id"].as_str().unwrap()).await.unwrap();
    status(answer, 200).text()
}

/// The events of the log about a subject, oldest first.
pub async fn told(erp: &ErpClient, subject: &str) -> Vec<Event> {
    let all = erp.whole_log().await.unwrap();
    all.into_iter().filter(|event| event.subject == subject).collect()
}

/// Waits until the log has so many events about a subject, and answers their verbs.
pub async fn verbs(erp: &ErpClient, subject: &str, count: usize) -> Vec<String> {
    let events = wait_for(&format!("{count} events about {subject}"), async || {
        let events = told(erp, subject).await;
        (events.len() >= count).then_some(events)
    })
    .await;
    let verb = |event: &Event| event.kind.trim_start_matches("gangway.").trim_end_matches(".v1").to_owned();
    events.iter().map(verb).collect()
}
