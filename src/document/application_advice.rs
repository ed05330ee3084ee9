//! The application advice: X12 824, EDIFACT APERAK, UBL ApplicationResponse. What the receiver's application says of a
//! document that passed the syntax check: accepted, or what is wrong with it.

use super::{
    common::*,
    scalar::{Date, Time},
    words::*,
};

document! {
    /// What an application says of documents that it got.
    pub struct ApplicationAdvice {
        /// The sender's number of the advice. BGN02, UBL `ID`.
        number: one String,
        /// BGN01.
        purpose: maybe Purpose,
        /// BGN03, UBL `IssueDate`.
        issue_date: maybe Date,
        /// BGN04, UBL `IssueTime`.
        issue_time: maybe Time,
        /// As sent: `ET`, `UT`, `LT`… BGN05.
        time_zone: maybe String,
        /// An earlier advice. BGN06.
        original_number: maybe String,
        /// As sent. BGN07.
        transaction_kind: maybe String,
        /// What is to be done, as sent: `RU` is to send it again. BGN08.
        action: maybe String,
        /// As sent. BGN09.
        security_level: maybe String,
        /// N1 loops, UBL `SenderParty`, `ReceiverParty`.
        parties: list Party,
        /// The orders, where there are several: those that it names further down. Filled in by the gateway.
        orders: list OrderReference,
        /// OTI loops: one for each document, or group, that is spoken of. UBL `DocumentResponse`.
        reports: list TransactionReport,
    }

    /// What is said of one document. X12 OTI.
    pub struct TransactionReport {
        /// Accepted or not, and at which level. OTI01, UBL `ResponseCode`.
        verdict: maybe ApplicationVerdict,
        /// The document's number: an invoice, a shipment. OTI02, OTI03, UBL `DocumentReference`.
        reference: maybe Reference,
        /// GS02 of the document. OTI04.
        application_sender: maybe String,
        /// GS03 of the document. OTI05.
        application_receiver: maybe String,
        /// The group's date. OTI06.
        date: maybe Date,
        /// The group's time. OTI07.
        time: maybe Time,
        /// GS06. OTI08.
        group_control_number: maybe String,
        /// ST02. OTI09.
        set_control_number: maybe String,
        /// The X12 transaction set: `810`. OTI10.
        transaction_set: maybe String,
        /// The X12 version. OTI11.
        version: maybe String,
        /// The document's purpose. OTI12.
        purpose: maybe Purpose,
        /// As sent. OTI13.
        transaction_kind: maybe String,
        /// As sent. OTI14.
        application_kind: maybe String,
        /// As sent. OTI15.
        action: maybe String,
        /// As sent. OTI16.
        handling: maybe String,
        /// As sent. OTI17.
        status_reason: maybe String,
        /// REF.
        references: list Reference,
        /// DTM.
        dates: list DocumentDate,
        /// PER.
        contacts: list Contact,
        /// AMT.
        amounts: list Amount,
        /// QTY.
        quantities: list QuantityInformation,
        /// TED loops: what is wrong. UBL `LineResponse`.
        errors: list ApplicationError,
    }

    /// One mistake in a document. X12 TED.
    pub struct ApplicationError {
        /// TED01.
        condition: maybe ErrorCondition,
        /// TED02, UBL `StatusReason`.
        text: maybe String,
        /// The segment's tag. TED03.
        segment: maybe String,
        /// Where it stands in the set; ST is 1. TED04.
        segment_position: maybe u32,
        /// The element's place in the segment. TED05, first component.
        element_position: maybe u32,
        /// The component's place in the element. TED05, second component, since 5010.
        component_position: maybe u32,
        /// The number of the element in the standard. TED06, first component.
        element_number: maybe String,
        /// What stood there. TED07.
        bad_value: maybe String,
        /// What should stand there. TED08.
        good_value: maybe String,
        /// NTE.
        notes: list Note,
        /// RED.
        details: list ErrorDetail,
    }

    /// A related fact. X12 RED.
    pub struct ErrorDetail {
        /// RED01.
        text: maybe String,
        /// What kind of fact it is, as sent. RED02.
        kind: maybe String,
        /// Who keeps the list of `code`, as sent. RED03.
        agency: maybe String,
        /// Which of the agency's tables, as sent. RED04.
        table: maybe String,
        /// Which list of the industry, as sent. RED05.
        code_list: maybe String,
        /// RED06, by that agency's list.
        code: maybe String,
    }
}
