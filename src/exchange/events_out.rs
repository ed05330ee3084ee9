//! What this room tells of the way out: one struct per event, whose `emit` writes the log line and the metric together.

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::{
    alert::{Alarm, AlertKind},
    courier::Carried,
    events::Telemetry,
    outbound::Submission,
    rendering::Unwritable,
};
use crate::{
    document::{DocumentType, MessageId, Verb},
    ledger::{Delivery, Document, DocumentState, Message},
    observe::Metrics,
};

/// The metrics of the way out.
pub(super) struct Outgoing {
    documents: Family<DocumentLabels, Counter>,
    overdue: Family<OverdueLabels, Counter>,
    acknowledgements: Family<OutcomeLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    pub(super) alarm: Alarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DocumentLabels {
    document: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OverdueLabels {
    document: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    channel: String,
    outcome: &'static str,
}

impl Outgoing {
    pub(super) fn new(common: &Metrics) -> Self {
        let all = Self {
            documents: Family::default(),
            overdue: Family::default(),
            acknowledgements: Family::default(),
            attempts: Family::default(),
            alarm: Alarm::default(),
        };
        let Self { documents, overdue, acknowledgements, attempts, .. } = &all;
        common.register("documents_out", "Documents for partners, by what became of them", documents.clone());
        common.register("overdue", "What partners should have sent and did not, by document", overdue.clone());
        let help = "Acknowledgements from partners, by whether they speak of something that was sent";
        common.register("acknowledgements_received", help, acknowledgements.clone());
        common.register("delivery_attempts", "Attempts to deliver, by channel and outcome", attempts.clone());
        all
    }

    fn count(&self, document: DocumentType, state: &'static str) {
        self.documents.get_or_create(&DocumentLabels { document: document.as_str(), state }).inc();
    }
}

/// The ERP handed a document over.
pub(super) struct DocumentTaken<'a> {
    pub(super) message: MessageId,
    pub(super) partner: &'a str,
    pub(super) submission: &'a Submission,
    pub(super) subject: &'a str,
}

impl DocumentTaken<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, partner, submission, subject } = self;
        telemetry.outgoing.count(submission.kind, "taken");
        tracing::info!(%message, partner, subject, correlation = submission.correlation, "A document was taken from the ERP.");
    }
}

/// A document that was taken cannot be written now.
pub(super) struct DocumentHeld<'a> {
    pub(super) origin: &'a Message,
    pub(super) document: &'a Document,
    pub(super) unwritable: &'a Unwritable,
}

impl DocumentHeld<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { origin, document, unwritable } = self;
        if let Some(kind) = document.kind {
            telemetry.outgoing.count(kind, "held");
        }
        let partner = document.partner.as_deref().unwrap_or_default();
        let subject = format!("{}/{}", origin.id, document.position);
        telemetry.outgoing.alarm.raise(AlertKind::Held, subject, Some(partner), origin.id, &unwritable.text);
        tracing::warn!(message = %origin.id, partner, correlation = origin.correlation, code = %unwritable.code,
            "A document cannot be sent as it is configured: {}", unwritable.text);
    }
}

/// Documents are on their way.
pub(super) struct DocumentsIssued<'a> {
    pub(super) message: &'a Message,
    pub(super) kinds: Vec<DocumentType>,
}

impl DocumentsIssued<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, kinds } = self;
        kinds.iter().for_each(|kind| telemetry.outgoing.count(*kind, "issued"));
        let partner = message.partner.as_deref().unwrap_or_default();
        let interchange = message.interchange.as_deref().unwrap_or_default();
        tracing::info!(message = %message.id, partner, interchange, documents = kinds.len(),
            correlation = message.correlation, "Documents were issued.");
    }
}

/// The ERP was told what became of a delivery.
pub(super) struct Told<'a> {
    pub(super) message: &'a Message,
    pub(super) verb: Verb,
    pub(super) kinds: Vec<DocumentType>,
    pub(super) detail: &'a str,
}

impl Told<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, verb, kinds, detail } = self;
        kinds.iter().for_each(|kind| telemetry.outgoing.count(*kind, verb.as_str()));
        let partner = message.partner.as_deref().unwrap_or_default();
        let (correlation, id) = (&message.correlation, message.id);
        if verb == Verb::Failed {
            telemetry.outgoing.alarm.raise(AlertKind::DeliveryFailed, id.to_string(), Some(partner), id, detail);
        }
        match verb {
            Verb::Failed => tracing::error!(message = %id, partner, correlation, "A delivery was given up: {detail}"),
            _ => tracing::info!(message = %id, partner, correlation, "A partner has what was sent: {detail}"),
        }
    }
}

/// A partner did not do in time what it should.
pub(super) struct Overdue<'a> {
    pub(super) message: &'a Message,
    pub(super) about: DocumentType,
    pub(super) number: Option<&'a str>,
    pub(super) due: Timestamp,
}

