//! The embedded ledger: SQLite with a write-ahead log that is synced at every commit, one writer, readers on snapshots.
//!
//! ```text
//!  callers ─► writer thread ─► ledger.db-wal ─► (fsync) ─► answers
//!                 │ 64 MB: restart      │ checkpoint thread
//!  readers ◄──────┴───────── ledger.db ◄┘─► index thread ─► index.db (derived: for finding)
//!                            payloads/msg_… (over 1 MiB)
//! ```

mod alarm;
mod arrivals;
mod audit;
mod backup;
mod checkpoint;
mod consumers;
mod deliveries;
mod events;
mod fault;
mod index;
mod lanes;
mod lookups;
mod memory;
mod open;
mod outgoing;
mod payloads;
mod queue;
mod readers;
mod rows;
mod schema;
mod standing;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    collections::BTreeSet,
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

pub use self::backup::{Restored, restore};
use self::{
    alarm::Alarm,
    arrivals::{NewEntry, NewRevision},
    checkpoint::{Bell, Checkpoints},
    deliveries::NewNews,
    fault::{Outcome, from_io},
    lanes::{Lane, Weight},
    open::Places,
    outgoing::NewOutgoing,
    payloads::Kept,
    readers::{Reader, Readers},
    writer::{Desk, Done, FailStop, Tx, Writer, stopped},
};
use super::{
    AckOutcome, Attempt, AuditRecord, Claim, Committed, Consumer, Delivery, DeliveryFilter, Document, Entry, Fact,
    GivenUp, KeyState, LeaseToken, LeasedEvent, Ledger, LedgerError, LogEvent, LogFilter, Message, MessageFilter,
    MessageState, News, NumberSeries, Outgoing, Owed, Parked, Payload, QueueStats, Receipt, Result, Revision, Slice,
    Taken, Unfinished, Watch,
};
use crate::document::{EventId, MessageId};

/// How an embedded ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// The writer's page cache, in MiB. More is not faster: where a commit renumbers pages, as the splits of `claims` have it
    /// do, the engine walks through the whole cache (`pcache1TruncateUnsafe`), and nobody's commit goes on meanwhile.
    pub cache_mb: u32,
    /// Connections that read.
    pub readers: u32,
    /// From how many MiB on the writer itself sees to it that the write-ahead log starts anew.
    pub log_mb: u32,
    /// The data file's greatest size in pages of 4 KiB; a commit past it is [`LedgerError::Full`].
    pub max_pages: Option<u32>,
    /// Called when a write or sync failed, after which nobody knows what is on the disk. Must not return in a product.
    pub fail_stop: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_mb: 8, readers: 4, log_mb: 64, max_pages: None, fail_stop: Arc::new(|_| std::process::abort()) }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("cache_mb", &self.cache_mb)
            .field("readers", &self.readers)
            .field("log_mb", &self.log_mb)
            .field("max_pages", &self.max_pages)
            .finish_non_exhaustive()
    }
}

/// The embedded ledger.
pub struct SqliteLedger {
    places: Places,
    readers: Readers,
    /// Absent where the ledger was opened to read only.
    desk: Option<Desk>,
    changed: watch::Receiver<u64>,
    checkpoints: Arc<Checkpoints>,
    alarm: Arc<Alarm>,
    indexing: Arc<Bell>,
    writer: Mutex<Option<JoinHandle<()>>>,
    helpers: Mutex<Vec<JoinHandle<()>>>,
    closed: AtomicBool,
    lock: Mutex<Option<open::Lock>>,
}

impl std::fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLedger").field("folder", &self.places.folder).finish_non_exhaustive()
    }
}

impl SqliteLedger {
    /// Opens the ledger in a data folder, which is made if it is not there.
    pub fn open(data_dir: &Path, options: &Options) -> Result<Self> {
        let began = Instant::now();
        let places = Places::of(data_dir);
        open::make_folder(&places.folder)?;
        let lock = open::lock(&places.folder)?;
        let ledger = Self::start(places, options, lock)?;
        events::opened(data_dir, began.elapsed());
        Ok(ledger)
    }

