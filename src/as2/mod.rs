//! The AS2 core (RFC 4130 and its 2026 revision).
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

pub mod algorithm;
pub mod ber;
pub mod certificate;
pub mod cms;
pub mod codes;
pub mod content;
pub mod der;
pub mod disposition;
pub mod entropy;
pub mod fault;
pub mod headers;
pub mod key;
pub mod mdn;
pub mod mic;
pub mod mime;
pub mod oid;
pub mod receive;
pub mod send;
