//! How the queue stands, the log as it is, and what a person decides about parked events.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    audit,
    consumers::{self, known, wants},
    fault::Outcome,
    queue::{self, GIVEN_BACK, Handed, LEASED, PARKED, WAITING},
    rows,
    schema::POSITION_BITS,
    writer::{Done, Tx},
};
use crate::{
    document::EventId,
    ledger::{
        AuditRecord, GivenUp, KeyState, LeasedEvent, LedgerError, LogEvent, LogFilter, LogPage, Parked, QueueStats,
    },
};

/// How much of the log, past what a consumer was handed, is searched for what waits behind a parked event.
const LOOK_AHEAD: usize = 10_000;

/// So many events of the log are looked at for one question; there are few readers, and others wait for them.
pub(super) const LOOKED_AT: usize = 10_000;

/// The data of events that were handed out.
pub(super) fn fetch(conn: &Connection, handed: &[Handed]) -> Outcome<Vec<LeasedEvent>> {
    let mut find = conn.prepare_cached(&format!("SELECT {} FROM events WHERE seq = ?1", rows::EVENT))?;
    let mut leased = Vec::with_capacity(handed.len());
    for one in handed {
        let mut found = find.query([one.seq])?;
        let row = found.next()?.ok_or_else(|| super::fault::damaged(format!("event {} is gone", one.seq)))?;
        let event = rows::read_event(row, rows::signed(one.token.position))?;
        leased.push(LeasedEvent { lease: one.token, attempt: one.attempt, event });
    }
    Ok(leased)
}

/// The log after `position`, as much of it as is looked at for one question.
pub(super) fn log(conn: &Connection, position: u64, filter: &LogFilter, limit: usize) -> Outcome<LogPage> {
    let mut page = LogPage { events: Vec::new(), reached: position, is_end: limit > 0 };
    if limit == 0 {
        return Ok(page);
    }
    let mut looked = 0;
    let mut find = conn.prepare_cached(&format!("SELECT {} FROM events WHERE seq = ?1", rows::EVENT))?;
    consumers::walk(conn, rows::signed(position), |event| {
        let fits = filter.kind.as_deref().is_none_or(|kind| kind == event.kind)
            && filter.partner.as_deref().is_none_or(|partner| partner == event.partner);
        if fits {
            let mut row = find.query([event.seq])?;
            if let Some(row) = row.next()? {
                page.events.push(rows::read_event(row, event.position)?);
            }
        }
        looked += 1;
        page.reached = rows::unsigned(event.position);
        page.is_end = page.events.len() < limit && looked < LOOKED_AT;
        Ok(page.is_end)
    })?;
    Ok(page)
}

/// Whose events are on the log after `position`, and how far that goes. Reads nothing of what the events say.
pub(super) fn partners_after(conn: &Connection, position: u64, limit: usize) -> Outcome<(u64, BTreeSet<String>)> {
    let (mut reached, mut partners, mut left) = (rows::signed(position), BTreeSet::new(), limit);
    consumers::walk(conn, reached, |event| {
        if left == 0 {
            return Ok(false);
        }
        left -= 1;
        reached = event.position;
        if !partners.contains(event.partner) {
            partners.insert(event.partner.to_owned());
        }
        Ok(true)
    })?;
    Ok((rows::unsigned(reached), partners))
}

/// The position of the event with a seq.
pub(super) const PLACE: &str =
    "SELECT base + ?1 - seq FROM releases WHERE seq <= ?1 AND seq + count > ?1 ORDER BY seq DESC LIMIT 1";

