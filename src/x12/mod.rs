//! The X12 core: reader, checks, acknowledgements, writer. No I/O beyond the `Read` it is handed, no clock, no
//! randomness: `now` and control numbers are arguments.
//!
//! Partner bytes are hostile here, so nothing in this room may panic or index unchecked.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

pub mod codes;
mod envelope;
mod isa;
mod policy;
mod read;
mod rules;
mod scan;
pub mod standard;
pub mod token;