impl Overdue<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, about, number, due } = self;
        telemetry.outgoing.overdue.get_or_create(&OverdueLabels { document: about.as_str() }).inc();
        let partner = message.partner.as_deref().unwrap_or_default();
        let number = number.unwrap_or_default();
        let subject = format!("{about} {partner}/{number} {}", message.id);
        let text = format!("Overdue since {due}: {about} of {partner} about {number}.");
        telemetry.outgoing.alarm.raise(AlertKind::Overdue, subject, Some(partner), message.id, text);
        tracing::warn!(message = %message.id, partner, number, %due, correlation = message.correlation,
            "Overdue: {about}.");
    }
}

/// A partner's acknowledgement was tied to what was sent.
pub(super) struct AcknowledgementHeard<'a> {
    pub(super) message: &'a Message,
    pub(super) by: MessageId,
    pub(super) accepted: usize,
    pub(super) rejected: usize,
}

impl AcknowledgementHeard<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, by, accepted, rejected } = self;
        telemetry.outgoing.acknowledgements.get_or_create(&OutcomeLabels { outcome: "matched" }).inc();
        let partner = message.partner.as_deref().unwrap_or_default();
        let correlation = &message.correlation;
        if rejected > 0 {
            let text = format!("{partner} rejects {rejected} of the documents in {}.", message.id);
            telemetry.outgoing.alarm.raise(
                AlertKind::Rejected,
                message.id.to_string(),
                Some(partner),
                message.id,
                text,
            );
            tracing::warn!(message = %message.id, %by, partner, accepted, rejected, correlation, "A partner rejects what was sent.");
        } else {
            tracing::info!(message = %message.id, %by, partner, accepted, correlation, "A partner acknowledged what was sent.");
        }
    }
}

/// A partner's acknowledgement speaks of nothing that was sent.
pub(super) struct AcknowledgementUnmatched<'a> {
    pub(super) message: MessageId,
    pub(super) partner: &'a str,
    pub(super) text: &'a str,
}

impl AcknowledgementUnmatched<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, partner, text } = self;
        telemetry.outgoing.acknowledgements.get_or_create(&OutcomeLabels { outcome: "unmatched" }).inc();
        telemetry.outgoing.alarm.raise(AlertKind::Unmatched, message.to_string(), Some(partner), message, text);
        tracing::warn!(%message, partner, "An acknowledgement speaks of nothing that was sent: {text}");
    }
}

/// An attempt to deliver came to something.
pub(super) struct DeliveryTried<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) carried: &'a Carried,
    /// Whether that was the last attempt.
    pub(super) last: bool,
}

impl DeliveryTried<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { delivery, carried, last } = self;
        let outcome = match carried {
            Carried::Delivered { .. } => "delivered",
            Carried::Waiting { .. } => "waiting",
            Carried::TryAgain { .. } if last => "given up",
            Carried::TryAgain { .. } => "failed",
            Carried::Refused { .. } => "refused",
        };
        let channel = delivery.channel.as_str().to_owned();
        telemetry.outgoing.attempts.get_or_create(&AttemptLabels { channel, outcome }).inc();
        let (id, message, partner) = (delivery.id, delivery.message, &delivery.partner);
        match carried {
            Carried::Delivered { detail, .. } | Carried::Waiting { detail, .. } => {
                tracing::info!(delivery = id, %message, partner, attempt = delivery.attempts + 1, outcome, "{detail}");
            }
            Carried::TryAgain { detail, .. } | Carried::Refused { detail } => {
                tracing::warn!(delivery = id, %message, partner, attempt = delivery.attempts + 1, outcome, "{detail}");
            }
        }
    }
}

/// Acknowledgements from a partner break the standard. They say nothing of what was sent, which stays unacknowledged.
pub(super) struct AcknowledgementsBroken<'a> {
    pub(super) message: MessageId,
    pub(super) documents: &'a [Document],
}

impl AcknowledgementsBroken<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let Self { message, documents } = self;
        let broken = |document: &&Document| {
            document.kind == Some(DocumentType::FunctionalAcknowledgement) && document.state == DocumentState::Rejected
        };
        for document in documents.iter().filter(broken) {
            telemetry.outgoing.acknowledgements.get_or_create(&OutcomeLabels { outcome: "broken" }).inc();
            let partner = document.partner.as_deref();
            let why = document.problem.as_ref().and_then(|problem| problem.get("text")?.as_str()).unwrap_or_default();
            let text =
                format!("A {} of {} is rejected: {why}", document.format_kind, partner.unwrap_or("nobody we know"));
            telemetry.outgoing.alarm.raise(
                AlertKind::BrokenAcknowledgement,
                message.to_string(),
                partner,
                message,
                text.as_str(),
            );
            tracing::warn!(%message, partner, "{text}");
        }
    }
}
