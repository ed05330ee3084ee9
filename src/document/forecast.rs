//! The forecast: X12 830, EDIFACT DELFOR, UBL Forecast. What a buyer will need of each item at each place, and how firmly.

use super::{
    common::*,
    planning::*,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A buyer's plan of what it will need.
    pub struct Forecast {
        /// The buyer's number of the plan; where it gave only a release number, that. BFR02 or BFR03, UBL `ID`.
        number: one String,
        /// BFR01; original where absent.
        purpose: maybe Purpose,
        /// The release of the plan. BFR03, UBL `VersionID`.
        release_number: maybe String,
        /// Whether the dates are of shipment or of delivery. BFR04.
        schedule_basis: maybe ScheduleBasis,
        /// Whether the quantities are per bucket or add up. BFR05.
        quantity_basis: maybe QuantityBasis,
        /// The first day of the plan. BFR06, UBL `ForecastPeriod/StartDate`.
        horizon_start: maybe Date,
        /// The last day of the plan. BFR07, UBL `ForecastPeriod/EndDate`.
        horizon_end: maybe Date,
        /// When it was made. BFR08, UBL `IssueDate`.
        issue_date: maybe Date,
        /// When it was last changed. BFR09.
        revision_date: maybe Date,
        /// BFR10, UBL `ContractDocumentReference`.
        contract_number: maybe String,
        /// The buyer's order, often a blanket one. BFR11, UBL `OrderReference`.
        order_number: maybe String,
        /// As sent. BFR12.
        planning_kind: maybe String,
        /// As sent. BFR13.
        action: maybe String,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03.
        exchange_rate: maybe Decimal,
        /// REF before the first loop.
        references: list Reference,
        /// PER before the first loop.
        contacts: list Contact,
        /// N1 loops before the first item, UBL `BuyerCustomerParty`, `SellerSupplierParty`.
        parties: list Party,
        /// DTM.
        dates: list DocumentDate,
        /// TAX.
        tax_references: list TaxReference,
        /// FOB.
        delivery_terms: list DeliveryTerms,
        /// ITD.
        payment_terms: list PaymentTerms,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// CTP.
        prices: list PriceInformation,
        /// PID.
        descriptions: list Description,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// TD1.
        packages: list Packages,
        /// TD5.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
        /// MAN.
        marks: list Mark,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// LIN loops: an item, mostly at one place. UBL `ForecastLine`.
        lines: list ForecastLine,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One item and what will be needed of it, at the place that its `ship_to` party names.
    pub struct ForecastLine {
        /// LIN01.
        number: maybe String,
        /// What will be needed. LIN02 onwards.
        identifiers: list Identifier,
        /// UN/ECE Recommendation 20 code: the unit of all quantities of the line that name none. UIT01.
        unit: maybe String,
        /// UIT02, UIT03.
        price: maybe Price,
        /// Needs that follow no delivery pattern. FST loops.
        buckets: list Bucket,
        /// Needs under a delivery pattern. SDP loops.
        delivery_schedules: list DeliverySchedule,
        /// Last shipment and cumulative quantities. SHP loops.
        shipped: list ShippedQuantity,
        /// What the seller may make or buy already. ATH.
        authorizations: list Authorization,
        /// Other quantities. QTY.
        quantities: list QuantityInformation,
        /// Where it is needed, and who needs it. N1 loops.
        parties: list Party,
        /// DTM.
        dates: list DocumentDate,
        /// ISO 4217. CUR02.
        currency: maybe String,
        /// CTP.
        prices: list PriceInformation,
        /// PID.
        descriptions: list Description,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// PO4.
        packs: list PackSpecification,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// ITD.
        payment_terms: list PaymentTerms,
        /// TAX.
        tax_references: list TaxReference,
        /// FOB.
        delivery_terms: list DeliveryTerms,
        /// LDT.
        lead_times: list LeadTime,
        /// TD1.
        packages: list Packages,
        /// TD5.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
        /// MAN.
        marks: list Mark,
        /// SLN loops.
        sublines: list Subline,
    }

    /// Needs that are shipped or delivered by a pattern. X12 SDP and the FST after it.
    pub struct DeliverySchedule {
        /// The patterns: more than one where the sender gives alternatives.
        patterns: list DeliveryPattern,
        /// FST after SDP.
        buckets: list Bucket,
    }
}
