//! The ERP's side: it leases events, acknowledges them, and looks things up.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Client, PlayError, query_value};

/// An ERP client on the private listener.
#[derive(Debug, Clone)]
pub struct ErpClient {
    client: Client,
}

/// An event as it was leased.
#[derive(Debug, Clone, Deserialize)]
pub struct Leased {
    /// What acknowledges it.
    pub lease: String,
    /// 1 at first.
    pub attempt: u32,
    /// The event.
    pub event: Event,
}

/// A CloudEvent with the gateway's extensions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    /// Unique, and the same over repetitions.
    pub id: String,
    /// `/partners/…`
    pub source: String,
    /// `gangway.<document>.<what>.v1`
    #[serde(rename = "type")]
    pub kind: String,
    /// `<document>/<number>`
    pub subject: String,
    /// When.
    pub time: String,
    /// Whose document it is.
    pub partner: String,
    /// The message it came in.
    pub messageid: String,
    /// What its log lines carry.
    pub correlationid: String,
    /// What its order is kept by.
    pub partitionkey: String,
    /// Its place in the log, as digits that sort as text.
    pub sequence: String,
    /// `live` or `test`.
    pub mode: String,
    /// The event that this one corrects.
    #[serde(default)]
    pub replaces: Option<String>,
    /// The canonical document.
    pub data: Value,
}

/// What came of acknowledging one lease.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Acknowledged {
    /// The lease.
    pub lease: String,
    /// `acked`, `already_acked` or `stale`.
    pub outcome: String,
}

/// A page of the log.
#[derive(Debug, Clone, Deserialize)]
pub struct Page {
    /// The events.
    #[serde(rename = "data")]
    pub events: Vec<Event>,
    /// Where the next page begins.
    pub next: u64,
}

#[derive(Deserialize)]
struct LeaseAnswer {
    events: Vec<Leased>,
}

#[derive(Deserialize)]
struct AckAnswer {
    results: Vec<Acknowledged>,
}

impl ErpClient {
    /// The ERP that holds `token`, at the private listener `base`.
    pub fn new(base: impl Into<String>, token: &str) -> Self {
        Self { client: Client::new(base, Some(token)) }
    }

    /// The next events of a consumer, after waiting for one for `wait_secs` at most.
    pub async fn lease(
        &self,
        consumer: &str,
        max: usize,
        wait_secs: u32,
        lease_secs: u32,
    ) -> Result<Vec<Leased>, PlayError> {
        let asked = json!({ "max": max, "wait_secs": wait_secs, "lease_secs": lease_secs });
        let answer = self.queue(consumer, "lease", &asked).await?.expect("lease", StatusCode::OK)?;
        Ok(answer.read::<LeaseAnswer>("lease")?.events)
    }

    /// Ends leases.
    pub async fn ack(&self, consumer: &str, leases: &[&str]) -> Result<Vec<Acknowledged>, PlayError> {
        let answer = self.queue(consumer, "ack", &json!({ "leases": leases })).await?.expect("ack", StatusCode::OK)?;
        Ok(answer.read::<AckAnswer>("ack")?.results)
    }

    /// Gives one event back.
    pub async fn nack(&self, consumer: &str, lease: &str, reason: &str, retry: u32) -> Result<Answer, PlayError> {
        let body = json!({ "lease": lease, "reason": reason, "retry_in_secs": retry });
        self.queue(consumer, "nack", &body).await
    }

    /// Prolongs leases.
    pub async fn extend(&self, consumer: &str, leases: &[&str], lease_secs: u32) -> Result<Answer, PlayError> {
        self.queue(consumer, "extend", &json!({ "leases": leases, "lease_secs": lease_secs })).await
    }

    /// One verb of a consumer's queue, as it stands.
    pub async fn queue(&self, consumer: &str, verb: &str, body: &Value) -> Result<Answer, PlayError> {
        self.client.post_json(&format!("/erp/v1/queue/{}/{verb}", query_value(consumer)), &[], body).await
    }

    /// The log after a position.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Page, PlayError> {
        let answer = self.client.get(&format!("/erp/v1/events?limit={limit}&after={after}")).await?;
        answer.expect("events", StatusCode::OK)?.read("events")
    }

    /// The whole log, in its order.
    pub async fn whole_log(&self) -> Result<Vec<Event>, PlayError> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let page = self.events(after, 1000).await?;
            if page.events.is_empty() {
                return Ok(all);
            }
            all.extend(page.events);
            after = page.next;
        }
    }

    /// The events that were given up for a consumer.
    pub async fn given_up(&self, consumer: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/erp/v1/queue/{}/given-up", query_value(consumer))).await
    }

    /// The events that are parked for a consumer.
    pub async fn parked(&self, consumer: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/erp/v1/queue/{}/parked", query_value(consumer))).await
    }

    /// Messages that match every one of the given pairs, like `("number", "PO-1")`.
    pub async fn messages(&self, filter: &[(&str, &str)]) -> Result<Answer, PlayError> {
        let query: Vec<String> = filter.iter().map(|(name, value)| format!("{name}={}", query_value(value))).collect();
        self.client.get(&format!("/erp/v1/messages?{}", query.join("&"))).await
    }

    /// One message and its timeline.
    pub async fn message(&self, id: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/erp/v1/messages/{id}")).await
    }

    /// A message's raw bytes.
    pub async fn payload(&self, id: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/erp/v1/messages/{id}/payload")).await
    }

    /// An order's lifecycle.
    pub async fn order(&self, number: &str) -> Result<Answer, PlayError> {
        self.client.get(&format!("/erp/v1/orders/{}", query_value(number))).await
    }

    /// Hands a document over for a partner.
    pub async fn submit(&self, key: &str, document: &Value) -> Result<Answer, PlayError> {
        self.client.post_json("/erp/v1/documents", &[("idempotency-key", key)], document).await
    }

    /// The plain client.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
