//! Canonical documents as suppliers hand them over themselves: JSON, one document each, its kind and its order named by the
//! address that it was posted to. Its sender is there to be told, so what breaks the schema is refused and claims nothing;
//! what is taken leaves the same record, event and claims behind as a document that a mapping read.

use std::{io::Read, time::Instant};

use bytes::Bytes;
use serde_json::Value;

use super::{
    Exchange,
    arrival::{Arrival, Declared, Refused, Scribe, Verdict},
    claims,
    events::ArrivalCommitted,
    inbound::{Source, unavailable},
    message_id,
    progress::key_of,
};
use crate::{
    document::{self, DocumentType, Fault, MessageId, Mode, Summary, Verb, event_type},
    keys,
    ledger::{
        Channel, Claim, ClaimKind, Committed, Direction, Document, DocumentState, Entry, Fact, Message, MessageState,
        NewEvent, Payload,
    },
    partner::Status,
    spool::Content,
};

/// Whether a message came as canonical JSON, so that no mapping took part in it.
pub(super) fn is(message: &Message) -> bool {
    let json = |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim_end().ends_with("json"));
    message.direction == Direction::In
        && message.channel == Channel::Rest
        && message.content_type.as_deref().is_some_and(json)
}

/// A document that is what it was declared to be.
struct Read1 {
    json: Bytes,
    summary: Summary,
    /// Of what it says, however its text is laid out.
    digest: claims::Digest,
}

fn read(declared: &Declared, source: &Source) -> Result<Read1, Refused> {
    let lost = |error: std::io::Error| Refused::Unavailable(format!("the body cannot be read back: {error}"));
    let json = match source {
        Source::Memory(bytes) => bytes.clone(),
        Source::File(_) => {
            let mut all = Vec::new();
            let most = crate::ledger::MAX_BYTES as u64;
            #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
            source.open().and_then(|file| file.take(most).read_to_end(&mut all)).map_err(lost)?;
            Bytes::from(all)
        }
    };
    let mut summary = document::check(declared.kind, &json).map_err(Refused::NotCanonical)?;
    if let Some(order) = &declared.order {
        if summary.orders.is_empty() {
            summary.orders.push(order.clone());
        } else if !summary.orders.contains(order) {
            return Err(Refused::NotCanonical(Fault {
                pointer: order_field(declared.kind).into(),
                text: format!(
                    "this address is that of order {order}; the document is about {}",
                    summary.orders.join(", ")
                ),
            }));
        }
    }
    let digest = content_digest(&json);
    Ok(Read1 { json, summary, digest })
}

/// Where a kind of document names its order.
fn order_field(kind: DocumentType) -> &'static str {
    match kind {
        DocumentType::ShipmentNotice => "/levels",
        _ => "/order_number",
    }
}

/// A digest that blanks and the order of fields do not change.
fn content_digest(json: &[u8]) -> claims::Digest {
    let Ok(mut value) = serde_json::from_slice::<Value>(json) else { return keys::sha256(json) };
    value.sort_all_objects();
    keys::sha256(value.to_string().as_bytes())
}

impl Exchange {
    /// Takes one declared document.
    pub(super) async fn receive_canonical(
        &self,
        arrival: Arrival,
        declared: Declared,
        scribe: &dyn Scribe,
    ) -> Result<crate::ledger::Receipt, Refused> {
        let source = Source::of(&arrival.body.content);
        let (lane, by_declared) = (source.lane(), declared.clone());
        let work = move || read(&by_declared, &source);
        let read = self.inner.pool.run(&arrival.connection.id, lane, work).await;
        let read = read.map_err(|_| Refused::Busy("too many arrivals of this partner are waiting".into()))??;
        let config = self.inner.snapshot.load().digest.clone();
        let entry = entry(&arrival, &declared, read, &config, scribe);
        let (receipt, message) = (entry.receipt.clone(), entry.message.clone());
        let documents: Vec<_> = entry.documents.iter().map(|(document, _)| document.clone()).collect();
        let began = Instant::now();
        let committed = self.inner.ledger.commit(entry).await;
        if !matches!(committed, Ok(Committed::Stored))
            && let Content::File(file) = &arrival.body.content
        {
            file.take_back();
        }
        match committed.map_err(unavailable)? {
            Committed::Stored => {
                ArrivalCommitted { message: &message, documents: &documents, elapsed: began.elapsed() }
                    .emit(&self.inner.telemetry);
                Ok(receipt)
            }
            Committed::Taken(taken) => {
                // The key first: whoever repeats a request gets its answer, whatever became of the document since.
                let same_key = taken.iter().find(|one| one.claim.kind == ClaimKind::Transport);
                let Some(first) = same_key.or(taken.first()) else {
                    return Err(Refused::Unavailable("the record says that it is taken, and not by whom".into()));
                };
                let (same, holder) = (first.holder.digest == first.claim.digest, first.holder.message);
                match (first.claim.kind, same) {
                    (ClaimKind::Transport, true) => self.said_before(holder).await,
                    (ClaimKind::Transport, false) => Err(Refused::KeyReused { first: holder }),
                    (_, true) => Err(self.came_before(holder).await?),
                    (_, false) => {
                        let subject = documents.first().map(subject_of).unwrap_or_default();
                        Err(Refused::Changed { first: holder, subject })
                    }
                }
            }
        }
    }