/// One event, if it is on the log.
pub(super) fn event(conn: &Connection, id: EventId) -> Outcome<Option<LogEvent>> {
    if id.position >> POSITION_BITS != 0 {
        return Ok(None);
    }
    let snapshot = conn.unchecked_transaction()?;
    // From the document's latest event back to the revision that is asked for.
    let mut latest = snapshot
        .prepare_cached("SELECT seq FROM documents WHERE doc = (SELECT num << 24 FROM messages WHERE id = ?1) + ?2")?;
    let mut seq: Option<i64> =
        latest.query_row(params![id.message.to_bytes(), id.position], |row| row.get(0)).optional()?.flatten();
    let mut find =
        snapshot.prepare_cached("SELECT message, position, revision, previous FROM events WHERE seq = ?1")?;
    while let Some(at) = seq {
        let mut found = find.query([at])?;
        let Some(row) = found.next()? else { return Ok(None) };
        if (EventId { message: rows::message_id(row, 0)?, position: row.get(1)?, revision: row.get(2)? }) == id {
            break;
        }
        seq = row.get(3)?;
    }
    let Some(seq) = seq else { return Ok(None) };
    let position: Option<i64> = snapshot.prepare_cached(PLACE)?.query_row([seq], |row| row.get(0)).optional()?;
    let Some(position) = position else { return Ok(None) };
    let mut whole = snapshot.prepare_cached(&format!("SELECT {} FROM events WHERE seq = ?1", rows::EVENT))?;
    let mut found = whole.query([seq])?;
    found.next()?.map(|row| rows::read_event(row, position)).transpose()
}

/// How things stand for a consumer.
pub(super) fn stats(conn: &Connection, name: &str, now: i64) -> Outcome<QueueStats> {
    let consumer = known(conn, name)?;
    let count = |sql: &str| -> Outcome<i64> {
        Ok(conn.prepare_cached(sql)?.query_row(params![consumer.id, now], |row| row.get(0))?)
    };
    let pending = count("SELECT count(*) FROM pending WHERE consumer = ?1 AND ?2 NOT NULL")?;
    let leased = count("SELECT count(*) FROM pending WHERE consumer = ?1 AND turn > ?2 AND status = 1")?;
    let parked = count(PARKED_COUNT)?;
    let unseen = (consumers::tally(conn, &consumer.declared)? - consumer.seen).max(0);
    let mut oldest: Option<i64> = conn
        .prepare_cached("SELECT position FROM pending WHERE consumer = ?1 ORDER BY position LIMIT 1")?
        .query_row([consumer.id], |row| row.get(0))
        .optional()?;
    if oldest.is_none() && unseen > 0 {
        consumers::walk(conn, consumer.cursor, |event| {
            if wants(&consumer.declared, event.mode, rows::type_of(event.kind)) {
                oldest = Some(event.position);
            }
            Ok(oldest.is_none())
        })?;
    }
    let oldest = match oldest {
        Some(position) => conn
            .prepare_cached("SELECT at FROM releases WHERE base <= ?1 ORDER BY base DESC LIMIT 1")?
            .query_row([position], |row| row.get::<_, i64>(0))
            .optional()?
            .map(rows::time)
            .transpose()?,
        None => None,
    };
    Ok(QueueStats {
        consumer: consumer.declared.name,
        depth: rows::unsigned(pending + unseen),
        leased: rows::unsigned(leased),
        parked: rows::unsigned(parked),
        oldest,
        head: rows::unsigned(consumers::head(conn)?),
    })
}

/// How many are parked.
pub(super) const PARKED_COUNT: &str = "SELECT count(*) FROM pending INDEXED BY pending_parked \
     WHERE consumer = ?1 AND status = 3 AND ?2 NOT NULL";

/// The id and type of an event.
fn identity(conn: &Connection, seq: i64) -> Outcome<(EventId, String)> {
    let mut find = conn.prepare_cached("SELECT message, position, revision, kind FROM events WHERE seq = ?1")?;
    let mut found = find.query([seq])?;
    let row = found.next()?.ok_or_else(|| super::fault::damaged(format!("event {seq} is gone")))?;
    let id = EventId { message: rows::message_id(row, 0)?, position: row.get(1)?, revision: row.get(2)? };
    Ok((id, row.get(3)?))
}

