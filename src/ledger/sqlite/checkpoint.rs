//! Moves what is committed from the write-ahead log into the data file.
//!
//! A thread does it passively, beside the writer. That alone never lets the log start anew while the writer is busy, so
//! past a limit the writer itself asks for a restart between two groups. What is left to move then, everybody waits for:
//! so the thread runs after the writer, pass upon pass, each shorter than the one before, and tells it when little is left.
//! The engine syncs the data file only when a pass has moved the very last frame, which with a busy writer is in the
//! restart; so the thread syncs after each pass, through a handle of its own.

use std::{
    fs::File,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use super::{
    events,
    fault::{Fault, Outcome},
    writer::FailStop,
};
use crate::ledger::LedgerError;

/// A thread's doorbell: rung with work to do, or with the word to end.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<(bool, bool)>,
    rung: Condvar,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, (bool, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is work.
    pub(super) fn ring(&self) {
        let mut state = self.state();
        if !state.0 {
            state.0 = true;
            self.rung.notify_all();
        }
    }

    /// There will be no more work.
    pub(super) fn end(&self) {
        self.state().1 = true;
        self.rung.notify_all();
    }

    /// Waits for work, at most until `patience` is over; `false` when it is time to end.
    pub(super) fn wait(&self, patience: Option<Duration>) -> bool {
        let mut state = self.state();
        while !state.0 && !state.1 {
            match patience {
                None => state = self.rung.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    state = self.rung.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
                    break;
                }
            }
        }
        state.0 = false;
        !state.1
    }

    /// Sleeps, unless it is time to end.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let state = self.state();
        let (state, _) =
            self.rung.wait_timeout_while(state, time, |state| !state.1).unwrap_or_else(PoisonError::into_inner);
        !state.1
    }
}

/// Passes for each time that the log reaches its limit: one for each MiB of 64. The disk serves commits and passes alike,
/// and a commit that comes beside a pass's sync waits for all of it.
const PASSES: u64 = 64;
/// The log may grow to so many times its limit while the thread cannot get close to the writer.
const PATIENCE: u64 = 4;
/// Little is left to move when it is this part of the limit: 1 MiB of 64.
const LITTLE: u64 = 64;
/// How much nicer the threads are that work beside the requests (`nice(2)`).
const NICE: i32 = 5;

/// The calling thread leaves the processor to those that somebody waits for.
pub(super) fn step_back() {
    // Elsewhere it would hold for the whole process. Without the wish granted, all works as well, only less politely.
    if cfg!(target_os = "linux") {
        let _ = rustix::process::nice(NICE);
    }
}

/// What the writer and the checkpoint thread share.
#[derive(Debug)]
pub(super) struct Checkpoints {
    bell: Bell,
    /// Frames in the log, as of the last commit.
    frames: AtomicU64,
    /// Frames from which on the writer asks for a restart; moves up while a reader is in its way.
    restart_at: AtomicU64,
    /// Little is left to move: now is the time for a restart.
    ripe: AtomicBool,
    /// The frames that the passive thread was last rung for.
    rung_at: AtomicU64,
    limit: u64,
    /// The data file. It stays open until the ledger is closed: closing any handle of a file takes the engine's locks of
    /// that file from the whole process (POSIX, `fcntl`).
    data: Option<File>,
    turn: Mutex<()>,
}

impl Checkpoints {
    /// With the writer's limit in frames, and the data file.
    pub(super) fn new(limit: u64, data: Option<File>) -> Arc<Self> {
        Arc::new(Self {
            bell: Bell::default(),
            frames: AtomicU64::new(0),
            restart_at: AtomicU64::new(limit),
            ripe: AtomicBool::new(false),
            rung_at: AtomicU64::new(0),
            limit,
            data,
            turn: Mutex::new(()),
        })
    }

