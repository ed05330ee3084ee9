//! The durable record. It speaks domain words (commit, lease, release) and knows no format: what a receipt, an
//! acknowledgement or a document says is bytes to it.
//!
//! The promise every implementation keeps, and the conformance suite holds it to: what [`Ledger::commit`] answered is
//! on stable storage, whole; what it did not answer left nothing; and no claim is ever given twice.

pub mod codes;
#[doc(hidden)]
pub mod conformance;
mod delivery;
mod queue;
mod record;
pub mod sqlite;
mod state;
mod weight;

/// The pages of this room's codes.
pub const EXPLAIN: &str = codes::EXPLAIN;

pub use delivery::{Attempt, Delivery, DeliveryFilter, DeliveryState, NumberSeries, Outgoing};
pub use queue::{
    AckOutcome, Consumer, GivenUp, KeyState, LeaseToken, LeasedEvent, LogEvent, LogFilter, LogPage, Parked, QueueStats,
    StartAt,
};
pub use record::{
    AuditRecord, Claim, ClaimKey, ClaimKind, Committed, Document, Entry, Fact, Holder, Message, MessageFilter,
    NewEvent, News, NumberFilter, Owed, OwnFile, Payload, Receipt, Revision, Slice, Taken, Unfinished, Watch,
    WatchKind,
};
pub use state::{Channel, Direction, DocumentState, MessageState};
pub use weight::{fits, fitting, json_size, weight};

use std::{collections::BTreeSet, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    document::{EventId, MessageId},
    error::Code,
};

/// The most documents that one transaction holds.
pub const MAX_DOCUMENTS: usize = 256;
/// The largest document that a transaction has room for beside everything else about it: as JSON, which goes in whole.
pub const MAX_DOCUMENT: u64 = 2 << 20;
/// The most payload and document bytes that one transaction holds.
pub const MAX_BYTES: usize = 4 << 20;

/// Why the ledger could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Nobody else may use this data folder while a process does.
    #[error("the data folder {0} is in use by another process")]
    InUse(String),
    /// The data was written by a later version of the program.
    #[error("the data folder {path} has format {found}; this program knows up to {known}")]
    Newer {
        /// The data folder.
        path: String,
        /// The format it has.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// The stored data does not hold together.
    #[error("the data is damaged: {0}")]
    Corrupt(String),
    /// No room left; nothing was stored. The sender may try again later.
    #[error("no room left for the record: {0}")]
    Full(String),
    /// The store cannot be reached or answered with an error; nothing was stored.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The thing named does not exist.
    #[error("not found: {0}")]
    NotFound(String),
    /// What was asked does not fit the state that things are in.
    #[error("{0}")]
    Conflict(String),
}

impl LedgerError {
    /// The code that people quote, for what can go wrong without anybody's mistake.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::InUse(_) => Some(codes::IN_USE),
            Self::Newer { .. } => Some(codes::NEWER),
            Self::Corrupt(_) => Some(codes::CORRUPT),
            Self::Full(_) => Some(codes::FULL),
            Self::Unavailable(_) => Some(codes::UNAVAILABLE),
            Self::NotFound(_) | Self::Conflict(_) => None,
        }
    }
}

/// A result of the ledger.
pub type Result<T> = std::result::Result<T, LedgerError>;

/// A shared ledger of either engine.
pub type SharedLedger = Arc<dyn Ledger>;

