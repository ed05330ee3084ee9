//! Canonical documents and the events that carry them: plain types with serde and JSON Schema.
//!
//! Every format is mapped to and from these. Field names follow UN/CEFACT and UBL; numbers are decimals written as
//! strings, identifiers carry their scheme. Nothing here knows a wire format, a clock or a store.

#[macro_use]
mod macros;
#[macro_use]
mod order_parts;

mod application_advice;
mod check;
pub mod common;
mod event;
mod forecast;
mod id;
mod inventory_report;
mod invoice;
mod kind;
mod order_acknowledgement;
mod order_change_acknowledgement;
pub mod planning;
mod progress;
mod purchase_order;
mod purchase_order_change;
mod receipt_advice;
mod remittance_advice;
pub(crate) mod scalar;
mod schema;
mod ship_schedule;
mod shipment_notice;
mod summary;
pub mod words;

pub use application_advice::{ApplicationAdvice, ApplicationError, ErrorDetail, TransactionReport};
pub use check::{Fault, check};
pub use event::{CloudEvent, Verb, event_type};
pub use forecast::{DeliverySchedule, Forecast, ForecastLine};
pub use id::{EventId, MessageId, ParseIdError};
pub use inventory_report::{InventoryLine, InventoryQuantity, InventoryReport, Lot};
pub use invoice::{Accounting, AccountingCode, Invoice, InvoiceLine, InvoiceTotals, ShipmentSummary};
pub use kind::{DocumentType, Mode};
pub use order_acknowledgement::{AcknowledgedLine, LineAcknowledgement, OrderAcknowledgement};
pub use order_change_acknowledgement::{AcknowledgedChange, OrderChangeAcknowledgement};
pub use progress::{AcknowledgedError, PROGRESS_SCHEMA, Progress, progress_schema};
pub use purchase_order::{OrderLine, PurchaseOrder};
pub use purchase_order_change::{ChangedLine, PurchaseOrderChange};
pub use receipt_advice::{ReceiptAdvice, ReceiptException, ReceivedLine};
pub use remittance_advice::{
    Adjustment, BankAccount, Individual, RemittanceAdvice, RemittanceEntity, RemittanceItem, RemittanceLine,
};
pub use scalar::{Date, Decimal, Time, is_foreign_code};
pub use schema::{schema, schema_id};
pub use ship_schedule::{ShipSchedule, ShipScheduleLine};
pub use shipment_notice::{Level, Load, ShipmentNotice};
pub use summary::{Summary, summarise, summarise_beside, with_orders};
