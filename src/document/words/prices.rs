//! How much: prices and what they are for, allowances and charges, taxes, and the amounts of invoices.

open_enum! {
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
