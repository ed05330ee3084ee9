//! Receipts on connections of their own, both ways.
//!
//! Ours go only to addresses that the partner's file lists. Each is a file in `as2/receipts` of the data folder: written
//! before the message is committed, let go after, tried with growing pauses until its server takes it, and still there
//! after a restart. One that was written and never let go is held against the record: if the message is there its receipt
//! goes out, and if not nothing was promised.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
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
    task::{JoinHandle, spawn_blocking},
};

use super::{
    As2, Caller, Identity, events, nothing, problems,
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
    ledger::{Channel, Direction, Fact, MessageFilter, SharedLedger},
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
/// How often the folder is looked at, whatever happens.
const LOOK: Duration = Duration::from_secs(30);

/// One receipt on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    /// The file's name without its ending.
    id: String,
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
    folder: PathBuf,
    awaited: PathBuf,
    caller: Caller,
    directory: Arc<ArcSwap<Directory>>,
    ledger: SharedLedger,
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
    /// When its folders cannot be made.
    pub fn new(
        settings: &Settings,
        caller: Caller,
        directory: Arc<ArcSwap<Directory>>,
        ledger: SharedLedger,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let (folder, awaited) = (settings.data.join("as2/receipts"), settings.data.join("as2/awaited"));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&awaited)?;
        let telemetry = events::Telemetry::of_receipts(metrics);
        let identity = Identity::of(settings);
        Ok(Self {
            folder,
            awaited,
            caller,
            directory,
            ledger,
            telemetry,
            identity,
            wake: Notify::new(),
            in_flight: Mutex::default(),
        })
    }

    /// Delivers what is there and what comes, until the task is aborted. What an earlier process wrote and did not let go
    /// is settled first.
    pub fn spawn(self: Arc<Self>) -> JoinHandle<()> {
        tokio::spawn(async move {
            self.settle().await;
            let places = Arc::new(Semaphore::new(AT_ONCE));
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
                // Those that were just begun are marked as such in their files, so that nobody begins them again.
                let pause = next.map_or(LOOK, |next| until(next, now).min(LOOK));
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        })
    }

    /// Keeps a receipt whose message is about to be committed.
    pub(super) async fn prepare(&self, job: &Job) -> io::Result<()> {
        self.write(job.clone(), "prepared").await
    }

    /// Lets a receipt go.
    pub(super) async fn send(&self, job: Job) -> io::Result<()> {
        self.write(job.clone(), "ready").await?;
        self.remove(&job.id, "prepared").await;
        self.wake.notify_one();
        Ok(())
    }

    /// Forgets one whose message was not committed.
    pub(super) async fn forget(&self, job: &Job) {
        self.remove(&job.id, "prepared").await;
    }

    /// The folder of what messages of ours wait for.
    pub(super) fn awaited(&self) -> &Path {
        &self.awaited
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

    async fn write(&self, job: Job, ending: &'static str) -> io::Result<()> {
        let folder = self.folder.clone();
        let written = spawn_blocking(move || {
            let text = serde_json::to_vec(&job)?;
            write_whole(&folder, &format!("{}.{ending}", job.id), &text)
        });
        written.await.map_err(io::Error::other)?
    }

    async fn remove(&self, id: &str, ending: &str) {
        let path = self.folder.join(format!("{id}.{ending}"));
        let _ = spawn_blocking(move || fs::remove_file(path)).await;
    }

    /// What is due, marked as begun; and when the next is.
    async fn look(&self, now: Timestamp) -> (Vec<Job>, Option<Timestamp>) {
        let folder = self.folder.clone();
        let jobs = spawn_blocking(move || read_all(&folder, "ready")).await.unwrap_or_default();
        let (due, later): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.due <= now);
        let next = later.iter().map(|job| job.due).min();
        let mut begun = Vec::with_capacity(due.len());
        for job in due {
            let marked = Job { due: now + PATIENCE + PATIENCE, ..job.clone() };
            match self.write(marked, "ready").await {
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
                let reply = self.caller.post(&job.url, &mdn, &as2.sending, PATIENCE).await;
                reply.map_err(|error| (error.to_string(), error.is_final())).and_then(|reply| match reply.status {
                    200..=299 => Ok(()),
                    status => Err((format!("status {status}"), false)),
                })
            }
            _ => Err(("the partner's file does not list this address any more".into(), true)),
        };
        match outcome {
            Ok(()) => {
                self.remove(&job.id, "ready").await;
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
                    self.remove(&job.id, "ready").await;
                } else {
                    let pause = schedule().pause(attempts, &System);
                    let again = Job { attempts, due: now + pause, ..job };
                    if let Err(error) = self.write(again, "ready").await {
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

    /// What a process wrote and did not let go before it ended. What it was just delivering is delivered again: a receipt
    /// that comes twice says the same.
    async fn settle(&self) {
        let folder = self.folder.clone();
        let (prepared, begun) = spawn_blocking(move || (read_all(&folder, "prepared"), read_all(&folder, "ready")))
            .await
            .unwrap_or_default();
        for job in begun {
            let due = job.due.min(Timestamp::now());
            let _ = self.write(Job { due, ..job }, "ready").await;
        }
        for job in prepared {
            match self.promised(&job).await {
                Some((message, mdn)) => {
                    if let Err(error) = self.send(job.about(Some(message), &mdn)).await {
                        tracing::error!(%error, "An AS2 receipt on its way cannot be written.");
                    }
                }
                None => self.forget(&job).await,
            }
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

/// Every job in a folder with this ending. What cannot be read is left for a person to look at.
fn read_all(folder: &Path, ending: &str) -> Vec<Job> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let ours = paths.filter(|path| path.extension().is_some_and(|own| own == ending));
    ours.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
}

/// Writes a file, whole or not at all, so that it is there after a crash.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
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
