//! The remittance advice: X12 820, EDIFACT REMADV, UBL RemittanceAdvice. What a buyer pays, for which invoices, and what it
//! took off.

use super::{
    common::*,
    scalar::{Date, Decimal},
    words::*,
};

document! {
    /// A buyer's word on a payment.
    pub struct RemittanceAdvice {
        /// The payment's number: trace, transfer or cheque. TRN02, or REF with `TN` or `CK`; UBL `PaymentMeans/PaymentID`.
        number: one String,
        /// Whether money comes with it. BPR01.
        handling: maybe PaymentHandling,
        /// Money in all, in the document's currency. BPR02, UBL `TotalPaymentAmount`.
        amount: maybe Decimal,
        /// Which way it goes, seen from the receiver. BPR03.
        direction: maybe MoneyDirection,
        /// How it is paid. BPR04, UBL `PaymentMeansCode`.
        payment_method: maybe PaymentMethod,
        /// The format that banks pass on, as sent: `CCP`, `CTX`. BPR05.
        payment_format: maybe String,
        /// BPR06 to BPR09, UBL `PayerFinancialAccount`.
        payer_account: maybe BankAccount,
        /// The payer, as its bank knows it. BPR10.
        originator: maybe String,
        /// BPR11.
        originator_supplement: maybe String,
        /// BPR12 to BPR15, UBL `PayeeFinancialAccount`.
        payee_account: maybe BankAccount,
        /// When the money moves. BPR16, UBL `PaymentDueDate`.
        payment_date: maybe Date,
        /// What business it is for, as sent: `VEN` is a vendor payment. BPR17.
        business_function: maybe String,
        /// Where money goes that cannot be paid. BPR18 to BPR21.
        return_account: maybe BankAccount,
        /// What `number` is, as sent: `1` is the present transaction, `3` the financial reassociation number. TRN01.
        trace_kind: maybe String,
        /// Who gave the number. TRN03.
        trace_originator: maybe String,
        /// TRN04.
        trace_reference: maybe String,
        /// ISO 4217. CUR02, UBL `DocumentCurrencyCode`.
        currency: maybe String,
        /// Whose currency it is. CUR01.
        currency_party: maybe PartyRole,
        /// CUR03.
        exchange_rate: maybe Decimal,
        /// NTE.
        notes: list Note,
        /// REF before the first loop.
        references: list Reference,
        /// DTM.
        dates: list DocumentDate,
        /// N1 loops, UBL `AccountingCustomerParty`, `AccountingSupplierParty`.
        parties: list Party,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// For whom it is paid; mostly one. ENT loops.
        entities: list RemittanceEntity,
    }

    /// An account at a bank.
    pub struct BankAccount {
        /// Which registry `bank` is of, as sent: `01` is ABA, `02` is SWIFT. BPR06.
        bank_scheme: maybe String,
        /// UBL `FinancialInstitutionBranch/ID`.
        bank: maybe String,
        /// As sent: `DA` is a current account, `SG` a savings account. BPR08.
        account_kind: maybe String,
        /// UBL `ID`.
        account: maybe String,
    }

    /// One for whom is paid, and what for. X12 ENT.
    pub struct RemittanceEntity {
        /// ENT01.
        number: maybe String,
        /// ENT02.
        role: maybe PartyRole,
        /// ENT03, ENT04.
        identifier: maybe Identifier,
        /// ENT05.
        second_role: maybe PartyRole,
        /// ENT06, ENT07.
        second_identifier: maybe Identifier,
        /// ENT08, ENT09.
        reference: maybe Reference,
        /// NM1 loops.
        individuals: list Individual,
        /// RMR loops: what is paid. UBL `RemittanceAdviceLine`.
        lines: list RemittanceLine,
        /// ADX loops outside RMR: what is taken off or added without an open item.
        adjustments: list Adjustment,
    }

    /// A person, or an organisation by the parts of its name. X12 NM1.
    pub struct Individual {
        /// NM101.
        role: maybe PartyRole,
        /// Person or organisation, as sent: `1` is a person, `2` none. NM102.
        kind: maybe String,
        /// Family name, or the organisation's. NM103.
        name: maybe String,
        /// NM104.
        given_name: maybe String,
        /// NM105.
        middle_name: maybe String,
        /// NM106.
        prefix: maybe String,
        /// NM107.
        suffix: maybe String,
        /// NM108, NM109.
        identifier: maybe Identifier,
        /// More of its name. N2.
        additional_names: list String,
        /// N3, N4.
        address: maybe Address,
        /// REF.
        references: list Reference,
        /// PER.
        contacts: list Contact,
    }

    /// One open item that is paid. X12 RMR, UBL `RemittanceAdviceLine`.
    pub struct RemittanceLine {
        /// The invoice, mostly. RMR01, RMR02, UBL `BillingReference`.
        reference: maybe Reference,
        /// What the payment does to the item. RMR03.
        action: maybe PaymentAction,
        /// What is paid. RMR04, UBL `PaymentAmount`.
        amount_paid: maybe Decimal,
        /// What was invoiced. RMR05, UBL `DebitLineAmount`.
        amount_invoiced: maybe Decimal,
        /// The discount that was taken. RMR06.
        discount: maybe Decimal,
        /// Why `adjustment` was made. RMR07.
        adjustment_reason: maybe AdjustmentReason,
        /// Taken off where negative. RMR08.
        adjustment: maybe Decimal,
        /// NTE.
        notes: list Note,
        /// The order, the receipt, the seller's own numbers. REF.
        references: list Reference,
        /// DTM.
        dates: list DocumentDate,
        /// IT1 loops.
        items: list RemittanceItem,
        /// ADX loops: what is taken off or added, and why.
        adjustments: list Adjustment,
    }

    /// Money taken off or added. X12 ADX, UBL `CreditLineAmount`.
    pub struct Adjustment {
        /// Taken off where negative. ADX01.
        amount: maybe Decimal,
        /// ADX02.
        reason: maybe AdjustmentReason,
        /// The memo or claim. ADX03, ADX04.
        reference: maybe Reference,
        /// NTE.
        notes: list Note,
        /// PER.
        contacts: list Contact,
        /// DTM.
        dates: list DocumentDate,
        /// REF.
        references: list Reference,
        /// IT1 loops.
        items: list RemittanceItem,
    }

    /// One line of an invoice that is paid or contested. X12 IT1 in an 820.
    pub struct RemittanceItem {
        /// IT101.
        number: maybe String,
        /// IT102, IT103.
        quantity: maybe Quantity,
        /// IT104, IT105.
        price: maybe Price,
        /// IT106 onwards.
        identifiers: list Identifier,
        /// REF.
        references: list Reference,
        /// DTM in the REF loop.
        dates: list DocumentDate,
        /// SAC.
        allowances_charges: list AllowanceCharge,
        /// SLN.
        sublines: list Subline,
    }
}
