//! Backups: one file that holds everything, made while work goes on, and a new data folder made from one.
//!
//! A backup is a data file of the engine: a consistent snapshot of the ledger, and beside its tables the payload files in
//! pieces of 1 MiB, and the data folder's own files. The snapshot is held while its pages are copied; the write-ahead log
//! cannot start anew meanwhile. Keys are in it, so only its owner may read it.

use std::{
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
    params,
};

use super::{
    fault::{Fault, Outcome, damaged, from_io},
    open::{self, Lock, Places},
    outgoing, own_files, payloads, rows, schema,
};
use crate::{
    document::MessageId,
    ledger::{LedgerError, NumberSeries, OwnFile},
};

/// Pages copied in one step, between which others get the processor.
const STEP: i32 = 2048;
/// Bytes of a payload file in one row.
const PIECE: usize = 1 << 20;

/// Positions of the log go on at the next multiple of this, after which more may be on the log than were ever lost.
const LEAP: i64 = 1_000_000_000;

const PIECES: &str = "CREATE TABLE backup_files (
  message INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (message, n))";

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The messages that the backup held.
    pub messages: u64,
    /// The payload files that it held.
    pub files: u64,
    /// The number series that were moved on.
    pub series: u64,
    /// The names of the own files that it held; nothing where it was made before backups had any.
    pub own_files: Option<Vec<String>>,
}

/// Writes a backup of the ledger that `conn` reads, and of the own files beside it.
pub(super) fn backup(conn: &Connection, places: &Places, file: &Path, own: &[OwnFile]) -> Outcome<()> {
    let exists = || LedgerError::Conflict(format!("{} is there already; a backup never overwrites", file.display()));
    if file.exists() {
        return Err(exists().into());
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let draft = file.with_file_name(name);
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        return Err(LedgerError::Conflict(format!("there is no folder {} to write it into", folder.display())).into());
    }
    // Two that wrote one draft would publish what is not whole. What a crash left of one is nobody's, and emptied.
    let Some(held) = Lock::take(&draft)? else {
        let text = format!("another backup to {} is being written; wait until it is done", file.display());
        return Err(LedgerError::Conflict(text).into());
    };
    // What a crash left may be of a time when others could read it.
    let private = held.file().set_permissions(Permissions::from_mode(0o600));
    private.map_err(|e| from_io("cannot keep to ourselves", &draft, &e))?;
    // The other one may have ended between the two looks.
    let free = if file.exists() { Err(exists().into()) } else { Ok(()) };
    let written = free.and_then(|()| write(conn, places, &draft, &held, own)).and_then(|()| {
        // A link, unlike a rename, fails where somebody else made the file meanwhile.
        fs::hard_link(&draft, file).map_err(|e| from_io("cannot make", file, &e))?;
        Ok(open::sync_folder(&folder)?)
    });
    let _ = fs::remove_file(&draft);
    written
}

fn write(conn: &Connection, places: &Places, draft: &Path, held: &Lock, own: &[OwnFile]) -> Outcome<()> {
    held.file().set_len(0).map_err(|e| from_io("cannot empty", draft, &e))?;
    let mut copy = Connection::open(draft)?;
    copy.pragma_update(None, "cache_size", -8 * 1024)?;
    {
        let snapshot = conn.unchecked_transaction()?;
        let _: i64 = snapshot.query_row("SELECT message FROM counters", [], |row| row.get(0))?;
        let pages = Backup::new(&snapshot, &mut copy)?;
        loop {
            match pages.step(STEP)? {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => std::thread::sleep(std::time::Duration::from_millis(5)),
                _ => std::thread::yield_now(),
            }
        }
    }
    // The copy says that it has a write-ahead log; alone in its file, it must not.
    let _: String = copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    copy.execute_batch(PIECES)?;
    own_files::put(&mut copy, own)?;
    let files: Vec<(i64, [u8; 16])> = copy
        .prepare("SELECT b.message, m.id FROM bodies b JOIN messages m ON m.num = b.message WHERE b.file = 1")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (num, id) in files {
        let path = payloads::path_of(places, MessageId::from_bytes(id));
        let mut source = File::open(&path).map_err(|e| from_io("cannot read", &path, &e))?;
        let pack = copy.transaction()?;
        let mut piece = Vec::with_capacity(PIECE);
        for n in 0i64.. {
            piece.clear();
            #[allow(clippy::disallowed_methods, reason = "one piece at most")]
            let read = (&mut source).take(PIECE as u64).read_to_end(&mut piece);
            if read.map_err(|e| from_io("cannot read", &path, &e))? == 0 {
                break;
            }
            pack.prepare_cached("INSERT INTO backup_files (message, n, data) VALUES (?1, ?2, ?3)")?
                .execute(params![num, n, piece])?;
        }
        pack.commit()?;
    }
    copy.close().map_err(|(_, error)| Fault::from(error))?;
    Ok(held.file().sync_all().map_err(|e| from_io("cannot sync", draft, &e))?)
}

