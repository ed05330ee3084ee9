//! Stored bytes processed again with today's configuration: what was held runs on, what came out otherwise becomes a
//! correction, and what came out the same keeps its event. A dry run shows the difference and stores nothing.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Exchange,
    compose::{self, Known, Place, Subject, Tally},
    inbound::{self, FirstPass, Source},
    numbers, owed,
    pool::Lane,
    reading::{Context, ReadDocument, ReadInterchange},
    walk::{Documents, Walk},
};
use crate::{
    document::{self, EventId, MessageId},
    ledger::{
        Claim, ClaimKind, Committed, Direction, Document, DocumentState, Fact, LedgerError, MAX_DOCUMENTS, Message,
        MessageState, NewEvent, Owed, Revision, fitting,
    },
};

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The message.
    pub message: MessageId,
    /// Where it stood.
    pub was: MessageState,
    /// Where it stands now, or would.
    pub now: MessageState,
    /// Documents that came out otherwise; those that did not are left out.
    pub changes: Vec<Change>,
    /// How many came out the same.
    pub unchanged: u64,
    /// Whether any of this was stored.
    pub stored: bool,
}

/// One document that came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the message, from 0.
    pub position: u32,
    /// `purchase_order/4500012345`, or the set's name where it is not mapped.
    pub subject: String,
    /// How it stood; absent where it is new.
    pub was: Option<DocumentState>,
    /// How it stands now.
    pub now: DocumentState,
    /// The event that tells of it.
    pub event: Option<EventId>,
    /// The fields that differ: JSON Pointer, before, after.
    pub fields: Vec<(String, Value, Value)>,
    /// Why it is not queued, if it is not.
    pub problem: Option<Value>,
}

impl Exchange {
    /// Processes a stored message again.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`] for a message that is not there, [`LedgerError::Conflict`] for one that is still being
    /// worked out or that went out, and whatever the ledger says.
    pub async fn replay(&self, id: MessageId, dry_run: bool, reason: &str) -> Result<Replayed, LedgerError> {
        let ledger = &self.inner.ledger;
        let message = ledger.message(id).await?.ok_or_else(|| LedgerError::NotFound(format!("message {id}")))?;
        if message.direction == Direction::Out {
            return Err(LedgerError::Conflict(format!("{id} is a message that went out; only arrivals are replayed")));
        }
        if message.state == MessageState::Processing {
            return Err(LedgerError::Conflict(format!("{id} is still being worked out")));
        }
        if super::canonical::is(&message) {
            // It came as what it is: no mapping took part in it, so none can change it.
            let unchanged = ledger.documents(id, 0, MAX_DOCUMENTS).await?.len() as u64;
            let (was, changes) = (message.state, Vec::new());
            return Ok(Replayed { message: id, was, now: was, changes, unchanged, stored: false });
        }
        let subject = Subject { id, at: message.at, correlation: message.correlation.clone() };
        let (mut read, mut documents) = self.read_again(&message).await?;
        let before = self.stored_documents(id).await?;

        let mut known = Known::default();
        let sets = documents.iter().filter_map(|(_, document)| Some(document.set_number.as_ref()?.claim));
        let claims = inbound::envelope_claims(&read).into_iter().chain(sets).collect();
        known.add(&ledger.holders(claims).await?);
        loop {
            settle(&mut read, &mut documents, id, &known);
            let composed = compose::compose(&subject, &read.reading, &read.digests, &known);
            let claims = composed.claims.iter().filter(|claim| of_envelope(claim)).copied().collect();
            // What became of interchanges as a whole; their documents follow.
            let mut plan = Plan { claims, tally: composed.tally, ..Plan::default() };
            let mut business = Vec::new();
            for (index, document) in &documents {
                let counted = composed.counted.get(*index) == Some(&true);
                if !counted && !read.reading.interchanges.get(*index).is_some_and(ReadInterchange::rejected) {
                    continue;
                }
                business.extend(document.key.map(|key| Claim {
                    kind: ClaimKind::Business,
                    key,
                    digest: document.digest,
                    position: document.position,
                }));
                plan.add(self, &subject, &read, *index, document, &before, &known).await?;
            }
            // What its sender was told about the syntax stays as it is, unless nothing was said yet.
            let open = message.state == MessageState::Held;
            let owed = if open {
                self.not_done_before(id, &read, composed.earned, composed.heard, &known).await?
            } else {
                Vec::new()
            };
            let state = plan.tally.state(composed.problem.is_some());
            let taken = ledger.holders(business).await?;
            if known.add(&taken) {
                continue;
            }
            let replayed = Replayed {
                message: id,
                was: message.state,
                now: state,
                changes: plan.changes.clone(),
                unchanged: plan.unchanged,
                stored: !dry_run,
            };
            if dry_run || (plan.changes.is_empty() && owed.is_empty() && state == message.state) {
                return Ok(Replayed { stored: false, ..replayed });
            }
            let partner =
                read.reading.interchanges.first().and_then(|one| one.partner.as_ref()).map(|one| one.id.clone());
            let problem = composed.problem.map(|problem| problem.to_json());
            let detail = format!("{} changed, {} unchanged: {reason}", plan.changes.len(), plan.unchanged);
            let fact = Fact { at: self.now(), what: "replayed".into(), detail };
            let revision = Revision {
                message: id,
                state,
                problem,
                partner,
                claims: plan.claims,
                documents: plan.documents,
                owed,
                facts: vec![fact],
            };
            match self.revise(revision, plan.heard).await? {
                Committed::Stored => {
                    self.inner.owed.notify_one();
                    return Ok(replayed);
                }
                Committed::Taken(taken) => {
                    known.add(&taken);
                }
            }
        }
    }

