//! Issues documents: one by one, or several in one interchange where the partner wants that. Bytes, numbers and delivery
//! are committed together if the numbers are still the next; if somebody else took them, the bytes are written again.
//! Whatever could not be sent, for whatever reason, holds up what belongs to the same order and nothing else.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::json;

use super::{
    Exchange, codes,
    events_out::{DocumentHeld, DocumentsIssued},
    message_id, outbound,
    progress::key_of,
    rendering::{self, Numbers, Parties, Sheet, Unwritable, Written},
};
use crate::{
    document::{self, DocumentType, MessageId, Mode, Verb, event_type},
    keys,
    ledger::{
        Channel, Direction, Document, DocumentState, Fact, LedgerError, MAX_BYTES, MAX_DOCUMENTS, Message,
        MessageState, NewEvent, News, NumberSeries, Outgoing, Owed, Payload, Watch, WatchKind, json_size,
    },
    partner::{Batch, LARGEST_BATCH, Partner, Route, SendChannel, X12Terms},
};

/// What is on its way out of one partner's documents, in one pass.
pub(super) struct Desk {
    now: Timestamp,
    /// Documents that wait for others, by the interchange that they would go in.
    batches: BTreeMap<String, Vec<Ready>>,
    /// Orders of which something earlier could not be sent: nothing overtakes it.
    stuck: HashSet<String>,
}

/// A document to be sent.
struct Ready {
    owed: u64,
    since: Timestamp,
    origin: Message,
    document: Document,
    partner: Arc<Partner>,
    route: Route,
    sheet: Sheet,
    /// What the record will have to carry of it.
    weight: usize,
}

/// What a partner's file may want is what one transaction holds.
const _: () = assert!(LARGEST_BATCH as usize == MAX_BYTES);

/// What is kept of an issued document beside its content and its orders: where it came from, and its numbers.
const PLACE: usize = 256;

/// Whether a document goes into one interchange with those that wait: within what the partner wants, and what one
/// transaction holds.
fn goes_with(waiting: &[Ready], one: &Ready, batch: &Batch) -> bool {
    let all = || waiting.iter().chain([one]);
    let bytes: u64 = all().map(|one| one.sheet.json.len() as u64).sum();
    let weight: usize = all().map(|one| one.weight).sum();
    bytes <= batch.bytes && weight <= MAX_BYTES
}

/// Whether an interchange is to be closed as it is.
fn is_full(waiting: &[Ready], batch: &Batch) -> bool {
    let bytes: u64 = waiting.iter().map(|one| one.sheet.json.len() as u64).sum();
    waiting.len() >= batch.count.min(MAX_DOCUMENTS) || bytes >= batch.bytes
}

impl Desk {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now, batches: BTreeMap::new(), stuck: HashSet::new() }
    }

    /// Whether anything waits for company.
    pub(super) fn waits(&self) -> bool {
        !self.batches.is_empty()
    }

    fn is_stuck(&self, document: &Document) -> bool {
        document.orders.iter().any(|order| self.stuck.contains(order))
    }

    fn stick(&mut self, document: &Document) {
        self.stuck.extend(document.orders.iter().cloned());
    }
}