    /// Has the engine tell, after every commit on `conn`, how long the log is.
    pub(super) fn watch(self: &Arc<Self>, conn: &mut Connection) -> Outcome<()> {
        let shared = Arc::clone(self);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, frames: i32| {
            shared.grown(u64::try_from(frames).unwrap_or(0));
            Ok(())
        }))?;
        Ok(())
    }

    fn grown(&self, frames: u64) {
        let before = self.frames.swap(frames, Ordering::Relaxed);
        if frames < before {
            self.rung_at.store(0, Ordering::Relaxed);
            self.restart_at.store(self.limit, Ordering::Relaxed);
            self.ripe.store(false, Ordering::Relaxed);
        }
        let rung_at = self.rung_at.load(Ordering::Relaxed);
        if frames >= rung_at + self.limit / PASSES {
            self.rung_at.store(frames, Ordering::Relaxed);
            self.bell.ring();
        }
    }

    /// Starts the passive thread on a connection of its own.
    pub(super) fn start(self: &Arc<Self>, conn: Connection, fail_stop: FailStop) -> std::io::Result<JoinHandle<()>> {
        let shared = Arc::clone(self);
        std::thread::Builder::new().name("ledger-checkpoint".to_owned()).spawn(move || {
            step_back();
            while shared.bell.wait(None) {
                let mut before = u64::MAX;
                while let Some(left) = shared.pass(&conn, &fail_stop) {
                    // A pass that left nearly as much as the one before does not get closer: wait for the next ring.
                    if left >= before - before / 8 {
                        break;
                    }
                    before = left;
                }
            }
        })
    }

    /// Moves what is committed. Where the log is long, the frames that came meanwhile, unless they are few.
    fn pass(&self, conn: &Connection, fail_stop: &FailStop) -> Option<u64> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = checkpoint(conn, Pass::Passive).and_then(|done| self.sync().map(|()| done));
        drop(turn);
        let moved = outcome.as_ref().map_or(0, |done| done.moved);
        stop_if_broken(outcome, fail_stop);
        let frames = self.frames.load(Ordering::Relaxed);
        if frames < self.restart_at.load(Ordering::Relaxed) {
            return None;
        }
        let left = frames.saturating_sub(moved);
        if left <= self.limit / LITTLE {
            self.ripe.store(true, Ordering::Relaxed);
            return None;
        }
        Some(left)
    }

    /// Has the disk keep what was moved.
    fn sync(&self) -> Outcome<()> {
        let failed = |error: std::io::Error| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            Fault::from(rusqlite::Error::SqliteFailure(code, Some(format!("the data file: {error}"))))
        };
        self.data.as_ref().map_or(Ok(()), |data| data.sync_data().map_err(failed))
    }

    /// Called by the writer between two groups.
    pub(super) fn restart_if_large(&self, conn: &Connection, fail_stop: &FailStop) {
        let frames = self.frames.load(Ordering::Relaxed);
        let too_long = frames >= self.limit * PATIENCE;
        if frames < self.restart_at.load(Ordering::Relaxed) || !(self.ripe.swap(false, Ordering::Relaxed) || too_long) {
            return;
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let patient = conn.busy_timeout(Duration::from_millis(20));
        let outcome = patient.map_err(Fault::from).and_then(|()| checkpoint(conn, Pass::Restart));
        let restored = conn.busy_timeout(super::open::BUSY);
        drop(turn);
        // A reader, such as a backup, is in the way: try again when the log has grown some more.
        if !matches!(&outcome, Ok(done) if done.whole) {
            self.restart_at.store(frames + self.limit / 4, Ordering::Relaxed);
            events::log_long(frames);
        }
        stop_if_broken(outcome, fail_stop);
        stop_if_broken(restored.map_err(Fault::from), fail_stop);
    }

    /// Ends the passive thread's work.
    pub(super) fn end(&self) {
        self.bell.end();
    }

    /// Moves everything and closes the writer's connection.
    pub(super) fn close(&self, conn: Connection) -> Result<(), LedgerError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(&conn, Pass::Truncate)?;
        drop(turn);
        conn.close().map_err(|(_, error)| LedgerError::from(Fault::from(error)))
    }
}

/// What a checkpoint does besides moving frames.
#[derive(Debug, Clone, Copy)]
enum Pass {
    /// Nothing; it waits for nobody.
    Passive,
    /// Has the log start anew with the next write.
    Restart,
    /// Empties the log.
    Truncate,
}

/// What a checkpoint did.
#[derive(Debug, Clone, Copy)]
struct Done {
    /// All that it was asked.
    whole: bool,
    /// Frames of the log that are in the data file now.
    moved: u64,
}

/// Runs a checkpoint.
fn checkpoint(conn: &Connection, pass: Pass) -> Outcome<Done> {
    let sql = match pass {
        Pass::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Pass::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Pass::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    let done = conn.query_row(sql, [], |row| {
        let (busy, moved): (i64, i64) = (row.get(0)?, row.get(2)?);
        Ok(Done { whole: busy == 0, moved: u64::try_from(moved).unwrap_or(0) })
    });
    match done {
        Ok(done) => Ok(done),
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::DatabaseBusy => {
            Ok(Done { whole: false, moved: 0 })
        }
        Err(error) => Err(error.into()),
    }
}

/// After a failed write or sync of the data file, the kernel may forget that it failed; so does nobody go on.
fn stop_if_broken<T>(outcome: Outcome<T>, fail_stop: &FailStop) {
    let Err(fault) = outcome else { return };
    let fatal = fault.is_io();
    let error = LedgerError::from(fault);
    if fatal {
        events::fail_stop(&error);
        fail_stop(&error.to_string());
    } else {
        events::checkpoint_failed(&error);
    }
}
