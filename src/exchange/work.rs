//! Messages that are too large for one transaction: their documents follow the receipt in slices, in turns with
//! everybody else, and their events are released together at the end.

use std::sync::Arc;

use super::{
    Exchange,
    compose::{self, Known, Subject, Tally},
    events::{MessageFinished, SliceCommitted},
    inbound::{self, FirstPass, Source},
    numbers, owed,
    pool::Lane,
    reading::{Context, ReadDocument},
    walk::{Documents, Walk},
};
use crate::{
    ledger::{Committed, Fact, LedgerError, Message, Slice, fitting},
    x12::RefusedSet,
};

/// How long a message waits before it is worked on again after an error that may pass.
const RETRY: std::time::Duration = std::time::Duration::from_secs(5);

/// The stored payload cannot be read back.
fn unreadable(error: std::io::Error) -> LedgerError {
    LedgerError::Unavailable(format!("a payload: {error}"))
}

/// A set rejected because of its number: its interchange's place and its group's, and what is to be said of it.
type RefusedAt = (usize, usize, RefusedSet);

/// Rejects or holds what of a slice has numbers of somebody else.
fn settle(subject: &Subject, first: &FirstPass, slice: &mut [(usize, ReadDocument)], known: &Known) -> Vec<RefusedAt> {
    let mut refused = Vec::new();
    for (index, document) in slice {
        let Some(interchange) = first.reading.interchanges.get(*index) else { continue };
        let here = numbers::settle_sets(interchange, std::slice::from_mut(document), subject.id, known);
        refused.extend(here.into_iter().map(|(group, set)| (*index, group, set)));
    }
    refused
}

impl Exchange {
    /// Works a message out in the background, from the document at position `from` on.
    pub(super) fn work_out(&self, message: Message, mut from: u32) {
        let exchange = self.clone();
        tokio::spawn(async move {
            // The bytes are kept and acknowledged, so giving up is no choice: a full disk gets room again.
            while let Err(error) = exchange.work(&message, &mut from).await {
                tracing::error!(message = %message.id, %error, "A large message cannot be worked out now; it is tried again.");
                tokio::time::sleep(RETRY).await;
            }
        });
    }

    async fn work(&self, message: &Message, from: &mut u32) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        let payload = ledger.payload(message.id).await?;
        let payload = payload.ok_or_else(|| LedgerError::NotFound(format!("the payload of {}", message.id)))?;
        let source = Source::stored(&payload);
        let snapshot = self.inner.snapshot.load_full();
        let context = Context {
            snapshot: Arc::clone(&snapshot),
            connection: snapshot.directory.partner(&message.connection).map(Arc::clone),
            assumed: None,
            mode: message.mode,
            traced: false,
        };
        let subject = Subject { id: message.id, at: message.at, correlation: message.correlation.clone() };

        // The verdicts once more: they were not kept, and a restart has none.
        let (by_context, by_source) = (context.clone(), source.clone());
        let mut first =
            self.turn(message, move || inbound::read(&by_context, &by_source, None)).await?.map_err(unreadable)?;
        // They come again below, slice by slice.
        first.reading.interchanges.iter_mut().for_each(|one| one.documents.clear());
        let mut known = Known::default();
        known.add(&ledger.holders(inbound::envelope_claims(&first)).await?);
        numbers::settle_numbers(&mut first.reading, subject.id, &known);
        let first = Arc::new(first);
        let mut composed = compose::compose(&subject, &first.reading, &first.digests, &known);
        let counts: Arc<[bool]> = composed.counted.as_slice().into();

