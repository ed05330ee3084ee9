//! A supplier's day, played from outside against a running gateway: what `gangway demo` shows and the tests hold it to.
//!
//! The supplier answers an order, ships it and bills it; a file with one broken document in it, a file sent twice and a
//! sender who pretends to be somebody else follow. After each step the ERP's queue is looked at.

use serde_json::Value;

use super::{
    ErpClient, PlayError, Supplier,
    x12::{Interchange, Order, Party, Set, invoice, order_acknowledgement, shipment_notice},
};

/// The order that the day is about.
const ORDER: &str = "4500012345";

/// Who plays.
pub struct Day {
    /// The supplier, with its API key.
    pub supplier: Supplier,
    /// The supplier's X12 id, like `01/123456789`.
    pub theirs: String,
    /// The manufacturer's X12 id.
    pub ours: String,
    /// The ERP.
    pub erp: ErpClient,
    /// The consumer that the ERP reads as.
    pub consumer: String,
}

/// One step that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who did what.
    pub what: String,
    /// What came of it.
    pub result: String,
}

/// A step that did not.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// Somebody could not be talked to.
    #[error("{what}: {error}")]
    Play {
        /// The step.
        what: String,
        /// Why.
        error: PlayError,
    },
    /// The gateway did something else.
    #[error("{what}: expected {expected}, found {found}")]
    Otherwise {
        /// The step.
        what: String,
        /// What should have been.
        expected: String,
        /// What was.
        found: String,
    },
}

impl Day {
    /// Plays the day; `tell` is told of every step when it is done.
    ///
    /// # Errors
    /// At the first step that did not happen.
    pub async fn play(&self, mut tell: impl FnMut(&Step)) -> Result<(), DayError> {
        let order = Order::sample(ORDER, 3);
        let answer = order_acknowledgement(&order, "SO-77");
        let notice = shipment_notice(&order, "SHP-1001");
        let bill = invoice(&order, "INV-9001");

        let said = self.post("855, the order's answer", "day-855", &self.interchange(1, vec![answer])).await?;
        tell(&said);
        tell(&self.acknowledged("its 997", &said, &["AK1*PR*", "AK5*A~", "AK9*A*1*1*1~"]).await?);
        let said = self.post("856, the ship notice", "day-856", &self.interchange(2, vec![notice.clone()])).await?;
        tell(&said);
        let said = self.post("810, the invoice", "day-810", &self.interchange(3, vec![bill])).await?;
        tell(&said);
        let kinds = ["order_acknowledgement", "shipment_notice", "invoice"];
        for step in self.consume("the ERP leases and acknowledges", &kinds).await? {
            tell(&step);
        }

        let again = self.post("the 856 again, same key", "day-856", &self.interchange(2, vec![notice.clone()])).await?;
        tell(&Step { what: again.what, result: format!("{}, the stored receipt", again.result) });
        let other =
            self.post("the 856 again, new key", "day-856-b", &self.interchange(2, vec![notice.clone()])).await?;
        tell(&other);
        tell(&self.quiet("neither reached the ERP twice").await?);

        let spoilt = shipment_notice(&order, "SHP-1002").counted_as(99);
        let sound = shipment_notice(&order, "SHP-1003");
        let said = self.post("856 x 2, one miscounted", "day-mixed", &self.interchange(4, vec![spoilt, sound])).await?;
        tell(&said);
        tell(&self.acknowledged("its 997", &said, &["AK5*R*4~", "AK5*A~", "AK9*P*2*2*1~"]).await?);
        for step in self.consume("the sound one alone reaches the ERP", &["shipment_notice"]).await? {
            tell(&step);
        }

        let stranger = Interchange::new(&Party::new("ZZ/SOMEBODY"), &Party::new(&self.ours), 5).with(notice);
        let said = self.post("856 in somebody else's name", "day-stranger", &stranger).await?;
        tell(&said);
        tell(&self.state("it waits for a person", &said, "held").await?);
        tell(&self.quiet("nothing of it reached the ERP").await?);
        Ok(())
    }

    fn interchange(&self, number: u32, sets: Vec<Set>) -> Interchange {
        let empty = Interchange::new(&Party::new(&self.theirs), &Party::new(&self.ours), number);
        sets.into_iter().fold(empty, Interchange::with)
    }

    async fn post(&self, what: &str, key: &str, interchange: &Interchange) -> Result<Step, DayError> {
        let what = format!("supplier posts {what}");
        let answer = self.supplier.post_x12(key, interchange.to_bytes()).await.map_err(|error| play(&what, error))?;
        match answer.location_id() {
            Some(id) if answer.status.as_u16() == 202 => Ok(Step { what, result: format!("202 {id}") }),
            _ => Err(otherwise(&what, "202 with a Location", &format!("{} {}", answer.status, answer.text()))),
        }
    }

    /// The acknowledgement of a step's message, as its supplier fetches it.
    async fn acknowledged(&self, what: &str, of: &Step, wanted: &[&str]) -> Result<Step, DayError> {
        let what = format!("supplier fetches {what}");
        let id = of.result.trim_start_matches("202 ");
        let mut found = String::new();
        for _ in 0..100 {
            let answer = self.supplier.message(id).await.map_err(|error| play(&what, error))?;
            let message = answer.json();
            if let Some(acknowledgement) = message.pointer("/acknowledgements/0/id").and_then(Value::as_str) {
                let path = format!("/v1/messages/{acknowledgement}/payload");
                let answer = self.supplier.client().get(&path).await.map_err(|error| play(&what, error))?;
                found = answer.text();
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        match wanted.iter().find(|wanted| !found.contains(**wanted)) {
            None => Ok(Step { what, result: wanted.join(" … ") }),
            Some(missing) => Err(otherwise(&what, missing, &found)),
        }
    }

    async fn consume(&self, what: &str, kinds: &[&str]) -> Result<Vec<Step>, DayError> {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("gangway.{kind}.received.v1")).collect();
        self.events(what, "", &kinds).await
    }

    /// Leases and acknowledges events until these came, in this order; `subject` is theirs where it is not empty.
    pub(super) async fn events(&self, what: &str, subject: &str, kinds: &[String]) -> Result<Vec<Step>, DayError> {
        let mut steps = Vec::new();
        let mut rest = kinds;
        while let [next, ..] = rest {
            let leased = self.erp.lease(&self.consumer, 10, 10, 60).await.map_err(|error| play(what, error))?;
            if leased.is_empty() {
                return Err(otherwise(what, &format!("an event {next}"), "none in ten seconds"));
            }
            for one in leased {
                let wanted = rest.first().cloned().unwrap_or_default();
                if one.event.kind != wanted || (!subject.is_empty() && one.event.subject != subject) {
                    return Err(otherwise(what, &wanted, &format!("{} {}", one.event.kind, one.event.subject)));
                }
                rest = rest.get(1..).unwrap_or_default();
                let done = self.erp.ack(&self.consumer, &[&one.lease]).await.map_err(|error| play(what, error))?;
                if done.first().is_none_or(|done| done.outcome != "acked") {
                    return Err(otherwise(what, "acked", &format!("{done:?}")));
                }
                let result = format!("{} {} key {}", one.event.kind, one.event.subject, one.event.partitionkey);
                steps.push(Step { what: what.to_owned(), result });
            }
        }
        Ok(steps)
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

pub(super) fn play(what: &str, error: PlayError) -> DayError {
    DayError::Play { what: what.to_owned(), error }
}

pub(super) fn otherwise(what: &str, expected: &str, found: &str) -> DayError {
    DayError::Otherwise { what: what.to_owned(), expected: expected.to_owned(), found: found.to_owned() }
}
