//! The AS2 core: RFC 4130, its 2026 revision (draft-ietf-ediint-rfc4130bis), RFC 5402 and RFC 6362. No I/O beyond the
//! bodies it is handed, no clock, and randomness only through [`entropy::Entropy`].
//!
//! - [`headers`] reads who a message is from and for, and what receipt it wants.
//! - [`receive`] takes a message apart layer by layer and says what is in it, or why not.
//! - [`mdn`] writes the receipt, and reads the partner's; [`disposition`] and [`mic`] are what receipts say.
//! - [`send`] builds messages; [`delivery`] follows one until it is delivered, refused or given up.
//! - [`mime`], [`ber`], [`der`] and [`cms`] are the formats, [`certificate`] and [`key`] the two halves of identity.
//! - [`content`] is where bytes are: in memory or in a file, the core cannot tell.
//!
//! Partner bytes are hostile here, so nothing in this room may panic or index unchecked. What is received is evidence:
//! digests and signatures are over the exact bytes, and nothing is serialised again before it is verified.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod algorithm;
pub mod ber;
mod build;
pub mod certificate;
pub mod cms;
pub mod codes;
pub mod content;
pub mod delivery;
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
pub mod rope;
pub mod send;

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");
