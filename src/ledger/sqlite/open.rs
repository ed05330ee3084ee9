//! Opening a data folder: one process at a time, a format that is known, data that holds together.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    fault::{Fault, Outcome, damaged, from_io},
    rows, schema,
};
use crate::{keys, ledger::LedgerError};

/// How long a connection waits for another one.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// The engine's page size.
pub(super) const PAGE: u64 = 4096;
/// A data file up to this size is checked page by page at every start.
const CHECKED: u64 = 64 << 20;

/// Where things are in a data folder.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) folder: PathBuf,
    pub(super) ledger: PathBuf,
    pub(super) index: PathBuf,
    pub(super) payloads: PathBuf,
    pub(super) incoming: PathBuf,
}

impl Places {
    pub(super) fn of(folder: &Path) -> Self {
        let payloads = folder.join("payloads");
        Self {
            folder: folder.to_owned(),
            ledger: folder.join("ledger.db"),
            index: folder.join("index.db"),
            incoming: payloads.join("incoming"),
            payloads,
        }
    }
}

/// Makes a folder, and those above it, that only we may enter. One that is there is left as it is.
pub(super) fn make_folder(path: &Path) -> Result<(), LedgerError> {
    keys::make_folder(path).map_err(|e| from_io("cannot make", path, &e))
}

/// A new file that only we may read.
pub(super) fn private(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder's names durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), LedgerError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| from_io("cannot sync", path, &e))
}

/// A file that is locked for whoever has this, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks a file, which is made where there is none. Nothing where somebody else has it, in this process or another.
    pub(super) fn take(path: &Path) -> Result<Option<Self>, LedgerError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| from_io("cannot open", path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(from_io("cannot lock", path, &error)),
        }
    }

    /// The file itself.
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    /// Closing the file would not do: a child process that is just being started holds a copy of it until it runs its own
    /// program, and would hold the lock for as long.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the data folder for this process.
pub(super) fn lock(folder: &Path) -> Result<Lock, LedgerError> {
    Lock::take(&folder.join("lock"))?.ok_or_else(|| LedgerError::InUse(folder.display().to_string()))
}

/// The first connection: checks the file, makes or migrates its tables, and becomes the writer's.
pub(super) fn first_connection(places: &Places, cache_mb: u32, max_pages: Option<u32>) -> Outcome<Connection> {
    let old = check_file(places)?;
    let conn = connect(&places.ledger, cache_mb)?;
    if let Some(pages) = max_pages {
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    if old {
        let id: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        if schema::version(&conn)? > 0 && id != schema::APPLICATION_ID {
            return Err(damaged(format!("{} is no ledger of this program", places.ledger.display())));
        }
    }
    schema::migrate(&conn, schema::MIGRATIONS, &places.folder.display().to_string())?;
    conn.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('identity', randomblob(16))", [])?;
    if old {
        check_content(&conn, places)?;
    } else {
        // From here on the data file stands for itself, and what is missing from it is damage.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        sync_folder(&places.folder)?;
    }
    Ok(conn)
}

/// A connection that writes, with every setting that durability rests on.
pub(super) fn connect(path: &Path, cache_mb: u32) -> Outcome<Connection> {
    // The engine would let others read it. What it makes beside the file, it makes as the file is.
    match private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(from_io("cannot make", path, &error).into());
        }
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(128);
    steady_plans(&conn)?;
    conn.pragma_update(None, "page_size", rows::signed(PAGE))?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let text = format!("{}: its file system cannot keep a write-ahead log", path.display());
        return Err(Fault::Ledger(LedgerError::Unavailable(text)));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "cache_size", -1024 * i64::from(cache_mb))?;
    Ok(conn)
}

