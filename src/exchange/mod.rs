//! The pipeline: the only room that knows the whole way.

mod arrival;

pub use arrival::{Arrival, Intake, Refused, Scribe, Verdict};
