//! The answer to a change of an order, or a change that the seller proposes: X12 865.

use super::{
    LineAcknowledgement,
    common::*,
    planning::LeadTime,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// What a seller says of a change to an order.
    pub struct OrderChangeAcknowledgement {
        /// The buyer's order. BCA03, UBL `OrderReference/ID`.
        order_number: one String,
        /// BCA01.
        purpose: maybe Purpose,
        /// What the seller says of the change as a whole. BCA02, UBL `OrderResponseCode`.
        acknowledgement_type: maybe AcknowledgementType,
        /// BCA04.
        release_number: maybe String,
        /// The change of the order that it answers. BCA05, UBL `SequenceNumberID`.
        change_order_sequence: maybe String,
        /// The order's date. BCA06.
        order_date: maybe Date,
        /// BCA07.
        request_reference: maybe String,
        /// BCA08.
        contract_number: maybe String,
        /// The seller's own number of the order. BCA09, UBL `SalesOrderID`.
        seller_order_number: maybe String,
        /// The acknowledgement's date. BCA10, UBL `IssueDate`.
        issue_date: maybe Date,
        /// The date of the change that is answered. BCA11.
        change_date: maybe Date,
        /// BCA13.
        order_type: maybe OrderType,
        /// As sent. BCA14.
        security_level: maybe String,
        /// As sent. BCA15.
        transaction_kind: maybe String,
        all order_terms,
        /// POC loops, UBL `OrderLine`.
        lines: list AcknowledgedChange,
        /// AMT.
        amounts: list Amount,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One line of the order as it is to be after the change, and what the seller says of it.
    pub struct AcknowledgedChange {
        all changed_line_head,
        /// What the seller does about it: one entry per part that differs. ACK, UBL `LineStatusCode`.
        acknowledgements: list LineAcknowledgement,
        all order_line_details,
    }
}
