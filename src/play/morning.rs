//! The ERP's morning, played from outside before the supplier's day: an order goes out and is acknowledged, and another one
//! goes to a partner who is down and comes up again.

use axum::http::StatusCode;
use serde_json::Value;

use super::{
    Day, DayError, Endpoint, Step,
    canonical::{functional_acknowledgement, handed_over, purchase_order},
    day::{otherwise, play},
    x12::{Interchange, Order, Party},
};

/// How often something is looked for, and how long in all.
const LOOKS: u32 = 200;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// The ERP, a supplier who fetches its orders, and one to whom they are posted.
pub struct Morning<'d> {
    /// Who plays the rest of the day.
    pub day: &'d Day,
    /// The id of the supplier who fetches.
    pub fetching: &'d str,
    /// The id of the supplier who is called.
    pub called: &'d str,
    /// The called supplier's endpoint.
    pub endpoint: &'d Endpoint,
}

impl Morning<'_> {
    /// Plays the morning; `tell` is told of every step when it is done.
    ///
    /// # Errors
    /// At the first step that did not happen.
    pub async fn play(&self, order: &str, mut tell: impl FnMut(&Step)) -> Result<(), DayError> {
        let said = self.order(self.fetching, order).await?;
        tell(&said);
        let (step, text) = self.fetched(order).await?;
        tell(&step);
        tell(&self.acknowledge(&text).await?);
        let subject = format!("purchase_order/{order}");
        let told = ["issued", "delivered", "accepted"].map(|verb| format!("gangway.purchase_order.{verb}.v1"));
        for step in self.day.events("the ERP is told how it fared", &subject, &told).await? {
            tell(&step);
        }

        let other = format!("{order}-B");
        self.endpoint.answer(StatusCode::SERVICE_UNAVAILABLE);
        tell(&self.order(self.called, &other).await?);
        self.until("the order is tried and tried again", || self.endpoint.calls().len() >= 2).await?;
        let result = format!("{} attempts answered 503", self.endpoint.calls().len());
        tell(&Step { what: format!("{} is down", self.called), result });
        self.endpoint.answer(StatusCode::NO_CONTENT);
        self.until("the order is taken", || !self.endpoint.taken().is_empty()).await?;
        let taken = self.endpoint.taken();
        let body = taken.first().map(|call| String::from_utf8_lossy(&call.body).into_owned()).unwrap_or_default();
        if !body.contains(&other) {
            return Err(otherwise("the order is taken", &other, &body));
        }
        tell(&Step { what: format!("{} is up again", self.called), result: "the order came, signed, as JSON".into() });
        let subject = format!("purchase_order/{other}");
        let told = ["issued", "delivered"].map(|verb| format!("gangway.purchase_order.{verb}.v1"));
        for step in self.day.events("the ERP is told", &subject, &told).await? {
            tell(&step);
        }
        Ok(())
    }

    async fn order(&self, partner: &str, number: &str) -> Result<Step, DayError> {
        let what = format!("ERP posts order {number} for {partner}");
        let order = handed_over(partner, "purchase_order", purchase_order(&Order::sample(number, 3), "original"));
        let key = format!("morning-{number}");
        let answer = self.day.erp.submit(&key, &order).await.map_err(|error| play(&what, error))?;
        match answer.location_id() {
            Some(id) if answer.status == StatusCode::ACCEPTED => Ok(Step { what, result: format!("202 {id}") }),
            _ => Err(otherwise(&what, "202 with a Location", &format!("{} {}", answer.status, answer.text()))),
        }
    }

    /// The supplier finds the order and fetches it.
    async fn fetched(&self, number: &str) -> Result<(Step, String), DayError> {
        let what = "supplier fetches its order".to_owned();
        let client = self.day.supplier.client();
        for _ in 0..LOOKS {
            let listed = client.get("/v1/messages?direction=out&state=ready").await;
            let listed = listed.map_err(|error| play(&what, error))?.json();
            if let Some(id) = listed.pointer("/data/0/id").and_then(Value::as_str) {
                let answer = client.get(&format!("/v1/messages/{id}/payload")).await;
                let text = answer.map_err(|error| play(&what, error))?.text();
                if !text.contains("~ST*850*") || !text.contains(number) {
                    return Err(otherwise(&what, &format!("an 850 about {number}"), &text));
                }
                let isa = text.split('*').nth(13).unwrap_or_default();
                return Ok((Step { what, result: format!("ISA13 {isa}, ST*850, BEG*00*SA*{number}") }, text));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(&what, "an order to fetch", "none"))
    }

    async fn acknowledge(&self, text: &str) -> Result<Step, DayError> {
        let what = "supplier posts its 997".to_owned();
        let Some(set) = functional_acknowledgement(text, true) else {
            return Err(otherwise(&what, "an interchange to acknowledge", text));
        };
        let (theirs, ours) = (Party::new(&self.day.theirs), Party::new(&self.day.ours));
        let bytes = Interchange::new(&theirs, &ours, 900).with(set).to_bytes();
        let answer = self.day.supplier.post_x12("morning-997", bytes).await.map_err(|error| play(&what, error))?;
        match answer.location_id() {
            Some(id) if answer.status == StatusCode::ACCEPTED => Ok(Step { what, result: format!("202 {id}") }),
            _ => Err(otherwise(&what, "202 with a Location", &answer.text())),
        }
    }

    async fn until(&self, what: &str, happened: impl Fn() -> bool) -> Result<(), DayError> {
        for _ in 0..LOOKS {
            if happened() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(otherwise(what, "it to happen", "nothing"))
    }
}