    /// What a message earns and says of ours, interchange by interchange, as far as it was not earned or heard before.
    async fn not_done_before(
        &self,
        id: MessageId,
        read: &FirstPass,
        earned: Vec<(usize, Owed)>,
        heard: Vec<(usize, Owed)>,
        known: &Known,
    ) -> Result<Vec<Owed>, LedgerError> {
        let (mut new, mut answers) = (Vec::new(), HashMap::new());
        let places = |all: Vec<(usize, Owed)>| {
            all.into_iter().filter_map(|(index, owed)| {
                Some((read.reading.interchanges.get(index)?, u32::try_from(index).ok()?, owed))
            })
        };
        for (interchange, position, owed) in places(earned) {
            if !answers.contains_key(&owed.partner) {
                answers.insert(owed.partner.clone(), self.answers(id, &owed.partner).await?);
            }
            let Some(answers) = answers.get(&owed.partner) else { continue };
            if !self.is_told(answers, position, &interchange.verdict).await? {
                new.push(owed);
            }
        }
        let before = |interchange: &ReadInterchange, position| {
            let place = Place { message: id, position };
            known.holder(ClaimKind::Interchange, interchange.key).is_some_and(|holder| place.holds(holder))
        };
        let heard = places(heard).filter(|(interchange, position, _)| !before(interchange, *position));
        new.extend(heard.map(|(_, _, owed)| owed));
        Ok(new)
    }

