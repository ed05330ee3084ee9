//! How goods travel: levels of a shipment, places, means of transport, and who pays for it.

open_enum! {
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
}
