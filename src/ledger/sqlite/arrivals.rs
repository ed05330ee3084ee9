//! Arrivals: an entry whole, or in slices and an end, or processed again.
//!
//! What can be done before the writer's turn (JSON, digests, keys) is done here by the caller; the writer only writes.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, ffi::SQLITE_CONSTRAINT_UNIQUE, params, types::Value};

use super::{
    fault::{Outcome, damaged},
    lanes::Weight,
    payloads::Kept,
    rows::{self, Word},
    writer::{Done, Tx},
};
use crate::{
    document::MessageId,
    ledger::{
        Claim, Committed, Document, Entry, Fact, Holder, LedgerError, MAX_BYTES, MAX_DOCUMENTS, Message, MessageState,
        NewEvent, Owed, Receipt, Revision, Slice, Taken, Unfinished,
    },
};

/// A document as it is written.
pub(super) struct NewDocument {
    pub(super) document: Document,
    digest: Value,
    orders: Option<String>,
    problem: Option<String>,
    extras: Option<String>,
    pub(super) event: Option<NewEvent>,
}

/// Bytes of documents that a transaction has to carry: what [`crate::ledger::weight`] says, of what is written already.
fn size_of(documents: &[NewDocument]) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let size = |new: &NewDocument| {
        let data = new.event.as_ref().map_or(0, |event| event.data.len());
        data + text(&new.orders) + text(&new.problem) + text(&new.extras)
    };
    documents.iter().map(size).sum()
}

/// Prepares documents, and holds them against what one transaction may carry. A single document may be of any size.
pub(super) fn prepare_documents(
    documents: Vec<(Document, Option<NewEvent>)>,
) -> Result<(Vec<NewDocument>, Weight), LedgerError> {
    let count = documents.len();
    if count > MAX_DOCUMENTS {
        return Err(LedgerError::Conflict(format!("{count} documents are more than {MAX_DOCUMENTS} in one commit")));
    }
    let json = |value: &Option<serde_json::Value>| value.as_ref().map(rows::json).transpose();
    let mut ready = Vec::with_capacity(count);
    for (document, event) in documents {
        rows::doc_key(0, document.position)?;
        ready.push(NewDocument {
            digest: rows::digest_value(&document.digest),
            orders: if document.orders.is_empty() { None } else { Some(rows::json(&document.orders)?) },
            problem: json(&document.problem)?,
            extras: json(&document.extras)?,
            document,
            event,
        });
    }
    let bytes = size_of(&ready);
    if count > 1 && bytes > MAX_BYTES {
        return Err(LedgerError::Conflict(format!(
            "{bytes} bytes of documents are more than {MAX_BYTES} in one commit"
        )));
    }
    Ok((ready, Weight { documents: count.max(1), bytes }))
}

/// An entry as it is written.
pub(super) struct NewEntry {
    message: NewMessage,
    pub(super) kept: Kept,
    receipt: Bytes,
    claims: Vec<Claim>,
    documents: Vec<NewDocument>,
    owed: Vec<Owed>,
    complete: bool,
}

/// A message as it is written.
pub(super) struct NewMessage {
    pub(super) message: Message,
    digest: Value,
    problem: Option<String>,
    facts: String,
}

impl NewMessage {
    pub(super) fn new(message: Message, facts: &[Fact]) -> Result<Self, LedgerError> {
        Ok(Self {
            digest: rows::digest_value(&message.digest),
            problem: message.problem.as_ref().map(rows::json).transpose()?,
            facts: rows::json(&facts)?,
            message,
        })
    }

    /// Writes the message; its number, or `None` where it is here already.
    pub(super) fn insert(&self, tx: &mut Tx, unfinished: bool) -> Outcome<Option<i64>> {
        let num = tx.next.message;
        let m = &self.message;
        let stored = tx
            .conn
            .prepare_cached(
                // Not `ON CONFLICT` nor `OR IGNORE`, for which the engine makes a table of its own each time.
                "INSERT INTO messages (num, id, at, direction, channel, state, mode, connection, partner, transport_id,
                   filename, content_type, digest, bytes, interchange, correlation, config, relates_to, unfinished,
                   problem, facts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
            )?
            .execute(params![
                num,
                m.id.to_bytes(),
                m.at.as_microsecond(),
                m.direction.word(),
                m.channel.word(),
                m.state.word(),
                m.mode.word(),
                m.connection,
                m.partner,
                m.transport_id,
                m.filename,
                m.content_type,
                self.digest,
                rows::signed(m.bytes),
                m.interchange,
                m.correlation,
                m.config,
                m.relates_to.map(MessageId::to_bytes),
                unfinished,
                self.problem,
                self.facts,
            ]);
        match stored {
            Err(rusqlite::Error::SqliteFailure(error, _)) if error.extended_code == SQLITE_CONSTRAINT_UNIQUE => {
                return Ok(None);
            }
            stored => stored?,
        };
        tx.next.message += 1;
        tx.touched_messages();
        Ok(Some(num))
    }
}