/// Keeps the engine from planning a statement anew whenever a bound value changes, which it does for comparisons.
fn steady_plans(conn: &Connection) -> Outcome<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A connection that only reads, with the search index beside it where there is one and it is asked for.
pub(super) fn reader(places: &Places, cache_mb: u32, index: bool) -> Outcome<(Connection, bool)> {
    let conn = Connection::open_with_flags(
        &places.ledger,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(64);
    steady_plans(&conn)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -1024 * i64::from(cache_mb))?;
    let indexed = index && places.index.exists();
    if indexed {
        conn.execute("ATTACH ?1 AS ix", [places.index.display().to_string()])?;
    }
    conn.pragma_update(None, "query_only", true)?;
    Ok((conn, indexed))
}

/// Looks at the data file from outside; `false` where there is none yet.
fn check_file(places: &Places) -> Outcome<bool> {
    let path = &places.ledger;
    let log = fs::metadata(path.with_extension("db-wal")).map_or(0, |meta| meta.len());
    let size = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let stored = fs::read_dir(&places.payloads).is_ok_and(|mut names| {
                names.any(|name| name.is_ok_and(|name| name.file_name().as_encoded_bytes().starts_with(b"msg_")))
            });
            if stored || log > 0 {
                let text = format!("{} is missing, though what belongs to it is there", path.display());
                return Err(damaged(text));
            }
            return Ok(false);
        }
        Err(error) => return Err(from_io("cannot read", path, &error).into()),
    };
    if size == 0 {
        return Ok(false);
    }
    let mut header = [0u8; 100];
    let whole = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    if whole.is_err() || !header.starts_with(b"SQLite format 3\0") {
        return Err(damaged(format!("{} does not begin like a ledger", path.display())));
    }
    let word = |at: usize| header.get(at..at + 4).map_or(0, |b| b.iter().fold(0u64, |n, b| (n << 8) | u64::from(*b)));
    let (page, pages) = (word(14) & 0xffff, word(28));
    if log == 0 && page > 1 && size < page * pages {
        let text = format!("{} is cut off: {size} bytes of {}", path.display(), page * pages);
        return Err(damaged(text));
    }
    Ok(true)
}

/// Looks at the data file from inside: the ends of its tables always, every page of a small one.
fn check_content(conn: &Connection, places: &Places) -> Outcome<()> {
    for (table, key, counter) in
        [("messages", "num", "message"), ("events", "seq", "seq"), ("releases", "base", "position")]
    {
        let sql = format!(
            "SELECT coalesce((SELECT max({key}) FROM {table}), 0) < (SELECT {counter} FROM counters),
                    (SELECT count(*) FROM (SELECT * FROM {table} ORDER BY {key} DESC LIMIT 1))"
        );
        let rises: bool = conn.query_row(&sql, [], |row| row.get(0))?;
        if !rises {
            return Err(damaged(format!("table {table} is ahead of its counter")));
        }
    }
    let size = fs::metadata(&places.ledger).map_or(0, |meta| meta.len());
    if size <= CHECKED {
        integrity(conn, "PRAGMA quick_check(1)")?;
    }
    Ok(())
}

/// Runs one of the engine's own checks.
pub(super) fn integrity(conn: &Connection, sql: &str) -> Outcome<()> {
    let said: String = conn.query_row(sql, [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(damaged(said)) }
}

/// Opens the search index to write it. What is wrong with it is no damage: it is made anew.
pub(super) fn index(places: &Places) -> Outcome<Connection> {
    let conn = connect(&places.index, 16)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.query_row("PRAGMA wal_autocheckpoint = 2000", [], |_| Ok(()))?;
    Ok(conn)
}

/// Removes a data file of the engine with all that belongs to it.
pub(super) fn remove(path: &Path) {
    for ending in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(path.with_extension(ending));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_again_though_a_child_being_started_holds_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let by_the_child = held.file().try_clone().unwrap();
        assert!(matches!(lock(folder.path()), Err(LedgerError::InUse(_))));
        drop(held);
        lock(folder.path()).unwrap();
        drop(by_the_child);
    }
}
