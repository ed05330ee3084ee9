//! What became of what was issued: deliveries and their order, news of them, and what partners are expected to do.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    arrivals::{self, Existing, NewDocument, insert_documents},
    audit,
    fault::{Outcome, damaged},
    lanes::Weight,
    outgoing::{self, next_number, paused},
    rows::{self, Word},
    writer::{Done, Tx},
};
use crate::{
    document::MessageId,
    ledger::{
        Attempt, AuditRecord, Delivery, DeliveryFilter, DeliveryState, Fact, LedgerError, MessageState, News,
        NumberSeries, Owed, Receipt, Watch,
    },
};

/// What the index of deliveries that we hand over holds; a question has to say the same to use it.
const PUSHED: &str = "state IN ('ready', 'waiting') AND channel IN ('as2', 'sftp-push', 'webhook', 'cxml')";

/// The deliveries of a message.
pub(super) fn of(conn: &Connection, id: MessageId) -> Outcome<Vec<Delivery>> {
    let sql = format!("{} WHERE m.id = ?1 ORDER BY d.id", selected());
    let mut all = conn.prepare_cached(&sql)?;
    let mut rows = all.query([id.to_bytes()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(rows::read_delivery(row)?);
    }
    Ok(found)
}

/// Deliveries, newest first.
pub(super) fn all(
    conn: &Connection,
    filter: &DeliveryFilter,
    before: Option<u64>,
    limit: usize,
) -> Outcome<Vec<Delivery>> {
    let sql = format!(
        "{} WHERE d.id < ?1 AND (?2 IS NULL OR d.partner = ?2) AND (?3 IS NULL OR d.state = ?3)
         ORDER BY d.id DESC LIMIT ?4",
        selected()
    );
    let mut all = conn.prepare_cached(&sql)?;
    let before = before.map_or(i64::MAX, rows::signed);
    let state = filter.state.map(Word::word);
    let mut rows = all.query(params![before, filter.partner, state, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(rows::read_delivery(row)?);
    }
    Ok(found)
}

fn selected() -> String {
    format!("SELECT {} FROM deliveries d JOIN messages m ON m.num = d.message", rows::DELIVERY)
}

/// The partner after `?1` to whom something is handed over.
pub(super) fn partner_sql() -> String {
    format!("SELECT partner FROM deliveries WHERE partner > ?1 AND {PUSHED} ORDER BY partner LIMIT 1")
}

/// What is due to partner `?1` at `?2`, the oldest first, without what waits behind an earlier delivery of its order.
pub(super) fn due_sql() -> String {
    format!(
        "{} WHERE d.partner = ?1 AND {} AND d.due <= ?2 AND NOT EXISTS (
           SELECT 1 FROM delivery_keys own JOIN delivery_keys earlier
             ON earlier.partner = own.partner AND earlier.key = own.key AND earlier.delivery < own.delivery
           WHERE own.delivery = d.id)
         ORDER BY d.id LIMIT ?3",
        selected(),
        PUSHED.replace("state", "d.state").replace("channel", "d.channel"),
    )
}

/// What is to be handed over now.
pub(super) fn due(conn: &Connection, now: i64, without: &[String], each: usize) -> Outcome<Vec<Delivery>> {
    let mut found = Vec::new();
    if paused(conn)?.is_some() {
        return Ok(found);
    }
    let mut next = conn.prepare_cached(&partner_sql())?;
    let mut of_partner = conn.prepare_cached(&due_sql())?;
    let mut last = String::new();
    while let Some(partner) = next.query_row([&last], |row| row.get::<_, String>(0)).optional()? {
        if !without.contains(&partner) {
            let mut rows = of_partner.query(params![partner, now, i64::try_from(each).unwrap_or(i64::MAX)])?;
            while let Some(row) = rows.next()? {
                found.push(rows::read_delivery(row)?);
            }
        }
        last = partner;
    }
    Ok(found)
}

/// Records an attempt. A delivery that is done with stays as it is, but for one that was given up: the partner's late word
/// that it has it counts.
pub(super) fn deliver(tx: &Tx, attempt: &Attempt) -> Outcome<Done<bool>> {
    let delivery = rows::signed(attempt.delivery);
    let found: Option<(i64, String)> = tx
        .conn
        .prepare_cached("SELECT message, state FROM deliveries WHERE id = ?1")?
        .query_row([delivery], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (message, before) = found.ok_or_else(|| LedgerError::NotFound(format!("delivery {}", attempt.delivery)))?;
    let before = DeliveryState::from_word(&before).ok_or_else(|| damaged(format!("a delivery is {before:?}")))?;
    let open = match before {
        DeliveryState::Ready | DeliveryState::Waiting => true,
        DeliveryState::Dead | DeliveryState::Cancelled => attempt.state == DeliveryState::Delivered,
        DeliveryState::Delivered => false,
    };
    if !open {
        return Ok(Done::Undo(false));
    }
    let ended = !matches!(attempt.state, DeliveryState::Ready | DeliveryState::Waiting);
    // The partner's word on an attempt that was counted already is no attempt of its own.
    let counts = before != DeliveryState::Waiting || attempt.state == DeliveryState::Waiting;
    tx.conn
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, attempts = attempts + ?3, due = coalesce(?4, due), told = ?5 WHERE id = ?1",
        )?
        .execute(params![
            delivery,
            attempt.state.word(),
            counts,
            attempt.due.map(Timestamp::as_microsecond),
            !ended
        ])?;
    end(tx, delivery, message, attempt.state)?;
    if let Some(Receipt(receipt)) = &attempt.receipt {
        tx.conn
            .prepare_cached("UPDATE bodies SET receipt = ?2 WHERE message = ?1")?
            .execute(params![message, &receipt[..]])?;
    }
    arrivals::add_facts(tx, message, std::slice::from_ref(&attempt.fact))?;
    Ok(Done::Keep(true))
}

/// What a delivery's state means for its message and for what waits behind it.
fn end(tx: &Tx, delivery: i64, message: i64, state: DeliveryState) -> Outcome<()> {
    let of_message = match state {
        DeliveryState::Ready | DeliveryState::Waiting => MessageState::Ready,
        DeliveryState::Delivered => MessageState::Delivered,
        DeliveryState::Dead | DeliveryState::Cancelled => MessageState::Dead,
    };
    tx.conn
        .prepare_cached("UPDATE messages SET state = ?2 WHERE num = ?1")?
        .execute(params![message, of_message.word()])?;
    if matches!(state, DeliveryState::Delivered | DeliveryState::Cancelled) {
        tx.conn.prepare_cached("DELETE FROM delivery_keys WHERE delivery = ?1")?.execute([delivery])?;
    }
    Ok(())
}

/// Has a message delivered again.
pub(super) fn redeliver(tx: &Tx, id: MessageId, due: i64, record: &AuditRecord) -> Outcome<Done<Delivery>> {
    let Some(last) = of(&tx.conn, id)?.pop() else {
        return Err(LedgerError::NotFound(format!("a delivery of {id}")).into());
    };
    if matches!(last.state, DeliveryState::Ready | DeliveryState::Waiting) {
        return Err(LedgerError::Conflict(format!("{id} is still on its way")).into());
    }
    let (num, _, _) = arrivals::find(tx, id)?;
    let delivery = rows::signed(last.id);
    tx.conn
        .prepare_cached(
            "UPDATE deliveries SET state = 'ready', attempts = 0, due = ?2, told = 1, resent = resent + 1 WHERE id = ?1",
        )?
        .execute([delivery, due])?;
    end(tx, delivery, num, DeliveryState::Ready)?;
    let detail = format!("{} had it sent again: {}", record.who, record.reason);
    arrivals::add_facts(tx, num, &[Fact { at: record.at, what: "sent again".into(), detail }])?;
    audit::add(tx, record)?;
    let again = of(&tx.conn, id)?.pop().ok_or_else(|| LedgerError::NotFound(format!("a delivery of {id}")))?;
    Ok(Done::Keep(again))
}

/// Gives a delivery up.
pub(super) fn cancel(tx: &Tx, delivery: i64, record: &AuditRecord) -> Outcome<Done<()>> {
    withdraw(tx, delivery, record)?;
    audit::add(tx, record)?;
    Ok(Done::Keep(()))
}

fn withdraw(tx: &Tx, delivery: i64, record: &AuditRecord) -> Outcome<()> {
    let message: Option<i64> = tx
        .conn
        .prepare_cached(
            "UPDATE deliveries SET state = 'cancelled', told = 1
             WHERE id = ?1 AND state IN ('ready', 'waiting', 'dead') RETURNING message",
        )?
        .query_row([delivery], |row| row.get(0))
        .optional()?;
    let Some(message) = message else {
        return Err(LedgerError::Conflict(format!("delivery {delivery} is not there, or done with")).into());
    };
    end(tx, delivery, message, DeliveryState::Cancelled)?;
    let detail = format!("{} gave it up: {}", record.who, record.reason);
    arrivals::add_facts(tx, message, &[Fact { at: record.at, what: "cancelled".into(), detail }])
}

/// Something of an order of delivery `?1` that waits behind it.
const BEHIND: &str = "SELECT m.id, d.id FROM delivery_keys own JOIN delivery_keys later
       ON later.partner = own.partner AND later.key = own.key AND later.delivery > own.delivery
     JOIN deliveries d ON d.id = later.delivery JOIN messages m ON m.num = d.message WHERE own.delivery = ?1";

/// Has documents sent anew, in place of what is dead of `replaces`.
pub(super) fn reissue(tx: &mut Tx, replaces: &[MessageId], owed: &[Owed], record: &AuditRecord) -> Outcome<Done<()>> {
    for id in replaces {
        for delivery in of(&tx.conn, *id)? {
            match delivery.state {
                DeliveryState::Ready | DeliveryState::Waiting => {
                    return Err(LedgerError::Conflict(format!("{id} is still on its way")).into());
                }
                DeliveryState::Dead => give_up(tx, rows::signed(delivery.id), replaces, record)?,
                DeliveryState::Delivered | DeliveryState::Cancelled => {}
            }
        }
    }
    let detail = format!("{}: {}", record.who, record.reason);
    let fact = Fact { at: record.at, what: record.what.clone(), detail };
    for new in owed {
        let (num, _, _) = arrivals::find(tx, new.message)?;
        let same = "SELECT 1 FROM owed WHERE partner = ?1 AND message = ?2 AND facts = ?3";
        if tx.conn.prepare_cached(same)?.exists(params![new.partner, num, new.facts])? {
            return Err(LedgerError::Conflict(format!("{} waits to be sent as it is", new.message)).into());
        }
        arrivals::insert_owed(tx, num, std::slice::from_ref(new))?;
        arrivals::add_facts(tx, num, std::slice::from_ref(&fact))?;
    }
    audit::add(tx, record)?;
    Ok(Done::Keep(()))
}

/// Cancels a dead delivery that something new takes the place of, unless that would let others of its order go first.
fn give_up(tx: &Tx, delivery: i64, replaces: &[MessageId], record: &AuditRecord) -> Outcome<()> {
    let mut behind = tx.conn.prepare_cached(BEHIND)?;
    let mut waiting = behind.query([delivery])?;
    while let Some(row) = waiting.next()? {
        let (message, later) = (rows::message_id(row, 0)?, row.get::<_, i64>(1)?);
        if !replaces.contains(&message) {
            let why = format!(
                "{message} of the same order waits behind it and would go first: cancel its delivery {later}, and \
                 reissue it after this one"
            );
            return Err(LedgerError::Conflict(why).into());
        }
    }
    withdraw(tx, delivery, record)
}

/// Deliveries that came to an end, and nobody was told.
pub(super) const UNTOLD: &str = "SELECT id FROM deliveries WHERE told = 0 ORDER BY id LIMIT ?1";

pub(super) fn untold(conn: &Connection, limit: usize) -> Outcome<Vec<Delivery>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids: Vec<i64> = conn.prepare_cached(UNTOLD)?.query_map([limit], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let sql = format!("{} WHERE d.id = ?1", selected());
    let mut one = conn.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for id in ids {
        let mut rows = one.query([id])?;
        if let Some(row) = rows.next()? {
            found.push(rows::read_delivery(row)?);
        }
    }
    Ok(found)
}

/// News as they are written.
pub(super) struct NewNews {
    news: News,
    documents: Vec<(MessageId, Vec<NewDocument>)>,
}

impl NewNews {
    pub(super) fn new(mut news: News) -> Result<(Self, Weight), LedgerError> {
        let mut documents = std::mem::take(&mut news.documents);
        documents.sort_by_key(|(document, _)| document.message);
        let mut weight = Weight::default();
        let mut all = Vec::new();
        while let Some((first, _)) = documents.first() {
            let message = first.message;
            let rest = documents.iter().position(|(other, _)| other.message != message).unwrap_or(documents.len());
            let rest = documents.split_off(rest);
            let (prepared, heavy) = arrivals::prepare_documents(std::mem::replace(&mut documents, rest))?;
            weight.bytes += heavy.bytes;
            weight.documents += heavy.documents;
            all.push((message, prepared));
        }
        Ok((Self { news, documents: all }, weight))
    }

    /// Writes them, if none of it was told before.
    pub(super) fn tell(&self, tx: &mut Tx) -> Outcome<Done<bool>> {
        let news = &self.news;
        for owed in &news.settles {
            let gone = tx.conn.prepare_cached("DELETE FROM owed WHERE id = ?1")?.execute([rows::signed(*owed)])?;
            if gone == 0 {
                return Ok(Done::Undo(false));
            }
        }
        for watch in &news.ends {
            let gone = tx.conn.prepare_cached("DELETE FROM watches WHERE id = ?1")?.execute([rows::signed(*watch)])?;
            if gone == 0 {
                return Ok(Done::Undo(false));
            }
        }
        if let Some(delivery) = news.delivery {
            let told = tx
                .conn
                .prepare_cached("UPDATE deliveries SET told = 1 WHERE id = ?1 AND told = 0")?
                .execute([rows::signed(delivery)])?;
            if told == 0 {
                return Ok(Done::Undo(false));
            }
        }
        for (message, documents) in &self.documents {
            let (num, _, _) = arrivals::find(tx, *message)?;
            for new in documents {
                let doc = rows::doc_key(num, new.document.position)?;
                let before = arrivals::event_before(tx, doc)?.revision;
                // Somebody else told something of it since it was read.
                if new.event.as_ref().is_some_and(|event| event.id.revision != before.map_or(0, |last| last + 1)) {
                    return Ok(Done::Undo(false));
                }
            }
            let written = insert_documents(tx, num, documents, Existing::Replaced)?;
            arrivals::touch(tx, written.range)?;
            written.release(tx);
        }
        for (message, fact) in &news.facts {
            let (num, _, _) = arrivals::find(tx, *message)?;
            arrivals::add_facts(tx, num, std::slice::from_ref(fact))?;
        }
        watch(tx, &news.watches)?;
        Ok(Done::Keep(true))
    }
}

/// Begins watches.
pub(super) fn watch(tx: &Tx, watches: &[Watch]) -> Outcome<()> {
    for watch in watches {
        let (num, _, _) = arrivals::find(tx, watch.message)?;
        tx.conn.prepare_cached("INSERT INTO watches (doc, kind, due) VALUES (?1, ?2, ?3)")?.execute(params![
            rows::doc_key(num, watch.position)?,
            watch.kind.word(),
            watch.due.as_microsecond()
        ])?;
    }
    Ok(())
}

/// Watches whose time has come.
pub(super) const DUE_WATCHES: &str = "SELECT w.id, m.id, w.doc, w.kind, w.due FROM watches w
     JOIN messages m ON m.num = w.doc >> 24 WHERE w.due <= ?1 ORDER BY w.due LIMIT ?2";

pub(super) fn due_watches(conn: &Connection, now: i64, limit: usize) -> Outcome<Vec<(u64, Watch)>> {
    let mut all = conn.prepare_cached(DUE_WATCHES)?;
    let mut rows = all.query(params![now, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let watch = Watch {
            message: rows::message_id(row, 1)?,
            position: rows::position_of(row.get(2)?),
            kind: rows::word(row, 3)?,
            due: rows::time(row.get(4)?)?,
        };
        found.push((rows::unsigned(row.get(0)?), watch));
    }
    Ok(found)
}

/// The messages that were issued with a number.
pub(super) fn issued(conn: &Connection, series: &NumberSeries, number: u64) -> Outcome<Vec<MessageId>> {
    let mut all = conn.prepare_cached(
        "SELECT m.id FROM issued i JOIN messages m ON m.num = i.message WHERE i.series = ?1 AND i.number = ?2
         ORDER BY i.message DESC",
    )?;
    let mut rows = all.query(params![series.0, rows::signed(number)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(rows::message_id(row, 0)?);
    }
    Ok(found)
}

/// Every series and its next number.
pub(super) fn numbers(conn: &Connection) -> Outcome<Vec<(NumberSeries, u64)>> {
    let mut all = conn.prepare_cached("SELECT series, next FROM numbers ORDER BY series")?;
    let rows = all.query_map([], |row| Ok((NumberSeries(row.get(0)?), rows::unsigned(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Has a series that was never used begin at `first`.
pub(super) fn begin(tx: &Tx, series: &NumberSeries, first: u64) -> Outcome<Done<()>> {
    let first = rows::signed(NumberSeries::after(first, outgoing::stride(&tx.conn)?));
    tx.conn
        .prepare_cached("INSERT OR IGNORE INTO numbers (series, next) VALUES (?1, ?2)")?
        .execute(params![series.0, first])?;
    Ok(Done::Keep(()))
}

/// Has a series go on at `next`.
pub(super) fn advance(tx: &Tx, series: &NumberSeries, next: i64, record: &AuditRecord) -> Outcome<Done<()>> {
    let now = next_number(&tx.conn, series)?;
    if next < now {
        let why = format!("{} is at {now} already: a number is never used twice", series.0);
        return Err(LedgerError::Conflict(why).into());
    }
    tx.conn
        .prepare_cached("INSERT OR REPLACE INTO numbers (series, next) VALUES (?1, ?2)")?
        .execute(params![series.0, next])?;
    audit::add(tx, record)?;
    Ok(Done::Keep(()))
}