    async fn came_before(&self, first: MessageId) -> Result<Refused, Refused> {
        let found = self.inner.ledger.message(first).await.map_err(unavailable)?;
        let found = found.ok_or_else(|| Refused::Unavailable(format!("message {first} is not to be found")))?;
        Ok(Refused::CameBefore(Box::new(found)))
    }
}

fn subject_of(document: &Document) -> String {
    let kind = document.kind.map_or("document", DocumentType::as_str);
    format!("{kind}/{}", document.number.as_deref().unwrap_or_default())
}

fn entry(arrival: &Arrival, declared: &Declared, read: Read1, config: &str, scribe: &dyn Scribe) -> Entry {
    let (partner, kind) = (&arrival.connection, declared.kind);
    let Read1 { json, summary, digest } = read;
    let (id, at) = (message_id(arrival.at), arrival.at);
    let mode = if partner.status == Status::Live { arrival.mode } else { Mode::Test };
    let onboarding = partner.status == Status::Onboarding;
    // The address is part of what a key stands for.
    let order = declared.order.as_deref().unwrap_or_default();
    let whole =
        keys::sha256(&[kind.as_str().as_bytes(), b"\n", order.as_bytes(), b"\n", &arrival.body.digest].concat());
    let transport = claims::transport(&partner.id, arrival.channel, arrival.mode, &arrival.transport_id);
    let mut claims_made = vec![Claim { kind: ClaimKind::Transport, key: transport, digest: whole, position: 0 }];
    if !onboarding {
        let key = claims::business(&partner.id, kind, mode, summary.identity.as_deref(), &digest);
        claims_made.push(Claim { kind: ClaimKind::Business, key, digest, position: 0 });
    }
    let verdict = Verdict {
        message: id,
        at,
        state: MessageState::Accepted,
        mode,
        documents: 1,
        problem: None,
        correlation: arrival.correlation.clone(),
    };
    let message = Message {
        id,
        direction: Direction::In,
        channel: arrival.channel,
        connection: partner.id.clone(),
        partner: Some(partner.id.clone()),
        transport_id: Some(arrival.transport_id.clone()),
        filename: None,
        content_type: arrival.content_type.clone(),
        digest: keys::hex(&arrival.body.digest),
        bytes: arrival.body.len,
        interchange: None,
        at,
        state: MessageState::Accepted,
        mode,
        correlation: arrival.correlation.clone(),
        config: config.to_owned(),
        problem: None,
        relates_to: None,
    };
    let mut document = Document {
        message: id,
        position: 0,
        partner: Some(partner.id.clone()),
        kind: Some(kind),
        format_kind: "json".into(),
        number: summary.number,
        orders: summary.orders,
        state: if onboarding { DocumentState::Recorded } else { DocumentState::Queued },
        range: (0, arrival.body.len),
        digest: keys::hex(&digest),
        problem: None,
        extras: None,
        mapping: None,
        event: None,
        revision: 0,
    };
    let event = (!onboarding).then(|| NewEvent {
        id: id.event(0, 0),
        kind: event_type(kind, Verb::Received),
        subject: summary.subject.clone(),
        partner: partner.id.clone(),
        key: key_of(&document),
        mode,
        time: at,
        correlation: arrival.correlation.clone(),
        replaces: None,
        data: json,
    });
    document.event = event.as_ref().map(|event| event.id);
    let payload = match &arrival.body.content {
        Content::Memory(bytes) => Payload::Inline(bytes.clone()),
        Content::File(file) => Payload::File(file.hand_over()),
    };
    let detail = format!("{} bytes, {} as canonical JSON", arrival.body.len, summary.subject);
    Entry {
        message,
        payload,
        receipt: scribe.receipt(&verdict),
        claims: claims_made,
        documents: vec![(document, event)],
        owed: Vec::new(),
        facts: vec![Fact { at, what: "received".into(), detail }],
        complete: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(order: Option<&str>, kind: DocumentType, json: &'static str) -> Result<Read1, Refused> {
        let declared = Declared { kind, order: order.map(str::to_owned) };
        read(&declared, &Source::Memory(Bytes::from_static(json.as_bytes())))
    }

    #[test]
    fn a_document_is_about_the_order_of_its_address() {
        let acknowledgement = DocumentType::OrderAcknowledgement;
        assert!(of(Some("45"), acknowledgement, r#"{"order_number":"45"}"#).is_ok());
        let Err(Refused::NotCanonical(fault)) = of(Some("46"), acknowledgement, r#"{"order_number":"45"}"#) else {
            panic!("another order's")
        };
        assert_eq!(fault.pointer, "/order_number");
        let bare = r#"{"number":"I1","issue_date":"2026-11-21"}"#;
        let invoice = of(Some("45"), DocumentType::Invoice, bare).unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(invoice.summary.orders, ["45"], "what names no order is about that of its address");
    }

    #[test]
    fn layout_is_no_content() {
        let (one, other) =
            (br#"{"a":"1","b":{"c":"2","d":"3"}}"#, b"{ \"b\": {\"d\":\"3\", \"c\":\"2\"},\n\"a\":\"1\" }");
        assert_eq!(content_digest(one), content_digest(other));
        assert_ne!(content_digest(one), content_digest(br#"{"a":"1","b":{"c":"2","d":"30"}}"#));
    }
}
