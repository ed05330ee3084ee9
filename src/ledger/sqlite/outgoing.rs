//! The way out: acknowledgements owed, control numbers, interchanges issued, and what became of their deliveries.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    arrivals::{self, Existing, NewDocument, NewMessage, insert_documents},
    audit,
    fault::Outcome,
    payloads::Kept,
    rows::{self, Word},
    writer::{Done, Tx, Weight},
};
use crate::ledger::{
    AuditRecord, Channel, Delivery, DeliveryState, Fact, LedgerError, MessageState, NumberSeries, Outgoing, Owed,
};

/// What is owed and not issued, oldest first.
pub(super) fn owed(conn: &Connection, after: u64, limit: usize) -> Outcome<Vec<(u64, Owed)>> {
    let mut all = conn.prepare_cached(
        "SELECT o.id, m.id, o.partner, o.due, o.facts FROM owed o JOIN messages m ON m.num = o.message
         WHERE o.id > ?1 ORDER BY o.id LIMIT ?2",
    )?;
    let mut rows = all.query([rows::signed(after), i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let owed = Owed {
            message: rows::message_id(row, 1)?,
            partner: row.get(2)?,
            due: rows::time(row.get(3)?)?,
            facts: rows::from_json(&row.get::<_, String>(4)?)?,
        };
        found.push((rows::unsigned(row.get(0)?), owed));
    }
    Ok(found)
}

/// The next number of a series.
pub(super) fn next_number(conn: &Connection, series: &NumberSeries) -> Outcome<i64> {
    let mut find = conn.prepare_cached("SELECT next FROM numbers WHERE series = ?1")?;
    Ok(find.query_row([&series.0], |row| row.get(0)).optional()?.unwrap_or(1))
}

/// An outgoing interchange as it is written.
pub(super) struct NewOutgoing {
    message: NewMessage,
    pub(super) kept: Kept,
    documents: Vec<NewDocument>,
    numbers: Vec<(NumberSeries, u64)>,
    settles: Vec<u64>,
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
                let Outgoing { numbers, settles, channel, due, .. } = outgoing;
                Ok((Self { message, kept, documents, numbers, settles, channel, due }, weight))
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
        let fact = Fact { at: self.message.message.at, what: "acknowledged".to_owned(), detail: format!("in {id}") };
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
        tx.next.delivery += 1;
        Ok(Done::Keep(true))
    }
}

/// The deliveries of a message.
pub(super) fn deliveries(conn: &Connection, id: crate::document::MessageId) -> Outcome<Vec<Delivery>> {
    let mut all = conn.prepare_cached(&format!(
        "SELECT {} FROM deliveries d JOIN messages m ON m.num = d.message WHERE m.id = ?1 ORDER BY d.id",
        rows::DELIVERY
    ))?;
    let mut found = all.query([id.to_bytes()])?;
    let mut deliveries = Vec::new();
    while let Some(row) = found.next()? {
        deliveries.push(rows::read_delivery(row)?);
    }
    Ok(deliveries)
}

/// What is to be delivered now; nothing while deliveries are paused.
pub(super) fn due(conn: &Connection, now: i64, limit: usize) -> Outcome<Vec<Delivery>> {
    let mut found = Vec::new();
    if paused(conn)?.is_some() {
        return Ok(found);
    }
    let mut all = conn.prepare_cached(&due_sql())?;
    let mut rows = all.query(params![now, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        found.push(rows::read_delivery(row)?);
    }
    Ok(found)
}

/// The question for what is due at `?1`.
pub(super) fn due_sql() -> String {
    format!(
        "SELECT {} FROM deliveries d JOIN messages m ON m.num = d.message
         WHERE d.state = 'ready' AND d.due <= ?1 ORDER BY d.due, d.id LIMIT ?2",
        rows::DELIVERY
    )
}

/// Records what became of a delivery, and of its message with it.
pub(super) fn deliver(
    tx: &Tx,
    delivery: i64,
    state: DeliveryState,
    retry_at: Option<i64>,
    fact: &Fact,
) -> Outcome<Done<()>> {
    let message: Option<i64> = tx
        .conn
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, attempts = attempts + 1, due = coalesce(?3, due) WHERE id = ?1
             RETURNING message",
        )?
        .query_row(params![delivery, state.word(), retry_at], |row| row.get(0))
        .optional()?;
    let message = message.ok_or_else(|| LedgerError::NotFound(format!("delivery {delivery}")))?;
    let state = match state {
        DeliveryState::Ready => MessageState::Ready,
        DeliveryState::Delivered => MessageState::Delivered,
        DeliveryState::Dead => MessageState::Dead,
    };
    tx.conn.prepare_cached("UPDATE messages SET state = ?2 WHERE num = ?1")?.execute(params![message, state.word()])?;
    arrivals::add_facts(tx, message, std::slice::from_ref(fact))?;
    Ok(Done::Keep(()))
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