/// Writes a body.
pub(super) fn insert_body(tx: &Tx, num: i64, kept: &Kept, receipt: &[u8]) -> Outcome<()> {
    let (file, inline) = match kept {
        Kept::Inline(bytes) => (false, Some(&bytes[..])),
        Kept::File { .. } => (true, None),
    };
    tx.conn
        .prepare_cached("INSERT INTO bodies (message, file, receipt, payload) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![num, file, receipt, inline])?;
    Ok(())
}

impl NewEntry {
    pub(super) fn new(entry: Entry, kept: Kept) -> Result<(Self, Weight), (Kept, LedgerError)> {
        let prepared = (|| {
            let (documents, mut weight) = prepare_documents(entry.documents)?;
            let message = NewMessage::new(entry.message, &entry.facts)?;
            if let Kept::Inline(bytes) = &kept {
                weight.bytes += bytes.len();
            }
            weight.bytes += entry.receipt.0.len();
            Ok((documents, weight, message))
        })();
        match prepared {
            Err(error) => Err((kept, error)),
            Ok((documents, weight, message)) => {
                let Receipt(receipt) = entry.receipt;
                let complete = entry.complete;
                Ok((
                    Self { message, kept, receipt, claims: entry.claims, documents, owed: entry.owed, complete },
                    weight,
                ))
            }
        }
    }

    /// Writes the entry.
    pub(super) fn commit(&self, tx: &mut Tx) -> Outcome<Done<Committed>> {
        let Some(num) = self.message.insert(tx, !self.complete)? else {
            return same_again(tx, &self.message);
        };
        let day = day_of(self.message.message.at.as_microsecond());
        let taken = claim(tx, num, day, &self.claims)?;
        if !taken.is_empty() {
            return Ok(Done::Undo(Committed::Taken(taken)));
        }
        insert_body(tx, num, &self.kept, &self.receipt)?;
        let written = insert_documents(tx, num, &self.documents, Existing::Kept)?;
        if self.complete {
            tx.release(written.seq, written.count, written.tally);
        } else {
            hold_back(tx, num, written)?;
        }
        insert_owed(tx, num, &self.owed)?;
        Ok(Done::Keep(Committed::Stored))
    }
}

/// A message whose id is here already: the same work done again is fine, and changes nothing.
pub(super) fn same_again(tx: &Tx, new: &NewMessage) -> Outcome<Done<Committed>> {
    let id = new.message.id;
    let digest: Value =
        tx.conn.query_row("SELECT digest FROM messages WHERE id = ?1", [id.to_bytes()], |row| row.get(0))?;
    if digest == new.digest {
        return Ok(Done::Undo(Committed::Stored));
    }
    Err(LedgerError::Conflict(format!("{id} is here already, with another payload")).into())
}

/// Days since 1970.
fn day_of(micros: i64) -> i64 {
    micros.div_euclid(86_400_000_000)
}

/// Takes claims for a message; those that it cannot have. One that it holds for the same position is work done again.
fn claim(tx: &Tx, num: i64, day: i64, claims: &[Claim]) -> Outcome<Vec<Taken>> {
    let mut taken = Vec::new();
    let mut take = tx.conn.prepare_cached(
        "INSERT INTO claims (key, kind, message, position, digest, day) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO NOTHING",
    )?;
    for (index, claim) in claims.iter().enumerate() {
        let kind = rows::claim_kind(claim.kind);
        if take.execute(params![claim.key.0, kind, num, claim.position, claim.digest, day])? > 0 {
            continue;
        }
        let Some((holding, holder)) = holder(&tx.conn, claim)? else { continue };
        let same = |other: &Claim| (other.kind, other.key) == (claim.kind, claim.key);
        let again = holding == num && holder.position == claim.position;
        if !again || claims.iter().take(index).any(same) {
            taken.push(Taken { claim: *claim, holder });
        }
    }
    Ok(taken)
}

/// Who holds a claim, and the number of that message.
fn holder(conn: &Connection, claim: &Claim) -> Outcome<Option<(i64, Holder)>> {
    let mut find = conn.prepare_cached(
        "SELECT c.message, m.id, c.position, c.digest FROM claims c LEFT JOIN messages m ON m.num = c.message
         WHERE c.key = ?1 AND c.kind = ?2",
    )?;
    let found = find
        .query_row(params![claim.key.0, rows::claim_kind(claim.kind)], |row| {
            let id: Option<[u8; 16]> = row.get(1)?;
            Ok((row.get::<_, i64>(0)?, id, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((num, id, position, digest)) = found else { return Ok(None) };
    let id = id.ok_or_else(|| damaged(format!("a claim is held by message number {num}, which is gone")))?;
    Ok(Some((num, Holder { message: MessageId::from_bytes(id), position, digest })))
}

/// Who holds these claims.
pub(super) fn holders(conn: &Connection, claims: &[Claim]) -> Outcome<Vec<Taken>> {
    let mut taken = Vec::new();
    for claim in claims {
        if let Some((_, holder)) = holder(conn, claim)? {
            taken.push(Taken { claim: *claim, holder });
        }
    }
    Ok(taken)
}

/// What to do with a document whose place is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Kept,
    Replaced,
}

/// What was written of some documents.
pub(super) struct Written {
    /// The first new event, and how many follow it without a gap.
    pub(super) seq: i64,
    pub(super) count: i64,
    tally: Vec<(String, String, i64)>,
    /// The least and greatest keys of documents that were written.
    pub(super) range: Option<(i64, i64)>,
}

impl Written {
    /// Puts the new events on the log.
    pub(super) fn release(self, tx: &mut Tx) {
        tx.release(self.seq, self.count, self.tally);
    }
}

/// Writes documents and their events.
pub(super) fn insert_documents(
    tx: &mut Tx,
    num: i64,
    documents: &[NewDocument],
    existing: Existing,
) -> Outcome<Written> {
    let mut written = Written { seq: tx.next.seq, count: 0, tally: Vec::new(), range: None };
    let mut insert = tx.conn.prepare_cached(match existing {
        Existing::Kept => {
            "INSERT INTO documents (doc, partner, kind, format_kind, number, orders, state, first, length, digest,
               mapping, event, revision, problem, extras, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO NOTHING"
        }
        Existing::Replaced => {
            "INSERT OR REPLACE INTO documents (doc, partner, kind, format_kind, number, orders, state, first, length,
               digest, mapping, event, revision, problem, extras, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        }
    })?;
    for new in documents {
        let d = &new.document;
        let doc = rows::doc_key(num, d.position)?;
        let mut event = new.event.as_ref();
        let mut revision = event.map(|event| event.id).or(d.event).map(|id| id.revision);
        let mut previous = None;
        if existing == Existing::Replaced {
            let before = event_before(tx, doc)?;
            // Work done twice: its event is on the log already.
            if revision.is_some() && before.revision >= revision {
                event = None;
            }
            revision = revision.max(before.revision);
            previous = before.seq;
        }
        let seq = if event.is_some() { Some(tx.next.seq) } else { previous };
        let stored = insert.execute(params![
            doc,
            d.partner,
            d.kind.map(crate::document::DocumentType::as_str),
            d.format_kind,
            d.number,
            new.orders,
            d.state.word(),
            rows::signed(d.range.0),
            rows::signed(d.range.1),
            new.digest,
            d.mapping,
            revision,
            d.revision,
            new.problem,
            new.extras,
            seq,
        ])?;
        if stored == 0 {
            continue;
        }
        let (first, last) = written.range.unwrap_or((doc, doc));
        written.range = Some((first.min(doc), last.max(doc)));
        if let Some(event) = event {
            insert_event(tx, tx.next.seq, event, previous)?;
            tx.next.seq += 1;
            written.count += 1;
            add_to(&mut written.tally, event);
        }
    }
    Ok(written)
}

/// A document's latest event.
#[derive(Default)]
pub(super) struct Before {
    pub(super) revision: Option<u32>,
    seq: Option<i64>,
}

pub(super) fn event_before(tx: &Tx, doc: i64) -> Outcome<Before> {
    let mut find = tx.conn.prepare_cached("SELECT event, seq FROM documents WHERE doc = ?1")?;
    let found = find.query_row([doc], |row| Ok(Before { revision: row.get(0)?, seq: row.get(1)? })).optional()?;
    Ok(found.unwrap_or_default())
}

fn add_to(tally: &mut Vec<(String, String, i64)>, event: &NewEvent) {
    let (mode, kind) = (event.mode.word(), rows::type_of(&event.kind));
    match tally.iter_mut().find(|(m, k, _)| m == mode && k == kind) {
        Some((_, _, count)) => *count += 1,
        None => tally.push((mode.to_owned(), kind.to_owned(), 1)),
    }
}

fn insert_event(tx: &Tx, seq: i64, event: &NewEvent, previous: Option<i64>) -> Outcome<()> {
    tx.conn
        .prepare_cached(
            "INSERT INTO events (seq, kind, mode, key, partner, message, position, revision, time, subject, correlation,
               replaces, previous, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            seq,
            event.kind,
            event.mode.word(),
            event.key,
            event.partner,
            event.id.message.to_bytes(),
            event.id.position,
            event.id.revision,
            event.time.as_microsecond(),
            event.subject,
            event.correlation,
            event.replaces.map(|id| id.to_string()),
            previous,
            &event.data[..],
        ])?;
    Ok(())
}

/// Keeps events off the log until their message is finished.
fn hold_back(tx: &Tx, num: i64, written: Written) -> Outcome<()> {
    let Some((first, _)) = written.range else { return Ok(()) };
    if written.count > 0 {
        tx.conn
            .prepare_cached("INSERT INTO held_back (message, first, seq, count, tally) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![num, first, written.seq, written.count, rows::json(&written.tally)?])?;
    }
    Ok(())
}

/// Tells the search index that documents came or changed after their message.
pub(super) fn touch(tx: &mut Tx, range: Option<(i64, i64)>) -> Outcome<()> {
    if let Some((first, last)) = range {
        tx.conn.prepare_cached("INSERT INTO touched (first, last) VALUES (?1, ?2)")?.execute([first, last])?;
        tx.touched_messages();
    }
    Ok(())
}

pub(super) fn insert_owed(tx: &mut Tx, num: i64, owed: &[Owed]) -> Outcome<()> {
    for new in owed {
        tx.conn
            .prepare_cached("INSERT INTO owed (id, message, partner, due, facts) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![tx.next.owed, num, new.partner, new.due.as_microsecond(), new.facts])?;
        tx.next.owed += 1;
    }
    Ok(())
}

/// Adds to what happened to a message.
pub(super) fn add_facts(tx: &Tx, num: i64, facts: &[Fact]) -> Outcome<()> {
    let mut insert = tx.conn.prepare_cached(
        "INSERT INTO facts (message, n, at, what, detail)
         SELECT ?1, coalesce(max(n), 0) + 1, ?2, ?3, ?4 FROM facts WHERE message = ?1",
    )?;
    for fact in facts {
        insert.execute(params![num, fact.at.as_microsecond(), fact.what, fact.detail])?;
    }
    Ok(())
}

/// The number of a message, whether it is unfinished, and its day.
pub(super) fn find(tx: &Tx, id: MessageId) -> Outcome<(i64, bool, i64)> {
    let mut find = tx.conn.prepare_cached("SELECT num, unfinished, at FROM messages WHERE id = ?1")?;
    let found =
        find.query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?, day_of(row.get(2)?)))).optional()?;
    Ok(found.ok_or_else(|| LedgerError::NotFound(id.to_string()))?)
}

/// Writes more documents of an unfinished message.
pub(super) fn append(
    tx: &mut Tx,
    id: MessageId,
    claims: &[Claim],
    documents: &[NewDocument],
) -> Outcome<Done<Committed>> {
    let (num, unfinished, day) = find(tx, id)?;
    let taken = claim(tx, num, day, claims)?;
    if !taken.is_empty() {
        return Ok(Done::Undo(Committed::Taken(taken)));
    }
    let written = insert_documents(tx, num, documents, Existing::Kept)?;
    if !unfinished {
        // A slice that comes again after the end is fine, as long as it brings nothing new.
        if written.range.is_some() {
            return Err(LedgerError::Conflict(format!("{id} is finished; it takes no more documents")).into());
        }
        return Ok(Done::Undo(Committed::Stored));
    }
    touch(tx, written.range)?;
    hold_back(tx, num, written)?;
    Ok(Done::Keep(Committed::Stored))
}

/// What [`append`] needs of a slice.
pub(super) fn prepare_slice(slice: Slice) -> Result<(MessageId, Vec<Claim>, Vec<NewDocument>, Weight), LedgerError> {
    let (documents, weight) = prepare_documents(slice.documents)?;
    Ok((slice.message, slice.claims, documents, weight))
}

/// Ends a message that came in slices, and puts its events on the log.
pub(super) fn finish(
    tx: &mut Tx,
    id: MessageId,
    state: MessageState,
    owed: &[Owed],
    facts: &[Fact],
) -> Outcome<Done<()>> {
    let (num, unfinished, _) = find(tx, id)?;
    if !unfinished {
        return Ok(Done::Undo(()));
    }
    tx.conn
        .prepare_cached("UPDATE messages SET unfinished = 0, state = ?2 WHERE num = ?1")?
        .execute(params![num, state.word()])?;
    let slices: Vec<(i64, i64, String)> = tx
        .conn
        .prepare_cached("SELECT seq, count, tally FROM held_back WHERE message = ?1 ORDER BY first")?
        .query_map([num], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (seq, count, tally) in slices {
        tx.release(seq, count, rows::from_json::<Vec<(String, String, i64)>>(&tally)?);
    }
    tx.conn.prepare_cached("DELETE FROM held_back WHERE message = ?1")?.execute([num])?;
    insert_owed(tx, num, owed)?;
    add_facts(tx, num, facts)?;
    Ok(Done::Keep(()))
}

/// The messages that have no end yet.
pub(super) fn unfinished(conn: &Connection) -> Outcome<Vec<Unfinished>> {
    let mut open =
        conn.prepare_cached(&format!("SELECT {} FROM messages WHERE unfinished = 1 ORDER BY num", rows::MESSAGE))?;
    let mut stored = conn.prepare_cached("SELECT doc FROM documents WHERE doc >= ?1 AND doc < ?2 ORDER BY doc")?;
    let mut found = Vec::new();
    let mut messages = open.query([])?;
    while let Some(row) = messages.next()? {
        let (num, message) = rows::read_message(row)?;
        let mut next_position = 0;
        let mut documents = stored.query([rows::doc_key(num, 0)?, rows::doc_key(num + 1, 0)?])?;
        while let Some(row) = documents.next()? {
            if rows::position_of(row.get(0)?) != next_position {
                break;
            }
            next_position += 1;
        }
        found.push(Unfinished { message, next_position });
    }
    Ok(found)
}

/// A message processed again, as it is written.
pub(super) struct NewRevision {
    revision: Revision,
    problem: Option<String>,
    documents: Vec<NewDocument>,
    owed: Vec<Owed>,
}

impl NewRevision {
    pub(super) fn new(mut revision: Revision) -> Result<(Self, Weight), LedgerError> {
        let (documents, weight) = prepare_documents(std::mem::take(&mut revision.documents))?;
        let problem = revision.problem.as_ref().map(rows::json).transpose()?;
        let owed = std::mem::take(&mut revision.owed);
        Ok((Self { revision, problem, documents, owed }, weight))
    }

    /// Writes what the message came to this time.
    pub(super) fn commit(&self, tx: &mut Tx) -> Outcome<Done<Committed>> {
        let revision = &self.revision;
        let (num, unfinished, day) = find(tx, revision.message)?;
        if unfinished {
            return Err(LedgerError::Conflict(format!("{} is not finished yet", revision.message)).into());
        }
        let taken = claim(tx, num, day, &revision.claims)?;
        if !taken.is_empty() {
            return Ok(Done::Undo(Committed::Taken(taken)));
        }
        // All events on the log already: this is work done twice, and what it earned was earned then.
        let mut again = self.documents.iter().any(|new| new.event.is_some());
        for new in &self.documents {
            let doc = rows::doc_key(num, new.document.position)?;
            if let Some(event) = &new.event {
                again &= event_before(tx, doc)?.revision >= Some(event.id.revision);
            }
        }
        tx.conn
            .prepare_cached(
                "UPDATE messages SET state = ?2, problem = ?3, partner = coalesce(?4, partner) WHERE num = ?1",
            )?
            .execute(params![num, revision.state.word(), self.problem, revision.partner])?;
        let written = insert_documents(tx, num, &self.documents, Existing::Replaced)?;
        let message = rows::doc_key(num, 0)?;
        touch(tx, Some(written.range.unwrap_or((message, message))))?;
        written.release(tx);
        if !again {
            insert_owed(tx, num, &self.owed)?;
            add_facts(tx, num, &revision.facts)?;
        }
        Ok(Done::Keep(Committed::Stored))
    }
}
