//! What goes wrong with files: one comes twice, one is miscounted, and somebody pretends to be somebody else. All over the API,
//! with the key of the supplier whose AS2 was down.

use serde_json::Value;

use super::{Day, DayError, LOOKS, PAUSE, Step, Tell, otherwise, play};
use crate::play::x12::{Interchange, Order, shipment_notice};

impl Day {
    pub(super) async fn mishaps(&self, number: &str, tell: Tell<'_>) -> Result<(), DayError> {
        let order = Order::sample(number, 3);
        let theirs = self.coldforge.theirs.as_str();
        let again = self.interchange(theirs, 11, [shipment_notice(&order, "SHP-1004")]);
        let said = self.post("856", "day-856", &again).await?;
        tell(&said);
        self.received(&["shipment_notice"], tell).await?;
        let said = self.post("the 856 again, same key", "day-856", &again).await?;
        tell(&Step { what: said.what, result: format!("{}, the stored receipt", said.result) });
        tell(&self.post("the 856 again, new key", "day-856-b", &again).await?);
        tell(&self.quiet("neither reached the ERP twice").await?);

        let sets = [shipment_notice(&order, "SHP-1002").counted_as(99), shipment_notice(&order, "SHP-1003")];
        let said = self.post("856 x 2, one miscounted", "day-mixed", &self.interchange(theirs, 12, sets)).await?;
        tell(&said);
        tell(&self.acknowledged("its 997", &said, &["AK5*R*4~", "AK5*A~", "AK9*P*2*2*1~"]).await?);
        self.received(&["shipment_notice"], tell).await?;
        let stranger = self.interchange("ZZ/SOMEBODY", 13, [shipment_notice(&order, "SHP-1005")]);
        let said = self.post("856 in somebody else's name", "day-stranger", &stranger).await?;
        tell(&said);
        tell(&self.state("it waits for a person", &said, "held").await?);
        tell(&self.quiet("nothing of it reached the ERP").await?);
        Ok(())
    }

    async fn post(&self, what: &str, key: &str, interchange: &Interchange) -> Result<Step, DayError> {
        let what = format!("coldforge posts {what}");
        let answer =
            self.coldforge.api.post_x12(key, interchange.to_bytes()).await.map_err(|error| play(&what, error))?;
        match answer.location_id() {
            Some(id) if answer.status.as_u16() == 202 => Ok(Step { what, result: format!("202 {id}") }),
            _ => Err(otherwise(&what, "202 with a Location", &format!("{} {}", answer.status, answer.text()))),
        }
    }

    /// The acknowledgement of a step's message, as its coldforge fetches it.
    async fn acknowledged(&self, what: &str, of: &Step, wanted: &[&str]) -> Result<Step, DayError> {
        let what = format!("coldforge fetches {what}");
        let id = of.result.trim_start_matches("202 ");
        let mut found = String::new();
        for _ in 0..LOOKS {
            let answer = self.coldforge.api.message(id).await.map_err(|error| play(&what, error))?;
            let message = answer.json();
            if let Some(acknowledgement) = message.pointer("/acknowledgements/0/id").and_then(Value::as_str) {
                let path = format!("/v1/messages/{acknowledgement}/payload");
                let answer = self.coldforge.api.client().get(&path).await.map_err(|error| play(&what, error))?;
                found = answer.text();
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        match wanted.iter().find(|wanted| !found.contains(**wanted)) {
            None => Ok(Step { what, result: wanted.join(" … ") }),
            Some(missing) => Err(otherwise(&what, missing, &found)),
        }
    }

    async fn quiet(&self, what: &str) -> Result<Step, DayError> {
        let leased = self.erp.lease(&self.consumer, 10, 0, 60).await.map_err(|error| play(what, error))?;
        match leased.first() {
            None => Ok(Step { what: what.to_owned(), result: "the queue is empty".to_owned() }),
            Some(one) => Err(otherwise(what, "an empty queue", &one.event.id)),
        }
    }

    async fn state(&self, what: &str, of: &Step, wanted: &str) -> Result<Step, DayError> {
        let id = of.result.trim_start_matches("202 ");
        let answer = self.erp.message(id).await.map_err(|error| play(what, error))?.json();
        let state = answer.pointer("/message/state").or_else(|| answer.get("state")).and_then(Value::as_str);
        let problem = answer.pointer("/message/problem/text").or_else(|| answer.pointer("/problem/text"));
        let problem = problem.and_then(Value::as_str).unwrap_or_default();
        if state == Some(wanted) {
            return Ok(Step { what: what.to_owned(), result: format!("{wanted}: {problem}") });
        }
        Err(otherwise(what, wanted, &answer.to_string()))
    }
}