    fn start(places: Places, options: &Options, lock: open::Lock) -> Result<Self> {
        let mut conn = open::first_connection(&places, options.cache_mb, options.max_pages)?;
        payloads::sweep(&places, &conn)?;
        let index = index::prepare(&places, &conn)?;
        let data = File::open(&places.ledger).map_err(|e| from_io("cannot open", &places.ledger, &e))?;
        let checkpoints = Checkpoints::new(u64::from(options.log_mb) * (1 << 20) / open::PAGE, Some(data));
        checkpoints.watch(&mut conn)?;
        let readers = Readers::new(&places, options.readers.max(1))?;
        let (alarm, indexing) = (Arc::new(Alarm::default()), Arc::new(Bell::default()));
        queue::turns(&conn)?.into_iter().for_each(|turn| alarm.at(turn));
        let (sender, changed) = watch::channel(0);
        let fail_stop: FailStop = Arc::clone(&options.fail_stop);
        let bell = Arc::clone(&indexing);
        let (writer, desk) = Writer::new(
            conn,
            Arc::clone(&checkpoints),
            Arc::clone(&fail_stop),
            sender.clone(),
            Box::new(move || bell.ring()),
        )?;
        let thread = |e| from_io("cannot start a thread for", &places.folder, &e);
        let (follower, _) = open::reader(&places, 8, false)?;
        let helpers = vec![
            checkpoints.start(open::connect(&places.ledger, 2)?, fail_stop).map_err(thread)?,
            alarm.start(sender).map_err(thread)?,
            index::start(index, follower, Arc::clone(&indexing)).map_err(thread)?,
        ];
        let writer = std::thread::Builder::new().name("ledger-writer".to_owned()).spawn(move || writer.run());
        Ok(Self {
            readers,
            desk: Some(desk),
            changed,
            checkpoints,
            alarm,
            indexing,
            writer: Mutex::new(Some(writer.map_err(thread)?)),
            helpers: Mutex::new(helpers),
            closed: AtomicBool::new(false),
            lock: Mutex::new(Some(lock)),
            places,
        })
    }

    /// Opens the ledger in a data folder to read only, for commands while no gateway runs. Takes no lock and starts no
    /// thread; everything that would write fails with [`LedgerError::Unavailable`].
    pub fn open_read_only(data_dir: &Path) -> Result<Self> {
        let places = Places::of(data_dir);
        if !places.ledger.is_file() {
            return Err(LedgerError::NotFound(format!("no ledger in {}", data_dir.display())));
        }
        let readers = Readers::new(&places, 1)?;
        let (_, changed) = watch::channel(0);
        let (conn, _) = open::reader(&places, 2, false)?;
        let (found, known) = (schema::version(&conn)?, u32::try_from(schema::MIGRATIONS.len()).unwrap_or(u32::MAX));
        if found > known {
            return Err(LedgerError::Newer { path: data_dir.display().to_string(), found, known });
        }
        Ok(Self {
            readers,
            desk: None,
            changed,
            checkpoints: Checkpoints::new(u64::MAX, None),
            alarm: Arc::new(Alarm::default()),
            indexing: Arc::new(Bell::default()),
            writer: Mutex::new(None),
            helpers: Mutex::new(Vec::new()),
            closed: AtomicBool::new(false),
            lock: Mutex::new(None),
            places,
        })
    }

    fn desk(&self) -> Result<&Desk> {
        let readable = || LedgerError::Unavailable("the ledger is open to read only".to_owned());
        if self.closed.load(Ordering::Acquire) {
            return Err(stopped());
        }
        self.desk.as_ref().ok_or_else(readable)
    }

