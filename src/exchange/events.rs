//! What this room tells of itself: one struct per event, whose `emit` writes the log line and the metric together.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::{
    events_out::AcknowledgementsBroken,
    sequence::{Order, Sequence},
};
use crate::{
    config::Rate,
    document::MessageId,
    ledger::{Document, DocumentState, Message, MessageState},
    observe::{Committed, Metrics},
};

/// The exchange's own metrics, beside the common ones.
pub(super) struct Telemetry {
    common: Arc<Metrics>,
    documents: Family<DocumentLabels, Counter>,
    acknowledgements: Counter,
    over_quota: Counter,
    pub(super) outgoing: super::events_out::Outgoing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DocumentLabels {
    document: &'static str,
    state: &'static str,
}

impl Telemetry {
    pub(super) fn new(common: Arc<Metrics>) -> Self {
        let outgoing = super::events_out::Outgoing::new(&common);
        let telemetry = Self {
            common,
            documents: Family::default(),
            acknowledgements: Counter::default(),
            over_quota: Counter::default(),
            outgoing,
        };
        let Self { common, documents, acknowledgements, over_quota, .. } = &telemetry;
        common.register("over_quota", "Arrivals by EDI over their partner's documents of the day", over_quota.clone());
        common.register("documents", "Documents of arrivals, by what became of them", documents.clone());
        common.register("acknowledgements_issued", "Functional acknowledgements issued", acknowledgements.clone());
        telemetry
    }

    fn count<'d>(&self, documents: impl IntoIterator<Item = &'d Document>) {
        for document in documents {
            let kind = document.kind.map_or("unmapped", |kind| kind.as_str());
            let state = match document.state {
                DocumentState::Queued => "queued",
                DocumentState::Rejected => "rejected",
                DocumentState::Held => "held",
                DocumentState::Duplicate => "duplicate",
                DocumentState::Recorded => "recorded",
                DocumentState::Issued => "issued",
                DocumentState::Delivered => "delivered",
                DocumentState::Acknowledged => "acknowledged",
                DocumentState::Failed => "failed",
            };
            self.documents.get_or_create(&DocumentLabels { document: kind, state }).inc();
        }
    }
}

impl Telemetry {
    /// Tells a person of a message that waits, or of whose documents some do.
    fn held(&self, message: &Message) {
        let text = match message.problem.as_ref().and_then(|problem| problem.get("text")?.as_str()) {
            Some(text) => format!("A message is held: {text}"),
            None => "Documents of a message are held.".to_owned(),
        };
        let (alarm, partner) = (&self.outgoing.alarm, message.partner.as_deref());
        alarm.raise(super::alert::AlertKind::Held, message.id.to_string(), partner, message.id, text);
    }
}

/// An arrival is on stable storage.
pub(super) struct ArrivalCommitted<'a> {
    pub(super) message: &'a Message,
    pub(super) documents: &'a [Document],
    pub(super) elapsed: Duration,
}

impl ArrivalCommitted<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, documents, elapsed } = self;
        telemetry.count(documents);
        AcknowledgementsBroken { message: message.id, documents }.emit(telemetry);
        Committed { elapsed }.emit(&telemetry.common);
        if message.state == MessageState::Held {
            telemetry.held(message);
        }
        if let Some(problem) = &message.problem {
            let partner = message.partner.as_deref().unwrap_or_default();
            let correlation = &message.correlation;
            tracing::warn!(message = %message.id, partner, correlation, %problem, "A message waits for a person.");
        }
    }
}

/// An interchange's number is not the next one, though its partner's numbers have no gaps.
pub(super) struct InterchangeOutOfOrder<'a> {
    pub(super) message: &'a Message,
    pub(super) sequence: &'a Sequence,
}

impl InterchangeOutOfOrder<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, sequence: Sequence { partner, kind, text } } = self;
        let (id, correlation) = (message.id, &message.correlation);
        match kind {
            Order::Gap => {
                let alarm = &telemetry.outgoing.alarm;
                alarm.raise(super::alert::AlertKind::Gap, id.to_string(), Some(partner), id, text);
                tracing::warn!(message = %id, partner, correlation, "Interchanges are missing: {text}");
            }
            Order::Late => tracing::info!(message = %id, partner, correlation, "An interchange fills a gap: {text}"),
        }
    }
}

/// A partner sends more documents by EDI than its file says; they are taken all the same.
pub(super) struct OverQuota<'a> {
    pub(super) partner: &'a str,
    pub(super) quota: Rate,
}

impl OverQuota<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        telemetry.over_quota.inc();
        tracing::warn!(partner = self.partner, quota = %self.quota, "A partner is over its documents; it is slowed down.");
    }
}

/// A slice of a large message's documents is on stable storage.
pub(super) struct SliceCommitted<'a> {
    pub(super) message: MessageId,
    pub(super) documents: &'a [Document],
}

impl SliceCommitted<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        telemetry.count(self.documents);
        AcknowledgementsBroken { message: self.message, documents: self.documents }.emit(telemetry);
    }
}

/// The last document of a large message is stored and its events are released.
pub(super) struct MessageFinished<'a> {
    pub(super) message: &'a Message,
    pub(super) state: MessageState,
    pub(super) documents: u32,
}

impl MessageFinished<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, state, documents } = self;
        let correlation = &message.correlation;
        if state == MessageState::Held {
            telemetry.held(message);
        }
        tracing::info!(message = %message.id, correlation, ?state, documents, "A large message was worked out.");
    }
}

/// An acknowledgement is on its way.
pub(super) struct AcknowledgementIssued<'a> {
    pub(super) message: MessageId,
    pub(super) about: &'a Message,
    pub(super) partner: &'a str,
}

impl AcknowledgementIssued<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        telemetry.acknowledgements.inc();
        let correlation = &self.about.correlation;
        tracing::info!(message = %self.message, about = %self.about.id, partner = self.partner, correlation,
            "An acknowledgement was issued.");
    }
}
