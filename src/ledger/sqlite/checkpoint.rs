//! Moves what is committed from the write-ahead log into the data file.
//!
//! A thread does it passively, beside the writer. That alone never lets the log start anew while the writer is busy, so
//! past a limit the writer itself asks for a restart between two groups, when little is left to move.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering},
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

/// What the writer and the checkpoint thread share.
#[derive(Debug)]
pub(super) struct Checkpoints {
    bell: Bell,
    /// Frames in the log, as of the last commit.
    frames: AtomicU64,
    /// Frames from which on the writer asks for a restart; moves up while a reader is in its way.
    restart_at: AtomicU64,
    /// The frames that the passive thread was last rung for.
    rung_at: AtomicU64,
    limit: u64,
    turn: Mutex<()>,
}

impl Checkpoints {
    /// With the writer's limit in frames.
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            bell: Bell::default(),
            frames: AtomicU64::new(0),
            restart_at: AtomicU64::new(limit),
            rung_at: AtomicU64::new(0),
            limit,
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
        }
        let rung_at = self.rung_at.load(Ordering::Relaxed);
        if frames >= rung_at + self.limit / 8 {
            self.rung_at.store(frames, Ordering::Relaxed);
            self.bell.ring();
        }
    }

    /// Starts the passive thread on a connection of its own.
    pub(super) fn start(self: &Arc<Self>, conn: Connection, fail_stop: FailStop) -> std::io::Result<JoinHandle<()>> {
        let shared = Arc::clone(self);
        std::thread::Builder::new().name("ledger-checkpoint".to_owned()).spawn(move || {
            while shared.bell.wait(None) {
                let turn = shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let outcome = checkpoint(&conn, "PRAGMA wal_checkpoint(PASSIVE)");
                drop(turn);
                stop_if_broken(outcome, &fail_stop);
            }
        })
    }

    /// Called by the writer between two groups.
    pub(super) fn restart_if_large(&self, conn: &Connection, fail_stop: &FailStop) {
        let frames = self.frames.load(Ordering::Relaxed);
        if frames < self.restart_at.load(Ordering::Relaxed) {
            return;
        }
        // The passive thread is moving frames right now: let it, unless the log grows away from it.
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if frames < self.limit * 2 => return,
            Err(TryLockError::WouldBlock) => self.turn.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let patient = conn.busy_timeout(Duration::from_millis(20));
        let outcome = patient.map_err(Fault::from).and_then(|()| checkpoint(conn, "PRAGMA wal_checkpoint(RESTART)"));
        let restored = conn.busy_timeout(super::open::BUSY);
        drop(turn);
        // A reader, such as a backup, is in the way: try again when the log has grown some more.
        if !matches!(outcome, Ok(true)) {
            self.restart_at.store(frames + self.limit / 4, Ordering::Relaxed);
            events::log_long(frames);
        }
        stop_if_broken(outcome, fail_stop);
        stop_if_broken(restored.map(|()| true).map_err(Fault::from), fail_stop);
    }

    /// Ends the passive thread's work.
    pub(super) fn end(&self) {
        self.bell.end();
    }

    /// Moves everything and closes the writer's connection.
    pub(super) fn close(&self, conn: Connection) -> Result<(), LedgerError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        checkpoint(&conn, "PRAGMA wal_checkpoint(TRUNCATE)")?;
        drop(turn);
        conn.close().map_err(|(_, error)| LedgerError::from(Fault::from(error)))
    }
}

/// Runs a checkpoint; `true` where it did all that it was asked.
fn checkpoint(conn: &Connection, sql: &str) -> Outcome<bool> {
    let busy = conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::DatabaseBusy => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// After a failed write or sync of the data file, the kernel may forget that it failed; so does nobody go on.
fn stop_if_broken(outcome: Outcome<bool>, fail_stop: &FailStop) {
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
