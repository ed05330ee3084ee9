//! The pipeline: the only room that knows the whole way.
//!
//! An [`Arrival`] is read, checked and mapped by a pool that takes turns between partners; what it comes to is composed
//! into one entry with the receipt that its door would send, and committed. Only then does the door answer, with the
//! bytes that are stored. Three levels are never mixed: the transport's receipt says that the bytes are kept, the
//! acknowledgement says what the standard thinks of them, and what cannot be mapped is held for a person.

mod acceptance;
mod acknowledge;
mod alert;
mod answered;
mod arrival;
mod canonical;
mod claims;
pub mod codes;
mod compose;
mod content;
mod conversation;
mod courier;
mod deliver;
mod detect;
mod dispatch;
mod event;
mod events;
mod events_out;
mod homecoming;
mod inbound;
mod numbers;
mod outbound;
mod owed;
mod policy;
mod pool;
mod preview;
mod progress;
mod reading;
mod reading_xml;
mod rendering;
mod replay;
mod rounds;
mod sending;
mod sequence;
mod wake;
mod walk;
mod work;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

pub use alert::{Alert, AlertKind};
pub use arrival::{Arrival, Declared, Intake, Opening, Refused, Scribe, Verdict};
pub use codes::ALL as CODES;
pub use conversation::{OrderLife, Step, conversation, order_life};
pub use courier::{Carried, Courier, Parcel};
pub use detect::{DETECT_BYTES, Format, detect};
pub use event::AsCloudEvent;
pub use outbound::{ERP, NotTaken, Outlet, Recipient, Submission, Taken};
pub use preview::{Trace, TracedDocument, convert, trace};
pub use reading::Piece;
pub use replay::{Change, Replayed};

use crate::{
    config::Diagnostic,
    document::MessageId,
    keys,
    ledger::{LedgerError, SharedLedger},
    limits::Limiter,
    mapping::Library,
    observe::Metrics,
    partner::Directory,
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// The configuration that a message is processed with, from its first byte to its last.
#[derive(Debug)]
pub struct Snapshot {
    /// The partners.
    pub directory: Arc<Directory>,
    /// The mappings.
    pub library: Arc<Library>,
    /// A digest of both, recorded with each message.
    pub digest: String,
    policies: policy::Policies,
}

impl Snapshot {
    /// Compiles what the partners' files say of X12; tells what of it does not fit the standard.
    pub fn new(directory: Directory, library: Library) -> (Self, Vec<Diagnostic>) {
        Self::compile(None, directory, Arc::new(library))
    }

    /// The same; what an earlier snapshot compiled for whoever did not change is taken from there.
    pub fn after(before: &Self, directory: Directory, library: Arc<Library>) -> (Self, Vec<Diagnostic>) {
        Self::compile(Some(before), directory, library)
    }

    fn compile(before: Option<&Self>, directory: Directory, library: Arc<Library>) -> (Self, Vec<Diagnostic>) {
        let before = before.map(|before| (&*before.directory, &before.policies));
        let (policies, findings) = policy::Policies::compile(&directory, before);
        let mut parts = directory.digest().to_owned();
        for mapping in library.every() {
            parts.push_str(mapping.id());
            parts.push_str(mapping.digest());
        }
        let digest = keys::sha256_hex(parts.as_bytes());
        let directory = Arc::new(directory);
        (Self { directory, library, digest, policies }, findings)
    }
}

/// How much the exchange takes on.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// Threads that read, check and map.
    pub threads: usize,
    /// How many arrivals of one partner may wait for a thread.
    pub waiting_each: usize,
}

/// The pipeline of one node. Cheap to clone.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: SharedLedger,
    snapshot: Arc<ArcSwap<Snapshot>>,
    pool: pool::Pool,
    telemetry: events::Telemetry,
    limiter: Arc<Limiter>,
    /// Wakes the one who works off what is owed.
    owed: Notify,
    /// Wakes the one who delivers.
    due: wake::Wake,
}

impl Exchange {
    /// An exchange on this ledger that follows the snapshots it is shown.
    pub fn new(
        ledger: SharedLedger,
        snapshot: Arc<ArcSwap<Snapshot>>,
        capacity: &Capacity,
        metrics: Arc<Metrics>,
    ) -> Self {
        let pool = pool::Pool::new(capacity.threads, capacity.waiting_each);
        Self {
            inner: Arc::new(Inner {
                ledger,
                snapshot,
                pool,
                telemetry: events::Telemetry::new(metrics),
                limiter: Arc::new(Limiter::default()),
                owed: Notify::new(),
                due: wake::Wake::default(),
            }),
        }
    }

    /// The ledger it works on.
    pub fn ledger(&self) -> &SharedLedger {
        &self.inner.ledger
    }

    /// Where everybody's documents are counted.
    pub fn limiter(&self) -> Arc<Limiter> {
        Arc::clone(&self.inner.limiter)
    }

    /// The configuration that it follows.
    pub fn snapshot(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.inner.snapshot)
    }

    /// Goes on with the messages that a stop interrupted.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn resume(&self) -> Result<(), LedgerError> {
        for unfinished in self.inner.ledger.unfinished().await? {
            self.work_out(unfinished.message, unfinished.next_position);
        }
        Ok(())
    }

    /// Issues acknowledgements and documents as they come to be owed, and tells what became of them, until the task is
    /// aborted.
    pub fn spawn_dispatching(&self) -> JoinHandle<()> {
        let exchange = self.clone();
        tokio::spawn(async move { exchange.dispatch_forever().await })
    }

    /// Hands over what is issued, each channel by its courier, until the task is aborted. What is in someone's hands then is
    /// tried again by the next start.
    pub fn spawn_delivering(&self, couriers: Vec<Arc<dyn Courier>>) -> JoinHandle<()> {
        let exchange = self.clone();
        tokio::spawn(async move { exchange.deliver_forever(couriers).await })
    }

    /// Begins to hand alerts out, to one who sends them.
    pub fn alerts(&self) -> mpsc::Receiver<Alert> {
        self.inner.telemetry.outgoing.alarm.listen()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A new id for a message that came at `at`.
fn message_id(at: Timestamp) -> MessageId {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
    MessageId::new(millis, u128::from_be_bytes(keys::random()) >> 48)
}