        // What acknowledgements say is not stored with them but told at the end, so a restart hears all of it again.
        // So it is with sets whose numbers came before.
        let (mut heard, mut refused, mut position) = (Vec::new(), Vec::new(), 0);
        let mut walk = Walk::new(&context, first.reading.format, source.open().map_err(unreadable)?);
        loop {
            let (by_first, by_counts, from_now) = (Arc::clone(&first), Arc::clone(&counts), position);
            let (back, slice, done) = self
                .turn(message, move || {
                    let mut slice = Vec::new();
                    let mut give = Documents::Give {
                        from: from_now,
                        first: &by_first.reading,
                        counts: &by_counts,
                        slice: &mut slice,
                    };
                    let done = walk.advance(&mut give);
                    (walk, slice, done)
                })
                .await?;
            walk = back;
            for part in slice.chunk_by(|one, other| one.0 == other.0) {
                let interchange = part.first().and_then(|(index, _)| first.reading.interchanges.get(*index));
                let documents: Vec<_> = part.iter().map(|(_, document)| document.clone()).collect();
                heard.extend(interchange.into_iter().flat_map(|one| owed::heard(&subject, one, &documents)));
            }
            if let Some(last) = slice.last().map(|(_, document)| document.position) {
                position = last + 1;
                let (done, slice): (Vec<_>, Vec<_>) =
                    slice.into_iter().partition(|(_, document)| document.position < *from);
                refused.extend(self.refused_before(&subject, &first, done).await?);
                if !slice.is_empty() {
                    refused.extend(self.append(&subject, &first, slice).await?);
                    *from = position;
                }
            }
            if done.map_err(unreadable)? {
                break;
            }
        }
        let tally = self.tally(message, &first).await?;
        let state = tally.state(composed.problem.is_some());
        let fact = Fact {
            at: self.now(),
            what: "worked out".into(),
            detail: format!(
                "{} accepted, {} rejected, {} held, {} here before",
                tally.accepted, tally.rejected, tally.held, tally.duplicate
            ),
        };
        let mut owed = match refused.is_empty() {
            true => composed.owed(),
            false => {
                let mut first = Arc::unwrap_or_clone(first);
                for (interchange, group, set) in &refused {
                    if let Some(interchange) = first.reading.interchanges.get_mut(*interchange) {
                        interchange.verdict.refuse_set(*group, set);
                    }
                }
                compose::compose(&subject, &first.reading, &first.digests, &known).owed()
            }
        };
        owed.extend(heard);
        ledger.finish(message.id, state, owed, vec![fact]).await?;
        MessageFinished { message, state, documents: *from }.emit(&self.inner.telemetry);
        self.inner.owed.notify_one();
        Ok(())
    }

    async fn turn<T: Send + 'static>(
        &self,
        message: &Message,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LedgerError> {
        let turn = self.inner.pool.run(&message.connection, Lane::Long, work).await;
        turn.map_err(|_| LedgerError::Unavailable("too much of this partner is waiting".into()))
    }

    /// Stores a slice, in as many transactions as it takes, and tells which of its sets were rejected because of their
    /// numbers.
    async fn append(
        &self,
        subject: &Subject,
        first: &FirstPass,
        mut slice: Vec<(usize, ReadDocument)>,
    ) -> Result<Vec<RefusedAt>, LedgerError> {
        let (mut known, mut refused) = (Known::default(), Vec::new());
        while !slice.is_empty() {
            refused.extend(settle(subject, first, &mut slice, &known));
            let mut all = compose::Documents::default();
            for part in slice.chunk_by(|one, other| one.0 == other.0) {
                let Some(interchange) = part.first().and_then(|(index, _)| first.reading.interchanges.get(*index))
                else {
                    continue;
                };
                let read: Vec<_> = part.iter().map(|(_, document)| document.clone()).collect();
                let mut made = compose::documents(subject, interchange, &read, &known);
                all.documents.append(&mut made.documents);
                all.claims.append(&mut made.claims);
            }
            all.documents.truncate(fitting(&all.documents));
            let stored: Vec<_> = all.documents.iter().map(|(document, _)| document.clone()).collect();
            let Some(last) = stored.last().map(|last| last.position) else { break };
            all.claims.retain(|claim| claim.position <= last);
            let piece = Slice { message: subject.id, claims: all.claims, documents: all.documents };
            match self.inner.ledger.append(piece).await? {
                Committed::Stored => {
                    SliceCommitted { message: subject.id, documents: &stored }.emit(&self.inner.telemetry);
                    slice.retain(|(_, document)| document.position > last);
                }
                Committed::Taken(taken) => {
                    known.add(&taken);
                }
            }
        }
        Ok(refused)
    }

    /// Which sets of a slice that was stored before a restart were rejected because of their numbers.
    async fn refused_before(
        &self,
        subject: &Subject,
        first: &FirstPass,
        mut slice: Vec<(usize, ReadDocument)>,
    ) -> Result<Vec<RefusedAt>, LedgerError> {
        let claims: Vec<_> = slice.iter().filter_map(|(_, one)| Some(one.set_number.as_ref()?.claim)).collect();
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let mut known = Known::default();
        known.add(&self.inner.ledger.holders(claims).await?);
        Ok(settle(subject, first, &mut slice, &known))
    }

    /// How all of a message's documents came out, those from before a restart too.
    async fn tally(&self, message: &Message, first: &FirstPass) -> Result<Tally, LedgerError> {
        const PAGE: usize = 1000;
        let mut tally = Tally::default();
        tally.rejected += first.reading.interchanges.iter().filter(|one| one.rejected()).count() as u32;
        let mut from = 0;
        loop {
            let page = self.inner.ledger.documents(message.id, from, PAGE).await?;
            tally.count(page.iter());
            match page.last() {
                Some(last) if page.len() == PAGE => from = last.position + 1,
                _ => return Ok(tally),
            }
        }
    }
}
