//! The one writer. It takes what waits, up to 256 documents or 4 MB, gives each entry a savepoint, commits once, syncs
//! once, and then answers everybody. Nobody waits on a timer: while one group is being synced, the next one gathers.
//!
//! A failed write or sync stops the process, since nobody knows what reached the disk; a full disk does not.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Instant,
};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{oneshot, watch};

use super::{
    checkpoint::Checkpoints,
    events,
    fault::{Fault, Outcome},
    lanes::{Lane, Waiting, Weight},
    room::{self, Room, Trial},
    rows,
};
use crate::ledger::LedgerError;

/// What a piece of work came to.
pub(super) enum Done<T> {
    /// Its writes count.
    Keep(T),
    /// It is answered, and what it wrote is undone.
    Undo(T),
}

/// One piece of work, with somebody waiting for its answer.
pub(super) trait Work: Send {
    /// Does it; `false` where what it wrote is to be undone.
    fn run(&mut self, tx: &mut Tx) -> Outcome<bool>;
    /// Tells what came of it, once that is certain.
    fn answer(self: Box<Self>, failure: Option<&LedgerError>);
}

struct Task<T, F> {
    job: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, LedgerError>>,
}

impl<T: Send, F: FnOnce(&mut Tx) -> Outcome<Done<T>> + Send> Work for Task<T, F> {
    fn run(&mut self, tx: &mut Tx) -> Outcome<bool> {
        let Some(job) = self.job.take() else { return Ok(false) };
        let (keep, result) = match job(tx)? {
            Done::Keep(result) => (true, result),
            Done::Undo(result) => (false, result),
        };
        self.result = Some(result);
        Ok(keep)
    }

    fn answer(self: Box<Self>, failure: Option<&LedgerError>) {
        let answer = match (self.result, failure) {
            (_, Some(error)) => Err(error.clone()),
            (Some(result), None) => Ok(result),
            (None, None) => Err(stopped()),
        };
        // Nobody may be waiting any more; what was written stays written.
        let _ = self.reply.send(answer);
    }
}

/// What the writer is told.
enum Order {
    Work(Lane, Weight, Box<dyn Work>),
    Close(oneshot::Sender<Result<(), LedgerError>>),
}

/// The next number of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) message: i64,
    pub(super) seq: i64,
    pub(super) position: i64,
    pub(super) owed: i64,
    pub(super) delivery: i64,
}

/// Events that go on the log when the group is committed: `count` of them from `seq` on.
#[derive(Debug, Clone, Copy)]
struct Run {
    seq: i64,
    count: i64,
}

/// The open transaction, as work sees it.
pub(super) struct Tx {
    pub(super) conn: Connection,
    pub(super) next: Counters,
    /// When this group began, in microseconds.
    pub(super) now: i64,
    stored: Counters,
    runs: Vec<Run>,
    tallies: Vec<(String, String, i64)>,
    released_at: i64,
    messages: bool,
    queue: bool,
}

impl Tx {
    fn new(conn: Connection) -> Outcome<Self> {
        let next = conn.query_row("SELECT message, seq, position, owed, delivery FROM counters", [], |row| {
            Ok(Counters {
                message: row.get(0)?,
                seq: row.get(1)?,
                position: row.get(2)?,
                owed: row.get(3)?,
                delivery: row.get(4)?,
            })
        })?;
        let last = "SELECT at FROM releases ORDER BY base DESC LIMIT 1";
        let released_at = conn.query_row(last, [], |row| row.get(0)).optional()?.unwrap_or(0);
        Ok(Self {
            conn,
            next,
            now: rows::now(),
            stored: next,
            runs: Vec::new(),
            tallies: Vec::new(),
            released_at,
            messages: false,
            queue: false,
        })
    }

    /// Puts events on the log with this group.
    pub(super) fn release(&mut self, seq: i64, count: i64, tally: impl IntoIterator<Item = (String, String, i64)>) {
        if count > 0 {
            self.runs.push(Run { seq, count });
            self.tallies.extend(tally);
        }
    }

    /// Says that there is something new to find.
    pub(super) fn touched_messages(&mut self) {
        self.messages = true;
    }

    /// Says that a consumer may find something to lease.
    pub(super) fn touched_queue(&mut self) {
        self.queue = true;
    }

