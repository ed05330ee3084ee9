//! The shipment notice: X12 856, UBL DespatchAdvice, cXML ShipNoticeRequest.
//!
//! Its levels are a tree in the sender's own order: shipment, order, tare, pack, item is common, but a pack may stand
//! above orders, and a level may be left out.

use super::{
    common::*,
    scalar::{Date, Decimal, Time},
    words::*,
};

document! {
    /// A seller's word that goods are on their way.
    pub struct ShipmentNotice {
        /// The seller's number of the shipment. BSN02, UBL `ID`.
        number: one String,
        /// BSN01.
        purpose: maybe Purpose,
        /// BSN03, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BSN04, UBL `IssueTime`.
        issue_time: maybe Time,
        /// Which levels there are, as sent: `0001` is shipment, order, packaging, item. BSN05.
        structure: maybe String,
        /// As sent. BSN06.
        transaction_kind: maybe String,
        /// As sent. BSN07.
        status_reason: maybe String,
        /// DTM before the first HL.
        dates: list DocumentDate,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// The levels that hang below no other: mostly one shipment. HL loops.
        levels: list Level,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One level of a shipment.
    pub struct Level {
        /// What it is. HL03.
        kind: maybe LevelKind,
        /// The sender's number of the level. HL01.
        id: maybe String,
        /// The level that the sender hung it below. HL02.
        parent_id: maybe String,
        /// The order. PRF, UBL `OrderReference`.
        order: maybe OrderReference,
        /// The line. LIN01, UBL `OrderLineReference/LineID`.
        line_number: maybe String,
        /// What the goods are. LIN02 onwards.
        identifiers: list Identifier,
        /// The line as the shipper counts. SN101.
        shipped_line_number: maybe String,
        /// SN102, SN103, UBL `DeliveredQuantity`.
        quantity_shipped: maybe Quantity,
        /// Shipped of the order until now. SN104.
        cumulative_quantity_shipped: maybe Decimal,
        /// SN105, SN106.
        quantity_ordered: maybe Quantity,
        /// SN108.
        line_status: maybe LineStatus,
        /// GS1 serial shipping container code, 18 digits. MAN with `GM` or `AA`, UBL `TransportHandlingUnit/ID`.
        sscc: maybe String,
        /// The SSCC of the unit that `sscc` is packed in, such as the pallet of a carton, where the notice has no level for
        /// that. UBL `TransportHandlingUnit` of type PX, cXML `ShippingContainerSerialCodeReference`.
        outer_sscc: maybe String,
        /// Other marks and numbers. MAN.
        marks: list Mark,
        /// PO4, UBL `Package`.
        packs: list PackSpecification,
        /// PID.
        descriptions: list Description,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// TD1.
        packages: list Packages,
        /// TD5, UBL `ShipmentStage`.
        routing: list Routing,
        /// TD3.
        equipment: list Equipment,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// CLD loops: how the goods are loaded.
        loads: list Load,
        /// DTM.
        dates: list DocumentDate,
        /// FOB.
        delivery_terms: list DeliveryTerms,
        /// N1 loops.
        parties: list Party,
        /// SDQ.
        destinations: list Destination,
        /// SLN.
        sublines: list Subline,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// CUR02.
        currency: maybe String,
        /// The levels below it, in the sender's order.
        levels: list Level,
    }

    /// How goods are loaded. X12 CLD.
    pub struct Load {
        /// How many loads. CLD01.
        count: maybe u32,
        /// How many units in one. CLD02.
        quantity: maybe Quantity,
        /// UN/ECE Recommendation 21 code, or the code as sent. CLD03.
        packaging: maybe String,
        /// CLD04.
        size: maybe Decimal,
        /// REF in the CLD loop.
        references: list Reference,
    }
}