    pub(super) async fn read_again(
        &self,
        message: &Message,
    ) -> Result<(FirstPass, Vec<(usize, ReadDocument)>), LedgerError> {
        let payload = self.inner.ledger.payload(message.id).await?;
        let payload = payload.ok_or_else(|| LedgerError::NotFound(format!("the payload of {}", message.id)))?;
        let source = Source::stored(&payload);
        let snapshot = self.inner.snapshot.load_full();
        let context = Context {
            snapshot: Arc::clone(&snapshot),
            connection: snapshot.directory.partner(&message.connection).cloned(),
            assumed: None,
            mode: message.mode,
            traced: false,
        };
        let work = move || -> std::io::Result<_> {
            let mut read = inbound::read(&context, &source, None)?;
            let mut documents = Vec::new();
            if matches!(source, Source::Memory(_)) {
                for (index, interchange) in read.reading.interchanges.iter_mut().enumerate() {
                    documents.extend(std::mem::take(&mut interchange.documents).into_iter().map(|one| (index, one)));
                }
            } else {
                let counts: Vec<_> = read.reading.interchanges.iter().map(|one| one.held.is_none()).collect();
                let mut walk = Walk::new(&context, read.reading.format, source.open()?);
                let mut done = false;
                while !done {
                    let give =
                        &mut Documents::Give { from: 0, first: &read.reading, counts: &counts, slice: &mut documents };
                    done = walk.advance(give)?;
                }
            }
            Ok((read, documents))
        };
        let turn = self.inner.pool.run(&message.connection, Lane::Long, work).await;
        let turn = turn.map_err(|_| LedgerError::Unavailable("too much of this partner is waiting".into()))?;
        turn.map_err(|error| LedgerError::Unavailable(format!("the payload cannot be read: {error}")))
    }

    pub(super) async fn stored_documents(&self, id: MessageId) -> Result<BTreeMap<u32, Document>, LedgerError> {
        const PAGE: usize = 1000;
        let mut all = BTreeMap::new();
        let mut from = 0;
        loop {
            let page = self.inner.ledger.documents(id, from, PAGE).await?;
            let full = page.len() == PAGE;
            from = page.last().map_or(from, |last| last.position + 1);
            all.extend(page.into_iter().map(|document| (document.position, document)));
            if !full {
                return Ok(all);
            }
        }
    }

    /// Stores a revision of any size, in as many transactions as it takes. All but the last leave the message held, so that a
    /// crash between two is mended by doing it again. What its acknowledgements say (`heard`, by their positions) is left to be
    /// told with them, so that it is neither lost nor told twice.
    pub(super) async fn revise(
        &self,
        mut whole: Revision,
        mut heard: Vec<(u32, Owed)>,
    ) -> Result<Committed, LedgerError> {
        loop {
            let after = whole.documents.split_off(fitting(&whole.documents));
            if after.is_empty() {
                whole.owed.splice(..0, heard.into_iter().map(|(_, owed)| owed));
                return self.inner.ledger.revise(whole).await;
            }
            let positions: HashSet<_> = whole.documents.iter().map(|(document, _)| document.position).collect();
            let (now, later) =
                whole.claims.into_iter().partition(|claim| of_envelope(claim) || positions.contains(&claim.position));
            let (here, behind): (Vec<_>, _) = heard.into_iter().partition(|(position, _)| positions.contains(position));
            let piece = Revision {
                message: whole.message,
                state: MessageState::Held,
                problem: whole.problem.clone(),
                partner: whole.partner.clone(),
                claims: now,
                documents: whole.documents,
                owed: here.into_iter().map(|(_, owed)| owed).collect(),
                facts: Vec::new(),
            };
            match self.inner.ledger.revise(piece).await? {
                Committed::Stored => (whole.claims, whole.documents, heard) = (later, after, behind),
                taken @ Committed::Taken(_) => return Ok(taken),
            }
        }
    }
}

/// Rejects or holds what has numbers of somebody else.
fn settle(read: &mut FirstPass, documents: &mut [(usize, ReadDocument)], id: MessageId, known: &Known) {
    numbers::settle_numbers(&mut read.reading, id, known);
    for (index, document) in documents {
        let Some(interchange) = read.reading.interchanges.get_mut(*index) else { continue };
        for (group, set) in numbers::settle_sets(interchange, std::slice::from_mut(document), id, known) {
            interchange.verdict.refuse_set(group, &set);
        }
    }
}

/// Whether a claim is an envelope's, and not a document's.
fn of_envelope(claim: &Claim) -> bool {
    matches!(claim.kind, ClaimKind::Transport | ClaimKind::Interchange | ClaimKind::Group)
}

