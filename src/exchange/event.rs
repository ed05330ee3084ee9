//! An event of the log in the form that the ERP gets.

use serde::{Serialize, Serializer, ser::Error};

use crate::{
    document::{CloudEvent, DocumentType, PROGRESS_SCHEMA, Verb},
    ledger::{LogEvent, NewEvent},
};

/// Writes a [`LogEvent`] as a CloudEvent; its document goes through as it is stored.
pub struct AsCloudEvent<'a>(pub &'a LogEvent);

impl Serialize for AsCloudEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let data = serde_json::from_slice(&event.data)
            .map_err(|error| S::Error::custom(format!("the data of {} is not JSON: {error}", event.id)))?;
        let document = event.kind.split('.').nth(1).unwrap_or_default();
        let cloud = CloudEvent {
            specversion: CloudEvent::SPECVERSION,
            id: event.id,
            source: CloudEvent::source_of(&event.partner),
            kind: &event.kind,
            subject: &event.subject,
            time: event.time,
            datacontenttype: CloudEvent::CONTENT_TYPE,
            dataschema: match document.parse::<DocumentType>() {
                _ if Verb::of(&event.kind).is_some_and(|verb| !verb.has_document()) => PROGRESS_SCHEMA.to_owned(),
                Ok(known) => CloudEvent::schema_of(known),
                Err(()) => format!("urn:gangway:document:{document}:v1"),
            },
            partner: &event.partner,
            messageid: event.message,
            correlationid: &event.correlation,
            partitionkey: &event.key,
            sequence: event.position,
            mode: event.mode,
            replaces: event.replaces,
            data,
        };
        cloud.serialize(serializer)
    }
}

/// An event as it would stand on the log at `position`.
pub(super) fn logged(event: NewEvent, position: u64) -> LogEvent {
    LogEvent {
        position,
        id: event.id,
        message: event.id.message,
        kind: event.kind,
        subject: event.subject,
        partner: event.partner,
        key: event.key,
        mode: event.mode,
        time: event.time,
        correlation: event.correlation,
        replaces: event.replaces,
        data: event.data,
    }
}
