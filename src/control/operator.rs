//! Answers requests, on the ledger and the exchange of the running gateway, or on a ledger alone.

use std::{io, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Answer, ReplayWhat, Request, Served, Standing, StandingQuery};
use crate::{
    config::Diagnostic,
    document::MessageId,
    exchange::{Exchange, Replayed, conversation, order_life},
    ledger::{AuditRecord, Direction, LedgerError, Message, MessageFilter, NumberSeries, OwnFile, SharedLedger},
    onboard,
    partner::{Difference, Directory},
};

/// How many messages a replay of a time looks at together.
const PAGE: usize = 200;
/// How many documents of a message are shown.
const SHOWN: usize = 500;

/// Whoever answers.
#[derive(Clone)]
pub struct Operator {
    ledger: SharedLedger,
    /// Absent where no gateway runs; replays are refused then.
    exchange: Option<Exchange>,
    consumers: Vec<String>,
    configuration: Option<Arc<dyn Configuration>>,
    own_files: Option<Arc<OwnFiles>>,
}

/// Reads the data folder's own files.
pub type OwnFiles = dyn Fn() -> io::Result<Vec<OwnFile>> + Send + Sync;

/// The configuration of the running gateway.
pub trait Configuration: Send + Sync {
    /// Reads it again, swaps it in, and tells what is wrong with it.
    fn reload(&self) -> Vec<Diagnostic>;

    /// What a reload would change, by meaning.
    fn differences(&self) -> Vec<Difference>;

    /// The partners that are served now.
    fn directory(&self) -> Arc<Directory>;
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The ledger said no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It takes a running gateway.
    #[error("this needs the running gateway, and none answers on this data folder")]
    NotRunning,
    /// The request makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    fn kind(&self) -> &'static str {
        match self {
            Self::Ledger(LedgerError::NotFound(_)) => "not_found",
            Self::Ledger(LedgerError::Conflict(_)) => "conflict",
            Self::Ledger(LedgerError::Corrupt(_)) => "corrupt",
            Self::Ledger(_) | Self::NotRunning => "unavailable",
            Self::Usage(_) => "usage",
        }
    }
}

impl Operator {
    /// One on the running gateway.
    pub fn running(exchange: Exchange, consumers: Vec<String>, configuration: Arc<dyn Configuration>) -> Self {
        let ledger = exchange.ledger().clone();
        Self { ledger, exchange: Some(exchange), consumers, configuration: Some(configuration), own_files: None }
    }

    /// One on a ledger alone.
    pub fn alone(ledger: SharedLedger, consumers: Vec<String>) -> Self {
        Self { ledger, exchange: None, consumers, configuration: None, own_files: None }
    }

    /// Has backups carry the data folder's own files.
    pub fn carrying(self, own_files: impl Fn() -> io::Result<Vec<OwnFile>> + Send + Sync + 'static) -> Self {
        Self { own_files: Some(Arc::new(own_files)), ..self }
    }

    /// Does what is asked and says what came of it.
    pub async fn answer(&self, request: Request) -> Answer {
        match self.execute(request).await {
            Ok(value) => Answer::Ok(value),
            Err(failure) => Answer::Err { kind: failure.kind().into(), text: failure.to_string() },
        }
    }