    async fn write<T: Send + 'static>(
        &self,
        weight: Weight,
        job: impl FnOnce(&mut Tx) -> Outcome<Done<T>> + Send + 'static,
    ) -> Result<T> {
        self.desk()?.write(Lane::Request, weight, job).await
    }

    /// Writes what nobody outside waits for.
    async fn write_chore<T: Send + 'static>(
        &self,
        weight: Weight,
        job: impl FnOnce(&mut Tx) -> Outcome<Done<T>> + Send + 'static,
    ) -> Result<T> {
        self.desk()?.write(Lane::Chore, weight, job).await
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Outcome<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(question).await
    }

    /// Has a payload kept, and then written with what it belongs to. A large one is done in a task of its own, so that
    /// the file is put right also when nobody waits for the answer any more.
    async fn with_payload<P, F, Fut>(&self, id: MessageId, payload: Payload, rest: P, then: F) -> Result<Fut::Output>
    where
        P: Send + 'static,
        F: FnOnce(P, Kept, Desk) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let desk = self.desk()?.clone();
        if let Payload::Inline(bytes) = payload {
            if bytes.len() <= payloads::INLINE {
                return Ok(then(rest, Kept::Inline(bytes), desk).await);
            }
            return self.with_file(id, Payload::Inline(bytes), rest, then, desk).await;
        }
        self.with_file(id, payload, rest, then, desk).await
    }

    async fn with_file<P, F, Fut>(
        &self,
        id: MessageId,
        payload: Payload,
        rest: P,
        then: F,
        desk: Desk,
    ) -> Result<Fut::Output>
    where
        P: Send + 'static,
        F: FnOnce(P, Kept, Desk) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let places = self.places.clone();
        let task = tokio::spawn(async move {
            let ended = |e| LedgerError::Unavailable(format!("a payload was not written: {e}"));
            let kept =
                tokio::task::spawn_blocking(move || payloads::keep(&places, id, payload)).await.map_err(ended)??;
            Ok(then(rest, kept, desk).await)
        });
        task.await.unwrap_or_else(|e| Err(LedgerError::Unavailable(format!("a commit ended: {e}"))))
    }

    /// Waits for the helpers' ends.
    fn join_helpers(&self) {
        self.alarm.end();
        self.indexing.end();
        self.checkpoints.end();
        let helpers = std::mem::take(&mut *self.helpers.lock().unwrap_or_else(PoisonError::into_inner));
        for helper in helpers {
            let _ = helper.join();
        }
    }

    fn join_writer(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        self.join_helpers();
        self.desk = None;
        self.join_writer();
    }
}

