//! How a document that was sent fares with its partner: the data of the events `delivered`, `accepted`, `rejected`, `failed`
//! and `overdue`. The document itself was in the event `issued`.

use jiff::Timestamp;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DocumentType, MessageId};

/// The name of its schema: its `$id`, and the `dataschema` of events.
pub const PROGRESS_SCHEMA: &str = "urn:gangway:progress:v1";

/// News of a document that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What it is.
    pub document: DocumentType,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The orders it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<String>,
    /// The message that carries it to the partner.
    #[schemars(with = "String")]
    pub message: MessageId,
    /// The message in which the ERP handed it over: what its `POST` answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub origin: Option<MessageId>,
    /// By which channel it goes.
    pub channel: String,
    /// ISA13, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interchange: Option<String>,
    /// What happened, in a sentence.
    pub detail: String,
    /// For what is overdue: until when it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
    /// The partner's message that says so: a 997, 999 or TA1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub acknowledgement: Option<MessageId>,
    /// What the partner's acknowledgement found wrong, as it says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<AcknowledgedError>,
}

/// One mistake that a partner's acknowledgement names. What it does not say is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgedError {
    /// The code, as the partner's acknowledgement has it: of AK9, AK5, AK3, AK4 or TA1.
    pub code: String,
    /// Where that stands: `group`, `set`, `segment`, `element` or `interchange`.
    pub level: String,
    /// The segment's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Its position in the set, ST being 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The element's position in the segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<u64>,
    /// The value, as far as it was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Its JSON Schema.
pub fn progress_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Progress>().to_value();
    super::schema::tidy(&mut schema);
    if let Value::Object(map) = &mut schema {
        map.insert("$id".to_owned(), Value::String(PROGRESS_SCHEMA.to_owned()));
    }
    schema
}