    async fn execute(&self, request: Request) -> Result<Value, Failure> {
        let now = jiff::Timestamp::now();
        let ledger = &self.ledger;
        match request {
            Request::QueueStats { consumer } => {
                let names = consumer.map_or_else(|| self.consumers.clone(), |name| vec![name]);
                let mut all = Vec::new();
                for name in names {
                    all.push(ledger.queue_stats(&name, now).await?);
                }
                Ok(value(all))
            }
            Request::QueuePeek { consumer, limit } => Ok(value(ledger.peek(&consumer, limit).await?)),
            Request::QueueParked { consumer } => Ok(value(ledger.parked(&consumer).await?)),
            Request::QueueRelease { consumer, position, who, reason } => {
                ledger.release(&consumer, position, &who, &needed(reason)?, now).await?;
                Ok(json!({ "released": position }))
            }
            Request::QueueSkip { consumer, position, who, reason } => {
                ledger.skip(&consumer, position, &who, &needed(reason)?, now).await?;
                Ok(json!({ "skipped": position }))
            }
            Request::QueueGivenUp { consumer, after, limit } => {
                Ok(value(ledger.given_up(&consumer, after, limit).await?))
            }
            Request::QueuePutBack { consumer, position, who, reason } => {
                ledger.put_back(&consumer, position, &who, &needed(reason)?, now).await?;
                Ok(json!({ "put_back": position }))
            }
            Request::Find { filter, limit } => self.find(filter, limit).await,
            Request::Order { number } => match order_life(&**ledger, &number).await? {
                Some(life) => Ok(value(life)),
                None => Err(LedgerError::NotFound(format!("no document has the number {number} or names it")).into()),
            },
            Request::Show { message } => self.show(message).await,
            Request::Replay { what, dry_run, who, reason } => self.replay(what, dry_run, &who, &reason).await,
            Request::Backup { file } => {
                let own = self.own_files().await?;
                let names: Vec<_> = own.iter().map(|file| file.name.clone()).collect();
                ledger.backup(&file, own).await?;
                Ok(json!({ "backup": file, "own_files": names }))
            }
            Request::Reload => {
                let findings = self.of_configuration(|configuration| configuration.reload()).await?;
                let told = findings.iter().map(|one| {
                    let file = one.labels.first().map(|label| label.file.as_ref());
                    json!({ "code": one.code, "severity": one.severity, "message": one.message, "file": file })
                });
                Ok(Value::Array(told.collect()))
            }
            Request::Diff => Ok(value(self.of_configuration(|configuration| configuration.differences()).await?)),
            Request::Standing { of } => {
                let mut all = Vec::new();
                for query in of {
                    all.push(self.standing(query).await?);
                }
                Ok(value(all))
            }
            Request::Record { who, what, on, reason } => {
                ledger.audit(audit(&who, &what, &on, &reason)).await?;
                Ok(json!({ "recorded": true }))
            }
            Request::Audit { limit } => Ok(value(ledger.audit_log(limit).await?)),
            Request::Deliveries { filter, limit } => Ok(value(ledger.all_deliveries(filter, None, limit).await?)),
            Request::DeliveriesPaused => Ok(json!({ "paused": ledger.deliveries_paused().await? })),
            Request::Resend { message, who, reason } => {
                Ok(value(self.exchange()?.resend(message, &who, &needed(reason)?).await?))
            }
            Request::Reissue { message, who, reason } => {
                let documents = self.exchange()?.reissue(message, &who, &needed(reason)?).await?;
                Ok(json!({ "documents": documents }))
            }
            Request::Cancel { delivery, who, reason } => {
                self.exchange()?.cancel(delivery, &who, &needed(reason)?).await?;
                Ok(json!({ "cancelled": delivery }))
            }
            Request::Numbers => {
                let all = ledger.numbers().await?;
                Ok(all.into_iter().map(|(series, next)| json!({ "series": series.0, "next": next })).collect())
            }
            Request::SetNumber { series, next, who, reason } => {
                if !(1..=999_999_999).contains(&next) {
                    return Err(Failure::Usage("a control number is from 1 to 999999999".into()));
                }
                let record = audit(&who, "numbers.set", &series, &needed(reason)?);
                ledger.advance_number(&NumberSeries(series.clone()), next, record).await?;
                Ok(json!({ "series": series, "next": next }))
            }
            Request::Resume { who, reason } => {
                ledger.resume_deliveries(&who, &needed(reason)?, now).await?;
                Ok(json!({ "resumed": true }))
            }
        }
    }

    async fn own_files(&self) -> Result<Vec<OwnFile>, Failure> {
        let Some(read) = self.own_files.clone() else { return Ok(Vec::new()) };
        let failed = |error: String| LedgerError::Unavailable(format!("the backup was not begun: {error}"));
        let read = tokio::task::spawn_blocking(move || read()).await.map_err(|error| failed(error.to_string()))?;
        Ok(read.map_err(|error| failed(error.to_string()))?)
    }

    fn exchange(&self) -> Result<&Exchange, Failure> {
        self.exchange.as_ref().ok_or(Failure::NotRunning)
    }

