//! What the embedded ledger tells of itself.

use std::{fmt::Display, path::Path, time::Duration};

use crate::ledger::{LedgerError, codes};

/// A group is on stable storage.
pub(super) fn group_committed(entries: usize, took: Duration) {
    tracing::trace!(target: "gangway::ledger", entries, micros = took.as_micros(), "group committed");
}

/// A group was taken back whole.
pub(super) fn group_failed(error: &dyn Display) {
    tracing::error!(target: "gangway::ledger", %error, "group not committed");
}

/// There is no room for the record; told once, until there is some.
pub(super) fn no_room(error: &LedgerError) {
    let code = codes::FULL;
    tracing::error!(target: "gangway::ledger", %code, %error, "nothing is taken until there is room again");
}

/// There is room for the record again.
pub(super) fn room_again() {
    tracing::info!(target: "gangway::ledger", "there is room again");
}

/// The disk failed; the process must not go on.
pub(super) fn fail_stop(error: &dyn Display) {
    tracing::error!(target: "gangway::ledger", %error, "the disk failed, and nobody knows what is on it: stopping");
}

/// The log could not be moved into the data file this time.
pub(super) fn checkpoint_failed(error: &dyn Display) {
    tracing::warn!(target: "gangway::ledger", %error, "checkpoint not done");
}

/// A reader keeps the log from starting anew.
pub(super) fn log_long(frames: u64) {
    tracing::debug!(target: "gangway::ledger", frames, "the write-ahead log cannot start anew yet");
}

/// The search index was missing, damaged or another ledger's, and is built again.
pub(super) fn index_rebuilt(reason: &dyn Display) {
    tracing::info!(target: "gangway::ledger", %reason, "building the search index anew");
}

/// The search index could not follow; finding is slower until it does.
pub(super) fn index_behind(error: &dyn Display) {
    tracing::warn!(target: "gangway::ledger", %error, "the search index could not follow");
}

/// A payload that no commit names was removed.
pub(super) fn orphan_removed(path: &Path) {
    tracing::info!(target: "gangway::ledger", path = %path.display(), "removed a payload that nothing names");
}

/// An event waits for a person.
pub(super) fn parked(consumer: &str, position: i64, key: &str, reason: &str) {
    tracing::warn!(target: "gangway::ledger", consumer, position, key, reason, "event parked");
}

/// An event was given up.
pub(super) fn dead(consumer: &str, position: i64, key: &str, reason: &str) {
    tracing::warn!(target: "gangway::ledger", consumer, position, key, reason, "event given up");
}

/// A ledger is open.
pub(super) fn opened(folder: &Path, took: Duration) {
    tracing::info!(target: "gangway::ledger", folder = %folder.display(), millis = took.as_millis(), "ledger open");
}
