//! What the documents share: parties, identifiers, quantities, prices, dates, references, allowances, taxes, terms.
//!
//! Names follow UN/CEFACT and UBL. Each field says what it is, and where X12 and UBL have it.

use super::{
    scalar::{Date, Decimal, Time},
    words::*,
};

document! {
    /// A number or name in some scheme. X12 235/234 and 66/67, UBL `ID` with `@schemeID`.
    pub struct Identifier {
        /// Whose number it is, or which registry's.
        scheme: maybe IdentifierScheme,
        /// The number, as sent.
        value: one String,
    }

    /// Someone with a role in the deal. X12 N1 loop, UBL `Party`.
    pub struct Party {
        /// What it does in the deal. N101.
        role: maybe PartyRole,
        /// Its name. N102, UBL `PartyName`.
        name: maybe String,
        /// More of its name. N2.
        additional_names: list String,
        /// Its numbers. N103/N104, UBL `PartyIdentification`.
        identifiers: list Identifier,
        /// Where it is. N3, N4, UBL `PostalAddress`.
        address: maybe Address,
        /// Who speaks for it. PER, UBL `Contact`.
        contacts: list Contact,
        /// More numbers that concern it. REF in the N1 loop.
        references: list Reference,
    }

    /// A postal address. UBL `PostalAddress`.
    pub struct Address {
        /// Street and number, as many lines as were sent. N3, UBL `AddressLine`.
        lines: list String,
        /// N401, UBL `CityName`.
        city: maybe String,
        /// State or province. N402, UBL `CountrySubentityCode`.
        region: maybe String,
        /// N403, UBL `PostalZone`.
        postal_code: maybe String,
        /// As sent: ISO 3166 where the partner keeps to it. N404, UBL `Country`.
        country: maybe String,
        /// What the location is. N405.
        location_kind: maybe LocationKind,
        /// A location by its number. N406.
        location: maybe String,
    }

    /// Someone to talk to. X12 PER, UBL `Contact`.
    pub struct Contact {
        /// What for. PER01.
        role: maybe ContactRole,
        /// PER02, UBL `Name`.
        name: maybe String,
        /// How to reach them. PER03 to PER08.
        communications: list Communication,
        /// What to quote. PER09.
        reference: maybe String,
    }

    /// A way to reach someone.
    pub struct Communication {
        /// Telephone, e-mail… PER03, UBL `ChannelCode`.
        channel: maybe Channel,
        /// The number or address. PER04.
        value: one String,
    }

    /// So many of a unit. UBL `Quantity` with `@unitCode`.
    pub struct Quantity {
        /// How many; absent where the sender named only the unit.
        value: maybe Decimal,
        /// UN/ECE Recommendation 20 code, like `EA`, `KGM`; a unit that has none is kept as `x12:` and the X12 355 code.
        unit: maybe String,
    }

    /// What one unit costs. UBL `Price`.
    pub struct Price {
        /// Money per base quantity, in the document's currency. PO104, UBL `PriceAmount`.
        amount: maybe Decimal,
        /// What the price is per, or which price it is. PO105.
        basis: maybe PriceBasis,
        /// How many units the amount buys; one where absent. From PO105 (hundred, thousand), UBL `BaseQuantity`.
        base_quantity: maybe Decimal,
    }

    /// A price beside the line's own. X12 CTP.
    pub struct PriceInformation {
        /// For which class of trade, as sent. CTP01.
        class_of_trade: maybe String,
        /// Which price. CTP02.
        kind: maybe PriceKind,
        /// Money per unit. CTP03.
        amount: maybe Decimal,
        /// For this quantity. CTP04, CTP05.
        quantity: maybe Quantity,
        /// How the multiplier works, as sent. CTP06.
        multiplier_kind: maybe String,
        /// CTP07.
        multiplier: maybe Decimal,
        /// Money in all. CTP08.
        total: maybe Decimal,
        /// What the price is per. CTP09.
        basis: maybe PriceBasis,
    }

    /// A date and what happens then. X12 DTM, UBL date elements.
    pub struct DocumentDate {
        /// What happens. DTM01.
        role: maybe DateRole,
        /// DTM02.
        date: maybe Date,
        /// DTM03.
        time: maybe Time,
        /// As sent: `ET`, `UT`, `LT`… DTM04.
        time_zone: maybe String,
        /// The form of `period`, as sent: `RD8` is a range of two dates. DTM05.
        period_format: maybe String,
        /// A date, time or period as text. DTM06.
        period: maybe String,
    }

    /// A number of something else. X12 REF, UBL document references.
    pub struct Reference {
        /// What the number is of. REF01.
        kind: maybe ReferenceKind,
        /// The number. REF02.
        value: maybe String,
        /// Words about it. REF03.
        description: maybe String,
    }

    /// Something taken off or added. X12 SAC, UBL `AllowanceCharge`.
    pub struct AllowanceCharge {
        /// Which way it goes. SAC01, UBL `ChargeIndicator`.
        kind: maybe AllowanceKind,
        /// What for. SAC02, UBL `AllowanceChargeReasonCode`.
        reason: maybe AllowanceReason,
        /// Who keeps the list of `agency_code`, as sent. SAC03.
        agency: maybe String,
        /// What for, by that agency's list. SAC04.
        agency_code: maybe String,
        /// Money in all, in the document's currency. SAC05 (two implied decimals).
        amount: maybe Decimal,
        /// What `percent` is of, as sent. SAC06.
        percent_basis: maybe String,
        /// SAC07, UBL `MultiplierFactorNumeric`.
        percent: maybe Decimal,
        /// Money per unit. SAC08.
        rate: maybe Decimal,
        /// How many units it is for. SAC10, SAC09.
        quantity: maybe Quantity,
        /// A second quantity, in the same unit. SAC11.
        second_quantity: maybe Decimal,
        /// How it is settled, as sent. SAC12.
        method: maybe String,
        /// A number to quote. SAC13.
        reference: maybe String,
        /// An option of the offer. SAC14.
        option: maybe String,
        /// SAC15, UBL `AllowanceChargeReason`.
        description: maybe String,
    }

    /// A tax. X12 TXI, UBL `TaxSubtotal`.
    pub struct Tax {
        /// TXI01, UBL `TaxScheme`.
        kind: maybe TaxKind,
        /// Money. TXI02, UBL `TaxAmount`.
        amount: maybe Decimal,
        /// TXI03, UBL `Percent`.
        percent: maybe Decimal,
        /// What the jurisdiction's code is, as sent. TXI04.
        jurisdiction_kind: maybe String,
        /// TXI05.
        jurisdiction: maybe String,
        /// Whether one is exempt, as sent. TXI06.
        exempt: maybe String,
        /// How it stands to the document's total, as sent. TXI07.
        relationship: maybe String,
        /// What the percent is of: money. TXI08, UBL `TaxableAmount`.
        base: maybe Decimal,
        /// The tax registration. TXI09.
        registration: maybe String,
        /// The line it concerns. TXI10.
        line: maybe String,
    }

    /// A tax registration or exemption of the buyer. X12 TAX.
    pub struct TaxReference {
        /// The registration. TAX01.
        registration: maybe String,
        /// Where it holds. TAX02 to TAX11.
        locations: list Location,
        /// Whether one is exempt, as sent. TAX12.
        exempt: maybe String,
    }

    /// A place by its kind and number or name.
    pub struct Location {
        /// What it is.
        kind: maybe LocationKind,
        /// Which one.
        value: one String,
    }

    /// When and how it is to be paid. X12 ITD, UBL `PaymentTerms`.
    pub struct PaymentTerms {
        /// Kind of terms, as sent. ITD01.
        kind: maybe String,
        /// From which date the days count, as sent. ITD02.
        basis: maybe String,
        /// ITD03, UBL `SettlementDiscountPercent`.
        discount_percent: maybe Decimal,
        /// Last day of the discount. ITD04.
        discount_due_date: maybe Date,
        /// Days of the discount. ITD05.
        discount_days: maybe u32,
        /// Last day to pay. ITD06, UBL `PaymentDueDate`.
        net_due_date: maybe Date,
        /// Days to pay. ITD07.
        net_days: maybe u32,
        /// Money off. ITD08 (two implied decimals).
        discount_amount: maybe Decimal,
        /// ITD09.
        deferred_due_date: maybe Date,
        /// ITD10 (two implied decimals).
        deferred_amount: maybe Decimal,
        /// ITD11.
        percent_payable: maybe Decimal,
        /// ITD12, UBL `Note`.
        description: maybe String,
        /// ITD13.
        day_of_month: maybe u32,
        /// How it is paid, as sent. ITD14.
        payment_method: maybe String,
    }

    /// Words to a person. X12 NTE, N9 with MSG or MTX; UBL `Note`.
    pub struct Note {
        /// What it is about, as sent. NTE01, N901.
        kind: maybe String,
        /// A number that goes with it. N902.
        reference: maybe String,
        /// N903.
        title: maybe String,
        /// The words. NTE02, MSG01, MTX02.
        text: list String,
        /// DTM in the N9 loop.
        dates: list DocumentDate,
    }

    /// Words or codes that describe goods. X12 PID, UBL `Description`.
    pub struct Description {
        /// Free form, structured or both, as sent. PID01.
        form: maybe String,
        /// Which property, as sent: `08` is the product. PID02.
        characteristic: maybe String,
        /// Who keeps the list of `code`, as sent. PID03.
        agency: maybe String,
        /// By that agency's list. PID04.
        code: maybe String,
        /// The words. PID05.
        text: maybe String,
        /// The layer or place it is about, as sent. PID06.
        position: maybe String,
    }

    /// A measured property. X12 MEA, UBL `MeasurementDimension`.
    pub struct Measurement {
        /// What kind of thing is measured, as sent. MEA01.
        kind: maybe String,
        /// Which property, as sent: `G` is the gross weight, `N` the net weight. MEA02.
        dimension: maybe String,
        /// MEA03, MEA04.
        quantity: maybe Quantity,
        /// MEA05.
        minimum: maybe Decimal,
        /// MEA06.
        maximum: maybe Decimal,
    }

    /// An amount of money beside the totals. X12 AMT.
    pub struct Amount {
        /// What it is. AMT01.
        kind: maybe AmountKind,
        /// AMT02.
        value: maybe Decimal,
        /// Credit or debit, as sent. AMT03.
        sign: maybe String,
    }

    /// A quantity beside the line's own. X12 QTY.
    pub struct QuantityInformation {
        /// What it is. QTY01.
        kind: maybe QuantityKind,
        /// QTY02, QTY03.
        quantity: maybe Quantity,
        /// As words. QTY04.
        text: maybe String,
    }

    /// How goods are to be packed, in words or codes. X12 PKG.
    pub struct PackagingDescription {
        /// Free form, structured or both, as sent. PKG01.
        form: maybe String,
        /// Which property, as sent. PKG02.
        characteristic: maybe String,
        /// Who keeps the list of `code`, as sent. PKG03.
        agency: maybe String,
        /// By that agency's list. PKG04.
        code: maybe String,
        /// PKG05.
        text: maybe String,
    }

    /// How an item is packed. X12 PO4, UBL `Package`.
    pub struct PackSpecification {
        /// How many inner packs are in a pack. PO401.
        pack: maybe u32,
        /// What is in one inner pack. PO402, PO403.
        size: maybe Quantity,
        /// UN/ECE Recommendation 21 code, or the code as sent: `x12:PLT94`. PO404.
        packaging: maybe String,
        /// What `gross_weight` is, as sent. PO405.
        weight_kind: maybe String,
        /// One pack. PO406, PO407.
        gross_weight: maybe Quantity,
        /// One pack. PO408, PO409.
        gross_volume: maybe Quantity,
        /// In `dimension_unit`. PO410.
        length: maybe Decimal,
        /// In `dimension_unit`. PO411.
        width: maybe Decimal,
        /// In `dimension_unit`. PO412.
        height: maybe Decimal,
        /// Of length, width and height. PO413.
        dimension_unit: maybe String,
        /// How many eaches are in an inner pack. PO414.
        inner_pack: maybe u32,
    }

    /// Packages and their weight. X12 TD1, UBL `TransportHandlingUnit`.
    pub struct Packages {
        /// UN/ECE Recommendation 21 code, or the code as sent: `x12:PLT94`. TD101.
        packaging: maybe String,
        /// How many. TD102.
        count: maybe u32,
        /// Who keeps the list of `commodity`, as sent. TD103.
        commodity_kind: maybe String,
        /// TD104.
        commodity: maybe String,
        /// What is in them. TD105.
        description: maybe String,
        /// What `weight` is, as sent: `G` is gross. TD106.
        weight_kind: maybe String,
        /// TD107, TD108.
        weight: maybe Quantity,
        /// TD109, TD110.
        volume: maybe Quantity,
    }

    /// Who carries, and how. X12 TD5 and CAD, UBL `ShipmentStage`.
    pub struct Routing {
        /// Which leg, as sent. TD501.
        sequence: maybe String,
        /// TD502/TD503, UBL `CarrierParty`.
        carrier: maybe Identifier,
        /// TD504, UBL `TransportModeCode`.
        mode: maybe TransportMode,
        /// The route in words. TD505.
        description: maybe String,
        /// How the order ships, as sent: `CC` is complete, `BP` a part. TD506.
        status: maybe String,
        /// What `location` is. TD507.
        location_kind: maybe LocationKind,
        /// TD508.
        location: maybe String,
        /// What `transit_time` counts, as sent. TD510.
        transit_time_kind: maybe String,
        /// TD511.
        transit_time: maybe Decimal,
        /// As sent. TD512.
        service_level: maybe String,
        /// A number that the carrier knows. CAD07/CAD08.
        reference: maybe Reference,
        /// The equipment's initial and number. CAD02, CAD03.
        equipment: maybe String,
    }

    /// A truck, trailer or container. X12 TD3, UBL `TransportEquipment`.
    pub struct Equipment {
        /// As sent. TD301.
        kind: maybe String,
        /// TD302.
        initial: maybe String,
        /// TD303, UBL `ID`.
        number: maybe String,
        /// What `weight` is, as sent. TD304.
        weight_kind: maybe String,
        /// TD305, TD306.
        weight: maybe Quantity,
        /// Who owns it, as sent. TD307.
        ownership: maybe String,
        /// Whether the seal holds, as sent. TD308.
        seal_status: maybe String,
        /// TD309, UBL `TransportEquipmentSeal`.
        seal: maybe String,
    }

    /// Who pays the freight, and where risk and title pass. X12 FOB, UBL `DeliveryTerms`.
    pub struct DeliveryTerms {
        /// FOB01.
        freight_payment: maybe FreightPayment,
        /// FOB02.
        location_kind: maybe LocationKind,
        /// FOB03.
        location: maybe String,
        /// Which list `terms` is of, as sent: `01` is Incoterms. FOB04.
        terms_kind: maybe String,
        /// Like `FCA`, `DDP`. FOB05, UBL `ID`.
        terms: maybe String,
        /// Where title passes: what `title_location` is. FOB06.
        title_location_kind: maybe LocationKind,
        /// FOB07.
        title_location: maybe String,
        /// Who bears the risk, as sent. FOB08.
        risk: maybe String,
        /// FOB09.
        risk_description: maybe String,
    }

    /// A mark or number on a package. X12 MAN.
    pub struct Mark {
        /// Whose number it is. MAN01.
        scheme: maybe IdentifierScheme,
        /// MAN02; the first of a range where `to` is there.
        value: one String,
        /// The last of a range. MAN03.
        to: maybe String,
    }

    /// A part of a line for one time. X12 SCH, UBL `DeliveryUnit`.
    pub struct Schedule {
        /// SCH01, SCH02.
        quantity: maybe Quantity,
        /// For whom. SCH03.
        party_role: maybe PartyRole,
        /// SCH04.
        party_name: maybe String,
        /// When. SCH05 to SCH10.
        dates: list DocumentDate,
        /// SCH11.
        request_reference: maybe String,
        /// SCH12.
        number: maybe String,
    }

    /// A part of a line for one place. X12 SDQ.
    pub struct Destination {
        /// Whose number `location` is. SDQ02.
        scheme: maybe IdentifierScheme,
        /// The store or plant.
        location: one String,
        /// How many, in `unit`.
        quantity: maybe Decimal,
        /// SDQ01.
        unit: maybe String,
    }

    /// A part of a line: a component, an assortment's member, an option. X12 SLN, UBL `SubLineItem`.
    pub struct Subline {
        /// SLN01.
        number: maybe String,
        /// The subline it belongs to. SLN02.
        parent: maybe String,
        /// Included, added…, as sent. SLN03.
        relationship: maybe String,
        /// SLN04, SLN05.
        quantity: maybe Quantity,
        /// SLN06, SLN07.
        price: maybe Price,
        /// SLN09 onwards.
        identifiers: list Identifier,
        /// PID after it.
        descriptions: list Description,
        /// DTM after it.
        dates: list DocumentDate,
        /// REF after it.
        references: list Reference,
    }

    /// The order that something belongs to. X12 PRF, UBL `OrderReference`.
    pub struct OrderReference {
        /// The buyer's order number. PRF01.
        number: maybe String,
        /// PRF02.
        release_number: maybe String,
        /// PRF03.
        change_order_sequence: maybe String,
        /// PRF04.
        issue_date: maybe Date,
        /// The order's line. PRF05.
        line_number: maybe String,
        /// PRF06.
        contract_number: maybe String,
        /// PRF07.
        order_type: maybe OrderType,
    }

    /// Counts and sums that close a document. X12 CTT.
    pub struct ControlTotals {
        /// How many lines (or levels) the sender counted. CTT01.
        line_count: maybe u32,
        /// A sum over the lines' quantities. CTT02.
        hash_total: maybe Decimal,
        /// CTT03, CTT04.
        weight: maybe Quantity,
        /// CTT05, CTT06.
        volume: maybe Quantity,
        /// CTT07.
        description: maybe String,
    }
}
