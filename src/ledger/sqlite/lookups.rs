//! Looking things up: one message and all that hangs on it, and finding messages by what people know of them.

use std::{cmp::Reverse, collections::BTreeSet};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{
    fault::Outcome,
    index::{self, Mark},
    open::Places,
    payloads,
    rows::{self, Word},
    schema::POSITION_BITS,
};
use crate::{
    document::MessageId,
    ledger::{Document, Fact, Message, MessageFilter, MessageState, NumberFilter, Payload, Receipt},
};

/// How far a message's `at` may be from the time in its id, in milliseconds: a week.
const SKEW: i64 = 7 * 86_400_000;
/// How many ids of the index are looked at in one go.
const CHUNK: usize = 256;

/// One message and its number.
pub(super) fn message(conn: &Connection, id: MessageId) -> Outcome<Option<(i64, Message)>> {
    let mut find = conn.prepare_cached(&format!("SELECT {} FROM messages WHERE id = ?1", rows::MESSAGE))?;
    let mut found = find.query([id.to_bytes()])?;
    found.next()?.map(rows::read_message).transpose()
}

/// Those of many messages that exist, on one snapshot.
pub(super) fn messages_of(conn: &Connection, ids: &[MessageId]) -> Outcome<Vec<Message>> {
    let snapshot = conn.unchecked_transaction()?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(message(&snapshot, *id)?.map(|(_, message)| message));
    }
    Ok(found)
}

fn number(conn: &Connection, id: MessageId) -> Outcome<Option<i64>> {
    let mut find = conn.prepare_cached("SELECT num FROM messages WHERE id = ?1")?;
    Ok(find.query_row([id.to_bytes()], |row| row.get(0)).optional()?)
}

/// A message's payload.
pub(super) fn payload(conn: &Connection, places: &Places, id: MessageId) -> Outcome<Option<Payload>> {
    let mut find = conn
        .prepare_cached("SELECT file, payload FROM bodies WHERE message = (SELECT num FROM messages WHERE id = ?1)")?;
    let found: Option<(bool, Option<Vec<u8>>)> =
        find.query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(file, inline)| match inline {
        Some(bytes) if !file => Payload::Inline(Bytes::from(bytes)),
        _ => Payload::File(payloads::path_of(places, id)),
    }))
}

/// A message's receipt.
pub(super) fn receipt(conn: &Connection, id: MessageId) -> Outcome<Option<Receipt>> {
    let mut find =
        conn.prepare_cached("SELECT receipt FROM bodies WHERE message = (SELECT num FROM messages WHERE id = ?1)")?;
    let found: Option<Vec<u8>> = find.query_row([id.to_bytes()], |row| row.get(0)).optional()?;
    Ok(found.map(|bytes| Receipt(Bytes::from(bytes))))
}

/// Documents of a message from a position on.
pub(super) fn documents(conn: &Connection, id: MessageId, from: u32, limit: usize) -> Outcome<Vec<Document>> {
    let Some(num) = number(conn, id)? else { return Ok(Vec::new()) };
    if from >> POSITION_BITS != 0 {
        return Ok(Vec::new());
    }
    documents_where(
        conn,
        "doc >= ?1 AND doc < ?2 ORDER BY doc LIMIT ?3",
        params![rows::doc_key(num, from)?, rows::doc_key(num + 1, 0)?, i64::try_from(limit).unwrap_or(i64::MAX)],
        id,
    )
}

fn documents_where(conn: &Connection, which: &str, by: impl Params, id: MessageId) -> Outcome<Vec<Document>> {
    let mut all = conn.prepare_cached(&format!("SELECT {} FROM documents WHERE {which}", rows::DOCUMENT))?;
    let mut found = all.query(by)?;
    let mut documents = Vec::new();
    while let Some(row) = found.next()? {
        documents.push(rows::read_document(row, id)?);
    }
    Ok(documents)
}

/// What happened to a message.
pub(super) fn timeline(conn: &Connection, id: MessageId) -> Outcome<Vec<Fact>> {
    let mut find = conn.prepare_cached("SELECT num, facts FROM messages WHERE id = ?1")?;
    let found: Option<(i64, String)> =
        find.query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((num, facts)) = found else { return Ok(Vec::new()) };
    let mut timeline: Vec<Fact> = rows::from_json(&facts)?;
    let mut later = conn.prepare_cached("SELECT at, what, detail FROM facts WHERE message = ?1 ORDER BY n")?;
    let mut found = later.query([num])?;
    while let Some(row) = found.next()? {
        timeline.push(rows::read_fact(row)?);
    }
    Ok(timeline)
}

