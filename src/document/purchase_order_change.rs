//! The change of a purchase order: X12 860, UBL OrderChange.
//!
//! A line says how the order stands after the change, and in `change` what kind of change it is. Lines that are not
//! named stay as they are, unless the purpose is a replacement.

use super::{
    common::*,
    planning::LeadTime,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A buyer's change of an order that it gave.
    pub struct PurchaseOrderChange {
        /// The buyer's order that is changed. BCH03, UBL `OrderReference/ID`.
        order_number: one String,
        /// BCH01.
        purpose: maybe Purpose,
        /// BCH02, UBL `OrderTypeCode`.
        order_type: maybe OrderType,
        /// The release of a blanket order. BCH04.
        release_number: maybe String,
        /// Which change of the order it is: `1` is the first. BCH05, UBL `SequenceNumberID`.
        change_order_sequence: maybe String,
        /// The order's date. BCH06.
        order_date: maybe Date,
        /// BCH07.
        request_reference: maybe String,
        /// BCH08, UBL `Contract`.
        contract_number: maybe String,
        /// The seller's own number of the order. BCH09, UBL `SalesOrderID`.
        seller_order_number: maybe String,
        /// The date of the acknowledgement that led to the change. BCH10.
        acknowledgement_date: maybe Date,
        /// The change's date. BCH11, UBL `IssueDate`.
        issue_date: maybe Date,
        /// As sent. BCH12.
        contract_kind: maybe String,
        /// As sent. BCH13.
        security_level: maybe String,
        /// Which acknowledgement the buyer wants. BCH14.
        acknowledgement_wanted: maybe AcknowledgementType,
        /// As sent. BCH15.
        transaction_kind: maybe String,
        /// As sent. BCH16.
        purchase_category: maybe String,
        all order_terms,
        /// POC loops, UBL `OrderLine`.
        lines: list ChangedLine,
        /// AMT.
        amounts: list Amount,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One line of the order that is changed, added or taken out.
    pub struct ChangedLine {
        all changed_line_head,
        all order_line_details,
    }
}
