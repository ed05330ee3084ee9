//! What a partner has to show before it goes live. A template lists the steps, a partner's file may list others; the
//! evidence is looked for in the record, by `onboard`.

use super::Status;
use crate::config::{choice, section};

choice! {
    /// One thing that is seen to work.
    pub enum Step {
        /// Something came in on the partner's own connection.
        Connect = "connect",
        /// It was receipted: an MDN, a 202, an SFTP OK.
        Receipt = "receipt",
        /// The control numbers of what we send go on where the old translator's ended.
        ControlNumbers = "control_numbers",
        /// An order of ours was delivered.
        OrderDelivered = "order_delivered",
        /// A functional acknowledgement came back.
        OrderAcknowledged = "order_acknowledged",
        /// An answer to an order was accepted.
        ResponseAccepted = "response_accepted",
        /// A shipment notice was accepted, and its levels make sense.
        ShipmentAccepted = "shipment_accepted",
        /// An invoice was accepted, and its lines make its total.
        InvoiceBalances = "invoice_balances",
        /// The same document twice was counted once.
        DuplicateRefused = "duplicate_refused",
        /// A document whose segment count is wrong was rejected, and its sender told.
        MiscountRefused = "miscount_refused",
    }
}

section! {
    /// What has to be seen before this partner goes live; `gangway partner certify ID` looks for it.
    pub struct CertificationSection {
        /// Steps without which going live takes a reason, which is recorded.
        pub required: Vec<Step>,
        /// Steps that are looked for, and not insisted on.
        pub optional: Vec<Step>,
    }
}

/// The steps agreed with one partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certification {
    /// Without these, going live takes a reason.
    pub required: Vec<Step>,
    /// These are looked for, and not insisted on.
    pub optional: Vec<Step>,
}

impl Certification {
    /// All steps, with whether each is required, in the order they are listed. One that is listed twice counts once.
    pub fn steps(&self) -> Vec<(Step, bool)> {
        let mut all: Vec<(Step, bool)> = Vec::new();
        let listed =
            self.required.iter().map(|step| (*step, true)).chain(self.optional.iter().map(|one| (*one, false)));
        for (step, required) in listed {
            if all.iter().all(|(known, _)| *known != step) {
                all.push((step, required));
            }
        }
        all
    }
}

impl From<&CertificationSection> for Certification {
    fn from(section: &CertificationSection) -> Self {
        Self { required: section.required.clone(), optional: section.optional.clone() }
    }
}

impl Step {
    /// What is seen when it is done.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Connect => "they reach us",
            Self::Receipt => "what they send is receipted",
            Self::ControlNumbers => "our control numbers go on from the old translator's",
            Self::OrderDelivered => "an order reaches them",
            Self::OrderAcknowledged => "their 997 comes back",
            Self::ResponseAccepted => "an order's answer is accepted",
            Self::ShipmentAccepted => "a ship notice is accepted, its levels in order",
            Self::InvoiceBalances => "an invoice is accepted, and its lines make its total",
            Self::DuplicateRefused => "the same document twice counts once",
            Self::MiscountRefused => "a wrong segment count is rejected",
        }
    }

    /// The same, as the partner is told it.
    pub const fn title_for_them(self) -> &'static str {
        match self {
            Self::Connect => "you reach us",
            Self::Receipt => "what you send is receipted",
            Self::OrderDelivered => "an order reaches you",
            Self::OrderAcknowledged => "your 997 comes back",
            _ => self.title(),
        }
    }

    /// What to do to get it done.
    pub const fn how(self) -> &'static str {
        match self {
            Self::Connect => "have them send any of the sample files over their own connection",
            Self::Receipt => "comes with the first file: the MDN, the 202 or the SFTP OK that they got",
            Self::ControlNumbers => {
                "put the old translator's next ISA13 and GS06 into send.first_interchange and send.first_group"
            }
            Self::OrderDelivered => "send them a test order: POST /erp/v1/documents; it counts once they have it",
            Self::OrderAcknowledged => "have them return the 997 for that order",
            Self::ResponseAccepted => "have them send the sample answer (855), or their own to the test order",
            Self::ShipmentAccepted => "have them send the sample ship notice (856), or their own",
            Self::InvoiceBalances => "have them send the sample invoice (810), or their own",
            Self::DuplicateRefused => "have them send one of these files again, unchanged",
            Self::MiscountRefused => "have them send the sample with the wrong SE01 (856-miscounted)",
        }
    }
}

/// Whether a partner of this status may change to that one without its certification: only going live needs it.
pub fn needs_certification(from: Status, to: Status) -> bool {
    to == Status::Live && from != Status::Live && from != Status::Suspended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_listed_twice_counts_once_and_is_required() {
        let listed = Certification {
            required: vec![Step::Connect, Step::Receipt],
            optional: vec![Step::Receipt, Step::Connect],
        };
        assert_eq!(listed.steps(), [(Step::Connect, true), (Step::Receipt, true)]);
    }

    #[test]
    fn only_going_live_needs_it() {
        assert!(
            needs_certification(Status::Test, Status::Live) && needs_certification(Status::Onboarding, Status::Live)
        );
        assert!(!needs_certification(Status::Suspended, Status::Live), "it was live before");
        assert!(!needs_certification(Status::Live, Status::Suspended));
    }
}
