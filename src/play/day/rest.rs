//! The supplier on REST: it reads its order as JSON.

use serde_json::Value;

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
                return self.fared(number, &["issued", "delivered"], tell).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(what, "an order to fetch", "none"))
    }
}
