//! The words of canonical documents: purposes, statuses, roles, schemes. Each list is open: what a partner sends
//! beyond it is kept as its own code (`x12:ZZ`), so that nothing is lost and no document waits for an odd word.

mod answers;
mod parties;
mod planning;
mod prices;
mod transport;

pub use answers::*;
pub use parties::*;
pub use planning::*;
pub use prices::*;
pub use transport::*;

open_enum! {
    /// What the document does to an earlier one. X12 353, UBL `DocumentStatusCode`.
    pub enum Purpose {
        /// A new document. X12 `00`.
        Original = "original",
        /// Takes an earlier one back. X12 `01`.
        Cancellation = "cancellation",
        /// Adds to an earlier one. X12 `02`.
        Addition = "addition",
        /// Takes something out of an earlier one. X12 `03`.
        Deletion = "deletion",
        /// Changes an earlier one. X12 `04`.
        Change = "change",
        /// Stands in place of an earlier one. X12 `05`.
        Replacement = "replacement",
        /// Confirms what was agreed. X12 `06`.
        Confirmation = "confirmation",
        /// The same once more. X12 `07`.
        Duplicate = "duplicate",
        /// Tells how things stand. X12 `08`.
        Status = "status",
        /// Not found. X12 `10`.
        NotFound = "not_found",
        /// Answers another document. X12 `11`.
        Response = "response",
        /// Asks for an answer. X12 `13`.
        Request = "request",
        /// Announces what is to come. X12 `14`.
        AdvanceNotification = "advance_notification",
        /// Sent again. X12 `15`.
        Resubmission = "resubmission",
        /// Issued again. X12 `18`.
        Reissue = "reissue",
        /// For information only. X12 `22`.
        InformationCopy = "information_copy",
    }

    /// What kind of order it is. X12 92, UBL `OrderTypeCode`.
    pub enum OrderType {
        /// One order by itself. X12 `SA`.
        StandAlone = "stand_alone",
        /// A new order. X12 `NE`.
        New = "new",
        /// A frame whose quantities are firm. X12 `BK`.
        Blanket = "blanket",
        /// A frame whose quantities are estimates. X12 `BE`.
        BlanketEstimated = "blanket_estimated",
        /// A call-off from a frame. X12 `RL`.
        Release = "release",
        /// An order in a hurry. X12 `RO`.
        Rush = "rush",
        /// An emergency order. X12 `EO`.
        Emergency = "emergency",
        /// The same as ordered before. X12 `RE`.
        Reorder = "reorder",
        /// To be shipped to the buyer's customer. X12 `DS`.
        DropShip = "drop_ship",
        /// Goods stay the seller's until used. X12 `CN`.
        Consignment = "consignment",
        /// A sample. X12 `SP`.
        Sample = "sample",
        /// Confirms an order given by word of mouth. X12 `CF`.
        Confirmation = "confirmation",
    }

    /// What a seller says of a whole order. X12 587, UBL `OrderResponseCode`.
    pub enum AcknowledgementType {
        /// Received; no detail, no change. X12 `AK`.
        Acknowledged = "acknowledged",
        /// Accepted as it stands. X12 `AT`.
        Accepted = "accepted",
        /// Accepted; the lines follow, unchanged. X12 `AD`.
        AcceptedWithDetail = "accepted_with_detail",
        /// Accepted with changes, shown in the lines. X12 `AC`.
        AcceptedWithChanges = "accepted_with_changes",
        /// Only the lines that differ follow. X12 `AE`.
        ExceptionsOnly = "exceptions_only",
        /// On hold. X12 `AH`.
        OnHold = "on_hold",
        /// A replenishment. X12 `AP`.
        Replenishment = "replenishment",
        /// No acknowledgement is needed. X12 `NA`.
        NotNeeded = "not_needed",
        /// Rejected; the lines follow. X12 `RD`.
        RejectedWithDetail = "rejected_with_detail",
        /// Rejected; only the lines that differ follow. X12 `RF`.
        RejectedExceptionsOnly = "rejected_exceptions_only",
        /// Rejected. X12 `RJ`.
        Rejected = "rejected",
        /// Rejected, with another offer. X12 `RO`.
        CounterOffer = "counter_offer",
    }

    /// What a seller says of one line. X12 668, UBL `LineStatusCode`.
    pub enum LineStatus {
        /// Accepted as ordered. X12 `IA`.
        Accepted = "accepted",
        /// Accepted and already shipped. X12 `AC`.
        Shipped = "shipped",
        /// Accepted and released for shipment. X12 `AR`.
        Released = "released",
        /// Accepted, and passed to another of the seller's locations. X12 `AA`.
        Forwarded = "forwarded",
        /// Accepted with changes. X12 `IC`.
        AcceptedWithChanges = "accepted_with_changes",
        /// Accepted; the price changed. X12 `IP`.
        PriceChanged = "price_changed",
        /// Accepted; the price is not known yet. X12 `IE`.
        PricePending = "price_pending",
        /// Accepted; the quantity changed. X12 `IQ`.
        QuantityChanged = "quantity_changed",
        /// Accepted; another date. X12 `DR`.
        Rescheduled = "rescheduled",
        /// Accepted; the date is not known yet. X12 `SP`.
        SchedulePending = "schedule_pending",
        /// Accepted; another item instead. X12 `IS`.
        Substituted = "substituted",
        /// Comes later, when there is stock. X12 `IB`.
        Backordered = "backordered",
        /// A part ships, the rest comes later. X12 `BP`.
        PartiallyBackordered = "partially_backordered",
        /// On hold. X12 `IH`.
        OnHold = "on_hold",
        /// On hold: the description is not complete. X12 `IF`.
        OnHoldIncomplete = "on_hold_incomplete",
        /// On hold: a waiver is needed. X12 `IW`.
        OnHoldWaiver = "on_hold_waiver",
        /// Taken out of the order. X12 `ID`.
        Deleted = "deleted",
        /// Rejected. X12 `IR`.
        Rejected = "rejected",
        /// Rejected: not an item of the contract. X12 `R1`.
        RejectedNotOnContract = "rejected_not_on_contract",
        /// Rejected: no such item. X12 `R2`.
        RejectedInvalidItem = "rejected_invalid_item",
        /// Rejected: not sold in this unit. X12 `R3`.
        RejectedInvalidUnit = "rejected_invalid_unit",
        /// Rejected: an item of the contract that is not to be had. X12 `R4`.
        RejectedNotAvailable = "rejected_not_available",
    }

    /// What happens at a date. X12 374, UBL date elements.
    pub enum DateRole {
        /// Take back what is not shipped by then. X12 `001`.
        CancelAfter = "cancel_after",
        /// Delivery is asked for. X12 `002`.
        DeliveryRequested = "delivery_requested",
        /// The invoice's date. X12 `003`.
        Invoice = "invoice",
        /// The order's date. X12 `004`.
        PurchaseOrder = "purchase_order",
        /// It begins to hold. X12 `007`.
        Effective = "effective",
        /// Processed. X12 `009`.
        Process = "process",
        /// Shipment is asked for. X12 `010`.
        ShipRequested = "ship_requested",
        /// Shipped. X12 `011`.
        Shipped = "shipped",
        /// The discount ends. X12 `012`.
        DiscountDue = "discount_due",
        /// Payment is due. X12 `013`.
        NetDue = "net_due",
        /// Delivery is expected. X12 `017`.
        DeliveryEstimated = "delivery_estimated",
        /// Delivered. X12 `035`.
        Delivered = "delivered",
        /// It stops to hold. X12 `036`.
        Expiration = "expiration",
        /// Not to be shipped before. X12 `037`.
        ShipNotBefore = "ship_not_before",
        /// Not to be shipped after. X12 `038`.
        ShipNoLater = "ship_no_later",
        /// Received. X12 `050`.
        Received = "received",
        /// Not to be delivered after. X12 `063`.
        DeliverNoLater = "deliver_no_later",
        /// Not to be delivered before. X12 `064`.
        DeliverNotBefore = "deliver_not_before",
        /// The document was made. X12 `097`.
        Created = "created",
        /// Delivery is scheduled now. X12 `067`.
        DeliveryScheduled = "delivery_scheduled",
        /// Shipment is scheduled now. X12 `068`.
        ShipScheduled = "ship_scheduled",
        /// Delivery is promised. X12 `069`.
        DeliveryPromised = "delivery_promised",
        /// Delivery is asked for after this. X12 `071`.
        DeliveryRequestedAfter = "delivery_requested_after",
        /// Bill of lading. X12 `095`.
        BillOfLading = "bill_of_lading",
        /// The service began. X12 `150`.
        ServiceStart = "service_start",
        /// The service ended. X12 `151`.
        ServiceEnd = "service_end",
        /// Shipment is promised. X12 `079`.
        ShipPromised = "ship_promised",
        /// Needed by. X12 `106`.
        Required = "required",
        /// Cumulative quantities count from then. X12 `051`.
        CumulativeStart = "cumulative_start",
        /// Cumulative quantities count up to then. X12 `052`.
        CumulativeEnd = "cumulative_end",
        /// Made. X12 `094`.
        Manufactured = "manufactured",
    }

    /// What a reference points at. X12 128, UBL document references.
    pub enum ReferenceKind {
        /// The department. X12 `DP`.
        Department = "department",
        /// The vendor's number at the buyer. X12 `IA`.
        VendorNumber = "vendor_number",
        /// The customer's order. X12 `CO`.
        CustomerOrder = "customer_order",
        /// The vendor's order. X12 `VN`.
        VendorOrder = "vendor_order",
        /// The purchase order. X12 `PO`.
        PurchaseOrder = "purchase_order",
        /// The invoice of the seller. X12 `IV`.
        Invoice = "invoice",
        /// The bill of lading. X12 `BM`.
        BillOfLading = "bill_of_lading",
        /// The carrier's reference (PRO number). X12 `CN`.
        CarrierReference = "carrier_reference",
        /// The packing list. X12 `PK`.
        PackingList = "packing_list",
        /// The contract. X12 `CT`.
        Contract = "contract",
        /// The release. X12 `RE`.
        Release = "release",
        /// The promotion or deal. X12 `PD`.
        Promotion = "promotion",
        /// The serial number. X12 `SE`.
        SerialNumber = "serial_number",
        /// The lot. X12 `LT`.
        Lot = "lot",
        /// The serial number of a bar-coded label. X12 `LS`.
        LabelSerial = "label_serial",
        /// The tax registration (GST). X12 `GT`.
        TaxRegistration = "tax_registration",
        /// As the two agreed. X12 `ZZ`.
        MutuallyDefined = "mutually_defined",
        /// An account. X12 `11`.
        Account = "account",
        /// The line of the order. X12 `LI`.
        Line = "line",
        /// The master bill of lading. X12 `MB`.
        MasterBillOfLading = "master_bill_of_lading",
        /// The shipper's number of the shipment. X12 `SI`.
        ShipmentNumber = "shipment_number",
        /// The load. X12 `LO`.
        Load = "load",
        /// The appointment. X12 `AO`.
        Appointment = "appointment",
        /// The seal. X12 `SN`.
        Seal = "seal",
        /// The shipment notice. X12 `MA`.
        ShipmentNotice = "shipment_notice",
        /// The receipt. X12 `RV`.
        Receipt = "receipt",
        /// The delivery order. X12 `DO`.
        DeliveryOrder = "delivery_order",
        /// The dock. X12 `DK`.
        Dock = "dock",
        /// The kanban card. X12 `KB`.
        Kanban = "kanban",
        /// The credit memo of the seller. X12 `CM`.
        CreditMemo = "credit_memo",
        /// The voucher. X12 `VV`.
        Voucher = "voucher",
        /// The cheque. X12 `CK`.
        Cheque = "cheque",
        /// The transaction. X12 `TN`.
        Transaction = "transaction",
    }
}
