//! Leases: what a consumer is handed next, and what it says of it.
//!
//! A consumer's cursor says how far the log was looked at for it. Up to there, only what is not done with has a row in
//! `pending`: leased, given back, parked, or waiting behind one of those with the same key. So a lease costs what it
//! hands out, whatever the log's length, and the thousands that wait behind a parked event are met once.
//!
//! `turn` is the index of what may be handed out: NULL unless the row may be the first of its key. It errs only towards
//! looking once too often: whoever follows it walks the key from its first row and stops at what is not to be passed.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    consumers::{self, Known, known, wants},
    events,
    fault::Outcome,
    rows,
    writer::{Done, Tx},
};
use crate::ledger::{AckOutcome, LeaseToken};

/// `pending.status`.
pub(super) const WAITING: i64 = 0;
pub(super) const LEASED: i64 = 1;
pub(super) const GIVEN_BACK: i64 = 2;
pub(super) const PARKED: i64 = 3;

/// What ran out or has waited long enough, the oldest turn first. Which index to follow is said and not left to guesses:
/// thousands may wait behind a parked event, and no lease may read past them.
pub(super) const OVERDUE: &str = "SELECT position, key FROM pending INDEXED BY pending_turn \
     WHERE consumer = ?1 AND turn > 0 AND turn <= ?2 ORDER BY turn, position LIMIT ?3";
/// What waited behind an event that is done with, in log order.
pub(super) const READY: &str = "SELECT position, key FROM pending INDEXED BY pending_turn \
     WHERE consumer = ?1 AND turn = 0 AND ?2 NOT NULL ORDER BY position LIMIT ?3";
/// The next row of a key.
pub(super) const NEXT_OF_KEY: &str = "SELECT position, seq, type, status, turn, fence, attempts, reason \
     FROM pending INDEXED BY pending_key \
     WHERE consumer = ?1 AND key = ?2 AND position > ?3 ORDER BY position LIMIT 1";
/// Lets the first row of a key have its turn, where it has none.
pub(super) const PROMOTE: &str = "UPDATE pending SET turn = 0 \
     WHERE consumer = ?1 AND turn IS NULL AND status <> 3 AND position = (SELECT position FROM pending \
     INDEXED BY pending_key WHERE consumer = ?1 AND key = ?2 ORDER BY position LIMIT 1)";

/// How many events of the log one step looks at.
const STEP: usize = 1024;

/// An event that was handed out; its data is read after the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) token: LeaseToken,
    pub(super) attempt: u32,
    pub(super) seq: i64,
}

/// What one step of a lease came to.
pub(super) struct Leased {
    pub(super) handed: Vec<Handed>,
    /// Nothing was found so far, and there is more of the log to look at.
    pub(super) more: bool,
}

/// A row of `pending`, as far as a lease looks at it.
struct Pending {
    position: i64,
    seq: i64,
    kind: String,
    status: i64,
    turn: Option<i64>,
    fence: i64,
    attempts: u32,
    reason: Option<String>,
}

/// One lease call.
struct Lease<'t> {
    tx: &'t Tx,
    consumer: Known,
    now: i64,
    until: i64,
    max: usize,
    handed: Vec<Handed>,
    /// Keys met in this call: none has a second event in one answer.
    met: HashSet<String>,
}

/// Hands out at most `max` events.
pub(super) fn lease(tx: &Tx, consumer: &str, max: usize, until: i64, now: i64) -> Outcome<Done<Leased>> {
    let consumer = known(&tx.conn, consumer)?;
    let (id, cursor) = (consumer.id, consumer.cursor);
    let mut lease = Lease { tx, consumer, now, until, max, handed: Vec::new(), met: HashSet::new() };
    // What ran out, or was given back and has waited long enough, comes first.
    lease.pending(OVERDUE)?;
    lease.pending(READY)?;
    let more = lease.unseen()?;
    let Lease { consumer, handed, .. } = lease;
    if consumer.cursor != cursor {
        tx.conn.prepare_cached("UPDATE consumers SET cursor = ?2, seen = ?3 WHERE id = ?1")?.execute([
            id,
            consumer.cursor,
            consumer.seen,
        ])?;
    }
    Ok(Done::Keep(Leased { more: more && handed.is_empty(), handed }))
}

