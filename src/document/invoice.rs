//! The invoice: X12 810, UBL Invoice, cXML InvoiceDetailRequest.

use super::{
    common::*,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A seller's invoice or credit note.
    pub struct Invoice {
        /// The seller's invoice number. BIG02, UBL `ID`.
        number: one String,
        /// BIG01, UBL `IssueDate`.
        issue_date: one Date,
        /// BIG07, UBL `InvoiceTypeCode`.
        invoice_type: maybe InvoiceType,
        /// BIG08; original where absent.
        purpose: maybe Purpose,
        /// The order's date. BIG03.
        order_date: maybe Date,
        /// The buyer's order. BIG04, UBL `OrderReference/ID`.
        order_number: maybe String,
        /// BIG05.
        release_number: maybe String,
        /// BIG06.
        change_order_sequence: maybe String,
        /// As sent. BIG09.
        action: maybe String,
        /// Another invoice number, as of the invoice that this one credits. BIG10, UBL `BillingReference`.
        other_invoice_number: maybe String,
        /// ISO 4217. CUR02, UBL `DocumentCurrencyCode`.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03, UBL `PricingExchangeRate`.
        exchange_rate: maybe Decimal,
        /// NTE, N9 loops.
        notes: list Note,
        /// REF before the first loop.
        references: list Reference,
        /// PER before the first loop.
        contacts: list Contact,
        /// N1 loops, UBL `AccountingCustomerParty`, `AccountingSupplierParty`, `Delivery`.
        parties: list Party,
        /// ITD, UBL `PaymentTerms`.
        payment_terms: list PaymentTerms,
        /// DTM.
        dates: list DocumentDate,
        /// FOB.
        delivery_terms: list DeliveryTerms,
        /// PID.
        descriptions: list Description,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// IT1 loops, UBL `InvoiceLine`.
        lines: list InvoiceLine,
        /// TDS, UBL `LegalMonetaryTotal`.
        totals: maybe InvoiceTotals,
        /// TXI after TDS, UBL `TaxTotal`.
        taxes: list Tax,
        /// CAD.
        routing: list Routing,
        /// AMT after TDS.
        amounts: list Amount,
        /// SAC after TDS, UBL `AllowanceCharge`.
        allowances_charges: list AllowanceCharge,
        /// ISS.
        shipment_summaries: list ShipmentSummary,
        /// CTT.
        control_totals: maybe ControlTotals,
    }

    /// One line of an invoice.
    pub struct InvoiceLine {
        /// IT101, UBL `ID`.
        number: maybe String,
        /// Invoiced. IT102, IT103, UBL `InvoicedQuantity`.
        quantity: maybe Quantity,
        /// IT104, IT105.
        price: maybe Price,
        /// Money for the line, taxes not counted. UBL `LineExtensionAmount`.
        amount: maybe Decimal,
        /// What is invoiced. IT106 onwards.
        identifiers: list Identifier,
        /// PID.
        descriptions: list Description,
        /// QTY.
        quantities: list QuantityInformation,
        /// TXI, UBL `TaxTotal`.
        taxes: list Tax,
        /// CTP.
        prices: list PriceInformation,
        /// MEA.
        measurements: list Measurement,
        /// PKG.
        packaging: list PackagingDescription,
        /// PO4.
        packs: list PackSpecification,
        /// ITD.
        payment_terms: list PaymentTerms,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
        /// SDQ.
        destinations: list Destination,
        /// DTM.
        dates: list DocumentDate,
        /// CAD.
        routing: list Routing,
        /// SAC, UBL `AllowanceCharge`.
        allowances_charges: list AllowanceCharge,
        /// SLN loops.
        sublines: list Subline,
        /// N1 loops.
        parties: list Party,
        /// FA1 loops: who bears the cost. UBL `AccountingCost`.
        accounting: list Accounting,
    }

    /// Where a line is booked. X12 FA1.
    pub struct Accounting {
        /// Whose scheme, as sent. FA101.
        agency: maybe String,
        /// What is booked. FA102.
        reason: maybe AllowanceReason,
        /// Allowance or charge. FA103.
        kind: maybe AllowanceKind,
        /// FA2.
        codes: list AccountingCode,
    }

    /// A part of an account. X12 FA2.
    pub struct AccountingCode {
        /// Which part, as sent. FA201.
        kind: maybe String,
        /// FA202.
        value: one String,
    }

    /// What is to be paid. All in the document's currency.
    pub struct InvoiceTotals {
        /// The invoice's total. TDS01 (two implied decimals), UBL `PayableAmount`.
        payable: maybe Decimal,
        /// The part that a discount is taken of. TDS02.
        discountable: maybe Decimal,
        /// What is payable with the discount taken. TDS03.
        discounted: maybe Decimal,
        /// The discount. TDS04.
        discount: maybe Decimal,
    }

    /// What was shipped for the invoice. X12 ISS.
    pub struct ShipmentSummary {
        /// ISS01, ISS02.
        quantity: maybe Quantity,
        /// ISS03, ISS04.
        weight: maybe Quantity,
        /// ISS05, ISS06.
        volume: maybe Quantity,
    }
}
