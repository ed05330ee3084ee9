//! Canonical documents and the events that carry them: plain types with serde and JSON Schema.
//!
//! Every format is mapped to and from these. Field names follow UN/CEFACT and UBL; numbers are decimals written as
//! strings, identifiers carry their scheme. Nothing here knows a wire format, a clock or a store.

#[macro_use]
mod macros;

mod check;
pub mod common;
mod event;
mod id;
mod invoice;
mod kind;
mod order_acknowledgement;
mod progress;
mod purchase_order;
pub(crate) mod scalar;
mod schema;
mod shipment_notice;
mod summary;
pub mod words;

pub use check::{Fault, check};
pub use event::{CloudEvent, Verb, event_type};
pub use id::{EventId, MessageId, ParseIdError};
pub use invoice::{Accounting, AccountingCode, Invoice, InvoiceLine, InvoiceTotals, ShipmentSummary};
pub use kind::{DocumentType, Mode};
pub use order_acknowledgement::{AcknowledgedLine, LineAcknowledgement, OrderAcknowledgement};
pub use progress::{AcknowledgedError, PROGRESS_SCHEMA, Progress, progress_schema};
pub use purchase_order::{OrderLine, PurchaseOrder};
pub use scalar::{Date, Decimal, Time, is_foreign_code};
pub use schema::{schema, schema_id};
pub use shipment_notice::{Level, Load, ShipmentNotice};
pub use summary::{Summary, summarise};
