//! Canonical documents as suppliers hand them over themselves: JSON, one document each, its kind and its order named by the
//! address that it was posted to. Its sender is there to be told, so what breaks the schema is refused and claims nothing;
//! what is taken leaves the same record, event and claims behind as a document that a mapping read.

use std::{io::Read, time::Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Exchange,
    arrival::{Arrival, Declared, Refused, Scribe, Verdict},
    claims, codes, content,
    events::ArrivalCommitted,
    inbound::{Source, unavailable},
    message_id,
    progress::key_of,
    reading::Problem,
};
use crate::{
    document::{self, DocumentType, Fault, Mode, Summary, Verb, event_type},
    keys,
    ledger::{
        Channel, Claim, ClaimKind, Committed, Direction, Document, DocumentState, Entry, Fact, Message, MessageState,
        NewEvent, Payload,
    },
    net,
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
#[derive(Clone)]
struct Fitting {
    json: Bytes,
    summary: Summary,
    /// Of what it says, however its text is laid out.
    digest: claims::Digest,
}

fn read(declared: &Declared, source: &Source) -> Result<Fitting, Refused> {
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
    let json = net::without_mark(json);
    let mut summary = document::check(declared.kind, &json).map_err(Refused::NotCanonical)?;
    if let Some(order) = &declared.order {
        if summary.orders.is_empty() {
            summary.orders.push(order.clone());
        } else if !summary.orders.contains(order) {
            return Err(Refused::NotCanonical(vec![Fault {
                pointer: order_field(declared.kind).into(),
                text: format!(
                    "this address is that of order {order}; the document is about {}",
                    summary.orders.join(", ")
                ),
            }]));
        }
    }
    let digest = content::digest(&json);
    Ok(Fitting { json, summary, digest })
}

/// Where a kind of document names its order.
fn order_field(kind: DocumentType) -> &'static str {
    match kind {
        DocumentType::ShipmentNotice => "/levels",
        _ => "/order_number",
    }
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
        // The second time it is known what it repeats.
        let mut first = None;
        for _ in 0..2 {
            let entry = entry(&arrival, &declared, &read, first.as_ref(), &config, scribe);
            let (receipt, message) = (entry.receipt.clone(), entry.message.clone());
            let documents: Vec<_> = entry.documents.iter().map(|(document, _)| document.clone()).collect();
            let began = Instant::now();
            let committed = self.inner.ledger.commit(entry).await;
            if !matches!(committed, Ok(Committed::Stored))
                && let Content::File(file) = &arrival.body.content
            {
                file.take_back();
            }
            let taken = match committed.map_err(unavailable)? {
                Committed::Stored => {
                    ArrivalCommitted { message: &message, documents: &documents, elapsed: began.elapsed() }
                        .emit(&self.inner.telemetry);
                    self.inner.limiter.documents(&arrival.connection.id, 1, arrival.at);
                    return Ok(receipt);
                }
                Committed::Taken(taken) => taken,
            };
            // The key first: whoever repeats a request gets its answer, whatever became of the document since.
            let same_key = taken.iter().find(|one| one.claim.kind == ClaimKind::Transport);
            let Some(one) = same_key.or_else(|| taken.first()) else { break };
            let (same, holder) = (one.holder.digest == one.claim.digest, one.holder.message);
            match (one.claim.kind, same) {
                (ClaimKind::Transport, true) => return self.said_before(holder).await,
                (ClaimKind::Transport, false) => return Err(Refused::KeyReused { first: holder }),
                (_, true) => first = self.inner.ledger.message(holder).await.map_err(unavailable)?,
                (_, false) => return Err(Refused::Changed { first: holder, subject: read.summary.subject }),
            }
        }
        Err(Refused::Unavailable("the record says that it is taken, and not by whom".into()))
    }
}

/// What was decided on a message when it came.
fn verdict_of(message: &Message) -> Verdict {
    Verdict {
        message: message.id,
        at: message.at,
        state: message.state,
        mode: message.mode,
        documents: 1,
        problem: None,
        correlation: message.correlation.clone(),
    }
}

