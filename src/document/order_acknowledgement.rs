//! The order acknowledgement: X12 855, UBL OrderResponse, cXML ConfirmationRequest.

use super::{
    common::*,
    planning::LeadTime,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A seller's answer to an order.
    pub struct OrderAcknowledgement {
        /// The buyer's order that it answers. BAK03, UBL `OrderReference/ID`.
        order_number: one String,
        /// BAK01.
        purpose: maybe Purpose,
        /// What the seller says of the whole order. BAK02, UBL `OrderResponseCode`.
        acknowledgement_type: maybe AcknowledgementType,
        /// The order's date. BAK04.
        order_date: maybe Date,
        /// BAK05.
        release_number: maybe String,
        /// BAK06.
        request_reference: maybe String,
        /// BAK07.
        contract_number: maybe String,
        /// The seller's own number of the order. BAK08, UBL `SalesOrderID`.
        seller_order_number: maybe String,
        /// The acknowledgement's date. BAK09, UBL `IssueDate`.
        issue_date: maybe Date,
        /// As sent. BAK10.
        transaction_kind: maybe String,
        all order_terms,
        /// PO1 loops, UBL `OrderLine`.
        lines: list AcknowledgedLine,
        /// AMT.
        amounts: list Amount,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One line of the order, as the seller has it, and what the seller says of it.
    pub struct AcknowledgedLine {
        /// The order's line. PO101, UBL `LineItem/ID`.
        number: maybe String,
        /// Ordered. PO102, PO103.
        quantity: maybe Quantity,
        /// PO104, PO105.
        price: maybe Price,
        /// What was ordered. PO106 onwards, LIN.
        identifiers: list Identifier,
        /// What the seller does about it: one entry per part that differs. ACK, UBL `LineStatusCode`.
        acknowledgements: list LineAcknowledgement,
        all order_line_details,
    }

    /// What happens to a line or to a part of it.
    pub struct LineAcknowledgement {
        /// ACK01.
        status: maybe LineStatus,
        /// How much of the line this is about. ACK02, ACK03.
        quantity: maybe Quantity,
        /// What `date` is. ACK04.
        date_role: maybe DateRole,
        /// ACK05.
        date: maybe Date,
        /// ACK06.
        request_reference: maybe String,
        /// The item that will come, where it differs. ACK07 onwards.
        identifiers: list Identifier,
        /// Who keeps the list of `industry_code`, as sent. ACK27.
        agency: maybe String,
        /// A further reason by that agency's list. ACK28.
        industry_code: maybe String,
        /// DTM after ACK.
        dates: list DocumentDate,
    }
}
