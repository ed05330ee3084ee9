//! Consumers as they are stored: who reads the log, what they want of it, and how far they have looked.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    fault::Outcome,
    rows::{self, Word},
    writer::{Done, Tx},
};
use crate::ledger::{Consumer, LedgerError, StartAt};

/// A consumer and where it stands.
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) declared: Consumer,
    /// What came up to here before it existed is not its business.
    pub(super) start: i64,
    /// The last position that was looked at for it.
    pub(super) cursor: i64,
    /// How many events it wants lie up to the cursor.
    pub(super) seen: i64,
}

const KNOWN: &str = "SELECT id, declared, start, cursor, seen FROM consumers WHERE name = ?1";

fn read(row: &Row<'_>) -> Outcome<Known> {
    Ok(Known {
        id: row.get(0)?,
        declared: rows::from_json(row.get_ref(1)?.as_str().map_err(super::fault::damaged)?)?,
        start: row.get(2)?,
        cursor: row.get(3)?,
        seen: row.get(4)?,
    })
}

/// The consumer of this name.
pub(super) fn known(conn: &Connection, name: &str) -> Outcome<Known> {
    let mut find = conn.prepare_cached(KNOWN)?;
    let mut found = find.query([name])?;
    match found.next()? {
        Some(row) => read(row),
        None => Err(LedgerError::NotFound(format!("consumer {name:?}")).into()),
    }
}

/// Whether a consumer wants an event of this mode and document type.
pub(super) fn wants(consumer: &Consumer, mode: &str, kind: &str) -> bool {
    consumer.mode.word() == mode && (consumer.types.is_empty() || consumer.types.iter().any(|wanted| wanted == kind))
}

/// How many events that a consumer wants were ever put on the log.
pub(super) fn tally(conn: &Connection, consumer: &Consumer) -> Outcome<i64> {
    let mut all = conn.prepare_cached("SELECT mode, type, count FROM tallies")?;
    let mut rows = all.query([])?;
    let mut sum = 0;
    while let Some(row) = rows.next()? {
        let mode = row.get_ref(0)?.as_str().unwrap_or_default();
        let kind = row.get_ref(1)?.as_str().unwrap_or_default();
        if wants(consumer, mode, kind) {
            sum += row.get::<_, i64>(2)?;
        }
    }
    Ok(sum)
}