    /// Gives the group's events their positions, in commit order, and stores the counters.
    fn seal(&mut self) -> Outcome<()> {
        if !self.runs.is_empty() {
            self.released_at = self.released_at.max(rows::now());
            self.queue = true;
            let mut insert =
                self.conn.prepare_cached("INSERT INTO releases (base, seq, count, at) VALUES (?1, ?2, ?3, ?4)")?;
            let mut runs = self.runs.drain(..);
            let mut open = runs.next();
            while let Some(mut run) = open.take() {
                for next in runs.by_ref() {
                    if next.seq == run.seq + run.count {
                        run.count += next.count;
                    } else {
                        open = Some(next);
                        break;
                    }
                }
                insert.execute(params![self.next.position, run.seq, run.count, self.released_at])?;
                self.next.position += run.count;
            }
            self.tallies.sort_unstable();
            let mut add = self.conn.prepare_cached(
                "INSERT INTO tallies (mode, type, count) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET count = count + excluded.count",
            )?;
            for same in self.tallies.chunk_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1)) {
                let sum: i64 = same.iter().map(|(_, _, count)| count).sum();
                if let Some((mode, kind, _)) = same.first() {
                    add.execute(params![mode, kind, sum])?;
                }
            }
            self.tallies.clear();
        }
        if self.next != self.stored {
            self.conn
                .prepare_cached("UPDATE counters SET message = ?1, seq = ?2, position = ?3, owed = ?4, delivery = ?5")?
                .execute(params![
                    self.next.message,
                    self.next.seq,
                    self.next.position,
                    self.next.owed,
                    self.next.delivery
                ])?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Outcome<()> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// Called when the process must not go on; by default it ends it.
pub(super) type FailStop = Arc<dyn Fn(&str) + Send + Sync>;

/// Where work for the writer is handed in.
#[derive(Clone)]
pub(super) struct Desk(mpsc::Sender<Order>);

impl Desk {
    /// Has work done in one of the next groups, and waits until it is on stable storage.
    pub(super) async fn write<T, F>(&self, lane: Lane, weight: Weight, job: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Outcome<Done<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task { job: Some(job), result: None, reply };
        self.0.send(Order::Work(lane, weight, Box::new(task))).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Ends the writer once everything handed in before is done.
    pub(super) async fn close(&self) -> Result<(), LedgerError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Order::Close(reply)).map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// The error of a ledger that is closed.
pub(super) fn stopped() -> LedgerError {
    LedgerError::Unavailable("the ledger is closed".to_owned())
}

/// The writer, before its thread runs.
pub(super) struct Writer {
    tx: Tx,
    orders: mpsc::Receiver<Order>,
    checkpoints: Arc<Checkpoints>,
    room: Arc<Room>,
    /// When to look whether there is room again.
    look_at: Option<Instant>,
    fail_stop: FailStop,
    changed: watch::Sender<u64>,
    on_messages: Box<dyn Fn() + Send>,
    broken: bool,
}

impl Writer {
    /// A writer on `conn`, and the desk that hands it work. `on_messages` is called when there is something new to find.
    pub(super) fn new(
        conn: Connection,
        checkpoints: Arc<Checkpoints>,
        room: Arc<Room>,
        fail_stop: FailStop,
        changed: watch::Sender<u64>,
        on_messages: Box<dyn Fn() + Send>,
    ) -> Outcome<(Self, Desk)> {
        let (desk, orders) = mpsc::channel();
        let tx = Tx::new(conn)?;
        let look_at = None;
        Ok((
            Self { tx, orders, checkpoints, room, look_at, fail_stop, changed, on_messages, broken: false },
            Desk(desk),
        ))
    }

    /// Works until it is told to close or nobody can hand in work any more.
    pub(super) fn run(mut self) {
        let (mut waiting, mut closing) = (Waiting::default(), None);
        loop {
            if waiting.is_empty() && closing.is_none() {
                match self.order() {
                    Ok(Order::Work(lane, weight, work)) => waiting.put(lane, weight, work),
                    Ok(Order::Close(reply)) => closing = Some(reply),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if closing.is_none() && self.look_at.is_some_and(|at| at <= Instant::now()) {
                self.look_for_room();
            }
            // Whoever comes after the word to close is told that it is closed.
            while closing.is_none()
                && let Ok(order) = self.orders.try_recv()
            {
                match order {
                    Order::Work(lane, weight, work) => waiting.put(lane, weight, work),
                    Order::Close(reply) => closing = Some(reply),
                }
            }
            match (waiting.is_empty(), &closing) {
                (false, _) => self.group(waiting.group()),
                (true, None) => continue,
                (true, Some(_)) => break,
            }
            if closing.is_none() {
                self.checkpoints.restart_if_large(&self.tx.conn, &self.fail_stop);
            }
        }
        let Self { tx, checkpoints, .. } = self;
        let done = checkpoints.close(tx.conn);
        if let Some(reply) = closing {
            let _ = reply.send(done);
        }
    }

    /// The next order, or that it is time to look for room.
    fn order(&self) -> Result<Order, RecvTimeoutError> {
        match self.look_at {
            None => self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => self.orders.recv_timeout(at.saturating_duration_since(Instant::now())),
        }
    }

    /// Tries whether there is room again.
    fn look_for_room(&mut self) {
        for trial in [Trial::Take, Trial::GiveBack] {
            self.look_at = None;
            let (whole, failures) = self.attempt(&mut [Box::new(trial)]);
            if whole.is_some() || failures.iter().any(Option::is_some) {
                return;
            }
        }
        self.room.found();
    }

    /// Does a group, commits it, and answers everybody in it.
    fn group(&mut self, mut group: Vec<Box<dyn Work>>) {
        let began = Instant::now();
        let (whole, failures) = self.attempt(&mut group);
        match &whole {
            None => events::group_committed(group.len(), began.elapsed()),
            Some(error) => events::group_failed(error),
        }
        let (messages, queue) = (std::mem::take(&mut self.tx.messages), std::mem::take(&mut self.tx.queue));
        for (index, work) in group.into_iter().enumerate() {
            work.answer(whole.as_ref().or_else(|| failures.get(index).and_then(Option::as_ref)));
        }
        if whole.is_none() && messages {
            (self.on_messages)();
        }
        if whole.is_none() && queue {
            self.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Does a group and commits it: why it failed whole, if it did, and who in it failed alone.
    fn attempt(&mut self, group: &mut [Box<dyn Work>]) -> (Option<LedgerError>, Vec<Option<LedgerError>>) {
        let mut failures: Vec<Option<LedgerError>> = Vec::with_capacity(group.len());
        let whole = if self.broken { Err(Fault::Ledger(stopped())) } else { self.transaction(group, &mut failures) };
        let whole = whole.map_err(|fault| self.undo(fault)).err();
        if whole.is_none() {
            self.tx.stored = self.tx.next;
        }
        let all = whole.iter().chain(failures.iter().flatten());
        if let Some(error) = all.into_iter().find(|error| matches!(error, LedgerError::Full(_))) {
            self.room.lacking(error);
            self.look_at.get_or_insert_with(|| Instant::now() + room::LOOK);
        }
        (whole, failures)
    }

    /// Runs the work of a group in one transaction, up to and with its commit. What fails alone is put in `failures`.
    fn transaction(&mut self, group: &mut [Box<dyn Work>], failures: &mut Vec<Option<LedgerError>>) -> Outcome<()> {
        let tx = &mut self.tx;
        tx.now = rows::now();
        tx.execute("BEGIN IMMEDIATE")?;
        for work in group {
            let (runs, tallies) = (tx.runs.len(), tx.tallies.len());
            tx.execute("SAVEPOINT entry")?;
            // A mistake of ours in one piece of work must not end the writer for everybody.
            let outcome = catch_unwind(AssertUnwindSafe(|| work.run(tx))).unwrap_or_else(|_| {
                Err(Fault::Ledger(LedgerError::Unavailable("a write panicked; nothing of it was stored".to_owned())))
            });
            if !matches!(outcome, Ok(true)) {
                tx.runs.truncate(runs);
                tx.tallies.truncate(tallies);
            }
            match outcome {
                Ok(true) => failures.push(None),
                Ok(false) => {
                    tx.execute("ROLLBACK TO entry")?;
                    failures.push(None);
                }
                // Where the engine gave up the whole transaction, the whole group goes with it.
                Err(fault) if fault.is_io() || tx.conn.is_autocommit() => return Err(fault),
                Err(fault) => {
                    tx.execute("ROLLBACK TO entry")?;
                    failures.push(Some(fault.into()));
                }
            }
            tx.execute("RELEASE entry")?;
        }
        tx.seal()?;
        tx.execute("COMMIT")
    }

    /// Takes a failed group back. Stops the process where the disk failed.
    fn undo(&mut self, fault: Fault) -> LedgerError {
        self.tx.runs.clear();
        self.tx.tallies.clear();
        let fatal = fault.is_io();
        let error = LedgerError::from(fault);
        if fatal {
            self.broken = true;
            events::fail_stop(&error);
            (self.fail_stop)(&error.to_string());
            return error;
        }
        if !self.tx.conn.is_autocommit()
            && let Err(rollback) = self.tx.conn.execute_batch("ROLLBACK")
        {
            self.broken = true;
            events::fail_stop(&rollback);
            (self.fail_stop)(&rollback.to_string());
        }
        error
    }
}
