//! What orders, changes and their answers have in common, told once: 850, 860, 855 and 865 carry the same terms and the
//! same lines, and differ in what they say about them.

shared_fields! { order_terms
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
    /// LDT.
    lead_times: list LeadTime,
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
}

shared_fields! { order_line_details
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
    /// LDT loops.
    lead_times: list LeadTime,
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

shared_fields! { changed_line_head
    /// The order's line. POC01, UBL `LineItem/ID`.
    number: maybe String,
    /// What happens to the line. POC02, UBL `LineStatusCode`.
    change: maybe LineChange,
    /// Ordered, as it stands after the change. POC03, POC05.
    quantity: maybe Quantity,
    /// Of that, what is still to be delivered, in the same unit. POC04.
    quantity_open: maybe Decimal,
    /// POC06, POC07.
    price: maybe Price,
    /// What is ordered. POC08 onwards, LIN.
    identifiers: list Identifier,
}