/// Where ids of messages come from.
enum Ids {
    /// Every message.
    All,
    /// Messages in a state that few are in.
    State(MessageState),
    /// The index, by what each pair of kind and value finds, and what the ledger has past the index's mark.
    Index(Vec<(i64, String)>),
}

/// Messages that fit, newest first.
pub(super) fn messages(
    conn: &Connection,
    indexed: bool,
    filter: &MessageFilter,
    before: Option<MessageId>,
    limit: usize,
) -> Outcome<Vec<Message>> {
    let snapshot = conn.unchecked_transaction()?;
    let conn = &*snapshot;
    let mut found = Vec::new();
    if let Some(id) = filter.message_id.as_deref().and_then(|text| text.parse::<MessageId>().ok()) {
        if let Some((num, message)) = message(conn, id)?
            && before.is_none_or(|before| id < before)
            && limit > 0
            && fits(conn, filter, num, &message)?
        {
            found.push(message);
        }
        return Ok(found);
    }
    let source = source(filter);
    let low = filter.from.map_or(0, |from| from.as_millisecond().saturating_sub(SKEW));
    let low = MessageId::new(rows::unsigned(low), 0).to_bytes();
    // Ids strictly below this one are looked at.
    let mut high = [0xff; 16];
    if let Some(to) = filter.to {
        let to = to.as_millisecond().saturating_add(SKEW);
        high = MessageId::new(rows::unsigned(to).min((1 << 48) - 1), u128::MAX).to_bytes();
    }
    if let Some(before) = before {
        high = high.min(before.to_bytes());
    }
    // The index first, the ledger second: what the index has not is then surely past its mark in the ledger.
    let unindexed = match &source {
        Ids::Index(terms) => {
            let mark = if indexed { index::mark(conn)? } else { Mark::default() };
            past_the_mark(conn, mark, terms)?
        }
        _ => BTreeSet::new(),
    };
    while found.len() < limit {
        let (ids, last) = chunk(conn, indexed, &source, &unindexed, low, high)?;
        for Reverse(id) in ids {
            let id = MessageId::from_bytes(id);
            if let Some((num, message)) = message(conn, id)?
                && fits(conn, filter, num, &message)?
            {
                found.push(message);
                if found.len() == limit {
                    break;
                }
            }
        }
        match last {
            Some(last) => high = last,
            None => break,
        }
    }
    Ok(found)
}

/// The way that finds fewest ids for a filter.
fn source(filter: &MessageFilter) -> Ids {
    if let Some(id) = filter.relates_to {
        Ids::Index(vec![(index::RELATED, id.to_string())])
    } else if let Some(id) = &filter.message_id {
        Ids::Index(vec![(index::TRANSPORT, id.clone())])
    } else if let Some(number) = &filter.number {
        Ids::Index(vec![(index::NUMBER, number.clone()), (index::ORDER, number.clone())])
    } else if let Some(isa13) = &filter.isa13 {
        Ids::Index(vec![(index::INTERCHANGE, isa13.clone())])
    } else if let Some(name) = &filter.filename {
        Ids::Index(vec![(index::FILENAME, name.clone())])
    } else if let Some(
        state @ (MessageState::Processing | MessageState::Held | MessageState::Ready | MessageState::Dead),
    ) = filter.state
    {
        Ids::State(state)
    } else if let Some(partner) = &filter.partner {
        Ids::Index(vec![(index::PARTNER, partner.clone())])
    } else {
        Ids::All
    }
}

type Id = [u8; 16];

