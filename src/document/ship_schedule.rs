//! The ship schedule: X12 862, EDIFACT DELJIT. What a buyer calls off for the next days, within a forecast or an order.

use super::{common::*, planning::*, scalar::Date, words::*};

document! {
    /// A buyer's call for goods at set days and times.
    pub struct ShipSchedule {
        /// The buyer's number of the schedule. BSS02.
        number: one String,
        /// BSS01; original where absent.
        purpose: maybe Purpose,
        /// When it was made. BSS03, UBL `IssueDate`.
        issue_date: maybe Date,
        /// Whether the dates are of shipment or of delivery. BSS04.
        schedule_basis: maybe ScheduleBasis,
        /// The first day of the schedule. BSS05.
        horizon_start: maybe Date,
        /// The last day of the schedule. BSS06.
        horizon_end: maybe Date,
        /// The release that it belongs to. BSS07.
        release_number: maybe String,
        /// The forecast or schedule that it follows. BSS08.
        reference: maybe String,
        /// BSS09.
        contract_number: maybe String,
        /// The buyer's order, often a blanket one. BSS10, UBL `OrderReference`.
        order_number: maybe String,
        /// Whether the quantities are per day or add up. BSS11.
        quantity_basis: maybe QuantityBasis,
        /// DTM.
        dates: list DocumentDate,
        /// N1 loops.
        parties: list Party,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// LIN loops.
        lines: list ShipScheduleLine,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One item and when it is to come.
    pub struct ShipScheduleLine {
        /// LIN01.
        number: maybe String,
        /// What is to come. LIN02 onwards.
        identifiers: list Identifier,
        /// UN/ECE Recommendation 20 code: the unit of all quantities of the line that name none. UIT01.
        unit: maybe String,
        /// UIT02, UIT03.
        price: maybe Price,
        /// Days and times. FST loops.
        buckets: list Bucket,
        /// Last shipment and cumulative quantities. SHP loops.
        shipped: list ShippedQuantity,
        /// SDP.
        delivery_patterns: list DeliveryPattern,
        /// QTY.
        quantities: list QuantityInformation,
        /// PKG.
        packaging: list PackagingDescription,
        /// PO4.
        packs: list PackSpecification,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// TD1.
        packages: list Packages,
        /// TD5.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
    }
}
