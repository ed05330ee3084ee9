//! What the embedded ledger does for each request: which question or work it becomes, and whose lane it goes to.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    super::{
        AckOutcome, Attempt, AuditRecord, Claim, Committed, Consumer, Delivery, DeliveryFilter, Document, Entry, Fact,
        GivenUp, KeyState, LeaseToken, LeasedEvent, Ledger, LogEvent, LogFilter, LogPage, Message, MessageFilter,
        MessageState, News, NumberFilter, NumberSeries, Outgoing, Owed, OwnFile, Parked, Payload, QueueStats, Receipt,
        Result, Revision, Slice, Taken, Unfinished, Watch,
    },
    SqliteLedger,
    arrivals::{self, NewEntry, NewRevision},
    audit, backup, consumers,
    deliveries::{self, NewNews},
    lanes::{Lane, Weight},
    lookups, memory,
    outgoing::{self, NewOutgoing},
    payloads::Kept,
    queue, rows, standing,
    writer::{Desk, Done, Tx},
};
use crate::document::{EventId, MessageId};

#[async_trait]
impl Ledger for SqliteLedger {
    async fn commit(&self, entry: Entry) -> Result<Committed> {
        let id = entry.message.id;
        let payload = entry.payload.clone();
        let then = |entry: Entry, kept, desk: Desk| async move {
            let (entry, weight) = NewEntry::new(entry, kept).map_err(|(kept, error)| {
                kept.undo();
                error
            })?;
            let entry = Arc::new(entry);
            let writing = Arc::clone(&entry);
            let outcome = desk.write(Lane::Request, weight, move |tx| writing.commit(tx)).await;
            settle(&entry.kept, matches!(outcome, Ok(Committed::Stored)));
            outcome
        };
        self.with_payload(id, payload, entry, then).await?
    }

    async fn append(&self, slice: Slice) -> Result<Committed> {
        let (id, claims, documents, weight) = arrivals::prepare_slice(slice)?;
        self.write(weight, move |tx| arrivals::append(tx, id, &claims, &documents)).await
    }

    async fn finish(&self, message: MessageId, state: MessageState, owed: Vec<Owed>, facts: Vec<Fact>) -> Result<()> {
        self.write(Weight::default(), move |tx| arrivals::finish(tx, message, state, &owed, &facts)).await
    }