/// What a replay would change.
#[derive(Default)]
struct Plan {
    claims: Vec<Claim>,
    documents: Vec<(Document, Option<NewEvent>)>,
    changes: Vec<Change>,
    unchanged: u64,
    tally: Tally,
    /// What acknowledgements say of ours that was not heard before, by their positions.
    heard: Vec<(u32, Owed)>,
}

impl Plan {
    #[expect(clippy::too_many_arguments, reason = "one document in all its circumstances")]
    async fn add(
        &mut self,
        exchange: &Exchange,
        subject: &Subject,
        read: &FirstPass,
        index: usize,
        document: &ReadDocument,
        before: &BTreeMap<u32, Document>,
        known: &Known,
    ) -> Result<(), LedgerError> {
        let Some(interchange) = read.reading.interchanges.get(index) else { return Ok(()) };
        let was = before.get(&document.position);
        let told = was.and_then(|was| was.event);
        let mut made = compose::documents(subject, interchange, std::slice::from_ref(document), known);
        let Some((mut stored, mut event)) = made.documents.pop() else { return Ok(()) };
        self.tally.count([&stored]);
        let same = was.is_some_and(|was| was.state == stored.state && was.digest == stored.digest);
        // What the ERP was told once can be corrected, but not taken back by a mapping that no longer works.
        if same || (told.is_some() && event.is_none()) {
            self.unchanged += 1;
            return Ok(());
        }
        if stored.state == DocumentState::Recorded {
            let said = owed::heard(subject, interchange, std::slice::from_ref(document));
            self.heard.extend(said.into_iter().map(|owed| (document.position, owed)));
        }
        let mut fields = Vec::new();
        if let (Some(told), Some(_)) = (told, &event) {
            let revision = told.revision + 1;
            (stored, event) = compose::store(subject, interchange, document.clone(), revision);
            if let Some(old) = exchange.inner.ledger.event(told).await? {
                let old: Value = serde_json::from_slice(&old.data).unwrap_or_default();
                let new = document::with_orders(&document.json, &document.orders);
                let new: Value = serde_json::from_slice(&new).unwrap_or_default();
                differences(&old, &new, String::new(), &mut fields);
            }
        }
        self.changes.push(Change {
            position: document.position,
            subject: if document.subject.is_empty() { document.set.clone() } else { document.subject.clone() },
            was: was.map(|was| was.state),
            now: stored.state,
            event: stored.event,
            fields,
            problem: stored.problem.clone(),
        });
        self.claims.append(&mut made.claims);
        self.documents.push((stored, event));
        Ok(())
    }
}

/// The most differences that one document lists.
const MAX_DIFFERENCES: usize = 100;

/// Where two JSON values differ, as JSON Pointers.
fn differences(old: &Value, new: &Value, at: String, out: &mut Vec<(String, Value, Value)>) {
    if old == new || out.len() >= MAX_DIFFERENCES {
        return;
    }
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                let (old, new) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
                differences(old, new, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for index in 0..old.len().max(new.len()) {
                let (old, new) = (old.get(index).unwrap_or(&Value::Null), new.get(index).unwrap_or(&Value::Null));
                differences(old, new, format!("{at}/{index}"), out);
            }
        }
        _ => out.push((at, old.clone(), new.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_pointer() {
        let old = json!({ "number": "1", "lines": [{ "quantity": "2" }], "a/b": 1 });
        let new = json!({ "number": "1", "lines": [{ "quantity": "3" }, { "quantity": "4" }], "a/b": 2 });
        let mut found = Vec::new();
        differences(&old, &new, String::new(), &mut found);
        let found: Vec<_> = found.iter().map(|(at, ..)| at.as_str()).collect();
        assert_eq!(found, ["/a~1b", "/lines/0/quantity", "/lines/1"]);
    }
}
