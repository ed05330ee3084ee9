//! Who: what somebody is to an order, by which names they go, and how they are reached.

open_enum! {
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
}
