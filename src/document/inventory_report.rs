//! The inventory report: X12 846, EDIFACT INVRPT, UBL InventoryReport. What lies where, and in which state.

use super::{
    common::*,
    planning::*,
    scalar::{Date, Decimal, Time},
    words::*,
};

document! {
    /// What a seller, or a warehouse, has of each item.
    pub struct InventoryReport {
        /// The sender's number of the report. BIA03, UBL `ID`.
        number: one String,
        /// BIA01.
        purpose: maybe Purpose,
        /// What kind of report it is, as sent: `SI` is what the seller has. BIA02.
        report_kind: maybe String,
        /// BIA04, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BIA05, UBL `IssueTime`.
        issue_time: maybe Time,
        /// As sent. BIA06.
        action: maybe String,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03.
        exchange_rate: maybe Decimal,
        /// DTM, UBL `InventoryPeriod`.
        dates: list DocumentDate,
        /// REF before the first loop.
        references: list Reference,
        /// PER before the first loop.
        contacts: list Contact,
        /// MEA.
        measurements: list Measurement,
        /// Who has it, for whom, and where. N1 loops before the first item, UBL `InventoryReportingParty`.
        parties: list Party,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// LIN loops, UBL `InventoryReportLine`.
        lines: list InventoryLine,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One item and how many there are.
    pub struct InventoryLine {
        /// LIN01.
        number: maybe String,
        /// What it is. LIN02 onwards.
        identifiers: list Identifier,
        /// UN/ECE Recommendation 20 code: the unit of the line's quantities that name none. UIT01 before the first QTY.
        unit: maybe String,
        /// UIT02, UIT03.
        price: maybe Price,
        /// How many, by state: on hand, on hold, on the way. QTY loops, UBL `Quantity` with `InventoryValueAmount`.
        quantities: list InventoryQuantity,
        /// PID.
        descriptions: list Description,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// DTM.
        dates: list DocumentDate,
        /// CTP.
        prices: list PriceInformation,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// How many lie at each place. SDQ.
        destinations: list Destination,
        /// MAN.
        marks: list Mark,
        /// LDT.
        lead_times: list LeadTime,
        /// SLN loops.
        sublines: list Subline,
        /// N1 loops of the item.
        parties: list Party,
    }

    /// How many of an item there are in one state.
    pub struct InventoryQuantity {
        /// The state. QTY01.
        kind: maybe QuantityKind,
        /// QTY02, QTY03; the unit may stand in UIT01 after it.
        quantity: maybe Quantity,
        /// As words. QTY04.
        text: maybe String,
        /// UIT02, UIT03 after QTY.
        price: maybe Price,
        /// MEA after QTY.
        measurements: list Measurement,
        /// When it will be ready. LDT after QTY.
        lead_times: list LeadTime,
        /// When it was counted, or will come. DTM after QTY.
        dates: list DocumentDate,
        /// SCH loops after QTY.
        schedule: list Schedule,
        /// Lots and serial numbers. REF between LS and LE after QTY.
        lots: list Lot,
    }

    /// A lot or serial number, and what is to be known of it.
    pub struct Lot {
        /// REF.
        reference: maybe Reference,
        /// When it was made, when it expires. DTM after REF.
        dates: list DocumentDate,
    }
}