/// The next ids below `high`, falling, and where to go on if there may be more.
fn chunk(
    conn: &Connection,
    indexed: bool,
    source: &Ids,
    unindexed: &BTreeSet<Id>,
    low: Id,
    high: Id,
) -> Outcome<(BTreeSet<Reverse<Id>>, Option<Id>)> {
    let mut ids: BTreeSet<Reverse<Id>> = BTreeSet::new();
    let mut list = |sql: &str, by: &dyn Fn(&mut rusqlite::CachedStatement<'_>) -> rusqlite::Result<Vec<Id>>| {
        let mut all = conn.prepare_cached(sql)?;
        let found = by(&mut all)?;
        let more = found.len() == CHUNK;
        let last = found.last().copied();
        ids.extend(found.into_iter().map(Reverse));
        Outcome::Ok(if more { last } else { None })
    };
    let read = |row: &rusqlite::Row<'_>| row.get::<_, Id>(0);
    let limit = CHUNK as i64;
    let mut last: Option<Id> = None;
    match source {
        Ids::All => {
            let sql = "SELECT id FROM messages WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
            last = list(sql, &|all| all.query_map(params![low, high, limit], read)?.collect())?;
        }
        Ids::State(state) => {
            // The word stands in the text, so that the engine sees that its partial index will do.
            let sql = format!(
                "SELECT id FROM messages WHERE state = '{}' AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                state.word()
            );
            last = list(&sql, &|all| all.query_map(params![low, high, limit], read)?.collect())?;
        }
        Ids::Index(terms) if indexed => {
            let sql = "SELECT DISTINCT id FROM ix.entries WHERE kind = ?1 AND value = ?2 AND id >= ?3 AND id < ?4
                       ORDER BY id DESC LIMIT ?5";
            for (kind, text) in terms {
                let value = index::value(*kind, text);
                let end = list(sql, &|all| all.query_map(params![kind, value, low, high, limit], read)?.collect())?;
                // Where one term goes on, the others have been read past that place already.
                last = last.max(end);
            }
        }
        Ids::Index(_) => {}
    }
    if let Some(last) = last {
        ids.retain(|id| id.0 >= last);
        ids.extend(unindexed.range(last.max(low)..high.max(last.max(low))).map(|id| Reverse(*id)));
    } else {
        ids.extend(unindexed.range(low..high.max(low)).map(|id| Reverse(*id)));
    }
    Ok((ids, last))
}

/// Ids of the messages that the index does not know yet and that may fit its terms.
fn past_the_mark(conn: &Connection, mark: Mark, terms: &[(i64, String)]) -> Outcome<BTreeSet<Id>> {
    let (mut ids, mut related) = (BTreeSet::new(), BTreeSet::new());
    let mut collect = |sql: &str, by: &dyn rusqlite::ToSql, text: &str| -> Outcome<()> {
        let mut all = conn.prepare_cached(sql)?;
        let mut found = all.query(params![by, text])?;
        while let Some(row) = found.next()? {
            ids.insert(row.get(0)?);
        }
        Ok(())
    };
    let first = (mark.message + 1) << POSITION_BITS;
    for (kind, text) in terms {
        let column = match *kind {
            index::PARTNER => "coalesce(partner, connection) = ?2",
            index::INTERCHANGE => "ltrim(interchange, '0') = ltrim(?2, '0')",
            index::TRANSPORT => "transport_id = ?2",
            index::FILENAME => "filename = ?2",
            index::RELATED => {
                let id = text.parse::<MessageId>().map(MessageId::to_bytes).unwrap_or_default();
                let mut all = conn.prepare_cached("SELECT id FROM messages WHERE num > ?1 AND relates_to = ?2")?;
                let found = all.query_map(params![mark.message, id], |row| row.get(0))?;
                related.extend(found.collect::<Result<Vec<Id>, _>>()?);
                continue;
            }
            _ => {
                let sql = format!(
                    "SELECT m.id FROM documents d JOIN messages m ON m.num = d.doc >> 24 WHERE d.doc >= ?1 AND {}",
                    NAMES
                );
                collect(&sql, &first, text)?;
                let sql = format!(
                    "SELECT m.id FROM touched t JOIN documents d ON d.doc BETWEEN t.first AND t.last
                     JOIN messages m ON m.num = d.doc >> 24 WHERE t.n > ?1 AND {NAMES}"
                );
                collect(&sql, &mark.touched, text)?;
                continue;
            }
        };
        collect(&format!("SELECT id FROM messages WHERE num > ?1 AND {column}"), &mark.message, text)?;
        let sql =
            format!("SELECT id FROM messages WHERE num IN (SELECT first >> 24 FROM touched WHERE n > ?1) AND {column}");
        collect(&sql, &mark.touched, text)?;
    }
    ids.append(&mut related);
    Ok(ids)
}

