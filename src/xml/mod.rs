//! XML as partners send it, and as it is written for them: a core without I/O. No DTD is fetched, no entity is known
//! beyond the five of the standard and numeric ones, and depth, size and counts are capped.
//!
//! Extensible Markup Language 1.0 (fifth edition) and Namespaces in XML 1.0 (third edition). quick-xml cuts the text into
//! tags; what is well-formed, which namespace a name is in, and where every byte stood is settled here.

pub mod codes;
pub mod cxml;
mod decode;
mod fault;
mod reader;
mod tree;
mod write;

pub use decode::Source;
pub use fault::Fault;
pub use reader::{Attribute, Limits, Name, Reader, Token};
pub use tree::{Node, Tree};
pub use write::{Unwritable, Writer};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");
