//! Tests of the embedded ledger: the suite that every ledger passes, and what only this one has.

mod backups;
mod failing;
mod opening;
mod plans;
mod stretches;
mod suite;

use std::{path::Path, sync::Arc};

use super::{Options, SqliteLedger};
use crate::ledger::SharedLedger;

/// Opens a ledger in a folder.
fn open(folder: &Path) -> SharedLedger {
    Arc::new(SqliteLedger::open(folder, &Options::default()).unwrap())
}

/// A connection on a ledger's data file, behind the ledger's back.
fn behind(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("ledger.db")).unwrap()
}
