//! Canonical documents and the events that carry them: plain types with serde and JSON Schema.
//!
//! Every format is mapped to and from these. Field names follow UN/CEFACT and UBL; numbers are decimals written as
//! strings, identifiers carry their scheme. Nothing here knows a wire format, a clock or a store.

mod id;
mod kind;

pub use id::{EventId, MessageId, ParseIdError};
pub use kind::{DocumentType, Mode};