impl Lease<'_> {
    fn full(&self) -> bool {
        self.handed.len() >= self.max
    }

    /// Hands out what is pending and may be offered: of each key its first.
    fn pending(&mut self, sql: &str) -> Outcome<()> {
        if self.full() {
            return Ok(());
        }
        let candidates: Vec<(i64, String)> = self
            .tx
            .conn
            .prepare_cached(sql)?
            .query_map(params![self.consumer.id, self.now, (self.max + STEP) as i64], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        for (position, key) in &candidates {
            if self.full() {
                return Ok(());
            }
            self.key(key, *position)?;
        }
        Ok(())
    }

    /// Hands out the first event of a key, if it may be offered. `candidate` is the row that led here: if it may not be
    /// offered, it is no candidate any more until what stands before it is done with.
    fn key(&mut self, key: &str, candidate: i64) -> Outcome<()> {
        if !self.met.insert(key.to_owned()) {
            return self.wait_behind(candidate);
        }
        let mut after = 0;
        loop {
            let Some(row) = self.next_of_key(key, after)? else {
                self.met.remove(key);
                return Ok(());
            };
            after = row.position;
            let blocked = row.status == PARKED || row.turn.is_some_and(|turn| turn > self.now);
            if blocked {
                if row.position < candidate {
                    self.wait(candidate)?;
                }
                return Ok(());
            }
            if row.attempts >= self.consumer.declared.max_attempts {
                let reason = row.reason.clone().unwrap_or_else(|| "its leases ran out".to_owned());
                if !give_up(self.tx, &self.consumer, key, &row, &reason, self.now)? {
                    if row.position < candidate {
                        self.wait(candidate)?;
                    }
                    return Ok(());
                }
                continue;
            }
            self.hand_out(&row)?;
            if row.position < candidate {
                self.wait(candidate)?;
            }
            return Ok(());
        }
    }

    /// Another row of a key that this answer has met: no candidate any more, unless it is the one that was handed out.
    fn wait_behind(&self, candidate: i64) -> Outcome<()> {
        let handed = self.handed.iter().any(|handed| rows::signed(handed.token.position) == candidate);
        if handed { Ok(()) } else { self.wait(candidate) }
    }

    fn next_of_key(&self, key: &str, after: i64) -> Outcome<Option<Pending>> {
        let mut next = self.tx.conn.prepare_cached(NEXT_OF_KEY)?;
        Ok(next
            .query_row(params![self.consumer.id, key, after], |row| {
                Ok(Pending {
                    position: row.get(0)?,
                    seq: row.get(1)?,
                    kind: row.get(2)?,
                    status: row.get(3)?,
                    turn: row.get(4)?,
                    fence: row.get(5)?,
                    attempts: row.get(6)?,
                    reason: row.get(7)?,
                })
            })
            .optional()?)
    }

    fn wait(&self, position: i64) -> Outcome<()> {
        self.tx
            .conn
            .prepare_cached("UPDATE pending SET turn = NULL WHERE consumer = ?1 AND position = ?2")?
            .execute([self.consumer.id, position])?;
        Ok(())
    }

    fn hand_out(&mut self, row: &Pending) -> Outcome<()> {
        self.tx
            .conn
            .prepare_cached(
                "UPDATE pending SET status = 1, turn = ?3, fence = fence + 1, attempts = attempts + 1
                 WHERE consumer = ?1 AND position = ?2",
            )?
            .execute([self.consumer.id, row.position, self.until])?;
        self.push(row.position, row.seq, row.fence + 1, row.attempts + 1);
        Ok(())
    }

    fn push(&mut self, position: i64, seq: i64, fence: i64, attempt: u32) {
        let token = LeaseToken { position: rows::unsigned(position), fence: rows::unsigned(fence) };
        self.handed.push(Handed { token, attempt, seq });
    }

    /// Looks at the log past the cursor; `true` if there is more of it than one step.
    fn unseen(&mut self) -> Outcome<bool> {
        if self.full() {
            return Ok(false);
        }
        let tx = self.tx;
        let (mut looked, mut more) = (0, false);
        consumers::walk(&tx.conn, self.consumer.cursor, |event| {
            looked += 1;
            self.consumer.cursor = event.position;
            let kind = rows::type_of(event.kind);
            if wants(&self.consumer.declared, event.mode, kind) {
                self.consumer.seen += 1;
                self.meet(event.position, event.seq, event.key, kind)?;
            }
            more = looked >= STEP;
            Ok(!more && !self.full())
        })?;
        Ok(more)
    }

    /// Hands out an event that nobody looked at before, unless an earlier one of its key is not done with.
    fn meet(&mut self, position: i64, seq: i64, key: &str, kind: &str) -> Outcome<()> {
        let mut any = self.tx.conn.prepare_cached("SELECT 1 FROM pending WHERE consumer = ?1 AND key = ?2 LIMIT 1")?;
        let open = self.met.insert(key.to_owned()) && !any.exists(params![self.consumer.id, key])?;
        let (status, turn, count) = if open { (LEASED, Some(self.until), 1) } else { (WAITING, None, 0) };
        self.tx
            .conn
            .prepare_cached(
                "INSERT INTO pending (consumer, position, seq, key, type, status, turn, fence, attempts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
            )?
            .execute(params![self.consumer.id, position, seq, key, kind, status, turn, count])?;
        if open {
            self.push(position, seq, 1, 1);
        }
        Ok(())
    }
}