    /// Asks the configuration, on a thread that may read files.
    async fn of_configuration<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Configuration) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let configuration = self.configuration.clone().ok_or(Failure::NotRunning)?;
        let answer = tokio::task::spawn_blocking(move || ask(&*configuration)).await;
        answer.map_err(|error| LedgerError::Unavailable(error.to_string()).into())
    }

    async fn standing(&self, query: StandingQuery) -> Result<Standing, Failure> {
        let StandingQuery { partner, first_interchange, steps } = query;
        let filter = MessageFilter { partner: Some(partner.clone()), ..MessageFilter::default() };
        let last = self.ledger.messages(filter, None, 1).await?.first().map(|message| message.at);
        let seen = match (steps, last) {
            (true, Some(_)) => onboard::evidence(&*self.ledger, &partner, first_interchange).await?,
            _ => Vec::new(),
        };
        let served = self.configuration.as_ref().map(|configuration| {
            match configuration.directory().partner(&partner).map(|partner| partner.stale.clone()) {
                Some(None) => Served::Good,
                Some(Some(why)) => Served::Stale(why),
                None => Served::Not,
            }
        });
        Ok(Standing { partner, last, seen, served })
    }

    /// Messages, with how the conversation about each stands that went to a partner.
    async fn find(&self, filter: MessageFilter, limit: usize) -> Result<Value, Failure> {
        #[derive(Serialize)]
        struct Found {
            #[serde(flatten)]
            message: Message,
            conversation: Option<String>,
        }
        let mut found = Vec::new();
        for message in self.ledger.messages(filter, None, limit).await? {
            let conversation = conversation(&*self.ledger, &message).await?;
            found.push(Found { message, conversation });
        }
        Ok(value(found))
    }

    async fn show(&self, id: MessageId) -> Result<Value, Failure> {
        let ledger = &self.ledger;
        let message = ledger.message(id).await?.ok_or_else(|| LedgerError::NotFound(format!("message {id}")))?;
        let answers = MessageFilter { relates_to: Some(id), ..MessageFilter::default() };
        Ok(json!({
            "message": message,
            "conversation": conversation(&**ledger, &message).await?,
            "documents": ledger.documents(id, 0, SHOWN).await?,
            "timeline": ledger.timeline(id).await?,
            "deliveries": ledger.deliveries(id).await?,
            "related": ledger.messages(answers, None, SHOWN).await?,
        }))
    }

    async fn replay(&self, what: ReplayWhat, dry_run: bool, who: &str, reason: &str) -> Result<Value, Failure> {
        let exchange = self.exchange.as_ref().ok_or(Failure::NotRunning)?;
        let reason = if dry_run { reason.to_owned() } else { needed(reason.to_owned())? };
        let mut done: Vec<Replayed> = Vec::new();
        let (ids, on) = match what {
            ReplayWhat::Changed(id) => {
                let accepted = exchange.accept_changed(id, &reason).await?;
                self.ledger.audit(audit(who, "replay.accept_changed", &id.to_string(), &reason)).await?;
                return Ok(value(vec![accepted]));
            }
            ReplayWhat::Message(id) => (vec![id], id.to_string()),
            ReplayWhat::Between { from, to } if from < to => {
                let filter = MessageFilter {
                    direction: Some(Direction::In),
                    from: Some(from),
                    to: Some(to),
                    ..MessageFilter::default()
                };
                (self.all(filter).await?, format!("{from} to {to}"))
            }
            ReplayWhat::Between { .. } => return Err(Failure::Usage("--from has to be before --to".into())),
        };
        for id in ids {
            match exchange.replay(id, dry_run, &reason).await {
                Ok(replayed) => done.push(replayed),
                // One that is being worked out right now needs no replay.
                Err(LedgerError::Conflict(_)) if !on.starts_with("msg_") => {}
                Err(error) => return Err(error.into()),
            }
        }
        if done.iter().any(|one| one.stored) {
            self.ledger.audit(audit(who, "replay", &on, &reason)).await?;
        }
        Ok(value(done))
    }

    /// The ids of all messages that a filter finds, oldest first.
    async fn all(&self, filter: MessageFilter) -> Result<Vec<MessageId>, Failure> {
        let mut ids = Vec::new();
        let mut before = None;
        loop {
            let page = self.ledger.messages(filter.clone(), before, PAGE).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            ids.extend(page.iter().map(|message| message.id));
        }
        ids.reverse();
        Ok(ids)
    }
}

fn needed(reason: String) -> Result<String, Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Usage("a reason is needed: it goes to the audit log".into()));
    }
    Ok(reason)
}

fn audit(who: &str, what: &str, on: &str, reason: &str) -> AuditRecord {
    AuditRecord { at: jiff::Timestamp::now(), who: who.into(), what: what.into(), on: on.into(), reason: reason.into() }
}

fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}
