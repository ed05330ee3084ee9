//! What can go wrong inside the embedded ledger, and what callers are told of it.
//!
//! An engine's error is kept whole until it reaches the writer thread, which has to tell a full disk (answer it, go
//! on) from a failed write or sync (stop: after that nobody knows what is on the disk).

use rusqlite::{Error as Engine, ErrorCode};

use super::super::LedgerError;

/// The engine's code for "no room to grow the shared index of the write-ahead log".
const NO_ROOM_FOR_INDEX: i32 = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// A problem on its way up.
#[derive(Debug)]
pub(super) enum Fault {
    /// In words that callers know.
    Ledger(LedgerError),
    /// As the engine said it.
    Engine(Engine),
}

/// A result inside the embedded ledger.
pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// Whether a read, write or sync failed, so that the process must not go on.
    pub(super) fn is_io(&self) -> bool {
        let Self::Engine(Engine::SqliteFailure(error, _)) = self else { return false };
        error.code == ErrorCode::SystemIoFailure && error.extended_code != NO_ROOM_FOR_INDEX
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Engine> for Fault {
    fn from(error: Engine) -> Self {
        Self::Engine(error)
    }
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Ledger(error) => error,
            Fault::Engine(error) => from_engine(&error),
        }
    }
}

/// The engine's error in the ledger's words.
fn from_engine(error: &Engine) -> LedgerError {
    let text = error.to_string();
    match error {
        Engine::SqliteFailure(code, _) => match code.code {
            ErrorCode::DiskFull => LedgerError::Full(text),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => LedgerError::Corrupt(text),
            _ if code.extended_code == NO_ROOM_FOR_INDEX => LedgerError::Full(text),
            _ => LedgerError::Unavailable(text),
        },
        Engine::FromSqlConversionFailure(..)
        | Engine::InvalidColumnType(..)
        | Engine::IntegralValueOutOfRange(..)
        | Engine::Utf8Error(..) => LedgerError::Corrupt(format!("a stored value is not what it should be: {text}")),
        _ => LedgerError::Unavailable(text),
    }
}

/// A file system's error in the ledger's words.
pub(super) fn from_io(what: &str, path: &std::path::Path, error: &std::io::Error) -> LedgerError {
    let text = format!("{what} {}: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => LedgerError::Full(text),
        _ => LedgerError::Unavailable(text),
    }
}

/// A stored value that cannot be what it should be.
pub(super) fn damaged(what: impl std::fmt::Display) -> Fault {
    Fault::Ledger(LedgerError::Corrupt(what.to_string()))
}
