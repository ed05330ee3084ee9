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
mod own_files;
mod payloads;
mod queue;
mod readers;
mod requests;
mod room;
mod rows;
mod schema;
mod standing;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use tokio::sync::watch;

pub use self::backup::{Restored, restore};
use self::{
    alarm::Alarm,
    checkpoint::{Bell, Checkpoints},
    fault::{Outcome, from_io},
    lanes::{Lane, Weight},
    open::Places,
    payloads::Kept,
    readers::{Reader, Readers},
    room::Room,
    writer::{Desk, Done, FailStop, Tx, Writer, stopped},
};
use super::{LedgerError, Payload, Result};
use crate::document::MessageId;

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
    room: Arc<Room>,
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
        let room = Arc::new(Room::default());
        let (sender, changed) = watch::channel(0);
        let fail_stop: FailStop = Arc::clone(&options.fail_stop);
        let bell = Arc::clone(&indexing);
        let (writer, desk) = Writer::new(
            conn,
            Arc::clone(&checkpoints),
            Arc::clone(&room),
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
            room,
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
            room: Arc::new(Room::default()),
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