/// Parks an event that was tried often enough, or gives it up where its type is declared so; `true` if its key goes on.
fn give_up(tx: &Tx, consumer: &Known, key: &str, row: &Pending, reason: &str, now: i64) -> Outcome<bool> {
    let name = &consumer.declared.name;
    if consumer.declared.dead_and_continue.contains(&row.kind) {
        tx.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO dead (consumer, position, seq, attempts, reason, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![consumer.id, row.position, row.seq, row.attempts, reason, now])?;
        remove(tx, consumer.id, row.position, key, 0)?;
        events::dead(name, row.position, key, reason);
        return Ok(true);
    }
    tx.conn
        .prepare_cached(
            "UPDATE pending SET status = 3, turn = NULL, reason = ?3, since = ?4 WHERE consumer = ?1 AND position = ?2",
        )?
        .execute(params![consumer.id, row.position, reason, now])?;
    events::parked(name, row.position, key, reason);
    Ok(false)
}

/// Ends an event for a consumer, so that the next of its key may come. `fence` is the lease that did it, or 0.
pub(super) fn remove(tx: &Tx, consumer: i64, position: i64, key: &str, fence: i64) -> Outcome<()> {
    tx.conn
        .prepare_cached("DELETE FROM pending WHERE consumer = ?1 AND position = ?2")?
        .execute([consumer, position])?;
    // What its first lease acknowledged is the rule, and needs no row: see `ended`.
    if fence != 1 {
        tx.conn
            .prepare_cached("INSERT OR REPLACE INTO ended (consumer, position, fence) VALUES (?1, ?2, ?3)")?
            .execute([consumer, position, fence])?;
    }
    tx.conn.prepare_cached(PROMOTE)?.execute(params![consumer, key])?;
    Ok(())
}

/// A row of `pending` that a token may be for.
struct Held {
    key: String,
    pending: Pending,
}

fn held(tx: &Tx, consumer: i64, position: i64) -> Outcome<Option<Held>> {
    let mut find = tx.conn.prepare_cached(
        "SELECT key, seq, type, status, turn, fence, attempts, reason FROM pending
         WHERE consumer = ?1 AND position = ?2",
    )?;
    Ok(find
        .query_row([consumer, position], |row| {
            Ok(Held {
                key: row.get(0)?,
                pending: Pending {
                    position,
                    seq: row.get(1)?,
                    kind: row.get(2)?,
                    status: row.get(3)?,
                    turn: row.get(4)?,
                    fence: row.get(5)?,
                    attempts: row.get(6)?,
                    reason: row.get(7)?,
                },
            })
        })
        .optional()?)
}

/// The row that a lease still holds, or why it holds none. A lease that ran out holds until the event is offered again.
fn holding(tx: &Tx, consumer: &Known, token: LeaseToken) -> Outcome<Result<Held, AckOutcome>> {
    let (position, fence) = (rows::signed(token.position), rows::signed(token.fence));
    Ok(match held(tx, consumer.id, position)? {
        Some(row) if row.pending.status == LEASED && row.pending.fence == fence => Ok(row),
        Some(_) => Err(AckOutcome::Stale),
        None => Err(ended(tx, consumer, position, fence)?),
    })
}

