//! The search index: a file of its own, derived from the ledger by a thread, so that an arrival need not write five
//! random keys for the sake of a question that may never be asked.
//!
//! Entries are added in sorted batches, together with the mark of how far they go. Whoever searches looks at the index
//! first and then at what the ledger has past the mark, so an index that is behind, or missing, costs time and nothing
//! else. It is made anew when it is damaged or belongs to another ledger.

use std::{sync::Arc, thread::JoinHandle, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    checkpoint::{Bell, step_back},
    events,
    fault::Outcome,
    open::{self, Places},
    rows,
    schema::POSITION_BITS,
};
use crate::{document::MessageId, ledger::LedgerError};

/// What an entry is about.
pub(super) const PARTNER: i64 = 1;
pub(super) const NUMBER: i64 = 2;
pub(super) const ORDER: i64 = 3;
pub(super) const INTERCHANGE: i64 = 4;
pub(super) const TRANSPORT: i64 = 5;
pub(super) const FILENAME: i64 = 6;
pub(super) const RELATED: i64 = 7;

/// The index's own format; another one is made anew.
const FORMAT: i64 = 2;
/// Messages, and touched ranges, in one batch.
const BATCH: i64 = 4096;
/// How long the thread lets work gather.
const GATHER: Duration = Duration::from_millis(200);
/// After so many rows the thread lets others at the processor, for so long.
const STRETCH: usize = 32;
const BREATH: Duration = Duration::from_micros(50);
/// Longer values are cut for the index; what is found is held against the whole value afterwards.
const LONGEST: usize = 120;

const TABLES: &str = "
CREATE TABLE mark (
  id INTEGER PRIMARY KEY CHECK (id = 1), identity BLOB NOT NULL, message INTEGER NOT NULL, touched INTEGER NOT NULL);
-- kind: 1 partner, or connection where it is nobody's we know, 2 business number, 3 order, 4 interchange, 5 transport id, 6 file name,
-- 7 the message that it answers or repeats; id and position: where.
CREATE TABLE entries (
  kind INTEGER NOT NULL, value TEXT NOT NULL, id BLOB NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (kind, value, id, position)) WITHOUT ROWID;";

/// How far an index goes: the last message number, and the last touched range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) message: i64,
    pub(super) touched: i64,
}

/// One thing to find.
type Entry = (i64, String, [u8; 16], u32);

/// A value as the index keeps it.
pub(super) fn value(kind: i64, text: &str) -> String {
    let text = if kind == INTERCHANGE { text.trim_start_matches('0') } else { text };
    text.chars().take(LONGEST).collect()
}

/// The mark of an index that a reader has beside it.
pub(super) fn mark(conn: &Connection) -> Outcome<Mark> {
    let mut find = conn.prepare_cached(
        "SELECT message, touched FROM ix.mark WHERE identity = (SELECT value FROM main.meta WHERE key = 'identity')",
    )?;
    let found = find.query_row([], |row| Ok(Mark { message: row.get(0)?, touched: row.get(1)? })).optional()?;
    Ok(found.unwrap_or_default())
}

/// Opens the index, or makes it anew. `conn` is on the ledger.
pub(super) fn prepare(places: &Places, ledger: &Connection) -> Outcome<Connection> {
    let identity: Vec<u8> = ledger.query_row("SELECT value FROM meta WHERE key = 'identity'", [], |row| row.get(0))?;
    match usable(places, ledger, &identity) {
        Ok(conn) => return Ok(conn),
        Err(fault) => {
            if places.index.exists() {
                events::index_rebuilt(&LedgerError::from(fault));
            }
        }
    }
    open::remove(&places.index);
    let conn = open::index(places)?;
    conn.execute_batch(TABLES)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    conn.execute("INSERT INTO mark VALUES (1, ?1, 0, 0)", [identity])?;
    Ok(conn)
}