/// What it leaves behind. Where it repeats `first`, that is no more than that it came, and its sender gets the answer that
/// the first one got.
fn entry(
    arrival: &Arrival,
    declared: &Declared,
    read: &Fitting,
    first: Option<&Message>,
    config: &str,
    scribe: &dyn Scribe,
) -> Entry {
    let (partner, kind) = (&arrival.connection, declared.kind);
    let Fitting { json, summary, digest } = read.clone();
    let (id, at) = (message_id(arrival.at), arrival.at);
    let mode = if partner.status == Status::Live { arrival.mode } else { Mode::Test };
    let onboarding = partner.status == Status::Onboarding;
    // The address is part of what a key stands for.
    let order = declared.order.as_deref().unwrap_or_default();
    let whole =
        keys::sha256(&[kind.as_str().as_bytes(), b"\n", order.as_bytes(), b"\n", &arrival.body.digest].concat());
    let transport = claims::transport(&partner.id, arrival.channel, arrival.mode, &arrival.transport_id);
    let mut claims_made = vec![Claim { kind: ClaimKind::Transport, key: transport, digest: whole, position: 0 }];
    if !onboarding && first.is_none() {
        let key = claims::business(&partner.id, kind, mode, summary.identity.as_deref(), &digest);
        claims_made.push(Claim { kind: ClaimKind::Business, key, digest, position: 0 });
    }
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
        state: if first.is_some() { MessageState::Duplicate } else { MessageState::Accepted },
        mode,
        correlation: arrival.correlation.clone(),
        config: config.to_owned(),
        problem: None,
        relates_to: first.map(|first| first.id),
    };
    let mut document = Document {
        message: id,
        position: 0,
        partner: Some(partner.id.clone()),
        kind: Some(kind),
        format_kind: "json".into(),
        number: summary.number.clone(),
        orders: summary.orders.clone(),
        state: match first {
            Some(_) => DocumentState::Duplicate,
            None if onboarding => DocumentState::Recorded,
            None => DocumentState::Queued,
        },
        range: (0, arrival.body.len),
        digest: keys::hex(&digest),
        problem: first.map(|first| repeats(&summary.subject, first)),
        extras: None,
        mapping: None,
        event: None,
        revision: 0,
    };
    let event = (document.state == DocumentState::Queued).then(|| NewEvent {
        id: id.event(0, 0),
        kind: event_type(kind, Verb::Received),
        subject: summary.subject.clone(),
        partner: partner.id.clone(),
        key: key_of(&document),
        mode,
        time: at,
        correlation: arrival.correlation.clone(),
        replaces: None,
        data: document::with_orders(&json, &document.orders),
    });
    document.event = event.as_ref().map(|event| event.id);
    let payload = match &arrival.body.content {
        Content::Memory(bytes) => Payload::Inline(bytes.clone()),
        Content::File(file) => Payload::File(file.hand_over()),
    };
    let detail = format!("{} bytes, {} as canonical JSON", arrival.body.len, summary.subject);
    Entry {
        payload,
        receipt: scribe.receipt(&verdict_of(first.unwrap_or(&message))),
        message,
        claims: claims_made,
        documents: vec![(document, event)],
        owed: Vec::new(),
        facts: vec![Fact { at, what: "received".into(), detail }],
        complete: true,
    }
}

fn repeats(subject: &str, first: &Message) -> Value {
    let text = format!("{subject} came before, in message {}.", first.id);
    let mut problem = Problem::new(codes::DUPLICATE_DOCUMENT, text);
    problem.details = json!({ "first": first.id, "position": 0 });
    problem.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(order: Option<&str>, kind: DocumentType, json: &'static str) -> Result<Fitting, Refused> {
        let declared = Declared { kind, order: order.map(str::to_owned) };
        read(&declared, &Source::Memory(Bytes::from_static(json.as_bytes())))
    }

    #[test]
    fn a_document_is_about_the_order_of_its_address() {
        let acknowledgement = DocumentType::OrderAcknowledgement;
        assert!(of(Some("45"), acknowledgement, r#"{"order_number":"45"}"#).is_ok());
        let Err(Refused::NotCanonical(faults)) = of(Some("46"), acknowledgement, r#"{"order_number":"45"}"#) else {
            panic!("another order's")
        };
        assert_eq!(faults.iter().map(|fault| &*fault.pointer).collect::<Vec<_>>(), ["/order_number"]);
        let bare = r#"{"number":"I1","issue_date":"2026-11-21"}"#;
        let invoice = of(Some("45"), DocumentType::Invoice, bare).unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(invoice.summary.orders, ["45"], "what names no order is about that of its address");
    }
}