/// What a consumer holds, and what it would be handed next.
pub(super) fn peek(conn: &Connection, name: &str, limit: usize, now: i64) -> Outcome<Vec<KeyState>> {
    let consumer = known(conn, name)?;
    let mut states = Vec::new();
    let mut met: HashSet<String> = HashSet::new();
    let mut all = conn.prepare_cached(
        "SELECT position, seq, key, status, turn, attempts FROM pending WHERE consumer = ?1 ORDER BY position LIMIT ?2",
    )?;
    let mut rows = all.query(params![consumer.id, limit as i64])?;
    while let Some(row) = rows.next()? {
        let (position, seq, key): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (status, turn): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
        let first = met.insert(key.clone());
        let later = turn.is_some_and(|turn| turn > now);
        let state = match status {
            PARKED => "parked",
            LEASED if later => "leased",
            GIVEN_BACK if later => "delayed",
            WAITING | LEASED | GIVEN_BACK if first => "ready",
            _ => "waiting",
        };
        let (id, kind) = identity(conn, seq)?;
        let attempts = row.get(5)?;
        states.push(KeyState { position: rows::unsigned(position), id, kind, key, state: state.to_owned(), attempts });
    }
    if states.len() < limit {
        let mut any = conn.prepare_cached("SELECT 1 FROM pending WHERE consumer = ?1 AND key = ?2 LIMIT 1")?;
        consumers::walk(conn, consumer.cursor, |event| {
            if wants(&consumer.declared, event.mode, rows::type_of(event.kind)) {
                let waits = !met.insert(event.key.to_owned()) || any.exists(params![consumer.id, event.key])?;
                let (id, kind) = identity(conn, event.seq)?;
                states.push(KeyState {
                    position: rows::unsigned(event.position),
                    id,
                    kind,
                    key: event.key.to_owned(),
                    state: if waits { "waiting" } else { "ready" }.to_owned(),
                    attempts: 0,
                });
            }
            Ok(states.len() < limit)
        })?;
    }
    Ok(states)
}

/// The parked events of a consumer.
pub(super) fn parked(conn: &Connection, name: &str) -> Outcome<Vec<Parked>> {
    let consumer = known(conn, name)?;
    let mut all = conn.prepare_cached(
        "SELECT p.position, p.seq, p.key, p.attempts, p.reason, p.since,
                (SELECT count(*) FROM pending w WHERE w.consumer = ?1 AND w.key = p.key AND w.position > p.position)
         FROM pending p WHERE p.consumer = ?1 AND p.status = 3 ORDER BY p.position",
    )?;
    let mut rows = all.query([consumer.id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, kind) = identity(conn, row.get(1)?)?;
        found.push(Parked {
            position: rows::unsigned(row.get(0)?),
            id,
            kind,
            key: row.get(2)?,
            attempts: row.get(3)?,
            reason: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            since: rows::time(row.get::<_, Option<i64>>(5)?.unwrap_or_default())?,
            waiting: rows::unsigned(row.get(6)?),
        });
    }
    if !found.is_empty() {
        let mut ahead: HashMap<String, u64> = found.iter().map(|parked| (parked.key.clone(), 0)).collect();
        let mut looked = 0;
        consumers::walk(conn, consumer.cursor, |event| {
            looked += 1;
            if let Some(count) = ahead.get_mut(event.key)
                && wants(&consumer.declared, event.mode, rows::type_of(event.kind))
            {
                *count += 1;
            }
            Ok(looked < LOOK_AHEAD)
        })?;
        for parked in &mut found {
            parked.waiting += ahead.get(&parked.key).copied().unwrap_or(0);
        }
    }
    Ok(found)
}