impl Exchange {
    /// Sends a document, or has it wait for others.
    pub(super) async fn send(
        &self,
        desk: &mut Desk,
        owed: u64,
        about: &Owed,
        position: u32,
    ) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        let lost = || LedgerError::NotFound(format!("document {position} of {}", about.message));
        let origin = ledger.message(about.message).await?.ok_or_else(lost)?;
        let document = ledger.documents(origin.id, position, 1).await?.pop().ok_or_else(lost)?;
        let sent = match desk.is_stuck(&document) {
            true => Ok(false),
            false => self.send_document(desk, owed, about, origin, document.clone()).await,
        };
        if !matches!(sent, Ok(true)) {
            desk.stick(&document);
        }
        sent.map(|_| ())
    }

    /// Does so with one of which nothing earlier is stuck. Answers whether it went, or waits for others.
    async fn send_document(
        &self,
        desk: &mut Desk,
        owed: u64,
        about: &Owed,
        origin: Message,
        document: Document,
    ) -> Result<bool, LedgerError> {
        let ledger = &self.inner.ledger;
        let lost = || LedgerError::NotFound(format!("the payload of {}", origin.id));
        let payload = ledger.payload(origin.id).await?.ok_or_else(lost)?;
        let json = ledger.read_payload(&payload)?;
        let ready = match self.prepare(owed, about, origin.clone(), document.clone(), json) {
            Ok(ready) => ready,
            Err(unwritable) => {
                self.hold(&origin, document, &unwritable).await?;
                return Ok(false);
            }
        };
        let name = format!(
            "{} {} {} {}",
            ready.route.channel,
            ready.route.format,
            ready.route.version,
            ready.origin.mode.as_str()
        );
        let batch = ready.route.batch;
        // What goes alone, or with others, must not overtake what waits for company.
        let is_kin = |waiting: &[Ready]| {
            waiting.iter().any(|one| one.document.orders.iter().any(|order| document.orders.contains(order)))
        };
        let first: Vec<_> = desk
            .batches
            .iter()
            .filter(|(other, waiting)| match batch.filter(|_| **other == name) {
                Some(batch) => !goes_with(waiting, &ready, &batch),
                None => is_kin(waiting),
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in first {
            let waiting = desk.batches.remove(&name).unwrap_or_default();
            match self.issue(desk, waiting).await {
                Err(error) if is_for_a_person(&error) => {
                    tracing::warn!(partner = about.partner, %error, "Documents cannot be sent now; they are tried again.");
                }
                issued => issued?,
            }
        }
        if desk.is_stuck(&document) {
            return Ok(false);
        }
        let Some(batch) = batch else {
            self.issue(desk, vec![ready]).await?;
            return Ok(true);
        };
        let waiting = desk.batches.entry(name.clone()).or_default();
        waiting.push(ready);
        if is_full(waiting, &batch) {
            let full = desk.batches.remove(&name).unwrap_or_default();
            self.issue(desk, full).await?;
        }
        Ok(true)
    }

    /// Sends what waited long enough. What a person has to mend in one interchange holds up no other.
    pub(super) async fn close_due(&self, desk: &mut Desk) -> Result<(), LedgerError> {
        let is_due = |waiting: &Vec<Ready>| {
            let every = waiting.first().and_then(|one| one.route.batch).map(|batch| batch.every).unwrap_or_default();
            let since = waiting.iter().map(|one| one.since).min().unwrap_or(desk.now);
            later(since, every) <= desk.now
        };
        let due: Vec<_> = desk.batches.iter().filter(|(_, all)| is_due(all)).map(|(name, _)| name.clone()).collect();
        let mut done = Ok(());
        for name in due {
            let waiting = desk.batches.remove(&name).unwrap_or_default();
            match self.issue(desk, waiting).await {
                Err(error) if !is_for_a_person(&error) => return Err(error),
                issued => done = done.and(issued),
            }
        }
        done
    }

    fn prepare(
        &self,
        owed: u64,
        about: &Owed,
        origin: Message,
        document: Document,
        json: Bytes,
    ) -> Result<Ready, Unwritable> {
        let snapshot = self.inner.snapshot.load_full();
        let no_way = |text: String| Unwritable { code: codes::NO_WAY_OUT, text, sheet: 0, problems: Vec::new() };
        let partner = snapshot.directory.partner(&about.partner).map(Arc::clone);
        let partner = partner.ok_or_else(|| no_way(format!("There is no partner {} any more.", about.partner)))?;
        let kind = document.kind.ok_or_else(|| no_way("Nobody knows what kind of document it is.".into()))?;
        let route = partner.route(kind).ok_or_else(|| {
            no_way(format!("The file of partner {} has no channel that could carry documents to it.", partner.id))
        })?;
        let mapping = rendering::mapping(&snapshot, &partner, kind, &route)?;
        // Its event names the orders, too.
        let weight = json.len() + 2 * json_size(&document.orders) + PLACE;
        let sheet = Sheet { kind, json, mapping };
        Ok(Ready { owed, since: about.due, origin, document, partner, route, sheet, weight })
    }

    /// Marks a document that cannot be written as it is configured now. It stays owed, and goes once that is mended.
    async fn hold(&self, origin: &Message, mut document: Document, unwritable: &Unwritable) -> Result<(), LedgerError> {
        let problem = Some(outbound::held(unwritable).to_json());
        if document.state == DocumentState::Held && document.problem == problem {
            return Ok(());
        }
        DocumentHeld { origin, document: &document, unwritable }.emit(&self.inner.telemetry);
        document.state = DocumentState::Held;
        document.problem = problem;
        let fact = Fact { at: self.now(), what: "held".into(), detail: unwritable.text.clone() };
        let news = News { documents: vec![(document, None)], facts: vec![(origin.id, fact)], ..News::default() };
        self.inner.ledger.tell(news).await?;
        Ok(())
    }

    /// Has series that were never used begin where the partner's file says.
    pub(super) async fn begin(
        &self,
        partner: &Partner,
        interchanges: &NumberSeries,
        groups: &NumberSeries,
    ) -> Result<(), LedgerError> {
        let send = &partner.send;
        for (series, first) in [(interchanges, send.first_interchange), (groups, send.first_group)] {
            if first > 1 {
                self.inner.ledger.begin_number(series, first).await?;
            }
        }
        Ok(())
    }

    /// Issues documents as one message. What cannot go holds up what comes after it; what the record refuses for good is
    /// shown as held, and tried again.
    async fn issue(&self, desk: &mut Desk, mut all: Vec<Ready>) -> Result<(), LedgerError> {
        let issued = self.issue_as_one(desk, &mut all).await;
        let Err(error) = &issued else { return Ok(()) };
        all.iter().for_each(|one| desk.stick(&one.document));
        if let LedgerError::Conflict(why) = error {
            let text = format!("The record does not take it as it is: {why}.");
            let unwritable = Unwritable { code: codes::NOT_WRITTEN, text, sheet: 0, problems: Vec::new() };
            for one in all {
                self.hold(&one.origin, one.document, &unwritable).await?;
            }
        }
        issued
    }

    /// Takes out of `all` what cannot be written. What is left of it after an error is not issued.
    async fn issue_as_one(&self, desk: &mut Desk, all: &mut Vec<Ready>) -> Result<(), LedgerError> {
        let ledger = &self.inner.ledger;
        loop {
            let Some(first) = all.first() else { return Ok(()) };
            let mode = first.origin.mode;
            let series =
                first.partner.x12.as_ref().filter(|_| first.sheet.mapping.is_some()).map(|terms: &X12Terms| {
                    let parties = Parties::of(terms);
                    (parties.interchanges(mode), parties.groups(mode))
                });
            let numbers = match &series {
                Some((interchanges, groups)) => {
                    self.begin(&first.partner, interchanges, groups).await?;
                    Numbers {
                        interchange: ledger.next_number(interchanges).await?,
                        group: ledger.next_number(groups).await?,
                    }
                }
                None => Numbers::default(),
            };
            let now = self.now();
            let civil = now.to_zoned(TimeZone::UTC).datetime();
            let sheets: Vec<_> = all.iter().map(|one| one.sheet.clone()).collect();
            let written = match rendering::write(&first.partner, &first.route, &sheets, mode, numbers, civil) {
                Ok(written) => written,
                Err(unwritable) => {
                    // The others go without it, and without what comes after it of its order.
                    let at_fault = all.remove(unwritable.sheet.min(all.len() - 1));
                    desk.stick(&at_fault.document);
                    let later = all.split_off(unwritable.sheet.min(all.len()));
                    for one in later {
                        if desk.is_stuck(&one.document) {
                            desk.stick(&one.document);
                        } else {
                            all.push(one);
                        }
                    }
                    self.hold(&at_fault.origin, at_fault.document, &unwritable).await?;
                    continue;
                }
            };
            let outgoing = outgoing(now, all, &written, numbers, series, &self.inner.snapshot.load().digest);
            let message = outgoing.message.clone();
            if ledger.issue(outgoing).await? {
                let kinds = all.iter().map(|one| one.sheet.kind);
                DocumentsIssued { message: &message, kinds: kinds.collect() }.emit(&self.inner.telemetry);
                self.inner.due.now();
                return self.no_longer_held(std::mem::take(all)).await;
            }
            // Somebody else took the numbers, or has issued these already.
            if self.is_settled(all).await? {
                return Ok(());
            }
        }
    }

    /// What was held and has gone out is held no longer.
    async fn no_longer_held(&self, all: Vec<Ready>) -> Result<(), LedgerError> {
        for mut ready in all.into_iter().filter(|one| one.document.state == DocumentState::Held) {
            ready.document.state = DocumentState::Queued;
            ready.document.problem = None;
            self.inner.ledger.tell(News { documents: vec![(ready.document, None)], ..News::default() }).await?;
        }
        Ok(())
    }

    async fn is_settled(&self, all: &[Ready]) -> Result<bool, LedgerError> {
        let Some(first) = all.first() else { return Ok(true) };
        Ok(!self.inner.ledger.is_owed(first.owed).await?)
    }
}

fn outgoing(
    now: Timestamp,
    all: &[Ready],
    written: &Written,
    numbers: Numbers,
    series: Option<(NumberSeries, NumberSeries)>,
    config: &str,
) -> Outgoing {
    let id = message_id(now);
    let first = all.first();
    let mode = first.map_or(Mode::Test, |first| first.origin.mode);
    let channel = first.map_or(Channel::Rest, |first| channel(first.route.channel));
    let partner = first.map(|first| first.partner.id.clone());
    let mut used = Vec::new();
    if let Some((interchanges, groups)) = series {
        used.push((interchanges, numbers.interchange));
        used.extend((0..written.groups).map(|n| (groups.clone(), NumberSeries::after(numbers.group, n))));
    }
    let interchange = (numbers.interchange > 0).then(|| format!("{:09}", numbers.interchange));
    let message = Message {
        id,
        direction: Direction::Out,
        channel,
        connection: partner.clone().unwrap_or_default(),
        partner,
        transport_id: None,
        filename: None,
        content_type: Some(written.content_type.into()),
        digest: keys::sha256_hex(&written.bytes),
        bytes: written.bytes.len() as u64,
        interchange,
        at: now,
        state: MessageState::Ready,
        mode,
        correlation: first.map(|first| first.origin.correlation.clone()).unwrap_or_default(),
        config: config.to_owned(),
        problem: None,
        relates_to: first.map(|first| first.origin.id),
    };
    let (mut documents, mut watches) = (Vec::with_capacity(all.len()), Vec::new());
    for ((ready, place), position) in all.iter().zip(&written.places).zip(0..) {
        documents.push(document(id, position, now, ready, place));
        let answered = matches!(ready.sheet.kind, DocumentType::PurchaseOrder | DocumentType::PurchaseOrderChange);
        if let (true, Some(within)) = (answered, ready.route.answer_within) {
            watches.push(Watch { message: id, position, kind: WatchKind::Answer, due: later(now, within) });
        }
    }
    let detail = match (&message.interchange, documents.len()) {
        (Some(number), 1) => format!("as interchange {number}"),
        (Some(number), count) => format!("{count} documents as interchange {number}"),
        (None, _) => "as canonical JSON".to_owned(),
    };
    Outgoing {
        message,
        payload: Payload::Inline(written.bytes.clone()),
        documents,
        numbers: used,
        settles: all.iter().map(|one| one.owed).collect(),
        settled_as: "issued",
        watches,
        channel,
        due: now,
        facts: vec![Fact { at: now, what: "issued".into(), detail }],
    }
}

fn document(
    message: MessageId,
    position: u32,
    now: Timestamp,
    ready: &Ready,
    place: &rendering::Place,
) -> (Document, Option<NewEvent>) {
    let numbers = place.numbers.as_ref();
    let document = Document {
        message,
        position,
        partner: Some(ready.partner.id.clone()),
        kind: Some(ready.sheet.kind),
        format_kind: place.set.clone(),
        number: ready.document.number.clone(),
        orders: ready.document.orders.clone(),
        state: DocumentState::Issued,
        range: place.range,
        digest: ready.document.digest.clone(),
        problem: None,
        extras: Some(json!({
            "origin": { "message": ready.origin.id, "position": ready.document.position },
            "group": numbers.map(|(group, _)| group),
            "set": numbers.map(|(_, set)| set),
        })),
        mapping: ready.sheet.mapping.as_ref().map(|mapping| format!("{}@{}", mapping.id(), mapping.digest())),
        event: Some(message.event(position, 0)),
        revision: 0,
    };
    let event = NewEvent {
        id: message.event(position, 0),
        kind: event_type(ready.sheet.kind, Verb::Issued),
        subject: format!("{}/{}", ready.sheet.kind, document.number.as_deref().unwrap_or_default()),
        partner: ready.partner.id.clone(),
        key: key_of(&document),
        mode: ready.origin.mode,
        time: now,
        correlation: ready.origin.correlation.clone(),
        replaces: None,
        data: document::with_orders(&ready.sheet.json, &document.orders),
    };
    (document, Some(event))
}

/// What a person has to mend, and nobody else has to wait for: any other error says that the record is out.
pub(super) fn is_for_a_person(error: &LedgerError) -> bool {
    matches!(error, LedgerError::NotFound(_) | LedgerError::Conflict(_))
}

/// The ledger's word for a channel.
pub(super) fn channel(channel: SendChannel) -> Channel {
    match channel {
        SendChannel::As2 => Channel::As2,
        SendChannel::Sftp => Channel::Sftp,
        SendChannel::SftpPush => Channel::SftpPush,
        SendChannel::Rest => Channel::Rest,
        SendChannel::Webhook => Channel::Webhook,
        SendChannel::Cxml => Channel::Cxml,
    }
}

/// So much later, as far as time goes.
pub(super) fn later(at: Timestamp, span: std::time::Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