/// The index as it is, if it is this ledger's and in order.
fn usable(places: &Places, ledger: &Connection, identity: &[u8]) -> Outcome<Connection> {
    let other = |why: &str| LedgerError::NotFound(why.to_owned());
    if !places.index.exists() {
        return Err(other("no search index").into());
    }
    let conn = open::index(places)?;
    let format: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format != FORMAT {
        return Err(other("the search index has another format").into());
    }
    let (whose, message): (Vec<u8>, i64) =
        conn.query_row("SELECT identity, message FROM mark", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let next: i64 = ledger.query_row("SELECT message FROM counters", [], |row| row.get(0))?;
    if whose != identity || message >= next {
        return Err(other("the search index belongs to another ledger").into());
    }
    conn.query_row("SELECT count(*) FROM (SELECT * FROM entries LIMIT 1)", [], |_| Ok(()))?;
    Ok(conn)
}

/// Starts the thread that follows the ledger.
pub(super) fn start(mut index: Connection, ledger: Connection, bell: Arc<Bell>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("ledger-index".to_owned()).spawn(move || {
        step_back();
        bell.ring();
        while bell.wait(None) {
            if !bell.pause(GATHER) {
                break;
            }
            loop {
                match follow(&mut index, &ledger) {
                    Ok(true) if bell.pause(Duration::ZERO) => {}
                    Ok(_) => break,
                    Err(fault) => {
                        events::index_behind(&LedgerError::from(fault));
                        break;
                    }
                }
            }
        }
    })
}

/// Takes the index one batch further; `true` if there is more.
fn follow(index: &mut Connection, ledger: &Connection) -> Outcome<bool> {
    let before = index.query_row("SELECT message, touched FROM mark", [], |row| {
        Ok(Mark { message: row.get(0)?, touched: row.get(1)? })
    })?;
    let (mut entries, after) = batch(ledger, before)?;
    if after == before {
        return Ok(false);
    }
    entries.sort_unstable();
    entries.dedup();
    let tx = index.transaction()?;
    {
        let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO entries VALUES (?1, ?2, ?3, ?4)")?;
        for stretch in entries.chunks(STRETCH) {
            for (kind, value, id, position) in stretch {
                insert.execute(params![kind, value, id, position])?;
            }
            breathe();
        }
        tx.execute("UPDATE mark SET message = ?1, touched = ?2", [after.message, after.touched])?;
    }
    tx.commit()?;
    Ok(true)
}

/// Lets others at the processor. A batch is milliseconds of work, and a scheduler gives a thread that slept for long a whole
/// slice in one go, however nice it is: requests and the writer would wait behind it.
fn breathe() {
    std::thread::sleep(BREATH);
}

/// What there is to find past a mark, and the mark after it.
fn batch(ledger: &Connection, before: Mark) -> Outcome<(Vec<Entry>, Mark)> {
    let snapshot = ledger.unchecked_transaction()?;
    let mut after = before;
    let mut entries = Vec::new();
    after.message = messages(&snapshot, before.message, &mut entries)?;
    if after.message > before.message {
        let (first, end) = ((before.message + 1) << POSITION_BITS, (after.message + 1) << POSITION_BITS);
        documents(&snapshot, first, end, &mut entries)?;
    }
    let mut touched = snapshot.prepare_cached("SELECT n, first, last FROM touched WHERE n > ?1 ORDER BY n LIMIT ?2")?;
    let ranges: Vec<(i64, i64, i64)> = touched
        .query_map([before.touched, BATCH / 256], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (n, first, last) in ranges {
        // Also the message itself, whose partner may be known by now.
        let num = first >> POSITION_BITS;
        message_entries(&snapshot, num, &mut entries)?;
        documents(&snapshot, first, last + 1, &mut entries)?;
        after.touched = n;
    }
    Ok((entries, after))
}

const MESSAGES: &str = "SELECT num, id, coalesce(partner, connection), interchange, transport_id, filename, relates_to \
     FROM messages WHERE num > ?1 \
     ORDER BY num LIMIT ?2";

/// Entries of the messages after a number; the number of the last.
fn messages(ledger: &Connection, after: i64, entries: &mut Vec<Entry>) -> Outcome<i64> {
    let mut all = ledger.prepare_cached(MESSAGES)?;
    let mut rows = all.query([after, BATCH])?;
    let (mut last, mut count) = (after, 0_usize);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        count += 1;
        if count.is_multiple_of(STRETCH) {
            breathe();
        }
        let id: [u8; 16] = row.get(1)?;
        for (column, kind) in [(2, PARTNER), (3, INTERCHANGE), (4, TRANSPORT), (5, FILENAME)] {
            if let Some(text) = row.get_ref(column)?.as_str_or_null().map_err(super::fault::damaged)? {
                entries.push((kind, value(kind, text), id, 0));
            }
        }
        if let Some(related) = row.get::<_, Option<[u8; 16]>>(6)? {
            entries.push((RELATED, MessageId::from_bytes(related).to_string(), id, 0));
        }
    }
    Ok(last)
}

fn message_entries(ledger: &Connection, num: i64, entries: &mut Vec<Entry>) -> Outcome<()> {
    let mut find = ledger.prepare_cached("SELECT id, coalesce(partner, connection) FROM messages WHERE num = ?1")?;
    let found: Option<([u8; 16], String)> = find.query_row([num], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((id, partner)) = found {
        entries.push((PARTNER, value(PARTNER, &partner), id, 0));
    }
    Ok(())
}

/// Entries of the documents with keys from `first` to before `end`.
fn documents(ledger: &Connection, first: i64, end: i64, entries: &mut Vec<Entry>) -> Outcome<()> {
    let mut all = ledger.prepare_cached(
        "SELECT d.doc, m.id, d.number, d.orders FROM documents d JOIN messages m ON m.num = d.doc >> 24
         WHERE d.doc >= ?1 AND d.doc < ?2 AND (d.number IS NOT NULL OR d.orders IS NOT NULL)",
    )?;
    let (mut rows, mut count) = (all.query([first, end])?, 0_usize);
    while let Some(row) = rows.next()? {
        count += 1;
        if count.is_multiple_of(STRETCH) {
            breathe();
        }
        let position = rows::position_of(row.get(0)?);
        let id: [u8; 16] = row.get(1)?;
        if let Some(number) = row.get::<_, Option<String>>(2)? {
            entries.push((NUMBER, value(NUMBER, &number), id, position));
        }
        if let Some(orders) = row.get::<_, Option<String>>(3)? {
            for order in rows::from_json::<Vec<String>>(&orders)? {
                entries.push((ORDER, value(ORDER, &order), id, position));
            }
        }
    }
    Ok(())
}
