//! The purchase order: X12 850, UBL Order, cXML OrderRequest.

use super::{
    common::*,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A buyer's order.
    pub struct PurchaseOrder {
        /// The buyer's order number. BEG03, UBL `ID`.
        number: one String,
        /// BEG01; original where absent.
        purpose: maybe Purpose,
        /// BEG02, UBL `OrderTypeCode`.
        order_type: maybe OrderType,
        /// The release of a blanket order. BEG04.
        release_number: maybe String,
        /// The order's date. BEG05, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BEG06, UBL `Contract`.
        contract_number: maybe String,
        /// Which acknowledgement the buyer wants. BEG07.
        acknowledgement_wanted: maybe AcknowledgementType,
        /// Which invoices the buyer wants, as sent. BEG08.
        invoice_kind: maybe String,
        /// As sent. BEG09.
        contract_kind: maybe String,
        /// As sent. BEG10.
        purchase_category: maybe String,
        /// As sent. BEG11.
        security_level: maybe String,
        /// As sent. BEG12.
        transaction_kind: maybe String,
        /// ISO 4217. CUR02, UBL `DocumentCurrencyCode`.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03, UBL `PricingExchangeRate`.
        exchange_rate: maybe Decimal,
        /// REF before the first loop.
        references: list Reference,
        /// PER before the first loop.
        contacts: list Contact,
        /// N1 loops, UBL `BuyerCustomerParty`, `SellerSupplierParty`, `Delivery`.
        parties: list Party,
        /// DTM.
        dates: list DocumentDate,
        /// TAX.
        tax_references: list TaxReference,
        /// FOB, UBL `DeliveryTerms`.
        delivery_terms: list DeliveryTerms,
        /// ITD, UBL `PaymentTerms`.
        payment_terms: list PaymentTerms,
        /// SAC, UBL `AllowanceCharge`.
        allowances_charges: list AllowanceCharge,
        /// TXI, UBL `TaxTotal`.
        taxes: list Tax,
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
        /// N9 loops, UBL `Note`.
        notes: list Note,
        /// PO1 loops, UBL `OrderLine`.
        lines: list OrderLine,
        /// AMT.
        amounts: list Amount,
        /// CTT.
        totals: maybe ControlTotals,
    }

    /// One line of an order.
    pub struct OrderLine {
        /// PO101, UBL `ID`.
        number: maybe String,
        /// Ordered. PO102, PO103.
        quantity: maybe Quantity,
        /// PO104, PO105.
        price: maybe Price,
        /// What is ordered. PO106 onwards, LIN.
        identifiers: list Identifier,
        /// PID, UBL `Item/Description`.
        descriptions: list Description,
        /// CTP.
        prices: list PriceInformation,
        /// PO4.
        packs: list PackSpecification,
        /// MEA.
        measurements: list Measurement,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// DTM.
        dates: list DocumentDate,
        /// SCH.
        schedule: list Schedule,
        /// SDQ.
        destinations: list Destination,
        /// QTY.
        quantities: list QuantityInformation,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// TXI.
        taxes: list Tax,
        /// TAX.
        tax_references: list TaxReference,
        /// ITD.
        payment_terms: list PaymentTerms,
        /// FOB.
        delivery_terms: list DeliveryTerms,
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
        /// N9 loops, MSG, MTX.
        notes: list Note,
        /// N1 loops.
        parties: list Party,
        /// SLN loops.
        sublines: list Subline,
        /// AMT.
        amounts: list Amount,
    }
}