/// Whether an event that is not pending was acknowledged by this very lease. Only what ended otherwise than by its first
/// lease has a row; without one, every event that this consumer met was.
fn ended(tx: &Tx, consumer: &Known, position: i64, fence: i64) -> Outcome<AckOutcome> {
    if position <= consumer.start || position > consumer.cursor {
        return Ok(AckOutcome::Stale);
    }
    let mut find = tx.conn.prepare_cached("SELECT fence FROM ended WHERE consumer = ?1 AND position = ?2")?;
    let by: Option<i64> = find.query_row([consumer.id, position], |row| row.get(0)).optional()?;
    if by.unwrap_or(1) != fence {
        return Ok(AckOutcome::Stale);
    }
    let mut met = false;
    consumers::walk(&tx.conn, position - 1, |event| {
        met = event.position == position && wants(&consumer.declared, event.mode, rows::type_of(event.kind));
        Ok(false)
    })?;
    Ok(if met { AckOutcome::AlreadyAcked } else { AckOutcome::Stale })
}

/// Acknowledges leases.
pub(super) fn ack(tx: &mut Tx, consumer: &str, tokens: &[LeaseToken]) -> Outcome<Done<Vec<AckOutcome>>> {
    let consumer = known(&tx.conn, consumer)?;
    let mut outcomes = Vec::with_capacity(tokens.len());
    for token in tokens {
        outcomes.push(match holding(tx, &consumer, *token)? {
            Ok(row) => {
                remove(tx, consumer.id, row.pending.position, &row.key, row.pending.fence)?;
                AckOutcome::Acked
            }
            Err(outcome) => outcome,
        });
    }
    if outcomes.contains(&AckOutcome::Acked) {
        tx.touched_queue();
    }
    Ok(Done::Keep(outcomes))
}

/// Takes one event back, to be offered again at `turn`, or parks it if that was its last attempt.
pub(super) fn nack(
    tx: &mut Tx,
    consumer: &str,
    token: LeaseToken,
    reason: &str,
    turn: i64,
    now: i64,
) -> Outcome<Done<AckOutcome>> {
    let consumer = known(&tx.conn, consumer)?;
    let row = match holding(tx, &consumer, token)? {
        Ok(row) => row,
        Err(outcome) => return Ok(Done::Keep(outcome)),
    };
    if row.pending.attempts >= consumer.declared.max_attempts {
        give_up(tx, &consumer, &row.key, &row.pending, reason, now)?;
    } else {
        tx.conn
            .prepare_cached(
                "UPDATE pending SET status = ?3, turn = ?4, reason = ?5 WHERE consumer = ?1 AND position = ?2",
            )?
            .execute(params![consumer.id, row.pending.position, GIVEN_BACK, turn, reason])?;
    }
    tx.touched_queue();
    Ok(Done::Keep(AckOutcome::Acked))
}

/// Prolongs leases until `until`.
pub(super) fn extend(tx: &Tx, consumer: &str, tokens: &[LeaseToken], until: i64) -> Outcome<Done<Vec<AckOutcome>>> {
    let consumer = known(&tx.conn, consumer)?;
    let mut outcomes = Vec::with_capacity(tokens.len());
    for token in tokens {
        outcomes.push(match holding(tx, &consumer, *token)? {
            Ok(row) => {
                tx.conn
                    .prepare_cached("UPDATE pending SET turn = ?3 WHERE consumer = ?1 AND position = ?2")?
                    .execute([consumer.id, row.pending.position, until])?;
                AckOutcome::Acked
            }
            Err(outcome) => outcome,
        });
    }
    Ok(Done::Keep(outcomes))
}

/// When something is offered again by itself, at the earliest.
pub(super) fn turns(conn: &rusqlite::Connection) -> Outcome<Vec<i64>> {
    let mut all = conn.prepare("SELECT DISTINCT turn FROM pending WHERE turn > 0")?;
    Ok(all.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A moment some seconds after `now`, in microseconds.
pub(super) fn later(now: Timestamp, seconds: u32) -> i64 {
    now.as_microsecond().saturating_add(i64::from(seconds) * 1_000_000)
}
