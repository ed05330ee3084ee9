//! Receipts on connections of their own, both ways.
//!
//! Ours go only to addresses that the partner's file lists. Each is remembered by the ledger: before its message is
//! committed, let go after, tried with growing pauses until its server takes it, and still there after a restart, on this
//! node or on another. One that was prepared and never let go is held against the record: if the message is there its
//! receipt goes out, and if not nothing was promised.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use axum::response::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinHandle,
};

use super::{
    As2, Caller, Identity, Layers, events, nothing, problems,
    stored::{Asked, StoredReceipt},
    take::Arrived,
};
use crate::{
    as2::{
        content::Content,
        delivery::Schedule,
        entropy::System,
        mdn::{self, HttpMessage},
    },
    config::Settings,
    document::MessageId,
    exchange::Carried,
    keys,
    ledger::{Channel, Direction, Fact, LedgerError, MessageFilter, SharedLedger},
    net::Problem,
    observe::Metrics,
    partner::Directory,
};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a receipt is tried.
const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// So many are on their way at once.
const AT_ONCE: usize = 8;
/// How often is looked for what is due, whatever happens.
const LOOK: Duration = Duration::from_secs(30);
/// How often what is done with is forgotten, where whoever did it could not say so.
const TIDY: Duration = Duration::from_secs(60 * 60);
/// No commit takes as long: what was prepared before and is not on the record never will be.
const PREPARED_FOR: Duration = Duration::from_secs(10 * 60);
/// What the ledger remembers receipts on their way as.
const KIND: &str = "as2 receipts";

/// One receipt on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    /// What it is remembered by.
    id: String,
    /// Whether its message is on the record, so that it may go.
    ready: bool,
    partner: String,
    url: String,
    /// The message that it is about, as its sender names it.
    message_id: String,
    /// … and as we do, where it is known.
    message: Option<MessageId>,
    /// What was asked of it.
    asked: String,
    headers: Vec<(String, String)>,
    /// In base64.
    body: String,
    made: Timestamp,
    due: Timestamp,
    attempts: u32,
}

impl Job {
    /// A receipt for `arrived`.
    pub(super) fn new(arrived: &Arrived, url: &str, mdn: Option<&HttpMessage>, asked: &Asked) -> Self {
        let id = format!("{}-{}", arrived.at.as_millisecond(), keys::hex(&keys::random::<8>()));
        let job = Self {
            id,
            ready: false,
            partner: arrived.partner.id.clone(),
            url: url.to_owned(),
            message_id: String::from_utf8_lossy(&arrived.request.message_id).into_owned(),
            message: None,
            asked: asked.as_str().to_owned(),
            headers: Vec::new(),
            body: String::new(),
            made: arrived.at,
            due: arrived.at,
            attempts: 0,
        };
        match mdn {
            Some(mdn) => job.about(None, mdn),
            None => job,
        }
    }

    /// The same, with this receipt.
    pub(super) fn about(self, message: Option<MessageId>, mdn: &HttpMessage) -> Self {
        Self {
            message: message.or(self.message),
            headers: mdn.headers.clone(),
            body: STANDARD.encode(&mdn.body),
            ..self
        }
    }

    fn mdn(&self) -> Option<HttpMessage> {
        Some(HttpMessage { headers: self.headers.clone(), body: STANDARD.decode(&self.body).ok()? })
    }
}

/// Receipts on their way.
pub struct Receipts {
    caller: Caller,
    directory: Arc<ArcSwap<Directory>>,
    pub(super) ledger: SharedLedger,
    /// Where large messages of ours are built.
    pub(super) scratch: Layers,
    telemetry: events::Telemetry,
    identity: Identity,
    wake: Notify,
    /// Messages of ours whose answer has not come yet, and what a receipt that was quicker says.
    in_flight: Mutex<HashMap<String, Option<Carried>>>,
}

/// A message of ours whose answer has not come yet.
pub(super) struct InFlight<'r> {
    receipts: &'r Receipts,
    id: String,
}

impl InFlight<'_> {
    /// The answer has come: what a receipt says that came before it.
    pub(super) fn end(self) -> Option<Carried> {
        self.receipts.in_flight().remove(&self.id).flatten()
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.receipts.in_flight().remove(&self.id);
    }
}

impl Receipts {
    /// Over these.
    ///
    /// # Errors
    /// When its folder for large messages cannot be made.
    pub fn new(
        settings: &Settings,
        caller: Caller,
        directory: Arc<ArcSwap<Directory>>,
        ledger: SharedLedger,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let inline = usize::try_from(settings.limits.inline.get()).unwrap_or(usize::MAX);
        let scratch = Layers::at(&settings.data.join("as2/layers"), inline)?;
        let telemetry = events::Telemetry::of_receipts(metrics);
        let identity = Identity::of(settings);
        Ok(Self {
            caller,
            directory,
            ledger,
            scratch,
            telemetry,
            identity,
            wake: Notify::new(),
            in_flight: Mutex::default(),
        })
    }

