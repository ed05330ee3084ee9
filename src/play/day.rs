//! A day of three suppliers, played from outside against a running gateway: what `gangway demo` shows and holds it to.
//!
//! An order goes to each of them in its own form: as 850 over AS2, as 850 over SFTP, as JSON over REST. They acknowledge and
//! answer it, ship and bill; one is down for a while; and what goes wrong with files goes wrong. The ERP's queue is looked
//! at after each step, and it has to hold what was to come, in this order, and nothing else.

mod as2;
mod mishaps;
mod rest;
mod sftp;

use http::StatusCode;
use serde_json::Value;

use super::{
    As2Partner, As2Server, ErpClient, PlayError, SftpClient, Supplier,
    canonical::{handed_over, purchase_order},
    x12::{Interchange, Order, Party, Set},
};

/// How often something is looked for, and how long between.
const LOOKS: u32 = 400;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Who plays.
pub struct Day {
    /// The ERP.
    pub erp: ErpClient,
    /// The consumer that the ERP reads as.
    pub consumer: String,
    /// The manufacturer's X12 id, the same for all, like `ZZ/EXAMPLEBUYER`.
    pub ours: String,
    /// The supplier on AS2.
    pub coldforge: OverAs2,
    /// The supplier on SFTP.
    pub tallgrass: OverSftp,
    /// The supplier on REST.
    pub nordbolt: Supplier,
}

/// A supplier on AS2.
pub struct OverAs2 {
    /// Its X12 id.
    pub theirs: String,
    /// Its AS2 software.
    pub software: As2Partner,
    /// Its own server.
    pub server: As2Server,
    /// Where the gateway takes AS2.
    pub gateway: String,
    /// Its API key's client, for the days when its AS2 is down.
    pub api: Supplier,
}

/// A supplier on SFTP.
pub struct OverSftp {
    /// Its X12 id.
    pub theirs: String,
    /// It is logged in.
    pub client: SftpClient,
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

/// Who is told of each step when it is done.
type Tell<'t> = &'t mut (dyn FnMut(&Step) + Send);

impl Day {
    /// Plays the day; `tell` is told of every step when it is done.
    ///
    /// # Errors
    /// At the first step that did not happen.
    pub async fn play(&self, tell: Tell<'_>) -> Result<(), DayError> {
        self.over_as2("4500012345", tell).await?;
        self.over_sftp("4500012346", tell).await?;
        self.over_rest("4500012347", tell).await?;
        self.down_and_up("4500012348", tell).await?;
        self.mishaps("4500012345", tell).await
    }

    /// The ERP hands an order over.
    async fn order(&self, partner: &str, order: &Order, tell: Tell<'_>) -> Result<(), DayError> {
        let what = format!("ERP posts order {} for {partner}", order.number);
        let document = handed_over(partner, "purchase_order", purchase_order(order, "original"));
        let key = format!("day-{}", order.number);
        let answer = self.erp.submit(&key, &document).await.map_err(|error| play(&what, error))?;
        match answer.location_id() {
            Some(id) if answer.status == StatusCode::ACCEPTED => tell(&step(&what, format!("202 {id}"))),
            _ => return Err(otherwise(&what, "202 with a Location", &format!("{} {}", answer.status, answer.text()))),
        }
        Ok(())
    }

    /// An interchange from a supplier to the manufacturer.
    fn interchange(&self, theirs: &str, number: u32, sets: impl IntoIterator<Item = Set>) -> Interchange {
        let empty = Interchange::new(&Party::new(theirs), &Party::new(&self.ours), number);
        sets.into_iter().fold(empty, Interchange::with)
    }

    /// The ERP is told of its order.
    async fn fared(&self, order: &str, verbs: &[&str], tell: Tell<'_>) -> Result<(), DayError> {
        let kinds: Vec<_> = verbs.iter().map(|verb| format!("gangway.purchase_order.{verb}.v1")).collect();
        let subject = format!("purchase_order/{order}");
        self.events("the ERP leases, acknowledges", &subject, &kinds).await?.iter().for_each(tell);
        Ok(())
    }

    /// Documents of suppliers reach the ERP.
    async fn received(&self, documents: &[&str], tell: Tell<'_>) -> Result<(), DayError> {
        let kinds: Vec<_> = documents.iter().map(|document| format!("gangway.{document}.received.v1")).collect();
        self.events("the ERP leases, acknowledges", "", &kinds).await?.iter().for_each(tell);
        Ok(())
    }

    /// Leases and acknowledges events until these came, in this order; `subject` is theirs where it is not empty.
    async fn events(&self, what: &str, subject: &str, kinds: &[String]) -> Result<Vec<Step>, DayError> {
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
                let result = format!("{} {}{}", one.event.kind, one.event.subject, lines(&one.event.data));
                steps.push(Step { what: what.to_owned(), result });
            }
        }
        Ok(steps)
    }
}

fn play(what: &str, error: PlayError) -> DayError {
    DayError::Play { what: what.to_owned(), error }
}

fn otherwise(what: &str, expected: &str, found: &str) -> DayError {
    DayError::Otherwise { what: what.to_owned(), expected: expected.to_owned(), found: found.to_owned() }
}

fn step(what: &str, result: impl Into<String>) -> Step {
    Step { what: what.to_owned(), result: result.into() }
}

/// What an interchange of ours is, in a few words; `None` unless it has such a set that speaks of this number.
fn told_by(text: &str, set: &str, number: &str) -> Option<String> {
    let start = text.find(&format!("~ST*{set}*"))?;
    let isa = text.split('*').nth(13)?;
    text.get(start..)?.contains(number).then(|| format!("ISA13 {isa}, ST*{set}, {number}"))
}

/// How the lines of an order's answer fare; empty for other documents.
fn lines(data: &Value) -> String {
    let lines = data.get("lines").and_then(Value::as_array).into_iter().flatten();
    let statuses = lines.filter_map(|line| line.pointer("/acknowledgements/0/status").and_then(Value::as_str));
    let statuses: Vec<_> = statuses.collect();
    if statuses.is_empty() { String::new() } else { format!(": lines {}", statuses.join(", ")) }
}