/// The last position of the log.
pub(super) fn head(conn: &Connection) -> Outcome<i64> {
    let mut last = conn.prepare_cached("SELECT base + count - 1 FROM releases ORDER BY base DESC LIMIT 1")?;
    Ok(last.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The head of an event, without its data.
pub(super) struct Head<'r> {
    pub(super) position: i64,
    pub(super) seq: i64,
    pub(super) kind: &'r str,
    pub(super) mode: &'r str,
    pub(super) key: &'r str,
    pub(super) partner: &'r str,
}

/// The runs of the log from the one that holds position `?1` on.
pub(super) const RUNS: &str = "SELECT base, seq, count FROM releases \
     WHERE base >= coalesce((SELECT max(base) FROM releases WHERE base <= ?1), ?1) AND base + count > ?1 \
     ORDER BY base LIMIT 64";

/// Walks the log after `position`, in order, until `visit` says stop (`false`).
pub(super) fn walk(conn: &Connection, after: i64, mut visit: impl FnMut(Head<'_>) -> Outcome<bool>) -> Outcome<()> {
    let mut next = conn.prepare_cached(RUNS)?;
    let mut heads = conn
        .prepare_cached("SELECT seq, kind, mode, key, partner FROM events WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")?;
    let mut from = after.saturating_add(1);
    loop {
        let runs: Vec<(i64, i64, i64)> =
            next.query_map([from], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
        if runs.is_empty() {
            return Ok(());
        }
        for (base, seq, count) in runs {
            let offset = (from - base).max(0);
            let mut rows = heads.query([seq + offset, seq + count])?;
            while let Some(row) = rows.next()? {
                let at: i64 = row.get(0)?;
                let text = |column| row.get_ref(column).map(|value| value.as_str().unwrap_or_default());
                let head = Head {
                    position: base + (at - seq),
                    seq: at,
                    kind: text(1)?,
                    mode: text(2)?,
                    key: text(3)?,
                    partner: text(4)?,
                };
                if !visit(head)? {
                    return Ok(());
                }
            }
            from = base + count;
        }
    }
}

/// How many events that a consumer wants lie after `position`.
fn wanted_after(conn: &Connection, consumer: &Consumer, position: i64) -> Outcome<i64> {
    let mut count = 0;
    walk(conn, position, |event| {
        count += i64::from(wants(consumer, event.mode, rows::type_of(event.kind)));
        Ok(true)
    })?;
    Ok(count)
}

/// The position before the first that was released at `time` or later. Release times never fall.
fn before(conn: &Connection, time: i64) -> Outcome<i64> {
    let mut at = conn.prepare_cached("SELECT base, count, at FROM releases WHERE base >= ?1 ORDER BY base LIMIT 1")?;
    let (mut low, mut high) = (0, head(conn)? + 1);
    // The first base in low..high whose release is at `time` or later.
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64, i64)> =
            at.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        match found {
            Some((base, count, released)) if released < time => low = base + count,
            Some(_) | None => high = middle,
        }
    }
    Ok(low - 1)
}

/// Makes consumers known; see the trait.
pub(super) fn declare(tx: &mut Tx, consumers: &[Consumer]) -> Outcome<Done<()>> {
    for consumer in consumers {
        let declared = rows::json(consumer)?;
        let there = {
            let mut find = tx.conn.prepare_cached(KNOWN)?;
            let mut found = find.query([&consumer.name])?;
            found.next()?.map(read).transpose()?
        };
        let Some(there) = there else {
            let start = match consumer.start {
                StartAt::Earliest => 0,
                StartAt::Latest => head(&tx.conn)?,
                StartAt::Time(time) => before(&tx.conn, time.as_microsecond())?.max(0),
            };
            let seen = tally(&tx.conn, consumer)? - wanted_after(&tx.conn, consumer, start)?;
            tx.conn.execute(
                "INSERT INTO consumers (name, declared, start, cursor, seen) VALUES (?1, ?2, ?3, ?3, ?4)",
                params![consumer.name, declared, start, seen],
            )?;
            continue;
        };
        if there.declared == *consumer {
            continue;
        }
        let mut seen = there.seen;
        if (there.declared.mode, &there.declared.types) != (consumer.mode, &consumer.types) {
            forget_unwanted(tx, &there, consumer)?;
            seen = tally(&tx.conn, consumer)? - wanted_after(&tx.conn, consumer, there.cursor)?;
        }
        tx.conn.execute(
            "UPDATE consumers SET declared = ?2, seen = ?3 WHERE id = ?1",
            params![there.id, declared, seen],
        )?;
    }
    tx.touched_queue();
    Ok(Done::Keep(()))
}

/// What a consumer wants no more is no more offered to it: a test event must never reach a live consumer.
fn forget_unwanted(tx: &Tx, there: &Known, consumer: &Consumer) -> Outcome<()> {
    let mut modes: HashMap<i64, String> = HashMap::new();
    let mut all = tx.conn.prepare(
        "SELECT p.position, p.type, e.mode, p.key FROM pending p JOIN events e ON e.seq = p.seq WHERE p.consumer = ?1",
    )?;
    let mut rows = all.query([there.id])?;
    while let Some(row) = rows.next()? {
        let (kind, mode): (String, String) = (row.get(1)?, row.get(2)?);
        if !wants(consumer, &mode, &kind) {
            modes.insert(row.get(0)?, row.get(3)?);
        }
    }
    for (position, key) in modes {
        super::queue::remove(tx, there.id, position, &key, 0)?;
    }
    Ok(())
}
