//! What only the AS2 door and its courier tell of.

use std::net::IpAddr;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

use super::codes;
use crate::{as2::fault::Fault, error::Code, observe::Metrics};

/// This room's own metrics.
pub(super) struct Telemetry {
    refused: Family<CodeLabels, Counter>,
    receipts: Family<ResultLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

impl Telemetry {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let telemetry = Self { refused: Family::default(), receipts: Family::default() };
        metrics.register("as2_refused", "AS2 messages that were refused, by code", telemetry.refused.clone());
        telemetry
    }

    /// That of receipts which go on a connection of their own.
    pub(super) fn of_receipts(metrics: &Metrics) -> Self {
        let telemetry = Self { refused: Family::default(), receipts: Family::default() };
        let help = "AS2 receipts on connections of their own, by what came of them";
        metrics.register("as2_receipts", help, telemetry.receipts.clone());
        telemetry
    }

    fn refuse(&self, code: Code) {
        self.refused.get_or_create(&CodeLabels { code: code.as_str() }).inc();
    }

    fn receipt(&self, result: &'static str) {
        self.receipts.get_or_create(&ResultLabels { result }).inc();
    }
}

/// A request whose headers name nobody.
pub(super) struct Unreadable<'a> {
    pub(super) source: Option<IpAddr>,
    pub(super) why: &'a Fault,
}

impl Unreadable<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let source = self.source.map(tracing::field::display);
        tracing::info!(code = %codes::HEADERS, source, why = %self.why, "A request to /as2 names nobody.");
        telemetry.refuse(codes::HEADERS);
    }
}

/// A message of somebody we do not know, or not from there.
pub(super) struct Strange<'a> {
    pub(super) source: Option<IpAddr>,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

impl Strange<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let source = self.source.map(tracing::field::display);
        tracing::warn!(
            code = %codes::STRANGER, source, from = self.from, to = self.to,
            "An AS2 message was refused: nobody is known by these names from there."
        );
        telemetry.refuse(codes::STRANGER);
    }
}

/// A partner that sends too much at once.
pub(super) struct PutOff<'a> {
    pub(super) partner: &'a str,
    pub(super) source: Option<IpAddr>,
    /// The limit that is reached.
    pub(super) policy: &'static str,
}

impl PutOff<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let source = self.source.map(tracing::field::display);
        let Self { partner, policy, .. } = self;
        tracing::info!(code = %codes::BUSY, partner, source, policy, "An AS2 message was put off.");
        telemetry.refuse(codes::BUSY);
    }
}

/// A message of a partner that cannot be taken.
pub(super) struct Refused<'a> {
    pub(super) fault: &'a Fault,
    pub(super) partner: &'a str,
    pub(super) source: Option<IpAddr>,
    pub(super) message_id: &'a str,
    pub(super) correlation: &'a str,
    /// Where the message is kept, to be looked at.
    pub(super) kept: Option<&'a str>,
}

impl Refused<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let code = self.fault.code();
        let source = self.source.map(tracing::field::display);
        tracing::warn!(
            %code, partner = self.partner, source, message_id = self.message_id, correlation = self.correlation,
            kept = self.kept, told = %self.fault.disposition(), "An AS2 message was refused: {}", self.fault
        );
        telemetry.refuse(code);
    }
}

/// A receipt reached its partner on a connection of its own.
pub(super) struct ReceiptDelivered<'a> {
    pub(super) partner: &'a str,
    pub(super) message_id: &'a str,
    pub(super) attempts: u32,
}

impl ReceiptDelivered<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::info!(
            partner = self.partner,
            message_id = self.message_id,
            attempts = self.attempts,
            "An AS2 receipt was delivered on a connection of its own."
        );
        telemetry.receipt("delivered");
    }
}

/// A receipt did not reach its partner.
pub(super) struct ReceiptFailed<'a> {
    pub(super) partner: &'a str,
    pub(super) message_id: &'a str,
    pub(super) attempts: u32,
    pub(super) why: &'a str,
    pub(super) given_up: bool,
}

impl ReceiptFailed<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        let (partner, message_id, attempts, why) = (self.partner, self.message_id, self.attempts, self.why);
        if self.given_up {
            let code = codes::RECEIPT_UNDELIVERED;
            tracing::error!(%code, partner, message_id, attempts, why, "An AS2 receipt could not be delivered.");
            telemetry.receipt("given_up");
        } else {
            tracing::warn!(partner, message_id, attempts, why, "An AS2 receipt is tried again later.");
            telemetry.receipt("tried_again");
        }
    }
}

/// A receipt came that nothing of ours waits for.
pub(super) struct StrayReceipt<'a> {
    pub(super) partner: &'a str,
    pub(super) original: &'a str,
    pub(super) why: &'a str,
}

impl StrayReceipt<'_> {
    pub(super) fn emit(self, telemetry: &Telemetry) {
        tracing::warn!(
            code = %codes::RECEIPT, partner = self.partner, original = self.original, why = self.why,
            "An AS2 receipt belongs to nothing that waits for one."
        );
        telemetry.refuse(codes::RECEIPT);
    }
}