/// Whether a document `d` names the number `?2`.
const NAMES: &str =
    "(d.number = ?2 OR (d.orders IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(d.orders) WHERE value = ?2)))";

/// Whether a message fits a filter, all of it.
fn fits(conn: &Connection, filter: &MessageFilter, num: i64, message: &Message) -> Outcome<bool> {
    let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
    let isa13 = |text: &String| text.trim_start_matches('0').to_owned();
    let plain = filter.partner.as_ref().is_none_or(|partner| partner == message.whose())
        && same(&filter.filename, &message.filename)
        && same(&filter.isa13.as_ref().map(isa13), &message.interchange.as_ref().map(isa13))
        && filter
            .message_id
            .as_ref()
            .is_none_or(|id| message.transport_id.as_ref() == Some(id) || *id == message.id.to_string())
        && filter.state.is_none_or(|state| state == message.state)
        && filter.relates_to.is_none_or(|id| message.relates_to == Some(id))
        && filter.direction.is_none_or(|direction| direction == message.direction)
        && filter.from.is_none_or(|from| message.at >= from)
        && filter.to.is_none_or(|to| message.at < to);
    if !plain {
        return Ok(false);
    }
    let Some(number) = &filter.number else { return Ok(true) };
    let sql = format!("SELECT 1 FROM documents d WHERE d.doc >= ?1 AND d.doc < ?3 AND {NAMES} LIMIT 1");
    let mut any = conn.prepare_cached(&sql)?;
    Ok(any.exists(params![rows::doc_key(num, 0)?, number, rows::doc_key(num + 1, 0)?])?)
}

/// The newest documents that name a number, oldest first.
pub(super) fn documents_by_number(
    conn: &Connection,
    indexed: bool,
    number: &str,
    filter: &NumberFilter,
    limit: usize,
) -> Outcome<Vec<Document>> {
    let snapshot = conn.unchecked_transaction()?;
    let conn = &*snapshot;
    let mark = if indexed { index::mark(conn)? } else { Mark::default() };
    let mut places: BTreeSet<(Id, u32)> = BTreeSet::new();
    let after = filter.after.map(MessageId::to_bytes).unwrap_or_default();
    if indexed {
        // Values are cut and documents change, so what the index names is read and held against the number.
        let mut all = conn
            .prepare_cached("SELECT id, position FROM ix.entries WHERE kind IN (?1, ?2) AND value = ?3 AND id > ?4")?;
        let value = index::value(index::NUMBER, number);
        let mut found = all.query(params![index::NUMBER, index::ORDER, value, after])?;
        while let Some(row) = found.next()? {
            places.insert((row.get(0)?, row.get(1)?));
        }
    }
    let sql = format!(
        "SELECT m.id, d.doc FROM documents d JOIN messages m ON m.num = d.doc >> 24 WHERE d.doc >= ?1 AND {NAMES}
         UNION ALL
         SELECT m.id, d.doc FROM touched t JOIN documents d ON d.doc BETWEEN t.first AND t.last
         JOIN messages m ON m.num = d.doc >> 24 WHERE t.n > ?3 AND {NAMES}"
    );
    let mut tail = conn.prepare_cached(&sql)?;
    let mut found = tail.query(params![(mark.message + 1) << POSITION_BITS, number, mark.touched])?;
    while let Some(row) = found.next()? {
        places.insert((row.get(0)?, rows::position_of(row.get(1)?)));
    }
    let mut documents = Vec::new();
    for (id, position) in places.into_iter().rev().filter(|(id, _)| *id > after) {
        if documents.len() >= limit {
            break;
        }
        let id = MessageId::from_bytes(id);
        let Some(num) = self::number(conn, id)? else { continue };
        let found = documents_where(conn, "doc = ?1", [rows::doc_key(num, position)?], id)?;
        documents.extend(found.into_iter().filter(|document| {
            let names =
                document.number.as_deref() == Some(number) || document.orders.iter().any(|order| order == number);
            names && filter.fits(document)
        }));
    }
    documents.reverse();
    Ok(documents)
}
