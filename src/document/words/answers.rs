//! Words for what is said of an order, of goods that came, of money and of documents.

open_enum! {
    /// What happens to a line of an order. X12 670, UBL `LineStatusCode`.
    pub enum LineChange {
        /// A new line. X12 `AI`.
        Added = "added",
        /// Changed, in whatever it says. X12 `CA`.
        Changed = "changed",
        /// Taken out. X12 `DI`.
        Deleted = "deleted",
        /// As it was. X12 `NC`.
        Unchanged = "unchanged",
        /// Other dates. X12 `CT`.
        DatesChanged = "dates_changed",
        /// All dates anew. X12 `RB`.
        DatesReplaced = "dates_replaced",
        /// Other terms for dates. X12 `CB`.
        DateTermsChanged = "date_terms_changed",
        /// Other terms. X12 `CC`.
        TermsChanged = "terms_changed",
        /// Other allowances or charges. X12 `CE`.
        AllowancesChanged = "allowances_changed",
        /// Another price. X12 `PC`.
        PriceChanged = "price_changed",
        /// Another price and quantity. X12 `PQ`.
        PriceAndQuantityChanged = "price_and_quantity_changed",
        /// Another price and date. X12 `PR`.
        PriceAndDateChanged = "price_and_date_changed",
        /// Another price, quantity and date. X12 `MU`.
        PriceQuantityAndDateChanged = "price_quantity_and_date_changed",
        /// Fewer. X12 `QD`.
        QuantityDecreased = "quantity_decreased",
        /// More. X12 `QI`.
        QuantityIncreased = "quantity_increased",
        /// Another date. X12 `RS`.
        Rescheduled = "rescheduled",
        /// Another date and quantity. X12 `RQ`.
        RescheduledWithQuantity = "rescheduled_with_quantity",
        /// Shipped another way. X12 `RA`.
        TransportChanged = "transport_changed",
        /// The change is refused. X12 `RC`.
        Rejected = "rejected",
        /// Another item instead. X12 `RE`.
        ItemReplaced = "item_replaced",
        /// Another item instead, with changes. X12 `RM`.
        ItemReplacedWithChanges = "item_replaced_with_changes",
        /// All values anew. X12 `RZ`.
        Replaced = "replaced",
        /// Moved to another order. X12 `TI`.
        Transferred = "transferred",
    }

    /// At which point of receiving an advice was written. X12 962.
    pub enum ReceiptType {
        /// At the dock, before goods are looked at. X12 `1`.
        Dock = "dock",
        /// When they were booked in. X12 `2`.
        PostReceipt = "post_receipt",
    }

    /// How goods came. X12 412, UBL `RejectReasonCode`, `ShortageActionCode`.
    pub enum ReceiptCondition {
        /// Goods or package are damaged. X12 `01`.
        Damaged = "damaged",
        /// Too few. X12 `02`.
        Short = "short",
        /// Too many. X12 `03`.
        Over = "over",
        /// Not of the quality agreed. X12 `04`.
        QualityProblem = "quality_problem",
        /// Another item than ordered. X12 `05`.
        WrongItem = "wrong_item",
        /// Not in the container agreed. X12 `06`.
        WrongContainer = "wrong_container",
        /// As they should be. X12 `07`.
        Good = "good",
        /// Rejected. X12 `08`.
        Rejected = "rejected",
        /// Put aside until it is decided. X12 `09`.
        OnHold = "on_hold",
        /// Scrapped. X12 `10`.
        Scrapped = "scrapped",
        /// The shipper's cumulative quantity is to be corrected. X12 `11`.
        CumulativeToCorrect = "cumulative_to_correct",
        /// Too many, and sent back. X12 `12`.
        OverReturned = "over_returned",
        /// Here, but not booked in: there is no shipment notice for it. X12 `13`.
        NoNoticeNotProcessed = "no_notice_not_processed",
        /// Booked in without a shipment notice. X12 `14`.
        NoNoticeProcessed = "no_notice_processed",
        /// Not received: a shipment notice is needed. X12 `16`.
        NoticeRequired = "notice_required",
    }

    /// Whether money comes with an advice. X12 305.
    pub enum PaymentHandling {
        /// Money and advice together. X12 `C`.
        PaymentWithAdvice = "payment_with_advice",
        /// Money only. X12 `D`.
        PaymentOnly = "payment_only",
        /// The advice only. X12 `I`.
        AdviceOnly = "advice_only",
        /// Money and advice go separate ways. X12 `U`.
        SplitPaymentAndAdvice = "split_payment_and_advice",
        /// The bank chooses whether they go together. X12 `X`.
        SplitAtOption = "split_at_option",
        /// For information. X12 `H`.
        NotificationOnly = "notification_only",
        /// Announces a transfer to come. X12 `P`.
        Prenotification = "prenotification",
    }

    /// Which way money goes. X12 478.
    pub enum MoneyDirection {
        /// To the receiver. X12 `C`.
        Credit = "credit",
        /// From the receiver. X12 `D`.
        Debit = "debit",
    }

    /// How money is paid. X12 591, UBL `PaymentMeansCode`.
    pub enum PaymentMethod {
        /// Automated clearing house. X12 `ACH`.
        ClearingHouse = "clearing_house",
        /// The bank chooses. X12 `BOP`.
        BankOption = "bank_option",
        /// Cheque. X12 `CHK`.
        Cheque = "cheque",
        /// Through CHIPS. X12 `CWT`.
        Chips = "chips",
        /// Direct deposit. X12 `DDP`.
        DirectDeposit = "direct_deposit",
        /// Federal Reserve wire. X12 `FWT`.
        FederalWire = "federal_wire",
        /// No money moves. X12 `NON`.
        None = "none",
        /// Through SWIFT. X12 `SWT`.
        Swift = "swift",
    }

    /// What a payment does to an open item. X12 482.
    pub enum PaymentAction {
        /// Corrects it. X12 `AJ`.
        Adjusts = "adjusts",
        /// Pays what the buyer's receipts show, without an invoice. X12 `ER`.
        EvaluatedReceipt = "evaluated_receipt",
        /// Is the last one. X12 `FL`.
        Final = "final",
        /// Pays in advance. X12 `PA`.
        InAdvance = "in_advance",
        /// Pays it. X12 `PI`.
        PaysItem = "pays_item",
        /// Pays on account. X12 `PO`.
        OnAccount = "on_account",
        /// Pays a part. X12 `PP`.
        Partial = "partial",
        /// Pays by progress. X12 `PR`.
        Progress = "progress",
    }

    /// Why money was taken off or added, or a plan changed. X12 426.
    pub enum AdjustmentReason {
        /// The price is wrong. X12 `01`.
        Price = "price",
        /// An allowance or charge is wrong. X12 `02`.
        AllowanceOrCharge = "allowance_or_charge",
        /// The sum is wrong. X12 `03`.
        Extension = "extension",
        /// Not accepted: damaged. X12 `04`.
        NotAcceptedDamaged = "not_accepted_damaged",
        /// Not accepted: quality. X12 `05`.
        NotAcceptedQuality = "not_accepted_quality",
        /// The quantity is contested. X12 `06`.
        Quantity = "quantity",
        /// Another item came. X12 `07`.
        WrongItem = "wrong_item",
        /// The terms are wrong. X12 `09`.
        Terms = "terms",
        /// Sent back: damaged. X12 `11`.
        ReturnDamaged = "return_damaged",
        /// Sent back: quality. X12 `12`.
        ReturnQuality = "return_quality",
        /// Billed twice. X12 `19`.
        DuplicateBilling = "duplicate_billing",
        /// The discount is wrong. X12 `24`.
        Discount = "discount",
        /// Not accepted. X12 `25`.
        NotAccepted = "not_accepted",
        /// The invoice was taken back. X12 `26`.
        InvoiceCancelled = "invoice_cancelled",
        /// For a delay. X12 `50`.
        LateCharge = "late_charge",
        /// Paid too much before. X12 `52`.
        EarlierOverpayment = "earlier_overpayment",
        /// Paid too little before. X12 `53`.
        EarlierUnderpayment = "earlier_underpayment",
        /// Freight taken off. X12 `54`.
        Freight = "freight",
        /// Tax taken off. X12 `55`.
        Tax = "tax",
        /// A volume discount. X12 `57`.
        VolumeDiscount = "volume_discount",
        /// Not received. X12 `59`.
        NotReceived = "not_received",
        /// No such open item. X12 `60`.
        NoOpenItem = "no_open_item",
        /// No such open order. X12 `61`.
        NoOpenOrder = "no_open_order",
    }

    /// What an application says of a document, a group or an item of it. X12 110, UBL `ResponseCode`.
    pub enum ApplicationVerdict {
        /// The document is accepted. X12 `TA`.
        Accepted = "accepted",
        /// The document is accepted, with other content. X12 `TC`.
        AcceptedWithChange = "accepted_with_change",
        /// The document is accepted, with mistakes. X12 `TE`.
        AcceptedWithErrors = "accepted_with_errors",
        /// The document is accepted in part. X12 `TP`.
        PartlyAccepted = "partly_accepted",
        /// The document is rejected. X12 `TR`.
        Rejected = "rejected",
        /// An item of it is accepted. X12 `IA`.
        ItemAccepted = "item_accepted",
        /// An item of it is accepted, with other content. X12 `IC`.
        ItemAcceptedWithChange = "item_accepted_with_change",
        /// An item of it is accepted, with mistakes. X12 `IE`.
        ItemAcceptedWithErrors = "item_accepted_with_errors",
        /// An item of it is accepted in part. X12 `IP`.
        ItemPartlyAccepted = "item_partly_accepted",
        /// An item of it is rejected. X12 `IR`.
        ItemRejected = "item_rejected",
        /// The group is accepted. X12 `GA`.
        GroupAccepted = "group_accepted",
        /// The group is accepted, with other content. X12 `GC`.
        GroupAcceptedWithChange = "group_accepted_with_change",
        /// The group is accepted, with mistakes. X12 `GE`.
        GroupAcceptedWithErrors = "group_accepted_with_errors",
        /// The group is accepted in part. X12 `GP`.
        GroupPartlyAccepted = "group_partly_accepted",
        /// The group is rejected. X12 `GR`.
        GroupRejected = "group_rejected",
        /// The batch is accepted. X12 `BA`.
        BatchAccepted = "batch_accepted",
        /// The batch is accepted, with other content. X12 `BC`.
        BatchAcceptedWithChange = "batch_accepted_with_change",
        /// The batch is accepted, with mistakes. X12 `BE`.
        BatchAcceptedWithErrors = "batch_accepted_with_errors",
        /// The batch is accepted in part. X12 `BP`.
        BatchPartlyAccepted = "batch_partly_accepted",
        /// The batch is rejected. X12 `BR`.
        BatchRejected = "batch_rejected",
    }

    /// What is wrong with a document. X12 647.
    pub enum ErrorCondition {
        /// It came before. X12 `006`.
        Duplicate = "duplicate",
        /// Something is missing. X12 `007`.
        Missing = "missing",
        /// Out of range. X12 `008`.
        OutOfRange = "out_of_range",
        /// Not a date, or not one that may be. X12 `009`.
        InvalidDate = "invalid_date",
        /// The total is not the sum. X12 `010`.
        OutOfBalance = "out_of_balance",
        /// It does not agree with what we have. X12 `011`.
        NotMatching = "not_matching",
        /// These do not go together. X12 `012`.
        InvalidCombination = "invalid_combination",
        /// Something else: the text says what. X12 `024`.
        Unlisted = "unlisted",
        /// The store number is missing or wrong. X12 `MA`.
        StoreNumber = "store_number",
        /// The order number is missing or wrong. X12 `MB`.
        OrderNumber = "order_number",
        /// The bill of lading is missing or wrong. X12 `MC`.
        BillOfLading = "bill_of_lading",
        /// The invoice's date is missing or wrong. X12 `MD`.
        InvoiceDate = "invoice_date",
        /// The vendor's number is missing or wrong. X12 `MF`.
        VendorNumber = "vendor_number",
        /// The terms are missing or wrong. X12 `MJ`.
        Terms = "terms",
        /// The price is missing or wrong. X12 `MN`.
        UnitCost = "unit_cost",
        /// The quantity is missing or wrong. X12 `P`.
        Quantity = "quantity",
        /// The item is missing or wrong. X12 `Q`.
        Item = "item",
        /// The unit is missing or wrong. X12 `H`.
        Unit = "unit",
        /// Wrong data. X12 `848`.
        IncorrectData = "incorrect_data",
    }
}