/// A parked event's key, or why it is none.
fn parked_key(tx: &Tx, consumer: &consumers::Known, position: i64) -> Outcome<String> {
    let mut find = tx.conn.prepare_cached("SELECT key, status FROM pending WHERE consumer = ?1 AND position = ?2")?;
    let found: Option<(String, i64)> =
        find.query_row([consumer.id, position], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let name = &consumer.declared.name;
    match found {
        Some((key, PARKED)) => Ok(key),
        Some(_) => Err(LedgerError::Conflict(format!("event {position} is not parked for {name}")).into()),
        None => Err(LedgerError::NotFound(format!("event {position} is not pending for {name}")).into()),
    }
}

/// Offers a parked event again.
pub(super) fn release(tx: &mut Tx, name: &str, position: i64, record: &AuditRecord) -> Outcome<Done<()>> {
    let consumer = known(&tx.conn, name)?;
    parked_key(tx, &consumer, position)?;
    tx.conn
        .prepare_cached(
            "UPDATE pending SET status = 0, turn = 0, attempts = 0, since = NULL WHERE consumer = ?1 AND position = ?2",
        )?
        .execute([consumer.id, position])?;
    audit::add(tx, record)?;
    tx.touched_queue();
    Ok(Done::Keep(()))
}

/// Passes over a parked event for good.
pub(super) fn skip(tx: &mut Tx, name: &str, position: i64, record: &AuditRecord) -> Outcome<Done<()>> {
    let consumer = known(&tx.conn, name)?;
    let key = parked_key(tx, &consumer, position)?;
    queue::remove(tx, consumer.id, position, &key, 0)?;
    audit::add(tx, record)?;
    tx.touched_queue();
    Ok(Done::Keep(()))
}

/// The events that were given up for a consumer, after `after`.
pub(super) fn given_up(conn: &Connection, name: &str, after: i64, limit: usize) -> Outcome<Vec<GivenUp>> {
    let consumer = known(conn, name)?;
    let mut all = conn.prepare_cached(
        "SELECT d.position, d.seq, e.key, d.attempts, d.reason, d.since FROM dead d JOIN events e ON e.seq = d.seq
         WHERE d.consumer = ?1 AND d.position > ?2 ORDER BY d.position LIMIT ?3",
    )?;
    let mut rows = all.query(params![consumer.id, after, limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, kind) = identity(conn, row.get(1)?)?;
        found.push(GivenUp {
            position: rows::unsigned(row.get(0)?),
            id,
            kind,
            key: row.get(2)?,
            attempts: row.get(3)?,
            reason: row.get(4)?,
            since: rows::time(row.get(5)?)?,
        });
    }
    Ok(found)
}

/// Offers an event again that was given up: as the next of its key, but not beside one of it that is handed out.
pub(super) fn put_back(tx: &mut Tx, name: &str, position: i64, record: &AuditRecord) -> Outcome<Done<()>> {
    let consumer = known(&tx.conn, name)?;
    let now = record.at.as_microsecond();
    // Its fence was less than the time it was given up, in microseconds, so that goes on from there: old leases stay stale.
    let put = tx
        .conn
        .prepare_cached(
            "INSERT INTO pending (consumer, position, seq, key, type, status, turn, fence, attempts)
             SELECT d.consumer, d.position, d.seq, e.key, ?5, 0,
               CASE WHEN EXISTS (SELECT 1 FROM pending p WHERE p.consumer = ?1 AND p.key = e.key AND p.status = ?3
                 AND p.turn > ?4) THEN NULL ELSE 0 END,
               d.since, 0
             FROM dead d JOIN events e ON e.seq = d.seq WHERE d.consumer = ?1 AND d.position = ?2",
        )?
        .execute(params![consumer.id, position, LEASED, now, kind_of_dead(tx, consumer.id, position)?])?;
    if put == 0 {
        let name = &consumer.declared.name;
        return Err(LedgerError::NotFound(format!("event {position} was not given up for {name}")).into());
    }
    tx.conn
        .prepare_cached("DELETE FROM dead WHERE consumer = ?1 AND position = ?2")?
        .execute([consumer.id, position])?;
    audit::add(tx, record)?;
    tx.touched_queue();
    Ok(Done::Keep(()))
}

/// The document type of an event that was given up, as `pending` has it.
fn kind_of_dead(tx: &Tx, consumer: i64, position: i64) -> Outcome<Option<String>> {
    let mut find = tx.conn.prepare_cached(
        "SELECT e.kind FROM dead d JOIN events e ON e.seq = d.seq WHERE d.consumer = ?1 AND d.position = ?2",
    )?;
    let kind: Option<String> = find.query_row([consumer, position], |row| row.get(0)).optional()?;
    Ok(kind.map(|kind| rows::type_of(&kind).to_owned()))
}