/// Makes a new data folder from a backup. Control numbers jump by `stride`, since more may have been used after the
/// backup than it knows of, positions of the log likewise, and deliveries stay paused until a person lets them go on.
pub fn restore(file: &Path, data_dir: &Path, stride: u64) -> Result<Restored, LedgerError> {
    let occupied = fs::read_dir(data_dir).is_ok_and(|mut names| names.next().is_some());
    if occupied {
        let text = format!("{} is not empty; a restore never overwrites", data_dir.display());
        return Err(LedgerError::Conflict(text));
    }
    if !file.is_file() {
        return Err(LedgerError::NotFound(format!("backup {}", file.display())));
    }
    let own = check(file)?;
    let places = Places::of(data_dir);
    open::make_folder(&places.incoming)?;
    let _lock = open::lock(data_dir)?;
    let draft = data_dir.join("restoring.db");
    let copied = File::open(file).and_then(|mut from| std::io::copy(&mut from, &mut open::private(&draft)?));
    copied.map_err(|e| from_io("cannot copy to", &draft, &e))?;
    own_files::lay_out(own.as_deref().unwrap_or_default(), data_dir)?;
    let own = own.map(|files| files.into_iter().map(|file| file.name).collect());
    let restored = Restored { own_files: own, ..unpack(&draft, &places, file, stride)? };
    File::open(&draft).and_then(|file| file.sync_all()).map_err(|e| from_io("cannot sync", &draft, &e))?;
    open::sync_folder(&places.payloads)?;
    fs::rename(&draft, &places.ledger).map_err(|e| from_io("cannot move to", &places.ledger, &e))?;
    open::sync_folder(&places.folder)?;
    Ok(restored)
}

/// Refuses a file that is no backup, is of a newer format, or does not hold together. Gives the own files in it.
fn check(file: &Path) -> Outcome<Option<Vec<OwnFile>>> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let id: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let pieces = conn.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'backup_files'")?.exists([])?;
    if id != schema::APPLICATION_ID || !pieces {
        return Err(damaged(format!("{} is no backup of this program", file.display())));
    }
    let (found, known) = (schema::version(&conn)?, u32::try_from(schema::MIGRATIONS.len()).unwrap_or(u32::MAX));
    if found > known {
        return Err(LedgerError::Newer { path: file.display().to_string(), found, known }.into());
    }
    open::integrity(&conn, "PRAGMA integrity_check(1)")?;
    own_files::of(&conn)
}

fn unpack(draft: &Path, places: &Places, file: &Path, stride: u64) -> Outcome<Restored> {
    let conn = Connection::open(draft)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let files: Vec<(i64, [u8; 16])> = conn
        .prepare("SELECT b.message, m.id FROM bodies b JOIN messages m ON m.num = b.message WHERE b.file = 1")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (num, id) in &files {
        let path = payloads::path_of(places, MessageId::from_bytes(*id));
        let mut target = File::create(&path).map_err(|e| from_io("cannot make", &path, &e))?;
        let mut pieces = conn.prepare_cached("SELECT data FROM backup_files WHERE message = ?1 ORDER BY n")?;
        let mut found = pieces.query([num])?;
        while let Some(row) = found.next()? {
            let data = row.get_ref(0)?.as_blob().map_err(damaged)?;
            target.write_all(data).map_err(|e| from_io("cannot write", &path, &e))?;
        }
        target.sync_all().map_err(|e| from_io("cannot sync", &path, &e))?;
    }
    conn.execute_batch("DROP TABLE backup_files; DROP TABLE IF EXISTS backup_own_files")?;
    schema::migrate(&conn, schema::MIGRATIONS, &places.folder.display().to_string())?;
    let numbers: Vec<(String, i64)> = conn
        .prepare("SELECT series, next FROM numbers")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let change = conn.unchecked_transaction()?;
    for (series, next) in &numbers {
        let next = rows::signed(NumberSeries::after(rows::unsigned(*next), stride));
        change.execute("UPDATE numbers SET next = ?2 WHERE series = ?1", params![series, next])?;
    }
    // A series that was begun after the backup is not among them: whichever begins from now on does so ahead, too.
    let ahead = rows::signed(stride).max(rows::signed(outgoing::stride(&change)?));
    change.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('stride', ?1)", [ahead])?;
    // Positions that were given after the backup are in the cursors of those who read the log, and in their leases.
    change.execute("UPDATE counters SET position = (position / ?1 + 1) * ?1 + 1", [LEAP])?;
    let why = format!("restored from {}", file.display());
    change.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('paused', ?1)", [why])?;
    // Another ledger from here on: what was derived from the one that was backed up is not this one's.
    change.execute("UPDATE meta SET value = randomblob(16) WHERE key = 'identity'", [])?;
    let messages: i64 = change.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?;
    change.commit()?;
    open::integrity(&conn, "PRAGMA integrity_check(1)")?;
    conn.close().map_err(|(_, error)| Fault::from(error))?;
    let (files, series) = (files.len() as u64, numbers.len() as u64);
    Ok(Restored { messages: rows::unsigned(messages), files, series, own_files: None })
}
