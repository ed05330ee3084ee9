//! The X12 core: reader, checks, acknowledgements, writer. No I/O beyond the `Read` it is handed, no clock, no
//! randomness: `now` and control numbers are arguments.
//!
//! Partner bytes are hostile here, so nothing in this room may panic or index unchecked.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod acknowledge;
mod acknowledgements;
mod balance;
mod check;
pub mod codes;
mod element;
mod envelope;
mod envelope_check;
mod finding;
mod isa;
mod policy;
mod read;
mod rules;
mod scan;
mod set_check;
pub mod standard;
mod stats;
pub mod token;
mod verdict;
mod write;

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

pub use acknowledge::{
    AckNumbers, AckPolicy, AckSets, Functional, Ta1When, acknowledge, acknowledgement_groups, earns_acknowledgement,
};
pub use acknowledgements::{
    AckUnreadable, ElementAcknowledged, GroupAcknowledged, InterchangeAcknowledged, SegmentAcknowledged,
    SetAcknowledged, answers,
};
pub use balance::level_number;
pub use check::{CheckedSet, Checker, Step};
pub use element::{fault as element_fault, is_date, is_time};
pub use envelope::{GroupHeader, InterchangeHeader, PartyId, text};
pub use envelope_check::is_known_qualifier;
pub use finding::Finding;
pub use policy::{Caps, CharacterSet, Policy, Repetition};
pub use rules::{AckCode, RULES, Rule, Severities, Severity, rule_of};
pub use stats::{Stats, envelope_stats, stats};
pub use token::{Delimiters, Segment, SetView, Tokens};
pub use verdict::{GroupStatus, GroupVerdict, InterchangeVerdict, RefusedSet, SetVerdict, Status, Ta1};
pub use write::{Element, GroupOut, InterchangeOut, Layout, Mark, OpenSegment, Place, WriteError, Writer};
