//! The supplier on REST: it reads its order as JSON, and answers, ships and bills it the same way.

use serde_json::{Value, json};

use super::{Day, DayError, LOOKS, PAUSE, Tell, otherwise, play, step};
use crate::play::x12::Order;

impl Day {
    pub(super) async fn over_rest(&self, number: &str, tell: Tell<'_>) -> Result<(), DayError> {
        self.order("nordbolt", &Order::sample(number, 3), tell).await?;
        let what = "nordbolt fetches JSON over REST";
        let client = self.nordbolt.client();
        for _ in 0..LOOKS {
            let listed = client.get("/v1/messages?direction=out&state=ready").await;
            let listed = listed.map_err(|error| play(what, error))?.json();
            if let Some(id) = listed.pointer("/data/0/id").and_then(Value::as_str) {
                let order = client.get(&format!("/v1/messages/{id}/payload")).await;
                let order = order.map_err(|error| play(what, error))?.json();
                let lines = order.get("lines").and_then(Value::as_array).map_or(0, Vec::len);
                if order.get("number").and_then(Value::as_str) != Some(number) || lines != 3 {
                    return Err(otherwise(what, &format!("order {number}"), &order.to_string()));
                }
                tell(&step(what, format!("order {number}, {lines} lines")));
                self.fared(number, &["issued", "delivered"], tell).await?;
                return self.answers(number, &order, tell).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(what, "an order to fetch", "none"))
    }

    /// It accepts the first line, changes the date of the second and rejects the third; then it ships and bills.
    async fn answers(&self, number: &str, order: &Value, tell: Tell<'_>) -> Result<(), DayError> {
        let lines = order.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
        let said = |(line, status): (&Value, &str)| {
            json!({
                "number": line.get("number"),
                "quantity": line.get("quantity"),
                "acknowledgements": [{ "status": status, "quantity": line.get("quantity") }],
            })
        };
        let statuses = ["accepted", "rescheduled", "rejected"];
        let acknowledgement = json!({
            "order_number": number,
            "purpose": "original",
            "seller_order_number": "NB-31",
            "issue_date": "2026-11-21",
            "lines": lines.iter().zip(statuses).map(said).collect::<Vec<_>>(),
        });
        self.hands(number, "acknowledgements", &acknowledgement, tell).await?;
        self.received(&["order_acknowledgement"], tell).await?;
        let notice = json!({ "number": "SHP-3001", "purpose": "original", "issue_date": "2026-11-22" });
        self.hands(number, "shipments", &notice, tell).await?;
        let invoice = json!({ "number": "INV-3001", "issue_date": "2026-11-23", "order_number": number });
        self.hands(number, "invoices", &invoice, tell).await?;
        self.received(&["shipment_notice", "invoice"], tell).await
    }

    /// It posts a document about an order.
    async fn hands(&self, number: &str, what: &str, document: &Value, tell: Tell<'_>) -> Result<(), DayError> {
        let told = format!("nordbolt posts {what} as JSON");
        let key = format!("day-{number}-{what}");
        let answer = self.nordbolt.post_json(&key, number, what, document.to_string()).await;
        let answer = answer.map_err(|error| play(&told, error))?;
        match answer.location_id() {
            Some(id) if answer.status.as_u16() == 202 => {
                tell(&step(&told, format!("202 {id}")));
                Ok(())
            }
            _ => Err(otherwise(&told, "202 with a Location", &format!("{} {}", answer.status, answer.text()))),
        }
    }
}
