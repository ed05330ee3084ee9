//! The purchase order: X12 850, UBL Order, cXML OrderRequest.

use super::{
    common::*,
    planning::LeadTime,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A buyer's order.
    pub struct PurchaseOrder {
        /// The buyer's order number. BEG03, UBL `ID`.
        number: one String,
        /// BEG01; original where absent.
        purpose: maybe Purpose,
        /// BEG02, UBL `OrderTypeCode`.
        order_type: maybe OrderType,
        /// The release of a blanket order. BEG04.
        release_number: maybe String,
        /// The order's date. BEG05, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BEG06, UBL `Contract`.
        contract_number: maybe String,
        /// Which acknowledgement the buyer wants. BEG07.
        acknowledgement_wanted: maybe AcknowledgementType,
        /// Which invoices the buyer wants, as sent. BEG08.
        invoice_kind: maybe String,
        /// As sent. BEG09.
        contract_kind: maybe String,
        /// As sent. BEG10.
        purchase_category: maybe String,
        /// As sent. BEG11.
        security_level: maybe String,
        /// As sent. BEG12.
        transaction_kind: maybe String,
        all order_terms,
        /// PO1 loops, UBL `OrderLine`.
        lines: list OrderLine,
        /// AMT.
        amounts: list Amount,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One line of an order.
    pub struct OrderLine {
        /// PO101, UBL `ID`.
        number: maybe String,
        /// Ordered. PO102, PO103.
        quantity: maybe Quantity,
        /// PO104, PO105.
        price: maybe Price,
        /// What is ordered. PO106 onwards, LIN.
        identifiers: list Identifier,
        all order_line_details,
    }
}
