//! The event that carries a document to the ERP: CloudEvents 1.0 in structured JSON, CONTRACT.md "Events".

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{DocumentType, EventId, MessageId, Mode, schema_id};

/// What happened to the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// A partner sent it.
    Received,
    /// The ERP sent it, and it is on its way.
    Issued,
    /// The partner has it.
    Delivered,
    /// The partner's acknowledgement accepted it.
    Accepted,
    /// The partner would not have it.
    Rejected,
    /// It could not be delivered, and is not tried any more.
    Failed,
    /// It was expected, and did not come in time.
    Overdue,
    /// Processing it again gave another result.
    Corrected,
}

/// The `type` of an event: `gangway.<document>.<verb>.v1`.
pub fn event_type(document: DocumentType, verb: Verb) -> String {
    format!("gangway.{document}.{}.v1", verb.as_str())
}

impl Verb {
    const ALL: [Self; 8] = [
        Self::Received,
        Self::Issued,
        Self::Delivered,
        Self::Accepted,
        Self::Rejected,
        Self::Failed,
        Self::Overdue,
        Self::Corrected,
    ];

    /// The word in an event's type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Issued => "issued",
            Self::Delivered => "delivered",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Overdue => "overdue",
            Self::Corrected => "corrected",
        }
    }

    /// The verb of a `type`, where it is one of ours.
    pub fn of(kind: &str) -> Option<Self> {
        let word = kind.split('.').nth(2)?;
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }

    /// Whether the event's data is the document itself, and not news of one.
    pub const fn has_document(self) -> bool {
        matches!(self, Self::Received | Self::Issued | Self::Corrected)
    }
}

/// One event, ready to be written as JSON. The document goes through untouched.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    /// Always `1.0`: see [`Self::SPECVERSION`].
    pub specversion: &'static str,
    /// Derived from the message and the document's position in it.
    pub id: EventId,
    /// `/partners/{id}`.
    pub source: String,
    /// `gangway.<document>.<verb>.v1`: see [`event_type`].
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `<document>/<number>`.
    pub subject: &'a str,
    /// When the message arrived.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: &'static str,
    /// The schema that `data` passes.
    pub dataschema: String,
    /// Whose document it is.
    pub partner: &'a str,
    /// The message that it came in.
    pub messageid: MessageId,
    /// What to look for in logs.
    pub correlationid: &'a str,
    /// Events of one key are leased in order.
    pub partitionkey: &'a str,
    /// The event's position in the log: 20 digits, so that text sorts as numbers do.
    #[serde(serialize_with = "twenty_digits")]
    pub sequence: u64,
    /// Business or rehearsal.
    pub mode: Mode,
    /// The event that this one corrects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<EventId>,
    /// The canonical document.
    pub data: &'a RawValue,
}

impl CloudEvent<'_> {
    /// The version of the CloudEvents specification.
    pub const SPECVERSION: &'static str = "1.0";
    /// What `data` is written in.
    pub const CONTENT_TYPE: &'static str = "application/json";

    /// The `source` of a partner's events.
    pub fn source_of(partner: &str) -> String {
        format!("/partners/{partner}")
    }

    /// The `dataschema` of a kind of document.
    pub fn schema_of(document: DocumentType) -> String {
        schema_id(document)
    }
}

fn twenty_digits<S: Serializer>(sequence: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{sequence:020}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_names_of_the_contract() {
        let message = MessageId::new(1_767_225_600_000, 7);
        let data = RawValue::from_string("{\"number\":\"4500000001\"}".to_owned()).unwrap();
        let mut event = CloudEvent {
            specversion: CloudEvent::SPECVERSION,
            id: message.event(0, 0),
            source: CloudEvent::source_of("acme"),
            kind: &event_type(DocumentType::Invoice, Verb::Received),
            subject: "invoice/INV-1",
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            datacontenttype: CloudEvent::CONTENT_TYPE,
            dataschema: CloudEvent::schema_of(DocumentType::Invoice),
            partner: "acme",
            messageid: message,
            correlationid: "c-1",
            partitionkey: "acme/4500000001",
            sequence: 42,
            mode: Mode::Live,
            replaces: None,
            data: &data,
        };
        insta::assert_snapshot!(serde_json::to_string(&event).unwrap(), @r#"{"specversion":"1.0","id":"evt_01KDVDNA000000000000000007_0","source":"/partners/acme","type":"gangway.invoice.received.v1","subject":"invoice/INV-1","time":"2026-01-01T00:00:00Z","datacontenttype":"application/json","dataschema":"urn:gangway:document:invoice:v1","partner":"acme","messageid":"msg_01KDVDNA000000000000000007","correlationid":"c-1","partitionkey":"acme/4500000001","sequence":"00000000000000000042","mode":"live","data":{"number":"4500000001"}}"#);
        event.replaces = Some(message.event(0, 0));
        assert!(serde_json::to_string(&event).unwrap().contains("\"replaces\":\"evt_"));
    }
}