/// The durable record of one installation, shared by all of its nodes.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    // ---- arrivals -------------------------------------------------------------------------------------------------

    /// Stores an arrival whole, or nothing of it. When any of its claims is held by somebody else, answers
    /// [`Committed::Taken`] with all the holders and stores nothing; the caller decides anew and commits again.
    /// A claim that this very message holds already for the same position (work done again after a restart) is not
    /// taken; one that it holds for another position is, and so is the second of two equal ones in one entry.
    /// An entry with `complete = false` keeps its events back until [`Ledger::finish`].
    async fn commit(&self, entry: Entry) -> Result<Committed>;

    /// Stores more documents of a message that was committed with `complete = false`; same rules for claims.
    /// Documents that are stored already (same message and position) are left as they are.
    async fn append(&self, slice: Slice) -> Result<Committed>;

    /// Ends a message that came in slices: sets its state, adds `owed`, and releases its events to the log in one small
    /// transaction, whatever their number. Doing it twice does nothing the second time.
    async fn finish(&self, message: MessageId, state: MessageState, owed: Vec<Owed>, facts: Vec<Fact>) -> Result<()>;

    /// The messages that were committed with `complete = false` and not finished, oldest first.
    async fn unfinished(&self) -> Result<Vec<Unfinished>>;

    /// Replaces what a held message came to, or adds corrections to one that was processed before: the given documents
    /// take the place of those at the same positions, and their events (revision in their ids) are released.
    async fn revise(&self, revision: Revision) -> Result<Committed>;

    /// Who holds these claims; those that nobody holds are left out.
    async fn holders(&self, claims: Vec<Claim>) -> Result<Vec<Taken>>;

    // ---- looking things up ----------------------------------------------------------------------------------------

    /// One message.
    async fn message(&self, id: MessageId) -> Result<Option<Message>>;

    /// Many messages, in the order asked for; those that do not exist are left out.
    async fn messages_of(&self, ids: Vec<MessageId>) -> Result<Vec<Message>> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.message(id).await?);
        }
        Ok(found)
    }

    /// Messages, newest first, at most `limit`, older than `before` where it is given.
    async fn messages(&self, filter: MessageFilter, before: Option<MessageId>, limit: usize) -> Result<Vec<Message>>;

    /// The bytes as they were received or sent.
    async fn payload(&self, id: MessageId) -> Result<Option<Payload>>;

    /// The receipt that was stored with a message.
    async fn receipt(&self, id: MessageId) -> Result<Option<Receipt>>;

    /// The documents of a message at positions from `from` on, at most `limit`.
    async fn documents(&self, id: MessageId, from: u32, limit: usize) -> Result<Vec<Document>>;

    /// What happened to a message, in order.
    async fn timeline(&self, id: MessageId) -> Result<Vec<Fact>>;

    /// Adds to what happened to a message.
    async fn note(&self, id: MessageId, facts: Vec<Fact>) -> Result<()>;

    /// The newest `limit` of the documents that name a business number, oldest first.
    async fn documents_by_number(&self, number: &str, filter: NumberFilter, limit: usize) -> Result<Vec<Document>>;

    // ---- the ERP's queue ------------------------------------------------------------------------------------------

    /// Makes these consumers known. One that is new starts where it says; others stay where they are.
    async fn declare(&self, consumers: Vec<Consumer>) -> Result<()>;

    /// The next events for a consumer: in log order per partition key, none of a key whose earlier event is not
    /// acknowledged, not even in this same answer. Leases that ran out come first, with a new token.
    /// An event that was handed out `max_attempts` times already is parked instead, and its key waits.
    async fn lease(&self, consumer: &str, max: usize, lease_secs: u32, now: Timestamp) -> Result<Vec<LeasedEvent>>;

    /// Ends leases: their events are done with, for this consumer.
    async fn ack(&self, consumer: &str, leases: Vec<LeaseToken>, now: Timestamp) -> Result<Vec<AckOutcome>>;

    /// Gives one event back, to be offered again after `retry_in_secs`.
    async fn nack(
        &self,
        consumer: &str,
        lease: LeaseToken,
        reason: &str,
        retry_in_secs: u32,
        now: Timestamp,
    ) -> Result<AckOutcome>;

    /// Prolongs leases from `now`.
    async fn extend(
        &self,
        consumer: &str,
        leases: Vec<LeaseToken>,
        lease_secs: u32,
        now: Timestamp,
    ) -> Result<Vec<AckOutcome>>;

    /// One event of the log.
    async fn event(&self, id: EventId) -> Result<Option<LogEvent>>;

    /// The log after a position, for replay and audit: up to `limit` events that fit, out of as many as are looked through in a
    /// moment, so that whoever looks for what is rare keeps nobody waiting. Leases nothing.
    async fn log(&self, after: u64, filter: LogFilter, limit: usize) -> Result<LogPage>;

    /// The same, to the log's end, however long it takes.
    async fn events(&self, mut after: u64, filter: LogFilter, limit: usize) -> Result<Vec<LogEvent>> {
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.log(after, filter.clone(), limit - found.len()).await?;
            found.extend(page.events);
            after = page.reached;
            if page.is_end {
                break;
            }
        }
        Ok(found)
    }

    /// Whose events are among the next `limit` of the log after `position`, and the position of the last of these:
    /// `position` itself where there are none. An engine that need not read the events for it says so itself.
    async fn partners_after(&self, position: u64, limit: usize) -> Result<(u64, BTreeSet<String>)> {
        let page = self.log(position, LogFilter::default(), limit).await?;
        Ok((page.reached, page.events.into_iter().map(|event| event.partner).collect()))
    }

    /// A position that the log has reached: everything up to it can be read. 0 where the engine does not know cheaply.
    async fn head(&self) -> Result<u64> {
        Ok(0)
    }

    /// How things stand for a consumer.
    async fn queue_stats(&self, consumer: &str, now: Timestamp) -> Result<QueueStats>;

    /// What a consumer would be handed next, and what it holds: nothing changes.
    async fn peek(&self, consumer: &str, limit: usize) -> Result<Vec<KeyState>>;

    /// The events that are parked for a consumer.
    async fn parked(&self, consumer: &str) -> Result<Vec<Parked>>;

    /// Offers a parked event again, its attempts counted anew.
    async fn release(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()>;

    /// Passes over a parked event for good; its key goes on.
    async fn skip(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()>;

    /// The events that were given up for a consumer, oldest first; those after position `after`.
    async fn given_up(&self, consumer: &str, after: u64, limit: usize) -> Result<Vec<GivenUp>>;

    /// Offers an event again that was given up, its attempts counted anew. It is the next of its key then, but comes after
    /// those that went on without it.
    async fn put_back(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()>;

    /// Changes whenever events were released or a lease may have become free: a hint to look again, never the truth.
    fn changed(&self) -> tokio::sync::watch::Receiver<u64>;

    // ---- the way out ----------------------------------------------------------------------------------------------

    /// The partners to whom something is owed that is not settled, in order of their ids.
    async fn owing(&self) -> Result<Vec<String>>;

    /// What is owed to a partner and not settled: the `limit` oldest of those numbered after `after`, in order, each with
    /// its number.
    async fn owed(&self, partner: &str, after: u64, limit: usize) -> Result<Vec<(u64, Owed)>>;

    /// What is owed to a partner because of one message and not settled.
    async fn owed_of(&self, partner: &str, message: MessageId) -> Result<Vec<(u64, Owed)>>;

    /// Whether what is owed under this number is not settled yet.
    async fn is_owed(&self, number: u64) -> Result<bool>;

    /// The number that the next interchange (or group) of a series will have.
    async fn next_number(&self, series: &NumberSeries) -> Result<u64>;

    /// Stores an outgoing interchange with its delivery, settles the `owed` it answers, and takes its control
    /// numbers, if they are still the next; otherwise answers `false` and stores nothing.
    async fn issue(&self, outgoing: Outgoing) -> Result<bool>;

    /// The deliveries of a message.
    async fn deliveries(&self, id: MessageId) -> Result<Vec<Delivery>>;

    /// What is to be handed over to partners at `now`: of every partner that is not in `without` the `each` oldest, and none
    /// whose order has an earlier delivery to the partner that is not done with. Nothing while deliveries are paused, and
    /// nothing that partners fetch themselves.
    async fn due_deliveries(&self, now: Timestamp, without: Vec<String>, each: usize) -> Result<Vec<Delivery>>;

    /// Records what became of an attempt to deliver; `false` where the delivery was done with already.
    async fn deliver(&self, attempt: Attempt) -> Result<bool>;

    /// Deliveries, newest first, older than `before` where it is given.
    async fn all_deliveries(&self, filter: DeliveryFilter, before: Option<u64>, limit: usize) -> Result<Vec<Delivery>>;

    /// Sends a message again that was delivered or given up: the same bytes, attempts counted anew.
    async fn redeliver(&self, id: MessageId, due: Timestamp, record: AuditRecord) -> Result<Delivery>;

    /// Gives a delivery up that is not done with; what waits behind it goes on.
    async fn cancel(&self, delivery: u64, record: AuditRecord) -> Result<()>;

    /// Has documents sent anew: leaves `owed` to be done, and gives up what is dead of the messages that it `replaces`, so
    /// that it does not wait behind that. [`LedgerError::Conflict`], and nothing changes, while one of these messages is
    /// still on its way, something else waits behind it, or the same is owed already.
    async fn reissue(&self, replaces: Vec<MessageId>, owed: Vec<Owed>, record: AuditRecord) -> Result<()>;

    /// Deliveries that came to an end of which nobody was told yet.
    async fn untold(&self, limit: usize) -> Result<Vec<Delivery>>;

    /// Stores news of messages; `false`, and nothing is stored, where any of it was told before.
    async fn tell(&self, news: News) -> Result<bool>;

    /// Watches whose time has come, each with its number.
    async fn due_watches(&self, now: Timestamp, limit: usize) -> Result<Vec<(u64, Watch)>>;

    /// The messages that were issued with a number of a series, the newest first.
    async fn issued(&self, series: &NumberSeries, number: u64) -> Result<Vec<MessageId>>;

    /// Every series and its next number.
    async fn numbers(&self) -> Result<Vec<(NumberSeries, u64)>>;

    /// Has a series that was never used begin at `first`.
    async fn begin_number(&self, series: &NumberSeries, first: u64) -> Result<()>;

    /// Has a series go on at `next`; never back, so that no number is used twice.
    async fn advance_number(&self, series: &NumberSeries, next: u64, record: AuditRecord) -> Result<()>;

    /// Why deliveries are paused, if they are: after a restore they are, until a person lets them go on.
    async fn deliveries_paused(&self) -> Result<Option<String>>;

    /// Lets deliveries go on; the audit log says who did it.
    async fn resume_deliveries(&self, who: &str, reason: &str, now: Timestamp) -> Result<()>;

    // ---- what doors have promised ---------------------------------------------------------------------------------

    /// Remembers something of up to a few megabytes by its name, in place of what was remembered under it: what a door has
    /// promised and not done yet, so that it is done after a restart, and by whichever node finds it; and pieces of what
    /// a door keeps for good.
    async fn remember(&self, kind: &'static str, name: &str, what: Bytes) -> Result<()>;

    /// What is remembered under a name.
    async fn recall(&self, kind: &'static str, name: &str) -> Result<Option<Bytes>>;

    /// Everything of a kind, by name.
    async fn remembered(&self, kind: &'static str) -> Result<Vec<(String, Bytes)>>;

    /// Forgets what is remembered under a name, if anything is.
    async fn forget(&self, kind: &'static str, name: &str) -> Result<()>;

    // ---- keeping --------------------------------------------------------------------------------------------------

    /// Adds to the audit log: what a person did, and why. The log is a hash chain.
    async fn audit(&self, record: AuditRecord) -> Result<()>;

    /// The audit log, newest first; an error where its chain is broken.
    async fn audit_log(&self, limit: usize) -> Result<Vec<AuditRecord>>;

    /// Why nothing can be stored for want of room: from the first write that finds none until there is some again,
    /// which is looked for also when nobody writes.
    fn no_room(&self) -> tokio::sync::watch::Receiver<Option<String>>;

    /// Writes one file that holds everything, with the data folder's own files, while work goes on. Refuses to overwrite.
    async fn backup(&self, file: &Path, own: Vec<OwnFile>) -> Result<()>;

    /// Ends what is in flight and closes the store. Later calls fail with [`LedgerError::Unavailable`].
    async fn close(&self) -> Result<()>;

    /// A large payload on its way in: where to write it so that `commit` need not copy it. `None` where the engine
    /// keeps payloads elsewhere and [`Payload::Inline`] is the only form.
    fn payload_folder(&self) -> Option<&Path>;

    /// Bytes of a payload, read whole.
    fn read_payload(&self, payload: &Payload) -> Result<Bytes> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone()),
            Payload::File(path) => std::fs::read(path)
                .map(Bytes::from)
                .map_err(|e| LedgerError::Unavailable(format!("{}: {e}", path.display()))),
        }
    }
}