    async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.read(|reader| arrivals::unfinished(&reader.conn)).await
    }

    async fn revise(&self, revision: Revision) -> Result<Committed> {
        let (revision, weight) = NewRevision::new(revision)?;
        self.write(weight, move |tx| revision.commit(tx)).await
    }

    async fn holders(&self, claims: Vec<Claim>) -> Result<Vec<Taken>> {
        self.read(move |reader| arrivals::holders(&reader.conn, &claims)).await
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>> {
        self.read(move |reader| Ok(lookups::message(&reader.conn, id)?.map(|(_, message)| message))).await
    }

    async fn messages_of(&self, ids: Vec<MessageId>) -> Result<Vec<Message>> {
        self.read(move |reader| lookups::messages_of(&reader.conn, &ids)).await
    }

    async fn messages(&self, filter: MessageFilter, before: Option<MessageId>, limit: usize) -> Result<Vec<Message>> {
        self.read(move |reader| lookups::messages(&reader.conn, reader.indexed, &filter, before, limit)).await
    }

    async fn payload(&self, id: MessageId) -> Result<Option<Payload>> {
        let places = self.places.clone();
        self.read(move |reader| lookups::payload(&reader.conn, &places, id)).await
    }

    async fn receipt(&self, id: MessageId) -> Result<Option<Receipt>> {
        self.read(move |reader| lookups::receipt(&reader.conn, id)).await
    }

    async fn documents(&self, id: MessageId, from: u32, limit: usize) -> Result<Vec<Document>> {
        self.read(move |reader| lookups::documents(&reader.conn, id, from, limit)).await
    }

    async fn timeline(&self, id: MessageId) -> Result<Vec<Fact>> {
        self.read(move |reader| lookups::timeline(&reader.conn, id)).await
    }

    async fn note(&self, id: MessageId, facts: Vec<Fact>) -> Result<()> {
        let job = move |tx: &mut Tx| {
            let (num, _, _) = arrivals::find(tx, id)?;
            arrivals::add_facts(tx, num, &facts)?;
            Ok(Done::Keep(()))
        };
        self.write(Weight::default(), job).await
    }

    async fn documents_by_number(&self, number: &str, filter: NumberFilter, limit: usize) -> Result<Vec<Document>> {
        let number = number.to_owned();
        self.read(move |reader| lookups::documents_by_number(&reader.conn, reader.indexed, &number, &filter, limit))
            .await
    }

    async fn declare(&self, consumers: Vec<Consumer>) -> Result<()> {
        self.write(Weight::default(), move |tx| consumers::declare(tx, &consumers)).await
    }

    async fn lease(&self, consumer: &str, max: usize, lease_secs: u32, now: Timestamp) -> Result<Vec<LeasedEvent>> {
        let (until, now) = (queue::later(now, lease_secs), now.as_microsecond());
        loop {
            let name = consumer.to_owned();
            let leased = self.write(Weight::default(), move |tx| queue::lease(tx, &name, max, until, now)).await?;
            if !leased.handed.is_empty() {
                self.alarm.at(until);
                return self.read(move |reader| standing::fetch(&reader.conn, &leased.handed)).await;
            }
            if !leased.more {
                return Ok(Vec::new());
            }
        }
    }

    async fn ack(&self, consumer: &str, leases: Vec<LeaseToken>, _now: Timestamp) -> Result<Vec<AckOutcome>> {
        let name = consumer.to_owned();
        self.write(Weight::default(), move |tx| queue::ack(tx, &name, &leases)).await
    }

    async fn nack(
        &self,
        consumer: &str,
        lease: LeaseToken,
        reason: &str,
        retry_in_secs: u32,
        now: Timestamp,
    ) -> Result<AckOutcome> {
        let (name, reason) = (consumer.to_owned(), reason.to_owned());
        let (turn, now) = (queue::later(now, retry_in_secs), now.as_microsecond());
        let outcome =
            self.write(Weight::default(), move |tx| queue::nack(tx, &name, lease, &reason, turn, now)).await?;
        self.alarm.at(turn);
        Ok(outcome)
    }

    async fn extend(
        &self,
        consumer: &str,
        leases: Vec<LeaseToken>,
        lease_secs: u32,
        now: Timestamp,
    ) -> Result<Vec<AckOutcome>> {
        let (name, until) = (consumer.to_owned(), queue::later(now, lease_secs));
        let outcomes = self.write(Weight::default(), move |tx| queue::extend(tx, &name, &leases, until)).await?;
        self.alarm.at(until);
        Ok(outcomes)
    }

    async fn event(&self, id: EventId) -> Result<Option<LogEvent>> {
        self.read(move |reader| standing::event(&reader.conn, id)).await
    }

    async fn log(&self, after: u64, filter: LogFilter, limit: usize) -> Result<LogPage> {
        self.read(move |reader| standing::log(&reader.conn, after, &filter, limit)).await
    }

    async fn partners_after(&self, after: u64, limit: usize) -> Result<(u64, BTreeSet<String>)> {
        self.read(move |reader| standing::partners_after(&reader.conn, after, limit)).await
    }

    async fn head(&self) -> Result<u64> {
        self.read(|reader| Ok(rows::unsigned(consumers::head(&reader.conn)?))).await
    }

    async fn queue_stats(&self, consumer: &str, now: Timestamp) -> Result<QueueStats> {
        let (name, now) = (consumer.to_owned(), now.as_microsecond());
        self.read(move |reader| standing::stats(&reader.conn, &name, now)).await
    }

    async fn peek(&self, consumer: &str, limit: usize) -> Result<Vec<KeyState>> {
        let name = consumer.to_owned();
        self.read(move |reader| standing::peek(&reader.conn, &name, limit, rows::now())).await
    }

    async fn parked(&self, consumer: &str) -> Result<Vec<Parked>> {
        let name = consumer.to_owned();
        self.read(move |reader| standing::parked(&reader.conn, &name)).await
    }

    async fn release(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.release", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::release(tx, &name, position, &record)).await
    }

    async fn skip(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.skip", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::skip(tx, &name, position, &record)).await
    }

    async fn given_up(&self, consumer: &str, after: u64, limit: usize) -> Result<Vec<GivenUp>> {
        let (name, after) = (consumer.to_owned(), rows::signed(after));
        self.read(move |reader| standing::given_up(&reader.conn, &name, after, limit)).await
    }

    async fn put_back(&self, consumer: &str, position: u64, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = decision(who, "queue.put_back", consumer, position, reason, now);
        let (name, position) = (consumer.to_owned(), rows::signed(position));
        self.write(Weight::default(), move |tx| standing::put_back(tx, &name, position, &record)).await
    }

    fn no_room(&self) -> watch::Receiver<Option<String>> {
        self.room.watch()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    async fn owing(&self) -> Result<Vec<String>> {
        self.read(|reader| outgoing::owing(&reader.conn)).await
    }

    async fn owed(&self, partner: &str, after: u64, limit: usize) -> Result<Vec<(u64, Owed)>> {
        let partner = partner.to_owned();
        self.read(move |reader| outgoing::owed(&reader.conn, &partner, after, limit)).await
    }

    async fn owed_of(&self, partner: &str, message: MessageId) -> Result<Vec<(u64, Owed)>> {
        let partner = partner.to_owned();
        self.read(move |reader| outgoing::owed_of(&reader.conn, &partner, message)).await
    }

    async fn is_owed(&self, number: u64) -> Result<bool> {
        self.read(move |reader| outgoing::is_owed(&reader.conn, number)).await
    }

    async fn next_number(&self, series: &NumberSeries) -> Result<u64> {
        let series = series.clone();
        self.read(move |reader| Ok(rows::unsigned(outgoing::next_number(&reader.conn, &series)?))).await
    }

    async fn issue(&self, outgoing: Outgoing) -> Result<bool> {
        let id = outgoing.message.id;
        let payload = outgoing.payload.clone();
        let then = |outgoing: Outgoing, kept, desk: Desk| async move {
            let (outgoing, weight) = NewOutgoing::new(outgoing, kept).map_err(|(kept, error)| {
                kept.undo();
                error
            })?;
            let outgoing = Arc::new(outgoing);
            let writing = Arc::clone(&outgoing);
            let outcome = desk.write(Lane::Chore, weight, move |tx| writing.issue(tx)).await;
            settle(&outgoing.kept, matches!(outcome, Ok(true)));
            outcome
        };
        self.with_payload(id, payload, outgoing, then).await?
    }

    async fn deliveries(&self, id: MessageId) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::of(&reader.conn, id)).await
    }

    async fn due_deliveries(&self, now: Timestamp, without: Vec<String>, each: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::due(&reader.conn, now.as_microsecond(), &without, each)).await
    }

    async fn deliver(&self, attempt: Attempt) -> Result<bool> {
        self.write_chore(Weight::default(), move |tx| deliveries::deliver(tx, &attempt)).await
    }

    async fn all_deliveries(&self, filter: DeliveryFilter, before: Option<u64>, limit: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::all(&reader.conn, &filter, before, limit)).await
    }

    async fn redeliver(&self, id: MessageId, due: Timestamp, record: AuditRecord) -> Result<Delivery> {
        self.write(Weight::default(), move |tx| deliveries::redeliver(tx, id, due.as_microsecond(), &record)).await
    }

    async fn cancel(&self, delivery: u64, record: AuditRecord) -> Result<()> {
        self.write(Weight::default(), move |tx| deliveries::cancel(tx, rows::signed(delivery), &record)).await
    }

    async fn reissue(&self, replaces: Vec<MessageId>, owed: Vec<Owed>, record: AuditRecord) -> Result<()> {
        self.write(Weight::default(), move |tx| deliveries::reissue(tx, &replaces, &owed, &record)).await
    }

    async fn untold(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.read(move |reader| deliveries::untold(&reader.conn, limit)).await
    }

    async fn tell(&self, news: News) -> Result<bool> {
        let (news, weight) = NewNews::new(news)?;
        self.write_chore(weight, move |tx| news.tell(tx)).await
    }

    async fn due_watches(&self, now: Timestamp, limit: usize) -> Result<Vec<(u64, Watch)>> {
        self.read(move |reader| deliveries::due_watches(&reader.conn, now.as_microsecond(), limit)).await
    }

    async fn issued(&self, series: &NumberSeries, number: u64) -> Result<Vec<MessageId>> {
        let series = series.clone();
        self.read(move |reader| deliveries::issued(&reader.conn, &series, number)).await
    }

    async fn numbers(&self) -> Result<Vec<(NumberSeries, u64)>> {
        self.read(|reader| deliveries::numbers(&reader.conn)).await
    }

    async fn begin_number(&self, series: &NumberSeries, first: u64) -> Result<()> {
        let (series, asked) = (series.clone(), series.clone());
        if self.read(move |reader| outgoing::is_begun(&reader.conn, &asked)).await? {
            return Ok(());
        }
        self.write(Weight::default(), move |tx| deliveries::begin(tx, &series, first)).await
    }

    async fn advance_number(&self, series: &NumberSeries, next: u64, record: AuditRecord) -> Result<()> {
        let series = series.clone();
        self.write(Weight::default(), move |tx| deliveries::advance(tx, &series, rows::signed(next), &record)).await
    }

    async fn deliveries_paused(&self) -> Result<Option<String>> {
        self.read(|reader| outgoing::paused(&reader.conn)).await
    }

    async fn resume_deliveries(&self, who: &str, reason: &str, now: Timestamp) -> Result<()> {
        let record = AuditRecord {
            at: now,
            who: who.to_owned(),
            what: "deliveries.resume".to_owned(),
            on: "ledger".to_owned(),
            reason: reason.to_owned(),
        };
        self.write(Weight::default(), move |tx| outgoing::resume(tx, &record)).await
    }

    async fn remember(&self, kind: &'static str, name: &str, what: Bytes) -> Result<()> {
        let (name, weight) = (name.to_owned(), Weight { documents: 0, bytes: what.len() });
        self.write(weight, move |tx| memory::remember(tx, kind, &name, &what).map(Done::Keep)).await
    }

    async fn recall(&self, kind: &'static str, name: &str) -> Result<Option<Bytes>> {
        let name = name.to_owned();
        self.read(move |reader| Ok(memory::recall(&reader.conn, kind, &name)?.map(Bytes::from))).await
    }

    async fn remembered(&self, kind: &'static str) -> Result<Vec<(String, Bytes)>> {
        let all = self.read(move |reader| memory::all(&reader.conn, kind)).await?;
        Ok(all.into_iter().map(|(name, what)| (name, what.into())).collect())
    }

    async fn forget(&self, kind: &'static str, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(Weight::default(), move |tx| memory::forget(tx, kind, &name).map(Done::Keep)).await
    }

    async fn audit(&self, record: AuditRecord) -> Result<()> {
        let job = move |tx: &mut Tx| {
            audit::add(tx, &record)?;
            Ok(Done::Keep(()))
        };
        self.write(Weight::default(), job).await
    }

    async fn audit_log(&self, limit: usize) -> Result<Vec<AuditRecord>> {
        self.read(move |reader| audit::log(&reader.conn, limit)).await
    }

    async fn backup(&self, file: &Path, own: Vec<OwnFile>) -> Result<()> {
        let (places, file) = (self.places.clone(), file.to_owned());
        self.read(move |reader| backup::backup(&reader.conn, &places, &file, &own)).await
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.readers.close().await;
        let done = match &self.desk {
            Some(desk) => {
                self.join_helpers();
                desk.close().await
            }
            None => Ok(()),
        };
        self.join_writer();
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        done
    }

    fn payload_folder(&self) -> Option<&Path> {
        Some(&self.places.incoming)
    }
}

/// What a person did to the queue.
fn decision(who: &str, what: &str, consumer: &str, position: u64, reason: &str, at: Timestamp) -> AuditRecord {
    AuditRecord {
        at,
        who: who.to_owned(),
        what: what.to_owned(),
        on: format!("{consumer}/{position}"),
        reason: reason.to_owned(),
    }
}

/// Puts a payload file right after its commit.
fn settle(kept: &Kept, stored: bool) {
    if stored {
        kept.committed();
    } else {
        kept.undo();
    }
}