    /// Delivers what is there and what comes, until the task is aborted. What an earlier process prepared and did not let go
    /// is settled first.
    pub fn spawn(self: Arc<Self>) -> JoinHandle<()> {
        tokio::spawn(async move {
            self.take_over().await;
            let places = Arc::new(Semaphore::new(AT_ONCE));
            let mut tidied = Timestamp::now();
            loop {
                let now = Timestamp::now();
                let (due, next) = self.look(now).await;
                for job in due {
                    let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                    let receipts = Arc::clone(&self);
                    tokio::spawn(async move {
                        receipts.attempt(job).await;
                        drop(place);
                    });
                }
                if now.duration_since(tidied).unsigned_abs() > TIDY {
                    tidied = now;
                    self.tidy().await;
                }
                // Those that were just begun are marked as such, so that nobody begins them again.
                let pause = next.map_or(LOOK, |next| until(next, now).min(LOOK));
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        })
    }

    /// Keeps a receipt whose message is about to be committed.
    pub(super) async fn prepare(&self, job: &Job) -> Result<(), LedgerError> {
        self.write(job).await
    }

    /// Lets a receipt go.
    pub(super) async fn send(&self, job: Job) -> Result<(), LedgerError> {
        self.write(&Job { ready: true, ..job }).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Forgets one whose message was not committed, or that has arrived.
    pub(super) async fn forget(&self, job: &Job) {
        if let Err(error) = self.ledger.forget(KIND, &job.id).await {
            tracing::warn!(%error, "An AS2 receipt that is done with is still remembered.");
        }
    }

    /// A message is on its way from now on.
    pub(super) fn begin(&self, id: &str) -> InFlight<'_> {
        self.in_flight().insert(id.to_owned(), None);
        InFlight { receipts: self, id: id.to_owned() }
    }

    /// Keeps what a receipt says for whoever still waits for the answer; `false` where nobody does.
    pub(super) fn came_early(&self, id: &str, carried: &Carried) -> bool {
        let mut in_flight = self.in_flight();
        let Some(place) = in_flight.get_mut(id) else { return false };
        *place = Some(carried.clone());
        true
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<String, Option<Carried>>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn write(&self, job: &Job) -> Result<(), LedgerError> {
        let text = serde_json::to_vec(job).map_err(|error| LedgerError::Conflict(error.to_string()))?;
        self.ledger.remember(KIND, &job.id, text.into()).await
    }

    /// Every receipt on its way. What cannot be read is left for a person to look at.
    async fn jobs(&self) -> Vec<Job> {
        match self.ledger.remembered(KIND).await {
            Ok(all) => all.iter().filter_map(|(_, text)| serde_json::from_slice(text).ok()).collect(),
            Err(error) => {
                tracing::warn!(%error, "AS2 receipts on their way wait until the ledger answers again.");
                Vec::new()
            }
        }
    }

    /// What is due, marked as begun; and when the next is.
    async fn look(&self, now: Timestamp) -> (Vec<Job>, Option<Timestamp>) {
        let (ready, prepared): (Vec<_>, Vec<_>) = self.jobs().await.into_iter().partition(|job| job.ready);
        for job in prepared.into_iter().filter(|job| age(job, now) > LOOK) {
            self.settle(job, now).await;
        }
        let (due, later): (Vec<_>, Vec<_>) = ready.into_iter().partition(|job| job.due <= now);
        let next = later.iter().map(|job| job.due).min();
        let mut begun = Vec::with_capacity(due.len());
        for job in due {
            let marked = Job { due: now + PATIENCE + PATIENCE, ..job.clone() };
            match self.write(&marked).await {
                Ok(()) => begun.push(job),
                Err(error) => tracing::error!(%error, "An AS2 receipt on its way cannot be written."),
            }
        }
        (begun, next)
    }

    async fn attempt(&self, job: Job) {
        let attempts = job.attempts + 1;
        let partner = self.directory.load().partner(&job.partner).cloned();
        let as2 = partner.as_ref().and_then(|partner| partner.as2.as_ref());
        // The file may have changed since the message came.
        let allowed = as2.filter(|as2| as2.receipts_to.iter().any(|url| url.as_str() == job.url));
        let outcome = match (allowed, job.mdn()) {
            (Some(as2), Some(mdn)) => {
                let reply = self.caller.post(&job.url, &mdn.headers, mdn.body.into(), &as2.sending, PATIENCE).await;
                reply.map_err(|error| (error.to_string(), error.is_final())).and_then(|reply| match reply.status {
                    200..=299 => Ok(()),
                    status => Err((format!("status {status}"), false)),
                })
            }
            _ => Err(("the partner's file does not list this address any more".into(), true)),
        };
        match outcome {
            Ok(()) => {
                self.forget(&job).await;
                events::ReceiptDelivered { partner: &job.partner, message_id: &job.message_id, attempts }
                    .emit(&self.telemetry);
                self.note(&job, "receipt delivered", format!("to {}", job.url)).await;
            }
            Err((why, is_final)) => {
                let now = Timestamp::now();
                let given_up = is_final || now.duration_since(job.made).unsigned_abs() > TRIED_FOR;
                let failed = events::ReceiptFailed {
                    partner: &job.partner,
                    message_id: &job.message_id,
                    attempts,
                    why: &why,
                    given_up,
                };
                failed.emit(&self.telemetry);
                if given_up {
                    self.note(&job, "receipt undelivered", format!("to {}: {why}", job.url)).await;
                    self.forget(&job).await;
                } else {
                    let pause = schedule().pause(attempts, &System);
                    let again = Job { attempts, due: now + pause, ..job };
                    if let Err(error) = self.write(&again).await {
                        tracing::error!(%error, "An AS2 receipt on its way cannot be written.");
                    }
                    self.wake.notify_one();
                }
            }
        }
    }

    async fn note(&self, job: &Job, what: &str, detail: String) {
        let Some(message) = job.message else { return };
        let fact = Fact { at: Timestamp::now(), what: what.to_owned(), detail };
        if let Err(error) = self.ledger.note(message, vec![fact]).await {
            tracing::warn!(%error, "What became of an AS2 receipt cannot be noted.");
        }
    }

    /// What another process left. What it was just delivering is delivered again: a receipt that comes twice says the same.
    async fn take_over(&self) {
        let now = Timestamp::now();
        for job in self.jobs().await {
            if !job.ready {
                self.settle(job, now).await;
            } else if job.due > now {
                let _ = self.write(&Job { due: now, ..job }).await;
            }
        }
    }

    /// Whether a receipt that was prepared and not let go is owed.
    async fn settle(&self, job: Job, now: Timestamp) {
        match self.promised(&job).await {
            Some((message, mdn)) => {
                if let Err(error) = self.send(job.about(Some(message), &mdn)).await {
                    tracing::error!(%error, "An AS2 receipt on its way cannot be written.");
                }
            }
            // Another node may be about to commit its message.
            None if age(&job, now) < PREPARED_FOR => {}
            None => self.forget(&job).await,
        }
    }

    /// The receipt that the record has for a job's message, where it has the message.
    async fn promised(&self, job: &Job) -> Option<(MessageId, HttpMessage)> {
        let filter = MessageFilter {
            message_id: Some(job.message_id.clone()),
            direction: Some(Direction::In),
            ..MessageFilter::default()
        };
        let found = self.ledger.messages(filter, None, 20).await.ok()?;
        let of_partner =
            |message: &&crate::ledger::Message| message.connection == job.partner && message.channel == Channel::As2;
        let message = found.iter().find(of_partner)?;
        let stored = self.ledger.receipt(message.id).await.ok()??;
        let stored = StoredReceipt::decode(&stored.0)?;
        let mdn = if stored.asked.as_str() == job.asked { stored.mdn } else { job.mdn() };
        Some((message.id, mdn?))
    }
}

/// Soon at first: partners wait for receipts.
fn schedule() -> Schedule {
    Schedule { first: Duration::from_secs(5), longest: Duration::from_secs(60 * 60), ..Schedule::default() }
}

fn until(next: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(next.duration_since(now)).unwrap_or_default()
}

fn age(job: &Job, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(job.made)).unwrap_or_default()
}

/// A receipt that came on its own, for a message of ours.
pub(super) async fn came(door: &Arc<As2>, arrived: &Arrived, content: Content) -> Result<Response, Problem> {
    let partner = Arc::clone(&arrived.partner);
    let original = mdn::read(
        &arrived.request.fields,
        content,
        partner.as2.as_ref().map(|as2| as2.certificates.as_slice()).unwrap_or_default(),
        &super::courier::receipt_rules(&partner, arrived.at),
        &door.layers,
    );
    let read = match original {
        Ok(read) => read,
        Err(fault) => {
            events::StrayReceipt { partner: &partner.id, original: "", why: &fault.to_string() }.emit(&door.telemetry);
            return Ok(nothing());
        }
    };
    let named = String::from_utf8_lossy(read.original_message_id.as_deref().unwrap_or_default()).into_owned();
    let raw = super::courier::raw(&arrived.request.fields, &arrived.body);
    match door.awaiting(&partner, &named, read, raw).await {
        Ok(true) => {}
        Ok(false) => {
            let later = problems::UNAVAILABLE.because("The receipt was not recorded; send it again.");
            return Err(later.retry_after(problems::UNAVAILABLE_SECONDS));
        }
        Err(why) => {
            events::StrayReceipt { partner: &partner.id, original: &named, why: &why }.emit(&door.telemetry);
        }
    }
    // Whatever a stray one meant, it has come: to send it again would help nobody.
    Ok(nothing())
}
