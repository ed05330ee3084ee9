//! A person's word that a document counts which says something else than the first one of its number (EXC-0008): it goes to
//! the ERP after all, as a correction of the first, so that an ERP that knows documents by their events swallows neither.

use std::collections::HashSet;

use super::{
    Change, Exchange, Replayed, codes,
    compose::{self, Subject, Tally},
};
use crate::{
    document::{EventId, MessageId, Verb, event_type},
    ledger::{Direction, Document, DocumentState, Fact, LedgerError, NewEvent, Revision},
};

impl Exchange {
    /// Lets the documents of a message through that are held because their numbers came before with another content.
    ///
    /// # Errors
    /// [`LedgerError::NotFound`] for a message that is not there, [`LedgerError::Conflict`] for one that has no such
    /// document, and whatever the ledger says.
    pub async fn accept_changed(&self, id: MessageId, reason: &str) -> Result<Replayed, LedgerError> {
        let ledger = &self.inner.ledger;
        let message = ledger.message(id).await?.ok_or_else(|| LedgerError::NotFound(format!("message {id}")))?;
        let before = self.stored_documents(id).await?;
        let is_held = |document: &&Document| document.state == DocumentState::Held && first_of(document).is_some();
        if message.direction == Direction::Out || !before.values().any(|one| is_held(&one)) {
            let why = format!("{id} has no document that is held by {}", codes::DOCUMENT_CHANGED);
            return Err(LedgerError::Conflict(why));
        }
        let subject = Subject { id, at: message.at, correlation: message.correlation.clone() };
        let (read, documents) = self.read_again(&message).await?;
        let (mut changes, mut accepted) = (Vec::new(), Vec::new());
        for (index, document) in documents {
            let Some(was) = before.get(&document.position).filter(is_held) else { continue };
            let Some(interchange) = read.reading.interchanges.get(index) else { continue };
            // Other bytes, or a mapping that cannot read it any more, are not what was decided on.
            if document.state != DocumentState::Queued {
                continue;
            }
            let (stored, mut event) = compose::store(&subject, interchange, document, 0);
            let first = self.told_first(was).await?;
            if let (Some(event), Some(first), Some(kind)) = (&mut event, first, stored.kind) {
                event.kind = event_type(kind, Verb::Corrected);
                event.replaces = Some(first);
            }
            changes.push(change(was, &stored, event.as_ref()));
            accepted.push((stored, event));
        }
        let mut tally = Tally::default();
        let anew: HashSet<_> = accepted.iter().map(|(new, _)| new.position).collect();
        tally.count(before.values().filter(|one| !anew.contains(&one.position)));
        tally.count(accepted.iter().map(|(new, _)| new));
        let state = tally.state(message.problem.is_some());
        let replayed = Replayed {
            message: id,
            was: message.state,
            now: state,
            unchanged: before.len().saturating_sub(changes.len()) as u64,
            stored: !changes.is_empty(),
            changes,
        };
        if accepted.is_empty() {
            return Ok(Replayed { now: message.state, ..replayed });
        }
        let detail = format!("{} accepted although they came before with another content: {reason}", accepted.len());
        let fact = Fact { at: self.now(), what: "accepted".into(), detail };
        // The first one keeps its claim: whoever sends that again is told that it came before.
        let revision = Revision {
            message: id,
            state,
            problem: message.problem,
            partner: message.partner,
            claims: Vec::new(),
            documents: accepted,
            owed: Vec::new(),
            facts: vec![fact],
        };
        self.revise(revision, Vec::new()).await?;
        Ok(replayed)
    }

    /// What the ERP was told last of the document that had the number first.
    async fn told_first(&self, held: &Document) -> Result<Option<EventId>, LedgerError> {
        let Some((message, position)) = first_of(held) else { return Ok(None) };
        let first = self.inner.ledger.documents(message, position, 1).await?.pop();
        Ok(first.filter(|first| first.position == position).and_then(|first| first.event))
    }
}

/// Where the first document of this one's number is, if that is why this one is held.
fn first_of(document: &Document) -> Option<(MessageId, u32)> {
    let problem = document.problem.as_ref()?;
    if problem.get("code")?.as_str()? != codes::DOCUMENT_CHANGED.as_str() {
        return None;
    }
    let details = problem.get("details").unwrap_or(problem);
    let position = u32::try_from(details.get("position")?.as_u64()?).ok()?;
    Some((details.get("first")?.as_str()?.parse().ok()?, position))
}

fn change(was: &Document, stored: &Document, event: Option<&NewEvent>) -> Change {
    Change {
        position: stored.position,
        subject: event.map_or_else(|| stored.format_kind.clone(), |event| event.subject.clone()),
        was: Some(was.state),
        now: stored.state,
        event: stored.event,
        fields: Vec::new(),
        problem: None,
    }
}
