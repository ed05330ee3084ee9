//! The words of canonical documents: purposes, statuses, roles, schemes. Each list is open: what a partner sends
//! beyond it is kept as its own code (`x12:ZZ`), so that nothing is lost and no document waits for an odd word.

mod answers;
mod planning;

pub use answers::*;
pub use planning::*;

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

    /// What a party does in the deal. X12 98, UBL party elements.
    pub enum PartyRole {
        /// Orders and owes. X12 `BY`.
        Buyer = "buyer",
        /// Sells. X12 `SE`.
        Seller = "seller",
        /// Makes or supplies the goods. X12 `SU`.
        Supplier = "supplier",
        /// Sells, as the buyer's file calls it. X12 `VN`.
        Vendor = "vendor",
        /// Receives the goods. X12 `ST`.
        ShipTo = "ship_to",
        /// Where the goods leave. X12 `SF`.
        ShipFrom = "ship_from",
        /// Sends the goods. X12 `SH`.
        Shipper = "shipper",
        /// Receives the invoice. X12 `BT`.
        BillTo = "bill_to",
        /// Receives the payment. X12 `RE`, `RI`.
        RemitTo = "remit_to",
        /// Pays. X12 `PR`.
        Payer = "payer",
        /// Is paid. X12 `PE`.
        Payee = "payee",
        /// Gave the order. X12 `OB`.
        OrderedBy = "ordered_by",
        /// Issued the invoice. X12 `II`.
        InvoiceIssuer = "invoice_issuer",
        /// Carries the goods. X12 `CA`.
        Carrier = "carrier",
        /// Takes the goods over at the end. X12 `CN`.
        Consignee = "consignee",
        /// For whom the goods are in the end. X12 `MA`.
        UltimateConsignee = "ultimate_consignee",
        /// Makes the goods. X12 `MF`.
        Manufacturer = "manufacturer",
        /// Where the goods are used or marked for. X12 `Z7`.
        MarkFor = "mark_for",
        /// The plant. X12 `MP`.
        Plant = "plant",
        /// The warehouse. X12 `WH`.
        Warehouse = "warehouse",
        /// The buyer's employee. X12 `EY`.
        Employee = "employee",
        /// The distributor. X12 `DS`.
        Distributor = "distributor",
        /// Issues the forecast or schedule. X12 `MI`.
        ScheduleIssuer = "schedule_issuer",
        /// From whom the message is. X12 `FR`.
        MessageFrom = "message_from",
        /// To whom the message is. X12 `TO`.
        MessageTo = "message_to",
    }

    /// Whose number it is, or which registry's. X12 235, 66 and 88; UBL `@schemeID`.
    pub enum IdentifierScheme {
        /// The buyer's item number. X12 `IN`, UBL `BuyersItemIdentification`.
        BuyerItem = "buyer_item",
        /// The vendor's item number. X12 `VN`, UBL `SellersItemIdentification`.
        VendorItem = "vendor_item",
        /// The buyer's part number, where it is told apart from the item number. X12 `BP`.
        BuyerPart = "buyer_part",
        /// The vendor's part number. X12 `VP`.
        VendorPart = "vendor_part",
        /// The vendor's catalogue number. X12 `VC`.
        VendorCatalogue = "vendor_catalogue",
        /// The buyer's catalogue number. X12 `CB`.
        BuyerCatalogue = "buyer_catalogue",
        /// The manufacturer's part number. X12 `MG`, UBL `ManufacturersItemIdentification`.
        ManufacturerPart = "manufacturer_part",
        /// Stock keeping unit. X12 `SK`.
        Sku = "sku",
        /// GS1 number of 14 digits. X12 `UK`.
        Gtin = "gtin",
        /// GS1 number of 13 digits. X12 `EN`.
        Ean = "ean",
        /// GS1 number of 12 digits, consumer package. X12 `UP`.
        Upc = "upc",
        /// GS1 number of the case, 11 digits and check digit. X12 `UA`.
        UpcCase = "upc_case",
        /// GS1 number of the consumer package, 11 digits. X12 `UI`.
        UpcConsumer = "upc_consumer",
        /// International standard book number. X12 `IB`.
        Isbn = "isbn",
        /// National drug code of 11 digits. X12 `N4`.
        Ndc = "ndc",
        /// The engineering change level. X12 `EC`.
        EngineeringChange = "engineering_change",
        /// The drawing's revision. X12 `DR`.
        DrawingRevision = "drawing_revision",
        /// The order's number, told with the item. X12 `PO`.
        PurchaseOrder = "purchase_order",
        /// The line of the order. X12 `PL`.
        PurchaseOrderLine = "purchase_order_line",
        /// A serial number. X12 `SN`.
        SerialNumber = "serial_number",
        /// A lot number. X12 `LT`.
        Lot = "lot",
        /// The buyer's colour. X12 `BO`.
        BuyerColour = "buyer_colour",
        /// The vendor's colour. X12 `VE`.
        VendorColour = "vendor_colour",
        /// The buyer's size. X12 `IZ`.
        BuyerSize = "buyer_size",
        /// The vendor's size. X12 `SZ`.
        VendorSize = "vendor_size",
        /// Dun & Bradstreet number. X12 `1`.
        Duns = "duns",
        /// Dun & Bradstreet number with four more. X12 `9`.
        DunsPlusFour = "duns_plus_four",
        /// Standard carrier alpha code. X12 `2`.
        Scac = "scac",
        /// GS1 global location number. X12 `UL`.
        Gln = "gln",
        /// Assigned by the seller or its agent. X12 `91`.
        AssignedBySeller = "assigned_by_seller",
        /// Assigned by the buyer or its agent. X12 `92`.
        AssignedByBuyer = "assigned_by_buyer",
        /// As the two agreed. X12 `ZZ`.
        MutuallyDefined = "mutually_defined",
        /// GS1 serial shipping container code, 18 digits. X12 `GM` (20 digits there, with the application identifier), `AA`.
        Sscc = "sscc",
        /// The carrier's number of the package. X12 `CP`.
        CarrierPackage = "carrier_package",
        /// The shipper's number of the package. X12 `SM`.
        ShipperPackage = "shipper_package",
        /// GS1 number of the shipping container. X12 `UC`.
        ShippingContainer = "shipping_container",
        /// The ERP's own number.
        Erp = "erp",
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

    /// What a contact is there for. X12 366.
    pub enum ContactRole {
        /// The buyer. X12 `BD`.
        Buyer = "buyer",
        /// The department that orders. X12 `OC`.
        OrderContact = "order_contact",
        /// Supplies. X12 `SU`.
        Supplier = "supplier",
        /// Receives. X12 `RE`.
        Receiving = "receiving",
        /// Delivery. X12 `DC`.
        Delivery = "delivery",
        /// Information. X12 `IC`.
        Information = "information",
        /// Accounts receivable. X12 `AR`.
        AccountsReceivable = "accounts_receivable",
        /// Accounts payable. X12 `AP`.
        AccountsPayable = "accounts_payable",
        /// In general. X12 `CN`.
        General = "general",
        /// Answers for the schedule. X12 `SC`.
        Schedule = "schedule",
    }

    /// How a contact is reached. X12 365.
    pub enum Channel {
        /// X12 `TE`.
        Telephone = "telephone",
        /// X12 `FX`.
        Fax = "fax",
        /// X12 `EM`.
        Email = "email",
        /// X12 `CP`.
        Mobile = "mobile",
        /// X12 `EX`.
        Extension = "extension",
        /// X12 `UR`.
        Url = "url",
    }

    /// Which way an amount goes. X12 248, UBL `ChargeIndicator`.
    pub enum AllowanceKind {
        /// Less to pay. X12 `A`.
        Allowance = "allowance",
        /// More to pay. X12 `C`.
        Charge = "charge",
        /// Neither. X12 `N`.
        Neither = "neither",
        /// A promotion. X12 `P`.
        Promotion = "promotion",
        /// A charge asked for. X12 `Q`.
        ChargeRequested = "charge_requested",
        /// An allowance asked for. X12 `R`.
        AllowanceRequested = "allowance_requested",
        /// A service. X12 `S`.
        Service = "service",
    }

    /// What an allowance or charge is for. X12 1300, UBL `AllowanceChargeReasonCode`.
    pub enum AllowanceReason {
        /// X12 `C310`.
        Discount = "discount",
        /// X12 `D240`.
        Freight = "freight",
        /// X12 `D360`.
        GoodsAndServicesTax = "goods_and_services_tax",
        /// X12 `D500`.
        Handling = "handling",
        /// X12 `D980`.
        Insurance = "insurance",
        /// X12 `G830`.
        ShippingAndHandling = "shipping_and_handling",
        /// X12 `H850`.
        Tax = "tax",
    }

    /// What a level of a shipment is. X12 735.
    pub enum LevelKind {
        /// The shipment as a whole. X12 `S`.
        Shipment = "shipment",
        /// What goes to one order. X12 `O`.
        Order = "order",
        /// A pallet or other shipping tare. X12 `T`.
        Tare = "tare",
        /// A carton or other pack. X12 `P`.
        Pack = "pack",
        /// A line of goods. X12 `I`.
        Item = "item",
        /// A part of an item. X12 `F`.
        Component = "component",
        /// A kit. X12 `K`.
        Kit = "kit",
        /// A piece of equipment or transport. X12 `E`.
        Equipment = "equipment",
    }

    /// What a price is per. X12 639.
    pub enum PriceBasis {
        /// Per unit of measure. X12 `UM`.
        PerUnit = "per_unit",
        /// Per each. X12 `PE`.
        PerEach = "per_each",
        /// Of the contract, per each. X12 `TE`.
        ContractPerEach = "contract_per_each",
        /// Of the contract. X12 `CT`.
        Contract = "contract",
        /// Of the catalogue. X12 `CA`.
        Catalogue = "catalogue",
        /// Of the catalogue, per each. X12 `LE`.
        CataloguePerEach = "catalogue_per_each",
        /// Of the quotation. X12 `QT`.
        Quotation = "quotation",
        /// Per hundred. X12 `HP`.
        PerHundred = "per_hundred",
        /// Per thousand. X12 `TP`.
        PerThousand = "per_thousand",
        /// Per ten. X12 `PN`.
        PerTen = "per_ten",
        /// Net. X12 `NT`.
        Net = "net",
        /// No charge. X12 `NC`.
        NoCharge = "no_charge",
    }

    /// What a price is for. X12 236.
    pub enum PriceKind {
        /// Unit cost price. X12 `UCP`.
        UnitCost = "unit_cost",
        /// Net. X12 `NET`.
        Net = "net",
        /// Catalogue. X12 `CAT`.
        Catalogue = "catalogue",
        /// Contract. X12 `CON`.
        Contract = "contract",
        /// Retail. X12 `RTL`.
        Retail = "retail",
        /// Suggested retail. X12 `MSR`.
        SuggestedRetail = "suggested_retail",
        /// Invoice. X12 `INV`.
        Invoice = "invoice",
        /// Resale. X12 `RES`.
        Resale = "resale",
    }

    /// Who pays for the transport. X12 146, UBL `TransportPaymentMethodCode`.
    pub enum FreightPayment {
        /// The seller, in advance. X12 `PP`.
        Prepaid = "prepaid",
        /// The buyer, on arrival. X12 `CC`.
        Collect = "collect",
        /// The seller, and adds it to the invoice. X12 `PC`.
        PrepaidAndAdded = "prepaid_and_added",
        /// The seller. X12 `PS`.
        PaidBySeller = "paid_by_seller",
        /// The buyer, who picks up. X12 `PB`.
        PickedUpByBuyer = "picked_up_by_buyer",
        /// As buyer and seller agreed. X12 `DF`.
        DefinedByBuyerAndSeller = "defined_by_buyer_and_seller",
        /// A third party. X12 `TP`.
        ThirdParty = "third_party",
    }

    /// What a place is. X12 309.
    pub enum LocationKind {
        /// Where the goods leave. X12 `OR`.
        Origin = "origin",
        /// Where the goods go. X12 `DE`.
        Destination = "destination",
        /// The store. X12 `SN`.
        Store = "store",
        /// The warehouse. X12 `WH`.
        Warehouse = "warehouse",
        /// The plant. X12 `PL`.
        Plant = "plant",
        /// The port where it arrives. X12 `PE`.
        PortOfEntry = "port_of_entry",
        /// The state or province. X12 `SP`.
        Region = "region",
        /// As the two agreed. X12 `ZZ`.
        MutuallyDefined = "mutually_defined",
    }

    /// How goods travel. X12 91, UBL `TransportModeCode`.
    pub enum TransportMode {
        /// A common carrier by road. X12 `M`.
        Road = "road",
        /// The customer picks up. X12 `H`.
        CustomerPickup = "customer_pickup",
        /// X12 `A`.
        Air = "air",
        /// X12 `R`.
        Rail = "rail",
        /// X12 `S`.
        Ocean = "ocean",
        /// Parcel service. X12 `U`.
        Parcel = "parcel",
        /// As the shipper thinks best. X12 `T`.
        BestWay = "best_way",
        /// Consolidated. X12 `C`.
        Consolidation = "consolidation",
        /// The supplier's own truck. X12 `SR`.
        SupplierTruck = "supplier_truck",
        /// Less than a truckload. X12 `LT`.
        LessThanTruckload = "less_than_truckload",
        /// Mail. X12 `7`.
        Mail = "mail",
    }

    /// What kind of invoice it is. X12 640 in BIG07, UBL `InvoiceTypeCode`.
    pub enum InvoiceType {
        /// What was delivered. X12 `DI`.
        DebitInvoice = "debit_invoice",
        /// What is given back. X12 `CR`.
        CreditMemo = "credit_memo",
        /// What is owed besides. X12 `DR`.
        DebitMemo = "debit_memo",
        /// Several invoices in one. X12 `CI`.
        Consolidated = "consolidated",
        /// A credit invoice. X12 `CN`.
        CreditInvoice = "credit_invoice",
        /// For a product or service. X12 `PR`.
        Product = "product",
        /// Finally to be billed. X12 `FB`.
        FinalBill = "final_bill",
    }

    /// What an amount is. X12 522.
    pub enum AmountKind {
        /// The total of the lines. X12 `1`.
        LineTotal = "line_total",
        /// The total of the document. X12 `TT`.
        DocumentTotal = "document_total",
        /// The discount. X12 `D8`.
        Discount = "discount",
    }

    /// What kind of tax it is. X12 963, UBL `TaxScheme`.
    pub enum TaxKind {
        /// Goods and services tax. X12 `GS`.
        GoodsAndServices = "goods_and_services",
        /// State sales tax. X12 `ST`.
        StateSales = "state_sales",
        /// State and local sales tax. X12 `LS`.
        StateAndLocalSales = "state_and_local_sales",
        /// Value added tax. X12 `VA`.
        ValueAdded = "value_added",
        /// City sales tax. X12 `CS`.
        CitySales = "city_sales",
        /// County tax. X12 `CT`.
        County = "county",
        /// State or provincial tax. X12 `SP`.
        StateOrProvincial = "state_or_provincial",
        /// Federal tax. X12 `FD`.
        Federal = "federal",
        /// All taxes together. X12 `TX`.
        All = "all",
    }
}
