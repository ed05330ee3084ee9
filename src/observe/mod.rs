//! Telemetry that is common to all rooms: the log's set-up, the registry of metrics, and the events that several rooms
//! tell of.
//!
//! The pattern, here and in each room's `events.rs`: one struct per event, whose `emit` writes the log line and the
//! metric together, so that neither is forgotten and both say the same.

mod events;
mod log;
mod metrics;

pub use events::{Arrived, Committed, Deliveries, Queue, Requested, Room, Started};
pub use log::{LogError, Output, init};
pub use metrics::Metrics;
