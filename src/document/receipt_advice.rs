//! The receipt advice: X12 861, EDIFACT RECADV, UBL ReceiptAdvice. What a buyer received, and what is wrong with it.

use super::{
    common::*,
    scalar::{Date, Decimal, Time},
    words::*,
};

document! {
    /// A buyer's word on goods that came.
    pub struct ReceiptAdvice {
        /// The buyer's number of the receipt. BRA01, UBL `ID`.
        number: one String,
        /// BRA02, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BRA03; original where absent.
        purpose: maybe Purpose,
        /// At which point of receiving it was written. BRA04, UBL `ReceiptAdviceTypeCode`.
        receipt_type: maybe ReceiptType,
        /// BRA05, UBL `IssueTime`.
        issue_time: maybe Time,
        /// How the whole shipment came. BRA06.
        condition: maybe ReceiptCondition,
        /// As sent. BRA07.
        action: maybe String,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03.
        exchange_rate: maybe Decimal,
        /// The shipment's numbers. REF before the first loop, UBL `DespatchDocumentReference`.
        references: list Reference,
        /// PER before the first loop.
        contacts: list Contact,
        /// When it was received, shipped. DTM.
        dates: list DocumentDate,
        /// The orders. PRF before the first line, UBL `OrderReference`.
        orders: list OrderReference,
        /// TD1.
        packages: list Packages,
        /// TD5, UBL `Shipment`.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
        /// MEA.
        measurements: list Measurement,
        /// N1 loops, UBL `DeliveryCustomerParty`, `DespatchSupplierParty`.
        parties: list Party,
        /// RCD loops, UBL `ReceiptLine`.
        lines: list ReceivedLine,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One item that came, or did not.
    pub struct ReceivedLine {
        /// RCD01, UBL `ID`.
        number: maybe String,
        /// Received or accepted. RCD02, RCD03, UBL `ReceivedQuantity`.
        quantity_received: maybe Quantity,
        /// Sent back. RCD04, RCD05.
        quantity_returned: maybe Quantity,
        /// What is not as it should be, and how many of it. RCD06 to RCD20, UBL `RejectedQuantity`, `ShortQuantity`,
        /// `OversupplyQuantity`.
        exceptions: list ReceiptException,
        /// Received of the order until now, in the unit of `quantity_received`. RCD21.
        cumulative_quantity_received: maybe Decimal,
        /// The line as the shipper counted. SN101.
        shipped_line_number: maybe String,
        /// SN102, SN103, UBL `DeliveredQuantity`.
        quantity_shipped: maybe Quantity,
        /// Shipped of the order until now. SN104.
        cumulative_quantity_shipped: maybe Decimal,
        /// SN105, SN106.
        quantity_ordered: maybe Quantity,
        /// SN108.
        line_status: maybe LineStatus,
        /// The order's line. LIN01, UBL `OrderLineReference/LineID`.
        line_number: maybe String,
        /// What it is. LIN02 onwards.
        identifiers: list Identifier,
        /// The order. PRF, UBL `OrderLineReference`.
        orders: list OrderReference,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// GS1 serial shipping container code, 18 digits. MAN with `GM` or `AA`.
        sscc: maybe String,
        /// Other marks and numbers. MAN.
        marks: list Mark,
        /// PID.
        descriptions: list Description,
        /// PO4.
        packs: list PackSpecification,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// DTM.
        dates: list DocumentDate,
        /// MEA.
        measurements: list Measurement,
        /// FOB.
        delivery_terms: list DeliveryTerms,
        /// TD1.
        packages: list Packages,
        /// TD5.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// SLN loops.
        sublines: list Subline,
        /// N1 loops.
        parties: list Party,
    }

    /// So many of a line that are not as they should be.
    pub struct ReceiptException {
        /// RCD06, RCD07, and so on.
        quantity: maybe Quantity,
        /// What is wrong with them. RCD08 and so on, UBL `RejectReasonCode`.
        condition: maybe ReceiptCondition,
    }
}