/// What a person did to the queue.
fn decision(who: &str, what: &str, consumer: &str, position: u64, reason: &str, at: Timestamp) -> AuditRecord {
    AuditRecord {
        at,
        who: who.to_owned(),
        what: what.to_owned(),
        on: format!("{consumer}/{position}"),
        reason: reason.to_owned(),
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn commit(&self, entry: Entry) -> Result<Committed> {
        let id = entry.message.id;
        let payload = entry.payload.clone();
        let then = |entry: Entry, kept, desk: Desk| async move {
            let (entry, weight) = NewEntry::new(entry, kept).map_err(|(kept, error)| {
                kept.undo();
                error
            })?;
            let entry = Arc::new(entry);
            let writing = Arc::clone(&entry);
            let outcome = desk.write(Lane::Request, weight, move |tx| writing.commit(tx)).await;
            settle(&entry.kept, matches!(outcome, Ok(Committed::Stored)));
            outcome
        };
        self.with_payload(id, payload, entry, then).await?
    }

    async fn append(&self, slice: Slice) -> Result<Committed> {
        let (id, claims, documents, weight) = arrivals::prepare_slice(slice)?;
        self.write(weight, move |tx| arrivals::append(tx, id, &claims, &documents)).await
    }

    async fn finish(&self, message: MessageId, state: MessageState, owed: Vec<Owed>, facts: Vec<Fact>) -> Result<()> {
        self.write(Weight::default(), move |tx| arrivals::finish(tx, message, state, &owed, &facts)).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.read(|reader| arrivals::unfinished(&reader.conn)).await
    }

    async fn revise(&self, revision: Revision) -> Result<Committed> {
        let (revision, weight) = NewRevision::new(revision)?;
        self.write(weight, move |tx| revision.commit(tx)).await
    }

    async fn holders(&self, claims: Vec<Claim>) -> Result<Vec<Taken>> {
        self.read(move |reader| arrivals::holders(&reader.conn, &claims)).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>> {
        self.read(move |reader| Ok(lookups::message(&reader.conn, id)?.map(|(_, message)| message))).await
    }

    async fn messages_of(&self, ids: Vec<MessageId>) -> Result<Vec<Message>> {
        self.read(move |reader| lookups::messages_of(&reader.conn, &ids)).await
    }

    async fn messages(&self, filter: MessageFilter, before: Option<MessageId>, limit: usize) -> Result<Vec<Message>> {
        self.read(move |reader| lookups::messages(&reader.conn, reader.indexed, &filter, before, limit)).await
    }

    async fn payload(&self, id: MessageId) -> Result<Option<Payload>> {
        let places = self.places.clone();
        self.read(move |reader| lookups::payload(&reader.conn, &places, id)).await
    }

    async fn receipt(&self, id: MessageId) -> Result<Option<Receipt>> {
        self.read(move |reader| lookups::receipt(&reader.conn, id)).await
    }

    async fn documents(&self, id: MessageId, from: u32, limit: usize) -> Result<Vec<Document>> {
        self.read(move |reader| lookups::documents(&reader.conn, id, from, limit)).await
    }

    async fn timeline(&self, id: MessageId) -> Result<Vec<Fact>> {
        self.read(move |reader| lookups::timeline(&reader.conn, id)).await
    }

    async fn note(&self, id: MessageId, facts: Vec<Fact>) -> Result<()> {
        let job = move |tx: &mut Tx| {
            let (num, _, _) = arrivals::find(tx, id)?;
            arrivals::add_facts(tx, num, &facts)?;
            Ok(Done::Keep(()))
        };
        self.write(Weight::default(), job).await
    }

    async fn documents_by_number(&self, number: &str, limit: usize) -> Result<Vec<Document>> {
        let number = number.to_owned();
        self.read(move |reader| lookups::documents_by_number(&reader.conn, reader.indexed, &number, limit)).await
    }

    async fn declare(&self, consumers: Vec<Consumer>) -> Result<()> {
        self.write(Weight::default(), move |tx| consumers::declare(tx, &consumers)).await
    }

    async fn lease(&self, consumer: &str, max: usize, lease_secs: u32, now: Timestamp) -> Result<Vec<LeasedEvent>> {
        let (until, now) = (queue::later(now, lease_secs), now.as_microsecond());
        loop {
            let name = consumer.to_owned();
            let leased = self.write(Weight::default(), move |tx| queue::lease(tx, &name, max, until, now)).await?;
            if !leased.handed.is_empty() {
                self.alarm.at(until);
                return self.read(move |reader| standing::fetch(&reader.conn, &leased.handed)).await;
            }
            if !leased.more {
                return Ok(Vec::new());
            }
        }
    }

    async fn ack(&self, consumer: &str, leases: Vec<LeaseToken>, _now: Timestamp) -> Result<Vec<AckOutcome>> {
        let name = consumer.to_owned();
        self.write(Weight::default(), move |tx| queue::ack(tx, &name, &leases)).await
    }

    async fn nack(
        &self,
        consumer: &str,
        lease: LeaseToken,
        reason: &str,
        retry_in_secs: u32,
        now: Timestamp,
    ) -> Result<AckOutcome> {
        let (name, reason) = (consumer.to_owned(), reason.to_owned());
        let (turn, now) = (queue::later(now, retry_in_secs), now.as_microsecond());
        let outcome =
            self.write(Weight::default(), move |tx| queue::nack(tx, &name, lease, &reason, turn, now)).await?;
        self.alarm.at(turn);
        Ok(outcome)
    }

    async fn extend(
        &self,
        consumer: &str,
        leases: Vec<LeaseToken>,
        lease_secs: u32,
        now: Timestamp,
    ) -> Result<Vec<AckOutcome>> {
        let (name, until) = (consumer.to_owned(), queue::later(now, lease_secs));
        let outcomes = self.write(Weight::default(), move |tx| queue::extend(tx, &name, &leases, until)).await?;
        self.alarm.at(until);
        Ok(outcomes)
    }

    async fn event(&self, id: EventId) -> Result<Option<LogEvent>> {
        self.read(move |reader| standing::event(&reader.conn, id)).await
    }

    async fn events(&self, after: u64, filter: LogFilter, limit: usize) -> Result<Vec<LogEvent>> {
        self.read(move |reader| standing::log(&reader.conn, after, &filter, limit)).await
    }

    async fn partners_after(&self, after: u64, limit: usize) -> Result<(u64, BTreeSet<String>)> {
        self.read(move |reader| standing::partners_after(&reader.conn, after, limit)).await
    }

    async fn head(&self) -> Result<u64> {
        self.read(|reader| Ok(rows::unsigned(consumers::head(&reader.conn)?))).await
    }

    async fn queue_stats(&self, consumer: &str, now: Timestamp) -> Result<QueueStats> {
        let (name, now) = (consumer.to_owned(), now.as_microsecond());
        self.read(move |reader| standing::stats(&reader.conn, &name, now)).await
    }

    async fn peek(&self, consumer: &str, limit: usize) -> Result<Vec<KeyState>> {
        let name = consumer.to_owned();
        self.read(move |reader| standing::peek(&reader.conn, &name, limit, rows::now())).await
    }

    async fn parked(&self, consumer: &str) -> Result<Vec<Parked>> {
        let name = consumer.to_owned();
        self.read(move |reader| standing::parked(&reader.conn, &name)).await
    }

    async fn release(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.release", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::release(tx, &name, position, &record)).await
    }

    async fn skip(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.skip", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::skip(tx, &name, position, &record)).await
    }

    async fn given_up(&self, consumer: &str, after: u64, limit: usize) -> Result<Vec<GivenUp>> {
        let (name, after) = (consumer.to_owned(), rows::signed(after));
        self.read(move |reader| standing::given_up(&reader.conn, &name, after, limit)).await
    }

    async fn put_back(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.put_back", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::put_back(tx, &name, position, &record)).await
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    async fn owed(&self, after: u64, without: &[String], limit: usize) -> Result<Vec<(u64, Owed)>> {
        let without = serde_json::json!(without).to_string();
        self.read(move |reader| outgoing::owed(&reader.conn, after, &without, limit)).await
    }

    async fn next_number(&self, series: &NumberSeries) -> Result<u64> {
        let series = series.clone();
        self.read(move |reader| Ok(rows::unsigned(outgoing::next_number(&reader.conn, &series)?))).await
    }

    async fn issue(&self, outgoing: Outgoing) -> Result<bool> {
        let id = outgoing.message.id;
        let payload = outgoing.payload.clone();
        let then = |outgoing: Outgoing, kept, desk: Desk| async move {
            let (outgoing, weight) = NewOutgoing::new(outgoing, kept).map_err(|(kept, error)| {
                kept.undo();
                error
            })?;
            let outgoing = Arc::new(outgoing);
            let writing = Arc::clone(&outgoing);
            let outcome = desk.write(Lane::Chore, weight, move |tx| writing.issue(tx)).await;
            settle(&outgoing.kept, matches!(outcome, Ok(true)));
            outcome
        };
        self.with_payload(id, payload, outgoing, then).await?
    }

    async fn deliveries(&self, id: MessageId) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::of(&reader.conn, id)).await
    }

    async fn due_deliveries(&self, now: Timestamp, without: Vec<String>, each: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::due(&reader.conn, now.as_microsecond(), &without, each)).await
    }

    async fn deliver(&self, attempt: Attempt) -> Result<bool> {
        self.write_chore(Weight::default(), move |tx| deliveries::deliver(tx, &attempt)).await
    }

    async fn all_deliveries(&self, filter: DeliveryFilter, before: Option<u64>, limit: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::all(&reader.conn, &filter, before, limit)).await
    }

    async fn redeliver(&self, id: MessageId, due: Timestamp, record: AuditRecord) -> Result<Delivery> {
        self.write(Weight::default(), move |tx| deliveries::redeliver(tx, id, due.as_microsecond(), &record)).await
    }

    async fn cancel(&self, delivery: u64, record: AuditRecord) -> Result<()> {
        self.write(Weight::default(), move |tx| deliveries::cancel(tx, rows::signed(delivery), &record)).await
    }

    async fn owe(&self, owed: Owed, record: AuditRecord) -> Result<()> {
        let (message, owed) = (owed.message, vec![owed]);
        self.write(Weight::default(), move |tx| deliveries::owe(tx, message, &owed, &record)).await
    }

    async fn untold(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::untold(&reader.conn, limit)).await
    }

    async fn tell(&self, news: News) -> Result<bool> {
        let (news, weight) = NewNews::new(news)?;
        self.write_chore(weight, move |tx| news.tell(tx)).await
    }

    async fn due_watches(&self, now: Timestamp, limit: usize) -> Result<Vec<(u64, Watch)>> {
        self.read(move |reader| deliveries::due_watches(&reader.conn, now.as_microsecond(), limit)).await
    }

    async fn issued(&self, series: &NumberSeries, number: u64) -> Result<Vec<MessageId>> {
        let series = series.clone();
        self.read(move |reader| deliveries::issued(&reader.conn, &series, number)).await
    }

    async fn numbers(&self) -> Result<Vec<(NumberSeries, u64)>> {
        self.read(|reader| deliveries::numbers(&reader.conn)).await
    }

    async fn begin_number(&self, series: &NumberSeries, first: u64) -> Result<()> {
        let series = series.clone();
        self.write(Weight::default(), move |tx| deliveries::begin(tx, &series, rows::signed(first))).await
    }

    async fn advance_number(&self, series: &NumberSeries, next: u64, record: AuditRecord) -> Result<()> {
        let series = series.clone();
        self.write(Weight::default(), move |tx| deliveries::advance(tx, &series, rows::signed(next), &record)).await
    }

    async fn deliveries_paused(&self) -> Result<Option<String>> {
        self.read(|reader| outgoing::paused(&reader.conn)).await
    }

    async fn resume_deliveries(&self, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = AuditRecord {
            at: now,
            who: who.to_owned(),
            what: "deliveries.resume".to_owned(),
            on: "ledger".to_owned(),
            reason: reason.to_owned(),
        };
        self.write(Weight::default(), move |tx| outgoing::resume(tx, &record)).await
    }

    async fn remember(&self, kind: &'static str, name: &str, what: Bytes) -> Result<()> {
        let (name, weight) = (name.to_owned(), Weight { documents: 0, bytes: what.len() });
        self.write(weight, move |tx| memory::remember(tx, kind, &name, &what).map(Done::Keep)).await
    }

    async fn recall(&self, kind: &'static str, name: &str) -> Result<Option<Bytes>> {
        let name = name.to_owned();
        self.read(move |reader| Ok(memory::recall(&reader.conn, kind, &name)?.map(Bytes::from))).await
    }

    async fn remembered(&self, kind: &'static str) -> Result<Vec<(String, Bytes)>> {
        let all = self.read(move |reader| memory::all(&reader.conn, kind)).await?;
        Ok(all.into_iter().map(|(name, what)| (name, what.into())).collect())
    }

    async fn forget(&self, kind: &'static str, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(Weight::default(), move |tx| memory::forget(tx, kind, &name).map(Done::Keep)).await
    }

    async fn audit(&self, record: AuditRecord) -> Result<()> {
        let job = move |tx: &mut Tx| {
            audit::add(tx, &record)?;
            Ok(Done::Keep(()))
        };
        self.write(Weight::default(), job).await
    }

    async fn audit_log(&self, limit: usize) -> Result<Vec<AuditRecord>> {
        self.read(move |reader| audit::log(&reader.conn, limit)).await
    }

    async fn backup(&self, file: &Path) -> Result<()> {
        let (places, file) = (self.places.clone(), file.to_owned());
        self.read(move |reader| backup::backup(&reader.conn, &places, &file)).await
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.readers.close().await;
        let done = match &self.desk {
            Some(desk) => {
                self.join_helpers();
                desk.close().await
            }
            None => Ok(()),
        };
        self.join_writer();
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        done
    }

    fn payload_folder(&self) -> Option<&Path> {
        Some(&self.places.incoming)
    }
}

/// Puts a payload file right after its commit.
fn settle(kept: &Kept, stored: bool) {
    if stored {
        kept.committed();
    } else {
        kept.undo();
    }
}
