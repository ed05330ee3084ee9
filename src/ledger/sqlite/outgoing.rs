//! The way out: acknowledgements owed, control numbers, interchanges issued, and what became of their deliveries.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Rows, params};

use super::{
    arrivals::{self, Existing, NewDocument, NewMessage, insert_documents},
    audit, deliveries,
    fault::Outcome,
    lanes::Weight,
    payloads::Kept,
    rows::{self, Word},
    writer::{Done, Tx},
};
use crate::{
    document::MessageId,
    ledger::{AuditRecord, Channel, Fact, LedgerError, NumberSeries, Outgoing, Owed, Watch},
};

/// The partner after `?1` to whom something is owed.
pub(super) const OWING: &str = "SELECT partner FROM owed WHERE partner > ?1 ORDER BY partner LIMIT 1";
/// What is owed to partner `?1` after number `?2`, the oldest first.
pub(super) const OWED: &str =
    "SELECT o.id, m.id, o.partner, o.due, o.facts FROM owed o JOIN messages m ON m.num = o.message
     WHERE o.partner = ?1 AND o.id > ?2 ORDER BY o.id LIMIT ?3";
/// What is owed to partner `?1` because of message `?2`.
pub(super) const OWED_OF: &str =
    "SELECT o.id, m.id, o.partner, o.due, o.facts FROM messages m JOIN owed o ON o.message = m.num
     WHERE o.partner = ?1 AND m.id = ?2 ORDER BY o.id";

/// The partners to whom something is owed.
pub(super) fn owing(conn: &Connection) -> Outcome<Vec<String>> {
    let mut next = conn.prepare_cached(OWING)?;
    let mut found: Vec<String> = Vec::new();
    while let Some(partner) = next.query_row([found.last().map_or("", String::as_str)], |row| row.get(0)).optional()? {
        found.push(partner);
    }
    Ok(found)
}

/// Whether nobody settled it yet.
pub(super) fn is_owed(conn: &Connection, number: u64) -> Outcome<bool> {
    Ok(conn.prepare_cached("SELECT 1 FROM owed WHERE id = ?1")?.exists([rows::signed(number)])?)
}

/// What is owed to a partner after a number, oldest first.
pub(super) fn owed(conn: &Connection, partner: &str, after: u64, limit: usize) -> Outcome<Vec<(u64, Owed)>> {
    let mut all = conn.prepare_cached(OWED)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read_owed(all.query(params![partner, rows::signed(after), limit])?)
}

/// What is owed to a partner because of a message.
pub(super) fn owed_of(conn: &Connection, partner: &str, message: MessageId) -> Outcome<Vec<(u64, Owed)>> {
    read_owed(conn.prepare_cached(OWED_OF)?.query(params![partner, message.to_bytes()])?)
}

fn read_owed(mut rows: Rows<'_>) -> Outcome<Vec<(u64, Owed)>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let owed = Owed {
            message: rows::message_id(row, 1)?,
            partner: row.get(2)?,
            due: rows::time(row.get(3)?)?,
            facts: row.get(4)?,
        };
        found.push((rows::unsigned(row.get(0)?), owed));
    }
    Ok(found)
}

/// The next number of a series.
pub(super) fn next_number(conn: &Connection, series: &NumberSeries) -> Outcome<i64> {
    let mut find = conn.prepare_cached("SELECT next FROM numbers WHERE series = ?1")?;
    match find.query_row([&series.0], |row| row.get(0)).optional()? {
        Some(next) => Ok(next),
        None => Ok(rows::signed(NumberSeries::after(1, stride(conn)?))),
    }
}

/// Whether a series was ever used, or begun.
pub(super) fn is_begun(conn: &Connection, series: &NumberSeries) -> Outcome<bool> {
    Ok(conn.prepare_cached("SELECT 1 FROM numbers WHERE series = ?1")?.exists([&series.0])?)
}

/// How far ahead a series begins. A restored record does not know which were begun after its backup.
pub(super) fn stride(conn: &Connection) -> Outcome<u64> {
    let mut find = conn.prepare_cached("SELECT value FROM meta WHERE key = 'stride'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?.map_or(0, rows::unsigned))
}

/// An outgoing interchange as it is written.
pub(super) struct NewOutgoing {
    message: NewMessage,
    pub(super) kept: Kept,
    documents: Vec<NewDocument>,
    numbers: Vec<(NumberSeries, u64)>,
    settles: Vec<u64>,
    settled_as: &'static str,
    watches: Vec<Watch>,
    channel: Channel,
    due: Timestamp,
}

impl NewOutgoing {
    pub(super) fn new(outgoing: Outgoing, kept: Kept) -> Result<(Self, Weight), (Kept, LedgerError)> {
        let prepared = arrivals::prepare_documents(outgoing.documents)
            .and_then(|documents| Ok((documents, NewMessage::new(outgoing.message, &outgoing.facts)?)));
        match prepared {
            Err(error) => Err((kept, error)),
            Ok(((documents, mut weight), message)) => {
                if let Kept::Inline(bytes) = &kept {
                    weight.bytes += bytes.len();
                }
                let Outgoing { numbers, settles, settled_as, watches, channel, due, .. } = outgoing;
                let new = Self { message, kept, documents, numbers, settles, settled_as, watches, channel, due };
                Ok((new, weight))
            }
        }
    }

    /// Writes it, if its numbers are still the next and nothing that it settles was settled before.
    pub(super) fn issue(&self, tx: &mut Tx) -> Outcome<Done<bool>> {
        for (series, number) in &self.numbers {
            if next_number(&tx.conn, series)? != rows::signed(*number) {
                return Ok(Done::Undo(false));
            }
            tx.conn
                .prepare_cached("INSERT OR REPLACE INTO numbers (series, next) VALUES (?1, ?2)")?
                .execute(params![series.0, rows::signed(NumberSeries::after(*number, 1))])?;
        }
        let id = self.message.message.id;
        let mut earned = Vec::with_capacity(self.settles.len());
        for owed in &self.settles {
            let message: Option<i64> = tx
                .conn
                .prepare_cached("DELETE FROM owed WHERE id = ?1 RETURNING message")?
                .query_row([rows::signed(*owed)], |row| row.get(0))
                .optional()?;
            match message {
                Some(message) => earned.push(message),
                None => return Ok(Done::Undo(false)),
            }
        }
        let Some(num) = self.message.insert(tx, false)? else {
            return Err(LedgerError::Conflict(format!("{id} is here already")).into());
        };
        earned.dedup();
        let fact = Fact::settled(self.message.message.at, self.settled_as, id);
        for message in earned {
            arrivals::add_facts(tx, message, std::slice::from_ref(&fact))?;
        }
        arrivals::insert_body(tx, num, &self.kept, &[])?;
        insert_documents(tx, num, &self.documents, Existing::Kept)?.release(tx);
        let partner = self.message.message.partner.as_deref().unwrap_or(&self.message.message.connection);
        tx.conn
            .prepare_cached(
                "INSERT INTO deliveries (id, message, partner, channel, state, attempts, due)
                 VALUES (?1, ?2, ?3, ?4, 'ready', 0, ?5)",
            )?
            .execute(params![tx.next.delivery, num, partner, self.channel.word(), self.due.as_microsecond()])?;
        let mut wait = tx
            .conn
            .prepare_cached("INSERT OR IGNORE INTO delivery_keys (partner, key, delivery) VALUES (?1, ?2, ?3)")?;
        for order in self.documents.iter().flat_map(|new| &new.document.orders) {
            wait.execute(params![partner, order, tx.next.delivery])?;
        }
        let mut issued =
            tx.conn.prepare_cached("INSERT OR IGNORE INTO issued (series, number, message) VALUES (?1, ?2, ?3)")?;
        for (series, number) in &self.numbers {
            issued.execute(params![series.0, rows::signed(*number), num])?;
        }
        drop((wait, issued));
        deliveries::watch(tx, &self.watches)?;
        tx.next.delivery += 1;
        Ok(Done::Keep(true))
    }
}

/// Why deliveries are paused, if they are.
pub(super) fn paused(conn: &Connection) -> Outcome<Option<String>> {
    let mut find = conn.prepare_cached("SELECT value FROM meta WHERE key = 'paused'")?;
    Ok(find.query_row([], |row| row.get(0)).optional()?)
}

/// Lets deliveries go on.
pub(super) fn resume(tx: &Tx, record: &AuditRecord) -> Outcome<Done<()>> {
    if tx.conn.execute("DELETE FROM meta WHERE key = 'paused'", [])? == 0 {
        return Ok(Done::Undo(()));
    }
    audit::add(tx, record)?;
    Ok(Done::Keep(()))
}
